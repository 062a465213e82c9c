"""The page over all reports; made from manifests and numbers of record alone."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from retention.estimates import Estimate
from retention.exhibits import format_number, number_texts
from retention.project import Project
from retention.reports.comparing import METRICS, numbers
from retention.reports.gates import check_pages, hold, size_limit
from retention.reports.manifest import MANIFEST, read_json
from retention.reports.periods import report_unit
from retention.reports.pictures import sparkline
from retention.reports.publishing import Archive
from retention.reports.rendering import render_page
from retention.reports.translating import beside, named_for
from retention.reports.wording import Words, words_in
from retention.reports.wording import languages as known_languages
from retention.window import Period

__all__ = ["rebuild_index"]

_PARTS = {
    "inputs": "data",
    "parameters": "parameters",
    "notebooks": "questions",
    "code": "code",
    "packages": "packages",
    "compared": "compared",
    "language": "language",
    "outputs": "files",
}


def rebuild_index(project: Project, *languages: str) -> Path:
    """Write ``reports/index.html`` anew from the manifests of what is published.

    Parameters
    ----------
    project : Project
        The company.
    *languages : str
        English if left out; of several, the first has ``index.html``, others ``index.zh.html``.
        A language that has a page already keeps it, made anew.

    Returns
    -------
    Path
        The page.

    Raises
    ------
    GateError
        If it breaks a rule of pages; the one that is there stays.
    """
    archive = Archive(project.root)
    languages = languages or ("en",)
    kept = [path.name[6:-5] for path in sorted(archive.folder.glob("index.*.html"))]
    languages += tuple(lang for lang in kept if lang in known_languages() and lang not in languages)
    with archive.lock("index", wait=True):  # of two runs the last to read is the last to write
        pages = {lang: _index(project, archive, lang, languages) for lang in languages[::-1]}
        hold(check_pages(pages, size_limit(project.report)))
        for lang, html in pages.items():
            (name, page), *_ = beside({"index.html": html}, lang, languages).items()
            path = _write(archive.folder / name, page)
        _renew_latest(project, archive)
    return path


def _renew_latest(project: Project, archive: Archive) -> None:
    """Make ``reports/latest`` a copy of the last report, so that a bookmark stays good.

    A copy, for a link would not travel to every disk; it is exchanged in one step where the system
    can.
    """
    periods = archive.periods()
    if not periods:
        return
    unit = report_unit(project)
    last = max(periods, key=lambda period: (period.unit == unit, period.end, period.start))
    archive.show_as_latest(last)


def _index(project: Project, archive: Archive, lang: str, languages: Sequence[str]) -> str:
    words = words_in(lang, project.root)
    periods = archive.periods()[::-1]
    entries, kept = _read(archive, periods, words, languages[0])
    company = words.phrases(str(project.report.get("title") or project.name))
    return render_page(
        "archive",
        title=words("archive_title", company=company),
        company=company,
        period=None,
        words=words,
        periods=entries,
        trends=_trends(periods, kept, words),
    )


_Figures = Mapping[str, tuple[str, dict[str, Any] | None]]


def _read(
    archive: Archive, periods: Sequence[Period], words: Words, first: str
) -> tuple[list[dict[str, Any]], dict[Period, _Figures]]:
    """Return what the page says of each period, and its key figures: label and number by key.

    One report is read after the other, and no more of it kept: there may be hundreds.
    """
    entries: list[dict[str, Any]] = []
    kept: dict[Period, _Figures] = {}
    figures: list[dict[str, Any]] = []
    for place, period in enumerate(periods):
        metrics = read_json(archive.folder / period.label / METRICS) or {}
        entries.append(_entry(archive, period, metrics, words, first))
        figures = figures if place else metrics.get("key_figures", [])  # those of the latest
        found = numbers(metrics)
        kept[period] = {f["key"]: (f.get("label", ""), found.get(f["key"])) for f in figures}
    return entries, kept


def _write(path: Path, text: str) -> Path:
    """Write a file in one step."""
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".index.")
    try:
        with os.fdopen(descriptor, "w", encoding="utf-8") as file:
            file.write(text)
        Path(name).chmod(0o644)
        Path(name).replace(path)
    except OSError:
        Path(name).unlink(missing_ok=True)
        raise
    return path


def _entry(
    archive: Archive, period: Period, metrics: Mapping[str, Any], words: Words, first: str
) -> dict[str, Any]:
    manifest = read_json(archive.published(period) / MANIFEST) or {}
    kept = archive.kept(period)
    manifests = [read_json(path / MANIFEST) or {} for path in kept]
    after = [*manifests, manifest][1:]
    return {
        "label": period.label,
        "href": f"{period.label}/{_page_in(archive, period, words.lang, first)}",
        "name": words.period(period),
        "lead": words.phrases(metrics.get("lead", "")),
        "number": manifest.get("revision", 1),
        "restated": _restated(manifest, metrics, words),
        "revisions": [
            {
                "number": old.get("revision", 1),
                "href": f"revisions/{period.label}/{path.name}/index.html",
                "changed": _changes(new.get("changed", {}), words),
            }
            for path, old, new in zip(kept, manifests, after, strict=True)
        ],
    }


def _page_in(archive: Archive, period: Period, lang: str, first: str) -> str:
    """Return a period's page in a language, or the one that there is."""
    name = named_for("index.html", lang, first)
    return name if (archive.published(period) / name).exists() else "index.html"


