"""BG/BB: one chance to buy in each period, until an unseen period of dropout.

For customers who can buy at most once a period (a donation a year, a place at a yearly fair, an
order a month): T counts the chances, recency the last one taken. Time is a count of chances here,
so frequency, recency and T are whole numbers, and so are the periods ahead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from scipy.special import betaln, expit

from retention.errors import ParameterError, SchemaError
from retention.models.beta_expectation import beta_nodes
from retention.models.maximum_likelihood import Bound
from retention.models.purchase_model import PurchaseFit, PurchaseModel
from retention.models.purchase_rows import Array, Codes, PurchaseRows
from retention.models.rising_factorial import log_rising

_LOW, _HIGH = float(np.log(1e-3)), float(np.log(1e6))
BOUNDS = [
    Bound(-14.0, 14.0, "nobody bought again", "everybody bought at every chance: sBG limit"),
    Bound(
        _LOW,
        _HIGH,
        "alpha + beta at its lower bound: customers buy always or never",
        "alpha + beta at its upper bound: differences in buying not identified: "
        "homogeneous limit used",
        "differences in buying",
    ),
    Bound(
        -14.0,
        14.0,
        "dropout at its lower bound: no dropout seen, everybody counts as alive",
        "dropout at its upper bound: everybody stops at the first chance",
    ),
    Bound(
        _LOW,
        _HIGH,
        "gamma + delta at its lower bound: customers stop at once or never",
        "gamma + delta at its upper bound: individual dropout differences not identified: "
        "homogeneous limit used",
        "individual dropout differences",
    ),
]


@dataclass(frozen=True)
class _Shapes:
    alpha: float
    beta: float
    gamma: float
    delta: float


def _shapes(theta: Array) -> _Shapes:
    buying, stopping = float(np.exp(theta[1])), float(np.exp(theta[3]))
    return _Shapes(
        buying * float(expit(theta[0])),
        buying * float(expit(-theta[0])),
        stopping * float(expit(theta[2])),
        stopping * float(expit(-theta[2])),
    )


@dataclass(frozen=True)
class BetaBinomialLikelihood:
    """Log-likelihood and score of each row: a sum over the last period of being alive."""

    data: PurchaseRows

    @property
    def weights(self) -> Array:
        """Customers a row stands for."""
        return self.data.weights

    def some(self, which: Codes, weights: Array) -> BetaBinomialLikelihood:
        """Return some of the rows, with other weights."""
        return BetaBinomialLikelihood(replace(self.data.take(which), weights=weights))

    def rows(self, theta: Array) -> tuple[Array, Array]:
        """Return the log-likelihood (n,) and the score (n, 4) of each row."""
        d, s = self.data, _shapes(theta)
        last, n = d.t_x.astype(np.int64), d.T.astype(np.int64)
        spans = n - last + 1
        owner = np.repeat(np.arange(d.size), spans)
        starts = np.concatenate([[0], np.cumsum(spans)[:-1]])
        until = last[owner] + np.arange(owner.size) - starts[owner]
        stopped = (until < n[owner]).astype(np.int64)
        x = d.x[owner]
        parts = [
            log_rising(s.alpha, x),
            log_rising(s.beta, until - x),
            log_rising(s.alpha + s.beta, until),
            log_rising(s.gamma, stopped),
            log_rising(s.delta, until),
            log_rising(s.gamma + s.delta, until + stopped),
        ]
        signs = (1, 1, -1, 1, 1, -1)
        term = np.sum([sign * part[0] for sign, part in zip(signs, parts, strict=True)], axis=0)
        top = np.maximum.reduceat(term, starts)
        share = np.exp(term - top[owner])
        total = np.add.reduceat(share, starts)
        share /= total[owner]
        sizes = (s.alpha, s.beta, s.alpha + s.beta, s.gamma, s.delta, s.gamma + s.delta)
        a, b, ab, c, e, ce = (
            np.add.reduceat(share * part[1], starts) * size
            for part, size in zip(parts, sizes, strict=True)
        )
        phi, psi = s.alpha / sizes[2], s.gamma / sizes[5]
        by_odds = (1 - phi) * a - phi * b
        by_odds_stop = (1 - psi) * c - psi * e
        score = np.stack([by_odds, a + b - ab, by_odds_stop, c + e - ce], axis=1)
        return top + np.log(total), score


@dataclass(frozen=True, kw_only=True)
class BetaGeoBetaBinomialFit(PurchaseFit):
    """What BG/BB learned.

    Parameters
    ----------
    alpha, beta : float
        Shapes of the beta distribution of the chance to buy in a period.
    gamma, delta : float
        Shapes of the beta distribution of the chance to stop before a period.
    """

    alpha: float
    beta: float
    gamma: float
    delta: float

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper."""
        names = ("alpha", "beta", "gamma", "delta")
        return {name: getattr(self, name) for name in names}

    def _log_jacobian(self) -> Array:
        phi, psi = self.alpha / (self.alpha + self.beta), self.gamma / (self.gamma + self.delta)
        return np.array([[1 - phi, 1, 0, 0], [-phi, 1, 0, 0], [0, 0, 1 - psi, 1], [0, 0, -psi, 1]])

    def _alive(self, rows: PurchaseRows) -> Array:
        """Alive at the next chance."""
        shape = np.log([self.alpha / self.beta, self.alpha + self.beta])
        stop = np.log([self.gamma / self.delta, self.gamma + self.delta])
        whole = BetaBinomialLikelihood(rows).rows(np.concatenate([shape, stop]))[0]
        n = rows.T
        joint = betaln(self.alpha + rows.x, self.beta + n - rows.x) - betaln(self.alpha, self.beta)
        joint += betaln(self.gamma, self.delta + n + 1) - betaln(self.gamma, self.delta)
        return np.asarray(np.minimum(np.exp(joint - whole), 1.0))

    def _stopping(self, rows: PurchaseRows) -> tuple[Array, Array]:
        """Return the shapes of the chance to stop, given that the next chance is reached."""
        stop = np.full(rows.size, self.gamma * self.future_dropout)
        return stop, self.delta + rows.T + 1 + self.gamma - stop

    def _ahead(self, rows: PurchaseRows, t: float) -> Array:
        return self._discounted_ahead(rows, 0.0, t)

    def _discounted_ahead(self, rows: PurchaseRows, rate: float, horizon: float) -> Array:
        if np.isfinite(horizon) and horizon != int(horizon):
            raise ParameterError(f"BG/BB counts whole periods; got {horizon}")
        p, q, weight = beta_nodes(*self._stopping(rows))
        keep = q * np.exp(-rate)
        loss = p + q * -np.expm1(-rate)  # 1 - keep, without cancellation
        gone = 0.0 if np.isinf(horizon) else keep**horizon
        periods = (weight * np.exp(-rate) * (1 - gone) / loss).sum(axis=1)
        return (self.alpha + rows.x) / (self.alpha + self.beta + rows.T) * periods

    def _count_ahead(self, rows: PurchaseRows, n: int, t: float) -> Array:
        if t != int(t):
            raise ParameterError(f"BG/BB counts whole periods; got {t}")
        if t == 0:
            return np.full(rows.size, float(n == 0))
        a, b = self.alpha + rows.x, self.beta + rows.T - rows.x
        stop, stay = self._stopping(rows)
        size = betaln(stop, stay)
        total = np.zeros(rows.size)
        for j in range(max(n, 1), int(t) + 1):
            ends = betaln(stop, stay + j - 1) if j == t else betaln(stop + 1, stay + j - 1)
            ways = -np.log1p(j) - betaln(1 + n, 1 + j - n)  # log of j over n
            total += np.exp(ends - size + ways + betaln(a + n, b + j - n) - betaln(a, b))
        return total

    def _draw_ahead(self, rows: PurchaseRows, t: float, rng: np.random.Generator) -> Array:
        p = rng.beta(self.alpha + rows.x, self.beta + rows.T - rows.x)
        stop = np.clip(rng.beta(*self._stopping(rows)), 1e-15, 1)
        return rng.binomial(np.minimum(rng.geometric(stop), int(t)), p).astype(float)


