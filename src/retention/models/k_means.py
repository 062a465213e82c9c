"""Segments of customers by behaviour, found by k-means on ranks, and assigned to new customers."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["KMeans", "KMeansFit"]

_GRID = np.linspace(0, 1, 201)


@dataclass(frozen=True, kw_only=True)
class KMeans:
    """Split customers into `k` segments so that those of a segment are alike.

    Every measure counts by its rank among the customers, turned into a normal score: one customer
    who buys a thousand times more than the rest does not become a segment of his own, and neither
    units nor a logarithm change the result.

    Parameters
    ----------
    k : int
        Number of segments, 2 or more.
    n_starts : int
        Starts with k-means++; the best is kept.
    max_iterations : int
        Of Lloyd's algorithm, a start.
    """

    k: int
    n_starts: int = 8
    max_iterations: int = 100

    def fit(self, measures: pd.DataFrame, *, rng: np.random.Generator) -> KMeansFit:
        """Find the segments.

        Parameters
        ----------
        measures : DataFrame of float, one row a customer
            What the customers are told apart by; no missing values.
        rng : numpy.random.Generator
            Draws the starts.

        Returns
        -------
        KMeansFit
            Segments numbered from 0, the largest first.

        Raises
        ------
        NotEnoughDataError
            If there are fewer than ten customers a segment.
        ParameterError
            If a value is missing, or `k` is below 2.

        References
        ----------
        .. [1] Arthur, D. and Vassilvitskii, S. (2007). k-means++: the advantages of careful
           seeding. Proceedings of the 18th ACM-SIAM Symposium on Discrete Algorithms, 1027-1035.
        """
        if self.k < 2:
            raise ParameterError(f"k must be 2 or more, got {self.k}")
        if len(measures) < 10 * self.k:
            raise NotEnoughDataError(
                f"{len(measures)} customers are too few for {self.k} segments; at least "
                f"{10 * self.k}"
            )
        quantiles = _quantiles(measures)
        x = _scores(measures, quantiles)
        centres, inertia = min(
            (self._start(x, rng) for _ in range(self.n_starts)), key=lambda found: found[1]
        )
        sizes = np.bincount(_nearest(x, centres), minlength=self.k)
        order = np.argsort(-sizes, kind="stable")
        return KMeansFit(
            columns=tuple(map(str, measures.columns)),
            quantiles=quantiles,
            centres=centres[order],
            inertia=inertia,
            n=len(measures),
        )

    def _start(
        self, x: NDArray[np.float64], rng: np.random.Generator
    ) -> tuple[NDArray[np.float64], float]:
        centres = _spread_out(x, self.k, rng)
        for _ in range(self.max_iterations):
            member = _nearest(x, centres)
            count = np.bincount(member, minlength=self.k)
            sums = np.zeros_like(centres)
            np.add.at(sums, member, x)
            moved = np.where(count[:, None] > 0, sums / np.maximum(count, 1)[:, None], centres)
            if np.allclose(moved, centres, rtol=0, atol=1e-9):
                break
            centres = moved
        gap = x - centres[_nearest(x, centres)]
        return centres, float(np.sum(gap * gap))


@dataclass(frozen=True)
class KMeansFit:
    """What was learned: the ranks of the measures and the centre of each segment."""

    columns: tuple[str, ...]
    quantiles: NDArray[np.float64]
    centres: NDArray[np.float64]
    inertia: float
    n: int

    def assign(self, measures: pd.DataFrame) -> pd.Series:
        """Return the number of the segment of each customer, old or new.

        Raises
        ------
        ParameterError
            If a measure is missing.
        """
        missing = [name for name in self.columns if name not in measures]
        if missing:
            raise ParameterError(f"the segments were found by {missing[0]}, which is not there")
        member = _nearest(_scores(measures[list(self.columns)], self.quantiles), self.centres)
        return pd.Series(member, index=measures.index, name="segment_number")

    def summary(self) -> pd.DataFrame:
        """Centre of each segment in normal scores: how far above or below the typical customer."""
        table = pd.DataFrame(self.centres, columns=list(self.columns))
        return table.rename_axis("segment_number")


def _quantiles(measures: pd.DataFrame) -> NDArray[np.float64]:
    x = measures.to_numpy(dtype=float)
    if not np.isfinite(x).all():
        names = [str(c) for c in measures if not np.isfinite(measures[c].to_numpy(float)).all()]
        raise ParameterError(f"missing or infinite values in {', '.join(names)}; fill them first")
    return np.quantile(x, _GRID, axis=0)


def _scores(measures: pd.DataFrame, quantiles: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return normal scores of the values among the stored quantiles; ties get their middle."""
    from scipy.special import ndtri

    x = measures.to_numpy(dtype=float)
    scores = np.empty_like(x)
    for j in range(x.shape[1]):
        grid = quantiles[:, j]
        levels, first = np.unique(grid, return_index=True)
        last = np.append(first[1:], grid.size) - 1
        middle = (_GRID[first] + _GRID[last]) / 2
        share = np.interp(x[:, j], levels, middle)
        scores[:, j] = ndtri(np.clip(share, 0.0025, 0.9975))
    return scores


def _spread_out(x: NDArray[np.float64], k: int, rng: np.random.Generator) -> NDArray[np.float64]:
    centres = [x[rng.integers(len(x))]]
    nearest = np.sum((x - centres[0]) ** 2, axis=1)
    for _ in range(k - 1):
        total = nearest.sum()
        draw = rng.choice(len(x), p=nearest / total) if total > 0 else rng.integers(len(x))
        centres.append(x[draw])
        nearest = np.minimum(nearest, np.sum((x - centres[-1]) ** 2, axis=1))
    return np.array(centres)


def _nearest(x: NDArray[np.float64], centres: NDArray[np.float64]) -> NDArray[np.intp]:
    # |x - c|^2 without |x|^2, which is the same for every centre
    distance = np.sum(centres**2, axis=1) - 2 * x @ centres.T
    return np.argmin(distance, axis=1)
