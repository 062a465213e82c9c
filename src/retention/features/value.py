"""What each customer brought and cost in a stretch of time before the cutoff."""

from __future__ import annotations

from datetime import date

import pandas as pd

from retention.engine import Tables, template
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.window import add_months

__all__ = ["MEASURES", "build_value"]

#: By what customers may be valued, and what each is.
MEASURES = {
    "revenue": "order value after discount and returns, and contract prices of the months begun",
    "margin": "revenue less the cost of what was sold, before any cost of serving the customer",
    "profit": "margin less service, contact, programme and complaint cost",
}


def build_value(
    tables: Tables,
    *,
    start: date | None = None,
    months: int = 12,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
) -> pd.DataFrame:
    """Revenue, margin and profit of every customer from `start` to the cutoff.

    A contract is billed at its monthly price for every month begun, so that the values of adjoining
    stretches add up to the cent. A cost that no table holds is not counted.

    Parameters
    ----------
    tables : Tables
        As known at the cutoff; `orders` or `contracts` are needed.
    start : date, optional
        First day that counts; by default `months` before the cutoff.
    months : int
        Length of the stretch where no `start` is given.
    margin_share : float
        Share of revenue that is margin wherever the tables do not hold a margin: contract prices,
        and orders without one; six decimals count. 1 counts revenue in full.
    complaint_cost : float
        What handling one complaint costs, in money.

    Returns
    -------
    DataFrame, one row a customer
        Index ``customer_id``; ``revenue``, ``margin``, ``profit`` and their parts in money, and
        ``traded``: whether there was an order or a contract month. ``attrs`` holds the window and
        the start.

    Raises
    ------
    MissingTableError
        If there are neither orders nor contracts.
    NotEnoughDataError
        If the records begin after `start`: the stretch is not wholly known.
    ParameterError
        If a share or a cost is out of range.

    Examples
    --------
    >>> from retention.window import Window
    >>> began = {"customer_id": ["a"], "acquired_on": [pd.Timestamp("2024-11-15")]}
    >>> contract = {"customer_id": ["a"], "started_on": began["acquired_on"], "price": [10.0]}
    >>> tables = Tables.from_frames(
    ...     {"customers": pd.DataFrame(began), "contracts": pd.DataFrame(contract)},
    ...     window=Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1)),
    ... )
    >>> build_value(tables)["revenue"].tolist()
    [20.0]
    """
    tables.require("customers", needed_for="customer value")
    if not {"orders", "contracts"} & tables.names:
        raise MissingTableError("orders", "customer value (or contracts)")
    first = _first_day(tables, start, months)
    if not 0 <= margin_share <= 1 or complaint_cost < 0:
        raise ParameterError("margin_share lies between 0 and 1, complaint_cost is 0 or more")
    frame = tables.query(
        template("retention.features", "value.sql"),
        start=first,
        margin_share=float(margin_share),
        complaint_cost=float(complaint_cost),
        begun_by_end=_months_begun(tables, tables.window.cutoff),
        begun_by_start=_months_begun(tables, first),
    ).set_index("customer_id")
    result = _sums(frame)
    result.attrs = {"window": tables.window, "start": first}
    return result


def _first_day(tables: Tables, start: date | None, months: int) -> date:
    window = tables.window
    first = start or add_months(window.cutoff, -months)
    if first >= window.cutoff:
        raise ParameterError(f"start {first} must lie before the cutoff {window.cutoff}")
    if first < window.start:
        raise NotEnoughDataError(
            f"the records begin on {window.start}, after {first}: values from {first} to "
            f"{window.cutoff} are not wholly known"
        )
    return first


def _months_begun(tables: Tables, end: date) -> str:
    """Return SQL for the months of a contract that were begun before `end`."""
    day = f"DATE '{end.isoformat()}'"
    last = f"case when ended_on is not null and ended_on < {day} then ended_on else {day} end"
    return tables.window.in_unit("month").started_units_sql("started_on", f"({last})")


def _sums(frame: pd.DataFrame) -> pd.DataFrame:
    """Add the three measures, to the cent, in front of their parts."""
    costs = ("service_cost", "contact_cost", "programme_cost", "complaint_cost")

    def total(*names: str) -> pd.Series:
        return frame.reindex(columns=[n for n in names if n in frame]).sum(axis=1).round(2)

    margin = total("order_margin", "contract_margin")
    measures = pd.DataFrame(
        {
            "revenue": total("order_revenue", "contract_revenue"),
            "margin": margin,
            "profit": (margin - total(*costs)).round(2),
        }
    )
    traded = frame["traded"].astype(bool)
    return pd.concat([measures, frame.drop(columns="traded"), traded], axis=1)
