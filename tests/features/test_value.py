"""Value by hand, to the cent; nothing from the future; stretches that add up."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention import Window
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.features import build_value

WINDOW = Window(start=date(2023, 1, 1), cutoff=date(2026, 1, 1))


def day(text: str | None) -> pd.Timestamp:
    return pd.Timestamp(text) if text else pd.NaT


def company(window: Window = WINDOW, **tables: pd.DataFrame) -> Tables:
    ids = sorted({i for t in tables.values() for i in t["customer_id"]} | {"quiet"})
    customers = pd.DataFrame({"customer_id": ids, "acquired_on": day("2020-01-01")})
    return Tables.from_frames({"customers": customers, **tables}, window=window)


def orders(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["customer_id", "ordered_on", "amount", "margin"])
    table["ordered_on"] = pd.to_datetime(table["ordered_on"])
    table["order_id"] = [f"o{i}" for i in range(len(table))]
    return table


def contracts(rows: list[tuple]) -> pd.DataFrame:
    table = pd.DataFrame(rows, columns=["customer_id", "started_on", "ended_on", "price"])
    return table.assign(
        started_on=pd.to_datetime(table["started_on"]), ended_on=pd.to_datetime(table["ended_on"])
    )


def test_value_by_hand():
    tables = company(
        orders=orders(
            [
                ("a", "2025-01-01", 100.10, 40.0),
                ("a", "2025-06-01", -20.05, -8.0),
                ("a", "2024-12-31", 999.0, 99.0),
                ("b", "2025-12-31", 50.0, None),
            ]
        ).assign(service_cost=[5.0, 1.0, 7.0, None], discount=[10.0, 0.0, 0.0, 0.0]),
        contacts=pd.DataFrame(
            {"contact_id": ["k"], "customer_id": ["b"], "at": [day("2025-03-01")], "cost": [12.5]}
        ),
        complaints=pd.DataFrame(
            {"complaint_id": ["m"], "customer_id": ["a"], "opened_on": [day("2025-03-01")]}
        ),
        enrolments=pd.DataFrame(
            {
                "customer_id": ["a"],
                "programme": ["club"],
                "bond": ["financial"],
                "enrolled_on": [day("2025-02-01")],
                "cost": [3.0],
            }
        ),
    )
    value = build_value(tables, margin_share=0.5, complaint_cost=4.0)
    assert value["revenue"].to_dict() == {"a": 80.05, "b": 50.0, "quiet": 0.0}
    assert value["margin"].to_dict() == {"a": 32.0, "b": 25.0, "quiet": 0.0}
    assert value["profit"].to_dict() == {"a": 32 - 6 - 3 - 4, "b": 12.5, "quiet": 0.0}
    assert value["traded"].to_dict() == {"a": True, "b": True, "quiet": False}
    assert value.loc["a", ["orders", "returns", "returned"]].tolist() == [1, 1, 20.05]


@pytest.mark.parametrize(
    ("started", "ended", "months"),
    [
        ("2025-01-01", None, 12),
        ("2024-06-15", None, 12),
        ("2025-12-31", None, 1),
        ("2025-12-31", "2025-12-31", 0),
        ("2024-06-15", "2025-01-01", 0),
        ("2024-06-15", "2025-01-15", 0),
        ("2024-06-15", "2025-01-16", 1),
        ("2025-01-31", "2025-03-01", 2),
    ],
)
def test_contract_is_billed_for_every_month_begun(started, ended, months):
    tables = company(contracts=contracts([("a", started, ended, 10.0)]))
    assert build_value(tables)["contract_months"].loc["a"] == months
    assert build_value(tables)["revenue"].loc["a"] == 10.0 * months


dates = st.dates(date(2022, 6, 1), date(2025, 12, 31))
prices = st.integers(-50_000, 500_000).map(lambda c: c / 100)


@settings(max_examples=10, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from("ab"), dates, prices), min_size=1, max_size=12),
    st.lists(st.tuples(dates, st.one_of(st.none(), dates)), max_size=4),
)
def test_adjoining_stretches_add_up_to_the_cent(bought, spells):
    spells = [(a, b) for a, b in spells if b is None or b >= a]
    spells.append((date(2024, 2, 29), None))
    tables = company(
        orders=orders([(c, d, amount, None) for c, d, amount in bought]),
        contracts=contracts([(f"k{i}", a, b, 10.01) for i, (a, b) in enumerate(spells)]),
    )
    whole = build_value(tables, start=date(2024, 1, 1))["revenue"]
    late = build_value(tables, start=date(2025, 1, 1))["revenue"]
    earlier = tables.as_of(date(2025, 1, 1))
    early = build_value(earlier, start=date(2024, 1, 1))["revenue"].reindex(whole.index)
    cents = [(100 * part).round().astype(int) for part in (whole, late, early.fillna(0))]
    pd.testing.assert_series_equal(cents[0], cents[1] + cents[2])


def test_what_comes_after_the_cutoff_changes_nothing():
    rows = [("a", "2024-03-01", 10.0, None), ("b", "2024-11-01", 20.0, None)]
    later = [*rows, ("a", "2025-01-01", 1e6, None), ("c", "2025-05-01", 5.0, None)]
    earlier = Window(start=WINDOW.start, cutoff=date(2025, 1, 1))
    plain = build_value(company(window=earlier, orders=orders(rows)))
    knowing = build_value(company(orders=orders(later)).as_of(date(2025, 1, 1)))
    pd.testing.assert_frame_equal(knowing.loc[plain.index], plain, check_like=True)
    assert knowing["revenue"].sum() == 30


def test_what_cannot_be_valued_is_refused():
    with pytest.raises(MissingTableError, match="orders"):
        build_value(company())
    tables = company(orders=orders([("a", "2025-01-01", 1.0, None)]))
    with pytest.raises(NotEnoughDataError, match="records begin"):
        build_value(tables, months=48)
    with pytest.raises(ParameterError):
        build_value(tables, margin_share=1.2)
    with pytest.raises(ParameterError):
        build_value(tables, start=date(2026, 1, 1))
