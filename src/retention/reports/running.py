"""One period's report from start to finish: run, check, render, publish; or say why not."""

from __future__ import annotations

import errno
import shutil
import traceback
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from retention.errors import (
    DataError,
    GateError,
    InterruptedRunError,
    MissingTableError,
    NotEnoughDataError,
    ParameterError,
    RetentionError,
    TemporaryError,
    TimeLimitError,
)
from retention.project import Project
from retention.reports import comparing, gates, rendering, sharing, targets
from retention.reports.articles import Article, choose_articles, find_articles
from retention.reports.collection import Collected, collect
from retention.reports.execution import Execution, Job, execute_all
from retention.reports.limits import Limits, Stop, stop_on_signals
from retention.reports.manifest import (
    MANIFEST,
    code_hash,
    file_hash,
    input_hashes,
    intact,
    key_of,
    outputs_of,
    package_versions,
    read_json,
    what_changed,
    write_json,
)
from retention.reports.parameters import bind_parameters
from retention.reports.publishing import Archive
from retention.reports.wording import Words, words_in
from retention.window import Period

__all__ = ["Order", "Outcome", "run_report"]

Told = Callable[[str, int, int, float], None]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of a run.

    Parameters
    ----------
    only : tuple of str
        Notebooks; empty for all.
    lang : str
        Language of the pages.
    force : bool
        Run even if nothing changed.
    limits : Limits
        Time limits and notebooks at once.
    """

    only: tuple[str, ...] = ()
    lang: str = "en"
    force: bool = False
    limits: Limits = field(default_factory=Limits)


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    period : Period
        Of the report.
    status : str
        ``published``, ``up to date``, ``unchanged`` (run again, same result) or ``failed``.
    exit_code : int
        For the command line.
    page : Path or None
        Management's page, or the failure page.
    reason : str
        Why it failed.
    """

    period: Period
    status: str
    exit_code: int = 0
    page: Path | None = None
    reason: str = ""


@dataclass
class _Run:
    """One run in hand: what it was asked, and what it has found so far."""

    project: Project
    period: Period
    order: Order
    archive: Archive
    words: Words
    started: datetime
    answerable: tuple[Article, ...]
    lacking: dict[str, str]
    values: dict[str, dict[str, Any]]
    manifest: dict[str, Any]
    history: comparing.History
    executions: tuple[Execution, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)


def run_report(
    project: Project, period: Period, order: Order | None = None, told: Told | None = None
) -> Outcome:
    """Make and publish the report of one period.

    A failure of notebooks, data, gates or time is an `Outcome` with its exit code: what is
    published stays as it was, and a failure page says what happened.

    Parameters
    ----------
    project : Project
        The company.
    period : Period
        A period that has ended within the data.
    order : Order, optional
        What is asked.
    told : callable, optional
        Progress: notebook, cells done, cells in all, seconds.

    Raises
    ------
    DataError
        If the data do not reach over the whole period.
    ParameterError, ProjectError
        If the project asks for something that cannot be.
    TemporaryError
        If another run holds the period's lock.
    """
    order = order or Order()
    _check_period(project, period)
    archive = Archive(project.root)
    with archive.lock(period), stop_on_signals(order.limits) as stop:
        run = _prepare(project, period, order, archive)
        published = read_json(archive.published(period) / MANIFEST)
        if not order.force and _is_up_to_date(run, published):
            return Outcome(period=period, status="up to date", page=_page(archive, period))
        try:
            with archive.stage(period) as staging:
                return _make(run, staging, stop, published, told or (lambda *seen: None))
        except OSError as error:
            raise _disk_trouble(error) from error


def _page(archive: Archive, period: Period) -> Path:
    return archive.published(period) / "index.html"


def _disk_trouble(error: OSError) -> RetentionError:
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    what = "the disk is full" if full else f"the system refused: {error.strerror or error}"
    return TemporaryError(f"{what}; what is published stays as it was")


def _check_period(project: Project, period: Period) -> None:
    if period.end > project.data_cutoff:
        raise DataError(
            f"{period} ends on {period.last_day}, but the data end before "
            f"{project.data_cutoff}; bring them up to date and set data_cutoff in retention.toml"
        )
    if period.end <= project.observed_from:
        raise DataError(
            f"{period} ended before the first day that was observed, {project.observed_from}"
        )


