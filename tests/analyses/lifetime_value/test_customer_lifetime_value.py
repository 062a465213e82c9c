"""Lifetime value in money: from orders, from contracts, with units, costs and intervals right."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from retention.analyses import customer_lifetime_value
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.window import Window

START, CUTOFF = date(2024, 1, 1), date(2026, 1, 1)


def make_orders(rng, n=600, amount=20.0, until=CUTOFF):
    """Return orders of a Pareto/NBD shop in days: everybody joins in the first year."""
    rows = []
    for i in range(n):
        rate = rng.gamma(1.0, 1 / 25.0)
        stop = rng.exponential(1.0) / rng.gamma(1.2, 1 / 500.0)
        day, mean = float(rng.integers(0, 365)), amount * rng.gamma(4, 0.25)
        end = day + stop
        while day <= end and START + timedelta(days=int(day)) < until:
            rows.append((f"C{i:04d}", START + timedelta(days=int(day)), mean * rng.gamma(6, 1 / 6)))
            day += rng.exponential(1 / rate)
    orders = pd.DataFrame(rows, columns=["customer_id", "ordered_on", "amount"])
    orders["amount"] = orders["amount"].clip(lower=0.01).round(2)
    return orders.assign(order_id=np.arange(len(orders)).astype(str))


@pytest.fixture(scope="module")
def orders():
    return make_orders(np.random.default_rng(3), until=date(2027, 1, 1))


def shop(orders, unit="week", cutoff=CUTOFF, **more):
    known = orders[orders["ordered_on"] < cutoff]
    window = Window(start=START, cutoff=cutoff, unit=unit)
    return Tables.from_frames({"orders": known, **more}, window=window)


@pytest.fixture(scope="module")
def answer(orders):
    return customer_lifetime_value(shop(orders), horizon_years=1.0, annual_rate=0.0)


def test_value_holds_what_was_then_spent(orders, answer):
    """One year ahead, undiscounted: the interval of what is counted holds what was counted."""
    later = orders[orders["ordered_on"] >= CUTOFF]
    spent = later[later["customer_id"].isin(answer.customers.index)]["amount"].sum()
    counted = answer.estimates()["residual_value_as_counted"]
    assert counted.low <= spent <= counted.high
    assert answer.measure == "revenue"
    assert any("revenue, not margin" in text for text in answer.cautions())
    assert "revenue" in answer.headline()


@pytest.mark.parametrize("unit", ["day", "month"])
def test_the_unit_of_time_does_not_change_money(orders, unit):
    week = customer_lifetime_value(shop(orders), model="pareto_nbd", replicates=20)
    other = customer_lifetime_value(shop(orders, unit), model="pareto_nbd", replicates=20)
    for name in ("residual_value", "new_customer_value"):
        one, two = week.estimates()[name].value, other.estimates()[name].value
        assert one == pytest.approx(two, rel=1e-5)


def test_discount_and_horizon_only_take_away(orders, answer):
    tables = shop(orders)
    totals = [
        customer_lifetime_value(
            tables, model="pareto_nbd", annual_rate=rate, horizon_years=horizon, replicates=20
        ).estimates()["residual_value"].value
        for rate, horizon in ((0.1, None), (0.1, 5.0), (0.3, 5.0), (0.3, 1.0))
    ]  # fmt: skip
    assert totals == sorted(totals, reverse=True)


def test_margin_service_cost_and_delay(orders):
    orders = orders[orders["customer_id"] < "C0200"]
    full = orders.assign(margin=(orders["amount"] * 0.4).round(2))
    margin = customer_lifetime_value(shop(full), model="pareto_nbd", replicates=20)
    revenue = customer_lifetime_value(shop(orders), model="pareto_nbd", replicates=20)
    assert margin.measure == "margin"
    ratio = margin.estimates()["residual_value"].value / revenue.estimates()["residual_value"].value
    assert ratio == pytest.approx(0.4, abs=0.002)
    served = full.assign(
        service_cost=3.0, paid_on=[day + timedelta(days=90) for day in full["ordered_on"]]
    )
    after = customer_lifetime_value(shop(served), model="pareto_nbd", replicates=20)
    assert after.measure == "margin after service cost"
    assert after.estimates()["residual_value"].value < margin.estimates()["residual_value"].value
    given = customer_lifetime_value(
        shop(orders), model="pareto_nbd", margin_share=0.4, replicates=20
    )
    assert given.measure == "margin"
    assert given.estimates()["residual_value"].value == pytest.approx(
        margin.estimates()["residual_value"].value, rel=0.01
    )


def test_customers_who_cost_more_than_they_bring(orders):
    served = orders.assign(margin=(orders["amount"] * 0.2).round(2), service_cost=6.0)
    found = customer_lifetime_value(shop(served), model="pareto_nbd", replicates=20)
    assert (found.customers["residual_clv"] < 0).sum() > 20
    assert found.segments["costs_more_than_he_brings"].sum() > 20
    assert np.isfinite(found.customers["residual_clv"]).all()


def test_whole_life_equity_and_payback(orders):
    ids = sorted(orders["customer_id"].unique())
    first = orders.groupby("customer_id")["ordered_on"].min()
    people = pd.DataFrame(
        {
            "customer_id": ids,
            "acquired_on": [first[i] for i in ids],
            "acquisition_cost": 12.0,
            "segment": ["large" if i.endswith("0") else "small" for i in ids],
        }
    )
    people = people[people["acquired_on"] < CUTOFF]
    found = customer_lifetime_value(
        shop(orders, customers=people), model="pareto_nbd", planned_per_year=100, replicates=40
    )
    table = found.customers
    np.testing.assert_allclose(
        table["whole_life_value"],
        table["value_to_date"] - table["acquisition_cost"] + table["residual_clv"],
    )
    assert list(found.segments.index) == ["large", "small"]
    total = found.estimates()["residual_value"]
    assert found.segments["residual_clv"].sum() == pytest.approx(total.value)
    numbers = found.estimates()
    net = numbers["new_customer_net_value"].value
    assert net == pytest.approx(numbers["new_customer_value"].value - 12.0)
    planned = found.equity.loc["planned in year 1", "value"]
    assert planned == pytest.approx(100 * net / 1.1**0.5)
    assert found.equity.loc["customer equity", "value"] == pytest.approx(
        total.value + sum(100 * net / 1.1 ** (y + 0.5) for y in range(3))
    )
    paid = found.payback[found.payback["value"] >= 0]["years"].iloc[0]
    assert numbers["payback"].value == pytest.approx(12 * paid)
    assert numbers["worth_of_less_dropout"].value > 0
    for name in ("payback", "customer_equity", "new_customer_net_value", "keeping_break_even"):
        assert numbers[name].low <= numbers[name].value <= numbers[name].high
    equity = found.equity
    assert (equity["low"] <= equity["value"]).all()
    assert (equity["value"] <= equity["high"]).all()
    assert equity.loc["customer equity", "low"] > equity["low"].iloc[:-1].sum()  # they offset
    keeping = found.winning_or_keeping
    assert keeping["worth_less_cost"].iloc[0] == pytest.approx(net)
    brings = keeping["worth_of_money"].iloc[0]
    assert brings == pytest.approx(numbers["worth_of_money_in_winning"].value)
    assert keeping["as_good_as_winning_at"].iloc[1] * brings == pytest.approx(
        numbers["worth_of_less_dropout"].value / len(table)
    )
    small = shop(orders[orders["customer_id"] < "C0100"])
    dear = customer_lifetime_value(small, acquisition_cost=1e6, model="pareto_nbd", replicates=20)
    assert not dear.estimates()["payback"].shown


def test_value_at_risk_is_part_of_the_value(answer):
    table = answer.customers
    assert (table["value_at_risk"] >= -1e-9).all()
    assert (table["value_at_risk"] <= table["residual_clv"] + 1e-9).all()


def test_intervals_of_customer_segment_and_total(orders, answer):
    """Parameters apart from chance: one customer is known far less well than his expectation."""
    table = answer.customers
    for name in ("probability_alive", "purchases_next_year", "residual_clv", "value_at_risk"):
        assert (table[f"{name}_low"] <= table[name] + 1e-9).all()
        assert (table[name] <= table[f"{name}_high"] + 1e-9).all()
        one = answer.segments.iloc[0]
        low = one["low"] if name == "residual_clv" else one[f"{name}_low"]
        assert low == pytest.approx(one[name], rel=0.2)
    expected = table["residual_clv_high"] - table["residual_clv_low"]
    counted = table["counted_high"] - table["counted_low"]
    here = table["probability_alive"] > 0.5
    assert (counted > 2 * expected)[here].mean() > 0.95
    spent = orders[orders["ordered_on"] >= CUTOFF].groupby("customer_id")["amount"].sum()
    spent = spent.reindex(table.index).fillna(0.0)
    held = ((table["counted_low"] - 1e-9 <= spent) & (spent <= table["counted_high"] + 1e-9)).mean()
    assert held > 0.86
    numbers = answer.estimates()
    assert numbers["share_alive"].low < numbers["share_alive"].value < numbers["share_alive"].high
    total = numbers["residual_value"]
    both = numbers["residual_value_as_counted"]
    assert both.high - both.low > 1.3 * (total.high - total.low)


def test_models_and_their_band(answer):
    assert set(answer.models.index) >= {"bg_nbd", "mbg_nbd", "pareto_nbd"}
    assert answer.model == answer.models["aic"].idxmin()
    assert answer.models.loc[answer.model, "in_band"]
    assert answer.choice.regularity.suggested_k == 1


def test_below_the_minimum_no_number_is_shown(orders):
    few = orders[orders["customer_id"] < "C0015"]
    found = customer_lifetime_value(shop(few), model="pareto_nbd", replicates=20)
    assert not any(e.shown for e in found.estimates().values())
    assert "not shown" in found.headline()


def test_what_cannot_be_asked(orders):
    tables = shop(orders)
    with pytest.raises(ParameterError, match="annual_rate"):
        customer_lifetime_value(tables, annual_rate=-0.1)
    with pytest.raises(ParameterError, match="horizon"):
        customer_lifetime_value(tables, annual_rate=0.0, horizon_years=None)
    with pytest.raises(ParameterError, match="model must be"):
        customer_lifetime_value(tables, model="magic")
    with pytest.raises(ParameterError, match="margin_share"):
        customer_lifetime_value(tables, margin_share=40)
    with pytest.raises(MissingTableError, match="contracts"):
        customer_lifetime_value(tables, basis="contracts")
    refunds = shop(orders.head(30).assign(amount=-1.0))
    with pytest.raises(NotEnoughDataError, match="nobody bought"):
        customer_lifetime_value(refunds)


def bought(days, amount=10.0):
    """Return orders of one customer a line of days since the start."""
    rows = [
        (f"C{i:03d}", START + timedelta(days=int(day)), amount + i % 7)
        for i, line in enumerate(days)
        for day in line
    ]
    orders = pd.DataFrame(rows, columns=["customer_id", "ordered_on", "amount"])
    return orders.assign(order_id=np.arange(len(orders)).astype(str))


def test_companies_too_thin_say_so():
    """One customer, or none who came back: no spending can be learned, and the error says why."""
    with pytest.raises(NotEnoughDataError, match="1 of 1 customers"):
        customer_lifetime_value(shop(bought([range(0, 300, 30)])), replicates=20)
    with pytest.raises(NotEnoughDataError, match="0 of 90 customers"):
        customer_lifetime_value(shop(bought([[i] for i in range(90)])), replicates=20)
    with pytest.raises(NotEnoughDataError, match="T = 0"):
        customer_lifetime_value(shop(bought([[730]] * 40)), replicates=20)


def test_a_company_whose_customers_have_gone_is_worth_nothing(rng):
    gone = bought(rng.integers(1, 60, (90, 3)))
    found = customer_lifetime_value(shop(gone), model="pareto_nbd", replicates=20)
    total = found.estimates()["residual_value"]
    assert 0 <= total.value < 0.01 * gone["amount"].sum()
    numbers = found.customers.select_dtypes("number").drop(columns="acquisition_cost")
    assert np.isfinite(numbers).all().all()


# ------------------------------------------------------------------------------- contracts


@pytest.fixture(scope="module")
def contracts():
    """Customers with a monthly contract of 30, leaving with a chance from beta(0.8, 8)."""
    rng = np.random.default_rng(9)
    n = 1500
    stay = rng.geometric(rng.beta(0.8, 8.0, n))
    month = rng.integers(0, 22, n)
    began = [date(2024 + m // 12, m % 12 + 1, 1) for m in month]
    left = [m + s for m, s in zip(month, stay, strict=True)]
    ended = [date(2024 + m // 12, m % 12 + 1, 1) if m < 24 else None for m in left]
    ids = [f"K{i:05d}" for i in range(n)]
    people = pd.DataFrame({"customer_id": ids, "acquired_on": began, "acquisition_cost": 40.0})
    rows = pd.DataFrame({"customer_id": ids, "started_on": began, "ended_on": ended, "price": 30.0})
    window = Window(start=START, cutoff=CUTOFF)
    return Tables.from_frames({"customers": people, "contracts": rows}, window=window)


def test_contracts_are_valued_by_the_model_that_made_them(contracts):
    found = customer_lifetime_value(contracts, margin_share=0.5, cost_per_period=5.0)
    assert found.basis == "contracts"
    assert found.measure == "margin after service cost"
    truth = np.cumprod([(8 + t) / (8.8 + t) for t in range(60)])
    worth = 10.0 * (1 + sum(truth[t] * 1.1 ** (-(t + 1) / 12) for t in range(60)))
    assert found.estimates()["new_customer_value"].value == pytest.approx(worth, rel=0.06)
    assert (found.customers["probability_alive"] == 1).all()
    assert (found.customers["value_of_purchase"] == 10.0).all()
    assert found.estimates()["payback"].value > 0


def test_a_survival_curve_values_contracts_too(contracts):
    model = customer_lifetime_value(contracts, model="shifted_beta_geometric", horizon_years=0.5)
    curve = customer_lifetime_value(contracts, model="kaplan_meier", horizon_years=0.5)
    one, two = (a.estimates()["residual_value"].value for a in (model, curve))
    assert two < one
    assert two == pytest.approx(one, rel=0.15)  # the oldest contracts leave the curve
    assert any("longest tenure" in text for text in curve.cautions())
    total = curve.estimates()["residual_value"]
    assert total.low < total.value < total.high


@pytest.mark.parametrize("model", ["discrete_hazard", "weibull", "cure"])
def test_survival_fits_value_contracts_by_segment(contracts, two_kinds, model):
    """Half of the customers leave earlier: they are worth less, each with an interval."""
    found = customer_lifetime_value(
        two_kinds, model=model, covariates=("segment",), horizon_years=1.0, replicates=20
    )
    mean = found.segments["mean_residual_clv"]
    assert mean["steady"] > mean["restless"]
    assert (found.segments["high"] > found.segments["low"]).all()
    assert found.model == model
    plain = customer_lifetime_value(contracts, model=model, horizon_years=1.0, replicates=20)
    totals = plain.models["residual_value"]
    assert totals[model] == pytest.approx(plain.estimates()["residual_value"].value)
    # the true curve falls ever more slowly, which a Weibull follows less well than the others
    assert totals[model] == pytest.approx(totals["shifted_beta_geometric"], rel=0.05)


@pytest.fixture(scope="module")
def two_kinds(contracts):
    """Return the company with contracts of half the customers ended early for a third of them."""
    people = contracts.query("select * from customers order by customer_id")
    rows = contracts.query("select * from contracts order by customer_id")
    restless = rows.index % 2 == 1
    early = restless & (rows.index % 3 == 0) & rows["ended_on"].isna()
    started = pd.to_datetime(rows["started_on"])
    third = started + (pd.Timestamp(CUTOFF) - started) / 3
    rows["ended_on"] = pd.to_datetime(rows["ended_on"]).where(~early, third.dt.floor("D"))
    rows["ended_on"] = rows["ended_on"].dt.date
    rows["ended_on"] = rows["ended_on"].where(rows["ended_on"].notna(), None)
    people["segment"] = np.where(restless, "restless", "steady")
    window = Window(start=START, cutoff=CUTOFF)
    return Tables.from_frames({"customers": people, "contracts": rows}, window=window)


def test_what_contracts_will_bring_is_wider_than_what_is_expected(contracts, two_kinds):
    found = customer_lifetime_value(contracts, horizon_years=1.0, replicates=60)
    assert set(found.models.index) >= {"shifted_beta_geometric", "discrete_hazard"}
    assert found.model == found.models["aic"].idxmin()
    numbers, table = found.estimates(), found.customers
    both, total = numbers["residual_value_as_counted"], numbers["residual_value"]
    assert both.high - both.low > total.high - total.low
    assert (table["counted_low"] <= table["residual_clv"] + 1e-9).all()
    with pytest.raises(ParameterError, match="knows no covariates"):
        customer_lifetime_value(two_kinds, model="kaplan_meier", covariates=("segment",))


def test_demo_company_by_either_basis():
    company = simulate_company(400, seed=3)
    frames = {name: company.tables[name] for name in ("customers", "contracts", "orders")}
    tables = Tables.from_frames(frames, window=company.window)
    for basis in ("orders", "contracts"):
        found = customer_lifetime_value(tables, basis=basis, replicates=20)
        assert found.estimates()["residual_value"].value > 0
        numbers = found.customers.select_dtypes("number").drop(columns="acquisition_cost")
        assert np.isfinite(numbers).all().all()
