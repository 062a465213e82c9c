"""How satisfied are customers, where, and has it changed: CSAT and NPS that know who answered."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, wilson_interval
from retention.features import Scale, build_scales, scale_map
from retention.models import nonresponse_bounds

from .satisfaction_groups import MEASURES, group_table, wave_table
from .survey_weights import SurveyWeights, survey_weights

__all__ = ["Satisfaction", "satisfaction", "satisfied_from"]

_USUAL_GROUPS = ("segment", "region", "branch")
_LOW_RESPONSE = 0.3


@dataclass(frozen=True, eq=False, kw_only=True)
class Satisfaction:
    """Answer of `satisfaction`.

    Parameters
    ----------
    groups : DataFrame
        One row a measure and group: ``measure``, ``by``, ``group``, ``n``, ``customers``,
        ``value``, ``low``, ``high``, ``previous``, ``change``, ``change_low``, ``change_high``,
        ``p``, ``p_adjusted`` (change) and ``p_rest_adjusted`` (against all others). Shares are 0 to
        1. Cells below the minimum n are NaN. The first rows are for all.
    waves : DataFrame
        One row a measure and wave: ``wave``, ``measure``, ``n``, ``value``, ``low``, ``high``.
    rates : DataFrame
        Response rates by margin and category.
    current, previous : tuple of str
        The waves compared.
    satisfied_from : float
        Answers from here on count as satisfied.
    weights : SurveyWeights
        Of the current waves.
    """

    groups: pd.DataFrame
    waves: pd.DataFrame
    rates: pd.DataFrame
    current: tuple[str, ...]
    previous: tuple[str, ...]
    satisfied_from: float
    weights: SurveyWeights
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a measure and group."""
        return self.groups

    def estimates(self) -> dict[str, Estimate]:
        """Return CSAT, mean and NPS for all, their changes, bounds, and the groups shown."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know about who answered."""
        return self.warnings

    def headline(self) -> str:
        """Return share satisfied, NPS and their change in one sentence."""
        parts = []
        for name, words in (("csat", "are satisfied"), ("nps", "is the net promoter score")):
            found = self.numbers.get(name)
            if found is None:
                continue
            parts.append(f"{found} {words}" if found.shown else f"{name} is {found}")
        name = "csat" if "csat" in self.numbers else "nps"
        change = self.numbers.get(f"{name}_change")
        tail = ""
        if change is not None and change.shown:
            tail = f"; change of {name} against {_span(self.previous)}: {change}"
        return f"In {_span(self.current)}, {' and '.join(parts)}{tail}."


def satisfaction(
    tables: Tables,
    *,
    by: Sequence[str] | None = None,
    waves: int = 1,
    instrument: str = "",
    weighted: bool = True,
    level: float = 0.95,
) -> Satisfaction:
    """Estimate CSAT and NPS of the latest waves, for all and by group, and their change.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` whose items the project maps to ``csat`` or ``nps``; ``customers`` for
        groups; ``invitations`` for response rates and weights.
    by : sequence of str, optional
        Columns of ``customers``, or branch; segment, region and branch where known.
    waves : int
        How many of the last waves are taken together, and compared with as many before.
    instrument : str
        The questionnaire; by default the one that asked most often.
    weighted : bool
        Whether to weight respondents to those invited.
    level : float
        Level of intervals.

    Returns
    -------
    Satisfaction

    Raises
    ------
    MissingTableError, ParameterError, NotEnoughDataError
        If there are no surveys, no item is csat or nps, or nobody answered.
    """
    scales, instrument = _asked(tables, instrument)
    if waves < 1:
        raise ParameterError(f"waves must be 1 or more, got {waves}")
    answers = build_scales(tables, constructs=list(scales), instrument=instrument)
    answers = answers.dropna(subset=list(scales), how="all")
    if answers.empty:
        raise NotEnoughDataError("every answer is missing or lies off its scale")
    order = list(answers.groupby("wave")["answered_on"].min().sort_values().index)
    current, previous = tuple(order[-waves:]), tuple(order[-2 * waves : -waves])
    earlier = [c for s in scales.values() for c in s.columns][:1] if weighted else []
    parts, of_current = [], None
    for chosen in (current, previous):
        found = survey_weights(
            tables, answers, instrument=instrument, earlier=earlier, waves=chosen
        ) if chosen else None  # fmt: skip
        of_current = of_current or found
        if found is not None:
            weight = found.weights if weighted else found.weights * 0 + 1
            parts.append(answers.loc[found.weights.index].assign(weight=weight))
    assert of_current is not None
    before = parts[1] if len(parts) > 1 else answers.iloc[:0].assign(weight=1.0)
    threshold = satisfied_from(scales["csat"]) if "csat" in scales else float("nan")
    now, before = (_measured(part, scales, threshold) for part in (parts[0], before))
    groups = group_table(now, before, _keys(now, by), tables.minimum_n, level)
    numbers = _numbers(groups, of_current, scales, tables.minimum_n, level, weighted, now)
    return Satisfaction(
        groups=groups,
        waves=wave_table(_measured(answers.assign(weight=1.0), scales, threshold), order,
                       tables.minimum_n, level),
        rates=of_current.rates, current=current, previous=previous, satisfied_from=threshold,
        weights=of_current, numbers=numbers, level=level,
        warnings=_cautions(of_current, groups, answers, tables.minimum_n, weighted),
    )  # fmt: skip


