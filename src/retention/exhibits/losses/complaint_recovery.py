"""Complaints: the ladder beside the published one, hazard by state, backlog, returns."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ComplaintRecovery
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_complaint_recovery",
    "plot_complaint_recovery_backlog",
    "plot_complaint_recovery_hazard",
    "plot_complaint_recovery_topics",
    "table_complaint_recovery",
    "table_complaint_recovery_causes",
    "table_complaint_recovery_closing",
    "table_complaint_recovery_loss",
    "table_complaint_recovery_paradox",
    "table_complaint_recovery_repeats",
    "table_complaint_recovery_silent",
    "table_complaint_recovery_worth",
]


def plot_complaint_recovery(answer: ComplaintRecovery, *, ax: Axes | None = None) -> Axes:
    """Draw the share still here by rung, from the landmark, beside the published intentions."""
    rungs = answer.ladder
    ax = new_axes(ax, height=forest_height(2 * len(rungs)))
    y = np.arange(len(rungs))[::-1]
    for place, (_, row) in zip(y, rungs.iterrows(), strict=True):
        for key, shift, colour in (("standardised", 0.12, ACCENT), ("retained", -0.12, MUTED)):
            shown = row[key]
            if shown.low is not None and shown.high is not None:
                ax.hlines(place + shift, shown.low, shown.high, color=colour)
            if shown.value is not None:
                ax.plot(shown.value, place + shift, "o", color=colour, markersize=5)
        ax.plot(row["published"], place, "|", color=PALETTE[1], markersize=18, markeredgewidth=3)
    ax.set_yticks(y, [str(r).replace("complained, ", "") for r in rungs.index])
    ax.set(xlim=(0, 1), ylim=(-0.6, len(rungs) - 0.4), xlabel="share still here")
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.grid(visible=False, axis="y")
    parts = [f"{r}: {row['standardised']}, published {row['published']:.0%}"
             for r, row in rungs.iterrows()]  # fmt: skip
    caption = (
        f"Still here {answer.horizon} {answer.unit}s after day {answer.landmark_days}; blue: "
        "standardised to the case mix, grey: as seen, 95 %; bar: published intentions."
    )
    return describe(ax, alt="Retention after a problem. " + "; ".join(parts) + ".", caption=caption)


def plot_complaint_recovery_hazard(answer: ComplaintRecovery, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard of leaving by state of the latest case, against no recent case."""
    rows = {} if answer.hazard is None else dict(answer.hazard.states["hazard_ratio"])
    shown = {str(k): e for k, e in rows.items() if e.low is not None and e.high is not None}
    ax = new_axes(ax, height=forest_height(len(shown)))
    if shown:
        ends = list(shown.values())
        draw_forest(ax, list(shown), [e.value for e in ends], [e.low for e in ends],
                    [e.high for e in ends], reference=1)  # fmt: skip
    ax.set_xlabel("hazard of leaving, against no recent complaint")
    alt = "Hazard ratio by state: " + ("; ".join(f"{k} {e}" for k, e in shown.items()) or "none")
    return describe(ax, alt=f"{alt}.", caption="State as known before each period; 95 %.")


def plot_complaint_recovery_backlog(answer: ComplaintRecovery, *, ax: Axes | None = None) -> Axes:
    """Draw cases open and overdue at the end of each month."""
    ax = new_axes(ax, height=3.2)
    waiting = answer.waiting
    ax.plot(waiting.index, waiting["open"], color=ACCENT, label="open")
    ax.plot(waiting.index, waiting["overdue"], color=PALETTE[1], label="overdue")
    ax.set(ylim=(0, None), ylabel="cases")
    ax.legend(loc="best")
    last = waiting.iloc[-1]
    alt = (
        f"Cases at the end of each month; at the last {last['open']:,} are open, "
        f"{last['overdue']:,} of them longer than {answer.target_days} days."
    )
    return describe(ax, alt=alt, caption=f"Overdue: open for more than {answer.target_days} days.")


