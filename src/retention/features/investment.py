"""What we have built for customers and they have taught us, while they stay."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retention.engine import Tables, template
from retention.errors import MissingTableError, NotEnoughDataError

from .lock_in import BOND_LEVELS
from .spells import spell_sql

__all__ = ["build_investment"]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


def build_investment(tables: Tables, *, groups: Sequence[str] = ()) -> pd.DataFrame:
    """Count stays and leavings by tenure and by what the relationship holds, as known each time.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, and at least one of ``bonds``, ``contacts``, ``surveys``.
    groups : sequence of str
        Columns of customers or contracts to count by.

    Returns
    -------
    DataFrame
        tenure, the groups, and as far as the tables go: built (structural bonds held), talked
        (personal contacts of the year before), answered (surveys answered in the year before),
        each 0 to 5; n, events. ``attrs["parts"]`` names those that are there.

    Raises
    ------
    MissingTableError
        Without contracts, or without any of the three tables.
    NotEnoughDataError
        If nobody is at risk.
    """
    parts = [
        (name, name)
        for name, table in (("built", "bonds"), ("talked", "contacts"), ("answered", "surveys"))
        if table in tables
    ]
    if not parts:
        raise MissingTableError("bonds, contacts or surveys", "investment in relationships")
    sql, names = spell_sql(tables, groups, reasons=False, grace_days=0)
    keys = ["tenure", *groups, *(name for name, _ in parts)]
    unit = tables.window.unit
    text = sql + "".join(
        template("retention.features", name) for name in ("stay_periods.sql", "investment.sql")
    )
    structural = [kind for kind, level in BOND_LEVELS.items() if level == "structural"]
    frame = tables.query(
        text,
        **names,
        months=_MONTHS.get(unit, 0), days=_DAYS.get(unit, 0), running=False, groups=list(groups),
        parts=parts, keys=keys, built="bonds" in tables, contacts="contacts" in tables,
        surveys="surveys" in tables, depth="depth" in tables.columns("contacts"),
        kinds=structural if "kind" in tables.columns("bonds") else [],
    )  # fmt: skip
    if frame.empty:
        raise NotEnoughDataError("no customer was at risk within the window")
    frame = frame.astype(dict.fromkeys(["tenure", "n", "events", *(p for p, _ in parts)], "int64"))
    frame.attrs["window"] = tables.window
    frame.attrs["parts"] = tuple(name for name, _ in parts)
    return frame
