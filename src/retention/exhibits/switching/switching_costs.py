"""Switching costs: the methods side by side, the bonds, and the placebo."""

from __future__ import annotations

from textwrap import wrap

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import SwitchingCosts
from retention.exhibits.theme import ACCENT, INK, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_switching_costs",
    "plot_switching_costs_bonds",
    "plot_switching_costs_placebo",
    "table_switching_costs",
    "table_switching_costs_bonds",
    "table_switching_costs_customers",
    "table_switching_costs_methods",
    "table_switching_costs_placebo",
]

_LOCK_IN = "lock-in seen in leaving"
_CHOICES = "pull of the last purchase"
_WORKSHEET = "worksheet of what leaving takes"
_LEVELS = {"financial": PALETTE[4], "social": PALETTE[2], "structural": PALETTE[0]}


def plot_switching_costs(answer: SwitchingCosts, *, ax: Axes | None = None) -> Axes:
    """Draw what each method says, as a share of the price, with its interval. Returns the Axes.

    Where no method gives a number, the figure says so.
    """
    table = answer.reconcile()
    if table.empty:
        return _nothing(ax, "Switching costs", answer.headline())
    ax = new_axes(ax, height=1.4 + 0.5 * len(table))
    y = np.arange(len(table))[::-1]
    behaviour = (table["grade"] != "D").to_numpy()
    for at, (_, row), seen in zip(y, table.iterrows(), behaviour, strict=True):
        colour = ACCENT if seen else MUTED
        if row["low"] == row["low"] and row["low"] is not None:
            ax.plot([row["low"], row["high"]], [at, at], color=colour, linewidth=2)
        ax.plot(row["share"], at, "o" if seen else "D", color=colour, markersize=8)
    lead = float(table["share"].iloc[0])
    ax.axvspan(lead / 2, lead * 2, color=ACCENT, alpha=0.08, linewidth=0)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(y, [_wrapped(str(name)) for name in table.index])
    ax.set(ylim=(-0.6, len(table) - 0.4))
    ax.set_xlabel("switching cost, share of the price", loc="right")
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.grid(visible=False, axis="y")
    said = "; ".join(f"{name} {_share_text(row)}" for name, row in table.iterrows())
    return describe(
        ax,
        alt=f"Switching cost as a share of the price by method: {said}.",
        caption="Points with 95 % intervals. Circles: from behaviour (grade C); diamonds: from "
        "statements, prices or guesses (grade D). The band is half to twice the first.",
    )


def _share_text(row: pd.Series) -> str:
    text = f"{100 * row['share']:.1f} %"
    if row["low"] is not None and row["low"] == row["low"]:
        text += f" ({100 * row['low']:.1f} to {100 * row['high']:.1f})"
    return text


def _wrapped(text: str) -> str:
    return "\n".join(wrap(text, 22))


def plot_switching_costs_bonds(answer: SwitchingCosts, *, ax: Axes | None = None) -> Axes:
    """Draw the price gap that each bond outweighs, coloured by its level. Returns the Axes.

    Where the tables do not allow it, the figure says why.
    """
    if _LOCK_IN not in answer.measures:
        return _nothing(ax, "Bonds", answer.absent[_LOCK_IN])
    table = answer.measures[_LOCK_IN].table
    shown = table[[e.shown for e in table["share"]]]
    if shown.empty:
        return _nothing(ax, "Bonds", table["share"].iloc[0].why)
    values = np.array([e.value for e in shown["share"]], dtype=float)
    shown = shown.iloc[np.argsort(values)]
    ax = new_axes(ax, height=1.4 + 0.45 * len(shown))
    for at, (_, row) in enumerate(shown.iterrows()):
        estimate, colour = row["share"], _LEVELS.get(str(row["level"]), MUTED)
        ax.barh(at, estimate.value, color=colour, alpha=0.75, height=0.6)
        ax.plot([estimate.low, estimate.high], [at, at], color=INK, linewidth=1.6)
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(range(len(shown)), [str(name) for name in shown.index])
    ax.set_xlabel("price gap the bond outweighs", loc="right")
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.grid(visible=False, axis="y")
    present = [level for level in _LEVELS if level in set(shown["level"])]
    handles = [ax.barh(0, 0, color=_LEVELS[level], alpha=0.75) for level in present]
    ax.legend(handles, present, loc="lower right")
    said = "; ".join(f"{name} {row['share']}" for name, row in shown.iloc[::-1].iterrows())
    return describe(
        ax,
        alt=f"Price gap that each bond outweighs: {said}.",
        caption="How much dearer than usual a customer with the bond could pay and be as likely to "
        "stay as one without; lines are 95 % intervals (Fieller).",
    )


def _nothing(ax: Axes | None, what: str, why: str) -> Axes:
    """Return a figure that says why there is none."""
    ax = new_axes(ax, height=1.2)
    ax.set_axis_off()
    ax.text(0, 0.5, "\n".join(wrap(f"{what}: not shown. {why}", 62)), va="center", color=MUTED)
    return describe(ax, alt=f"{what} are not shown: {why}.")


