"""What becomes of customers with a problem, by how it was handled, and what better is worth."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.analyses.losses.leaving_hazard import require_minimum
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate
from retention.features import (
    build_complaint_cases,
    build_dissatisfied,
    poor_limit,
    scale_map,
)

from .handling import backlog, departments, repeat_complaints, root_causes, time_to_close
from .hazard import HandlingHazard, handling_hazard
from .iceberg import iceberg
from .ladder import IMMORTAL, ladder_by_loss, naive_ladder, recovery_ladder
from .leak import silent_leak
from .paradox import recovery_paradox
from .topics import emerging_topics, rising_words
from .worth import HandlingWorth, handling_worth

__all__ = ["ComplaintRecovery", "complaint_recovery"]

_LOG = "did not complain"


@dataclass(frozen=True, eq=False, kw_only=True)
class ComplaintRecovery:
    """Answer of `complaint_recovery`.

    Parameters
    ----------
    ladder : DataFrame
        One row a rung, see `recovery_ladder`.
    by_loss : DataFrame
        One row a size of the problem and rung, see `ladder_by_loss`.
    hazard : HandlingHazard or None
        Hazard by state of the latest case; None where too few left.
    closing, waiting : DataFrame
        Time to closing by group (`time_to_close`); cases open and overdue by month (`backlog`).
    repeats : DataFrame
        Another case after one was closed, by how it ended.
    paradox : DataFrame
        Equivalence tests of satisfaction and of behaviour.
    worth : HandlingWorth or None
        What faster and better handling returns.
    causes, by_department : DataFrame
        Cases by category; departments drawn towards their mean.
    topics, words : DataFrame
        Shares by month under control limits; words on the rise (empty without text).
    naive : DataFrame or None
        The artefact, if it was asked for; each row holds its warning.
    horizon, landmark_days, quick_days, target_days : int
        Settings.
    unit : str
        Of the horizon.
    """

    ladder: pd.DataFrame
    by_loss: pd.DataFrame
    hazard: HandlingHazard | None
    closing: pd.DataFrame
    waiting: pd.DataFrame
    repeats: pd.DataFrame
    paradox: pd.DataFrame
    worth: HandlingWorth | None
    causes: pd.DataFrame
    by_department: pd.DataFrame
    topics: pd.DataFrame
    words: pd.DataFrame
    naive: pd.DataFrame | None
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    horizon: int
    landmark_days: int
    quick_days: int
    target_days: int
    unit: str

    def summary(self) -> pd.DataFrame:
        """Return the ladder, one row a rung."""
        return self.ladder

    def estimates(self) -> dict[str, Estimate]:
        """Return the rungs, hazard ratios, time to closing, repeats, iceberg and returns."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what a reader must know before changing how complaints are handled."""
        return self.warnings

    def headline(self) -> str:
        """Return the ends of the ladder, beside the published figures."""
        best, worst = "complained, resolved quickly", "complained, not resolved"
        rows = self.ladder["standardised"]
        if not (rows[best].shown and rows[worst].shown):
            rows = self.ladder["retained"]
        published = self.ladder["published"]
        return (
            f"{self.horizon} {self.unit}s on, of customers whose complaint was resolved within "
            f"{self.quick_days} days {rows[best]} are still here, of those not resolved by day "
            f"{self.landmark_days} {rows[worst]}; the published intentions were "
            f"{published[best]:.0%} and {published[worst]:.0%}."
        )


