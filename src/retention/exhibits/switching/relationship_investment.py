"""Leaving by what the relationship holds."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from retention.analyses import RelationshipInvestment
from retention.exhibits.theme import PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_relationship_investment", "table_relationship_investment"]

_NAMES = {
    "built": "structural bonds held",
    "talked": "personal contacts, last year",
    "answered": "surveys answered, last year",
}


def plot_relationship_investment(answer: RelationshipInvestment, *, ax: Axes | None = None) -> Axes:
    """Draw the share leaving in a unit of tenure by how much there is. Returns the Axes."""
    ax = new_axes(ax)
    levels = answer.levels[answer.levels["customer_periods"] >= 100]
    for (part, rows), colour in zip(levels.groupby("part", sort=False), PALETTE, strict=False):
        ax.plot(rows["level"], rows["leaving"], "o-", color=colour, label=_NAMES[str(part)])
        ax.fill_between(
            rows["level"], rows["low"], rows["high"], color=colour, alpha=0.15, linewidth=0
        )
    ax.set(ylabel=f"leaving in a {answer.unit}", ylim=(0, None))
    ax.set_xlabel("how many (5 stands for 5 or more)", loc="right")
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.legend(loc="best")
    return describe(
        ax,
        alt=f"Share leaving by what the relationship holds. {answer.headline()}",
        caption="Not adjusted, with 95 % intervals (Wilson); the table adjusts for tenure and "
        "segment.",
    )


def table_relationship_investment(answer: RelationshipInvestment) -> pd.DataFrame:
    """Return one row a part: what one more of it goes with."""
    table = answer.summary()
    return pd.DataFrame(
        {"hazard ratio": table["hazard_ratio"].to_numpy()},
        index=pd.Index(table["one_more"], name="one more"),
    )
