"""Value of customers under contract: the price of the periods they are expected to stay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.features import build_contract_state, build_durations
from retention.models import (
    BetaDiscreteWeibull,
    KaplanMeier,
    RenewalFit,
    RenewalModel,
    ShiftedBetaGeometric,
    continuous_rate,
    discounted_survival,
)

__all__ = ["CONTRACT_MODELS", "ContractChoice", "ContractValuation", "choose_contract_model"]

Survival = Callable[[ArrayLike], NDArray[np.floating[Any]]]

CONTRACT_MODELS: dict[str, RenewalModel] = {
    "shifted_beta_geometric": ShiftedBetaGeometric(),
    "beta_discrete_weibull": BetaDiscreteWeibull(),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class ContractChoice:
    """Models of how long contracts last, and the one in use."""

    name: str
    fits: dict[str, RenewalFit]
    table: pd.DataFrame
    durations: pd.DataFrame
    survival: Survival

    @property
    def fit(self) -> RenewalFit | None:
        """The parametric fit in use; None for Kaplan-Meier."""
        return self.fits.get(self.name)


def choose_contract_model(tables: Tables, model: str) -> ContractChoice:
    """Fit the models of renewal, and take the one asked for or that of least AIC.

    ``kaplan_meier`` values by the curve as it was seen: nobody is expected to stay longer than the
    longest tenure on record.

    Raises
    ------
    ParameterError
        If the model is not known.
    """
    known = [*CONTRACT_MODELS, "kaplan_meier"]
    if model not in ("auto", *known):
        raise ParameterError(f"model must be auto, {', '.join(known)}; got {model!r}")
    durations = build_durations(tables)
    fits = {name: spec.fit(durations) for name, spec in CONTRACT_MODELS.items()}
    table = pd.DataFrame(
        {
            name: {
                "log_likelihood": fit.log_likelihood,
                "aic": fit.aic,
                "boundaries": "; ".join(fit.optimum.certificate.boundaries) if fit.optimum else "",
                "failed": "",
            }
            for name, fit in fits.items()
        }
    ).T.rename_axis("model")
    table = table.astype({"log_likelihood": float, "aic": float})
    name = str(table["aic"].idxmin()) if model == "auto" else model
    survival: Survival
    if name == "kaplan_meier":
        curve = KaplanMeier().fit(durations)
        longest = float(durations["duration"].max())

        def survival(t: ArrayLike) -> NDArray[np.floating[Any]]:
            t = np.asarray(t, dtype=float)
            return np.where(t <= longest, curve.survival(np.minimum(t, longest)), 0.0)

    else:
        survival = fits[name].survival
    return ContractChoice(name=name, fits=fits, table=table, durations=durations, survival=survival)


@dataclass(frozen=True, eq=False, kw_only=True)
class ContractValuation:
    """Contracts that run, what a period of each brings, and how long they last.

    Parameters
    ----------
    contracts : DataFrame, one row a customer
        ``tenure`` in units, ``value_of_period`` in money.
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
        tenure = durations.groupby(level=0)["duration"].last()
        running = running[running.index.isin(tenure.index)]
        if running.empty:
            raise NotEnoughDataError("no contract with a price runs at the cutoff")
        per_year = tables.window.units_per_year
        price = running["monthly_price"].astype(float) * 12 / per_year
        contracts = pd.DataFrame(
            {
                "tenure": tenure.reindex(running.index).astype(int),
                "value_of_period": price * (margin_share or 1.0) - cost_per_period,
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

    def periods(self, survival: Survival) -> pd.Series:
        """Return each customer's discounted periods ahead; the next begins half a period on."""
        continuous_rate(self.annual_rate, "year")  # refuses a rate that is none
        ahead = discounted_survival(survival, self.contracts["tenure"], self.rate, self.horizon)
        return pd.Series(ahead * np.exp(-self.rate / 2), self.contracts.index, name="periods")

    def customers(self, survival: Survival) -> pd.DataFrame:
        """Return one row a customer with all that the value is made of."""
        tenure = self.contracts["tenure"].to_numpy()
        here, then = survival(tenure), survival(tenure + 1)
        stay = np.where(here > 0, then / np.where(here > 0, here, 1.0), 0.0)
        year = discounted_survival(survival, tenure, 0.0, max(1, round(self.units_per_year)))
        residual = self.periods(survival) * self.contracts["value_of_period"]
        return pd.DataFrame(
            {
                "probability_alive": 1.0,
                "purchases_next_year": year,
                "value_of_purchase": self.contracts["value_of_period"],
                "value_next_period": stay * self.contracts["value_of_period"],
                "residual_clv": residual,
                "value_at_risk": residual * (1 - stay),
            },
            index=self.contracts.index,
        )

    def new_customer(self, survival: Survival) -> dict[str, float]:
        """Return what a customer not won yet is worth: the first period, and those after it."""
        ahead = discounted_survival(survival, [0], self.rate, self.horizon)[0]
        later = float(ahead * np.exp(-self.rate)) * self.mean_value
        return {
            "first_purchase": self.mean_value,
            "later_purchases": later,
            "clv": self.mean_value + later,
        }

    def value_curve(
        self, survival: Survival, years: NDArray[np.floating[Any]]
    ) -> NDArray[np.floating[Any]]:
        """Return the discounted value of a new customer up to each of some years."""
        values = []
        for span in np.floor(years * self.units_per_year).astype(int):
            ahead = discounted_survival(survival, [0], self.rate, int(span))[0] if span else 0.0
            values.append(self.mean_value * (1 + ahead * np.exp(-self.rate)))
        return np.array(values)
