"""How good a forecast was: bias, error, tracking over time, lift by decile, interval coverage."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError

__all__ = [
    "decile_lift",
    "forecast_bias",
    "interval_coverage",
    "mean_absolute_error",
    "tracking_error",
]

Array = NDArray[np.floating[Any]]


def _pair(actual: ArrayLike, predicted: ArrayLike) -> tuple[Array, Array]:
    a, p = np.asarray(actual, dtype=float), np.asarray(predicted, dtype=float)
    if a.shape != p.shape or a.size == 0:
        raise ParameterError(f"shapes differ or are empty: actual {a.shape}, predicted {p.shape}")
    if not (np.isfinite(a).all() and np.isfinite(p).all()):
        raise ParameterError("actual and predicted values must be finite")
    return a, p


def forecast_bias(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return by what share the sum of the forecasts lies above what happened.

    Infinite where nothing happened and something was forecast; 0 where neither.

    Examples
    --------
    >>> forecast_bias([1, 3], [2, 3])
    0.25
    """
    a, p = _pair(actual, predicted)
    if a.sum() == 0:
        return 0.0 if p.sum() == 0 else float("inf")
    return float(p.sum() / a.sum() - 1)


def mean_absolute_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean size of the error a customer.

    Examples
    --------
    >>> mean_absolute_error([1, 3], [2, 3])
    0.5
    """
    a, p = _pair(actual, predicted)
    return float(np.abs(a - p).mean())


def tracking_error(actual: ArrayLike, predicted: ArrayLike) -> float:
    """Return the mean distance of the cumulative forecast from the cumulative count.

    Parameters
    ----------
    actual, predicted : array_like of float, shape (k,)
        Sums over all customers in k periods that follow each other.

    Returns
    -------
    float
        Mean of ``|forecast so far / count so far - 1|`` over periods with a count so far; infinite
        if there is none.

    Examples
    --------
    >>> tracking_error([10, 10], [11, 9])
    0.05
    """
    a, p = (np.cumsum(v) for v in _pair(actual, predicted))
    some = a > 0
    if not some.any():
        return float("inf")
    return float(np.round(np.abs(p[some] / a[some] - 1).mean(), 12))


def decile_lift(actual: ArrayLike, predicted: ArrayLike, groups: int = 10) -> pd.DataFrame:
    """Return what happened by tenth of the forecast, highest first.

    Returns
    -------
    DataFrame, one row a tenth
        ``customers``, ``predicted`` and ``actual`` means, ``share`` of all that happened, and
        ``lift``: the mean of the tenth over that of all (0 where nothing happened).

    Examples
    --------
    >>> decile_lift([4, 0, 0, 0], [3, 1, 1, 0], groups=2)["lift"].tolist()
    [2.0, 0.0]
    """
    a, p = _pair(actual, predicted)
    if not 1 <= groups <= a.size:
        raise ParameterError(f"{groups} groups of {a.size} customers cannot be made")
    order = np.argsort(-p, kind="stable")
    parts = np.array_split(order, groups)
    total, mean = a.sum(), a.mean()
    return pd.DataFrame(
        {
            "customers": [len(part) for part in parts],
            "predicted": [p[part].mean() for part in parts],
            "actual": [a[part].mean() for part in parts],
            "share": [a[part].sum() / total if total else 0.0 for part in parts],
            "lift": [a[part].mean() / mean if mean else 0.0 for part in parts],
        },
        index=pd.RangeIndex(1, groups + 1, name="tenth"),
    )


def interval_coverage(actual: ArrayLike, low: ArrayLike, high: ArrayLike) -> float:
    """Return the share of values that lie within their interval, ends included.

    Examples
    --------
    >>> interval_coverage([1, 5], [0, 0], [2, 2])
    0.5
    """
    a, below = _pair(actual, low)
    _, above = _pair(actual, high)
    return float(((below <= a) & (a <= above)).mean())