def _prepare(project: Project, period: Period, order: Order, archive: Archive) -> _Run:
    """Settle everything that can be settled before a kernel starts."""
    only = order.only or tuple(project.report.get("only", ()))
    articles = choose_articles(find_articles(project.root), only)
    words = words_in(order.lang)
    lacking = {a.name: ", ".join(a.lacks(project.tables)) for a in articles}
    values = {
        a.name: bind_parameters(a.parameters, _given(project, period, a), a.name) for a in articles
    }
    history = comparing.History(archive, period)
    run = _Run(
        project=project,
        period=period,
        order=order,
        archive=archive,
        words=words,
        started=datetime.now(UTC),
        answerable=tuple(a for a in articles if not lacking[a.name]),
        lacking={name: tables for name, tables in lacking.items() if tables},
        values=values,
        manifest={},
        history=history,
        titles={a.name: a.title for a in articles},
    )
    run.manifest = _facts(run, articles)
    return run


def _given(project: Project, period: Period, article: Article) -> dict[str, Any]:
    """Return the values for a notebook: the project's, and the two that the run decides."""
    decided = {"project_dir": ".", "period": period.label}
    names = {parameter.name for parameter in article.parameters}
    given = dict(project.parameters.get(article.name, {}))
    for name in decided.keys() & given.keys():
        raise ParameterError(
            f"[parameters.{article.name}] {name} is decided by the run; leave it out"
        )
    return given | {name: value for name, value in decided.items() if name in names}


def _facts(run: _Run, articles: Sequence[Article]) -> dict[str, Any]:
    """Return everything that decides what the report says, and one key over it."""
    versions = package_versions()
    facts: dict[str, Any] = {
        "period": {
            "label": run.period.label,
            "start": run.period.start.isoformat(),
            "end": run.period.end.isoformat(),
            "unit": run.period.unit,
            "zone": run.project.zone,
        },
        "company": run.project.name,
        "language": run.order.lang,
        "parameters": run.values,
        "inputs": input_hashes(run.project),
        "notebooks": {a.name: file_hash(a.path) for a in articles},
        "code": code_hash(),
        "version": versions["retention-research"],
        "packages": versions,
        "compared": {
            period.label: file_hash(run.archive.folder / period.label / comparing.METRICS)
            for period in run.history.metrics
        },
    }
    return {"schema": 1, "key": key_of(facts), **facts}


def _is_up_to_date(run: _Run, published: Mapping[str, Any] | None) -> bool:
    if published is None or published.get("key") != run.manifest["key"]:
        return False
    if any(value.startswith("not a file") for value in run.manifest["inputs"].values()):
        return False
    return intact(run.archive.published(run.period), published)


# making -------------------------------------------------------------------------------------------


def _make(
    run: _Run, staging: Path, stop: Stop, published: Mapping[str, Any] | None, told: Told
) -> Outcome:
    executed = staging / "executed"
    executed.mkdir()
    try:
        run.executions = execute_all(
            [_job(run, article, executed) for article in run.answerable],
            limits=run.order.limits,
            stop=stop,
            progress=told,
        )
        _raise_worst(run)
        report = staging / "report"
        _build(run, executed, report)
        stop.check()
        return _publish(run, report, published)
    except RetentionError as error:
        return _fail(run, staging, error)
    except OSError:
        raise
    except Exception as error:
        return _fail(run, staging, error)


def _job(run: _Run, article: Article, executed: Path) -> Job:
    return Job(
        article=article,
        values=run.values[article.name],
        cwd=run.project.root,
        output=executed / f"{article.name}.ipynb",
    )


