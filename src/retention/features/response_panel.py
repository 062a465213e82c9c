"""Who was asked, who answered, and what was known of both."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError

from .scales import customer_attributes

__all__ = ["build_response_panel"]


def build_response_panel(
    tables: Tables, *, instrument: str = "", earlier: Sequence[str] = ()
) -> pd.DataFrame:
    """Return one row an invitation, answered or not.

    An answer belongs to the last invitation before it, of the same questionnaire.

    Parameters
    ----------
    tables : Tables
        With ``invitations`` and ``surveys``; ``customers`` and ``complaints`` are used if there.
    instrument : str
        Only this questionnaire; empty for all.
    earlier : sequence of str
        Items whose last mean score before the invitation is wanted, as ``earlier_score``.

    Returns
    -------
    DataFrame
        ``customer_id``, ``instrument``, ``invited_on``, ``response_id`` and ``answered_on`` (empty
        where there was no answer), ``earlier_score``, ``complaints`` (cases opened in the 180 days
        before) and the attributes of the customer. ``attrs["window"]`` is the window.

    Raises
    ------
    MissingTableError
        If there are no invitations or no surveys.
    NotEnoughDataError
        If nobody was invited.
    """
    tables.require("surveys", "invitations", needed_for="response rates")
    frame = tables.query(
        template("retention.features", "response_panel.sql"),
        instrument=instrument,
        earlier=list(earlier),
        complaints="complaints" in tables,
        attributes=customer_attributes(tables),
    )
    if frame.empty:
        raise NotEnoughDataError(
            f"nobody was invited to {instrument or 'any survey'} before {tables.window.cutoff}"
        )
    frame.attrs["window"] = tables.window
    return frame
