"""Expectations over beta distributions by quadrature, for any shapes.

Peers use the Gauss hypergeometric function, which loses its digits, or is not defined, at shapes
that data do produce (a = 1; a and b in the millions; near 0). Here the nodes follow the density in
the log-odds of p, widened by a hyperbolic sine so that both tails are reached, and every term is
positive.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.floating[Any]]

NODES = 96
DROP = 42.0  # the density has fallen by e**-42 at the outermost nodes


def _log_density(w: Array, a: Array, b: Array) -> Array:
    """Log of p**a (1 - p)**b at p with log-odds w."""
    return -a * np.logaddexp(0.0, -w) - b * np.logaddexp(0.0, w)


def beta_nodes(a: ArrayLike, b: ArrayLike, nodes: int = NODES) -> tuple[Array, Array, Array]:
    """Return p, 1 - p and weights so that ``sum(weights * f(p))`` is the mean of f(p).

    Parameters
    ----------
    a, b : array_like of float, shape (k,)
        Shapes of the beta distributions; above 0.
    nodes : int
        Nodes a distribution.

    Returns
    -------
    p, q, weights : ndarray of float, shape (k, nodes)
        Nodes, their complements (kept apart so that neither is rounded away), and weights that sum
        to one in each row.

    Examples
    --------
    >>> p, q, weight = beta_nodes([0.8], [2.4])
    >>> round(float((weight * p).sum()), 10)
    0.25
    """
    a, b = np.atleast_1d(np.asarray(a, dtype=float)), np.atleast_1d(np.asarray(b, dtype=float))
    centre, width = np.log(a) - np.log(b), np.sqrt(1 / a + 1 / b)
    top = _log_density(centre, a, b)

    def reach(sign: float) -> Array:
        near, far = np.zeros_like(a), np.full_like(a, 9.0)
        for _ in range(12):
            middle = (near + far) / 2
            fallen = top - _log_density(centre + sign * width * np.sinh(middle), a, b) > DROP
            near, far = np.where(fallen, near, middle), np.where(fallen, middle, far)
        return far

    left, right = -reach(-1.0), reach(1.0)
    y = left[:, None] + (right - left)[:, None] * np.linspace(0.0, 1.0, nodes)
    w = centre[:, None] + width[:, None] * np.sinh(y)
    density = np.exp(_log_density(w, a[:, None], b[:, None]) - top[:, None]) * np.cosh(y)
    p, q = 1 / (1 + np.exp(-np.clip(w, -700, 700))), 1 / (1 + np.exp(np.clip(w, -700, 700)))
    return p, q, density / density.sum(axis=1, keepdims=True)
