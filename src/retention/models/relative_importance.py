"""How much of what is explained each driver explains: shares of R squared.

Both ways start from the correlation (or cross-product) matrix, so 100,000 answers cost no more than
one matrix. The residual variance of the outcome given *every* subset of drivers comes from one
recursion: each driver is either left out or swept out, and all subsets of the earlier drivers are
carried along at once. A bootstrap is only one more leading axis.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import factorial

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError

__all__ = [
    "MAX_DRIVERS",
    "RelativeImportance",
    "RelativeImportanceFit",
    "relative_weights",
    "shapley_shares",
]

Numbers = NDArray[np.float64]

MAX_DRIVERS = 15
"""More drivers than this go to Johnson's weights: 2**15 subsets are the limit of Shapley."""

_ALIASED = 1e-10
_GROUPS = 2000


def _subset_r2(covariance: Numbers) -> Numbers:
    """R squared of every subset; shape (..., 2**p), first driver in the highest bit."""
    matrix = np.asarray(covariance, dtype=float)
    lead = matrix.shape[:-2]
    scale = np.sqrt(np.einsum("...ii->...i", matrix))
    state = (matrix / scale[..., :, None] / scale[..., None, :])[..., None, :, :]
    for _ in range(matrix.shape[-1] - 1):
        pivot = state[..., 0, 0]
        rest, column = state[..., 1:, 1:], state[..., 1:, 0]
        safe = np.where(pivot > _ALIASED, pivot, np.inf)  # what is aliased adds nothing
        swept = rest - column[..., :, None] * column[..., None, :] / safe[..., None, None]
        state = np.stack([rest, swept], axis=-3).reshape(*lead, -1, *rest.shape[-2:])
    return np.asarray(1.0 - state[..., 0, 0])


def shapley_shares(covariance: ArrayLike) -> Numbers:
    """Return the LMG (Shapley) share of R squared of each driver.

    Parameters
    ----------
    covariance : array_like of float, shape (..., p + 1, p + 1)
        Covariance or correlation of the drivers and, last, the outcome.

    Returns
    -------
    ndarray of float, shape (..., p)
        Shares; they sum to R squared of all drivers.

    Raises
    ------
    ParameterError
        If there are no drivers or more than `MAX_DRIVERS`.

    References
    ----------
    .. [1] Lindeman, R. H., Merenda, P. F. and Gold, R. Z. (1980). Introduction to Bivariate and
       Multivariate Analysis.
    .. [2] Groemping, U. (2006). Relative importance for linear regression in R: the package
       relaimpo. Journal of Statistical Software 17(1).

    Examples
    --------
    >>> shapley_shares([[1, 0, 0.5], [0, 1, 0.3], [0.5, 0.3, 1]]).round(2)
    array([0.25, 0.09])
    """
    matrix = np.asarray(covariance, dtype=float)
    p = matrix.shape[-1] - 1
    if not 1 <= p <= MAX_DRIVERS:
        raise ParameterError(
            f"Shapley shares take 1 to {MAX_DRIVERS} drivers, got {p}; use relative_weights"
        )
    r2 = _subset_r2(matrix)
    size = np.array([bin(subset).count("1") for subset in range(2**p)])
    weight = np.array([factorial(s) * factorial(p - s - 1) / factorial(p) for s in range(p)])
    shares = np.empty((*matrix.shape[:-2], p))
    for j in range(p):
        bit = 1 << (p - 1 - j)
        without = np.flatnonzero((np.arange(2**p) & bit) == 0)
        gain = r2[..., without | bit] - r2[..., without]
        shares[..., j] = gain @ weight[size[without]]
    return shares


