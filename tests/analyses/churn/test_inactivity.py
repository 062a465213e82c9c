"""When a silent customer is gone: both errors counted, the choice, and a company of orders only."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.analyses import (
    choose_inactivity,
    churn_change,
    churn_drivers,
    churn_risk,
    churn_tables,
    inactivity_threshold,
    retention_curve,
)
from retention.analyses.churn.inactivity_choice import personal_gaps
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.estimates import Answer
from retention.features import build_inactivity, contracts_from_orders
from retention.window import Window

WINDOW = Window(start=date(2022, 1, 1), cutoff=date(2025, 1, 1))


def buyers(n: int, seed: int) -> tuple[Tables, pd.DataFrame]:
    """Customers with rhythms of their own who leave unseen; the truth says when."""
    rng = np.random.default_rng(seed)
    came = rng.integers(0, 900, n)
    life = rng.exponential(500, n)
    gap = np.exp(rng.normal(np.log(12), 1.0, n)).clip(3)
    parts = []
    for i in range(n):
        steps = np.r_[0, np.cumsum(gap[i] * rng.gamma(1.2, 1 / 1.2, 600))]
        days = np.unique((came[i] + steps[steps <= life[i]]).astype(int))
        parts.append(pd.DataFrame({"customer_id": f"c{i}", "day": days[days < WINDOW.days]}))
    orders = pd.concat(parts, ignore_index=True)
    start = pd.Timestamp(WINDOW.start)
    orders["ordered_on"] = start + pd.to_timedelta(orders.pop("day"), unit="D")
    orders["order_id"], orders["amount"] = np.arange(len(orders)).astype(str), 5.0
    truth = pd.DataFrame(
        {"acquired_on": start + pd.to_timedelta(came, unit="D"), "gap": gap,
         "left_on": start + pd.to_timedelta((came + life).astype(int), unit="D"),
         "kind": np.where(np.arange(n) % 2, "a", "b")},
        index=pd.Index([f"c{i}" for i in range(n)], name="customer_id"),
    )  # fmt: skip
    customers = truth.reset_index()[["customer_id", "acquired_on", "kind"]]
    customers = customers.rename(columns={"kind": "segment"})
    return Tables.from_frames({"customers": customers, "orders": orders}, window=WINDOW), truth


@pytest.fixture(scope="module")
def shop():
    return buyers(400, seed=8)


@pytest.fixture(scope="module")
def answer(shop):
    return inactivity_threshold(shop[0])


def test_errors_are_those_of_the_rule_applied_then(shop, answer):
    tables, choice = shop[0], answer.choice
    orders = tables.query("select customer_id, ordered_on as day from orders order by 1, 2")
    then = pd.Timestamp(choice.judged_on)
    last = orders[orders["day"] < then].groupby("customer_id")["day"].max()
    silent = (then - pd.Timedelta(days=1) - last).dt.days
    silent = silent[silent < choice.judge_days]
    back = silent.index.isin(orders.loc[orders["day"] >= then, "customer_id"])
    assert choice.n == len(silent)
    for days, row in choice.thresholds.iterrows():
        flagged = (silent >= days).to_numpy()
        assert row["flagged"] == flagged.sum()
        assert row["came_back"] == (flagged & back).sum()
        assert row["stayed_away"] == (~flagged & ~back).sum()
        assert row["cost"] == row["came_back"] + row["stayed_away"]
    assert choice.thresholds["cost"].idxmin() == choice.days == answer.days


def test_errors_are_near_the_truth_nobody_could_see(shop, answer):
    _, truth = shop
    choice, then = answer.choice, pd.Timestamp(answer.choice.judged_on)
    row = choice.thresholds.loc[choice.days]
    here = truth["left_on"] > then
    # customers won before, in the order of the answer's customers, silent as of then
    states = build_inactivity(shop[0].as_of(choice.judged_on), gap_days=choice.judge_days)
    states = states[states["days_since_order"] < choice.judge_days]
    gone = states["days_since_order"] >= choice.days
    wrong = here.reindex(states.index)
    assert_allclose(row["came_back_share"], wrong[gone].mean(), atol=0.03)
    assert_allclose(row["stayed_away_share"], (~wrong[~gone]).mean(), atol=0.03)


def test_costs_move_the_choice(shop):
    tables = shop[0]
    dear_alarm = choose_inactivity(tables, false_alarm_cost=10).days
    dear_miss = choose_inactivity(tables, miss_cost=10).days
    assert dear_miss < choose_inactivity(tables).days < dear_alarm
    with pytest.raises(ParameterError, match="costs"):
        choose_inactivity(tables, miss_cost=0)


def test_a_customers_own_rhythm_beats_one_threshold(shop, answer):
    tables, truth = shop
    choice = answer.choice
    assert choice.multiples["cost"].min() < choice.thresholds["cost"].min()
    assert any("own rhythm" in caution for caution in answer.cautions())
    found = personal_gaps(tables, build_inactivity(tables))
    # whole days bend the short gaps
    many = (found["own_weight"] > 0.9) & (truth["gap"].reindex(found.index) > 10)
    log_ratio = np.log(found["usual_gap"] / truth["gap"].reindex(found.index))[many]
    # the geometric mean of Gamma(1.2) gaps lies below the mean by a known factor
    assert_allclose(np.exp(log_ratio.mean()), 0.63, atol=0.06)


def test_few_gaps_are_drawn_to_the_group(shop):
    tables = shop[0]
    states = build_inactivity(tables)
    found = personal_gaps(tables, states, "segment")
    none = found[(states["gaps"] == 0)]
    assert (none["own_weight"] == 0).all()
    assert none["usual_gap"].nunique() == 2  # that of each segment
    weight = found["own_weight"][states["gaps"] > 0]
    assert_allclose(weight.corr(states["gaps"], method="spearman"), 1.0)
    with pytest.raises(ParameterError, match="no column of customers"):
        personal_gaps(tables, states, "colour")


def test_every_number_is_made_again_over_thresholds(shop, answer):
    found = answer.sensitivity
    assert answer.days in found.index
    assert found["active"].is_monotonic_increasing
    values = [e.value for e in found["survival"] if e.shown]
    assert len(values) >= 4
    assert values == sorted(values)
    own = retention_curve(contracts_from_orders(shop[0], days=answer.days))
    assert found.loc[answer.days, "survival"] == own.numbers[f"survival_{answer.horizon}"]
    assert any("quote none without" in caution for caution in answer.cautions())


def test_the_answer_says_how_sure_it_is(answer):
    assert isinstance(answer, Answer)
    threshold = answer.estimates()["threshold_days"]
    assert threshold.low <= answer.days <= threshold.high
    assert threshold.low < threshold.high
    assert "came back within" in answer.headline()
    assert answer.customers["gone"].equals(answer.customers["silent_days"] >= answer.days)


def test_a_threshold_of_ones_own_is_judged_by_the_nearest():
    answer = inactivity_threshold(buyers(100, seed=2)[0], days=77)
    assert answer.days == 77
    assert "threshold_days" not in answer.estimates()
    assert any("nearest that was judged" in caution for caution in answer.cautions())


def test_too_little_is_said(shop):
    orders = pd.DataFrame({"order_id": ["1"], "customer_id": ["a"], "ordered_on": ["2024-05-01"],
                           "amount": [1.0]})  # fmt: skip
    customers = pd.DataFrame({"customer_id": ["a"], "acquired_on": ["2024-05-01"]})
    tables = Tables.from_frames({"customers": customers, "orders": orders}, window=WINDOW)
    with pytest.raises(NotEnoughDataError, match="closed by another"):
        choose_inactivity(tables)
    with pytest.raises(MissingTableError, match="orders would do"):
        churn_tables(Tables.from_frames({"customers": customers}, window=WINDOW))


@pytest.fixture(scope="module")
def orders_only() -> Tables:
    company = simulate_company(350, seed=3, history=False)
    frames = {k: v for k, v in company.tables.items() if k not in ("contracts", "exits")}
    return Tables.from_frames(frames, window=company.window)


def test_a_company_of_orders_has_a_curve_drivers_risk_and_change(orders_only):
    made = churn_tables(orders_only, days=90)
    curve = retention_curve(made, by="segment")
    assert "after 90 days without an order" in curve.cautions()[0]
    assert curve.numbers["survival_6"].shown
    drivers = churn_drivers(made)
    assert "orders" in set(drivers.risks["driver"])
    assert "90 days" in drivers.cautions()[0]
    now = churn_tables(orders_only, days=90, dated="detected")
    risk = churn_risk(now, origins=1)
    assert risk.loss is not None
    assert risk.validation is not None
    silent = build_inactivity(orders_only)["days_since_order"]
    assert set(risk.customers.index) <= set(silent.index[silent < 90])
    assert "90 days" in churn_change(now).cautions()[0]


def test_contracts_are_made_of_themselves_where_there_are_none(orders_only):
    chosen = choose_inactivity(orders_only).days
    curve = retention_curve(orders_only)
    assert f"after {chosen} days without an order" in curve.cautions()[0]
    later = orders_only.window.cutoff - timedelta(days=chosen)
    assert churn_tables(orders_only).window.cutoff == later
