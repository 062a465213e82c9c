"""The count cube: all that most survival models need to know, in one row a pattern and tenure."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.errors import SchemaError

__all__ = ["CUBE_COUNTS", "cause_columns", "check_cube", "pattern_columns"]

CUBE_COUNTS = ("at_risk", "entered", "censored", "events")
_CAUSE = "events_"


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
    faults = _number_faults(cube) or _sum_faults(cube)
    if faults:
        raise SchemaError("cube", faults)
    return cube


def _number_faults(cube: pd.DataFrame) -> list[str]:
    faults = []
    for name in ("tenure", *CUBE_COUNTS, *cause_columns(cube).values()):
        values = pd.to_numeric(cube[name], errors="coerce").to_numpy(dtype=float)
        bad = ~(values >= 0) | np.isinf(values)
        if bad.any():
            faults.append(
                f"{name} must be a number of 0 or more; {bad.sum():,} of {len(cube):,} rows are "
                f"not (rows {', '.join(map(str, np.flatnonzero(bad)[:3]))})"
            )
    keys = [*pattern_columns(cube), "tenure"]
    twice = cube.duplicated(keys)
    if twice.any():
        rows = ", ".join(map(str, np.flatnonzero(twice)[:3]))
        faults.append(
            f"{twice.sum():,} of {len(cube):,} rows repeat a pattern and tenure (rows {rows}); "
            "sum them first"
        )
    return faults


def _sum_faults(cube: pd.DataFrame) -> list[str]:
    faults = []
    causes = list(cause_columns(cube).values())
    if causes:
        off = cube[causes].sum(axis=1).to_numpy() != cube["events"].to_numpy()
        if off.any():
            faults.append(f"causes do not add up to events in {off.sum():,} of {len(cube):,} rows")
    by = pattern_columns(cube)
    ordered = cube.sort_values([*by, "tenure"], kind="stable") if by else cube.sort_values("tenure")
    change = (ordered["entered"] - ordered["events"] - ordered["censored"]).astype(float)
    groups = ordered.groupby(by, dropna=False, sort=False).ngroup() if by else 0 * change
    expected = change.groupby(groups).cumsum() - change
    off = ~np.isclose(expected, ordered["at_risk"].astype(float), rtol=1e-9, atol=1e-6)
    zero = (ordered["tenure"] == 0).to_numpy()
    off = off & ~zero
    if off.any():
        first = ordered.loc[off, [*by, "tenure"]].iloc[0].to_dict()
        faults.append(
            "at_risk is not what entered less what ended before, in "
            f"{off.sum():,} of {len(cube):,} rows (first: {first})"
        )
    ended = ordered["events"] + ordered["censored"]
    above = ((ended > ordered["at_risk"]) & ~zero).to_numpy()
    if above.any():
        first = ordered.loc[above, [*by, "tenure"]].iloc[0].to_dict()
        faults.append(
            f"more spells ended than were at risk in {above.sum():,} rows (first: {first})"
        )
    return faults
