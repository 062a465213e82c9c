"""Customers as a purchase model sees them: frequency, recency, T, and how many share them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.schemas import check_rfm
from retention.window import DAYS_PER_YEAR, Unit, Window

Array = NDArray[np.floating[Any]]
Codes = NDArray[np.integer[Any]]

UNITS_PER_YEAR: dict[str, float] = {
    "day": DAYS_PER_YEAR,
    "week": DAYS_PER_YEAR / 7,
    "month": 12.0,
    "quarter": 4.0,
    "year": 1.0,
}


@dataclass(frozen=True, kw_only=True)
class PurchaseRows:
    """Distinct (frequency, recency, T, covariates), each with the customers that share it.

    Parameters
    ----------
    x : ndarray of int, shape (n,)
        Repeat purchases.
    t_x, T : ndarray of float, shape (n,)
        Tenure at the last repeat purchase (0 if none), and at the cutoff.
    weights : ndarray of float, shape (n,)
        Customers a row stands for.
    purchase_z, dropout_z : ndarray of float, shape (n, p)
        Covariates of the purchase rate and of dropout.
    log_intervals : float
        Sum of the logs of all intervals between purchases, over all customers; a constant of the
        likelihood that only a comparison of regularities needs. NaN where it is not known.
    """

    x: NDArray[np.integer[Any]]
    t_x: Array
    T: Array
    weights: Array
    purchase_z: Array
    dropout_z: Array
    log_intervals: float = float("nan")

    @classmethod
    def empty(cls) -> PurchaseRows:
        """Return rows of nobody."""
        none, no_z = np.zeros(0), np.zeros((0, 0))
        return cls(
            x=np.zeros(0, dtype=np.int64),
            t_x=none,
            T=none,
            weights=none,
            purchase_z=no_z,
            dropout_z=no_z,
        )

    @property
    def size(self) -> int:
        """Distinct rows."""
        return len(self.x)

    @property
    def customers(self) -> float:
        """Customers in all."""
        return float(self.weights.sum())

    def take(self, which: slice | Codes) -> PurchaseRows:
        """Return some of the rows."""
        return replace(
            self,
            x=self.x[which],
            t_x=self.t_x[which],
            T=self.T[which],
            weights=self.weights[which],
            purchase_z=self.purchase_z[which],
            dropout_z=self.dropout_z[which],
        )

    def scaled(self, factor: float) -> PurchaseRows:
        """Return the rows with times divided by `factor`."""
        return replace(self, t_x=self.t_x / factor, T=self.T / factor)

    def time_scale(self) -> float:
        """Return the mean T, by which times are divided inside the estimation.

        Raises
        ------
        NotEnoughDataError
            If nobody has been observed for any time.
        """
        scale = float(self.weights @ self.T) / self.customers if self.customers else 0.0
        if not scale > 0:
            raise NotEnoughDataError(
                f"all {self.customers:,.0f} customers have T = 0: nobody was observed after the "
                "first purchase; move the cutoff forward, or leave out customers of its last day"
            )
        return scale


def distinct(columns: list[NDArray[np.generic]]) -> tuple[Codes, Codes]:
    """Return the first position of each distinct row of columns, and each row's group.

    Rows are told apart by a 64-bit hash, which is then checked against the values.
    """
    key = np.zeros(len(columns[0]), dtype=np.uint64)
    for column in columns:
        bits = np.ascontiguousarray(column, dtype=np.float64).view(np.uint64)
        key = (key ^ bits) * np.uint64(0x9E3779B97F4A7C15)
        key ^= key >> np.uint64(29)
    codes: Codes = pd.factorize(key)[0]
    first = _first_positions(codes)
    if not all(np.array_equal(c, c[first][codes]) for c in columns):
        frame = pd.DataFrame(dict(enumerate(columns)))
        codes = frame.groupby(list(frame.columns), sort=False).ngroup().to_numpy()
        first = _first_positions(codes)
    return first, codes


def _first_positions(codes: Codes) -> Codes:
    first = np.empty(codes.max(initial=-1) + 1, dtype=np.intp)
    first[codes[::-1]] = np.arange(codes.size - 1, -1, -1)
    return first


def read_rows(
    frame: pd.DataFrame,
    purchase_covariates: tuple[str, ...] = (),
    dropout_covariates: tuple[str, ...] = (),
) -> tuple[PurchaseRows, Codes]:
    """Return the distinct rows of a table, and the row of each line of the table.

    Parameters
    ----------
    frame : DataFrame
        Either one row a customer (schema ``rfm``), or counts: columns ``frequency``, ``recency``,
        ``T`` and ``customers``. ``frame.attrs["log_intervals"]``, or a column of that name, is the
        sum of the logs of the intervals between purchases.
    purchase_covariates, dropout_covariates : tuple of str
        Numeric columns.

    Raises
    ------
    SchemaError
        With every fault found.
    """
    _check(frame)
    x, t_x, T = (frame[name].to_numpy(dtype=float) for name in ("frequency", "recency", "T"))
    names = [*purchase_covariates, *dropout_covariates]
    z = _covariates(frame, names)
    first, codes = distinct([x, t_x, T, *z.T])
    each = frame["customers"].to_numpy(dtype=float) if "customers" in frame.columns else None
    if each is not None and not (np.isfinite(each) & (each >= 0)).all():
        raise SchemaError("purchase counts", ["customers must be a count of 0 or more"])
    rows = PurchaseRows(
        x=x[first].astype(np.int64),
        t_x=t_x[first],
        T=T[first],
        weights=np.bincount(codes, weights=each, minlength=first.size).astype(float),
        purchase_z=z[first][:, : len(purchase_covariates)],
        dropout_z=z[first][:, len(purchase_covariates) :],
        log_intervals=_log_intervals(frame),
    )
    return rows, codes


def _check(frame: pd.DataFrame) -> None:
    """Raise `SchemaError` with every fault; a table that is plainly sound passes at once."""
    names = ("frequency", "recency", "T")
    if frame.size and all(name in frame.columns for name in names):
        kinds = {frame[name].dtype.kind for name in names}
        if kinds <= {"i", "u", "f"}:
            x, t_x, T = (frame[name].to_numpy(dtype=float) for name in names)
            sound = (x >= 0) & (x == np.floor(x)) & (t_x >= 0) & (t_x <= T) & np.isfinite(x + T)
            sound &= (x > 0) | (t_x == 0)
            if sound.all() and ("customers" in frame.columns or frame.index.is_unique):
                return
    if "customers" in frame.columns:
        frame = frame.set_axis(pd.RangeIndex(len(frame), name="customer_id"))
    check_rfm(frame)


def _covariates(frame: pd.DataFrame, names: list[str]) -> Array:
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise ParameterError(f"the table has no covariate {', '.join(missing)}")
    z = np.column_stack(
        [np.zeros((len(frame), 0)), *(frame[name].to_numpy(dtype=float) for name in names)]
    )
    bad = [name for name, column in zip(names, z.T, strict=True) if not np.isfinite(column).all()]
    if bad:
        raise SchemaError("rfm", [f"covariate {name} is missing or infinite" for name in bad])
    return z


def _log_intervals(frame: pd.DataFrame) -> float:
    if "log_intervals" in frame.columns:
        return float(frame["log_intervals"].sum())
    return float(frame.attrs.get("log_intervals", "nan"))


def unit_of(frame: pd.DataFrame, unit: Unit | None = None) -> Unit | None:
    """Return the unit in which a table counts time: its window's, unless one is given."""
    window = frame.attrs.get("window")
    return unit or (window.unit if isinstance(window, Window) else None)


def continuous_rate(annual_rate: float, unit: Unit | None) -> float:
    """Return the continuous discount rate of one unit of time from an annual rate.

    Raises
    ------
    ParameterError
        If the rate is negative, or the unit is not known.

    Examples
    --------
    >>> round(continuous_rate(0.15, "week"), 6)
    0.002679
    """
    if not (np.isfinite(annual_rate) and annual_rate >= 0):
        raise ParameterError(f"annual_rate must be 0 or more, such as 0.10; got {annual_rate}")
    if unit is None:
        raise ParameterError(
            "the unit of time is not known, so an annual rate cannot be applied; fit to a table "
            'that carries its window, or say unit="week" (day, month, quarter, year) in the model'
        )
    return float(np.log1p(annual_rate)) / UNITS_PER_YEAR[unit]
