"""Contact: hazard and orders by depth and channel, what one more adds, and the plan."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ContactPolicy
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, describe, new_axes

__all__ = [
    "plot_contact_policy",
    "plot_contact_policy_demand",
    "plot_contact_policy_frequency",
    "table_contact_policy",
    "table_contact_policy_budget",
    "table_contact_policy_frequency",
    "table_contact_policy_pairs",
    "table_contact_policy_plan",
]


def plot_contact_policy(answer: ContactPolicy, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard of leaving after contact, by depth and by channel."""
    both = [(answer.depths, PALETTE[0]), (answer.channels, PALETTE[1])]
    rows = [
        (str(name), shown, colour)
        for table, colour in both
        if "hazard_ratio" in table
        for name, shown in table["hazard_ratio"].items()
        if shown.shown
    ]
    ax = new_axes(ax, height=forest_height(len(rows)))
    ends = [e for _, e, _ in rows]
    draw_forest(ax, [n for n, _, _ in rows], [e.value for e in ends], [e.low for e in ends],
                [e.high for e in ends], reference=1, colours=[c for _, _, c in rows])  # fmt: skip
    ax.set_xlabel("hazard of leaving, against no such contact")
    alt = "Hazard ratio after contact: " + "; ".join(f"{n} {e}" for n, e, _ in rows) + "."
    caption = f"Blue: depth, orange: channel; outbound, within {answer.days} days; 95 %."
    return describe(ax, alt=alt, caption=caption)


def plot_contact_policy_demand(answer: ContactPolicy, *, ax: Axes | None = None) -> Axes:
    """Draw what customers order after contact, by depth and by channel."""
    both = [(answer.depths, PALETTE[0]), (answer.channels, PALETTE[1])]
    rows = [
        (str(name), shown, colour)
        for table, colour in both
        if "demand_ratio" in table
        for name, shown in table["demand_ratio"].items()
        if shown.shown
    ]
    ax = new_axes(ax, height=forest_height(max(1, len(rows))))
    ends = [e for _, e, _ in rows]
    draw_forest(ax, [n for n, _, _ in rows], [e.value for e in ends], [e.low for e in ends],
                [e.high for e in ends], reference=1, colours=[c for _, _, c in rows])  # fmt: skip
    ax.set_xlabel("spend, against the same customer without such contact")
    told = "; ".join(f"{n} {e}" for n, e, _ in rows) or "not told, for want of orders"
    caption = f"Blue: depth, orange: channel; outbound, within {answer.days} days; 95 %."
    return describe(ax, alt=f"Ratio of spend after contact: {told}.", caption=caption)


def plot_contact_policy_frequency(answer: ContactPolicy, *, ax: Axes | None = None) -> Axes:
    """Draw the margin that each further personal contact brings, against its cost."""
    ax = new_axes(ax, height=3.2)
    rows, cost = answer.frequency, float(answer.depths["cost"]["personal"])
    x, last = rows.index.astype(int).to_numpy(), list(rows["next_gain"])
    value = np.array([e.value for e in last], dtype=float)
    ends = np.array([[e.value - e.low, e.high - e.value] for e in last], dtype=float)
    ax.bar(x, value, color=PALETTE[0])
    if len(last):
        ax.errorbar(x, value, yerr=ends.T, fmt="none", ecolor=MUTED, capsize=4)
    if np.isfinite(cost):
        ax.axhline(cost, color=ACCENT, linestyle="--")
    ax.set_xticks(x)
    ax.set(xlabel=f"personal contacts within {answer.days} days",
           ylabel=f"margin by the last ({answer.currency})")  # fmt: skip
    parts = [f"number {k} brings {e}" for k, e in rows["next_gain"].items()]
    alt = f"Of personal contacts {'; '.join(parts) or 'none was told'}; one costs {cost:,.0f}."
    return describe(ax, alt=alt, caption="Dashed: what one contact costs. A mean customer; 95 %.")


def table_contact_policy(answer: ContactPolicy) -> pd.DataFrame:
    """Return depths and channels: contacts, cost, hazard, orders and yield."""
    parts = [t.rename_axis("contact") for t in (answer.depths, answer.channels) if len(t)]
    return _contacts(pd.concat(parts), answer.currency)


def table_contact_policy_pairs(answer: ContactPolicy) -> pd.DataFrame:
    """Return depth by channel: contacts, cost, hazard, orders and yield."""
    return _contacts(answer.pairs, answer.currency) if len(answer.pairs) else answer.pairs


def _contacts(table: pd.DataFrame, currency: str) -> pd.DataFrame:
    def written(column: str, digits: int) -> list[str]:
        return [f"{x:,.{digits}f}" if np.isfinite(x) else "" for x in table[column].astype(float)]

    return pd.DataFrame(
        {
            "contacts": table["contacts"].astype(int),
            f"cost of one ({currency})": written("cost", 2),
            "crude hazard ratio": written("crude", 2),
            "adjusted hazard ratio": table["hazard_ratio"],
            "ratio of orders": table["demand_ratio"],
            f"stay ({currency})": written("kept", 0),
            f"orders ({currency})": written("ordered", 0),
            "margin per contact": table["margin_per_contact"],
            "margin per unit of cost": written("yield_per_cost", 1),
        },
        index=table.index,
    )


def table_contact_policy_frequency(answer: ContactPolicy) -> pd.DataFrame:
    """Return what each further personal contact brings."""
    rows = answer.frequency
    return pd.DataFrame(
        {
            "hazard against none": rows["hazard_ratio"],
            "orders against none": rows["demand_ratio"],
            "margin of the last": rows["next_gain"],
            f"cost of one ({answer.currency})": [f"{x:,.0f}" for x in rows["cost"].astype(float)],
            "does the last pay": rows["pays"],
        },
        index=rows.index,
    )


def table_contact_policy_budget(answer: ContactPolicy) -> pd.DataFrame:
    """Return the plan by depth, its sum, the budget, and the bound on what any plan could bring."""
    cost, margin = f"cost ({answer.currency})", f"expected margin ({answer.currency})"
    rows = {
        str(depth): {"contacts": f"{len(part):,}", cost: f"{part['cost'].sum():,.0f}",
                     margin: f"{part['gain'].sum():,.0f}"}
        for depth, part in answer.plan.groupby("depth")
    }  # fmt: skip
    rows["the plan"] = {
        "contacts": f"{len(answer.plan):,}", cost: f"{answer.plan['cost'].sum():,.0f}",
        margin: f"{answer.plan['gain'].sum():,.0f}",
    }  # fmt: skip
    rows["no plan can bring more"] = {
        "contacts": "", cost: f"{answer.budget:,.0f}", margin: f"{answer.bound:,.0f}",
    }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("depth")


def table_contact_policy_plan(answer: ContactPolicy, *, most: int = 20) -> pd.DataFrame:
    """Return whom to contact how, best return first."""
    plan = answer.plan.head(most)
    return pd.DataFrame(
        {
            "depth": plan["depth"],
            f"cost ({answer.currency})": [f"{x:,.0f}" for x in plan["cost"]],
            f"expected margin ({answer.currency})": [f"{x:,.0f}" for x in plan["gain"]],
        },
        index=plan.index,
    )
