"""What building a bond would be worth."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import BondReturns
from retention.errors import NotEnoughDataError
from retention.exhibits.theme import ACCENT, INK, PALETTE, describe, new_axes

__all__ = ["plot_bond_returns", "table_bond_returns"]


def plot_bond_returns(answer: BondReturns, *, ax: Axes | None = None) -> Axes:
    """Draw the kept margin a bond goes with, and its cost where it is known. Returns the Axes.

    Raises
    ------
    NotEnoughDataError
        If no bond has a number.
    """
    table = answer.table[[e.shown for e in answer.table["gain"]]].iloc[::-1]
    if table.empty:
        raise NotEnoughDataError("no bond has a gain to draw")
    ax = new_axes(ax, height=1.4 + 0.45 * len(table))
    for at, (_, row) in enumerate(table.iterrows()):
        gain = row["gain"]
        ax.barh(at, gain.value, color=ACCENT, alpha=0.75, height=0.6)
        ax.plot([gain.low, gain.high], [at, at], color=INK, linewidth=1.6)
        if row["cost"] == row["cost"]:
            ax.plot(row["cost"], at, "D", color=PALETTE[1])
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(table)), [str(name) for name in table.index])
    ax.set_xlabel(f"kept margin, {answer.currency} per customer", loc="right")
    ax.grid(visible=False, axis="y")
    said = "; ".join(f"{name} {row['gain']}" for name, row in table.iloc[::-1].iterrows())
    return describe(
        ax,
        alt=f"Kept margin that a bond goes with, for customers who do not have it: {said}.",
        caption="Present value a customer, with 95 % intervals; diamonds are costs where known.",
    )


def table_bond_returns(answer: BondReturns) -> pd.DataFrame:
    """Return one row a bond: who is without it, gain, cost, what is left."""
    table = answer.table
    return pd.DataFrame(
        {
            "level": table["level"],
            "customers without it": table["without"],
            "gain a customer": table["gain"],
            "cost a customer": table["cost"],
            "gain less cost": table["net"],
            f"all together ({answer.currency})": table["total"].round(),
        }
    )
