"""Whom a programme helps: doubly robust scores of each customer's own effect."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from retention.errors import NotEnoughDataError, ParameterError, SchemaError

__all__ = ["Uplift", "UpliftFit"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class UpliftFit:
    """What was learned.

    Parameters
    ----------
    scores : Series
        Doubly robust score of each customer: its mean over any group chosen without looking at the
        outcomes is an unbiased estimate of that group's effect. A single score is mostly noise.
    predicted : Series
        Effect predicted for each customer from covariates by models that did not see the customer;
        what a rule may look at.
    coefficients : Series
        Of the linear model of the effect on standardised covariates, all customers together.
    centre, spread : Series
        Of the covariates, for `predict`.
    """

    scores: pd.Series
    predicted: pd.Series
    coefficients: pd.Series
    centre: pd.Series
    spread: pd.Series

    def predict(self, table: pd.DataFrame) -> pd.Series:
        """Return the predicted effect of customers not in the fit."""
        z = (table[list(self.centre.index)] - self.centre) / self.spread
        values = z.to_numpy(dtype=float) @ self.coefficients.iloc[1:].to_numpy()
        return pd.Series(self.coefficients.iloc[0] + values, index=table.index, name="uplift")


@dataclass(frozen=True, kw_only=True)
class Uplift:
    """Cross-fitted doubly robust learner with linear models [1]_.

    Outcome and treatment are modelled on all folds but one and scored on that one, so that no
    customer's score rests on its own outcome; the effect is then regressed on the covariates, again
    without the customer's own fold.

    Parameters
    ----------
    covariates : tuple of str
        Numeric columns known before treatment.
    chance : float or None
        The known chance of treatment of a randomised programme; None estimates it by a ridge logit.
    folds : int
        How many.
    ridge : float
        Penalty a customer on standardised slopes; small, for stability only.
    clip : float
        Estimated chances are kept within this and 1 minus it.

    References
    ----------
    .. [1] Kennedy, E. H. (2023). Towards optimal doubly robust estimation of heterogeneous causal
       effects. Electronic Journal of Statistics 17, 3008-3049.
    """

    covariates: tuple[str, ...]
    chance: float | None = None
    folds: int = 5
    ridge: float = 1e-3
    clip: float = 0.02

    def fit(self, table: pd.DataFrame, rng: np.random.Generator) -> UpliftFit:
        """Fit to one row a customer with ``outcome`` and ``treated``.

        Raises
        ------
        SchemaError
            If a column is missing or not finite.
        NotEnoughDataError
            If a fold would lack treated or untreated customers.
        """
        x, y, t = self._arrays(table)
        centre, spread = x.mean(axis=0), x.std(axis=0)
        spread[spread == 0] = 1.0
        z = np.column_stack([np.ones(len(x)), (x - centre) / spread])
        fold = _folds(t, self.folds, rng)
        scores = self._scores(z, y, t, fold)
        predicted = np.empty(len(y))
        for k in range(self.folds):
            own = fold == k
            predicted[own] = z[own] @ _ridge(z[~own], scores[~own], self.ridge)
        names = list(self.covariates)
        return UpliftFit(
            scores=pd.Series(scores, index=table.index, name="score"),
            predicted=pd.Series(predicted, index=table.index, name="uplift"),
            coefficients=pd.Series(_ridge(z, scores, self.ridge), index=["intercept", *names]),
            centre=pd.Series(centre, index=names),
            spread=pd.Series(spread, index=names),
        )

    def _arrays(self, table: pd.DataFrame) -> tuple[_Floats, _Floats, NDArray[np.bool_]]:
        wanted = ("outcome", "treated", *self.covariates)
        faults = [f"column {c} is missing" for c in wanted if c not in table]
        if faults:
            raise SchemaError("customers of an uplift model", faults)
        if self.folds < 2 or (self.chance is not None and not 0 < self.chance < 1):
            raise ParameterError("folds must be 2 or more, a known chance between 0 and 1")
        values = table[["outcome", *self.covariates]].to_numpy(dtype=float, na_value=np.nan)
        bad = ~np.isfinite(values).all(axis=1) | table["treated"].isna().to_numpy()
        if bad.any():
            ids = ", ".join(map(str, table.index[bad][:3]))
            fault = f"not finite in {bad.sum():,} rows ({ids}); fill or drop"
            raise SchemaError("customers of an uplift model", [fault])
        t = table["treated"].to_numpy(dtype=bool)
        if min(t.sum(), (~t).sum()) < 2 * self.folds:
            raise NotEnoughDataError(
                f"{t.sum():,} treated and {(~t).sum():,} untreated customers are too few for "
                f"{self.folds} folds"
            )
        return values[:, 1:], values[:, 0], t

    def _scores(
        self, z: _Floats, y: _Floats, t: NDArray[np.bool_], fold: NDArray[np.intp]
    ) -> _Floats:
        scores = np.empty(len(y))
        for k in range(self.folds):
            own, rest = fold == k, fold != k
            means = [z[own] @ _ridge(z[rest & arm], y[rest & arm], self.ridge) for arm in (~t, t)]
            if self.chance is None:
                logit = _ridge_logit(z[rest], t[rest], self.ridge)
                e = np.clip(expit(z[own] @ logit), self.clip, 1 - self.clip)
            else:
                e = np.full(int(own.sum()), self.chance)
            w = t[own]
            scores[own] = (
                means[1]
                - means[0]
                + np.where(w, (y[own] - means[1]) / e, -(y[own] - means[0]) / (1 - e))
            )
        return scores


def _folds(t: NDArray[np.bool_], folds: int, rng: np.random.Generator) -> NDArray[np.intp]:
    """Return fold numbers, both arms spread evenly."""
    fold = np.empty(len(t), dtype=np.intp)
    for arm in (t, ~t):
        rows = rng.permutation(np.flatnonzero(arm))
        fold[rows] = np.arange(len(rows)) % folds
    return fold


def _ridge(z: _Floats, y: _Floats, penalty: float) -> _Floats:
    p: _Floats = penalty * len(y) * np.eye(z.shape[1])
    p[0, 0] = 0.0
    return np.linalg.solve(z.T @ z + p, z.T @ y).astype(np.float64)


def _ridge_logit(z: _Floats, t: NDArray[np.bool_], penalty: float) -> _Floats:
    p: _Floats = penalty * len(t) * np.eye(z.shape[1])
    p[0, 0] = 0.0
    b: _Floats = np.zeros(z.shape[1])
    b[0] = np.log(t.mean() / (1 - t.mean()))
    for _ in range(50):
        e = expit(z @ b)
        gradient = z.T @ (t - e) - p @ b
        step: _Floats = np.linalg.solve((z * (e * (1 - e))[:, None]).T @ z + p, gradient)
        b += np.clip(step, -5, 5).astype(np.float64)
        if float(np.abs(step).max()) < 1e-10:
            break
    return b
