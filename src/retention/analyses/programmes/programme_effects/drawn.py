"""A programme drawn by lot: those drawn against those not drawn."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.estimates import Estimate, Grade
from retention.features import build_programme_trials
from retention.models import RandomisedComparison, WeightedSurvival

from .effect import (
    ProgrammeEffect,
    check_arms,
    mean_stay,
    money_word,
    put_together,
    satisfaction_gain,
)
from .hazard import hazard_of_trials

__all__ = ["randomised"]


def randomised(
    tables: Tables, name: str, programme: pd.Series, *, horizon: int, level: float,
    replicates: int, rng: np.random.Generator,
) -> ProgrammeEffect:  # fmt: skip
    """Compare those drawn with those not drawn, from the day of the draw."""
    trials = build_programme_trials(tables, name, horizon=horizon, drawn=True)
    check_arms(trials, tables.minimum_n)
    spec = WeightedSurvival(horizon=horizon, replicates=replicates, level=level)
    curve = spec.fit(trials[["entry", "duration", "event", "treated"]], rng)
    numbers = [c for c in ("tenure", "money_before", "complaints_before") if c in trials]
    numbers = [c for c in numbers if trials[c].std() > 0]
    compared = RandomisedComparison(before=tuple(numbers)).fit(
        trials.assign(outcome=trials["retained"].astype(float))
    )
    uneven = compared.imbalance.abs().max() if numbers else 0.0
    grade: Grade = "A" if uneven < 0.25 else "B"
    n, events = len(trials), int(trials["event"].sum())
    low, high = compared.interval(level)
    retained = Estimate(
        value=compared.difference, low=low, high=high, level=level, unit="share", n=n,
        events=events, grade=grade,
        method=f"difference of the share still here after {horizon} {tables.window.unit}s, CUPED",
    )  # fmt: skip
    money = _money_randomised(trials, tables, horizon, level, grade, numbers)
    cautions = []
    if grade == "B":
        cautions.append(
            f"{name}: the arms of the draw differ by {uneven:.2f} standard deviations in what was "
            "known before; ask whether it was a draw."
        )
    return put_together(
        tables, programme, "randomised", retained, money,
        stay=mean_stay(curve, tables, level, grade, "Kaplan-Meier"),
        hazard=hazard_of_trials(trials, tables, horizon, level, grade, ()),
        satisfaction=satisfaction_gain(trials, level, grade, "randomised", n),
        checks=compared.imbalance.rename("standardised difference").to_frame(),
        curves=curve.table, horizon=horizon, cautions=tuple(cautions),
    )  # fmt: skip


def _money_randomised(
    trials: pd.DataFrame, tables: Tables, horizon: int, level: float, grade: Grade,
    before: list[str],
) -> Estimate:  # fmt: skip
    unit = f"{tables.currency} per customer"
    method = f"{money_word(tables)} within {horizon} {tables.window.unit}s, difference with CUPED"
    if "money_after" not in trials:
        return Estimate.withheld("there is no table of orders", unit=unit, n=len(trials),
                                 method=method, grade=grade)  # fmt: skip
    full = trials[trials["complete"]]
    if len(full) < len(trials):
        return Estimate.withheld(
            f"only {len(full):,} of {len(trials):,} were followed for {horizon} units", unit=unit,
            n=len(full), method=method, grade=grade,
        )  # fmt: skip
    fit = RandomisedComparison(before=tuple(before)).fit(full.assign(outcome=full["money_after"]))
    low, high = fit.interval(level)
    return Estimate(value=fit.difference, low=low, high=high, level=level, unit=unit, n=len(full),
                    method=method, grade=grade)  # fmt: skip
