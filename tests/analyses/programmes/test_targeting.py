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
    table_experiment_durations,
    table_experiment_plan,
    table_experiment_running,
    table_targeting,
    table_targeting_list,
)
from retention.features import build_programme_trials, build_programmes
from retention.models import detectable_difference, size_for_shares

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
def plan(tables):
    return plan_experiment(tables)


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


def test_rule_of_clv_times_uplift_is_valued_over_the_whole_stay(tables, target):
    """Reaching everybody keeps the mean of CLV times the gain in retention, less the cost."""
    whole = target.numbers["everybody, whole stay"]
    assert whole.low < whole.value < whole.high
    rules = target.rules
    assert rules.loc["everybody", "stay_value"] == whole.value
    free = targeting(tables, cost=0.0)
    assert free.rules.loc["everybody", "stay_value"] == pytest.approx(whole.value + target.cost)
    dear = targeting(tables, cost=1e6).rules.loc["CLV x uplift above cost"]
    assert (dear["share"], dear["stay_value"]) == (0.0, 0.0)


def test_draw_of_branches_treats_whole_branches(tables, plan):
    draw = plan_experiment(tables, cluster="branch").draw
    pairs = draw[["cluster", "arm"]].drop_duplicates()
    assert pairs["cluster"].is_unique
    arms = pairs["arm"].value_counts()
    assert abs(arms["treated"] - arms["control"]) <= 1
    sizes = draw["arm"].value_counts()
    assert abs(sizes["treated"] - sizes["control"]) < 0.1 * len(draw)
    assert set(draw.index) == set(plan.draw.index)


def test_every_length_that_was_followed_is_told(plan):
    """Whoever is followed longer leaves more often."""
    assert plan.durations.index.tolist() == [3, 6, 12, 18, 24]
    assert plan.durations["baseline"].is_monotonic_decreasing
    assert plan.durations.loc[12, "baseline"] == pytest.approx(plan.baseline.value)
    assert plan.durations.loc[12, "detectable"] == pytest.approx(plan.detectable.value)


def test_programmes_of_today_are_told_what_they_can_show(tables, plan):
    """Two shares with the arms there are: the least gain, put back, needs just these customers."""
    rebate = plan.running.loc["rebate"]
    trials = build_programme_trials(tables, "rebate", horizon=12, drawn=True)
    assert rebate["enrolled"] == trials["treated"].sum()
    assert rebate["others"] == (~trials["treated"]).sum()
    stayed = trials.loc[~trials["treated"], "retained"].mean()
    n = rebate["enrolled"] + rebate["others"]
    share = rebate["enrolled"] / n
    needed = size_for_shares(stayed, stayed + rebate["detectable"], share=share)
    assert needed == pytest.approx(n, abs=2)
    assert set(plan.running.index) == {"rebate", "integration", "key_contact"}


def test_margin_as_the_outcome_is_planned_after_what_the_past_explains(company, tables):
    plan = plan_experiment(tables, outcome="margin", horizon=12)
    orders, on = company.tables["orders"], pd.Timestamp("2025-11-01")
    earned = orders[orders["ordered_on"] >= on].groupby("customer_id")["margin"].sum()
    contracts = company.tables["contracts"]
    ended = contracts["ended_on"].fillna(pd.Timestamp(company.window.cutoff))
    then = contracts.loc[(contracts["started_on"] < on) & (ended >= on), "customer_id"].unique()
    own = earned.reindex(then).fillna(0.0)
    assert plan.baseline.value == pytest.approx(float(own.mean()))
    assert plan.baseline.unit == "EUR per customer"
    plain = detectable_difference(len(plan.draw), float(own.std()))
    assert 0 < plan.detectable.value < plain
    assert "in margin" in plan.headline()
    assert table_experiment_plan(plan).index[0].endswith("EUR per customer")
    with pytest.raises(ParameterError, match="outcome"):
        plan_experiment(tables, outcome="joy")


def test_draw_written_back_is_a_randomised_programme(company, plan):
    """The treated of the draw, joined to the enrolments, are known as drawn by lot."""
    day = pd.Timestamp("2026-10-31")
    rows = plan.enrolments("visits", bond="social", on=day, cost=10.0)
    assert set(rows["customer_id"]) == set(plan.draw.index[plan.draw["arm"] == "treated"])
    known = company.tables["enrolments"]
    both = tables_of(company, enrolments=pd.concat([known, rows], ignore_index=True))
    register = build_programmes(both)
    assert register.loc["visits", "assignment"] == "random"
    assert register.loc["visits", "cost_each"] == 10.0
    drawn = build_programme_trials(both, "visits", horizon=1, drawn=True)
    assert drawn["treated"].sum() == len(rows)
    assert abs(drawn["treated"].mean() - 0.5) < 0.02


def test_draw_balances_strata_and_is_reproducible(tables, plan):
    first, again = plan, plan_experiment(tables)
    pd.testing.assert_frame_equal(first.draw, again.draw)
    counts = pd.crosstab(first.draw["stratum"], first.draw["arm"])
    assert (np.abs(counts["treated"] - counts["control"]) <= 1).all()


def test_detectable_gain_is_the_one_whose_size_is_all_customers(tables, plan):
    again = plan_experiment(tables, gains=(plan.detectable.value,), seed=2)
    assert not (again.draw["arm"] == plan.draw["arm"]).all()
    needed = again.sizes["customers"].iloc[0]
    assert needed == pytest.approx(len(plan.draw), abs=2)


def test_experiment_that_cannot_be_planned_is_refused(tables):
    with pytest.raises(ParameterError, match="no column planet"):
        plan_experiment(tables, cluster="planet")
    with pytest.raises(NotEnoughDataError, match="shorter than"):
        plan_experiment(tables, horizon=500)


def test_every_figure_has_words(target, plan):
    for table in (table_targeting(target), table_targeting_list(target),
                  table_experiment_plan(plan), table_experiment_draw(plan),
                  table_experiment_durations(plan), table_experiment_running(plan)):  # fmt: skip
        assert len(table)
    assert plot_targeting(target).get_xlabel()
    assert plot_targeting_gain(target).get_xlabel() == "share reached"
    assert "would be seen" in plan.headline()
