"""Where does service fall short of what was expected: SERVQUAL, and why its difference misleads."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, benjamini_hochberg
from retention.features import Scale, build_scales, scale_map
from retention.models import (
    MeanEstimate,
    ResponseSurface,
    ResponseSurfaceFit,
    clustered_mean,
)

__all__ = ["ServiceGaps", "service_gaps"]

_PREFIX = "service_"
_SIDES = ("expectation", "perception")
_ZONE = ("adequate", "desired")
_MATCH_DAYS = 120


@dataclass(frozen=True, eq=False, kw_only=True)
class ServiceGaps:
    """Answer of `service_gaps`.

    Parameters
    ----------
    dimensions : DataFrame
        One row a dimension: ``n``, ``expectation``, ``perception``, ``gap`` (perception less
        expectation) with ``gap_low``, ``gap_high``, ``p_adjusted``, ``weight`` (shares that sum to
        1), ``weighted_gap``; and where the levels were asked ``adequate``, ``desired``,
        ``above_adequate``, ``below_desired`` (zone of tolerance).
    groups : DataFrame
        One row a group and dimension: ``by``, ``group``, ``dimension``, ``n``, ``gap``, ends.
    surface : ResponseSurfaceFit or None
        Satisfaction over expectation and perception; None where satisfaction was not asked.
    performance : float
        SERVPERF: weighted perception, as a share of the scale from 0 to 100.
    """

    dimensions: pd.DataFrame
    groups: pd.DataFrame
    surface: ResponseSurfaceFit | None
    performance: float
    low: float
    high: float
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a dimension."""
        return self.dimensions

    def estimates(self) -> dict[str, Estimate]:
        """Return the overall weighted gap, SERVPERF, and the gap of each dimension."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what a difference score hides, and who answered."""
        return self.warnings

    def headline(self) -> str:
        """Return the overall gap and the dimension that falls shortest."""
        overall = self.numbers["servqual_gap"]
        if not overall.shown:
            return f"The service gap is not shown: {overall.why}."
        worst = str(self.dimensions["weighted_gap"].idxmin())
        return (
            f"Perception less expectation, weighted by importance, is {overall}; the largest "
            f"weighted gap is that of {worst}: {self.numbers[f'gap: {worst}']}."
        )


def service_gaps(
    tables: Tables,
    *,
    by: Sequence[str] = ("segment",),
    instrument: str = "",
    level: float = 0.95,
) -> ServiceGaps:
    """Compare perception with expectation by dimension, weighted, and test what the gap hides.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` whose items are mapped to ``service_expectation`` and
        ``service_perception`` with a dimension; optional ``service_weight`` (points summing to
        100), ``service_adequate`` and ``service_desired``.
    by : sequence of str
        Columns of ``customers``, or branch, by which gaps are compared.
    instrument : str
        Only this questionnaire.
    level : float
        Level of intervals.

    Returns
    -------
    ServiceGaps

    Raises
    ------
    ParameterError
        If no dimension has both sides, or they were asked on different scales.
    NotEnoughDataError
        If nobody answered both sides of a dimension.
    """
    wanted = [_PREFIX + name for name in (*_SIDES, "weight", *_ZONE)]
    answers, scales = _answers(tables, wanted, instrument)
    names = _dimensions(scales)
    gaps = pd.DataFrame(
        {d: answers[f"perception: {d}"] - answers[f"expectation: {d}"] for d in names}
    )
    if gaps.notna().any(axis=1).sum() < 2:
        raise NotEnoughDataError("fewer than 2 customers answered both sides of a dimension")
    weights = _weights(answers, names)
    minimum = max(2, tables.minimum_n)
    table = _table(answers, gaps, weights, names, minimum, level)
    overall = (gaps * weights).sum(axis=1, skipna=False).dropna()
    first = scales[f"perception: {names[0]}"]
    performance = answers[[f"perception: {d}" for d in names]].set_axis(names, axis=1) * weights
    index = (performance.sum(axis=1, skipna=False).dropna() - first.low) / (first.high - first.low)
    surface, why = _surface(tables, answers, names, first)
    numbers = _numbers(answers, overall, 100 * index, table, gaps, minimum, level)
    if surface is not None:
        numbers |= _surface_numbers(surface, level)
    return ServiceGaps(
        dimensions=table, groups=_groups(answers, gaps, by, minimum, level), surface=surface,
        performance=float(100 * index.mean()), low=first.low, high=first.high, numbers=numbers,
        warnings=_cautions(surface, why, answers, weights.name == "equal"), level=level,
    )  # fmt: skip


def _answers(
    tables: Tables, wanted: list[str], instrument: str
) -> tuple[pd.DataFrame, dict[str, Scale]]:
    """Return the scores by construct and dimension, under names without their prefix."""
    known = scale_map(tables, instrument=instrument)
    names = [n for n, s in known.items() if s.construct in wanted and s.dimension]
    missing = [
        side for side in _SIDES if all(known[n].construct != f"{_PREFIX}{side}" for n in names)
    ]
    if missing:
        raise ParameterError(
            f"no item measures {' or '.join(_PREFIX + m for m in missing)} with a dimension; map "
            "them in [items]"
        )
    answers = build_scales(tables, constructs=names, instrument=instrument)
    answers = answers.rename(columns={n: n.removeprefix(_PREFIX) for n in names})
    scales = {n.removeprefix(_PREFIX): known[n] for n in names}
    scores = [n for n in scales if n.startswith(_SIDES)]
    return answers[answers[scores].notna().any(axis=1)], scales


