"""Spells of customers: from which tenure they are seen, how long, whether and why they left."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import pandas as pd

from retention.engine import Tables, template
from retention.schemas import check_durations

from .spells import nobody_seen, spell_sql

__all__ = ["build_durations"]


def build_durations(
    tables: Tables,
    *,
    by: Sequence[str] = (),
    reasons: bool = False,
    grace_days: int = 0,
    observed_from: date | None = None,
) -> pd.DataFrame:
    """Build one row a spell from the contracts.

    A spell runs from the first day of a contract to the end of the last one that overlaps it or
    follows within the grace. Tenure counts from its first day in the window's unit. Follow-up ends
    with the last unit that was over on the last day known: who left in the unfinished one is still
    counted as here, like everybody else in it. Who came before the window enters at the tenure
    reached by its start (interval (entry, duration]); spells that ended earlier are not seen.

    Parameters
    ----------
    tables : Tables
        With ``contracts``; ``customers`` if `by` names its columns; ``exits`` for reasons.
    by : sequence of str
        Columns to carry: of ``customers``, or of the spell's first contract.
    reasons : bool
        Whether to add ``reason``: that of the last exit told in the spell or within 31 days of its
        end, ``unknown`` where none was.
    grace_days : int
        A gap up to this long between contracts is no leaving. Follow-up then ends that many days
        before the cutoff, because a later gap is not yet known to be one.
    observed_from : datetime.date, optional
        From when leavers were recorded, if that is later than the window's start.

    Returns
    -------
    pandas.DataFrame
        Index ``customer_id``; ``spell`` (1, 2, ...), ``started_on``, ``ended_on`` (if it left),
        ``entry``, ``duration`` (in the window's unit), ``event``, ``reason`` and the columns of
        `by`; schema `check_durations`. ``attrs["window"]`` is the window.

    Raises
    ------
    MissingTableError
        If a table is missing.
    ParameterError
        If a column of `by` is not known, or the grace is negative.
    NotEnoughDataError
        If there is no spell in the window.
    """
    sql, names = spell_sql(tables, by, reasons, grace_days, observed_from)
    frame = tables.query(sql + template("retention.features", "durations.sql"), **names)
    if frame.empty:
        raise nobody_seen(tables)
    frame = frame.set_index("customer_id").astype({"event": bool})
    frame.attrs["window"] = tables.window
    return check_durations(frame)
