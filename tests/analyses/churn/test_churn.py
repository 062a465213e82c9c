"""Drivers, risk and change of churn on the simulated company, against what is true of it."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.analyses import (
    churn_change,
    churn_drivers,
    churn_risk,
    fit_churn_model,
    retention_cohorts,
    validate_churn,
)
from retention.datasets import SimulatedCompany, lay_out_example, read_tables, simulate_company
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Answer
from retention.project import Project
from retention.window import Window

ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


@pytest.fixture(scope="module")
def company() -> SimulatedCompany:
    return simulate_company(2000, seed=1, history=False)


@pytest.fixture(scope="module")
def tables(company) -> Tables:
    return Tables.from_frames(company.tables, window=company.window, items=ITEMS)


@pytest.fixture(scope="module")
def drivers(tables):
    return churn_drivers(tables)


@pytest.fixture(scope="module")
def risk(tables):
    return churn_risk(tables, origins=3)


def test_drivers_have_the_signs_that_are_true(drivers, company):
    ratios = drivers.ratios
    worse = ("complaints", "price_gap", "renewal_due", "segment[small business]")
    better = ("bonds", "programmes", "contacts", "segment[key account]")
    assert (ratios.loc[list(worse), "low"] > 1).all()
    assert (ratios.loc[list(better), "high"] < 1).all()
    bonds = company.truth.parameters.bonds.log_hazard
    truth = np.exp(np.mean([value for value in bonds.values() if value]))
    assert ratios.loc["bonds", "low"] < truth < ratios.loc["bonds", "high"]


def test_drivers_say_how_sure_they_are(drivers):
    assert isinstance(drivers, Answer)
    found = drivers.estimates()
    assert {e.grade for e in found.values()} == {"C"}
    row = drivers.ratios.loc["complaints"]
    estimate = found["hazard_ratio: complaints"]
    assert (estimate.value, estimate.low) == (row["hazard_ratio"], row["low"])
    assert "association" in drivers.cautions()[0]
    assert "an association" in drivers.headline()


def test_risks_by_value_start_at_the_reference(drivers):
    first = drivers.risks.groupby("driver").first()
    assert_allclose(first["difference"], 0)
    complaints = drivers.risks[drivers.risks["driver"] == "complaints"]
    assert complaints["risk"].is_monotonic_increasing
    assert "renewal_due" not in set(drivers.risks["driver"])


def test_joint_share_counts_overlap_once(drivers):
    shares = drivers.shares["share"]
    harmful = shares[(drivers.shares["low"] > 0) & (shares.index != "together")]
    assert harmful.max() < shares["together"] < harmful.sum()


def test_risk_follows_the_true_hazard(risk, company):
    table = risk.customers.join(company.truth.customers["hazard"])
    true = 1 - (1 - table["hazard"]) ** 3
    assert np.corrcoef(np.log(table["p_leave"]), np.log(true))[0, 1] > 0.8
    assert table["p_leave"].mean() == pytest.approx(true.mean(), rel=0.2)
    assert risk.leavers.low < true.sum() < risk.leavers.high


def test_risk_sums_and_reasons_add_up(risk):
    table = risk.customers
    assert risk.leavers.value == pytest.approx(table["p_leave"].sum())
    assert risk.loss.value == pytest.approx(table["expected_loss"].sum())
    assert table["p_leave"].is_monotonic_decreasing
    parts = risk.reasons.drop(columns="total").sum(axis=1)
    assert_allclose(parts, risk.reasons["total"], atol=1e-9)
    both = risk.reasons["total"].to_frame().join(table["p_leave"])
    assert_allclose(both["total"], 100 * both["p_leave"], atol=1e-6)
    assert risk.summary()["customers"].sum() == len(table)
    assert (table["expected_stay"] <= risk.stay_horizon).all()


def test_scenarios_move_the_risk_of_the_same_customers(risk):
    table, n = risk.scenarios, len(risk.customers)
    today = table.loc["as today"]
    assert_allclose(today["leavers"], risk.leavers.value)
    assert today["difference"] == 0
    assert {"no complaints", "no bonds"} <= set(table.index)
    assert table.loc["no complaints", "high"] < 0 < table.loc["no bonds", "low"]
    assert_allclose(table["difference"], n * (table["risk"] - today["risk"]))


def test_a_scenario_may_change_from_unit_to_unit(tables, risk):
    path = {"late": {"complaints": [0, 0, 2]}, "never": {"complaints": 0}, "now": {"complaints": 2}}
    found = churn_risk(tables, scenarios=path, origins=1).scenarios["risk"]
    assert found["never"] < found["late"] < found["now"]
    assert_allclose(found["never"], risk.scenarios.loc["no complaints", "risk"])
    with pytest.raises(ParameterError, match="does not use weather"):
        churn_risk(tables, scenarios={"rain": {"weather": 1}}, origins=1)


def test_validation_foretold_the_level_and_beats_tenure_alone(risk):
    row = risk.validation.scores.loc["all"]
    assert row["low"] <= 1 <= row["high"]
    assert row["auc"] > 0.65
    assert row["lift_10"] > 2
    assert risk.validation.doubts == ()
    assert len(risk.validation.scores) == 4
    names = {"observed_over_expected", "auc", "lift_10", "brier_skill", "maximum_profit"}
    assert names <= set(risk.estimates())


def test_a_leak_would_be_seen_a_model_refitted_at_a_cutoff_knows_nothing_later(tables):
    cutoff = pd.Timestamp("2026-02-01").date()
    then = fit_churn_model(tables.as_of(cutoff))
    frames = {name: tables.query(f"select * from {name}") for name in tables.names}
    for name, column in (
        ("contracts", "started_on"), ("complaints", "opened_on"), ("contacts", "at"),
        ("surveys", "answered_on"), ("bonds", "since"), ("enrolments", "enrolled_on"),
    ):  # fmt: skip
        frame = frames[name]
        frames[name] = frame[frame[column] < pd.Timestamp(cutoff)].copy()
    for name, column in (
        ("contracts", "ended_on"), ("complaints", "closed_on"), ("enrolments", "ended_on")
    ):  # fmt: skip
        late = frames[name][column] >= pd.Timestamp(cutoff)
        frames[name].loc[late, column] = pd.NaT
    kept = ("contracts", "complaints", "contacts", "surveys", "bonds", "enrolments")
    customers = frames["customers"]
    few = {name: frames[name] for name in kept}
    few["customers"] = customers[customers["acquired_on"] < pd.Timestamp(cutoff)]
    window = Window(start=tables.window.start, cutoff=cutoff, unit="month")
    few["complaints"] = few["complaints"].drop(
        columns=["outcome", "follow_up_score", "follow_up_on"]
    )
    alone = fit_churn_model(Tables.from_frames(few, window=window, items=ITEMS))
    assert alone.covariates == then.covariates
    assert_allclose(alone.fit.theta, then.fit.theta, atol=1e-8)


def test_too_little_history_is_said_and_not_hidden(company):
    small = simulate_company(120, seed=4, history=False)
    tables = Tables.from_frames(small.tables, window=small.window, items=ITEMS)
    risk = churn_risk(tables, origins=1)
    if risk.validation is None:
        assert "Not tried at earlier cutoffs" in risk.cautions()[0]
    with pytest.raises(NotEnoughDataError):
        validate_churn(tables.as_of(pd.Timestamp("2022-02-01").date()), horizon=3)


def test_change_is_mix_plus_hazard_exactly(tables):
    change = churn_change(tables)
    now, before = change.estimates()["churn_rate"], change.estimates()["churn_rate_before"]
    assert change.change == pytest.approx(now.value - before.value, abs=1e-12)
    assert change.mix + change.hazard == pytest.approx(change.change, abs=1e-12)
    last = change.chart.iloc[-1]
    sql = (
        "select count(*) as n, sum(case when ended_on < date '2026-11-01' then 1 else 0 end) as e"
        " from contracts where started_on < date '2026-10-01'"
        " and (ended_on is null or ended_on >= date '2026-10-01')"
    )
    row = tables.query(sql).iloc[0]
    assert (last["n"], last["events"]) == (row["n"], row["e"])
    year = churn_change(tables, against="year")
    assert year.before == pd.Timestamp("2025-10-01").date()
    assert "within the control limits" in change.headline()


def test_a_shock_is_outside_the_limits_and_a_change_of_mix_is_not(company):
    frames = {name: frame.copy() for name, frame in company.tables.items()}
    contracts = frames["contracts"]
    here = contracts["ended_on"].isna() & (contracts["started_on"] < pd.Timestamp("2026-09-01"))
    some = contracts.index[here][:60]
    contracts.loc[some, "ended_on"] = pd.Timestamp("2026-10-15")
    few = {name: frames[name] for name in ("customers", "contracts")}
    change = churn_change(Tables.from_frames(few, window=company.window))
    assert bool(change.chart["signal"].iloc[-1])
    assert change.hazard > 5 * abs(change.mix)
    assert "outside the control limits" in change.headline()


def test_telco_has_drivers_but_no_past_to_be_tried_on(tmp_path):
    lay_out_example("telco", tmp_path)
    tables = read_tables(Project.load(tmp_path))
    answer = churn_drivers(tables, by=["contract", "internet_service"])
    ratios = answer.ratios
    assert ratios.loc["contract[Month-to-month]", "low"] > 20  # against two years
    risk = churn_risk(tables, by=["contract", "internet_service"], origins=2)
    assert risk.validation is None
    assert any("Not tried at earlier cutoffs" in caution for caution in risk.cautions())
    # every public write-up of this file misses that the earlier leavers are not in it
    cohorts = retention_cohorts(tables)
    for found in (answer, risk, cohorts):
        assert "snapshot of survivors" in found.cautions()[0]
