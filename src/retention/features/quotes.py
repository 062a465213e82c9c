"""Quotes and tenders whose best rival price is known."""

from __future__ import annotations

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError

__all__ = ["build_quotes"]


def build_quotes(tables: Tables) -> pd.DataFrame:
    """Build one row a quote: our price against the best rival's, whether we held the business.

    Parameters
    ----------
    tables : Tables
        With ``quotes``, in which best_rival_price is filled; ``contracts`` helps to tell who was
        the incumbent where the column is empty.

    Returns
    -------
    DataFrame
        Index customer_id; quoted_on, our_price, best_rival_price, gap (our price over the rival's,
        minus 1), incumbent, won. ``attrs["left_out"]`` counts quotes without a rival's price.

    Raises
    ------
    MissingTableError
        If there are no quotes.
    NotEnoughDataError
        If no quote has a rival's price.
    """
    tables.require("quotes", needed_for="the incumbency premium")
    frame = tables.query(template("retention.features", "quotes.sql"), names=set(tables.names))
    total = int(tables.query("select count(*) as n from quotes")["n"].sum())
    if frame.empty:
        raise NotEnoughDataError(
            f"none of {total:,} quotes has a best_rival_price above 0; note down what rivals ask"
        )
    frame = frame.set_index("customer_id").astype({"incumbent": float, "won": bool})
    frame.attrs["window"] = tables.window
    frame.attrs["left_out"] = total - len(frame)
    return frame
