"""Retention by cohort and tenure: the heat map and its table."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import RetentionCohorts
from retention.exhibits.theme import INK, MIN_TEXT, MUTED, describe, new_axes

__all__ = ["plot_retention_cohorts", "table_retention_cohorts"]

_MOST_ROWS = 16


def plot_retention_cohorts(answer: RetentionCohorts, *, ax: Axes | None = None) -> Axes:
    """Draw the share kept through each stretch of tenure, one row a cohort, newest below.

    The sixteen newest cohorts with a value are drawn; blank cells had too few customers.
    """
    table = answer.summary()
    shown = table.dropna(how="all").tail(_MOST_ROWS)
    values = 100 * shown.to_numpy(float)
    ax = new_axes(ax, height=1.4 + 0.34 * len(shown))
    low = float(np.nanmin(values))
    low = min(low, 99.0)
    ax.imshow(values, cmap="Blues", vmin=low - 0.35 * (100 - low), vmax=100, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        if np.isfinite(value):
            dark = value > low + 0.55 * (100 - low)
            ax.text(column, row, f"{value:.0f}", ha="center", va="center", fontsize=MIN_TEXT,
                    color="white" if dark else INK)  # fmt: skip
    stops = [f"{start}-{start + answer.stretch}" for start in _starts(shown)]
    ax.set_xticks(range(len(stops)), stops, rotation=0 if len(stops) <= 8 else 60)
    ax.set_yticks(range(len(shown)), list(shown.index))
    ax.grid(visible=False)
    ax.tick_params(length=0, colors=MUTED)
    ax.set(xlabel=f"tenure ({answer.unit}s)", ylabel="won in")
    return describe(ax, alt=_alt(shown, answer), caption=_caption(table, shown, answer))


def table_retention_cohorts(answer: RetentionCohorts) -> pd.DataFrame:
    """Return one row a cohort: customers when first watched, and the stretches in percent."""
    cells = answer.cells
    first = cells[cells["at_risk"] > 0].groupby("cohort")["at_risk"].first()
    shares = (100 * answer.summary()).round(1)
    shares.columns = [
        f"{start} to {start + answer.stretch} {answer.unit}s, %" for start in _starts(shares)
    ]
    shares.insert(0, "customers at first", first.reindex(shares.index).fillna(0).astype(int))
    return shares.dropna(how="all", subset=shares.columns[1:])


def _starts(table: pd.DataFrame) -> list[int]:
    return [int(str(start)) for start in table.columns]


def _alt(shown: pd.DataFrame, answer: RetentionCohorts) -> str:
    text = (
        f"Heat map of the share kept through each {answer.stretch} {answer.unit}s of tenure, by "
        f"{answer.cohort} of acquisition"
    )
    first = shown[shown.columns[0]].dropna()
    if first.empty:
        return f"{text}."
    parts = ", ".join(f"{cohort} {100 * value:.0f} %" for cohort, value in first.items())
    stop = _starts(shown)[0] + answer.stretch
    return f"{text}. Up to {stop} {answer.unit}s: {parts}."


def _caption(table: pd.DataFrame, shown: pd.DataFrame, answer: RetentionCohorts) -> str:
    text = "Of those here when a stretch began, percent still here at its end (Kaplan-Meier)."
    if answer.test is not None:
        text += f" Cohorts differ: log-rank p {answer.test.p_value:.2g}."
    left_out = int(table.notna().any(axis=1).sum()) - len(shown)
    return text if left_out <= 0 else f"{text} {left_out} older cohorts are in the table only."
