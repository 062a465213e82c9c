"""What contact does by depth and channel, how often it pays, and whom to call under a budget."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.analyses.switching.kept_margin import customer_margins, margin_rate, stay_value
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, normal_interval
from retention.features import build_annual_spend
from retention.models import DiscreteHazardFit, FixedEffectsPoissonFit, predict_leaving

from .contact_demand import demand_ratios, fit_demand, spend_by_contact
from .contact_hazard import (
    DEPTHS,
    active_contacts,
    column_of,
    contact_cells,
    fit_contacts,
    number_columns,
)
from .contact_plan import contact_plan

__all__ = ["ContactPolicy", "contact_policy"]

Floats = NDArray[np.float64]
_DRAWS = 1000
_HELD = (
    "segment, state and severity of the latest complaint, satisfaction, bonds, programmes, price, "
    "renewal and tenure held"
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ContactPolicy:
    """Answer of `contact_policy`.

    Parameters
    ----------
    depths, channels, pairs : DataFrame
        One row a depth, a channel, or a depth and channel: ``contacts``, ``cost`` (mean of one),
        ``crude`` and ``hazard_ratio`` (`Estimate`; after such a contact against none, adjusted for
        who gets one), ``demand_ratio`` (`Estimate`; spend after it over the same customer's spend
        without it), ``kept`` and ``ordered`` (margin per contact of the longer stay, and of what
        is ordered besides), ``margin_per_contact`` (their sum, `Estimate`), ``yield_per_cost``
        (margin per unit of money spent).
    frequency : DataFrame
        One row a number of personal contacts in the days before: ``periods``, ``hazard_ratio`` and
        ``demand_ratio`` against none, ``gain``, ``next_gain`` (margin of the last of them,
        `Estimate`), ``cost``, ``pays`` (in words).
    plan : DataFrame
        Index ``customer_id``: whom to contact how, best first; ``depth``, ``cost``, ``gain``.
    budget, bound : float
        Money to spend; the most that a plan of paying contacts could bring (continuous knapsack).
    """

    depths: pd.DataFrame
    channels: pd.DataFrame
    pairs: pd.DataFrame
    frequency: pd.DataFrame
    plan: pd.DataFrame
    budget: float
    bound: float
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    days: int
    currency: str

    def summary(self) -> pd.DataFrame:
        """Return one row a depth."""
        return self.depths

    def estimates(self) -> dict[str, Estimate]:
        """Return the ratios, margin per contact, frequency and what the plan brings."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what must be known before contacts are moved."""
        return self.warnings

    def headline(self) -> str:
        """Return the depth that goes with least leaving, and what the plan is expected to bring."""
        shown = {d: e for d, e in self.depths["hazard_ratio"].items() if e.value is not None}
        if not shown:
            return "No depth of contact has leavers enough to be told apart."
        best = min(shown, key=lambda d: shown[d].value or np.inf)
        return (
            f"A {best} contact goes with a hazard of leaving {shown[best]} times that without one; "
            f"a plan of {len(self.plan):,} contacts for {self.plan['cost'].sum():,.0f} of "
            f"{self.budget:,.0f} {self.currency} is expected to bring {self.numbers['plan_gain']} "
            f"of margin (no plan of contacts that pay can bring more than {self.bound:,.0f})."
        )


