"""Runs notebooks, and tells the truth about how that ended.

Papermill marks the cells of a notebook ``completed`` after a time-out or when the kernel died, so
nothing is read from the notebook: the status comes from the exception that was caught here.
"""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue
from time import monotonic, sleep
from typing import Any, Literal

from retention.errors import (
    DataError,
    GateError,
    InterruptedRunError,
    KernelDiedError,
    NotebookError,
    RetentionError,
    TemporaryError,
    TimeLimitError,
)
from retention.reports.articles import Article
from retention.reports.kernels import Kernel, Kernels, load_machinery
from retention.reports.limits import Limits, Stop

__all__ = ["Execution", "Job", "Progress", "Status", "execute_all"]

Status = Literal[
    "answered",
    "unanswered",
    "failed",
    "bad data",
    "gate failed",
    "timed out",
    "kernel died",
    "temporary",
]
Progress = Callable[[str, int, int, float], None]
"""Called with notebook, cells done, cells in all, seconds so far."""

_EXIT_CODES: dict[Status, int] = {
    "answered": 0,
    "unanswered": 0,
    "failed": NotebookError.exit_code,
    "bad data": DataError.exit_code,
    "gate failed": GateError.exit_code,
    "timed out": TimeLimitError.exit_code,
    "kernel died": KernelDiedError.exit_code,
    "temporary": TemporaryError.exit_code,
}
_UNANSWERED = {"MissingTableError", "NotEnoughDataError", "NotIdentifiedError"}
_BAD_DATA = {"SchemaError", "DataError", "LookAheadError"}
_ANSI = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")
_LAST_LINES = 25


@dataclass(frozen=True, kw_only=True)
class Job:
    """One notebook to run: with which values, from where, into which file, for which languages."""

    article: Article
    values: dict[str, Any]
    cwd: Path
    output: Path
    languages: str = ""


@dataclass(frozen=True, kw_only=True)
class Execution:
    """How the run of one notebook ended.

    Parameters
    ----------
    article : str
        The notebook.
    status : str
        ``answered`` is the only success; ``unanswered`` means the data cannot answer, and `reason`
        says why.
    reason : str
        One sentence; empty if answered.
    traceback : str
        The last lines, for the analyst.
    cell : int or None
        The cell that failed, counted from 0.
    seconds : float
        Of the whole notebook, kernel start included.
    cell_seconds : tuple of float
        Of each code cell that was finished.
    peak_memory : int or None
        Most bytes the kernel used.
    """

    article: str
    status: Status
    reason: str = ""
    traceback: str = ""
    cell: int | None = None
    seconds: float = 0.0
    cell_seconds: tuple[float, ...] = ()
    peak_memory: int | None = None

    @property
    def exit_code(self) -> int:
        """The code the command line ends with if this is the worst that happened."""
        return _EXIT_CODES[self.status]


@dataclass
class _Clock:
    """What is seen of a running notebook from outside."""

    job: Job
    progress: Progress
    kernel: Kernel
    started: float = field(default_factory=monotonic)
    cell_started: float = 0.0
    cell: int | None = None
    cells: list[float] = field(default_factory=list)
    peak_memory: int | None = None
    total: int = 0

    def on_notebook_start(self, notebook: Any) -> None:
        self.total = sum(cell.cell_type == "code" for cell in notebook.cells)

    def on_cell_start(self, cell: Any, cell_index: int) -> None:
        if cell.cell_type == "code":
            self.cell, self.cell_started = cell_index, monotonic()

    def on_cell_executed(self, cell: Any, cell_index: int, execute_reply: Any) -> None:
        self.cells.append(monotonic() - self.cell_started)
        self.peak_memory = self.kernel.peak_memory() or self.peak_memory
        name, spent = self.job.article.name, monotonic() - self.started
        self.progress(name, len(self.cells), self.total, spent)

    def ended(self, status: Status, reason: str = "", traceback: str = "") -> Execution:
        return Execution(
            article=self.job.article.name,
            status=status,
            reason=reason,
            traceback=traceback,
            cell=self.cell if status != "answered" else None,
            seconds=round(monotonic() - self.started, 3),
            cell_seconds=tuple(round(x, 3) for x in self.cells),
            peak_memory=self.peak_memory,
        )


