"""The three designs behind `programme_effects`: by lot, by turn, by own choice."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate, Grade, normal_interval
from retention.features import (
    build_programme_trials,
    build_rollout_panel,
    money_column,
    rollout_place,
)
from retention.models import (
    BinaryRegression,
    DoublyRobust,
    DoublyRobustFit,
    GroupTimeEffects,
    GroupTimeEffectsFit,
    RandomisedComparison,
    WeightedSurvival,
    e_value,
)

__all__ = ["ProgrammeEffect", "observed", "randomised", "rolled_out"]

_CONTROLS = 5  # untreated customers kept for each treated one in a trial of the observed
_PLACES = 10  # fewer places than this, and errors clustered by place are themselves unsure


@dataclass(frozen=True, eq=False, kw_only=True)
class ProgrammeEffect:
    """What one programme does.

    Parameters
    ----------
    bond, design : str
        Level of the bond; how the effect was told.
    retained : Estimate
        Gain in the share retained at the horizon.
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
    """

    bond: str
    design: str
    retained: Estimate
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

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record."""
        return {
            "retained": self.retained,
            "money": self.money,
            "hazard_ratio": self.hazard_ratio,
            "fading": self.fading,
            "satisfaction": self.satisfaction,
            "cost": self.cost,
            "net": self.net,
            "payback": self.payback,
        }


def randomised(
    tables: Tables, name: str, programme: pd.Series, *, horizon: int, level: float,
    replicates: int, rng: np.random.Generator,
) -> ProgrammeEffect:  # fmt: skip
    """Compare those drawn with those not drawn, from the day of the draw."""
    trials = build_programme_trials(tables, name, horizon=horizon, drawn=True)
    _enough(trials, tables.minimum_n)
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
    return _effect(
        tables, programme, "randomised", retained, money,
        hazard=_hazard(trials, tables, horizon, level, grade, ()),
        satisfaction=_satisfaction(trials, level, grade, "randomised", n),
        checks=compared.imbalance.rename("standardised difference").to_frame(),
        curves=curve.table, horizon=horizon, cautions=tuple(cautions),
    )  # fmt: skip


