"""Mean profit of each customer a stretch of thirty days, and how surely it is known."""

from __future__ import annotations

from datetime import timedelta

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import MissingTableError

from .value import build_value

__all__ = ["build_profit_rhythm"]

_DAYS = 30
_PRIOR_BLOCKS = 4  # how many stretches the common variance counts for beside a customer's own


def build_profit_rhythm(
    tables: Tables,
    *,
    blocks: int = 24,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
) -> pd.DataFrame:
    """Mean profit a stretch of 30 days, after cost to serve, with its standard error.

    A customer's own variance between stretches is mixed with the one that is usual at his size, for
    a few quiet stretches say little. Contract margin and programme cost are spread evenly.

    Parameters
    ----------
    tables : Tables
        With ``orders``; ``contracts``, ``contacts``, ``complaints``, ``enrolments`` where there.
    blocks : int
        Stretches of 30 days before the cutoff; fewer for customers won within them.
    margin_share, complaint_cost : float
        As in `build_value`.

    Returns
    -------
    DataFrame, one row a customer seen for three stretches or more
        ``estimate`` and ``se`` (money a stretch of 30 days), ``n`` (stretches), ``revenue`` and
        ``cost`` (mean money a stretch; cost is what serving the customer took).

    Raises
    ------
    MissingTableError
        If there are no orders: without them nothing varies.
    """
    if "orders" not in tables:
        raise MissingTableError("orders", "profit from month to month")
    window = tables.window
    start = max(window.start, window.cutoff - timedelta(days=blocks * _DAYS))
    whole = (window.cutoff - start).days // _DAYS
    start = window.cutoff - timedelta(days=whole * _DAYS)
    costs = {"margin_share": float(margin_share), "complaint_cost": float(complaint_cost)}
    sums = tables.query(
        template("retention.features", "profit_rhythm.sql"),
        start=start, days=_DAYS, blocks=whole, **costs,
    ).set_index("customer_id")  # fmt: skip
    value = build_value(
        tables, start=start, margin_share=margin_share, complaint_cost=complaint_cost
    )
    n = _stretches(tables, whole).reindex(value.index)
    sums = sums.reindex(value.index).fillna(0.0)
    n = n[(n >= 3) & value["traded"]]
    return _moments(sums.loc[n.index], value.loc[n.index], n)


def _stretches(tables: Tables, whole: int) -> pd.Series:
    """Whole stretches for which each customer has been one, at most those looked at."""
    frame = tables.query("select customer_id, acquired_on from customers order by customer_id")
    days = (pd.Timestamp(tables.window.cutoff) - frame["acquired_on"]).dt.days
    n = np.minimum(days // _DAYS, whole)
    return pd.Series(n.to_numpy(dtype=int), index=pd.Index(frame["customer_id"]), name="n")


def _moments(sums: pd.DataFrame, value: pd.DataFrame, n: pd.Series) -> pd.DataFrame:
    even = value.reindex(columns=["contract_margin"], fill_value=0)["contract_margin"]
    even = even - value.reindex(columns=["programme_cost"], fill_value=0)["programme_cost"]
    contract = value.reindex(columns=["contract_revenue"], fill_value=0)["contract_revenue"]
    mean = sums["profit_sum"] / n
    square = sums["profit_squares"] / n
    own = ((square - mean**2) * n / (n - 1)).clip(lower=0)
    usual = float((own / square.where(square > 0)).median()) * square
    variance = (_PRIOR_BLOCKS * usual + (n - 1) * own) / (_PRIOR_BLOCKS + n - 1)
    floor = 1e-4 * max(float(square.mean()), 1e-8)
    return pd.DataFrame(
        {
            "estimate": mean + even / n,
            "se": np.sqrt(variance.clip(lower=floor) / n),
            "n": n,
            "revenue": (sums["revenue_sum"] + contract) / n,
            "cost": sums["cost_sum"] / n,
        }
    ).rename_axis("customer_id")
