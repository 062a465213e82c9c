"""Several reports one after the other, and what is said of them meanwhile."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from time import monotonic
from typing import Any, Literal

from retention.errors import RetentionError, TemporaryError
from retention.project import Project
from retention.reports.archive import rebuild_index
from retention.reports.kernels import Kernels
from retention.reports.orders import Order, Outcome
from retention.reports.progress import Seen
from retention.reports.running import run_report
from retention.reports.sharing import notify, send_mail
from retention.window import Period

__all__ = ["Console", "Volume", "make_reports"]

Volume = Literal["quiet", "normal", "verbose"]
_LAST = (75, 124, 130, 143)  # codes after which the next period would fare no better


@dataclass(frozen=True, kw_only=True)
class Console:
    """Where a batch says what, and how much.

    Parameters
    ----------
    out : callable
        Takes a line of the result: the page of a report, or a record of it.
    err : callable
        Takes what is said on the way: text, and whether a line ends here.
    volume : str
        ``quiet`` says what failed and nothing else, ``verbose`` also cells, seconds and memory.
    as_json : bool
        Whether the result is one JSON record a report, instead of its page.
    changing : bool
        Whether a line may be written over, as on a terminal.
    """

    out: Callable[[str], None]
    err: Callable[[str, bool], None]
    volume: Volume = "normal"
    as_json: bool = False
    changing: bool = False

    def say(self, text: str, at: Volume = "normal") -> None:
        """Say a line, if that much is to be said."""
        order = ("quiet", "normal", "verbose")
        if order.index(self.volume) >= order.index(at):
            self.err(text, True)


def make_reports(
    project: Project,
    periods: Sequence[Period],
    order: Order,
    console: Console,
    *,
    warm: bool = True,
    command: str | None = None,
    address: str | None = None,
) -> int:
    """Make the reports of periods in their order, and tell whoever wants to know.

    Parameters
    ----------
    project : Project
        The company.
    periods : sequence of Period
        In order, so that each is compared with those before.
    order : Order
        What is asked of each.
    console : Console
        Where it is told.
    warm : bool
        Whether kernels are forked from one process that has imported everything.
    command, address : str, optional
        Run and mailed to after each report.

    Returns
    -------
    int
        The first exit code that is not 0, or 0.
    """
    code = 0
    taken: list[float] = []
    with Kernels(warm=warm) as kernels:
        for place, period in enumerate(periods):
            line = _Line(console, periods, place, taken)
            started = monotonic()
            outcome = _one(project, period, order, line, kernels)
            line.end()
            taken.append(monotonic() - started)
            _conclude(outcome, project, order, console, taken[-1])
            if outcome.status in ("published", "failed"):
                _tell(outcome, project.name, console, command, address)
            code = code or outcome.exit_code
            if outcome.exit_code in _LAST:
                break
    return code


def _one(project: Project, period: Period, order: Order, line: _Line, kernels: Kernels) -> Outcome:
    try:
        return run_report(project, period, order, line, kernels)
    except RetentionError as error:
        return Outcome(period=period, status="failed", exit_code=error.exit_code, reason=str(error))


def _conclude(
    outcome: Outcome, project: Project, order: Order, console: Console, seconds: float
) -> None:
    period = outcome.period
    for execution in outcome.executions:
        memory = f", {execution.peak_memory / 1e6:,.0f} MB" if execution.peak_memory else ""
        console.say(
            f"{period}: {execution.article}: {execution.status}, {execution.seconds:.1f} s{memory}"
            + (f": {execution.reason}" if execution.reason else ""),
            "verbose",
        )
    if outcome.exit_code:
        console.say(f"{period}: not published: {outcome.reason}", "quiet")
        if outcome.page:
            console.say(f"{period}: see {outcome.page}", "quiet")
    else:
        rebuild_index(project, *order.languages)
        console.say(f"{period}: {outcome.status}")
    if console.as_json:
        console.out(json.dumps(_record(outcome, seconds), ensure_ascii=False))
    elif not outcome.exit_code:
        console.out(str(outcome.page))


def _record(outcome: Outcome, seconds: float) -> dict[str, Any]:
    return {
        "period": outcome.period.label,
        "status": outcome.status,
        "exit_code": outcome.exit_code,
        "page": str(outcome.page) if outcome.page else None,
        "reason": outcome.reason,
        "seconds": round(seconds, 3),
        "notebooks": {
            e.article: {"status": e.status, "seconds": e.seconds, "peak_memory": e.peak_memory}
            for e in outcome.executions
        },
    }


def _tell(
    outcome: Outcome, company: str, console: Console, command: str | None, address: str | None
) -> None:
    """Tell whoever wants to know; that it cannot be told does not undo a report."""
    try:
        if command:
            notify(command, outcome, company)
        if address:
            send_mail(address, outcome, company)
    except TemporaryError as error:
        console.say(f"{outcome.period}: {error}", "quiet")


# progress -----------------------------------------------------------------------------------------


class _Line:
    """Progress of one report among many: a line that changes, or one line a finished notebook."""

    def __init__(
        self, console: Console, periods: Sequence[Period], place: int, taken: list[float]
    ) -> None:
        self.console = console
        self.periods = periods
        self.place = place
        self.taken = taken  # seconds of the reports before

    def __call__(self, seen: Seen) -> None:
        """Say how far the run is."""
        if self.console.volume == "quiet":
            return
        if self.console.changing:
            self.console.err(f"\r\x1b[K{self._text(seen)}", False)
        elif seen.cell == seen.cells:
            name = f"{self.periods[self.place]}: {seen.notebook} done in {seen.seconds:.1f} s"
            left = "" if seen.left is None else f", about {readable_seconds(seen.left)} left"
            self.console.err(f"{name} ({seen.finished} of {seen.notebooks}{left})", True)
        elif self.console.volume == "verbose":
            name = f"{self.periods[self.place]}: {seen.notebook}"
            self.console.err(f"{name} {seen.cell}/{seen.cells} cells", True)

    def _text(self, seen: Seen) -> str:
        several = f" ({self.place + 1} of {len(self.periods)})" if len(self.periods) > 1 else ""
        parts = [
            f"{self.periods[self.place]}{several}: {seen.notebook} {seen.cell}/{seen.cells}",
            f"{seen.finished} of {seen.notebooks} notebooks",
        ]
        if seen.left is not None:
            parts.append(f"about {readable_seconds(seen.left)} left")
            if self.taken and self.place + 1 < len(self.periods):
                rest = (len(self.periods) - self.place - 1) * sum(self.taken) / len(self.taken)
                parts.append(f"{readable_seconds(rest + seen.left)} for all")
        return ", ".join(parts)

    def end(self) -> None:
        """Take the line away."""
        if self.console.changing and self.console.volume != "quiet":
            self.console.err("\r\x1b[K", False)


def readable_seconds(seconds: float) -> str:
    """Return a time as a person would say it.

    Examples
    --------
    >>> readable_seconds(42.4), readable_seconds(95), readable_seconds(7300)
    ('42 s', '2 min', '2 h 2 min')
    """
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
