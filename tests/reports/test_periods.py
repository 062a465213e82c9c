"""Which periods are due: with data lag, after missed months, at every edge of the calendar."""

from __future__ import annotations

from datetime import UTC, date, datetime
from pathlib import Path
from types import MappingProxyType

import pytest

from retention.errors import ParameterError
from retention.project import Project
from retention.reports import due_periods, latest_period, local_today
from retention.window import Period


def project(cutoff=date(2026, 11, 1), zone="UTC", **report) -> Project:
    return Project(
        root=Path(), name="x", currency="EUR", observed_from=date(2020, 1, 1),
        data_cutoff=cutoff, zone=zone, report=MappingProxyType(report),
    )  # fmt: skip


def labels(periods) -> list[str]:
    return [period.label for period in periods]


def published(*names) -> list[Period]:
    return [Period.parse(name) for name in names]


def test_without_a_report_the_latest_period_is_due():
    assert labels(due_periods(project(), [], date(2026, 11, 3))) == ["2026-10"]


def test_missed_months_are_caught_up_in_order():
    due = due_periods(project(), published("2026-06", "2026-08"), date(2026, 11, 1))
    assert labels(due) == ["2026-07", "2026-09", "2026-10"]
    assert (
        due_periods(project(), [*published("2026-06", "2026-08"), *due], date(2026, 11, 30)) == ()
    )


@pytest.mark.parametrize(
    ("today", "lag", "label"),
    [
        (date(2026, 11, 3), 3, "2026-09"),
        (date(2026, 11, 4), 3, "2026-10"),
        (date(2024, 2, 29), 0, "2024-01"),
        (date(2024, 3, 1), 0, "2024-02"),
        (date(2026, 12, 31), 0, "2026-11"),
        (date(2027, 1, 1), 0, "2026-12"),
    ],
)
def test_a_period_waits_for_its_data(today, lag, label):
    assert labels(due_periods(project(lag_days=lag), [], today)) == [label]


def test_a_clock_set_back_makes_nothing_due():
    assert due_periods(project(), published("2026-10"), date(2026, 9, 15)) == ()
    assert due_periods(project(), published("2026-10"), date(2026, 10, 31)) == ()


def test_other_units_have_their_own_periods():
    weekly = project(period="week")
    assert labels(due_periods(weekly, published("2026-10", "2026-W43"), date(2026, 11, 9))) == [
        "2026-W44",
        "2026-W45",
    ]
    assert latest_period(weekly).label == "2026-W43"  # 1 November 2026 is a Sunday
    assert latest_period(project(period="quarter")).label == "2026-Q3"
    assert latest_period(project(period="year", cutoff=date(2027, 1, 1))).label == "2026"
    with pytest.raises(ParameterError, match="fortnight"):
        latest_period(project(period="fortnight"))


@pytest.mark.parametrize(
    ("cutoff", "label"),
    [
        (date(2026, 1, 31), "2025-12"),
        (date(2024, 2, 29), "2024-01"),
        (date(2024, 3, 1), "2024-02"),
        (date(2026, 12, 31), "2026-11"),
        (date(2027, 1, 1), "2026-12"),
    ],
)
def test_the_latest_period_is_whole(cutoff, label):
    assert latest_period(project(cutoff=cutoff)).label == label


@pytest.mark.parametrize(
    ("zone", "instant", "day"),
    [
        ("Asia/Shanghai", datetime(2026, 10, 31, 16, 30, tzinfo=UTC), date(2026, 11, 1)),
        ("America/New_York", datetime(2026, 11, 1, 3, 30, tzinfo=UTC), date(2026, 10, 31)),
        # the night the clocks go back in Berlin: 02:30 comes twice, the date once
        ("Europe/Berlin", datetime(2026, 10, 25, 0, 30, tzinfo=UTC), date(2026, 10, 25)),
        ("Europe/Berlin", datetime(2026, 10, 24, 22, 30, tzinfo=UTC), date(2026, 10, 25)),
        ("Europe/Berlin", datetime(2026, 10, 25, 23, 30, tzinfo=UTC), date(2026, 10, 26)),
    ],
)
def test_today_is_where_the_company_is(monkeypatch, zone, instant, day):
    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return instant.astimezone(tz)

    monkeypatch.setattr("retention.reports.periods.datetime", Clock)
    assert local_today(project(zone=zone)) == day


def test_fiscal_quarters_are_due_and_named_after_the_year_that_ends():
    fiscal = project(period="quarter", year_starts=4)
    assert latest_period(fiscal).label == "FY2027-Q2"  # July to September 2026
    first = fiscal.period_named("FY2026-Q4")
    assert (first.start, first.end) == (date(2026, 1, 1), date(2026, 4, 1))
    due = due_periods(fiscal, [first, Period.parse("2026-Q1")], date(2026, 11, 3))
    assert labels(due) == ["FY2027-Q1", "FY2027-Q2"]
    assert due[0].same_last_year().label == "FY2026-Q1"


@pytest.mark.parametrize("first_month", [2, 7, 12])
@pytest.mark.parametrize("unit", ["quarter", "year"])
def test_a_fiscal_label_is_read_as_it_is_written(first_month, unit):
    for month in range(1, 25):
        day = date(2025 + (month - 1) // 12, (month - 1) % 12 + 1, 15)
        period = Period.containing(day, unit, first_month)
        assert period.start <= day < period.end
        assert Period.parse(period.label, first_month) == period
        assert period.shift(1).previous() == period
        assert (period.start.month - first_month) % (3 if unit == "quarter" else 12) == 0


def test_a_fiscal_label_needs_its_month():
    with pytest.raises(ParameterError, match="year_starts"):
        Period.parse("FY2026")
    with pytest.raises(ParameterError, match="1 to 12"):
        Period.parse("FY2026", 13)
    assert Period.containing(date(2026, 10, 5), "month", 4).label == "2026-10"
