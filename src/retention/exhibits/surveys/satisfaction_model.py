"""The model of the scales: what moves the outcome, and how good the scales are."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import SatisfactionModel
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import describe, new_axes

__all__ = [
    "plot_satisfaction_model",
    "plot_satisfaction_model_paths",
    "table_satisfaction_model",
]


def plot_satisfaction_model(answer: SatisfactionModel, *, ax: Axes | None = None) -> Axes:
    """Draw the total effects on the outcome with their bootstrap intervals."""
    table = answer.effects
    ax = new_axes(ax, height=forest_height(len(table)))
    draw_forest(ax, [str(n) for n in table.index], table["effect"], table["low"], table["high"],
                reference=0)  # fmt: skip
    ax.set_xlabel(f"total effect on {answer.outcome} (SD per SD)")
    said = ", ".join(f"{n} {v:.2f}" for n, v in zip(table.index, table["effect"], strict=True))
    return describe(
        ax,
        alt=f"Total effects on {answer.outcome}: {said}.",
        caption=f"Partial least squares, {100 * answer.level:g} % bootstrap intervals.",
    )


def plot_satisfaction_model_paths(answer: SatisfactionModel, *, ax: Axes | None = None) -> Axes:
    """Draw every path with its bootstrap interval."""
    table = answer.paths
    labels = [f"{a} → {b}" for a, b in zip(table["from"], table["to"], strict=True)]
    ax = new_axes(ax, height=forest_height(len(table)))
    draw_forest(ax, labels, table["coefficient"], table["low"], table["high"], reference=0)
    ax.set_xlabel("path coefficient (SD per SD)")
    best = table.sort_values("coefficient").iloc[-1]
    clear = int(((table["low"] > 0) | (table["high"] < 0)).sum())
    alt = (
        f"{len(table)} paths, {clear} of them clear of zero; the strongest leads from "
        f"{best['from']} to {best['to']} with {best['coefficient']:.2f}."
    )
    return describe(ax, alt=alt, caption=f"{100 * answer.level:g} % bootstrap intervals.")


def table_satisfaction_model(answer: SatisfactionModel) -> pd.DataFrame:
    """Return one row a construct: items, reliability, variance extracted, index."""
    found = answer.estimates()
    table = answer.scales
    return pd.DataFrame(
        {
            "items": table["items"].astype(int),
            "alpha": table["alpha"].round(2),
            "omega": table["omega"].round(2),
            "variance extracted": table["average_variance_extracted"].round(2),
            "lowest loading": table["lowest_loading"].round(2),
            "index 0 to 100": [found[f"index: {name}"] for name in table.index],
        },
        index=table.index,
    )
