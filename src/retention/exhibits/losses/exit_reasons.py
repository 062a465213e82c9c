"""Exits: reasons that compete, what came before, and which part of the loss goes with what."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ExitReasons
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_exit_reasons",
    "plot_exit_reasons_before",
    "plot_exit_reasons_shares",
    "table_exit_reasons",
    "table_exit_reasons_seen",
]


def plot_exit_reasons(answer: ExitReasons, *, ax: Axes | None = None) -> Axes:
    """Draw the share lost to each reason by tenure, one on top of the other."""
    ax = new_axes(ax, height=3.8)
    curves = answer.incidence.pivot_table(index="tenure", columns="cause", values="incidence")
    order = [str(r) for r in answer.reasons.index if r in curves]
    values = curves[order].ffill().fillna(0.0)
    t = np.r_[0.0, values.index.to_numpy(dtype=float)]
    heights = np.vstack([np.zeros(len(order)), values.to_numpy()]).T
    ax.stackplot(t, heights, labels=order, colors=PALETTE[: len(order)], step="post", alpha=0.85)
    ax.set(xlabel=f"tenure ({answer.unit}s)", ylabel="share lost", xlim=(0, t[-1]), ylim=(0, 1))
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.legend(loc="upper left")
    shown = answer.reasons["incidence"]
    alt = f"Share of customers lost by {answer.horizon} {answer.unit}s: " + "; ".join(
        f"{reason} {e}" for reason, e in shown.items() if e.shown
    )
    return describe(ax, alt=f"{alt}.", caption="Aalen-Johansen: reasons compete, and add up.")


def plot_exit_reasons_before(
    answer: ExitReasons, *, days: int = 90, ax: Axes | None = None
) -> Axes:
    """Draw how much more often each forerunner came before leaving than among like stayers."""
    rows = answer.before[answer.before["days"] == days]
    pairs = zip(rows["words"], rows["odds_ratio"], strict=True)
    shown = [(str(words), e) for words, e in pairs if e.shown]
    ax = new_axes(ax, height=forest_height(len(shown)))
    if shown:
        ends = [e for _, e in shown]
        draw_forest(ax, [w for w, _ in shown], [e.value for e in ends], [e.low for e in ends],
                    [e.high for e in ends], reference=1)  # fmt: skip
    ax.set_xlabel("odds ratio, leavers against stayers")
    alt = f"Within {days} days before the period of leaving: " + (
        "; ".join(f"{w} {e}" for w, e in shown) or "no forerunner was frequent enough"
    )
    return describe(ax, alt=f"{alt}.", caption="Same tenure and segment; 95 % intervals.")


def plot_exit_reasons_shares(answer: ExitReasons, *, ax: Axes | None = None) -> Axes:
    """Draw the part of the loss that goes with each driver, and the part with none."""
    shares = answer.shares.drop(index="interaction", errors="ignore")
    ax = new_axes(ax, height=forest_height(len(shares)))
    names = [str(name).replace("_", " ") for name in shares.index]
    ends = list(shares["alone"])
    if ends:
        draw_forest(ax, names, [e.value for e in ends], [e.low for e in ends],
                    [e.high for e in ends], reference=0)  # fmt: skip
    ax.set_xlabel("share of the loss")
    ax.xaxis.set_major_formatter(PercentTicks())
    alt = "Attributable share of the loss: " + (
        "; ".join(f"{n} {e}" for n, e in zip(names, ends, strict=True)) or "none could be told"
    )
    return describe(ax, alt=f"{alt}.", caption="An association, at 95 %; each driver alone.")


def table_exit_reasons(answer: ExitReasons) -> pd.DataFrame:
    """Return one row a reason: leavers, share, and the share of customers lost to it."""
    frame = answer.reasons
    return pd.DataFrame(
        {
            "leavers": frame["leavers"],
            "of all": [f"{x:.0%}" for x in frame["share"].astype(float)],
            f"customers lost by {answer.horizon} {answer.unit}s": frame["incidence"],
        },
        index=frame.index,
    )


def table_exit_reasons_seen(answer: ExitReasons) -> pd.DataFrame:
    """Return what is told (rows) against what was seen (columns), and how far they agree."""
    parts = [
        found.confusion.add_prefix("seen: ").assign(agreement=str(found.kappa)).set_axis(
            [f"{name.split(' and ', maxsplit=1)[0]}: {row}" for row in found.confusion.index]
        )
        for name, found in answer.seen.items()
    ]  # fmt: skip
    return pd.concat(parts).rename_axis("told") if parts else pd.DataFrame().rename_axis("told")
