"""Panel mixed logit: each customer has own tastes, kept over all of its occasions."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import ndtri
from scipy.stats import qmc

from retention.errors import ParameterError

from .choice_design import ChoiceDesign, choice_design
from .conditional_logit import (
    SATURATED,
    ConditionalLogitFit,
    MoneyWorth,
    clustered_covariance,
    fit_design,
    money_worth,
)
from .newton import maximise

__all__ = ["MixedLogit", "MixedLogitFit", "halton_normals"]


def halton_normals(n_customers: int, n_draws: int, n_random: int, seed: int) -> NDArray[np.float64]:
    """Return standard normal draws from a scrambled Halton sequence, shape (customers, k, draws).

    References
    ----------
    .. [1] Bhat, C. R. (2003). Simulation estimation of mixed discrete choice models using
       randomized and scrambled Halton sequences. Transportation Research B 37, 837-855.
    """
    sequence = qmc.Halton(n_random, scramble=True, rng=np.random.default_rng(seed))
    u = sequence.random(n_customers * n_draws).clip(1e-12, 1 - 1e-12)
    normals = ndtri(u).reshape(n_customers, n_draws, n_random)
    return np.ascontiguousarray(normals.transpose(0, 2, 1))


@dataclass(frozen=True)
class MixedLogitFit:
    """What was learned; holds no data and cannot be refitted.

    Parameters
    ----------
    coefficients : Series
        Means of random and values of fixed coefficients, then ``sd NAME`` for each random one.
    covariance : DataFrame
        Inverse of the observed information of the simulated likelihood.
    clustered : DataFrame
        Sandwich covariance; customers are the independent units. The one to use.
    log_likelihood, log_likelihood_fixed : float
        With and without differences of taste.
    n_occasions, n_customers, n_draws, seed : int
        Counts, and what makes the draws again.
    """

    coefficients: pd.Series
    covariance: pd.DataFrame
    clustered: pd.DataFrame
    log_likelihood: float
    log_likelihood_fixed: float
    n_occasions: int
    n_customers: int
    n_draws: int
    seed: int

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors by the sandwich."""
        values = np.sqrt(np.diag(self.clustered))
        return pd.Series(values, index=self.coefficients.index, name="standard_error")

    def summary(self) -> pd.DataFrame:
        """One row a coefficient."""
        table = pd.DataFrame({"estimate": self.coefficients})
        table["standard_error"] = self.standard_errors
        table["model_standard_error"] = np.sqrt(np.diag(self.covariance))
        table["z"] = table["estimate"] / table["standard_error"]
        return table

    def worth(self, attribute: str, *, price: str = "price", level: float = 0.95) -> MoneyWorth:
        """Return what one unit is worth to a customer of mean taste, in the unit of the price."""
        return money_worth(self.coefficients, self.clustered, attribute, price, level)


