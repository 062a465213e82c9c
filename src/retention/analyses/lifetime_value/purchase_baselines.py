"""Three ways to forecast purchases without a model, which a model has to beat."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.features import build_purchases_between, build_rfm
from retention.window import add_months

__all__ = ["BASELINES", "baseline_forecasts"]

#: What each baseline holds.
BASELINES = {
    "last_year_repeated": "each customer buys as often as in the twelve months before",
    "rfm_cell_mean": "each customer buys as those of the same recency and frequency did last time",
    "constant_churn": "active customers buy as in the stretch before, less a constant share who "
    "leave; the others buy nothing",
}


def baseline_forecasts(tables: Tables, rfm: pd.DataFrame, months: int) -> pd.DataFrame:
    """Return expected purchases of each customer in the next `months`, by each baseline.

    Parameters
    ----------
    tables : Tables
        As known at the origin: nothing later is used.
    rfm : DataFrame
        Customers, as of the origin.
    months : int
        Length of the forecast.

    Returns
    -------
    DataFrame
        One column a baseline; a column is missing where the records are too short for it.
    """
    origin = tables.window.cutoff
    found: dict[str, pd.Series | None] = {"last_year_repeated": _last_year(tables, rfm, months)}
    if add_months(origin, -2 * months) > tables.window.start:
        before = add_months(origin, -months)
        recent = _between(tables, rfm, before, origin)
        found["rfm_cell_mean"] = _cell_means(tables, rfm, before, recent)
        found["constant_churn"] = _constant_churn(tables, rfm, before, recent, months)
    return pd.DataFrame({name: v for name, v in found.items() if v is not None}, index=rfm.index)


def _between(tables: Tables, rfm: pd.DataFrame, start: date, end: date) -> pd.Series:
    return build_purchases_between(tables, start, end).reindex(rfm.index).fillna(0).astype(float)


def _last_year(tables: Tables, rfm: pd.DataFrame, months: int) -> pd.Series:
    origin = tables.window.cutoff
    start = max(add_months(origin, -12), tables.window.start)
    first = rfm["first_on"].where(rfm["first_on"] > pd.Timestamp(start), pd.Timestamp(start))
    days = (pd.Timestamp(origin) - first).dt.days
    known = _between(tables, rfm, start, origin)
    ahead = (add_months(origin, months) - origin).days
    # who came within the year is known for a part of it only
    return known / days.clip(lower=ahead) * ahead


def _cell(rfm: pd.DataFrame, origin: date) -> pd.Series:
    silent = (pd.Timestamp(origin) - rfm["last_on"]).dt.days
    recency = np.digitize(silent, [31, 92, 183, 365])
    frequency = np.digitize(rfm["frequency"], [1, 2, 4, 8, 16])
    return pd.Series(recency * 10 + frequency, rfm.index)


def _cell_means(
    tables: Tables, rfm: pd.DataFrame, before: date, recent: pd.Series
) -> pd.Series | None:
    try:
        then = build_rfm(tables.as_of(before))
    except NotEnoughDataError:
        return None
    outcome = recent.reindex(then.index).fillna(0.0)
    means = outcome.groupby(_cell(then, before)).mean()
    return _cell(rfm, tables.window.cutoff).map(means).fillna(float(outcome.mean()))


def _constant_churn(
    tables: Tables, rfm: pd.DataFrame, before: date, recent: pd.Series, months: int
) -> pd.Series:
    start = add_months(before, -months)
    earlier = _between(tables, rfm, start, before)
    active = earlier > 0
    stayed = float((recent[active] > 0).mean()) if active.any() else 0.0
    return recent * stayed
