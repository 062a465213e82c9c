"""What contact does by depth and channel, how often it pays, and whom to call under a budget."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.analyses.switching.kept_margin import customer_margins, margin_rate, stay_value
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, normal_interval
from retention.features import Driver, build_active, build_hazard_cells, default_drivers
from retention.models import DiscreteHazard, DiscreteHazardFit, predict_leaving

__all__ = ["ContactPolicy", "contact_plan", "contact_policy"]

Floats = NDArray[np.float64]

DEPTHS = ("courtesy", "promotional", "personal")
_FEWEST_EVENTS = 5
_MOST = 3


@dataclass(frozen=True, eq=False, kw_only=True)
class ContactPolicy:
    """Answer of `contact_policy`.

    Parameters
    ----------
    depths, channels : DataFrame
        One row a depth, or channel: ``contacts``, ``cost`` (mean of one), ``crude`` and
        ``hazard_ratio`` (`Estimate`; after such a contact against none, adjusted for who gets
        one), ``margin_per_contact`` and ``yield_per_cost`` (margin kept per unit of money).
    frequency : DataFrame
        One row a number of personal contacts in the days before: ``periods``, ``hazard_ratio``
        against none, ``gain`` and ``next_gain`` (margin kept by the last of them), ``pays``.
    plan : DataFrame
        Index ``customer_id``: whom to contact how, best first; ``depth``, ``cost``, ``gain``.
    budget, bound : float
        Money to spend; the most that a plan of paying contacts could keep (continuous knapsack).
    """

    depths: pd.DataFrame
    channels: pd.DataFrame
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
        """Return hazard ratios, margin per contact and what the plan keeps."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what must be known before contacts are moved."""
        return self.warnings

    def headline(self) -> str:
        """Return the depth that goes with least leaving, and what the plan is expected to keep."""
        shown = {d: e for d, e in self.depths["hazard_ratio"].items() if e.value is not None}
        if not shown:
            return "No depth of contact has leavers enough to be told apart."
        best = min(shown, key=lambda d: shown[d].value or np.inf)
        return (
            f"A {best} contact goes with a hazard of leaving {shown[best]} times that without one; "
            f"a plan of {len(self.plan):,} contacts for {self.plan['cost'].sum():,.0f} of "
            f"{self.budget:,.0f} {self.currency} is expected to keep {self.numbers['plan_gain']} "
            f"of margin (no plan of contacts that pay can keep more than {self.bound:,.0f})."
        )


