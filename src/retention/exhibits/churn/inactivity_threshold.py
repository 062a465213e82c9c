"""The rule of inactivity: both errors by threshold, what hangs on it, and who is silent."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import InactivityThreshold
from retention.exhibits.theme import MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_inactivity_threshold",
    "plot_inactivity_threshold_curve",
    "table_inactivity_threshold",
    "table_inactivity_threshold_curve",
    "table_inactivity_threshold_customers",
]


def plot_inactivity_threshold(answer: InactivityThreshold, *, ax: Axes | None = None) -> Axes:
    """Draw both errors by threshold: declared gone but came back, counted but stayed away."""
    table = answer.choice.thresholds
    days = table.index.to_numpy(float)
    ax = new_axes(ax)
    for name, colour, label in (
        ("came_back", PALETTE[1], "declared gone, came back"),
        ("stayed_away", PALETTE[0], "still counted, stayed away"),
    ):
        ax.plot(days, table[f"{name}_share"], "o-", color=colour, label=label)
        ax.fill_between(days, table[f"{name}_low"], table[f"{name}_high"], color=colour, alpha=0.18,
                        linewidth=0)  # fmt: skip
    ax.axvline(answer.days, color=MUTED, linestyle="--", linewidth=1)
    ax.text(
        answer.days, 1.0, f" {answer.days} days", color=MUTED, ha="right", va="top", rotation=90
    )
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.set(xlabel="days without an order", ylabel="share in error", ylim=(0, 1.02), xlim=(0, None))
    ax.legend(loc="best")
    ends = table.iloc[[0, -1]]
    alt = (
        f"From {days[0]:.0f} to {days[-1]:.0f} days, the share of those declared gone who came "
        f"back goes from {_percent(ends['came_back_share'].iloc[0])} to "
        f"{_percent(ends['came_back_share'].iloc[1])}; that of those still counted who stayed away "
        f"goes from {_percent(ends['stayed_away_share'].iloc[0])} to "
        f"{_percent(ends['stayed_away_share'].iloc[1])}. Chosen: {answer.days} days."
    )
    caption = (
        f"Rule applied on {answer.choice.judged_on}, held to the {answer.choice.judge_days} days "
        f"after; {answer.choice.n:,} customers. Bands: 95 %."
    )
    return describe(ax, alt=alt, caption=caption)


def plot_inactivity_threshold_curve(answer: InactivityThreshold, *, ax: Axes | None = None) -> Axes:
    """Draw the share still buying at the horizon by threshold, with its interval."""
    found = {int(str(d)): e for d, e in answer.sensitivity["survival"].items() if e.shown}
    ax = new_axes(ax, height=3.2)
    x = np.array(list(found), dtype=float)
    y = np.array([e.value for e in found.values()], dtype=float)
    low = np.array([e.value if e.low is None else e.low for e in found.values()], dtype=float)
    high = np.array([e.value if e.high is None else e.high for e in found.values()], dtype=float)
    ax.vlines(x, low, high, color=PALETTE[0], linewidth=2)
    ax.plot(x, y, "o", color=PALETTE[0])
    ax.axvline(answer.days, color=MUTED, linestyle="--", linewidth=1)
    ax.yaxis.set_major_formatter(PercentTicks())
    after = f"{answer.horizon} {answer.unit}s"
    ax.set(xlabel="days without an order", ylabel=f"still buying after {after}", ylim=(0, 1),
           xlim=(0, None))  # fmt: skip
    parts = ", ".join(f"{d} days {100 * v:.0f} %" for d, v in zip(found, y, strict=True))
    alt = f"Share still buying after {after} by threshold: {parts}."
    return describe(
        ax, alt=alt, caption="The same customers, the same orders; only the rule moves."
    )


def table_inactivity_threshold(answer: InactivityThreshold) -> pd.DataFrame:
    """Return both errors by threshold, and by multiple of the own usual gap."""
    choice = answer.choice
    parts = {}
    for label, table in (("days", choice.thresholds), ("times the usual gap", choice.multiples)):
        for limit, row in table.iterrows():
            parts[f"{limit:g} {label}"] = {
                "returns sooner, %": 100 * row.get("returns", np.nan),
                "declared gone": int(row["flagged"]),
                "came back, %": 100 * row["came_back_share"],
                "still counted": int(row["counted"]),
                "stayed away, %": 100 * row["stayed_away_share"],
                "cost of both errors": row["cost"],
            }
    return pd.DataFrame.from_dict(parts, orient="index").rename_axis("gone after")


def table_inactivity_threshold_curve(answer: InactivityThreshold) -> pd.DataFrame:
    """Return what each threshold makes of the company: customers, curve and median."""
    after = f"still buying after {answer.horizon} {answer.unit}s"
    names = {"active": "customers counted", "survival": after, "median": "half have stopped by"}
    table = answer.sensitivity.rename(columns=names)
    table.index = pd.Index([f"{days} days" for days in table.index], name="gone after")
    return table


def table_inactivity_threshold_customers(
    answer: InactivityThreshold, *, most: int = 25
) -> pd.DataFrame:
    """Return the customers still counted who are silent longest for their own rhythm."""
    table = answer.customers[~answer.customers["gone"]].head(most)
    return pd.DataFrame(
        {
            "last order": table["last_order_on"],
            "silent days": table["silent_days"],
            "usual gap, days": table["usual_gap"],
            "times the usual gap": table["silent_days"] / table["usual_gap"],
            "gone by own rhythm": table["gone_personal"].map({True: "yes", False: "no"}),
        }
    )


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if np.isfinite(share) else "nobody"
