"""Drivers: their shares, the map of importance and performance, and asymmetry."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.patches import Ellipse

from retention.analyses import SatisfactionDrivers
from retention.errors import ParameterError
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_satisfaction_drivers",
    "plot_satisfaction_drivers_asymmetry",
    "plot_satisfaction_drivers_map",
    "table_satisfaction_drivers",
]


def plot_satisfaction_drivers(answer: SatisfactionDrivers, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each driver in what all explain, with its interval."""
    table = answer.drivers
    ax = new_axes(ax, height=forest_height(len(table)))
    draw_forest(ax, table["label"].tolist(), table["importance"], table["low"], table["high"],
                reference=0)  # fmt: skip
    ax.set_xlabel(f"share in what is explained of {answer.outcome}")
    ax.xaxis.set_major_formatter(PercentTicks())
    said = ", ".join(
        f"{label} {100 * v:.0f} %"
        for label, v in zip(table["label"], table["importance"], strict=True)
    )
    caption = (
        f"Together they explain {100 * answer.importance.r_squared:.0f} %; "
        f"{100 * answer.level:g} % bootstrap intervals."
    )
    return describe(ax, alt=f"Shares of the drivers of {answer.outcome}: {said}.", caption=caption)


def plot_satisfaction_drivers_map(answer: SatisfactionDrivers, *, ax: Axes | None = None) -> Axes:
    """Draw importance over performance, quadrants at the means, ellipses as intervals."""
    table = answer.drivers
    ax = new_axes(ax, height=4.2)
    for k, row in enumerate(table.to_dict("records")):
        centre = ((row["performance_low"] + row["performance_high"]) / 2,
                  (row["low"] + row["high"]) / 2)  # fmt: skip
        size = (row["performance_high"] - row["performance_low"], row["high"] - row["low"])
        colour = PALETTE[k % len(PALETTE)]
        ax.add_patch(Ellipse(centre, *size, facecolor=colour, alpha=0.2, edgecolor="none"))
        ax.plot(row["performance"], row["importance"], "o", color=colour)
        ax.annotate(row["label"], (row["performance"], row["importance"]), xytext=(6, 6),
                    textcoords="offset points", fontsize=10)  # fmt: skip
    ax.axvline(table["performance"].mean(), color=MUTED, linewidth=1, linestyle="--")
    ax.axhline(table["importance"].mean(), color=MUTED, linewidth=1, linestyle="--")
    ax.margins(x=0.18)
    ax.set(xlabel="performance (0 to 100)", ylabel="importance")
    ax.yaxis.set_major_formatter(PercentTicks())
    first = table.index[table["quadrant"] == "improve"]
    named = ", ".join(table.loc[first, "label"]) or "none"
    alt = (
        f"Importance over performance of {len(table)} drivers. Important and below the mean "
        f"performance: {named}."
    )
    return describe(ax, alt=alt, caption="Dashed: means. Ellipses span both intervals.")


def plot_satisfaction_drivers_asymmetry(
    answer: SatisfactionDrivers, *, ax: Axes | None = None
) -> Axes:
    """Draw what the lowest and the highest quarter of each driver go with."""
    if answer.asymmetry is None:
        raise ParameterError("asymmetry could not be estimated; see the cautions of the answer")
    table = answer.asymmetry
    ax = new_axes(ax, height=1.5 + 0.45 * len(table))
    y = np.arange(len(table))[::-1]
    for side, colour in (("penalty", PALETTE[1]), ("reward", ACCENT)):
        value = table[side].to_numpy()
        error = [value - table[f"{side}_low"], table[f"{side}_high"] - value]
        ax.barh(y, value, color=colour, alpha=0.75, label=side, height=0.6)
        ax.errorbar(value, y, xerr=error, fmt="none", ecolor=MUTED)
    ax.axvline(0, color=MUTED, linewidth=1)
    labels = [str(d).split(": ")[-1] for d in table.index]
    ax.set_yticks(y, labels)
    ax.set_xlabel(f"{answer.outcome}, against the middle half of the answers")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2)
    rows = zip(labels, table["kind"], table["penalty"], table["reward"], strict=True)
    kinds = ", ".join(f"{d} {k} ({p:+.2f}, {r:+.2f})" for d, k, p, r in rows)
    caption = f"{100 * answer.level:g} % intervals."
    return describe(ax, alt=f"Penalty and reward by driver: {kinds}.", caption=caption)


def table_satisfaction_drivers(answer: SatisfactionDrivers) -> pd.DataFrame:
    """Return one row a driver: share, rank, performance, kind and what to do."""
    found = answer.estimates()
    table = answer.drivers
    shown = pd.DataFrame(
        {
            "share": [found[f"importance: {name}"] for name in table.index],
            "comes first": [f"{100 * p:.0f} %" for p in table["p_first"]],
            "performance": table["performance"].round(1).to_numpy(),
            "quadrant": table["quadrant"].to_numpy(),
        },
        index=pd.Index(table["label"], name="driver"),
    )
    if answer.asymmetry is not None:
        shown["kind"] = answer.asymmetry["kind"].reindex(table.index).to_numpy()
    if answer.ordered is not None:
        odds = answer.ordered.summary(answer.level)["odds_ratio"]
        shown["odds ratio"] = odds.reindex(table.index).round(2).to_numpy()
    return shown
