"""The value map: relative benefit against relative price."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import CustomerValueMap
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, describe, new_axes

__all__ = ["plot_customer_value_map", "table_customer_value_map"]


def plot_customer_value_map(answer: CustomerValueMap, *, ax: Axes | None = None) -> Axes:
    """Draw us and the rival: relative benefit over relative price rating (high is cheap)."""
    ax = new_axes(ax, height=4.0)
    place = answer.position
    for name, colour in (("us", ACCENT), ("rival", PALETTE[1])):
        ax.plot(place["price"][name], place["benefit"][name], "o", color=colour, markersize=9)
        ax.annotate(name, (place["price"][name], place["benefit"][name]), xytext=(8, 6),
                    textcoords="offset points")  # fmt: skip
    ax.axline((1, 1), slope=-1, color=MUTED, linestyle="--", linewidth=1)
    ax.margins(0.4)
    ax.set(xlabel="relative price rating (right: cheaper)", ylabel="relative benefit")
    us = place.loc["us"]
    alt = (
        f"Our relative benefit is {us['benefit']:.2f} and our relative price rating "
        f"{us['price']:.2f}; above the dashed line customers get more for what they pay."
    )
    return describe(ax, alt=alt, caption="1 is the mean of both; dashed: equal value.")


def table_customer_value_map(answer: CustomerValueMap) -> pd.DataFrame:
    """Return one row a benefit: us, rival, difference with interval, weight."""
    table = answer.attributes
    return pd.DataFrame(
        {
            "answers": table["n"].astype(int),
            "us": table["us"].round(1),
            "rival": table["rival"].round(1),
            "difference": [
                f"{v:+.1f} ({a:+.1f} to {b:+.1f})"
                for v, a, b in zip(table["difference"], table["low"], table["high"], strict=True)
            ],
            "weight": [f"{100 * w:.0f} %" for w in table["weight"]],
        },
        index=table.index,
    )
