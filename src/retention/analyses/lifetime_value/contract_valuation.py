"""Value of customers under contract: the price of the periods they are expected to stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.features import build_contract_state
from retention.models import continuous_rate, discounted_survival

from .contract_survival import ContractSurvival, Curve

__all__ = ["ContractValuation"]

Array = NDArray[np.floating[Any]]


@dataclass(frozen=True, eq=False, kw_only=True)
class ContractValuation:
    """Contracts that run, what a period of each brings, and how long they last.

    Parameters
    ----------
    contracts : DataFrame, one row a customer
        ``tenure`` in units, ``value_of_period`` in money, ``pattern`` of the survival curves.
    units_per_year : float
        Periods a year.
    """

    contracts: pd.DataFrame
    units_per_year: float
    unit: str
    annual_rate: float
    horizon_years: float | None
    mean_value: float

    @classmethod
    def of(
        cls,
        tables: Tables,
        durations: pd.DataFrame,
        survival: ContractSurvival,
        *,
        margin_share: float | None,
        cost_per_period: float,
        annual_rate: float,
        horizon_years: float | None,
    ) -> ContractValuation:
        """Read the running contracts.

        Raises
        ------
        NotEnoughDataError
            If no contract with a price runs.
        """
        state = build_contract_state(tables)
        running = state[(state["contracts_running"] > 0) & (state["monthly_price"] > 0)]
        last = durations[~durations.index.duplicated(keep="last")]
        running = running[running.index.isin(last.index)]
        if running.empty:
            raise NotEnoughDataError("no contract with a price runs at the cutoff")
        per_year = tables.window.units_per_year
        price = running["monthly_price"].astype(float) * 12 / per_year
        contracts = pd.DataFrame(
            {
                "tenure": last["duration"].reindex(running.index).astype(int),
                "value_of_period": price * (margin_share or 1.0) - cost_per_period,
                "pattern": survival.pattern_of(last.reindex(running.index)),
            }
        )
        return cls(
            contracts=contracts,
            units_per_year=per_year,
            unit=tables.window.unit,
            annual_rate=annual_rate,
            horizon_years=horizon_years,
            mean_value=float(contracts["value_of_period"].mean()),
        )

    def part(self, which: slice) -> ContractValuation:
        """Return the valuation of some of the customers."""
        return replace(self, contracts=self.contracts.iloc[which])

    @property
    def horizon(self) -> int | None:
        """Periods ahead that count."""
        if self.horizon_years is None:
            return None
        return max(1, round(self.horizon_years * self.units_per_year))

    @property
    def rate(self) -> float:
        """Continuous discount rate a period."""
        return float(np.log1p(self.annual_rate)) / self.units_per_year

    def periods(self, curve: Curve) -> pd.Series:
        """Return each customer's discounted periods ahead; the next begins half a period on."""
        continuous_rate(self.annual_rate, "year")  # refuses a rate that is none
        ahead = self._by_pattern(
            lambda survival, tenure: discounted_survival(survival, tenure, self.rate, self.horizon)
        )(curve)
        return pd.Series(ahead * np.exp(-self.rate / 2), self.contracts.index, name="periods")

    def _by_pattern(
        self, work: Callable[[Callable[[ArrayLike], Array], NDArray[np.int64]], Array]
    ) -> Callable[[Curve], Array]:
        """Return `work` on the tenures of each pattern with its own curve, put together."""
        tenure = self.contracts["tenure"].to_numpy(np.int64)
        pattern = self.contracts["pattern"].to_numpy()

        def of(curve: Curve) -> Array:
            out = np.zeros(len(tenure))
            for code in np.unique(pattern):
                mine = pattern == code
                out[mine] = work(_of_pattern(curve, int(code)), tenure[mine])
            return out

        return of

    def customers(self, curve: Curve) -> pd.DataFrame:
        """Return one row a customer with all that the value is made of."""
        value = self.contracts["value_of_period"]
        stay = self._by_pattern(_stay)(curve)
        year = max(1, round(self.units_per_year))
        bought = self._by_pattern(lambda s, tenure: discounted_survival(s, tenure, 0.0, year))
        residual = self.periods(curve) * value
        return pd.DataFrame(
            {
                "probability_alive": 1.0,
                "purchases_next_year": bought(curve),
                "value_of_purchase": value,
                "value_next_period": stay * value,
                "residual_clv": residual,
                "value_at_risk": residual * (1 - stay),
            },
            index=self.contracts.index,
        )

    def drawn(self, curve: Curve, rng: np.random.Generator) -> Array:
        """Return one possible residual value of each customer: until when he stays is drawn."""
        most = self.horizon or int(36 / self.rate) + 1
        worth = np.concatenate([[0.0], np.cumsum(np.exp(-self.rate * (np.arange(most) + 0.5)))])

        def periods(survival: Callable[[ArrayLike], Array], tenure: NDArray[np.int64]) -> Array:
            left = survival(np.arange(int(tenure.max(initial=0)) + most + 1))
            until = rng.random(tenure.size) * left[tenure]
            last = np.searchsorted(-left, -until, side="right") - 1
            return np.asarray(worth[np.clip(last - tenure, 0, most)])

        return self._by_pattern(periods)(curve) * self.contracts["value_of_period"].to_numpy()

    def worth_of_less_dropout(self, curve: Curve, share: float) -> float:
        """Return by how much residual value would be higher were the hazard lower by a share."""
        less = self.periods(lambda t, pattern: curve(t, pattern) ** (1 - share))
        more = (less - self.periods(curve)) * self.contracts["value_of_period"]
        return float(more.sum())

    def _newcomer(self, curve: Curve) -> Callable[[ArrayLike], Array]:
        """Return the curve of a customer not won yet: the mean over those of today."""
        share = np.bincount(self.contracts["pattern"]) / len(self.contracts)
        known = np.flatnonzero(share)
        return lambda t: np.asarray(sum(share[p] * curve(t, int(p)) for p in known))

    def new_customer(self, curve: Curve) -> dict[str, float]:
        """Return what a customer not won yet is worth: the first period, and those after it."""
        ahead = discounted_survival(self._newcomer(curve), [0], self.rate, self.horizon)[0]
        later = float(ahead * np.exp(-self.rate)) * self.mean_value
        return {
            "first_purchase": self.mean_value,
            "later_purchases": later,
            "clv": self.mean_value + later,
        }

    def value_curve(self, curve: Curve, years: Array) -> Array:
        """Return the discounted value of a new customer up to each of some years."""
        spans = np.floor(years * self.units_per_year + 1e-9).astype(int)
        t = np.arange(1, int(spans.max()) + 1)
        worth = self._newcomer(curve)(t) * np.exp(-self.rate * t)
        return self.mean_value * (1 + np.concatenate([[0.0], np.cumsum(worth)])[spans])


def _of_pattern(curve: Curve, pattern: int) -> Callable[[ArrayLike], Array]:
    return lambda t: curve(t, pattern)


def _stay(survival: Callable[[ArrayLike], Array], tenure: NDArray[np.int64]) -> Array:
    """Return the chance to stay through the next period."""
    here, then = survival(tenure), survival(tenure + 1)
    return np.where(here > 0, then / np.where(here > 0, here, 1.0), 0.0)
