"""How many of the dissatisfied say nothing."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, wilson_interval
from retention.features import build_dissatisfied, build_scales, poor_limit, scale_map
from retention.models import clustered_mean

from .survey_weights import survey_weights

__all__ = ["SilentShare", "silent_share"]

_TEXTBOOK = 0.90


@dataclass(frozen=True, eq=False, kw_only=True)
class SilentShare:
    """Answer of `silent_share`.

    Parameters
    ----------
    table : DataFrame
        One row a score: ``n``, ``complained``, ``silent``, ``low``, ``high``.
    dissatisfied_to : float
        Answers up to here count as dissatisfied.
    days : int
        A complaint within so many days of the answer, before or after, breaks the silence.
    """

    table: pd.DataFrame
    dissatisfied_to: float
    days: int
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a score."""
        return self.table

    def estimates(self) -> dict[str, Estimate]:
        """Return the silent share, and how many dissatisfied stand behind one complaint."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return who is not in it."""
        return self.warnings

    def headline(self) -> str:
        """Return the silent share beside the figure of the textbooks."""
        share = self.numbers["silent_share"]
        if not share.shown:
            return f"The silent share is not shown: {share.why}."
        assert share.low is not None
        assert share.high is not None
        agrees = share.low <= _TEXTBOOK <= share.high
        verdict = "in line with" if agrees else "not in line with"
        return (
            f"Of the dissatisfied, {share} raised no complaint within {self.days} days, "
            f"{verdict} the 90 % of the textbooks."
        )


def silent_share(
    tables: Tables, *, days: int = 90, dissatisfied_to: float | None = None, level: float = 0.95
) -> SilentShare:
    """Estimate the share of the dissatisfied who did not complain near their answer.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` (an item mapped to ``csat``) and ``complaints``; ``invitations`` for
        weights.
    days : int
        How near a complaint is.
    dissatisfied_to : float, optional
        Highest answer that counts as dissatisfied; by default the lowest 40 % of the scale.
    level : float
        Level of intervals.

    Returns
    -------
    SilentShare

    Raises
    ------
    ParameterError
        If no item measures csat.
    NotEnoughDataError
        If no answer is old enough.
    """
    known = scale_map(tables)
    if "csat" not in known:
        raise ParameterError("no item measures csat; map one in [items]")
    scale = known["csat"]
    limit = dissatisfied_to
    if limit is None:
        limit = poor_limit(scale)
    answers = build_dissatisfied(tables, scale, days=days)
    if answers.empty:
        raise NotEnoughDataError(f"no answer is older than {days} days")
    answers["silent"] = (answers["complaints"] == 0).astype(float)
    answers["weight"] = _weights(tables, answers["response_id"])
    poor = answers[answers["score"] <= limit]
    share = _share(poor, tables.minimum_n, level)
    numbers = {"silent_share": share}
    if share.shown:
        assert share.value is not None
        assert share.low is not None
        assert share.high is not None
        spoken = [1 - share.value, 1 - share.high, 1 - share.low]
        open_ended = min(spoken) <= 0
        if spoken[0] > 0:
            numbers["dissatisfied_per_complaint"] = Estimate(
                value=1 / spoken[0], low=None if open_ended else 1 / spoken[2],
                high=None if open_ended else 1 / spoken[1], level=level, unit="customers",
                n=share.n, grade="D", method="one over the share who complained",
            )  # fmt: skip
    return SilentShare(
        table=_by_score(answers, tables.minimum_n, level), dissatisfied_to=limit, days=days,
        numbers=numbers, warnings=_cautions(limit, scale.low, days),
    )  # fmt: skip


def _weights(tables: Tables, responses: pd.Series) -> np.ndarray:
    scores = build_scales(tables, constructs=["csat"], attributes=[])
    instrument = str(scores["instrument"].mode().iloc[0])
    item = scores.attrs["scales"]["csat"].columns[:1]
    found = survey_weights(tables, scores, instrument=instrument, earlier=item)
    return responses.map(found.weights).fillna(1.0).to_numpy(dtype=float)


def _share(poor: pd.DataFrame, minimum_n: int, level: float) -> Estimate:
    people = poor["customer_id"].nunique()
    method = "dissatisfied answers without a case near them, weighted, Wilson with effective n"
    if people < max(2, minimum_n):
        why = f"{people} customers were dissatisfied, fewer than the {minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=len(poor), method=method)
    mean = clustered_mean(poor["silent"], poor["customer_id"], poor["weight"])
    value = min(1.0, max(0.0, mean.value))
    low, high = wilson_interval(value * mean.effective_n, mean.effective_n, level)
    return Estimate(
        value=value, low=low, high=high, level=level, unit="share", n=len(poor),
        events=int(poor["silent"].sum()), method=method, grade="D",
    )  # fmt: skip


def _by_score(answers: pd.DataFrame, minimum_n: int, level: float) -> pd.DataFrame:
    rows = []
    for score, part in answers.groupby("score"):
        found = _share(part, minimum_n, level)
        row = {"score": score, "n": len(part), "complained": int((part["silent"] == 0).sum())}
        ends = (found.value, found.low, found.high)
        row |= {k: np.nan if v is None else v for k, v in
                zip(("silent", "low", "high"), ends, strict=True)}  # fmt: skip
        rows.append(row)
    return pd.DataFrame(rows)


def _cautions(limit: float, low: float, days: int) -> tuple[str, ...]:
    return (
        f"Dissatisfied means an answer of {low:g} to {limit:g}. A complaint counts if a case was "
        f"registered within {days} days; grumbling to a driver that nobody wrote down is silence "
        "here.",
        "Whoever never answers a survey is in it only as far as the weights reach; if the silent "
        "in surveys are silent in complaints too, the true share is higher.",
    )
