"""Early warning: who, why, and how well it did out of time. Winning back: whom to ask."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import EarlyWarning, WinBack
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, MUTED, describe, new_axes
from retention.schemas import HELD_OUT

__all__ = [
    "plot_early_warning",
    "plot_early_warning_test",
    "plot_win_back",
    "plot_win_back_offers",
    "table_early_warning",
    "table_early_warning_test",
    "table_win_back",
    "table_win_back_offers",
]


def plot_early_warning(answer: EarlyWarning, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard ratio of each forerunner."""
    rows = answer.forerunners.drop(index="price_gap", errors="ignore")
    ax = new_axes(ax, height=forest_height(len(rows)))
    names = [str(name).replace("_", " ") for name in rows.index]
    draw_forest(ax, names, rows["hazard_ratio"], rows["low"], rows["high"], reference=1)
    ax.set_xlabel("hazard ratio")
    parts = [f"{n} {r:.2f}" for n, r in zip(names, rows["hazard_ratio"], strict=True)]
    alt = "Hazard ratios of the forerunners: " + "; ".join(parts) + "."
    return describe(ax, alt=alt, caption="Against customers without it; 95 % intervals.")


def plot_early_warning_test(answer: EarlyWarning, *, ax: Axes | None = None) -> Axes:
    """Draw expected and observed leavers by tenth of risk, over all dates of the test."""
    ax = new_axes(ax, height=3.4)
    groups = answer.groups
    if len(groups):
        ax.bar(groups.index, groups["observed"], color=MUTED, label="left")
        ax.plot(groups.index, groups["expected"], "o-", color=ACCENT, label="expected")
        ax.legend(loc="upper left")
    ax.set(xlabel="tenth of risk, low to high", ylabel="customers")
    left = int(answer.test["left"].sum())
    alt = (
        f"Out of time, {answer.test['expected'].sum():,.0f} were expected to leave and {left:,} "
        f"did; of these {groups['observed'].iloc[-1]:,.0f} were in the highest tenth of risk."
        if len(groups)
        else "The scores were not tested out of time."
    )
    return describe(ax, alt=alt, caption="Fitted and scored as known at each earlier date.")


def table_early_warning(answer: EarlyWarning, *, most: int = 20) -> pd.DataFrame:
    """Return the customers at highest risk, with three reasons each."""
    rows = answer.customers.head(most)
    frame = pd.DataFrame(
        {
            f"chance to leave within {answer.horizon} {answer.unit}": [
                f"{100 * p:.1f} % ({100 * low:.1f} to {100 * high:.1f})"
                for p, low, high in zip(rows["p_leave"], rows["low"], rows["high"], strict=True)
            ],
            f"annual margin ({answer.currency})": [f"{x:,.0f}" for x in rows["annual_margin"]],
        },
        index=rows.index,
    )
    names = [c for c in rows.columns if c.startswith("reason_")]
    return frame.assign(**{name.replace("_", " "): rows[name] for name in names})


def table_early_warning_test(answer: EarlyWarning) -> pd.DataFrame:
    """Return expected against observed leavers at each date of the test."""
    test = answer.test
    return pd.DataFrame(
        {
            "customers": test["customers"].astype(int),
            "left": test["left"].astype(int),
            "expected": [
                f"{e:.0f} ({low:.0f} to {high:.0f})"
                for e, low, high in zip(test["expected"], test["low"], test["high"], strict=True)
            ],
            "AUC": [f"{x:.2f}" for x in test["auc"]],
            "leavers in the top tenth, times the mean": [f"{x:.1f}" for x in test["top_tenth"]],
        },
        index=test.index,
    )


def plot_win_back(answer: WinBack, *, ax: Axes | None = None) -> Axes:
    """Draw the share that comes back, by reason of leaving, past value and time away."""
    table = answer.chances
    shown = [
        (f"{by}: {group}" if by.endswith("away") else group, estimate)
        for by, group, estimate in zip(
            table["by"], table["group"], table["within_horizon"], strict=True
        )
        if estimate.shown and group != "0"
    ]
    ax = new_axes(ax, height=forest_height(len(shown)))
    ends = [e for _, e in shown]
    draw_forest(ax, [name for name, _ in shown], [e.value for e in ends], [e.low for e in ends],
                [e.high for e in ends])  # fmt: skip
    ax.set_xlabel(f"share back within {answer.horizon} {answer.unit}s")
    alt = "Share that comes back: " + "; ".join(f"{k} {e}" for k, e in shown) + "."
    caption = "Kaplan-Meier from the exit, or of those still away after so long; 95 % intervals."
    return describe(ax, alt=alt, caption=caption)


def plot_win_back_offers(answer: WinBack, *, ax: Axes | None = None) -> Axes:
    """Draw the share back after each offer, beside those whom a lot left unasked."""
    rows = {str(k): e for k, e in answer.offers["within_horizon"].items() if e.shown}
    ax = new_axes(ax, height=forest_height(max(1, len(rows))))
    ends = list(rows.values())
    colours = [MUTED if name == HELD_OUT else ACCENT for name in rows]
    draw_forest(ax, list(rows), [e.value for e in ends], [e.low for e in ends],
                [e.high for e in ends], colours=colours)  # fmt: skip
    ax.set_xlabel(f"share back within {answer.horizon} {answer.unit}s of the offer")
    told = "; ".join(f"{k} {e}" for k, e in rows.items()) or "no offer is recorded, or too few"
    alt = f"Share that comes back after an offer, and of those held out by lot: {told}."
    return describe(ax, alt=alt, caption="Kaplan-Meier from the offer, or the lot; 95 % intervals.")


def table_win_back_offers(answer: WinBack) -> pd.DataFrame:
    """Return what each offer adds, costs and brings; empty where none is recorded."""
    rows = answer.offers
    cost = [f"{x:,.0f}" if np.isfinite(x) else "" for x in rows["mean_cost"].astype(float)]
    frame = pd.DataFrame(
        {
            "customers": rows["decided"].astype(int),
            f"back within {answer.horizon} {answer.unit}s": rows["within_horizon"],
            "added to those held out": rows["added"],
            "rate of return, over theirs": rows["rate_ratio"],
            f"cost of asking one ({answer.currency})": cost,
            "net of cost": rows["net"],
        },
        index=rows.index,
    )
    return frame.astype(object).where(frame.notna(), "")


def table_win_back(answer: WinBack, *, most: int = 20) -> pd.DataFrame:
    """Return whom to ask, highest expected worth first; held-out customers are not in it."""
    rows = answer.customers[answer.customers["ask"]].head(most)
    frame = pd.DataFrame(
        {
            "left for": rows["reason"],
            f"{answer.unit}s ago": rows["since"].astype(int),
            "chance to return unasked": [f"{100 * p:.0f} %" for p in rows["p_return"]],
        },
        index=rows.index,
    )
    if (rows["offer"] != "").any():
        frame["offer"] = rows["offer"]
        frame["chance if asked"] = [f"{100 * p:.0f} %" for p in rows["p_asked"]]
    frame[f"worth of asking, less cost ({answer.currency})"] = [
        f"{x:,.0f}" for x in rows["expected"]
    ]
    return frame
