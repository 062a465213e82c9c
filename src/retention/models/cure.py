"""Cure model: a share of customers who never leave, and the stay of the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.optimize import minimize
from scipy.special import expit, log_expit

from retention.errors import ConvergenceError, NotEnoughDataError, NotIdentifiedError
from retention.estimates import normal_quantile

from .counts import Floats, check_spells
from .design import Design, check_rank

__all__ = ["CureModel", "CureModelFit"]


@dataclass(frozen=True, kw_only=True)
class CureModel:
    """Of all who come, a share never leaves; the others stay for a Weibull time.

    Tenures are whole units: who left at t left between t - 1 and t. Late entry is respected: a
    spell counts given that it lasted until its entry.

    Parameters
    ----------
    covariates : sequence of str
        Of the share who never leave (logistic).
    stay_covariates : sequence of str
        Of the stay of the others (log time).
    references : mapping of str to str
        Reference level of text columns.
    level : float
        Level of intervals.
    max_iterations : int
        Of the optimiser.

    References
    ----------
    .. [1] Farewell, V. T. (1982). The use of mixture models for the analysis of survival data with
       long-term survivors. Biometrics 38, 1041-1046.
    """

    covariates: Sequence[str] = ()
    stay_covariates: Sequence[str] = ()
    references: Mapping[str, str] = field(default_factory=dict)
    level: float = 0.95
    max_iterations: int = 500

    def fit(self, table: pd.DataFrame) -> CureModelFit:
        """Fit by maximum likelihood to one row a spell; zero tenures are left out.

        Raises
        ------
        SchemaError, NotEnoughDataError
            As `Cox`.
        NotIdentifiedError
            If the share cannot be told: the curve has not begun to level off, or nobody is left.
        ConvergenceError
            If no optimum is found.
        """
        check_spells(table, [])
        table = table[table["duration"] > 0]
        event = table["event"].to_numpy(bool)
        if not event.any():
            raise NotEnoughDataError(f"none of {len(table):,} spells at risk ended in leaving")
        never = Design.learn(table, self.covariates, self.references)
        stay = Design.learn(table, self.stay_covariates, self.references)
        z, x = _with_one(never, table), _with_one(stay, table)
        t = table["duration"].to_numpy(float)
        entry = table["entry"].to_numpy(float) if "entry" in table else np.zeros(len(t))
        start = np.zeros(z.shape[1] + x.shape[1] + 1)
        start[z.shape[1]] = np.log(t.mean())

        def loss(theta: Floats) -> float:
            value = -_log_likelihood(theta, z, x, t, entry, event) / len(t)
            return value if np.isfinite(value) else 1e10

        found = minimize(loss, start, method="BFGS",
                         options={"maxiter": self.max_iterations, "gtol": 1e-7})  # fmt: skip
        if not np.all(np.abs(found.jac) < 1e-4):
            raise ConvergenceError(
                f"cure model: no optimum in {self.max_iterations} steps on {len(t):,} spells with "
                f"{event.sum():,} that left; use fewer covariates"
            )
        information = _hessian(loss, found.x) * len(t)
        _check(found.x, information, z.shape[1], never)
        return CureModelFit(
            never, stay, found.x, np.asarray(np.linalg.inv(information), dtype=float),
            -float(found.fun) * len(t), len(t), int(event.sum()), self.level, float(t.max()),
        )  # fmt: skip


def _with_one(design: Design, table: pd.DataFrame) -> Floats:
    x = design.matrix(table)
    centred = x - x.mean(axis=0)
    check_rank(centred.T @ centred, design.columns)
    return np.column_stack([np.ones(len(table)), x])


def _log_likelihood(
    theta: Floats, z: Floats, x: Floats, t: Floats, entry: Floats, event: np.ndarray
) -> float:
    p = z.shape[1]
    eta, middle, shape = z @ theta[:p], x @ theta[p:-1], np.exp(theta[-1])

    def log_stay(when: Floats) -> Floats:
        with np.errstate(divide="ignore", over="ignore"):
            return -np.exp(shape * (np.log(when) - middle))

    log_never, log_mortal = log_expit(eta), log_expit(-eta)
    with np.errstate(divide="ignore", invalid="ignore", over="ignore"):
        gone = log_stay(t - 1) + np.log(-np.expm1(log_stay(t) - log_stay(t - 1)))
        left = log_mortal + gone
        stayed = np.logaddexp(log_never, log_mortal + log_stay(t))
        seen = np.where(entry > 0, np.logaddexp(log_never, log_mortal + log_stay(entry)), 0.0)
    return float(np.sum(np.where(event, left, stayed) - seen))


def _hessian(loss: object, at: Floats, step: float = 1e-4) -> Floats:
    assert callable(loss)
    size = len(at)
    moves = np.eye(size) * step
    found = np.zeros((size, size))
    for i in range(size):
        for j in range(i, size):
            a, b = moves[i], moves[j]
            value = loss(at + a + b) - loss(at + a - b) - loss(at - a + b) + loss(at - a - b)
            found[i, j] = found[j, i] = value / (4 * step * step)
    return found


def _check(theta: Floats, information: Floats, p: int, never: Design) -> None:
    names = ["share who never leave", *never.columns]
    eigen = np.linalg.eigvalsh(information)
    far = np.abs(theta[:p]) > 8
    if eigen.min() <= 0 or far.any():
        which = names[int(np.argmax(np.abs(theta[:p])))]
        raise NotIdentifiedError(
            f"{which} cannot be told in these data: the curve has not levelled off, or a group has "
            "nobody who left. Watch for longer, or use a model without such a share"
        )


@dataclass(frozen=True, eq=False)
class CureModelFit:
    """What was learned.

    Parameters
    ----------
    never, stay : Design
        Covariates of the share and of the stay.
    theta, covariance : ndarray of float
        Logit of the share, log stay, log of the Weibull's shape.
    log_likelihood : float
        At the estimate.
    n, n_events : int
        Spells, and those that left.
    level, longest : float
        Level of intervals; longest tenure seen. `predict_leaving` and `expected_leavers` take the
        fit.
    """

    never: Design
    stay: Design
    theta: Floats
    covariance: Floats
    log_likelihood: float
    n: int
    n_events: int
    level: float
    longest: float

    def share(self, profile: Mapping[str, object] | None = None) -> tuple[float, float, float]:
        """Return the share who never leave, of one profile, with its interval."""
        x = np.r_[1.0, self._x(self.never, profile)]
        p = len(x)
        eta = float(x @ self.theta[:p])
        se = float(np.sqrt(x @ self.covariance[:p, :p] @ x))
        half = normal_quantile(self.level) * se
        return float(expit(eta)), float(expit(eta - half)), float(expit(eta + half))

    def survival(
        self, t: ArrayLike, profile: Mapping[str, object] | None = None, *, given: float = 0.0
    ) -> Floats:
        """Return S(t) of one profile, of those with us at tenure `given`."""
        z, x = self._x(self.never, profile), self._x(self.stay, profile)
        ends = [
            self._log_survival(z, x, np.asarray(when, dtype=float), self.theta)
            for when in (t, given)
        ]
        return np.asarray(np.exp(ends[0] - ends[1]), dtype=float)

    def log_survival(self, table: pd.DataFrame, t: Floats, theta: Floats) -> Floats:
        """Return log S of each row of a table at its tenure, under the parameters `theta`."""
        return self._log_survival(self.never.matrix(table), self.stay.matrix(table), t, theta)

    def _log_survival(self, z: Floats, x: Floats, t: Floats, theta: Floats) -> Floats:
        p = len(self.never.columns) + 1
        eta = theta[0] + z @ theta[1:p]
        middle = theta[p] + x @ theta[p + 1 : -1]
        with np.errstate(divide="ignore"):
            gone = np.exp(np.exp(theta[-1]) * (np.log(t) - middle))
        return np.asarray(np.logaddexp(log_expit(eta), log_expit(-eta) - gone), dtype=float)

    def summary(self) -> pd.DataFrame:
        """Return one row a coefficient."""
        names = ["never: Intercept", *(f"never: {name}" for name in self.never.columns)]
        names += ["stay: Intercept", *(f"stay: {name}" for name in self.stay.columns), "log shape"]
        se = np.sqrt(np.diag(self.covariance))
        return pd.DataFrame({"coefficient": self.theta, "se": se}, index=names)

    def _x(self, design: Design, profile: Mapping[str, object] | None) -> Floats:
        if profile is None or not design.terms:
            return np.zeros(len(design.columns))
        return design.matrix(pd.DataFrame([dict(profile)]))[0]
