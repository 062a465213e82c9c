"""Early warning, winning back and contact: scores, plans, the truth, and no look ahead."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from retention.analyses import contact_policy, early_warning, win_back
from retention.analyses.losses.contact_policy import DEPTHS, _drivers, _fit, contact_plan
from retention.analyses.losses.forerunners import FORERUNNERS
from retention.datasets import CompanyParameters, simulate_company, survey_items
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.features import build_lost_customers, default_drivers

CUTOFF = date(2026, 5, 1)


@pytest.fixture(scope="module")
def warning(surveyed_tables):
    return early_warning(surveyed_tables)


def test_scores_are_tested_out_of_time(warning):
    test = warning.test
    assert len(test) == 3
    assert (test["expected"].sum() - test["left"].sum()) ** 2 < 9 * test["left"].sum()
    assert warning.numbers["auc_out_of_time"].low > 0.65
    people = warning.customers
    assert people["p_leave"].is_monotonic_decreasing
    assert people["p_leave"].sum() == pytest.approx(warning.numbers["expected_leavers"].value)
    money = warning.numbers["margin_at_risk"]
    assert people["at_risk"].sum() == pytest.approx(money.value)


def test_reasons_are_words_that_hold(warning, surveyed_tables):
    people = warning.customers
    open_words = FORERUNNERS["open_case"]
    told = people[people["reason_1"].str.startswith(open_words)].index
    now_open = surveyed_tables.query(
        "select distinct customer_id from complaints where closed_on is null"
    )["customer_id"]
    assert set(told) <= set(now_open)
    assert people["reason_1"].str.contains("points").mean() > 0.5


@pytest.mark.slow
def test_early_warning_is_near_the_oracle():
    """The oracle knows the part of the hazard that the tables could show; AUC within 0.02."""
    company = simulate_company(6000, seed=21)
    tables = Tables.from_frames(company.tables, window=company.window, items=survey_items())
    found = early_warning(tables, tests=3, test_units=3)
    months = company.truth.person_months
    hidden = {"satisfaction", "warmth", "hazard", "tenure", "customer_id", "start"}
    known = [c for c in months.columns if c not in hidden]
    gaps = []
    for at, row in found.test.iterrows():
        start = pd.to_datetime(months["start"])
        now = months[(start < pd.Timestamp(at)) & (start >= pd.Timestamp(at) - pd.Timedelta("31D"))]
        now = now.drop_duplicates("customer_id", keep="last").set_index("customer_id")
        assert known
        score = now[known].sum(axis=1)
        segment = company.tables["customers"].set_index("customer_id")["segment"]
        score = score + segment.reindex(score.index).map(company.truth.parameters.hazard.segment)
        contracts = company.tables["contracts"]
        ended = pd.to_datetime(contracts["ended_on"])
        begun = pd.to_datetime(contracts["started_on"]) < pd.Timestamp(at)
        here = contracts[begun & ~(ended < pd.Timestamp(at))]["customer_id"].unique()
        stays = contracts[
            (pd.to_datetime(contracts["started_on"]) < pd.Timestamp(row["until"]))
            & ~(ended < pd.Timestamp(row["until"]))
        ]["customer_id"]
        score = score[score.index.isin(here)]
        left = ~score.index.isin(stays)
        n1, n0 = left.sum(), (~left).sum()
        auc = (rankdata(score)[left].sum() - n1 * (n1 + 1) / 2) / (n1 * n0)
        gaps.append(row["auc"] - auc)
    assert np.mean(gaps) > -0.02


def shifted(company, rng):
    """The company with every event after the cutoff moved by a random number of days."""
    frames = {}
    for name, column in (
        ("complaints", "opened_on"), ("contacts", "at"), ("orders", "ordered_on"),
        ("exits", "exited_on"), ("surveys", "answered_on"),
    ):  # fmt: skip
        frame = company.tables[name].copy()
        day = pd.to_datetime(frame[column])
        late = (day >= pd.Timestamp(CUTOFF)).to_numpy()
        days = rng.integers(0, (company.window.cutoff - CUTOFF).days, late.sum())
        frame[column] = day
        frame.loc[late, column] = [pd.Timestamp(CUTOFF + timedelta(days=int(d))) for d in days]
        for other in ("closed_on", "follow_up_on", "answered_on", "paid_on", "delivered_on",
                      "returned_on", "due_on", "promised_on"):  # fmt: skip
            if other in frame and other != column:
                frame[other] = pd.to_datetime(frame[other])
                frame.loc[late, other] = pd.NaT
        if name == "complaints":  # cases closed later become known later, or never
            known = pd.to_datetime(frame["closed_on"]) >= pd.Timestamp(CUTOFF)
            frame.loc[known, ["closed_on", "follow_up_on"]] = pd.NaT
            frame.loc[known, "outcome"] = "open"
        if name == "exits":
            frame = frame.drop_duplicates(["customer_id", "exited_on"])
            known = pd.to_datetime(frame["returned_on"]) >= pd.Timestamp(CUTOFF)
            frame.loc[known, "returned_on"] = pd.NaT
        frames[name] = frame
    return {**company.tables, **frames}


@pytest.fixture(scope="module")
def past(surveyed):
    tables = Tables.from_frames(surveyed.tables, window=surveyed.window, items=survey_items())
    return early_warning(tables.as_of(CUTOFF), tests=0).customers


@settings(max_examples=3)
@given(seed=st.integers(0, 2**31))
def test_no_score_at_the_cutoff_sees_the_future(surveyed, past, seed):
    frames = shifted(surveyed, np.random.default_rng(seed))
    tables = Tables.from_frames(frames, window=surveyed.window, items=survey_items())
    found = early_warning(tables.as_of(CUTOFF), tests=0).customers
    pd.testing.assert_frame_equal(found, past, rtol=1e-9)
    tables.close()


def test_win_back_ranks_and_cuts(surveyed, surveyed_tables):
    found = win_back(surveyed_tables, offer_cost=50.0)
    people = found.customers
    assert people["expected"].is_monotonic_decreasing
    assert (people.loc[people["ask"], "expected"] > 0).all()
    assert not (people["ask"] & people["held_out"]).any()
    asked, kept = people["ask"].sum(), people["held_out"].sum()
    assert 0.02 < kept / (asked + kept) < 0.25
    rows = found.chances["within_horizon"]
    assert rows["price"].value > rows["structural"].value
    assert found.chances["returned"]["all"] == surveyed.tables["exits"]["returned_on"].notna().sum()
    dear = win_back(surveyed_tables, offer_cost=1e6)
    assert not dear.customers["ask"].any()
    assert not dear.numbers["expected_net"].shown
    with pytest.raises(ParameterError, match="held_out"):
        win_back(surveyed_tables, held_out=1.5)


def test_return_by_true_cause_is_what_was_simulated(surveyed):
    """Monthly rates of return by the true cause: price .025, structural 0."""
    cause = surveyed.truth.causes.set_index(["customer_id", "exited_on"])["cause"]
    exits = surveyed.tables["exits"].set_index(["customer_id", "exited_on"])
    exits = exits.assign(reason=cause.reindex(exits.index)).reset_index()
    tables = Tables.from_frames({**surveyed.tables, "exits": exits}, window=surveyed.window)
    rows = build_lost_customers(tables)
    rate = rows.groupby("reason")["event"].sum() / rows.groupby("reason")["duration"].sum()
    true = surveyed.truth.parameters.exits.return_rate
    for reason, monthly in true.items():
        exposure = rows.loc[rows["reason"] == reason, "duration"].sum()
        assert abs(rate[reason] - monthly) < 4 * np.sqrt(max(monthly, 1e-4) / exposure)


@pytest.fixture(scope="module")
def policy(surveyed_tables):
    return contact_policy(surveyed_tables, budget=2000.0, level=0.99)


def test_true_effects_of_depth_lie_in_their_intervals(surveyed, policy):
    for depth, effect in surveyed.truth.parameters.contacts.log_hazard.items():
        shown = policy.depths["hazard_ratio"][depth]
        assert shown.low < np.exp(effect) < shown.high, depth
    assert policy.depths["crude"]["courtesy"] < policy.depths["hazard_ratio"]["courtesy"].value


@pytest.mark.slow
def test_intervals_of_depth_cover_the_truth():
    """Without what nobody records (satisfaction, warmth): 93 to 97 %, but for chance."""
    parameters = CompanyParameters()
    hazard = replace(parameters.hazard, satisfaction=(0.0, 0.0, 0.0), warmth=0.0)
    parameters = replace(parameters, hazard=hazard)
    inside = []
    for seed in range(900, 980):
        company = simulate_company(1500, seed=seed, parameters=parameters, history=False)
        tables = Tables.from_frames(company.tables, window=company.window)
        others = [d for d in default_drivers(tables) if d.name != "contacts"]
        fit, _ = _fit(tables, _drivers("depth", DEPTHS, 90), others, 0.95)
        for depth, effect in parameters.contacts.log_hazard.items():
            name = f"depth_{depth}"
            half = 1.959964 * fit.standard_errors[name]
            inside.append(abs(fit.coefficients[name] - effect) <= half)
        tables.close()
    chance = 2 * np.sqrt(0.05 * 0.95 / len(inside))
    assert 0.93 - chance <= np.mean(inside) <= 0.97 + chance


def test_the_plan_keeps_to_its_budget_and_its_bound(policy):
    assert policy.plan["cost"].sum() <= 2000
    assert policy.plan["gain"].sum() <= policy.bound + 1e-9
    assert policy.plan.index.is_unique
    assert (policy.plan["gain"] > policy.plan["cost"]).all()


def brute(gains, costs, budget):
    """The best plan of all."""
    best = {0.0: 0.0}
    for row in gains.to_numpy():
        new = dict(best)
        for spent, value in best.items():
            for gain, cost in zip(row, costs, strict=True):
                if spent + cost <= budget and gain > cost:
                    new[spent + cost] = max(new.get(spent + cost, 0.0), value + gain)
        best = new
    return max(best.values())


@given(
    gains=st.lists(st.tuples(st.integers(0, 60), st.integers(0, 120)), min_size=1, max_size=7),
    budget=st.integers(0, 120),
)
def test_no_plan_beats_the_bound_and_greedy_comes_near(gains, budget):
    frame = pd.DataFrame(gains, columns=["call", "visit"], dtype=float)
    frame.index.name = "customer_id"
    costs = pd.Series({"call": 5.0, "visit": 20.0})
    plan, bound = contact_plan(frame, costs, float(budget))
    best = brute(frame, costs, budget)
    assert plan["gain"].sum() <= bound + 1e-9
    assert plan["gain"].sum() >= best - frame.to_numpy().max() - 15
    assert plan["cost"].sum() <= budget


def test_contacts_after_an_exit_count_for_nothing(surveyed):
    contacts = surveyed.tables["contacts"]
    gone = surveyed.tables["exits"].drop_duplicates("customer_id", keep="last")
    gone = gone[gone["returned_on"].isna()].head(50)
    late = contacts.head(len(gone)).assign(
        contact_id=[f"late-{k}" for k in range(len(gone))],
        customer_id=gone["customer_id"].to_numpy(),
        at=(pd.to_datetime(gone["exited_on"]) + pd.Timedelta("1D")).to_numpy(),
    )
    late = late[pd.to_datetime(late["at"]) < pd.Timestamp(surveyed.window.cutoff)]
    frames = {**surveyed.tables, "contacts": pd.concat([contacts, late], ignore_index=True)}
    plain = Tables.from_frames(surveyed.tables, window=surveyed.window)
    more = Tables.from_frames(frames, window=surveyed.window)
    one, other = contact_policy(plain), contact_policy(more)
    values = [[e.value for e in answer.depths["hazard_ratio"]] for answer in (one, other)]
    assert values[0] == pytest.approx(values[1], rel=1e-9)


def test_what_is_missing_is_told(surveyed):
    frames = {name: surveyed.tables[name] for name in ("customers", "contracts")}
    tables = Tables.from_frames(frames, window=surveyed.window)
    with pytest.raises(MissingTableError, match="contacts"):
        contact_policy(tables)
    with pytest.raises(MissingTableError, match="exits"):
        win_back(tables)
    assert "reason_1" in early_warning(tables, tests=1).customers
    few = {
        "customers": frames["customers"].head(3),
        "contracts": frames["contracts"][
            frames["contracts"]["customer_id"].isin(frames["customers"]["customer_id"].head(3))
        ],
    }
    with pytest.raises(NotEnoughDataError, match="left"):
        early_warning(Tables.from_frames(few, window=surveyed.window))
