"""Wheat-Morrison: whether buying is random in time, or more regular than that."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.errors import NotEnoughDataError, SchemaError
from retention.estimates import normal_quantile


@dataclass(frozen=True, kw_only=True)
class PurchaseRegularityFit:
    """How regular buying is.

    Parameters
    ----------
    k : float
        Shape of the Erlang distribution of intervals; 1 is random (Poisson) buying.
    low, high : float
        Interval of k at `level`; `high` is infinite where the data allow clockwork.
    z_random : float
        Standard normal statistic of k = 1; above 2 buying is more regular than random.
    n_customers : int
        Customers with two intervals.
    """

    k: float
    low: float
    high: float
    level: float
    z_random: float
    n_customers: int

    @property
    def suggested_k(self) -> int:
        """Whole number for `ModifiedBetaGeoNBD`; 1 where random buying is not rejected."""
        return max(1, min(12, round(self.k))) if self.z_random > 2 else 1


def _shape(spread: float) -> float:
    return max(0.0, (1 - 4 * spread) / (8 * spread)) if spread > 0 else math.inf


@dataclass(frozen=True, kw_only=True)
class PurchaseRegularity:
    """Estimate of regularity from two intervals a customer, whatever her rate of purchase.

    The share M of the first of two Erlang(k) intervals in their sum is beta(k, k), so that its
    variance is 1 / (4 (2k + 1)). Every customer counts once.

    References
    ----------
    .. [1] Wheat, R. D. and Morrison, D. G. (1990). Estimating purchase regularity with two
       interpurchase times. Journal of Marketing Research 27(1), 87-93.

    Examples
    --------
    >>> rng = np.random.default_rng(1)
    >>> pairs = pd.DataFrame({"earlier": rng.gamma(3, 1, 4000), "later": rng.gamma(3, 1, 4000)})
    >>> fit = PurchaseRegularity().fit(pairs)
    >>> bool(fit.low < 3 < fit.high), fit.suggested_k
    (True, 3)
    """

    level: float = 0.95

    def fit(self, intervals: pd.DataFrame) -> PurchaseRegularityFit:
        """Fit to one row a customer: ``earlier`` and ``later``, two intervals between purchases.

        Raises
        ------
        SchemaError
            If an interval is not above 0.
        NotEnoughDataError
            If fewer than 10 customers have two intervals.
        """
        both = intervals[["earlier", "later"]].to_numpy(dtype=float)
        if not (np.isfinite(both) & (both > 0)).all():
            raise SchemaError(
                "purchase intervals",
                ["intervals must be above 0; merge the purchases of one day first"],
            )
        n = len(both)
        if n < 10:
            raise NotEnoughDataError(
                f"{n} customers have three purchases or more; regularity needs at least 10"
            )
        square = (both[:, 0] / both.sum(axis=1) - 0.5) ** 2
        spread, se = float(square.mean()), float(square.std(ddof=1)) / math.sqrt(n)
        half = normal_quantile(self.level) * se
        return PurchaseRegularityFit(
            k=_shape(spread),
            low=_shape(spread + half),
            high=_shape(max(spread - half, 0.0)),
            level=self.level,
            z_random=(1 / 12 - spread) / math.sqrt(1 / 180 / n),
            n_customers=n,
        )
