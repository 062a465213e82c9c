"""Regression of an event on covariates, from rows or from counts, with clustered errors."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from retention.errors import ConvergenceError, NotIdentifiedError, ParameterError, SchemaError

from .conditional_logit import MoneyWorth, clustered_covariance, money_worth
from .newton import Curve, maximise

__all__ = ["BinaryRegression", "BinaryRegressionFit"]

Link = Literal["logit", "cloglog"]
_ENDLESS = 100.0  # standard errors on the log scale, a unit of spread, that only separation makes
_Floats = NDArray[np.float64]


def _logit(u: _Floats, n: _Floats, y: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    p = expit(u)
    return y * u - n * np.logaddexp(0, u), y - n * p, n * p * (1 - p)


def _cloglog(u: _Floats, n: _Floats, y: _Floats) -> tuple[_Floats, _Floats, _Floats]:
    h = np.exp(np.clip(u, -700, 30))
    log_p = np.log(np.maximum(-np.expm1(-h), 1e-300))
    ratio = h / np.maximum(np.expm1(np.minimum(h, 700)), 1e-300)
    slope = y * ratio - (n - y) * h
    # minus the second derivative: that of log p is ratio * (1 - h - ratio)
    return y * log_p - (n - y) * h, slope, (n - y) * h - y * ratio * (1 - h - ratio)


_LINKS: dict[str, Callable[[_Floats, _Floats, _Floats], tuple[_Floats, _Floats, _Floats]]] = {
    "logit": _logit,
    "cloglog": _cloglog,
}


@dataclass(frozen=True)
class BinaryRegressionFit:
    """What was learned; holds no data and cannot be refitted.

    Parameters
    ----------
    coefficients : Series
        On the scale of the link; ``intercept`` first.
    covariance, clustered : DataFrame
        Inverse of the observed information, and the sandwich clustered by customer; the same
        where no cluster was named.
    log_likelihood : float
        Binomial, without the constant.
    n, events, clusters : int
        Counts.
    """

    coefficients: pd.Series
    covariance: pd.DataFrame
    clustered: pd.DataFrame
    log_likelihood: float
    n: int
    events: int
    clusters: int
    link: Link

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors by the clustered covariance."""
        values = np.sqrt(np.diag(self.clustered))
        return pd.Series(values, index=self.coefficients.index, name="standard_error")

    def summary(self) -> pd.DataFrame:
        """One row a coefficient."""
        table = pd.DataFrame({"estimate": self.coefficients})
        table["standard_error"] = self.standard_errors
        table["z"] = table["estimate"] / table["standard_error"]
        return table

    def worth(self, column: str, *, price: str, level: float = 0.95) -> MoneyWorth:
        """Return minus the coefficient of a column over that of the price, in units of price."""
        return money_worth(self.coefficients, self.clustered, column, price, level)

    def probabilities(self, table: pd.DataFrame) -> _Floats:
        """Return the probability of the event in each row."""
        b = self.coefficients
        columns = [name for name in b.index if name != "intercept"]
        u = float(b["intercept"]) + table[columns].to_numpy(dtype=float) @ b[columns].to_numpy()
        return expit(u) if self.link == "logit" else -np.expm1(-np.exp(u))


