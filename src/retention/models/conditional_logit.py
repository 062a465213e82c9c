"""Conditional logit: which alternative is chosen, given what each one offers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import linprog

from retention.errors import ConvergenceError, NotIdentifiedError, ParameterError
from retention.estimates import delta_interval, fieller_interval

from .choice_design import ChoiceDesign, choice_design
from .newton import Curve, maximise

__all__ = ["ConditionalLogit", "ConditionalLogitFit", "MoneyWorth", "money_worth"]

SATURATED = 500.0  # exp of more would overflow; the probability is 0 or 1 long before


@dataclass(frozen=True)
class MoneyWorth:
    """What an attribute is worth in money: minus its coefficient over that of the price.

    `low` and `high` are by the delta method, `fieller_low` and `fieller_high` by Fieller, which
    are infinite where the price coefficient cannot be told from zero.
    """

    value: float
    low: float
    high: float
    fieller_low: float
    fieller_high: float
    level: float
    standard_error: float


@dataclass(frozen=True)
class ConditionalLogitFit:
    """What was learned; holds no data and cannot be refitted.

    Parameters
    ----------
    coefficients : Series, index names
        Estimates.
    covariance : DataFrame
        Inverse of the observed information: valid if occasions of one customer are independent.
    clustered : DataFrame
        Sandwich covariance, clustered by customer; the one to use.
    log_likelihood : float
        At the estimates.
    log_likelihood_zero : float
        With all coefficients zero: every alternative on offer equally likely.
    n_occasions, n_customers : int
        Counts.
    """

    coefficients: pd.Series
    covariance: pd.DataFrame
    clustered: pd.DataFrame
    log_likelihood: float
    log_likelihood_zero: float
    n_occasions: int
    n_customers: int

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors clustered by customer."""
        values = np.sqrt(np.diag(self.clustered))
        return pd.Series(values, index=self.coefficients.index, name="standard_error")

    @property
    def rho_squared(self) -> float:
        """McFadden's measure of fit: 1 minus the ratio of log-likelihoods."""
        return 1 - self.log_likelihood / self.log_likelihood_zero

    def summary(self) -> pd.DataFrame:
        """One row a coefficient: estimate, both standard errors, z by the clustered one."""
        table = pd.DataFrame({"estimate": self.coefficients})
        table["standard_error"] = self.standard_errors
        table["model_standard_error"] = np.sqrt(np.diag(self.covariance))
        table["z"] = table["estimate"] / table["standard_error"]
        return table

    def worth(
        self, attribute: str, *, price: str = "price", level: float = 0.95, clustered: bool = True
    ) -> MoneyWorth:
        """Return what one unit of an attribute is worth, in the unit of the price.

        `clustered` chooses the covariance: by customer, or as if occasions were independent.

        Raises
        ------
        ParameterError
            If the model has no such coefficient.
        """
        covariance = self.clustered if clustered else self.covariance
        return money_worth(self.coefficients, covariance, attribute, price, level)

    def probabilities(self, choices: pd.DataFrame) -> pd.Series:
        """Return the probability of each alternative on offer, one a row of the table.

        Only customer_id, occasion, alternative and the attributes are needed.
        """
        values = np.zeros(len(choices))
        for name, value in zip(map(str, self.coefficients.index), self.coefficients, strict=True):
            column = choices[name] if name in choices else choices["alternative"] == name
            values += float(value) * column.to_numpy(dtype=float)
        utility = pd.Series(values, index=choices.index, name="probability")
        by = [choices["customer_id"], choices["occasion"]]
        odds = (utility - utility.groupby(by).transform("max")).map(np.exp)
        return odds / odds.groupby(by).transform("sum")


def money_worth(
    coefficients: pd.Series, covariance: pd.DataFrame, attribute: str, price: str, level: float
) -> MoneyWorth:
    """Return minus one coefficient over that of the price, with delta and Fieller intervals.

    Parameters
    ----------
    coefficients, covariance : Series, DataFrame
        Estimates by name, and their covariance.
    attribute, price : str
        The two names.
    level : float
        Level of the intervals.

    Raises
    ------
    ParameterError
        If the model has no such coefficient.
    """
    absent = [name for name in (attribute, price) if name not in coefficients.index]
    if absent:
        raise ParameterError(f"the model has no coefficient {', '.join(absent)}")
    pair = coefficients[[attribute, price]].to_numpy(dtype=float)
    cov = covariance.loc[[attribute, price], [attribute, price]].to_numpy(dtype=float)
    value, low, high = delta_interval(lambda b: -b[0] / b[1], pair, cov, level)
    gradient = np.array([-1 / pair[1], pair[0] / pair[1] ** 2])
    flipped = cov * np.outer([-1, 1], [-1, 1])
    below, above = fieller_interval(-pair[0], pair[1], flipped, level)
    error = float(np.sqrt(gradient @ cov @ gradient))
    return MoneyWorth(value, low, high, float(below), float(above), level, error)


