"""The last steps of each customer: order value by month, and the latest events in words."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.window import Period

__all__ = ["build_monthly_revenue", "build_recent_events"]

_PACKAGE = "retention.features"
#: How each table tells its story: day, kind, words, amount of money.
_STORIES = {
    "orders": (
        "ordered_on",
        "case when amount < 0 then 'return' else 'order' end",
        "coalesce(product, '')",
        "amount",
    ),
    "complaints": (
        "opened_on",
        "'complaint'",
        "coalesce(category, '') || case when closed_on is null then ' (open)'"
        " else ' (' || coalesce(outcome, 'closed') || ')' end",
        None,
    ),
    "contacts": (
        '"at"',
        "'contact'",
        "coalesce(channel, '') || case when depth is null then '' else ' ' || depth end",
        None,
    ),
    "enrolments": ("enrolled_on", "'programme'", "programme", None),
    "exits": ("exited_on", "'exit'", "coalesce(reason, '')", None),
    "quotes": (
        "quoted_on",
        "'quote'",
        "case when won then 'won' else 'lost' || coalesce(' to ' || rival, '') end",
        "our_price",
    ),
}


def build_recent_events(tables: Tables, *, top: int = 6) -> pd.DataFrame:
    """Tell the last events of each customer, newest first.

    Parameters
    ----------
    tables : Tables
        Orders, complaints, contacts, programmes, exits and quotes, where they are there.
    top : int
        Events a customer at most.

    Returns
    -------
    DataFrame, one row an event
        ``customer_id``, ``day``, ``kind``, ``words``, ``amount`` (money, missing where none).
    """
    columns = ["customer_id", "day", "kind", "words", "amount"]
    selects = [
        f"select customer_id, {day} as day, {kind} as kind, {words} as words, "
        f"cast({amount or 'null'} as decimal(18, 2)) as amount from {name}"
        for name, (day, kind, words, amount) in _STORIES.items()
        if name in tables
    ]
    if not selects:
        return pd.DataFrame(columns=columns)
    sql = template(_PACKAGE, "recent_events.sql")
    return tables.query(sql, selects=selects, top=int(top))[columns]


def build_monthly_revenue(tables: Tables, *, months: int = 24) -> pd.DataFrame:
    """Order value of each customer in the last calendar months.

    Parameters
    ----------
    tables : Tables
        With ``orders``.
    months : int
        Calendar months, the last one is that of the last day known.

    Returns
    -------
    DataFrame, one row a customer who ordered, one column a month
        Money; columns are labels such as ``2026-10``, oldest first.

    Raises
    ------
    MissingTableError
        If there are no orders.
    """
    tables.require("orders", needed_for="order value by month")
    last = tables.window.last_day
    period = Period.containing(last, "month")
    labels = [period.shift(-ago).label for ago in reversed(range(months))]
    rows = tables.query(
        template(_PACKAGE, "monthly_revenue.sql"),
        last_month=last.year * 12 + last.month, months=int(months),
    )  # fmt: skip
    ids, codes = np.unique(rows["customer_id"].to_numpy(dtype=object), return_inverse=True)
    money = np.zeros((ids.size, months))
    money[codes, months - 1 - rows["months_ago"].to_numpy(dtype=int)] = rows["revenue"]
    return pd.DataFrame(money, index=pd.Index(ids, name="customer_id", dtype="str"), columns=labels)
