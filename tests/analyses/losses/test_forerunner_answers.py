"""Early warning, winning back and contact: scores, plans, the truth, and no look ahead."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import rankdata

from retention.analyses import contact_policy, early_warning, win_back
from retention.analyses.losses.contact_demand import spend_by_contact
from retention.analyses.losses.contact_hazard import contact_cells
from retention.analyses.losses.contact_plan import contact_plan
from retention.analyses.losses.forerunners import FORERUNNERS
from retention.datasets import simulate_company, survey_items
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError, SchemaError
from retention.features import build_lost_customers

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


WANTED = ("customers", "contracts", "orders", "complaints", "contacts", "surveys", "bonds",
          "exits", "enrolments")  # fmt: skip


def tables_of(company, **changed):
    """The tables of the answers here, with some of them changed."""
    frames = {name: company.tables[name] for name in WANTED} | changed
    return Tables.from_frames(frames, window=company.window, items=survey_items())


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
            for later in ("returned_on", "offered_on"):
                known = pd.to_datetime(frame[later]) >= pd.Timestamp(CUTOFF)
                frame.loc[known | late, later] = pd.NaT
        frames[name] = frame
    return frames


@pytest.fixture(scope="module")
def past(surveyed):
    return early_warning(tables_of(surveyed).as_of(CUTOFF), tests=0).customers


@settings(max_examples=2)
@given(seed=st.integers(0, 2**31))
def test_no_score_at_the_cutoff_sees_the_future(surveyed, past, seed):
    tables = tables_of(surveyed, **shifted(surveyed, np.random.default_rng(seed)))
    found = early_warning(tables.as_of(CUTOFF), tests=0).customers
    pd.testing.assert_frame_equal(found, past, rtol=1e-9)
    tables.close()


@pytest.fixture(scope="module")
def back(surveyed_tables):
    return win_back(surveyed_tables, offer_cost=50.0)


def test_win_back_ranks_and_cuts(surveyed, surveyed_tables, back):
    people = back.customers
    assert people["expected"].is_monotonic_decreasing
    assert (people.loc[people["ask"], "expected"] > 0).all()
    assert not (people["ask"] & (people["held_out"] | people["decided"])).any()
    asked, kept = people["ask"].sum(), people["held_out"].sum()
    assert 0.02 < kept / (asked + kept) < 0.25
    rows = back.chances.set_index(["by", "group"])
    share = rows["within_horizon"]
    assert share["reason", "price"].value > share["reason", "structural"].value
    assert rows["returned"]["all", "all"] == surveyed.tables["exits"]["returned_on"].notna().sum()
    assert rows["exits"]["months away", "6"] < rows["exits"]["all", "all"]
    with pytest.raises(ParameterError, match="held_out"):
        win_back(surveyed_tables, held_out=1.5)


def test_offers_are_set_against_those_held_out_by_lot(surveyed, back):
    exits = surveyed.tables["exits"]
    assert back.offers["decided"].sum() == exits["offered_on"].notna().sum()
    assert back.offers.index[0] == "held out"
    true = surveyed.truth.parameters.exits
    for offer, effect in true.offer_log_rate.items():
        shown = back.offers["rate_ratio"][offer]
        assert shown.grade == "A"
        assert shown.low < np.exp(effect) < shown.high
        added = back.offers["added"][offer]
        share = back.offers["within_horizon"]
        assert added.value == pytest.approx(share[offer].value - share["held out"].value)
        net, gross = back.offers["net"][offer], back.offers["worth_added"][offer]
        assert gross.value - net.value == pytest.approx(back.offers["mean_cost"][offer])
    best = back.customers.iloc[0]
    ratio = back.offers["rate_ratio"][best["offer"]].value
    chance = 1 - (1 - best["p_return"]) ** ratio
    assert best["p_asked"] == pytest.approx(chance)
    worth = (chance - best["p_return"]) * best["second_worth"] - best["cost"]
    assert best["expected"] == pytest.approx(worth)


def test_an_offer_by_choice_is_an_association_and_none_is_told_as_none(surveyed):
    exits = surveyed.tables["exits"]
    picked = exits.assign(offer_assignment=exits["offer_assignment"].replace("random", "chosen"))
    tables = tables_of(surveyed, exits=picked)
    found = win_back(tables).offers
    assert found["rate_ratio"]["discount (chosen)"].grade == "C"
    assert not found["added"]["discount (chosen)"].shown
    tables.close()
    bare = exits.drop(columns=[c for c in exits if c.startswith("offer")])
    tables = tables_of(surveyed, exits=bare)
    plain, dear = win_back(tables), win_back(tables, offer_cost=1e6)
    assert plain.offers.empty
    assert any("No offer is recorded" in text for text in plain.cautions())
    gain = plain.customers["p_return"] * plain.customers["second_worth"] - 50
    pd.testing.assert_series_equal(plain.customers["expected"], gain, check_names=False)
    assert not dear.customers["ask"].any()
    assert not dear.numbers["expected_net"].shown
    tables.close()


def test_offers_are_unknown_before_they_were_made(surveyed, surveyed_tables):
    exits = surveyed.tables["exits"]
    at = pd.Timestamp("2025-01-01")
    earlier = build_lost_customers(surveyed_tables.as_of(at.date()))
    assert earlier["offer"].notna().sum() == (pd.to_datetime(exits["offered_on"]) < at).sum()
    early = exits.assign(offered_on=exits["exited_on"] - pd.Timedelta("1D"))
    frames = {"customers": surveyed.tables["customers"], "exits": early}
    with pytest.raises(SchemaError, match="offered_on"):
        Tables.from_frames(frames, window=surveyed.window)


def test_return_by_true_cause_is_what_was_simulated(surveyed):
    """Monthly rates of return unasked by the true cause: price .025, structural 0."""
    cause = surveyed.truth.causes.set_index(["customer_id", "exited_on"])["cause"]
    exits = surveyed.tables["exits"].set_index(["customer_id", "exited_on"])
    exits = exits.assign(reason=cause.reindex(exits.index)).reset_index()
    tables = tables_of(surveyed, exits=exits)
    rows = build_lost_customers(tables)
    exposure = rows.groupby("reason")["unasked"].sum()
    rate = rows.groupby("reason")["unasked_event"].sum() / exposure
    true = surveyed.truth.parameters.exits.return_rate
    for reason, monthly in true.items():
        assert abs(rate[reason] - monthly) < 4 * np.sqrt(max(monthly, 1e-4) / exposure[reason])


@pytest.fixture(scope="module")
def policy(surveyed_tables):
    return contact_policy(surveyed_tables, budget=2000.0, level=0.99)


def test_true_effects_of_depth_lie_in_their_intervals(surveyed, policy):
    for depth, effect in surveyed.truth.parameters.contacts.log_hazard.items():
        shown = policy.depths["hazard_ratio"][depth]
        assert shown.low < np.exp(effect) < shown.high, depth
    assert policy.depths["crude"]["courtesy"] < policy.depths["hazard_ratio"]["courtesy"].value


def test_orders_after_contact_are_told_within_customers(surveyed, policy):
    """Rates of orders times exp(0), exp(.12), exp(.06) for 90 days after a contact."""
    for depth, effect in surveyed.truth.parameters.contacts.log_demand.items():
        shown = policy.depths["demand_ratio"][depth]
        assert shown.low < np.exp(effect) < shown.high, depth
        row = policy.depths.loc[depth]
        assert row["kept"] + row["ordered"] == pytest.approx(row["margin_per_contact"].value)
    assert policy.depths["demand_ratio"]["promotional"].low > 1


def test_depth_by_channel_holds_every_contact_once(surveyed, policy):
    contacts = surveyed.tables["contacts"]
    assert policy.pairs["contacts"].sum() == (contacts["direction"] == "outbound").sum()
    assert set(policy.pairs.index) > {"personal, visit", "courtesy, telephone"}
    known = policy.pairs["hazard_ratio"]["personal, visit"]
    assert known.low < np.exp(-0.45) < known.high


def test_only_the_first_personal_contact_within_the_days_acts(policy):
    """What acts is whether there was one within 90 days: a second adds nothing."""
    rows = policy.frequency
    assert rows["next_gain"][1].low > 0
    assert rows["next_gain"][2].low < 0 < rows["next_gain"][2].high
    assert rows["gain"][2] == pytest.approx(sum(rows["next_gain"][k].value for k in (1, 2)))
    assert policy.numbers["profitable_frequency"].high <= 2


def test_contact_without_orders_or_channel_still_tells_the_stay(surveyed):
    names = ("customers", "contracts", "contacts", "complaints", "surveys")
    frames = {name: surveyed.tables[name] for name in names}
    frames["contacts"] = frames["contacts"].drop(columns="channel")
    tables = Tables.from_frames(frames, window=surveyed.window)
    found = contact_policy(tables, margin_share=0.3)
    assert not found.depths["demand_ratio"]["personal"].shown
    assert found.depths["hazard_ratio"]["personal"].value < 1
    assert found.channels.empty
    assert any("the sums are of the stay" in text for text in found.cautions())
    tables.close()


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


def test_contacts_after_an_exit_count_for_nothing(surveyed, surveyed_tables):
    contacts = surveyed.tables["contacts"]
    gone = surveyed.tables["exits"].drop_duplicates("customer_id", keep="last")
    gone = gone[gone["returned_on"].isna()].head(50)
    late = contacts.head(len(gone)).assign(
        contact_id=[f"late-{k}" for k in range(len(gone))],
        customer_id=gone["customer_id"].to_numpy(),
        at=(pd.to_datetime(gone["exited_on"]) + pd.Timedelta("1D")).to_numpy(),
    )
    late = late[pd.to_datetime(late["at"]) < pd.Timestamp(surveyed.window.cutoff)]
    more = tables_of(surveyed, contacts=pd.concat([contacts, late], ignore_index=True))
    pairs = [("personal", "visit"), ("courtesy", "telephone")]
    for count in (contact_cells, spend_by_contact):
        one, other = count(surveyed_tables, pairs, 90), count(more, pairs, 90)
        pd.testing.assert_frame_equal(one[0], other[0])
    more.close()


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
