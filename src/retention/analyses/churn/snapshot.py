"""Is the file a snapshot of survivors? All leave in one short span, and customers go far back."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from retention.engine import Tables
from retention.features import SpellDates, build_cube, build_spell_dates
from retention.models import KaplanMeier
from retention.window import Period

__all__ = ["SnapshotBound", "find_snapshot", "snapshot_cautions"]

_SHARE = 0.25


@dataclass(frozen=True, eq=False)
class SnapshotBound:
    """What the curve would be if nothing before the first leaving seen had been recorded.

    Parameters
    ----------
    first, last : datetime.date
        The first and the last day on which anybody was seen to leave.
    recorded_from : datetime.date
        First day of the period before: leavers are taken as recorded from then on.
    table : pandas.DataFrame
        The curve of those followed from `recorded_from` on: ``tenure``, ``survival``, ``low``,
        ``high``, ``at_risk``.
    """

    first: date
    last: date
    recorded_from: date
    table: pd.DataFrame


def _looks_like_one(tables: Tables, grace_days: int) -> SpellDates | None:
    """Return the dates of the spells if every leaving lies in a short end of the window."""
    dates = build_spell_dates(tables, grace_days=grace_days)
    if dates.n_events < tables.minimum_n or dates.first_event is None:
        return None
    reach = (tables.window.cutoff - max(tables.window.start, dates.first_start)).days
    if (tables.window.cutoff - dates.first_event).days > _SHARE * reach:
        return None
    return dates


def find_snapshot(
    tables: Tables, *, grace_days: int = 0, level: float = 0.95
) -> SnapshotBound | None:
    """Return the entry-aware curve if every leaving seen lies in a short end of the window."""
    dates = _looks_like_one(tables, grace_days)
    if dates is None or dates.first_event is None or dates.last_event is None:
        return None
    # the unit of tenure in which the first one left began in the period before, at the earliest
    unit = Period.containing(dates.first_event, tables.window.unit).previous()
    cube = build_cube(tables, grace_days=grace_days, observed_from=unit.start)
    return SnapshotBound(
        dates.first_event, dates.last_event, unit.start, KaplanMeier(level=level).fit(cube).table
    )


def snapshot_cautions(tables: Tables) -> tuple[str, ...]:
    """Return the warning of a snapshot, for answers that draw no curve beside the other."""
    dates = _looks_like_one(tables, 0)
    if dates is None:
        return ()
    return (
        f"These data look like a snapshot of survivors: everybody who left did so from "
        f"{dates.first_event} on, although customers go back much further. Whoever left earlier is "
        "missing: risk at a given tenure is too low, and earlier customers look too loyal. Find "
        "out from when leavers were kept, and set observed_from to that day.",
    )
