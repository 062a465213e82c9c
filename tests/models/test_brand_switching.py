"""Switching matrices, Shy's costs and wallet shares against published forms and odd input."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.datasets import load_scanner_panel
from retention.errors import NotIdentifiedError, ParameterError, SchemaError
from retention.models import (
    ColomboMorrison,
    MarkovSwitching,
    rank_based_wallet_share,
    undercut_proof_costs,
    undercut_proof_duopoly,
)

PATH = Path(__file__).parents[1] / "reference" / "choices.toml"
YOGURT = tomllib.loads(PATH.read_text(encoding="utf-8"))["yogurt_switching"]


@pytest.fixture(scope="module")
def counts():
    panel = load_scanner_panel("Yogurt")
    bought = panel[panel["chosen"]].sort_values(["customer_id", "occasion"])
    before = bought.groupby("customer_id")["alternative"].shift().rename("before")
    table = pd.crosstab(before, bought["alternative"])
    return table.loc[YOGURT["brands"], YOGURT["brands"]]


def square(rows, names="abcd"):
    names = list(names)[: len(rows)]
    return pd.DataFrame(rows, index=names, columns=names)


def test_colombo_morrison_on_yogurt(counts):
    fit = ColomboMorrison().fit(counts)
    assert list(fit.table["loyal_share"]) == pytest.approx(YOGURT["loyal_share"], abs=5.1e-5)
    assert list(fit.table["conquest_power"]) == pytest.approx(YOGURT["conquest_power"], abs=5.1e-5)
    assert fit.log_likelihood == pytest.approx(YOGURT["log_likelihood"], abs=5.1e-5)
    assert fit.chi_squared == pytest.approx(YOGURT["chi_squared"], abs=5.1e-3)
    assert fit.degrees_of_freedom == YOGURT["degrees_of_freedom"]
    assert 0.05 < fit.p_value < 0.15
    np.testing.assert_allclose(fit.matrix().sum(axis=1), 1)


def test_colombo_morrison_recovers_its_own_shares_and_covers_them():
    rng = np.random.default_rng(11)
    a, pi = np.array([0.6, 0.3, 0.5, 0.0]), np.array([0.4, 0.3, 0.2, 0.1])
    p = np.diag(a) + (1 - a)[:, None] * pi
    inside = []
    for _ in range(60):
        table = square(np.vstack([rng.multinomial(800, row) for row in p]))
        fit = ColomboMorrison().fit(table).table
        inside.append((fit["loyal_low"] <= a) & (a <= fit["loyal_high"]))
        np.testing.assert_allclose(fit["loyal_share"], a, atol=0.15)
    assert np.mean(inside) > 0.90


def test_markov_chain_on_yogurt(counts):
    fit = MarkovSwitching().fit(counts)
    assert list(np.diag(fit.matrix)) == pytest.approx(YOGURT["repeat"], abs=5.1e-5)
    assert list(fit.steady_state) == pytest.approx(YOGURT["steady_state"], abs=5.1e-5)
    np.testing.assert_allclose(fit.after(0), fit.current)
    np.testing.assert_allclose(fit.after(300), fit.steady_state, atol=1e-9)


@pytest.mark.parametrize(
    ("rows", "error", "message"),
    [
        ([[5, 1], [2, 7]], NotIdentifiedError, "two brands"),
        ([[5, 0, 0], [0, 7, 0], [0, 0, 2]], NotIdentifiedError, "nobody ever switched"),
        ([[5, 1, 1], [0, 0, 0], [1, 1, 2]], SchemaError, "nobody came from b"),
        ([[5, -1, 1], [1, 1, 0], [1, 1, 2]], SchemaError, "0 or more"),
        ([[5]], SchemaError, "fewer than two brands"),
    ],
)
def test_tables_that_say_nothing(rows, error, message):
    with pytest.raises(error, match=message):
        ColomboMorrison().fit(square(rows))


def test_groups_without_switching_have_no_one_steady_state():
    rows = [[5, 2, 0, 0], [1, 6, 0, 0], [0, 0, 4, 2], [0, 0, 3, 3]]
    with pytest.raises(NotIdentifiedError, match="groups"):
        MarkovSwitching().fit(square(rows))


def test_a_brand_nobody_switches_to_has_no_conquest_power():
    fit = ColomboMorrison().fit(square([[50, 10, 0], [12, 40, 0], [9, 9, 20]]))
    assert fit.table.loc["c", "conquest_power"] == pytest.approx(0, abs=1e-6)


def test_shy_prices_invert_to_the_switching_cost():
    prices = undercut_proof_duopoly(700, 300, 50)
    assert prices == pytest.approx((82.2784810, 107.5949367), abs=1e-6)
    table = undercut_proof_costs(prices, [700, 300])
    assert list(table["switching_cost"]) == pytest.approx([50, 50], abs=1e-9)
    assert (table["low"] < 50).all()
    assert (table["high"] > 50).all()


@given(
    a=st.floats(1, 1e6),
    ratio=st.floats(0.01, 1),
    cost=st.floats(0.01, 1e4),
)
def test_shy_identity_holds_for_every_duopoly(a, ratio, cost):
    prices = undercut_proof_duopoly(a, a * ratio, cost)
    found = undercut_proof_costs(prices, [a, a * ratio])["switching_cost"]
    assert list(found) == pytest.approx([cost, cost], rel=1e-6)


def test_equal_firms_price_at_twice_the_switching_cost():
    assert undercut_proof_duopoly(10, 10, 3) == pytest.approx((6, 6))


def test_ties_in_the_ranking_are_said_and_widen_the_range():
    prices, names = [100, 120, 80], ["one", "dear", "cheap"]
    tied = undercut_proof_costs(prices, [700, 300, 300], names=names, change=0.001)
    assert list(tied["firm"]) == ["one", "dear", "cheap"]
    assert list(tied["tied"]) == [False, True, True]
    dear = tied.set_index("firm").loc["dear"]
    # as the smallest firm, dear would fear the largest: 120 - 100 * 0.7
    assert dear["low"] == pytest.approx(50, abs=0.5)
    assert dear["switching_cost"] == pytest.approx(120 - 80 / 2)


@pytest.mark.parametrize(
    ("prices", "customers", "message"),
    [
        ([1, 2], [5, 0], "not so for firm 2"),
        ([1, -2], [5, 3], "not so for firm 2"),
        ([1], [5], "two or more"),
        ([1, np.nan], [5, 3], "not so for firm 2"),
    ],
)
def test_shy_refuses_what_it_cannot_rank(prices, customers, message):
    with pytest.raises(ParameterError, match=message):
        undercut_proof_costs(prices, customers)


@given(n=st.integers(1, 30))
def test_rank_based_wallet_shares_sum_to_one(n):
    assert rank_based_wallet_share(np.arange(1, n + 1), n).sum() == pytest.approx(1)


def test_tied_suppliers_share_their_ranks():
    assert rank_based_wallet_share([1.5, 1.5, 3], 3).sum() == pytest.approx(1)
    with pytest.raises(ParameterError, match="1 of 2 ranks"):
        rank_based_wallet_share([1, 4], 3)