def _restated(
    manifest: Mapping[str, Any], metrics: Mapping[str, Any], words: Words
) -> list[dict[str, str]]:
    """Return the numbers that differ from what was first published under their name."""
    now = numbers(metrics)
    return [
        {
            "name": words.name(key.rpartition("/")[2]),
            "first": format_number(first, now[key]["unit"]),
            "now": format_number(now[key]["value"], now[key]["unit"]),
        }
        for key, first in manifest.get("first", {}).items()
        if key in now and now[key]["value"] is not None and now[key]["value"] != first
    ]


def _changes(changed: Mapping[str, list[str]], words: Words) -> str:
    parts = [
        f"{words(f'changed_{_PARTS.get(part, part)}')} ({', '.join(names)})"
        for part, names in changed.items()
    ]
    return "; ".join(parts) or words("same")


def _trends(
    periods: Sequence[Period], kept: Mapping[Period, _Figures], words: Words
) -> list[dict[str, Any]]:
    if not periods:
        return []
    alike = (periods[0].unit, periods[0].first_month)
    same_unit = [p for p in periods if (p.unit, p.first_month) == alike][::-1]
    trends = [
        _trend({p: kept[p][key][1] for p in same_unit}, label or "", key, words)
        for key, (label, _) in kept[periods[0]].items()
    ]
    return [trend for trend in trends if trend["spark"]]


def _trend(
    records: Mapping[Period, dict[str, Any] | None], called: str, key: str, words: Words
) -> dict[str, Any]:
    series = [(p, record["value"] if record else None) for p, record in records.items()]
    while series and series[0][1] is None:
        series.pop(0)
    known = [value for _, value in series if value is not None]
    last = records[series[-1][0]] if series else None
    if len(known) < 2 or last is None:
        return {"spark": ""}
    texts = number_texts(Estimate(**last))
    name = words.phrases(called) or words.name(key.rpartition("/")[2])
    label = words(
        "image_trend",
        name=name,
        count=len(known),
        first=words.period(series[0][0]),
        last=words.period(series[-1][0]),
        low=format_number(min(known), last["unit"]),
        high=format_number(max(known), last["unit"]),
    )
    spark = sparkline([value for _, value in series], label)
    return {
        "name": name,
        "value": texts.value,
        "unit": words.phrases.unit(texts.unit),
        "spark": spark,
    }
