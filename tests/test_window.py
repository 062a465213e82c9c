"""Time counts the same in Python and in SQL, at every edge of a month."""

from __future__ import annotations

from datetime import date, timedelta

import duckdb
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import ParameterError
from retention.window import UNITS, Period, Window, add_months, whole_months

days = st.dates(date(1999, 1, 1), date(2060, 12, 31))
units = st.sampled_from(UNITS)


@pytest.mark.parametrize(
    ("label", "start", "end"),
    [
        ("2026-10", date(2026, 10, 1), date(2026, 11, 1)),
        ("2024-02", date(2024, 2, 1), date(2024, 3, 1)),
        ("2026-W53", date(2026, 12, 28), date(2027, 1, 4)),
        ("2026-Q4", date(2026, 10, 1), date(2027, 1, 1)),
        ("2026", date(2026, 1, 1), date(2027, 1, 1)),
        ("2026-10-31", date(2026, 10, 31), date(2026, 11, 1)),
    ],
)
def test_period_reads_what_it_prints(label, start, end):
    period = Period.parse(label)
    assert (period.start, period.end, period.label) == (start, end, label)
    assert period.last_day == end - timedelta(days=1)


@pytest.mark.parametrize("text", ["2026-13", "2026-W54", "2026-Q5", "26-10", "", "2026-02-30", "x"])
def test_period_that_does_not_exist_is_refused(text):
    with pytest.raises(ParameterError, match="period"):
        Period.parse(text)


def test_period_needs_its_first_day():
    with pytest.raises(ParameterError, match="first day"):
        Period(date(2026, 10, 2), "month")


@given(day=days, unit=units, count=st.integers(-40, 40))
def test_periods_tile_the_calendar(day, unit, count):
    period = Period.containing(day, unit)
    assert period.start <= day < period.end
    assert period.shift(count).shift(-count) == period
    assert period.shift(1).start == period.end
    assert Period.parse(period.label) == period


@pytest.mark.parametrize(
    ("today", "lag", "label"),
    [
        (date(2026, 11, 1), 0, "2026-10"),
        (date(2026, 10, 31), 0, "2026-09"),
        (date(2026, 11, 2), 3, "2026-09"),
        (date(2024, 3, 1), 0, "2024-02"),
    ],
)
def test_latest_closed_waits_for_the_data(today, lag, label):
    assert Period.latest_closed(today, "month", lag).label == label


def test_through_lists_every_period_once():
    months = Period.parse("2025-11").through(Period.parse("2026-02"))
    assert [p.label for p in months] == ["2025-11", "2025-12", "2026-01", "2026-02"]
    with pytest.raises(ParameterError, match="no periods"):
        months[1].through(months[0])


def test_same_period_last_year():
    assert Period.parse("2026-10").same_last_year().label == "2025-10"
    assert Period.parse("2024-02-29").same_last_year().label == "2023-02-28"
    assert Period.parse("2026-Q1").same_last_year().label == "2025-Q1"


@given(start=days, months=st.integers(0, 240))
def test_whole_months_counts_the_months_that_were_added(start, months):
    end = add_months(start, months)
    assert whole_months(start, end) == months
    if months:
        assert whole_months(start, end - timedelta(days=1)) == months - 1


def test_month_end_is_clamped():
    assert add_months(date(2023, 1, 31), 1) == date(2023, 2, 28)
    assert add_months(date(2024, 2, 29), -12) == date(2023, 2, 28)


@pytest.fixture(scope="module")
def database():
    with duckdb.connect() as connection:
        yield connection


@pytest.mark.parametrize("unit", UNITS)
def test_sql_counts_units_like_python(database, unit):
    """Every pair of days around month ends, in leap and common years, and across a century."""
    window = Window(start=date(2000, 1, 1), cutoff=date(2001, 1, 1), unit=unit)
    edges = [
        date(y, m, 1) + timedelta(days=k)
        for y in (2023, 2024)
        for m in (1, 2, 3, 5)
        for k in (-3, -2, -1, 0, 1, 14, 15)
    ]
    pairs = [(a, b) for a in edges for b in [*edges, date(2031, 2, 28)] if b >= a]
    database.execute("create or replace table pairs(a date, b date)")
    database.executemany("insert into pairs values (?, ?)", pairs)
    rows = database.execute(
        f"select a, b, {window.whole_units_sql('a', 'b')}, {window.started_units_sql('a', 'b')}"
        " from pairs"
    ).fetchall()
    assert len(rows) == len(pairs)
    for a, b, whole, started in rows:
        assert (whole, started) == (window.whole_units(a, b), window.started_units(a, b)), (a, b)


@given(start=days, span=st.integers(0, 3000), unit=units)
def test_started_units_round_up(start, span, unit):
    window = Window(start=date(2000, 1, 1), cutoff=date(2001, 1, 1), unit=unit)
    end = start + timedelta(days=span)
    whole, started = window.whole_units(start, end), window.started_units(start, end)
    assert started - whole in (0, 1)
    assert (started == 0) == (span == 0)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"cutoff": date(2024, 1, 1)}, "must be after"),
        ({"unit": "fortnight"}, "unit must be"),
        ({"zone": "Mars/Olympus"}, "unknown"),
        ({"start": "2024-01-01"}, "must be a date"),
    ],
)
def test_impossible_window_is_refused(change, message):
    settings = {"start": date(2024, 1, 1), "cutoff": date(2025, 1, 1)} | change
    with pytest.raises(ParameterError, match=message):
        Window(**settings)


def test_window_never_looks_ahead():
    window = Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1))
    assert window.until(date(2024, 6, 1)).last_day == date(2024, 5, 31)
    with pytest.raises(ParameterError, match="after the data cutoff"):
        window.until(date(2025, 1, 2))
