"""Contact before each period of tenure, what decides who gets it, and the hazard that follows."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retention.engine import Tables
from retention.features import Driver, build_active, build_hazard_cells, default_drivers
from retention.models import DiscreteHazard, DiscreteHazardFit

from .complaint_recovery import case_states, handling_drivers
from .leaving_hazard import groups_of, require_minimum, told_columns, varying_columns

__all__ = [
    "DEPTHS",
    "MOST",
    "active_contacts",
    "column_of",
    "contact_cells",
    "contact_drivers",
    "fit_contacts",
    "number_columns",
    "with_contacts",
]

DEPTHS = ("courtesy", "promotional", "personal")
MOST = 3  # contacts of a depth within the days that are told apart
_NUMBER = "number_personal"
_LASTS_DAYS = 180
_QUICK_DAYS = 7
_FEWEST = 5


def column_of(depth: str = "", channel: str = "") -> str:
    """Return the column that says whether there was such a contact."""
    return "contact " + " ".join(part for part in (depth, channel) if part)


def number_columns() -> list[str]:
    """Return the columns that say whether there were at least 1, 2, ... personal contacts."""
    return [f"at least {k}" for k in range(1, MOST + 1)]


def contact_drivers(
    tables: Tables, pairs: Sequence[tuple[str, str]], days: int
) -> tuple[Driver, ...]:
    """Return one fact a pair of depth and channel, and the number of personal contacts."""
    where = "direction = 'outbound' and depth = '{}'"
    found = [
        Driver(name=column_of(depth, channel), table="contacts", kind="count", days=days, most=1,
               where=where.format(depth) + (f" and channel = '{channel}'" if channel else ""))
        for depth, channel in pairs
    ]  # fmt: skip
    number = Driver(name=_NUMBER, table="contacts", kind="count", days=days, most=MOST,
                    where=where.format("personal"))  # fmt: skip
    return (*found, number)


def held_drivers(tables: Tables) -> tuple[Driver, ...]:
    """Return what decides who gets a contact, or moves leaving besides: cases, bonds, answers."""
    cases: tuple[Driver, ...] = ()
    if {"closed_on", "outcome"} <= set(tables.columns("complaints")):
        cases = handling_drivers(tables, quick_days=_QUICK_DAYS, lasts_days=_LASTS_DAYS)
    taken = {driver.name for driver in cases} | {"contacts"}
    if cases:
        taken |= {"complaints", "open_complaints"}
    rest = tuple(d for d in default_drivers(tables) if d.name not in taken)
    return (*(d for d in cases if not d.name.startswith("contact")), *rest)


def with_contacts(rows: pd.DataFrame, pairs: Sequence[tuple[str, str]]) -> pd.DataFrame:
    """Add whether there was any contact of a depth, of a channel, at least so many."""
    frame = case_states(rows) if "ended_case" in rows else rows.copy()
    for place in (0, 1):
        for name in dict.fromkeys(pair[place] for pair in pairs if pair[place]):
            own = [column_of(*pair) for pair in pairs if pair[place] == name]
            whole = column_of(name, "") if place == 0 else column_of("", name)
            frame[whole] = frame[own].max(axis=1)
    if _NUMBER in frame:
        for k, name in enumerate(number_columns(), start=1):
            frame[name] = (frame[_NUMBER].astype(int) >= k).astype(int)
    return frame


def contact_cells(
    tables: Tables, pairs: Sequence[tuple[str, str]], days: int
) -> tuple[pd.DataFrame, list[str]]:
    """Return counted periods with every contact column, and the columns to be held."""
    by, others = groups_of(tables), held_drivers(tables)
    drivers = [*contact_drivers(tables, pairs, days), *others]
    cells = with_contacts(build_hazard_cells(tables, by=by, drivers=drivers), pairs)
    require_minimum(int(cells["events"].sum()), tables, "customers left")
    if "state" in cells:
        left = cells.groupby("state")["events"].sum()
        cells["state"] = cells["state"].where(cells["state"].map(left) >= _FEWEST, "none")
    held = [*by, "state", *(d.name for d in others), "price_gap", "renewal_due"]
    held = [name for name in held if name not in ("open_case", "ended_case")]
    return cells, varying_columns(cells, held)


def fit_contacts(
    cells: pd.DataFrame, names: Sequence[str], held: Sequence[str], level: float
) -> DiscreteHazardFit:
    """Fit the hazard on contacts with five leavers after them, and on what is held."""
    told = told_columns(cells, names)
    wanted = {"state": "none", "severity": "slight", "satisfaction": "unknown"}
    references = {
        name: level_ for name, level_ in wanted.items()
        if name in held and level_ in set(cells[name])
    }  # fmt: skip
    spec = DiscreteHazard(covariates=[*told, *held], references=references, level=level)
    return spec.fit(cells)


def active_contacts(
    tables: Tables, pairs: Sequence[tuple[str, str]], days: int, fit: DiscreteHazardFit
) -> pd.DataFrame:
    """Return one row a customer who is here, with the columns of the fit as known now."""
    drivers = [*contact_drivers(tables, pairs, days), *held_drivers(tables)]
    active = with_contacts(build_active(tables, by=groups_of(tables), drivers=drivers), pairs)
    active = active[~active.index.duplicated()]
    for name, levels in fit.design.levels.items():
        active[name] = active[name].where(active[name].isin(levels), levels[0])
    return active
