"""How unequally value is spread over customers: Lorenz, Gini, top share, Herfindahl, whale curve.

Values may hold negative numbers (returns above purchases, customers who cost more than they bring)
as long as the total is above zero; the Lorenz curve then dips below zero and stays convex, and the
Gini coefficient may exceed 1. Intervals see the customers as a sample of a wider population of such
customers: they tell how far the figure would move for another company of the same kind.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import normal_quantile

__all__ = [
    "abc_classes",
    "effective_number",
    "gini",
    "gini_interval",
    "herfindahl",
    "lorenz_curve",
    "top_share",
    "top_share_interval",
    "whale_curve",
]

#: Shares are compared after rounding to this many digits, so that a boundary that is met exactly
#: is met in every currency unit.
_SHARE_DIGITS = 12


def _ascending(values: ArrayLike) -> NDArray[np.float64]:
    """Return the values sorted upwards, refused if they have no share: none, not finite, no sum."""
    x = np.sort(np.asarray(values, dtype=float))
    if x.size == 0:
        raise NotEnoughDataError("concentration of no customers is not defined")
    if not np.isfinite(x).all():
        raise ParameterError(f"{int((~np.isfinite(x)).sum())} of {x.size} values are not finite")
    if x.sum() <= 0:
        raise NotEnoughDataError(
            f"the values of {x.size:,} customers sum to {x.sum():,.2f}; shares of a total that is "
            "not above zero are not defined"
        )
    return x


def lorenz_curve(values: ArrayLike) -> pd.DataFrame:
    """Share of the total held by the poorest share of customers.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Value of each customer, in any unit.

    Returns
    -------
    DataFrame, n + 1 rows
        `population_share` and `value_share`, both from 0 to 1, upwards from the smallest customer.

    Raises
    ------
    NotEnoughDataError
        If there is no customer, or the total is not above zero.
    ParameterError
        If a value is not finite.

    References
    ----------
    .. [1] Lorenz, M. O. (1905). Methods of measuring the concentration of wealth. Publications of
       the American Statistical Association 9, 209-219.

    Examples
    --------
    >>> lorenz_curve([1, 1, 2])["value_share"].tolist()
    [0.0, 0.25, 0.5, 1.0]
    """
    x = _ascending(values)
    held = np.concatenate([[0.0], np.cumsum(x)]) / x.sum()
    held[-1] = 1.0
    return pd.DataFrame({"population_share": np.arange(x.size + 1) / x.size, "value_share": held})


def gini(values: ArrayLike) -> float:
    """Gini coefficient: twice the area between the Lorenz curve and the line of equality.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Value of each customer.

    Returns
    -------
    float
        0 where all are equal, ``1 - 1/n`` where one holds everything.

    Raises
    ------
    NotEnoughDataError
        If there is no customer, or the total is not above zero.

    References
    ----------
    .. [1] Gini, C. (1914). Sulla misura della concentrazione e della variabilita dei caratteri.

    Examples
    --------
    >>> gini([0, 0, 0, 1])
    0.75
    """
    x = _ascending(values)
    weights = 2.0 * np.arange(1, x.size + 1) - x.size - 1
    return float(weights @ x / (x.size * x.sum()))


def _gini_influence(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Influence of each (ascending) value on the Gini, which is ``E max(X, X') / E X - 1``."""
    mean = x.mean()
    rank = np.arange(1, x.size + 1) / x.size
    above = (x.sum() - np.cumsum(x)) / x.size
    ratio = gini(x) + 1
    return 2 * ((x * rank + above) / mean - ratio) - ratio * (x / mean - 1)


