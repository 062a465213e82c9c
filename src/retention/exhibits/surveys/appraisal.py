"""Appraisal: the caterpillar of shrunken scores and the funnel of raw means."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import Appraisal
from retention.exhibits.theme import ACCENT, INK, MUTED, PALETTE, describe, new_axes

__all__ = ["plot_appraisal", "plot_appraisal_funnel", "table_appraisal"]

_COLOURS = {"below": PALETTE[1], "above": PALETTE[2], "within": ACCENT, "no verdict": PALETTE[6]}
_MOST_NAMES = 30
_PLURAL = {"branch": "branches", "employee_id": "employees", "department": "departments"}


def plot_appraisal(answer: Appraisal, *, ax: Axes | None = None) -> Axes:
    """Draw every unit's shrunken score with its interval; colours are the verdicts."""
    table = answer.units
    many = len(table) > _MOST_NAMES
    ax = new_axes(ax, height=min(7.0, 1.6 + (0.08 if many else 0.24) * len(table)))
    y = np.arange(len(table))
    for verdict, colour in _COLOURS.items():
        of = (table["verdict"] == verdict).to_numpy()
        if of.any():
            part = table[of]
            error = [part["score"] - part["low"], part["high"] - part["score"]]
            ax.errorbar(part["score"], y[of], xerr=error, fmt="o", markersize=3.5, color=colour,
                        linewidth=1, label=verdict)  # fmt: skip
    ax.axvline(answer.benchmark, color=INK, linewidth=1, linestyle="--")
    ax.set_yticks([] if many else y, [] if many else [str(name) for name in table.index])
    ax.set_xlabel(f"score ({answer.scale[0]:g} to {answer.scale[1]:g})")
    ax.grid(visible=False, axis="y")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=4)
    counts = table["verdict"].value_counts()
    said = ", ".join(f"{counts.get(v, 0)} {v}" for v in _COLOURS)
    alt = (
        f"Shrunken scores of {len(table)} {_PLURAL[answer.unit]} against the benchmark of "
        f"{answer.benchmark:.2f}: {said}."
    )
    return describe(ax, alt=alt, caption=f"{100 * answer.level:g} % intervals; dashed: benchmark.")


def plot_appraisal_funnel(answer: Appraisal, *, ax: Axes | None = None) -> Axes:
    """Draw raw means over the number of ratings, within the limits of chance."""
    table = answer.units.sort_values("n")
    ax = new_axes(ax, height=3.8)
    ax.fill_between(table["n"], table["funnel_low"], table["funnel_high"], color=MUTED, alpha=0.15,
                    linewidth=0, label="99.8 % of chance")  # fmt: skip
    ax.plot(table["n"], table["raw_mean"], "o", color=ACCENT, markersize=4)
    ax.axhline(answer.fit.mean, color=INK, linewidth=1, linestyle="--")
    ax.set(xlabel="ratings", ylabel="raw mean")
    ax.legend(loc="best")
    outside = (table["raw_mean"] < table["funnel_low"]) | (table["raw_mean"] > table["funnel_high"])
    alt = (
        f"Raw means of {len(table)} {_PLURAL[answer.unit]} over their number of ratings; "
        f"{int(outside.sum())} lie outside what chance alone would allow."
    )
    return describe(ax, alt=alt, caption="Dashed: mean of all.")


def table_appraisal(answer: Appraisal) -> pd.DataFrame:
    """Return one row a unit: ratings, raw mean, score, probability, reliability, verdict."""
    found = answer.estimates()
    table = answer.units
    silent = table["verdict"] == "no verdict"
    return pd.DataFrame(
        {
            "ratings": table["n"].astype(int),
            "customers": table["customers"].astype(int),
            "raw mean": table["raw_mean"].round(2),
            "score": [found[f"score: {name}"] for name in table.index],
            "probability below": [
                "" if s else f"{100 * p:.0f} %"
                for s, p in zip(silent, table["p_below"], strict=True)
            ],
            "reliability": table["reliability"].round(2),
            "verdict": table["verdict"],
        },
        index=table.index,
    )
