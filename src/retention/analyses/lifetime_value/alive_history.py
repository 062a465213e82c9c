"""How the probability that a customer still buys rose and fell: over the grid, and for one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate

from .customer_lifetime_value import CustomerLifetimeValue

__all__ = ["AliveHistory", "alive_history", "alive_surface"]

POINTS = 200


@dataclass(frozen=True, eq=False, kw_only=True)
class AliveHistory:
    """Answer of `alive_history`.

    Parameters
    ----------
    curve : DataFrame
        ``day`` and ``probability_alive``, as it would have been said on that day by the model of
        today.
    purchases : Series
        Days of purchase.
    customer_id : str
        Whose history it is.
    """

    curve: pd.DataFrame
    purchases: pd.Series
    customer_id: str
    model: str

    def summary(self) -> pd.DataFrame:
        """Return the curve."""
        return self.curve

    @property
    def now(self) -> float:
        """The probability at the cutoff."""
        return float(self.curve["probability_alive"].iloc[-1])

    def estimates(self) -> Mapping[str, Estimate]:
        """Return nothing: one customer is no number of record."""
        return {}

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before reading the curve."""
        return ("the model of today is used for all days: it says how the curve looks now",)

    def headline(self) -> str:
        """Return where the customer stands."""
        last = self.purchases.max()
        return (
            f"Customer {self.customer_id} bought on {len(self.purchases):,} days, last on "
            f"{last:%Y-%m-%d}, and still buys with a probability of {self.now:.0%} ({self.model})."
        )


def alive_history(tables: Tables, answer: CustomerLifetimeValue, customer_id: str) -> AliveHistory:
    """Follow the probability that one customer still buys, from the first purchase to the cutoff.

    Raises
    ------
    ParameterError
        If the value is not from orders.
    NotEnoughDataError
        If the customer has no order.
    """
    if answer.valuation is None:
        raise ParameterError("contracts say whether a customer is still here; there is no history")
    found = tables.query(
        "select ordered_on from orders where amount >= 0"
        " and customer_id = {{ customer_id | literal }} group by ordered_on order by ordered_on",
        customer_id=str(customer_id),
    )
    if found.empty:
        raise NotEnoughDataError(f"customer {customer_id} has no order before the cutoff")
    days = pd.to_datetime(found["ordered_on"])
    last = pd.Timestamp(tables.window.cutoff - timedelta(days=1))
    grid = pd.date_range(days.iloc[0], last, periods=min(POINTS, (last - days.iloc[0]).days + 1))
    grid = grid.floor("D").union(pd.DatetimeIndex(days)).unique()
    known = np.searchsorted(days.to_numpy(), grid.to_numpy(), side="right")
    length = 365.25 / tables.window.units_per_year
    state = pd.DataFrame(
        {
            "frequency": known - 1,
            "recency": (days.to_numpy()[known - 1] - days.to_numpy()[0])
            / np.timedelta64(1, "D")
            / length,
            "T": (grid - days.iloc[0]).days / length,
        },
        index=pd.RangeIndex(len(grid), name="customer_id"),
    )
    alive = answer.valuation.purchases.probability_alive(state)
    return AliveHistory(
        curve=pd.DataFrame({"day": grid, "probability_alive": alive.to_numpy()}),
        purchases=days,
        customer_id=str(customer_id),
        model=answer.model,
    )


def alive_surface(answer: CustomerLifetimeValue, *, steps: int = 25) -> pd.DataFrame:
    """Return the probability to be alive by frequency (rows) and time since the last purchase.

    For a customer known as long as the median one of the company.

    Raises
    ------
    ParameterError
        If the value is not from orders.
    """
    if answer.valuation is None or answer.rfm is None:
        raise ParameterError("contracts say whether a customer is still here; there is no surface")
    length = float(answer.rfm["T"].median())
    most = max(3, int(answer.rfm["frequency"].quantile(0.95)))
    frequency = np.unique(np.linspace(1, most, min(most, steps)).astype(int))
    silent = np.linspace(0, length * 0.99, steps)
    grid = pd.MultiIndex.from_product([frequency, silent], names=["frequency", "silent"])
    state = pd.DataFrame(
        {
            "frequency": grid.get_level_values(0),
            "recency": length - grid.get_level_values(1),
            "T": length,
        },
        index=pd.RangeIndex(len(grid), name="customer_id"),
    )
    alive = answer.valuation.purchases.probability_alive(state).to_numpy()
    return pd.DataFrame(
        alive.reshape(len(frequency), len(silent)),
        index=pd.Index(frequency, name="frequency"),
        columns=pd.Index(silent, name="silent"),
    )
