"""What each customer is still worth, what a new one is worth, and what all of them are together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import MissingTableError, ParameterError
from retention.estimates import Estimate
from retention.models import SpendIndependence

from .customer_economics import acquisition_costs
from .purchase_models import ModelChoice
from .purchase_valuation import PurchaseValuation
from .value_from_contracts import value_from_contracts
from .value_from_orders import value_from_orders
from .value_numbers import equity_table, segment_table, value_numbers, winning_or_keeping
from .value_parts import YEARS, ValueSettings, Worked

__all__ = ["CustomerLifetimeValue", "customer_lifetime_value"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomerLifetimeValue:
    """Answer of `customer_lifetime_value`.

    Parameters
    ----------
    customers : DataFrame, one row a customer
        ``segment``, ``probability_alive``, ``purchases_next_year``, ``value_of_purchase``,
        ``value_next_period``, ``residual_clv``, ``value_at_risk``, ``value_to_date``,
        ``acquisition_cost`` and ``whole_life_value``; for contracts a purchase is a period. What
        is predicted has an interval of its expectation, such as ``residual_clv_low`` and
        ``residual_clv_high``; ``counted_low`` and ``counted_high`` hold the residual value as it
        may turn out, chance included, and are far wider for one customer.
    segments : DataFrame, one row a segment
        ``customers``, ``residual_clv`` with ``low`` and ``high`` and with ``counted_low`` and
        ``counted_high``, and the other predictions with their intervals.
    models : DataFrame, one row a model
        Fit, AIC, the total each gives, and whether the data rule it out.
    equity : DataFrame, one row a part
        Existing customers, planned cohorts, and their sum, with ``low`` and ``high``.
    payback : DataFrame
        ``years`` and ``value``: the discounted value of a new customer less the cost of winning.
    winning_or_keeping : DataFrame, two rows
        What winning a customer and keeping one bring, with interval, cost and return.
    measure : str
        What value is in: revenue, margin, or margin after service cost.
    basis : str
        ``orders`` or ``contracts``.
    """

    customers: pd.DataFrame
    segments: pd.DataFrame
    models: pd.DataFrame
    equity: pd.DataFrame
    payback: pd.DataFrame
    winning_or_keeping: pd.DataFrame
    measure: str
    basis: str
    model: str
    currency: str
    cutoff: date
    unit: str
    annual_rate: float
    horizon_years: float | None
    level: float
    independence: SpendIndependence | None
    valuation: PurchaseValuation | None
    choice: ModelChoice | None
    rfm: pd.DataFrame | None
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a segment."""
        return self.segments

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before acting on the numbers."""
        return self.warnings

    @property
    def span(self) -> str:
        """The horizon in words."""
        if self.horizon_years is None:
            return "without a horizon"
        return f"over the next {self.horizon_years:g} years"

    def headline(self) -> str:
        """Return the worth of the customers of today, named by what it is in."""
        total = self.numbers["residual_value"]
        if not total.shown:
            return f"What the customers are still worth is not shown: {total.why}."
        text = (
            f"The customers of today are still worth {total} in {self.measure} {self.span}, "
            f"discounted at {self.annual_rate:.1%} a year"
        )
        risk = self.numbers["value_at_risk"]
        if risk.value is not None:
            text += f"; {risk.value:,.0f} {self.currency} of it is lost in the next {self.unit} "
            text += "if nothing is done"
        return f"{text}."


def customer_lifetime_value(
    tables: Tables,
    *,
    basis: Literal["auto", "orders", "contracts"] = "auto",
    model: str = "auto",
    covariates: Sequence[str] = (),
    annual_rate: float = 0.10,
    horizon_years: float | None = 5.0,
    margin_share: float | None = None,
    cost_per_period: float = 0.0,
    acquisition_cost: float | None = None,
    planned_per_year: float | None = None,
    planning_years: int = 3,
    returns: Literal["net", "drop", "error"] = "net",
    replicates: int = 100,
    level: float = 0.9,
    rng: np.random.Generator | None = None,
) -> CustomerLifetimeValue:
    """Say in money what customers are still worth, and what a new one is worth.

    Parameters
    ----------
    tables : Tables
        With ``orders``, or with ``contracts``.
    basis : str
        Where value comes from: purchases, whose end is not seen, or contracts, whose end is.
        ``auto`` takes orders where there are any.
    model : str
        ``auto`` takes the model of least AIC; or ``bg_nbd``, ``mbg_nbd``, ``pareto_nbd``, and for
        contracts ``shifted_beta_geometric``, ``beta_discrete_weibull``, ``discrete_hazard`` (these
        three are compared), ``weibull``, ``log_normal``, ``log_logistic``, ``cure`` or
        ``kaplan_meier``.
    covariates : sequence of str
        Columns of customers or contracts that tell apart how long contracts last, such as
        ``("segment",)``; for hazards, accelerated failure times and the cure model.
    annual_rate : float
        Discount rate a year, such as 0.10. No other rate is taken, whatever the unit of time.
    horizon_years : float or None
        Years ahead that count; None for all.
    margin_share : float or None
        Margin a unit of revenue where the tables hold no margin. Without either, value is revenue,
        and the answer says so.
    cost_per_period : float
        Cost of serving a contract for one unit of time, in money.
    acquisition_cost : float or None
        Cost of winning a customer; None takes it from the customers.
    planned_per_year : float or None
        Customers to be won a year; None goes on as in the last twelve months.
    planning_years : int
        Years of winning that count towards customer equity.
    returns : str
        Policy for negative orders, see `retention.features.build_rfm`.
    replicates : int
        Bootstrap replicates behind the intervals.
    level : float
        Level of the intervals.
    rng : numpy.random.Generator, optional
        Source of chance; the same in every run if not given.

    Returns
    -------
    CustomerLifetimeValue

    Raises
    ------
    MissingTableError
        If there are neither orders nor contracts.
    NotEnoughDataError
        If nobody bought, or no contract runs.
    ParameterError
        If a setting is out of range.
    """
    if not (np.isfinite(annual_rate) and annual_rate >= 0):
        raise ParameterError(f"annual_rate must be 0 or more, such as 0.10; got {annual_rate}")
    if horizon_years is None and annual_rate == 0:
        raise ParameterError("without a horizon value needs an annual_rate above 0")
    if replicates < 20:
        raise ParameterError(f"an interval needs 20 replicates or more, got {replicates}")
    settings = ValueSettings(
        annual_rate=annual_rate, horizon_years=horizon_years, margin_share=margin_share,
        cost_per_period=cost_per_period, acquisition_cost=acquisition_cost,
        planned_per_year=planned_per_year, planning_years=planning_years, replicates=replicates,
        level=level, model=model, covariates=tuple(covariates), returns=returns,
    )  # fmt: skip
    chance = np.random.default_rng(20240601) if rng is None else rng
    if basis == "auto":
        basis = "orders" if "orders" in tables else "contracts"
    if basis not in tables:
        raise MissingTableError(basis, "customer lifetime value")
    if basis == "orders" and settings.covariates:
        raise ParameterError("covariates tell contracts apart; this value is from orders")
    work = value_from_orders if basis == "orders" else value_from_contracts
    return _answer(tables, basis, settings, work(tables, settings, chance))


def _answer(tables: Tables, basis: str, s: ValueSettings, w: Worked) -> CustomerLifetimeValue:
    customers = w.customers.join(w.replicated.customers)
    cost, mean_cost = acquisition_costs(tables, customers.index)
    winning = s.acquisition_cost if s.acquisition_cost is not None else mean_cost
    customers.insert(0, "segment", w.groups)
    customers["acquisition_cost"] = cost
    customers["whole_life_value"] = (
        customers["value_to_date"] - cost.fillna(winning or 0.0) + customers["residual_clv"]
    )
    equity = equity_table(tables, s, w, customers, winning)
    return CustomerLifetimeValue(
        customers=customers, segments=segment_table(customers, s, w), models=w.models,
        equity=equity,
        payback=_payback_table(s, w, winning),
        winning_or_keeping=winning_or_keeping(s, w, len(customers), winning),
        measure=w.measure, basis=basis, model=w.model,
        currency=tables.currency, cutoff=tables.window.cutoff, unit=tables.window.unit,
        annual_rate=s.annual_rate, horizon_years=s.horizon_years, level=s.level,
        independence=w.independence, valuation=w.valuation, choice=w.choice, rfm=w.rfm,
        numbers=value_numbers(tables, s, w, customers, equity, winning),
        warnings=tuple(_cautions(tables, basis, w, winning)),
    )  # fmt: skip


def _payback_table(s: ValueSettings, w: Worked, winning: float | None) -> pd.DataFrame:
    cost = winning or 0.0
    ends = [0.5 - s.level / 2, 0.5 + s.level / 2]
    low, high = np.quantile(w.replicated.curves, ends, axis=0) - cost
    value = w.curve - cost
    return pd.DataFrame(
        {
            "years": YEARS,
            "value": value,
            "low": np.minimum(low, value),
            "high": np.maximum(high, value),
        }
    )


def _cautions(tables: Tables, basis: str, w: Worked, winning: float | None) -> list[str]:
    warnings = list(w.warnings)
    if w.measure == "revenue" and basis == "orders":
        warnings.append("the orders hold no margin and none is given: value is revenue, not margin")
    if winning is None:
        warnings.append("the cost of winning a customer is not known: it is in no number here")
    if not (w.models["failed"] == "").all():
        failed = ", ".join(w.models.index[w.models["failed"] != ""])
        warnings.append(f"models that could not be fitted: {failed}")
    band = w.models.loc[w.models["in_band"], "residual_value"].dropna()
    if len(band) > 1 and band.max() > 1.1 * band.min() > 0:
        warnings.append(
            f"models that fit about as well give totals from {band.min():,.0f} to "
            f"{band.max():,.0f} {tables.currency}: read the total with that band"
        )
    return warnings
