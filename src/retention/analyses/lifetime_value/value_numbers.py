"""Numbers of record of a lifetime value: totals, the new customer, payback, winning or keeping."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.estimates import Estimate, bootstrap_interval

from .value_parts import LESS_DROPOUT, PREDICTED, YEARS, ValueSettings, Worked

__all__ = ["equity_table", "segment_table", "value_numbers", "winning_or_keeping"]

Array = NDArray[np.floating[Any]]


def value_numbers(
    tables: Tables,
    s: ValueSettings,
    w: Worked,
    customers: pd.DataFrame,
    equity: pd.DataFrame,
    winning: float | None,
) -> dict[str, Estimate]:
    """Return the numbers of record, withheld where they rest on too few customers."""
    found = _of_today(tables, s, w, customers)
    found |= _of_a_new_customer(tables, s, w, len(customers), winning)
    whole = equity.loc["customer equity"].astype(float).to_dict()
    found["customer_equity"] = Estimate(
        value=whole["value"], low=whole["low"], high=whole["high"],
        level=s.level, unit=tables.currency, n=len(customers), grade="D",
        method=f"residual value of customers of today and of {s.planning_years} years of planned "
        "cohorts, less their acquisition cost",
    )  # fmt: skip
    return _withhold(found, tables.minimum_n)


def _withhold(numbers: dict[str, Estimate], minimum: int) -> dict[str, Estimate]:
    return {
        name: e
        if e.n >= minimum
        else Estimate.withheld(
            f"{e.n:,} customers are fewer than {minimum}", unit=e.unit, n=e.n, method=e.method
        )
        for name, e in numbers.items()
    }


def _ends(values: Array, at: float, level: float) -> dict[str, Any]:
    low, high = bootstrap_interval(values, level)
    return {"low": min(low, at), "high": max(high, at), "level": level}


def _of_today(
    tables: Tables, s: ValueSettings, w: Worked, customers: pd.DataFrame
) -> dict[str, Estimate]:
    n, money, again = len(customers), tables.currency, w.replicated
    total, spread = float(customers["residual_clv"].sum()), again.sums["residual_clv"].sum(axis=1)
    method = f"{w.model}, discounted expected {w.measure}, {s.annual_rate:.1%} a year"
    turned_out = np.quantile(
        again.counted.sum(axis=1), [0.5 - s.level / 2, 0.5 + s.level / 2], method="weibull"
    )
    risk = float(customers["value_at_risk"].sum())
    bought = float(customers["purchases_next_year"].sum())
    found = {
        "residual_value": Estimate(
            value=total, unit=money, n=n, method=f"{method}; {again.by}", grade="D",
            **_ends(spread, total, s.level),
        ),
        "residual_value_mean": Estimate(
            value=total / n, unit=f"{money} per customer", n=n, method=method, grade="D",
            **_ends(spread / n, total / n, s.level),
        ),
        "residual_value_as_counted": Estimate(
            value=total, low=min(total, float(turned_out[0])),
            high=max(total, float(turned_out[1])), level=s.level, unit=money, n=n, grade="D",
            method=f"{method}; parameters and chance together",
        ),
        "value_at_risk": Estimate(
            value=risk, unit=money, n=n, grade="D",
            method="residual value of customers expected to stop in the next period",
            **_ends(again.sums["value_at_risk"].sum(axis=1), risk, s.level),
        ),
        "worth_of_less_dropout": Estimate(
            value=w.less_dropout, unit=money, n=n, grade="D",
            method=f"what the model gives if dropout were {LESS_DROPOUT:.0%} lower: no effect of "
            "any programme",
            **_ends(again.less_dropout, w.less_dropout, s.level),
        ),
        "purchases_next_year": Estimate(
            value=bought, unit="purchases" if w.rfm is not None else "periods", n=n, grade="D",
            method=f"{w.model}, expected",
            **_ends(again.sums["purchases_next_year"].sum(axis=1), bought, s.level),
        ),
    }  # fmt: skip
    if w.rfm is not None:
        alive = float(customers["probability_alive"].mean())
        found["share_alive"] = Estimate(
            value=alive, unit="share", n=n, grade="D", method=f"{w.model}, mean P(alive)",
            **_ends(again.sums["probability_alive"].sum(axis=1) / n, alive, s.level),
        )  # fmt: skip
    return found


def _of_a_new_customer(
    tables: Tables, s: ValueSettings, w: Worked, n: int, winning: float | None
) -> dict[str, Estimate]:
    money, new, again = tables.currency, w.new["clv"], w.replicated
    found = {
        "new_customer_value": Estimate(
            value=new, unit=f"{money} per customer", n=n, grade="D",
            method=f"first purchase and later ones, {w.model}, discounted expected {w.measure}, "
            f"{s.annual_rate:.1%} a year, before acquisition cost",
            **_ends(again.new, new, s.level),
        )
    }  # fmt: skip
    if winning is None:
        return found
    found["new_customer_net_value"] = Estimate(
        value=new - winning, unit=f"{money} per customer", n=n, grade="D",
        method="value of a new customer less the cost of winning him",
        **_ends(again.new - winning, new - winning, s.level),
    )  # fmt: skip
    found["payback"] = _payback(s, w, n, winning)
    worth = w.less_dropout / n
    found["keeping_break_even"] = Estimate(
        value=worth, unit=f"{money} per customer", n=n, grade="D",
        method=f"most that keeping may cost a customer of today if it lowers dropout by "
        f"{LESS_DROPOUT:.0%}; whether anything does, only a programme can show",
        **_ends(again.less_dropout / n, worth, s.level),
    )  # fmt: skip
    net = new - winning
    if net <= 0:
        return found
    many = w.less_dropout / net
    found["customers_won_for_worth_of_less_dropout"] = Estimate(
        value=many, unit="customers", n=n, grade="D",
        method=f"new customers that bring as much as {LESS_DROPOUT:.0%} less dropout would",
        **_ratio_ends(again.less_dropout, again.new - winning, many, s.level),
    )  # fmt: skip
    if winning > 0 and w.new["clv"] > 0:
        found |= _where_money_earns_most(s, w, n, money, winning)
    return found


def _where_money_earns_most(
    s: ValueSettings, w: Worked, n: int, money: str, winning: float
) -> dict[str, Estimate]:
    """Return what a unit of money brings in winning, and up to where keeping brings more."""
    again, brings = w.replicated, w.new["clv"] / winning
    equal = w.less_dropout / n / brings
    return {
        "worth_of_money_in_winning": Estimate(
            value=brings, unit=f"{money} per {money}", n=n, grade="D",
            method="value of a new customer for each unit of money spent on winning him",
            **_ends(again.new / winning, brings, s.level),
        ),
        "keeping_as_good_as_winning": Estimate(
            value=equal, unit=f"{money} per customer", n=n, grade="D",
            method=f"below this cost a customer of today, {LESS_DROPOUT:.0%} less dropout brings "
            "more for the money than winning does",
            **_ratio_ends(again.less_dropout / n, again.new / winning, equal, s.level),
        ),
    }  # fmt: skip


def _ratio_ends(above: Array, below: Array, at: float, level: float) -> dict[str, Any]:
    """Return the interval of a ratio; none where the lower part may be zero."""
    if (below <= 0).any():
        return {}
    return _ends(above / below, at, level)


def _payback(s: ValueSettings, w: Worked, n: int, winning: float) -> Estimate:
    method = "until the discounted value of a new customer covers the cost of winning him"
    months = _months(w.curve, winning)
    if not np.isfinite(months):
        return Estimate.withheld(
            "a new customer does not pay back the cost of winning him within ten years",
            unit="months", n=n, method=method,
        )  # fmt: skip
    again = np.array([_months(curve, winning) for curve in w.replicated.curves])
    never = float((~np.isfinite(again)).mean())
    if never > 0.5 - s.level / 2:
        return Estimate(
            value=months, unit="months", n=n, grade="D",
            method=f"{method}; no interval, since in {never:.0%} of replicates it takes more than "
            "ten years",
        )  # fmt: skip
    ends = np.quantile(np.where(np.isfinite(again), again, 1e6),
                       [0.5 - s.level / 2, 0.5 + s.level / 2], method="nearest")  # fmt: skip
    return Estimate(
        value=months, low=min(months, float(ends[0])), high=max(months, float(ends[1])),
        level=s.level, unit="months", n=n, grade="D", method=method,
    )  # fmt: skip


def _months(curve: Array, winning: float) -> float:
    paid = np.flatnonzero(curve >= winning)
    return 12 * float(YEARS[paid[0]]) if paid.size else float("inf")


def winning_or_keeping(s: ValueSettings, w: Worked, n: int, winning: float | None) -> pd.DataFrame:
    """Return winning a customer beside keeping those of today, in the same money."""
    again = w.replicated
    rows = {
        "win a customer": (w.new["clv"], again.new, winning),
        f"keep a customer: {LESS_DROPOUT:.0%} less dropout": (
            w.less_dropout / n, again.less_dropout / n, None,
        ),
    }  # fmt: skip
    table = {}
    for name, (value, values, cost) in rows.items():
        ends = _ends(values, value, s.level)
        table[name] = {
            "worth": value, "low": ends["low"], "high": ends["high"],
            "costs": np.nan if cost is None else cost,
            "worth_less_cost": np.nan if cost is None else value - cost,
            "worth_of_money": value / cost if cost else np.nan,
        }  # fmt: skip
    found = pd.DataFrame(table).T.rename_axis("option")
    brings = found["worth_of_money"].iloc[0]
    found["as_good_as_winning_at"] = [np.nan, found["worth"].iloc[1] / brings]
    return found


def equity_table(
    tables: Tables, s: ValueSettings, w: Worked, customers: pd.DataFrame, winning: float | None
) -> pd.DataFrame:
    """Return existing customers, planned cohorts and their sum, each with its interval."""
    planned = s.planned_per_year
    if planned is None:
        planned = _won_last_year(tables, w)
    years = np.arange(s.planning_years) + 0.5
    worth = planned / (1 + s.annual_rate) ** years
    cost = winning or 0.0
    parts = {"customers of today": (len(customers), float(customers["residual_clv"].sum()))}
    parts |= {
        f"planned in year {i + 1}": (round(planned), float(v) * (w.new["clv"] - cost))
        for i, v in enumerate(worth)
    }
    table = pd.DataFrame(parts, index=["customers", "value"]).T.rename_axis("part")
    again = np.column_stack(
        [w.replicated.sums["residual_clv"].sum(axis=1), np.outer(w.replicated.new - cost, worth)]
    )
    table.loc["customer equity"] = table.sum()
    again = np.column_stack([again, again.sum(axis=1)])
    ends = np.quantile(again, [0.5 - s.level / 2, 0.5 + s.level / 2], axis=0)
    table["low"] = np.minimum(ends[0], table["value"])
    table["high"] = np.maximum(ends[1], table["value"])
    return table.astype({"customers": int})


def _won_last_year(tables: Tables, w: Worked) -> float:
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=365)
    if w.rfm is not None:
        first = w.rfm.loc[~w.rfm["entered_before"], "first_on"]
        return float((first >= since).sum())
    found = tables.query(
        "select count(*) as n from (select customer_id, min(started_on) as first from contracts "
        "group by customer_id) f where first >= {{ since | literal }}",
        since=since.date(),
    )
    return float(found["n"].iloc[0])


def segment_table(customers: pd.DataFrame, s: ValueSettings, w: Worked) -> pd.DataFrame:
    """Return one row a segment: value with its intervals, and all else that is predicted."""
    groups = customers.groupby("segment")
    ends = [0.5 - s.level / 2, 0.5 + s.level / 2]
    table = pd.DataFrame({"customers": groups.size()})
    for name in ("residual_clv", *(n for n in PREDICTED if n != "residual_clv")):
        low, high = np.quantile(w.replicated.sums[name], ends, axis=0)
        table[name] = groups[name].sum()
        prefix = "" if name == "residual_clv" else f"{name}_"
        table[f"{prefix}low"] = np.minimum(low, table[name])
        table[f"{prefix}high"] = np.maximum(high, table[name])
    counted = np.quantile(w.replicated.counted, ends, axis=0, method="weibull")
    table["counted_low"] = np.minimum(counted[0], table["residual_clv"])
    table["counted_high"] = np.maximum(counted[1], table["residual_clv"])
    table["mean_residual_clv"] = groups["residual_clv"].mean()
    table["whole_life_value"] = groups["whole_life_value"].sum()
    losers = groups["residual_clv"].agg(lambda v: int((v < 0).sum()))
    return table.assign(costs_more_than_he_brings=losers)
