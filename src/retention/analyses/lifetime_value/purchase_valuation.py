"""Value of customers whose leaving is not seen: expected purchases times what each is worth."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.models import GammaGammaFit, PurchaseFit
from retention.window import DAYS_PER_YEAR, Unit

from .customer_economics import CustomerEconomics

__all__ = ["PurchaseValuation"]

_PER_YEAR = {
    "day": DAYS_PER_YEAR,
    "week": DAYS_PER_YEAR / 7,
    "month": 12.0,
    "quarter": 4.0,
    "year": 1,
}


@dataclass(frozen=True, eq=False, kw_only=True)
class PurchaseValuation:
    """A model of purchases, one of spending, and what a purchase is worth, together.

    Parameters
    ----------
    purchases : PurchaseFit
        How customers buy and stop.
    spending : GammaGammaFit
        What they spend a purchase.
    economics : CustomerEconomics
        From money spent to money earned.
    annual_rate : float
        Discount rate a year.
    horizon_years : float or None
        Years ahead that count; None for all.
    """

    purchases: PurchaseFit
    spending: GammaGammaFit
    economics: CustomerEconomics
    annual_rate: float
    horizon_years: float | None

    @property
    def unit(self) -> Unit:
        """Unit of time of the purchases."""
        return self.purchases.unit or "day"

    @property
    def horizon(self) -> float | None:
        """Horizon in units of time."""
        return None if self.horizon_years is None else self.horizon_years * _PER_YEAR[self.unit]

    def unit_value(self, rfm: pd.DataFrame) -> pd.Series:
        """Return what one purchase of each customer is worth."""
        return self.economics.unit_value(self.spending.expected_spend(rfm))

    def residual(self, rfm: pd.DataFrame) -> pd.Series:
        """Return the present value of each customer's purchases ahead."""
        ahead = self.purchases.expected_residual(rfm, self.annual_rate, self.horizon)
        return (ahead * self.unit_value(rfm)).rename("residual_clv")

    def with_fits(self, purchases: PurchaseFit, spending: GammaGammaFit) -> PurchaseValuation:
        """Return the valuation by other fits, at the same margins and costs."""
        return replace(self, purchases=purchases, spending=spending)

    def customers(self, rfm: pd.DataFrame) -> pd.DataFrame:
        """Return one row a customer with all that the value is made of."""
        year, period = _PER_YEAR[self.unit], 1.0
        table = self.purchases.score(
            rfm, (year, period, 2 * period), self.annual_rate, self.horizon
        ).set_axis(["alive", "year", "next", "two", "ahead"], axis=1)
        # the flow of purchases falls because customers stop: by that much value is lost
        lost = 1 - (table["two"] - table["next"]) / table["next"].where(table["next"] > 0, 1.0)
        unit_value = self.unit_value(rfm)
        residual = table["ahead"] * unit_value
        return pd.DataFrame(
            {
                "probability_alive": table["alive"],
                "purchases_next_year": table["year"],
                "value_of_purchase": unit_value,
                "value_next_period": table["next"] * unit_value,
                "residual_clv": residual,
                "value_at_risk": residual * lost.clip(0, 1),
            }
        )

    def worth_of_less_dropout(self, rfm: pd.DataFrame, residual: pd.Series, share: float) -> float:
        """Return by how much residual value would be higher were dropout lower by a share."""
        less = self.with_fits(self.purchases.with_less_dropout(share), self.spending)
        return float((less.residual(rfm) - residual).sum())

    def new_customer(self) -> dict[str, float]:
        """Return what a customer not won yet is worth, before the cost of winning him."""
        unit_value = self.economics.mean_unit_value(self.spending.population_mean)
        first = self.economics.mean_unit_value(self.economics.first_value)
        later = self.purchases.new_customer_residual(self.annual_rate, self.horizon) * unit_value
        return {"first_purchase": first, "later_purchases": later, "clv": first + later}

    def value_curve(self, years: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Return the discounted value of a new customer up to each of some years."""
        unit_value = self.economics.mean_unit_value(self.spending.population_mean)
        first = self.economics.mean_unit_value(self.economics.first_value)
        per_year = _PER_YEAR[self.unit]
        bought = self.purchases.new_customer_curve(years * per_year)
        middle = (years[1:] + years[:-1]) / 2
        worth = np.diff(bought) * (1 + self.annual_rate) ** -middle
        return np.asarray(first + unit_value * np.concatenate([[0.0], np.cumsum(worth)]))

    def drawn(
        self, rfm: pd.DataFrame, residual: pd.Series, rng: np.random.Generator
    ) -> NDArray[np.floating[Any]]:
        """Return one possible residual value of each customer.

        Purchases are drawn over the horizon (twenty years at most), and discounted as the expected
        ones are on average.
        """
        span = min(self.horizon_years or 20.0, 20.0) * _PER_YEAR[self.unit]
        count = self.purchases.simulate(rfm, span, rng)
        money = self.spending.simulate_spend(rfm, count, rng)
        expected = self.purchases.expected_purchases(rfm, span)
        earned = self.economics.earned(money, count)
        worth = residual / (expected * self.unit_value(rfm)).replace(0.0, np.nan)
        return (earned * worth.fillna(0.0)).to_numpy(dtype=float)