def clustered_covariance(
    bread: NDArray[np.float64], scores: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return the sandwich: inverse information, outer product of customers' scores, inverse."""
    n = len(scores)
    return bread @ (scores.T @ scores) @ bread * (n / max(1, n - 1))


@dataclass(frozen=True, kw_only=True)
class ConditionalLogit:
    """Multinomial choice with utility linear in attributes [1]_.

    Parameters
    ----------
    attributes : tuple of str
        Numeric columns of the table, such as ``("price", "last")``.
    constants : bool
        Whether every alternative but the base has its own constant.
    base : str, optional
        The alternative without one; by default that chosen most often.
    weight : str, optional
        Column of weights.
    max_iterations : int
        Limit of Newton steps.

    References
    ----------
    .. [1] McFadden, D. (1974). Conditional logit analysis of qualitative choice behavior. In
       Zarembka (ed.), Frontiers in Econometrics, 105-142.
    """

    attributes: tuple[str, ...]
    constants: bool = True
    base: str | None = None
    weight: str | None = None
    max_iterations: int = 100

    def fit(self, choices: pd.DataFrame) -> ConditionalLogitFit:
        """Fit by maximum likelihood to one row an alternative on offer.

        Raises
        ------
        SchemaError
            If the table is not of that form; with every fault.
        NotIdentifiedError
            If a column does not vary, columns are aliased, an alternative is never chosen, or
            the attributes separate the choices perfectly.
        """
        design = choice_design(
            choices, self.attributes, base=self.base, constants=self.constants, weight=self.weight
        )
        return fit_design(design, max_iterations=self.max_iterations)


def fit_design(design: ChoiceDesign, *, max_iterations: int = 100) -> ConditionalLogitFit:
    """Fit a conditional logit to contrasts that are already made."""
    design.check_identified()
    k = len(design.names)

    def objective(b: NDArray[np.float64]) -> Curve:
        value, scores, hessian = log_likelihood(design, b)
        if value > -1e-6 * len(design.weight) or np.abs(b * spread).max() > 100:
            raise NotIdentifiedError(separation(design))
        return value, scores.sum(axis=0), hessian

    spread = np.sqrt(np.mean(design.contrasts.reshape(-1, k) ** 2, axis=0))
    try:
        b, (value, _, hessian) = maximise(
            objective,
            np.zeros(k),
            name="conditional logit",
            tolerance=1e-12 * len(design.weight),
            max_iterations=max_iterations,
        )
    except ConvergenceError as error:
        if _separated(design) is not None:
            raise NotIdentifiedError(separation(design)) from error
        raise
    if np.abs(b * spread).max() > 12 and _separated(design) is not None:
        raise NotIdentifiedError(separation(design))
    bread: NDArray[np.float64] = np.linalg.inv(-hessian).astype(np.float64)
    scores = np.add.reduceat(log_likelihood(design, b)[1], design.starts, axis=0)
    names = list(design.names)

    def frame(matrix: NDArray[np.float64]) -> pd.DataFrame:
        return pd.DataFrame(matrix, index=names, columns=names)

    return ConditionalLogitFit(
        coefficients=pd.Series(b, index=names, name="estimate"),
        covariance=frame(bread),
        clustered=frame(clustered_covariance(bread, scores)),
        log_likelihood=value,
        log_likelihood_zero=float(-np.log1p(design.available.sum(axis=1)) @ design.weight),
        n_occasions=len(design.weight),
        n_customers=design.n_customers,
    )


def log_likelihood(
    design: ChoiceDesign, b: NDArray[np.float64]
) -> tuple[float, NDArray[np.float64], NDArray[np.float64]]:
    """Return log-likelihood, weighted scores (N, K) and Hessian (K, K) at coefficients `b`."""
    n, j, k = design.contrasts.shape
    flat = design.contrasts.reshape(n * j, k)
    odds = np.exp(np.minimum(flat @ b, SATURATED)).reshape(n, j) * design.available
    total = odds.sum(axis=1)
    p = (odds / (1 + total)[:, None]).reshape(n * j)
    weighted = flat * p[:, None]
    mean = weighted.reshape(n, j, k).sum(axis=1)
    w = design.weight
    hessian = -(weighted * np.repeat(w, j)[:, None]).T @ flat + (mean * w[:, None]).T @ mean
    return float(-np.log1p(total) @ w), -mean * w[:, None], hessian


def _separated(design: ChoiceDesign) -> NDArray[np.float64] | None:
    """Return a direction in which every chosen alternative only wins, if there is one."""
    flat = design.contrasts[design.available]
    flat = np.unique(flat / np.abs(flat).max(axis=0), axis=0)
    found = linprog(
        flat.sum(axis=0), A_ub=flat, b_ub=np.zeros(len(flat)), bounds=(-1, 1), method="highs"
    )
    return found.x if found.status == 0 and found.fun < -1e-7 else None


def separation(design: ChoiceDesign) -> str:
    """Return the sentence that says which columns predict choices without error."""
    flat = design.contrasts[design.available]
    parts = (flat <= 0).all(axis=0) | (flat >= 0).all(axis=0)
    if not parts.any() and (direction := _separated(design)) is not None:
        parts = np.abs(direction) > 1e-6
    names = ", ".join(np.array(design.names)[parts]) or "the attributes together"
    return (
        f"perfect separation: {names} predict choices without error, so some coefficient has no "
        "finite estimate; leave the column out, or merge alternatives"
    )
