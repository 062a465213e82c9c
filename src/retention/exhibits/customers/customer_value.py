"""What `customer_value` found: Pareto curve, whale curve, year bridge, classes and migration."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import CustomerValue
from retention.exhibits.numbers import format_number
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_customer_value",
    "plot_customer_value_bridge",
    "plot_customer_value_whale",
    "table_customer_value",
    "table_customer_value_bridge",
    "table_customer_value_dependence",
    "table_customer_value_migration",
]

_GOOD, _BAD = PALETTE[2], PALETTE[1]
_WORDS = {
    "lost": "lost: no trade any more",
    "shrunk": "shrunk",
    "kept": "kept, about the same",
    "grown": "grown",
    "returned": "returned after a stretch without trade",
    "new": "new",
}

_NO_BEFORE = "The records hold no earlier stretch of the same length to compare with."


def _say(ax: Axes | None, text: str) -> Axes:
    """Return empty Axes that say why nothing is drawn."""
    axes = new_axes(ax, height=1.2)
    axes.set_axis_off()
    axes.text(0, 0.5, text, va="center", wrap=True)
    return describe(axes, alt=text)


def _whole(values: pd.Series) -> pd.Series:
    return values.round(0).astype("int64")


def plot_customer_value(answer: CustomerValue, *, ax: Axes | None = None) -> Axes:
    """Draw the share of value held by the top share of customers. Returns the Axes."""
    axes = new_axes(ax)
    x = 1 - answer.lorenz["population_share"]
    y = 1 - answer.lorenz["value_share"]
    axes.plot(x, y, color=ACCENT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle="--")
    share = answer.numbers["top_share"]
    axes.set(
        xlabel="share of customers, from the largest",
        ylabel=f"share of {answer.measure}",
        xlim=(0, 1),
    )
    axes.xaxis.set_major_formatter(PercentTicks())
    axes.yaxis.set_major_formatter(PercentTicks())
    axes.text(0.62, 0.5, "all equal", color=MUTED, rotation=30)
    said = "withheld"
    if share.value is not None:
        axes.plot([answer.top], [share.value], "o", color=ACCENT, markersize=8)
        axes.annotate(
            f"{answer.top:.0%} bring {share.value:.0%}",
            (answer.top, share.value),
            xytext=(12, -16),
            textcoords="offset points",
        )
        said = str(share)
    return describe(
        axes,
        alt=f"Curve of the share of {answer.measure} by the share of customers, largest first. "
        f"The top {answer.top:.0%} of customers bring {said}. The dashed line is what it would "
        "be if all were equal.",
        caption=f"Share of {answer.measure} from {answer.start} to {answer.cutoff}, "
        "customers from the largest to the smallest.",
    )


def plot_customer_value_whale(answer: CustomerValue, *, ax: Axes | None = None) -> Axes:
    """Draw cumulative profit, most profitable customers first; or say why not. Returns the Axes."""
    if answer.whale.empty:
        return _say(ax, "Profit is not above zero in total: there is no curve to draw.")
    axes = new_axes(ax)
    curve = answer.whale
    axes.plot(curve["population_share"], curve["profit_share"], color=ACCENT)
    axes.axhline(1, color=MUTED, linewidth=1.2, linestyle="--")
    axes.set(
        xlabel="share of customers, from the most profitable",
        ylabel="share of total profit",
        xlim=(0, 1),
    )
    axes.xaxis.set_major_formatter(PercentTicks())
    axes.yaxis.set_major_formatter(PercentTicks())
    peak = int(curve["profit_share"].to_numpy().argmax())
    top, where = curve["profit_share"].iloc[peak], curve["population_share"].iloc[peak]
    losing = 1 - where
    return describe(
        axes,
        alt=f"Cumulative profit rises to {top:.1%} of the total at {where:.1%} of customers, then "
        f"falls back to 100 %: the last {losing:.1%} bring nothing or cost more than they bring.",
        caption=f"Cumulative profit from {answer.start} to {answer.cutoff}; what lies above the "
        "dashed line is eaten up by customers who cost more than they bring.",
    )


def plot_customer_value_bridge(answer: CustomerValue, *, ax: Axes | None = None) -> Axes:
    """Draw the year bridge as a waterfall; or say why not. Returns the Axes."""
    if answer.bridge is None:
        return _say(ax, _NO_BEFORE)
    axes = new_axes(ax, height=4.2)
    bridge = answer.bridge
    changes = bridge["change"].to_numpy()
    first, last = float(bridge["before"].sum()), float(bridge["after"].sum())
    level = first + np.concatenate([[0.0], np.cumsum(changes)])
    names = ["before", *bridge.index, "now"]
    bottoms = np.concatenate([[0.0], np.minimum(level[:-1], level[1:]), [0.0]])
    heights = np.concatenate([[first], np.abs(changes), [last]])
    colours = [MUTED, *[_GOOD if change >= 0 else _BAD for change in changes], ACCENT]
    axes.bar(names, heights, bottom=bottoms, color=colours, width=0.7)
    for i, change in enumerate(changes):
        sign = "+" if change >= 0 else ""
        axes.text(
            i + 1,
            max(level[i], level[i + 1]),
            f"{sign}{format_number(change / first * 100, width=10)}%",
            ha="center",
            va="bottom",
        )
    floor = float(level.min())
    axes.set_ylim(bottom=0 if floor < 0.5 * first else 0.8 * floor)
    axes.set_ylabel(f"{answer.measure} ({answer.currency})")
    axes.yaxis.set_major_formatter(lambda x, _: format_number(x, width=1000))
    axes.grid(axis="x", visible=False)
    parts = ", ".join(f"{way} {bridge.loc[way, 'change']:+,.0f}" for way in bridge.index)
    cut = "" if floor < 0.5 * first else " The axis does not start at zero."
    return describe(
        axes,
        alt=f"Waterfall from {first:,.0f} to {last:,.0f} {answer.currency}: {parts}.{cut}",
        caption=f"{answer.measure.capitalize()} of the stretch before, what changed by what became "
        f"of each customer, and {answer.measure} from {answer.start} to {answer.cutoff}.{cut}",
    )


def table_customer_value(answer: CustomerValue) -> pd.DataFrame:
    """Return the classes with customers, value and shares, ready to show."""
    table = answer.classes
    return pd.DataFrame(
        {
            "customers": table["customers"],
            "share of customers (%)": (100 * table["customers"] / table["customers"].sum()).round(
                1
            ),
            f"{answer.measure} ({answer.currency})": _whole(table["value"]),
            f"share of {answer.measure} (%)": (100 * table["share"]).round(1),
        }
    )


def table_customer_value_bridge(answer: CustomerValue) -> pd.DataFrame:
    """Return the year bridge, ready to show; one sentence where there is none."""
    if answer.bridge is None:
        return pd.DataFrame({"note": [_NO_BEFORE]})
    table = answer.bridge.rename(index=_WORDS)
    table.loc["all"] = answer.bridge.sum()
    table = table.apply(_whole)
    money = {name: f"{name} ({answer.currency})" for name in ("before", "after", "change")}
    return table.rename(columns=money).rename_axis("what became of them")


def table_customer_value_migration(answer: CustomerValue) -> pd.DataFrame:
    """Return customers by class before and now; one sentence where there is no before."""
    if answer.migration is None:
        return pd.DataFrame({"note": [_NO_BEFORE]})
    table = answer.migration.rename(
        index=lambda name: "no trade before" if name == "none" else f"{name} before",
        columns=lambda name: "no trade now" if name == "none" else f"{name} now",
    )
    table["all"] = table.sum(axis=1)
    return table.rename_axis(index="class", columns=None)


def table_customer_value_dependence(answer: CustomerValue) -> pd.DataFrame:
    """Return what is lost if the largest customers leave, ready to show."""
    table = answer.dependence
    return pd.DataFrame(
        {
            f"{answer.measure} lost ({answer.currency})": _whole(table["value"]).to_numpy(),
            "share (%)": (100 * table["share"]).round(1).to_numpy(),
        },
        index=pd.Index(table["customers"], name="largest customers who leave"),
    )
