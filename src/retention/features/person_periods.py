"""Spells cut into units of tenure, each with what was known before it; and who is here now."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import pandas as pd

from retention.engine import Tables, template
from retention.schemas import check_person_periods

from .drivers import Driver, check_names, default_drivers
from .spells import nobody_seen, spell_sql

__all__ = ["build_active", "build_hazard_cells", "build_period_spend", "build_person_periods"]

_PACKAGE = "retention.features"
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


def build_person_periods(
    tables: Tables,
    *,
    by: Sequence[str] = (),
    drivers: Sequence[Driver] | None = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """Build one row a spell and unit of tenure at risk, covariates as known before it began.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` and the tables of the drivers.
    by : sequence of str
        Columns of ``customers`` or of the spell's first contract.
    drivers : sequence of Driver, optional
        Covariates that change; by default those that the tables allow.
    grace_days : int
        A gap up to this long between contracts is no leaving.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``spell``, ``start``, ``stop`` (tenure, ``stop = start + 1``),
        ``begins`` (day), ``event``, the columns of `by` and of the drivers, and, of the contract
        running when the period began, ``price_gap`` (log price over the mean of its product, in
        steps of a tenth: about 10 %) and ``renewal_due`` (a renewal falls on the end of the
        period). Schema `check_person_periods`.
    """
    sql, names = _known(tables, by, drivers, grace_days, template(_PACKAGE, "stay_periods.sql"))
    frame = tables.query(sql + template(_PACKAGE, "person_periods.sql"), **names)
    if frame.empty:
        raise nobody_seen(tables)
    frame = frame.set_index("customer_id").astype({"event": bool})
    # spells of one customer may overlap in tenure: each is a clock of its own
    for _, part in frame.groupby("spell"):
        check_person_periods(part)
    frame.attrs["window"] = tables.window
    return frame


def build_hazard_cells(
    tables: Tables,
    *,
    by: Sequence[str] = (),
    drivers: Sequence[Driver] | None = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """Count the person-periods by tenure and covariates, where the tables lie.

    Returns
    -------
    pandas.DataFrame
        ``start``, ``stop``, the covariates, ``n`` (periods at risk) and ``events``: what
        `DiscreteHazard` needs of `build_person_periods`, in few rows.
    """
    sql, names = _known(tables, by, drivers, grace_days, template(_PACKAGE, "stay_periods.sql"))
    frame = tables.query(sql + template(_PACKAGE, "hazard_cells.sql"), **names)
    if frame.empty:
        raise nobody_seen(tables)
    frame.attrs["window"] = tables.window
    return frame


def build_period_spend(
    tables: Tables, *, drivers: Sequence[Driver] | None = None, grace_days: int = 0
) -> pd.DataFrame:
    """Sum what each customer ordered in periods of the same covariates, known before each began.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, ``orders`` and the tables of the drivers.
    drivers : sequence of Driver, optional
        Covariates that change; by default those that the tables allow.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; the covariates, ``periods``, ``days``, ``orders`` and ``spend``
        (amounts above 0, in the currency). The last period of a stay is left out: it has no end.
    """
    tables.require("orders", needed_for="what customers order between contacts")
    sql, names = _known(tables, (), drivers, grace_days, template(_PACKAGE, "stay_periods.sql"))
    frame = tables.query(sql + template(_PACKAGE, "period_spend.sql"), **names)
    if frame.empty:
        raise nobody_seen(tables)
    frame = frame.set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame


def build_active(
    tables: Tables,
    *,
    by: Sequence[str] = (),
    drivers: Sequence[Driver] | None = None,
    grace_days: int = 0,
) -> pd.DataFrame:
    """Build one row a customer with a running contract at the cutoff, as known then.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``spell``, ``started_on``, ``tenure`` (whole units completed), the
        covariates of `build_person_periods`, and of the running contracts the ``monthly_price``
        (their sum), ``contract_age`` (units since the start of the oldest) and ``renewal_term``.
    """
    sql, names = _known(tables, by, drivers, grace_days, template(_PACKAGE, "active.sql"))
    frame = tables.query(sql + template(_PACKAGE, "active_rows.sql"), **names)
    frame = frame.set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame


def _known(
    tables: Tables,
    by: Sequence[str],
    drivers: Sequence[Driver] | None,
    grace_days: int,
    rows: str,
) -> tuple[str, dict[str, Any]]:
    drivers = default_drivers(tables) if drivers is None else drivers
    check_names(drivers, by)
    tables.require(*(driver.table for driver in drivers), needed_for="the drivers of leaving")
    sql, names = spell_sql(tables, by, False, grace_days)
    columns = tables.columns("contracts")
    terms = {"price", "product", "renewal_term"} <= set(columns)
    out = [*by, *(driver.name for driver in drivers)]
    names |= {
        "drivers": list(drivers),
        "rows": "periods",
        "running": False,
        "terms": terms,
        "columns_out": out + (["price_gap", "renewal_due"] if terms else []),
        "as_of": f"date '{tables.window.cutoff.isoformat()}'",
        "months": _MONTHS.get(tables.window.unit, 0),
        "days": _DAYS.get(tables.window.unit, 0),
    }
    return sql + rows + template(_PACKAGE, "drivers.sql"), names
