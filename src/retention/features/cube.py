"""The count cube of the spells, made where the contracts lie."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from retention.engine import Tables, template
from retention.errors import ParameterError
from retention.schemas import check_cube
from retention.window import Unit

from .spells import nobody_seen, spell_sql

__all__ = ["build_cube"]

_MONTHS: dict[Unit, int] = {"month": 1, "quarter": 3, "year": 12}


def build_cube(
    tables: Tables,
    *,
    by: Sequence[str] = (),
    reasons: bool = False,
    grace_days: int = 0,
    observed_from: date | None = None,
    cohort: Unit | None = None,
) -> pd.DataFrame:
    """Count the spells by pattern and tenure, where the contracts lie.

    Parameters
    ----------
    tables, by, reasons, grace_days, observed_from
        As for `build_durations`; `by` makes the patterns.
    cohort : str, optional
        ``month``, ``quarter`` or ``year``: adds the pattern column ``cohort``, the first day of the
        period in which the spell began.

    Returns
    -------
    pandas.DataFrame
        One row a pattern and tenure at which anything enters or ends; schema `check_cube`.
        ``attrs["window"]`` is the window.

    Raises
    ------
    MissingTableError, ParameterError, NotEnoughDataError
        As `build_durations`.
    """
    sql, names = spell_sql(tables, by, reasons, grace_days, observed_from)
    if cohort is not None:
        if cohort not in _MONTHS:
            raise ParameterError(f"cohorts are by month, quarter or year, not by {cohort}")
        names |= {"cohort_months": _MONTHS[cohort], "pattern": [*by, "cohort"]}
    names["causes"] = _causes(tables, sql, names) if reasons else []
    cube = tables.query(sql + template("retention.features", "cube.sql"), **names)
    if cube.empty:
        raise nobody_seen(tables)
    counts = [name for name in cube.columns if name not in by]
    cube[counts] = cube[counts].astype("int64")
    if cohort is not None:
        months = cube["cohort"] * _MONTHS[cohort]
        days = [date(month // 12, month % 12 + 1, 1) for month in months]
        cube["cohort"] = pd.to_datetime(days)
    cube.attrs["window"] = tables.window
    return check_cube(cube)


def _causes(tables: Tables, sql: str, names: dict[str, Any]) -> list[str]:
    query = "select distinct reason from spells where event = 1 order by reason"
    return [str(cause) for cause in tables.query(sql + query, **names)["reason"]]
