"""A report as one PDF: by a browser that is there, or a clear word that there is none."""

from __future__ import annotations

import json
import stat
import sys

import pytest

from retention.errors import ParameterError, ProjectError, TemporaryError
from retention.reports import print_report
from retention.reports.printing import _joined, find_browser
from retention.window import Period

OCTOBER = Period.parse("2026-10")
PAGE = """<!DOCTYPE html><html lang="en"><head><title>t</title></head><body>
<main id="main"><h1>{name}</h1>{body}<details><summary>more</summary><p>method of {name}</p>
</details></main></body></html>"""


@pytest.fixture
def published(tmp_path):
    folder = tmp_path / "reports/2026-10"
    folder.mkdir(parents=True)
    links = "".join(
        f'<a class="title" href="{name}.html">{name}</a>' for name in ("b", "a", "customers")
    )
    (folder / "index.html").write_text(PAGE.format(name="Finding", body=links))
    for name in ("a", "b", "customers"):
        (folder / f"{name}.html").write_text(PAGE.format(name=name, body=""))
    manifest = {"status": "published", "revision": 1, "outputs": {}}
    (folder / "manifest.json").write_text(json.dumps(manifest))
    return tmp_path


def browser(tmp_path, code):
    """Write a program that takes a browser's arguments."""
    path = tmp_path / "a browser"
    path.write_text(f"#!{sys.executable}\nimport sys\n{code}\n")
    path.chmod(path.stat().st_mode | stat.S_IXUSR)
    return str(path)


def test_pages_come_in_order_with_the_method_open_and_without_the_register(published):
    html = _joined(published / "reports/2026-10", "")
    assert html.index("Finding</h1>") < html.index("b</h1>") < html.index("a</h1>")
    assert "customers</h1>" not in html
    assert html.count('<details open="">') == 3
    assert "href" not in html
    with pytest.raises(ProjectError, match=r"no index.zh.html"):
        _joined(published / "reports/2026-10", "zh")


def test_a_browser_prints_and_the_report_is_left_alone(published, tmp_path, monkeypatch):
    code = "to = [a for a in sys.argv if a.startswith('--print-to-pdf=')][0].split('=')[1]\n"
    monkeypatch.setenv("RETENTION_BROWSER", browser(tmp_path, code + "open(to, 'w').write('%PDF')"))
    assert print_report(tmp_path, OCTOBER) == tmp_path / "reports/pdf/2026-10.pdf"
    assert (tmp_path / "reports/pdf/2026-10.pdf").read_text() == "%PDF"
    assert print_report(tmp_path, OCTOBER, tmp_path / "to/x.pdf").exists()
    assert not list((tmp_path / "reports/2026-10").glob("*.pdf"))


def test_what_cannot_be_printed_is_told(published, tmp_path, monkeypatch):
    monkeypatch.setenv("RETENTION_BROWSER", browser(tmp_path, "sys.exit('no display')"))
    with pytest.raises(TemporaryError, match="no display"):
        print_report(tmp_path, OCTOBER)
    with pytest.raises(ProjectError, match="no published report"):
        print_report(tmp_path, OCTOBER.previous())
    monkeypatch.setenv("RETENTION_BROWSER", "/nowhere/chrome")
    with pytest.raises(ParameterError, match="cannot be run"):
        find_browser()
    monkeypatch.delenv("RETENTION_BROWSER")
    monkeypatch.setattr("retention.reports.printing.shutil.which", lambda name: None)
    with pytest.raises(ParameterError, match="apt-get install chromium"):
        find_browser()
