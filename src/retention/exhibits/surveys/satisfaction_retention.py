"""Retention over satisfaction: three shapes of one relation."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import SatisfactionRetention
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_satisfaction_retention", "table_satisfaction_retention"]


def plot_satisfaction_retention(answer: SatisfactionRetention, *, ax: Axes | None = None) -> Axes:
    """Draw the share retained over a year by score; the band is that of the straight shape."""
    table = answer.curve
    ax = new_axes(ax, height=3.8)
    ax.fill_between(table["score"], table["low"], table["high"], color=ACCENT, alpha=0.15,
                    linewidth=0)  # fmt: skip
    ax.plot(table["score"], table["linear"], color=ACCENT, label="linear")
    ax.plot(table["score"], table["spline"], color=PALETTE[2], label="spline")
    if "two_knots" in table:
        ax.plot(table["score"], table["two_knots"], color=PALETTE[1], label="two knots")
        for knot in answer.knots:
            ax.axvline(knot, color=MUTED, linewidth=1, linestyle=":")
    observed = (1 - table["observed_hazard"]) ** answer.horizon
    size = 6 + 40 * table["n"] / table["n"].max()
    ax.scatter(table["score"], observed, s=size, color=PALETTE[6], label="observed", zorder=3)
    ax.set(xlabel=f"last {answer.construct}", ylabel=f"retained over {answer.horizon} "
           f"{answer.unit}s")  # fmt: skip
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.legend(loc="lower right")
    low, high = table.iloc[0], table.iloc[-1]
    alt = (
        f"Share retained by last {answer.construct}: {100 * low['linear']:.0f} % at "
        f"{low['score']:g}, {100 * high['linear']:.0f} % at {high['score']:g} by the straight "
        f"shape; the best shape is {answer.models['weight'].idxmax()}."
    )
    caption = (
        f"Other things at their mean; band {100 * answer.level:g} %; dots as observed, by size."
    )
    return describe(ax, alt=alt, caption=caption)


def table_satisfaction_retention(answer: SatisfactionRetention) -> pd.DataFrame:
    """Return one row a number of record, in words."""
    words = {
        "hazard_ratio": "hazard ratio of one point",
        "tolerance_lower": "zone of tolerance from",
        "tolerance_upper": "zone of tolerance to",
        "worth_of_a_point": "worth of a point",
        "worth_of_a_point_all": "worth of a point, all",
        "revenue_after_a_point": "order value after a point",
    }
    found = answer.estimates()
    rows = [{"number": words.get(k, k), "estimate": v, "how": v.method} for k, v in found.items()]
    return pd.DataFrame(rows).set_index("number")
