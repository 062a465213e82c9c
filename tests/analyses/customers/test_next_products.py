"""Next products: beaten by popularity where tastes are independent, better where they are not."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention import Window
from retention.analyses import next_products
from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Answer

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2026, 1, 1))


def shop(rng: np.random.Generator, themed: bool, n: int = 250) -> Tables:
    """Customers buy among twelve products; themed ones keep to one of three groups of four."""
    products = np.array([f"p{i:02d}" for i in range(12)])
    who = np.repeat(np.arange(n), 6)
    theme = rng.integers(0, 3, n)[who]
    inside = 4 * theme + rng.integers(0, 4, who.size)
    anything = rng.integers(0, 12, who.size)
    pick = np.where(themed & (rng.random(who.size) < 0.9), inside, anything)
    day = pd.Timestamp("2024-02-01") + pd.to_timedelta(rng.integers(0, 690, who.size), "D")
    orders = pd.DataFrame(
        {
            "order_id": np.arange(who.size).astype(str),
            "customer_id": [f"c{i:03d}" for i in who],
            "ordered_on": day,
            "amount": 10.0,
            "product": products[pick],
        }
    )
    customers = pd.DataFrame(
        {"customer_id": [f"c{i:03d}" for i in range(n)], "acquired_on": pd.Timestamp("2024-01-15")}
    )
    return Tables.from_frames({"customers": customers, "orders": orders}, window=WINDOW)


def test_themes_are_found_and_beat_the_best_sellers():
    answer = next_products(shop(np.random.default_rng(1), themed=True), horizon_months=6, top=2)
    assert isinstance(answer, Answer)
    assert answer.better
    assert answer.estimates()["hit_difference"].low > 0
    group = {product: int(product[1:]) // 4 for product in answer.products.index}
    same = [group[p] == group[other] for p, other in answer.products["beside"].items()]
    assert np.mean(same) > 0.9


def test_without_themes_the_best_sellers_are_named():
    answer = next_products(shop(np.random.default_rng(2), themed=False), horizon_months=6)
    assert not answer.better
    assert "do not beat" in answer.headline()
    assert any("best sellers" in text for text in answer.cautions())


def test_the_test_does_not_know_the_outcome():
    rng = np.random.default_rng(3)
    tables = shop(rng, themed=True)
    earlier = next_products(tables.as_of(date(2025, 7, 1)), horizon_months=6)
    assert earlier.customers.index.isin(tables.query("select customer_id from orders").to_numpy()
                                        .ravel()).all()  # fmt: skip
    again = next_products(tables.as_of(date(2025, 7, 1)), horizon_months=6)
    pd.testing.assert_frame_equal(earlier.customers, again.customers)


def test_nobody_is_told_to_buy_what_he_has():
    tables = shop(np.random.default_rng(4), themed=True, n=80)
    answer = next_products(tables, horizon_months=6)
    owned = tables.query("select distinct customer_id, product from orders order by customer_id")
    has = owned.groupby("customer_id")["product"].agg(set)
    for customer, text in answer.customers["next_products"].dropna().items():
        assert not has[customer] & set(text.split(", "))


def test_few_customers_are_not_shown():
    answer = next_products(shop(np.random.default_rng(5), themed=True, n=12))
    assert not answer.estimates()["hits"].shown
    assert "not shown" in answer.headline()


def test_online_retail_lists_beat_the_best_sellers(real_data):
    lines = pd.read_parquet(real_data / "online_retail_2009_2010.parquet")
    lines = lines.dropna(subset=["CustomerID"]).query("Quantity > 0 and UnitPrice > 0")
    orders = pd.DataFrame(
        {
            "order_id": np.arange(len(lines)).astype(str),
            "customer_id": lines["CustomerID"].astype(float).astype(int).astype(str).to_numpy(),
            "ordered_on": pd.to_datetime(lines["InvoiceDate"]).dt.normalize().to_numpy(),
            "amount": (lines["Quantity"] * lines["UnitPrice"]).round(2).to_numpy(),
            "product": lines["StockCode"].astype(str).to_numpy(),
        }
    )
    orders = orders[orders["amount"] > 0]
    first = orders.groupby("customer_id")["ordered_on"].min().rename("acquired_on").reset_index()
    window = Window(start=date(2009, 12, 1), cutoff=date(2010, 12, 1))
    tables = Tables.from_frames({"customers": first, "orders": orders}, window=window)
    answer = next_products(tables, products=150)
    assert answer.better
    assert answer.estimates()["hit_difference"].n > 1000


def test_orders_without_products_are_refused():
    customers = pd.DataFrame({"customer_id": ["a"], "acquired_on": [pd.Timestamp("2024-02-01")]})
    orders = pd.DataFrame(
        {
            "order_id": ["1"],
            "customer_id": ["a"],
            "ordered_on": [pd.Timestamp("2025-02-01")],
            "amount": [1.0],
        }
    )
    tables = Tables.from_frames({"customers": customers, "orders": orders}, window=WINDOW)
    with pytest.raises(NotEnoughDataError, match="no product"):
        next_products(tables)
