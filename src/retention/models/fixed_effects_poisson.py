"""Poisson regression within customers: each has a rate of his own, which cancels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import ConvergenceError, NotEnoughDataError, NotIdentifiedError
from retention.estimates import normal_quantile

__all__ = ["FixedEffectsPoisson", "FixedEffectsPoissonFit"]

Floats = NDArray[np.float64]
_TOLERANCE = 1e-10


@dataclass(frozen=True, kw_only=True)
class FixedEffectsPoisson:
    """Ratios of a count or of money between states of the same customer.

    ``E(y) = exposure * exp(x'b + a_i)`` with a free a_i for each customer i. Given a customer's
    total the a_i cancels, so what a customer is like, seen or not, cannot confound b as long as it
    stays the same. Only the mean need be right: y may be money, and the errors are robust to any
    dependence within a customer [1]_.

    Parameters
    ----------
    covariates : sequence of str
        Columns, as numbers.
    exposure : str
        Column of the time over which y was counted; above 0.
    group : str
        Index or column whose every value has an effect of its own.
    level : float
        Level of intervals.
    max_iterations : int
        Newton steps.

    References
    ----------
    .. [1] Wooldridge, J. M. (1999). Distribution-free estimation of some nonlinear panel data
       models. Journal of Econometrics 90, 77-97.
    """

    covariates: Sequence[str]
    exposure: str
    group: str = "customer_id"
    level: float = 0.95
    max_iterations: int = 50

    def fit(self, table: pd.DataFrame, *, outcome: str) -> FixedEffectsPoissonFit:
        """Fit by conditional maximum likelihood.

        Raises
        ------
        NotEnoughDataError
            If fewer than two customers differ from themselves.
        NotIdentifiedError
            If covariates repeat each other within customers.
        ConvergenceError
            If Newton's method finds no optimum.
        """
        x, y, e, code = self._within(table, outcome)
        b = np.zeros(x.shape[1])
        for _ in range(self.max_iterations):
            score, information = _moments(x, y, e, code, b)
            if np.linalg.matrix_rank(information) < len(b):
                raise NotIdentifiedError(
                    f"{', '.join(self.covariates)}: within customers some of these repeat others, "
                    "or do not vary; leave them out"
                )
            step = np.linalg.solve(information, score.sum(axis=0))
            b = b + np.clip(step, -2, 2)
            if np.abs(step).max() < _TOLERANCE:
                break
        else:
            raise ConvergenceError(
                f"Poisson within customers: no optimum in {self.max_iterations} steps; a covariate "
                "may go with no outcome at all"
            )
        score, information = _moments(x, y, e, code, b)
        bread = np.linalg.inv(information)
        return FixedEffectsPoissonFit(
            covariates=tuple(self.covariates), theta=b,
            covariance=bread @ (score.T @ score) @ bread, n=len(score), level=self.level,
        )  # fmt: skip

    def _within(
        self, table: pd.DataFrame, outcome: str
    ) -> tuple[Floats, Floats, Floats, NDArray[np.int64]]:
        """Return the rows of customers who say something: with an outcome, in two states."""
        rows = table.reset_index() if self.group not in table else table
        code = np.asarray(rows[self.group].factorize()[0], dtype=np.int64)
        x = rows[list(self.covariates)].to_numpy(dtype=float)
        y, e = rows[outcome].to_numpy(dtype=float), rows[self.exposure].to_numpy(dtype=float)
        total = np.bincount(code, y)
        size = np.bincount(code)
        first = np.zeros((len(size), x.shape[1]))
        first[code[::-1]] = x[::-1]
        differs = np.bincount(code, (x != first[code]).any(axis=1)) > 0
        keep = ((total > 0) & (size > 1) & differs)[code] & (e > 0)
        if len(np.unique(code[keep])) < 2:
            raise NotEnoughDataError("fewer than two customers were seen in two states")
        places = np.asarray(np.unique(code[keep], return_inverse=True)[1], dtype=np.int64)
        return x[keep], y[keep], e[keep], places


def _moments(
    x: Floats, y: Floats, e: Floats, code: NDArray[np.int64], b: Floats
) -> tuple[Floats, Floats]:
    """Return each customer's score, shape (customers, k), and the information."""
    weight = e * np.exp(np.clip(x @ b, -30, 30))
    share = weight / np.bincount(code, weight)[code]
    fitted = np.bincount(code, y)[code] * share
    residual = y - fitted
    centred = x - _sums(share[:, None] * x, code)[code]
    return _sums(residual[:, None] * x, code), centred.T @ (fitted[:, None] * centred)


def _sums(values: Floats, code: NDArray[np.int64]) -> Floats:
    """Return the sums of each column by customer."""
    found = np.zeros((int(code.max()) + 1, values.shape[1]))
    np.add.at(found, code, values)
    return found


@dataclass(frozen=True, eq=False, kw_only=True)
class FixedEffectsPoissonFit:
    """Log ratios with robust errors.

    Parameters
    ----------
    covariates : tuple of str
    theta : ndarray of float, shape (k,)
        Log ratios.
    covariance : ndarray of float, shape (k, k)
        Robust within customers.
    n : int
        Customers who were seen in two states.
    level : float
    """

    covariates: tuple[str, ...]
    theta: Floats
    covariance: Floats
    n: int
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a covariate: coefficient, se, ratio with its interval."""
        se = np.sqrt(np.diag(self.covariance))
        z = normal_quantile(self.level)
        return pd.DataFrame(
            {
                "coefficient": self.theta,
                "se": se,
                "ratio": np.exp(self.theta),
                "low": np.exp(self.theta - z * se),
                "high": np.exp(self.theta + z * se),
            },
            index=pd.Index(self.covariates, name="covariate"),
        )
