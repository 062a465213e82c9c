"""Time: the window of observation, the periods of the reports, and how time between dates counts.

Everything is half-open. A `Window` holds the days from `start` up to, not including, `cutoff`; a
`Period` the days from `start` up to, not including, `end`. A fact dated on or after the cutoff is
unknown. Tenure is counted from the date of acquisition in whole units (calendar months end at the
same day of a later month, or at its last day), and an interval of tenure is (entry, exit].
"""

from __future__ import annotations

import re
from calendar import monthrange
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Literal, get_args
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from retention.errors import ParameterError

__all__ = ["DAYS_PER_YEAR", "Period", "Unit", "Window", "add_months", "whole_months"]

Unit = Literal["day", "week", "month", "quarter", "year"]
UNITS: tuple[Unit, ...] = get_args(Unit)

DAYS_PER_YEAR = 365.25
_MONTHS: dict[str, int] = {"month": 1, "quarter": 3, "year": 12}
_DAYS: dict[str, int] = {"day": 1, "week": 7}
_PER_YEAR: dict[str, float] = {
    "day": DAYS_PER_YEAR,
    "week": DAYS_PER_YEAR / 7,
    "month": 12.0,
    "quarter": 4.0,
    "year": 1.0,
}


def add_months(day: date, months: int) -> date:
    """Return the same day `months` later, or the last day of that month if it is shorter.

    Examples
    --------
    >>> add_months(date(2024, 1, 31), 1)
    datetime.date(2024, 2, 29)
    """
    index = day.year * 12 + day.month - 1 + months
    year, month = divmod(index, 12)
    return date(year, month + 1, min(day.day, monthrange(year, month + 1)[1]))


def whole_months(start: date, end: date) -> int:
    """Return how many whole calendar months lie between two dates; ``end >= start``.

    A month ends at the same day of the next one, or at its last day where it has no such day.

    Examples
    --------
    >>> whole_months(date(2024, 1, 31), date(2024, 2, 29))
    1
    >>> whole_months(date(2024, 1, 15), date(2024, 3, 14))
    1
    """
    months = (end.year - start.year) * 12 + end.month - start.month
    return months - int(add_months(start, months) > end)


def _check_unit(unit: str) -> None:
    if unit not in UNITS:
        raise ParameterError(f"unit must be one of {', '.join(UNITS)}; got {unit!r}")


_FISCAL = ("quarter", "year")


def _check_month(month: int) -> None:
    if not 1 <= month <= 12:
        raise ParameterError(f"a year starts in one of the months 1 to 12, not {month!r}")


