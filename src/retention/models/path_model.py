"""Paths between constructs by partial least squares (ECSI and ACSI shaped).

Everything is computed from the correlation matrix of the items: scores of constructs are linear in
the items, so their correlations are quadratic forms in it. A bootstrap is then one batch of small
matrices instead of hundreds of passes over the answers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import (
    ConvergenceError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
)

__all__ = ["PathModel", "PathModelFit"]

Numbers = NDArray[np.float64]
SCHEMES = ("path", "factor", "centroid")


@dataclass(frozen=True, kw_only=True)
class PathModel:
    """Constructs, the items that reflect them (mode A), and the paths between them.

    Parameters
    ----------
    constructs : mapping of str to sequence of str
        Items by construct; one item is allowed.
    paths : sequence of (str, str)
        From, to. They may not run in a circle.
    scheme : str
        Inner weights: ``path``, ``factor`` or ``centroid``.
    tolerance : float
        Largest change of an outer weight at the end.
    max_iterations : int
        Steps of the alternating least squares.

    References
    ----------
    .. [1] Wold, H. (1982). Soft modeling: the basic design and some extensions.
    .. [2] Tenenhaus, M., Esposito Vinzi, V., Chatelin, Y.-M. and Lauro, C. (2005). PLS path
       modeling. Computational Statistics & Data Analysis 48(1), 159-205.
    """

    constructs: Mapping[str, Sequence[str]]
    paths: Sequence[tuple[str, str]]
    scheme: str = "path"
    tolerance: float = 1e-10
    max_iterations: int = 500

    def __post_init__(self) -> None:
        if self.scheme not in SCHEMES:
            raise ParameterError(f"scheme must be one of {', '.join(SCHEMES)}; got {self.scheme!r}")
        used = {name for path in self.paths for name in path}
        unknown, idle = used - set(self.constructs), set(self.constructs) - used
        if unknown or idle:
            raise ParameterError(
                f"paths name constructs without items {sorted(unknown)}, "
                f"and constructs without a path {sorted(idle)}"
            )
        _order(list(self.constructs), self.paths)

    @property
    def items(self) -> list[str]:
        """The items, in the order of the constructs."""
        return [item for names in self.constructs.values() for item in names]

    def fit(
        self,
        answers: pd.DataFrame,
        *,
        weights: NDArray[np.float64] | None = None,
        replicates: int = 0,
        rng: np.random.Generator | None = None,
    ) -> PathModelFit:
        """Fit to the complete answers.

        Parameters
        ----------
        answers : DataFrame, shape (n, at least k)
            One column an item; rows with a missing item are left out and counted.
        weights : ndarray of float, shape (n,), optional
            Survey weights.
        replicates : int
            Bootstrap samples of respondents (of customers, where the index repeats).
        rng : numpy.random.Generator, optional
            Of the bootstrap; a fixed seed if not given.

        Raises
        ------
        NotEnoughDataError
            If there are fewer complete answers than three times the items.
        NotIdentifiedError
            If an item never varies.
        ConvergenceError
            If the weights do not settle.
        """
        absent = [i for i in self.items if i not in answers]
        if absent:
            raise ParameterError(f"the answers have no items {', '.join(absent)}")
        table = answers[self.items].astype(float)
        keep = table.notna().all(axis=1).to_numpy()
        w = np.ones(len(table)) if weights is None else np.asarray(weights, dtype=float)
        complete, w = table[keep], w[keep]
        x = complete.to_numpy()
        self._check(x)
        structure = _Structure(self)
        mean, sd, r = _moments(x, w[None, :])
        outer, scores = structure.estimate(r, self)
        draws = np.empty((0, structure.m, structure.m))
        failed = 0
        if replicates:
            rng = np.random.default_rng(0) if rng is None else rng
            draws, failed = self._bootstrap(x, w, complete.index, structure, replicates, rng)
        return PathModelFit(
            constructs={c: tuple(v) for c, v in self.constructs.items()},
            paths=tuple((a, b) for a, b in self.paths),
            n=len(x),
            dropped=int((~keep).sum()),
            means=pd.Series(mean[0], index=self.items),
            standard_deviations=pd.Series(sd[0], index=self.items),
            weights=pd.Series(outer[0], index=self.items),
            loadings=pd.Series(structure.loadings(r, outer)[0], index=self.items),
            correlation=pd.DataFrame(
                scores[0], index=list(self.constructs), columns=list(self.constructs)
            ),
            coefficients=pd.DataFrame(
                structure.coefficients(scores)[0],
                index=list(self.constructs),
                columns=list(self.constructs),
            ),
            failed_replicates=failed,
            _draws=draws,
        )

    def _check(self, x: Numbers) -> None:
        if len(x) < 3 * x.shape[1]:
            raise NotEnoughDataError(
                f"{len(x)} complete answers for {x.shape[1]} items; at least 3 an item"
            )
        constant = [i for i, s in zip(self.items, np.ptp(x, axis=0), strict=True) if s == 0]
        if constant:
            raise NotIdentifiedError(
                f"all answers are equal in {', '.join(constant)}; leave the item out"
            )

    def _bootstrap(
        self,
        x: Numbers,
        w: Numbers,
        index: pd.Index,
        structure: _Structure,
        replicates: int,
        rng: np.random.Generator,
    ) -> tuple[Numbers, int]:
        code, names = pd.factorize(index)
        counts = rng.multinomial(len(names), np.full(len(names), 1 / len(names)), size=replicates)
        parts = []
        size = max(1, 4_000_000 // len(x))
        for start in range(0, replicates, size):
            _, sd, r = _moments(x, counts[start : start + size, code] * w)
            usable = (sd > 0).all(axis=1)
            _, scores = structure.estimate(r[usable], self)
            parts.append(structure.coefficients(scores))
        draws = np.concatenate(parts)
        failed = replicates - len(draws)
        if failed > 0.05 * replicates:
            raise NotEnoughDataError(
                f"in {failed} of {replicates} bootstrap samples an item never varied: too few "
                "answers for intervals"
            )
        return draws, failed


def _moments(x: Numbers, counts: NDArray[np.float64]) -> tuple[Numbers, Numbers, Numbers]:
    """Weighted means, standard deviations and correlations; leading axis one sample each."""
    n, k = x.shape
    centred = x - x.mean(axis=0)
    total = counts.sum(axis=1, dtype=float)
    mean = counts @ centred / total[:, None]
    left, right = np.triu_indices(k)
    products = counts @ (centred[:, left] * centred[:, right]) / total[:, None]
    covariance = np.empty((len(counts), k, k))
    covariance[:, left, right] = products
    covariance[:, right, left] = products
    covariance -= mean[:, :, None] * mean[:, None, :]
    sd = np.sqrt(np.clip(np.einsum("bii->bi", covariance), 0.0, None))
    sd[sd < 1e-9] = 0.0
    safe = np.where(sd > 0, sd, 1.0)
    bessel = np.sqrt(n / (n - 1))
    return mean + x.mean(axis=0), sd * bessel, covariance / safe[:, :, None] / safe[:, None, :]


def _order(names: list[str], paths: Sequence[tuple[str, str]]) -> list[str]:
    """Order the constructs so that every path leads forward."""
    left, done = list(names), list[str]()
    while left:
        free = [c for c in left if not any(b == c and a in left for a, b in paths)]
        if not free:
            raise ParameterError(f"the paths between {', '.join(left)} run in a circle")
        done += free
        left = [c for c in left if c not in free]
    return done


class _Structure:
    """Index arithmetic of one model: which items, which paths."""

    def __init__(self, model: PathModel) -> None:
        names = list(model.constructs)
        self.m = len(names)
        sizes = [len(v) for v in model.constructs.values()]
        self.owner = np.repeat(np.arange(self.m), sizes)
        self.member = np.eye(self.m)[self.owner]  # items by constructs
        self.path = np.zeros((self.m, self.m), dtype=bool)  # from row to column
        for a, b in model.paths:
            self.path[names.index(a), names.index(b)] = True

    def estimate(self, r: Numbers, model: PathModel) -> tuple[Numbers, Numbers]:
        """Outer weights (batch, items) and construct correlations (batch, m, m)."""
        w = self._unit(np.ones(r.shape[:2]), r)
        for _ in range(model.max_iterations):
            wide = w[:, :, None] * self.member
            cross = r @ wide  # covariance of each item with each construct
            scores = np.swapaxes(wide, 1, 2) @ cross
            inner = self._inner(scores, model.scheme)
            z = cross @ inner  # covariance of each item with each inner proxy
            new = self._unit(np.take_along_axis(z, self.owner[None, :, None], 2)[:, :, 0], r)
            change = float(np.abs(new - w).max())
            w = new
            if change < model.tolerance:
                w = w * self._direction(r, w)
                wide = w[:, :, None] * self.member
                return w, np.swapaxes(wide, 1, 2) @ r @ wide
        raise ConvergenceError(
            f"path model: weights still move by {change:.1e} after {model.max_iterations} steps; "
            "look for constructs whose items do not correlate"
        )

    def _unit(self, w: Numbers, r: Numbers) -> Numbers:
        """Scale the weights so that every construct has variance 1."""
        wide = w[:, :, None] * self.member
        variance = np.einsum("bim,bij,bjm->bm", wide, r, wide, optimize=True)
        return np.asarray(w / np.sqrt(variance)[:, self.owner])

    def _direction(self, r: Numbers, w: Numbers) -> Numbers:
        """Turn constructs so that most of their loadings are positive."""
        total = self.loadings(r, w) @ self.member
        return np.asarray(np.where(total < 0, -1.0, 1.0)[:, self.owner])

    def loadings(self, r: Numbers, w: Numbers) -> Numbers:
        cross = r @ (w[:, :, None] * self.member)
        return np.asarray(np.take_along_axis(cross, self.owner[None, :, None], 2)[:, :, 0])

    def _inner(self, scores: Numbers, scheme: str) -> Numbers:
        """Weights of the neighbours (rows) in each construct's inner proxy (columns)."""
        linked = self.path | self.path.T
        if scheme == "centroid":
            return np.sign(scores) * linked
        if scheme == "factor":
            return scores * linked
        followers = scores * self.path.T
        return followers + self.coefficients(scores)

    def coefficients(self, scores: Numbers) -> Numbers:
        """Path coefficients from row to column."""
        out = np.zeros_like(scores)
        for c in range(self.m):
            before = np.flatnonzero(self.path[:, c])
            if len(before):
                left = scores[:, before[:, None], before[None, :]]
                out[:, before, c] = np.linalg.solve(left, scores[:, before, c][..., None])[..., 0]
        return out


