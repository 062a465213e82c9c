"""Pages as a reader's browser shows them: on a desk, on a telephone, on paper; offline."""

from __future__ import annotations

import base64
import io
import re
import shutil
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
import pytest

from retention.project import Project
from retention.reports import print_report, rebuild_index, run_report
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


FRAMED = "getComputedStyle(e).breakInside === 'avoid'"


def test_nothing_that_is_looked_at_as_one_may_break_across_pages(browser, pages):
    for page in pages:
        browser.open(page, 1280, media="print")
        broken = browser.evaluate(
            "[...document.querySelectorAll('figure, .card, .trend, tr, .answer')]"
            f".filter(e => !({FRAMED})).map(e => e.outerHTML.slice(0, 80))"
        )
        assert broken == [] or page.name == "customers.html", page.name


# the PDF of a whole report ------------------------------------------------------------------------


def page_of_pictures(pdf: Path) -> dict[tuple[int, int], list[int]]:
    """Return on which pages of a PDF of Chromium each picture stands, by its pixels."""
    content = pdf.read_bytes()
    objects = dict(re.findall(rb"(?m)^(\d+) 0 obj\n(.*?)\nendobj", content, re.DOTALL))
    found: dict[tuple[int, int], list[int]] = {}
    pages = [body for body in objects.values() if re.search(rb"/Type /Page\b", body)]
    for place, page in enumerate(pages):
        named = b"".join(re.findall(rb"/XObject <<(.*?)>>", page, re.DOTALL))
        for number in re.findall(rb"/X\d+ (\d+) 0 R", named):
            head = objects[number][:400]
            if b"/Subtype /Image" in head:
                sizes = (re.search(rb"/%s (\d+)" % side, head) for side in (b"Width", b"Height"))
                found.setdefault(tuple(int(size[1]) for size in sizes), []).append(place)
    return found


def picture(width: int, height: int) -> str:
    """Return a picture that no other is like: like ones are stored once."""
    content = io.BytesIO()
    pixels = np.full((height, width, 3), 200, dtype=np.uint8)
    pixels[:: 2 + height % 7] = width % 255
    plt.imsave(content, pixels, format="png")
    data = base64.b64encode(content.getvalue()).decode()
    return (
        f'<img src="data:image/png;base64,{data}" alt="Lines." width="{width}" height="{height}">'
    )


def with_many_figures(root: Path, of: Path, count: int) -> list[tuple[tuple[int, int], ...]]:
    """Write a report whose question has figures of many heights, with text between them.

    Each figure's caption ends with a small picture. Returns the sizes of the two, by figure.
    """
    folder = root / "reports/2026-10"
    shutil.copytree(of, folder)
    html = (folder / "stayed.html").read_text(encoding="utf-8")
    pairs = [((600, 220 + 97 * i % 421), (20 + i, 16)) for i in range(count)]
    figures = [
        f"<figure>{picture(*large)}<figcaption>{'What is seen on it. ' * 40}"
        f"<span>{picture(*small)}</span></figcaption></figure>"
        f"<p>{'A sentence about it. ' * (7 * i % 23)}</p>"
        for i, (large, small) in enumerate(pairs)
    ]
    html = html.replace("</main>", "".join(figures) + "</main>")
    (folder / "stayed.html").write_text(html, encoding="utf-8")
    return pairs


def test_the_pdf_has_every_page_and_no_figure_is_split(browser, pages, tmp_path):
    pairs = with_many_figures(tmp_path, pages[-1].parent, count=24)
    pdf = print_report(tmp_path, Period.parse("2026-10"))
    assert pdf == tmp_path / "reports/pdf/2026-10.pdf"
    content = pdf.read_bytes()
    assert content.startswith(b"%PDF")
    boxes = re.findall(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", content)
    assert {(round(float(w)), round(float(h))) for w, h in boxes} == {(595, 842)}  # A4
    whole = page_of_pictures(pdf)
    for large, small in pairs:
        assert len(whole[large]) == 1
        assert whole[large] == whole[small]
    assert len({page for large, _ in pairs for page in whole[large]}) > 10
    # a layout that is free to split does: the test would see it
    page = tmp_path / "reports/2026-10/index.html"
    style = "<style>figure { break-inside: auto !important }</style></head>"
    page.write_text(page.read_text("utf-8").replace("</head>", style), encoding="utf-8")
    cut = page_of_pictures(print_report(tmp_path, Period.parse("2026-10"), tmp_path / "cut.pdf"))
    assert any(cut[large] != cut[small] for large, small in pairs)


def test_script_in_data_stays_text(browser, pages):
    """The toy table names a row <b>a</b>; nothing of it becomes an element."""
    browser.open(next(p for p in pages if p.name == "stayed.html"), 1280)
    assert browser.evaluate("document.querySelectorAll('th b').length") == 0
    names = browser.evaluate("[...document.querySelectorAll('tbody th')].map(e => e.textContent)")
    assert "<b>a</b>" in names