class _NotebooksFailedError(RetentionError):
    """Carries the exit code of the first notebook that failed."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def _raise_worst(run: _Run) -> None:
    bad = [execution for execution in run.executions if execution.exit_code]
    if bad:
        names = ", ".join(execution.article for execution in bad)
        raise _NotebooksFailedError(f"{names}: {bad[0].status}, {bad[0].reason}", bad[0].exit_code)
    if not any(execution.status == "answered" for execution in run.executions):
        raise DataError(
            "no question can be answered with the tables of this project; see which are needed: "
            + "; ".join(f"{name}: {tables}" for name, tables in run.lacking.items())
        )


def _build(run: _Run, executed: Path, report: Path) -> None:
    """Write every file of the report but the manifest, and hold it to the gates."""
    import nbformat

    done = {e.article for e in run.executions if e.status == "answered"}
    collected = [collect(executed / f"{a.name}.ipynb", a) for a in run.answerable if a.name in done]
    for folder in ("notebooks", "tables"):
        (report / folder).mkdir(parents=True)
    texts = {table.path: table.csv for part in collected for table in part.tables}
    pages = {f"{p.article.name}.html": _question(run, p) for p in collected}
    figures = comparing.key_figures(collected)
    metrics = comparing.metrics_record(run.period, collected, figures, _lead(run, collected))
    has_register = _write_register(run, report)
    pages["index.html"], texts[sharing.SUMMARY] = _management(run, collected, metrics, has_register)
    _hold_to_gates(run, collected, pages, texts)
    for name, text in (pages | texts).items():
        (report / name).write_text(text, encoding="utf-8")
    for part in collected:
        nbformat.write(part.notebook, report / "notebooks" / f"{part.article.name}.ipynb")
    write_json(report / comparing.METRICS, metrics, sort=False)
    if not any((report / "tables").iterdir()):
        (report / "tables").rmdir()
    sharing.write_workbook(report / sharing.WORKBOOK, collected)


def _write_register(run: _Run, report: Path) -> bool:
    """Write the register of customers, unless the data are too few for one."""
    from retention.reports.register import write_register  # brings pandas and DuckDB

    try:
        return write_register(
            run.project, run.period, report, made_with=str(_frame(run)["made_with"])
        )
    except (MissingTableError, NotEnoughDataError):
        return False


def _hold_to_gates(
    run: _Run, collected: Sequence[Collected], pages: dict[str, str], texts: dict[str, str]
) -> None:
    checked = (
        *gates.check_numbers(collected, run.project.minimum_n),
        *gates.check_pages(pages, gates.size_limit(run.project.report)),
        gates.check_personal(pages | texts),
    )
    run.manifest["gates"] = [
        {"name": gate.name, "passed": gate.passed, "faults": list(gate.faults)} for gate in checked
    ]
    faults = [f"{gate.name}: {fault}" for gate in checked for fault in gate.faults]
    if faults:
        raise GateError("; ".join(faults[:5]) + (f"; {len(faults) - 5} more" if faults[5:] else ""))


def _frame(run: _Run) -> dict[str, Any]:
    """Return what every page of the period says about itself; nothing that changes by the hour."""
    words = run.words
    return {
        "words": words,
        "company": str(run.project.report.get("title") or run.project.name),
        "period": run.period,
        "data_until": run.period.last_day.isoformat(),
        "made_with": words(
            "made_with",
            version=run.manifest["version"],
            code=run.manifest["code"][:10],
            inputs=key_of(run.manifest["inputs"])[:10],
        ),
    }


def _question(run: _Run, part: Collected) -> str:
    return rendering.render_question(part, **_frame(run))


def _lead(run: _Run, collected: Sequence[Collected]) -> str:
    headlines = [answer.headline for part in collected for answer in part.answers]
    return headlines[0] if headlines else ""


def _management(
    run: _Run, collected: Sequence[Collected], metrics: dict[str, Any], has_register: bool
) -> tuple[str, str]:
    """Return management's page, and the same as plain text."""
    words = run.words
    figures = comparing.cards(metrics, run.history, words, run.titles)
    better = {figure["key"]: figure["better"] for figure in metrics["key_figures"]}
    estimates = sharing.estimates_of(collected)
    page: dict[str, Any] = {
        "lead": metrics["lead"],
        "lead_change": next(
            (f"{f.name}: {f.changes[0].arrow} {f.changes[0].text}" for f in figures if f.changes),
            "",
        ),
        "figures": figures,
        "compared": any(figure.changes for figure in figures),
        "targets": targets.compare_targets(run.project.targets, estimates, better, words),
        "questions": [_entry(part) for part in collected],
        "unanswered": _unanswered(run),
        "register": "customers.html" if has_register else "",
        "files": _files(run, collected, has_register),
    }
    title = words("report", period=words.period(run.period))
    html = rendering.render_page("period", title=title, page=page, **_frame(run))
    return html, sharing.summary_text(title, page, figures, words)


def _entry(part: Collected) -> dict[str, Any]:
    cautions = dict.fromkeys(text for answer in part.answers for text in answer.cautions)
    return {
        "href": f"{part.article.name}.html",
        "title": part.article.title,
        "question": part.article.question,
        "headlines": list(dict.fromkeys(answer.headline for answer in part.answers)),
        "cautions": list(cautions),
    }


def _unanswered(run: _Run) -> list[dict[str, str]]:
    missing = [
        {"title": run.titles[name], "reason": run.words("missing_tables", tables=tables)}
        for name, tables in run.lacking.items()
    ]
    return missing + [
        {"title": run.titles[e.article], "reason": e.reason.partition(": ")[2] or e.reason}
        for e in run.executions
        if e.status == "unanswered"
    ]


