"""Switching cost from the bottom up: hours, wages, discounts and bonds, customer by customer."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import DataError, NotEnoughDataError, ParameterError
from retention.estimates import Estimate
from retention.features import build_annual_spend, build_bond_worth
from retention.models import draw_pert, pert_mean

from .measure import AnnualSpend, SwitchingMeasure

__all__ = ["HOURS", "WAGE", "switching_worksheet"]

METHOD = "worksheet of what leaving takes"

HOURS: Mapping[str, tuple[float, float, float]] = MappingProxyType(
    {
        "searching and comparing": (4, 10, 30),
        "ordering and contracts anew": (2, 6, 16),
        "retraining staff": (4, 16, 60),
        "resetting systems": (2, 12, 60),
        "running both for a while": (2, 8, 40),
        "teaching the new supplier": (4, 12, 40),
    }
)
"""Hours a switch takes a customer: least, most likely, most. Assumptions; put your own."""

WAGE: tuple[float, float, float] = (30, 45, 80)
"""Cost of an hour to the customer, in the project's currency. An assumption; put your own."""

_INTANGIBLE = ("searching and comparing", "teaching the new supplier")
_LARGEST = 10_000


def switching_worksheet(
    tables: Tables,
    spend: AnnualSpend,
    *,
    hours: Mapping[str, tuple[float, float, float]] | None = None,
    wage: tuple[float, float, float] = WAGE,
    draws: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> SwitchingMeasure:
    """Add up what leaving would take each customer, with the guesses as distributions.

    Hours times wage are guessed alike for all and drawn from PERT distributions; what a customer
    would forgo (the year's discounts, the worth of its bonds) is its own, from the tables. The
    hours scale with the square root of a customer's spend over the mean.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without contracts or orders.
    ParameterError
        If a guess does not go up, or is negative.
    """
    items = dict(HOURS if hours is None else hours)
    if any(low < 0 for low, *_ in (*items.values(), wage)):
        raise ParameterError("hours and wages are 0 or more")
    frame = build_annual_spend(tables)
    if len(frame) < tables.minimum_n:
        raise NotEnoughDataError(f"{len(frame)} customers, fewer than the {tables.minimum_n}")
    rng = np.random.default_rng(seed)
    size = np.sqrt((frame["annual_spend"] / max(frame["annual_spend"].mean(), 1e-9)).clip(0.05, 20))
    forgone = _forgone(tables, frame)
    each = {name: draw_pert(*guess, draws, rng) for name, guess in items.items()}
    an_hour = draw_pert(*wage, draws, rng)
    totals = sum(each.values()) * an_hour * float(size.mean()) + float(forgone.sum(axis=1).mean())
    table = _table(items, wage, float(size.mean()), forgone)
    money = _estimate(totals, len(frame), level, f"{tables.currency} per customer and year")
    mean = float(frame["annual_spend"].mean())
    share = _estimate(totals / mean, len(frame), level, "share") if mean > 0 else money
    return SwitchingMeasure(
        method=METHOD, share=share, money=money,
        tables=tuple(t for t in ("orders", "contracts", "bonds") if t in tables),
        assumptions=(
            "Hours and wages are guesses, not data; the interval is what the guesses allow.",
            "Leaving is paid once; it is set against one year's spend.",
        ),
        sensitivity=_sensitivity(table, float(totals.mean())),
        table=table,
        extras={"customers": _customers(frame, size, forgone, items, wage, each, an_hour)},
    )  # fmt: skip


def _forgone(tables: Tables, frame: pd.DataFrame) -> pd.DataFrame:
    """Return discounts and worth of bonds, one row a customer."""
    table = pd.DataFrame({"discounts forgone": frame["discount"].clip(lower=0)})
    try:
        worth = build_bond_worth(tables)
    except DataError:
        return table
    for kind in worth.columns:
        table[f"bond: {kind}"] = worth[kind].reindex(table.index).fillna(0.0)
    return table


def _table(
    items: dict[str, tuple[float, float, float]],
    wage: tuple[float, float, float],
    size: float,
    forgone: pd.DataFrame,
) -> pd.DataFrame:
    rows = [
        {
            "item": name, "low": low * wage[0] * size, "mean": pert_mean(low, likely, high)
            * pert_mean(*wage) * size, "high": high * wage[2] * size,
            "tangible": name not in _INTANGIBLE, "source": "assumption",
        }
        for name, (low, likely, high) in items.items()
    ]  # fmt: skip
    for name in forgone:
        low, high = np.quantile(forgone[name], [0.05, 0.95])
        rows.append(
            {"item": name, "low": low, "mean": forgone[name].mean(), "high": high,
             "tangible": True, "source": "tables"}
        )  # fmt: skip
    return pd.DataFrame(rows).set_index("item")


def _estimate(draws: np.ndarray, n: int, level: float, unit: str) -> Estimate:
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(
        value=float(draws.mean()), low=float(low), high=float(high), level=level, unit=unit, n=n,
        method="worksheet, PERT draws; the range of the guesses, not of a sample", grade="D",
    )  # fmt: skip


def _sensitivity(table: pd.DataFrame, total: float) -> str:
    spread = (table["high"] - table["low"])[table["source"] == "assumption"]
    if spread.empty or total <= 0:
        return ""
    name = str(spread.idxmax())
    low, high = float(table["low"][name]), float(table["high"][name])
    return f"most depends on {name}: {low:,.0f} to {high:,.0f} of a total of {total:,.0f}"


def _customers(
    frame: pd.DataFrame,
    size: pd.Series,
    forgone: pd.DataFrame,
    items: dict[str, tuple[float, float, float]],
    wage: tuple[float, float, float],
    each: Mapping[str, np.ndarray],
    an_hour: np.ndarray,
) -> pd.DataFrame:
    """Return mean and range of each customer's cost; the costliest first."""
    effort = sum(each.values()) * an_hour
    own = forgone.sum(axis=1)
    low, high = np.quantile(effort, [0.05, 0.95])
    table = pd.DataFrame(
        {
            "effort": size * float(np.mean(effort)),
            "forgone": own,
            "switching_cost": size * float(np.mean(effort)) + own,
            "low": size * low + own,
            "high": size * high + own,
            "annual_spend": frame["annual_spend"],
        }
    )
    return table.sort_values("switching_cost", ascending=False).head(_LARGEST)
