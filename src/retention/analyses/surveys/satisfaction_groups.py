"""Satisfaction by group and by wave: value, interval, change, and tests held together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.estimates import benjamini_hochberg, wilson_interval
from retention.models import MeanEstimate, clustered_mean, mean_change, net_promoter_score

__all__ = ["MEASURES", "group_table", "wave_table"]

MEASURES = {"csat": "share", "csat_mean": "points", "nps": "NPS points"}
"""What is measured, and its unit."""


def group_table(
    now: pd.DataFrame, before: pd.DataFrame, keys: list[str], minimum_n: int, level: float
) -> pd.DataFrame:
    """Return one row a measure and group; cells below the minimum n are NaN.

    `now` and `before` hold ``customer_id``, ``weight``, the keys and one column a measure. p-values
    are adjusted within each measure and key.
    """
    rows = []
    for measure in [m for m in MEASURES if m in now]:
        rows.append(_row(measure, "all", "all", now, before, None, minimum_n, level))
        for key in keys:
            for group, part in now.groupby(key, sort=True):
                rest = now[now[key] != group]
                old = before[before[key] == group] if len(before) else before
                rows.append(_row(measure, key, str(group), part, old, rest, minimum_n, level))
    table = pd.DataFrame(rows)
    for name in ("p", "p_rest"):
        table[f"{name}_adjusted"] = np.nan
        for _, part in table[table["by"] != "all"].groupby(["measure", "by"]):
            tested = part.index[part[name].notna()]
            table.loc[tested, f"{name}_adjusted"] = benjamini_hochberg(part.loc[tested, name])
    everyone = table["by"] == "all"
    table.loc[everyone, "p_adjusted"] = table.loc[everyone, "p"]
    return table.drop(columns="p_rest")


def _row(
    measure: str,
    by: str,
    group: str,
    now: pd.DataFrame,
    before: pd.DataFrame,
    rest: pd.DataFrame | None,
    minimum_n: int,
    level: float,
) -> dict[str, object]:
    part, old = now.dropna(subset=[measure]), before.dropna(subset=[measure])
    people = part["customer_id"].nunique()
    row: dict[str, object] = {
        "measure": measure, "by": by, "group": group, "n": len(part), "customers": people,
        **dict.fromkeys(("value", "low", "high", "previous", "change", "change_low",
                         "change_high", "p", "p_rest"), np.nan),
    }  # fmt: skip
    if people < max(2, minimum_n):
        return row
    row["value"], row["low"], row["high"] = _interval(part, measure, level)
    if old["customer_id"].nunique() >= max(2, minimum_n):
        change = _change(old, part, measure)
        row["previous"] = np.average(old[measure], weights=old["weight"])
        row["change"], row["p"] = change.value, change.p_value
        row["change_low"], row["change_high"] = change.interval(level)
    if rest is not None:
        other = rest.dropna(subset=[measure])
        if other["customer_id"].nunique() >= max(2, minimum_n):
            row["p_rest"] = _change(other, part, measure).p_value
    return row


def _interval(part: pd.DataFrame, measure: str, level: float) -> tuple[float, float, float]:
    mean = clustered_mean(part[measure], part["customer_id"], part["weight"])
    if measure == "csat_mean":
        return mean.value, *mean.interval(level)
    n = mean.effective_n
    if measure == "csat":
        share = min(1.0, max(0.0, mean.value))
        return share, *wilson_interval(share * n, n, level)
    up = float(np.average(part[measure] > 0, weights=part["weight"]))
    down = float(np.average(part[measure] < 0, weights=part["weight"]))
    return net_promoter_score(up * n, down * n, n, level)


def _change(old: pd.DataFrame, new: pd.DataFrame, measure: str) -> MeanEstimate:
    return mean_change(
        old[measure], old["customer_id"], new[measure], new["customer_id"],
        before_weights=old["weight"], after_weights=new["weight"],
    )  # fmt: skip


def wave_table(
    answers: pd.DataFrame, order: list[str], minimum_n: int, level: float
) -> pd.DataFrame:
    """Return one row a measure and wave, in order."""
    rows = []
    for measure in [m for m in MEASURES if m in answers]:
        for wave in order:
            part = answers[(answers["wave"] == wave) & answers[measure].notna()]
            ends = (np.nan, np.nan, np.nan)
            if part["customer_id"].nunique() >= max(2, minimum_n):
                ends = _interval(part, measure, level)
            rows.append((wave, measure, len(part), *ends))
    return pd.DataFrame(rows, columns=["wave", "measure", "n", "value", "low", "high"])
