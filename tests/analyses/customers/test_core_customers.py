"""Core customers against the latent trait, and a dismissal list that keeps its error rate."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from retention import Window
from retention.analyses import core_customers, core_index, core_traits, dismissal_candidates
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import MissingTableError, ParameterError
from retention.estimates import Answer


@pytest.fixture(scope="module")
def made():
    return simulate_company(1500, seed=3, history=False)


@pytest.fixture(scope="module")
def tables(made):
    return Tables.from_frames(made.tables, window=made.window)


@pytest.fixture(scope="module")
def answer(tables):
    return core_customers(tables, margin_share=0.45)


def area_under_curve(score: pd.Series, positive: pd.Series) -> float:
    rank, n = score.rank(), positive.sum()
    return (rank[positive].sum() - n * (n + 1) / 2) / (n * (len(score) - n))


def test_index_finds_the_customers_who_are_core_in_truth(made, answer):
    frame = answer.customers.join(made.truth.customers["core"].rename("latent"))
    frame = frame.dropna(subset=["core_index", "latent"])
    truly = frame["latent"] >= frame["latent"].quantile(0.8)
    assert area_under_curve(frame["core_index"], truly) >= 0.85


def test_core_customers_stay_and_pay_more_out_of_time(answer):
    assert isinstance(answer, Answer)
    numbers = answer.estimates()
    assert numbers["profit_difference"].low > 0
    assert numbers["core_again"].value > 0.5
    assert answer.validation["customers"].sum() == numbers["stayed_difference"].n
    assert "core" in answer.headline()


def test_validation_does_not_know_what_came_after(made, tables):
    earlier = core_traits(tables.as_of(date(2025, 11, 1)))
    orders = made.tables["orders"]
    kept = orders[orders["ordered_on"] < "2025-11-01"]
    window = Window(start=made.window.start, cutoff=date(2025, 11, 1))
    fresh = {
        "customers": made.tables["customers"].query("acquired_on < '2025-11-01'"),
        "orders": kept.assign(
            paid_on=kept["paid_on"].where(kept["paid_on"] < "2025-11-01"),
            delivered_on=kept["delivered_on"].where(kept["delivered_on"] < "2025-11-01"),
        ),
    }
    alone = core_traits(Tables.from_frames(fresh, window=window))
    pd.testing.assert_frame_equal(earlier[alone.columns], alone)


def test_weights_are_stated_and_decide(answer, tables):
    traits = core_traits(tables)
    assert answer.traits["weight"].sum() == pytest.approx(1)
    only = core_index(traits, {name: float(name == "frequency") for name in traits})
    assert only.rank(method="min").equals(traits["frequency"].rank(method="min"))
    thrice = core_index(traits, dict.fromkeys(traits, 3.0))
    pd.testing.assert_series_equal(thrice, core_index(traits))
    assert answer.customers["held"].between(0, 1).all()
    core = answer.customers["core"]
    assert answer.customers.loc[core, "held"].mean() > answer.customers.loc[~core, "held"].mean()
    with pytest.raises(ParameterError, match="unknown trait"):
        core_index(traits, {"loyalty": 1})
    with pytest.raises(ParameterError, match="0 or more"):
        core_index(traits, {"payment": -1})


def test_index_needs_half_of_the_weight():
    traits = pd.DataFrame(
        {"payment": [10.0, 20, 30, np.nan], "frequency": [3.0, 2, np.nan, np.nan]},
        index=list("abcd"),
    )
    index = core_index(traits, {"payment": 1, "frequency": 3})
    assert index["a"] > index["b"]
    assert index.isna().tolist() == [False, False, True, True]


def loss_makers(rng: np.random.Generator, n: int) -> tuple[Tables, pd.Series]:
    """Customers of known mean profit, a third of whom lose money; orders are skewed."""
    true = pd.Series(rng.normal(2.0, 5.0, n), index=[f"c{i:04d}" for i in range(n)])
    month = np.tile(np.arange(24), n)
    who = np.repeat(true.index, 24)
    margin = 30 * rng.gamma(30.0, 1 / 30.0, month.size)
    cost = (30 - np.repeat(true.to_numpy(), 24)) * rng.gamma(30.0, 1 / 30.0, month.size)
    orders = pd.DataFrame(
        {
            "order_id": np.arange(month.size).astype(str),
            "customer_id": who,
            "ordered_on": pd.Timestamp("2024-01-20") + pd.to_timedelta(30 * month, "D"),
            "amount": (2 * margin).round(2),
            "margin": margin.round(2),
            "service_cost": cost.clip(0).round(2),
        }
    )
    customers = pd.DataFrame({"customer_id": true.index, "acquired_on": pd.Timestamp("2023-12-01")})
    window = Window(start=date(2023, 12, 1), cutoff=date(2026, 1, 1))
    return Tables.from_frames({"customers": customers, "orders": orders}, window=window), true


def test_dismissal_list_keeps_its_error_rate():
    tables, true = loss_makers(np.random.default_rng(4), 3000)
    listed = dismissal_candidates(tables, level=0.95)
    wrong = (true[listed.index] > 0).mean()
    assert len(listed) > 300
    assert wrong <= 0.025
    assert (listed["high"] < 0).all()
    found = (true[true < -5].index.isin(listed.index)).mean()
    assert found > 0.8


def test_cure_brings_profit_to_zero():
    tables, _ = loss_makers(np.random.default_rng(5), 400)
    listed = dismissal_candidates(tables)
    worst = listed.iloc[0]
    smaller = min(worst["service_cut"], worst["price_rise"])
    assert 0 < smaller < 1
    assert f"{100 * smaller:.0f} %" in worst["mend"]
    assert listed["profit"].is_monotonic_increasing


@pytest.mark.slow
def test_customers_listed_in_the_simulated_company_lose_money_in_truth():
    listed, positive = 0, 0
    for seed in range(2, 6):
        made = simulate_company(5000, seed=seed, history=False)
        tables = Tables.from_frames(made.tables, window=made.window)
        found = dismissal_candidates(tables, margin_share=0.45)
        listed += len(found)
        positive += int((made.truth.customers["monthly_margin"].reindex(found.index) > 0).sum())
    assert listed > 60
    # the stated rate, and what chance allows around it
    assert positive <= binom.ppf(0.99, listed, 0.025)


def test_customers_listed_in_a_small_company_lose_money_in_truth(made, tables):
    found = dismissal_candidates(tables, margin_share=0.45)
    margin = made.truth.customers["monthly_margin"].reindex(found.index)
    assert len(found) > 2
    assert (margin < 0).all()


def test_without_orders_there_is_no_core(made):
    tables = Tables.from_frames({"customers": made.tables["customers"]}, window=made.window)
    with pytest.raises(MissingTableError, match="orders"):
        core_customers(tables)
    with pytest.raises(ParameterError):
        core_customers(tables, share=1.5)
