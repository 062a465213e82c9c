"""A company without contracts: stays made from its orders by a rule of inactivity."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta
from typing import Literal

import pandas as pd

from retention.engine import Derived, Tables, template
from retention.errors import NotEnoughDataError, ParameterError
from retention.schemas import check_cube

__all__ = ["Dated", "build_order_gaps", "contracts_from_orders"]

_PACKAGE = "retention.features"
Dated = Literal["last_order", "detected"]


def contracts_from_orders(tables: Tables, *, days: int, dated: Dated = "last_order") -> Tables:
    """Return the same company with ``contracts`` made from its orders.

    A customer stays as long as no more than `days` days pass from one day of buying to the next;
    longer, and the stay is over, and the next order begins another. Everything that takes spells of
    contracts (the curve, drivers, risk, change, exits) then takes these.

    Parameters
    ----------
    tables : Tables
        With ``orders`` and ``customers``; contracts, if there are any, are hidden.
    days : int
        Days without an order after which a customer counts as gone; see `inactivity_threshold`.
    dated : str
        ``last_order``: the customer left on the day after the last order, which is right for what
        was earned and for what preceded leaving; it takes `days` days to know, so that the window
        ends as much earlier. ``detected``: on the day the rule is broken, `days` days after the
        last order; known at once, and `days` days late.

    Returns
    -------
    Tables
        Its window begins when it is known of everybody whether they were here: `days` days after
        the first order in the table, or at the window's start if that is later. Who was won before
        the orders begin and bought within `days` days of that is taken to have been here since
        acquisition. ``derived["contracts"].sentence`` says all this to the reader.

    Raises
    ------
    MissingTableError
        If there are no orders or customers.
    ParameterError
        If `days` is below 1, or `dated` is neither.
    NotEnoughDataError
        If nothing is left of the window.
    """
    tables.require("orders", "customers", needed_for="stays made from orders")
    if days < 1 or days != int(days):
        raise ParameterError(f"days must be a whole number above 0, got {days}")
    if dated not in ("last_order", "detected"):
        raise ParameterError(f"dated must be last_order or detected, got {dated!r}")
    later = int(days) if dated == "last_order" else 0
    begin, window = _first_order(tables), tables.window
    start = max(window.start, begin + timedelta(days=int(days)))
    cutoff = window.cutoff - timedelta(days=later)
    if not start < cutoff:
        raise NotEnoughDataError(
            f"with a customer gone after {days} days without an order, nothing is left of the time "
            f"from {window.start} to {window.last_day}; choose fewer days"
        )
    made = Derived(
        sql=template(_PACKAGE, "contracts_from_orders.sql"),
        sources=("orders", "customers"),
        columns=("customer_id", "started_on", "ended_on"),
        names={
            "days": int(days),
            "ends_after": int(days) if dated == "detected" else 1,
            "orders_begin": begin,
        },
        sentence=_sentence(int(days), dated),
        later_days=later,
    )
    return tables.derive("contracts", made, window=replace(window, start=start, cutoff=cutoff))


def _first_order(tables: Tables) -> date:
    found = tables.query("select min(ordered_on) as day from orders where amount > 0")["day"][0]
    if pd.isna(found):
        raise NotEnoughDataError("there is no order with an amount above 0")
    return pd.Timestamp(found).date()


def _sentence(days: int, dated: Dated) -> str:
    when = (
        "dated on the day after the last order, so that the last "
        f"{days} days before the data end are not judged"
        if dated == "last_order"
        else f"dated on the day the rule is broken, {days} days after the last order"
    )
    return (
        f"There are no contracts: a customer counts as gone after {days} days without an order, "
        f"{when}."
    )


def build_order_gaps(tables: Tables) -> pd.DataFrame:
    """Count the gaps between the days on which customers bought, the open one censored.

    Parameters
    ----------
    tables : Tables
        With ``orders``; only amounts above 0 count, and a day counts once.

    Returns
    -------
    pandas.DataFrame
        A cube (`check_cube`) without pattern whose tenure is the length of the gap in days: an
        event is a return, censored are the gaps still open on the last day known.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        If there are no orders.
    """
    tables.require("orders", needed_for="gaps between orders")
    sql = template(_PACKAGE, "order_gaps.sql") + template(_PACKAGE, "cube.sql")
    cube = tables.query(sql, pattern=[], causes=[]).astype("int64")
    if cube.empty:
        raise NotEnoughDataError("there is no order with an amount above 0")
    cube.attrs["window"] = tables.window
    return check_cube(cube)
