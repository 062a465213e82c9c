"""The family in which customers may stop after each purchase: BG/NBD, MBG/NBD, MBG/CNBD-k.

While alive a customer buys at intervals that are Erlang(k, lambda), with lambda from a gamma
distribution (r, alpha); after each repeat purchase (in the modified models after the first purchase
too) she stops for ever with probability p, from a beta distribution (a, b).

Inside, the parameters are log r, the log of the mean rate r / alpha, the log-odds of the mean
dropout phi = a / (a + b), and the log of kappa = a + b, which says how alike customers are in
dropout. All four have ends with a meaning, which the fit names when the data lead there.

References
----------
.. [1] Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy way:
   an alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.
.. [2] Batislam, E. P., Denizel, M. and Filiztekin, A. (2007). Empirical validation and comparison
   of models for customer base analysis. Int. J. of Research in Marketing 24(3), 201-209.
.. [3] Platzer, M. and Reutterer, T. (2016). Ticking away the moments: timing regularity helps to
   better predict customer activity. Marketing Science 35(5), 779-799.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc, betaln, expit

from retention.models.beta_expectation import beta_nodes
from retention.models.maximum_likelihood import Bound
from retention.models.purchase_model import PurchaseFit
from retention.models.purchase_rows import Array, PurchaseRows, distinct
from retention.models.rising_factorial import log_rising

Codes = NDArray[np.integer[Any]]
ByGroup = Callable[[Codes, Codes, Array, Array, Array], Array]

NODES, WEIGHTS = np.polynomial.legendre.leggauss(48)
BLOCK = 8192  # rows whose scores are worked out at a time: they stay in the cache

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
        -14.0,
        14.0,
        "dropout at its lower bound: no dropout seen, everybody counts as alive (NBD limit)",
        "dropout at its upper bound: everybody stops at the first chance",
    ),
    Bound(
        float(np.log(1e-3)),
        LOG_MOST,
        "kappa at its lower bound: customers stop at once or never",
        "kappa at its upper bound: individual dropout differences not identified: "
        "homogeneous limit used",
        "individual dropout differences",
    ),
]
# log r, log mean rate (time in mean T), log-odds of phi, log kappa
STARTS = [[0.0, 0.5, -1.1, 1.4], [-1.0, 1.5, 0.0, 0.7], [1.0, 0.0, -2.0, 3.0]]


@dataclass(frozen=True)
class Shapes:
    """Parameters for given rows: scalars where no covariate makes them differ."""

    r: float
    alpha: Array | float
    a: Array | float
    b: Array | float
    k: int
    at_zero: int


def log_phases(shape: Array, share: Array, k: int) -> tuple[Array, Array, Array]:
    """Return the log weight of each phase of an Erlang interval, and two slopes of their sum.

    Since the last purchase j of the k hidden events of the next interval may have happened; the
    weight of j, against j = 0, is ``rising(shape, j) / j! * share**j``.

    Parameters
    ----------
    shape : ndarray of float, shape (n,)
        r + k x.
    share : ndarray of float, shape (n,)
        (T - t_x) / (alpha + T).
    k : int
        Hidden events an interval.

    Returns
    -------
    logs : ndarray, shape (n, k)
    by_shape : ndarray, shape (n,)
        Derivative of the log of the sum by `shape`.
    mean_phase : ndarray, shape (n,)
        Mean of j under the weights.
    """
    logs, slopes = [np.zeros_like(share)], [np.zeros_like(share)]
    log_share = np.log(np.maximum(share, 1e-300))
    for j in range(1, k):
        logs.append(logs[-1] + np.log(shape + j - 1) - np.log(j) + log_share)
        slopes.append(slopes[-1] + 1 / (shape + j - 1))
    table = np.stack(logs, axis=1)
    weight = np.exp(table - table.max(axis=1, keepdims=True))
    weight /= weight.sum(axis=1, keepdims=True)
    by_shape = (weight * np.stack(slopes, axis=1)).sum(axis=1)
    return table, by_shape, weight @ np.arange(k, dtype=float)


@dataclass(frozen=True)
class BetaGeometricLikelihood:
    """Log-likelihood and score of each row, in scaled time."""

    data: PurchaseRows
    k: int
    at_zero: int

    @property
    def weights(self) -> Array:
        """Customers a row stands for."""
        return self.data.weights

    def some(self, which: Codes, weights: Array) -> BetaGeometricLikelihood:
        """Return some of the rows, with other weights."""
        data = replace(self.data.take(which), weights=weights)
        return BetaGeometricLikelihood(data, self.k, self.at_zero)

    def rows(self, theta: Array) -> tuple[Array, Array]:
        """Return the log-likelihood (n,) and the score (n, p) of each row."""
        d, kappa = self.data, float(np.exp(theta[3]))
        plain = d.dropout_z.shape[1] == 0
        table: list[Array] = []
        if plain:
            alike = shapes_of(theta, PurchaseRows.empty(), self.k, self.at_zero)
            table = _by_count(alike, kappa, np.arange(int(d.x.max(initial=0)) + 1))
        value = np.empty(d.size)
        score = np.empty((4 + d.purchase_z.shape[1] + d.dropout_z.shape[1], d.size))
        for begin in range(0, d.size, BLOCK):
            cut = slice(begin, begin + BLOCK)
            part = d.take(cut)
            s = shapes_of(theta, part, self.k, self.at_zero)
            known = [column[part.x] for column in table] if plain else _by_count(s, kappa, part.x)
            value[cut] = _row_scores(s, part, known, score[:, cut])
        return value, score.T


def _by_count(s: Shapes, kappa: float, x: Codes) -> list[Array]:
    """Return all that depends on the number of purchases alone, each of the shape of `x`.

    The log-likelihood and its slope by r, the log-odds of having stopped at the last purchase, and
    the slopes by the odds and by log kappa: what is multiplied by the chance of having stopped, and
    the rest.
    """
    stay = x + s.at_zero
    rise, rise_r = log_rising(s.r, s.k * x)
    kept_b, slope_b = log_rising(s.b, stay)
    kept_kappa, slope_kappa = log_rising(kappa, stay)
    drop = np.maximum(s.b + stay - 1, 1e-300)
    ratio = np.where(stay > 0, s.b / drop, 0.0)
    log_odds = np.where(stay > 0, np.log(s.a) - np.log(drop), -np.inf)
    share = s.a / (s.a + s.b)
    return [
        rise + kept_b - kept_kappa,
        rise_r,
        log_odds,
        1 - share + share * ratio,
        -share * s.b * slope_b,
        1 - ratio,
        s.b * slope_b - (s.a + s.b) * slope_kappa,
    ]


def _row_scores(s: Shapes, d: PurchaseRows, by_count: list[Array], score: Array) -> Array:
    """Return the log-likelihood of some rows, and write their score (p, n) in place."""
    known, rise_r, log_odds, odds_dead, odds_rest, kappa_dead, kappa_rest = by_count
    count = s.k * d.x.astype(float)
    shape = s.r + count
    end, last = s.alpha + d.T, s.alpha + d.t_x
    gap, tail = np.log(end / last), np.log1p(d.T / s.alpha)
    log_dead = log_odds + shape * gap
    alive_r: Array | float = 0.0
    phase: Array | float = 0.0
    if s.k > 1:
        table, alive_r, phase = log_phases(shape, (d.T - d.t_x) / end, s.k)
        log_alive = np.logaddexp.reduce(table, axis=1)
        known, log_dead = known + log_alive, log_dead - log_alive
    small = np.exp(-np.abs(log_dead))
    dead = np.where(log_dead > 0, 1.0, small) / (1 + small)
    total = np.maximum(log_dead, 0.0) + np.log1p(small)
    near = s.alpha / end
    by_log_alpha = shape * (1 - near + dead * (near - s.alpha / last)) - count
    if s.k > 1:
        by_log_alpha -= (1 - dead) * phase * near
    by_odds = dead * odds_dead + odds_rest
    score[0] = s.r * (rise_r - tail + (1 - dead) * alive_r + dead * gap) + by_log_alpha
    score[1] = -by_log_alpha
    score[2] = by_odds
    score[3] = dead * kappa_dead + kappa_rest
    cut = 4 + d.purchase_z.shape[1]
    score[4:cut] = -by_log_alpha * d.purchase_z.T
    score[cut:] = by_odds * d.dropout_z.T
    return np.asarray(known - count * np.log(s.alpha) - shape * tail + total)


def shapes_of(theta: Array, rows: PurchaseRows, k: int, at_zero: int) -> Shapes:
    """Return r, alpha, a and b of each row from transformed parameters."""
    r, kappa = float(np.exp(theta[0])), float(np.exp(theta[3]))
    cut = 4 + rows.purchase_z.shape[1]
    alpha: Array | float = float(np.exp(theta[0] - theta[1]))
    odds: Array | float = float(theta[2])
    if cut > 4:
        alpha = alpha * np.exp(-(rows.purchase_z @ theta[4:cut]))
    if theta.size > cut:
        odds = odds + rows.dropout_z @ theta[cut:]
    return Shapes(r, alpha, kappa * expit(odds), kappa * expit(-np.asarray(odds))[()], k, at_zero)


@dataclass(frozen=True, kw_only=True)
class BetaGeometricFit(PurchaseFit):
    """What the models with dropout after a purchase learn.

    Parameters
    ----------
    r, alpha : float
        Shape and rate of the gamma distribution of purchase rates; alpha in units of time.
    a, b : float
        Shapes of the beta distribution of dropout probabilities.
    k : int
        Hidden events an interval between purchases; 1 is Poisson buying.
    """

    r: float
    alpha: float
    a: float
    b: float
    k: int = 1

    @property
    def at_zero(self) -> int:
        """1 where a customer may stop right after the first purchase, else 0."""
        return 0

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper, covariates last."""
        return self._with_effects({"r": self.r, "alpha": self.alpha, "a": self.a, "b": self.b})

    def _log_jacobian(self) -> Array:
        phi, size = self.a / (self.a + self.b), len(self.parameters)
        jacobian = np.eye(size)
        jacobian[1, :2] = 1, -1
        jacobian[2:4, 2:4] = np.array([[1 - phi, 1], [-phi, 1]])
        return jacobian

    def _shapes(self, rows: PurchaseRows) -> Shapes:
        # log-odds and size in place of a and b, so that covariates enter as in the fit
        theta = np.array(
            [
                np.log(self.r),
                np.log(self.r / self.alpha),
                np.log(self.a / self.b),
                np.log(self.a + self.b),
                *self.purchase_effects.values(),
                *self.dropout_effects.values(),
            ]
        )
        return shapes_of(theta, rows, self.k, self.at_zero)

    def _alive(self, rows: PurchaseRows) -> Array:
        s, stay = self._shapes(rows), rows.x + self.at_zero
        end = s.alpha + rows.T
        shape = s.r + self.k * rows.x
        log_alive = np.logaddexp.reduce(
            log_phases(shape, (rows.T - rows.t_x) / end, self.k)[0], axis=1
        )
        drop = np.log(s.a) - np.log(np.maximum(s.b + stay - 1, 1e-300))
        log_dead = drop + shape * np.log(end / (s.alpha + rows.t_x))
        return np.where(stay > 0, expit(log_alive - log_dead), 1.0)

    def _phases(self, rows: PurchaseRows) -> list[tuple[Array, PhaseState]]:
        """Return the weight of each hidden phase, and the state of those alive in it."""
        s = self._shapes(rows)
        end = np.broadcast_to(s.alpha + rows.T, rows.T.shape)
        shape = s.r + self.k * rows.x
        table = log_phases(shape, (rows.T - rows.t_x) / end, self.k)[0]
        weight = np.exp(table - table.max(axis=1, keepdims=True))
        weight /= weight.sum(axis=1, keepdims=True)
        learned = np.broadcast_to(np.asarray(s.a, dtype=float), shape.shape)
        stop = learned * self.future_dropout
        stay = np.asarray(s.b + rows.x + self.at_zero, dtype=float) + learned - stop
        return [
            (weight[:, j], PhaseState(shape + j, end, stop, stay, self.k, j)) for j in range(self.k)
        ]

    def _ahead(self, rows: PurchaseRows, t: float) -> Array:
        return _sum(w * state.expected(t) for w, state in self._phases(rows))

    def new_customer_curve(self, times: ArrayLike) -> Array:
        """Return `expected_new_customer` at each of some times, without covariates."""
        rows, _ = self._read(self.newcomer())
        when = np.atleast_1d(np.asarray(times, dtype=float))
        longest = max(float(when.max(initial=0.0)), 1e-300)
        same = np.zeros(when.size, dtype=np.intp)
        with np.errstate(divide="ignore"):
            # only t over `end` matters, so that all times share the nodes of the longest
            slower = longest / when
        expected = _sum(
            weight[same] * state.take(same, slower).expected(longest)
            for weight, state in self._phases(rows)
        )
        return self._alive(rows)[0] * expected

    def _discounted_ahead(self, rows: PurchaseRows, rate: float, horizon: float) -> Array:
        return _sum(w * state.discounted(rate, horizon) for w, state in self._phases(rows))

    def _count_ahead(self, rows: PurchaseRows, n: int, t: float) -> Array:
        return _sum(w * state.pmf(n, t) for w, state in self._phases(rows))

    def _draw_ahead(self, rows: PurchaseRows, t: float, rng: np.random.Generator) -> Array:
        phases = self._phases(rows)
        states = [state for _, state in phases]
        weight = np.stack([w for w, _ in phases], axis=1).cumsum(axis=1)
        j = (rng.random(rows.size)[:, None] > weight[:, :-1]).sum(axis=1)
        shape = states[0].shape + j
        hidden = rng.poisson(rng.gamma(shape, t / states[0].end))
        p = np.clip(rng.beta(states[0].stop, states[0].stay), 1e-15, 1.0)
        return np.minimum((hidden + j) // self.k, rng.geometric(p)).astype(float)


@dataclass(frozen=True)
class PhaseState:
    """Customers alive in phase `j`: lambda from gamma(shape, end), p from beta(stop, stay).

    All arrays have shape (n,); see `BetaGeometricFit._phases`.
    """

    shape: Array
    end: Array
    stop: Array
    stay: Array
    k: int
    j: int

    def take(self, which: Codes, slower: Array) -> PhaseState:
        """Return some of the states, each in a time that runs slower by a factor."""
        return replace(
            self,
            shape=self.shape[which],
            end=self.end[which] * slower,
            stop=self.stop[which],
            stay=self.stay[which],
        )

    def _modes(self, p: Array, q: Array) -> list[tuple[Array, Array]]:
        """Return factor and decay of each mode of the cycle of hidden events.

        A hidden event moves a customer one phase on; the last of the k is a purchase, survived with
        probability q = 1 - p. The chance to be one step before a purchase after a time u is the sum
        over modes of ``factor * exp(-lambda u decay)``.
        """
        if self.k == 1:
            return [(np.ones_like(p), p)]
        root = np.maximum(q, 1e-3**self.k) ** (1 / self.k)
        steps = self.k - 1 - self.j
        modes = []
        for mode in range(self.k):
            turn = np.exp(2j * np.pi * mode / self.k)
            decay = 1 - root * turn
            if mode == 0:
                decay = -np.expm1(np.log(root))
            modes.append((root**-steps * turn**-steps / self.k, decay))
        return modes

    def expected(self, t: float) -> Array:
        """Return the expected purchases in the next `t` units."""

        def some(group: Codes, which: Codes, p: Array, q: Array, w: Array) -> Array:
            total = np.zeros(which.size)
            reach = t / self.end[which, None]
            shape = self.shape[which, None]
            for factor, decay in self._modes(p, q):
                left = -np.expm1(-shape * _log1p(decay[group] * reach))
                # where decay times reach vanishes, the limit
                part = np.where(
                    np.abs(decay[group]) * reach > 1e-12,
                    left / np.where(np.abs(decay[group]) > 0, decay[group], 1.0),
                    shape * reach,
                )
                total += ((w * factor)[group] * part).sum(axis=1).real
            return total

        return self._by_group(some)

    def _by_group(self, some: ByGroup) -> Array:
        """Apply a quadrature to the distinct (shape, end), with nodes by distinct (stop, stay)."""
        first, codes = distinct([self.shape, self.end, self.stop, self.stay])
        beta_first, beta_codes = distinct([self.stop[first], self.stay[first]])
        nodes = beta_nodes(self.stop[first][beta_first], self.stay[first][beta_first])
        out = np.empty(first.size)
        for begin in range(0, first.size, 4000):
            part = slice(begin, begin + 4000)
            groups = beta_codes[part]
            used, local = np.unique(groups, return_inverse=True)
            out[part] = some(local, first[part], *(table[used] for table in nodes))
        return out[codes]

    def discounted(self, rate: float, horizon: float) -> Array:
        """Return the expected purchases ahead, discounted at a continuous rate."""
        if rate == 0:
            return self.expected(horizon)
        first, codes = distinct([self.shape, self.end, self.stop, self.stay])
        group_first, group = distinct([self.shape[first], self.stop[first], self.stay[first]])
        end = self.end[first]
        limit = min(horizon, 45 / rate)
        most = float(np.log1p(limit / end.min()))
        fitted = self._flow(first[group_first], most)
        # in y = log(1 + u / end) the flow of purchases is smooth over the whole of the future
        out = np.empty(first.size)
        for begin in range(0, first.size, 4000):
            part = slice(begin, begin + 4000)
            reach = np.log1p(limit / end[part])[:, None]
            y = reach * (NODES + 1) / 2
            flow = _chebyshev(2 * y / most - 1, fitted[group[part]])
            future = end[part, None] * np.expm1(y)
            out[part] = ((flow * np.exp(-rate * future)) @ WEIGHTS) * reach[:, 0] / 2
        return out[codes]

    def _flow(self, rows: Codes, most: float, degree: int = 72) -> Array:
        """Return Chebyshev coefficients of the purchases per unit of y, by row."""
        angle = np.pi * (np.arange(degree) + 0.5) / degree
        v = np.expm1(most * (np.cos(angle) + 1) / 2)
        transform = 2 / degree * np.cos(np.outer(np.arange(degree), angle))
        transform[0] /= 2
        out = np.empty((rows.size, degree))
        for begin in range(0, rows.size, 200):
            part = rows[begin : begin + 200]
            p, q, w = beta_nodes(self.stop[part], self.stay[part])
            shape = self.shape[part, None, None]
            total = np.zeros((part.size, degree))
            for factor, decay in self._modes(p, q):
                fall = np.exp(-(shape + 1) * _log1p(decay[:, None, :] * v[None, :, None]))
                total += ((w * factor)[:, None, :] * fall).sum(axis=2).real
            out[begin : begin + 200] = (total * shape[:, :, 0] * (1 + v)) @ transform.T
        return out

    def pmf(self, n: int, t: float) -> Array:
        """Return the probability of exactly `n` purchases in the next `t` units."""
        first = self._at_least(n, t)
        size = betaln(self.stop, self.stay)
        kept = np.exp(betaln(self.stop, self.stay + n) - size)
        chance = kept * (first - self._at_least(n + 1, t))
        if n > 0:
            chance = chance + np.exp(betaln(self.stop + 1, self.stay + n - 1) - size) * first
        return np.maximum(chance, 0.0)

    def _at_least(self, n: int, t: float) -> Array:
        """Return the probability of `n` chances to buy, were nobody to stop."""
        hidden = n * self.k - self.j
        if hidden <= 0:
            return np.ones_like(self.shape)
        return betainc(hidden, self.shape, t / (self.end + t))


def _chebyshev(x: Array, coefficients: Array) -> Array:
    """Sum Chebyshev series, one a row, by Clenshaw's rule; shapes (n, k) and (n, degree)."""
    ahead, after = np.zeros_like(x), np.zeros_like(x)
    for j in range(coefficients.shape[1] - 1, 0, -1):
        ahead, after = 2 * x * ahead - after + coefficients[:, j, None], ahead
    return x * ahead - after + coefficients[:, 0, None]


def _log1p(z: Array) -> Array:
    """Log of 1 + z, for complex z too."""
    return np.log1p(z) if np.isrealobj(z) else np.log(1 + z)


def _sum(parts: Iterable[Array]) -> Array:
    return np.asarray(np.sum(list(parts), axis=0))
