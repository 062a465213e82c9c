"""Fair appraisal: what a branch or employee would score with endless answers, and how sure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_quantile
from retention.features import build_scales, scale_map
from retention.models import (
    CrossedEffects,
    CrossedEffectsFit,
    OneWayEffects,
    OneWayEffectsFit,
)

__all__ = ["Appraisal", "appraisal"]

_FLOOR = 0.6
_SURE = 0.9
_PLURAL = {"branch": "branches", "employee_id": "employees", "department": "departments"}


@dataclass(frozen=True, eq=False, kw_only=True)
class Appraisal:
    """Answer of `appraisal`.

    Parameters
    ----------
    units : DataFrame
        One row a unit: ``n``, ``customers``, ``raw_mean``, ``score`` (shrunken), ``low``, ``high``,
        ``p_below`` (probability of lying below the benchmark), ``reliability``, ``verdict``
        (below, above, within, no verdict) and funnel limits ``funnel_low``, ``funnel_high`` at 99.8
        % round the mean.
    unit : str
        What is appraised.
    benchmark : float
        What it is compared with.
    fit : OneWayEffectsFit or CrossedEffectsFit
        The model of the ratings.
    floor : float
        No verdict below this reliability.
    """

    units: pd.DataFrame
    unit: str
    benchmark: float
    fit: OneWayEffectsFit | CrossedEffectsFit
    floor: float
    scale: tuple[float, float]
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a unit, the lowest score first."""
        return self.units

    def estimates(self) -> dict[str, Estimate]:
        """Return the mean, how many units have a verdict, and the scores that have one."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what must not be done with the scores."""
        return self.warnings

    def headline(self) -> str:
        """Return how many units can be judged at all, and how many lie below."""
        counts = self.units["verdict"].value_counts()
        total, silent = len(self.units), int(counts.get("no verdict", 0))
        return (
            f"Of {total} {_PLURAL[self.unit]}, {total - silent} have enough ratings for a verdict: "
            f"{int(counts.get('below', 0))} below the benchmark of {self.benchmark:.2f}, "
            f"{int(counts.get('above', 0))} above; the mean rating is "
            f"{self.numbers['mean_rating']}."
        )


def appraisal(
    tables: Tables,
    *,
    unit: str = "branch",
    construct: str = "service_rating",
    benchmark: float | None = None,
    floor: float = _FLOOR,
    level: float = 0.95,
) -> Appraisal:
    """Appraise branches, departments or employees from ratings, by shrinkage.

    Where customers rate more than one unit, severe and lenient customers are told apart from good
    and bad units (crossed random effects).

    Parameters
    ----------
    tables : Tables
        With ``surveys``; ``employees`` for departments.
    unit : str
        ``branch``, ``employee_id`` or ``department``.
    construct : str
        The scale; ``csat`` is taken where it was not asked.
    benchmark : float, optional
        On the scale; the mean of all if not given.
    floor : float
        Reliability below which no verdict is given.
    level : float
        Level of intervals.

    Returns
    -------
    Appraisal

    Raises
    ------
    ParameterError
        If the unit is not known in the answers.
    NotEnoughDataError
        If there are too few units or ratings.
    """
    ratings, scale, construct = _ratings(tables, unit, construct)
    fit = _fit(ratings, unit)
    mark = fit.mean if benchmark is None else float(benchmark)
    table = fit.summary(mark, level)
    table.insert(1, "customers", ratings.groupby(unit)["customer_id"].nunique())
    table["verdict"] = _verdicts(table, floor, tables.minimum_n)
    spread = np.sqrt(fit.sd_residual**2 + getattr(fit, "sd_rater", 0.0) ** 2)
    half = normal_quantile(0.998) * spread / np.sqrt(table["n"])
    table["funnel_low"] = (fit.mean - half).clip(scale[0], scale[1])
    table["funnel_high"] = (fit.mean + half).clip(scale[0], scale[1])
    return Appraisal(
        units=table, unit=unit, benchmark=mark, fit=fit, floor=floor, scale=scale, level=level,
        numbers=_numbers(table, fit, unit, construct, tables.minimum_n, floor, level),
        warnings=_cautions(table, fit, unit, floor),
    )  # fmt: skip


