"""Habits and standing of customers by hand, and as they were known at the cutoff."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention import Window
from retention.engine import Tables
from retention.features import (
    build_favourites,
    build_last_answers,
    build_payment,
    build_preference,
    build_price_response,
    build_profile,
    build_trade,
    build_wallet_share,
)

WINDOW = Window(start=date(2023, 1, 1), cutoff=date(2026, 1, 1))


def dates(*texts: str | None) -> pd.Series:
    return pd.to_datetime(pd.Series(texts))


def company(window: Window = WINDOW, items: dict | None = None, **tables: pd.DataFrame) -> Tables:
    customers = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "acquired_on": dates(*["2023-02-01"] * 3)}
    )
    return Tables.from_frames({"customers": customers, **tables}, window=window, items=items)


@pytest.fixture(scope="module")
def orders() -> pd.DataFrame:
    on = ["2024-01-01", "2024-07-01", "2025-01-01", "2025-01-11", "2025-01-11", "2025-02-10"]
    return pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(7)],
            "customer_id": ["a"] * 6 + ["b"],
            "ordered_on": dates(*on, "2025-12-01"),
            "amount": [10.0, 20.0, 30.0, 30.0, -5.0, 60.0, 8.0],
            "product": ["tea", "cup", "tea", "tea", "tea", "cup", "ink"],
            "discount": [0.0, 0.0, 0.0, 0.0, 0.0, 6.0, 2.0],
            "service_cost": [1.0, 1.0, 2.0, None, 9.0, 4.0, 1.0],
            "due_on": dates(*["2025-03-01"] * 6, "2026-02-01"),
            "paid_on": dates(
                "2024-01-11", "2025-04-01", "2025-01-31", None, None, "2025-02-20", None
            ),
        }
    )


def test_trade_by_hand(orders):
    trade = build_trade(company(orders=orders))
    a = trade.loc["a"]
    assert a["orders"] == 3
    assert a["orders_before"] == 2
    assert a["order_change"] == 0.5
    assert a["purchase_days"] == 5
    gaps = np.diff(pd.to_datetime(orders["ordered_on"][[0, 1, 2, 3, 5]]).to_numpy()).astype(
        "timedelta64[D]"
    )
    gaps = gaps.astype(float)
    assert a["gap_days"] == gaps.mean()
    assert a["gap_variation"] == pytest.approx(gaps.std(ddof=1) / gaps.mean())
    assert a["days_since_order"] == (date(2025, 12, 31) - date(2025, 2, 10)).days
    assert a["silence"] == a["days_since_order"] / a["gap_days"]
    assert a["order_value"] == 40
    assert a["discount_rate"] == 6 / 126
    assert a["service_cost_per_order"] == 3
    assert np.isnan(trade.loc["b", "gap_days"])
    assert np.isnan(trade.loc["b", "order_change"])


def test_payment_by_hand(orders):
    payment = build_payment(company(orders=orders))
    assert payment.loc["a", "days_to_pay"] == (30 + 10) / 2
    assert payment.loc["a", "late_share"] == pytest.approx(1 / 3)
    assert payment.loc["a", "overdue"] == 30
    assert np.isnan(payment.loc["b", "late_share"])  # not due yet


def test_payment_is_as_it_was_known(orders):
    payment = build_payment(company(orders=orders).as_of(date(2025, 2, 15)))
    assert payment.loc["a", "days_to_pay"] == 30  # the payment of 20 February is not known yet
    assert payment.loc["a", "overdue"] == 0


def test_preferences_by_hand(orders):
    tables = company(orders=orders)
    preference = build_preference(tables).loc["a"]
    now = np.array([2 / 3, 1 / 3])
    assert preference["basket_entropy"] == pytest.approx(-(now * np.log(now)).sum())
    assert preference["preference_overlap"] == pytest.approx(0.5 + 1 / 3)
    assert build_favourites(tables).loc["a", "favourites"] == "tea 2, cup 1"


def test_price_response_is_the_slope_within_the_customer():
    rng = np.random.default_rng(2)
    rate = np.tile([0.0, 0.05, 0.10, 0.2], 30)
    who = np.repeat(["a", "b", "c"], 40)
    true = pd.Series({"a": 0.0, "b": 2.0, "c": 5.0})
    gross = 100 * np.exp(true[who].to_numpy() * rate + rng.normal(0, 0.1, rate.size))
    table = pd.DataFrame(
        {
            "order_id": [f"o{i}" for i in range(rate.size)],
            "customer_id": who,
            "ordered_on": pd.Timestamp("2025-05-01"),
            "amount": (gross * (1 - rate)).round(2),
            "discount": (gross * rate).round(2),
        }
    )
    found = build_price_response(company(orders=table))
    for name in "abc":
        part = table[table["customer_id"] == name]
        x = part["discount"] / (part["amount"] + part["discount"])
        slope = np.polyfit(x, np.log(part["amount"] + part["discount"]), 1)[0]
        assert found.loc[name, "estimate"] == pytest.approx(slope, abs=1e-6)
        assert abs(found.loc[name, "estimate"] - true[name]) < 3 * found.loc[name, "se"]


def test_last_answers_are_put_on_one_scale():
    surveys = pd.DataFrame(
        {
            "response_id": ["r1", "r1", "r2", "r3"],
            "customer_id": ["a", "a", "a", "b"],
            "answered_on": dates("2025-01-01", "2025-01-01", "2025-06-01", "2025-06-01"),
            "instrument": "annual",
            "item": ["q1", "q2", "q1", "q9"],
            "score": [1.0, 5.0, 4.0, 3.0],
        }
    )
    items = {"q1": {"construct": "csat", "low": 1, "high": 5}}
    items["q2"] = {"construct": "csat", "low": 1, "high": 5, "reverse": True}
    tables = company(surveys=surveys, items=items)
    assert build_last_answers(tables, ("csat",), "satisfaction")["satisfaction"].to_dict() == {
        "a": 75.0
    }
    before = build_last_answers(tables.as_of(date(2025, 2, 1)), ("csat",), "satisfaction")
    assert before["satisfaction"].to_dict() == {"a": 0.0}
    assert build_last_answers(tables, ("nps",), "recommendation").empty


def test_wallet_share_of_the_last_period_known():
    wallet = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "period": ["2025-Q3", "2025-Q4", "2025-Q4"],
            "own_spend": [10.0, 60.0, 50.0],
            "category_spend": [100.0, 100.0, 50.0],
            "suppliers": [3, 3, 1],
        }
    )
    share = build_wallet_share(company(wallet=wallet))
    assert share["share_of_wallet"].to_dict() == {"a": 0.6, "b": 1.0}
    assert share.loc["a", "relative_spend"] == 3.0
    assert np.isnan(share.loc["b", "relative_spend"])
    earlier = build_wallet_share(company(wallet=wallet).as_of(date(2025, 11, 1)))
    assert earlier["share_of_wallet"].to_dict() == {"a": 0.1}


def test_profile_has_a_column_only_where_its_table_is(orders):
    alone = build_profile(company())
    assert alone.index.tolist() == ["a", "b", "c"]
    assert alone["tenure"].tolist() == [35, 35, 35]
    assert not {"revenue", "orders", "complaints", "satisfaction"} & set(alone)
    traded = build_profile(company(orders=orders))
    assert traded["orders"].to_dict() == {"a": 3, "b": 1, "c": 0}
    assert traded["revenue"].to_dict() == {"a": 115.0, "b": 8.0, "c": 0.0}
    assert np.isnan(traded.loc["c", "days_to_pay"])
    assert {"days_to_pay", "basket_entropy", "favourites", "price_response"} <= set(traded)


def test_profile_does_not_know_the_future(orders):
    later = orders.copy()
    later.loc[len(later)] = later.loc[6]
    later.loc[7, ["order_id", "customer_id", "amount"]] = ["o9", "a", 1e6]
    later.loc[7, "ordered_on"] = pd.Timestamp("2025-12-31")
    cutoff = date(2025, 12, 15)
    earlier = build_profile(company(orders=orders).as_of(cutoff))
    knowing = build_profile(company(orders=later).as_of(cutoff))
    pd.testing.assert_frame_equal(earlier, knowing)
