"""One thing to do, and how it is ranked."""

from __future__ import annotations

from dataclasses import dataclass

from retention.engine import Tables
from retention.estimates import Estimate

__all__ = ["Action", "a_year", "rank", "spent", "times"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Action:
    """One thing to do.

    Parameters
    ----------
    key : str
        Its name, the same from period to period: by it the next list knows it again.
    what : str
        In words that can be acted on.
    customers : tuple of str
        For whom, the first to be reached first; empty where it is for no one in particular.
    worth : Estimate
        Expected money for all of them together, after cost where that is known; withheld where no
        analysis has shown it.
    cost : Estimate
        What doing it costs; withheld where nobody states it.
    source : str
        The analysis behind it.
    why : str
        What speaks for it.
    done_by : str
        How the tables tell that a customer was reached: ``contact``, ``complaint`` (closed),
        ``return`` (a new contract), ``enrolment:NAME``; empty where they do not.
    """

    key: str
    what: str
    customers: tuple[str, ...]
    worth: Estimate
    cost: Estimate
    source: str
    why: str
    done_by: str = ""

    @property
    def sure(self) -> float:
        """What it brings at the low end of its interval; minus infinity where that is unknown."""
        return float("-inf") if self.worth.low is None else self.worth.low


def rank(action: Action) -> tuple[int, float, str]:
    """Return the place in the list: what is sure to bring money, may bring it, is not measured."""
    if action.sure > 0:
        return 0, -action.sure, action.what
    value = action.worth.value
    return (2, 0.0, action.what) if value is None else (1, -value, action.what)


def times(each: Estimate, count: int, tables: Tables) -> Estimate:
    """Return an estimate for `count` customers; a negative count turns the sign."""
    method = f"{each.method}; times {abs(count):,} customers, as if all were like those measured"
    if each.value is None:
        return Estimate.withheld(each.why, unit=tables.currency, n=each.n, method=method)
    ends = [None if x is None else count * x for x in (each.low, each.high)]
    low, high = sorted(x for x in ends if x is not None) if None not in ends else (None, None)
    return Estimate(
        value=count * each.value, low=low, high=high, level=each.level, n=each.n,
        unit=tables.currency, grade=each.grade, method=method,
    )  # fmt: skip


def spent(amount: float | None, n: int, tables: Tables, *, how: str = "") -> Estimate:
    """Return what doing it costs; None where nobody says."""
    if amount is None:
        why = "no table states it"
        return Estimate.withheld(why, unit=tables.currency, n=n, method=how or "not computed")
    return Estimate(value=float(amount), unit=tables.currency, n=n, grade="D", method=how)


def a_year(tables: Tables) -> int:
    """Return how many units of the window make a year, 1 at the least."""
    return max(1, round(tables.window.units_per_year))
