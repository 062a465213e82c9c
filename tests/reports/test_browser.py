"""Pages as a reader's browser shows them: on a desk, on a telephone, on paper; offline."""

from __future__ import annotations

import re
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import pytest

from retention.project import Project
from retention.reports import rebuild_index, run_report
from retention.window import Period

_spec = spec_from_file_location("chromium", Path(__file__).with_name("browser.py"))
chromium = module_from_spec(_spec)
_spec.loader.exec_module(chromium)

pytestmark = pytest.mark.browser

WIDTHS = (1280, 390, 360)
IMAGES = "[...document.querySelectorAll('img,svg')].map(i => i.alt || i.ariaLabel || '')"
SHOWN = "[...document.images].every(i => i.complete && i.naturalWidth > 0)"
SMALL = (
    "[...document.querySelectorAll('body *')].filter(e => e.childNodes.length && "
    "[...e.childNodes].some(n => n.nodeType == 3 && n.data.trim()) && "
    "parseFloat(getComputedStyle(e).fontSize) < 11).length"
)


@pytest.fixture(scope="module")
def browser(tmp_path_factory):
    if chromium.CHROMIUM is None:
        pytest.skip("no Chromium on this machine (Debian: apt-get install chromium)")
    opened = chromium.Browser(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def pages(toy_root) -> list[Path]:
    """Two months of reports, the archive, and a failure page."""
    project = Project.load(toy_root)
    for label in ("2026-09", "2026-10"):
        outcome = run_report(project, Period.parse(label))
        assert outcome.exit_code == 0, outcome.reason
    index = rebuild_index(project)
    return [index, *sorted((toy_root / "reports/2026-10").glob("*.html"))]


@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
@pytest.mark.parametrize("width", WIDTHS)
def test_every_page_opens_offline_and_fits(browser, pages, width, dark):
    assert len(pages) == 4
    for page in pages:
        browser.open(page, width, dark=dark)
        assert browser.requests() == [], page.name
        assert browser.complaints() == [], page.name
        assert browser.overflow() <= 0, page.name
        assert all(browser.evaluate(IMAGES)), page.name
        assert browser.evaluate(SHOWN), page.name
        assert browser.evaluate(SMALL) == 0, page.name
        if page.name != "customers.html":  # the register sorts and filters
            assert browser.evaluate("document.scripts.length") == 0, page.name


def test_a_link_leads_to_the_page_behind(browser, pages):
    index = next(p for p in pages[1:] if p.name == "index.html")
    browser.open(index, 1280)
    name = browser.evaluate("document.querySelector('a.title').getAttribute('href')")
    browser.open(index.with_name(name), 1280)
    assert browser.evaluate("document.querySelector('h1').textContent") == "Stayed"


def test_a_page_prints_on_a4(browser, pages, tmp_path):
    browser.open(pages[-1], 1280)
    browser.pdf(tmp_path / "page.pdf")
    content = (tmp_path / "page.pdf").read_bytes()
    assert content.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox\s*\[\s*0 0 ([\d.]+) ([\d.]+)", content)
    assert boxes
    for width, height in boxes:  # A4 in points
        assert float(width) == pytest.approx(595, abs=2)
        assert float(height) == pytest.approx(842, abs=2)


def test_script_in_data_stays_text(browser, pages):
    """The toy table names a row <b>a</b>; nothing of it becomes an element."""
    browser.open(next(p for p in pages if p.name == "stayed.html"), 1280)
    assert browser.evaluate("document.querySelectorAll('th b').length") == 0
    names = browser.evaluate("[...document.querySelectorAll('tbody th')].map(e => e.textContent)")
    assert "<b>a</b>" in names
