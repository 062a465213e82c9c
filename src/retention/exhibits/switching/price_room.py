"""Room for prices: leaving and value against a change of the price."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import PriceRoom
from retention.exhibits.theme import ACCENT, INK, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_price_room", "table_price_room"]


def plot_price_room(answer: PriceRoom, *, ax: Axes | None = None) -> Axes:
    """Draw the value of the coming year and of the whole stay by change of the price.

    Both as a share of their value today; dotted beyond the price gaps seen. Returns the Axes.
    """
    ax = new_axes(ax)
    curve = answer.curve
    today = curve.iloc[curve["change"].abs().argmin()]
    inside = curve["change"].between(*answer.observed)
    for column, label, colour in (
        ("first_year", "margin of the coming year", PALETTE[1]),
        ("value", "value of the whole stay", ACCENT),
    ):
        y = curve[column] / today[column]
        ax.plot(curve["change"], y, color=colour, linestyle=":", linewidth=1.5)
        ax.plot(curve["change"][inside], y[inside], color=colour, label=label)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.axhline(1, color=MUTED, linewidth=0.8)
    ax.set(ylabel="against today")
    ax.set_xlabel("change of our price against rivals", loc="right")
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.legend(loc="best")
    return describe(
        ax,
        alt=f"Value by change of the price. {answer.headline()}",
        caption="Dotted: beyond the price gaps seen. What pays in the coming year (harvest) and "
        "what pays over the whole stay (invest) are not the same price.",
    )


def table_price_room(answer: PriceRoom) -> pd.DataFrame:
    """Return some price changes with leaving, value and margin of the coming year."""
    steps = (-0.10, -0.05, 0.0, 0.05, 0.10)
    curve = answer.curve
    rows = [curve.iloc[(curve["change"] - step).abs().argmin()] for step in steps]
    money = answer.currency
    table = pd.DataFrame(
        {
            "leaving within a year": [f"{100 * row['leaving']:.1f} %" for row in rows],
            f"margin of the coming year ({money})": [round(row["first_year"]) for row in rows],
            f"value of the whole stay ({money})": [round(row["value"]) for row in rows],
        },
        index=[f"{100 * step:+.0f} %".replace("-", "−") for step in steps],
    )
    return table.rename_axis("change of price")
