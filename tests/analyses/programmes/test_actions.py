"""One list of what to do, ranked by what is sure."""

from __future__ import annotations

from dataclasses import replace

import pandas as pd
import pytest

from retention.analyses import Action, actions
from retention.analyses.programmes.actions.action import rank, spent, times
from retention.analyses.programmes.actions.since import kept_list, since_last
from retention.analyses.programmes.actions.sources import SOURCES, Wanted
from retention.datasets import read_last_actions, simulate_company
from retention.engine import Tables
from retention.errors import DataError
from retention.estimates import Estimate
from retention.exhibits import table_actions, table_actions_since
from retention.project import Project

FEW = ("customers", "contracts", "contacts", "complaints")
ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


@pytest.fixture(scope="module")
def company():
    return simulate_company(n_customers=1200, seed=3)


@pytest.fixture(scope="module")
def tables(company):
    frames = {name: company.tables[name] for name in FEW}
    return Tables.from_frames(frames, window=company.window, items=ITEMS)


@pytest.fixture(scope="module")
def before(tables):
    """The company as it was known a month ago, and what it was advised then."""
    return actions(tables.as_of(tables.window.last_period.start), own_firm="us")


@pytest.fixture(scope="module")
def answer(tables, before):
    return actions(tables, last=before.kept(), own_firm="us")


def an_action(low, value, high, what="do", **more):
    worth = Estimate(value=value, low=low, high=high, unit="EUR", n=50, method="x", grade="C")
    cost = Estimate.withheld("nobody says", unit="EUR", n=1, method="x")
    settings = {"key": what, "customers": (), "source": "s", "why": "w"} | more
    return Action(what=what, worth=worth, cost=cost, **settings)


def test_what_is_sure_comes_first_and_what_nobody_measured_last():
    small, large, unsure = an_action(5, 9, 12), an_action(50, 60, 70), an_action(-9, 900, 2000)
    unknown = replace(small, worth=small.cost)
    ranked = sorted([unknown, unsure, small, large], key=rank)
    assert ranked == [large, small, unsure, unknown]


def heard(answer):
    """Every analysis speaks, or says why not, and every action has a name of its own."""
    told = {action.source for action in answer.ranked}
    assert told | set(answer.not_considered["source"]) == set(SOURCES)
    assert (answer.not_considered["why"] != "").all()
    keys = [action.key for action in answer.ranked]
    assert len(set(keys)) == len(keys)
    assert {f"worth: {key}" for key in keys} | {"money_at_stake"} <= set(answer.estimates())
    assert answer.estimates()["money_at_stake"].shown
    return told


def test_every_analysis_speaks_or_says_why_not(answer):
    assert {"contact_policy", "complaint_recovery", "churn_risk"} <= heard(answer)


@pytest.mark.slow
def test_all_tables_let_nearly_every_analysis_speak(company):
    """What does not pay, or is not wanted, is left out with the reason."""
    everything = Tables.from_frames(company.tables, window=company.window, items=ITEMS)
    told = heard(actions(everything, own_firm="us"))
    assert {
        "contact_policy", "complaint_recovery", "churn_risk", "customer_lifetime_value",
        "win_back", "bond_returns", "loyalty_types", "core_customers",
    } <= told  # fmt: skip


def test_worth_of_the_contact_plan_is_what_it_keeps_less_what_it_costs(tables, answer):
    from retention.analyses import contact_policy

    policy = contact_policy(tables)
    plan = next(a for a in answer.ranked if a.key == "contact plan")
    assert plan.customers == tuple(policy.plan.index)
    assert plan.cost.value == pytest.approx(policy.plan["cost"].sum())
    assert plan.worth.value == pytest.approx(
        policy.numbers["plan_gain"].value - policy.plan["cost"].sum()
    )


def test_old_complaints_are_those_open_beyond_the_target(company, answer):
    cases = company.tables["complaints"]
    old = cases[cases["closed_on"].isna() & (cases["opened_on"] < pd.Timestamp("2026-10-18"))]
    advised = next(a for a in answer.ranked if a.key == "close old complaints")
    assert set(advised.customers) == set(old["customer_id"])


def test_many_times_one_and_unknown_costs(tables):
    each = Estimate(value=2.0, low=1.0, high=4.0, unit="EUR", n=9, method="m", grade="B")
    stopped = times(each, -3, tables)
    assert (stopped.value, stopped.low, stopped.high) == (-6.0, -12.0, -3.0)
    alone = Estimate(value=2.0, unit="EUR", n=9, method="m", grade="D")
    assert times(alone, 3, tables).low is None
    assert times(spent(None, 3, tables), 5, tables).why == "no table states it"


def test_riskiest_are_named_and_their_worth_is_not_invented(answer):
    named = next(a for a in answer.ranked if a.source == "churn_risk")
    assert len(named.customers) == 20
    assert "no trial" in named.worth.why
    assert answer.summary().index.tolist() == list(range(1, len(answer.ranked) + 1))
    assert answer.summary()["cost"].notna().any()


