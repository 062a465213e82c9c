"""What the two ways to a lifetime value share: settings, replicates, and what each hands over."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.models import SpendIndependence

from .purchase_models import ModelChoice
from .purchase_valuation import PurchaseValuation

__all__ = [
    "LESS_DROPOUT",
    "PREDICTED",
    "YEARS",
    "Replicated",
    "ValueSettings",
    "Worked",
    "replicated_customers",
]

Array = NDArray[np.floating[Any]]
One = TypeVar("One")

LESS_DROPOUT = 0.10  # the what-if of the comparison of keeping against winning
CHUNK = 20_000  # customers whose replicates are held at a time
#: Years since the first purchase at which the worth of a new customer is told.
YEARS = np.concatenate([np.arange(0, 24), np.arange(24, 121, 3)]) / 12
#: What is predicted of each customer, with an interval.
PREDICTED = (
    "probability_alive",
    "purchases_next_year",
    "value_next_period",
    "residual_clv",
    "value_at_risk",
)


@dataclass(frozen=True, kw_only=True)
class ValueSettings:
    """Settings of `customer_lifetime_value`."""

    annual_rate: float
    horizon_years: float | None
    margin_share: float | None
    cost_per_period: float
    acquisition_cost: float | None
    planned_per_year: float | None
    planning_years: int
    replicates: int
    level: float
    model: str
    covariates: tuple[str, ...]
    returns: Any


@dataclass(frozen=True, eq=False, kw_only=True)
class Replicated:
    """What replicates of the parameters say, and chance on top.

    Parameters
    ----------
    sums : dict of str to ndarray, shape (replicates, groups)
        Each of `PREDICTED`, expected, summed over the customers of a group.
    counted : ndarray, shape (replicates, groups)
        Residual value as it may turn out: who stops, who buys and what is spent drawn as well.
    customers : DataFrame, one row a customer
        ``<name>_low`` and ``<name>_high`` of each of `PREDICTED` (parameters alone), and
        ``counted_low`` and ``counted_high`` of residual value (parameters and chance).
    new : ndarray, shape (replicates,)
        Value of a new customer.
    curves : ndarray, shape (replicates, years)
        His value up to each of `YEARS`.
    less_dropout : ndarray, shape (replicates,)
        What a tenth less dropout is worth.
    by : str
        How the replicates were made.
    """

    sums: dict[str, Array]
    counted: Array
    customers: pd.DataFrame
    new: Array
    curves: Array
    less_dropout: Array
    by: str = "Poisson-weight bootstrap"


@dataclass(frozen=True, eq=False, kw_only=True)
class Worked:
    """What either basis hands to the answer."""

    customers: pd.DataFrame
    measure: str
    model: str
    models: pd.DataFrame
    groups: pd.Series
    new: dict[str, float]
    curve: Array
    less_dropout: float
    replicated: Replicated
    warnings: list[str]
    independence: SpendIndependence | None = None
    valuation: PurchaseValuation | None = None
    choice: ModelChoice | None = None
    rfm: pd.DataFrame | None = None


def replicated_customers(
    replicates: Sequence[One],
    predict: Callable[[One, slice], tuple[pd.DataFrame, Array]],
    point: pd.DataFrame,
    groups: NDArray[np.intp],
    level: float,
) -> tuple[dict[str, Array], Array, pd.DataFrame]:
    """Return the sums, the counted sums and the ends by customer of `Replicated`.

    Parameters
    ----------
    replicates : sequence
        One of each set of parameters.
    predict : callable
        Of a replicate and a slice of the customers: the columns of `PREDICTED`, and residual value
        as it may turn out.
    point : DataFrame, one row a customer
        The columns of `PREDICTED` at the estimate; an interval always holds it.
    groups : ndarray of int
        Group of each customer.
    level : float
        Level of the intervals.
    """
    shape = (len(replicates), int(groups.max(initial=0)) + 1)
    sums: dict[str, Array] = {name: np.zeros(shape) for name in PREDICTED}
    counted: Array = np.zeros(shape)
    ends = []
    for begin in range(0, len(point), CHUNK):
        part = slice(begin, begin + CHUNK)
        found = [predict(one, part) for one in replicates]
        own, mine = groups[part], point.iloc[part]
        columns = {}
        for name in PREDICTED:
            values = np.stack([table[name].to_numpy(dtype=float) for table, _ in found])
            sums[name] += [np.bincount(own, row, shape[1]) for row in values]
            low, high = _ends(values, level)
            columns[f"{name}_low"] = np.minimum(low, mine[name])
            columns[f"{name}_high"] = np.maximum(high, mine[name])
        drawn = np.stack([values for _, values in found])
        counted += [np.bincount(own, row, shape[1]) for row in drawn]
        low, high = _ends(drawn, level)
        columns["counted_low"] = np.minimum(low, mine["residual_clv"])
        columns["counted_high"] = np.maximum(high, mine["residual_clv"])
        ends.append(pd.DataFrame(columns, index=mine.index))
    return sums, counted, pd.concat(ends)


def _ends(values: Array, level: float) -> Array:
    """Return both ends over the replicates, at ranks that hold one more draw as often as said."""
    ends = [0.5 - level / 2, 0.5 + level / 2]
    return np.asarray(np.quantile(values, ends, axis=0, method="weibull"))
