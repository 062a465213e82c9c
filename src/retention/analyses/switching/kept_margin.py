"""What keeping a customer is worth: margin rate, and the value of a stay with a constant hazard."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.engine import Tables
from retention.errors import ParameterError
from retention.features import build_annual_spend

__all__ = ["MarginRate", "customer_margins", "margin_rate", "stay_value"]


@dataclass(frozen=True)
class MarginRate:
    """Margin as a share of spend, and whether it is from the tables or an assumption."""

    value: float
    source: str


def margin_rate(tables: Tables, given: float | None) -> MarginRate:
    """Return the margin after service cost of last year's orders, unless one is given.

    Where no order has a margin, 0.3 is assumed, and said.

    Raises
    ------
    ParameterError
        If the given rate is not above 0 and at most 1.
    """
    if given is not None:
        if not 0 < given <= 1:
            raise ParameterError(f"margin_rate must lie above 0 and up to 1, got {given}")
        return MarginRate(given, "as given")
    frame = build_annual_spend(tables)
    known = frame[frame["margin"].notna() & (frame["ordered"] > 0)]
    if len(known) >= tables.minimum_n:
        kept = float((known["margin"] - known["service_cost"]).sum() / known["ordered"].sum())
        if 0 < kept <= 1:
            return MarginRate(kept, "margin less service cost of last year's orders")
    return MarginRate(0.3, "assumed: no order has a margin")


def customer_margins(tables: Tables, rate: MarginRate) -> pd.Series:
    """Return the annual margin of each customer who is here; never below 0."""
    return (build_annual_spend(tables)["annual_spend"] * rate.value).clip(lower=0)


def stay_value(
    annual_margin: ArrayLike, annual_hazard: ArrayLike, annual_discount_rate: float
) -> NDArray[np.float64]:
    """Return the present value of a margin that flows until the customer leaves: m / (d + h).

    Parameters
    ----------
    annual_margin, annual_hazard : array_like of float
        Margin a year and hazard of leaving a year, both constant from now on.
    annual_discount_rate : float
        Effective annual rate, such as 0.10; above 0.

    Raises
    ------
    ParameterError
        If the rate is not above 0.

    Examples
    --------
    >>> print(stay_value(100.0, 0.2, 0.1).round(2))
    338.63
    """
    if annual_discount_rate <= 0:
        raise ParameterError(f"annual_discount_rate must be above 0, got {annual_discount_rate}")
    d = np.log1p(annual_discount_rate)
    return np.asarray(annual_margin, dtype=float) / (d + np.asarray(annual_hazard, dtype=float))
