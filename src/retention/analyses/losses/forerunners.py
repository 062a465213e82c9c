"""Forerunners of leaving: what the tables know of a customer before a period of tenure begins."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.features import Driver, default_drivers

__all__ = ["FORERUNNERS", "GROUPS", "forerunner_drivers", "forerunners_of"]

FORERUNNERS = {
    "open_case": "a complaint is open",
    "unresolved_case": "a complaint was closed unresolved",
    "slow_case": "a complaint was resolved, but slowly",
    "late_deliveries": "deliveries came late",
    "unanswered": "the customer called and nobody called back",
    "no_contact": "nobody sought personal contact",
    "falling_orders": "orders fell off",
    "slower_payment": "invoices are paid late",
    "low_score": "the last satisfaction score was low",
    "high_price": "the price lies above that of other customers",
}
GROUPS = {
    "service": ("open_case", "unresolved_case", "slow_case", "late_deliveries", "low_score"),
    "price": ("high_price",),
    "relationship": ("unanswered", "no_contact"),
}
_ANSWER_DAYS = 7
_HIGH_GAP = 1  # steps of a tenth of the log price: from 0.05, about 5 %, above the product's mean
_CALLED_BACK = (
    "not exists (select 1 from contacts as y where y.customer_id = x.customer_id and y.direction ="
    f' \'outbound\' and y."at" >= x."at" and y."at" <= x."at" + {_ANSWER_DAYS})'
)


def forerunner_drivers(
    tables: Tables, *, days: int = 90, quick_days: int = 7
) -> tuple[Driver, ...]:
    """Return the dated facts behind the forerunners, as far as the tables hold them."""
    found: list[Driver] = []
    if "closed_on" in tables.columns("complaints"):
        found.append(
            Driver(name="open_case", table="complaints", kind="active", until="closed_on", most=1)
        )
        if "outcome" in tables.columns("complaints"):
            kinds = {
                "unresolved_case": "outcome = 'unresolved'",
                "slow_case": "outcome = 'resolved'"
                f" and datediff('day', opened_on, closed_on) > {int(quick_days)}",
            }
            found += [
                Driver(name=name, table="complaints", kind="count", day="closed_on", days=days,
                       column="outcome", where=where, most=1)
                for name, where in kinds.items()
            ]  # fmt: skip
    if {"delivered_on", "promised_on"} <= set(tables.columns("orders")):
        found.append(
            Driver(name="late_deliveries", table="orders", kind="count", day="delivered_on",
                   days=days, where="delivered_on > promised_on", most=1)
        )  # fmt: skip
    if {"paid_on", "due_on"} <= set(tables.columns("orders")):
        found.append(
            Driver(name="slower_payment", table="orders", kind="count", day="paid_on", days=days,
                   where="paid_on > due_on", most=1)
        )  # fmt: skip
    if "orders" in tables:
        found += [
            Driver(name=name, table="orders", kind="count", days=days, lag_days=lag,
                   where="amount > 0", most=9)
            for name, lag in (("orders_lately", 0), ("orders_earlier", days))
        ]  # fmt: skip
    found += _of_contacts(tables, days)
    found += [d for d in default_drivers(tables) if d.name in ("satisfaction", "bonds")]
    return tuple(found)


def _of_contacts(tables: Tables, days: int) -> list[Driver]:
    if not {"direction", "depth"} <= set(tables.columns("contacts")):
        return []
    return [
        Driver(name="unanswered", table="contacts", kind="count", days=days, most=1,
               lag_days=_ANSWER_DAYS, where=f"direction = 'inbound' and {_CALLED_BACK}"),
        Driver(name="personal_contact", table="contacts", kind="count", days=days, most=1,
               where="direction = 'outbound' and depth = 'personal'"),
    ]  # fmt: skip


def forerunners_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return the facts of each row as forerunners: 1 where it holds, 0 where not or not known.

    Columns that are forerunners already are kept; those from which they are made are dropped.
    """
    frame = rows.copy()
    if "orders_lately" in frame:
        before, lately = frame.pop("orders_earlier"), frame.pop("orders_lately")
        frame["falling_orders"] = ((before >= 2) & (2 * lately <= before)).astype(int)
    if "personal_contact" in frame:
        frame["no_contact"] = 1 - frame.pop("personal_contact")
    if "satisfaction" in frame:
        frame["low_score"] = (frame.pop("satisfaction") == "low").astype(int)
    if "price_gap" in frame:
        # price_gap counts steps of a tenth of log(price / mean price of the product), rounded: it
        # stays as it is for the level of the price; the forerunner says that it is high
        frame["high_price"] = (frame["price_gap"].to_numpy(dtype=float) >= _HIGH_GAP).astype(int)
    known = [name for name in FORERUNNERS if name in frame]
    frame[known] = np.minimum(frame[known].to_numpy(dtype=int), 1)
    return frame
