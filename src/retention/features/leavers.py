"""Who left between two days, and how many of those here left, period by period."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ParameterError
from retention.window import Period

from .spells import spell_sql

__all__ = ["build_churn_periods", "build_leavers"]

_PACKAGE = "retention.features"


def build_leavers(
    tables: Tables, since: date, before: date, *, grace_days: int = 0
) -> pd.DataFrame:
    """Build one row a spell that was running before `since` and ended from then to `before`.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``spell``, ``started_on``, ``ended_on`` (first day without us).

    Raises
    ------
    ParameterError
        If `before` lies after the cutoff: leavers up to then are not known.
    """
    if before > tables.window.cutoff:
        raise ParameterError(f"leavers up to {before} are not known at {tables.window.cutoff}")
    sql, names = spell_sql(tables, (), False, grace_days)
    days = {"since": f"date '{since}'", "before": f"date '{before}'"}
    frame = tables.query(sql + template(_PACKAGE, "leavers.sql"), **names, **days)
    return frame.set_index("customer_id")


def build_churn_periods(
    tables: Tables, *, by: Sequence[str] = (), periods: int = 25, band: int = 12, bands: int = 4
) -> pd.DataFrame:
    """Count, for each of the last periods of the window's unit, who was here and who left in it.

    Parameters
    ----------
    tables : Tables
        With ``contracts``; ``customers`` if `by` names its columns.
    by : sequence of str
        Columns to split by, beside tenure.
    periods : int
        How many periods, up to the last whole one; none begins before the window.
    band, bands : int
        Width of a tenure band in units, and how many there are (the last is open).

    Returns
    -------
    pandas.DataFrame
        ``day`` (first of the period), ``tenure_band``, the columns of `by`, ``n`` (here when it
        began) and ``events`` (of these, ended in it).
    """
    last = tables.window.last_period
    found: list[Period] = []
    while len(found) < periods and last.start >= tables.window.start:
        found.insert(0, last)
        last = last.previous()
    if not found:
        raise NotEnoughDataError("the window holds no whole period")
    sql, names = spell_sql(tables, by, False, 0)
    marks = ", ".join(f"(date '{p.start}', date '{p.end}')" for p in found)
    return tables.query(
        sql + template(_PACKAGE, "churn_periods.sql"), **names, marks=marks, band=band, bands=bands
    )