def satisfied_from(scale: Scale) -> float:
    """Return the lowest answer that counts as satisfied: in the upper quarter of the scale.

    4 of 1 to 5, 6 of 1 to 7, 8 of 1 to 10.
    """
    return float(np.ceil(scale.low + 0.75 * (scale.high - scale.low)))


def _asked(tables: Tables, instrument: str) -> tuple[dict[str, Scale], str]:
    known = scale_map(tables, instrument=instrument)
    scales: dict[str, Scale] = {n: known[n] for n in ("csat", "nps") if n in known}
    if not scales:
        raise ParameterError(
            f"no item measures csat or nps; the surveys measure {', '.join(known) or 'nothing'}"
        )
    if "nps" in scales and (scales["nps"].low, scales["nps"].high) != (0, 10):
        raise ParameterError(
            "the net promoter score is defined on 0 to 10; map the item to csat if it was asked on "
            f"{scales['nps'].low:g} to {scales['nps'].high:g}"
        )
    if not instrument:
        every = build_scales(tables, constructs=list(scales), attributes=[])
        instrument = str(every["instrument"].mode().iloc[0])
        scales = {n: s for n, s in scale_map(tables, instrument=instrument).items() if n in scales}
    return scales, instrument


def _measured(answers: pd.DataFrame, scales: dict[str, Scale], threshold: float) -> pd.DataFrame:
    """Add one column a measure: 0 or 1, points, and -100, 0 or 100."""
    table = answers.copy()
    if "csat" in scales:
        table["csat_mean"] = table["csat"]
        table["csat"] = (table["csat_mean"] >= threshold).where(table["csat_mean"].notna())
        table["csat"] = table["csat"].astype(float)
    if "nps" in scales:
        score = table["nps"]
        table["nps"] = (100.0 * ((score >= 9).astype(int) - (score <= 6))).where(score.notna())
    return table


def _keys(answers: pd.DataFrame, by: Sequence[str] | None) -> list[str]:
    known = [c for c in answers.columns if c not in ("customer_id", "answered_on", "weight")]
    wanted = _USUAL_GROUPS if by is None else ([by] if isinstance(by, str) else list(by))
    if by is not None and (unknown := [name for name in wanted if name not in known]):
        raise ParameterError(f"answers are not known by {', '.join(unknown)}")
    return [name for name in wanted if name in known and answers[name].notna().any()]


