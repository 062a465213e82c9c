"""Purchases counted in the engine: equal to pandas row by row, reconciled to the cent."""

from __future__ import annotations

from datetime import date, timedelta
from decimal import Decimal

import numpy as np
import pandas as pd
import pytest

from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError, SchemaError
from retention.features import (
    audit_rfm,
    build_purchase_counts,
    build_purchase_intervals,
    build_rfm,
    write_rfm,
)
from retention.window import Window

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2024, 7, 1), unit="week")
ORDERS = [
    # a: two orders of one day, a repeat, a return of the repeat, a return of the first
    ("1", "a", date(2024, 1, 1), 10.00, 4.00),
    ("2", "a", date(2024, 1, 1), 5.50, 2.00),
    ("3", "a", date(2024, 1, 10), -1.25, -0.50),
    ("4", "a", date(2024, 2, 5), 20.00, 8.00),
    ("5", "a", date(2024, 3, 1), -3.33, -1.00),
    # b: one purchase; c: a return without a purchase; d: a purchase worth nothing
    ("6", "b", date(2024, 4, 1), 7.77, 3.00),
    ("7", "c", date(2024, 2, 2), -9.99, -4.00),
    ("8", "d", date(2024, 5, 1), 0.00, 0.00),
    ("9", "d", date(2024, 5, 8), 0.00, 0.00),
    ("10", "d", date(2024, 4, 30), -2.00, 0.00),
    # e: known only after the cutoff
    ("11", "e", date(2024, 7, 1), 1.00, 1.00),
]


def shop(rows=ORDERS, window=WINDOW, **more):
    orders = pd.DataFrame(
        rows, columns=["order_id", "customer_id", "ordered_on", "amount", "margin"]
    )
    return Tables.from_frames({"orders": orders, **more}, window=window)


def random_shop(rng, n=3000, unit="week"):
    start = date(2023, 1, 1)
    days = [start + timedelta(days=int(d)) for d in rng.integers(0, 700, n)]
    amount = np.round(rng.gamma(2, 20, n) * np.where(rng.random(n) < 0.07, -1, 1), 2)
    orders = pd.DataFrame(
        {
            "order_id": np.arange(n).astype(str),
            "customer_id": rng.integers(0, 400, n).astype(str),
            "ordered_on": days,
            "amount": amount,
        }
    )
    window = Window(start=start, cutoff=date(2024, 12, 1), unit=unit)
    return orders, Tables.from_frames({"orders": orders}, window=window)


def by_hand(orders, last, returns):
    """Return what build_rfm must give, customer by customer, in plain Python."""
    rows = {}
    known = orders[orders["ordered_on"] <= last]
    for customer, group in known.groupby("customer_id"):
        bought = group[group["amount"] >= 0]
        if bought.empty:
            continue
        days = sorted(set(bought["ordered_on"]))
        value = bought.groupby("ordered_on")["amount"].sum().to_dict()
        if returns == "net":
            for back in group[group["amount"] < 0].itertuples():
                before = [day for day in days if day <= back.ordered_on]
                if before:
                    value[before[-1]] += back.amount
        repeat = sum(value[day] for day in days[1:])
        rows[customer] = {
            "frequency": len(days) - 1,
            "recency": (days[-1] - days[0]).days / 7,
            "T": (last - days[0]).days / 7,
            "monetary_value": max(0.0, repeat / (len(days) - 1)) if len(days) > 1 else 0.0,
            "revenue": sum(value.values()),
        }
    return pd.DataFrame(rows).T.sort_index()


@pytest.mark.parametrize("returns", ["net", "drop"])
def test_equals_plain_python_row_by_row(rng, returns):
    orders, tables = random_shop(rng)
    found = build_rfm(tables, returns=returns)
    expected = by_hand(orders, date(2024, 11, 30), returns)
    assert list(found.index) == list(expected.index)
    for name in expected.columns:
        np.testing.assert_allclose(found[name], expected[name], rtol=1e-12, atol=1e-9)


def test_counts_are_the_table_counted(rng):
    _, tables = random_shop(rng)
    table, counts = build_rfm(tables), build_purchase_counts(tables)
    keys = ["frequency", "recency", "T"]
    expected = table.groupby(keys).size()
    found = counts.set_index(keys)["customers"]
    pd.testing.assert_series_equal(found.sort_index(), expected, check_names=False)
    assert counts.attrs["window"] == table.attrs["window"]


