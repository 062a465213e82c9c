"""The months through which the company is simulated."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from functools import cached_property

import numpy as np

from .columns import Ints, Mask

__all__ = ["Calendar"]

_EPOCH = date(1970, 1, 1)


@dataclass(frozen=True)
class Calendar:
    """From when the company existed, from when it kept records, and until when they are known.

    Parameters
    ----------
    start : datetime.date
        First day of the records.
    cutoff : datetime.date
        First day that is not known.
    history_months : int
        Months before `start` in which customers were already won.
    """

    start: date
    cutoff: date
    history_months: int

    @property
    def start_day(self) -> int:
        """`start` in days since 1970-01-01."""
        return (self.start - _EPOCH).days

    @property
    def cutoff_day(self) -> int:
        """`cutoff` in days since 1970-01-01."""
        return (self.cutoff - _EPOCH).days

    @cached_property
    def firsts(self) -> Ints:
        """First day of each month, and of the two after, in days since 1970-01-01."""
        first = np.datetime64(self.start, "M") - self.history_months
        months = np.arange(first, np.datetime64(self.cutoff, "M") + 3)
        return months.astype("datetime64[D]").astype(np.int64)

    @property
    def n_months(self) -> int:
        """How many months are simulated, from the first of the history to the cutoff's."""
        return len(self.firsts) - 2

    @property
    def start_month(self) -> int:
        """Index of the month of `start`."""
        return self.history_months

    def known(self, day: Ints) -> Mask:
        """Return which days lie within the records."""
        return (day >= self.start_day) & (day < self.cutoff_day)
