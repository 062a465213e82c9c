"""The silent share by score."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import SilentShare
from retention.errors import ParameterError
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_silent_share", "table_silent_share"]


def plot_silent_share(answer: SilentShare, *, ax: Axes | None = None) -> Axes:
    """Draw the share without a complaint at each score; the dissatisfied in another colour."""
    table = answer.table.dropna(subset=["silent"])
    if table.empty:
        raise ParameterError("no score has enough answers to be drawn")
    ax = new_axes(ax, height=forest_height(len(table)))
    colours = [PALETTE[1] if s <= answer.dissatisfied_to else ACCENT for s in table["score"]]
    labels = [f"score {s:g}" for s in table["score"]]
    draw_forest(ax, labels, table["silent"], table["low"], table["high"], reference=0.9,
                colours=colours)  # fmt: skip
    ax.set_xlabel(f"no complaint within {answer.days} days")
    ax.xaxis.set_major_formatter(PercentTicks())
    share = answer.estimates()["silent_share"]
    alt = f"Share without a complaint by score; among the dissatisfied {share}."
    return describe(ax, alt=alt, caption="Dashed: the 90 % of the textbooks. Orange: dissatisfied.")


def table_silent_share(answer: SilentShare) -> pd.DataFrame:
    """Return one row a score: answers, complaints, silent share with interval."""
    table = answer.table
    return pd.DataFrame(
        {
            "answers": table["n"].to_numpy(),
            "complained": table["complained"].to_numpy(),
            "silent": [
                "too few" if pd.isna(v) else f"{100 * v:.1f} % ({100 * a:.1f} to {100 * b:.1f})"
                for v, a, b in zip(table["silent"], table["low"], table["high"], strict=True)
            ],
        },
        index=pd.Index(table["score"], name="score"),
    )