def _numbers(
    groups: pd.DataFrame,
    weights: SurveyWeights,
    scales: dict[str, Scale],
    minimum_n: int,
    level: float,
    weighted: bool,
    now: pd.DataFrame,
) -> dict[str, Estimate]:
    raked = weighted and weights.fit is not None
    how = f"raked to the invited on {', '.join(weights.margins)}" if raked else "unweighted"
    numbers: dict[str, Estimate] = {}
    for row in groups.to_dict("records"):
        name = str(row["measure"]) if row["by"] == "all" else (
            f"{row['measure']}: {row['by']} {row['group']}"
        )  # fmt: skip
        numbers[name] = _estimate(row, "value", "low", "high", how, minimum_n, level)
        if row["by"] == "all" and not np.isnan(row["change"]):
            paired = f"{how}; change with customers of both waves paired"
            numbers[f"{name}_change"] = _estimate(
                row, "change", "change_low", "change_high", paired, minimum_n, level
            )
    if weights.invited:
        low, high = wilson_interval(weights.answered, weights.invited, level)
        numbers["response_rate"] = Estimate(
            value=weights.response_rate, low=low, high=high, level=level, unit="share",
            n=weights.invited, events=weights.answered, method="answered of invited, Wilson",
            grade="D",
        )  # fmt: skip
        numbers |= _bounds(weights, scales, now)
    return numbers


_METHODS = {
    "csat": "share satisfied, Wilson with effective n",
    "csat_mean": "mean score, t interval clustered by customer",
    "nps": "net promoter score, adjusted Wald with effective n",
}


def _estimate(
    row: Mapping[Any, Any],
    value: str,
    low: str,
    high: str,
    how: str,
    minimum_n: int,
    level: float,
) -> Estimate:
    measure, n = str(row["measure"]), int(str(row["n"]))
    unit, method = MEASURES[measure], f"{_METHODS[measure]}; {how}"
    got = [float(str(row[key])) for key in (value, low, high)]
    if np.isnan(got[0]):
        why = f"{row['customers']} customers answered, fewer than the {minimum_n} a number needs"
        return Estimate.withheld(why, unit=unit, n=n, method=method)
    if value == "change" and unit == "share":
        unit, got = "percentage points", [100 * x for x in got]
    return Estimate(
        value=got[0], low=got[1], high=got[2], level=level, unit=unit, n=n, method=method,
        grade="D",
    )  # fmt: skip


def _bounds(
    weights: SurveyWeights, scales: dict[str, Scale], now: pd.DataFrame
) -> dict[str, Estimate]:
    """Return CSAT if all the silent were dissatisfied, or all satisfied: no assumption at all."""
    if "csat" not in scales or not 0 < weights.response_rate <= 1:
        return {}
    mean = float(now["csat"].mean())
    low, high = nonresponse_bounds(mean, weights.response_rate, 0.0, 1.0)
    return {
        f"csat_if_silent_{name}": Estimate(
            value=end, unit="share", n=weights.invited, grade="D",
            method=f"all who did not answer {words}; a bound, not an estimate",
        )
        for name, end, words in (("worst", low, "dissatisfied"), ("best", high, "satisfied"))
    }  # fmt: skip


def _cautions(
    weights: SurveyWeights,
    groups: pd.DataFrame,
    answers: pd.DataFrame,
    minimum_n: int,
    weighted: bool,
) -> tuple[str, ...]:
    found = []
    rate = weights.response_rate
    if weights.invited and rate < _LOW_RESPONSE:
        found.append(
            f"Only {100 * rate:.0f} % of those invited answered; the bounds show what silence "
            "could hide."
        )
    if weighted and weights.fit is None:
        found.append(f"Answers are not weighted for non-response: {weights.why}.")
    elif weighted and weights.fit is not None:
        effect = weights.fit.design_effect
        found.append(
            f"Answers are weighted on {', '.join(weights.margins)} (Kish effect {effect:.2f}, "
            f"{weights.fit.trimmed} weights trimmed). Weights mend only what these explain: within "
            "a group, the silent are taken to think like those who spoke."
        )
    hidden = groups[(groups["by"] != "all") & groups["value"].isna()]
    if len(hidden):
        found.append(
            f"{hidden[['by', 'group']].drop_duplicates().shape[0]} groups had fewer than "
            f"{minimum_n} customers who answered and are not shown."
        )
    if off := answers.attrs.get("off_scale"):
        named = ", ".join(f"{item} ({n:,})" for item, n in off.items())
        found.append(f"Answers off the scale were left out: {named}.")
    return tuple(found)


def _span(waves: tuple[str, ...]) -> str:
    if not waves:
        return "no earlier wave"
    return waves[0] if len(waves) == 1 else f"{waves[0]} to {waves[-1]}"
