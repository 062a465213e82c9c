"""Switching between brands: the Markov matrix and Colombo and Morrison's loyals and switchers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from retention.errors import ConvergenceError, NotIdentifiedError, SchemaError
from retention.estimates import normal_quantile

__all__ = ["ColomboMorrison", "ColomboMorrisonFit", "MarkovSwitching", "MarkovSwitchingFit"]


def _counts(counts: pd.DataFrame) -> NDArray[np.float64]:
    """Return the square table of counts, or raise SchemaError with every fault."""
    n = counts.to_numpy(dtype=float)
    faults = []
    if n.shape[0] != n.shape[1] or list(counts.index) != list(counts.columns):
        faults.append("rows (from) and columns (to) must name the same brands in the same order")
    if len(n) < 2:
        faults.append("fewer than two brands: nobody can switch")
    if not (np.isfinite(n).all() and (n >= 0).all()):
        faults.append("counts must be 0 or more")
    empty = counts.index[n.sum(axis=1) == 0]
    if len(empty):
        faults.append(f"nobody came from {', '.join(map(str, empty))}; leave it out")
    if faults:
        raise SchemaError("switching counts", faults)
    return n


@dataclass(frozen=True)
class MarkovSwitchingFit:
    """A switching matrix.

    Parameters
    ----------
    matrix : DataFrame
        Share of those who bought the row's brand that bought the column's next.
    steady_state : Series
        Shares of occasions that the matrix would lead to if it held for ever for everybody.
    current : Series
        Shares of occasions now: the rows' totals.
    n : int
        Transitions.
    """

    matrix: pd.DataFrame
    steady_state: pd.Series
    current: pd.Series
    n: int

    def after(self, occasions: int) -> pd.Series:
        """Return the shares so many occasions from now, from the current ones."""
        power = np.linalg.matrix_power(self.matrix.to_numpy(), occasions)
        return pd.Series(self.current.to_numpy() @ power, index=self.matrix.index, name="share")


@dataclass(frozen=True, kw_only=True)
class MarkovSwitching:
    """First-order Markov chain over brands, the same for all customers and at all times.

    That is a strong claim: where customers differ in taste, the chain overstates switching by
    the loyal and its steady state is not a forecast.
    """

    def fit(self, counts: pd.DataFrame) -> MarkovSwitchingFit:
        """Fit to a square table of transitions: from in the rows, to in the columns.

        Raises
        ------
        SchemaError
            If the table is not square, or nobody came from some brand.
        NotIdentifiedError
            If some brands cannot be left, so that the steady state depends on the start.
        """
        n = _counts(counts)
        matrix = n / n.sum(axis=1, keepdims=True)
        values, vectors = np.linalg.eig(matrix.T)
        fixed = np.abs(values - 1) < 1e-9
        if fixed.sum() > 1:
            raise NotIdentifiedError(
                "the brands fall into groups between which nobody switches, so there is no one "
                "steady state; look at each group alone"
            )
        steady = np.real(vectors[:, int(np.argmin(np.abs(values - 1)))])
        brands = counts.index
        return MarkovSwitchingFit(
            matrix=pd.DataFrame(matrix, index=brands, columns=brands),
            steady_state=pd.Series(steady / steady.sum(), index=brands, name="share"),
            current=pd.Series(n.sum(axis=1) / n.sum(), index=brands, name="share"),
            n=int(n.sum()),
        )


@dataclass(frozen=True)
class ColomboMorrisonFit:
    """Loyals and switchers of each brand.

    Parameters
    ----------
    table : DataFrame, one row a brand
        loyal_share and conquest_power with low and high at `level` (within 0 and 1), repeat_share.
    log_likelihood, chi_squared, p_value : float
        Fit; the p-value is that of a worse fit if the model holds.
    degrees_of_freedom, n : int
        Cells that are free, and transitions.
    """

    table: pd.DataFrame
    log_likelihood: float
    chi_squared: float
    degrees_of_freedom: int
    p_value: float
    n: int
    level: float

    def matrix(self) -> pd.DataFrame:
        """Return the switching matrix that the model implies."""
        a, pi = self.table["loyal_share"].to_numpy(), self.table["conquest_power"].to_numpy()
        brands = self.table.index
        return pd.DataFrame(_probabilities(a, pi), index=brands, columns=brands)


@dataclass(frozen=True, kw_only=True)
class ColomboMorrison:
    """Each brand has hard-core loyals; everyone else picks by the brands' conquest power [1]_.

    Parameters
    ----------
    level : float
        Level of the intervals.
    max_iterations : int
        Limit of the EM iterations.

    References
    ----------
    .. [1] Colombo, R. A. and Morrison, D. G. (1989). A brand switching model with implications
       for marketing strategies. Marketing Science 8(1), 89-99.
    """

    level: float = 0.95
    max_iterations: int = 100_000

    def fit(self, counts: pd.DataFrame) -> ColomboMorrisonFit:
        """Fit by EM to a square table of transitions: from in the rows, to in the columns.

        Raises
        ------
        SchemaError
            If the table is not square, or nobody came from some brand.
        NotIdentifiedError
            For two brands (four unknowns, two free cells), or if nobody ever switches.
        ConvergenceError
            If the likelihood still climbs at the last iteration.
        """
        n = _counts(counts)
        if len(n) < 3:
            raise NotIdentifiedError("loyals and switchers of two brands cannot be told apart")
        if np.trace(n) == n.sum():
            raise NotIdentifiedError("nobody ever switched: conquest power cannot be estimated")
        a, pi = _expectation_maximisation(n, self.max_iterations)
        p = _probabilities(a, pi)
        expected = n.sum(axis=1, keepdims=True) * p
        seen = expected > 0
        squared = float((((n - expected) ** 2)[seen] / expected[seen]).sum())
        k = len(n)
        free = k * (k - 1) - (2 * k - 1)
        return ColomboMorrisonFit(
            table=_table(counts.index, n, a, pi, p, self.level),
            log_likelihood=float((n[n > 0] * np.log(p[n > 0])).sum()),
            chi_squared=squared,
            degrees_of_freedom=free,
            p_value=float(chi2.sf(squared, free)),
            n=int(n.sum()),
            level=self.level,
        )


def _probabilities(a: NDArray[np.float64], pi: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.diag(a) + (1 - a)[:, None] * pi[None, :]


def _expectation_maximisation(
    n: NDArray[np.float64], limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return loyal shares and conquest powers; hidden is who of the repeaters is loyal."""
    stay, rows, columns = np.diag(n), n.sum(axis=1), n.sum(axis=0)
    a, pi = 0.5 * stay / rows, columns / columns.sum()
    for _ in range(limit):
        chance = a + (1 - a) * pi
        loyal = np.where(chance > 0, stay * a / np.where(chance > 0, chance, 1), 0.0)
        new_a, switched = loyal / rows, columns - loyal
        new_pi = switched / switched.sum()
        moved = max(np.abs(new_a - a).max(), np.abs(new_pi - pi).max())
        a, pi = new_a, new_pi
        if moved < 1e-11:
            return a, pi
    raise ConvergenceError(
        f"Colombo-Morrison: the likelihood still climbs after {limit:,} iterations; there may be "
        "too few switchers"
    )


