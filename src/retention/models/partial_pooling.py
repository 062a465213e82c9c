"""Many noisy estimates of the same thing, each drawn towards the mean of its group.

A customer's own price response rests on few purchases; the group's on many. The empirical-Bayes
compromise weighs both by their precision, and its interval says what is left to know.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import normal_quantile

__all__ = ["PartialPooling", "PartialPoolingFit"]


@dataclass(frozen=True, kw_only=True)
class PartialPooling:
    """Normal estimates with known standard errors around one true mean a group.

    Parameters
    ----------
    max_iterations : int
        Of the Paule-Mandel search for the spread of the true values within groups.
    """

    max_iterations: int = 200

    def fit(self, estimates: pd.DataFrame) -> PartialPoolingFit:
        """Learn the group means and the spread of the true values.

        Parameters
        ----------
        estimates : DataFrame, one row a customer
            ``estimate`` and its standard error ``se`` (above 0); ``group`` is optional.

        Returns
        -------
        PartialPoolingFit

        Raises
        ------
        NotEnoughDataError
            If there are fewer than three estimates.
        ParameterError
            If a value is not finite or a standard error is not above 0.

        References
        ----------
        .. [1] Paule, R. C. and Mandel, J. (1982). Consensus values and weighting factors. Journal
           of Research of the National Bureau of Standards 87, 377-385.
        .. [2] Morris, C. N. (1983). Parametric empirical Bayes inference. Journal of the American
           Statistical Association 78, 47-55.
        """
        y, v, groups = _columns(estimates)
        if y.size < 3:
            raise NotEnoughDataError(f"{y.size} estimates are too few to pool; at least 3")
        names, member = np.unique(groups, return_inverse=True)
        tau2 = self._spread(y, v, member)
        means, precision = _group_means(y, v + tau2, member)
        return PartialPoolingFit(
            means=dict(zip(names.tolist(), means.tolist(), strict=True)),
            mean_errors=dict(zip(names.tolist(), (1 / np.sqrt(precision)).tolist(), strict=True)),
            tau=float(np.sqrt(tau2)),
            n=int(y.size),
        )

    def _spread(
        self, y: NDArray[np.float64], v: NDArray[np.float64], member: NDArray[np.intp]
    ) -> float:
        """Variance of true values at which the weighted squares equal their degrees of freedom."""
        freedom = y.size - np.unique(member).size

        def excess(tau2: float) -> float:
            means, _ = _group_means(y, v + tau2, member)
            return float(np.sum((y - means[member]) ** 2 / (v + tau2)) - freedom)

        if freedom <= 0 or excess(0.0) <= 0:
            return 0.0
        low, high = 0.0, float(np.var(y)) + float(v.max())
        while excess(high) > 0:
            high *= 2
        for _ in range(self.max_iterations):
            middle = (low + high) / 2
            low, high = (middle, high) if excess(middle) > 0 else (low, middle)
            if high - low <= 1e-12 * high:
                break
        return (low + high) / 2


@dataclass(frozen=True)
class PartialPoolingFit:
    """What was learned: the mean of each group and the spread of true values around it."""

    means: dict[str, float]
    mean_errors: dict[str, float]
    tau: float
    n: int

    def shrink(self, estimates: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
        """Return the pooled value of each row.

        Parameters
        ----------
        estimates : DataFrame
            As given to `PartialPooling.fit`; a group that was not there then is drawn towards the
            mean of all group means.
        level : float
            Level of the intervals.

        Returns
        -------
        DataFrame, same index
            ``value``, ``se``, ``low``, ``high``, and ``weight``: how much of the value is the
            customer's own.
        """
        y, v, groups = _columns(estimates)
        overall = float(np.mean(list(self.means.values())))
        wide = float(np.max(list(self.mean_errors.values())))
        centre = np.array([self.means.get(g, overall) for g in groups])
        error = np.array([self.mean_errors.get(g, wide) for g in groups])
        weight = self.tau**2 / (self.tau**2 + v)
        value = weight * y + (1 - weight) * centre
        se = np.sqrt(weight * v + (1 - weight) ** 2 * error**2)
        half = normal_quantile(level) * se
        return pd.DataFrame(
            {"value": value, "se": se, "low": value - half, "high": value + half, "weight": weight},
            index=estimates.index,
        )

    def summary(self) -> pd.DataFrame:
        """One row a group."""
        return pd.DataFrame({"mean": self.means, "se": self.mean_errors}).rename_axis("group")


def _columns(
    estimates: pd.DataFrame,
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.str_]]:
    y = estimates["estimate"].to_numpy(dtype=float)
    se = estimates["se"].to_numpy(dtype=float)
    if not np.isfinite(y).all() or not np.isfinite(se).all() or (se <= 0).any():
        raise ParameterError("every estimate needs a finite value and a standard error above 0")
    if "group" not in estimates:
        return y, se**2, np.full(y.size, "all")
    return y, se**2, estimates["group"].fillna("unknown").to_numpy(dtype=str)


def _group_means(
    y: NDArray[np.float64], variance: NDArray[np.float64], member: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    precision = np.bincount(member, weights=1 / variance).astype(float)
    return np.bincount(member, weights=y / variance) / precision, precision