def contact_policy(
    tables: Tables,
    *,
    days: int = 90,
    budget: float | None = None,
    margin_share: float | None = None,
    annual_discount_rate: float = 0.10,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> ContactPolicy:
    """Relate contact to leaving and to orders by depth and channel, and plan under a budget.

    Parameters
    ----------
    tables : Tables
        With ``contacts`` (``direction`` and ``depth``; ``channel``, ``cost``), ``contracts``,
        ``customers``; ``orders`` for what is ordered after contact.
    days : int
        How long a contact may act; one within so many days before a period counts.
    budget : float, optional
        Money for the plan; by default the cost of the outbound contacts of the last `days`.
    margin_share : float, optional
        Margin as a share of spend.

    Returns
    -------
    ContactPolicy

    Raises
    ------
    MissingTableError
        If a table is missing.
    ParameterError
        If contacts tell neither depth nor direction, or the budget is negative.
    NotEnoughDataError
        If fewer than the minimum n left.
    """
    tables.require("contacts", "contracts", "customers", needed_for="what contact does")
    if not {"direction", "depth"} <= set(tables.columns("contacts")):
        raise ParameterError("contacts need the columns direction and depth")
    if budget is not None and budget < 0:
        raise ParameterError(f"budget must be 0 or more, got {budget}")
    counted = _counted(tables, days)
    pairs = _pairs(counted)
    cells, held = contact_cells(tables, pairs, days)
    spend, kept = spend_by_contact(tables, pairs, days)
    fit = fit_contacts(cells, [column_of(depth) for depth in DEPTHS], held, level)
    rate = margin_rate(tables, margin_share)
    margins, a_year = customer_margins(tables, rate), _hazard_a_year(fit, tables)
    money = _Money(
        worth=float(np.mean(stay_value(margins, a_year, annual_discount_rate))),
        exposed=a_year * days / 365.25, ordered=_ordered(tables, rate.value, days),
        currency=tables.currency, level=level, minimum_n=tables.minimum_n,
    )  # fmt: skip
    known = _Known(cells, held, spend, kept, counted, money)
    demand = fit_demand(spend, [column_of(d) for d in DEPTHS], kept, tables.minimum_n, level)
    depths = _rows({d: (d, "") for d in DEPTHS}, fit, demand, known, "depth")
    channels, both = _channels(known)
    frequency, often = _frequency(known, depths, days, rng)
    limit = float(counted["cost_recently"].sum()) if budget is None else float(budget)
    gains, costs = _gains(
        tables, fit, pairs, days, depths, rate.value, margins, annual_discount_rate
    )
    plan, bound = contact_plan(gains, costs, limit)
    return ContactPolicy(
        depths=depths, channels=channels, pairs=both, frequency=frequency, plan=plan,
        budget=limit, bound=bound, days=days, currency=tables.currency,
        numbers=_numbers(depths, channels, plan, gains, fit, money) | often,
        warnings=_cautions(counted, plan, bound, budget is None, demand is None),
    )  # fmt: skip


@dataclass(frozen=True)
class _Money:
    """What a mean customer is worth, and how much a contact acts upon."""

    worth: float  # present value of a stay
    exposed: float  # hazard over the days a contact acts
    ordered: float  # margin of orders in these days
    currency: str
    level: float
    minimum_n: int

    def kept(self, ratio: float) -> float:
        """Return the margin a mean customer keeps when the hazard is multiplied for a while."""
        return self.worth * float(np.exp(-self.exposed * ratio) - np.exp(-self.exposed))

    def brought(self, ratio: float) -> float:
        """Return the margin of what a mean customer orders besides."""
        return self.ordered * (ratio - 1)


@dataclass(frozen=True)
class _Known:
    """Counted periods and spend by contact, what is held in each, and the contacts themselves."""

    cells: pd.DataFrame
    held: list[str]
    spend: pd.DataFrame
    kept: list[str]
    counted: pd.DataFrame
    money: _Money


def _hazard_a_year(fit: DiscreteHazardFit, tables: Tables) -> float:
    return float(-np.log1p(-fit.mean_hazard) * tables.window.units_per_year)


def _ordered(tables: Tables, rate: float, days: int) -> float:
    """Return the margin of the orders of a mean customer in so many days."""
    return float(build_annual_spend(tables)["ordered"].clip(lower=0).mean()) * rate * days / 365.25


def _counted(tables: Tables, days: int) -> pd.DataFrame:
    """Count outbound contacts and their cost by depth and channel."""
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=days)
    return tables.query(
        "select depth, coalesce(channel, '') as channel, count(*) as contacts,"
        " count(cost) as priced, cast(sum(cost) as double) as cost,"
        ' cast(sum(case when "at" >= {{ since | literal }} then cost end) as double)'
        " as cost_recently from contacts where direction = 'outbound' and depth is not null"
        " group by depth, coalesce(channel, '') order by depth, channel",
        since=since.date(),
    )


def _pairs(counted: pd.DataFrame) -> list[tuple[str, str]]:
    return list(zip(counted["depth"].astype(str), counted["channel"].astype(str), strict=True))


