"""One list of what to do, ranked by what is sure."""

from __future__ import annotations

import pandas as pd
import pytest

from retention.analyses import Action, Actions, actions
from retention.analyses.programmes.actions import _losses, _rank
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.estimates import Estimate
from retention.exhibits import table_actions, table_actions_since

ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


@pytest.fixture(scope="module")
def company():
    return simulate_company(n_customers=1500, seed=2)


@pytest.fixture(scope="module")
def tables(company):
    return Tables.from_frames(company.tables, window=company.window, items=ITEMS)


@pytest.fixture(scope="module")
def answer(tables):
    return actions(tables)


def an_action(low, value, high, what="do"):
    worth = Estimate(value=value, low=low, high=high, unit="EUR", n=50, method="x", grade="C")
    return Action(what=what, customers=(), worth=worth, source="s", why="w")


def test_what_is_sure_comes_first_and_what_nobody_measured_last():
    unknown = Action(
        what="talk", customers=("a",), source="s", why="w",
        worth=Estimate.withheld("no trial", unit="EUR", n=1, method="x"),
    )  # fmt: skip
    small, large, unsure = an_action(5, 9, 12), an_action(50, 60, 70), an_action(-9, 900, 2000)
    ranked = sorted([unknown, unsure, small, large], key=_rank)
    assert ranked == [large, small, unsure, unknown]


def test_every_analysis_speaks_or_says_why_not(answer):
    said = {action.source for action in answer.ranked} | set(answer.not_considered["source"])
    assert said == {
        "programme_effects", "targeting", "bond_returns", "core_customers", "churn_risk",
    }  # fmt: skip
    assert (answer.not_considered["why"] != "").all()


def test_riskiest_are_named_and_their_worth_is_not_invented(answer):
    named = next(a for a in answer.ranked if a.source == "churn_risk")
    assert len(named.customers) == 20
    assert "no trial" in named.worth.why
    assert answer.summary().index.tolist() == list(range(1, len(answer.ranked) + 1))


def test_losses_add_up_to_what_the_candidates_cost(company, tables):
    """And below the least number of customers there is a list and no number."""
    from retention.analyses.customers.core_customers import dismissal_candidates

    candidates = dismissal_candidates(tables)
    assert len(candidates)
    few = Tables.from_frames(company.tables, window=company.window, items=ITEMS, minimum_n=500)
    some = Tables.from_frames(company.tables, window=company.window, items=ITEMS, minimum_n=1)
    withheld, told = (next(iter(_losses(t))) for t in (few, some))
    assert set(told.customers) == set(withheld.customers) == set(candidates.index)
    assert told.worth.value == pytest.approx(-candidates["profit"].sum() * 30.4375 * 12 / 30)
    assert "fewer than the 500" in withheld.worth.why


def test_last_list_is_made_from_what_was_known_then(company, tables, answer):
    """What happened in the last month changes what became of the list, never the list."""
    row = answer.since_last.iloc[0]
    assert row["named"] == 20
    contracts = company.tables["contracts"].copy()
    late = contracts["ended_on"] >= pd.Timestamp("2026-10-01")
    contracts.loc[late, "ended_on"] = pd.NaT
    frames = company.tables | {"contracts": contracts}
    nobody_left = actions(Tables.from_frames(frames, window=company.window, items=ITEMS))
    again = nobody_left.since_last.iloc[0]
    assert again["left"] == 0
    assert again["expected_to_leave"] == pytest.approx(row["expected_to_leave"])


def test_with_contracts_alone_there_still_is_a_list(company):
    frames = {name: company.tables[name] for name in ("customers", "contracts")}
    answer = actions(Tables.from_frames(frames, window=company.window))
    assert [action.source for action in answer.ranked] == ["churn_risk"]
    assert answer.headline().startswith("First: speak with")
    assert len(answer.not_considered) == 4


def test_tables_and_words(answer):
    assert len(table_actions(answer)) == len(answer.ranked)
    assert "expected to leave" in table_actions_since(answer)
    nothing = Actions(
        ranked=(), not_considered=answer.not_considered, since_last=answer.since_last,
        currency="EUR", numbers={},
    )  # fmt: skip
    assert "No analysis names anything" in nothing.headline()