@dataclass(frozen=True, kw_only=True)
class BetaGeoBetaBinomial(PurchaseModel):
    """BG/BB of Fader, Hardie and Shang (2010).

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S. and Shang, J. (2010). Customer-base analysis in a
       discrete-time noncontractual setting. Marketing Science 29(6), 1086-1108.

    Examples
    --------
    >>> fit = BetaGeoBetaBinomialFit(alpha=1.204, beta=0.750, gamma=0.657, delta=2.783)
    >>> round(fit.expected_new_customer(5), 3)
    1.938
    """

    def __post_init__(self) -> None:
        if self.purchase_covariates or self.dropout_covariates:
            raise ParameterError("BG/BB takes no covariates; fit it to one segment at a time")

    @property
    def name(self) -> str:
        """The model in the field's words."""
        return "BG/BB"

    def _likelihood(self, rows: PurchaseRows) -> BetaBinomialLikelihood:
        whole = (rows.t_x == np.floor(rows.t_x)) & (np.floor(rows.T) == rows.T)
        if not whole.all() or (rows.x > rows.t_x).any():
            raise SchemaError(
                "rfm",
                [
                    f"{(~whole | (rows.x > rows.t_x)).sum():,} distinct rows are no counts of "
                    "chances (recency and T whole numbers, at most one purchase a chance); "
                    "count periods, not days"
                ],
            )
        return BetaBinomialLikelihood(rows)

    def _scale(self, rows: PurchaseRows) -> float:
        rows.time_scale()
        return 1.0

    def _bounds(self) -> list[Bound]:
        return BOUNDS

    def _starts(self) -> list[list[float]]:
        return [[0.0, 0.7, -1.1, 1.0], [0.5, 1.5, -2.0, 2.0]]

    def _learned(self, theta: Array, scale: float, **facts: Any) -> BetaGeoBetaBinomialFit:
        s = _shapes(theta)
        return BetaGeoBetaBinomialFit(
            alpha=s.alpha, beta=s.beta, gamma=s.gamma, delta=s.delta, **facts
        )
