"""Shares of wallet: what customers spend with us out of all they spend."""

from __future__ import annotations

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError
from retention.window import Period

__all__ = ["build_wallets"]


def build_wallets(tables: Tables) -> pd.DataFrame:
    """Build one row a customer and period.

    Returns
    -------
    DataFrame
        Index customer_id; period, ends (first day after it), own_spend, category_spend, share (0
        to 1), main_rival, suppliers, rank. Spend with us above the whole is cut to the whole.

    Raises
    ------
    MissingTableError
        Without a wallet table.
    NotEnoughDataError
        If no customer has any spend.
    """
    tables.require("wallet", needed_for="share of wallet")
    frame = tables.query(template("retention.features", "wallets.sql"))
    if frame.empty:
        raise NotEnoughDataError("no customer in wallet has a category_spend above 0")
    frame.insert(2, "ends", [Period.parse(str(period)).end for period in frame["period"]])
    frame["share"] = (frame["own_spend"] / frame["category_spend"]).clip(0, 1)
    frame = frame.set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame
