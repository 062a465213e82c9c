"""Loyal, captive, free, at the door: satisfaction against switching cost."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.collections import PathCollection

from retention.analyses import LOYALTY_TYPES, LoyaltyTypes
from retention.exhibits.theme import INK, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_loyalty_types", "table_loyalty_types", "table_loyalty_types_slopes"]

_COLOURS = dict(zip(LOYALTY_TYPES, (PALETTE[2], PALETTE[1], PALETTE[5], PALETTE[3]), strict=True))
_MOST = 1500


def plot_loyalty_types(answer: LoyaltyTypes, *, ax: Axes | None = None) -> Axes:
    """Draw each customer at its satisfaction and switching cost, sized by its value.

    The most valuable 1,500 are drawn, moved a little so that equal answers do not hide each
    other. Returns the Axes.
    """
    ax = new_axes(ax, height=4.4)
    table = answer.customers.nlargest(_MOST, "value")
    rng = np.random.default_rng(1)
    x = table["satisfaction"] + rng.uniform(-2, 2, len(table))
    spread = max(0.004, 0.02 * float(table["switching_cost"].max()))
    y = table["switching_cost"] + rng.uniform(-spread, spread, len(table))
    size = 6 + 90 * table["value"] / max(float(table["value"].max()), 1e-9)
    for kind in LOYALTY_TYPES:
        of = (table["type"] == kind).to_numpy()
        n = int(answer.table["customers"][kind])
        ax.scatter(
            x[of], y[of], s=size[of], color=_COLOURS[kind], alpha=0.5, linewidths=0,
            label=f"{kind} ({n:,})",
        )  # fmt: skip
    ax.axvline(answer.cuts[0] - 2.5, color=INK, linewidth=0.8)
    ax.axhline(answer.cuts[1] - spread, color=INK, linewidth=0.8)
    ax.set(ylabel="switching cost, share of the price")
    ax.set_xlabel("satisfaction (0 to 100)", loc="right")
    ax.yaxis.set_major_formatter(PercentTicks())
    legend = ax.legend(loc="upper center", bbox_to_anchor=(0.5, -0.14), ncols=4, handletextpad=0.1)
    for handle in legend.legend_handles:
        if isinstance(handle, PathCollection):
            handle.set_sizes([50])
    said = ", ".join(f"{int(answer.table['customers'][k]):,} {k}" for k in LOYALTY_TYPES)
    return describe(
        ax,
        alt=f"Customers by satisfaction and switching cost: {said}. {answer.headline()}",
        caption="One point a customer, sized by the value of its stay; lines at the medians.",
    )


def table_loyalty_types(answer: LoyaltyTypes) -> pd.DataFrame:
    """Return one row a type: customers, margin, value, who was kept over the last year."""
    table = answer.table
    return pd.DataFrame(
        {
            "customers": table["customers"],
            f"annual margin ({answer.currency})": table["annual_margin"].round(),
            f"value of their stays ({answer.currency})": table["value"].round(),
            "kept over the last year": table["kept"],
        }
    )


def table_loyalty_types_slopes(answer: LoyaltyTypes) -> pd.DataFrame:
    """Return what 10 points of satisfaction go with, where leaving costs little and much."""
    table = answer.slopes
    return pd.DataFrame(
        {
            "switching cost": [f"{100 * v:.1f} %" for v in table["switching_cost"]],
            "hazard ratio of 10 points": np.exp(table["slope"]).round(3),
            "low": np.exp(table["low"]).round(3),
            "high": np.exp(table["high"]).round(3),
        },
        index=table.index,
    )
