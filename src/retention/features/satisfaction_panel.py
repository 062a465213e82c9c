"""Satisfaction beside what followed: leaving, buying, complaining; customer by customer."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables, template
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError

from .durations import build_durations
from .scales import Scale

__all__ = [
    "build_branch_staff",
    "build_customer_branch",
    "build_dissatisfied",
    "build_revenue_after",
    "build_satisfaction_periods",
]

_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


def build_satisfaction_periods(
    tables: Tables, scores: pd.DataFrame, *, column: str, max_age_days: int = 365
) -> pd.DataFrame:
    """Return one row a customer and period of tenure, with the last score known before it began.

    Parameters
    ----------
    tables : Tables
        With ``contracts``.
    scores : DataFrame
        ``customer_id``, ``answered_on`` and the scores.
    column : str
        Which score.
    max_age_days : int
        An answer older than this at the start of the period counts as none.

    Returns
    -------
    DataFrame
        ``customer_id``, ``spell``, ``tenure`` (1 is the first period), ``start`` (its first day),
        ``event`` (left within it), ``score`` (NaN if none was known) and ``age`` in days.
        ``attrs["window"]`` is the window.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        As `build_durations`.
    """
    if max_age_days < 1:
        raise ParameterError(f"max_age_days must be 1 or more, got {max_age_days}")
    spells = build_durations(tables)
    spells = spells[spells["duration"] > spells["entry"]].reset_index()
    repeats = (spells["duration"] - spells["entry"]).to_numpy(dtype=int)
    row = np.repeat(np.arange(len(spells)), repeats)
    within = np.arange(repeats.sum()) - np.repeat(np.cumsum(repeats) - repeats, repeats)
    tenure = spells["entry"].to_numpy(dtype=int)[row] + within + 1
    last = within == repeats[row] - 1
    panel = pd.DataFrame(
        {
            "customer_id": spells["customer_id"].to_numpy()[row],
            "spell": spells["spell"].to_numpy()[row],
            "tenure": tenure,
            "start": _starts(spells["started_on"], row, tenure - 1, tables.window.unit),
            "event": spells["event"].to_numpy(dtype=bool)[row] & last,
        }
    )
    known = scores.dropna(subset=[column])[["customer_id", "answered_on", column]]
    known = known.assign(answered_on=pd.to_datetime(known["answered_on"]).astype("datetime64[s]"))
    joined = pd.merge_asof(
        panel.sort_values("start", kind="stable"),
        known.sort_values("answered_on").rename(columns={column: "score"}),
        left_on="start", right_on="answered_on", by="customer_id", allow_exact_matches=False,
        tolerance=pd.Timedelta(days=max_age_days),
    )  # fmt: skip
    joined["age"] = (joined["start"] - joined["answered_on"]).dt.days
    joined = joined.drop(columns="answered_on").sort_values(["customer_id", "spell", "tenure"])
    joined = joined.reset_index(drop=True)
    joined.attrs["window"] = tables.window
    return joined


def _starts(
    started: pd.Series, row: NDArray[np.intp], after: NDArray[np.int_], unit: str
) -> pd.Series:
    """First day of a period of tenure: so many units after the first day of the spell."""
    day = pd.to_datetime(started).to_numpy().astype("datetime64[D]")[row]
    if unit in _DAYS:
        return pd.Series((day + after * _DAYS[unit]).astype("datetime64[s]"))
    month = day.astype("datetime64[M]")
    target = month + after * _MONTHS[unit]
    length = ((target + 1).astype("datetime64[D]") - target.astype("datetime64[D]")).astype(int)
    offset = np.minimum((day - month.astype("datetime64[D]")).astype(int), length - 1)
    return pd.Series((target.astype("datetime64[D]") + offset).astype("datetime64[s]"))


def build_revenue_after(tables: Tables, scale: Scale, *, days: int = 90) -> pd.DataFrame:
    """Return one row an answer, with the order value of the days after it.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` and ``orders``.
    scale : Scale
        Whose items make the score.
    days : int
        Length of what follows; answers that have not had as much time are left out.

    Returns
    -------
    DataFrame
        ``customer_id``, ``response_id``, ``answered_on``, ``wave``, ``score``, ``revenue``.
    """
    tables.require("surveys", "orders", needed_for="revenue after an answer")
    frame = tables.query(
        template("retention.features", "score_events.sql"),
        items=list(scale.items), names=scale.columns, days=days,
    )  # fmt: skip
    frame["revenue"] = frame["revenue"].astype(float)
    quarter = pd.to_datetime(frame["answered_on"]).dt.to_period("Q").astype(str)
    frame["wave"] = frame["wave"].fillna(quarter)
    return frame


def build_dissatisfied(tables: Tables, scale: Scale, *, days: int = 90) -> pd.DataFrame:
    """Return one row an answer, with the complaints within so many days of it, before or after.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` and ``complaints``.
    scale : Scale
        A scale of one item.
    days : int
        How near a complaint is; answers younger than this are left out.
    """
    tables.require("surveys", "complaints", needed_for="the share of the silent")
    if len(scale.items) != 1:
        raise ParameterError(f"{scale.name} has {len(scale.items)} items; name a single question")
    return tables.query(
        template("retention.features", "dissatisfied.sql"), item=scale.items[0], days=days
    )


def build_branch_staff(tables: Tables) -> pd.DataFrame:
    """Return one row a branch and half year: staff satisfaction, headcount and turnover.

    Parameters
    ----------
    tables : Tables
        With ``employees`` and ``staff_surveys``.

    Returns
    -------
    DataFrame
        ``branch``, ``half`` (number of half years since year 0), ``staff_satisfaction``,
        ``staff_answers``, ``headcount``, ``leavers``, ``turnover`` (share of the headcount).

    Raises
    ------
    NotEnoughDataError
        If no employee with a branch answered.
    """
    tables.require("employees", "staff_surveys", needed_for="the service-profit chain")
    staff = tables.query(template("retention.features", "branch_staff.sql"))
    mood = tables.query(template("retention.features", "staff_mood.sql"))
    if mood.empty:
        raise NotEnoughDataError("no employee with a known branch answered a staff survey")
    table = mood.merge(staff, on=["branch", "year", "half"], how="left", validate="1:1")
    table["half"] = 2 * table["year"] + table["half"] - 1
    headcount = table["headcount"].astype(float)
    table["turnover"] = table["leavers"] / headcount.where(headcount > 0)
    return table.drop(columns="year").sort_values(["branch", "half"], ignore_index=True)


def build_customer_branch(tables: Tables) -> pd.Series:
    """Return the branch that serves each customer: that of most orders, else of most answers.

    Raises
    ------
    MissingTableError
        If neither orders nor surveys hold a branch.
    """
    sources = {
        name: name in tables and "branch" in tables.columns(name) for name in ("orders", "surveys")
    }
    if not any(sources.values()):
        raise MissingTableError("orders", "the branch of a customer (column branch)")
    frame = tables.query(template("retention.features", "customer_branch.sql"), **sources)
    return frame.set_index("customer_id")["branch"]