def _dimensions(scales: dict[str, Scale]) -> list[str]:
    names = [s.dimension for n, s in scales.items() if n.startswith("perception: ")]
    names = [d for d in names if f"expectation: {d}" in scales]
    if not names:
        raise ParameterError("no dimension was asked both as expectation and as perception")
    for d in names:
        a, b = scales[f"expectation: {d}"], scales[f"perception: {d}"]
        if (a.low, a.high) != (b.low, b.high):
            raise ParameterError(
                f"{d} was asked on {a.low:g} to {a.high:g} as expectation and {b.low:g} to "
                f"{b.high:g} as perception; a gap needs one scale"
            )
    return names


def _weights(answers: pd.DataFrame, names: list[str]) -> pd.Series:
    """Mean points of those whose points sum to 100 (within rounding); equal if none were asked."""
    columns = [f"weight: {d}" for d in names]
    if not set(columns) <= set(answers.columns):
        return pd.Series(1 / len(names), index=names, name="equal")
    points = answers[columns].dropna()
    total = points.sum(axis=1)
    points = points[(total - 100).abs() <= 2]
    if points.empty:
        return pd.Series(1 / len(names), index=names, name="equal")
    mean = points.div(points.sum(axis=1), axis=0).mean()
    return pd.Series(mean.to_numpy(), index=names, name="stated")


def _mean(values: pd.Series, answers: pd.DataFrame) -> MeanEstimate:
    known = values.dropna()
    return clustered_mean(known, answers.loc[known.index, "customer_id"])


def _table(
    answers: pd.DataFrame,
    gaps: pd.DataFrame,
    weights: pd.Series,
    names: list[str],
    minimum: int,
    level: float,
) -> pd.DataFrame:
    rows, p = {}, []
    for d in names:
        pair = gaps[d].dropna()
        row = {"n": len(pair), **dict.fromkeys(("expectation", "perception", "gap", "gap_low",
               "gap_high"), np.nan), "weight": float(weights[d])}  # fmt: skip
        p.append(np.nan)
        if answers.loc[pair.index, "customer_id"].nunique() >= minimum:
            for side in _SIDES:
                row[side] = float(answers.loc[pair.index, f"{side}: {d}"].mean())
            gap = _mean(gaps[d], answers)
            row["gap"], (row["gap_low"], row["gap_high"]) = gap.value, gap.interval(level)
            p[-1] = gap.p_value
            row |= _zone(answers, d)
        row["weighted_gap"] = row["gap"] * float(weights[d])
        rows[d] = row
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("dimension")
    tested = np.isfinite(p)
    table["p_adjusted"] = np.nan
    table.loc[tested, "p_adjusted"] = benjamini_hochberg(np.asarray(p)[tested])
    return table


def _zone(answers: pd.DataFrame, d: str) -> dict[str, float]:
    """Zone of tolerance: how far perception lies above adequate and below desired."""
    if not {f"{level}: {d}" for level in _ZONE} <= set(answers.columns):
        return {}
    part = answers[[f"perception: {d}", *(f"{level}: {d}" for level in _ZONE)]].dropna()
    perceived, adequate, desired = (part[c] for c in part)
    return {
        "adequate": float(adequate.mean()),
        "desired": float(desired.mean()),
        "above_adequate": float((perceived - adequate).mean()),
        "below_desired": float((perceived - desired).mean()),
        "within_zone": float(((perceived >= adequate) & (perceived <= desired)).mean()),
    }


def _groups(
    answers: pd.DataFrame, gaps: pd.DataFrame, by: Sequence[str], minimum: int, level: float
) -> pd.DataFrame:
    rows = []
    for key in [by] if isinstance(by, str) else by:
        if key not in answers:
            continue
        for group, part in gaps.groupby(answers[key]):
            for d in gaps:
                known = part[d].dropna()
                ends = (np.nan, np.nan, np.nan)
                if answers.loc[known.index, "customer_id"].nunique() >= minimum:
                    gap = _mean(part[d], answers)
                    ends = (gap.value, *gap.interval(level))
                rows.append((key, group, d, len(known), *ends))
    columns = ["by", "group", "dimension", "n", "gap", "gap_low", "gap_high"]
    return pd.DataFrame(rows, columns=columns)