def _rows(
    wanted: dict[str, tuple[str, str]], fit: DiscreteHazardFit,
    demand: FixedEffectsPoissonFit | None, known: _Known, index: str,
) -> pd.DataFrame:  # fmt: skip
    """Return one row a kind of contact; `wanted` names each, with its depth and channel."""
    columns = {name: column_of(*pair) for name, pair in wanted.items()}
    ratios = demand_ratios(demand, known.spend, list(columns.values()))
    rows = {}
    for name, pair in wanted.items():
        own = known.counted[
            ((known.counted["depth"] == pair[0]) | (pair[0] == ""))
            & ((known.counted["channel"] == pair[1]) | (pair[1] == ""))
        ]
        cost = float(own["cost"].sum() / own["priced"].sum()) if own["priced"].sum() else np.nan
        ratio = _ratio(fit, known.cells, columns[name], known.money)
        rows[name] = {
            "contacts": int(own["contacts"].sum()), "cost": cost,
            "crude": _crude(known.cells, columns[name]), "hazard_ratio": ratio,
            "demand_ratio": ratios[columns[name]],
        } | _worth(ratio, ratios[columns[name]], cost, known.money)  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(index)


def _crude(cells: pd.DataFrame, name: str) -> float:
    """Return the ratio of plain hazards after such a contact and without one."""
    if name not in cells:
        return float("nan")
    sums = cells.groupby(cells[name] > 0)[["n", "events"]].sum()
    hazard = sums["events"] / sums["n"]
    return float(hazard[True] / hazard[False]) if len(hazard) == 2 else float("nan")


def _ratio(fit: DiscreteHazardFit, cells: pd.DataFrame, name: str, money: _Money) -> Estimate:
    method = (
        "hazard ratio of periods with such an outbound contact before them, discrete hazard, "
        f"{_HELD}"
    )
    n = int(cells.loc[cells[name] > 0, "n"].sum()) if name in cells else 0
    if name not in fit.names or n < money.minimum_n:
        why = "fewer than five left after such a contact"
        return Estimate.withheld(why, unit="", n=n, method=method, grade="C")
    b, se = float(fit.coefficients[name]), float(fit.standard_errors[name])
    low, high = normal_interval(b, se, money.level)
    return Estimate(
        value=float(np.exp(b)), low=float(np.exp(low)), high=float(np.exp(high)),
        level=money.level, unit="", n=n, events=int(cells.loc[cells[name] > 0, "events"].sum()),
        method=method, grade="C",
    )  # fmt: skip


def _worth(ratio: Estimate, demand: Estimate, cost: float, money: _Money) -> dict[str, object]:
    """Return what a contact brings: the stay, the orders, both, and both over the cost."""
    unit = f"{money.currency} per contact"
    method = "hazard avoided while a contact acts times the worth of a stay"
    if ratio.value is None or ratio.low is None or ratio.high is None:
        shown = Estimate.withheld(ratio.why, unit=unit, n=ratio.n, method=method, grade="C")
        return {"kept": np.nan, "ordered": np.nan, "margin_per_contact": shown,
                "yield_per_cost": np.nan}  # fmt: skip
    kept, ordered = money.kept(ratio.value), 0.0
    down, up = kept - money.kept(ratio.high), money.kept(ratio.low) - kept
    if demand.value is not None and demand.low is not None and demand.high is not None:
        method += ", and the margin of what is ordered besides; square-and-add interval"
        ordered = money.brought(demand.value)
        down = float(np.hypot(down, ordered - money.brought(demand.low)))
        up = float(np.hypot(up, money.brought(demand.high) - ordered))
    both = kept + ordered
    shown = Estimate(
        value=both, low=both - down, high=both + up, level=money.level, unit=unit, n=ratio.n,
        events=ratio.events, method=method, grade="C",
    )  # fmt: skip
    return {
        "kept": kept, "ordered": ordered, "margin_per_contact": shown,
        "yield_per_cost": both / cost if cost > 0 else np.nan,
    }  # fmt: skip


