"""One period's report from start to finish: run, check, render, publish; or say why not."""

from __future__ import annotations

import errno
import shutil
import traceback
from collections.abc import Mapping, Sequence
from contextlib import nullcontext
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from retention.errors import (
    DataError,
    GateError,
    InterruptedRunError,
    ParameterError,
    RetentionError,
    TemporaryError,
    TimeLimitError,
)
from retention.project import Project
from retention.reports import comparing, rendering
from retention.reports.articles import Article, choose_articles, find_articles
from retention.reports.building import build, frame
from retention.reports.execution import Execution, Job, execute_all
from retention.reports.gates import REGISTER_LIMIT, size_limit
from retention.reports.kernels import Kernels
from retention.reports.limits import Stop, stop_on_signals
from retention.reports.manifest import (
    MANIFEST,
    code_hash,
    file_hash,
    input_hashes,
    intact,
    key_of,
    missing_files,
    outputs_of,
    package_versions,
    read_json,
    what_changed,
    write_json,
)
from retention.reports.orders import Order, Outcome, Run
from retention.reports.parameters import bind_parameters, written_parameters
from retention.reports.progress import Meter, Told, seconds_before
from retention.reports.publishing import Archive
from retention.reports.wording import words_in
from retention.window import Period

__all__ = ["publish", "run_report"]


def run_report(
    project: Project,
    period: Period,
    order: Order | None = None,
    told: Told | None = None,
    kernels: Kernels | None = None,
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
        Told of every cell that is done: how far the run is, and how long it will take.
    kernels : Kernels, optional
        Where kernels come from, for whoever makes many reports; the caller closes it.

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
        own = nullcontext(kernels) if kernels else Kernels()
        try:
            with archive.stage(period) as staging, own as run.kernels:
                return _make(run, staging, stop, published, told or (lambda seen: None))
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


def _prepare(project: Project, period: Period, order: Order, archive: Archive) -> Run:
    """Settle everything that can be settled before a kernel starts."""
    absent = missing_files(project)
    if absent:
        named = "; ".join(f"{table}: {path}" for table, path in absent.items())
        raise DataError(f"retention.toml names files that are not there: {named}")
    only = order.only or tuple(project.report.get("only", ()))
    articles = choose_articles(find_articles(project.root), only)
    words, *_ = [words_in(lang, project.root) for lang in order.languages]
    _check_fonts(order)
    for key in ("max_size_mb", REGISTER_LIMIT):
        size_limit(project.report, key)
    written = written_parameters(order.parameters, {a.name: a.parameters for a in articles})
    measured = {str(said["construct"]) for said in project.items.values()}
    lacking = {a.name: ", ".join(a.lacks(project.tables, measured)) for a in articles}
    values = {
        a.name: bind_parameters(a.parameters, _given(project, period, a, written), a.name)
        for a in articles
    }
    history = comparing.History(archive, period)
    run = Run(
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


def _check_fonts(order: Order) -> None:
    """Say before anything runs that figures have no letters of a language."""
    if "zh" not in order.languages:
        return
    from retention.exhibits import chinese_font  # brings Matplotlib

    if not chinese_font():
        raise GateError(
            "no font with Chinese characters was found; install one (Debian: fonts-noto-cjk, "
            "Windows and macOS bring one) or retention-research[zh]"
        )


def _given(
    project: Project, period: Period, article: Article, written: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """Return the values for a notebook: the project's, those of the command line, the run's own."""
    decided = {"project_dir": ".", "period": period.label}
    names = {parameter.name for parameter in article.parameters}
    given = dict(project.parameters.get(article.name, {}))
    for name in decided.keys() & given.keys():
        raise ParameterError(
            f"[parameters.{article.name}] {name} is decided by the run; leave it out"
        )
    given |= written.get(article.name, {})
    return given | {name: value for name, value in decided.items() if name in names}


def _facts(run: Run, articles: Sequence[Article]) -> dict[str, Any]:
    """Return everything that decides what the report says, and one key over it."""
    versions = package_versions()
    facts: dict[str, Any] = {
        "period": {
            "label": run.period.label,
            "start": run.period.start.isoformat(),
            "end": run.period.end.isoformat(),
            "unit": run.period.unit,
            "first_month": run.period.first_month,
            "zone": run.project.zone,
        },
        "company": run.project.name,
        "language": ",".join(run.order.languages),
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


def _is_up_to_date(run: Run, published: Mapping[str, Any] | None) -> bool:
    if published is None or published.get("key") != run.manifest["key"]:
        return False
    if any(value.startswith("not a file") for value in run.manifest["inputs"].values()):
        return False
    return intact(run.archive.published(run.period), published)


# making -------------------------------------------------------------------------------------------


def _make(
    run: Run,
    staging: Path,
    stop: Stop,
    published: Mapping[str, Any] | None,
    told: Told,
) -> Outcome:
    run.check = stop.check
    executed = staging / "executed"
    executed.mkdir()
    try:
        run.executions = execute_all(
            [_job(run, article, executed) for article in run.answerable],
            limits=run.order.limits,
            stop=stop,
            progress=Meter(
                [article.name for article in run.answerable],
                _seconds_before(run, published),
                run.order.limits.jobs,
                told,
            ),
            kernels=run.kernels,
        )
        _raise_worst(run)
        report = staging / "report"
        build(run, executed, report)
        stop.check()
        return publish(run, report, published)
    except RetentionError as error:
        return _fail(run, staging, error)
    except OSError:
        raise
    except Exception as error:
        return _fail(run, staging, error)


def _seconds_before(run: Run, published: Mapping[str, Any] | None) -> dict[str, float]:
    """Return what each notebook took, as far as an earlier report tells."""
    earlier = [read_json(run.archive.folder / p.label / MANIFEST) for p in run.history.metrics]
    return seconds_before([*earlier, published])


def _job(run: Run, article: Article, executed: Path) -> Job:
    return Job(
        article=article,
        values=run.values[article.name],
        cwd=run.project.root,
        output=executed / f"{article.name}.ipynb",
        languages=",".join(lang for lang in run.order.languages if lang != "en"),
    )


class _NotebooksFailedError(RetentionError):
    """Carries the exit code of the first notebook that failed."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def _raise_worst(run: Run) -> None:
    bad = [execution for execution in run.executions if execution.exit_code]
    if bad:
        names = ", ".join(execution.article for execution in bad)
        raise _NotebooksFailedError(f"{names}: {bad[0].status}, {bad[0].reason}", bad[0].exit_code)
    if not any(execution.status == "answered" for execution in run.executions):
        raise DataError(
            "no question can be answered with the tables of this project; see which are needed: "
            + "; ".join(f"{name}: {tables}" for name, tables in run.lacking.items())
        )


# ending -------------------------------------------------------------------------------------------


def _account(run: Run, status: str, exit_code: int) -> dict[str, Any]:
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


def publish(run: Run, report: Path, published: Mapping[str, Any] | None) -> Outcome:
    """Put a finished report in its place, as a revision if it differs from what is there."""
    archive, period = run.archive, run.period
    manifest = _account(run, "published", 0)
    manifest["outputs"] = outputs_of(report)
    manifest["first"] = comparing.first_published(published, read_json(report / comparing.METRICS))
    place = archive.published(period)
    done = partial(Outcome, period=period, page=_page(archive, period), executions=run.executions)
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


def _fail(run: Run, staging: Path, error: Exception) -> Outcome:
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
        **frame(run),
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
        executions=run.executions,
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
