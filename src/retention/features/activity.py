"""What customers did lately: counts and sums over the days before the cutoff, gaps, cohorts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import ParameterError
from retention.window import Period, Unit

__all__ = ["build_activity", "build_cohorts", "build_inactivity"]

_PACKAGE = "retention.features"
_MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}


def build_activity(tables: Tables, *, days: Sequence[int] = (30, 90, 180)) -> pd.DataFrame:
    """Count what each customer did in the last days before the cutoff.

    Parameters
    ----------
    tables : Tables
        With ``customers``; ``orders``, ``contacts`` and ``complaints`` as far as they are there.
    days : sequence of int
        Lengths of the windows; each ends with the last known day.

    Returns
    -------
    DataFrame
        Index ``customer_id``, every customer. For each length: ``orders_30`` (amount above 0),
        ``returns_30`` (below 0), ``amount_30`` (net of returns, in the currency),
        ``contacts_30``, ``complaints_30``; and the days of the last one ever.

    Raises
    ------
    MissingTableError
        If there are no customers.
    ParameterError
        If a length is not a whole number above 0, or comes twice.
    """
    tables.require("customers", needed_for="recent activity")
    if not days or any(d != int(d) or d < 1 for d in days) or len(set(days)) < len(days):
        raise ParameterError(f"days must be different whole numbers above 0, got {list(days)}")
    starts = [(int(d), tables.window.cutoff - timedelta(days=int(d))) for d in days]
    frame = tables.query(template(_PACKAGE, "activity.sql"), starts=starts)
    return _by_customer(frame, tables)


def build_inactivity(tables: Tables, *, gap_days: int = 90) -> pd.DataFrame:
    """Tell the spells of buying of each customer apart, and the gaps between them.

    Parameters
    ----------
    tables : Tables
        With ``orders``; only amounts above 0 count, and a day counts once.
    gap_days : int
        A gap of more days than this ends a spell of buying.

    Returns
    -------
    DataFrame
        Index ``customer_id``, every customer who ever bought; ``purchase_days``,
        ``active_spells``, ``longest_gap`` (days; missing after one purchase day), ``gaps`` (how
        many there were), ``sum_log_gap`` and ``sum_log_gap_squared`` (of days; missing likewise),
        ``first_order_on``, ``last_order_on``, ``days_since_order``, and ``inactive``: whether the
        gap that is open now is longer than `gap_days`.

    Raises
    ------
    MissingTableError
        If there are no orders.
    ParameterError
        If `gap_days` is below 1.
    """
    tables.require("orders", needed_for="gaps of inactivity")
    if gap_days < 1:
        raise ParameterError(f"gap_days must be 1 or more, got {gap_days}")
    frame = tables.query(template(_PACKAGE, "inactivity.sql"), gap_days=int(gap_days))
    frame["inactive"] = frame["days_since_order"] > gap_days
    return _by_customer(frame, tables)


def build_cohorts(tables: Tables, *, unit: Unit | None = None) -> pd.DataFrame:
    """Count how many of each cohort ordered in each period since it was won.

    Only whole periods that were observed are given: neither the one in which the cutoff lies,
    unless it ends there, nor those that began before the window.

    Parameters
    ----------
    tables : Tables
        With ``customers`` and ``orders``.
    unit : str, optional
        ``month``, ``quarter`` or ``year``; by default the window's unit, or months where that is
        shorter.

    Returns
    -------
    DataFrame
        One row a cohort and age; ``cohort`` (first day of its period), ``age`` (periods since, 0
        for its own), ``customers`` (size of the cohort), ``active`` (those with an order),
        ``orders``, ``amount`` (net of returns). Cells without an order are there, with zeros.
        ``attrs["window"]`` is the window.

    Raises
    ------
    MissingTableError
        If a table is missing.
    ParameterError
        If the unit is another.
    """
    tables.require("customers", "orders", needed_for="cohorts")
    chosen: Unit = unit or (tables.window.unit if tables.window.unit in _MONTHS else "month")
    if chosen not in _MONTHS:
        raise ParameterError(f"cohorts are by month, quarter or year, not by {chosen}")
    months = _MONTHS[chosen]
    counts = tables.query(template(_PACKAGE, "cohorts.sql"), unit=chosen, months=months)
    frame = _every_cell(counts, *_observed(tables, chosen, months))
    frame["cohort"] = pd.to_datetime(
        [date(index * months // 12, index * months % 12 + 1, 1) for index in frame["cohort"]]
    )
    frame.attrs["window"] = tables.window
    return frame


def _observed(tables: Tables, unit: Unit, months: int) -> tuple[int, int]:
    """Return the numbers of the first and the last period that were observed whole."""
    first = Period.containing(tables.window.start, unit)
    if first.start < tables.window.start:
        first = first.shift(1)
    last = Period.containing(tables.window.cutoff, unit).previous()
    return _number(first.start, months), _number(last.start, months)


def _number(day: date, months: int) -> int:
    return (day.year * 12 + day.month - 1) // months


def _every_cell(counts: pd.DataFrame, first: int, last: int) -> pd.DataFrame:
    sizes = counts.drop_duplicates("cohort")[["cohort", "customers"]]
    sizes = sizes[sizes["cohort"] <= last]
    cells = [
        (cohort, customers, period)
        for cohort, customers in sizes.itertuples(index=False)
        for period in range(max(cohort, first), last + 1)
    ]
    grid = pd.DataFrame(cells, columns=["cohort", "customers", "period"], dtype=np.int64)
    known = counts.dropna(subset="period").astype({"period": np.int64}).drop(columns="customers")
    frame = grid.merge(known, on=["cohort", "period"], how="left")
    measures = {"active": np.int64, "orders": np.int64, "amount": float}
    frame = frame.fillna(dict.fromkeys(measures, 0)).astype(measures)
    frame.insert(1, "age", frame["period"] - frame["cohort"])
    return frame.drop(columns="period")


def _by_customer(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    frame = frame.set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame
