"""Pareto/NBD: buying at random times until an unseen moment of dropout.

Inside, the parameters are log r, the log of the mean purchase rate r / alpha, log s, and the log of
the mean dropout rate s / beta.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import betainc, expit

from retention.models.dropout_integral import INTEGRAL_NODES, dropout_integral
from retention.models.maximum_likelihood import Bound
from retention.models.purchase_model import PurchaseFit, PurchaseModel
from retention.models.purchase_rows import Array, Codes, PurchaseRows, distinct
from retention.models.rising_factorial import log_rising

LOG_MOST = float(np.log(1e6))

BOUNDS = [
    Bound(
        float(np.log(1e-3)),
        LOG_MOST,
        "r at its lower bound: hardly anybody buys again, purchase rates are not identified",
        "r at its upper bound: differences in purchase rate not identified: homogeneous limit used",
        "differences in purchase rate",
    ),
    Bound(-16.0, 12.0, "purchase rate at its lower bound: there are no repeat purchases", ""),
    Bound(
        float(np.log(1e-3)),
        LOG_MOST,
        "s at its lower bound: customers stop at once or never",
        "s at its upper bound: individual dropout differences not identified: "
        "homogeneous limit used",
        "individual dropout differences",
    ),
    Bound(
        -16.0,
        12.0,
        "dropout rate at its lower bound: no dropout seen, everybody counts as alive (NBD limit)",
        "dropout rate at its upper bound: everybody stops at once",
    ),
]
# log r, log mean purchase rate, log s, log mean dropout rate; time in mean T
STARTS = [[0.0, 0.5, -0.5, 0.5], [-0.5, 1.5, 0.0, -1.0], [0.5, 0.0, 1.0, 0.0]]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(64)
BLOCK = 1024  # rows integrated at a time: their nodes stay in the cache


@dataclass(frozen=True)
class _Gammas:
    """r and s, and alpha and beta of each row (scalars without covariates)."""

    r: float
    alpha: Array | float
    s: float
    beta: Array | float


def _gammas(theta: Array, rows: PurchaseRows) -> _Gammas:
    cut = 4 + rows.purchase_z.shape[1]
    alpha: Array | float = float(np.exp(theta[0] - theta[1]))
    beta: Array | float = float(np.exp(theta[2] - theta[3]))
    if cut > 4:
        alpha = alpha * np.exp(-(rows.purchase_z @ theta[4:cut]))
    if theta.size > cut:
        beta = beta * np.exp(-(rows.dropout_z @ theta[cut:]))
    return _Gammas(float(np.exp(theta[0])), alpha, float(np.exp(theta[2])), beta)


@dataclass(frozen=True)
class ParetoLikelihood:
    """Log-likelihood and score of each row, in scaled time."""

    data: PurchaseRows

    @property
    def weights(self) -> Array:
        """Customers a row stands for."""
        return self.data.weights

    def some(self, which: Codes, weights: Array) -> ParetoLikelihood:
        """Return some of the rows, with other weights."""
        return ParetoLikelihood(replace(self.data.take(which), weights=weights))

    def rows(self, theta: Array) -> tuple[Array, Array]:
        """Return the log-likelihood (n,) and the score (n, p) of each row."""
        d = self.data
        value = np.empty(d.size)
        score = np.empty((4 + d.purchase_z.shape[1] + d.dropout_z.shape[1], d.size))
        rising = log_rising(float(np.exp(theta[0])), np.arange(int(d.x.max(initial=0)) + 1))
        work = np.empty((5, INTEGRAL_NODES, min(BLOCK, d.size)))
        for begin in range(0, d.size, BLOCK):
            cut = slice(begin, begin + BLOCK)
            value[cut] = _row_scores(theta, d.take(cut), rising, work, score[:, cut])
        return value, score.T


def _row_scores(
    theta: Array, d: PurchaseRows, rising: tuple[Array, Array], work: Array, score: Array
) -> Array:
    """Return the log-likelihood of some rows, and write their score (p, n) in place."""
    g = _gammas(theta, d)
    shape = g.r + d.x
    rise, rise_r = rising[0][d.x], rising[1][d.x]
    stop = dropout_integral(shape, g.alpha, g.s, g.beta, d.t_x, d.T, work)
    gap_a = np.log1p((d.T - d.t_x) / (g.alpha + d.t_x))
    gap_b = np.log1p((d.T - d.t_x) / (g.beta + d.t_x))
    log_alive = -shape * gap_a - g.s * gap_b
    total = np.logaddexp(log_alive, stop.log_value)
    dead = np.exp(stop.log_value - total)
    alive = 1 - dead
    past_a, past_b = np.log1p(d.t_x / g.alpha), np.log1p(d.t_x / g.beta)
    value = rise - d.x * np.log(g.alpha) - shape * past_a - g.s * past_b + total

    mean_log_a = alive * gap_a + dead * stop.log_alpha
    mean_log_b = alive * gap_b + dead * stop.log_beta
    inverse_a = alive / (g.alpha + d.T) + dead * stop.alpha_inverse
    by_r = rise_r - past_a - mean_log_a
    by_s = -past_b - mean_log_b + dead / g.s
    a_by_alpha = g.r - shape * g.alpha * inverse_a
    b_by_beta = g.s - g.beta * (alive * g.s / (g.beta + d.T) + dead * (g.s + 1) * stop.beta_inverse)
    cut = 4 + d.purchase_z.shape[1]
    score[0] = g.r * by_r + a_by_alpha
    score[1] = -a_by_alpha
    score[2] = g.s * by_s + b_by_beta
    score[3] = -b_by_beta
    score[4:cut] = -a_by_alpha * d.purchase_z.T
    score[cut:] = -b_by_beta * d.dropout_z.T
    return np.asarray(value)


@dataclass(frozen=True, kw_only=True)
class ParetoNBDFit(PurchaseFit):
    """What Pareto/NBD learned.

    Parameters
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha in units of time.
    s, beta : float
        Shape and rate of the gamma distribution of dropout rates; beta in units of time.
    """

    r: float
    alpha: float
    s: float
    beta: float

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper, covariates last."""
        return self._with_effects(
            {"r": self.r, "alpha": self.alpha, "s": self.s, "beta": self.beta}
        )

    def _log_jacobian(self) -> Array:
        jacobian = np.eye(len(self.parameters))
        jacobian[1, 0], jacobian[1, 1] = 1, -1
        jacobian[3, 2], jacobian[3, 3] = 1, -1
        return jacobian

    def _of(self, rows: PurchaseRows) -> _Gammas:
        plain = np.log([self.r, self.r / self.alpha, self.s, self.s / self.beta])
        effects = [*self.purchase_effects.values(), *self.dropout_effects.values()]
        return _gammas(np.concatenate([plain, effects]), rows)

    def _alive(self, rows: PurchaseRows) -> Array:
        alive = np.empty(rows.size)
        work = np.empty((5, INTEGRAL_NODES, min(BLOCK, rows.size)))
        for begin in range(0, rows.size, BLOCK):
            cut = slice(begin, begin + BLOCK)
            d = rows.take(cut)
            g, shape = self._of(d), self.r + d.x
            stop = dropout_integral(shape, g.alpha, g.s, g.beta, d.t_x, d.T, work)
            log_alive = -shape * np.log1p((d.T - d.t_x) / (g.alpha + d.t_x))
            log_alive -= g.s * np.log1p((d.T - d.t_x) / (g.beta + d.t_x))
            alive[cut] = expit(log_alive - stop.log_value)
        return alive

    def _until(self, g: _Gammas, rows: PurchaseRows) -> Array:
        """Return the rate of the gamma distribution of dropout from now on."""
        return np.broadcast_to((g.beta + rows.T) / self.future_dropout, rows.T.shape)

    def _ahead(self, rows: PurchaseRows, t: float) -> Array:
        g = self._of(rows)
        until = self._until(g, rows)
        # (1 - (1 + t/until)**-(s-1)) / (s-1), which at s = 1 is a logarithm
        grown, power = np.log1p(t / until), g.s - 1
        left = grown if abs(power) < 1e-9 else -np.expm1(-power * grown) / power
        return (self.r + rows.x) / (g.alpha + rows.T) * until * left

    def _discounted_ahead(self, rows: PurchaseRows, rate: float, horizon: float) -> Array:
        if rate == 0:
            return self._ahead(rows, horizon)
        g = self._of(rows)
        until = self._until(g, rows)
        first, codes = distinct([until])
        limit = min(horizon, 45 / rate)
        reach = np.log1p(limit / until[first])[:, None]
        y = reach * (NODES + 1) / 2
        # y = log(1 + u / until): survival is exp(-s y), time is until * (e**y - 1)
        fall = np.exp((1 - g.s) * y - rate * until[first, None] * np.expm1(y))
        stay = (fall @ WEIGHTS) * reach[:, 0] / 2 * until[first]
        return (self.r + rows.x) / (g.alpha + rows.T) * stay[codes]

    def _count_ahead(self, rows: PurchaseRows, n: int, t: float) -> Array:
        g = self._of(rows)
        shape, end = self.r + rows.x, g.alpha + rows.T
        until = self._until(g, rows)
        if t == 0:
            return np.full(rows.size, float(n == 0))
        grown = np.log1p(t / until)
        stays = np.exp(-g.s * grown) * _bought(n, shape, end, t)
        y = grown[:, None] * (NODES + 1) / 2
        density = g.s * np.exp(-g.s * y) * WEIGHTS
        density *= -np.expm1(-g.s * grown)[:, None] / density.sum(axis=1, keepdims=True)
        u = until[:, None] * np.expm1(y)
        end_column = np.broadcast_to(end, rows.T.shape)[:, None]
        stops = (density * _bought(n, shape[:, None], end_column, u)).sum(axis=1)
        return np.asarray(stays + stops)

    def _draw_ahead(self, rows: PurchaseRows, t: float, rng: np.random.Generator) -> Array:
        g = self._of(rows)
        rate = rng.gamma(self.r + rows.x, 1 / (g.alpha + rows.T))
        until = self._until(g, rows)
        left = until * np.expm1(rng.exponential(1.0, rows.size) / g.s)
        return rng.poisson(rate * np.minimum(left, t)).astype(float)


