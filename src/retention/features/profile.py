"""All that is known of each customer at the cutoff, side by side."""

from __future__ import annotations

from collections.abc import Callable

import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError

from .purchase_habits import (
    build_favourites,
    build_payment,
    build_preference,
    build_price_response,
    build_trade,
)
from .relationship_state import (
    build_bond_history,
    build_contact_history,
    build_contract_state,
    build_last_answers,
    build_service_history,
    build_wallet_share,
)
from .value import build_value

__all__ = ["build_profile"]

_MASTER = "select *, {{ tenure }} as tenure from customers order by customer_id"
#: Counts that are 0, not unknown, for a customer of whom the table holds nothing.
_COUNTS = (
    "orders",
    "orders_before",
    "orders_recent",
    "complaints",
    "complaints_ever",
    "complaints_open",
    "complaints_unresolved",
    "contacts",
    "personal_contacts",
    "contracts_running",
    "contracts_ever",
    "bonds",
    "bond_worth",
    "monthly_price",
)


def build_profile(
    tables: Tables,
    *,
    months: int = 12,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
) -> pd.DataFrame:
    """Everything the tables say of each customer, as it was known at the cutoff.

    A column is there only where its table is; a count is 0 where the table holds nothing of a
    customer, everything else is then unknown.

    Parameters
    ----------
    tables : Tables
        As known at the cutoff; `customers` are needed.
    months : int
        Length of the stretches that are compared: the last `months`, and those before.
    margin_share, complaint_cost : float
        As in `build_value`.

    Returns
    -------
    DataFrame, one row a customer
        Index ``customer_id``; the columns of `customers`, ``tenure`` in the window's unit, and
        those of the builders named in this module.
    """
    tables.require("customers", needed_for="customer profiles")
    window = tables.window
    tenure = window.whole_units_sql("acquired_on", f"DATE '{window.cutoff.isoformat()}'")
    profile = tables.query(_MASTER, tenure=tenure).set_index("customer_id")
    known = [name for name in profile if name in tables.columns("customers")]
    profile = profile[[*known, "tenure"]]
    parts = [
        *_value_parts(tables, months, margin_share, complaint_cost),
        *_order_parts(tables, months),
        *_relationship_parts(tables, months),
    ]
    for part in parts:
        new = [column for column in part if column not in profile]
        profile = profile.join(part[new])
    counts = [name for name in _COUNTS if name in profile]
    profile[counts] = profile[counts].fillna(0)
    profile.attrs = {"window": window, "months": months}
    return profile


def _value_parts(
    tables: Tables, months: int, margin_share: float, complaint_cost: float
) -> list[pd.DataFrame]:
    if not {"orders", "contracts"} & tables.names:
        return []
    try:
        value = build_value(
            tables, months=months, margin_share=margin_share, complaint_cost=complaint_cost
        )
    except NotEnoughDataError:
        value = build_value(
            tables,
            start=tables.window.start,
            margin_share=margin_share,
            complaint_cost=complaint_cost,
        )
    return [value.drop(columns=["orders", "complaints"], errors="ignore")]


def _order_parts(tables: Tables, months: int) -> list[pd.DataFrame]:
    if "orders" not in tables:
        return []
    have = set(tables.columns("orders"))
    parts = [build_trade(tables, months=months), build_payment(tables, months=months)]
    if "product" in have:
        parts += [
            build_preference(tables, months=months),
            build_favourites(tables, months=months),
        ]
    if "discount" in have:
        own = build_price_response(tables)[["estimate", "se"]]
        parts.append(own.set_axis(["price_response", "price_response_se"], axis=1))
    return parts


def _relationship_parts(tables: Tables, months: int) -> list[pd.DataFrame]:
    builders: dict[str, Callable[[], pd.DataFrame]] = {
        "contracts": lambda: build_contract_state(tables),
        "complaints": lambda: build_service_history(tables, months=months),
        "contacts": lambda: build_contact_history(tables, months=months),
        "wallet": lambda: build_wallet_share(tables),
        "bonds": lambda: build_bond_history(tables),
    }
    parts = [build() for table, build in builders.items() if table in tables]
    if "surveys" in tables:
        parts.append(build_last_answers(tables, ("csat", "satisfaction"), "satisfaction"))
        parts.append(build_last_answers(tables, ("nps",), "recommendation"))
    return [part for part in parts if len(part)]