@pytest.mark.parametrize("returns", ["net", "drop"])
def test_audit_reconciles_to_the_cent(rng, returns):
    orders, tables = random_shop(rng)
    audit = audit_rfm(tables, returns=returns)
    known = orders[orders["ordered_on"] < date(2024, 12, 1)]
    assert audit["rows"].iloc[0] == len(known)
    assert audit["money"].iloc[0] == pytest.approx(known["amount"].sum(), abs=1e-6)
    parts = audit[audit["part"]]
    assert parts["rows"].sum() == len(known)
    assert parts["money"].sum() == pytest.approx(known["amount"].sum(), abs=0.005)
    table = build_rfm(tables, returns=returns)
    assert audit.loc["first purchases, net", "rows"] == len(table)
    assert audit.loc["repeat purchases, net", "rows"] == table["frequency"].sum()


def test_money_adds_up_to_the_cent_where_floats_do_not(rng):
    cents = rng.integers(1, 10**12, size=3000)
    cents[:2] = [10**15 + 1, 10**15 + 3]
    start = date(2024, 1, 1)
    frame = pd.DataFrame(
        {
            "order_id": [str(n) for n in range(len(cents))],
            "customer_id": "a",
            "ordered_on": [start + timedelta(days=int(n) % 180) for n in range(len(cents))],
            "amount": [Decimal(int(c)).scaleb(-2) for c in cents],
        }
    )
    row = build_rfm(Tables.from_frames({"orders": frame}, window=WINDOW)).loc["a"]
    first = cents[::180].sum()
    assert row["revenue"] == int(cents.sum()) / 100
    assert row["first_value"] == int(first) / 100
    assert row["monetary_value"] * 179 == pytest.approx(int(cents.sum() - first) / 100, rel=1e-15)
    assert np.cumsum(cents / 100)[-1] != int(cents.sum()) / 100


def test_returns_lower_money_and_move_no_date():
    table = build_rfm(shop())
    assert list(table.index) == ["a", "b", "d"]
    a = table.loc["a"]
    assert (a["frequency"], a["recency"], a["T"]) == (1, 5.0, 181 / 7 - 0)
    assert a["monetary_value"] == pytest.approx(20.00 - 3.33)
    assert a["first_value"] == pytest.approx(15.50 - 1.25)
    assert a["revenue"] == pytest.approx(30.92)
    assert a["margin"] == pytest.approx(12.50)
    assert a["margin_revenue"] == pytest.approx(30.92)
    dropped = build_rfm(shop(), returns="drop").loc["a"]
    assert dropped["monetary_value"] == 20.00
    audit = audit_rfm(shop())
    assert audit.loc["returns before a first purchase, left out", "money"] == -2.00
    assert audit.loc["customers without a purchase, or outside the entry cohorts", "money"] == -9.99


def test_returns_beyond_the_purchase_never_make_spending_negative():
    rows = [*ORDERS[:4], ("12", "a", date(2024, 3, 1), -50.00, 0.0)]
    assert build_rfm(shop(rows)).loc["a", "monetary_value"] == 0.0


def test_returns_are_refused_by_name():
    with pytest.raises(SchemaError, match="order_id 10, 3, 5"):
        build_rfm(shop(), returns="error")
    with pytest.raises(ParameterError, match="returns"):
        build_rfm(shop(), returns="ignore")


def test_calibration_never_sees_the_holdout(rng):
    orders, tables = random_shop(rng)
    split = date(2024, 6, 1)
    table = build_rfm(tables, calibration_end=split)
    alone = build_rfm(tables.as_of(split))
    pd.testing.assert_frame_equal(table[alone.columns], alone)
    later = orders[(orders["ordered_on"] >= split) & (orders["ordered_on"] < date(2024, 12, 1))]
    days = later[later["amount"] >= 0].groupby("customer_id")["ordered_on"].nunique()
    expected = days.reindex(table.index).fillna(0).astype(int)
    assert (table["holdout_frequency"] == expected).all()
    money = later.groupby("customer_id")["amount"].sum().reindex(table.index).fillna(0)
    np.testing.assert_allclose(table["holdout_value"], money, atol=1e-9)


def test_entry_cohorts(rng):
    _, tables = random_shop(rng)
    whole = build_rfm(tables)
    part = build_rfm(tables, acquired_from=date(2023, 4, 1), acquired_before=date(2023, 7, 1))
    assert set(part["cohort"]) == {"2023-Q2"}
    assert len(part) == (whole["cohort"] == "2023-Q2").sum()
    months = build_rfm(tables, cohort_unit="month")
    assert months["cohort"].str.fullmatch(r"\d{4}-\d{2}").all()


@pytest.mark.parametrize(("unit", "days"), [("day", 1), ("week", 7), ("month", 30.4375)])
def test_the_unit_scales_and_loses_nothing(rng, unit, days):
    _, tables = random_shop(rng, unit=unit)
    table = build_rfm(tables, regularity=True)
    whole = table["T"] * days
    np.testing.assert_allclose(whole, whole.round(), atol=1e-9)
    steps = table["log_intervals"] + table["frequency"] * np.log(days)
    assert (steps >= -1e-6).all()


