"""Stays made from orders: by hand, at earlier cutoffs, and against buyers whose end is known."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.features import (
    build_active,
    build_cube,
    build_durations,
    build_order_gaps,
    contracts_from_orders,
)
from retention.models import KaplanMeier
from retention.window import Window

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2024, 12, 1))


def frames() -> dict[str, pd.DataFrame]:
    customers = pd.DataFrame(
        {
            "customer_id": ["old", "new", "back"],
            "acquired_on": ["2022-06-10", "2024-03-01", "2023-01-01"],
        }
    )
    rows = [
        ("old", "2024-01-01"),
        ("old", "2024-01-31"),  # exactly 30 days later: the same stay
        ("new", "2024-03-01"),
        ("new", "2024-04-02"),  # 32 days later: another
        ("new", "2024-11-20"),
        ("back", "2024-07-01"),  # not among the first buyers: a return after a silence
        ("back", "2024-07-20"),
        ("back", "2024-08-30"),
    ]
    orders = pd.DataFrame(rows, columns=["customer_id", "ordered_on"])
    orders["order_id"], orders["amount"] = [f"o{i}" for i in range(len(rows))], 10.0
    return {"customers": customers, "orders": orders}


@pytest.fixture(scope="module")
def shop() -> Tables:
    return Tables.from_frames(frames(), window=WINDOW)


def contracts(tables: Tables) -> list[tuple[str, str, str]]:
    sql = "select customer_id, started_on, ended_on from contracts order by customer_id, started_on"
    found = tables.query(sql)
    days = [found[name].dt.strftime("%Y-%m-%d").fillna("") for name in ("started_on", "ended_on")]
    return list(zip(found["customer_id"], *days, strict=True))


def test_stays_by_hand_dated_at_the_last_order(shop):
    made = contracts_from_orders(shop, days=30)
    assert contracts(made) == [
        ("back", "2024-07-01", "2024-07-21"),
        ("back", "2024-08-30", "2024-08-31"),
        ("new", "2024-03-01", "2024-03-02"),
        ("new", "2024-04-02", "2024-04-03"),
        ("old", "2022-06-10", "2024-02-01"),
    ]
    # nobody can be known to be here in the first 30 days, nor to be gone in the last
    assert (made.window.start, made.window.cutoff) == (date(2024, 1, 31), date(2024, 11, 1))
    spells = build_durations(made)
    assert spells.loc["back", "duration"].tolist() == [1, 1]
    # who entered and left in the same month of tenure was never at risk
    assert "old" not in spells.index


def test_stays_by_hand_dated_when_detected(shop):
    made = contracts_from_orders(shop, days=30, dated="detected")
    assert contracts(made)[:2] == [
        ("back", "2024-07-01", "2024-08-19"),
        ("back", "2024-08-30", "2024-09-29"),
    ]
    assert made.window.cutoff == WINDOW.cutoff
    assert list(build_active(made, drivers=()).index) == ["new"]
    assert "30 days after the last order" in made.derived["contracts"].sentence


@pytest.mark.parametrize("dated", ["last_order", "detected"])
def test_an_earlier_cutoff_knows_what_was_known_then(shop, dated):
    later = contracts_from_orders(shop, days=30, dated=dated)
    then = contracts_from_orders(shop.as_of(date(2024, 9, 15)), days=30, dated=dated)
    assert contracts(later.as_of(then.window.cutoff)) == contracts(then)


def test_gaps_are_counted_and_the_open_one_is_censored(shop):
    cube = build_order_gaps(shop).set_index("tenure")
    assert cube["events"].sum() == 5
    assert cube["censored"].sum() == 3
    assert cube.loc[32, "events"] == 1
    assert cube.loc[10, "censored"] == 1  # 20 to 30 November


def test_the_own_contracts_are_hidden_and_the_rest_stays(shop):
    made = contracts_from_orders(shop, days=30)
    assert "contracts" in made
    assert made.columns("contracts") == ("customer_id", "started_on", "ended_on")
    assert "contracts" not in shop
    assert not made.differ("contracts", "customer_id")  # a customer may have many stays


def test_what_cannot_be_is_refused(shop):
    with pytest.raises(ParameterError, match="days must be"):
        contracts_from_orders(shop, days=0)
    with pytest.raises(ParameterError, match="dated must be"):
        contracts_from_orders(shop, days=30, dated="then")
    with pytest.raises(NotEnoughDataError, match="choose fewer days"):
        contracts_from_orders(shop, days=200)
    only = Tables.from_frames({"customers": frames()["customers"]}, window=WINDOW)
    with pytest.raises(MissingTableError, match="orders"):
        contracts_from_orders(only, days=30)
    with pytest.raises(ParameterError, match="data end at"):
        shop.derive("contracts", contracts_from_orders(shop, days=30).derived["contracts"],
                    window=WINDOW)  # fmt: skip


def buyers(n: int, seed: int) -> tuple[Tables, float]:
    """Customers who buy every ten days until they leave, at a constant hazard; half came before.

    Orders are kept from the window's start on only; whoever left before is in no order. Returns the
    tables and the hazard a day.
    """
    rng = np.random.default_rng(seed)
    window = Window(start=date(2022, 1, 1), cutoff=date(2025, 1, 1))
    hazard = 1 / 400
    came = rng.integers(-1000, 1000, n)
    life = rng.exponential(1 / hazard, n)
    rows = []
    for i in range(n):
        days = came[i] + np.r_[0, np.cumsum(rng.exponential(10, int(life[i] / 5) + 20))]
        days = np.unique(
            days[(days <= came[i] + life[i]) & (days >= 0) & (days < 1096)].astype(int)
        )
        rows += [(i, day) for day in days]
    orders = pd.DataFrame(rows, columns=["customer_id", "day"])
    start = pd.Timestamp(window.start)
    orders["ordered_on"] = start + pd.to_timedelta(orders.pop("day"), unit="D")
    orders["order_id"], orders["amount"] = np.arange(len(orders)).astype(str), 5.0
    orders["customer_id"] = orders["customer_id"].map("c{}".format)
    customers = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)]})
    customers["acquired_on"] = start + pd.to_timedelta(came, unit="D")
    return Tables.from_frames({"customers": customers, "orders": orders}, window=window), hazard


def test_the_curve_of_buyers_whose_end_is_known():
    tables, hazard = buyers(700, seed=4)
    made = contracts_from_orders(tables, days=90)
    fit = KaplanMeier().fit(build_cube(made))
    t = np.array([6, 12, 24])
    # the last order comes about ten days before the end
    truth = np.exp(-hazard * (t * 30.44 + 10))
    assert_allclose(fit.survival(t), truth, atol=3 * float(np.max(fit.standard_error(t))))
    naive = build_durations(made)
    naive = naive.assign(entry=0)
    far = KaplanMeier().fit(naive).survival([12])[0] - truth[1]
    assert far > 0.1, "ignoring late entry must be seen to fail"


def test_detected_leaving_comes_as_many_days_later():
    tables, _ = buyers(120, seed=5)
    first = contracts_from_orders(tables, days=60)
    second = contracts_from_orders(tables, days=60, dated="detected")
    sql = "select customer_id, started_on, ended_on from contracts where ended_on is not null"
    both = first.query(f"{sql} order by 1, 2").merge(
        second.query(f"{sql} order by 1, 2"), on=["customer_id", "started_on"]
    )
    assert len(both) > 50
    assert set(both["ended_on_y"] - both["ended_on_x"]) == {timedelta(days=59)}
