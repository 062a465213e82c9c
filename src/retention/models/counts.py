"""Spells counted: from one row a spell, or from a cube, to who is at risk and who leaves when.

An interval of tenure is (entry, duration]: a spell is at risk at tenure t if entry < t <= duration.
Whoever is censored at t is still at risk at t, and whoever enters at t is not.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, SchemaError
from retention.schemas import cause_columns, check_cube, group_codes

__all__ = ["RiskTable", "as_cube", "check_spells", "count_spells"]

Floats = NDArray[np.float64]
_MOST_TENURES = 100_000
_PIECE = 65_536


@dataclass(frozen=True, eq=False)
class RiskTable:
    """Counts of G groups on one grid of K tenures above 0.

    Parameters
    ----------
    groups : pandas.DataFrame, shape (G, pattern columns)
        The pattern of each group; no columns if there is one group only.
    tenure : ndarray of float, shape (K,)
        Rising tenures at which anything ends (or every whole one), all above 0.
    at_risk, events, censored : ndarray of float, shape (G, K)
        Spells at risk, that left, and that were last seen, at each tenure.
    entered : ndarray of float, shape (G, K)
        Spells that came under risk after the tenure before and by this one:
        ``at_risk[k + 1] = at_risk[k] - events[k] - censored[k] + entered[k + 1]``.
    causes : dict of ndarray, each of shape (G, K)
        The events of each cause; empty if causes were not counted.
    zero : ndarray of float, shape (G,)
        Spells of zero tenure: in no estimate.
    """

    groups: pd.DataFrame
    tenure: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    entered: Floats
    causes: dict[str, Floats]
    zero: Floats

    @property
    def n(self) -> Floats:
        """Spells ever at risk, by group; shape (G,)."""
        return self.entered.sum(axis=1)

    @classmethod
    def of(
        cls, table: pd.DataFrame, by: Sequence[str] = (), *, every_tenure: bool = False
    ) -> RiskTable:
        """Sum a cube, or count spells, over all patterns but those named in `by`.

        Parameters
        ----------
        table : pandas.DataFrame
            A cube, or one row a spell.
        by : sequence of str
            Columns that make the groups.
        every_tenure : bool
            Whether to keep whole tenures at which nobody's spell ended; tenures must be whole.

        Raises
        ------
        SchemaError
            If the table is neither, or a column of `by` is absent.
        NotEnoughDataError
            If nobody was ever at risk.
        """
        cube = as_cube(table, by)
        causes = cause_columns(cube)
        groups, code = _codes(cube, by)
        tenure, column = _tenures(cube["tenure"].to_numpy(dtype=float), every_tenure)
        shape = (len(groups), len(tenure))
        cell = code * shape[1] + column

        def dense(name: str) -> Floats:
            weights = cube[name].to_numpy(dtype=float)
            counts = np.bincount(cell, weights, shape[0] * shape[1])
            return counts.astype(float).reshape(shape)

        entered, events, censored = dense("entered"), dense("events"), dense("censored")
        parts = {cause: dense(name) for cause, name in causes.items()}
        at_zero = tenure == 0
        zero = (events + censored)[:, at_zero].sum(axis=1)
        entered[:, at_zero] -= zero[:, None]
        ended = np.where(at_zero, 0.0, events + censored)
        # those who enter at a tenure come under risk after it
        before = np.cumsum(entered, axis=1) - entered
        at_risk = before - (np.cumsum(ended, axis=1) - ended)
        stops = (ended.sum(axis=0) > 0) & ~at_zero
        if stops.any() and every_tenure:
            stops = ~at_zero & (at_risk.sum(axis=0) > 0)
        if not stops.any():
            raise NotEnoughDataError(
                f"nobody was ever at risk: {int(zero.sum()):,} spells, all of zero tenure"
            )
        arrived = np.diff(before[:, stops], axis=1, prepend=0.0)
        return cls(
            groups, tenure[stops], at_risk[:, stops], events[:, stops], censored[:, stops],
            arrived, {cause: part[:, stops] for cause, part in parts.items()}, zero,
        )  # fmt: skip


def _tenures(values: Floats, every: bool) -> tuple[Floats, NDArray[np.int64]]:
    if not every:
        tenure, column = np.unique(values, return_inverse=True)
        return tenure, np.asarray(column, dtype=np.int64)
    if np.any(values != np.floor(values)):
        raise SchemaError("cube", ["tenure must be in whole units for a discrete hazard"])
    return np.arange(values.max() + 1), values.astype(np.int64)


def _codes(cube: pd.DataFrame, by: Sequence[str]) -> tuple[pd.DataFrame, NDArray[np.int64]]:
    if not by:
        return pd.DataFrame(index=range(1)), np.zeros(len(cube), dtype=np.int64)
    absent = [name for name in by if name not in cube.columns]
    if absent:
        raise SchemaError("cube", [f"no column {name}" for name in absent])
    codes, first = group_codes(cube, by)
    return cube[list(by)].iloc[first].reset_index(drop=True), codes


def as_cube(table: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Return a cube: the table itself, checked, if it is one, else its spells counted."""
    if "at_risk" in table.columns:
        return check_cube(table)
    return count_spells(table, by)


