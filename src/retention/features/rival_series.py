"""The market, period by period: what rivals ask, and how our share of the customers moves."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.window import Period

__all__ = ["build_rival_series"]


def build_rival_series(tables: Tables, *, own_firm: str) -> pd.DataFrame:
    """Build one row a market period, in order of time and without gaps.

    Parameters
    ----------
    tables : Tables
        With ``market``.
    own_firm : str
        Our name in it.

    Returns
    -------
    DataFrame
        Index ``start``, the first day of the period; ``price``, the mean logarithm of the prices of
        the rivals seen in every period, 0 in the first; ``odds``, the logarithm of our customers
        over those of all rivals (missing where a number of customers is). ``attrs["months"]`` is
        the length of a period in months.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without a market table; without a rival seen throughout; if periods are missing or are not
        months, quarters or years.
    ParameterError
        If `own_firm` is not one of the firms.
    """
    tables.require("market", needed_for="what rivals answered")
    rows = tables.query(
        "select period, firm, cast(price as double) as price, customers from market"
        " where price > 0 order by period, firm"
    )
    firms = sorted(rows["firm"].unique())
    if own_firm not in firms:
        raise ParameterError(
            f"own_firm {own_firm!r} is none of the firms of table market ({', '.join(firms[:6])}); "
            "name ours"
        )
    starts, months = _in_order(rows["period"].unique())
    prices = rows.pivot_table(index="period", columns="firm", values="price")
    rivals = prices.drop(columns=own_firm).dropna(axis="columns")
    if rivals.empty:
        raise NotEnoughDataError("no rival has a price in every period of table market")
    table = pd.DataFrame({"price": np.log(rivals).mean(axis=1)})
    numbers = rows.pivot_table(index="period", columns="firm", values="customers")
    numbers = numbers.reindex(index=table.index, columns=[own_firm, *rivals.columns])
    others = numbers.drop(columns=own_firm).sum(axis=1, min_count=len(rivals.columns))
    share = (numbers[own_firm] / others).astype(float)
    table["odds"] = np.log(share.where(share > 0))
    table.index = pd.Index([starts[str(label)] for label in table.index], name="start")
    table = table.sort_index()
    table["price"] -= table["price"].iloc[0]
    table.attrs |= {"window": tables.window, "months": months, "rivals": tuple(rivals.columns)}
    return table


def _in_order(labels: np.ndarray) -> tuple[dict[str, pd.Timestamp], int]:
    """Return the first day of each period, and how many months a period has."""
    named = {str(label): Period.parse(str(label)) for label in labels}
    periods = sorted(named.values(), key=lambda period: period.start)
    lengths = {"month": 1, "quarter": 3, "year": 12}
    units = {p.unit for p in periods}
    if len(units) != 1 or not units <= set(lengths):
        raise NotEnoughDataError("periods of table market must all be months, quarters or years")
    gaps = [str(a.shift(1)) for a, b in pairwise(periods) if a.shift(1) != b]
    if gaps:
        raise NotEnoughDataError(f"table market lacks {', '.join(gaps[:3])}; a series has no gaps")
    return {label: pd.Timestamp(p.start) for label, p in named.items()}, lengths[units.pop()]
