"""Price gap and bonds of customers while they stay: counts to which a hazard is fitted."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import date
from fnmatch import fnmatchcase
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.window import Period

from .spells import spell_sql

__all__ = [
    "BOND_LEVELS",
    "build_lock_in",
    "build_market",
    "build_ties",
    "construct_items",
    "item_settings",
]

BOND_LEVELS = {
    "discount": "financial",
    "financial": "financial",
    "personal": "social",
    "social": "social",
    "integration": "structural",
    "training": "structural",
    "data": "structural",
    "structural": "structural",
}
_MONTHS = {"month": 1, "quarter": 3, "year": 12}
_DAYS = {"day": 1, "week": 7}


def item_settings(tables: Tables) -> dict[str, Mapping[str, Any]]:
    """Return what the project file says of each survey item that was ever answered.

    A name with ``*`` in the project file stands for every item that fits it; the exact name comes
    first, then the longest pattern.
    """
    if "surveys" not in tables or not tables.items:
        return {}
    found = {}
    for item in tables.query("select distinct item from surveys order by item")["item"]:
        fits = [name for name in tables.items if fnmatchcase(str(item), name)]
        if fits:
            best = max(fits, key=lambda name: (name == item, len(name)))
            found[str(item)] = tables.items[best]
    return found


def construct_items(tables: Tables, construct: str) -> list[tuple[str, float, float, bool]]:
    """Return (item, low, high, reverse) of the survey items of a construct."""
    found = []
    for item, how in item_settings(tables).items():
        if how.get("construct") == construct:
            low, high = float(how.get("low", 0)), float(how.get("high", 10))
            found.append((item, low, high, bool(how.get("reverse", False))))
    return found


def build_market(tables: Tables, *, own_firm: str = "") -> pd.DataFrame:
    """Build one row a market period: the rivals' mean price and when it was known.

    The mean is geometric, weighted by customers; the first period is 0 on the log scale.

    Parameters
    ----------
    tables : Tables
        With ``market``.
    own_firm : str
        Our name in the table; left out of the rivals.

    Returns
    -------
    DataFrame
        Columns period, since (first day after the period: from then on it is known), until,
        log_index.

    Raises
    ------
    MissingTableError
        If there is no market table.
    NotEnoughDataError
        If no rival has a price.
    """
    tables.require("market", needed_for="prices of rivals")
    rows = tables.query(
        "select period, firm, cast(price as double) as price, customers from market"
        " where price > 0 order by period, firm"
    )
    rows = rows[rows["firm"] != own_firm]
    if rows.empty:
        raise NotEnoughDataError("market holds no price of a rival")
    weight = rows["customers"].fillna(0).clip(lower=0)
    total = weight.groupby(rows["period"]).transform("sum")
    share = np.where(total > 0, weight / total.where(total > 0, 1), np.nan)
    equal = 1 / rows.groupby("period")["firm"].transform("size")
    logs = np.log(rows["price"]) * np.where(np.isnan(share), equal, share)
    table = logs.groupby(rows["period"]).sum().rename("log_index").reset_index()
    table["since"] = [Period.parse(str(period)).end for period in table["period"]]
    table = table.sort_values("since", ignore_index=True)
    table["until"] = [*table["since"].iloc[1:], date(9000, 1, 1)]
    table["log_index"] -= table["log_index"].iloc[0]
    return table[["period", "since", "until", "log_index"]]


def build_lock_in(
    tables: Tables,
    *,
    groups: Sequence[str] = (),
    like: Sequence[str] | None = None,
    own_firm: str = "",
    satisfaction: str = "",
    step: float = 0.005,
) -> pd.DataFrame:
    """Count stays and leavings by tenure, price gap and bonds, as known when each unit began.

    The price gap of a customer is the logarithm of what it pays over what is usually paid for the
    same (the geometric mean of its kind), less the rivals' price index of the last market period
    that had ended. It is rounded to `step`, so that only counts leave the engine.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` in which price is filled; ``bonds``, or else ``enrolments``, say what
        binds, ``market`` what rivals ask.
    groups : sequence of str
        Columns of customers or contracts to count by.
    like : sequence of str, optional
        Columns of contracts within which prices can be compared; the product where it is known.
    own_firm : str
        Our name in the market table.
    satisfaction : str
        Construct of survey items whose latest score (0 to 100, in steps of 5) is counted by;
        missing before the first answer.
    step : float
        Width of a step of the gap.

    Returns
    -------
    DataFrame
        tenure, the groups, ``bond: <kind>`` (1 where it holds), satisfaction, gap, n, events.
        ``attrs["bonds"]`` maps each bond column to its level.

    Raises
    ------
    MissingTableError
        Without contracts, or without their price.
    NotEnoughDataError
        If there are no customers at risk with a price.
    """
    keys, frame = _query(
        tables, "lock_in.sql", groups=groups, like=like, own_firm=own_firm,
        satisfaction=satisfaction, step=step,
    )  # fmt: skip
    if frame.empty:
        raise NotEnoughDataError("no customer at risk has a price above 0 in contracts")
    frame = frame[[*keys, "n", "events"]]
    frame = frame.astype(dict.fromkeys(["tenure", "n", "events", *_bond_columns(frame)], "int64"))
    return _described(frame, tables)


def build_ties(
    tables: Tables,
    *,
    groups: Sequence[str] = (),
    like: Sequence[str] | None = None,
    own_firm: str = "",
    satisfaction: str = "",
) -> pd.DataFrame:
    """Build one row a customer who is here: tenure, price gap, bonds and latest satisfaction.

    Parameters
    ----------
    tables, groups, like, own_firm, satisfaction
        As for `build_lock_in`, of which it is the state in the unit of tenure now running.

    Returns
    -------
    DataFrame
        Index customer_id; tenure (the unit now running), the groups, ``bond: <kind>``,
        satisfaction (0 to 100, missing if never asked), gap.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        As `build_lock_in`.
    """
    keys, frame = _query(
        tables, "ties.sql", groups=groups, like=like, own_firm=own_firm,
        satisfaction=satisfaction, step=0.005,
    )  # fmt: skip
    if frame.empty:
        raise NotEnoughDataError("no customer with a running contract has a price above 0")
    frame = frame.set_index("customer_id")[keys]
    frame = frame.astype(dict.fromkeys(["tenure", *_bond_columns(frame)], "int64"))
    return _described(frame, tables)


def _query(
    tables: Tables,
    last: str,
    *,
    groups: Sequence[str],
    like: Sequence[str] | None,
    own_firm: str,
    satisfaction: str,
    step: float,
) -> tuple[list[str], pd.DataFrame]:
    """Run the shared text with its last part; return the keys of a state, and the result."""
    _require_price(tables)
    sql, names = spell_sql(tables, groups, reasons=False, grace_days=0)
    bonds = _bonds(tables)
    items = construct_items(tables, satisfaction) if satisfaction else []
    if satisfaction and not items:
        raise ParameterError(f"no survey item has the construct {satisfaction!r}")
    columns = [f"bond: {bond[0]}" for bond in bonds]
    keys = ["tenure", *groups, *columns, *(["satisfaction"] if items else []), "gap"]
    files = ("stay_periods.sql", "held.sql", last)
    text = sql + "".join(template("retention.features", name) for name in files)
    frame = tables.query(
        text,
        **names,
        months=_MONTHS.get(tables.window.unit, 0), days=_DAYS.get(tables.window.unit, 0),
        running=last == "ties.sql", groups=list(groups), like=_like(tables, like),
        rivals=_rivals(tables, own_firm), bonds=bonds, items=items, mood_step=5, keys=keys,
        step=float(step),
    )  # fmt: skip
    return keys, frame


def _bond_columns(frame: pd.DataFrame) -> list[str]:
    return [str(column) for column in frame.columns if str(column).startswith("bond: ")]


def _described(frame: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    frame.attrs["window"] = tables.window
    frame.attrs["bonds"] = {
        bond: BOND_LEVELS.get(bond.removeprefix("bond: "), "structural")
        for bond in _bond_columns(frame)
    }
    frame.attrs["rivals"] = "market" in tables
    return frame


def _require_price(tables: Tables) -> None:
    tables.require("contracts", needed_for="lock-in by price gap and bonds")
    if "price" not in tables.columns("contracts"):
        raise MissingTableError("contracts (column price)", "lock-in by price gap and bonds")


def _like(tables: Tables, like: Sequence[str] | None) -> list[str]:
    known = tables.columns("contracts")
    if like is None:
        return ["product"] if "product" in known else []
    if absent := [c for c in like if c not in known]:
        raise ParameterError(f"contracts has no column {', '.join(absent)} to compare prices by")
    return list(like)


def _bonds(tables: Tables) -> list[tuple[str, str, str, str, str]]:
    """Return (name, table, column, first day, last day or nothing) of all that may bind.

    Programmes stand for bonds only where no bonds are recorded: a bond holds, a programme may end.
    """
    if "bonds" in tables:
        column = "kind" if "kind" in tables.columns("bonds") else "bond"
        kinds = tables.query(
            "select distinct {{ c | ident }} as kind from bonds where {{ c | ident }} is not null"
            " order by 1",
            c=column,
        )["kind"]
        return [(str(kind), "bonds", column, "since", "") for kind in kinds]
    if "enrolments" in tables:
        levels = tables.query("select distinct bond from enrolments order by bond")["bond"]
        return [(str(level), "enrolments", "bond", "enrolled_on", "ended_on") for level in levels]
    return []


def _rivals(tables: Tables, own_firm: str) -> list[tuple[Any, ...]]:
    """Return (since, until, log index); the first known index also holds before it."""
    if "market" not in tables:
        return []
    table = build_market(tables, own_firm=own_firm)
    rows = [tuple(row) for row in table[["since", "until", "log_index"]].itertuples(index=False)]
    _, until, level = rows[0]
    return [(date(1000, 1, 1), until, float(level)), *((s, u, float(v)) for s, u, v in rows[1:])]
