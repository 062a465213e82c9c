"""Means, and changes of means, of answers that come from the same customers more than once.

A mean of answers is a ratio of two sums over customers. Its variance is that of the customers'
contributions, so that a customer who answers twice counts as one source of chance. The change
between two waves is one such statistic too: a customer present in both contributes once, with the
difference, and one who answered in a single wave contributes what they said. With every customer
in both waves the test is the paired t test; with none it is Welch's.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy import stats

from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["MeanEstimate", "clustered_mean", "mean_change"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class MeanEstimate:
    """A mean, or a difference of two, with the chance in it.

    Attributes
    ----------
    value, se : float
        Estimate and its standard error, in the unit of the scores.
    degrees_of_freedom : float
        For the t distribution.
    n, customers : int
        Answers and the customers who gave them.
    effective_n : float
        Independent, equally weighted answers that would give the same standard error; for a
        difference the number of customers.
    """

    value: float
    se: float
    degrees_of_freedom: float
    n: int
    customers: int
    effective_n: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the t interval."""
        half = float(stats.t.ppf(0.5 + level / 2, self.degrees_of_freedom)) * self.se
        return self.value - half, self.value + half

    @property
    def p_value(self) -> float:
        """Two-sided p-value of the value being zero; 1 if nothing varies and nothing changed."""
        if self.se == 0:
            return 1.0 if self.value == 0 else 0.0
        return float(2 * stats.t.sf(abs(self.value) / self.se, self.degrees_of_freedom))


def clustered_mean(
    scores: ArrayLike, customers: ArrayLike, weights: ArrayLike | None = None
) -> MeanEstimate:
    """Return the weighted mean of answers, with a standard error clustered by customer.

    Parameters
    ----------
    scores : array_like of float, shape (n,)
        Answers; none missing.
    customers : array_like, shape (n,)
        Who gave them.
    weights : array_like of float, shape (n,), optional
        Above 0; equal if not given.

    Raises
    ------
    NotEnoughDataError
        If fewer than two customers answered.
    ParameterError
        If a score is missing or a weight is not above 0.

    Examples
    --------
    >>> clustered_mean([4, 5, 3, 4], ["a", "a", "b", "c"]).value
    4.0
    """
    y, code, w = _checked(scores, customers, weights)
    size = int(code.max()) + 1 if len(code) else 0
    if size < 2:
        raise NotEnoughDataError(f"a mean with an interval needs 2 customers, got {size}")
    total = w.sum()
    mean = float((w * y).sum() / total)
    influence = np.bincount(code, weights=w * (y - mean) / total, minlength=size)
    variance = size / (size - 1) * float(influence @ influence)
    spread = float((w * (y - mean) ** 2).sum() / total) * len(y) / max(1, len(y) - 1)
    kish = float(np.bincount(code, weights=w, minlength=size).sum() ** 2) / float(
        (np.bincount(code, weights=w, minlength=size) ** 2).sum()
    )
    effective = spread / variance if variance > 0 else kish
    # nothing can be known more surely than by as many independent answers as there are
    return MeanEstimate(
        mean, math.sqrt(variance), size - 1.0, len(y), size, min(effective, float(len(y)))
    )