@dataclass(frozen=True, order=True)
class Period:
    """One calendar day, ISO week (from Monday), month, quarter or year.

    Parameters
    ----------
    start : datetime.date
        The first day.
    unit : str
        ``day``, ``week``, ``month``, ``quarter`` or ``year``.
    first_month : int
        The month in which the fiscal year starts, of quarters and years; 1 is the calendar's.

    Raises
    ------
    ParameterError
        If the unit is unknown or `start` is not the first day of such a period.
    """

    start: date
    unit: Unit = "month"
    first_month: int = 1

    def __post_init__(self) -> None:
        _check_unit(self.unit)
        _check_month(self.first_month)
        if self.unit not in _FISCAL:
            object.__setattr__(self, "first_month", 1)
        if Period._floor(self.start, self.unit, self.first_month) != self.start:
            raise ParameterError(f"{self.start} is not the first day of a {self.unit}")

    @staticmethod
    def _floor(day: date, unit: str, first_month: int) -> date:
        if unit == "week":
            return day - timedelta(days=day.weekday())
        if unit in _MONTHS:
            since = (day.month - first_month) % _MONTHS[unit] if unit in _FISCAL else 0
            return add_months(date(day.year, day.month, 1), -since)
        return day

    @classmethod
    def containing(cls, day: date, unit: Unit = "month", first_month: int = 1) -> Period:
        """Return the period in which a day lies."""
        _check_unit(unit)
        return cls(cls._floor(day, unit, first_month), unit, first_month)

    @classmethod
    def parse(cls, text: str, first_month: int = 1) -> Period:
        """Read a label: ``2026-10``, ``2026-W41``, ``2026-Q3``, ``2026`` or ``2026-10-31``.

        ``FY2026`` and ``FY2026-Q3`` are the fiscal year that ends in 2026, and its third quarter;
        `first_month` is the month in which it starts.

        Raises
        ------
        ParameterError
            If the text is none of these, or no such period exists.

        Examples
        --------
        >>> Period.parse("FY2026-Q3", first_month=4).start
        datetime.date(2025, 10, 1)
        """
        if m := re.fullmatch(r"FY(\d{4})(?:-Q([1-4]))?", text):
            return cls._fiscal(int(m[1]), int(m[2]) if m[2] else None, first_month)
        try:
            if m := re.fullmatch(r"(\d{4})", text):
                return cls(date(int(m[1]), 1, 1), "year")
            if m := re.fullmatch(r"(\d{4})-Q([1-4])", text):
                return cls(date(int(m[1]), 3 * int(m[2]) - 2, 1), "quarter")
            if m := re.fullmatch(r"(\d{4})-(\d{2})", text):
                return cls(date(int(m[1]), int(m[2]), 1), "month")
            if m := re.fullmatch(r"(\d{4})-W(\d{2})", text):
                return cls(date.fromisocalendar(int(m[1]), int(m[2]), 1), "week")
            if re.fullmatch(r"\d{4}-\d{2}-\d{2}", text):
                return cls(date.fromisoformat(text), "day")
        except ValueError as error:
            raise ParameterError(f"period {text!r} does not exist: {error}") from error
        raise ParameterError(
            f"period {text!r} is not understood; write 2026-10 (month), 2026-W41 (week), "
            "2026-Q3 (quarter), 2026 (year) or 2026-10-31 (day)"
        )

    @classmethod
    def _fiscal(cls, year: int, quarter: int | None, first_month: int) -> Period:
        if first_month == 1 or year < 2:
            raise ParameterError(
                f"FY{year} is a fiscal year; say in which month it starts ([report] year_starts)"
            )
        _check_month(first_month)
        start = date(year - 1, first_month, 1)  # it is named after the year in which it ends
        if quarter is None:
            return cls(start, "year", first_month)
        return cls(add_months(start, 3 * quarter - 3), "quarter", first_month)

    @classmethod
    def latest_closed(
        cls, today: date, unit: Unit = "month", lag_days: int = 0, first_month: int = 1
    ) -> Period:
        """Return the last period that had ended, `lag_days` ago, when `today` began."""
        return cls.containing(today - timedelta(days=lag_days), unit, first_month).shift(-1)

    @property
    def end(self) -> date:
        """The first day after the period."""
        return self.shift(1).start

    @property
    def last_day(self) -> date:
        """The last day of the period."""
        return self.end - timedelta(days=1)

    @property
    def label(self) -> str:
        """The text that `parse` reads."""
        if self.first_month != 1:
            year = add_months(self.start, 13 - self.first_month).year
            quarter = (self.start.month - self.first_month) % 12 // 3 + 1
            return f"FY{year}" if self.unit == "year" else f"FY{year}-Q{quarter}"
        if self.unit == "year":
            return f"{self.start.year}"
        if self.unit == "quarter":
            return f"{self.start.year}-Q{(self.start.month + 2) // 3}"
        if self.unit == "month":
            return f"{self.start:%Y-%m}"
        if self.unit == "week":
            year, week, _ = self.start.isocalendar()
            return f"{year}-W{week:02d}"
        return self.start.isoformat()

    def __str__(self) -> str:
        return self.label

    def shift(self, count: int) -> Period:
        """Return the period `count` later, or earlier if it is negative."""
        if self.unit in _MONTHS:
            start = add_months(self.start, count * _MONTHS[self.unit])
            return Period(start, self.unit, self.first_month)
        return Period(self.start + timedelta(days=count * _DAYS[self.unit]), self.unit)

    def previous(self) -> Period:
        """Return the period just before."""
        return self.shift(-1)

    def same_last_year(self) -> Period:
        """Return the period a year before: same month, same ISO week number, same day."""
        if self.unit in _MONTHS:
            return Period(add_months(self.start, -12), self.unit, self.first_month)
        if self.unit == "week":
            return self.shift(-52)
        return Period(add_months(self.start, -12), "day")

    def through(self, last: Period) -> tuple[Period, ...]:
        """Return every period from this one to `last`, both included.

        Raises
        ------
        ParameterError
            If `last` is of another unit or lies before.
        """
        alike = (last.unit, last.first_month) == (self.unit, self.first_month)
        if not alike or last < self:
            raise ParameterError(f"no periods run from {self} to {last}")
        periods = [self]
        while periods[-1] < last:
            periods.append(periods[-1].shift(1))
        return tuple(periods)


