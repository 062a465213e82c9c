"""One way of measuring what leaving costs a customer, on the scale that all ways share."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, replace

import pandas as pd

from retention.engine import Tables
from retention.errors import DataError
from retention.estimates import Estimate, Grade
from retention.features import build_annual_spend
from retention.models import MoneyWorth

__all__ = ["AnnualSpend", "SwitchingMeasure", "annual_spend", "in_money", "worth_estimate"]


@dataclass(frozen=True)
class AnnualSpend:
    """Mean spend a customer and year: all of it, and the part agreed in contracts."""

    total: float
    contracted: float
    n: int
    why: str = ""


def annual_spend(tables: Tables) -> AnnualSpend:
    """Return what customers who are here spend in a year; zero, with the reason, if unknown."""
    try:
        frame = build_annual_spend(tables)
    except DataError as error:
        return AnnualSpend(0.0, 0.0, 0, str(error))
    means = frame[["annual_spend", "contracted"]].mean()
    return AnnualSpend(float(means["annual_spend"]), float(means["contracted"]), len(frame))


@dataclass(frozen=True, eq=False, kw_only=True)
class SwitchingMeasure:
    """What one method says.

    Parameters
    ----------
    method : str
        Its name.
    share : Estimate
        Switching cost as a share of the price: so much dearer could we be before the average
        customer would be as well off elsewhere.
    money : Estimate
        The same in the project's currency, a customer and year.
    tables : tuple of str
        The input tables it rests on.
    assumptions : tuple of str
        What must hold for the number to be a switching cost.
    sensitivity : str
        How far the number moves when an assumption is changed.
    table : DataFrame
        The figures behind the number.
    extras : dict of str to DataFrame
        Further tables, by name.
    """

    method: str
    share: Estimate
    money: Estimate
    tables: tuple[str, ...]
    assumptions: tuple[str, ...]
    sensitivity: str
    table: pd.DataFrame
    extras: dict[str, pd.DataFrame] = field(default_factory=dict)
    findings: tuple[str, ...] = ()


def worth_estimate(
    worth: MoneyWorth, *, sign: float = 1.0, scale: float = 1.0, n: int, events: int | None,
    method: str, grade: Grade, tables: Tables,
) -> Estimate:  # fmt: skip
    """Return a ratio of coefficients as a share with Fieller's interval, or why there is none."""
    if n < tables.minimum_n:
        why = f"{n} customers, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=n, method=method, grade=grade)
    if not (math.isfinite(worth.fieller_low) and math.isfinite(worth.fieller_high)):
        why = "the effect of price cannot be told from none, so nothing can be put in money"
        return Estimate.withheld(why, unit="share", n=n, method=method, grade=grade)
    ends = sorted(sign * scale * end for end in (worth.fieller_low, worth.fieller_high))
    return Estimate(
        value=sign * scale * worth.value, low=ends[0], high=ends[1], level=worth.level,
        unit="share", n=n, events=events, method=f"{method}, Fieller's interval", grade=grade,
    )  # fmt: skip


def in_money(share: Estimate, spend: float, tables: Tables, why: str = "") -> Estimate:
    """Return a share of the price as money a customer and year."""
    unit = f"{tables.currency} per customer and year"
    if share.value is None:
        return replace(share, unit=unit)
    if spend <= 0:
        return Estimate.withheld(
            why or "what customers spend in a year is not known",
            unit=unit, n=share.n, method=share.method, grade=share.grade,
        )  # fmt: skip
    low, high = share.low, share.high
    return replace(
        share,
        value=share.value * spend,
        low=None if low is None else low * spend,
        high=None if high is None else high * spend,
        unit=unit,
        method=f"{share.method}; times a mean spend of {spend:,.0f} {tables.currency} a year",
    )
