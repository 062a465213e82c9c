"""Programmes: their register, and the trials they make."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from fnmatch import fnmatchcase

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import DataError, NotEnoughDataError, ParameterError
from retention.window import Period, add_months

__all__ = [
    "build_earned",
    "build_programme_candidates",
    "build_programme_trials",
    "build_programmes",
    "build_running",
    "money_column",
]

_PACKAGE = "retention.features"
_DAYS_BEFORE = 180
_ATTRIBUTES = ("segment", "region", "industry", "branch")


def build_programmes(tables: Tables) -> pd.DataFrame:
    """Return the register of programmes.

    Returns
    -------
    DataFrame
        Index ``programme``; ``bond``, ``assignment`` (random, rollout, self, or missing),
        ``enrolments``, ``customers``, ``enrolment_days``, ``first_enrolled_on``,
        ``last_enrolled_on``, ``too_early`` (enrolled before acquired), ``cost`` (sum, missing if
        nobody states one), ``cost_each``; from the project file ``eligible`` (in words, empty if
        open to all), ``goal`` and ``goal_money``.

    Raises
    ------
    MissingTableError
        If there are no enrolments.
    DataError
        If a programme stands under two bonds or two ways of assignment.
    """
    tables.require("enrolments", needed_for="programmes")
    frame = tables.query(template(_PACKAGE, "programme_register.sql")).set_index("programme")
    for column, what in (("bonds", "levels of bond"), ("assignments", "ways of assignment")):
        mixed = frame.index[frame[column] > 1]
        if len(mixed):
            raise DataError(
                f"table enrolments: {', '.join(mixed[:3])} has two {what}; give each its own name"
            )
    known = frame["with_cost"].to_numpy() > 0
    cost = frame["cost"].astype(float).where(known)
    each = cost / frame["with_cost"].where(known)
    frame["cost_each"] = each.fillna(_planned(tables, "cost", frame))
    frame["cost"] = cost.fillna(frame["cost_each"] * frame["enrolments"])
    frame["eligible"] = [_in_words(tables, name) for name in frame.index]
    for name in ("goal", "goal_money"):
        frame[name] = _planned(tables, name, frame)
    frame.attrs["window"] = tables.window
    return frame.drop(columns=["bonds", "assignments", "with_cost"])


def _planned(tables: Tables, key: str, frame: pd.DataFrame) -> pd.Series:
    """Return a number of the project file by programme; missing where it says nothing."""
    values = [tables.programmes.get(name, {}).get(key, np.nan) for name in frame.index]
    return pd.Series(values, index=frame.index, dtype=float)


def eligible_values(tables: Tables, programme: str) -> list[tuple[str, list[str]]]:
    """Return columns of customers with the values for which a programme is open."""
    said = tables.programmes.get(programme, {}).get("eligible", {})
    if missing := [name for name in said if name not in tables.columns("customers")]:
        raise ParameterError(
            f"[programmes.{programme}] eligible: customers have no column {', '.join(missing)}"
        )
    return [(name, list(values)) for name, values in said.items()]


def _in_words(tables: Tables, programme: str) -> str:
    parts = [f"{name} {' or '.join(values)}" for name, values in eligible_values(tables, programme)]
    return "; ".join(parts)


def money_column(tables: Tables) -> str:
    """Return what orders are worth: ``margin``, or ``amount`` where no margin is kept."""
    return "margin" if "margin" in tables.columns("orders") else "amount"


def build_programme_trials(
    tables: Tables, programme: str, *, horizon: int, drawn: bool
) -> pd.DataFrame:
    """Build one row a customer and day on which the programme could have reached it.

    A randomised programme makes a trial on each day of a draw: treated are those enrolled that day,
    untreated all others whose contract ran. A programme that customers join makes a trial on the
    first of each month [1]_: treated are those who joined during the month before, untreated those
    who had not joined by then; both have been customers since before that month and are still
    here, so nobody is immortal, and covariates are those known when that month began.

    Parameters
    ----------
    tables : Tables
        With ``enrolments``, ``contracts``, ``customers``; ``orders``, ``complaints`` and
        ``contacts`` as far as they are there.
    programme : str
        Its name.
    horizon : int
        Units of follow-up over which money is added up.
    drawn : bool
        Whether the programme was randomised.

    Returns
    -------
    DataFrame
        Index ``customer_id``; ``trial_on``, ``treated``, ``treated_later_on``, ``tenure``,
        ``entry`` (0), ``duration`` and ``event`` (from the trial day, in the window's unit),
        ``complete`` (whether the horizon was followed to its end), ``retained`` (at the horizon),
        ``money_before`` (180 days), ``orders_before``, ``complaints_before``, ``contacts_before``,
        ``money_after`` (the horizon; 0 after leaving), ``csat_before`` (360 days) and
        ``csat_after`` (mean answer, missing where there is none), and attributes of the customer.

    References
    ----------
    .. [1] Hernán, M. A. and Robins, J. M. (2016). Using big data to emulate a target trial when a
       randomized trial is not available. American Journal of Epidemiology 183, 758-764.
    """
    tables.require("enrolments", "contracts", "customers", needed_for="effects of programmes")
    days = tables.query(
        "select distinct enrolled_on from enrolments where programme = {{ p | literal }}"
        " order by enrolled_on",
        p=programme,
    )["enrolled_on"]
    if days.empty:
        raise NotEnoughDataError(f"nobody is enrolled in {programme!r}")
    found = [pd.Timestamp(day).date() for day in days]
    if drawn:
        trials = [(day, day + timedelta(days=1), day) for day in found]
    else:
        trials = _monthly(found, tables.window.cutoff)
    trials = [t for t in trials if tables.window.start <= t[0] and t[2] < tables.window.cutoff]
    if not trials:
        raise NotEnoughDataError(f"no trial of {programme!r} lies inside the window")
    return _followed(_trials(tables, programme, trials, horizon), horizon, tables)


def build_programme_candidates(tables: Tables, programme: str) -> pd.DataFrame:
    """Build one row a customer whom a programme could reach today.

    Returns
    -------
    DataFrame
        Index ``customer_id``, those whose contract runs on the last known day and who are not
        enrolled; the covariates of `build_programme_trials`.
    """
    tables.require("enrolments", "contracts", "customers", needed_for="candidates of programmes")
    today = tables.window.last_day
    frame = _trials(tables, programme, [(today, tables.window.cutoff, today)], 1)
    frame = frame[frame["treated"] == 0].set_index("customer_id")
    gone = ["treated", "treated_later_on", "follow_up", "left_at", "money_after", "csat_after"]
    frame = frame.drop(columns=[name for name in gone if name in frame])
    if "money_before" in frame:
        frame["money_before"] = frame["money_before"].astype(float)
    frame.attrs["window"] = tables.window
    return frame


def build_earned(tables: Tables, *, on: date) -> pd.DataFrame:
    """Build the money of each customer's orders before and after a day.

    Returns
    -------
    DataFrame
        Index ``customer_id``, those with an order; ``before`` (180 days) and ``after`` (to the
        cutoff), margin or, where none is kept, amount.
    """
    tables.require("orders", needed_for="what customers earned us")
    frame = tables.query(
        "select customer_id,"
        " sum(case when ordered_on < {{ on | literal }} then coalesce({{ money }}, 0) end) as b4,"
        " sum(case when ordered_on >= {{ on | literal }} then coalesce({{ money }}, 0) end) as af"
        " from orders where ordered_on >= {{ since | literal }}"
        " group by customer_id order by customer_id",
        on=on,
        since=on - timedelta(days=_DAYS_BEFORE),
        money=money_column(tables),
    ).set_index("customer_id")
    frame = frame.astype(float).fillna(0.0).rename(columns={"b4": "before", "af": "after"})
    frame.attrs["window"] = tables.window
    return frame


def build_running(tables: Tables, *, by: Sequence[str] = ()) -> pd.DataFrame:
    """Build one row a customer whose contract runs on the last known day.

    Parameters
    ----------
    by : sequence of str
        Columns of customers to carry.

    Returns
    -------
    DataFrame
        Index ``customer_id``; the columns of `by`.
    """
    tables.require("contracts", "customers", needed_for="who is a customer today")
    if missing := [name for name in by if name not in tables.columns("customers")]:
        raise ParameterError(f"customers have no column {', '.join(missing)}")
    frame = tables.query(
        "select k.customer_id{% for name in by %}, k.{{ name | ident }}{% endfor %}"
        " from customers k inner join (select distinct customer_id from contracts"
        " where ended_on is null) r on r.customer_id = k.customer_id order by k.customer_id",
        by=list(by),
    ).set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame


def _trials(
    tables: Tables, programme: str, trials: list[tuple[date, date, date]], horizon: int
) -> pd.DataFrame:
    return tables.query(
        template(_PACKAGE, "programme_trials.sql"),
        programme=programme,
        trials=trials,
        follow_ups=[_later(t[2], horizon, tables) for t in trials],
        days_before=_DAYS_BEFORE,
        money=f"o.{money_column(tables)}",
        attributes=[a for a in _ATTRIBUTES if a in tables.columns("customers")],
        csat_items=csat_items(tables),
        eligible=eligible_values(tables, programme),
    )


def csat_items(tables: Tables) -> list[str]:
    """Return the survey items that measure satisfaction; none without surveys."""
    patterns = [n for n, item in tables.items.items() if item.get("construct") == "csat"]
    if "surveys" not in tables or not patterns:
        return []
    asked = tables.query("select distinct item from surveys order by item")["item"]
    return [item for item in asked if any(fnmatchcase(item, p) for p in patterns)]


def _monthly(days: Sequence[date], cutoff: date) -> list[tuple[date, date, date]]:
    """Return (offered from, offered until, trial day) of every whole month, first to last."""
    first = Period.containing(days[0], "month")
    last = min(Period.containing(days[-1], "month"), Period.containing(cutoff, "month").previous())
    months = first.through(last) if first <= last else ()
    return [(month.start, month.end, month.end) for month in months]


def _later(day: date, units: int, tables: Tables) -> date:
    """Return the day that lies so many units later, or the cutoff if that comes first."""
    months = {"month": 1, "quarter": 3, "year": 12}.get(tables.window.unit)
    if months is not None:
        return min(add_months(day, units * months), tables.window.cutoff)
    step = 7 if tables.window.unit == "week" else 1
    return min(day + timedelta(days=units * step), tables.window.cutoff)


def _followed(frame: pd.DataFrame, horizon: int, tables: Tables) -> pd.DataFrame:
    left = frame.pop("left_at").to_numpy(dtype=float, na_value=np.nan)
    follow_up = frame.pop("follow_up").to_numpy(dtype=int)
    event = np.isfinite(left) & (left <= follow_up)
    frame["entry"] = 0
    frame["duration"] = np.where(event, left, follow_up).astype(int)
    frame["event"] = event
    frame["complete"] = follow_up >= horizon
    frame["retained"] = ~(event & (left <= horizon))
    frame["treated"] = frame["treated"].astype(bool)
    for name in ("money_before", "money_after"):
        if name in frame:
            frame[name] = frame[name].astype(float)
    frame = frame.set_index("customer_id")
    frame.attrs["window"] = tables.window
    return frame
