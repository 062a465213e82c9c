"""Satisfaction: groups with their intervals, waves, and the table of both."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import Satisfaction
from retention.errors import ParameterError
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, INK, PercentTicks, describe, new_axes

__all__ = ["plot_satisfaction", "plot_satisfaction_waves", "table_satisfaction"]

_NAMES = {"csat": "share satisfied", "csat_mean": "mean score", "nps": "net promoter score"}
_MOST_ROWS = 30


def plot_satisfaction(answer: Satisfaction, *, measure: str = "", ax: Axes | None = None) -> Axes:
    """Draw a measure for all and by group, with intervals; groups too small are left out."""
    measure = _measure(answer, measure)
    table = answer.groups[(answer.groups["measure"] == measure) & answer.groups["value"].notna()]
    if table.empty:
        raise ParameterError("no group has enough answers to be drawn")
    table = table.head(_MOST_ROWS)
    labels = ["all" if r == "all" else f"{b}: {r}" for b, r in zip(table["by"], table["group"],
                                                                   strict=True)]  # fmt: skip
    ax = new_axes(ax, height=forest_height(len(table)))
    colours = [INK if b == "all" else ACCENT for b in table["by"]]
    everyone = table.loc[table["by"] == "all", "value"]
    reference = float(everyone.iloc[0]) if len(everyone) else None
    draw_forest(ax, labels, table["value"], table["low"], table["high"],
                reference=reference, colours=colours)  # fmt: skip
    ax.set_xlabel(_NAMES[measure])
    if measure == "csat":
        ax.xaxis.set_major_formatter(PercentTicks())
    ranked = table.sort_values("value")
    lowest, highest = ranked.iloc[0], ranked.iloc[-1]
    alt = (
        f"{_NAMES[measure].capitalize()} of {len(table)} groups with intervals: lowest "
        f"{lowest['group']} with {_said(measure, lowest['value'])}, highest {highest['group']} "
        f"with {_said(measure, highest['value'])}."
    )
    hidden = int(answer.groups.loc[answer.groups["measure"] == measure, "value"].isna().sum())
    note = f" {hidden} groups with too few answers are not shown." if hidden else ""
    caption = f"{' to '.join(dict.fromkeys((answer.current[0], answer.current[-1])))}, "
    return describe(ax, alt=alt, caption=f"{caption}{100 * answer.level:g} % intervals.{note}")


def plot_satisfaction_waves(
    answer: Satisfaction, *, measure: str = "", ax: Axes | None = None
) -> Axes:
    """Draw a measure over all waves, unweighted, with its band."""
    measure = _measure(answer, measure)
    table = answer.waves[(answer.waves["measure"] == measure) & answer.waves["value"].notna()]
    if table.empty:
        raise ParameterError("no wave has enough answers to be drawn")
    ax = new_axes(ax, height=3.2)
    x = np.arange(len(table))
    ax.fill_between(x, table["low"], table["high"], color=ACCENT, alpha=0.18, linewidth=0)
    ax.plot(x, table["value"], color=ACCENT, marker="o", markersize=4)
    step = max(1, int(np.ceil(len(table) / 6)))
    ax.set_xticks(x[::step], table["wave"].tolist()[::step])
    ax.set_ylabel(_NAMES[measure])
    if measure == "csat":
        ax.yaxis.set_major_formatter(PercentTicks())
    first, last = table.iloc[0], table.iloc[-1]
    alt = (
        f"{_NAMES[measure].capitalize()} in {len(table)} waves: {_said(measure, first['value'])} "
        f"in {first['wave']}, {_said(measure, last['value'])} in {last['wave']}."
    )
    return describe(ax, alt=alt, caption=f"Unweighted, {100 * answer.level:g} % band.")


def table_satisfaction(answer: Satisfaction) -> pd.DataFrame:
    """Return one row a measure and group: n, value and change with intervals, adjusted p."""
    found = answer.estimates()
    rows = []
    for row in answer.groups.to_dict("records"):
        name = str(row["measure"])
        if row["by"] != "all":
            name = f"{name}: {row['by']} {row['group']}"
        scale = 100 if row["measure"] == "csat" else 1
        change = row["change"]
        rows.append(
            {
                "measure": _NAMES[str(row["measure"])],
                "group": "all" if row["by"] == "all" else f"{row['by']}: {row['group']}",
                "answers": row["n"],
                "value": found[name],
                "change": "" if np.isnan(change) else (
                    f"{scale * change:+.2f} ({scale * row['change_low']:+.2f} to "
                    f"{scale * row['change_high']:+.2f})"
                ),
                "p of change": row["p_adjusted"],
                "p against the others": row["p_rest_adjusted"],
            }
        )  # fmt: skip
    return pd.DataFrame(rows).set_index(["measure", "group"])


def _measure(answer: Satisfaction, measure: str) -> str:
    known = list(dict.fromkeys(answer.groups["measure"]))
    if measure and measure not in known:
        raise ParameterError(f"{measure} was not asked; known: {', '.join(known)}")
    return measure or known[0]


def _said(measure: str, value: float) -> str:
    return f"{100 * value:.1f} %" if measure == "csat" else f"{value:.1f}"
