"""The worth of the customers from one date to the next, as a waterfall and as a table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from retention.analyses import EquityBridge
from retention.exhibits.theme import MUTED, PALETTE, describe, new_axes

__all__ = ["plot_equity_bridge", "table_equity_bridge"]


def plot_equity_bridge(bridge: EquityBridge, *, ax: Axes | None = None) -> Axes:
    """Draw the bridge as a waterfall. Returns the Axes."""
    axes = new_axes(ax, height=4.2)
    value = bridge.steps["value"]
    inner = value.iloc[1:-1].to_numpy()
    level = float(value["before"]) + np.concatenate([[0.0], np.cumsum(inner)])
    bottoms = [0.0, *np.minimum(level[:-1], level[1:]), 0.0]
    heights = [value["before"], *np.abs(inner), value["now"]]
    colours = [MUTED, *(PALETTE[2] if step >= 0 else PALETTE[1] for step in inner), MUTED]
    place = np.arange(len(value))
    axes.bar(place, heights, bottom=bottoms, color=colours)
    for x, top, step in zip(place[1:-1], np.maximum(level[:-1], level[1:]), inner, strict=True):
        axes.annotate(
            f"{step:+,.0f}", (x, top), xytext=(0, 3), textcoords="offset points", ha="center"
        )
    floor = float(level.min() - 4 * np.abs(inner).max(initial=0.0))
    cut = floor > 0
    if cut:
        axes.set_ylim(bottom=floor)
    names = [name.replace("changed ", "changed\n") for name in map(str, value.index)]
    axes.set_xticks(place, names)
    axes.set(ylabel=bridge.currency)
    axes.yaxis.set_major_formatter(FuncFormatter(lambda x, _: f"{x:,.0f}"))
    steps = ", ".join(
        f"{name} {change:+,.0f}" for name, change in zip(value.index[1:-1], inner, strict=True)
    )
    return describe(
        axes,
        alt=f"Waterfall of the worth of the customers from {value['before']:,.0f} on "
        f"{bridge.previous} to {value['now']:,.0f} {bridge.currency} on {bridge.cutoff}: {steps}.",
        caption=f"Residual value in {bridge.measure}. Changed behaviour holds what was earned in "
        "between; changed model is what the newer data taught."
        + (" The axis does not begin at zero." if cut else ""),
    )


def table_equity_bridge(bridge: EquityBridge) -> pd.DataFrame:
    """Return one row a step."""
    return bridge.steps.round(0)
