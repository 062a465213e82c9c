"""The simulated company: reproducible, left-truncated, and true to its parameters."""

from __future__ import annotations

from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.datasets import CompanyParameters, simulate_company
from retention.engine import Tables
from retention.errors import ParameterError
from retention.schemas import INPUT_TABLES

START, CUTOFF = pd.Timestamp("2021-11-01"), pd.Timestamp("2026-11-01")


@pytest.fixture(scope="module")
def company():
    return simulate_company(2_500, seed=11)


def test_same_seed_same_company(company):
    again = simulate_company(2_500, seed=11)
    for name, table in company.tables.items():
        pd.testing.assert_frame_equal(table, again.tables[name])
    other = simulate_company(2_500, seed=12)
    assert not company.tables["contracts"].equals(other.tables["contracts"])


def test_every_customer_has_a_row_and_the_asked_number_is_met(company):
    customers = company.tables["customers"]
    assert len(customers) == customers["customer_id"].nunique() == 2_500
    assert company.truth.customers.index.tolist() == customers["customer_id"].tolist()
    assert (customers["segment"] == "spot").sum() == 625


def test_records_begin_at_start_and_nothing_is_known_from_the_cutoff_on(company):
    contracts, orders = company.tables["contracts"], company.tables["orders"]
    assert contracts["started_on"].max() < CUTOFF
    assert contracts["ended_on"].max() < CUTOFF
    assert contracts["ended_on"].min() > START
    assert orders["ordered_on"].between(START, CUTOFF, inclusive="left").all()
    assert orders["paid_on"].max() < CUTOFF
    assert company.truth.unseen > 0


def test_every_table_passes_its_schema_without_a_fault(company):
    tables = Tables.from_frames(company.tables, window=company.window)
    assert tables.names == set(INPUT_TABLES) == set(company.tables)
    assert tables.check.faults == ()


def test_left_truncation_is_real(company):
    # long-standing customers are there only because they had stayed: with those who had left
    # before the records began, customers were won at one and the same pace before and after
    customers = company.tables["customers"].query("segment != 'spot'")
    before = (customers["acquired_on"] < START).sum()
    after = len(customers) - before
    assert 0.2 < before / len(customers) < 0.6
    assert company.truth.unseen > 0.2 * before
    won = before + company.truth.unseen
    sd = np.sqrt(won / 48**2 + after / 60**2)
    assert won / 48 == pytest.approx(after / 60, abs=4 * sd)


def test_whole_blocks_do_not_depend_on_how_many_customers_are_asked_for(monkeypatch):
    for module in ("simulate", "world"):
        monkeypatch.setattr(f"retention.datasets.company.{module}.BLOCK", 500)
    small = simulate_company(500, seed=3, history=False)
    large = simulate_company(750, seed=3, history=False)
    first = large.tables["contracts"]["customer_id"] < "C00000500"
    pd.testing.assert_frame_equal(large.tables["contracts"][first], small.tables["contracts"])
    assert large.tables["customers"]["customer_id"].is_unique


def test_survival_of_the_tenure_only_company_is_its_closed_form():
    n = 8_000
    company = simulate_company(n, seed=5, parameters=CompanyParameters().tenure_only())
    months = company.truth.person_months
    left = _left_in(company, months)
    for tenure in (1, 6, 12, 24, 36):
        at_risk = months["tenure"] == tenure
        survival = company.truth.survival(tenure)
        hazard = 1 - survival[tenure] / survival[tenure - 1]
        sd = np.sqrt(hazard * (1 - hazard) / at_risk.sum())
        assert left[at_risk.to_numpy()].mean() == pytest.approx(hazard, abs=4 * sd)


def test_hazard_of_a_month_is_the_share_that_leaves_in_it(company):
    months = company.truth.person_months
    left = _left_in(company, months)
    whole = (months["start"] < CUTOFF - pd.Timedelta(days=31)).to_numpy()
    months, left = months[whole], left[whole]
    bands = pd.qcut(months["hazard"], 5, labels=False).to_numpy()
    for band in range(5):
        chance = months["hazard"][bands == band]
        sd = np.sqrt((chance * (1 - chance)).sum())
        assert left[bands == band].sum() == pytest.approx(chance.sum(), abs=4 * sd)


def _left_in(company, months):
    """Whether the contract ended in (start, start + a month] of each month of tenure."""
    ended = company.tables["contracts"][["customer_id", "ended_on"]].dropna()
    ended = ended.sort_values("ended_on")
    rows = months.reset_index().sort_values("start")
    next_end = pd.merge_asof(
        rows,
        ended,
        left_on="start",
        right_on="ended_on",
        by="customer_id",
        direction="forward",
        allow_exact_matches=False,
    ).sort_values("index")
    stop = next_end["start"] + pd.DateOffset(months=1)
    return (next_end["ended_on"] <= stop).to_numpy()


def test_spot_customers_buy_as_pareto_nbd():
    company = simulate_company(
        8_000,
        seed=2,
        start=date(2024, 11, 1),
        parameters=replace(
            CompanyParameters(),
            acquisition=replace(CompanyParameters().acquisition, spot_share=0.9),
        ),
    )
    truth = company.truth.customers.query("segment == 'spot'")
    p = company.truth.parameters.spot
    # means of the gamma distributions, four standard errors
    week = truth["order_rate"] / (30.4375 / 7)
    assert week.mean() == pytest.approx(
        p.r / p.alpha, abs=4 * np.sqrt(p.r / p.alpha**2 / len(week))
    )
    rate = truth["dropout_rate"]
    assert rate.mean() == pytest.approx(p.s / p.beta, abs=4 * np.sqrt(p.s / p.beta**2 / len(rate)))
    # repeat orders expected given the rates: lambda / mu * (1 - exp(-mu T))
    acquired = company.tables["customers"].set_index("customer_id")["acquired_on"]
    T = (CUTOFF - acquired.loc[truth.index]).dt.days / 7
    expected = (week / rate * -np.expm1(-rate * T)).sum()
    orders = company.tables["orders"]
    repeats = orders["customer_id"].isin(truth.index).sum() - len(truth)
    assert repeats == pytest.approx(expected, rel=0.04)


def test_no_customers_is_refused():
    with pytest.raises(ParameterError, match="at least 1"):
        simulate_company(0)