@dataclass(frozen=True, kw_only=True)
class MixedLogit:
    """Conditional logit whose tastes are normal over customers and constant within each [1]_.

    Parameters
    ----------
    attributes : tuple of str
        Numeric columns of the table.
    random : tuple of str
        Names of coefficients that differ between customers, independently normal. ``constants``
        stands for the constants of all alternatives.
    constants, base, weight
        As in `ConditionalLogit`; weights must not differ within a customer.
    draws : int
        Scrambled Halton draws a customer.
    seed : int
        Seed of the scramble.
    max_iterations : int
        Limit of evaluations.

    References
    ----------
    .. [1] Revelt, D. and Train, K. (1998). Mixed logit with repeated choices. Review of Economics
       and Statistics 80(4), 647-657.
    """

    attributes: tuple[str, ...]
    random: tuple[str, ...] = ("constants", "price")
    constants: bool = True
    base: str | None = None
    weight: str | None = None
    draws: int = 200
    seed: int = 1
    max_iterations: int = 200
    start: tuple[float, ...] = field(default=(), repr=False)

    def fit(self, choices: pd.DataFrame) -> MixedLogitFit:
        """Fit by maximum simulated likelihood with analytic gradient and Hessian.

        Raises
        ------
        SchemaError, NotIdentifiedError
            As `ConditionalLogit.fit`.
        ParameterError
            If a random coefficient is not in the model, or the number of draws is below 2.
        ConvergenceError
            If no maximum is found.
        """
        if self.draws < 2:
            raise ParameterError(f"draws must be at least 2, got {self.draws}")
        design = choice_design(
            choices, self.attributes, base=self.base, constants=self.constants, weight=self.weight
        )
        fixed = fit_design(design)
        places = self._random_places(design)
        normals = halton_normals(design.n_customers, self.draws, len(places), self.seed)
        panel = _Panel(design, places, normals)
        theta, (value, _, hessian, scores) = maximise(
            panel.curve,
            self._start(design, fixed, places),
            name="mixed logit",
            tolerance=1e-8 * len(design.weight),
            max_iterations=self.max_iterations,
        )
        return self._fit(design, places, fixed, theta, value, hessian, scores)

    def _random_places(self, design: ChoiceDesign) -> list[int]:
        names = list(design.names)
        constants = names[: len(names) - len(self.attributes)]
        wanted: list[str] = []
        for name in self.random:
            wanted += constants if name == "constants" else [name]
        absent = [name for name in wanted if name not in names]
        if absent or not wanted:
            raise ParameterError(
                f"random coefficients {', '.join(absent) or '(none)'} are not in the model; it "
                f"has {', '.join(names)}"
            )
        return [names.index(name) for name in dict.fromkeys(wanted)]

    def _start(
        self, design: ChoiceDesign, fixed: ConditionalLogitFit, places: list[int]
    ) -> NDArray[np.float64]:
        if self.start:
            return np.array(self.start)
        flat = design.contrasts[design.available][:, places]
        spread = 0.5 / np.sqrt(np.mean(flat**2, axis=0))
        return np.r_[fixed.coefficients.to_numpy(dtype=float), spread]

    def _fit(
        self,
        design: ChoiceDesign,
        places: list[int],
        fixed: ConditionalLogitFit,
        theta: NDArray[np.float64],
        value: float,
        hessian: NDArray[np.float64],
        scores: NDArray[np.float64],
    ) -> MixedLogitFit:
        names = [*design.names, *(f"sd {design.names[p]}" for p in places)]
        sign = np.r_[np.ones(len(design.names)), np.where(theta[len(design.names) :] < 0, -1, 1)]
        bread = np.linalg.inv(-hessian) * np.outer(sign, sign)

        def frame(matrix: NDArray[np.float64]) -> pd.DataFrame:
            return pd.DataFrame(matrix, index=names, columns=names)

        return MixedLogitFit(
            coefficients=pd.Series(theta * sign, index=names, name="estimate"),
            covariance=frame(bread),
            clustered=frame(clustered_covariance(bread, scores * sign)),
            log_likelihood=value,
            log_likelihood_fixed=fixed.log_likelihood,
            n_occasions=len(design.weight),
            n_customers=design.n_customers,
            n_draws=self.draws,
            seed=self.seed,
        )


_BATCH = 2**16  # numbers in the largest array of a batch, so that it stays in cache

_Floats = NDArray[np.float64]
_Full = tuple[float, _Floats, _Floats, _Floats]


@dataclass(frozen=True)
class _Batch:
    """Customers with equally many occasions: contrasts (C, T, J, K), draws (C, k, R)."""

    who: NDArray[np.int64]
    x: _Floats
    available: NDArray[np.bool_] | None
    eta: _Floats
    weight: _Floats


class _Panel:
    """The simulated likelihood of a panel, batch by batch."""

    def __init__(self, design: ChoiceDesign, places: list[int], normals: _Floats) -> None:
        self.places = places
        self.n_customers = design.n_customers
        self.batches = list(_batches(design, normals))

    def curve(self, theta: _Floats) -> _Full:
        """Return log-likelihood, gradient, Hessian, and weighted scores, one row a customer."""
        value, hessian = 0.0, np.zeros((len(theta), len(theta)))
        scores = np.empty((self.n_customers, len(theta)))
        for batch in self.batches:
            log_p, score, second = _customers(theta, batch, self.places)
            value += float(batch.weight @ log_p)
            scores[batch.who] = score * batch.weight[:, None]
            hessian += np.tensordot(batch.weight, second, axes=1)
        return value, scores.sum(axis=0), hessian, scores


