"""What customers spend with us in a year."""

from __future__ import annotations

from datetime import timedelta

import pandas as pd

from retention.engine import Tables, template
from retention.errors import MissingTableError, NotEnoughDataError

__all__ = ["build_annual_spend"]


def build_annual_spend(tables: Tables) -> pd.DataFrame:
    """Build what each customer who is here spent with us in the year before the cutoff.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` or ``orders``. With contracts, those with a running one are here; their
        agreed price counts for twelve months. Without, whoever ordered within the year is here.

    Returns
    -------
    DataFrame
        Index customer_id; annual_spend = ordered + contracted; margin of the orders (missing
        where none is known), service_cost and discount, all in the project's currency a year.

    Raises
    ------
    MissingTableError
        If there are neither contracts nor orders.
    NotEnoughDataError
        If nobody is here.
    """
    if "contracts" not in tables and "orders" not in tables:
        raise MissingTableError("orders", "what customers spend in a year")
    since = tables.window.cutoff - timedelta(days=365)
    frame = tables.query(
        template("retention.features", "annual_spend.sql"),
        names=set(tables.names),
        since=f"date '{since.isoformat()}'",
    )
    if frame.empty:
        raise NotEnoughDataError("nobody has a running contract or ordered within the last year")
    frame = frame.set_index("customer_id")
    frame.insert(0, "annual_spend", frame["ordered"] + frame["contracted"])
    frame.attrs["window"] = tables.window
    return frame