def _bought(n: int, shape: Array, end: Array | float, t: Array | float) -> Array:
    """Probability of exactly n purchases in t by a customer alive all the while."""
    share = t / (end + t)
    at_least = np.ones_like(shape + share) if n == 0 else betainc(n, shape, share)
    return np.maximum(at_least - betainc(n + 1, shape, share), 0.0)


@dataclass(frozen=True, kw_only=True)
class ParetoNBD(PurchaseModel):
    """Pareto/NBD of Schmittlein, Morrison and Colombo (1987), by quadrature.

    Covariates multiply the purchase rate and the dropout rate: a coefficient of 0.1 goes with a
    rate higher by 10.5 %.

    References
    ----------
    .. [1] Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987). Counting your customers: who
       are they and what will they do next? Management Science 33(1), 1-24.

    Examples
    --------
    >>> fit = ParetoNBDFit(r=0.553, alpha=10.578, s=0.606, beta=11.669, unit="week")
    >>> round(fit.expected_new_customer(52), 2)
    1.47
    """

    @property
    def name(self) -> str:
        """The model in the field's words."""
        return "Pareto/NBD"

    def _likelihood(self, rows: PurchaseRows) -> ParetoLikelihood:
        return ParetoLikelihood(rows)

    def _bounds(self) -> list[Bound]:
        return BOUNDS

    def _starts(self) -> list[list[float]]:
        return STARTS

    def _learned(self, theta: Array, scale: float, **facts: Any) -> ParetoNBDFit:
        g = _gammas(theta[:4], PurchaseRows.empty())
        return ParetoNBDFit(
            r=g.r,
            alpha=float(g.alpha) * scale,
            s=g.s,
            beta=float(g.beta) * scale,
            **self._effects(theta, 4),
            **facts,
        )
