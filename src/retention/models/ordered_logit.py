"""Ratings are ordered, not measured: cumulative logit, and whether its odds are proportional."""

from __future__ import annotations

import warnings
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.special import expit

from retention.errors import ConvergenceError, NotEnoughDataError, NotIdentifiedError
from retention.estimates import normal_quantile

__all__ = ["OrderedLogit", "OrderedLogitFit"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class OrderedLogit:
    """Cumulative logit with proportional odds, fitted by statsmodels.

    References
    ----------
    .. [1] McCullagh, P. (1980). Regression models for ordinal data. Journal of the Royal
       Statistical Society B 42, 109-142.
    """

    max_iterations: int = 200

    def fit(self, regressors: pd.DataFrame, rating: pd.Series) -> OrderedLogitFit:
        """Fit to one row an answer.

        Parameters
        ----------
        regressors : DataFrame, shape (n, k)
            Numbers; no constant.
        rating : Series, shape (n,)
            Ordered categories, or numbers taken in their order.

        Raises
        ------
        NotEnoughDataError
            If fewer than 3 ratings were used, or fewer answers than 5 a parameter.
        NotIdentifiedError
            If a regressor is constant or a combination of others.
        ConvergenceError
            If no optimum is found.
        """
        from statsmodels.miscmodels.ordinal_model import OrderedModel

        x = regressors.astype(float)
        code, levels = _levels(rating)
        self._check(x.to_numpy(), code, len(levels), list(map(str, x.columns)))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # judged below, by the gradient
            model = OrderedModel(code, x.to_numpy(), distr="logit")
            result = model.fit(method="bfgs", maxiter=self.max_iterations, disp=False, gtol=1e-8)
        gradient = np.abs(model.score(np.asarray(result.params))).max()
        if not np.isfinite(result.llf) or gradient > 1e-3 * len(x) ** 0.5:
            raise ConvergenceError(
                f"ordered logit: no optimum on {len(x):,} answers; a regressor may tell the rating "
                "perfectly"
            )
        k = x.shape[1]
        cuts = np.asarray(model.transform_threshold_params(np.asarray(result.params)[k:]))[1:-1]
        return OrderedLogitFit(
            names=tuple(map(str, x.columns)),
            coefficients=np.asarray(result.params)[:k],
            covariance=np.asarray(result.cov_params())[:k, :k],
            cuts=cuts,
            levels=tuple(levels),
            log_likelihood=float(result.llf),
            n=len(x),
            proportional_odds_p=_brant(x.to_numpy(), code, len(levels)),
        )

    @staticmethod
    def _check(x: Numbers, code: NDArray[np.intp], levels: int, names: list[str]) -> None:
        if levels < 3:
            raise NotEnoughDataError(f"{levels} different ratings; an ordered model needs 3")
        if len(x) < 5 * (x.shape[1] + levels - 1):
            raise NotEnoughDataError(f"{len(x)} answers for {x.shape[1] + levels - 1} parameters")
        constant = [n for n, s in zip(names, np.ptp(x, axis=0), strict=True) if s == 0]
        rank = np.linalg.matrix_rank(np.column_stack([np.ones(len(x)), x]))
        if constant or rank < x.shape[1] + 1:
            raise NotIdentifiedError(
                f"the regressors {', '.join(constant or names)} are constant or combinations of "
                "each other"
            )


@dataclass(frozen=True)
class OrderedLogitFit:
    """Log odds of a higher rating for one unit more of each regressor."""

    names: tuple[str, ...]
    coefficients: Numbers
    covariance: Numbers
    cuts: Numbers
    levels: tuple[object, ...]
    log_likelihood: float
    n: int
    proportional_odds_p: float

    @property
    def deviance(self) -> float:
        """Minus twice the log-likelihood."""
        return -2 * self.log_likelihood

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """One row a regressor: coefficient, odds ratio, interval of the odds ratio, p-value."""
        se = np.sqrt(np.diag(self.covariance))
        half = normal_quantile(level) * se
        return pd.DataFrame(
            {
                "coefficient": self.coefficients,
                "se": se,
                "odds_ratio": np.exp(self.coefficients),
                "low": np.exp(self.coefficients - half),
                "high": np.exp(self.coefficients + half),
                "p_value": 2 * stats.norm.sf(np.abs(self.coefficients / se)),
            },
            index=pd.Index(self.names, name="driver"),
        )

    def probabilities(self, regressors: pd.DataFrame) -> pd.DataFrame:
        """Return the probability of each rating, one row a row."""
        line = regressors[list(self.names)].to_numpy(dtype=float) @ self.coefficients
        cumulative = expit(self.cuts[None, :] - line[:, None])
        edges = np.column_stack([np.zeros(len(line)), cumulative, np.ones(len(line))])
        return pd.DataFrame(
            np.diff(edges, axis=1), index=regressors.index, columns=list(self.levels)
        )


def _levels(rating: pd.Series) -> tuple[NDArray[np.intp], list[object]]:
    if isinstance(rating.dtype, pd.CategoricalDtype):
        used = rating.cat.remove_unused_categories()
        return np.asarray(used.cat.codes, dtype=np.intp), list(used.cat.categories)
    codes, levels = pd.factorize(rating, sort=True)
    return np.asarray(codes, dtype=np.intp), list(levels)


def _brant(x: Numbers, code: NDArray[np.intp], levels: int) -> float:
    """P-value of Brant's test that each cut has the same coefficients; NaN if a cut is separable.

    Each cut is a logit of its own; their coefficients are compared by a Wald test that knows that
    all come from the same answers.
    """
    design = np.column_stack([np.ones(len(x)), x])
    k = x.shape[1]
    betas, shares, inverses = [], [], []
    for cut in range(levels - 1):
        fitted = _logit(design, (code > cut).astype(float))
        if fitted is None:
            return float("nan")
        beta, share = fitted
        betas.append(beta[1:])
        shares.append(share)
        inverses.append(np.linalg.inv(design.T @ ((share * (1 - share))[:, None] * design)))
    size = levels - 1
    covariance = np.zeros((size * k, size * k))
    for a in range(size):
        for b in range(a, size):
            # P(above the higher cut) less the product: covariance of the two indicators
            meat = design.T @ ((shares[b] * (1 - shares[a]))[:, None] * design)
            block = (inverses[a] @ meat @ inverses[b])[1:, 1:]
            covariance[a * k : (a + 1) * k, b * k : (b + 1) * k] = block
            covariance[b * k : (b + 1) * k, a * k : (a + 1) * k] = block.T
    contrast = np.kron(np.column_stack([-np.ones(size - 1), np.eye(size - 1)]), np.eye(k))
    gap = contrast @ np.concatenate(betas)
    wald = float(gap @ np.linalg.pinv(contrast @ covariance @ contrast.T) @ gap)
    return float(stats.chi2.sf(wald, (size - 1) * k))


def _logit(design: Numbers, hit: Numbers) -> tuple[Numbers, Numbers] | None:
    """Newton for a binary logit; None where it has no finite optimum."""
    beta = np.zeros(design.shape[1])
    for _ in range(50):
        share = expit(design @ beta)
        weight = share * (1 - share)
        hessian = design.T @ (weight[:, None] * design)
        if np.linalg.cond(hessian) > 1e12:
            return None
        step = np.linalg.solve(hessian, design.T @ (hit - share))
        beta = beta + step
        if np.abs(step).max() < 1e-9:
            return beta, expit(design @ beta)
    return None