def _ratings(
    tables: Tables, unit: str, construct: str
) -> tuple[pd.DataFrame, tuple[float, float], str]:
    known = scale_map(tables)
    if construct not in known and construct == "service_rating" and "csat" in known:
        construct = "csat"
    answers = build_scales(tables, constructs=[construct], attributes=[])
    answers = answers.rename(columns={construct: "rating"})
    if unit == "department":
        tables.require("employees", needed_for="appraisal of departments")
        staff = tables.query("select employee_id, department from employees order by employee_id")
        answers["department"] = answers["employee_id"].map(
            staff.set_index("employee_id")["department"]
        )
    if unit not in ("branch", "employee_id", "department") or answers[unit].notna().sum() == 0:
        raise ParameterError(
            f"ratings are not known by {unit}; appraise branch, employee_id or department, and "
            "fill the column in surveys"
        )
    scale = answers.attrs["scales"][construct]
    return answers.dropna(subset=["rating", unit]), (scale.low, scale.high), construct


def _fit(ratings: pd.DataFrame, unit: str) -> OneWayEffectsFit | CrossedEffectsFit:
    if ratings[unit].nunique() < 2:
        raise NotEnoughDataError(
            f"ratings of {ratings[unit].nunique()} {unit} only; a comparison needs 2"
        )
    several = ratings.groupby("customer_id")[unit].nunique()
    if (several > 1).sum() >= 20:
        return CrossedEffects().fit(ratings, score="rating", group=unit, rater="customer_id")
    # where each customer knows one unit only, a customer counts once
    own = ratings.groupby([unit, "customer_id"])["rating"].mean().reset_index()
    return OneWayEffects().fit(own, score="rating", group=unit)


def _verdicts(table: pd.DataFrame, floor: float, minimum_n: int) -> pd.Series:
    judged = (table["reliability"] >= floor) & (table["customers"] >= minimum_n)
    verdict = np.select(
        [~judged, table["p_below"] > _SURE, table["p_below"] < 1 - _SURE],
        ["no verdict", "below", "above"],
        "within",
    )
    return pd.Series(verdict, index=table.index)


def _numbers(
    table: pd.DataFrame,
    fit: OneWayEffectsFit | CrossedEffectsFit,
    unit: str,
    construct: str,
    minimum_n: int,
    floor: float,
    level: float,
) -> dict[str, Estimate]:
    n = int(table["n"].sum())
    half = normal_quantile(level) * fit.mean_se
    crossed = isinstance(fit, CrossedEffectsFit)
    method = f"{construct}, REML shrinkage" + (", severity of raters taken out" if crossed else "")
    numbers = {
        "mean_rating": Estimate(
            value=fit.mean, low=fit.mean - half, high=fit.mean + half, level=level, unit="points",
            n=n, method=f"{method}; mean of all", grade="D",
        ),
        "true_spread": Estimate(
            value=fit.sd_group, unit="points", n=len(table), grade="D",
            method=f"{method}; standard deviation between {_PLURAL[unit]}; no interval",
        ),
    }  # fmt: skip
    for name, row in table.iterrows():
        why = ""
        if row["customers"] < minimum_n:
            why = f"{int(row['customers'])} customers rated, fewer than {minimum_n}"
        elif row["verdict"] == "no verdict":
            why = f"reliability {row['reliability']:.2f} is below {floor:g}"
        key = f"score: {name}"
        if why:
            numbers[key] = Estimate.withheld(why, unit="points", n=int(row["n"]), method=method)
        else:
            numbers[key] = Estimate(
                value=row["score"], low=row["low"], high=row["high"], level=level, unit="points",
                n=int(row["n"]), method=method, grade="C",
            )  # fmt: skip
    return numbers


def _cautions(
    table: pd.DataFrame, fit: OneWayEffectsFit | CrossedEffectsFit, unit: str, floor: float
) -> tuple[str, ...]:
    found = [
        "Raw means are shown for comparison only: the lowest and highest of them are mostly those "
        "with few answers. Judge by the shrunken score and its probability."
    ]
    if not isinstance(fit, CrossedEffectsFit):
        found.append(
            f"Customers rate one of the {_PLURAL[unit]} each, so severe customers cannot be told "
            "from poor service."
        )
    silent = int((table["verdict"] == "no verdict").sum())
    if silent:
        found.append(
            f"{silent} of {len(table)} get no verdict: too few ratings, or a reliability below "
            f"{floor:g}. That says nothing about them."
        )
    if fit.sd_group == 0:
        found.append("No difference between the units is visible beyond chance.")
    return tuple(found)
