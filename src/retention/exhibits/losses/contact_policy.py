"""Contact: hazard by depth and channel, what one more adds, and the plan."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ContactPolicy
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import MUTED, PALETTE, describe, new_axes

__all__ = [
    "plot_contact_policy",
    "plot_contact_policy_frequency",
    "table_contact_policy",
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


def plot_contact_policy_frequency(answer: ContactPolicy, *, ax: Axes | None = None) -> Axes:
    """Draw the margin kept by each further personal contact, against its cost."""
    ax = new_axes(ax, height=3.2)
    rows, cost = answer.frequency, float(answer.depths["cost"]["personal"])
    ax.bar(rows.index.astype(int), rows["next_gain"].astype(float), color=PALETTE[0])
    if np.isfinite(cost):
        ax.axhline(cost, color=MUTED, linestyle="--")
    ax.set_xticks(rows.index.astype(int))
    ax.set(xlabel=f"personal contacts within {answer.days} days",
           ylabel=f"margin kept by the last ({answer.currency})")  # fmt: skip
    parts = [f"number {k} keeps {x:,.0f}" for k, x in rows["next_gain"].items()]
    alt = f"Of personal contacts {'; '.join(parts) or 'none was told'}; one costs {cost:,.0f}."
    return describe(ax, alt=alt, caption="Dashed: what one contact costs. A mean customer.")


def table_contact_policy(answer: ContactPolicy) -> pd.DataFrame:
    """Return depths and channels: contacts, cost, hazard and yield."""
    parts = [t.rename_axis("contact") for t in (answer.depths, answer.channels) if len(t)]
    table = pd.concat(parts)
    return pd.DataFrame(
        {
            "contacts": table["contacts"].astype(int),
            f"cost of one ({answer.currency})": [f"{x:,.2f}" for x in table["cost"].astype(float)],
            "crude ratio": [f"{x:.2f}" for x in table["crude"].astype(float)],
            "adjusted hazard ratio": table["hazard_ratio"],
            "margin kept per contact": table["margin_per_contact"],
            "margin kept per unit of cost": [
                f"{x:.1f}" for x in table["yield_per_cost"].astype(float)
            ],
        },
        index=table.index,
    )


def table_contact_policy_plan(answer: ContactPolicy, *, most: int = 20) -> pd.DataFrame:
    """Return whom to contact how, best return first."""
    plan = answer.plan.head(most)
    return pd.DataFrame(
        {
            "depth": plan["depth"],
            f"cost ({answer.currency})": [f"{x:,.0f}" for x in plan["cost"]],
            f"expected margin kept ({answer.currency})": [f"{x:,.0f}" for x in plan["gain"]],
        },
        index=plan.index,
    )
