"""Switching between brands: the matrix as a heat map, and brands in a table."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import BrandSwitching
from retention.exhibits.theme import INK, describe, new_axes

__all__ = ["plot_brand_switching", "table_brand_switching"]


def plot_brand_switching(answer: BrandSwitching, *, ax: Axes | None = None) -> Axes:
    """Draw which brand follows which, in per cent of the row. Returns the Axes."""
    matrix = answer.chain.matrix
    ax = new_axes(ax, height=1.6 + 0.5 * len(matrix))
    ax.imshow(matrix.to_numpy(), cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for i in range(len(matrix)):
        for j in range(len(matrix)):
            value = float(matrix.to_numpy()[i, j])
            colour = "white" if value > 0.55 else INK
            ax.text(j, i, f"{100 * value:.0f} %", ha="center", va="center", color=colour)
    ax.set_xticks(range(len(matrix)), [str(brand) for brand in matrix.columns])
    ax.set_yticks(range(len(matrix)), [str(brand) for brand in matrix.index])
    ax.set(ylabel="bought before")
    ax.set_xlabel("bought next", loc="right")
    ax.grid(visible=False)
    repeat = ", ".join(f"{b} {100 * matrix.loc[b, b]:.0f} %" for b in matrix.index)
    return describe(
        ax,
        alt=f"Which brand is bought after which. Bought again: {repeat}.",
        caption=f"Rows sum to 100 %; {answer.chain.n:,} purchases of {answer.customers:,} "
        "customers.",
    )


def table_brand_switching(answer: BrandSwitching) -> pd.DataFrame:
    """Return one row a brand: repeat, loyals, conquest power, share now and in steady state."""
    table = answer.summary()
    shown = pd.DataFrame({"purchases": table["purchases"], "bought again": table["repeat"]})
    if "loyal" in table:
        shown["hard-core loyal"] = table["loyal"]
        shown["conquest power"] = table["conquest"]
    shown["share now"] = [f"{100 * v:.1f} %" for v in table["share_now"]]
    shown["steady state"] = [f"{100 * v:.1f} %" for v in table["steady_state"]]
    return shown
