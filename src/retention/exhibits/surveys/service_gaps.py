"""Service gaps: expectation against perception by dimension, and the surface behind them."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ServiceGaps
from retention.errors import ParameterError
from retention.exhibits.theme import ACCENT, INK, MUTED, PALETTE, describe, new_axes

__all__ = ["plot_service_gaps", "plot_service_gaps_surface", "table_service_gaps"]


def plot_service_gaps(answer: ServiceGaps, *, ax: Axes | None = None) -> Axes:
    """Draw what was expected and what was perceived, dimension by dimension."""
    table = answer.dimensions.dropna(subset=["gap"]).sort_values("weighted_gap")
    if table.empty:
        raise ParameterError("no dimension has enough answers to be drawn")
    ax = new_axes(ax, height=1.5 + 0.45 * len(table))
    y = np.arange(len(table))[::-1]
    ax.hlines(y, table["perception"], table["expectation"], color=MUTED, linewidth=2)
    half = (table["gap_high"] - table["gap_low"]) / 2
    ax.errorbar(table["perception"], y, xerr=half, fmt="o", color=ACCENT, label="perceived")
    ax.plot(table["expectation"], y, "D", color=PALETTE[1], label="expected")
    if {"adequate", "desired"} <= set(table.columns):
        zone = (table["adequate"], table["desired"])
        ax.hlines(y - 0.18, *zone, color=PALETTE[2], linewidth=6, alpha=0.35, label="tolerated")
    labels = [f"{d} ({100 * w:.0f} %)" for d, w in zip(table.index, table["weight"], strict=True)]
    ax.set_yticks(y, labels)
    ax.set_ylim(-0.7, len(table) - 0.3)
    ax.set_xlabel(f"mean answer ({answer.low:g} to {answer.high:g})")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=3)
    gaps = ", ".join(f"{d} {g:+.2f}" for d, g in zip(table.index, table["gap"], strict=True))
    caption = (
        f"Stated weight in brackets; the bar is the {100 * answer.level:g} % interval of the gap."
    )
    return describe(ax, alt=f"Perception less expectation by dimension: {gaps}.", caption=caption)


def plot_service_gaps_surface(answer: ServiceGaps, *, ax: Axes | None = None) -> Axes:
    """Draw satisfaction over expectation and perception as contour lines."""
    if answer.surface is None:
        raise ParameterError("no surface could be estimated; see the cautions of the answer")
    ax = new_axes(ax, height=4.4)
    grid = np.linspace(answer.low, answer.high, 41)
    height = np.array([[answer.surface.predict(e, p) for e in grid] for p in grid])
    lines = ax.contour(grid, grid, height, levels=8, cmap="cividis")
    ax.clabel(lines, fontsize=10, fmt="%.1f")
    ax.plot([answer.low, answer.high], [answer.low, answer.high], "--", color=INK, linewidth=1)
    ax.set(xlabel="expected", ylabel="perceived", aspect="equal")
    r2, slope = answer.surface.r_squared(), answer.surface.summary()["value"]["a1"]
    alt = (
        "Contour lines of satisfaction over expectation and perception. It rises by "
        f"{slope:.2f} a point along the diagonal where both "
        f"are equal; the difference of both explains {100 * r2['difference']:.0f} % of it, both "
        f"together {100 * r2['separate']:.0f} %."
    )
    return describe(ax, alt=alt, caption="Dashed: perceived as expected.")


def table_service_gaps(answer: ServiceGaps) -> pd.DataFrame:
    """Return one row a dimension: both sides, weight, gap with interval, weighted gap."""
    found = answer.estimates()
    table = answer.dimensions
    shown = pd.DataFrame(
        {
            "answers": table["n"],
            "expected": table["expectation"].round(2),
            "perceived": table["perception"].round(2),
            "weight": [f"{100 * w:.0f} %" for w in table["weight"]],
            "gap": [found[f"gap: {d}"] for d in table.index],
            "weighted gap": table["weighted_gap"].round(3),
        },
        index=table.index,
    )
    for column in ("above_adequate", "below_desired", "within_zone"):
        if column in table:
            shown[column.replace("_", " ")] = table[column].round(2)
    return shown
