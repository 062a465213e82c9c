"""Whom to reach, and the next experiment."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.analyses import plan_experiment, targeting
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.exhibits import (
    plot_targeting,
    plot_targeting_gain,
    table_experiment_draw,
    table_experiment_plan,
    table_targeting,
    table_targeting_list,
)

NEEDED = ("customers", "contracts", "orders", "enrolments", "complaints", "contacts")


@pytest.fixture(scope="module")
def company():
    return simulate_company(n_customers=4000, seed=21)


def tables_of(company, **changes):
    frames = {name: company.tables[name] for name in NEEDED} | changes
    return Tables.from_frames(frames, window=company.window)


@pytest.fixture(scope="module")
def tables(company):
    return tables_of(company)


@pytest.fixture(scope="module")
def target(tables):
    return targeting(tables, budget=1000.0)


def test_learned_from_the_drawn_programme_and_graded_so(target):
    assert target.programme == "rebate"
    assert {e.grade for e in target.estimates().values()} == {"A"}
    assert (target.rules["low"] <= target.rules["value"]).all()
    assert target.rules.loc["everybody", "share"] == 1


def test_everybody_is_worth_the_plain_effect_less_cost(tables, target):
    from retention.analyses import programme_effects

    net = programme_effects(tables, replicates=2).effects["rebate"].net
    everybody = target.numbers["everybody"]
    assert everybody.value == pytest.approx(net.value, abs=0.35 * (net.high - net.low) / 2)


def test_list_keeps_to_budget_and_to_those_it_can_reach(company, tables, target):
    chosen = target.chosen
    assert (chosen["expected_net"] > 0).all()
    assert chosen["spent"].iloc[-1] <= 1000
    assert chosen["expected_net"].is_monotonic_decreasing
    joined = company.tables["enrolments"].query("programme == 'rebate'")["customer_id"]
    assert not set(chosen.index) & set(joined)
    assert len(targeting(tables).chosen) >= len(chosen)


def test_a_cost_above_every_gain_leaves_nobody(tables):
    answer = targeting(tables, cost=1e6)
    assert answer.chosen.empty
    assert "No rule for rebate is worth its cost" in answer.headline()
    assert "loses money" in answer.headline()


def test_programme_of_own_choice_is_an_association(tables):
    answer = targeting(tables, programme="key_contact")
    assert {e.grade for e in answer.estimates().values()} == {"C"}
    assert "not drawn by lot" in answer.cautions()[0]


def test_what_cannot_be_targeted_is_told(company, tables):
    chosen = company.tables["enrolments"].assign(assignment="self")
    with pytest.raises(NotEnoughDataError, match="drawn by lot"):
        targeting(tables_of(company, enrolments=chosen))
    with pytest.raises(ParameterError, match="no programme 'tombola'"):
        targeting(tables, programme="tombola")
    with pytest.raises(NotEnoughDataError, match="margin"):
        targeting(tables_of(company, orders=company.tables["orders"].drop(columns="margin")))
    free = company.tables["enrolments"].drop(columns="cost")
    with pytest.raises(ParameterError, match="no cost"):
        targeting(tables_of(company, enrolments=free))


def test_plan_counts_those_who_could_have_taken_part(company, tables):
    plan = plan_experiment(tables, cluster="branch")
    contracts = company.tables["contracts"]
    start, cutoff = pd.Timestamp("2025-11-01"), pd.Timestamp(company.window.cutoff)
    ended = contracts["ended_on"].fillna(cutoff)
    then = set(contracts.loc[(contracts["started_on"] < start) & (ended >= start), "customer_id"])
    now = set(contracts.loc[contracts["ended_on"].isna(), "customer_id"])
    assert plan.baseline.n == len(then)
    assert plan.baseline.value == pytest.approx(len(then & now) / len(then))
    assert set(plan.draw.index) == now
    assert plan.sizes["customers"].is_monotonic_decreasing
    assert (plan.sizes["by_cluster"] >= plan.sizes["customers"]).all()


def test_draw_balances_strata_and_is_reproducible(tables):
    first, again = plan_experiment(tables), plan_experiment(tables)
    pd.testing.assert_frame_equal(first.draw, again.draw)
    counts = pd.crosstab(first.draw["stratum"], first.draw["arm"])
    assert (np.abs(counts["treated"] - counts["control"]) <= 1).all()
    other = plan_experiment(tables, seed=2)
    assert not (other.draw["arm"] == first.draw["arm"]).all()


def test_detectable_gain_is_the_one_whose_size_is_all_customers(tables):
    plan = plan_experiment(tables)
    again = plan_experiment(tables, gains=(plan.detectable.value,))
    needed = again.sizes["customers"].iloc[0]
    assert needed == pytest.approx(len(plan.draw), abs=2)


def test_experiment_that_cannot_be_planned_is_refused(tables):
    with pytest.raises(ParameterError, match="no column planet"):
        plan_experiment(tables, cluster="planet")
    with pytest.raises(NotEnoughDataError, match="shorter than"):
        plan_experiment(tables, horizon=500)


def test_every_figure_has_words(tables, target):
    plan = plan_experiment(tables)
    for table in (table_targeting(target), table_targeting_list(target),
                  table_experiment_plan(plan), table_experiment_draw(plan)):  # fmt: skip
        assert len(table)
    assert plot_targeting(target).get_xlabel()
    assert plot_targeting_gain(target).get_xlabel() == "share reached"
    assert "would be seen" in plan.headline()