def gini_interval(values: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Interval of the Gini coefficient by linearisation, on the logit scale.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Value of each customer.
    level : float
        Level of the interval.

    Returns
    -------
    tuple of float
        Low and high end; around the plain value where it is not within 0 and 1.

    References
    ----------
    .. [1] Langel, M. and Tille, Y. (2013). Variance estimation of the Gini index: revisiting a
       result several times published. Journal of the Royal Statistical Society A 176, 521-540.
    """
    x = _ascending(values)
    return _logit_interval(gini(x), _standard_error(_gini_influence(x)), level)


def top_share(values: ArrayLike, share: float = 0.2) -> float:
    """Share of the total that the most valuable customers hold.

    Parameters
    ----------
    values : array_like of float, shape (n,)
        Value of each customer.
    share : float
        Share of customers, above 0 and below 1. Where it falls within a customer, that customer
        counts by the part that falls into it.

    Returns
    -------
    float
        Share of the total.

    Raises
    ------
    ParameterError
        If `share` is not within 0 and 1.
    NotEnoughDataError
        If there is no customer, or the total is not above zero.

    Examples
    --------
    >>> top_share([80, 5, 5, 5, 5], 0.2)
    0.8
    """
    if not 0 < share < 1:
        raise ParameterError(f"share of customers must lie between 0 and 1, got {share}")
    x = _ascending(values)[::-1]
    count = share * x.size
    whole = min(math.floor(count + 1e-9), x.size)
    part = max(count - whole, 0.0)
    inside = x[:whole].sum() + (part * x[whole] if whole < x.size else 0.0)
    return float(inside / x.sum())


def top_share_interval(
    values: ArrayLike, share: float = 0.2, level: float = 0.95
) -> tuple[float, float]:
    """Interval of `top_share` by linearisation, on the logit scale.

    References
    ----------
    .. [1] Beach, C. M. and Davidson, R. (1983). Distribution-free statistical inference with
       Lorenz curves and income shares. Review of Economic Studies 50, 723-735.
    """
    x = _ascending(values)
    held = top_share(x, share)
    border = float(np.quantile(x, 1 - share))
    influence = np.maximum(x - border, 0.0) + border * share - held * x
    return _logit_interval(held, _standard_error(influence / x.mean()), level)


def _standard_error(influence: NDArray[np.float64]) -> float:
    if influence.size < 2:
        raise NotEnoughDataError("an interval needs at least two customers")
    return float(influence.std(ddof=1) / math.sqrt(influence.size))


def _logit_interval(value: float, se: float, level: float) -> tuple[float, float]:
    z = normal_quantile(level)
    if not 0 < value < 1:
        return value - z * se, value + z * se
    centre, half = math.log(value / (1 - value)), z * se / (value * (1 - value))
    low, high = (1 / (1 + math.exp(-min(max(centre + s * half, -700), 700))) for s in (-1, 1))
    return low, high


def herfindahl(values: ArrayLike) -> float:
    """Herfindahl-Hirschman index of the customers' shares, from 1/n to 1.

    Raises
    ------
    ParameterError
        If a value is negative: a share below zero has no meaning here.
    NotEnoughDataError
        If there is no customer, or the total is not above zero.

    Examples
    --------
    >>> herfindahl([1, 1, 1, 1])
    0.25
    """
    x = _ascending(values)
    if x[0] < 0:
        raise ParameterError("the Herfindahl index needs values of 0 or more; set losses to 0")
    return float(np.sum((x / x.sum()) ** 2))


def effective_number(values: ArrayLike) -> float:
    """How many customers of equal size would be as concentrated: 1 over the Herfindahl index.

    Examples
    --------
    >>> effective_number([1, 1, 1, 1])
    4.0
    """
    return 1 / herfindahl(values)


def whale_curve(profits: ArrayLike) -> pd.DataFrame:
    """Cumulative profit as customers are added from the most to the least profitable.

    Parameters
    ----------
    profits : array_like of float, shape (n,)
        Profit of each customer after cost to serve; may be negative.

    Returns
    -------
    DataFrame, n + 1 rows
        `population_share` from 0 to 1, `cumulative_profit` in the unit of `profits`, and
        `profit_share` of the total. It rises above 1 where some customers cost more than they
        bring, and its peak says how much of today's profit they eat up.

    Raises
    ------
    NotEnoughDataError
        If there is no customer, or the total is not above zero.

    References
    ----------
    .. [1] Kaplan, R. S. and Narayanan, V. G. (2001). Measuring and managing customer
       profitability. Journal of Cost Management 15(5), 5-15.

    Examples
    --------
    >>> whale_curve([6, -2, 4, 0])["profit_share"].tolist()
    [0.0, 0.75, 1.25, 1.25, 1.0]
    """
    x = _ascending(profits)[::-1]
    total = np.concatenate([[0.0], np.cumsum(x)])
    return pd.DataFrame(
        {
            "population_share": np.arange(x.size + 1) / x.size,
            "cumulative_profit": total,
            "profit_share": total / x.sum(),
        }
    )


def abc_classes(
    values: pd.Series,
    *,
    shares: Sequence[float] = (0.8, 0.95),
    thresholds: Sequence[float] | None = None,
) -> pd.Series:
    """Class of each customer by value: A, B, C.

    Parameters
    ----------
    values : Series of float, shape (n,)
        Value of each customer.
    shares : sequence of two float
        A holds the customers from the top until this share of all positive value is reached, B
        those until the second. A customer belongs to the class in which the value *before* him
        ends, so the largest is always A; customers of equal value share a class. Whoever brings
        nothing is C.
    thresholds : sequence of two float, optional
        Fixed borders in the unit of `values` instead: A from the first on, B from the second on.

    Returns
    -------
    Series of str
        ``A``, ``B`` or ``C``, index and order as in `values`.

    Raises
    ------
    ParameterError
        If the borders are not in order, or a value is missing.

    Examples
    --------
    >>> abc_classes(pd.Series([70, 20, 6, 4, 0])).tolist()
    ['A', 'A', 'B', 'C', 'C']
    >>> abc_classes(pd.Series([70, 20, 6]), thresholds=(50, 10)).tolist()
    ['A', 'B', 'C']
    """
    x = pd.Series(values).to_numpy(dtype=float)
    if not np.isfinite(x).all():
        raise ParameterError(f"{int((~np.isfinite(x)).sum())} of {x.size} values are missing")
    if thresholds is not None:
        first, second = _borders(thresholds, descending=True)
        letters = np.where(x >= first, "A", np.where(x >= second, "B", "C"))
    else:
        first, second = _borders(shares, descending=False)
        before = _share_before(x)
        letters = np.where(before < first, "A", np.where(before < second, "B", "C"))
        letters = np.where(x > 0, letters, "C")
    return pd.Series(letters, index=pd.Series(values).index, name="value_class", dtype="str")


def _borders(borders: Sequence[float], *, descending: bool) -> tuple[float, float]:
    if len(borders) != 2 or (borders[0] <= borders[1]) == descending:
        order = "downwards" if descending else "upwards"
        raise ParameterError(f"two borders in order {order} make three classes, got {borders!r}")
    if not descending and (borders[0] <= 0 or borders[1] > 1):
        raise ParameterError(f"shares of value lie between 0 and 1, got {borders!r}")
    return float(borders[0]), float(borders[1])


def _share_before(x: NDArray[np.float64]) -> NDArray[np.float64]:
    """Share of all positive value held by customers of strictly higher value."""
    positive = np.maximum(x, 0.0)
    if positive.sum() == 0:
        return np.ones_like(x)
    levels, inverse = np.unique(positive, return_inverse=True)
    by_level = levels * np.bincount(inverse)
    above = np.concatenate([np.cumsum(by_level[::-1])[::-1][1:], [0.0]])
    return np.round(above / by_level.sum(), _SHARE_DIGITS)[inverse]
