"""Confirmatory factor analysis by maximum likelihood."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import stats
from scipy.optimize import brentq

from retention.errors import (
    ConvergenceError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
)
from retention.models.reliability import average_variance_extracted, composite_reliability

__all__ = ["FactorModel", "FactorModelFit"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class FactorModel:
    """Each item loads on one construct; constructs correlate freely; variances of factors are 1.

    Parameters
    ----------
    constructs : mapping of str to sequence of str
        Items by construct: three or more for a single construct, two or more beside others.
    max_iterations : int
        Steps of Fisher scoring.

    References
    ----------
    .. [1] Joreskog, K. G. (1969). A general approach to confirmatory maximum likelihood factor
       analysis. Psychometrika 34, 183-202.
    """

    constructs: Mapping[str, Sequence[str]]
    max_iterations: int = 200

    def __post_init__(self) -> None:
        items = [item for names in self.constructs.values() for item in names]
        if len(items) != len(set(items)):
            raise ParameterError("an item belongs to one construct only")
        small = [c for c, names in self.constructs.items() if len(names) < 2]
        if small or (len(self.constructs) == 1 and len(items) < 3):
            raise NotIdentifiedError(
                "a factor needs 3 items alone, or 2 beside other factors; too few for "
                + ", ".join(small or self.constructs)
            )

    @property
    def items(self) -> list[str]:
        """The items, in the order of the constructs."""
        return [item for names in self.constructs.values() for item in names]

    def fit(self, answers: pd.DataFrame) -> FactorModelFit:
        """Fit to the complete answers, by Fisher scoring on the correlations.

        Parameters
        ----------
        answers : DataFrame, shape (n, at least k)
            One column an item; rows with a missing item are left out and counted.

        Raises
        ------
        NotEnoughDataError
            If there are not more complete answers than items.
        NotIdentifiedError
            If items are constant or a linear combination of others.
        ConvergenceError
            If no optimum is found.
        """
        missing = [i for i in self.items if i not in answers]
        if missing:
            raise ParameterError(f"the answers have no items {', '.join(missing)}")
        table = answers[self.items].astype(float)
        complete = table.dropna()
        n, k = complete.shape
        if n <= k:
            raise NotEnoughDataError(f"{n} complete answers for {k} items; more answers than items")
        r = _correlation(complete)
        parameters = _Parameters([len(v) for v in self.constructs.values()])
        theta, loss, information = _fisher_scoring(r, parameters, self.max_iterations, n)
        return FactorModelFit(
            constructs={c: tuple(v) for c, v in self.constructs.items()},
            correlation=pd.DataFrame(r, index=self.items, columns=self.items),
            standard_deviations=complete.std(),
            n=n,
            dropped=len(table) - n,
            chi_square=n * loss,
            degrees_of_freedom=k * (k + 1) // 2 - parameters.count,
            baseline_chi_square=-n * float(np.linalg.slogdet(r)[1]),
            _theta=theta,
            _covariance=np.linalg.inv(information) / n,
            _sizes=parameters.sizes,
        )


class _Parameters:
    """Where loadings, correlations of factors and unique variances stand in the vector."""

    def __init__(self, sizes: Sequence[int]) -> None:
        self.sizes = tuple(sizes)
        self.k, self.m = sum(sizes), len(sizes)
        self.factor = np.repeat(np.arange(self.m), sizes)
        self.lower = np.tril_indices(self.m, -1)
        self.pairs = len(self.lower[0])
        self.count = 2 * self.k + self.pairs

    def unpack(self, theta: Numbers) -> tuple[Numbers, Numbers, Numbers]:
        load = np.zeros((self.k, self.m))
        load[np.arange(self.k), self.factor] = theta[: self.k]
        phi = np.eye(self.m)
        phi[self.lower] = theta[self.k : self.k + self.pairs]
        phi = phi + np.tril(phi, -1).T
        return load, phi, theta[self.k + self.pairs :]

    def implied(self, theta: Numbers) -> Numbers:
        load, phi, unique = self.unpack(theta)
        return load @ phi @ load.T + np.diag(unique)


def _correlation(complete: pd.DataFrame) -> Numbers:
    x = complete.to_numpy()
    constant = [str(c) for c, s in zip(complete.columns, np.ptp(x, axis=0), strict=True) if s == 0]
    if constant:
        raise NotIdentifiedError(f"all answers are equal in {', '.join(constant)}; leave them out")
    r = np.corrcoef(x, rowvar=False)
    values, vectors = np.linalg.eigh(r)
    if values[0] < 1e-8:
        tied = complete.columns[np.abs(vectors[:, 0]) > 0.05]
        raise NotIdentifiedError(
            f"the items {', '.join(map(str, tied))} are linear combinations of each other; "
            "leave one of them out"
        )
    return np.asarray(r)


def _loss(r: Numbers, sigma: Numbers) -> float:
    """Return the discrepancy but for log det r; infinite if sigma is not positive definite."""
    try:
        factor = np.linalg.cholesky(sigma)
    except np.linalg.LinAlgError:
        return np.inf
    inverse = np.linalg.solve(sigma, r)
    logdet = 2 * float(np.log(np.diag(factor)).sum())
    return logdet + float(np.trace(inverse)) - len(r)


def _start(r: Numbers, parameters: _Parameters) -> Numbers:
    """Take loadings from the first component of each construct, unit-weight factor correlations."""
    load = np.empty(parameters.k)
    scores = np.zeros((parameters.k, parameters.m))
    for c in range(parameters.m):
        rows = np.flatnonzero(parameters.factor == c)
        values, vectors = np.linalg.eigh(r[np.ix_(rows, rows)])
        first = vectors[:, -1] * (1.0 if vectors[:, -1].sum() >= 0 else -1.0)
        load[rows] = np.clip(first * np.sqrt(values[-1]), -0.9, 0.9)
        scores[rows, c] = first
    between = scores.T @ r @ scores
    scale = np.sqrt(np.diag(between))
    phi = np.clip((between / np.outer(scale, scale))[parameters.lower], -0.9, 0.9)
    return np.concatenate([load, phi, np.maximum(0.1, 1 - load**2)])


def _gradient_and_information(
    r: Numbers, theta: Numbers, parameters: _Parameters
) -> tuple[Numbers, Numbers]:
    """Return the gradient and the expected information of loadings, correlations, variances.

    A derivative of the implied matrix is e a' + a e' for a loading (e picks the item, a is the
    column of its factor in loadings times correlations), l m' + m l' for a correlation (l and m are
    columns of loadings), e e' for a unique variance. Traces of their products with the inverse are
    products of numbers, so that no derivative is ever formed.
    """
    load, phi, _ = parameters.unpack(theta)
    w = np.linalg.inv(parameters.implied(theta))
    a, b = parameters.lower
    own = (load @ phi)[:, parameters.factor]
    inner = w - w @ r @ w
    gradient = np.concatenate(
        [
            2 * np.einsum("ij,ij->j", inner, own),
            2 * (load.T @ inner @ load)[a, b],
            np.diag(inner),
        ]
    )
    q, v, u, across = w @ own, w @ load, load.T @ w @ load, load.T @ w @ own
    ll = w * (own.T @ q) + q * q.T
    lp = v[:, a] * across[b].T + v[:, b] * across[a].T
    pp = u[np.ix_(a, a)] * u[np.ix_(b, b)] + u[np.ix_(a, b)] * u[np.ix_(b, a)]
    lu, pu = w * q.T, (v[:, a] * v[:, b]).T
    information = np.block([[ll, lp, lu], [lp.T, pp, pu], [lu.T, pu.T, w**2 / 2]])
    return gradient, information


def _fisher_scoring(
    r: Numbers, parameters: _Parameters, limit: int, n: int
) -> tuple[Numbers, float, Numbers]:
    theta = _start(r, parameters)
    loss = _loss(r, parameters.implied(theta))
    for _ in range(limit):
        gradient, information = _gradient_and_information(r, theta, parameters)
        try:
            step = -np.linalg.solve(information, gradient / 2)
        except np.linalg.LinAlgError as error:
            raise NotIdentifiedError(
                "the factors cannot be told apart: merge constructs that correlate near 1"
            ) from error
        size = 1.0
        while size > 1e-6:
            moved = theta + size * step
            trial = _loss(r, parameters.implied(moved))
            if trial <= loss + 1e-14:
                break
            size /= 2
        if size <= 1e-6 or np.abs(size * step).max() < 1e-9:
            if np.abs(gradient).max() < 1e-6:
                return theta, max(loss - float(np.linalg.slogdet(r)[1]), 0.0), information
            break
        theta, loss = moved, trial
    raise ConvergenceError(
        f"factor model: no optimum in {limit} steps on {n:,} answers; look for constructs that "
        "correlate near 1, items that load on two constructs, or constructs of two items"
    )


@dataclass(frozen=True)
class FactorModelFit:
    """What was learned: standardised loadings, correlations of constructs, and the fit."""

    constructs: Mapping[str, tuple[str, ...]]
    correlation: pd.DataFrame
    standard_deviations: pd.Series
    n: int
    dropped: int
    chi_square: float
    degrees_of_freedom: int
    baseline_chi_square: float
    _theta: Numbers = field(repr=False)
    _covariance: Numbers = field(repr=False)
    _sizes: tuple[int, ...] = field(repr=False)

    @property
    def _parameters(self) -> _Parameters:
        return _Parameters(self._sizes)

    @property
    def loadings(self) -> pd.DataFrame:
        """One row an item: construct, standardised loading, its standard error, unique variance."""
        p = self._parameters
        load, unique = self._theta[: p.k], self._theta[p.k + p.pairs :]
        # the standardised loading is l / sqrt(l^2 + u); its error by the delta method
        total = load**2 + unique
        d_load, d_unique = unique / total**1.5, -load / (2 * total**1.5)
        i, j = np.arange(p.k), np.arange(p.k) + p.k + p.pairs
        v = self._covariance
        variance = d_load**2 * v[i, i] + d_unique**2 * v[j, j] + 2 * d_load * d_unique * v[i, j]
        return pd.DataFrame(
            {
                "construct": np.repeat(list(self.constructs), self._sizes),
                "loading": load / np.sqrt(total),
                "se": np.sqrt(variance),
                "unique": unique / total,
            },
            index=pd.Index(self.correlation.index, name="item"),
        )

    @property
    def factor_correlation(self) -> pd.DataFrame:
        """Correlations of the constructs, free of measurement error."""
        names = list(self.constructs)
        return pd.DataFrame(self._parameters.unpack(self._theta)[1], index=names, columns=names)

    @property
    def proper(self) -> bool:
        """Whether no unique variance is negative and the factor correlations can exist."""
        _, phi, unique = self._parameters.unpack(self._theta)
        return bool((unique > 0).all() and np.linalg.eigvalsh(phi)[0] > 0)

    @property
    def p_value(self) -> float:
        """P-value of exact fit; with many answers it rejects what is close enough."""
        return float(stats.chi2.sf(self.chi_square, self.degrees_of_freedom))

    @property
    def cfi(self) -> float:
        """Comparative fit index; near 0.95 is wanted."""
        excess = max(0.0, self.chi_square - self.degrees_of_freedom)
        worst = max(excess, self.baseline_chi_square - self._baseline_df)
        return 1.0 - excess / worst if worst > 0 else 1.0

    @property
    def tli(self) -> float:
        """Tucker-Lewis index."""
        base = self.baseline_chi_square / self._baseline_df
        return (base - self.chi_square / max(1, self.degrees_of_freedom)) / (base - 1)

    @property
    def rmsea(self) -> float:
        """Root mean square error of approximation; 0.06 or less is good, above 0.10 poor."""
        df = max(1, self.degrees_of_freedom)
        return float(np.sqrt(max(0.0, self.chi_square - df) / (df * self.n)))

    def rmsea_interval(self, level: float = 0.90) -> tuple[float, float]:
        """Return the interval of RMSEA from the noncentral chi-square."""
        df = max(1, self.degrees_of_freedom)

        def solve(share: float) -> float:
            def gap(nc: float) -> float:
                return float(stats.ncx2.cdf(self.chi_square, df, nc)) - share

            if float(stats.chi2.cdf(self.chi_square, df)) <= share:
                return 0.0
            return float(brentq(gap, 1e-9, 10 * self.chi_square + 100))

        low, high = solve(0.5 + level / 2), solve(0.5 - level / 2)
        return float(np.sqrt(low / (df * self.n))), float(np.sqrt(high / (df * self.n)))

    @property
    def srmr(self) -> float:
        """Standardised root mean square residual; 0.08 or less is wanted."""
        residual = self.correlation.to_numpy() - self._parameters.implied(self._theta)
        lower = np.tril_indices(len(residual))
        return float(np.sqrt(np.mean(residual[lower] ** 2)))

    @property
    def _baseline_df(self) -> int:
        k = len(self.correlation)
        return k * (k - 1) // 2

    def summary(self) -> pd.DataFrame:
        """One row a construct: items, omega, composite reliability, variance extracted.

        Omega is the reliability of the sum of the items as answered, composite reliability that of
        the sum of the standardised items.
        """
        table = self.loadings
        by = table.groupby("construct", sort=False)["loading"]
        sd = self.standard_deviations
        raw = {c: sd[list(items)] for c, items in self.constructs.items()}
        omega = {
            c: composite_reliability(table["loading"][s.index] * s, table["unique"][s.index] * s**2)
            for c, s in raw.items()
        }
        return pd.DataFrame(
            {
                "items": by.size(),
                "omega": pd.Series(omega),
                "composite_reliability": by.apply(composite_reliability),
                "average_variance_extracted": by.apply(average_variance_extracted),
                "lowest_loading": by.min(),
            }
        )
