"""What may drive leaving, as it was known before each period: one `Driver` a fact.

A fact counts for a period of tenure only if it was known before the period's first day, so that no
covariate can know what happened in the period it is to explain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from retention.engine import Tables, literal
from retention.errors import LookAheadError, ParameterError
from retention.schemas import INPUT_TABLES

__all__ = ["Driver", "default_drivers"]


@dataclass(frozen=True, kw_only=True)
class Driver:
    """One covariate made of dated rows.

    Parameters
    ----------
    name : str
        Column of the result.
    table : str
        Input table.
    kind : str
        ``count``: rows dated in the `days` before the period. ``active``: rows begun before the
        period and not over (`until`). ``last``: mean of the value on the last day it was given
        within `days`, as a band.
    day : str
        Date from which a row is known; by default that of the table. A value that becomes known
        later than its row (an outcome, a follow-up score) must name that later date.
    until : str
        For ``active``: the date on which it is over.
    days : int
        How far back.
    lag_days : int
        Days before the period that are left out as well; 0 or more.
    value_sql : str
        For ``last``: the value, as SQL over the table's columns.
    column : str
        For ``last``: the column behind the value, so that the date it is known from can be checked.
    where : str
        SQL condition on the rows.
    bands : tuple of (float, str)
        For ``last``: upper limits and labels, rising.
    top_band : str
        Label above the last limit.
    most : int
        Counts above this are set to it, so that a few customers do not carry the slope.

    Raises
    ------
    LookAheadError
        If the lag is negative, or the value is not yet known on `day`.
    """

    name: str
    table: str
    kind: Literal["count", "active", "last"]
    day: str = ""
    until: str = ""
    days: int = 90
    lag_days: int = 0
    value_sql: str = ""
    column: str = ""
    where: str = ""
    bands: tuple[tuple[float, str], ...] = ()
    top_band: str = "high"
    most: int = 3

    def __post_init__(self) -> None:
        if self.table not in INPUT_TABLES:
            raise ParameterError(f"driver {self.name}: no table {self.table}")
        schema = INPUT_TABLES[self.table]
        if not self.day:
            object.__setattr__(self, "day", schema.dated)
        if self.lag_days < 0:
            raise LookAheadError(
                f"driver {self.name}: lag_days {self.lag_days} would use what happened in the "
                "period itself or later; 0 is the least"
            )
        if self.column:
            known = next((c.known_from for c in schema.columns if c.name == self.column), "")
            if known and known != self.day:
                raise LookAheadError(
                    f"driver {self.name}: {self.table}.{self.column} is known from {known} on, not "
                    f"from {self.day}; set day={known!r}"
                )


def default_drivers(tables: Tables) -> tuple[Driver, ...]:
    """Return the drivers that the company's tables allow: complaints, contacts, answers, bonds."""
    found = [driver for driver in _COMMON if driver.table in tables]
    if "contracts" in tables.derived and "orders" in tables:
        found.append(_PACE)
    found = [d for d in found if not d.until or d.until in tables.columns(d.table)]
    if "surveys" in tables and (driver := _satisfaction(tables)) is not None:
        found.append(driver)
    return tuple(found)


_COMMON = (
    Driver(name="complaints", table="complaints", kind="count", most=2),
    Driver(
        name="open_complaints", table="complaints", kind="active", until="closed_on", most=1
    ),
    Driver(name="contacts", table="contacts", kind="count", most=3),
    Driver(name="bonds", table="bonds", kind="active", most=4),
    Driver(name="programmes", table="enrolments", kind="active", until="ended_on", most=2),
)  # fmt: skip


# where orders say who is here, how often a customer ordered is what is known of each first
_PACE = Driver(name="orders", table="orders", kind="count", days=365, where="amount > 0", most=12)


def _satisfaction(tables: Tables) -> Driver | None:
    """Return the last answer on satisfaction within a year, on a scale from 0 to 100, in bands."""
    scales = {
        item: scale
        for item, scale in sorted(tables.items.items())
        if scale.get("construct") == "csat" and "low" in scale and "high" in scale
    }
    if not scales:
        return None
    cases = " ".join(
        f"when {literal(item)} then (score - {scale['low']}) * cast(100 as double) "
        f"/ {scale['high'] - scale['low']}"
        for item, scale in scales.items()
    )
    return Driver(
        name="satisfaction", table="surveys", kind="last", days=365, column="score",
        value_sql=f"case item {cases} end", bands=((50.0, "low"), (80.0, "middle")),
    )  # fmt: skip


def check_names(drivers: Sequence[Driver], by: Sequence[str]) -> None:
    """Raise `ParameterError` if two columns would have one name."""
    names = [*by, *(driver.name for driver in drivers)]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        raise ParameterError(f"two columns are called {', '.join(twice)}")