def _files(run: _Run, collected: Sequence[Collected], has_register: bool) -> list[dict[str, str]]:
    tables = [
        {"href": table.path, "text": table.caption or table.path}
        for part in collected
        for table in part.tables
    ]
    notebooks = [
        {
            "href": f"notebooks/{part.article.name}.ipynb",
            "text": f"{run.words('files_notebooks')}: {part.article.title}",
        }
        for part in collected
    ]
    own = {comparing.METRICS: "files_metrics", MANIFEST: "files_manifest"}
    own |= {sharing.SUMMARY: "files_summary"}
    if find_spec("xlsxwriter") is not None:
        own[sharing.WORKBOOK] = "files_workbook"
    if has_register:
        own["customers.csv"] = "files_register"
    return [
        *({"href": name, "text": run.words(key)} for name, key in own.items()),
        *notebooks,
        *tables,
    ]


# ending -------------------------------------------------------------------------------------------


def _account(run: _Run, status: str, exit_code: int) -> dict[str, Any]:
    """Return the manifest: the facts, how it ended, and what it took."""
    return run.manifest | {
        "status": status,
        "exit_code": exit_code,
        "started": run.started.isoformat(timespec="seconds"),
        "finished": datetime.now(UTC).isoformat(timespec="seconds"),
        "executions": [
            {
                "notebook": e.article,
                "status": e.status,
                "reason": e.reason,
                "cell": e.cell,
                "seconds": e.seconds,
                "cell_seconds": list(e.cell_seconds),
                "peak_memory": e.peak_memory,
            }
            for e in run.executions
        ],
        "unanswered": run.lacking,
    }


def _publish(run: _Run, report: Path, published: Mapping[str, Any] | None) -> Outcome:
    archive, period = run.archive, run.period
    manifest = _account(run, "published", 0)
    manifest["outputs"] = outputs_of(report)
    place = archive.published(period)
    done = partial(Outcome, period=period, page=_page(archive, period))
    if published is not None and intact(place, published):
        same = published["outputs"] == manifest["outputs"]
        manifest["changed"] = what_changed(published, manifest)
        manifest["revision"] = published.get("revision", 1) + (0 if same else 1)
        if same:
            manifest["changed"] = published.get("changed", {})
            temporary = report / MANIFEST
            write_json(temporary, manifest)
            temporary.replace(place / MANIFEST)
            archive.clear_failure(period)
            return done(status="unchanged")
    elif published is not None:
        manifest["changed"] = {"outputs": ["the published files had been altered"]}
        manifest["revision"] = published.get("revision", 1) + 1
    else:
        manifest["changed"] = {}
        manifest["revision"] = 1
    write_json(report / MANIFEST, manifest)
    archive.publish(report, period)
    archive.clear_failure(period)
    return done(status="published")


_CAUSES: Mapping[type[BaseException], str] = {
    InterruptedRunError: "interrupted",
    TimeLimitError: "timed out",
    GateError: "gate failed",
    DataError: "bad data",
}


def _exit_code(error: BaseException) -> int:
    if isinstance(error, _NotebooksFailedError):
        return error.code
    if isinstance(error, InterruptedRunError):
        return 128 + error.signal_number
    return error.exit_code if isinstance(error, RetentionError) else 1


def _fail(run: _Run, staging: Path, error: Exception) -> Outcome:
    """Leave a failure page, the executed notebooks and a manifest for the analyst."""
    code = _exit_code(error)
    reason = str(error) if isinstance(error, RetentionError) else f"{type(error).__name__}: {error}"
    status = next((text for kind, text in _CAUSES.items() if isinstance(error, kind)), "failed")
    manifest = _account(run, status, code) | {"reason": reason}
    if not isinstance(error, RetentionError):
        manifest["traceback"] = "".join(traceback.format_exception(error)[-3:])
    folder = staging / "failure"
    (folder / "notebooks").mkdir(parents=True)
    for notebook in (staging / "executed").glob("*.ipynb"):
        shutil.copyfile(notebook, folder / "notebooks" / notebook.name)
    page = rendering.render_page(
        "failure",
        title=run.words("failure_title"),
        reason=reason,
        entries=[_failure_entry(e, folder) for e in run.executions if e.status != "answered"],
        **_frame(run),
    )
    (folder / "failure.html").write_text(page, encoding="utf-8")
    write_json(folder / MANIFEST, manifest)
    place = run.archive.fail(folder, run.period)
    return Outcome(
        period=run.period,
        status="failed",
        exit_code=code,
        page=place / "failure.html",
        reason=reason,
    )


def _failure_entry(execution: Execution, folder: Path) -> dict[str, Any]:
    notebook = f"notebooks/{execution.article}.ipynb"
    return {
        "name": execution.article,
        "status": execution.status,
        "reason": execution.reason,
        "cell": execution.cell,
        "traceback": execution.traceback,
        "href": notebook if (folder / notebook).exists() else "",
    }