@dataclass(frozen=True, kw_only=True)
class BinaryRegression:
    """Logit, or complementary log-log: a hazard proportional over periods [1]_.

    Parameters
    ----------
    columns : tuple of str
        Numeric covariates; text columns in `groups` become indicators.
    groups : tuple of str
        Columns whose values get an indicator each, the most frequent being the reference.
    link : str
        ``logit`` or ``cloglog``. With ``cloglog`` on person-periods a coefficient is a log hazard
        ratio.
    event, trials, cluster : str
        Column of events (true or a count), of trials a row (empty: one each), and of whose rows
        belong together (empty: every trial is independent).

    References
    ----------
    .. [1] Prentice, R. L. and Gloeckler, L. A. (1978). Regression analysis of grouped survival
       data. Biometrics 34, 57-67.
    """

    columns: tuple[str, ...]
    groups: tuple[str, ...] = ()
    link: Link = "logit"
    event: str = "event"
    trials: str = ""
    cluster: str = ""
    max_iterations: int = 100

    def fit(self, table: pd.DataFrame) -> BinaryRegressionFit:
        """Fit by maximum likelihood.

        Raises
        ------
        SchemaError
            If a column is missing, not finite, or there are more events than trials.
        NotIdentifiedError
            If there is no event or nothing but events, columns are constant or aliased, or
            covariates predict the event without error.
        """
        if self.link not in _LINKS:
            raise ParameterError(f"link must be logit or cloglog, got {self.link!r}")
        x, names, n, y = self._arrays(table)
        if y.sum() == 0 or y.sum() == n.sum():
            raise NotIdentifiedError(
                f"{y.sum():,.0f} events in {n.sum():,.0f} trials: nothing to tell apart"
            )
        scale = _scale(x, names)
        family, z = _LINKS[self.link], x / scale

        def objective(b: _Floats) -> Curve:
            value, slope, curvature = family(z @ b, n, y)
            return float(value.sum()), z.T @ slope, -(z * curvature[:, None]).T @ z

        start = np.zeros(len(names))
        share = y.sum() / n.sum()
        start[0] = np.log(share / (1 - share) if self.link == "logit" else -np.log1p(-share))
        try:
            b, (value, _, hessian) = maximise(
                objective, start, name="regression", tolerance=1e-10,
                max_iterations=self.max_iterations,
            )  # fmt: skip
        except ConvergenceError as error:
            raise NotIdentifiedError(_lost(x, names, n, y)) from error
        bread: _Floats = np.linalg.inv(-hessian).astype(np.float64)
        if np.diag(bread).max() > _ENDLESS**2:
            raise NotIdentifiedError(_lost(x, names, n, y))
        _, slope, _ = family(z @ b, n, y)
        meat, clusters = self._clustered(table, z * slope[:, None], bread, int(n.sum()))
        back = np.outer(1 / scale, 1 / scale)
        return BinaryRegressionFit(
            coefficients=pd.Series(b / scale, index=names, name="estimate"),
            covariance=pd.DataFrame(bread * back, index=names, columns=names),
            clustered=pd.DataFrame(meat * back, index=names, columns=names),
            log_likelihood=value, n=int(n.sum()), events=int(y.sum()), clusters=clusters,
            link=self.link,
        )  # fmt: skip

    def _arrays(self, table: pd.DataFrame) -> tuple[_Floats, list[str], _Floats, _Floats]:
        wanted = [*self.columns, *self.groups, self.event]
        wanted += [name for name in (self.trials, self.cluster) if name]
        faults = [f"column {c} is missing" for c in wanted if c not in table]
        if faults or table.empty:
            raise SchemaError("rows of a regression", faults or ["no rows"])
        x = table[list(self.columns)].to_numpy(dtype=float, na_value=np.nan)
        y = table[self.event].to_numpy(dtype=float, na_value=np.nan)
        n = table[self.trials].to_numpy(dtype=float) if self.trials else np.ones(len(table))
        bad = ~np.isfinite(x)
        faults = [
            f"{name} is empty or not finite in {bad[:, i].sum():,} of {len(x):,} rows"
            for i, name in enumerate(self.columns)
            if bad[:, i].any()
        ]
        if not np.isfinite(y).all() or (y < 0).any() or (y > n).any():
            faults.append(f"{self.event} is empty, negative or above the trials in some rows")
        if faults:
            raise SchemaError("rows of a regression", faults)
        parts, names = [np.ones((len(x), 1)), x], ["intercept", *self.columns]
        for group in self.groups:
            labels = table[group].astype("string").fillna("unknown")
            order = labels.groupby(labels).size().sort_values(ascending=False, kind="stable").index
            for label in order[1:]:
                parts.append((labels == label).to_numpy(dtype=float)[:, None])
                names.append(f"{group}: {label}")
        return np.hstack(parts), names, n, y

    def _clustered(
        self, table: pd.DataFrame, scores: _Floats, bread: _Floats, n: int
    ) -> tuple[_Floats, int]:
        if not self.cluster:
            return bread, n
        code, labels = pd.factorize(table[self.cluster])
        order = np.argsort(code, kind="stable")
        starts = np.flatnonzero(np.r_[True, np.diff(code[order]) != 0])
        return clustered_covariance(bread, np.add.reduceat(scores[order], starts)), len(labels)


def _scale(x: _Floats, names: list[str]) -> _Floats:
    """Return the spread of each column, or raise where a column says nothing of its own."""
    spread = np.sqrt(np.mean((x - x.mean(axis=0)) ** 2, axis=0))
    spread[0] = 1.0
    still = [n for n, s in zip(names, spread, strict=True) if s <= 1e-12]
    if still:
        raise NotIdentifiedError(f"{', '.join(still)} does not vary; leave it out")
    centred = (x - x.mean(axis=0)) / spread
    centred[:, 0] = 1.0
    values, vectors = np.linalg.eigh(centred.T @ centred)
    if values[0] <= 1e-10 * values[-1]:
        parts = np.abs(vectors[:, 0])
        alike = ", ".join(n for n, p in zip(names, parts, strict=True) if p > 1e-3)
        raise NotIdentifiedError(f"{alike} say the same (aliased columns); leave one out")
    return spread


def _lost(x: _Floats, names: list[str], n: _Floats, y: _Floats) -> str:
    """Return the sentence about columns whose values never occur with one of the outcomes."""
    alone = [
        name
        for column, name in zip(x.T[1:], names[1:], strict=True)
        if _apart(column[y > 0], column[n > y])
    ]
    what = ", ".join(alone) or "the covariates together"
    return (
        f"perfect separation: {what} predict the event without error, so some coefficient has no "
        "finite estimate; leave the column out, or merge groups"
    )


def _apart(events: _Floats, others: _Floats) -> bool:
    if events.max() <= others.min() or others.max() <= events.min():
        return True
    two = np.unique(np.r_[events, others])
    return len(two) == 2 and (len(np.unique(events)) == 1 or len(np.unique(others)) == 1)
