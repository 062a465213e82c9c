"""Complaints: the life of each case, and what came after a problem, seen from a landmark."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import ParameterError

from .scales import Scale, scale_map
from .spells import spell_sql

__all__ = ["build_complaint_cases", "build_recovery_trials", "poor_limit"]

_PACKAGE = "retention.features"
_ATTRIBUTES = ("segment", "region", "industry")
_SILENCE_DAYS = 90
_POOR_SHARE = 0.4


def build_complaint_cases(tables: Tables, *, quick_days: int = 7, text: str = "") -> pd.DataFrame:
    """Build one row a case, as it stands at the cutoff.

    Parameters
    ----------
    tables : Tables
        With ``complaints``; ``contracts`` to know until when the customer was here.
    quick_days : int
        A case resolved within so many days was resolved quickly.
    text : str
        Column of ``complaints`` with what the customer wrote; it becomes ``words``.

    Returns
    -------
    DataFrame
        Index ``customer_id``; ``complaint_id``, ``opened_on``, ``closed_on``, ``category``,
        ``department``, ``severity``, ``ending`` (open, resolved quickly, resolved slowly,
        unresolved, outcome unknown), ``days`` (to closing, or so far), ``closed``,
        ``follow_up_score``, ``next_on`` (the customer's next case), ``left_on``.

    Raises
    ------
    MissingTableError
        If there are no complaints.
    ParameterError
        If `quick_days` is negative, or there is no such column of text.
    """
    tables.require("complaints", needed_for="the life of complaints")
    if quick_days < 0:
        raise ParameterError(f"quick_days must be 0 or more, got {quick_days}")
    if text and text not in tables.columns("complaints"):
        raise ParameterError(f"complaints have no column {text!r}")
    frame = tables.query(
        template(_PACKAGE, "complaint_cases.sql"), quick_days=int(quick_days), written=text
    )
    frame = frame.set_index("customer_id")
    frame["closed"] = frame["closed_on"].notna()
    frame["days"] = frame["days"].astype(int)
    frame.attrs["window"] = tables.window
    return frame


def build_recovery_trials(
    tables: Tables,
    *,
    landmark_days: int = 30,
    quick_days: int = 7,
    silent_to: float | None = None,
    immortal: bool = False,
    contented: bool = False,
) -> pd.DataFrame:
    """Build one row a problem: how it stood on the landmark, and what the customer did after it.

    A problem is a case, or an answer about satisfaction in the lowest 40 % of its scale without a
    case in the 90 days before it or up to the landmark. Follow-up starts at the landmark, with the
    state of that day: a customer who left before cannot be resolved any more, and would otherwise
    count against whoever was slow [1]_.

    Parameters
    ----------
    tables : Tables
        With ``complaints``, ``contracts``, ``customers``; ``surveys`` for those who said nothing.
    landmark_days : int
        Days from the problem to the landmark.
    quick_days : int
        A case resolved within so many days was resolved quickly; below `landmark_days`.
    silent_to : float, optional
        Highest answer that counts as a problem.
    immortal : bool
        The naive way, for comparison only: followed from the problem, with the state in which the
        case ended, whenever that was.

    Returns
    -------
    DataFrame
        Index ``customer_id``; ``problem``, ``problem_on``, ``landmark_on``, ``state``, ``reached``
        (still here at the landmark), ``entry`` (0), ``duration`` and ``event`` (from the landmark,
        in the window's unit), and as known on the day of the problem ``tenure``, ``severity``,
        ``loss``, ``category``, ``complaints_before``, ``spend_before`` (365 days) and attributes.

    Raises
    ------
    MissingTableError
        If a table is missing.
    ParameterError
        If the days cannot be.

    References
    ----------
    .. [1] Anderson, J. R., Cain, K. C. and Gelber, R. D. (1983). Analysis of survival by tumor
       response. Journal of Clinical Oncology 1, 710-719.
    """
    tables.require("complaints", "contracts", "customers", needed_for="recovery after complaints")
    if not (0 <= quick_days <= landmark_days and landmark_days >= 1):
        raise ParameterError(
            f"0 <= quick_days <= landmark_days, and a landmark of 1 day or more; got {quick_days} "
            f"and {landmark_days}"
        )
    item, limit = _poor(tables, silent_to)
    sql, names = spell_sql(tables, (), False, 0)
    frame = tables.query(
        sql + template(_PACKAGE, "recovery_trials.sql"),
        **names,
        landmark_days=0 if immortal else int(landmark_days),
        quick_days=int(quick_days),
        silence_days=_SILENCE_DAYS,
        immortal=immortal,
        contented=contented,
        item=item,
        limit=limit,
        attributes=[a for a in _ATTRIBUTES if a in tables.columns("customers")],
    )
    return _followed(frame.set_index("customer_id"), tables)


def _poor(tables: Tables, silent_to: float | None) -> tuple[str, float]:
    """Return the item that measures satisfaction and the highest poor answer; empty if none."""
    if "surveys" not in tables or not tables.items:
        return "", 0.0
    scale = scale_map(tables).get("csat")
    if scale is None:
        return "", 0.0
    return scale.items[0].name, poor_limit(scale) if silent_to is None else float(silent_to)


def poor_limit(scale: Scale, share: float = _POOR_SHARE) -> float:
    """Return the highest answer that counts as dissatisfied: by default the lowest 40 %."""
    return float(np.floor(scale.low + share * (scale.high - scale.low)))


def _followed(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    left = frame.pop("left_at").to_numpy(dtype=float, na_value=np.nan)
    follow_up = frame.pop("follow_up").to_numpy(dtype=float, na_value=np.nan)
    event = np.isfinite(left) & (left <= follow_up)
    frame["reached"] = frame["reached"].astype(bool)
    frame["entry"] = 0
    frame["duration"] = np.where(event, left, follow_up).astype(int)
    frame["event"] = event
    frame["complaints_before"] = frame["complaints_before"].astype(int)
    frame.attrs["window"] = tables.window
    return frame
