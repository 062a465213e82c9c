"""Programmes of the simulated company, whose effects are known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.analyses import programme_effects
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import DataError, MissingTableError, ParameterError
from retention.exhibits import (
    plot_programme_checks,
    plot_programme_effects,
    table_programme_effects,
)
from retention.features import build_programme_trials, build_rollout_panel, rollout_place

ITEMS = {"csat": {"construct": "csat"}}
NEEDED = ("customers", "contracts", "orders", "enrolments", "complaints", "contacts")


@pytest.fixture(scope="module")
def company():
    return simulate_company(n_customers=5000, seed=11)


def tables_of(company, **changes):
    frames = {name: company.tables[name] for name in NEEDED} | changes
    return Tables.from_frames(frames, window=company.window, items=ITEMS)


@pytest.fixture(scope="module")
def tables(company):
    return tables_of(company)


@pytest.fixture(scope="module")
def answer(tables):
    return programme_effects(tables, goals={"rebate": 0.001, "key_contact": 0.9}, replicates=40)


def mean_log_ratio(programme, horizon=12):
    """The true log hazard ratio at the middle of the horizon, as it fades month by month."""
    months = np.arange(horizon) + 0.5
    return float(np.mean(programme.log_hazard * np.exp(-months / programme.fade_months)))


def test_each_programme_gets_the_strongest_design_its_data_allow(answer):
    assert {n: (e.design, e.retained.grade) for n, e in answer.effects.items()} == {
        "rebate": ("randomised", "A"),
        "integration": ("roll-out by branch", "B"),
        "key_contact": ("like customers", "C"),
    }
    refused = answer.refused.groupby("programme")["design"].agg(" | ".join)
    assert all("before and after alone" in reasons for reasons in refused)
    assert "not drawn by lot" in refused["integration"]
    assert "one after the other" in refused["key_contact"]


@pytest.mark.parametrize("name", ["rebate", "integration"])
def test_effect_on_the_hazard_is_recovered(company, answer, name):
    truth = np.exp(mean_log_ratio(getattr(company.truth.parameters.programmes, name)))
    ratio = answer.effects[name].hazard_ratio
    assert ratio.low < truth < ratio.high
    assert ratio.value < 1


def test_programme_of_own_choice_is_an_association_and_says_so(answer):
    effect = answer.effects["key_contact"]
    assert effect.hazard_ratio.grade == effect.retained.grade == effect.money.grade == "C"
    assert any("own choice" in caution for caution in answer.cautions())
    assert "hidden confounder" in effect.retained.method
    assert effect.checks["after"].abs().max() < 0.1


@pytest.mark.slow
def test_hidden_warmth_makes_the_chosen_programme_look_better_than_it_is():
    """Over 12 worlds the ratio lies below the truth on average, by more than chance."""
    gaps = []
    for seed in range(12):
        company = simulate_company(n_customers=4000, seed=500 + seed)
        found = programme_effects(tables_of(company), replicates=2).effects["key_contact"]
        truth = mean_log_ratio(company.truth.parameters.programmes.key_contact)
        gaps.append(np.log(found.hazard_ratio.value) - truth)
    assert np.mean(gaps) < -2 * np.std(gaps) / np.sqrt(len(gaps))


def test_money_is_what_is_left_after_the_cost(answer):
    for effect in answer.effects.values():
        if effect.net.value is not None:
            assert effect.net.value == pytest.approx(effect.money.value - effect.cost.value)
            assert effect.net.high - effect.net.low == pytest.approx(
                effect.money.high - effect.money.low
            )


def test_goals_are_met_or_missed_beyond_noise(answer):
    verdicts = answer.goals.set_index("programme")["verdict"]
    assert verdicts["key_contact"] == "missed beyond noise"
    assert verdicts["rebate"] in ("met beyond noise", "not decided by these data")


def test_drawn_trial_is_those_whose_contract_ran_that_day(company, tables):
    trials = build_programme_trials(tables, "rebate", horizon=12, drawn=True)
    offers = company.truth.offers
    offered = offers[offers["programme"] == "rebate"].set_index("customer_id")["joined"]
    assert set(trials.index) == set(offered.index)
    pd.testing.assert_series_equal(
        trials["treated"].sort_index(), offered.sort_index(), check_names=False
    )


def test_nobody_of_a_monthly_trial_is_immortal(tables):
    """Everybody of a trial is a customer on its day, and had not joined before its month."""
    trials = build_programme_trials(tables, "key_contact", horizon=12, drawn=False)
    assert (trials["duration"] >= 0).all()
    joined = trials[trials["treated"]]
    assert not joined.index.has_duplicates
    later = trials.dropna(subset=["treated_later_on"])
    assert (pd.to_datetime(later["treated_later_on"]) >= pd.to_datetime(later["trial_on"])).all()
    compared = trials[~trials["treated"] & trials.index.isin(joined.index)]
    own = joined["trial_on"].reindex(compared.index)
    assert (pd.to_datetime(compared["trial_on"]).to_numpy() < pd.to_datetime(own).to_numpy()).all()


def test_trials_know_nothing_of_the_time_after_them(company, tables):
    """What happens after the trial day changes no covariate of the trial."""
    trials = build_programme_trials(tables, "rebate", horizon=12, drawn=True)
    day = trials["trial_on"].iloc[0]
    shortened = {}
    for name, when in (("orders", "ordered_on"), ("complaints", "opened_on"), ("contacts", "at")):
        frame = company.tables[name]
        shortened[name] = frame[pd.to_datetime(frame[when]) < pd.Timestamp(day)]
    before = build_programme_trials(
        tables_of(company, **shortened), "rebate", horizon=12, drawn=True
    )
    known = ["treated", "tenure", "money_before", "orders_before", "complaints_before",
             "contacts_before", "segment"]  # fmt: skip
    pd.testing.assert_frame_equal(trials[known], before[known])
    assert (before["money_after"] == 0).all()


def test_panel_of_a_roll_out_follows_those_who_leave(tables):
    assert rollout_place(tables, "integration") == "branch"
    panel = build_rollout_panel(tables, "integration", by="branch")
    size = panel.groupby("unit")["period"].nunique()
    assert (size == size.iloc[0]).all()
    wide = panel.pivot_table(index="unit", columns="period", values="retained")
    assert (np.diff(wide.to_numpy(), axis=1) <= 0).all()  # gone is gone
    assert panel.groupby("place")["adopted"].nunique(dropna=False).max() == 1


def test_every_figure_has_words(answer):
    assert "rebate" in table_programme_effects(answer).index
    ax = plot_programme_effects(answer)
    assert ax.get_xlabel()
    for name in answer.effects:
        plot_programme_checks(answer, name)
    with pytest.raises(ParameterError, match="no effect"):
        plot_programme_checks(answer, "nothing")


def test_headline_and_summary_speak_of_the_same(answer):
    assert "over its cost" in answer.headline()
    summary = answer.summary()
    assert set(summary.index) == set(answer.effects)
    assert (summary["retained_low"] <= summary["retained"]).all()


def test_nobody_treated_and_everybody_treated_are_told(company):
    few = company.tables["enrolments"].groupby("programme").head(3)
    answer = programme_effects(tables_of(company, enrolments=few), replicates=5)
    assert not answer.effects
    assert "could be followed" in " ".join(answer.refused["design"])
    assert "No programme shows" in answer.headline()
    contracts = company.tables["contracts"]
    day = pd.Timestamp("2024-05-01")
    running = contracts[contracts["started_on"] <= day]
    running = running[running["ended_on"].isna() | (running["ended_on"] > day)]
    everybody = pd.DataFrame({
        "customer_id": running["customer_id"].unique(), "programme": "all", "bond": "financial",
        "enrolled_on": day, "assignment": "random", "cost": 1.0,
    })  # fmt: skip
    answer = programme_effects(tables_of(company, enrolments=everybody), replicates=5)
    assert not answer.effects
    assert "0 other customers" in " ".join(answer.refused["design"])


def test_without_cost_there_is_an_effect_and_no_return(company):
    free = company.tables["enrolments"].drop(columns="cost")
    answer = programme_effects(tables_of(company, enrolments=free), replicates=5)
    assert answer.effects["rebate"].money.shown
    assert answer.effects["rebate"].net.why == "enrolments state no cost"


def test_one_name_for_two_bonds_is_an_error(company):
    mixed = company.tables["enrolments"].copy()
    mixed.loc[mixed.index[0], "bond"] = "structural"
    mixed.loc[mixed.index[0], "programme"] = "rebate"
    mixed.loc[mixed.index[1], "programme"] = "rebate"
    with pytest.raises(DataError, match="rebate has two"):
        programme_effects(tables_of(company, enrolments=mixed))


def test_what_cannot_be_asked_is_refused(company, tables):
    with pytest.raises(ParameterError, match="horizon"):
        programme_effects(tables, horizon=0)
    with pytest.raises(ParameterError, match="goals name no programme: tombola"):
        programme_effects(tables, goals={"tombola": 0.1})
    bare = Tables.from_frames({"customers": company.tables["customers"]}, window=company.window)
    with pytest.raises(MissingTableError, match="enrolments"):
        programme_effects(bare)


@pytest.mark.slow
def test_intervals_hold_the_true_hazard_ratio():
    """Rebate by lot and integration by turn: the true mean log ratio in at least 90 of 100."""
    hits = {"rebate": 0, "integration": 0}
    for seed in range(100):
        company = simulate_company(n_customers=4000, seed=1000 + seed)
        found = programme_effects(tables_of(company), replicates=2)
        for name in hits:
            truth = np.exp(mean_log_ratio(getattr(company.truth.parameters.programmes, name)))
            ratio = found.effects[name].hazard_ratio
            hits[name] += bool(ratio.low is not None and ratio.low <= truth <= ratio.high)
    assert all(count >= 90 for count in hits.values()), hits
