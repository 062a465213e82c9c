"""Share of wallet by period, and to whom the rest goes."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from retention.analyses import ShareOfWallet
from retention.exhibits.theme import ACCENT, PercentTicks, describe, new_axes

__all__ = [
    "plot_share_of_wallet",
    "table_share_of_wallet_customers",
    "table_share_of_wallet_rivals",
]


def plot_share_of_wallet(answer: ShareOfWallet, *, ax: Axes | None = None) -> Axes:
    """Draw our share of customers' spend by period. Returns the Axes."""
    ax = new_axes(ax, height=3.2)
    table = answer.periods
    x = range(len(table))
    ax.plot(x, table["share"], marker="o", color=ACCENT)
    labels = [str(period) for period in table.index]
    step = -(-len(labels) // 6)
    ax.set_xticks(list(x)[::step], labels[::step])
    ax.yaxis.set_major_locator(MaxNLocator(5))
    ax.set(ylim=(0, 1), ylabel="share of wallet")
    ax.yaxis.set_major_formatter(PercentTicks())
    first, last = float(table["share"].iloc[0]), float(table["share"].iloc[-1])
    return describe(
        ax,
        alt=f"Share of wallet from {100 * first:.1f} % in {labels[0]} to {100 * last:.1f} % in "
        f"{labels[-1]}. {answer.headline()}",
        caption="Our part of all that the customers asked spend on what we offer.",
    )


def table_share_of_wallet_rivals(answer: ShareOfWallet) -> pd.DataFrame:
    """Return one row a main rival: customers, and what they spend elsewhere."""
    table = answer.rivals
    return pd.DataFrame(
        {"customers": table["customers"], "spend elsewhere": table["spend_elsewhere"].round()}
    )


def table_share_of_wallet_customers(answer: ShareOfWallet, most: int = 15) -> pd.DataFrame:
    """Return the customers whose spend moved away from us most."""
    table = answer.customers.dropna(subset=["moved"]).head(most)
    table = table[table["moved"] < 0]
    return pd.DataFrame(
        {
            "share before": [f"{100 * v:.0f} %" for v in table["share_before"]],
            "share now": [f"{100 * v:.0f} %" for v in table["share_now"]],
            "moved away": (-table["moved"]).round(),
        },
        index=table.index,
    )
