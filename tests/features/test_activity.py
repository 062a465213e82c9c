"""Recent activity, gaps and cohorts: by hand, and against plain pandas on a simulated company."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import MissingTableError, ParameterError
from retention.features import build_activity, build_cohorts, build_inactivity
from retention.window import Window

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2024, 7, 1))


def shop():
    customers = pd.DataFrame(
        {"customer_id": ["a", "b", "c"], "acquired_on": ["2023-11-05", "2024-02-10", "2024-02-29"]}
    )
    rows = [
        ("1", "a", "2024-01-02", 10.0),
        ("2", "a", "2024-04-02", 20.0),  # 91 days later
        ("3", "a", "2024-06-01", 5.5),  # exactly 30 days before the cutoff
        ("4", "a", "2024-05-31", 1.0),
        ("5", "a", "2024-06-02", -5.5),
        ("6", "b", "2024-02-10", 7.0),
        ("7", "b", "2024-02-10", 8.0),
        ("8", "b", "2024-07-01", 9.0),  # not known
    ]
    orders = pd.DataFrame(rows, columns=["order_id", "customer_id", "ordered_on", "amount"])
    return {"customers": customers, "orders": orders}


def test_activity_by_hand():
    frame = build_activity(Tables.from_frames(shop(), window=WINDOW))
    assert list(frame.index) == ["a", "b", "c"]
    assert frame.loc["a", ["orders_30", "returns_30", "amount_30"]].tolist() == [1, 1, 0.0]
    assert frame.loc["a", ["orders_90", "amount_90"]].tolist() == [3, 21.0]
    assert frame.loc["b", ["orders_90", "orders_180", "amount_180"]].tolist() == [0, 2, 15.0]
    assert frame.loc["c", "orders_180"] == 0
    assert pd.isna(frame.loc["c", "last_order_on"])
    assert "contacts_30" not in frame
    assert frame.attrs["window"] == WINDOW


def test_inactivity_by_hand():
    frame = build_inactivity(Tables.from_frames(shop(), window=WINDOW))
    assert frame.loc["a", ["purchase_days", "active_spells", "longest_gap"]].tolist() == [4, 2, 91]
    assert frame.loc["b", "purchase_days"] == 1
    assert np.isnan(frame.loc["b", "longest_gap"])
    assert frame.inactive.to_dict() == {"a": False, "b": True}
    assert (
        build_inactivity(Tables.from_frames(shop(), window=WINDOW), gap_days=91).loc[
            "a", "active_spells"
        ]
        == 1
    )


def test_cohorts_by_hand():
    frame = build_cohorts(Tables.from_frames(shop(), window=WINDOW))
    november = frame[frame.cohort == "2023-11-01"].set_index("age")
    assert list(november.index) == [2, 3, 4, 5, 6, 7]  # nothing was observed before January
    assert november.active.tolist() == [1, 0, 0, 1, 1, 1]
    february = frame[frame.cohort == "2024-02-01"].set_index("age")
    assert february.customers.tolist() == [2] * 5
    assert february.active.tolist() == [1, 0, 0, 0, 0]
    assert february.orders[0] == 2
    assert february.amount[0] == 15.0


def test_cohorts_leave_unfinished_periods_out():
    tables = Tables.from_frames(shop(), window=WINDOW).as_of(date(2024, 6, 15))
    assert build_cohorts(tables).age.max() == 6
    quarters = build_cohorts(tables, unit="quarter")
    assert set(quarters.age) == {0, 1}


def test_faults():
    tables = Tables.from_frames(shop(), window=WINDOW)
    for days in ((), (0,), (30, 30), (1.5,)):
        with pytest.raises(ParameterError, match="different whole numbers"):
            build_activity(tables, days=days)
    with pytest.raises(ParameterError, match="not by week"):
        build_cohorts(tables, unit="week")
    with pytest.raises(ParameterError, match="gap_days"):
        build_inactivity(tables, gap_days=0)
    only = Tables.from_frames({"customers": shop()["customers"]}, window=WINDOW)
    with pytest.raises(MissingTableError, match="orders"):
        build_cohorts(only)


def test_against_pandas_on_a_simulated_company():
    company = simulate_company(300, seed=5)
    tables = Tables.from_frames(company.tables, window=company.window)
    cutoff = pd.Timestamp(company.window.cutoff)
    orders = company.tables["orders"].copy()
    orders["ordered_on"] = pd.to_datetime(orders["ordered_on"])
    orders = orders[orders.ordered_on < cutoff]
    frame = build_activity(tables)
    recent = orders[orders.ordered_on >= cutoff - timedelta(days=90)]
    wanted = (
        recent[recent.amount > 0].groupby("customer_id").size().reindex(frame.index, fill_value=0)
    )
    pd.testing.assert_series_equal(frame.orders_90, wanted, check_names=False)
    money = recent.groupby("customer_id").amount.sum().reindex(frame.index, fill_value=0)
    np.testing.assert_allclose(frame.amount_90, money.astype(float), atol=0.005)
    cohorts = build_cohorts(tables)
    month = (
        orders[orders.amount > 0]
        .groupby([orders.ordered_on.dt.to_period("M"), "customer_id"])
        .size()
    )
    last = pd.Period(company.window.last_period.label, "M")
    newest = cohorts[cohorts.cohort.dt.to_period("M") + cohorts.age == last]
    assert newest.active.sum() == (month.loc[last].size if last in month.index else 0)