@dataclass(frozen=True, kw_only=True)
class Window:
    """What was observed: from when, until when, counted in which unit, in which time zone.

    Parameters
    ----------
    start : datetime.date
        The first day on which events were recorded. Customers acquired earlier are left-truncated:
        they are seen only because they were still here on this day.
    cutoff : datetime.date
        The first day that is not known. Whoever has not left by then is right-censored.
    unit : str
        ``day``, ``week``, ``month``, ``quarter`` or ``year``: the unit of tenure and of rates.
    zone : str
        IANA time zone in which timestamps become dates, such as ``Europe/Berlin``.

    Raises
    ------
    ParameterError
        If the cutoff is not after the start, or the unit or the zone is unknown.

    Examples
    --------
    >>> window = Window(start=date(2024, 1, 1), cutoff=date(2026, 11, 1))
    >>> window.last_day
    datetime.date(2026, 10, 31)
    >>> window.whole_units(date(2024, 1, 31), date(2024, 3, 1))
    1
    """

    start: date
    cutoff: date
    unit: Unit = "month"
    zone: str = "UTC"

    def __post_init__(self) -> None:
        _check_unit(self.unit)
        for name in ("start", "cutoff"):
            value = getattr(self, name)
            if isinstance(value, datetime) or not isinstance(value, date):
                raise ParameterError(f"{name} must be a date, got {value!r}")
        if self.cutoff <= self.start:
            raise ParameterError(f"cutoff {self.cutoff} must be after start {self.start}")
        try:
            ZoneInfo(self.zone)
        except (ZoneInfoNotFoundError, ValueError) as error:
            raise ParameterError(f"time zone {self.zone!r} is unknown") from error

    @property
    def last_day(self) -> date:
        """The last day that is known."""
        return self.cutoff - timedelta(days=1)

    @property
    def days(self) -> int:
        """How many days are known."""
        return (self.cutoff - self.start).days

    @property
    def units_per_year(self) -> float:
        """How many units make a year; turns an annual rate into one of the unit."""
        return _PER_YEAR[self.unit]

    @property
    def last_period(self) -> Period:
        """The last whole period of the window's unit that had ended at the cutoff."""
        return Period.containing(self.cutoff, self.unit).previous()

    def until(self, cutoff: date) -> Window:
        """Return the window as it was known at an earlier cutoff.

        Raises
        ------
        ParameterError
            If the cutoff lies after this window's: that would be a look into the future.
        """
        if cutoff > self.cutoff:
            raise ParameterError(f"{cutoff} lies after the data cutoff {self.cutoff}")
        return Window(start=self.start, cutoff=cutoff, unit=self.unit, zone=self.zone)

    def in_unit(self, unit: Unit) -> Window:
        """Return the same window counted in another unit."""
        return Window(start=self.start, cutoff=self.cutoff, unit=unit, zone=self.zone)

    def whole_units(self, start: date, end: date) -> int:
        """Return how many whole units lie between two dates; ``end >= start``."""
        if self.unit in _MONTHS:
            return whole_months(start, end) // _MONTHS[self.unit]
        return (end - start).days // _DAYS[self.unit]

    def whole_units_sql(self, start: str, end: str) -> str:
        """Return `whole_units` as DuckDB SQL over two DATE expressions, equal to it on every date.

        The text uses integer arithmetic and `last_day` only, so it means the same on Spark.
        """
        if self.unit in _DAYS:
            return _floored(f"datediff('day', {start}, {end})", _DAYS[self.unit])
        short = (
            f"case when day({end}) < day({start}) and {end} <> last_day({end}) then 1 else 0 end"
        )
        return _floored(f"({_months_sql(start, end)} - {short})", _MONTHS[self.unit])

    def started_units_sql(self, start: str, end: str) -> str:
        """Return DuckDB SQL for how many units were begun between two dates: rounded up.

        The day on which a month is full is the same day of the next month, or its last one if it
        has no such day: only a later day begins another month.
        """
        if self.unit in _DAYS:
            days = _DAYS[self.unit]
            return _floored(f"(datediff('day', {start}, {end}) + {days - 1})", days)
        begun = f"case when day({end}) > day({start}) then 1 else 0 end"
        months = _MONTHS[self.unit]
        return _floored(f"({_months_sql(start, end)} + {begun} + {months - 1})", months)

    def started_units(self, start: date, end: date) -> int:
        """Return how many units were begun between two dates: `whole_units` rounded up."""
        whole = self.whole_units(start, end)
        if self.unit in _MONTHS:
            return whole + int(add_months(start, whole * _MONTHS[self.unit]) != end)
        return whole + int((end - start).days % _DAYS[self.unit] != 0)


def _months_sql(start: str, end: str) -> str:
    """Return SQL for the difference of two dates by year and month alone."""
    return f"(year({end}) - year({start})) * 12 + month({end}) - month({start})"


def _floored(count: str, size: int) -> str:
    """Return SQL for how many groups of a size a count fills; no division where the size is 1."""
    return f"cast({count} as integer)" if size == 1 else f"cast(floor({count} / {size}) as integer)"
