"""Customers who left: when, why, what they had brought, and whether they came back."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.schemas import HELD_OUT

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
        the last day known), ``lost`` (not back, and this the last exit), and attributes. Of being
        asked back: ``offer`` (missing where nothing was decided; ``held out`` where a lot decided
        not to ask), ``offered_on``, ``offer_cost``, ``offer_assignment``, ``away`` (units away by
        then), ``unasked`` and ``unasked_event`` (duration and event, censored when the customer
        was asked), and ``answer`` and ``answer_event`` (the same, from the offer or the lot).

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
    _asked(frame)
    frame["lost"] = (frame["returned_on"].isna() & frame["next_exit_on"].isna()).to_numpy()
    frame.attrs["window"] = tables.window
    return frame


def _asked(frame: pd.DataFrame) -> None:
    """Put in how long each customer stayed away unasked, and after having been asked."""
    away, seen, back = (
        frame.pop(name).to_numpy(dtype=float, na_value=np.nan)
        for name in ("drawn_at", "answer_follow_up", "answered_at")
    )
    frame["away"] = away
    asked = (frame["offer"].notna() & (frame["offer"] != HELD_OUT)).to_numpy()
    frame["unasked"] = np.where(asked, np.nan_to_num(away), frame["duration"]).astype(int)
    frame["unasked_event"] = frame["event"].to_numpy() & ~asked
    came = np.isfinite(back) & (back <= seen)
    frame["answer"] = np.nan_to_num(np.where(came, np.maximum(back, 1), seen)).astype(int)
    frame["answer_event"] = came
