"""What moved between two reports, and why: `retention diff`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from retention.errors import ProjectError
from retention.estimates import Estimate
from retention.exhibits import number_texts
from retention.project import Project
from retention.reports.comparing import METRICS, change, numbers
from retention.reports.manifest import MANIFEST, read_json, what_changed
from retention.reports.publishing import Archive
from retention.reports.wording import Words, words_in
from retention.window import Period

__all__ = ["differences"]


def differences(project: Project, before: Period, after: Period) -> Iterator[str]:
    """Yield lines: what went in differently, then every number that moved, came or went.

    Parameters
    ----------
    project : Project
        The company.
    before, after : Period
        Both with a published report.

    Raises
    ------
    ProjectError
        If one has no report.
    """
    archive, words = Archive(project.root), words_in("en")
    found = {}
    for period in (before, after):
        folder = archive.published(period)
        manifest, metrics = read_json(folder / MANIFEST), read_json(folder / METRICS)
        if manifest is None or metrics is None:
            raise ProjectError(f"{period} has no published report; make it with --period {period}")
        found[period] = (manifest, numbers(metrics))
    causes = what_changed(_timeless(found[before][0]), _timeless(found[after][0]))
    yield f"{before} -> {after}"
    for part, names in causes.items():
        yield f"  {part}: {', '.join(names)}"
    yield "" if causes else "  the same data, parameters, notebooks and code"
    old, new = found[before][1], found[after][1]
    for key in [*new, *(key for key in old if key not in new)]:
        if key not in old:
            yield f"{key}: new"
        elif key not in new:
            yield f"{key}: gone"
        else:
            was, now = Estimate(**old[key]), Estimate(**new[key])
            yield from _moved(key, was, now, words.period(before), words)


def _timeless(manifest: dict[str, Any]) -> dict[str, Any]:
    """Return a manifest without what must differ between two periods."""
    values = {
        notebook: {name: value for name, value in given.items() if name != "period"}
        for notebook, given in manifest["parameters"].items()
    }
    return manifest | {"parameters": values, "compared": {}}


def _moved(key: str, was: Estimate, now: Estimate, when: str, words: Words) -> Iterator[str]:
    if was == now:
        return
    texts = number_texts(now)
    if was.value is None or now.value is None:
        yield f"{key}: {number_texts(was).value} -> {texts.value} {texts.why or texts.unit}"
    elif was.unit != now.unit:
        yield f"{key}: unit {was.unit} -> {now.unit}"
    else:
        moved = change(now, was, when, "", words)
        yield f"{key}: {texts.value} {texts.unit}: {moved.arrow} {moved.text}"
