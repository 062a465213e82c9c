"""Customers who left: when, why, what they had brought, and whether they came back."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables, template

__all__ = ["build_lost_customers"]

_ATTRIBUTES = ("segment", "region", "industry")


def build_lost_customers(tables: Tables) -> pd.DataFrame:
    """Build one row an exit.

    Parameters
    ----------
    tables : Tables
        With ``exits`` and ``customers``; ``orders`` and ``contracts`` for the past value.

    Returns
    -------
    DataFrame
        Index ``customer_id``; ``exited_on``, ``reason``, ``returned_on``, ``next_exit_on``,
        ``value_before`` (orders of the year before, and a year of the price), ``entry`` (0),
        ``duration`` and ``event`` (units of the window from the exit to the return, censored at
        the last day known), ``lost`` (not back, and this the last exit), and attributes.

    Raises
    ------
    MissingTableError
        If a table is missing.
    """
    tables.require("exits", "customers", needed_for="customers who left")
    attributes = [a for a in _ATTRIBUTES if a in tables.columns("customers")]
    frame = tables.query(
        template("retention.features", "lost_customers.sql"), attributes=attributes
    )
    frame = frame.set_index("customer_id")
    back = frame.pop("returned_at").to_numpy(dtype=float, na_value=np.nan)
    follow_up = frame.pop("follow_up").to_numpy(dtype=int)
    event = np.isfinite(back) & (back <= follow_up)
    frame["entry"] = 0
    frame["duration"] = np.where(event, np.maximum(back, 1), follow_up).astype(int)
    frame["event"] = event
    frame["lost"] = (frame["returned_on"].isna() & frame["next_exit_on"].isna()).to_numpy()
    frame.attrs["window"] = tables.window
    return frame