def complaint_recovery(
    tables: Tables,
    *,
    horizon: int = 12,
    landmark_days: int = 30,
    quick_days: int = 7,
    target_days: int = 14,
    major_loss: float = 100.0,
    poor_share: float = 0.4,
    lasts_days: int = 180,
    cost_per_case: float | None = None,
    margin_rate: float | None = None,
    text: str = "",
    naive: bool = False,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> ComplaintRecovery:
    """Tell what customers with a problem do next, by how it was handled.

    Parameters
    ----------
    tables : Tables
        With ``complaints``, ``contracts`` and ``customers``; ``surveys`` for those who said
        nothing, ``orders`` for margins.
    horizon : int
        Units of the window from the landmark.
    landmark_days : int
        Days after the problem at which its state is fixed and follow-up starts.
    quick_days : int
        Resolved within so many days is resolved quickly.
    target_days : int
        Service level: cases ought to be closed within so many days.
    major_loss : float
        What a problem cost the customer, above which it is major.
    poor_share : float
        Answers in this lowest share of the scale of satisfaction are problems; above 0, below 1.
    lasts_days : int
        How long a closed case is a driver of the hazard.
    cost_per_case, margin_rate : float, optional
        Cost of handling a case in the better way; margin as a share of spend.
    text : str
        Column of ``complaints`` with what the customer wrote.
    naive : bool
        Also make the table without a landmark, which is an artefact and says so.
    level : float
        Level of intervals.
    rng : numpy.random.Generator, optional
        Of the Monte Carlo; a fixed seed if not given.

    Returns
    -------
    ComplaintRecovery

    Raises
    ------
    MissingTableError
        If a table is missing.
    NotEnoughDataError
        If there are fewer complaints than the minimum n.
    ParameterError
        If a setting cannot be.
    """
    if horizon < 1 or target_days < 0 or not 0 < poor_share < 1:
        raise ParameterError(
            "horizon must be 1 or more, target_days 0 or more, poor_share between 0 and 1"
        )
    tables.require("complaints", "contracts", "customers", needed_for="recovery after complaints")
    cases = build_complaint_cases(tables, quick_days=quick_days, text=text)
    require_minimum(len(cases), tables, "complaints")
    limit = _poor_limit(tables, poor_share)
    ladder = recovery_ladder(
        tables, horizon=horizon, landmark_days=landmark_days, quick_days=quick_days,
        silent_to=limit, level=level,
    )  # fmt: skip
    hazard, why = _hazard(tables, quick_days, lasts_days, level)
    closing = time_to_close(
        cases, by=("category", "department", "severity"), target_days=target_days,
        minimum_n=tables.minimum_n, level=level,
    )  # fmt: skip
    repeats, again = repeat_complaints(
        cases, tables.window, minimum_n=tables.minimum_n, level=level
    )
    worth = None
    if hazard is not None:
        worth = handling_worth(
            tables, cases, hazard, cost_per_case=cost_per_case, lasts_days=lasts_days,
            given_margin_rate=margin_rate, level=level, rng=rng,
        )  # fmt: skip
    topics = _topics(cases, tables)
    ice, why_ice = _iceberg(tables, limit, level)
    ice |= silent_leak(
        tables, horizon=horizon, landmark_days=landmark_days, silent_to=limit,
        given_margin_rate=margin_rate, level=level, rng=rng,
    )  # fmt: skip
    return ComplaintRecovery(
        ladder=ladder,
        by_loss=ladder_by_loss(
            tables, horizon=horizon, landmark_days=landmark_days, quick_days=quick_days,
            major_loss=major_loss, level=level,
        ),
        hazard=hazard, closing=closing,
        waiting=backlog(cases, tables.window, target_days=target_days), repeats=repeats,
        paradox=recovery_paradox(tables, cases, hazard, level=level), worth=worth,
        causes=root_causes(cases, level),
        by_department=departments(cases, target_days=target_days, benchmark=None),
        topics=topics, words=_words(cases, tables),
        naive=naive_ladder(tables, horizon=horizon, quick_days=quick_days, level=level)
        if naive else None,
        numbers=_numbers(ladder, hazard, closing, repeats, again, worth) | ice,
        warnings=_cautions(ladder, cases, worth, topics, (why, why_ice), naive),
        horizon=horizon, landmark_days=landmark_days, quick_days=quick_days,
        target_days=target_days, unit=tables.window.unit,
    )  # fmt: skip


def _hazard(
    tables: Tables, quick_days: int, lasts_days: int, level: float
) -> tuple[HandlingHazard | None, str]:
    try:
        found = handling_hazard(tables, quick_days=quick_days, lasts_days=lasts_days, level=level)
    except (NotEnoughDataError, NotIdentifiedError) as error:
        return None, f"no hazard by state is shown: {error}"
    return found, ""


def _topics(cases: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    columns = ["category", "month", "cases", "of", "share", "lower", "upper", "recent", "signal"]
    try:
        return emerging_topics(cases, tables.window)
    except NotEnoughDataError:
        return pd.DataFrame(columns=columns)


def _words(cases: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    if "words" not in cases:
        return rising_words(pd.Series(dtype=str), pd.Series(dtype=bool))
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=90)
    return rising_words(cases["words"], pd.to_datetime(cases["opened_on"]) >= since)


def _poor_limit(tables: Tables, share: float) -> float | None:
    """Return the highest answer that counts as a problem; None where nothing measures it."""
    if "surveys" not in tables or not tables.items or "csat" not in scale_map(tables):
        return None
    return poor_limit(scale_map(tables)["csat"], share)


def _iceberg(tables: Tables, limit: float | None, level: float) -> tuple[dict[str, Estimate], str]:
    """Of the last year: how many customers, poor answers and complainers there were."""
    if limit is None:
        return {}, "no survey measures satisfaction, so the silent cannot be counted"
    scale = scale_map(tables)["csat"]
    answers = build_dissatisfied(tables, scale, days=1)
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=365)
    answers = answers[pd.to_datetime(answers["answered_on"]) >= since]
    counts = tables.query(
        "select count(distinct customer_id) as customers, count(distinct case when customer_id in"
        " (select customer_id from complaints where opened_on >= {{ since | literal }})"
        " then customer_id end) as complained from contracts"
        " where ended_on is null or ended_on >= {{ since | literal }}",
        since=since.date(),
    )
    customers, complained = (int(counts[name].iloc[0]) for name in ("customers", "complained"))
    poor = int((answers["score"] <= limit).sum())
    if min(poor, complained) < 1 or len(answers) < tables.minimum_n:
        return {}, "too few answers or complaints in the last year to count the silent"
    found = iceberg(
        customers=customers,
        asked=len(answers),
        dissatisfied=poor,
        complained=complained,
        level=level,
    )
    rate = found["complaint_rate"].value
    if rate is None or rate >= 1:
        return {}, (
            f"the iceberg is not shown: more customers complained ({complained:,}) than answers of "
            f"{limit:g} or less would make dissatisfied, so that limit does not count the "
            "problems; see the silent share"
        )
    return found, ""


def _numbers(
    ladder: pd.DataFrame,
    hazard: HandlingHazard | None,
    closing: pd.DataFrame,
    repeats: pd.DataFrame,
    again: Estimate,
    worth: HandlingWorth | None,
) -> dict[str, Estimate]:
    numbers = {}
    for rung, row in ladder.iterrows():
        numbers[f"retained: {rung}"] = row["retained"]
        numbers[f"standardised: {rung}"] = row["standardised"]
    if hazard is not None:
        states = hazard.states["hazard_ratio"]
        numbers |= {f"hazard_ratio: {state}": shown for state, shown in states.items()}
        numbers |= {f"hazard_ratio: {name}": e for name, e in hazard.contrasts.items()}
    numbers["closed_within_target"] = closing["within_target"].iloc[0]
    numbers |= {f"complained_again: {e}": shown for e, shown in repeats["share"].items()}
    numbers["complained_again_ratio"] = again
    if worth is not None:
        for change, row in worth.table.iterrows():
            numbers[f"margin_per_case: {change}"] = row["margin_per_case"]
            numbers[f"net: {change}"] = row["net"]
    return numbers


def _cautions(
    ladder: pd.DataFrame,
    cases: pd.DataFrame,
    worth: HandlingWorth | None,
    topics: pd.DataFrame,
    failures: tuple[str, ...],
    naive: bool,
) -> tuple[str, ...]:
    found = [
        "The published 9, 19, 54 and 82 % are what people with a problem SAY they will do (losses "
        "above 100 dollars); the rungs here are what customers did. They need not agree.",
        "Customers who left before the landmark are in no rung "
        f"({int(ladder['left_before'].sum()):,} problems); the hazard by state counts them.",
        "Who is resolved, and how soon, was not drawn by lot: rungs and ratios are associations.",
    ]
    if int(ladder["problems"][_LOG]):
        found.append(
            "Those who did not complain are known from poor answers to a survey only; who neither "
            "complains nor answers is not in the ladder."
        )
    if unknown := int((cases["ending"] == "outcome unknown").sum()):
        found.append(f"{unknown:,} closed cases state no outcome; they are on no rung.")
    if worth is not None:
        found += list(worth.assumptions)
    news = (
        topics[(topics["signal"] == 1) & topics["recent"].astype(bool)] if len(topics) else topics
    )
    for category, part in news.groupby("category"):
        found.append(
            f"Complaints about {category} rose beyond their control limits lately "
            f"({int(part['cases'].sum()):,} cases)."
        )
    found += [f"{text[0].upper()}{text[1:]}." for text in failures if text]
    if naive:
        found.insert(0, IMMORTAL)
    return tuple(found)
