"""Churn at renewals, as the contractual models see it: who faced each renewal, and who left.

The likelihood of any model of discrete lifetimes is a product over renewals: those who left at t
give the hazard h(t), those who stayed 1 - h(t). Counts by tenure are therefore all that is needed,
for any number of cohorts, with right-censoring and left truncation exact.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betaln, expit, psi

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models.counts import as_cube
from retention.models.maximum_likelihood import Bound, Optimum, maximise
from retention.models.purchase_model import replicate_thetas
from retention.models.purchase_rows import continuous_rate, unit_of
from retention.window import Unit

Array = NDArray[np.floating[Any]]
Codes = NDArray[np.integer[Any]]

LONGEST = 2_000_000  # renewals over which a value without end is summed

BOUNDS = [
    Bound(-14.0, 14.0, "nobody left", "everybody left at the first renewal"),
    Bound(
        float(np.log(1e-3)),
        float(np.log(1e5)),
        "alpha + beta at its lower bound: customers leave at once or never",
        "alpha + beta at its upper bound: individual differences in churn not identified: "
        "homogeneous limit used",
        "individual differences in churn",
    ),
]

C_BOUND = Bound(-3.0, 3.0, "c at its lower bound", "c at its upper bound")


@dataclass(frozen=True)
class RenewalLikelihood:
    """Log-likelihood and score of those who left, and of those who stayed, at each renewal.

    Parameters
    ----------
    t : ndarray of int, shape (n,)
        Renewal, 1 or more.
    left : ndarray of bool, shape (n,)
        Whether the row counts those who left.
    weights : ndarray of float, shape (n,)
        Customers a row stands for.
    duration_dependence : bool
        Whether time is raised to a power c (beta-discrete-Weibull), theta[2] = log c.
    """

    t: Codes
    left: NDArray[np.bool_]
    weights: Array
    duration_dependence: bool

    def some(self, which: Codes, weights: Array) -> RenewalLikelihood:
        """Return some of the rows, with other weights."""
        return replace(self, t=self.t[which], left=self.left[which], weights=weights)

    def rows(self, theta: Array) -> tuple[Array, Array]:
        """Return the log-likelihood (n,) and the score (n, p) of each row."""
        kappa = float(np.exp(theta[1]))
        a, b = kappa * float(expit(theta[0])), kappa * float(expit(-theta[0]))
        c = float(np.exp(theta[2])) if self.duration_dependence else 1.0
        before, b_slopes = _log_survival(self.t - 1.0, a, b, c)
        after, a_slopes = _log_survival(self.t.astype(float), a, b, c)
        stays = np.minimum(after - before, -1e-300)
        log_left = np.log(-np.expm1(stays))
        # d log h = -(1 - h) / h d log(1 - h)
        factor = np.where(self.left, -np.exp(stays - log_left), 1.0)
        score = factor[:, None] * (a_slopes - b_slopes)
        return np.where(self.left, log_left, stays), score[:, : theta.size]


def _log_survival(t: Array, a: float, b: float, c: float) -> tuple[Array, Array]:
    """Return log S(t) and its slopes by log-odds of a/(a+b), log(a+b) and log c."""
    u = t**c
    phi, kappa = a / (a + b), a + b
    value = betaln(a, b + u) - betaln(a, b)
    by_a = psi(kappa) - psi(kappa + u)
    by_u = psi(b + u) - psi(kappa + u)
    by_b = by_u - psi(b) + psi(kappa)
    log_t = np.log(np.maximum(t, 1e-300))
    return value, np.stack(
        [a * (1 - phi) * (by_a - by_b), a * by_a + b * by_b, by_u * u * log_t * c], axis=1
    )


def count_renewals(table: pd.DataFrame) -> tuple[Codes, Array, Array]:
    """Return renewals 1..K, and those who faced and who left at each.

    Parameters
    ----------
    table : DataFrame
        One row a spell (schema ``durations``), or a count cube.

    Raises
    ------
    ParameterError
        If tenures are not whole numbers.
    NotEnoughDataError
        If nobody faced a renewal.
    """
    cube = as_cube(table)
    tenure = cube["tenure"].to_numpy(dtype=float)
    if (tenure != np.floor(tenure)).any():
        raise ParameterError("renewals are whole tenures; count durations in the contract's period")
    grid = tenure.astype(np.int64)
    size = int(grid.max(initial=0)) + 1
    entered, events, censored = (
        np.bincount(grid, cube[name].to_numpy(dtype=float), size).astype(float)
        for name in ("entered", "events", "censored")
    )
    present = np.cumsum(entered - events - censored)
    t = np.arange(1, size)
    if size == 1 or not present[:-1].any():
        raise NotEnoughDataError("nobody has faced a renewal yet: all tenures are 0")
    return t.astype(np.int64), present[:-1], events[1:]


def discounted_survival(
    survival: Callable[[Codes], Array],
    renewals: ArrayLike,
    rate: float,
    horizon: int | None = None,
) -> Array:
    """Return the discounted expected renewals ahead under any survival curve.

    Parameters
    ----------
    survival : callable
        S(t) at whole tenures, such as ``KaplanMeierFit.survival``.
    renewals : array_like of int, shape (n,)
        Renewals survived; where the curve is 0 the result is 0.
    rate : float
        Continuous discount rate a period.
    horizon : int or None
        Renewals ahead that count; None for all, which needs a rate above 0.
    """
    m = np.atleast_1d(np.asarray(renewals, dtype=np.int64))
    if horizon is None and not rate > 0:
        raise ParameterError(
            "value without end and without discount may be infinite; give a horizon, or an "
            "annual_rate above 0"
        )
    ahead = min(LONGEST, int(36 / rate) + 1) if horizon is None else int(horizon)
    t = np.arange(0, int(m.max(initial=0)) + ahead + 1)
    curve = np.asarray(survival(t), dtype=float)
    worth = np.concatenate([[0.0], np.cumsum(curve[1:] * np.exp(-rate * (t[1:] - 1)))])
    here = curve[m]
    sums = (worth[m + ahead] - worth[m]) * np.exp(rate * m)
    return np.asarray(np.where(here > 0, sums / np.where(here > 0, here, 1.0), 0.0))


@dataclass(frozen=True, kw_only=True)
class RenewalFit(ABC):
    """What was learned of a cohort's survival through renewals.

    Parameters
    ----------
    alpha, beta : float
        Shapes of the beta distribution of the chance to leave at a renewal.
    unit : str or None
        Time between two renewals.
    log_likelihood : float
        At the optimum.
    n_customers, n_events : int
        Customers who faced a renewal, and those who left.
    optimum : Optimum or None
        Transformed parameters with covariance and certificate.
    """

    alpha: float
    beta: float
    unit: Unit | None = None
    log_likelihood: float = float("nan")
    n_customers: int = 0
    n_events: int = 0
    optimum: Optimum | None = None

    @property
    @abstractmethod
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper."""

    @abstractmethod
    def survival(self, t: ArrayLike) -> Array:
        """Share of a cohort that is still with us after `t` renewals."""

    def retention_rate(self, t: ArrayLike) -> Array:
        """Share of those with us after ``t - 1`` renewals who also renew at `t`; ``t >= 1``."""
        t = np.asarray(t)
        return np.asarray(self.survival(t) / self.survival(t - 1))

    def expected_residual(
        self, renewals: ArrayLike, annual_rate: float, horizon: int | None = None
    ) -> Array:
        """Return the discounted expected renewals ahead (DERL, or finite).

        Parameters
        ----------
        renewals : array_like of int, shape (n,)
            Renewals a customer has survived. The next one is due now and is not discounted.
        annual_rate : float
            Discount rate a year.
        horizon : int or None
            Renewals ahead that count; None for all.

        Raises
        ------
        ParameterError
            If there is neither a horizon nor a rate, or the unit of time is not known.
        """
        return self.discounted_renewals(renewals, continuous_rate(annual_rate, self.unit), horizon)

    def discounted_renewals(
        self, renewals: ArrayLike, rate: float, horizon: int | None = None
    ) -> Array:
        """Return `expected_residual` at a continuous rate per period."""
        return discounted_survival(self.survival, renewals, rate, horizon)

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    def standard_errors(self) -> dict[str, float]:
        """Return the standard error of each parameter; NaN where it is not identified."""
        names = list(self.parameters)
        if self.optimum is None:
            return dict.fromkeys(names, float("nan"))
        phi = self.alpha / (self.alpha + self.beta)
        jacobian = np.eye(len(names))
        jacobian[:2, :2] = [[1 - phi, 1], [-phi, 1]]
        variance = np.einsum("ij,jk,ik->i", jacobian, self.optimum.covariance, jacobian)
        touched = (np.abs(jacobian[:, ~self.optimum.free]) > 1e-12).any(axis=1)
        se = np.where(touched, np.nan, np.sqrt(np.maximum(variance, 0)))
        return dict(zip(names, (se * list(self.parameters.values())).tolist(), strict=True))

    def summary(self) -> pd.DataFrame:
        """One row a parameter: estimate and standard error."""
        return pd.DataFrame({"estimate": self.parameters, "se": self.standard_errors()})


