"""When spells began and ended: whether the window holds the history it claims."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from retention.engine import Tables, template

from .spells import nobody_seen, spell_sql

__all__ = ["SpellDates", "build_spell_dates"]


@dataclass(frozen=True, kw_only=True)
class SpellDates:
    """First and last days of the spells in a window.

    Parameters
    ----------
    n, n_events, n_truncated, n_customers : int
        Spells; those that left; those that began before the window; customers they belong to.
    first_start : datetime.date
        First day on which any of them began.
    first_event, last_event : datetime.date or None
        First and last day on which any of them ended; None if none did.
    """

    n: int
    n_events: int
    n_truncated: int
    n_customers: int
    first_start: date
    first_event: date | None
    last_event: date | None


def build_spell_dates(tables: Tables, *, grace_days: int = 0) -> SpellDates:
    """Return when the spells of `build_durations` began and ended, from one row of the engine."""
    sql, names = spell_sql(tables, (), False, grace_days)
    row = tables.query(sql + template("retention.features", "spell_dates.sql"), **names).iloc[0]
    if not row["n"]:
        raise nobody_seen(tables)
    first = _day(row["first_start"])
    assert first is not None  # n is above 0
    return SpellDates(
        n=int(row["n"]),
        n_events=int(row["n_events"]),
        n_truncated=int(row["n_truncated"]),
        n_customers=int(row["n_customers"]),
        first_start=first,
        first_event=_day(row["first_event"]),
        last_event=_day(row["last_event"]),
    )


def _day(value: Any) -> date | None:
    return None if pd.isna(value) else pd.Timestamp(value).date()