@dataclass(frozen=True)
class PathModelFit:
    """Weights, paths, effects and indices; `coefficients` run from row to column."""

    constructs: Mapping[str, tuple[str, ...]]
    paths: tuple[tuple[str, str], ...]
    n: int
    dropped: int
    means: pd.Series
    standard_deviations: pd.Series
    weights: pd.Series
    loadings: pd.Series
    correlation: pd.DataFrame
    coefficients: pd.DataFrame
    failed_replicates: int
    _draws: Numbers = field(repr=False)

    @property
    def r_squared(self) -> pd.Series:
        """Explained share of each construct that has a path to it."""
        explained = (self.coefficients * self.correlation).sum()
        return explained[[c for c in explained.index if any(b == c for _, b in self.paths)]]

    @property
    def total_effects(self) -> pd.DataFrame:
        """Direct and indirect effects, from row to column, in standard deviations."""
        names = list(self.constructs)
        total = _total(self.coefficients.to_numpy()[None])[0]
        return pd.DataFrame(total, index=names, columns=names)

    def total_effect_interval(self, level: float = 0.95) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Return low and high end of the total effects, by percentiles of the bootstrap."""
        return self._ends(_total(self._draws), self.total_effects, level)

    def effect_draws(self, outcome: str) -> pd.DataFrame:
        """Return the bootstrap of the total effects on one construct; one column a construct."""
        names = list(self.constructs)
        return pd.DataFrame(_total(self._draws)[:, :, names.index(outcome)], columns=names)

    def _ends(
        self, draws: Numbers, value: pd.DataFrame, level: float
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        if not len(draws):
            raise ParameterError("fit with replicates above 0 to have intervals")
        low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2], axis=0)
        low, high = np.minimum(low, value), np.maximum(high, value)
        return (
            pd.DataFrame(low, index=value.index, columns=value.columns),
            pd.DataFrame(high, index=value.index, columns=value.columns),
        )

    def index_weights(self) -> pd.Series:
        """Weights of the items as answered; they sum to 1 within each construct."""
        raw = self.weights / self.standard_deviations
        owner = pd.Series({i: c for c, items in self.constructs.items() for i in items})
        return raw / raw.groupby(owner).transform("sum")

    def index(self, answers: pd.DataFrame, low: float, high: float) -> pd.DataFrame:
        """Return the indices of the constructs, from 0 to 100, one row an answer.

        Parameters
        ----------
        answers : DataFrame
            The items as answered.
        low, high : float
            Ends of the answering scale.
        """
        if not low < high:
            raise ParameterError(f"the scale must run from low to high, got {low} to {high}")
        share = self.index_weights()
        return pd.DataFrame(
            {
                c: ((answers[list(items)] - low) / (high - low) * 100) @ share[list(items)]
                for c, items in self.constructs.items()
            }
        )

    def performance(self, low: float, high: float) -> pd.Series:
        """Return the mean index of each construct, from 0 to 100."""
        return self.index(self.means.to_frame().T, low, high).iloc[0]

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """One row a path: coefficient and, if bootstrapped, its interval."""
        rows = []
        columns = {"coefficient": self.coefficients}
        if len(self._draws):
            low, high = self._ends(self._draws, self.coefficients, level)
            columns |= {"low": low, "high": high}
        for a, b in self.paths:
            values = {name: table.loc[a, b] for name, table in columns.items()}
            rows.append({"from": a, "to": b, **values})
        return pd.DataFrame(rows)


def _total(direct: Numbers) -> Numbers:
    eye = np.eye(direct.shape[-1])
    return np.asarray(np.linalg.inv(eye - direct) - eye)
