"""The retention curve: S(t) with its band and the numbers at risk, and its table."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.transforms import blended_transform_factory

from retention.analyses import RetentionCurve
from retention.exhibits.theme import MIN_TEXT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_retention_curve", "table_retention_curve"]

_MOST_GROUPS = 6
_STEPS = (1, 2, 3, 6, 12, 24, 60, 120, 240, 365, 730)
_ROW = 0.2


def plot_retention_curve(curve: RetentionCurve, *, ax: Axes | None = None) -> Axes:
    """Draw S(t) as steps with its band, and under the axis how many were at risk.

    With groups, the six largest are drawn. Where the data look like a snapshot of survivors, the
    entry-aware curve is drawn beside the other, dashed. Returns the Axes.
    """
    groups = _groups(curve)
    rows = len(groups) + (curve.snapshot is not None)
    ax = new_axes(ax, height=3.6 + 0.22 * rows)
    for group, colour in zip(groups, PALETTE, strict=False):
        _draw(ax, curve.table[curve.table["group"] == group], colour, group)
    if curve.snapshot is not None:
        table = curve.snapshot.table
        t, s = np.r_[0, table["tenure"]], np.r_[1, table["survival"]]
        label = f"followed from {curve.snapshot.recorded_from} on only"
        ax.step(t, s, where="post", color=MUTED, linestyle="--", label=label)
    ax.set(ylabel="share retained", ylim=(0, 1.02), xlim=(0, None))
    ax.set_xlabel(f"tenure ({curve.unit}s)", loc="right")
    ax.yaxis.set_major_formatter(PercentTicks())
    if len(groups) > 1 or curve.snapshot is not None:
        ax.legend(loc="best")
    _write_at_risk(ax, curve, groups)
    return describe(ax, alt=_alt(curve, groups), caption=_caption(curve, groups))


def table_retention_curve(curve: RetentionCurve) -> pd.DataFrame:
    """Return one row a group: customers, leavers, S(t), median and mean stay with intervals."""
    found = curve.estimates()
    rows = {}
    for group, counts in curve.groups.iterrows():
        suffix = "" if group == "all" else f": {group}"
        row: dict[str, object] = {"customers": int(counts["n"]), "left": int(counts["events"])}
        for t in curve.horizons:
            row[f"retained at {t} {curve.unit}s"] = found[f"survival_{t}{suffix}"]
        row["half have left by"] = found[f"median_lifetime{suffix}"]
        within = f"mean stay within {curve.rmst_horizon:g} {curve.unit}s"
        row[within] = found[f"rmst_{curve.rmst_horizon:g}{suffix}"]
        rows[group] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("customers of")


def _groups(curve: RetentionCurve) -> list[str]:
    """Return the largest groups that have a curve to show, in the order of the table."""
    shown = curve.groups[curve.groups[f"survival_{curve.horizons[0]}"].notna()]
    named = shown.drop(index="all", errors="ignore") if curve.by else shown
    largest = set(named["n"].nlargest(_MOST_GROUPS).index)
    return [str(group) for group in named.index if group in largest]


def _draw(ax: Axes, rows: pd.DataFrame, colour: str, label: str) -> None:
    t = np.r_[0, rows["tenure"]]
    ax.step(t, np.r_[1, rows["survival"]], where="post", color=colour, label=label)
    low, high = np.r_[1, rows["low"]], np.r_[1, rows["high"]]
    ax.fill_between(t, low, high, step="post", color=colour, alpha=0.18, linewidth=0)


def _write_at_risk(ax: Axes, curve: RetentionCurve, groups: list[str]) -> None:
    longest = float(curve.table["tenure"].max())
    ticks = _ticks(longest)
    ax.set_xticks(ticks)
    place = blended_transform_factory(ax.transData, ax.transAxes)
    style: dict[str, Any] = {
        "transform": place,
        "fontsize": MIN_TEXT,
        "clip_on": False,
        "va": "top",
    }
    height = _ROW / 2.3
    ax.text(0, -0.11, "at risk", color=MUTED, ha="left", **style)
    for row, (group, colour) in enumerate(zip(groups, PALETTE, strict=False)):
        counts = _at_risk(curve.table[curve.table["group"] == group], ticks)
        for tick, count in zip(ticks, counts, strict=True):
            align = "left" if tick == 0 else "center" if tick < longest else "right"
            y = -0.11 - height * (row + 1)
            ax.text(tick, y, f"{count:,.0f}", color=colour, ha=align, **style)


def _ticks(longest: float) -> np.ndarray:
    """Return at most seven tenures, a natural number of units apart."""
    step = next((step for step in _STEPS if longest <= 6.5 * step), round(longest / 6))
    return np.arange(0, longest + 1e-9, step).astype(int)


def _at_risk(rows: pd.DataFrame, ticks: np.ndarray) -> np.ndarray:
    """Return who is at risk at each tick: at the first tenure listed there or after it."""
    at = np.searchsorted(rows["tenure"], np.maximum(ticks, 1), side="left")
    return np.r_[rows["at_risk"], 0][at]


def _alt(curve: RetentionCurve, groups: list[str]) -> str:
    t = curve.horizons[len(curve.horizons) // 2]
    shares = curve.groups.loc[groups, f"survival_{t}"]
    parts = [
        f"{'' if group == 'all' else f'{group} '}{100 * share:.1f} %"
        for group, share in shares.items()
    ]
    text = f"Share of customers retained by tenure: after {t} {curve.unit}s {', '.join(parts)}."
    if curve.snapshot is not None:
        text += " A second, lower curve counts only what happened since leavers were recorded."
    return text


def _caption(curve: RetentionCurve, groups: list[str]) -> str:
    left = int(curve.groups["n"]["all"])
    text = f"Kaplan-Meier, {100 * curve.level:g} % bands; {left:,} customers."
    hidden = len(curve.groups) - bool(curve.by) - len(groups)
    return text if hidden <= 0 else f"{text} {hidden} smaller groups are in the table only."