def count_spells(durations: pd.DataFrame, by: Sequence[str] = ()) -> pd.DataFrame:
    """Count spells by pattern and tenure: the cube of one row a spell.

    Parameters
    ----------
    durations : pandas.DataFrame
        ``duration`` (0 or more), ``event`` (bool), and where known ``entry`` (0 if absent; below
        ``duration``, or both 0) and ``reason`` (a cause for each event).
    by : sequence of str
        Pattern columns.

    Returns
    -------
    pandas.DataFrame
        Schema `check_cube`; sorted by pattern and tenure.

    Raises
    ------
    SchemaError
        With every fault of the spells: missing columns, NaN, negative, entry at or after the end,
        events that are neither 0 nor 1, events without a reason where others have one.

    Examples
    --------
    >>> spells = pd.DataFrame({"duration": [2, 3, 3], "event": [True, True, False]})
    >>> count_spells(spells)[["tenure", "at_risk", "entered", "censored", "events"]]
       tenure  at_risk  entered  censored  events
    0       0        0        3         0       0
    1       2        3        0         0       1
    2       3        2        0         1       1
    """
    check_spells(durations, by)
    codes, first = group_codes(durations, by) if by else (None, np.zeros(1, dtype=np.int64))
    event = durations["event"].to_numpy(dtype=bool)
    tenure, ended_at, entered_at = _tenure_codes(durations)
    shape = (len(first), len(tenure))
    both = _histogram(shape, codes, ended_at, event)
    counts = {"entered": _histogram(shape, codes, entered_at, None)[0] if entered_at is not None
              else np.zeros(shape, dtype=np.int64)}  # fmt: skip
    if entered_at is None:
        counts["entered"][:, 0] = both.sum(axis=(0, 2))
    counts |= {"censored": both[0], "events": both[1]}
    for cause in _causes(durations):
        own = event & (durations["reason"] == cause).to_numpy()
        counts[f"events_{cause}"] = _histogram(shape, codes, ended_at, own)[1]
    before = np.cumsum(counts["entered"] - both.sum(axis=0), axis=1)
    before -= counts["entered"] - both.sum(axis=0)
    kept = (counts["entered"] > 0) | (both.sum(axis=0) > 0)
    group, column = np.nonzero(kept)
    cube = durations[list(by)].iloc[first[group]].reset_index(drop=True)
    cube["tenure"] = tenure[column]
    cube["at_risk"] = np.where(tenure[column] > 0, before[group, column], 0)
    return cube.assign(**{name: values[group, column] for name, values in counts.items()})


def _tenure_codes(
    durations: pd.DataFrame,
) -> tuple[NDArray[Any], NDArray[np.int64], NDArray[np.int64] | None]:
    """Return rising tenures, which of them each spell ended at, and entered at (None: at 0)."""
    ended = durations["duration"].to_numpy()
    entered = durations["entry"].to_numpy() if "entry" in durations else None
    parts = [ended] if entered is None else [ended, entered]
    if all(part.dtype.kind in "iu" for part in parts):
        top = max((int(part.max()) for part in parts if len(part)), default=0)
        if top <= _MOST_TENURES:
            tenure = np.arange(top + 1, dtype=np.result_type(*parts))
            return tenure, ended, entered
    tenure, codes = np.unique(np.concatenate([np.zeros(1), *parts]), return_inverse=True)
    codes = codes[1:]
    return tenure, codes[: len(ended)], None if entered is None else codes[len(ended) :]


def _histogram(
    shape: tuple[int, int],
    codes: NDArray[np.int64] | None,
    tenure: NDArray[np.int64],
    flag: NDArray[np.bool_] | None,
) -> NDArray[np.int64]:
    """Count rows by flag, group and tenure; in pieces that stay in the processor's cache."""
    size = shape[0] * shape[1]
    total = np.zeros(2 * size, dtype=np.int64)
    step = max(_PIECE, size)
    for start in range(0, len(tenure), step):
        piece = slice(start, start + step)
        cell = tenure[piece] if codes is None else codes[piece] * shape[1] + tenure[piece]
        if flag is not None:
            cell = cell + size * flag[piece]
        total += np.bincount(cell, minlength=2 * size)
    return total.reshape(2, *shape)


def _causes(durations: pd.DataFrame) -> list[str]:
    if "reason" not in durations:
        return []
    return sorted(map(str, durations.loc[durations["event"].astype(bool), "reason"].unique()))


def _plain(column: pd.Series) -> NDArray[Any]:
    """Return a column as it is if it is whole numbers or truth values, else as floats."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "iub":
        return column.to_numpy()
    return pd.to_numeric(column, errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _negative(values: NDArray[Any]) -> NDArray[np.bool_]:
    """Return where there is no finite number of 0 or more."""
    if values.dtype.kind != "f":
        some = len(values) and values.min() < 0
        return values < 0 if some else np.zeros(1, dtype=bool)
    return ~(values >= 0) | np.isinf(values)


def check_spells(durations: pd.DataFrame, by: Sequence[str]) -> None:
    """Raise `SchemaError` with every fault of a table of spells."""
    absent = [name for name in ("duration", "event", *by) if name not in durations.columns]
    if absent:
        raise SchemaError("durations", [f"no column {name}" for name in absent])
    duration, event = _plain(durations["duration"]), _plain(durations["event"])
    checks = {"duration is not a number of 0 or more": _negative(duration)}
    if "entry" in durations:
        entry = _plain(durations["entry"])
        checks["entry is not a number of 0 or more"] = _negative(entry)
        late = (entry >= duration) & ~((entry == 0) & (duration == 0))
        checks["entry is not before duration"] = late
    if event.dtype != bool:
        checks["event is neither 0 nor 1"] = (event != 0) & (event != 1)
    if "reason" in durations:
        named = durations["reason"].notna().to_numpy()
        checks["an event has no reason while others have one"] = (event == 1) & ~named
    faults = [
        f"{sentence} in {bad.sum():,} of {len(durations):,} rows "
        f"({durations.index.name or 'row'} {', '.join(map(str, durations.index[bad][:3]))})"
        for sentence, bad in checks.items()
        if bad.any()
    ]
    if faults:
        raise SchemaError("durations", faults)
