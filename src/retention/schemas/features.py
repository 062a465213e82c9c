"""What the feature tables must look like: one row a customer, or one a customer and period."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import SchemaError

__all__ = ["check_durations", "check_person_periods", "check_rfm"]

_Mask = NDArray[np.bool_]


def check_durations(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of durations unchanged, if it is one.

    Parameters
    ----------
    frame : DataFrame, one row a spell
        Index ``customer_id``; ``entry`` and ``duration`` in the window's unit (interval (entry,
        duration]), ``event`` True where the customer left; other columns are covariates.

    Returns
    -------
    DataFrame
        The same object.

    Raises
    ------
    SchemaError
        With every fault at once.

    Examples
    --------
    >>> index = pd.Index(["a", "b"], name="customer_id")
    >>> frame = pd.DataFrame({"entry": 0, "duration": [3, 5], "event": [True, False]}, index)
    >>> check_durations(frame) is frame
    True
    """
    faults = _frame_faults(frame, ("entry", "duration", "event"))
    if not faults:
        entry, duration = _numbers(frame, "entry"), _numbers(frame, "duration")
        faults += _number_faults(frame, ("entry", "duration"))
        faults += _boolean_faults(frame, "event")
        empty = ~((duration > entry) | ((duration == 0) & (entry == 0)))
        empty &= np.isfinite(entry) & np.isfinite(duration)
        faults += _row_faults(frame, empty, "duration not after entry", "leave such spells out")
    return _passed("durations", frame, faults)


def check_rfm(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of recency, frequency and monetary value unchanged, if it is one.

    Parameters
    ----------
    frame : DataFrame, one row a customer
        Index ``customer_id``, unique; ``frequency`` (repeat purchases), ``recency`` (tenure at
        the last one, 0 if none), ``T`` (tenure at the cutoff), ``monetary_value`` (mean of the
        repeat purchases; missing or 0 where there is none).

    Returns
    -------
    DataFrame
        The same object.

    Raises
    ------
    SchemaError
        With every fault at once.
    """
    faults = _frame_faults(frame, ("frequency", "recency", "T"))
    if not faults:
        faults += _duplicate_faults(frame)
        faults += _number_faults(frame, ("frequency", "recency", "T"))
        x, t_x, T = (_numbers(frame, name) for name in ("frequency", "recency", "T"))
        checks = [
            (x != np.floor(x), "frequency is no whole number", "count purchases"),
            (t_x > T, "recency above T", "count both from the first purchase"),
            ((x == 0) & (t_x != 0), "recency without a repeat purchase", "set recency to 0"),
        ]
        for broken, what, remedy in checks:
            faults += _row_faults(frame, broken & np.isfinite(x + t_x + T), what, remedy)
        if "monetary_value" in frame:
            low = _numbers(frame, "monetary_value") < 0
            faults += _row_faults(frame, low, "monetary_value below 0", "net returns first")
    return _passed("rfm", frame, faults)


def check_person_periods(frame: pd.DataFrame) -> pd.DataFrame:
    """Return a table of person-periods unchanged, if it is one.

    Parameters
    ----------
    frame : DataFrame, one row a customer and period at risk
        Index ``customer_id``; ``start`` and ``stop`` in the window's unit, ``event`` True in
        the last row of a customer who left; other columns are known at ``start``.

    Returns
    -------
    DataFrame
        The same object.

    Raises
    ------
    SchemaError
        With every fault at once.
    """
    faults = _frame_faults(frame, ("start", "stop", "event"))
    if not faults:
        faults += _number_faults(frame, ("start", "stop"))
        faults += _boolean_faults(frame, "event")
        start, stop = _numbers(frame, "start"), _numbers(frame, "stop")
        faults += _row_faults(frame, stop <= start, "stop not after start", "drop such rows")
        if not faults:
            rows = frame.reset_index()[["customer_id", "start", "stop", "event"]]
            rows = rows.sort_values(["customer_id", "start"])
            before = rows.groupby("customer_id", sort=False).shift()
            overlap = (before["stop"] > rows["start"]).reindex(range(len(frame))).to_numpy()
            faults += _row_faults(frame, overlap, "overlaps the period before", "keep one")
    return _passed("person_periods", frame, faults)


def _passed(table: str, frame: pd.DataFrame, faults: list[str]) -> pd.DataFrame:
    if faults:
        raise SchemaError(table, faults)
    return frame


def _frame_faults(frame: pd.DataFrame, columns: Iterable[str]) -> list[str]:
    if not isinstance(frame, pd.DataFrame):
        return [f"expected a DataFrame, got {type(frame).__name__}"]
    faults = []
    if frame.index.name != "customer_id":
        faults.append(f"the index is {frame.index.name!r}; set it to customer_id")
    if missing := [name for name in columns if name not in frame]:
        faults.append(f"missing columns: {', '.join(missing)}")
    if not len(frame):
        faults.append("no rows; widen the window or check the selection")
    return faults


def _numbers(frame: pd.DataFrame, name: str) -> NDArray[np.float64]:
    return pd.to_numeric(frame[name], errors="coerce").to_numpy(dtype=float, na_value=np.nan)


def _number_faults(frame: pd.DataFrame, names: Iterable[str]) -> list[str]:
    faults: list[str] = []
    for name in names:
        values = _numbers(frame, name)
        remedy = "drop the rows or fill the value"
        faults += _row_faults(frame, ~np.isfinite(values), f"{name} missing or infinite", remedy)
        faults += _row_faults(frame, values < 0, f"{name} below 0", "check the dates behind it")
    return faults


def _boolean_faults(frame: pd.DataFrame, name: str) -> list[str]:
    wrong = ~frame[name].isin([True, False]).to_numpy()
    return _row_faults(frame, wrong, f"{name} is neither True nor False", "make it boolean")


def _duplicate_faults(frame: pd.DataFrame) -> list[str]:
    twice = frame.index.duplicated()
    return _row_faults(frame, twice, "customer_id repeated", "aggregate to one row a customer")


def _row_faults(frame: pd.DataFrame, broken: _Mask, what: str, remedy: str) -> list[str]:
    if not broken.any():
        return []
    ids = ", ".join(map(str, frame.index[broken][:3]))
    return [f"{what} in {broken.sum():,} of {len(frame):,} rows (customer_id {ids}); {remedy}"]
