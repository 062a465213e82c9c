"""Rows of values with their intervals: the figure behind most comparisons."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from .theme import ACCENT, MUTED

__all__ = ["draw_forest", "forest_height"]


def forest_height(rows: int) -> float:
    """Return the height in inches that so many rows need."""
    return 1.4 + 0.3 * max(rows, 2)


def draw_forest(
    ax: Axes,
    labels: Sequence[str],
    value: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    *,
    reference: float | None = None,
    colours: Sequence[str] | None = None,
) -> Axes:
    """Draw one row a value, the first on top, with its interval and a line of reference."""
    x = np.asarray(value, dtype=float)
    below, above = x - np.asarray(low, dtype=float), np.asarray(high, dtype=float) - x
    y = np.arange(len(x))[::-1]
    shades = list(colours) if colours is not None else [ACCENT] * len(x)
    for k in range(len(x)):
        spread = [[max(0.0, float(below[k]))], [max(0.0, float(above[k]))]]
        ax.errorbar(x[k], y[k], xerr=spread, fmt="o", color=shades[k], capsize=0, markersize=5)
    if reference is not None:
        ax.axvline(reference, color=MUTED, linewidth=1, linestyle="--", zorder=0)
    ax.set_yticks(y, [str(label) for label in labels])
    ax.set_ylim(-0.7, len(x) - 0.3)
    ax.grid(visible=False, axis="y")
    return ax
