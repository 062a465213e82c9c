"""Intervals of predictions: what is not known of the parameters, and chance itself, kept apart.

``low`` and ``high`` hold the expectation: they would close if there were customers without end to
learn from. ``predictive_low`` and ``predictive_high`` hold what will be counted: they would not.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import ParameterError
from retention.models.purchase_model import PurchaseFit

Array = NDArray[np.floating[Any]]
Codes = NDArray[np.integer[Any]]

CHUNK = 20_000


def groups_of(
    rfm: pd.DataFrame, by: str | pd.Series | None
) -> tuple[NDArray[np.integer[Any]], pd.Index]:
    """Return the group of each customer, and the groups.

    `by` is None for each customer, ``"total"`` for all together, the name of a column, or a Series.
    """
    if by is None:
        return np.arange(len(rfm)), rfm.index
    if isinstance(by, str) and by == "total":
        return np.zeros(len(rfm), dtype=np.intp), pd.Index(["total"], name="group")
    column = rfm[by] if isinstance(by, str) else by.reindex(rfm.index)
    codes, names = pd.factorize(column.fillna("(unknown)"), sort=True)
    return codes, pd.Index(names, name=column.name or "group")


def _summed(values: pd.Series, codes: Codes, size: int) -> Array:
    return np.bincount(codes, values.to_numpy(dtype=float), size).astype(float)


def parameter_interval(
    fit: PurchaseFit,
    replicates: Sequence[PurchaseFit],
    rfm: pd.DataFrame,
    quantity: Callable[[PurchaseFit, pd.DataFrame], pd.Series],
    *,
    by: str | pd.Series | None = None,
    level: float = 0.9,
) -> pd.DataFrame:
    """Return a prediction with its interval over the replicates of the parameters.

    Parameters
    ----------
    fit : PurchaseFit
        The fit; its own prediction is the value.
    replicates : sequence of PurchaseFit
        From ``bootstrap``.
    rfm : DataFrame
        Customers to predict for; they need not be those of the fit.
    quantity : callable
        Such as ``lambda fit, rfm: fit.expected_purchases(rfm, 52)``; summed over a group.
    by : str, Series or None
        None for each customer, ``"total"``, a column, or a Series by customer.
    level : float
        Level of the interval.

    Returns
    -------
    DataFrame
        ``value``, ``low``, ``high``; one row a group.
    """
    return _interval(fit, replicates, rfm, quantity, None, by, level, None)


def predictive_interval(
    fit: PurchaseFit,
    replicates: Sequence[PurchaseFit],
    rfm: pd.DataFrame,
    t: float,
    *,
    by: str | pd.Series | None = None,
    level: float = 0.9,
    rng: np.random.Generator,
) -> pd.DataFrame:
    """Return expected purchases in `t` units with both intervals.

    Returns
    -------
    DataFrame
        ``value``, ``low``, ``high`` (parameters), ``predictive_low``, ``predictive_high``
        (parameters and chance); one row a group.
    """
    return _interval(
        fit,
        replicates,
        rfm,
        lambda f, part: f.expected_purchases(part, t),
        lambda f, part: f.simulate(part, t, rng),
        by,
        level,
        rng,
    )


def _interval(
    fit: PurchaseFit,
    replicates: Sequence[PurchaseFit],
    rfm: pd.DataFrame,
    quantity: Callable[[PurchaseFit, pd.DataFrame], pd.Series],
    draw: Callable[[PurchaseFit, pd.DataFrame], pd.Series] | None,
    by: str | pd.Series | None,
    level: float,
    rng: np.random.Generator | None,
) -> pd.DataFrame:
    if not replicates:
        raise ParameterError("an interval needs replicates; make them with bootstrap")
    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1, got {level}")
    if by is None and len(rfm) > CHUNK:
        parts = [rfm.iloc[begin : begin + CHUNK] for begin in range(0, len(rfm), CHUNK)]
        return pd.concat(
            [_interval(fit, replicates, p, quantity, draw, None, level, rng) for p in parts]
        )
    codes, names = groups_of(rfm, by)
    value = _summed(quantity(fit, rfm), codes, len(names))
    expected = np.stack([_summed(quantity(f, rfm), codes, len(names)) for f in replicates])
    ends = [0.5 - level / 2, 0.5 + level / 2]
    low, high = np.quantile(expected, ends, axis=0, method="weibull")
    table = {"value": value, "low": np.minimum(low, value), "high": np.maximum(high, value)}
    if draw is not None:
        drawn = np.stack([_summed(draw(f, rfm), codes, len(names)) for f in replicates])
        # what will come is one more draw: between these ranks it lies with just that probability
        table["predictive_low"], table["predictive_high"] = np.quantile(
            drawn, ends, axis=0, method="weibull"
        )
    return pd.DataFrame(table, index=names)