def table_complaint_recovery(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return the ladder."""
    names = {
        "left_before": "left before the landmark", "n": "followed", "retained": "still here",
        "standardised": "at the same case mix", "published": "published, major loss",
        "published_minor": "published, minor loss",
    }  # fmt: skip
    frame = answer.ladder.drop(columns="events").rename(columns=names)
    for name in ("published, major loss", "published, minor loss"):
        frame[name] = [f"{x:.0%}" for x in frame[name]]
    return frame


def table_complaint_recovery_loss(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return the rungs of complaints, apart by the size of the problem."""
    rows = answer.by_loss
    return pd.DataFrame(
        {
            "complained, and was": rows["rung"].str.replace("complained, ", ""),
            "problems": rows["problems"],
            "followed": rows["n"],
            "still here": rows["retained"],
            "published": [f"{x:.0%}" for x in rows["published"].astype(float)],
        }
    ).set_axis(pd.Index(rows["size"], name="loss"))


def table_complaint_recovery_silent(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return how many say nothing, how many more of them leave, and what that costs."""
    names = {
        "complaint_rate": "of the dissatisfied, complained",
        "problems_per_complaint": "dissatisfied customers behind one who complains",
        "silent_dissatisfied": "dissatisfied today who have said nothing",
        "lost_more_of_the_silent": f"more of them lost within {answer.horizon} {answer.unit}s",
        "revenue_leak": "margin that leaves with these",
    }
    shown = answer.estimates()
    rows = {text: shown[name] for name, text in names.items() if name in shown}
    return pd.DataFrame({"estimate": pd.Series(rows, dtype=object)}).rename_axis("the silent")


def table_complaint_recovery_repeats(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return who complains again after a case was closed, by how it ended."""
    rows = answer.repeats
    return pd.DataFrame(
        {"cases closed": rows["n"], "followed by another": rows["again"],
         "share with another within half a year": rows["share"]}, index=rows.index,
    ).rename_axis("closed as")  # fmt: skip


def table_complaint_recovery_causes(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return cases by category, most frequent first, with the running share."""
    rows = answer.causes
    ends = zip(rows["share"], rows["low"], rows["high"], strict=True)
    return pd.DataFrame(
        {
            "cases": rows["cases"],
            "share": [f"{x:.0%} ({low:.0%} to {high:.0%})" for x, low, high in ends],
            "running share": [f"{x:.0%}" for x in rows["running_share"]],
            "not resolved": [f"{x:.0%}" for x in rows["not_resolved"]],
        },
        index=rows.index.rename("about"),
    )


def plot_complaint_recovery_topics(answer: ComplaintRecovery, *, ax: Axes | None = None) -> Axes:
    """Draw the share of each category in the last months against its control limits."""
    ax = new_axes(ax, height=3.4)
    recent = answer.topics[answer.topics["recent"].astype(bool)]
    last = recent.groupby("category").tail(1).sort_values("share", ascending=False)
    x = np.arange(len(last))
    ax.vlines(x, last["lower"], last["upper"], color=MUTED, linewidth=8, alpha=0.5)
    out = last["signal"].to_numpy() != 0
    ax.plot(x, last["share"], "o", color=ACCENT)
    ax.plot(x[out], last["share"].to_numpy()[out], "o", color=PALETTE[1], markersize=9)
    ax.set_xticks(x, [str(name).replace(" ", "\n") for name in last["category"]])
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.set(ylabel="share of the month's cases", ylim=(0, None))
    parts = [
        f"{row['category']}: {row['share']:.0%} (limits {row['lower']:.0%} to {row['upper']:.0%})"
        for row in last.to_dict("records")
    ]
    alt = f"Share of complaints in the last month by category: {'; '.join(parts) or 'none'}."
    caption = "Grey: limits from the months before; orange: beyond them."
    return describe(ax, alt=alt, caption=caption)


def table_complaint_recovery_closing(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return how soon cases are closed, by group."""
    frame = answer.closing
    days = [
        f"{m:g} ({low:g} to {high:g})" if np.isfinite(m) else "not reached"
        for m, low, high in zip(
            frame["median_days"], frame["median_low"], frame["median_high"], strict=True
        )
    ]
    named = frame["by"].where(frame["by"] == "all", frame["by"] + ": " + frame["group"])
    return pd.DataFrame(
        {
            "cases": frame["n"].to_numpy(),
            "open": frame["open"].to_numpy(),
            "half are closed after (days)": days,
            f"closed within {answer.target_days} days": frame["within_target"].to_numpy(),
        },
        index=pd.Index(named, name="cases of"),
    )


def table_complaint_recovery_worth(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return what handling faster, or better, would return; empty where nothing can be said."""
    if answer.worth is None or answer.worth.table.empty:
        return pd.DataFrame(columns=["cases a year", "margin kept per case", "net of cost"])
    table = answer.worth.table
    return pd.DataFrame(
        {
            "cases a year": table["cases"].astype(float).round().astype(int),
            "margin kept per case": table["margin_per_case"],
            "break-even cost per case": [f"{x:,.0f}" for x in table["break_even_cost"]],
            "net of cost": table["net"],
        },
        index=table.index,
    )


def table_complaint_recovery_paradox(answer: ComplaintRecovery) -> pd.DataFrame:
    """Return the two equivalence tests."""
    table = answer.paradox
    return pd.DataFrame(
        {
            "recovered less never failed": [f"{x:.2f}" for x in table["difference"].astype(float)],
            "from": [f"{x:.2f}" for x in table["low"].astype(float)],
            "to": [f"{x:.2f}" for x in table["high"].astype(float)],
            "counts as none up to": [f"{x:.2f}" for x in table["margin"].astype(float)],
            "verdict": table["verdict"],
        },
        index=table.index,
    )
