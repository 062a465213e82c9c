"""Change of churn: the control chart, the waterfall of mix and hazard, and the table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ChurnChange
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_churn_change", "plot_churn_change_parts", "table_churn_change"]

_MOST = 8


def plot_churn_change(answer: ChurnChange, *, ax: Axes | None = None) -> Axes:
    """Draw the churn rate by period with control limits for the same mix."""
    ax = new_axes(ax)
    chart = answer.chart
    x = pd.to_datetime(chart["day"])
    ax.fill_between(x, chart["low"], chart["high"], color=MUTED, alpha=0.15, linewidth=0)
    ax.plot(x, chart["expected"], color=MUTED, linestyle="--", label="expected of this mix")
    ax.plot(x, chart["rate"], color=ACCENT, marker="o", markersize=4, label="left")
    out = chart["signal"].to_numpy()
    ax.plot(x[out], chart["rate"][out], "o", color=PALETTE[1], markersize=9, label="signal")
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.set(ylabel=f"left in the {answer.unit}", ylim=(0, None))
    ax.tick_params(axis="x", rotation=30)
    ax.legend(loc="best")
    last = chart.iloc[-1]
    alt = (
        f"Churn rate of the last {len(chart)} {answer.unit}s, last {100 * last['rate']:.1f} %, "
        f"where {100 * last['expected']:.1f} % was expected; {int(out.sum())} outside the limits."
    )
    caption = "Grey: three standard deviations about what the periods before let expect."
    return describe(ax, alt=alt, caption=caption)


def plot_churn_change_parts(answer: ChurnChange, *, ax: Axes | None = None) -> Axes:
    """Draw the waterfall from the rate before to the rate now: mix, then hazard by group."""
    parts = answer.parts
    order = parts["hazard"].abs().sort_values(ascending=False).index
    named = list(order[:_MOST])
    steps = [("mix", answer.mix), *((name, float(parts.loc[name, "hazard"])) for name in named)]
    rest = answer.hazard - sum(value for _, value in steps[1:])
    steps.append(("other groups", rest))
    before = answer.numbers["churn_rate_before"].value
    start = float(before) if before is not None else 0.0
    tops = start + np.cumsum([0.0, *(value for _, value in steps)])
    ax = new_axes(ax, height=1.5 + 0.34 * (len(steps) + 2))
    y = np.arange(len(steps) + 2)[::-1]
    ax.barh(y[0], tops[0], color=MUTED)
    for place, (low, (_, value)) in zip(y[1:-1], zip(tops, steps, strict=False), strict=True):
        ax.barh(place, value, left=low, color=PALETTE[1] if value > 0 else PALETTE[2])
    ax.barh(y[-1], tops[-1], color=MUTED)
    names = [f"{answer.before}", *(name for name, _ in steps), f"{answer.now}"]
    ax.set_yticks(y, names)
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.set_xlabel(f"left in the {answer.unit}")
    ax.grid(visible=False, axis="y")
    alt = (
        f"Churn rate from {100 * tops[0]:.1f} % to {100 * tops[-1]:.1f} %: "
        f"{100 * answer.mix:+.2f} points by mix, {100 * answer.hazard:+.2f} by hazard."
    )
    return describe(ax, alt=alt, caption="Orange adds to churn, green takes from it.")


def table_churn_change(answer: ChurnChange) -> pd.DataFrame:
    """Return the groups with their shares, rates and what they add, in percent and points."""
    parts = answer.parts.sort_values("hazard", key=np.abs, ascending=False)
    return pd.DataFrame(
        {
            "customers before": parts["n_before"],
            "customers now": parts["n_now"],
            "left before %": 100 * parts["rate_before"],
            "left now %": 100 * parts["rate_now"],
            "by mix (points)": 100 * parts["mix"],
            "by hazard (points)": 100 * parts["hazard"],
        }
    )
