"""Shares of groups, shrunk: how many of a branch's customers are satisfied, or complain."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats
from scipy.optimize import minimize
from scipy.special import betaln, expit, logit

from retention.errors import ConvergenceError, NotEnoughDataError, ParameterError

__all__ = ["BetaBinomial", "BetaBinomialFit"]


@dataclass(frozen=True, kw_only=True)
class BetaBinomial:
    """Every group has a share of its own, drawn from a beta distribution.

    References
    ----------
    .. [1] Griffiths, D. A. (1973). Maximum likelihood estimation for the beta-binomial
       distribution. Biometrics 29(4), 637-648.
    """

    def fit(self, successes: ArrayLike, n: ArrayLike) -> BetaBinomialFit:
        """Fit to one pair of counts a group.

        Parameters
        ----------
        successes, n : array_like of int, shape (k,)
            Counts; ``0 <= successes <= n`` and ``n > 0``. The index of a Series names the groups.

        Raises
        ------
        NotEnoughDataError
            If there are fewer than two groups, or all successes are 0 or all equal n.
        """
        index = successes.index if isinstance(successes, pd.Series) else pd.RangeIndex(np.size(n))
        k, m = np.asarray(successes, dtype=float), np.asarray(n, dtype=float)
        if not ((m > 0).all() and (k >= 0).all() and (k <= m).all()):
            raise ParameterError("every group needs 0 <= successes <= n and n above 0")
        if len(k) < 2 or k.sum() == 0 or k.sum() == m.sum():
            raise NotEnoughDataError(
                f"{len(k)} groups, {k.sum():g} of {m.sum():g} successes: nothing to compare"
            )

        def loss(theta: NDArray[np.float64]) -> float:
            share, size = expit(theta[0]), np.exp(theta[1])
            a, b = share * size, (1 - share) * size
            return -float(np.sum(betaln(a + k, b + m - k) - betaln(a, b)))

        start = [logit(np.clip(k.sum() / m.sum(), 0.01, 0.99)), np.log(20.0)]
        # beyond exp(14) the beta is a point and every group has the same share
        found = minimize(loss, start, method="L-BFGS-B", bounds=[(-20, 20), (-4, 14)])
        if not found.success:
            raise ConvergenceError(f"beta-binomial: no optimum on {len(k)} groups")
        share, size = float(expit(found.x[0])), float(np.exp(found.x[1]))
        return BetaBinomialFit(
            share * size, (1 - share) * size, pd.DataFrame({"successes": k, "n": m}, index=index)
        )


@dataclass(frozen=True)
class BetaBinomialFit:
    """The spread of the true shares, and each group's own."""

    alpha: float
    beta: float
    groups: pd.DataFrame

    @property
    def mean(self) -> float:
        """Mean share over groups."""
        return self.alpha / (self.alpha + self.beta)

    def summary(self, benchmark: float | None = None, level: float = 0.95) -> pd.DataFrame:
        """One row a group: raw and shrunken share, interval, P(below benchmark), reliability."""
        mark = self.mean if benchmark is None else benchmark
        k, n = self.groups["successes"], self.groups["n"]
        own = stats.beta(self.alpha + k, self.beta + n - k)
        return self.groups.assign(
            raw_share=k / n,
            share=(self.alpha + k) / (self.alpha + self.beta + n),
            low=own.ppf(0.5 - level / 2),
            high=own.ppf(0.5 + level / 2),
            p_below=own.cdf(mark),
            reliability=n / (n + self.alpha + self.beta),
        ).sort_values("share")