def contact_policy(
    tables: Tables,
    *,
    days: int = 90,
    budget: float | None = None,
    margin_share: float | None = None,
    annual_discount_rate: float = 0.10,
    level: float = 0.95,
) -> ContactPolicy:
    """Relate contact to leaving by depth and channel, adjusted for who gets which, and plan.

    Parameters
    ----------
    tables : Tables
        With ``contacts`` (``direction`` and ``depth`` or ``channel``), ``contracts``,
        ``customers``.
    days : int
        How long a contact may act; one within so many days before a period counts.
    budget : float, optional
        Money for the plan; by default the cost of the outbound contacts of the last `days`.

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
    others = [d for d in default_drivers(tables) if d.name != "contacts"]
    depth_fit, cells = _fit(tables, _drivers("depth", DEPTHS, days), others, level)
    margins = customer_margins(tables, margin_rate(tables, margin_share))
    a_year = -np.log1p(-depth_fit.mean_hazard) * tables.window.units_per_year
    worth = stay_value(margins, a_year, annual_discount_rate)
    exposed = a_year * days / 365.25
    money = _Money(float(np.mean(worth)), exposed, tables.currency, level, tables.minimum_n)
    depths = _rows(depth_fit, cells, DEPTHS, counted[counted["by"] == "depth"], money)
    channels = _channels(tables, counted, others, days, money)
    frequency = _frequency(tables, others, days, depths, money)
    spent = float(counted.loc[counted["by"] == "depth", "cost_recently"].sum())
    limit = spent if budget is None else float(budget)
    gains, costs = _gains(tables, depth_fit, others, days, depths, margins, annual_discount_rate)
    plan, bound = contact_plan(gains, costs, limit)
    numbers = _numbers(depths, channels, plan, gains, depth_fit, money)
    return ContactPolicy(
        depths=depths, channels=channels, frequency=frequency, plan=plan, budget=limit,
        bound=bound, numbers=numbers, warnings=_cautions(counted, plan, bound, budget is None),
        days=days, currency=tables.currency,
    )  # fmt: skip


@dataclass(frozen=True)
class _Money:
    """What a customer kept is worth, and how much hazard a contact acts upon."""

    worth: float
    exposed: float
    currency: str
    level: float
    minimum_n: int

    def kept(self, ratio: float) -> float:
        """Return the margin a mean customer keeps when the hazard is multiplied for a while."""
        return self.worth * float(np.exp(-self.exposed * ratio) - np.exp(-self.exposed))


def _drivers(column: str, values: tuple[str, ...], days: int, most: int = 1) -> list[Driver]:
    return [
        Driver(name=f"{column}_{value.replace('-', '_')}", table="contacts", kind="count",
               days=days, most=most, where=f"direction = 'outbound' and {column} = '{value}'")
        for value in values
    ]  # fmt: skip


def _fit(
    tables: Tables, drivers: list[Driver], others: list[Driver], level: float
) -> tuple[DiscreteHazardFit, pd.DataFrame]:
    """Fit the hazard on contacts and on what decides who gets them."""
    by = ["segment"] if "segment" in tables.columns("customers") else []
    cells = build_hazard_cells(tables, by=by, drivers=[*drivers, *others])
    left = int(cells["events"].sum())
    if left < max(2, tables.minimum_n):
        raise NotEnoughDataError(
            f"{left} customers left, fewer than the {tables.minimum_n} a number needs"
        )
    names = [d.name for d in drivers]
    told = [n for n in names if cells.loc[cells[n] > 0, "events"].sum() >= _FEWEST_EVENTS]
    held = [*by, *(d.name for d in others), "price_gap", "renewal_due"]
    held = [c for c in held if c in cells and (cells[c] != cells[c].iloc[0]).any()]
    return DiscreteHazard(covariates=[*told, *held], level=level).fit(cells), cells


def _counted(tables: Tables, days: int) -> pd.DataFrame:
    """Count outbound contacts and their cost by depth and by channel."""
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=days)
    parts = []
    for column in ("depth", "channel"):
        frame = tables.query(
            "select {{ column | ident }} as value, count(*) as contacts, count(cost) as priced,"
            " cast(sum(cost) as double) as cost,"
            ' cast(sum(case when "at" >= {{ since | literal }} then cost end) as double)'
            " as cost_recently from contacts where direction = 'outbound'"
            " and {{ column | ident }} is not null group by {{ column | ident }} order by value",
            column=column,
            since=since.date(),
        )
        parts.append(frame.assign(by=column))
    found = pd.concat(parts, ignore_index=True)
    found["mean_cost"] = found["cost"] / found["priced"].where(found["priced"] > 0)
    return found


def _rows(
    fit: DiscreteHazardFit, cells: pd.DataFrame, values: tuple[str, ...], counted: pd.DataFrame,
    money: _Money, column: str = "depth",
) -> pd.DataFrame:  # fmt: skip
    priced = counted.set_index("value")
    rows = {}
    for value in values:
        name = f"{column}_{value.replace('-', '_')}"
        ratio = _ratio(fit, cells, name, money)
        cost = float(priced["mean_cost"].get(value, np.nan))
        kept = _kept(ratio, money)
        share = np.nan
        if kept.value is not None and cost > 0:
            share = kept.value / cost
        rows[value] = {
            "contacts": int(priced["contacts"].get(value, 0)), "cost": cost,
            "crude": _crude(cells, name), "hazard_ratio": ratio, "margin_per_contact": kept,
            "yield_per_cost": share,
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis(column)


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
        "segment, open complaint, satisfaction, bonds, programmes, price and tenure held"
    )
    n = int(cells.loc[cells[name] > 0, "n"].sum()) if name in cells else 0
    if name not in fit.names or n < money.minimum_n:
        why = f"fewer than {_FEWEST_EVENTS} left after such a contact"
        return Estimate.withheld(why, unit="", n=n, method=method, grade="C")
    b, se = float(fit.coefficients[name]), float(fit.standard_errors[name])
    low, high = normal_interval(b, se, money.level)
    return Estimate(
        value=float(np.exp(b)), low=float(np.exp(low)), high=float(np.exp(high)),
        level=money.level, unit="", n=n, events=int(cells.loc[cells[name] > 0, "events"].sum()),
        method=method, grade="C",
    )  # fmt: skip


def _kept(ratio: Estimate, money: _Money) -> Estimate:
    unit, method = (
        f"{money.currency} per contact",
        "hazard avoided while a contact acts, times stay",
    )
    if ratio.value is None or ratio.low is None or ratio.high is None:
        return Estimate.withheld(ratio.why, unit=unit, n=ratio.n, method=method, grade="C")
    return Estimate(
        value=money.kept(ratio.value), low=money.kept(ratio.high), high=money.kept(ratio.low),
        level=ratio.level, unit=unit, n=ratio.n, events=ratio.events, method=method, grade="C",
    )  # fmt: skip


def _channels(
    tables: Tables, counted: pd.DataFrame, others: list[Driver], days: int, money: _Money
) -> pd.DataFrame:
    mine = counted[counted["by"] == "channel"]
    values = tuple(str(v) for v in mine["value"])
    if not values:
        return pd.DataFrame().rename_axis("channel")
    try:
        fit, cells = _fit(tables, _drivers("channel", values, days), others, money.level)
    except (NotIdentifiedError, NotEnoughDataError):
        return pd.DataFrame().rename_axis("channel")
    return _rows(fit, cells, values, mine, money, column="channel")


def _frequency(
    tables: Tables, others: list[Driver], days: int, depths: pd.DataFrame, money: _Money
) -> pd.DataFrame:
    """Return what each further personal contact within the days adds, and whether it pays."""
    columns = ["periods", "hazard_ratio", "gain", "next_gain", "pays"]
    counts = _drivers("depth", ("personal",), days, most=_MOST)
    rest = _drivers("depth", ("courtesy", "promotional"), days)
    by = ["segment"] if "segment" in tables.columns("customers") else []
    cells = build_hazard_cells(tables, by=by, drivers=[*counts, *rest, *others])
    number = cells["depth_personal"].astype(int)
    for k in range(1, _MOST + 1):
        cells[f"at least {k}"] = (number >= k).astype(int)
    steps = [f"at least {k}" for k in range(1, _MOST + 1)]
    steps = [s for s in steps if cells.loc[cells[s] > 0, "events"].sum() >= _FEWEST_EVENTS]
    held = [*by, *(d.name for d in [*rest, *others]), "price_gap", "renewal_due"]
    held = [c for c in held if c in cells and (cells[c] != cells[c].iloc[0]).any()]
    if not steps:
        return pd.DataFrame(columns=columns).rename_axis("contacts")
    try:
        fit = DiscreteHazard(covariates=[*steps, *held], level=money.level).fit(cells)
    except (NotIdentifiedError, NotEnoughDataError):
        return pd.DataFrame(columns=columns).rename_axis("contacts")
    at = [list(fit.names).index(s) for s in steps]
    cost, before, rows = float(depths["cost"]["personal"]), 0.0, {}
    for k in range(1, len(steps) + 1):
        b = float(fit.theta[at[:k]].sum())
        se = float(np.sqrt(fit.covariance[np.ix_(at[:k], at[:k])].sum()))
        low, high = normal_interval(b, se, money.level)
        gain = money.kept(float(np.exp(b)))
        own = cells[number == k] if k < len(steps) else cells[number >= k]
        ratio = Estimate(
            value=float(np.exp(b)), low=float(np.exp(low)), high=float(np.exp(high)),
            level=money.level, unit="", n=int(own["n"].sum()), events=int(own["events"].sum()),
            method=f"hazard ratio of {k} personal contacts within {days} days against none",
            grade="C",
        )  # fmt: skip
        rows[k] = {
            "periods": int(own["n"].sum()), "hazard_ratio": ratio, "gain": gain,
            "next_gain": gain - before, "pays": bool(gain - before > cost),
        }  # fmt: skip
        before = gain
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("contacts")


def _gains(
    tables: Tables, fit: DiscreteHazardFit, others: list[Driver], days: int,
    depths: pd.DataFrame, margins: pd.Series, annual_discount_rate: float,
) -> tuple[pd.DataFrame, pd.Series]:  # fmt: skip
    """Return the margin kept by a contact of each depth, customer by customer, and what one costs.

    A customer who had such a contact within the days gains nothing from another.
    """
    by = ["segment"] if "segment" in tables.columns("customers") else []
    active = build_active(tables, by=by, drivers=[*_drivers("depth", DEPTHS, days), *others])
    active = active[~active.index.duplicated()]
    for name, levels in fit.design.levels.items():
        active[name] = active[name].where(active[name].isin(levels), levels[0])
    units = max(1, round(days / 365.25 * tables.window.units_per_year))
    risk = predict_leaving(fit, active, units)["p_leave"].to_numpy()
    hazard = -np.log1p(-np.minimum(risk, 1 - 1e-12))
    a_year = hazard / units * tables.window.units_per_year
    margin = margins.reindex(active.index).fillna(0.0).to_numpy(dtype=float)
    worth = stay_value(margin, a_year, annual_discount_rate)
    columns = {}
    for depth in DEPTHS:
        name = f"depth_{depth}"
        if name not in fit.names or not np.isfinite(float(depths["cost"][depth])):
            continue
        ratio = float(np.exp(fit.coefficients[name]))
        gain = worth * (np.exp(-hazard * ratio) - np.exp(-hazard))
        columns[depth] = np.where(active[name].to_numpy(dtype=float) > 0, 0.0, gain)
    costs = pd.Series({d: float(depths["cost"][d]) for d in columns}, dtype=float)
    return pd.DataFrame(columns, index=active.index), costs


def contact_plan(
    gains: pd.DataFrame, costs: pd.Series, budget: float
) -> tuple[pd.DataFrame, float]:
    """Choose at most one contact a customer so that the budget keeps the most margin.

    Greedy by margin per money over what is not dominated: for each customer the depths on the
    upper hull of gain over cost, as steps from one to the next [1]_. The last step that fits only
    in part gives the bound of the continuous knapsack, which no plan can exceed.

    Parameters
    ----------
    gains : DataFrame, one row a customer
        Expected margin kept by a contact of each depth (columns).
    costs : Series
        Cost of a contact of each depth.
    budget : float
        Money to spend; 0 or more.

    Returns
    -------
    plan : DataFrame
        Index ``customer_id``; ``depth``, ``cost``, ``gain``; best return first.
    bound : float
        The most that any plan could keep whose steps each pay for themselves.

    References
    ----------
    .. [1] Sinha, P. and Zoltners, A. A. (1979). The multiple-choice knapsack problem. Operations
       Research 27, 503-515.
    """
    steps = _steps(gains, costs)
    steps = steps[steps["gain"] > steps["cost"]]  # a contact must keep more than it costs
    steps = steps.sort_values(["rate", "row"], ascending=[False, True], kind="stable")
    spent, bound, full = 0.0, 0.0, False
    chosen: dict[float, tuple[float, float, str]] = {}
    stopped: set[float] = set()
    for row, depth, cost, gain, rate in steps[["row", "depth", "cost", "gain", "rate"]].to_numpy():
        if not full:
            # until one does not fit, all before it were taken: the rest is the continuous part
            full = spent + cost > budget + 1e-9
            bound += rate * (budget - spent) if full else gain
        if row in stopped or spent + cost > budget + 1e-9:
            stopped.add(row)  # a later step of this customer needs this one
            continue
        spent += cost
        before = chosen.get(row, (0.0, 0.0, ""))
        chosen[row] = (before[0] + cost, before[1] + gain, depth)
    plan = pd.DataFrame(
        [(gains.index[int(r)], d, c, g) for r, (c, g, d) in chosen.items()],
        columns=["customer_id", "depth", "cost", "gain"],
    ).set_index("customer_id")
    order = (plan["gain"] / plan["cost"].clip(lower=1e-9)).sort_values(
        ascending=False, kind="stable"
    )
    return plan.loc[order.index] if plan.index.is_unique else plan, float(bound)


def _steps(gains: pd.DataFrame, costs: pd.Series) -> pd.DataFrame:
    """Return the steps of each customer's hull: from nothing to a depth, from it to a deeper."""
    depths = list(costs.sort_values(kind="stable").index)
    price = costs[depths].to_numpy(dtype=float)
    value = np.maximum(gains[depths].to_numpy(dtype=float), 0.0)
    parts = []
    at = np.full(len(value), -1)
    own_gain, own_cost = np.zeros(len(value)), np.zeros(len(value))
    for _ in depths:
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = (value - own_gain[:, None]) / (price[None, :] - own_cost[:, None])
        later = np.arange(len(depths))[None, :] > at[:, None]
        rate = np.where(later & (value > own_gain[:, None]), rate, -np.inf)
        best = rate.argmax(axis=1)
        rows = np.flatnonzero(np.isfinite(rate[np.arange(len(rate)), best]))
        k = best[rows]
        parts.append(
            pd.DataFrame(
                {
                    "row": rows, "depth": np.array(depths, dtype=object)[k],
                    "cost": price[k] - own_cost[rows], "gain": value[rows, k] - own_gain[rows],
                }
            )
        )  # fmt: skip
        at[rows], own_gain[rows], own_cost[rows] = k, value[rows, k], price[k]
    steps = pd.concat(parts, ignore_index=True)
    return steps.assign(rate=steps["gain"] / steps["cost"].clip(lower=1e-9))


