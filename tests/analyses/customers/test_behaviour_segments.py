"""Segments by behaviour: found where they are, none where there are none, kept for newcomers."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention import Window
from retention.analyses import behaviour_segments
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.metrics import adjusted_rand_index

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2026, 1, 1))


def shop(rng: np.random.Generator, kinds: int, n: int = 240) -> tuple[Tables, np.ndarray]:
    """Customers who buy rarely and large or often and small; or all alike."""
    kind = rng.integers(0, kinds, n)
    count = np.where(kind == 0, rng.integers(4, 7, n), rng.integers(25, 40, n))
    size = np.where(kind == 0, 500.0, 20.0)
    who = np.repeat(np.arange(n), count)
    orders = pd.DataFrame(
        {
            "order_id": np.arange(who.size).astype(str),
            "customer_id": [f"c{i:03d}" for i in who],
            "ordered_on": pd.Timestamp("2025-01-05")
            + pd.to_timedelta(rng.integers(0, 350, who.size), "D"),
            "amount": (size[who] * rng.gamma(8, 1 / 8, who.size)).round(2) + 0.01,
        }
    )
    customers = pd.DataFrame(
        {"customer_id": [f"c{i:03d}" for i in range(n)], "acquired_on": pd.Timestamp("2024-06-01")}
    )
    return Tables.from_frames({"customers": customers, "orders": orders}, window=WINDOW), kind


def test_two_kinds_of_customers_are_found_and_named():
    tables, kind = shop(np.random.default_rng(1), kinds=2)
    answer = behaviour_segments(tables, measures=["orders", "order_value"], largest=4, replicates=8)
    table = answer.customers
    member = pd.Series(kind, index=[f"c{i:03d}" for i in range(len(kind))]).reindex(table.index)
    assert adjusted_rand_index(table["behaviour"].to_numpy(dtype=str), member) > 0.9 or (
        answer.estimates()["segments"].value > 2
    )
    assert answer.stability.loc[2, "recovery"] > 0.9
    assert answer.segments["customers"].sum() == len(table)
    names = " ".join(answer.names)
    assert "frequent" in names
    assert "large orders" in names


def test_newcomers_are_assigned_by_the_stored_fit():
    tables, _ = shop(np.random.default_rng(1), kinds=2)
    answer = behaviour_segments(tables, measures=["orders", "order_value"], largest=2, replicates=5)
    new = pd.DataFrame({"orders": [5.0, 30.0], "order_value": [510.0, 19.0]}, index=["x", "y"])
    assigned = [answer.names[i] for i in answer.fit.assign(new)]
    assert "rare" in assigned[0] or "large orders" in assigned[0]
    assert assigned[0] != assigned[1]


def test_same_customers_give_the_same_segments():
    tables, _ = shop(np.random.default_rng(2), kinds=2)
    settings = {"measures": ["orders", "order_value"], "largest": 3, "replicates": 3}
    one, two = (behaviour_segments(tables, **settings) for _ in range(2))
    pd.testing.assert_frame_equal(one.customers, two.customers)


def test_what_cannot_be_segmented_is_refused():
    tables, _ = shop(np.random.default_rng(3), kinds=1, n=30)
    with pytest.raises(NotEnoughDataError, match="too few"):
        behaviour_segments(tables)
    with pytest.raises(ParameterError, match="no column"):
        behaviour_segments(tables, measures=["charm", "orders"])
