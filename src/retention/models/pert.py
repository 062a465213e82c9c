"""Guesses as distributions: least, most likely and most, by the PERT rule."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from retention.errors import ParameterError

__all__ = ["draw_pert", "pert_mean"]


def pert_mean(low: float, likely: float, high: float) -> float:
    """Return the mean ``(low + 4 likely + high) / 6``.

    Examples
    --------
    >>> pert_mean(1, 2, 9)
    3.0
    """
    return (low + 4 * likely + high) / 6


def draw_pert(
    low: float, likely: float, high: float, size: int, rng: np.random.Generator
) -> NDArray[np.float64]:
    """Draw from the beta distribution on low to high that peaks at the likely value.

    Raises
    ------
    ParameterError
        If not ``low <= likely <= high``.

    References
    ----------
    .. [1] Malcolm, D. G., Roseboom, J. H., Clark, C. E. and Fazar, W. (1959). Application of a
       technique for research and development program evaluation. Operations Research 7, 646-669.
    """
    if not low <= likely <= high:
        raise ParameterError(f"a guess goes up: low {low}, likely {likely}, high {high}")
    if low == high:
        return np.full(size, float(low))
    a = 1 + 4 * (likely - low) / (high - low)
    return low + (high - low) * rng.beta(a, 6 - a, size)
