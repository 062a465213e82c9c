"""What one programme does, and what it costs and returns."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, Grade
from retention.features import money_column
from retention.models import RandomisedComparison, WeightedSurvivalFit

__all__ = [
    "ProgrammeEffect",
    "check_arms",
    "mean_stay",
    "money_word",
    "put_together",
    "satisfaction_gain",
]


@dataclass(frozen=True, eq=False, kw_only=True)
class ProgrammeEffect:
    """What one programme does.

    Parameters
    ----------
    bond, design : str
        Level of the bond; how the effect was told.
    retained : Estimate
        Gain in the share retained at the horizon.
    stay : Estimate
        Gain in the mean stay up to the horizon (restricted mean), in units of time.
    money : Estimate
        Gain in margin (or revenue) an enrolled customer within the horizon.
    hazard_ratio : Estimate
        Ratio of the hazards of leaving, at the mean unit of the treated within the horizon.
    fading : Estimate
        Change of the logarithm of the hazard ratio per unit since enrolment: above 0 it fades.
    satisfaction : Estimate
        Gain in the mean answer about satisfaction.
    cost : Estimate
        A customer enrolled.
    net, payback : Estimate
        Money less cost; units of time until the money has paid the cost.
    checks : DataFrame
        Balance of covariates, or the event study.
    curves : DataFrame or None
        Share retained by units since enrolment, where the design gives one.
    enrolled : int
        Customers.
    cautions : tuple of str
    doubt : mapping of str to Estimate
        What a hidden confounder could do, where one can: ``retained_if_confounded``, ``e_value``.
    """

    bond: str
    design: str
    retained: Estimate
    stay: Estimate
    money: Estimate
    hazard_ratio: Estimate
    fading: Estimate
    satisfaction: Estimate
    cost: Estimate
    net: Estimate
    payback: Estimate
    checks: pd.DataFrame
    curves: pd.DataFrame | None
    enrolled: int
    cautions: tuple[str, ...] = field(default=())
    doubt: Mapping[str, Estimate] = field(default_factory=dict)

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record."""
        return {
            "retained": self.retained,
            "stay": self.stay,
            "money": self.money,
            "hazard_ratio": self.hazard_ratio,
            "fading": self.fading,
            "satisfaction": self.satisfaction,
            "cost": self.cost,
            "net": self.net,
            "payback": self.payback,
            **self.doubt,
        }


def check_arms(trials: pd.DataFrame, minimum: int) -> None:
    """Make sure that both arms hold enough customers."""
    treated = int(trials["treated"].sum())
    for word, count in (("enrolled", treated), ("other", len(trials) - treated)):
        if count < minimum:
            raise NotEnoughDataError(
                f"{count} {word} customers could be followed, fewer than {minimum}"
            )


def money_word(tables: Tables) -> str:
    """Return what the money of orders is called."""
    return "revenue" if money_column(tables) == "amount" else "margin"


def satisfaction_gain(
    trials: pd.DataFrame, level: float, grade: Grade, design: str, n: int
) -> Estimate:
    """Return the gain in the mean answer, adjusted for the answer before."""
    method = f"mean answer after enrolment, {design}, adjusted for the answer before"
    found = trials
    if "csat_after" in trials:
        found = trials.dropna(subset=["csat_after", "csat_before"])
    if "csat_after" not in trials or min(found["treated"].sum(), (~found["treated"]).sum()) < 20:
        return Estimate.withheld("too few answered both before and after", unit="points", n=n,
                                 method=method, grade=grade)  # fmt: skip
    # answering is a choice of its own, so even a draw gives an association here
    fit = RandomisedComparison(before=("csat_before",)).fit(
        found.assign(outcome=found["csat_after"])
    )
    low, high = fit.interval(level)
    return Estimate(
        value=fit.difference, low=low, high=high, level=level, unit="points", n=len(found),
        method=f"{method}; among those who answered", grade="C",
    )  # fmt: skip


def put_together(
    tables: Tables, programme: pd.Series, design: str, retained: Estimate, money: Estimate, *,
    stay: Estimate, hazard: tuple[Estimate, Estimate], satisfaction: Estimate,
    checks: pd.DataFrame, curves: pd.DataFrame | None, horizon: int, cautions: tuple[str, ...],
    doubt: Mapping[str, Estimate] | None = None,
) -> ProgrammeEffect:  # fmt: skip
    """Return the effect with its cost and return."""
    cost, net, payback = _returns(tables, programme, money, horizon)
    return ProgrammeEffect(
        bond=str(programme["bond"]), design=design, retained=retained, stay=stay, money=money,
        hazard_ratio=hazard[0], fading=hazard[1], satisfaction=satisfaction, cost=cost, net=net,
        payback=payback, checks=checks, curves=curves, enrolled=int(programme["customers"]),
        cautions=cautions, doubt=doubt or {},
    )  # fmt: skip


def mean_stay(
    curve: WeightedSurvivalFit, tables: Tables, level: float, grade: Grade, how: str
) -> Estimate:
    """Return the gain in the mean stay up to the horizon, from two curves."""
    low, high = curve.rmst_gap_interval
    return Estimate(
        value=curve.rmst_gap, low=min(low, curve.rmst_gap), high=max(high, curve.rmst_gap),
        level=level, unit=f"{tables.window.unit}s", n=curve.n_treated + curve.n_untreated,
        events=curve.events, grade=grade, method=(
            f"difference of restricted mean stays up to {curve.horizon} {tables.window.unit}s, "
            f"{how}, bootstrap of customers"
        ),
    )  # fmt: skip


def _returns(
    tables: Tables, programme: pd.Series, money: Estimate, horizon: int
) -> tuple[Estimate, Estimate, Estimate]:
    """Return cost, money less cost, and the time until the money has paid the cost."""
    unit, n = f"{tables.currency} per customer", int(programme["customers"])
    each = float(programme["cost_each"])
    why = "enrolments state no cost" if not np.isfinite(each) else ""
    if why:
        cost = Estimate.withheld(why, unit=unit, n=n, method="mean of enrolments")
    else:
        cost = Estimate(value=each, unit=unit, n=n, grade="D", method="mean of enrolments")
    if money.value is None:
        why = money.why
    elif money_column(tables) == "amount":
        why = "orders state no margin, and revenue is not earned"
    time = f"{tables.window.unit}s"
    if why or money.value is None or money.low is None or money.high is None:
        lost = [Estimate.withheld(why, unit=u, n=n, method=money.method, grade=money.grade)
                for u in (unit, time)]  # fmt: skip
        return cost, lost[0], lost[1]
    net = Estimate(
        value=money.value - each, low=money.low - each, high=money.high - each, level=money.level,
        unit=unit, n=money.n, grade=money.grade, method=f"{money.method}; less cost of enrolment",
    )  # fmt: skip
    if money.low <= 0:
        payback = Estimate.withheld(
            "it is not sure that it earns anything, so not that it pays back", unit=time,
            n=money.n, method=money.method, grade=money.grade,
        )  # fmt: skip
    else:
        ends = [each / (x / horizon) for x in (money.value, money.high, money.low)]
        payback = Estimate(
            value=ends[0], low=ends[1], high=ends[2], level=money.level, unit=time, n=money.n,
            grade=money.grade, method="cost over money a unit of time, as if earned evenly",
        )  # fmt: skip
    return cost, net, payback
