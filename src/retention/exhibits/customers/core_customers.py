"""What `core_customers` found: traits of core and other customers, what they became, the list."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import CoreCustomers
from retention.exhibits.theme import ACCENT, MUTED, PercentTicks, describe, new_axes

__all__ = [
    "plot_core_customers",
    "table_core_customers",
    "table_core_customers_dismissal",
    "table_core_customers_validation",
]

_SHOWN = 50


def plot_core_customers(answer: CoreCustomers, *, ax: Axes | None = None) -> Axes:
    """Draw how much of the core stays if a trait is left out. Returns the Axes."""
    table = answer.traits.dropna(subset=["overlap"]).sort_values("overlap", ascending=False)
    if table.empty:
        axes = new_axes(ax, height=1.2)
        axes.set_axis_off()
        text = "One trait alone decides the index; there is nothing to leave out."
        axes.text(0, 0.5, text, va="center")
        return describe(axes, alt=text)
    axes = new_axes(ax, height=0.6 + 0.45 * max(len(table), 4))
    places = np.arange(len(table))
    axes.barh(places, table["overlap"], color=ACCENT, height=0.6)
    axes.set_yticks(places, table["words"])
    axes.set(xlim=(0, 1), xlabel="share of the core that stays core without the trait")
    axes.xaxis.set_major_formatter(PercentTicks())
    axes.grid(axis="y", visible=False)
    overlap = answer.numbers["weights_overlap"].value
    if overlap is not None:
        axes.axvline(overlap, color=MUTED, linestyle="--", linewidth=1.2)
    parts = ", ".join(f"without “{row.words}” {row.overlap:.0%}" for row in table.itertuples())
    mean = "" if overlap is None else f" Under random weights {overlap:.0%} stay (dashed line)."
    return describe(
        axes,
        alt=f"Share of core customers who stay core: {parts}.{mean}",
        caption="The shorter the bar, the more that trait decides who is core."
        + ("" if overlap is None else " Dashed: mean under random weights."),
    )


def table_core_customers(answer: CoreCustomers) -> pd.DataFrame:
    """Return the traits with their weights and what core and other customers show."""
    table = answer.traits
    return pd.DataFrame(
        {
            "trait": table["words"],
            "measured by": table["measure"],
            "weight (%)": (100 * table["weight"]).round(1),
            "known of": table["known"],
            "median of core": table["core"],
            "median of others": table["others"],
        }
    ).reset_index(drop=True)


def table_core_customers_validation(answer: CoreCustomers) -> pd.DataFrame:
    """Return what became of those who were core a year ago; one sentence if nobody knows."""
    if answer.validation is None:
        return pd.DataFrame(
            {"note": ["The records are too short, or too few, to look back a year."]}
        )
    table = answer.validation
    return pd.DataFrame(
        {
            "customers": table["customers"],
            "still trading (%)": (100 * table["stayed"]).round(1),
            f"profit in the year ({answer.currency} a customer)": table["profit"].round(0),
        }
    )


def table_core_customers_dismissal(answer: CoreCustomers) -> pd.DataFrame:
    """Return who costs more than he brings beyond doubt, with what would mend it."""
    table = answer.dismissal.head(_SHOWN)
    money = f"{answer.currency} in 30 days"
    ends = zip(table["low"], table["high"], strict=True)
    return pd.DataFrame(
        {
            f"profit ({money})": table["profit"].astype(float).round(2),
            f"interval ({money})": [f"{low:,.2f} to {high:,.2f}" for low, high in ends],
            "price must rise by (%)": (100 * table["price_rise"].astype(float)).round(0),
            "service cost must fall by (%)": (100 * table["service_cut"].astype(float)).round(0),
            "what would mend it": table["mend"],
        },
        index=table.index,
    )
