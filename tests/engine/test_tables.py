"""The tables of a company as known at a cutoff."""

from datetime import date
from decimal import Decimal

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retention.engine import Tables
from retention.engine.embedded import frame_of
from retention.errors import MissingTableError, ParameterError, SchemaError
from retention.window import Window

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2024, 6, 1))


def company():
    customers = pd.DataFrame(
        {
            "customer_id": ["a", "b", "late"],
            "acquired_on": ["2023-01-05", "2024-02-29", "2024-06-01"],
            "plan": ["x", None, "y"],
        }
    )
    contracts = pd.DataFrame(
        {
            "customer_id": ["a", "b"],
            "started_on": pd.to_datetime(["2023-01-05", "2024-02-29"]),
            "ended_on": [date(2024, 3, 1), date(2024, 6, 1)],
            "price": [10, 12.5],
        }
    )
    complaints = pd.DataFrame(
        {
            "complaint_id": ["1", "2"],
            "customer_id": ["a", "a"],
            "opened_on": [date(2024, 1, 3), date(2024, 5, 31)],
            "closed_on": [date(2024, 3, 5), None],
            "outcome": ["resolved", "open"],
        }
    )
    wallet = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "period": ["2024-05", "2024-Q2", "2023-W52"],
            "own_spend": [1, 2, 3],
            "category_spend": [4, 5, 6],
        }
    )
    return {
        "customers": customers,
        "contracts": contracts,
        "complaints": complaints,
        "wallet": wallet,
    }


def test_rows_and_values_after_the_cutoff_are_unknown():
    tables = Tables.from_frames(company(), window=WINDOW)
    assert list(tables.query("select customer_id from customers order by 1").customer_id) == [
        "a",
        "b",
    ]
    ended = tables.query("select ended_on from contracts order by customer_id").ended_on
    assert ended[0] == pd.Timestamp(2024, 3, 1)
    assert pd.isna(ended[1])
    assert list(tables.query("select period from wallet order by 1").period) == [
        "2023-W52",
        "2024-05",
    ]


def test_as_of_takes_back_rows_and_values():
    tables = Tables.from_frames(company(), window=WINDOW).as_of(date(2024, 2, 1))
    assert tables.window.cutoff == date(2024, 2, 1)
    complaints = tables.query("select complaint_id, closed_on, outcome from complaints")
    assert list(complaints.complaint_id) == ["1"]
    assert complaints[["closed_on", "outcome"]].isna().all(axis=None)
    assert tables.query("select count(ended_on) as n from contracts").n[0] == 0


def test_absent_columns_are_null_and_attributes_are_carried():
    tables = Tables.from_frames(company(), window=WINDOW)
    frame = tables.query("select segment, plan from customers order by customer_id")
    assert frame.segment.isna().all()
    assert frame.plan[0] == "x"
    assert "segment" not in tables.columns("customers")
    assert "plan" in tables.columns("customers")
    assert tables.columns("orders") == ()


def test_require_names_the_table_and_what_it_is_for():
    tables = Tables.from_frames(company(), window=WINDOW)
    tables.require("customers", "contracts", needed_for="the curve")
    with pytest.raises(MissingTableError, match="the value of customers needs the table orders"):
        tables.require("orders", needed_for="the value of customers")


def test_query_is_a_template():
    tables = Tables.from_frames(company(), window=WINDOW)
    frame = tables.query(
        "select {{ by | ident }} as g, {{ window.cutoff | literal }} as c"
        " from customers where customer_id = {{ who | literal }}",
        by="plan",
        who="a",
    )
    assert frame.g[0] == "x"
    assert frame.c[0] == pd.Timestamp(2024, 6, 1)
    with pytest.raises(ParameterError, match="nobody"):
        tables.query("select {{ nobody }}")


def test_every_fault_of_a_table_is_named_at_once():
    customers = pd.DataFrame(
        {
            "customer_id": ["a", "a", None, "d"],
            "acquired_on": ["2023-01-05", "x", "2023-02-30", "9999-12-31"],
            "acquisition_cost": [1, -1, "z", 2],
        }
    )
    with pytest.raises(SchemaError) as caught:
        Tables.from_frames({"customers": customers}, window=WINDOW)
    text = str(caught.value)
    for part in (
        "customer_id is empty in 1 of 4 rows",
        "acquired_on is no date in 2 of 4 rows",
        "acquired_on before 1900 or after 2199 in 1 of 4 rows (customer_id d)",
        "acquisition_cost is no money in 1 of 4 rows",
        "acquisition_cost below 0 in 1 of 4 rows (customer_id a)",
        "key repeated",
    ):
        assert part in text


def test_a_reference_must_be_found():
    frames = company()
    frames["contracts"].loc[0, "customer_id"] = "ghost"
    with pytest.raises(SchemaError, match=r"not among the customers.*ghost"):
        Tables.from_frames(frames, window=WINDOW)


@pytest.mark.parametrize("cents", [[5555, -1, 0, None, 10**14 + 1], [10**17 + 1, None, -5555]])
def test_money_comes_back_as_the_nearest_float(cents):
    values = [None if c is None else Decimal(c).scaleb(-2) for c in cents]
    money = pa.array([Decimal(0), *values], pa.decimal128(38, 2))[1:]  # a slice has an offset
    got = frame_of(pa.table({"money": money}))["money"]
    wanted = [float("nan") if v is None else float(v) for v in values]
    whole = max(c for c in cents if c is not None) < 2**53
    np.testing.assert_allclose(got, wanted, rtol=0 if whole else 1e-15, atol=0)


def test_overlapping_contracts_are_a_warning():
    rows = [
        ("a", "2024-01-01", "2024-03-01", "x"),
        ("a", "2024-03-01", None, "x"),  # adjoins
        ("b", "2024-01-01", None, "x"),
        ("b", "2024-02-01", "2024-02-15", "x"),  # within the first
        ("b", "2024-04-01", "2024-04-15", "x"),  # within the first too, not only the one before
        ("b", "2024-02-01", None, "y"),  # another product
    ]
    names = ["customer_id", "started_on", "ended_on", "product"]
    frame = pd.DataFrame(rows, columns=names)
    customers = pd.DataFrame({"customer_id": ["a", "b"], "acquired_on": ["2024-01-01"] * 2})

    def found(contracts):
        tables = Tables.from_frames({"customers": customers, "contracts": contracts}, window=WINDOW)
        check = tables.check.tables["contracts"]
        assert check.used == len(contracts)
        return {(f.rule, f.severity, f.rows, f.ids) for f in check.faults}

    assert found(frame) == {("overlaps", "warning", 2, ("b", "b"))}
    assert found(frame.iloc[:3]) == set()
    # of one product, or not said which: they overlap
    alone = frame[frame["started_on"] != "2024-02-01"].drop(columns="product")
    assert found(alone) == {("overlaps", "warning", 1, ("b",))}
    assert found(frame.drop(columns=["ended_on"]).iloc[:3]) == set()
