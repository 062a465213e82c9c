"""What `data_quality` found: tables at a glance, faults, coverage, duplicates, conflicts."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import DataQuality
from retention.exhibits.theme import ACCENT, PercentTicks, describe, new_axes

__all__ = [
    "plot_data_quality",
    "table_data_quality",
    "table_data_quality_conflicts",
    "table_data_quality_coverage",
    "table_data_quality_duplicates",
    "table_data_quality_faults",
]

_SHOWN = 50


def plot_data_quality(answer: DataQuality, *, ax: Axes | None = None) -> Axes:
    """Draw the share of customers of whom each table tells something. Returns the Axes."""
    table = answer.tables.dropna(subset=["customer_share"]).iloc[::-1]
    axes = new_axes(ax, height=0.8 + 0.32 * max(len(table), 4))
    places = np.arange(len(table))
    axes.barh(places, table["customer_share"], color=ACCENT, height=0.6)
    axes.set_yticks(places, list(table.index))
    axes.set(xlim=(0, 1), xlabel="share of customers with a row")
    axes.xaxis.set_major_formatter(PercentTicks())
    axes.grid(axis="y", visible=False)
    parts = ", ".join(f"{name} {share:.0%}" for name, share in table["customer_share"].items())
    return describe(
        axes,
        alt=f"Share of customers of whom a table tells something: {parts}.",
        caption="What is known of few customers cannot speak for all of them.",
    )


def table_data_quality(answer: DataQuality) -> pd.DataFrame:
    """Return the tables at a glance: rows, what was set aside, how old."""
    table = answer.tables
    return pd.DataFrame(
        {
            "rows": table["rows"].astype("int64"),
            "set aside": table["set_aside"].astype("int64"),
            "customers concerned": table["customers_set_aside"].astype("int64"),
            f"worth ({answer.currency})": table["money_set_aside"].round(0).astype("int64"),
            "last row": table["last_on"],
            "days before the cutoff": table["days_old"].astype("Int64").astype(object),
        }
    ).rename_axis("table")


def table_data_quality_faults(answer: DataQuality) -> pd.DataFrame:
    """Return what is wrong, how often, and what to do; one sentence if nothing is."""
    if answer.faults.empty:
        return pd.DataFrame({"note": ["No row breaks a rule."]})
    return answer.faults.head(_SHOWN)


def table_data_quality_coverage(answer: DataQuality) -> pd.DataFrame:
    """Return the columns that are not known throughout, the emptiest first."""
    table = answer.coverage[answer.coverage["share"] < 1].sort_values("share", kind="stable")
    if table.empty:
        return pd.DataFrame({"note": ["Every column that is there is known in every row."]})
    return pd.DataFrame(
        {
            "table": table["table"],
            "column": table["column"],
            "rows": table["rows"],
            "known (%)": (100 * table["share"]).round(1),
        }
    ).reset_index(drop=True)


def table_data_quality_duplicates(answer: DataQuality) -> pd.DataFrame:
    """Return pairs of customers who may be the same, by key; they are never merged."""
    if answer.duplicates.empty:
        return pd.DataFrame({"note": ["No two customers look like one."]})
    return answer.duplicates.head(_SHOWN)


def table_data_quality_conflicts(answer: DataQuality) -> pd.DataFrame:
    """Return what the tables say against each other."""
    if answer.conflicts.empty:
        return pd.DataFrame({"note": ["The tables do not contradict each other."]})
    return answer.conflicts
