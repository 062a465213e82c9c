"""Switching costs against known truth, against missing tables, and against data that say little."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pytest

from retention.analyses import switching_costs
from retention.analyses.switching.switching_costs import annual_spend
from retention.analyses.switching.switching_costs.lock_in import hazard_lock_in
from retention.analyses.switching.switching_costs.state_dependence import state_dependence
from retention.datasets import load_scanner_panel
from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Answer

METHODS = [
    "lock-in seen in leaving",
    "incumbency premium in quotes",
    "pull of the last purchase",
    "stated saving at which customers leave",
    "undercut-proof prices",
    "worksheet of what leaving takes",
    "survey scales",
]


@pytest.fixture(scope="module")
def answer(switching_tables: Tables) -> Any:
    return switching_costs(switching_tables, draws=60, placebos=3)


def only(switching_frames: Any, items: Any, *names: str, **changed: Any) -> Tables:
    frames, window = switching_frames(n=400, seed=2)
    kept = {name: frames[name] for name in ("customers", *names)} | changed
    return Tables.from_frames(kept, window=window, items=items)


def test_every_method_is_there_and_the_answer_keeps_the_protocol(answer: Any) -> None:
    assert isinstance(answer, Answer)
    assert list(answer.measures) == METHODS
    assert not answer.absent
    assert list(answer.summary().index) == METHODS
    assert answer.headline().startswith("Leaving costs the average customer")


def test_truth_lies_in_the_intervals(answer: Any, switching_truth: Any) -> None:
    found = answer.estimates()
    for bond, cost in switching_truth["costs"].items():
        share = found[f"bond_share: {bond}"]
        assert share.low < cost < share.high, bond
    structural = found["bond_level_share: structural"]
    assert structural.low < switching_truth["costs"]["integration"] < structural.high
    assert found["incumbency_share"].low < switching_truth["premium"]
    assert found["incumbency_share"].high > switching_truth["premium"]
    assert found["stated_ladder_share"].low < switching_truth["ladder"]
    assert found["stated_ladder_share"].high > switching_truth["ladder"]
    pull = found["state_dependence_share"]
    assert pull.low < switching_truth["pull"] < pull.high
    assert found["lock_in_share"].value == pytest.approx(
        0.4 * sum(switching_truth["costs"].values()), abs=0.03
    )


def test_no_number_rests_on_fewer_than_the_minimum(answer: Any) -> None:
    assert all(e.n >= 20 for e in answer.estimates().values() if e.shown)


def test_grades_and_money(answer: Any) -> None:
    grades = {name: m.share.grade for name, m in answer.measures.items()}
    assert [grades[name] for name in METHODS[:3]] == ["C", "C", "C"]
    assert {grades[name] for name in METHODS[3:]} == {"D"}
    for name in METHODS[1:5]:
        m = answer.measures[name]
        assert m.money.value == pytest.approx(m.share.value * answer.spend.total)
        assert m.assumptions
        assert m.sensitivity
    lead = answer.measures[METHODS[0]]
    assert lead.money.value == pytest.approx(lead.share.value * answer.spend.contracted)


def test_disagreement_above_two_is_a_finding_and_nothing_is_averaged(answer: Any) -> None:
    table = answer.reconcile()
    ratio = table["share"] / table["share"].iloc[0]
    np.testing.assert_allclose(table["ratio"], ratio)
    apart = (ratio > 2) | (ratio < 0.5)
    assert list(table["disagrees"]) == list(apart)
    assert apart["undercut-proof prices"]
    assert any("undercut-proof prices says" in c for c in answer.cautions())
    assert "differ more than twofold" in answer.headline()


def test_pooled_inertia_is_told_apart_from_cost_by_the_placebo(answer: Any) -> None:
    table = answer.measures[METHODS[2]].table
    assert list(table["identified"]) == [False, True, True]
    assert table["placebo_share"].iloc[0] > 0.5
    assert table["share_of_price"].iloc[0] > 1.5 * table["share_of_price"].iloc[-1]


def test_scales_are_not_turned_into_money(answer: Any) -> None:
    scale = answer.measures[METHODS[6]]
    assert not scale.money.shown
    assert list(scale.table.index) == ["financial", "procedural"]
    assert scale.table.loc["procedural", "score"].value == pytest.approx(66.7, abs=3)
    assert scale.table.loc["financial", "score"].value == pytest.approx(33.3, abs=3)


def test_methods_fall_away_with_their_tables(switching_frames: Any, switching_truth: Any) -> None:
    tables = only(switching_frames, {}, "quotes", "contracts")
    answer = switching_costs(tables)
    assert set(answer.measures) == {METHODS[1], METHODS[5]}
    assert "needs the table choices" in answer.absent[METHODS[2]]
    assert "no table bonds or enrolments" in answer.absent[METHODS[0]]
    assert "needs the table surveys" in answer.absent[METHODS[3]]
    assert any(c.startswith("undercut-proof prices fell away") for c in answer.cautions())
    money = answer.measures[METHODS[1]].money
    assert money.shown


def test_money_is_withheld_where_spend_is_unknown(switching_frames: Any) -> None:
    answer = switching_costs(only(switching_frames, {}, "quotes"))
    measure = answer.measures[METHODS[1]]
    assert measure.share.shown
    assert not measure.money.shown
    assert "needs the table orders" in measure.money.why


def test_without_any_table_the_error_names_what_each_method_wants(switching_frames: Any) -> None:
    with pytest.raises(NotEnoughDataError, match=r"quotes.*choices.*market"):
        switching_costs(only(switching_frames, {}))


def test_few_customers_give_no_number(switching_frames: Any) -> None:
    frames, window = switching_frames(n=15, seed=3)
    kept = {name: frames[name] for name in ("customers", "quotes")}
    answer = switching_costs(Tables.from_frames(kept, window=window, minimum_n=20))
    share = answer.measures[METHODS[1]].share
    assert not share.shown
    assert "fewer than the 20" in share.why
    assert answer.headline().startswith("No method gives a switching cost")


def test_taste_alone_is_not_called_a_switching_cost(switching_frames: Any) -> None:
    """Few purchases a customer, strong tastes, no cost: the placebo reaches half of the pull."""
    rng = np.random.default_rng(5)
    n, parts = 250, []
    tastes = rng.normal(0, 2.0, (n, 3))
    for t in range(3):
        price = rng.uniform(0.5, 1.5, (n, 3))
        bought = (tastes - 2 * price + rng.gumbel(size=(n, 3))).argmax(axis=1)
        parts.append(
            pd.DataFrame(
                {
                    "customer_id": np.repeat([f"C{i:05d}" for i in range(n)], 3),
                    "occasion": str(t),
                    "alternative": np.tile(list("xyz"), n),
                    "chosen": (np.arange(3) == bought[:, None]).ravel(),
                    "price": price.ravel(),
                }
            )
        )
    tables = only(switching_frames, {}, choices=pd.concat(parts))
    measure = state_dependence(tables, annual_spend(tables), draws=50, placebos=3)
    assert not measure.share.shown
    assert measure.table["last"].iloc[0] > 1  # the simple model would have sold it as a cost


def test_prices_that_do_not_move_leaving_put_nothing_in_money(switching_frames: Any) -> None:
    frames, window = switching_frames(n=400, seed=4)
    rng = np.random.default_rng(1)
    contracts = frames["contracts"]
    contracts["price"] = rng.permutation(contracts["price"].to_numpy())
    contracts["product"] = "a"
    kept = {"customers": frames["customers"], "contracts": contracts, "bonds": frames["bonds"]}
    tables = Tables.from_frames(kept, window=window)
    answer = switching_costs(tables)
    gone = "lock-in seen in leaving" in answer.absent
    assert gone or not answer.measures["lock-in seen in leaving"].share.shown


def test_scanner_panels_give_the_known_costs() -> None:
    panel = load_scanner_panel("Catsup")
    customers = pd.DataFrame({"customer_id": panel["customer_id"].unique()})
    frames = {"customers": customers.assign(acquired_on=pd.Timestamp("2024-01-01").date())}
    from datetime import date

    from retention.window import Window

    window = Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1))
    tables = Tables.from_frames({**frames, "choices": panel}, window=window)
    measure = state_dependence(tables, annual_spend(tables), placebos=3)
    table = measure.table
    assert table["share_of_price"].iloc[0] == pytest.approx(0.197, abs=5.1e-4)
    assert table["share_of_price"].iloc[1] == pytest.approx(0.058, abs=0.006)
    assert table["share_of_price"].iloc[2] == pytest.approx(0.043, abs=0.004)
    assert table["placebo_share"].iloc[0] == pytest.approx(0.88, abs=0.04)


def test_firms_without_customers_are_named(switching_frames: Any) -> None:
    frames, _ = switching_frames(n=400, seed=2)
    market = frames["market"]
    market.loc[market["firm"] == "Norda", "customers"] = 0.0
    answer = switching_costs(only(switching_frames, {}, market=market))
    measure = answer.measures["undercut-proof prices"]
    assert list(measure.table.index) == ["Kestrel", "us"]
    assert any("left out: Norda" in finding for finding in measure.findings)
    alone = market[market["firm"] != "Kestrel"]
    with pytest.raises(NotEnoughDataError, match="fewer than two firms"):
        switching_costs(only(switching_frames, {}, market=alone))


def test_items_that_do_not_hang_together_are_said(answer: Any) -> None:
    # one item each here, so nothing can be said; see the company for several
    assert answer.measures["survey scales"].findings == ()


@pytest.mark.slow
def test_interval_of_money_per_bond_covers(switching_frames: Any, switching_truth: Any) -> None:
    inside: list[bool] = []
    for seed in range(200):
        frames, window = switching_frames(n=1200, seed=100 + seed)
        kept = {name: frames[name] for name in ("customers", "contracts", "bonds")}
        tables = Tables.from_frames(kept, window=window)
        table = hazard_lock_in(tables, annual_spend(tables)).table
        for bond, cost in switching_truth["costs"].items():
            share = table.loc[bond, "share"]
            inside.append(share.low < cost < share.high)
        tables.close()
    assert 0.92 <= np.mean(inside) <= 0.97
