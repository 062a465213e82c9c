"""Spells from contracts: entry, follow-up, merging, reasons; the same in SQL as in plain Python."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError, SchemaError
from retention.features import build_cube, build_durations, build_spell_dates
from retention.models import count_spells
from retention.window import UNITS, Window

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1))


def contracts(*rows: tuple[object, ...]) -> pd.DataFrame:
    names = ["customer_id", "started_on", "ended_on", "product"]
    return pd.DataFrame([(*row, "line")[:4] for row in rows], columns=names)


def tables_of(*rows: tuple[object, ...], window: Window = WINDOW, **frames: pd.DataFrame) -> Tables:
    table = contracts(*rows)
    customers = pd.DataFrame(
        {"customer_id": table["customer_id"].unique(), "acquired_on": window.start}
    )
    frames = {"customers": customers, **frames}
    return Tables.from_frames({"contracts": table, **frames}, window=window)


def spell(table: pd.DataFrame, customer: str) -> list[tuple[int, int, bool]]:
    rows = table.loc[[customer]]
    return [tuple(row) for row in rows[["entry", "duration", "event"]].itertuples(index=False)]


def test_entry_follow_up_and_events_follow_the_convention():
    tables = tables_of(
        ("new", date(2024, 3, 1), None),
        ("left", date(2024, 3, 1), date(2024, 5, 15)),
        ("old", date(2023, 10, 15), None),
        ("old left", date(2023, 10, 15), date(2024, 6, 15)),
        ("left before", date(2023, 1, 1), date(2023, 12, 1)),
        ("left in the unfinished unit", date(2024, 3, 15), date(2024, 12, 20)),
        ("zero", date(2024, 12, 20), None),
    )
    found = build_durations(tables)
    assert spell(found, "new") == [(0, 9, False)]  # the tenth month would end on the cutoff
    assert spell(found, "left") == [(0, 3, True)]  # in its third month
    assert spell(found, "old") == [(3, 14, False)]  # its third month was under way
    assert spell(found, "old left") == [(3, 8, True)]
    assert "left before" not in found.index
    assert spell(found, "left in the unfinished unit") == [(0, 9, False)]
    assert spell(found, "zero") == [(0, 0, False)]
    assert found.attrs["window"] == WINDOW


def test_contracts_that_touch_are_one_spell_and_a_return_is_another():
    tables = tables_of(
        ("a", date(2024, 1, 1), date(2024, 4, 1)),
        ("a", date(2024, 4, 1), date(2024, 6, 1), "other"),
        ("a", date(2024, 9, 1), None),
        ("b", date(2024, 1, 1), date(2024, 8, 1)),
        ("b", date(2024, 2, 1), date(2024, 3, 1), "inside the first"),
    )
    found = build_durations(tables, by=["product"])
    assert spell(found, "a") == [(0, 5, True), (0, 3, False)]
    assert found.loc["a", "spell"].tolist() == [1, 2]
    assert found.loc["a", "product"].tolist() == ["line", "line"]  # of the first contract
    assert spell(found, "b") == [(0, 7, True)]


def test_two_open_contracts_are_one_open_spell():
    tables = tables_of(
        ("a", date(2024, 1, 1), None),
        ("a", date(2024, 3, 1), None, "a second one"),
        ("a", date(2024, 2, 1), date(2024, 4, 1), "over, but the others run"),
    )
    found = build_durations(tables)
    assert spell(found, "a") == [(0, 11, False)]
    assert found["ended_on"].isna().all()


def test_a_contract_that_ends_before_it_begins_is_refused_with_its_customer():
    with pytest.raises(SchemaError, match=r"contracts(.|\n)*1 of 2 rows(.|\n)*b"):
        tables_of(("a", date(2024, 1, 1), None), ("b", date(2024, 5, 1), date(2024, 4, 1)))


def test_a_grace_forgives_gaps_and_ends_follow_up_before_the_cutoff():
    rows = (
        ("a", date(2024, 1, 1), date(2024, 4, 1)),
        ("a", date(2024, 4, 20), None),
        ("late", date(2024, 1, 1), date(2024, 12, 15)),
    )
    found = build_durations(tables_of(*rows), grace_days=31)
    assert spell(found, "a") == [(0, 10, False)]
    assert spell(found, "late") == [(0, 10, False)]  # may yet come back within the grace
    assert spell(build_durations(tables_of(*rows)), "a") == [(0, 3, True), (0, 8, False)]


def test_reasons_come_from_the_last_exit_told_near_the_end():
    exits = pd.DataFrame(
        {
            "customer_id": ["a", "a", "b", "d"],
            "exited_on": [date(2024, 2, 1), date(2024, 5, 20), date(2024, 9, 1), date(2024, 3, 1)],
            "reason": ["price", "service", "price", "moved"],
        }
    )
    tables = tables_of(
        ("a", date(2024, 1, 1), date(2024, 5, 1)),
        ("b", date(2024, 1, 1), date(2024, 5, 1)),
        ("c", date(2024, 1, 1), None),
        ("d", date(2024, 1, 1), None),
        exits=exits,
    )
    found = build_durations(tables, reasons=True)["reason"]
    assert found["a"] == "service"
    assert found["b"] == "unknown"  # told four months after the end
    assert found[["c", "d"]].isna().all()
    cube = build_cube(tables, reasons=True)
    assert cube["events_service"].sum() == cube["events_unknown"].sum() == 1


dates = st.dates(date(2022, 6, 1), date(2024, 12, 31))
stays = st.lists(
    st.tuples(dates, st.one_of(st.none(), st.integers(0, 700)), st.sampled_from("xyz")),
    min_size=1, max_size=12,
)  # fmt: skip


@settings(max_examples=30, deadline=None)
@given(stays=stays, unit=st.sampled_from(UNITS))
def test_sql_equals_plain_python_and_the_cube_equals_its_spells(stays, unit):
    window = Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1), unit=unit)
    rows, expected = [], {}
    for number, (start, days, product) in enumerate(stays):
        end = None if days is None else start + timedelta(days=days)
        rows.append((f"c{number:02d}", start, end, product))
        follow_up = window.whole_units(start, window.last_day)
        known = end is not None and end < window.cutoff
        left = window.started_units(start, end) if known else None
        entry = window.started_units(start, window.start) if start < window.start else 0
        event = left is not None and left <= follow_up
        duration = left if event else follow_up
        if duration > entry or duration == entry == 0:
            expected[f"c{number:02d}"] = [(entry, duration, event)]
    tables = tables_of(*rows, window=window)
    if not expected:
        with pytest.raises(NotEnoughDataError, match="no contract was running"):
            build_durations(tables)
        return
    found = build_durations(tables, by=["product"])
    assert {customer: spell(found, customer) for customer in found.index} == expected
    cube = build_cube(tables, by=["product"])
    pd.testing.assert_frame_equal(
        cube, count_spells(found, ["product"]), check_dtype=False, check_index_type=False
    )
    dates_seen = build_spell_dates(tables)
    assert (dates_seen.n, dates_seen.n_events) == (len(found), int(found["event"].sum()))


def test_missing_tables_and_unknown_columns_are_clear_errors():
    tables = tables_of(("a", date(2024, 1, 1), None))
    with pytest.raises(MissingTableError, match="exits"):
        build_cube(tables, reasons=True)
    with pytest.raises(ParameterError, match="cannot group by colour; known are"):
        build_cube(tables, by=["colour"])
    with pytest.raises(ParameterError, match="grace_days"):
        build_durations(tables, grace_days=-1)


def test_one_contract_each_needs_no_islands(small_company):
    contracts = small_company.tables["contracts"].drop_duplicates("customer_id")
    frames = {**small_company.tables, "contracts": contracts}
    wanted = {name: frames[name] for name in ("customers", "contracts", "exits")}
    tables = Tables.from_frames(wanted, window=small_company.window)
    base = tables._base
    known = replace(base.admitted["contracts"], differ=("customer_id",))
    told = Tables(replace(base, admitted={**base.admitted, "contracts": known}), tables.window)
    assert told.differ("contracts", "customer_id")
    assert not tables.differ("contracts", "customer_id")
    for by, reasons in (((), False), (("product", "segment"), True)):
        how = {"by": by, "reasons": reasons, "grace_days": 30}
        pd.testing.assert_frame_equal(build_durations(told, **how), build_durations(tables, **how))
        pd.testing.assert_frame_equal(build_cube(told, **how), build_cube(tables, **how))
