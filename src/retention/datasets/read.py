"""Read a project's tables: sources -> checked tables, with what fails set aside."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from types import MappingProxyType

from retention.engine import Base, CheckReport, Embedded, Tables, admit
from retention.errors import ParameterError, SchemaError
from retention.project import Project
from retention.schemas import INPUT_TABLES
from retention.window import Period, Window

from .sources import open_source

__all__ = ["SET_ASIDE", "read_tables"]

SET_ASIDE = Path("data/set_aside")


def read_tables(project: Project, period: str | Period | None = None) -> Tables:
    """Read all tables of a project, as known at the end of a period.

    Rows that fail a check are written to ``data/set_aside/`` with the rules they broke; the others
    are used.

    Parameters
    ----------
    project : Project
        The company.
    period : str, Period or None
        Such as ``2026-10``; None or an empty text for the last one that had ended at the data
        cutoff, in the unit of the reports.

    Returns
    -------
    Tables
        Checked, and as known at the period's end.

    Raises
    ------
    SchemaError
        If a table as a whole cannot be used: a column is missing, there are no rows.
    ParameterError
        If the period had not ended at the data cutoff, or ends before the observation begins.
    """
    chosen = _period(project, period)
    window = _window(project, chosen)
    base = _read(project)
    return Tables(
        base,
        window,
        currency=project.currency,
        minimum_n=project.minimum_n,
        items=project.items,
    )


def _period(project: Project, period: str | Period | None) -> Period:
    if isinstance(period, Period):
        return period
    if period:
        return Period.parse(period)
    return Period.containing(project.data_cutoff, project.report.get("period", "month")).previous()


def _window(project: Project, period: Period) -> Window:
    if period.end > project.data_cutoff:
        raise ParameterError(
            f"period {period} ends on {period.last_day}, but data are known only before "
            f"{project.data_cutoff} (data_cutoff in retention.toml)"
        )
    return project.window.until(period.end)


def _read(project: Project) -> Base:
    engine = Embedded(project.engine, project.root)
    columns: dict[str, tuple[str, ...]] = {}
    found = {}
    for name in INPUT_TABLES:
        if name in project.tables:
            source = project.tables[name]
            relation = open_source(engine, project.root, source)
            found[name] = admit(
                engine,
                source,
                relation,
                columns,
                zone=project.zone,
                unit=project.unit,
                data_cutoff=project.data_cutoff,
                set_aside=project.root / SET_ASIDE,
            )
    faults = [f"{check.table}: {fault}" for check in found.values() for fault in check.fatal]
    if faults:
        raise SchemaError(", ".join(n for n, check in found.items() if check.fatal), faults)
    return Base(engine, _day(project), MappingProxyType(columns), CheckReport(found))


def _day(project: Project) -> date:
    return project.data_cutoff
