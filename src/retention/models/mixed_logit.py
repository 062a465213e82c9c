"""Panel mixed logit: each customer has own tastes, kept over all of its occasions."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp, ndtri
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
from .newton import Curve, maximise

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
        theta, (value, _, hessian) = maximise(
            lambda t: panel.curve(t)[:3],
            self._start(design, fixed, places),
            name="mixed logit",
            tolerance=1e-8 * len(design.weight),
            max_iterations=self.max_iterations,
        )
        return self._fit(design, places, fixed, theta, value, hessian, panel.curve(theta)[3])

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


@dataclass(frozen=True)
class _Panel:
    """The simulated likelihood, one customer after the other so that its arrays stay in cache."""

    design: ChoiceDesign
    places: list[int]
    normals: NDArray[np.float64]

    def curve(
        self, theta: NDArray[np.float64]
    ) -> tuple[float, NDArray[np.float64], NDArray[np.float64], NDArray[np.float64]]:
        """Return log-likelihood, gradient, Hessian, and weighted scores, one row a customer."""
        size, design = len(theta), self.design
        stops = np.r_[design.starts[1:], len(design.weight)]
        value, hessian = 0.0, np.zeros((size, size))
        scores = np.empty((design.n_customers, size))
        for h, (start, stop) in enumerate(zip(design.starts, stops, strict=True)):
            weight = design.weight[start]
            log_p, scores[h], second = _customer(
                theta,
                design.contrasts[start:stop],
                design.available[start:stop],
                self.places,
                self.normals[h],
            )
            value += weight * log_p
            scores[h] *= weight
            hessian += weight * second
        return value, scores.sum(axis=0), hessian, scores


def _customer(
    theta: NDArray[np.float64],
    x: NDArray[np.float64],
    available: NDArray[np.bool_],
    places: list[int],
    eta: NDArray[np.float64],
) -> Curve:
    """Return log of the mean over draws of a customer's probability, its gradient and Hessian.

    `x` holds contrasts with the chosen alternative (T, J, K), `eta` the draws (k, R). With
    z = (x, x * eta) the utility of draw r is linear in theta, so each draw has the derivatives of
    a conditional logit and the mean adds the variance of the scores between draws.
    """
    t, j, k = x.shape
    r = eta.shape[1]
    flat = x.reshape(t * j, k)
    random = flat[:, places]
    utility = random @ (theta[k:, None] * eta)
    utility += (flat @ theta[:k])[:, None]
    np.minimum(utility, SATURATED, out=utility)
    odds = np.exp(utility, out=utility).reshape(t, j, r)
    if not available.all():
        odds *= available[:, :, None]
    total = odds.sum(axis=1)
    log_p = -np.log1p(total).sum(axis=0)
    value = float(logsumexp(log_p)) - np.log(r)
    w = np.exp(log_p - value) / r
    odds /= (1 + total)[:, None, :]
    p = odds.reshape(t * j, r)

    # expectation over alternatives of z, for each occasion and draw
    mean = np.matmul(x.transpose(0, 2, 1), odds)
    spread = np.concatenate([mean, mean[:, places, :] * eta], axis=1)
    draws = -spread.sum(axis=0)
    score = draws @ w
    second = (draws * w) @ draws.T - np.outer(score, score)
    moved = spread.transpose(1, 0, 2).reshape(len(theta), t * r)
    second += (moved * np.tile(w, t)) @ moved.T
    second -= _second_moment(flat, random, p, eta, w)
    return value, score, second


def _second_moment(
    flat: NDArray[np.float64],
    random: NDArray[np.float64],
    p: NDArray[np.float64],
    eta: NDArray[np.float64],
    w: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Return the weighted sum over occasions, alternatives and draws of p * z z'."""
    k, m = flat.shape[1], random.shape[1]
    upper = np.triu_indices(m)
    products = (eta[upper[0]] * eta[upper[1]]) * w
    moments = p @ np.concatenate([w[None, :], eta * w, products]).T
    out = np.empty((k + m, k + m))
    out[:k, :k] = (flat * moments[:, :1]).T @ flat
    out[:k, k:] = flat.T @ (random * moments[:, 1 : m + 1])
    out[k:, :k] = out[:k, k:].T
    for a, b, column in zip(*upper, range(m + 1, moments.shape[1]), strict=True):
        out[k + a, k + b] = out[k + b, k + a] = np.einsum(
            "i,i,i->", random[:, a], random[:, b], moments[:, column]
        )
    return out
