"""What a purchase of each customer is worth to the company: margin, cost to serve, delay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import ParameterError
from retention.window import DAYS_PER_YEAR

__all__ = ["CustomerEconomics", "acquisition_costs", "customer_economics"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomerEconomics:
    """From money spent to money earned.

    Parameters
    ----------
    measure : str
        What value is in: ``revenue``, ``margin``, or ``margin after service cost``.
    margin_rate : Series
        Margin a unit of revenue, by customer; a customer's own rate, drawn towards that of all by
        as much revenue as a customer brings on average.
    service_cost : Series
        Cost of serving one purchase, drawn towards that of all by two purchases.
    payment : Series
        What money is worth that comes as late as this customer pays.
    first_value : float
        Mean money of a first purchase, in revenue.
    mean_margin_rate, mean_service_cost, mean_payment : float
        Of all customers together.
    """

    measure: str
    margin_rate: pd.Series
    service_cost: pd.Series
    payment: pd.Series
    first_value: float
    mean_margin_rate: float
    mean_service_cost: float
    mean_payment: float

    def unit_value(self, spend: pd.Series) -> pd.Series:
        """Return what one purchase of each customer is worth, given what is spent on it."""
        return self.earned(spend, pd.Series(1.0, spend.index)).rename("unit_value")

    def earned(self, money: pd.Series, purchases: pd.Series) -> pd.Series:
        """Return what so many purchases of each customer, worth so much together, earn."""
        rate, payment, cost = (
            part if part.index is money.index else part.reindex(money.index)
            for part in (self.margin_rate, self.payment, self.service_cost)
        )
        return money * rate * payment - purchases * cost

    def mean_unit_value(self, spend: float) -> float:
        """Return what one purchase of a customer not known yet is worth."""
        return spend * self.mean_margin_rate * self.mean_payment - self.mean_service_cost

    def to_date(self, rfm: pd.DataFrame) -> pd.Series:
        """Return what each customer has brought so far, in the measure, undiscounted."""
        cost = self.service_cost * (rfm["frequency"] + 1)
        if "service_cost" in rfm and self.mean_service_cost > 0:
            cost = rfm["service_cost"]
        known = rfm["margin"] if "margin" in rfm else rfm["revenue"] * self.margin_rate
        return (rfm["revenue"] if self.measure == "revenue" else known - cost).rename("to_date")


def customer_economics(
    rfm: pd.DataFrame, *, margin_share: float | None, annual_rate: float
) -> CustomerEconomics:
    """Work out margins, costs and delays from the purchases.

    Parameters
    ----------
    rfm : DataFrame
        From `build_rfm`.
    margin_share : float or None
        Margin a unit of revenue, for every customer; None takes it from the orders, and where they
        hold none, value is revenue.
    annual_rate : float
        Discount rate a year, for the delay of payment.

    Raises
    ------
    ParameterError
        If the share does not lie between 0 and 1.
    """
    if margin_share is not None and not 0 < margin_share <= 1:
        raise ParameterError(f"margin_share must lie between 0 and 1, got {margin_share}")
    rfm = rfm.copy(deep=False)
    rfm.attrs = {}  # else each product of what follows would copy the window
    rate, mean_rate, earns = _margin_rates(rfm, margin_share)
    cost, mean_cost = _service_costs(rfm) if earns else (pd.Series(0.0, rfm.index), 0.0)
    days = rfm["days_to_pay"] if "days_to_pay" in rfm else pd.Series(np.nan, rfm.index)
    mean_days = float(days.mean()) if days.notna().any() else 0.0
    late = np.log1p(annual_rate) / DAYS_PER_YEAR
    measure = "revenue"
    if earns:
        measure = "margin after service cost" if mean_cost > 0 else "margin"
    return CustomerEconomics(
        measure=measure,
        margin_rate=rate,
        service_cost=cost,
        payment=np.exp(-late * days.fillna(mean_days)),
        first_value=float(rfm["first_value"].mean()),
        mean_margin_rate=mean_rate,
        mean_service_cost=mean_cost,
        mean_payment=float(np.exp(-late * mean_days)),
    )


def _margin_rates(rfm: pd.DataFrame, share: float | None) -> tuple[pd.Series, float, bool]:
    if share is not None:
        return pd.Series(share, rfm.index), share, True
    if "margin" not in rfm or not rfm["margin_revenue"].sum() > 0:
        return pd.Series(1.0, rfm.index), 1.0, False
    mean = float(rfm["margin"].sum() / rfm["margin_revenue"].sum())
    weight = float(rfm["margin_revenue"].clip(lower=0).mean())
    own = rfm["margin_revenue"].clip(lower=0)
    return (rfm["margin"] + weight * mean) / (own + weight), mean, True


def _service_costs(rfm: pd.DataFrame) -> tuple[pd.Series, float]:
    if "service_cost" not in rfm:
        return pd.Series(0.0, rfm.index), 0.0
    days = rfm["frequency"] + 1
    mean = float(rfm["service_cost"].sum() / days.sum())
    return (rfm["service_cost"] + 2 * mean) / (days + 2), mean


def acquisition_costs(tables: Tables, ids: pd.Index) -> tuple[pd.Series, float | None]:
    """Return what each customer cost to win (missing where unknown), and what a new one costs.

    A new one costs the mean of the customers acquired in the last twelve months, or of all where
    those are fewer than the minimum n.
    """
    if "acquisition_cost" not in tables.columns("customers"):
        return pd.Series(np.nan, ids), None
    found = tables.query(
        "select customer_id, acquired_on, acquisition_cost from customers order by customer_id"
    ).set_index("customer_id")
    cost = found["acquisition_cost"].astype(float)
    known = cost.dropna()
    if known.empty:
        return pd.Series(np.nan, ids), None
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=365)
    recent = cost[pd.to_datetime(found["acquired_on"]) >= since].dropna()
    mean = recent.mean() if len(recent) >= tables.minimum_n else known.mean()
    return cost.reindex(ids), float(mean)
