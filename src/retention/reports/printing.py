"""A period's report as one PDF, printed by a browser that is on the machine."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from retention.errors import ParameterError, ProjectError, TemporaryError
from retention.reports.manifest import MANIFEST, read_json
from retention.reports.publishing import Archive
from retention.window import Period

__all__ = ["find_browser", "print_report"]

_NAMES = (
    "chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome",
    "microsoft-edge", "msedge", "brave-browser",
)  # fmt: skip
_PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    "/Applications/Microsoft Edge.app/Contents/MacOS/Microsoft Edge",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Microsoft\Edge\Application\msedge.exe",
)
_SECONDS = 180
_UNPRINTED = ("customers",)  # the register is for the screen, and about persons


def find_browser() -> str:
    """Return a browser that can print: the one RETENTION_BROWSER names, or one that is found.

    Raises
    ------
    ParameterError
        If there is none.
    """
    named = os.environ.get("RETENTION_BROWSER", "")
    wanted = (named,) if named else (*_NAMES, *_PLACES)
    for name in wanted:
        found = shutil.which(name)
        if found is not None:
            return found
    raise ParameterError(
        f"RETENTION_BROWSER names {named!r}, which cannot be run"
        if named
        else "no browser is found to print with; install Chromium (Debian: apt-get install "
        "chromium), name one in RETENTION_BROWSER, or print the page from the browser you read it "
        "in: it is made for A4"
    )


def print_report(root: Path, period: Period, to: Path | None = None, lang: str = "") -> Path:
    """Print a published report: management's page, then every question, with the method open.

    Parameters
    ----------
    root : Path
        The project.
    period : Period
        With a published report.
    to : Path, optional
        The file; ``reports/pdf/<period>.pdf`` if left out. The published report is not touched.
    lang : str
        A further language of the report; its first one if left out.

    Returns
    -------
    Path
        The PDF.

    Raises
    ------
    ProjectError
        If the period has no report in that language.
    ParameterError
        If there is no browser.
    TemporaryError
        If the browser does not print.
    """
    archive = Archive(root)
    folder = archive.published(period)
    if read_json(folder / MANIFEST) is None:
        raise ProjectError(f"{period} has no published report; make it with --period {period}")
    browser = find_browser()
    target = to or archive.folder / "pdf" / f"{period}{f'.{lang}' if lang else ''}.pdf"
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="retention-") as work:
        whole = Path(work) / "whole.html"
        whole.write_text(_joined(folder, lang), encoding="utf-8")
        made = Path(work) / "whole.pdf"
        _print(browser, whole, made, Path(work) / "profile")
        shutil.copyfile(made, target)
    return target


def _pages(folder: Path, lang: str) -> Iterator[Path]:
    """Yield the pages of a report in the order in which management's page links them."""
    from bs4 import BeautifulSoup

    index = folder / (f"index.{lang}.html" if lang else "index.html")
    if not index.exists():
        raise ProjectError(f"the report for {folder.name} has no {index.name}")
    yield index
    soup = BeautifulSoup(index.read_text(encoding="utf-8"), features="html.parser")
    for link in soup.select("a.title"):
        page = folder / str(link["href"])
        if page.exists() and page.stem.split(".")[0] not in _UNPRINTED:
            yield page


def _joined(folder: Path, lang: str) -> str:
    """Return one page that holds all pages of a report, what is folded opened."""
    from bs4 import BeautifulSoup

    first, *others = _pages(folder, lang)
    soup = BeautifulSoup(first.read_text(encoding="utf-8"), features="html.parser")
    for page in others:
        part = BeautifulSoup(page.read_text(encoding="utf-8"), features="html.parser").main
        if part is None or soup.main is None:
            continue
        part.name = "section"
        part["style"] = "break-before:page"
        del part["id"]
        soup.main.append(part)
    for details in soup.find_all("details"):
        details["open"] = ""
    for link in soup.find_all("a", href=True):
        link.name = "span"  # a link to a page that the reader of a PDF does not have
        del link["href"]
    return str(soup)


def _print(browser: str, page: Path, to: Path, profile: Path) -> None:
    # as root, which runs in containers, Chromium has no sandbox; the page has no script anyway
    root = ["--no-sandbox"] if sys.platform != "win32" and os.geteuid() == 0 else []
    command = [
        browser, "--headless", "--disable-gpu", "--no-first-run", f"--user-data-dir={profile}",
        "--disable-extensions", "--no-pdf-header-footer", *root, f"--print-to-pdf={to}",
        page.as_uri(),
    ]  # fmt: skip
    try:
        done = subprocess.run(  # noqa: S603 - a browser that is on the machine, without a shell
            command, capture_output=True, text=True, timeout=_SECONDS, check=False
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise TemporaryError(f"{Path(browser).name} did not print: {error}") from error
    if done.returncode or not to.exists():
        last = done.stderr.strip().splitlines()[-1:] or [f"exit code {done.returncode}"]
        raise TemporaryError(f"{Path(browser).name} did not print: {last[0]}")
