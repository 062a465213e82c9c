"""Least squares with errors clustered by whoever repeats, and effects swept out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError

__all__ = ["LeastSquares", "LeastSquaresFit"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LeastSquares:
    """Linear regression with a covariance clustered by customer or branch (CR1).

    Parameters
    ----------
    effects : sequence of str
        Columns whose every value has an effect of its own that is swept out (customer, period).
    cluster : str, optional
        Column by which errors are clustered; rows are taken as independent if not given.
    robust : bool
        Without a cluster: allow for heteroscedasticity (HC1); False gives the classical errors.

    References
    ----------
    .. [1] Cameron, A. C. and Miller, D. L. (2015). A practitioner's guide to cluster-robust
       inference. Journal of Human Resources 50(2), 317-372.
    """

    effects: Sequence[str] = ()
    cluster: str | None = None
    robust: bool = True

    def fit(
        self,
        table: pd.DataFrame,
        *,
        outcome: str,
        regressors: Sequence[str],
        weights: ArrayLike | None = None,
    ) -> LeastSquaresFit:
        """Fit by (weighted) least squares.

        Raises
        ------
        NotEnoughDataError
            If there are not more rows than parameters, or fewer than 2 clusters.
        NotIdentifiedError
            If a regressor is a combination of others or of the effects swept out.
        """
        names = list(regressors)
        w = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=float)
        data = table[[*names, outcome]].to_numpy(dtype=float)
        if not np.isfinite(data).all():
            raise ParameterError("regressors and outcome may not be missing; drop such rows first")
        if self.effects:
            codes = [pd.factorize(table[e])[0] for e in self.effects]
            data, used = _sweep(data, codes, w), sum(int(c.max()) + 1 for c in codes)
            used -= len(codes) - 1
        else:
            data, used = np.column_stack([np.ones(len(data)), data]), 0
            names = ["intercept", *names]
        x, y = data[:, :-1], data[:, -1]
        n, k = x.shape
        if n <= k + used:
            raise NotEnoughDataError(f"{n} rows for {k + used} parameters")
        gram = x.T @ (w[:, None] * x)
        _identified(gram, names, table, self.effects)
        bread = np.linalg.inv(gram)
        beta = bread @ (x.T @ (w * y))
        residual = y - x @ beta
        covariance, degrees = self._covariance(table, x, w * residual, bread, k + used)
        if self.cluster is None and not self.robust:
            covariance = bread * float(w @ residual**2) / (n - k - used)
        centre = np.average(y, weights=w)
        total = float(w @ (y - centre) ** 2)
        return LeastSquaresFit(
            names=tuple(names),
            coefficients=beta,
            covariance=covariance,
            degrees_of_freedom=degrees,
            n=n,
            r_squared=1 - float(w @ residual**2) / total if total > 0 else 0.0,
        )

    def _covariance(
        self, table: pd.DataFrame, x: Numbers, wr: Numbers, bread: Numbers, parameters: int
    ) -> tuple[Numbers, float]:
        n, k = x.shape
        scores = x * wr[:, None]
        if self.cluster is None:
            factor, degrees = n / (n - parameters), float(n - parameters)
        else:
            code, groups = pd.factorize(table[self.cluster])
            g = len(groups)
            if g < 2:
                raise NotEnoughDataError(f"1 {self.cluster}: no spread between them can be seen")
            scores = np.stack(
                [np.bincount(code, weights=scores[:, j], minlength=g) for j in range(k)], axis=1
            )
            nested = self.cluster in self.effects
            lost = k if nested else parameters
            factor, degrees = g / (g - 1) * (n - 1) / max(1, n - lost), float(g - 1)
        return factor * bread @ (scores.T @ scores) @ bread, degrees


@dataclass(frozen=True)
class LeastSquaresFit:
    """Coefficients and their covariance."""

    names: tuple[str, ...]
    coefficients: Numbers
    covariance: Numbers
    degrees_of_freedom: float
    n: int
    r_squared: float

    def combination(self, weights: dict[str, float], level: float = 0.95) -> tuple[float, ...]:
        """Return value, standard error, low and high end of a weighted sum of coefficients."""
        a = np.array([weights.get(name, 0.0) for name in self.names])
        value = float(a @ self.coefficients)
        se = float(np.sqrt(max(0.0, a @ self.covariance @ a)))
        half = float(stats.t.ppf(0.5 + level / 2, self.degrees_of_freedom)) * se
        return value, se, value - half, value + half

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """One row a coefficient: estimate, se, interval, p-value."""
        rows = [self.combination({name: 1.0}, level) for name in self.names]
        frame = pd.DataFrame(
            rows, columns=["coefficient", "se", "low", "high"], index=pd.Index(self.names)
        )
        safe = frame["se"].where(frame["se"] > 0, np.inf)
        t = (frame["coefficient"] / safe).abs().to_numpy()
        frame["p_value"] = 2 * stats.t.sf(t, self.degrees_of_freedom)
        return frame


def _sweep(data: Numbers, codes: list[NDArray[np.intp]], w: Numbers) -> Numbers:
    """Take weighted group means off, in turn, until nothing is left to take."""
    out = data - np.average(data, axis=0, weights=w)
    for _ in range(2000 if len(codes) > 1 else 1):
        largest = 0.0
        for code in codes:
            size = int(code.max()) + 1
            total = np.bincount(code, weights=w, minlength=size)
            for j in range(out.shape[1]):
                mean = np.bincount(code, weights=w * out[:, j], minlength=size) / total
                out[:, j] -= mean[code]
                largest = max(largest, float(np.abs(mean).max()))
        if largest < 1e-10:
            break
    return out


def _identified(
    gram: Numbers, names: list[str], table: pd.DataFrame, effects: Sequence[str]
) -> None:
    scale = np.sqrt(np.diag(gram))
    flat = [n for n, s in zip(names, scale, strict=True) if s < 1e-8 * max(1.0, len(table) ** 0.5)]
    if not flat:
        values, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
        if values[0] > 1e-10:
            return
        flat = [n for n, v in zip(names, vectors[:, 0], strict=True) if abs(v) > 0.05]
    within = f" within {', '.join(effects)}" if effects else ""
    raise NotIdentifiedError(
        f"{', '.join(flat)} cannot be told apart from the others{within}; leave one out"
    )