@dataclass(frozen=True, kw_only=True)
class RenewalModel(ABC):
    """Settings shared by the models of renewals.

    Parameters
    ----------
    unit : str or None
        Time between two renewals; None takes it from the table's window.
    max_iterations : int
        Limit of the search.
    """

    unit: Unit | None = None
    max_iterations: int = 500

    @property
    @abstractmethod
    def name(self) -> str:
        """The model in the field's words."""

    @abstractmethod
    def _learned(self, theta: Array, **facts: Any) -> Any: ...

    @property
    def _duration_dependence(self) -> bool:
        return False

    def fit(self, durations: pd.DataFrame) -> Any:
        """Fit by maximum likelihood to one row a spell, or to a count cube.

        Raises
        ------
        NotEnoughDataError
            If nobody has faced a renewal.
        NotIdentifiedError
            If all were seen at one renewal only: one share cannot tell apart how customers differ.
        """
        likelihood, facts = self._read(durations)
        extra = 1 if self._duration_dependence else 0
        optimum = maximise(
            likelihood,
            [np.array([start, 0.5, *[0.0] * extra]) for start in (-1.0, -3.0)],
            [*BOUNDS, C_BOUND][: 2 + extra],
            model=self.name,
            max_iterations=self.max_iterations,
        )
        facts |= {"log_likelihood": optimum.log_likelihood, "optimum": optimum}
        return self._learned(optimum.theta, **facts)

    def bootstrap(
        self,
        fit: RenewalFit,
        durations: pd.DataFrame,
        *,
        replicates: int = 200,
        rng: np.random.Generator,
    ) -> tuple[Any, ...]:
        """Return fits in which each renewal faced by a customer counts a Poisson number of times.

        The renewals of one customer are independent given survival so far, so that this gives the
        same spread as drawing customers.
        """
        if fit.optimum is None:
            raise ParameterError("this fit was made by hand; only a fit to data has replicates")
        likelihood, facts = self._read(durations)
        thetas = replicate_thetas(likelihood, fit.optimum, replicates, rng)
        return tuple(self._learned(theta, **facts) for theta in thetas)

    def _read(self, durations: pd.DataFrame) -> tuple[RenewalLikelihood, dict[str, Any]]:
        t, faced, left = count_renewals(durations)
        seen = faced > 0
        if seen.sum() < 2:
            share = float(left.sum() / faced.sum())
            raise NotIdentifiedError(
                f"{self.name}: {faced.sum():,.0f} customers, all seen at renewal {t[seen][0]} only,"
                f" where {share:.1%} left; two renewals are needed to tell how customers differ"
            )
        likelihood = RenewalLikelihood(
            np.tile(t[seen], 2),
            np.repeat([True, False], int(seen.sum())),
            np.concatenate([left[seen], (faced - left)[seen]]),
            self._duration_dependence,
        )
        facts = {
            "unit": unit_of(durations, self.unit),
            "n_customers": round(float(as_cube(durations)["entered"].sum())),
            "n_events": round(float(left.sum())),
        }
        return likelihood, facts