def test_losses_add_up_to_what_the_candidates_cost(company):
    """And below the least number of customers there is a list and no number."""
    from retention.analyses.customers.core_customers import dismissal_candidates

    frames = {name: company.tables[name] for name in ("customers", "contracts", "orders")}
    few = Tables.from_frames(frames, window=company.window, items=ITEMS, minimum_n=500)
    some = Tables.from_frames(frames, window=company.window, items=ITEMS, minimum_n=1)
    wanted = Wanted(named=20, seed=1)
    withheld, told = (SOURCES["core_customers"](t, wanted)[0] for t in (few, some))
    candidates = dismissal_candidates(some)
    assert len(candidates)
    assert set(told.customers) == set(withheld.customers) == set(candidates.index)
    assert told.worth.value == pytest.approx(-candidates["profit"].sum() * 30.4375 * 12 / 30)
    assert "fewer than the 500" in withheld.worth.why


def test_over_two_periods_the_last_list_is_followed_up(company, before, answer):
    """Against pandas: who of each action of September's list was reached in October, who left."""
    then = pd.Timestamp("2026-10-01")
    since = answer.since_last.set_index("what")
    assert set(since.index) == {a.what for a in before.ranked}
    contracts = company.tables["contracts"]
    here = set(contracts.loc[contracts["ended_on"].isna(), "customer_id"])
    talked = company.tables["contacts"]
    talked = set(talked.loc[pd.to_datetime(talked["at"]) >= then, "customer_id"])
    plan = next(a for a in before.ranked if a.key == "contact plan")
    row = since.loc[plan.what]
    assert row["named"] == len(plan.customers)
    assert row["reached"] == len(set(plan.customers) & talked)
    assert row["left"] == len(set(plan.customers) - here)
    assert row["left_reached"] + row["left_not_reached"] == row["left"]
    assert row["worth_then"] == plan.worth.value
    now = next(a for a in answer.ranked if a.key == "contact plan")
    assert row["worth_now"] == now.worth.value
    reached = answer.estimates()["reached of last list: contact plan"]
    assert reached.value == pytest.approx(row["reached"] / row["named"])
    closed = next(a for a in before.ranked if a.key == "close old complaints")
    cases = company.tables["complaints"]
    done = set(cases.loc[cases["closed_on"] >= then, "customer_id"])
    assert since.loc[closed.what, "reached"] == len(set(closed.customers) & done)


def test_what_is_no_longer_advised_has_no_worth_now(tables):
    gone = an_action(1, 2, 3, what="old advice", customers=("a", "b"), done_by="contact")
    table, found = since_last(
        tables, [], kept_list([gone], tables.window.last_period.start), named=20
    )
    row = table.iloc[0]
    assert (row["named"], row["left"], row["reached"]) == (2, 2, 0)  # both are no customers
    assert pd.isna(row["worth_now"])
    assert not found  # two are fewer than a number needs


def test_kept_list_survives_the_archive(tmp_path, before):
    """Written as a report writes it, read by the next one, and equal."""
    root = tmp_path / "reports" / "2026-09" / "tables"
    root.mkdir(parents=True)
    before.kept().to_csv(root / "actions_kept.csv", index=False)
    (tmp_path / "retention.toml").write_text(
        '[project]\ncurrency = "EUR"\nobserved_from = 2021-11-01\ndata_cutoff = 2026-11-01\n'
    )
    project = Project.load(tmp_path)
    read = read_last_actions(project, "2026-10")
    kept = before.kept()
    assert list(read["customer_id"]) == list(kept["customer_id"])
    assert list(read["key"]) == list(kept["key"])
    assert read["worth"].to_numpy() == pytest.approx(kept["worth"].astype(float), nan_ok=True)
    assert read_last_actions(project, "2026-09").empty
    (root / "actions_kept.csv").write_text("a,b\n1,2\n")
    with pytest.raises(DataError, match="lacks known_before"):
        read_last_actions(project)


def test_without_a_kept_list_it_is_made_from_what_was_known_then(company):
    """What happened in the last month changes what became of the list, never the list."""
    frames = {name: company.tables[name] for name in ("customers", "contracts")}
    nothing = kept_list([], company.window.cutoff)
    bare = Tables.from_frames(frames, window=company.window)
    whole, _ = since_last(bare, [], nothing, named=20)
    contracts = frames["contracts"].copy()
    late = contracts["ended_on"] >= pd.Timestamp("2026-10-01")
    contracts.loc[late, "ended_on"] = pd.NaT
    stayed = Tables.from_frames(frames | {"contracts": contracts}, window=company.window)
    again, _ = since_last(stayed, [], nothing, named=20)
    first, second = whole.iloc[0], again.iloc[0]
    assert first["named"] == 20
    assert "made anew" in first["from"]
    assert second["left"] == 0
    assert second["expected_to_leave"] == pytest.approx(first["expected_to_leave"])


def test_tables_and_words(answer):
    assert len(table_actions(answer)) == len(answer.ranked)
    shown = table_actions_since(answer)
    assert {"reached", "left, reached", "worth now"} <= set(shown)
    assert answer.headline().startswith("First: ")
    nothing = replace(answer, ranked=())
    assert "No analysis names anything" in nothing.headline()