def _channels(known: _Known) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return one row a channel, and one a depth and channel; empty where none can be told."""
    pairs = [pair for pair in _pairs(known.counted) if pair[1]]
    wanted = {
        "channel": {c: ("", c) for c in sorted({channel for _, channel in pairs})},
        "depth and channel": {f"{d}, {c}": (d, c) for d, c in pairs},
    }
    found = []
    for index, rows in wanted.items():
        columns = [column_of(*pair) for pair in rows.values()]
        try:
            fit = fit_contacts(known.cells, columns, known.held, known.money.level)
        except (NotIdentifiedError, NotEnoughDataError):
            rows = {}
        demand = fit_demand(
            known.spend, columns, known.kept, known.money.minimum_n, known.money.level
        )
        empty = pd.DataFrame().rename_axis(index)
        found.append(_rows(rows, fit, demand, known, index) if rows else empty)
    return found[0], found[1]


def _frequency(
    known: _Known, depths: pd.DataFrame, days: int, rng: np.random.Generator | None
) -> tuple[pd.DataFrame, dict[str, Estimate]]:
    """Return what each further personal contact within the days adds, and how many pay."""
    columns = ["periods", "hazard_ratio", "demand_ratio", "gain", "next_gain", "cost", "pays"]
    money, others = known.money, [column_of(d) for d in DEPTHS if d != "personal"]
    left = {name: known.cells.loc[known.cells[name] > 0, "events"].sum()
            for name in number_columns()}  # fmt: skip
    steps = [name for name, events in left.items() if events >= 5]
    try:
        fit = fit_contacts(known.cells, [*steps, *others], known.held, money.level)
    except (NotIdentifiedError, NotEnoughDataError):
        steps = []
    if not steps:
        return pd.DataFrame(columns=columns).rename_axis("contacts"), {}
    demand = fit_demand(known.spend, [*steps, *others], known.kept, money.minimum_n, money.level)
    rng = np.random.default_rng(1) if rng is None else rng
    drawn = _cumulative(fit.names, fit.theta, fit.covariance, steps, rng)
    ordered = np.zeros((_DRAWS + 1, len(steps)))
    if demand is not None:
        ordered = _cumulative(demand.covariates, demand.theta, demand.covariance, steps, rng)
    gain = money.worth * (np.exp(-money.exposed * np.exp(drawn)) - np.exp(-money.exposed))
    gain = gain + money.ordered * np.expm1(ordered)
    added = np.diff(gain, axis=1, prepend=0.0)
    cost, rows = float(depths["cost"]["personal"]), {}
    for k, name in enumerate(steps):
        own = known.cells[known.cells[name] > 0]
        if k + 1 < len(steps):
            own = own[own[steps[k + 1]] == 0]
        n, events = int(own["n"].sum()), int(own["events"].sum())
        method = f"{k + 1} personal contacts within {days} days against none; {_HELD}"
        last = _drawn(added[:, k], f"{money.currency} per contact", n, events, money.level,
                      f"margin of personal contact number {k + 1} within {days} days")  # fmt: skip
        rows[k + 1] = {
            "periods": n,
            "hazard_ratio": _drawn(np.exp(drawn[:, k]), "", n, events, money.level,
                                   f"hazard ratio, {method}"),
            "demand_ratio": _drawn(np.exp(ordered[:, k]), "", n, events, money.level,
                                   f"ratio of spend within customers, {method}"),
            "gain": float(gain[0, k]), "next_gain": last, "cost": cost, "pays": _pays(last, cost),
        }  # fmt: skip
    table = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("contacts")
    often = np.cumprod(added > cost, axis=1).sum(axis=1).astype(float)
    shown = _drawn(often, f"personal contacts within {days} days", int(known.cells["n"].sum()),
                   round(fit.n_events), money.level,
                   "the last that brings more than it costs; drawn coefficients")  # fmt: skip
    return table, {"profitable_frequency": shown} if np.isfinite(cost) else {}


def _cumulative(
    names: Sequence[str], theta: Floats, covariance: Floats, steps: list[str],
    rng: np.random.Generator,
) -> Floats:  # fmt: skip
    """Return log ratios against none after 1, 2, ...: first as estimated, then drawn."""
    there = [name for name in steps if name in names]
    at = [list(names).index(name) for name in there]
    drawn = rng.multivariate_normal(theta[at], covariance[np.ix_(at, at)], size=_DRAWS)
    found = np.zeros((_DRAWS + 1, len(steps)))
    for place, name in enumerate(there):
        found[:, steps.index(name)] = np.r_[theta[at[place]], drawn[:, place]]
    return np.cumsum(found, axis=1)


def _drawn(values: Floats, unit: str, n: int, events: int, level: float, method: str) -> Estimate:
    low, high = np.quantile(values[1:], [0.5 - level / 2, 0.5 + level / 2])
    value = float(values[0])
    return Estimate(
        value=value, low=min(float(low), value), high=max(float(high), value), level=level,
        unit=unit, n=n, events=events, method=method, grade="C",
    )  # fmt: skip


def _pays(last: Estimate, cost: float) -> str:
    assert last.low is not None
    assert last.high is not None
    if not np.isfinite(cost):
        return "no cost is known"
    if last.low > cost:
        return "yes"
    return "no" if last.high < cost else "not told from its cost"


def _gains(
    tables: Tables, fit: DiscreteHazardFit, pairs: Sequence[tuple[str, str]], days: int,
    depths: pd.DataFrame, rate: float, margins: pd.Series, annual_discount_rate: float,
) -> tuple[pd.DataFrame, pd.Series]:  # fmt: skip
    """Return the margin that a contact of each depth brings from each customer, and its cost.

    A customer who had such a contact within the days gains nothing from another.
    """
    active = active_contacts(tables, pairs, days, fit)
    units = max(1, round(days / 365.25 * tables.window.units_per_year))
    risk = predict_leaving(fit, active, units)["p_leave"].to_numpy()
    hazard = -np.log1p(-np.minimum(risk, 1 - 1e-12))
    a_year = hazard / units * tables.window.units_per_year
    margin = margins.reindex(active.index).fillna(0.0).to_numpy(dtype=float)
    worth = stay_value(margin, a_year, annual_discount_rate)
    orders = build_annual_spend(tables)["ordered"].reindex(active.index).fillna(0.0)
    lately = orders.clip(lower=0).to_numpy(dtype=float) * rate * days / 365.25
    columns = {}
    for depth in DEPTHS:
        name, demand = column_of(depth), depths["demand_ratio"][depth]
        if name not in fit.names or not np.isfinite(float(depths["cost"][depth])):
            continue
        ratio = float(np.exp(fit.coefficients[name]))
        gain = worth * (np.exp(-hazard * ratio) - np.exp(-hazard))
        gain = gain + lately * ((demand.value or 1.0) - 1.0)
        columns[depth] = np.where(active[name].to_numpy(dtype=float) > 0, 0.0, gain)
    costs = pd.Series({d: float(depths["cost"][d]) for d in columns}, dtype=float)
    return pd.DataFrame(columns, index=active.index), costs


def _numbers(
    depths: pd.DataFrame, channels: pd.DataFrame, plan: pd.DataFrame, gains: pd.DataFrame,
    fit: DiscreteHazardFit, money: _Money,
) -> dict[str, Estimate]:  # fmt: skip
    found: dict[str, Estimate] = {}
    for name in ("hazard_ratio", "demand_ratio", "margin_per_contact"):
        found |= {f"{name}: {d}": e for d, e in depths[name].items()}
        if len(channels) and name != "margin_per_contact":
            found |= {f"{name}: {c}": e for c, e in channels[name].items()}
    method = "sum over the plan; relative error that of the margin per contact of its depths"
    value, low, high = float(plan["gain"].sum()), 0.0, 0.0
    for depth, part in plan.groupby("depth"):
        shown = depths["margin_per_contact"][str(depth)]
        if shown.value:
            low += float(part["gain"].sum()) * shown.low / shown.value
            high += float(part["gain"].sum()) * shown.high / shown.value
    found["plan_gain"] = Estimate(
        value=value, low=min(low, value), high=max(high, value), level=money.level,
        unit=money.currency, n=len(plan), events=round(fit.n_events), method=method, grade="C",
    )  # fmt: skip
    cost = float(plan["cost"].sum())
    found["plan_cost"] = Estimate(
        value=cost, unit=money.currency, n=len(plan), method="mean costs of contacts", grade="D"
    )
    return found


def _cautions(
    counted: pd.DataFrame, plan: pd.DataFrame, bound: float, default: bool, no_demand: bool
) -> tuple[str, ...]:
    found = [
        f"Who is contacted, and how deeply, was not drawn by lot: {_HELD}; a salesman's own sense "
        "of who is leaving is not. Orders are compared within customers, so what a customer is "
        "like does not matter there, but what moved both the call and the order does. Draw some "
        "customers of the plan by lot and leave them out, to know.",
        f"The plan takes the best return first; it brings {plan['gain'].sum():,.0f}, and no plan "
        f"of paying contacts under this budget can bring more than {bound:,.0f}.",
    ]
    unpriced = counted.groupby("depth")["priced"].sum()
    if (unpriced == 0).any():
        found.append(f"{int((unpriced == 0).sum())} depths have no cost; they are not in the plan.")
    if default:
        found.append("No budget was given: the plan may spend what outbound contacts cost lately.")
    if no_demand:
        found.append("What is ordered after contact could not be told; the sums are of the stay.")
    return tuple(found)
