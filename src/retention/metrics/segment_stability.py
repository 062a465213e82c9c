"""Whether a partition of customers into segments would come out again."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError

__all__ = ["adjusted_rand_index", "cross_counts", "segment_recovery"]


def cross_counts(first: ArrayLike, second: ArrayLike) -> NDArray[np.int64]:
    """Count customers by segment of two partitions, shape (segments of first, of second)."""
    a, b = np.asarray(first), np.asarray(second)
    if a.shape != b.shape or a.ndim != 1 or a.size == 0:
        raise ParameterError(f"two partitions of the same customers, got {a.shape} and {b.shape}")
    rows, i = np.unique(a, return_inverse=True)
    columns, j = np.unique(b, return_inverse=True)
    counts = np.bincount(i * columns.size + j, minlength=rows.size * columns.size)
    return counts.reshape(rows.size, columns.size).astype(np.int64)


def adjusted_rand_index(first: ArrayLike, second: ArrayLike) -> float:
    """Agreement of two partitions: 1 if they are the same, 0 on average if they are unrelated.

    Parameters
    ----------
    first, second : array_like, shape (n,)
        Segment of each customer; the names of the segments do not matter.

    Returns
    -------
    float
        At most 1; may be below 0.

    References
    ----------
    .. [1] Hubert, L. and Arabie, P. (1985). Comparing partitions. Journal of Classification 2,
       193-218.

    Examples
    --------
    >>> adjusted_rand_index([1, 1, 2, 2], ["x", "x", "y", "y"])
    1.0
    """
    counts = cross_counts(first, second)

    def pairs(x: NDArray[np.int64]) -> float:
        return float(np.sum(x.astype(float) * (x - 1) / 2))

    together = pairs(counts)
    rows, columns = pairs(counts.sum(axis=1)), pairs(counts.sum(axis=0))
    n = int(counts.sum())
    expected = rows * columns / (n * (n - 1) / 2) if n > 1 else 0.0
    most = (rows + columns) / 2
    return 1.0 if most == expected else (together - expected) / (most - expected)


def segment_recovery(reference: ArrayLike, other: ArrayLike) -> NDArray[np.float64]:
    """How well each segment of the reference is found again in another partition.

    Parameters
    ----------
    reference, other : array_like, shape (n,)
        Segment of each customer in both partitions.

    Returns
    -------
    ndarray of float, shape (segments of `reference`,)
        Largest Jaccard similarity of the segment with any segment of the other partition, in the
        sorted order of the reference's names: above 0.75 is taken as stable, below 0.6 as a
        pattern that should not be trusted.

    References
    ----------
    .. [1] Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational
       Statistics and Data Analysis 52, 258-271.
    """
    counts = cross_counts(reference, other)
    union = counts.sum(axis=1, keepdims=True) + counts.sum(axis=0, keepdims=True) - counts
    best: NDArray[np.float64] = (counts / union).max(axis=1)
    return best