def _table(
    brands: pd.Index,
    n: NDArray[np.float64],
    a: NDArray[np.float64],
    pi: NDArray[np.float64],
    p: NDArray[np.float64],
    level: float,
) -> pd.DataFrame:
    k = len(n)
    # derivative of every cell by (a_1..a_k, pi_1..pi_k-1), pi_k = 1 - the others
    d = np.zeros((k, k, 2 * k - 1))
    for i in range(k):
        d[i, :, i] = -pi
        d[i, i, i] += 1
        for j in range(k - 1):
            d[i, j, k + j] += 1 - a[i]
            d[i, k - 1, k + j] -= 1 - a[i]
    weight = np.where(p > 0, n.sum(axis=1, keepdims=True) / np.where(p > 0, p, 1), 0.0)
    information = np.einsum("ij,ija,ijb->ab", weight, d, d)
    covariance = np.linalg.pinv(information, hermitian=True)
    last = -np.ones(k - 1) @ covariance[k:, k:] @ -np.ones(k - 1)
    half = normal_quantile(level) * np.sqrt(np.r_[np.diag(covariance), last].clip(0))
    return pd.DataFrame(
        {
            "loyal_share": a,
            "loyal_low": (a - half[:k]).clip(0, 1),
            "loyal_high": (a + half[:k]).clip(0, 1),
            "conquest_power": pi,
            "conquest_low": (pi - half[k:]).clip(0, 1),
            "conquest_high": (pi + half[k:]).clip(0, 1),
            "repeat_share": np.diag(n) / n.sum(axis=1),
        },
        index=brands,
    )