def plot_switching_costs_placebo(answer: SwitchingCosts, *, ax: Axes | None = None) -> Axes:
    """Draw the pull of the last purchase in each model beside its placebo. Returns the Axes.

    Where the tables do not allow it, the figure says why.
    """
    if _CHOICES not in answer.measures:
        return _nothing(ax, "Choices", answer.absent[_CHOICES])
    table = answer.measures[_CHOICES].table
    ax = new_axes(ax, height=1.6 + 0.7 * len(table))
    y = np.arange(len(table))[::-1]
    z = ((table["last"] - table["last_low"]).to_numpy(), (table["last_high"] - table["last"]))
    ax.errorbar(table["last"], y + 0.1, xerr=z, fmt="o", color=ACCENT, label="real history")
    ends = (table["placebo"] - table["placebo_low"], table["placebo_high"] - table["placebo"])
    ax.errorbar(
        table["placebo"], y - 0.1, xerr=ends, fmt="s", color=PALETTE[1], label="shuffled history"
    )
    ax.axvline(0, color=INK, linewidth=0.8)
    ax.set_yticks(y, [_wrapped(str(name)) for name in table.index])
    ax.set(ylim=(-0.6, len(table) - 0.4))
    ax.set_xlabel("pull of the last purchase (utility)", loc="right")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="best")
    said = "; ".join(
        f"{name}: {row['last']:.2f}, shuffled {row['placebo']:.2f}"
        for name, row in table.iterrows()
    )
    return describe(
        ax,
        alt=f"Pull of the last purchase with the real and with shuffled histories. {said}.",
        caption="Where the square lies beyond half of the circle, what looks like a cost of "
        "switching is taste.",
    )


def table_switching_costs(answer: SwitchingCosts) -> pd.DataFrame:
    """Return one row a method: share, money, grade, what it rests on; and what fell away."""
    rows: dict[str, dict[str, object]] = {}
    for name, measure in answer.measures.items():
        rows[name] = {
            "share of the price": measure.share,
            "money": measure.money,
            "grade": measure.share.grade,
            "rests on": ", ".join(measure.tables),
        }
    for name, why in answer.absent.items():
        rows[name] = {"rests on": f"fell away: {why}"}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def table_switching_costs_methods(answer: SwitchingCosts) -> pd.DataFrame:
    """Return one row a method: what must hold, and how far the number moves."""
    rows = {
        name: {"what must hold": " ".join(m.assumptions), "sensitivity": m.sensitivity}
        for name, m in answer.measures.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")


def table_switching_costs_bonds(answer: SwitchingCosts) -> pd.DataFrame:
    """Return one row a bond, then one a level: who has it, hazard ratio, price gap, money.

    Without a hazard, one row that says why.
    """
    if _LOCK_IN not in answer.measures:
        return _why_not(answer.absent[_LOCK_IN])
    table = answer.measures[_LOCK_IN].table
    bonds = pd.DataFrame(
        {
            "level": table["level"],
            "held by": [_percent(v) for v in table["held"]],
            "hazard ratio": table["hazard_ratio"].round(2),
            "price gap": table["share"],
            "money": table["money"],
        }
    )
    levels = answer.measures[_LOCK_IN].extras["levels"]
    rows = pd.DataFrame(
        {"level": levels.index, "price gap": levels["share"], "money": levels["money"]}
    )
    rows.index = pd.Index([f"all {name}" for name in levels.index])
    return pd.concat([bonds, rows]).rename_axis("bond")


def _percent(value: float) -> str:
    return f"{100 * value:.0f} %"


def _why_not(why: str) -> pd.DataFrame:
    return pd.DataFrame({"not shown": [why]}, index=pd.Index([""], name=""))


def table_switching_costs_placebo(answer: SwitchingCosts) -> pd.DataFrame:
    """Return one row a model: pull, switching cost, what the placebo leaves, verdict.

    Without choices, one row that says why.
    """
    if _CHOICES not in answer.measures:
        return _why_not(answer.absent[_CHOICES])
    table = answer.measures[_CHOICES].table
    return pd.DataFrame(
        {
            "pull": table["last"].round(2),
            "switching cost (in the price's money)": table["switching_cost"].round(3),
            "share of the price": [f"{100 * v:.1f} %" for v in table["share_of_price"]],
            "placebo": table["placebo"].round(2),
            "of the pull": [f"{100 * v:.0f} %" for v in table["placebo_share"]],
            "verdict": np.where(table["identified"], "identified", "not identified"),
        },
        index=table.index,
    )


def table_switching_costs_customers(answer: SwitchingCosts, most: int = 15) -> pd.DataFrame:
    """Return the customers whom leaving would cost most, by the worksheet.

    Without a worksheet, one row that says why.
    """
    if _WORKSHEET not in answer.measures:
        return _why_not(answer.absent[_WORKSHEET])
    table = answer.measures[_WORKSHEET].extras["customers"].head(most)
    return pd.DataFrame(
        {
            "work of leaving": table["effort"].round(),
            "forgone": table["forgone"].round(),
            "leaving costs": table["switching_cost"].round(),
            "at least": table["low"].round(),
            "at most": table["high"].round(),
            "annual spend": table["annual_spend"].round(),
        },
        index=table.index,
    )
