"""Purchases of each customer: how often, how lately, for how long known, and worth how much."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any, Literal, get_args

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from retention.engine import Tables, template
from retention.errors import DataError, NotEnoughDataError, ParameterError, SchemaError
from retention.schemas import check_rfm
from retention.window import DAYS_PER_YEAR, Period, Unit

__all__ = [
    "Returns",
    "audit_rfm",
    "build_purchase_counts",
    "build_purchase_intervals",
    "build_purchases_between",
    "build_rfm",
    "write_rfm",
]

#: What is done with orders of negative amount.
Returns = Literal["net", "drop", "error"]


def build_rfm(
    tables: Tables,
    *,
    returns: Returns = "net",
    calibration_end: date | None = None,
    acquired_from: date | None = None,
    acquired_before: date | None = None,
    cohort_unit: Unit = "quarter",
    regularity: bool = False,
) -> pd.DataFrame:
    """Build one row a customer with an order: frequency, recency, T and money.

    Orders of one day are one purchase; the first purchase made the customer and is in neither
    `frequency` nor `monetary_value`. Events are dated by day whatever the window's unit: a unit is
    a number of days here (a month 30.4375), so that nothing is lost by rounding.

    Parameters
    ----------
    tables : Tables
        With ``orders``; ``customers`` where it is there.
    returns : str
        ``net``: a return lowers the money of the last purchase before it and moves no date.
        ``drop``: returns are left out. ``error``: there must be none.
    calibration_end : datetime.date, optional
        First day not known to the model: features are as known then, and ``holdout_frequency`` and
        ``holdout_value`` count the days of purchase and the money from then to the cutoff.
    acquired_from, acquired_before : datetime.date, optional
        Customers whose first purchase lies in [from, before) only.
    cohort_unit : str
        Length of the periods that name the entry cohorts.
    regularity : bool
        Whether to add ``log_intervals``, which a comparison of regularities of buying needs.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``frequency``, ``recency``, ``T`` (window's unit),
        ``monetary_value`` (mean money a repeat purchase, never below 0), ``revenue``,
        ``first_value``, ``first_on``, ``last_on``, ``cohort``, ``entered_before``
        (a customer before the records began, whose true first purchase was not seen), and where the
        orders have them ``margin`` with ``margin_revenue`` (the revenue whose margin is known),
        ``service_cost`` and ``days_to_pay``; schema `check_rfm`. ``attrs``: window, grain,
        currency, returns.

    Raises
    ------
    MissingTableError
        If there are no orders.
    SchemaError
        If there are returns and `returns` is ``error``.
    NotEnoughDataError
        If nobody has bought in the window.
    ParameterError
        If `calibration_end` lies outside the window, or a policy is not known.

    Examples
    --------
    >>> from retention.window import Window
    >>> orders = {
    ...     "order_id": ["1", "2", "3"], "customer_id": ["a", "a", "a"],
    ...     "ordered_on": [date(2024, 1, 1), date(2024, 1, 15), date(2024, 1, 15)],
    ...     "amount": [10, 20, 5],
    ... }
    >>> window = Window(start=date(2024, 1, 1), cutoff=date(2024, 1, 30), unit="week")
    >>> tables = Tables.from_frames({"orders": pd.DataFrame(orders)}, window=window)
    >>> build_rfm(tables)[["frequency", "recency", "T", "monetary_value"]]
                 frequency  recency    T  monetary_value
    customer_id
    a                    1      2.0  4.0            25.0
    """
    known = _known(tables, returns, calibration_end)
    settings = {"acquired_from": acquired_from, "acquired_before": acquired_before}
    frame = known.query(
        _sql("rfm.sql"), netted=_netted(known, returns), regularity=regularity, **settings
    ).set_index("customer_id")
    if frame.empty:
        raise _nobody_bought(known)
    result = _in_units(frame, known, cohort_unit)
    if calibration_end is not None:
        result = _with_holdout(result, tables, calibration_end, returns)
    result.attrs = {
        "window": known.window,
        "grain": "day",
        "currency": tables.currency,
        "returns": returns,
    }
    return check_rfm(result)


def write_rfm(
    tables: Tables,
    path: Path,
    *,
    returns: Returns = "net",
    acquired_from: date | None = None,
    acquired_before: date | None = None,
    cohort_unit: Unit = "quarter",
) -> int:
    """Write what `build_rfm` returns into a Parquet file, however many customers there are.

    Memory holds a piece of the result at a time, beside what the engine may use. The models of
    purchases need no such file: they fit what `build_purchase_counts` counts.

    Parameters
    ----------
    tables, returns, acquired_from, acquired_before, cohort_unit
        As for `build_rfm`.
    path : Path
        The file; it appears when it is whole.

    Returns
    -------
    int
        How many customers there are.

    Raises
    ------
    MissingTableError, SchemaError, NotEnoughDataError, ParameterError
        As `build_rfm`.
    """
    known = _known(tables, returns, None)
    settings = {"acquired_from": acquired_from, "acquired_before": acquired_before}
    netted = _netted(known, returns)
    fresh = path.with_name(f".{path.name}")
    customers, writer = 0, None
    try:
        for piece in known.pieces(_sql("rfm.sql"), netted=netted, regularity=False, **settings):
            frame = check_rfm(_in_units(piece.set_index("customer_id"), known, cohort_unit))
            rows = pa.Table.from_pandas(frame.reset_index(), preserve_index=False)
            writer = writer or pq.ParquetWriter(fresh, rows.schema)
            writer.write_table(rows)
            customers += len(frame)
        if writer is None:
            raise _nobody_bought(known)
        writer.close()
        fresh.replace(path)
    finally:
        fresh.unlink(missing_ok=True)
    return customers


def build_purchase_counts(
    tables: Tables,
    *,
    returns: Returns = "net",
    acquired_from: date | None = None,
    acquired_before: date | None = None,
) -> pd.DataFrame:
    """Count customers by frequency, recency and T, in the engine.

    What comes back grows with the days of the window, not with the customers; every purchase model
    fits it as it fits the customers themselves.

    Returns
    -------
    pandas.DataFrame
        ``frequency``, ``recency``, ``T`` (window's unit) and ``customers``; ``attrs["window"]``.
    """
    known = _known(tables, returns, None)
    settings = {"acquired_from": acquired_from, "acquired_before": acquired_before}
    counts = known.query(_sql("purchase_counts.sql"), **settings)
    if counts.empty:
        raise NotEnoughDataError(f"nobody bought before {known.window.cutoff}; widen the window")
    days = days_of(known.window.unit)
    result = pd.DataFrame(
        {
            "frequency": counts["frequency"].astype(int),
            "recency": counts["recency_days"] / days,
            "T": counts["t_days"] / days,
            "customers": counts["customers"].astype(int),
        }
    )
    result.attrs["window"] = known.window
    return result


def build_purchase_intervals(tables: Tables) -> pd.DataFrame:
    """Build the last two intervals between purchases, for customers with three or more.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``earlier`` and ``later``, in days.
    """
    tables.require("orders", needed_for="the regularity of purchases")
    settings = {"acquired_from": None, "acquired_before": None}
    frame = tables.query(_sql("purchase_intervals.sql"), **settings).set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame.astype(float)


def build_purchases_between(tables: Tables, start: date, end: date) -> pd.Series:
    """Count the days on which each customer bought in [start, end); those without are absent.

    Raises
    ------
    ParameterError
        If the stretch is empty or ends after the cutoff.
    """
    tables.require("orders", needed_for="purchases of customers")
    if not start < end <= tables.window.cutoff:
        raise ParameterError(f"no purchases are known from {start} to {end}")
    found = tables.query(
        template("retention.features", "purchases_between.sql"), start=start, end=end
    )
    return found.set_index("customer_id")["purchases"].astype(int)


def audit_rfm(
    tables: Tables,
    *,
    returns: Returns = "net",
    acquired_from: date | None = None,
    acquired_before: date | None = None,
) -> pd.DataFrame:
    """Reconcile the purchases with the orders they come from, to the row and to the cent.

    Returns
    -------
    pandas.DataFrame
        Index ``line``; ``rows`` and ``money``. The first line is the source; the lines marked as
        ``part`` of it add up to it.

    Raises
    ------
    DataError
        If rows or money do not add up, which would be a fault of this package.
    """
    known = _known(tables, returns, None)
    settings: dict[str, Any] = {"acquired_from": acquired_from, "acquired_before": acquired_before}
    found = known.query(_sql("rfm_audit.sql"), **settings).iloc[0]
    netted = _netted(known, returns)
    built = known.query(_sql("rfm.sql"), netted=netted, regularity=False, **settings)
    first = round(float(built["first_value"].sum()), 2)
    repeat = round(float(built["repeat_value"].sum()), 2)
    used = float(found["purchase_money"]) + (float(found["return_money"]) if netted else 0.0)
    lines = [
        ("orders known at the cutoff", found["all_rows"], found["all_money"], False),
        ("purchases", found["purchase_rows"], found["purchase_money"], True),
        (
            "returns netted" if returns == "net" else "returns left out",
            found["return_rows"],
            found["return_money"],
            True,
        ),
        (
            "returns before a first purchase, left out",
            found["early_rows"],
            found["early_money"],
            True,
        ),
        (
            "customers without a purchase, or outside the entry cohorts",
            found["outside_rows"],
            found["outside_money"],
            True,
        ),
        ("of the purchases: worth nothing", found["zero_rows"], 0.0, False),
        (
            "of the purchases: merged into another of the same day",
            found["purchase_rows"] - built["frequency"].sum() - len(built),
            0.0,
            False,
        ),
        ("first purchases, net", len(built), first, False),
        ("repeat purchases, net", built["frequency"].sum(), repeat, False),
    ]
    table = pd.DataFrame(lines, columns=["line", "rows", "money", "part"]).set_index("line")
    table["rows"] = table["rows"].astype(int)
    table["money"] = table["money"].astype(float).round(2)
    parts = table[table["part"]]
    if parts["rows"].sum() != table["rows"].iloc[0] or any(
        abs(a - b) > 0.005
        for a, b in ((parts["money"].sum(), table["money"].iloc[0]), (first + repeat, used))
    ):
        raise DataError(f"purchases do not reconcile with the orders:\n{table}")
    return table


def days_of(unit: Unit) -> float:
    """Return the days of a unit: 7 a week, 30.4375 a month."""
    per_year = {
        "day": DAYS_PER_YEAR,
        "week": DAYS_PER_YEAR / 7,
        "month": 12,
        "quarter": 4,
        "year": 1,
    }
    return DAYS_PER_YEAR / per_year[unit]


def _sql(name: str) -> str:
    folder = "retention.features"
    return template(folder, "purchase_days.sql") + "\n" + template(folder, name)


def _known(tables: Tables, returns: str, calibration_end: date | None) -> Tables:
    if returns not in get_args(Returns):
        raise ParameterError(f"returns must be net, drop or error; got {returns!r}")
    tables.require("orders", needed_for="purchases of customers")
    if returns == "error":
        _refuse_returns(tables)
    return tables if calibration_end is None else tables.as_of(calibration_end)


def _nobody_bought(known: Tables) -> NotEnoughDataError:
    return NotEnoughDataError(
        f"nobody bought before {known.window.cutoff} (with the chosen entry cohorts); widen "
        "the window or the cohorts"
    )


def _netted(tables: Tables, returns: str) -> bool:
    """Whether there are returns to net; where there are none the query is half as dear."""
    return (
        returns == "net"
        and not tables.query("select 1 as found from orders where amount < 0 limit 1").empty
    )


def _refuse_returns(tables: Tables) -> None:
    bad = tables.query("select order_id from orders where amount < 0 order by order_id")
    if len(bad):
        ids = ", ".join(map(str, bad["order_id"].head(3)))
        raise SchemaError(
            "orders",
            [
                f"amount below 0 in {len(bad):,} rows (order_id {ids}); say returns='net' to net "
                "them into the purchase before, or returns='drop' to leave them out"
            ],
        )


def _in_units(frame: pd.DataFrame, tables: Tables, cohort_unit: Unit) -> pd.DataFrame:
    days = days_of(tables.window.unit)
    frequency = frame["frequency"].astype(int)
    first_on = pd.to_datetime(frame["first_on"])
    labels = {day: Period.containing(day.date(), cohort_unit).label for day in first_on.unique()}
    mean = (frame["repeat_value"] / frequency.where(frequency > 0)).fillna(0.0).clip(lower=0.0)
    result = pd.DataFrame(
        {
            "frequency": frequency,
            "recency": frame["recency_days"] / days,
            "T": frame["t_days"] / days,
            "monetary_value": mean.astype(float),
            "revenue": frame["revenue"].astype(float),
            "first_value": frame["first_value"].astype(float),
            "first_on": first_on,
            "last_on": pd.to_datetime(frame["last_on"]),
            "cohort": first_on.map(labels),
            "entered_before": frame.get("entered_before", pd.Series(0, frame.index)).eq(1),
        }
    )
    for name in ("margin", "margin_revenue", "service_cost", "days_to_pay"):
        if name in frame:
            result[name] = frame[name].astype(float)
    if "log_days" in frame:
        result["log_intervals"] = frame["log_days"].astype(float) - frequency * np.log(days)
    return result


def _with_holdout(
    result: pd.DataFrame, tables: Tables, calibration_end: date, returns: str
) -> pd.DataFrame:
    sign = "" if returns == "net" else "and amount >= 0"
    held = tables.query(
        "select customer_id,"
        " count(distinct case when amount >= 0 then ordered_on end) as days, sum(amount) as value"
        f" from orders where ordered_on >= {{{{ start | literal }}}} {sign}"
        " group by customer_id order by customer_id",
        start=calibration_end,
    ).set_index("customer_id")
    held = held.reindex(result.index).fillna(0)
    return result.assign(
        holdout_frequency=held["days"].astype(int), holdout_value=held["value"].astype(float)
    )
