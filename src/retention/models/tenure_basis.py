"""How the hazard may change with tenure: freely, or along a smooth curve."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

__all__ = ["TenureBasis"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class TenureBasis:
    """Functions of tenure whose weighted sum is the baseline of a discrete hazard.

    Parameters
    ----------
    knots : ndarray of float
        Knots of a restricted cubic spline in log tenure, or, if `free`, every tenure at which
        somebody left, each with an effect of its own.
    free : bool
        Which of the two.
    longest : int
        Longest tenure seen; beyond it the last value is held.
    owner : ndarray of int, shape (longest + 1,)
        If `free`, which effect each tenure has; -1 where nobody left. A tenure at which everybody
        left shares the effect of the one before, since its own would be infinite.
    """

    knots: Floats
    free: bool
    longest: int
    owner: NDArray[np.int64]

    @classmethod
    def smooth(cls, tenure: Floats, events: Floats, pieces: int) -> TenureBasis:
        """Place `pieces` + 1 knots at equal shares of the events over log tenure."""
        happened = events > 0
        share = np.cumsum(events[happened]) / events.sum()
        wanted = np.linspace(0.02, 0.98, pieces + 1)
        at = np.minimum(np.searchsorted(share, wanted), happened.sum() - 1)
        knots = np.unique(np.log(tenure[happened][at]))
        return cls(knots, False, int(tenure.max()), np.zeros(0, dtype=np.int64))

    @classmethod
    def each(cls, tenure: Floats, events: Floats, at_risk: Floats) -> TenureBasis:
        """Give every tenure at which somebody left its own effect."""
        own = (events > 0) & (events < at_risk)
        if not own.any():
            own = events > 0
        owner = np.full(int(tenure.max()) + 1, -1, dtype=np.int64)
        code = np.maximum(np.cumsum(own) - 1, 0)
        happened = events > 0
        owner[tenure[happened].astype(np.int64)] = code[happened]
        return cls(tenure[own], True, int(tenure.max()), owner)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of the columns."""
        if self.free:
            return tuple(f"tenure {t:g}" for t in self.knots)
        return ("intercept", *(f"tenure spline {j}" for j in range(1, self.width)))

    @property
    def width(self) -> int:
        """How many columns there are."""
        return len(self.knots) if self.free else max(1, len(self.knots))

    def columns(self, tenure: Sequence[float] | Floats) -> Floats:
        """Return the functions at tenures of 1 or more; shape (n, width).

        Beyond the longest tenure a smooth curve is held at its last value, a free one at the mean
        of its last six effects; a free one has no row (all 0) at tenures where nobody left.
        """
        t = np.asarray(tenure, dtype=float)
        if self.free:
            inside = np.clip(t, 0, self.longest).astype(np.int64)
            found = (self.owner[inside][:, None] == np.arange(len(self.knots))).astype(float)
            last = self.knots[-6:]
            found[t > self.longest] = np.isin(self.knots, last) / len(last)
            return found
        return _restricted_cubic(np.log(np.clip(t, 1, self.longest)), self.knots)

    def possible(self, tenure: Sequence[float] | Floats) -> NDArray[np.bool_]:
        """Return where the hazard is above 0: with free effects, where somebody left."""
        t = np.asarray(tenure, dtype=float)
        if not self.free:
            return np.ones(len(t), dtype=bool)
        inside = np.clip(t, 0, self.longest).astype(np.int64)
        return (self.owner[inside] >= 0) | (t > self.longest)


def _restricted_cubic(x: Floats, knots: Floats) -> Floats:
    """Restricted cubic spline: cubic between the knots, straight beyond the outer two."""
    columns = [np.ones_like(x)]
    if len(knots) > 1:
        columns.append(x - knots.mean())
    if len(knots) > 2:
        low, high = knots[-2], knots[-1]
        scale = (knots[-1] - knots[0]) ** 2

        def cube(z: Floats) -> Floats:
            return np.maximum(z, 0.0) ** 3

        for knot in knots[:-2]:
            a = (high - knot) / (high - low)
            b = (low - knot) / (high - low)
            columns.append((cube(x - knot) - a * cube(x - low) + b * cube(x - high)) / scale)
    return np.column_stack(columns)
