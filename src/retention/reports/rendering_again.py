"""A published report in the present style, from its executed notebooks: nothing is run."""

from __future__ import annotations

import shutil
from datetime import UTC, datetime
from typing import Any

from retention.errors import ProjectError
from retention.project import Project
from retention.reports.articles import find_articles
from retention.reports.building import build
from retention.reports.comparing import History
from retention.reports.execution import Execution
from retention.reports.manifest import (
    MANIFEST,
    code_hash,
    intact,
    key_of,
    package_versions,
    read_json,
)
from retention.reports.orders import Order, Outcome, Run
from retention.reports.publishing import Archive
from retention.reports.running import publish
from retention.reports.wording import words_in
from retention.window import Period

__all__ = ["render_again"]

_REGISTER = "customers.*"


def render_again(project: Project, period: Period, order: Order | None = None) -> Outcome:
    """Render a published report anew and publish it as a revision.

    Parameters
    ----------
    project : Project
        The company.
    period : Period
        With a published report.
    order : Order, optional
        Its language is used.

    Raises
    ------
    ProjectError
        If there is no report, its files were altered, or a notebook of it is gone.
    GateError
        If the new pages break a rule.
    """
    archive, order = Archive(project.root), order or Order()
    with archive.lock(period), archive.stage(period) as staging:
        place = archive.published(period)
        published = read_json(place / MANIFEST)
        if published is None or not intact(place, published):
            raise ProjectError(
                f"{period} has no report whose files are as they were published; run it again"
            )
        run = _restored(project, period, order, archive, published)
        report = staging / "report"
        report.mkdir()
        kept = sorted(place.glob(_REGISTER))
        for path in kept:
            shutil.copyfile(path, report / path.name)
        build(run, place / "notebooks", report, has_register=bool(kept))
        return publish(run, report, published)


def _restored(
    project: Project, period: Period, order: Order, archive: Archive, published: dict[str, Any]
) -> Run:
    """Return the run as it was when it had just executed its notebooks."""
    articles = {article.name: article for article in find_articles(project.root)}
    gone = sorted(published["notebooks"].keys() - articles.keys())
    if gone:
        raise ProjectError(f"the notebooks {', '.join(gone)} are gone; run the report again")
    facts = {key: published[key] for key in _KEPT} | {
        "language": ",".join(order.languages),
        "code": code_hash(),
        "packages": package_versions(),
        "version": package_versions()["retention-research"],
    }
    return Run(
        project=project,
        period=period,
        order=order,
        archive=archive,
        words=words_in(order.lang, project.root),
        started=datetime.now(UTC),
        answerable=tuple(
            articles[name]
            for name in articles
            if name in published["notebooks"] and name not in published["unanswered"]
        ),
        lacking=dict(published["unanswered"]),
        values=published["parameters"],
        manifest={"schema": 1, "key": key_of(facts), **facts},
        history=History(archive, period),
        executions=tuple(_execution(record) for record in published["executions"]),
        titles={name: article.title for name, article in articles.items()},
    )


_KEPT = ("period", "company", "parameters", "inputs", "notebooks", "compared")


def _execution(record: dict[str, Any]) -> Execution:
    return Execution(
        article=record["notebook"],
        status=record["status"],
        reason=record["reason"],
        cell=record["cell"],
        seconds=record["seconds"],
        cell_seconds=tuple(record["cell_seconds"]),
        peak_memory=record["peak_memory"],
    )
