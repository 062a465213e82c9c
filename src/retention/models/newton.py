"""Newton's method with Levenberg damping, for likelihoods with an analytic Hessian."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from retention.errors import ConvergenceError

__all__ = ["Curve", "maximise"]

Curve = tuple[float, NDArray[np.float64], NDArray[np.float64]]
_Found = TypeVar("_Found", bound=tuple[Any, ...])


def maximise(
    objective: Callable[[NDArray[np.float64]], _Found],
    start: NDArray[np.float64],
    *,
    name: str,
    tolerance: float = 1e-9,
    max_iterations: int = 100,
) -> tuple[NDArray[np.float64], _Found]:
    """Return the maximum of a function and the function there.

    Each step solves ``(-H + mu * diag) step = gradient``; the damping `mu` is 0 while the Hessian
    is negative definite and the step climbs, and grows tenfold otherwise.

    Parameters
    ----------
    objective : callable
        Returns value, gradient (k,), Hessian (k, k), and whatever else is wanted there.
    start : ndarray of float, shape (k,)
        Where to begin.
    name : str
        What is fitted, for the error.
    tolerance : float
        Stop when the Newton decrement, twice the gain still to be had, falls below it.
    max_iterations : int
        Give up after as many evaluations.

    Raises
    ------
    ConvergenceError
        If no maximum is found.
    """
    x, here, damping = np.asarray(start, dtype=float), objective(start), 0.0
    for _ in range(max_iterations):
        step = _ascent(here, damping)
        if step is None:
            damping = max(1e-3, 10 * damping)
            continue
        if float(step @ here[1]) < tolerance:
            return x, here
        there = objective(x + step)
        if np.isfinite(there[0]) and there[0] >= here[0] - 1e-12 * abs(here[0]):
            x, here = x + step, there
            damping = damping / 10 if damping > 1e-6 else 0.0
        else:
            damping = max(1e-3, 10 * damping)
            if damping > 1e12:
                break
    raise ConvergenceError(
        f"{name}: no maximum in {max_iterations} evaluations (largest gradient "
        f"{np.abs(here[1]).max():.2g}); rescale the attributes, or raise max_iterations"
    )


def _ascent(here: tuple[Any, ...], damping: float) -> NDArray[np.float64] | None:
    gradient, hessian = here[1], here[2]
    scale = np.maximum(np.abs(np.diag(hessian)), 1e-8)
    try:
        root = np.linalg.cholesky(-hessian + damping * np.diag(scale))
    except np.linalg.LinAlgError:
        return None
    return np.linalg.solve(root.T, np.linalg.solve(root, gradient))
