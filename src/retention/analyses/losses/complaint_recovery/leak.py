"""What is lost with the dissatisfied who say nothing, in money."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.analyses.switching.kept_margin import customer_margins, margin_rate, stay_value
from retention.engine import Tables
from retention.estimates import Estimate, bootstrap_interval, normal_interval
from retention.features import (
    build_dissatisfied,
    build_durations,
    build_recovery_trials,
    poor_limit,
    scale_map,
)
from retention.models import KaplanMeier

__all__ = ["NO_PROBLEM", "SILENT", "silent_leak"]

Floats = NDArray[np.float64]
NO_PROBLEM, SILENT = "no problem", "did not complain"
_DAYS = 90
_YEAR = pd.Timedelta(days=365)
_METHODS = {
    "silent_dissatisfied": "share of last year's answers that were poor and without a case within "
    f"{_DAYS} days, times the customers here, by segment; drawn from beta distributions",
    "lost_more_of_the_silent": "share lost after a poor answer without a case less that after a "
    "good answer, Kaplan-Meier from the landmark; errors widened for customers who answered more "
    "than once",
    "revenue_leak": "silent customers times what more of them is lost times the present value of a "
    "stay, by segment; Monte Carlo over both",
}


def silent_leak(
    tables: Tables,
    *,
    horizon: int,
    landmark_days: int,
    silent_to: float | None = None,
    given_margin_rate: float | None = None,
    annual_discount_rate: float = 0.10,
    draws: int = 4000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> dict[str, Estimate]:
    """Return how many are dissatisfied and silent, how many more of them leave, and what it costs.

    Parameters
    ----------
    tables : Tables
        With ``complaints``, ``contracts``, ``customers`` and ``surveys`` that measure satisfaction.
    horizon, landmark_days : int
        Units from the landmark after an answer, and days from the answer to it.
    silent_to : float, optional
        Highest answer that counts as dissatisfied; by default the lowest 40 % of the scale.

    Returns
    -------
    dict of str to Estimate
        ``silent_dissatisfied`` (customers), ``lost_more_of_the_silent`` (share within the horizon),
        ``revenue_leak`` (present value in the currency of the margin that leaves with those of
        today's silent who would have stayed like the others); empty where no survey measures
        satisfaction.
    """
    if "surveys" not in tables or not tables.items or "csat" not in scale_map(tables):
        return {}
    limit = poor_limit(scale_map(tables)["csat"]) if silent_to is None else silent_to
    trials = build_recovery_trials(
        tables, landmark_days=landmark_days, silent_to=limit, contented=True
    )
    trials = trials[trials["reached"] & (trials["duration"] > 0)]
    trials = trials[trials["state"].isin([SILENT, NO_PROBLEM])]
    if "segment" not in trials:
        trials = trials.assign(segment="unknown")
    answers, segments = _answers(tables, limit), _segments(tables)
    margins = customer_margins(tables, margin_rate(tables, given_margin_rate))
    here = segments.reindex(margins.index).fillna("unknown")
    unit = f"{tables.currency} within {horizon} {tables.window.unit}s"
    units = dict(zip(_METHODS, ("customers", "share", unit), strict=True))
    fewest, silent = max(2, tables.minimum_n), int(answers["silent"].sum())
    gap = _gap(trials, horizon, fewest)
    if silent < fewest or gap is None:
        why = f"{silent} poor answers without a case in the last year; it takes {fewest}"
        if silent >= fewest:
            why = f"too few were followed for {horizon} {tables.window.unit}s after an answer"
        return {
            name: Estimate.withheld(why, unit=units[name], n=len(answers), method=method, grade="C")
            for name, method in _METHODS.items()
        }
    answers["segment"] = segments.reindex(answers["customer_id"]).fillna("unknown").to_numpy()
    worth = stay_value(1.0, _hazard_a_year(tables), annual_discount_rate)
    rng = np.random.default_rng(1) if rng is None else rng
    count, lost, drawn = 0.0, 0.0, np.zeros((3, draws))
    for segment, margin in margins.groupby(here):
        mine = answers[answers["segment"] == segment]
        said, n = (mine, len(margin)) if len(mine) >= fewest else (answers, len(margin))
        own = _gap(trials[trials["segment"] == segment], horizon, fewest) or gap
        poor = int(said["silent"].sum())
        share, value = poor / len(said), float(margin.mean() * worth)
        shares = rng.beta(poor + 0.5, len(said) - poor + 0.5, draws)
        gaps = rng.normal(own[0], own[1], draws)
        count, lost = count + n * share, lost + n * share * own[0] * value
        drawn += n * shares * np.stack([np.ones(draws), gaps, gaps * value])
    found = (
        (count, bootstrap_interval(drawn[0], level)),
        (gap[0], normal_interval(gap[0], gap[1], level)),
        (lost, bootstrap_interval(drawn[2], level)),
    )
    return {
        name: Estimate(
            value=value, low=min(value, low), high=max(value, high), level=level,
            unit=units[name], n=len(answers), events=silent, method=_METHODS[name], grade="C",
        )
        for name, (value, (low, high)) in zip(_METHODS, found, strict=True)
    }  # fmt: skip


def _answers(tables: Tables, limit: float) -> pd.DataFrame:
    """Return the answers of the last year that are old enough, and which are poor and silent."""
    answers = build_dissatisfied(tables, scale_map(tables)["csat"], days=_DAYS)
    recent = pd.to_datetime(answers["answered_on"]) >= pd.Timestamp(tables.window.cutoff) - _YEAR
    answers = answers[recent.to_numpy()]
    silent = (answers["score"] <= limit) & (answers["complaints"] == 0)
    return answers.assign(silent=silent)


def _segments(tables: Tables) -> pd.Series:
    """Return the segment of each customer; all of one where there are none."""
    if "segment" not in tables.columns("customers"):
        return pd.Series(dtype=object)
    frame = tables.query(
        "select customer_id, coalesce(segment, 'unknown') as segment from customers"
        " order by customer_id"
    )
    return frame.set_index("customer_id")["segment"].astype(object)


def _hazard_a_year(tables: Tables) -> float:
    spells = build_durations(tables)
    at_risk = float((spells["duration"] - spells["entry"]).sum())
    return float(spells["event"].sum()) / at_risk * tables.window.units_per_year


def _gap(trials: pd.DataFrame, horizon: int, fewest: int) -> tuple[float, float] | None:
    """Return how many more of the silent are lost, and its error; None where too few."""
    lost, variance = {}, 0.0
    for state in (SILENT, NO_PROBLEM):
        mine = trials[trials["state"] == state]
        people = mine.index.nunique()
        if people < fewest or mine["duration"].max() < horizon:
            return None
        fit = KaplanMeier().fit(mine)
        lost[state] = 1 - float(fit.survival([horizon])[0])
        # answers of one customer are followed over the same months: as if he had answered once
        variance += float(fit.standard_error([horizon])[0]) ** 2 * len(mine) / people
    return lost[SILENT] - lost[NO_PROBLEM], float(np.sqrt(variance))
