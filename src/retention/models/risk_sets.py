"""Risk sets: sums over who is at risk at each event tenure, from rows or from a cube.

Both forms answer the same three questions, which is all that Cox's likelihood and its robust
errors need: the sums of the weights over those at risk and over those who leave, and back from
sums over tenures to each row.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["CubeRiskSet", "Floats", "RowRiskSet"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class RowRiskSet:
    """Spells one a row, of one stratum, each with a count.

    Parameters
    ----------
    times : ndarray of float, shape (K,)
        Rising distinct event tenures.
    deaths : ndarray of float, shape (K,)
        Spells that left at each.
    last : ndarray of int, shape (n,)
        How many event tenures lie at or before the end of each spell.
    first : ndarray of int, shape (n,)
        How many lie at or before its entry: at risk at numbers ``first`` to ``last - 1``.
    at : ndarray of int, shape (n,)
        Which event tenure it left at; -1 if it did not.
    count : ndarray of float, shape (n,)
        How many equal spells the row stands for.
    entry, duration : ndarray of float, shape (n,)
        The spells themselves.
    """

    times: Floats
    deaths: Floats
    last: Ints
    first: Ints
    at: Ints
    count: Floats
    entry: Floats
    duration: Floats

    @classmethod
    def of(
        cls, entry: Floats, duration: Floats, event: NDArray[np.bool_], count: Floats
    ) -> RowRiskSet:
        """Find the event tenures of spells and where each spell stands among them."""
        times = np.unique(duration[event])
        last = np.searchsorted(times, duration, side="right")
        first = np.searchsorted(times, entry, side="right")
        at = np.where(event, last - 1, -1)
        deaths = np.bincount(at[event], count[event], len(times)).astype(float)
        return cls(times, deaths, last, first, at, count, entry, duration)

    def entered_before(self, t: Floats) -> Floats:
        """Count the spells that entered before each of rising tenures."""
        return _before(self.entry, self.count, t)

    def ended_before(self, t: Floats) -> Floats:
        """Count the spells that ended before each of rising tenures."""
        return _before(self.duration, self.count, t)

    def at_risk(self, values: Floats) -> Floats:
        """Sum values, (n,) or (n, m), over those at risk; shape (K,) or (K, m)."""
        k = len(self.times)
        values = _times(values, self.count)
        ends = _sums(values, self.last, k + 1)
        starts = _sums(values, self.first, k + 1)
        # at risk at number j: ended after it, less not yet entered by it
        later = np.cumsum((ends - starts)[::-1], axis=0)[::-1]
        return later[1:]

    def leaving(self, values: Floats) -> Floats:
        """Sum values over those who leave at each tenure."""
        left = self.at >= 0
        return _sums(_times(values, self.count)[left], self.at[left], len(self.times))

    def exposure(self, increments: Floats) -> Floats:
        """Sum increments, (K,) or (K, m), over the tenures at which each row was at risk."""
        return _times(self.exposure_each(increments), self.count)

    def exposure_each(self, increments: Floats) -> Floats:
        """Return `exposure` of one spell of each row."""
        total = np.concatenate(
            [np.zeros((1, *increments.shape[1:])), np.cumsum(increments, axis=0)]
        )
        return total[self.last] - total[self.first]

    def at_end(self, increments: Floats) -> Floats:
        """Sum increments over the tenures at which each row's spells left."""
        return _times(self.at_end_each(increments), self.count)

    def at_end_each(self, increments: Floats) -> Floats:
        """Return the increment at the tenure one spell of each row left at; 0 if it did not."""
        found = increments[np.maximum(self.at, 0)]
        left = self.at >= 0
        return np.where(left.reshape(-1, *[1] * (found.ndim - 1)), found, 0.0)


def _before(when: Floats, count: Floats, t: Floats) -> Floats:
    inside = np.bincount(np.searchsorted(t, when, side="right"), count, len(t) + 1)
    return np.cumsum(inside)[:-1].astype(float)


def _times(values: Floats, count: Floats) -> Floats:
    return values * (count if values.ndim == 1 else count[:, None])


def _sums(values: Floats, where: Ints, size: int) -> Floats:
    if values.ndim == 1:
        return np.bincount(where, values, size).astype(float)
    columns = [np.bincount(where, column, size) for column in values.T]
    return np.column_stack(columns) if columns else np.zeros((size, 0))


@dataclass(frozen=True, eq=False)
class CubeRiskSet:
    """Counts of patterns by tenure, of one stratum: the same sums as matrix products.

    Parameters
    ----------
    times : ndarray of float, shape (K,)
        Rising distinct event tenures.
    risk, left : ndarray of float, shape (P, K)
        Spells of each pattern at risk, and leaving, at each.
    tenure, entered, ended : ndarray of float, shape (L,)
        Spells that entered and ended, of all patterns, at every tenure where any did.
    """

    times: Floats
    risk: Floats
    left: Floats
    tenure: Floats
    entered: Floats
    ended: Floats

    @property
    def deaths(self) -> Floats:
        """Spells that left at each tenure; shape (K,)."""
        return self.left.sum(axis=0)

    def entered_before(self, t: Floats) -> Floats:
        """Count the spells that entered before each of rising tenures."""
        return _before(self.tenure, self.entered, np.nextafter(t, np.inf))

    def ended_before(self, t: Floats) -> Floats:
        """Count the spells that ended before each of rising tenures."""
        return _before(self.tenure, self.ended, t)

    def at_risk(self, values: Floats) -> Floats:
        """Sum values of patterns, (P,) or (P, m), over those at risk."""
        return self.risk.T @ values

    def leaving(self, values: Floats) -> Floats:
        """Sum values of patterns over those who leave at each tenure."""
        return self.left.T @ values

    def exposure(self, increments: Floats) -> Floats:
        """Sum increments over the tenures, times how many of each pattern were at risk."""
        return self.risk @ increments

    def at_end(self, increments: Floats) -> Floats:
        """Sum increments over the tenures, times how many of each pattern left."""
        return self.left @ increments
