"""Who is censored when: the weights with which the seen stand in for the censored."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, SchemaError

__all__ = ["Censoring", "Outcomes"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class Outcomes:
    """What became of those scored.

    Parameters
    ----------
    entry, duration : ndarray of float, shape (n,)
        Tenure when they were scored (0 if `entry` is absent), and when they left or were last seen.
    event : ndarray of bool, shape (n,)
        Whether they left.
    """

    entry: Floats
    duration: Floats
    event: NDArray[np.bool_]

    @classmethod
    def of(cls, durations: pd.DataFrame) -> Outcomes:
        """Take ``duration``, ``event`` and perhaps ``entry`` of a table.

        Raises
        ------
        SchemaError
            If a column is missing or a duration does not lie after its entry.
        """
        absent = [name for name in ("duration", "event") if name not in durations.columns]
        if absent:
            raise SchemaError("durations", [f"no column {name}" for name in absent])
        duration = durations["duration"].to_numpy(float)
        entry = durations["entry"].to_numpy(float) if "entry" in durations else 0 * duration
        bad = ~(duration > entry)
        if bad.any():
            ids = ", ".join(map(str, durations.index[bad][:3]))
            raise SchemaError(
                "durations", [f"duration not after entry in {bad.sum():,} rows ({ids})"]
            )
        return cls(entry, duration, durations["event"].to_numpy(bool))

    def since_entry(self) -> Outcomes:
        """Return the same on the clock that starts when each was scored."""
        return Outcomes(0 * self.entry, self.duration - self.entry, self.event)


@dataclass(frozen=True, eq=False)
class Censoring:
    """The chance G(t) of not being censored by tenure t, given tenure at entry.

    Parameters
    ----------
    tenure, survival : ndarray of float, shape (k,)
        Tenures at which anybody was censored, and G just after each.
    """

    tenure: Floats
    survival: Floats

    @classmethod
    def of(cls, seen: Outcomes) -> Censoring:
        """Estimate G by Kaplan-Meier of censoring; at a tie those who left went first.

        Those who entered late are at risk of being censored from their entry on only.
        """
        times = np.unique(seen.duration[~seen.event])
        order = np.sort(seen.duration)
        entries = np.sort(seen.entry)
        n = np.searchsorted(entries, times, "left") - np.searchsorted(order, times, "left")
        left = np.sort(seen.duration[seen.event])
        gone = np.searchsorted(left, times, "right") - np.searchsorted(left, times, "left")
        ended = np.sort(seen.duration[~seen.event])
        c = np.searchsorted(ended, times, "right") - np.searchsorted(ended, times, "left")
        survival = np.cumprod(1 - c / np.maximum(n - gone, 1))
        return cls(times, survival.astype(float))

    def at(self, t: Floats, *, before: bool = False) -> Floats:
        """Return G(t), or its left limit G(t-)."""
        side = "left" if before else "right"
        where = np.searchsorted(self.tenure, t, "left" if side == "left" else "right")
        return np.r_[1.0, self.survival][where]

    def weights(self, seen: Outcomes, horizon: float) -> tuple[Floats, Floats]:
        """Return the weights of those who left within the horizon, and of those who stayed.

        The first are ``1 / G(T-)``, the second ``1 / G(t)``, both given that one was not yet
        censored at entry; 0 for those who were censored within the horizon: nobody knows of them.

        Raises
        ------
        NotEnoughDataError
            If nobody was seen so long.
        """
        end = np.full(len(seen.duration), float(horizon))
        left = seen.event & (seen.duration <= end)
        stayed = seen.duration > end
        start = self.at(seen.entry)
        by_then = self.at(end)
        if not stayed.any() and not left.any():
            raise NotEnoughDataError(f"nobody was seen for {horizon:g}: choose a nearer horizon")
        with np.errstate(divide="ignore", invalid="ignore"):
            w_left = np.where(left, start / self.at(seen.duration, before=True), 0.0)
            w_stayed = np.where(stayed, start / by_then, 0.0)
        return w_left, w_stayed
