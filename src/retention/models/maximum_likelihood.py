"""Maximum likelihood with a certificate: how well the optimum was found, and what it cannot tell.

A likelihood here is a sum over weighted rows, each giving its log-likelihood and its score. Large
tables are first searched on a sample of their rows and then polished by Newton steps on all of
them, so that a million customers cost about five passes.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize

from retention.errors import ConvergenceError

Array = NDArray[np.floating[Any]]

THINNED_ROWS = 6_000
CURVATURE_ROWS = 15_000  # rows that give standard errors to about a hundredth of themselves
LARGE = 20_000  # tables of more rows are searched on a sample
NEAR_BOUND = 8.0  # a parameter this close to its bound (in log units) is tried at the bound itself
VAGUE = 2.0  # a standard error above this on a log scale: off by a factor of seven or more
FLAT = 1e-3  # log-likelihood units that the data would have to give up for the bound: nothing


class RowLikelihood(Protocol):
    """A log-likelihood that is a sum over weighted rows."""

    @property
    def weights(self) -> Array:
        """Customers a row stands for, shape (n,)."""
        ...

    def rows(self, theta: Array) -> tuple[Array, Array]:
        """Return the log-likelihood (n,) and the score (n, p) of each row."""
        ...

    def some(self, which: NDArray[np.intp], weights: Array) -> RowLikelihood:
        """Return some of the rows, with other weights."""
        ...


@dataclass(frozen=True)
class Bound:
    """Range of one transformed parameter.

    `at_low` and `at_high` say what its ends mean, `about` what the parameter is about.
    """

    low: float
    high: float
    at_low: str = ""
    at_high: str = ""
    about: str = ""


@dataclass(frozen=True, kw_only=True)
class Certificate:
    """How far a fit may be trusted.

    Parameters
    ----------
    gradient_norm : float
        Largest derivative of the log-likelihood per customer, over the parameters not at a bound.
    shortfall : float
        Log-likelihood units that the optimum may still be missed by (half the Newton decrement).
    hessian_condition : float
        Condition number of the Hessian over the free parameters, scaled to unit diagonal.
    evaluations : int
        Passes over all rows.
    boundaries : tuple of str
        What the data could not tell, in words; empty if every parameter lies inside its range.
    """

    gradient_norm: float
    shortfall: float
    hessian_condition: float
    evaluations: int
    boundaries: tuple[str, ...] = ()

    @property
    def identified(self) -> bool:
        """Whether every parameter lies inside its range and the Hessian can be inverted."""
        return not self.boundaries and self.hessian_condition < 1e10

    def __str__(self) -> str:
        text = (
            f"gradient {self.gradient_norm:.1e} per customer, {self.shortfall:.1e} log units short,"
            f" Hessian condition {self.hessian_condition:.3g}, {self.evaluations} passes"
        )
        return "; ".join([text, *self.boundaries])


@dataclass(frozen=True, kw_only=True)
class Optimum:
    """Where the likelihood is highest, with what is needed to judge and to bootstrap it."""

    theta: Array
    log_likelihood: float
    covariance: Array
    certificate: Certificate
    low: Array
    high: Array

    @property
    def free(self) -> NDArray[np.bool_]:
        """Which parameters are not at a bound."""
        return np.asarray(np.diag(self.covariance) > 0)


class _Loss:
    """Negative log-likelihood per customer, with its gradient; counts its passes."""

    def __init__(self, likelihood: RowLikelihood) -> None:
        self.likelihood = likelihood
        self.size = float(likelihood.weights.sum())
        self.passes = 0

    def __call__(self, theta: Array) -> tuple[float, Array]:
        self.passes += 1
        value, score = self.likelihood.rows(theta)
        weights = self.likelihood.weights
        loss = -float(weights @ value) / self.size
        if not np.isfinite(loss):
            return 1e300, np.zeros_like(theta)
        return loss, -(weights @ score) / self.size

    def hessian(self, theta: Array, free: NDArray[np.bool_], gradient: Array | None) -> Array:
        """Return the Hessian over the free parameters, by differences of the gradient.

        Central differences cost two passes a parameter; with the `gradient` over the free
        parameters given, forward ones cost one.
        """
        index = np.flatnonzero(free)
        columns = []
        for j in index:
            move = np.zeros_like(theta)
            move[j] = 1e-4 if gradient is None else 1e-5
            ahead = self(theta + move)[1]
            if gradient is None:
                columns.append((ahead - self(theta - move)[1])[index] / (2 * move[j]))
            else:
                columns.append((ahead[index] - gradient) / move[j])
        hessian = np.array(columns).reshape(index.size, index.size)
        return (hessian + hessian.T) / 2


def maximise(
    likelihood: RowLikelihood,
    starts: Sequence[Array],
    bounds: Sequence[Bound],
    *,
    model: str,
    max_iterations: int = 500,
) -> Optimum:
    """Maximise a likelihood over rows, inside bounds that are named in words.

    Parameters
    ----------
    likelihood : RowLikelihood
        The rows, their weights and their scores.
    starts : sequence of ndarray, shape (p,)
        Starting points; a later one is tried only where an earlier one found no optimum.
    bounds : sequence of Bound
        One a parameter.
    model : str
        Name of the model, for the error.
    max_iterations : int
        Limit of the search from each start.

    Raises
    ------
    ConvergenceError
        If no start leads to a point where the gradient vanishes.
    """
    failures = []
    for start in starts:
        found = _climb(likelihood, start, bounds, max_iterations)
        if found.certificate.shortfall < 1e-4:
            return _name_boundaries(likelihood, found, bounds, max_iterations)
        failures.append(found.certificate)
    raise ConvergenceError(
        f"{model}: no optimum in {max_iterations} iterations from {len(starts)} starts on "
        f"{likelihood.weights.sum():,.0f} customers ({failures[-1]}); look for customers with "
        "impossible frequency, recency or T, or raise max_iterations"
    )


def sample_rows(likelihood: RowLikelihood, most: int) -> RowLikelihood:
    """Return about `most` rows that stand for all: heavy ones surely, light ones by their weight.

    A row is taken with a chance in proportion to its weight, at even steps along the table, and
    weighs more by what the chance was less than one. Nothing is drawn: the same rows every time.
    """
    weights = likelihood.weights
    chance = np.minimum(1.0, weights * (most / weights.sum()))
    which = np.flatnonzero(np.diff(np.floor(np.cumsum(chance) + 0.5), prepend=0.0) > 0)
    return likelihood.some(which, weights[which] / chance[which])


def _climb(
    likelihood: RowLikelihood,
    start: Array,
    bounds: Sequence[Bound],
    max_iterations: int,
    held: NDArray[np.bool_] | None = None,
) -> Optimum:
    quick = len(likelihood.weights) > LARGE
    searched = sample_rows(likelihood, THINNED_ROWS) if quick else likelihood
    low = np.array([b.low for b in bounds])
    high = np.array([b.high for b in bounds])
    held = np.zeros(start.size, dtype=bool) if held is None else held
    found = minimize(
        _Loss(searched),
        start,
        jac=True,
        method="L-BFGS-B",
        bounds=list(
            zip(np.where(held, start, low), np.where(held, start, high), strict=True),
        ),
        options={"maxiter": max_iterations, "ftol": 1e-12, "gtol": 1e-6},
    )
    return _polish(likelihood, np.clip(found.x, low, high), low, high, held, quick=quick)


def _polish(
    likelihood: RowLikelihood,
    theta: Array,
    low: Array,
    high: Array,
    held: NDArray[np.bool_],
    quick: bool,
) -> Optimum:
    """Newton steps with one Hessian for as long as it serves; the bounds hold.

    A large table takes its Hessian from a sample of its rows: steps and standard errors need no
    more than two digits of it, and the steps correct it as they go.
    """
    loss = _Loss(likelihood)
    curve = _Loss(sample_rows(likelihood, CURVATURE_ROWS)) if quick else loss
    curvature: Array = np.zeros((0, 0))
    value, gradient = loss(theta)
    inverse: Array = np.zeros((0, 0))
    free, condition, decrement = ~held, 1.0, np.inf
    age = 99
    for _ in range(60):
        now_free = ~held & ~((theta <= low) & (gradient > 0)) & ~((theta >= high) & (gradient < 0))
        if age > 6 or not np.array_equal(now_free, free):
            free, age = now_free, 0
            known = curve(theta)[1][free] if quick else None
            curvature, condition = _inverse(curve.hessian(theta, free, known))
            inverse = curvature
        step = -inverse @ gradient[free]
        decrement = float(-gradient[free] @ step) / 2 * loss.size
        enough = 1e-9 if quick else 1e-13 * max(1.0, loss.size * abs(value)) ** 0.5
        if decrement < enough or not free.any():
            break
        before, from_theta, from_gradient = value, theta, gradient
        theta, value, gradient, better = _line(loss, theta, value, gradient, free, step, low, high)
        if (before - value) * loss.size < 1e-9 and decrement < 1e-6:
            break  # what is left is the rounding of the sum
        if not better and age == 0:
            break
        if better and quick:
            step, change = (theta - from_theta)[free], (gradient - from_gradient)[free]
            inverse = secant(inverse, step, change)
        age = age + 1 if better else 99
    covariance = np.zeros((theta.size, theta.size))
    covariance[np.ix_(free, free)] = curvature / loss.size
    certificate = Certificate(
        gradient_norm=float(np.abs(gradient[free]).max(initial=0.0)),
        shortfall=max(0.0, decrement),
        hessian_condition=condition,
        evaluations=loss.passes,
    )
    return Optimum(
        theta=theta,
        log_likelihood=-value * loss.size,
        covariance=covariance,
        certificate=certificate,
        low=low,
        high=high,
    )


def secant(inverse: Array, step: Array, change: Array) -> Array:
    """Return an inverse Hessian corrected by what a step has taught (BFGS)."""
    curve = float(change @ step)
    if curve <= 1e-12 * float(np.linalg.norm(change) * np.linalg.norm(step)):
        return inverse
    left = np.eye(step.size) - np.outer(step, change) / curve
    return np.asarray(left @ inverse @ left.T + np.outer(step, step) / curve)


def _inverse(hessian: Array) -> tuple[Array, float]:
    """Return a positive definite inverse and the condition number at unit diagonal."""
    if hessian.size == 0:
        return hessian, 1.0
    scale = np.sqrt(np.maximum(np.abs(np.diag(hessian)), 1e-14))
    values, vectors = np.linalg.eigh(hessian / np.outer(scale, scale))
    condition = float(values.max() / values.min()) if values.min() > 0 else float("inf")
    safe = np.maximum(np.abs(values), max(1e-9 * np.abs(values).max(), 1e-12))
    return (vectors / safe) @ vectors.T / np.outer(scale, scale), condition


def _line(
    loss: _Loss,
    theta: Array,
    value: float,
    gradient: Array,
    free: NDArray[np.bool_],
    step: Array,
    low: Array,
    high: Array,
) -> tuple[Array, float, Array, bool]:
    """Go along a step, halved until the loss does not rise (rounding apart)."""
    slack = 1e-14 * max(1.0, abs(value))
    length = min(1.0, 3.0 / max(float(np.abs(step).max(initial=0.0)), 1e-300))
    for _ in range(25):
        trial = theta.copy()
        trial[free] += length * step
        trial = np.clip(trial, low, high)
        new_value, new_gradient = loss(trial)
        if new_value <= value + slack and np.isfinite(new_gradient).all():
            return trial, new_value, new_gradient, True
        length /= 4
    return theta, value, gradient, False


def _name_boundaries(
    likelihood: RowLikelihood, found: Optimum, bounds: Sequence[Bound], max_iterations: int
) -> Optimum:
    """Put parameters at their bound where the likelihood is as high there; say what it means."""
    for j, bound in enumerate(bounds):
        for end, words in ((bound.low, bound.at_low), (bound.high, bound.at_high)):
            away = abs(found.theta[j] - end)
            vague = 3 * np.sqrt(found.covariance[j, j]) > away or away < 1
            if not words or not vague or not 0 < away < NEAR_BOUND:
                continue
            start = found.theta.copy()
            start[j] = end
            held = np.arange(start.size) == j
            tried = _climb(likelihood, start, bounds, max_iterations, held)
            if tried.log_likelihood >= found.log_likelihood - FLAT:
                found = tried
    named = [
        words
        for t, bound in zip(found.theta, bounds, strict=True)
        for end, words in ((bound.low, bound.at_low), (bound.high, bound.at_high))
        if t == end
    ]
    named = [words or "a coefficient is at its bound" for words in named]
    se = np.sqrt(np.diag(found.covariance))
    named += [
        f"{bound.about} barely identified (standard error {error:.1f} on the log scale)"
        for error, bound in zip(se, bounds, strict=True)
        if bound.about and error > VAGUE
    ]
    return replace(found, certificate=replace(found.certificate, boundaries=tuple(named)))
