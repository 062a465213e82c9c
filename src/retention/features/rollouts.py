"""Roll-outs: places that had a programme one after the other, before and after their turn."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ParameterError
from retention.window import add_months

from .programmes import csat_items, eligible_values, money_column

__all__ = [
    "build_rollout_answers",
    "build_rollout_panel",
    "build_rollout_rates",
    "rollout_place",
]

_PACKAGE = "retention.features"
_PLACES = ("branch", "region", "segment", "manager_id", "channel")


def rollout_place(tables: Tables, programme: str) -> str:
    """Return the column of customers by which a programme was rolled out.

    It is the one within whose values everybody was enrolled on one day, and not all on the same.

    Raises
    ------
    ParameterError
        If there is none: name it.
    """
    for place in _PLACES:
        if place not in tables.columns("customers"):
            continue
        days = tables.query(
            "select count(distinct e.enrolled_on) as days from enrolments e"
            " inner join customers c on c.customer_id = e.customer_id"
            " where e.programme = {{ programme | literal }}"
            " group by c.{{ place | ident }} order by days",
            programme=programme,
            place=place,
        )["days"]
        if len(days) > 1 and days.max() == 1:
            return place
    raise ParameterError(
        f"by what was {programme!r} rolled out? In no column of customers does each value start on "
        f"one day (looked at {', '.join(_PLACES)})"
    )


def build_rollout_panel(
    tables: Tables,
    programme: str,
    *,
    by: str,
    months: int = 3,
    around: date | None = None,
    before: int = 4,
    after: int | None = None,
) -> pd.DataFrame:
    """Build one row a customer and period around a roll-out.

    The customers are those whose contract ran when the panel begins. Whoever leaves stays in it
    with 0. When the programme came is taken from the place, not from the customer: those who left
    before their place had its turn would otherwise count as never treated.

    Parameters
    ----------
    by : str
        Column of customers whose values had their turn one after the other.
    months : int
        Length of a period.
    around : datetime.date, optional
        Day before which `before` periods lie; by default that of the first adoption.
    before, after : int
        Most periods before and after that day; None takes all there are.

    Returns
    -------
    DataFrame
        ``unit`` (customer), ``period`` (0, 1, ...), ``place``, ``adopted`` (the first period that
        is wholly treated; missing if never), ``retained``, ``money``.
    """
    tables.require("enrolments", "contracts", "customers", needed_for="a roll-out")
    if by not in tables.columns("customers"):
        raise ParameterError(f"customers have no column {by!r}")
    periods = _around(around or _first_enrolment(tables, programme), months, before, after, tables)
    frame = tables.query(
        _placed("programme_rollout.sql"),
        programme=programme,
        by=by,
        start=periods[0][1],
        periods=periods,
        money=f"o.{money_column(tables)}",
        eligible=eligible_values(tables, programme),
    )
    frame["adopted"] = _first_treated(frame.pop("adopted_on"), periods)
    for name in ("money", "retained"):
        if name in frame:
            frame[name] = frame[name].astype(float)
    frame.attrs["window"] = tables.window
    frame.attrs["periods"] = tuple(p[1] for p in periods)
    return frame


def build_rollout_rates(
    tables: Tables, programme: str, *, by: str, months: int = 3, before: int = 4, after: int = 4
) -> pd.DataFrame:
    """Build one row a wave of a roll-out, place and period: who was here, and who stayed.

    A wave is a day on which places had their turn; it stands beside the places that had not had
    theirs by the wave's last period. In the periods before the turn everybody counts whose contract
    ran at the period's start; in those after it, whoever was here at the turn and has not left.

    Parameters
    ----------
    by : str
        Column of customers whose values had their turn one after the other.
    months : int
        Length of a period.
    before, after : int
        Periods before and after a turn. `before` is cut to what all waves have; a wave without any
        before it, or that could not be followed for `after` periods, is left out.

    Returns
    -------
    DataFrame
        ``wave`` (its day), ``place``, ``period`` (0, 1, ...), ``adopted`` (the first period after
        the turn for the wave's own places; missing for those compared), ``here`` and ``stayed``
        (customers).

    Raises
    ------
    NotEnoughDataError
        If there is no such wave.
    """
    turns = _turns(tables, programme, by)
    waves = _waves(turns, tables, months, before, after)
    frame = tables.query(
        template(_PACKAGE, "programme_rates.sql"), by=by,
        periods=[(w, day, *period) for w, (day, periods) in enumerate(waves) for period in periods],
        eligible=eligible_values(tables, programme),
    )  # fmt: skip
    wave = frame.pop("wave").to_numpy()
    frame.insert(0, "wave", pd.to_datetime([day for day, _ in waves])[wave])
    turn, ended = frame["place"].map(turns), pd.to_datetime([p[-1][2] for _, p in waves])[wave]
    own = turn == frame["wave"]
    frame["adopted"] = np.where(own, float(len(waves[0][1]) - after), np.nan)
    frame = frame[own | turn.isna() | (turn >= ended)].reset_index(drop=True)
    frame.attrs = {"window": tables.window}
    return frame


def _turns(tables: Tables, programme: str, by: str) -> pd.Series:
    """Return the day on which each place had its turn."""
    days = tables.query(
        "select k.{{ by | ident }} as place, min(e.enrolled_on) as day from enrolments e"
        " inner join customers k on k.customer_id = e.customer_id"
        " where e.programme = {{ programme | literal }} and k.{{ by | ident }} is not null"
        " group by k.{{ by | ident }} order by k.{{ by | ident }}",
        programme=programme,
        by=by,
    )
    return pd.to_datetime(days.set_index("place")["day"])


def _waves(
    turns: pd.Series, tables: Tables, months: int, before: int, after: int
) -> list[tuple[date, list[tuple[int, date, date]]]]:
    """Return the day of each wave that can be followed, with its periods, all as many."""
    found = []
    for turn in sorted(set(turns)):
        try:
            periods = _around(turn.date(), months, before, after, tables)
        except NotEnoughDataError:
            continue
        if sum(start >= turn.date() for _, start, _ in periods) == after:
            found.append((turn.date(), periods))
    if not found:
        raise NotEnoughDataError(
            f"no place was followed for {after * months} months after its turn, with {months} "
            "months before it"
        )
    count = min(len(periods) for _, periods in found)
    return [
        (day, [(k, start, end) for k, (_, start, end) in enumerate(periods[-count:])])
        for day, periods in found
    ]


def build_rollout_answers(
    tables: Tables, programme: str, *, by: str, months: int, before: int = 4
) -> pd.DataFrame:
    """Build one row a place and period around a roll-out: the mean answer about satisfaction.

    Only places with answers in every period are in it, so that the panel is balanced.

    Parameters
    ----------
    by, months, before
        As in `build_rollout_panel`.

    Returns
    -------
    DataFrame
        ``unit`` (the place), ``period``, ``adopted``, ``answers`` and ``outcome``, their mean;
        empty without surveys of satisfaction.
    """
    items = csat_items(tables)
    if not items:
        return pd.DataFrame(columns=["unit", "period", "adopted", "answers", "outcome"])
    periods = _around(_first_enrolment(tables, programme), months, before, None, tables)
    frame = tables.query(
        _placed("programme_answers.sql"), programme=programme, by=by, periods=periods,
        csat_items=items, eligible=eligible_values(tables, programme),
    )  # fmt: skip
    frame["adopted"] = _first_treated(frame.pop("adopted_on"), periods)
    frame["outcome"] = frame.pop("total").astype(float) / frame["answers"]
    whole = frame.groupby("unit")["period"].transform("size") == len(periods)
    if not whole.any():
        raise NotEnoughDataError(f"no place has answers in every period of {months} months")
    frame = frame[whole].reset_index(drop=True)
    frame.attrs["window"] = tables.window
    return frame


def _placed(name: str) -> str:
    """Return a template over the periods of a panel and the day each place had its turn."""
    return template(_PACKAGE, "programme_places.sql") + template(_PACKAGE, name)


def _first_enrolment(tables: Tables, programme: str) -> date:
    starts = tables.query(
        "select min(enrolled_on) as day from enrolments where programme = {{ p | literal }}",
        p=programme,
    )["day"]
    if starts.isna().all():
        raise NotEnoughDataError(f"nobody is enrolled in {programme!r}")
    return pd.Timestamp(starts.iloc[0]).date()


def _first_treated(adopted_on: pd.Series, periods: list[tuple[int, date, date]]) -> np.ndarray:
    """Return the first period that is wholly treated; missing where that is never."""
    firsts = pd.to_datetime(pd.Series([p[1] for p in periods]))
    adopted = pd.to_datetime(adopted_on)
    place = np.searchsorted(firsts.to_numpy(), adopted.to_numpy(), side="left").astype(float)
    late = adopted.isna().to_numpy() | (place >= len(periods))
    return np.where(late, np.nan, place)


def _around(
    middle: date, months: int, before: int, after: int | None, tables: Tables
) -> list[tuple[int, date, date]]:
    """Return (number, first day, next day) of the whole periods before and after a day."""
    window = tables.window
    first, last = 0, 0
    while first > -before and add_months(middle, months * (first - 1)) >= window.start:
        first -= 1
    while (after is None or last < after) and (
        add_months(middle, months * (last + 1)) <= window.cutoff
    ):
        last += 1
    if first == 0 or last == 0:
        raise NotEnoughDataError(
            f"the window, {window.start} to {window.last_day}, holds no whole period of {months} "
            f"months before or none after {middle}: nothing to compare"
        )
    days = [add_months(middle, months * k) for k in range(first, last + 1)]
    return [(k, days[k], days[k + 1]) for k in range(last - first)]
