"""Which periods a run is about."""

from __future__ import annotations

from collections.abc import Collection
from datetime import date, datetime
from zoneinfo import ZoneInfo

from retention.errors import ParameterError
from retention.project import Project
from retention.window import UNITS, Period, Unit

__all__ = ["due_periods", "latest_period", "local_today", "parse_period", "report_unit"]


def report_unit(project: Project) -> Unit:
    """Return how long a report's period is: ``report.period`` of the project, or a month.

    Raises
    ------
    ParameterError
        If it is no unit.
    """
    unit = project.report.get("period", "month")
    if unit not in UNITS:
        raise ParameterError(f"[report] period must be one of {', '.join(UNITS)}, not {unit!r}")
    return unit  # type: ignore[no-any-return]


def latest_period(project: Project) -> Period:
    """Return the last period that the data hold whole."""
    report_unit(project)
    return project.period_containing(project.data_cutoff).previous()


def parse_period(project: Project, text: str) -> Period:
    """Return a period by its label, fiscal ones by the project's year.

    Raises
    ------
    ParameterError
        If there is none such.
    """
    return project.period_named(text)


def local_today(project: Project) -> date:
    """Return today's date where the company is, whatever zone this machine is set to."""
    return datetime.now(ZoneInfo(project.zone)).date()


def due_periods(project: Project, published: Collection[Period], today: date) -> tuple[Period, ...]:
    """Return the periods that should have a report and have none, in order.

    A period is due `lag_days` after its end. Missed ones are caught up from the first report that
    was ever published; before there is one, only the latest period is due.

    Parameters
    ----------
    project : Project
        Its ``report.lag_days`` is how long the data need to settle.
    published : collection of Period
        What there is.
    today : datetime.date
        In the project's zone.

    Returns
    -------
    tuple of Period
        Those the data do not hold whole yet are among them: whoever runs them is told so.
    """
    unit = report_unit(project)
    lag, first_month = int(project.report.get("lag_days", 0)), project.year_starts
    last = Period.latest_closed(today, unit, lag, first_month)
    alike = (last.unit, last.first_month)
    known = sorted(p for p in published if (p.unit, p.first_month) == alike)
    if not known:
        return (last,)
    if last < known[0]:
        return ()
    return tuple(p for p in known[0].through(last) if p not in known)
