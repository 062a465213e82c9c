"""Control charts of satisfaction, and the list of their signals."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import SatisfactionTrend
from retention.errors import ParameterError
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = ["plot_satisfaction_trend", "table_satisfaction_trend"]


def plot_satisfaction_trend(
    answer: SatisfactionTrend, *, group: str = "all", chart: str = "p", ax: Axes | None = None
) -> Axes:
    """Draw one chart (``p``, ``ewma`` or ``cusum``) of one group, signals marked."""
    table = answer.points[answer.points["group"] == group]
    if table.empty or f"{chart}_statistic" not in table:
        raise ParameterError(f"there is no chart {chart} of {group}")
    ax = new_axes(ax, height=3.4)
    x = np.arange(len(table))
    ax.plot(x, table[f"{chart}_statistic"], color=ACCENT, marker="o", markersize=4)
    for end in ("low", "high"):
        ax.step(x, table[f"{chart}_{end}"], where="mid", color=MUTED, linewidth=1)
    hit = (table[f"{chart}_signal"] != 0).to_numpy()
    ax.plot(x[hit], table[f"{chart}_statistic"].to_numpy()[hit], "o", color=PALETTE[1],
            markersize=8)  # fmt: skip
    ax.axvspan(-0.5, table["baseline"].sum() - 0.5, color=MUTED, alpha=0.08, linewidth=0)
    step = max(1, int(np.ceil(len(table) / 6)))
    ax.set_xticks(x[::step], table["wave"].tolist()[::step])
    names = {"p": "share satisfied", "ewma": "moving average", "cusum": "cumulative sum (SD)"}
    ax.set_ylabel(names[chart])
    if chart == "p":
        ax.yaxis.set_major_formatter(PercentTicks())
    waves = table["wave"].to_numpy()[hit]
    said = f"signals in {', '.join(waves)}" if len(waves) else "no signal"
    alt = f"Control chart ({names[chart]}) of {group} over {len(table)} waves: {said}."
    return describe(ax, alt=alt, caption="Grey: baseline; lines: limits; orange: signals.")


def table_satisfaction_trend(answer: SatisfactionTrend) -> pd.DataFrame:
    """Return one row a signal: when, where, which way, since when."""
    table = answer.signals
    shown = table.assign(value=table["value"].astype(float).round(3),
                         centre=table["centre"].astype(float).round(3))  # fmt: skip
    columns = ["when", "by", "group", "what", "direction", "began", "chart", "value", "centre"]
    return shown[columns].rename(columns={"began": "probably since", "centre": "level before"})
