"""Logarithm of the rising factorial, and its derivative, without loss of digits.

``log(z (z + 1) ... (z + n - 1))`` is what remains of ratios of gamma and beta functions when a
count n enters them. One table of sums serves every row that shares z, and is exact however large z
is; where each row has its own z, differences of log-gamma are used.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln, psi

Array = NDArray[np.floating[Any]]


def log_rising(z: float | Array, n: NDArray[np.integer[Any]]) -> tuple[Array, Array]:
    """Return the log of the rising factorial and its derivative with respect to `z`.

    Parameters
    ----------
    z : float or ndarray of shape (k,)
        Above 0; one for all rows, or one each.
    n : ndarray of int, shape (k,)
        How many factors; 0 gives 0.

    Returns
    -------
    value, slope : ndarray of float, shape (k,)

    Examples
    --------
    >>> value, slope = log_rising(1.0, np.array([0, 1, 4]))
    >>> np.exp(value).round(6)
    array([ 1.,  1., 24.])
    """
    if np.ndim(z) == 1:
        return gammaln(z + n) - gammaln(z), psi(z + n) - psi(z)
    factors = float(z) + np.arange(int(n.max(initial=0)))
    value = np.concatenate([[0.0], np.cumsum(np.log(factors))])
    slope = np.concatenate([[0.0], np.cumsum(1 / factors)])
    return value[n], slope[n]
