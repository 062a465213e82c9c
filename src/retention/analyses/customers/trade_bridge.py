"""From one year's trade to the next: kept, grown, shrunk, new, lost, returned; to the cent."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.features import build_value
from retention.window import add_months

__all__ = ["BRIDGE", "TwoPeriods", "trade_bridge", "two_periods"]

#: The ways a customer's trade can go, in the order in which they are shown.
BRIDGE = ("lost", "shrunk", "kept", "grown", "returned", "new")


@dataclass(frozen=True, eq=False)
class TwoPeriods:
    """Values of every customer in two adjoining stretches, and whether he traded before both.

    Parameters
    ----------
    now, before : DataFrame
        As `retention.features.build_value` returns them, over the same customers.
    earlier : Series of bool
        Whether the customer is known to have traded before the first stretch, or was acquired
        before the records began.
    starts : tuple of three dates
        First day of the earlier stretch, of the later one, and the cutoff.
    """

    now: pd.DataFrame
    before: pd.DataFrame
    earlier: pd.Series
    starts: tuple[date, date, date]


def two_periods(
    tables: Tables, *, months: int, margin_share: float, complaint_cost: float
) -> TwoPeriods:
    """Value every customer in the last `months`, and in the `months` before as known then.

    Raises
    ------
    NotEnoughDataError
        If the records begin after the first day of the earlier stretch.
    """
    cutoff = tables.window.cutoff
    start, first = add_months(cutoff, -months), add_months(cutoff, -2 * months)
    costs: dict[str, Any] = {"margin_share": margin_share, "complaint_cost": complaint_cost}
    if first < tables.window.start:
        raise NotEnoughDataError(
            f"the records begin on {tables.window.start}: there are no {months} whole months "
            f"before {start} to compare with"
        )
    now = build_value(tables, start=start, **costs)
    before = build_value(tables.as_of(start), start=first, **costs)
    before = _over(before, now.index)
    earlier = pd.Series(False, index=now.index)
    if first > tables.window.start:
        known = build_value(tables.as_of(first), start=tables.window.start, **costs)
        earlier = _over(known, now.index)["traded"]
    acquired = tables.query("select customer_id, acquired_on from customers order by customer_id")
    old = acquired.set_index("customer_id")["acquired_on"] < pd.Timestamp(tables.window.start)
    earlier = earlier | old.reindex(now.index).fillna(False).astype(bool)
    return TwoPeriods(now, before, earlier, (first, start, cutoff))


def _over(value: pd.DataFrame, index: pd.Index) -> pd.DataFrame:
    """Return the values of customers who were not of record then as zero."""
    traded = value["traded"].reindex(index, fill_value=False).astype(bool)
    return value.drop(columns="traded").reindex(index, fill_value=0).assign(traded=traded)


def trade_bridge(
    periods: TwoPeriods, measure: str, tolerance: float = 0.05
) -> tuple[pd.DataFrame, pd.Series]:
    """Split the change of a total over what happened to each customer.

    Parameters
    ----------
    periods : TwoPeriods
        Values of the two stretches.
    measure : str
        ``revenue``, ``margin`` or ``profit``.
    tolerance : float
        A change within this share of the earlier value counts as kept.

    Returns
    -------
    table : DataFrame, one row a way
        ``customers``, ``before``, ``after``, ``change`` in money; whole cents, so that the
        changes add up exactly to the change of the total.
    way : Series of str
        The way of each customer who traded in either stretch.
    """
    was, now = periods.before["traded"], periods.now["traded"]
    before, after = _cents(periods.before[measure]), _cents(periods.now[measure])
    moved = after - before
    same = moved.abs() <= tolerance * before.abs()
    ways = np.select(
        [was & ~now, was & now & same, was & now & (moved > 0), was & now, now & periods.earlier],
        ["lost", "kept", "grown", "shrunk", "returned"],
        default="new",
    )
    traded = was | now
    way = pd.Series(ways, index=was.index, dtype="str")[traded]
    groups = pd.DataFrame({"way": way, "before": before[traded], "after": after[traded]})
    # what is booked without trade (a late cost, say) belongs to the customer's way as well
    sums = groups.groupby("way")[["before", "after"]].sum().reindex(BRIDGE, fill_value=0)
    table = pd.DataFrame(
        {
            "customers": way.value_counts().reindex(BRIDGE, fill_value=0),
            "before": sums["before"] / 100,
            "after": sums["after"] / 100,
            "change": (sums["after"] - sums["before"]) / 100,
        }
    )
    return table.rename_axis("way"), way


def _cents(values: pd.Series) -> pd.Series:
    return (values * 100).round().astype("int64")