def _numbers(
    depths: pd.DataFrame, channels: pd.DataFrame, plan: pd.DataFrame, gains: pd.DataFrame,
    fit: DiscreteHazardFit, money: _Money,
) -> dict[str, Estimate]:  # fmt: skip
    found = {f"hazard_ratio: {d}": e for d, e in depths["hazard_ratio"].items()}
    found |= {f"margin_per_contact: {d}": e for d, e in depths["margin_per_contact"].items()}
    if len(channels):
        found |= {f"hazard_ratio: {c}": e for c, e in channels["hazard_ratio"].items()}
    method = "sum over the plan; relative error that of the contacts' hazard ratios"
    value, low, high = float(plan["gain"].sum()), 0.0, 0.0
    for depth, part in plan.groupby("depth"):
        kept = depths["margin_per_contact"][str(depth)]
        if kept.value:
            low += float(part["gain"].sum()) * kept.low / kept.value
            high += float(part["gain"].sum()) * kept.high / kept.value
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
    counted: pd.DataFrame, plan: pd.DataFrame, bound: float, default: bool
) -> tuple[str, ...]:
    found = [
        "Who is contacted, and how deeply, was not drawn by lot: segment, open complaints, "
        "satisfaction, bonds and price are held, a salesman's own sense of who is leaving is not. "
        "Draw some customers of the plan by lot and leave them out, to know.",
        f"The plan takes the best return first; it keeps {plan['gain'].sum():,.0f}, and no plan of "
        f"paying contacts under this budget can keep more than {bound:,.0f}.",
    ]
    unpriced = int((counted.loc[counted["by"] == "depth", "priced"] == 0).sum())
    if unpriced:
        found.append(f"{unpriced} depths of contact have no cost; they are not in the plan.")
    if default:
        found.append("No budget was given: the plan may spend what outbound contacts cost lately.")
    return tuple(found)
