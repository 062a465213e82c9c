"""The count cube: all that most survival models need to know, in one row a pattern and tenure."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import SchemaError

__all__ = ["CUBE_COUNTS", "cause_columns", "check_cube", "group_codes", "pattern_columns"]

CUBE_COUNTS = ("at_risk", "entered", "censored", "events")
_CAUSE = "events_"
_MOST_CODES = 2**62

Codes = NDArray[np.int64]


def cause_columns(cube: pd.DataFrame) -> dict[str, str]:
    """Return the cause each ``events_<cause>`` column counts, as {cause: column}."""
    columns = [name for name in map(str, cube.columns) if name.startswith(_CAUSE)]
    return {name.removeprefix(_CAUSE): name for name in columns}


def pattern_columns(cube: pd.DataFrame) -> list[str]:
    """Return the columns that say which customers a row counts: all but tenure and counts."""
    known = {"tenure", *CUBE_COUNTS, *cause_columns(cube).values()}
    return [str(name) for name in cube.columns if name not in known]


def check_cube(cube: pd.DataFrame) -> pd.DataFrame:
    """Check a count cube and return it.

    A row counts the spells of one pattern (the values of the pattern columns) at one tenure:

    ``entered``
        spells that came under observation at this tenure: 0 for customers acquired in the window,
        more for those acquired before it; they are at risk from the next tenure on;
    ``at_risk``
        spells with ``entry < tenure <= duration``;
    ``events``, ``censored``
        spells that left, or were last seen, at this tenure; ``events_<cause>`` split the events.

    Rows where nothing enters or ends may be left out. At tenure 0 nobody is at risk: what ended
    there are the zero tenures, which are counted and never enter an estimate.

    Parameters
    ----------
    cube : pandas.DataFrame
        Pattern columns (any names), ``tenure``, ``at_risk``, ``entered``, ``censored``, ``events``,
        and any ``events_<cause>``.

    Raises
    ------
    SchemaError
        With every fault found.
    """
    missing = [name for name in ("tenure", *CUBE_COUNTS) if name not in cube.columns]
    if missing:
        raise SchemaError("cube", [f"no column {name}" for name in missing])
    by = pattern_columns(cube)
    codes, _ = group_codes(cube, by)
    faults = _number_faults(cube, codes) or _sum_faults(cube, by, codes)
    if faults:
        raise SchemaError("cube", faults)
    return cube


def group_codes(table: pd.DataFrame, by: Sequence[str]) -> tuple[Codes, Codes]:
    """Give the groups of rows that agree in the columns `by` numbers, in their order.

    Parameters
    ----------
    table : pandas.DataFrame, n rows
        With the columns; a missing value is a value of its own, after all others.
    by : sequence of str
        May be empty: then all rows are one group.

    Returns
    -------
    codes : ndarray of int, shape (n,)
        0 to the number of groups less 1, rising with the columns from the first to the last.
    first : ndarray of int
        A row of each group.
    """
    raw, size = np.zeros(len(table), dtype=np.int64), 1
    for name in by:
        codes, levels = _column_codes(table[name])
        if size > _MOST_CODES // levels:
            raw, size = _dense(raw, size)
        raw, size = raw * levels + codes, size * levels
    codes, groups = _dense(raw, size)
    first = np.zeros(groups, dtype=np.int64)
    first[codes[::-1]] = np.arange(len(table))[::-1]
    return codes, first


def _column_codes(column: pd.Series) -> tuple[Codes, int]:
    """Return codes that rise with the values, and how many there may be."""
    if isinstance(column.dtype, np.dtype) and column.dtype.kind in "biu" and len(column):
        values = column.to_numpy().astype(np.int64)
        low = values.min()
        span = int(values.max() - low) + 1
        if span <= 4 * len(column) + 1024:
            return values - low, span
    codes, levels = pd.factorize(column, sort=True)
    return np.where(codes < 0, len(levels), codes), len(levels) + 1


def _dense(raw: Codes, size: int) -> tuple[Codes, int]:
    """Renumber codes without gaps, in their order."""
    if size <= 8 * len(raw) + 1024:
        seen = np.zeros(size, dtype=bool)
        seen[raw] = True
        rank = np.cumsum(seen) - 1
        return rank[raw], int(seen.sum())
    found, codes = np.unique(raw, return_inverse=True)
    return np.asarray(codes, dtype=np.int64), len(found)


def _number_faults(cube: pd.DataFrame, codes: Codes) -> list[str]:
    faults = []
    for name in ("tenure", *CUBE_COUNTS, *cause_columns(cube).values()):
        values = pd.to_numeric(cube[name], errors="coerce").to_numpy(dtype=float)
        bad = ~(values >= 0) | np.isinf(values)
        if bad.any():
            faults.append(
                f"{name} must be a number of 0 or more; {bad.sum():,} of {len(cube):,} rows are "
                f"not (rows {', '.join(map(str, np.flatnonzero(bad)[:3]))})"
            )
    tenure = pd.to_numeric(cube["tenure"], errors="coerce").to_numpy(dtype=float)
    order = _order(codes, tenure)
    again = (np.diff(codes[order]) == 0) & (np.diff(tenure[order]) == 0)
    if again.any():
        twice = np.sort(order[1:][again])
        rows = ", ".join(map(str, twice[:3]))
        faults.append(
            f"{len(twice):,} of {len(cube):,} rows repeat a pattern and tenure (rows {rows}); "
            "sum them first"
        )
    return faults


def _order(codes: Codes, tenure: NDArray[np.float64]) -> NDArray[np.intp]:
    """Return the rows by pattern and tenure; most cubes are in that order already."""
    step = np.diff(codes)
    if np.all((step > 0) | ((step == 0) & (np.diff(tenure) >= 0))):
        return np.arange(len(codes))
    return np.lexsort((tenure, codes))


def _sum_faults(cube: pd.DataFrame, by: list[str], codes: Codes) -> list[str]:
    faults = []
    causes = list(cause_columns(cube).values())
    if causes:
        off = cube[causes].sum(axis=1).to_numpy() != cube["events"].to_numpy()
        if off.any():
            faults.append(f"causes do not add up to events in {off.sum():,} of {len(cube):,} rows")
    tenure = cube["tenure"].to_numpy(dtype=float)
    order = _order(codes, tenure)
    entered, ended, at_risk = (
        cube[name].to_numpy(dtype=float)[order] for name in ("entered", "events", "at_risk")
    )
    ended = ended + cube["censored"].to_numpy(dtype=float)[order]
    total = np.cumsum(entered - ended)
    pattern = codes[order]
    # what had been summed up before the pattern began is not its own
    begins = np.flatnonzero(np.diff(pattern, prepend=-1))
    earlier = np.r_[0.0, total][begins]
    expected = total - (entered - ended) - earlier[pattern]
    zero = tenure[order] == 0
    off = ~np.isclose(expected, at_risk, rtol=1e-9, atol=1e-6) & ~zero
    if off.any():
        first = cube.iloc[order[np.argmax(off)]][[*by, "tenure"]].to_dict()
        faults.append(
            "at_risk is not what entered less what ended before, in "
            f"{off.sum():,} of {len(cube):,} rows (first: {first})"
        )
    above = (ended > at_risk) & ~zero
    if above.any():
        first = cube.iloc[order[np.argmax(above)]][[*by, "tenure"]].to_dict()
        faults.append(
            f"more spells ended than were at risk in {above.sum():,} rows (first: {first})"
        )
    return faults