def execute_all(
    jobs: Sequence[Job],
    *,
    limits: Limits,
    stop: Stop,
    progress: Progress,
    kernels: Kernels | None = None,
) -> tuple[Execution, ...]:
    """Run notebooks, each in a kernel of its own, and wait for all of them.

    Parameters
    ----------
    jobs : sequence of Job
        What to run; the result is in the same order.
    limits : Limits
        Time limits, and how many run at once.
    stop : Stop
        Ends everything early.
    progress : callable
        Told of every finished cell; called from the threads that run the notebooks.
    kernels : Kernels, optional
        Where kernels come from, for whoever runs many periods; the caller closes it.

    Raises
    ------
    InterruptedRunError, TimeLimitError
        If `stop` says so. Every kernel has been killed by then.
    """
    if kernels is None:
        with Kernels() as own:
            return execute_all(jobs, limits=limits, stop=stop, progress=progress, kernels=own)
    load_machinery()
    kernels.prepare([job.article.path for job in jobs], stop.check)
    logging.getLogger("papermill").setLevel(logging.CRITICAL)
    waiting: SimpleQueue[tuple[int, Job]] = SimpleQueue()
    for numbered in enumerate(jobs):
        waiting.put(numbered)
    results: dict[int, Execution | BaseException] = {}
    running: set[Kernel] = set()
    ways = _Ways(limits, progress, kernels, running)

    def work() -> None:
        while not stop.event.is_set():
            try:
                place, job = waiting.get_nowait()
            except Empty:
                return
            try:
                results[place] = _execute(job, ways)
            except BaseException as error:
                results[place] = error

    threads = [
        threading.Thread(target=work, daemon=True) for _ in range(min(limits.jobs, len(jobs)))
    ]
    for thread in threads:
        thread.start()
    try:
        while any(thread.is_alive() for thread in threads):
            sleep(0.1)
            stop.check()
    except (InterruptedRunError, TimeLimitError):
        stop.event.set()
        _kill_all(running, threads)
        raise
    return tuple(_result(results[place]) for place in range(len(jobs)))


def _kill_all(running: set[Kernel], threads: Sequence[threading.Thread]) -> None:
    """Kill the kernels until their threads have noticed; one may just be starting."""
    end = monotonic() + 10
    while any(thread.is_alive() for thread in threads) and monotonic() < end:
        for kernel in tuple(running):
            kernel.kill()
        for thread in threads:
            thread.join(0.1)


def _result(result: Execution | BaseException) -> Execution:
    if isinstance(result, BaseException):
        raise result
    return result


@dataclass(frozen=True)
class _Ways:
    """How the notebooks of a run are run, the same for all."""

    limits: Limits
    progress: Progress
    kernels: Kernels
    running: set[Kernel]


def _execute(job: Job, ways: _Ways) -> Execution:
    """Run one notebook; once more, in a fresh kernel, if its kernel did not start."""
    result = _attempt(job, ways)
    return _attempt(job, ways, fresh=True) if result.status == "temporary" else result


def _attempt(job: Job, ways: _Ways, *, fresh: bool = False) -> Execution:
    limits, running = ways.limits, ways.running
    kernel = ways.kernels.kernel(fresh=fresh, languages=job.languages)
    running.add(kernel)
    clock = _Clock(job, ways.progress, kernel)
    try:
        _run_papermill(job, limits, clock)
        return clock.ended("answered")
    except RetentionError:
        raise
    except Exception as error:
        return _failure(error, clock, limits)
    finally:
        kernel.end()
        running.discard(kernel)
        _close_event_loop()


def _run_papermill(job: Job, limits: Limits, clock: _Clock) -> None:
    from papermill import execute_notebook

    execute_notebook(
        job.article.path,
        job.output,
        parameters=job.values,
        kernel_name="python3",
        language="python",
        progress_bar=False,
        km=clock.kernel.manager,
        resources={"metadata": {"path": str(job.cwd)}},
        start_timeout=60,
        iopub_timeout=60,
        execution_timeout=limits.cell_seconds,
        on_notebook_start=clock.on_notebook_start,
        on_cell_start=clock.on_cell_start,
        on_cell_executed=clock.on_cell_executed,
    )


def _failure(error: Exception, clock: _Clock, limits: Limits) -> Execution:
    """Tell the ways of failing apart by what was raised."""
    from nbclient.exceptions import CellTimeoutError, DeadKernelError
    from papermill.exceptions import PapermillExecutionError

    if isinstance(error, PapermillExecutionError):
        status: Status = "failed"
        if error.ename in _UNANSWERED:
            status = "unanswered"
        elif error.ename in _BAD_DATA:
            status = "bad data"
        elif error.ename == "GateError":
            status = "gate failed"
        return clock.ended(status, f"{error.ename}: {error.evalue}", _tail(error.traceback))
    if isinstance(error, CellTimeoutError):
        reason = f"a cell took longer than {limits.cell_seconds} seconds"
        return clock.ended("timed out", reason, str(error))
    if isinstance(error, DeadKernelError) and clock.cell is not None:
        return clock.ended(
            "kernel died", "the kernel ended by itself, often for want of memory", str(error)
        )
    if isinstance(error, OSError) and not isinstance(error, TimeoutError):
        return clock.ended("temporary", f"the system refused: {error.strerror or error}")
    if isinstance(error, RuntimeError | TimeoutError) and clock.cell is None:
        return clock.ended("temporary", f"the kernel did not start: {error}")
    return clock.ended("failed", f"{type(error).__name__}: {error}")


def _tail(traceback: Sequence[str]) -> str:
    lines = _ANSI.sub("", "\n".join(traceback)).splitlines()
    return "\n".join(lines[-_LAST_LINES:])


def _close_event_loop() -> None:
    """Close the loop that jupyter opened in this thread; the next notebook opens its own."""
    from jupyter_core.utils import ensure_event_loop

    ensure_event_loop().close()
