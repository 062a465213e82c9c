"""What a point of satisfaction goes with in money: margin that stays, orders that follow."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import DataError, NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate, delta_interval
from retention.features import Scale, build_revenue_after, build_value
from retention.models import BinaryRegressionFit, LeastSquares

__all__ = ["HORIZON", "TENURE_BANDS", "order_value_after_a_point", "worth_of_a_point"]

Numbers = NDArray[np.float64]

TENURE_BANDS = (3, 6, 12, 24, 36)
"""Ends of the bands of tenure, in units, within which the hazard has one level."""

HORIZON = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}
"""A year, in units."""


def worth_of_a_point(
    tables: Tables,
    ready: pd.DataFrame,
    fit: BinaryRegressionFit,
    construct: str,
    top: float,
    margin_share: float | None,
    horizon: int,
    level: float,
) -> tuple[dict[str, Estimate], str]:
    """Margin of a year that one point more would go with, mean over present customers."""
    margin, why = _monthly_margin(tables, margin_share)
    if margin is None:
        return {}, why
    latest = ready.groupby("customer_id").tail(1)
    # an event in the last period is a customer who is no longer there
    latest = latest[latest["event"] == 0]
    money = latest["customer_id"].map(margin).fillna(0.0).to_numpy()
    if len(latest) < tables.minimum_n:
        return {}, f"{len(latest)} present customers have a known score"
    names = [str(n) for n in fit.coefficients.index]
    base = _design(latest, names, horizon)
    room = np.clip(top - latest["score"].to_numpy(), 0, 1)  # no one rises above the scale
    at = names.index("score")
    raised = base.copy()
    raised[:, :, at] += room[:, None]
    per_unit = money * (12 / HORIZON[tables.window.unit])

    def worth(b: Numbers) -> float:
        stay = [np.exp(-np.cumsum(np.exp(x @ b), axis=1)).sum(axis=1) for x in (base, raised)]
        return float(np.mean(per_unit * (stay[1] - stay[0])))

    b = fit.coefficients.to_numpy()
    value, low, high = delta_interval(worth, b, fit.clustered, level)
    events = fit.events
    return {
        "worth_of_a_point": Estimate(
            value=value, low=low, high=high, level=level, n=len(latest), events=events, grade="C",
            unit=f"{tables.currency} per customer and year",
            method=f"one point more of {construct}, margin retained within a year, discrete hazard "
            "adjusted for tenure and segment; delta method, margins taken as known",
        ),
        "worth_of_a_point_all": Estimate(
            value=value * len(latest), low=low * len(latest), high=high * len(latest), level=level,
            n=len(latest), events=events, grade="C", unit=f"{tables.currency} per year",
            method="as above, summed over present customers with a known score",
        ),
    }, ""  # fmt: skip


def _design(latest: pd.DataFrame, names: list[str], horizon: int) -> Numbers:
    """Covariates of the coming periods; shape (customers, horizon, coefficients)."""
    tenure = latest["tenure"].to_numpy()[:, None] + np.arange(1, horizon + 1)[None, :]
    band = np.searchsorted(TENURE_BANDS, tenure - 1, side="right")
    columns = []
    for name in names:
        if name == "intercept":
            columns.append(np.ones_like(tenure, dtype=float))
        elif name.startswith("band "):
            columns.append((band == int(name.split()[1])).astype(float))
        else:
            own = latest[name].to_numpy(dtype=float) if name in latest else np.zeros(len(latest))
            columns.append(np.broadcast_to(own[:, None], tenure.shape))
    return np.stack(columns, axis=2)


def _monthly_margin(tables: Tables, margin_share: float | None) -> tuple[pd.Series | None, str]:
    priced = "contracts" in tables and "price" in tables.columns("contracts")
    held = "orders" in tables and "margin" in tables.columns("orders")
    if margin_share is None and (priced or not held):
        return None, (
            "a point has no worth in money here until margin_share says what part of contract "
            "prices, or of orders without a margin, is margin"
        )
    months = min(12, max(1, (tables.window.cutoff - tables.window.start).days // 31))
    try:
        value = build_value(
            tables, months=months, margin_share=1.0 if margin_share is None else margin_share
        )
    except DataError as error:
        return None, f"margins are not known: {error}"
    first = tables.query("select customer_id, acquired_on from customers order by customer_id")
    age = (pd.Timestamp(tables.window.cutoff) - pd.to_datetime(first["acquired_on"])).dt.days
    with_us = pd.Series((age / 30.4375).clip(1, months).to_numpy(), index=first["customer_id"])
    return value["margin"].astype(float) / with_us.reindex(value.index).fillna(months), ""


def order_value_after_a_point(
    tables: Tables, scale: Scale, level: float
) -> tuple[dict[str, Estimate], str]:
    """Order value of the 90 days after an answer, within customers and waves."""
    if "orders" not in tables:
        return {}, "orders are not known, so what follows in revenue is not either"
    table = build_revenue_after(tables, scale)
    table["several"] = table.groupby("customer_id")["score"].transform("nunique")
    table = table[table["several"] > 1]
    table = table.assign(log_revenue=np.log1p(table["revenue"].clip(lower=0)))
    if table["customer_id"].nunique() < tables.minimum_n:
        n = table["customer_id"].nunique()
        return {}, f"only {n} customers gave different scores at different times"
    try:
        fit = LeastSquares(effects=["customer_id", "wave"], cluster="customer_id").fit(
            table, outcome="log_revenue", regressors=["score"]
        )
    except (NotIdentifiedError, NotEnoughDataError) as error:
        return {}, str(error)
    value, _, low, high = fit.combination({"score": 1.0}, level)
    return {
        "revenue_after_a_point": Estimate(
            value=100 * np.expm1(value), low=100 * np.expm1(low), high=100 * np.expm1(high),
            level=level, unit="% of order value", n=fit.n, grade="C",
            method="log of 1 + order value of the 90 days after an answer, per point, within "
            "customers and waves; clustered by customer",
        )
    }, ""  # fmt: skip