def observed(
    tables: Tables, name: str, programme: pd.Series, *, horizon: int, level: float,
    replicates: int, rng: np.random.Generator,
) -> ProgrammeEffect:  # fmt: skip
    """Compare those who joined with like customers who had not, month by month."""
    trials = build_programme_trials(tables, name, horizon=horizon, drawn=False)
    _enough(trials, tables.minimum_n)
    all_months = trials
    trials = _thinned(trials, rng)
    covariates, groups = _covariates(trials)
    full = trials[trials["complete"]]
    _enough(full, tables.minimum_n)
    spec = DoublyRobust(covariates=covariates, groups=groups, overlap=0.005, cluster="index")
    share = spec.fit(full.assign(outcome=full["retained"].astype(float)))
    curve = WeightedSurvival(
        horizon=horizon, covariates=covariates, groups=groups, replicates=max(20, replicates // 4),
        level=level,
    ).fit(trials[["entry", "duration", "event", "treated", *covariates, *groups]], rng)  # fmt: skip
    n, events = share.n_treated + share.n_untreated, int((~full["retained"]).sum())
    low, high = share.doubly_robust.interval(level)
    worst = share.bounds(1.0, level)
    retained = Estimate(
        value=share.doubly_robust.value, low=low, high=high, level=level, unit="share", n=n,
        events=events, grade="C", method=(
            f"augmented weighting, like customers {horizon} {tables.window.unit}s on; a hidden "
            f"confounder as strong as the strongest covariate seen would widen it to "
            f"{100 * worst[0]:.1f} to {100 * worst[1]:.1f} %"
        ),
    )  # fmt: skip
    return _effect(
        tables, programme, "like customers", retained,
        _money_observed(full, tables, horizon, level, spec, n),
        hazard=_hazard(all_months, tables, horizon, level, "C", groups),
        satisfaction=_satisfaction(trials, level, "C", "like customers", n),
        checks=share.balance, curves=curve.table, horizon=horizon,
        cautions=_doubts(name, share),
    )  # fmt: skip


def rolled_out(
    tables: Tables, name: str, programme: pd.Series, *, horizon: int, level: float
) -> ProgrammeEffect:
    """Compare places that had their turn with places that had not had it yet."""
    if programme["customers"] < tables.minimum_n:
        raise NotEnoughDataError(
            f"{programme['customers']} enrolled customers could be followed, fewer than "
            f"{tables.minimum_n}"
        )
    place = rollout_place(tables, name)
    panel = build_rollout_panel(tables, name, by=place, months=3)
    spec = GroupTimeEffects(cluster="place")
    share = spec.fit(panel.assign(outcome=panel["retained"]))
    places, treated = _places(panel)
    parallel = not share.pre_trend_p < 0.05
    grade: Grade = "B" if parallel and min(treated, places - treated) >= 3 else "C"
    cautions = [] if parallel else [
        f"{name}: places differed in trend before their turn (p {share.pre_trend_p:.3f}); the "
        "difference is an association."
    ]  # fmt: skip
    if places < _PLACES:
        cautions.append(f"{name}: only {places} places; intervals are too narrow.")
    quarters = max(1, horizon // 3) if tables.window.unit == "month" else 4
    retained = _at_horizon(share, panel, quarters, level, grade, "share", name="share still here")
    money = Estimate.withheld(
        "there is no table of orders", unit=tables.currency, n=retained.n,
        method="group-time effects", grade=grade,
    )  # fmt: skip
    if "money" in panel:
        earned = spec.fit(panel.assign(outcome=panel["money"]))
        money = _summed(earned, panel, quarters, level, grade, tables)
    return _effect(
        tables, programme, f"roll-out by {place}", retained, money,
        hazard=_rollout_hazard(tables, name, place, level, grade),
        satisfaction=Estimate.withheld(
            "survey waves are too few before each turn to follow the same places",
            unit="points", n=retained.n, method="group-time effects", grade=grade,
        ),
        checks=share.event_study, curves=None, horizon=quarters * 3, cautions=tuple(cautions),
    )  # fmt: skip


# pieces -------------------------------------------------------------------------------------------


def _enough(trials: pd.DataFrame, minimum: int) -> None:
    treated = int(trials["treated"].sum())
    for word, count in (("enrolled", treated), ("other", len(trials) - treated)):
        if count < minimum:
            raise NotEnoughDataError(
                f"{count} {word} customers could be followed, fewer than {minimum}"
            )


def _thinned(trials: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Keep all treated and, by lot, at most a few untreated for each treated of a trial."""
    treated = trials["treated"].to_numpy()
    code = pd.factorize(trials["trial_on"])[0]
    wanted = _CONTROLS * np.bincount(code, treated)
    chance = rng.permutation(len(trials))
    order = np.lexsort((chance, treated, code))
    rank = np.empty(len(trials), dtype=int)
    starts = np.r_[0, np.cumsum(np.bincount(code))[:-1]]
    rank[order] = np.arange(len(trials)) - starts[code[order]]
    return trials[treated | (rank < wanted[code])]


def _covariates(trials: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the covariates there are and that vary: numbers, and text columns."""
    trials["tenure_log"] = np.log1p(trials["tenure"].to_numpy(dtype=float))
    names = ("tenure_log", "money_before", "orders_before", "complaints_before", "contacts_before")
    numbers = [c for c in names if c in trials and trials[c].std() > 0]
    groups = [c for c in ("segment", "region") if c in trials and trials[c].nunique() >= 2]
    return tuple(numbers), tuple(groups)


def _money_randomised(
    trials: pd.DataFrame, tables: Tables, horizon: int, level: float, grade: Grade,
    before: list[str],
) -> Estimate:  # fmt: skip
    unit = f"{tables.currency} per customer"
    method = f"{_money_word(tables)} within {horizon} {tables.window.unit}s, difference with CUPED"
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


def _money_observed(
    full: pd.DataFrame, tables: Tables, horizon: int, level: float, spec: DoublyRobust, n: int
) -> Estimate:
    unit = f"{tables.currency} per customer"
    method = f"{_money_word(tables)} within {horizon} {tables.window.unit}s, augmented weighting"
    if "money_after" not in full:
        return Estimate.withheld("there is no table of orders", unit=unit, n=n, method=method,
                                 grade="C")  # fmt: skip
    fit = spec.fit(full.assign(outcome=full["money_after"])).doubly_robust
    low, high = fit.interval(level)
    return Estimate(value=fit.value, low=low, high=high, level=level, unit=unit, n=n,
                    method=method, grade="C")  # fmt: skip


def _money_word(tables: Tables) -> str:
    return "revenue" if money_column(tables) == "amount" else "margin"


def _satisfaction(
    trials: pd.DataFrame, level: float, grade: Grade, design: str, n: int
) -> Estimate:
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


def _hazard(
    trials: pd.DataFrame, tables: Tables, horizon: int, level: float, grade: Grade,
    groups: tuple[str, ...],
) -> tuple[Estimate, Estimate]:  # fmt: skip
    """Return the mean hazard ratio in the horizon, and how its logarithm moves per unit since."""
    cells = _person_units(trials, groups, horizon)
    return _ratio_and_fading(cells, ("band", *groups), tables, level, grade, len(trials))


def _person_units(trials: pd.DataFrame, groups: tuple[str, ...], horizon: int) -> pd.DataFrame:
    """Return counts of customer-units: every unit of a customer once, treated from enrolment on.

    The untreated of a drawn programme are followed like the treated. Where trials come every month,
    an untreated customer's unit after each trial stands for itself, so nobody is counted twice.
    """
    monthly = bool(trials.index.has_duplicates)
    treated = trials["treated"].to_numpy()
    length = trials["duration"].to_numpy(dtype=int)
    event = trials["event"].to_numpy()
    reach = np.where(treated | (not monthly), horizon, 1)
    event = event & (length <= reach)
    length = np.minimum(length, reach)
    rows = np.repeat(np.arange(len(trials)), length)
    since = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length)
    last = since == length[rows] - 1
    tenure = trials["tenure"].to_numpy(dtype=int)[rows] + since
    cells = pd.DataFrame({
        "treated": treated[rows].astype(float),
        "treated_since": treated[rows] * since.astype(float),
        "band": pd.cut(tenure, [-1, 2, 5, 8, 11, 17, 23, 35, 47, 1_000_000]).codes.astype(str),
        "event": (last & event[rows]).astype(float),
        **{g: trials[g].astype("string").fillna("unknown").to_numpy()[rows] for g in groups},
    })  # fmt: skip
    keys = ["treated", "treated_since", "band", *groups]
    counted = cells.groupby(keys)["event"]
    return pd.DataFrame({"event": counted.sum(), "trials": counted.count()}).reset_index()


def _ratio_and_fading(
    cells: pd.DataFrame, groups: tuple[str, ...], tables: Tables, level: float, grade: Grade,
    n: int, cluster: str = "",
) -> tuple[Estimate, Estimate]:  # fmt: skip
    unit = tables.window.unit
    method = "complementary log-log hazard of customer-units"
    treated = cells["treated"] > 0
    if not (cells.loc[treated, "event"].sum() > 0 and cells.loc[~treated, "event"].sum() > 0):
        nothing = Estimate.withheld("nobody left in one of the arms", unit="ratio", n=n,
                                    method=method, grade=grade)  # fmt: skip
        return nothing, nothing
    middle = np.average(cells.loc[treated, "treated_since"], weights=cells.loc[treated, "trials"])
    centred = cells["treated_since"] - middle * cells["treated"]
    try:
        fit = BinaryRegression(
            columns=("treated", "treated_since"), groups=groups, link="cloglog", trials="trials",
            cluster=cluster,
        ).fit(cells.assign(treated_since=centred))  # fmt: skip
    except NotIdentifiedError as error:
        nothing = Estimate.withheld(str(error), unit="ratio", n=n, method=method, grade=grade)
        return nothing, nothing
    beta, se = fit.coefficients, fit.standard_errors
    low, high = normal_interval(float(beta["treated"]), float(se["treated"]), level)
    ratio = Estimate(
        value=float(np.exp(beta["treated"])), low=float(np.exp(low)), high=float(np.exp(high)),
        level=level, unit="ratio", n=n, events=fit.events, method=method, grade=grade,
    )  # fmt: skip
    low, high = normal_interval(float(beta["treated_since"]), float(se["treated_since"]), level)
    fading = Estimate(
        value=float(beta["treated_since"]), low=low, high=high, level=level,
        unit=f"log ratio per {unit}", n=n, events=fit.events, method=method, grade=grade,
    )  # fmt: skip
    return ratio, fading


def _rollout_hazard(
    tables: Tables, name: str, place: str, level: float, grade: Grade
) -> tuple[Estimate, Estimate]:
    """Compare hazards a year before and after each wave with places not reached within it."""
    days = tables.query(
        "select distinct enrolled_on from enrolments where programme = {{ p | literal }}"
        " order by enrolled_on",
        p=name,
    )["enrolled_on"]
    waves = []
    for day in days:
        cells = _wave(tables, name, place, pd.Timestamp(day).date())
        if cells is not None:
            waves.append(cells)
    if not waves:
        nothing = Estimate.withheld(
            "no wave has a year on either side and places to compare with", unit="ratio", n=0,
            method="stacked hazard", grade=grade,
        )  # fmt: skip
        return nothing, nothing
    cells = pd.concat(waves, ignore_index=True)
    n = int(cells.loc[cells["first"], "trials"].sum())
    return _ratio_and_fading(
        cells, ("wave_place", "wave_period"), tables, level, grade, n, cluster="place"
    )


def _wave(tables: Tables, name: str, place: str, day: date) -> pd.DataFrame | None:
    """Return counts by place and month around one wave; places reached within it are left out."""
    try:
        panel = build_rollout_panel(
            tables, name, by=place, months=1, around=day, before=12, after=12
        )
    except NotEnoughDataError:
        return None
    starts = panel.attrs["periods"]
    own = sum(start < day for start in starts)
    since = panel["adopted"].to_numpy(dtype=float) - own
    keep = np.isnan(since) | (since == 0) | (since > len(starts))
    late = panel.groupby("place")["adopted"].transform("first").to_numpy(dtype=float)
    panel = panel[keep & (np.isnan(late) | (late == own))]
    treated_place = panel["adopted"].to_numpy(dtype=float) == own
    if not treated_place.any() or treated_place.all() or own == 0:
        return None
    stayed = panel["retained"].to_numpy()
    first = panel["period"].to_numpy() == 0
    before = np.where(first, 1.0, np.r_[1.0, stayed[:-1]])
    after = treated_place & (panel["period"].to_numpy() >= own)
    cells = pd.DataFrame({
        "place": panel["place"], "period": panel["period"], "trials": before,
        "event": before - stayed, "treated": after.astype(float),
        "treated_since": after * (panel["period"].to_numpy() - own).astype(float),
    })  # fmt: skip
    keys = ["place", "period", "treated", "treated_since"]
    cells = cells.groupby(keys, as_index=False)[["trials", "event"]].sum()
    cells = cells[cells["trials"] > 0]
    # a place or month in which nobody left has no finite effect of its own and says nothing
    for key in ("place", "period"):
        cells = cells[cells.groupby(key)["event"].transform("sum") > 0]
    cells["first"] = cells["period"] == 0
    cells["wave_place"] = f"{day} " + cells["place"].astype(str)
    # the month before the turn is the reference of every wave
    cells["wave_period"] = np.where(
        cells["period"] == own - 1, "reference", f"{day} " + cells["period"].astype(str)
    )
    return cells


def _places(panel: pd.DataFrame) -> tuple[int, int]:
    first = panel.groupby("place")["adopted"].first()
    return len(first), int(first.notna().sum())


def _at_horizon(
    fit: GroupTimeEffectsFit, panel: pd.DataFrame, quarters: int, level: float, grade: Grade,
    unit: str, *, name: str,
) -> Estimate:  # fmt: skip
    """Return the effect at the end of the horizon."""
    method = f"group-time effects on the {name}, {3 * quarters} months after a place's turn"
    at = quarters - 1
    if at not in fit.event_study.index:
        return Estimate.withheld(f"no place was followed for {3 * quarters} months", unit=unit,
                                 n=fit.n_units, method=method, grade=grade)  # fmt: skip
    value, se = fit.event_study.loc[[at], ["effect", "se"]].to_numpy(dtype=float)[0]
    low, high = normal_interval(float(value), float(se), level)
    lost = int((panel[panel["period"] == panel["period"].max()]["retained"] == 0).sum())
    return Estimate(
        value=float(value), low=low, high=high, level=level, unit=unit, n=fit.n_units,
        events=lost, method=method, grade=grade,
    )  # fmt: skip


def _summed(
    fit: GroupTimeEffectsFit, panel: pd.DataFrame, quarters: int, level: float, grade: Grade,
    tables: Tables,
) -> Estimate:  # fmt: skip
    """Return the money added up over the horizon."""
    unit = f"{tables.currency} per customer"
    method = f"{_money_word(tables)}, group-time effects added up over {3 * quarters} months"
    wanted = list(range(quarters))
    if not set(wanted) <= set(fit.event_study.index):
        return Estimate.withheld(f"no place was followed for {3 * quarters} months", unit=unit,
                                 n=fit.n_units, method=method, grade=grade)  # fmt: skip
    value = float(fit.event_study.loc[wanted, ["effect"]].to_numpy(dtype=float).sum())
    se = float(np.sqrt(fit.event_covariance.loc[wanted, wanted].to_numpy().sum()))
    low, high = normal_interval(value, se, level)
    return Estimate(value=value, low=low, high=high, level=level, unit=unit, n=fit.n_units,
                    method=method, grade=grade)  # fmt: skip


def _doubts(name: str, fit: DoublyRobustFit) -> tuple[str, ...]:
    """Return the cautions of an observational comparison."""
    left, joined = (1 - m for m in fit.doubly_robust.means)
    found = [
        f"{name}: customers joined by their own choice. What made them join may also make them "
        "stay; the difference is an association."
    ]
    if min(left, joined) > 0:
        found[0] += (
            f" A hidden trait would have to be tied to joining and to staying by a risk ratio of "
            f"{e_value(joined / left):.1f} each to explain it away."
        )
    worst = fit.balance["after"].abs().max()
    if worst > 0.1:
        found.append(f"{name}: arms still differ by {worst:.2f} standard deviations; do not use.")
    if fit.outside:
        found.append(f"{name}: {fit.outside:,} had no like customer in the other arm.")
    return tuple(found)


def _effect(
    tables: Tables, programme: pd.Series, design: str, retained: Estimate, money: Estimate, *,
    hazard: tuple[Estimate, Estimate], satisfaction: Estimate, checks: pd.DataFrame,
    curves: pd.DataFrame | None, horizon: int, cautions: tuple[str, ...],
) -> ProgrammeEffect:  # fmt: skip
    cost, net, payback = _return(tables, programme, money, horizon)
    return ProgrammeEffect(
        bond=str(programme["bond"]), design=design, retained=retained, money=money,
        hazard_ratio=hazard[0], fading=hazard[1], satisfaction=satisfaction, cost=cost, net=net,
        payback=payback, checks=checks, curves=curves, enrolled=int(programme["customers"]),
        cautions=cautions,
    )  # fmt: skip


def _return(
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