def _surface(
    tables: Tables, answers: pd.DataFrame, names: list[str], scale: Scale
) -> tuple[ResponseSurfaceFit | None, str]:
    """Fit satisfaction over mean expectation and perception, as it was asked nearest in time."""
    asked = [name for name in ("csat", "satisfaction") if name in scale_map(tables)]
    if not asked:
        return None, "overall satisfaction was not asked"
    table = nearest_scores(tables, answers, asked)
    outcome = str(table[asked].notna().sum().idxmax())
    pairs = pd.DataFrame(
        {
            "customer_id": table["customer_id"],
            "S": table[outcome],
            **{s: table[[f"{s}: {d}" for d in names]].mean(axis=1) for s in _SIDES},
        }
    ).dropna()
    if pairs["customer_id"].nunique() < max(30, tables.minimum_n):
        n = pairs["customer_id"].nunique()
        return None, f"only {n} customers also answered on overall {outcome} at about the time"
    model = ResponseSurface(centre=(scale.low + scale.high) / 2)
    try:
        fit = model.fit(
            pairs["expectation"], pairs["perception"], pairs["S"], customers=pairs["customer_id"]
        )
    except NotIdentifiedError as error:
        return None, str(error)
    return fit, ""


def nearest_scores(
    tables: Tables, answers: pd.DataFrame, constructs: Sequence[str]
) -> pd.DataFrame:
    """Add scores asked elsewhere: each customer's answer nearest in time, within 120 days."""
    rest = [c for c in constructs if c not in answers]
    table = answers.copy()
    for construct in rest:
        other = build_scales(tables, constructs=[construct], attributes=[])
        other = other.dropna(subset=[construct])[["customer_id", "answered_on", construct]]
        found = pd.merge_asof(
            _dated(table).reset_index(), _dated(other), on="answered_on", by="customer_id",
            direction="nearest", tolerance=pd.Timedelta(days=_MATCH_DAYS),
        )  # fmt: skip
        table[construct] = found.set_index("response_id")[construct].reindex(table.index)
    return table


def _dated(frame: pd.DataFrame) -> pd.DataFrame:
    when = pd.to_datetime(frame["answered_on"]).astype("datetime64[ns]")
    return frame.assign(answered_on=when).sort_values("answered_on")


def _numbers(
    answers: pd.DataFrame,
    overall: pd.Series,
    index: pd.Series,
    table: pd.DataFrame,
    gaps: pd.DataFrame,
    minimum: int,
    level: float,
) -> dict[str, Estimate]:
    method = "mean of perception less expectation, paired, clustered by customer"
    numbers = {
        "servqual_gap": _mean_estimate(overall, answers, minimum, level, "points", f"{method}; "
                                       "weighted by stated importance"),
        "servperf": _mean_estimate(index, answers, minimum, level, "points of 100",
                                   "weighted perception alone, 0 to 100"),
    }  # fmt: skip
    for d in table.index:
        numbers[f"gap: {d}"] = _mean_estimate(gaps[d], answers, minimum, level, "points", method)
    return numbers


def _mean_estimate(
    values: pd.Series, answers: pd.DataFrame, minimum: int, level: float, unit: str, method: str
) -> Estimate:
    known = values.dropna()
    people = answers.loc[known.index, "customer_id"].nunique()
    if people < minimum:
        why = f"{people} customers answered, fewer than the {minimum} a number needs"
        return Estimate.withheld(why, unit=unit, n=len(known), method=method)
    mean = _mean(values, answers)
    low, high = mean.interval(level)
    return Estimate(
        value=mean.value, low=low, high=high, level=level, unit=unit, n=mean.n, method=method,
        grade="D",
    )  # fmt: skip


def _surface_numbers(surface: ResponseSurfaceFit, level: float) -> dict[str, Estimate]:
    words = {
        "a1": "slope along agreement",
        "a2": "curvature along agreement",
        "a3": "slope along disagreement",
        "a4": "curvature along disagreement",
    }
    table = surface.summary(level)
    numbers = {
        f"surface_{name}": Estimate(
            value=float(value), low=float(low), high=float(high), level=level, unit="",
            n=surface.surface.n, method=f"response surface, {words[str(name)]}", grade="C",
        )
        for name, value, low, high in zip(
            table.index, table["value"], table["low"], table["high"], strict=True
        )
    }  # fmt: skip
    for name, r2 in surface.r_squared().items():
        numbers[f"r_squared_{name}"] = Estimate(
            value=float(r2), unit="share", n=surface.surface.n, grade="D",
            method=f"explained variance of satisfaction, {name}; no interval",
        )  # fmt: skip
    return numbers


def _cautions(
    surface: ResponseSurfaceFit | None, why: str, answers: pd.DataFrame, equal: bool
) -> tuple[str, ...]:
    found = []
    if surface is not None:
        r2 = surface.r_squared()
        found.append(
            "A gap mixes two things: it is large where much is expected and where little is "
            f"delivered. As a difference it explains {100 * r2['difference']:.0f} % of "
            f"satisfaction; expectation and perception taken separately explain "
            f"{100 * r2['separate']:.0f} %, the whole surface {100 * r2['surface']:.0f} %. Judge "
            "service by perception, and read gaps as a list of where promises and delivery differ."
        )
    else:
        found.append(f"What the gap hides could not be tested: {why}.")
    if equal:
        found.append("No importance was asked (or no points summed to 100): weights are equal.")
    if off := answers.attrs.get("off_scale"):
        named = ", ".join(f"{item} ({n:,})" for item, n in off.items())
        found.append(f"Answers off the scale were left out: {named}.")
    return tuple(found)