def _batches(design: ChoiceDesign, normals: _Floats) -> Iterator[_Batch]:
    n, j, _ = design.contrasts.shape
    lengths = np.diff(np.r_[design.starts, n])
    for t in np.unique(lengths):
        alike = np.flatnonzero(lengths == t)
        size = max(1, _BATCH // int(t * j * normals.shape[2]))
        for start in range(0, len(alike), size):
            who = alike[start : start + size]
            rows = design.starts[who][:, None] + np.arange(t)
            available = design.available[rows]
            yield _Batch(
                who,
                design.contrasts[rows],
                None if available.all() else available,
                normals[who],
                design.weight[design.starts[who]],
            )


def _customers(
    theta: _Floats, batch: _Batch, places: list[int]
) -> tuple[_Floats, _Floats, _Floats]:
    """Return, for each customer, log of the mean probability over draws, gradient and Hessian.

    With z = (x, x * eta) the utility of a draw is linear in theta, so each draw has the
    derivatives of a conditional logit, and the mean adds the variance of scores between draws.
    """
    c, t, j, k = batch.x.shape
    eta, r = batch.eta, batch.eta.shape[2]
    flat = batch.x.reshape(c, t * j, k)
    random = flat[:, :, places]
    utility = random @ (theta[k:, None] * eta)
    utility += (flat @ theta[:k])[:, :, None]
    np.minimum(utility, SATURATED, out=utility)
    odds = np.exp(utility, out=utility).reshape(c, t, j, r)
    if batch.available is not None:
        odds *= batch.available[:, :, :, None]
    total = odds.sum(axis=2)
    log_p = -np.log1p(total).sum(axis=1)
    top = log_p.max(axis=1, keepdims=True)
    w = np.exp(log_p - top)
    value = np.log(w.mean(axis=1)) + top[:, 0]
    w /= w.sum(axis=1, keepdims=True)
    odds /= (1 + total)[:, :, None, :]

    # expectation over alternatives of z, by occasion and draw
    mean = np.matmul(batch.x.transpose(0, 1, 3, 2), odds)
    z = np.concatenate([mean, mean[:, :, places, :] * eta[:, None]], axis=2)
    draws = -z.sum(axis=1)
    score = np.matmul(draws, w[:, :, None])[:, :, 0]
    second = np.matmul(draws * w[:, None, :], draws.transpose(0, 2, 1))
    second -= score[:, :, None] * score[:, None, :]
    second += np.matmul(z * w[:, None, None, :], z.transpose(0, 1, 3, 2)).sum(axis=1)
    second -= _second_moment(flat, random, odds.reshape(c, t * j, r), eta, w)
    return value, score, second


def _second_moment(flat: _Floats, random: _Floats, p: _Floats, eta: _Floats, w: _Floats) -> _Floats:
    """Return the weighted sum over occasions, alternatives and draws of p * z z'."""
    c, _, k = flat.shape
    m = random.shape[2]
    a, b = np.triu_indices(m)
    weighted = np.concatenate([w[:, None], eta * w[:, None], eta[:, a] * eta[:, b] * w[:, None]], 1)
    moments = np.matmul(p, weighted.transpose(0, 2, 1))
    turned = flat.transpose(0, 2, 1)
    out = np.empty((c, k + m, k + m))
    out[:, :k, :k] = np.matmul(turned, flat * moments[:, :, :1])
    out[:, :k, k:] = np.matmul(turned, random * moments[:, :, 1 : m + 1])
    out[:, k:, :k] = out[:, :k, k:].transpose(0, 2, 1)
    pairs = (random[:, :, a] * random[:, :, b] * moments[:, :, m + 1 :]).sum(axis=1)
    out[:, k + a, k + b] = out[:, k + b, k + a] = pairs
    return out