def test_regularity_columns_agree(rng):
    orders, tables = random_shop(rng)
    last = date(2024, 11, 30)
    bought = orders[(orders["amount"] >= 0) & (orders["ordered_on"] <= last)]
    days = bought.drop_duplicates(["customer_id", "ordered_on"]).sort_values("ordered_on")
    gaps = pd.to_datetime(days["ordered_on"]).groupby(days["customer_id"]).diff().dt.days
    logs = np.log(gaps / 7).groupby(days["customer_id"]).sum().sort_index()
    np.testing.assert_allclose(build_rfm(tables, regularity=True)["log_intervals"], logs, atol=1e-7)
    pairs = build_purchase_intervals(tables)
    assert (pairs > 0).all().all()
    expected = gaps.groupby(days["customer_id"]).apply(lambda g: g.iloc[-1])
    expected = expected[days.groupby("customer_id").size() >= 3].sort_index()
    np.testing.assert_allclose(pairs["later"], expected)


def test_who_was_here_before_the_records_is_marked():
    people = pd.DataFrame(
        {"customer_id": list("abcde"), "acquired_on": [date(2019, 1, 1), *[date(2024, 2, 1)] * 4]}
    )
    table = build_rfm(shop(customers=people))
    assert table["entered_before"].to_dict() == {"a": True, "b": False, "d": False}


def test_payment_and_service_cost_come_along():
    orders = pd.DataFrame(
        {
            "order_id": ["1", "2"],
            "customer_id": ["a", "a"],
            "ordered_on": [date(2024, 1, 1), date(2024, 2, 1)],
            "amount": [30.0, 10.0],
            "service_cost": [1.5, 0.5],
            "paid_on": [date(2024, 1, 11), date(2024, 3, 2)],
        }
    )
    table = build_rfm(Tables.from_frames({"orders": orders}, window=WINDOW))
    assert table.loc["a", "days_to_pay"] == pytest.approx((30 * 10 + 10 * 30) / 40)
    assert table.loc["a", "service_cost"] == 2.0


def test_no_orders_at_all():
    people = pd.DataFrame({"customer_id": ["a"], "acquired_on": [date(2024, 1, 1)]})
    tables = Tables.from_frames({"customers": people}, window=WINDOW)
    with pytest.raises(MissingTableError, match="orders"):
        build_rfm(tables)
    with pytest.raises(NotEnoughDataError, match="nobody bought"):
        build_rfm(shop(), acquired_from=date(2024, 6, 1))


def test_cdnow_is_counted_as_published(real_data):
    log = pd.read_csv(real_data / "cdnow_sample.csv.gz", parse_dates=["date"])
    orders = pd.DataFrame(
        {
            "order_id": np.arange(len(log)).astype(str),
            "customer_id": log["sampleid"].astype(str),
            "ordered_on": log["date"],
            "amount": log["sales"],
        }
    )
    window = Window(start=date(1997, 1, 1), cutoff=date(1998, 7, 1), unit="week")
    tables = Tables.from_frames({"orders": orders}, window=window)
    table = build_rfm(tables, calibration_end=date(1997, 10, 1))
    assert (len(table), table["frequency"].sum(), (table["frequency"] > 0).sum()) == (
        2357,
        2457,
        946,
    )
    assert table["T"].min() == 27.0
    assert table["T"].max() == pytest.approx(38.857, abs=5e-4)
    assert table["holdout_frequency"].sum() == 1882
    assert len(build_purchase_counts(tables.as_of(date(1997, 10, 1)))) == 1016


def test_the_file_holds_the_frame(small_company, tmp_path, monkeypatch):
    monkeypatch.setattr("retention.engine.embedded._BATCH", 2_048)
    tables = Tables.from_frames(small_company.tables, window=small_company.window)
    customers = write_rfm(tables, tmp_path / "rfm.parquet", cohort_unit="year")
    frame = build_rfm(tables, cohort_unit="year")
    found = pd.read_parquet(tmp_path / "rfm.parquet").set_index("customer_id")
    assert customers == len(frame)
    pd.testing.assert_frame_equal(found, frame, check_dtype=False, check_index_type=False)
    early = date(1990, 1, 1)
    with pytest.raises(NotEnoughDataError, match="nobody bought"):
        write_rfm(tables, tmp_path / "none.parquet", acquired_before=early)
    assert [path.name for path in tmp_path.iterdir()] == ["rfm.parquet"]
