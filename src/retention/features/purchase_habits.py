"""How each customer buys: rhythm, size, payment, preferences, and response to own discounts."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.window import add_months

__all__ = [
    "build_favourites",
    "build_payment",
    "build_preference",
    "build_price_response",
    "build_trade",
]

_PACKAGE = "retention.features"
_RECENT_DAYS = 90


def _read(tables: Tables, name: str, months: int, **names: object) -> pd.DataFrame:
    tables.require("orders", needed_for="purchase habits")
    cutoff = tables.window.cutoff
    frame = tables.query(
        template(_PACKAGE, name),
        start=add_months(cutoff, -months),
        before=add_months(cutoff, -2 * months),
        recent=cutoff - timedelta(days=_RECENT_DAYS),
        **names,
    ).set_index("customer_id")
    frame.attrs = {"window": tables.window}
    return frame


def _ratio(top: pd.Series, bottom: pd.Series) -> pd.Series:
    """Return a ratio; unknown, not infinite, where the denominator is not above 0."""
    return top.astype(float) / bottom.astype(float).where(bottom > 0)


def build_trade(tables: Tables, *, months: int = 12) -> pd.DataFrame:
    """Purchases and their rhythm in the last `months`, and against the `months` before.

    Parameters
    ----------
    tables : Tables
        `orders` are needed; returns (negative amounts) are no purchases.
    months : int
        Length of the stretch.

    Returns
    -------
    DataFrame, one row a customer who ever purchased
        ``orders`` and ``orders_before`` (counts), ``order_change`` (share; unknown where
        the customer, or the records, began within the earlier stretch), ``orders_recent`` (last
        90 days), ``first_order_on``, ``last_order_on``, ``days_since_order``, ``purchase_days``,
        ``gap_days`` (mean days between purchase days), ``gap_variation`` (their coefficient of
        variation: 0 is as regular as a clock, 1 is chance), ``silence`` (days since the last
        purchase over the mean gap), ``order_value`` (money), ``discount_rate`` (share),
        ``service_cost_per_order`` (money), ``late_delivery_share`` (share).

    Raises
    ------
    MissingTableError
        If there are no orders.
    """
    raw = _read(tables, "trade.sql", months)
    frame = raw[["first_order_on", "last_order_on", "days_since_order", "orders"]].copy()
    frame["orders_before"] = raw["orders_before"]
    before = pd.Timestamp(add_months(tables.window.cutoff, -2 * months))
    change = _ratio(raw["orders"] - raw["orders_before"], raw["orders_before"])
    known = (raw["first_order_on"] <= before) & (before.date() >= tables.window.start)
    frame["order_change"] = change.where(known)
    frame["orders_recent"] = raw["orders_recent"]
    frame["purchase_days"] = raw["purchase_days"]
    gaps = raw["purchase_days"] - 1
    frame["gap_days"] = _ratio(raw["gap_sum"], gaps)
    variance = _ratio(raw["gap_squares"] - gaps * frame["gap_days"] ** 2, gaps - 1)
    frame["gap_variation"] = _ratio(np.sqrt(variance.clip(lower=0)), frame["gap_days"])
    frame["silence"] = _ratio(raw["days_since_order"], frame["gap_days"])
    frame["order_value"] = _ratio(raw["spent"], raw["orders"])
    if "discount" in tables.columns("orders"):
        frame["discount_rate"] = _ratio(raw["discount"], raw["spent"] + raw["discount"])
    if "service_cost" in tables.columns("orders"):
        frame["service_cost_per_order"] = _ratio(raw["service_cost"], raw["orders_with_cost"])
    if {"promised_on", "delivered_on"} <= set(tables.columns("orders")):
        frame["late_delivery_share"] = _ratio(raw["late_deliveries"], raw["deliveries"])
    return frame


def build_payment(tables: Tables, *, months: int = 12) -> pd.DataFrame:
    """How fast and how reliably each customer pays.

    Returns
    -------
    DataFrame, one row a customer with purchases in the stretch
        ``days_to_pay`` (mean of what is paid), ``late_share`` (of what has fallen due: paid late
        or not at all), ``overdue`` (money unpaid after its due date).

    Raises
    ------
    MissingTableError
        If there are no orders.
    """
    raw = _read(tables, "payment.sql", months)
    frame = pd.DataFrame(index=raw.index)
    if "paid_on" in tables.columns("orders"):
        frame["days_to_pay"] = _ratio(raw["days_sum"], raw["payments"])
    if {"paid_on", "due_on"} <= set(tables.columns("orders")):
        frame["late_share"] = _ratio(raw["late_payments"], raw["dues"])
        frame["overdue"] = raw["overdue"]
    frame.attrs = raw.attrs
    return frame


def build_preference(tables: Tables, *, months: int = 12) -> pd.DataFrame:
    """Tell what each customer prefers, how spread, and how much it stayed the same.

    Returns
    -------
    DataFrame, one row a customer with purchases in one of the two stretches
        ``products`` (bought in the last stretch), ``basket_entropy`` (nats; 0 where only one
        product is bought), ``preference_overlap`` (share of purchases that the two stretches have
        in common, 0 to 1), ``product_orders`` and ``product_orders_before`` (the n behind it).

    References
    ----------
    .. [1] Shannon, C. E. (1948). A mathematical theory of communication. Bell System Technical
       Journal 27, 379-423.
    """
    return _read(tables, "preference.sql", months)


def build_favourites(tables: Tables, *, months: int = 12, top: int = 3) -> pd.DataFrame:
    """Name the products each customer bought most often in the last stretch.

    Returns
    -------
    DataFrame, one row a customer
        ``favourites``: the `top` products with their counts, as text.
    """
    rows = _read(tables, "favourites.sql", months, top=int(top))
    texts = rows["product"] + " " + rows["times"].astype(str)
    who, first = np.unique(rows.index.to_numpy(), return_index=True)
    lists = np.split(texts.to_numpy(), first[1:])
    named = [", ".join(products) for products in lists[: len(who)]]
    return pd.DataFrame({"favourites": named}, index=pd.Index(who, name="customer_id"))


def build_price_response(tables: Tables) -> pd.DataFrame:
    """Each customer's own slope of log order value on the discount rate, with its error.

    The slope is by least squares within the customer's orders; the residual variance is pooled
    over customers, for few have orders enough for one of their own. It is an association: whoever
    gets discounts for large orders shows a slope without any response.

    Returns
    -------
    DataFrame, one row a customer with three orders or more at two or more discount rates
        ``estimate``, ``se`` and ``n``. A slope of 3 means that orders at 10 % discount are, before
        the discount, larger by a factor exp(0.3) = 1.35.

    Raises
    ------
    MissingTableError
        If there are no orders with discounts.
    """
    raw = _read(tables, "price_response.sql", 12)
    sxx = raw["sxx"] - raw["sx"] ** 2 / raw["n"]
    kept = sxx > 1e-9
    raw, sxx = raw[kept], sxx[kept]
    sxy = raw["sxy"] - raw["sx"] * raw["sy"] / raw["n"]
    syy = raw["syy"] - raw["sy"] ** 2 / raw["n"]
    rest = (syy - sxy**2 / sxx).clip(lower=0)
    freedom = (raw["n"] - 2).sum()
    variance = rest.sum() / freedom if freedom > 0 else np.nan
    frame = pd.DataFrame({"estimate": sxy / sxx, "se": np.sqrt(variance / sxx), "n": raw["n"]})
    frame.attrs = {"window": tables.window}
    return frame