def mean_change(
    before: ArrayLike,
    before_customers: ArrayLike,
    after: ArrayLike,
    after_customers: ArrayLike,
    *,
    before_weights: ArrayLike | None = None,
    after_weights: ArrayLike | None = None,
) -> MeanEstimate:
    """Return mean after minus mean before, knowing which customers answered in both.

    Parameters
    ----------
    before, after : array_like of float, shapes (n,) and (m,)
        Answers of the two waves. For a share give 0 and 1 (then it is McNemar's situation), for
        the net promoter score -100, 0 and 100.
    before_customers, after_customers : array_like, shapes (n,) and (m,)
        Who gave them.
    before_weights, after_weights : array_like of float, optional
        Above 0; equal if not given.

    Returns
    -------
    MeanEstimate
        `n` counts answers of both waves; degrees of freedom are those of the paired test where
        customers overlap fully, Welch's where they do not at all, and between the two otherwise.

    Raises
    ------
    NotEnoughDataError
        If a wave holds fewer than two customers.

    References
    ----------
    .. [1] Derrick, B., Toher, D. and White, P. (2017). How to compare the means of two samples
       that include paired observations and independent observations. The Quantitative Methods for
       Psychology 13(2), 120-126.

    Examples
    --------
    >>> change = mean_change([3, 4, 5, 2], list("abcd"), [4, 5, 5, 4], list("abcd"))
    >>> change.value, round(change.p_value, 4)
    (1.0, 0.0917)
    """
    names, joint = np.unique(
        np.concatenate([np.asarray(before_customers, object), np.asarray(after_customers, object)]),
        return_inverse=True,
    )
    y0, y1 = np.asarray(before, dtype=float), np.asarray(after, dtype=float)
    code0, code1 = joint[: len(y0)], joint[len(y0) :]
    sides = [
        _side(y0, code0, before_weights, len(names)),
        _side(y1, code1, after_weights, len(names)),
    ]
    (mean0, u0, seen0), (mean1, u1, seen1) = sides
    both = int((seen0 & seen1).sum())
    n0, n1 = int(seen0.sum()), int(seen1.sum())
    v0, v1 = n0 / (n0 - 1) * float(u0 @ u0), n1 / (n1 - 1) * float(u1 @ u1)
    shared = both / (both - 1) * _cross(u0, u1, seen0 & seen1) if both > 1 else 0.0
    variance = max(0.0, v0 + v1 - 2 * shared)
    degrees = _degrees(v0, v1, n0, n1, both)
    return MeanEstimate(
        mean1 - mean0,
        math.sqrt(variance) if variance > 1e-18 else 0.0,
        degrees,
        len(y0) + len(y1),
        int((seen0 | seen1).sum()),
        float((seen0 | seen1).sum()),
    )


def _cross(u0: Numbers, u1: Numbers, both: NDArray[np.bool_]) -> float:
    return float(u0[both] @ u1[both])


def _side(
    y: Numbers, code: NDArray[np.intp], weights: ArrayLike | None, size: int
) -> tuple[float, Numbers, NDArray[np.bool_]]:
    y, _, w = _checked(y, code, weights)
    seen = np.bincount(code, minlength=size) > 0
    if seen.sum() < 2:
        raise NotEnoughDataError(f"a wave needs answers of 2 customers, got {int(seen.sum())}")
    total = w.sum()
    mean = float((w * y).sum() / total)
    influence = np.bincount(code, weights=w * (y - mean) / total, minlength=size)
    return mean, influence.astype(float), seen


def _degrees(v0: float, v1: float, n0: int, n1: int, both: int) -> float:
    if v0 + v1 == 0:
        return float(max(1, min(n0, n1) - 1))
    welch = (v0 + v1) ** 2 / (v0**2 / (n0 - 1) + v1**2 / (n1 - 1))
    only = n0 + n1 - 2 * both
    paired = float(max(1, both - 1))
    return paired + (welch - paired) * only / (n0 + n1)


def _checked(
    scores: ArrayLike, customers: ArrayLike, weights: ArrayLike | None
) -> tuple[Numbers, NDArray[np.intp], Numbers]:
    y = np.asarray(scores, dtype=float)
    _, code = np.unique(np.asarray(customers, dtype=object), return_inverse=True)
    w = np.ones(len(y)) if weights is None else np.asarray(weights, dtype=float)
    if not (len(y) == len(code) == len(w)):
        raise ParameterError(
            f"scores, customers and weights differ in length: {len(y)}, {len(code)}, {len(w)}"
        )
    if not np.isfinite(y).all():
        raise ParameterError(f"{int((~np.isfinite(y)).sum())} scores are missing; drop them first")
    if not (np.isfinite(w).all() and (w > 0).all()):
        raise ParameterError("weights must be finite and above 0")
    return y, code, w