def relative_weights(covariance: ArrayLike) -> Numbers:
    """Return Johnson's relative weights: shares of R squared through orthogonal counterparts.

    Parameters
    ----------
    covariance : array_like of float, shape (..., p + 1, p + 1)
        Covariance or correlation of the drivers and, last, the outcome.

    Returns
    -------
    ndarray of float, shape (..., p)
        Weights; they sum to R squared. The same as Genizi's decomposition.

    References
    ----------
    .. [1] Johnson, J. W. (2000). A heuristic method for estimating the relative weight of predictor
       variables in multiple regression. Multivariate Behavioral Research 35(1), 1-19.
    """
    matrix = np.asarray(covariance, dtype=float)
    scale = np.sqrt(np.einsum("...ii->...i", matrix))
    correlation = matrix / scale[..., :, None] / scale[..., None, :]
    values, vectors = np.linalg.eigh(correlation[..., :-1, :-1])
    values = np.clip(values, 0.0, None)
    kept = values > 1e-9
    root = (vectors * np.sqrt(values)[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    inverse = np.where(kept, 1 / np.sqrt(np.where(kept, values, 1.0)), 0.0)
    back = (vectors * inverse[..., None, :]) @ np.swapaxes(vectors, -1, -2)
    beta = np.einsum("...ij,...j->...i", back, correlation[..., :-1, -1])
    return np.asarray(np.einsum("...ij,...j->...i", root**2, beta**2))


@dataclass(frozen=True, kw_only=True)
class RelativeImportance:
    """Shares of R squared of drivers, with a bootstrap by customer.

    Parameters
    ----------
    method : str
        ``lmg`` (Shapley, up to `MAX_DRIVERS` drivers), ``johnson``, or ``auto`` for the first where
        it is feasible.
    replicates : int
        Bootstrap samples; 0 for none.
    """

    method: str = "auto"
    replicates: int = 500

    def __post_init__(self) -> None:
        if self.method not in ("auto", "lmg", "johnson"):
            raise ParameterError(f"method must be auto, lmg or johnson; got {self.method!r}")

    def fit(
        self,
        answers: pd.DataFrame,
        outcome: str,
        *,
        weights: ArrayLike | None = None,
        rng: np.random.Generator | None = None,
    ) -> RelativeImportanceFit:
        """Decompose R squared of `outcome` on all other columns.

        Parameters
        ----------
        answers : DataFrame, shape (n, p + 1)
            Complete answers; the index says who gave them, and one who gave several is resampled
            as one. More than 2,000 customers are pooled at random into 2,000 groups which are
            resampled: as good for the spread, and free of n.
        outcome : str
            The column explained.
        weights : array_like of float, shape (n,), optional
            Survey weights.
        rng : numpy.random.Generator, optional
            Needed for the bootstrap; a fixed seed if not given.

        Raises
        ------
        NotEnoughDataError
            If there are fewer complete answers than three times the drivers.
        NotIdentifiedError
            If a column never varies.
        """
        data = answers.drop(columns=outcome).assign(**{outcome: answers[outcome]})
        names = [str(c) for c in data.columns[:-1]]
        z = data.to_numpy(dtype=float)
        self._check(z, data.columns)
        w = np.ones(len(z)) if weights is None else np.asarray(weights, dtype=float)
        rng = np.random.default_rng(0) if rng is None else rng
        centred = np.column_stack([np.ones(len(z)), z - z.mean(axis=0)])
        weighted = centred if weights is None else w[:, None] * centred
        covariance = _covariance(centred.T @ weighted)
        method = self._method(len(names))
        decompose = shapley_shares if method == "lmg" else relative_weights
        draws = np.empty((0, len(names)))
        if self.replicates:
            blocks = _blocks(centred, w, data.index, rng)
            counts = rng.multinomial(
                len(blocks), np.full(len(blocks), 1 / len(blocks)), size=self.replicates
            )
            sums = (counts @ blocks.reshape(len(blocks), -1)).reshape(-1, *blocks.shape[1:])
            draws = _in_parts(decompose, _covariance(sums), 2 ** len(names))
        return RelativeImportanceFit(
            names=tuple(names),
            shares=decompose(covariance),
            coefficients=_slopes(covariance),
            standard_deviations=np.sqrt(np.diag(covariance)),
            aliased=_aliased(covariance, names),
            draws=draws,
            method=method,
            n=len(z),
            customers=int(data.index.nunique()),
        )

    def _method(self, p: int) -> str:
        if self.method == "auto":
            return "lmg" if p <= MAX_DRIVERS else "johnson"
        return self.method

    @staticmethod
    def _check(z: Numbers, columns: pd.Index) -> None:
        if not np.isfinite(z).all():
            raise ParameterError("drivers need complete answers; drop or impute the missing first")
        if len(z) < 3 * z.shape[1]:
            raise NotEnoughDataError(
                f"{len(z)} complete answers for {z.shape[1] - 1} drivers; at least 3 a driver"
            )
        constant = [str(c) for c, s in zip(columns, np.ptp(z, axis=0), strict=True) if s == 0]
        if constant:
            raise NotIdentifiedError(
                f"all answers are equal in {', '.join(constant)}; leave the column out"
            )


@dataclass(frozen=True)
class RelativeImportanceFit:
    """Shares of R squared, and how sure their order is."""

    names: tuple[str, ...]
    shares: Numbers
    coefficients: Numbers
    standard_deviations: Numbers
    aliased: tuple[str, ...]
    draws: Numbers
    method: str
    n: int
    customers: int

    @property
    def r_squared(self) -> float:
        """What all drivers explain together."""
        return float(self.shares.sum())

    def rank_probability(self) -> pd.DataFrame:
        """Return how often each driver (row) takes each rank (column) over the bootstrap."""
        p = len(self.names)
        ranks = (-self.draws).argsort(axis=1).argsort(axis=1)
        table = [(ranks == r).mean(axis=0) for r in range(p)] if len(ranks) else np.zeros((p, p))
        return pd.DataFrame(np.transpose(table), index=list(self.names), columns=range(1, p + 1))

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """One row a driver: share of R squared, interval, sign, first-rank probability."""
        ends = [0.5 - level / 2, 0.5 + level / 2]
        low, high = np.quantile(self.draws, ends, axis=0) if len(self.draws) else (np.nan, np.nan)
        beta = self.coefficients * self.standard_deviations[:-1] / self.standard_deviations[-1]
        frame = pd.DataFrame(
            {
                "r2_share": self.shares,
                "low": low,
                "high": high,
                "importance": self.shares / max(self.r_squared, 1e-300),
                "coefficient": self.coefficients,
                "standardised": beta,
                "p_first": self.rank_probability()[1].to_numpy(),
            },
            index=pd.Index(self.names, name="driver"),
        )
        frame["low"] = np.minimum(frame["low"], frame["r2_share"])
        frame["high"] = np.maximum(frame["high"], frame["r2_share"])
        return frame.sort_values("r2_share", ascending=False)


def _blocks(x: Numbers, w: Numbers, index: pd.Index, rng: np.random.Generator) -> Numbers:
    """Cross-products of the columns, summed by customer or by random group of customers."""
    code, names = pd.factorize(index)
    if len(names) > _GROUPS:
        code = (rng.permutation(len(names)) % _GROUPS)[code]
    order = np.argsort(code, kind="stable")
    x = x[order]
    starts = np.flatnonzero(np.diff(code[order], prepend=-1))
    products = [
        np.add.reduceat(x * (w[order] * x[:, j])[:, None], starts, axis=0)
        for j in range(x.shape[1])
    ]
    return np.stack(products, axis=1)


def _covariance(sums: Numbers) -> Numbers:
    total = sums[..., :1, :1]
    mean = sums[..., 1:, :1] / total
    return np.asarray(sums[..., 1:, 1:] / total - mean * np.swapaxes(mean, -1, -2))


def _slopes(covariance: Numbers) -> Numbers:
    """Regression coefficients; the smallest of many where drivers are aliased."""
    found = np.linalg.lstsq(covariance[:-1, :-1], covariance[:-1, -1], rcond=1e-10)[0]
    return np.asarray(found, dtype=float)


def _in_parts(decompose: Callable[[Numbers], Numbers], covariances: Numbers, cost: int) -> Numbers:
    """Decompose some replicates at a time, so that all subsets fit in memory."""
    size = max(1, 2_000_000 // max(cost, 1))
    parts = [decompose(covariances[i : i + size]) for i in range(0, len(covariances), size)]
    return np.concatenate(parts)


def _aliased(covariance: Numbers, names: list[str]) -> tuple[str, ...]:
    """Drivers that are a linear combination of the ones before them."""
    scale = np.sqrt(np.diag(covariance))[:-1]
    state = covariance[:-1, :-1] / np.outer(scale, scale)
    found = []
    for name in names:
        if state[0, 0] <= _ALIASED:
            found.append(name)
            state = state[1:, 1:]
        else:
            state = state[1:, 1:] - np.outer(state[1:, 0], state[0, 1:]) / state[0, 0]
    return tuple(found)
