"""What each customer is still worth, what a new one is worth, and what all of them are together."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.estimates import Estimate, bootstrap_interval
from retention.features import build_value
from retention.models import GammaGamma, PurchaseFit, SpendIndependence, spend_independence

from .contract_valuation import ContractValuation, choose_contract_model
from .customer_economics import acquisition_costs, customer_economics
from .purchase_models import ModelChoice, choose_model, purchases, whole_histories
from .purchase_valuation import PurchaseValuation

__all__ = ["CustomerLifetimeValue", "customer_lifetime_value"]

LESS_DROPOUT = 0.10  # the what-if of the comparison of keeping against winning


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomerLifetimeValue:
    """Answer of `customer_lifetime_value`.

    Parameters
    ----------
    customers : DataFrame, one row a customer
        ``segment``, ``probability_alive``, ``purchases_next_year``, ``value_of_purchase``,
        ``value_next_period``, ``residual_clv``, ``value_at_risk``, ``value_to_date``,
        ``acquisition_cost`` and ``whole_life_value``; for contracts a purchase is a period.
    segments : DataFrame, one row a segment
        ``customers``, ``residual_clv`` with ``low`` and ``high``, ``value_at_risk``.
    models : DataFrame, one row a model
        Fit, AIC, the total each gives, and whether the data rule it out.
    equity : DataFrame, one row a part
        Existing customers, planned cohorts, and their sum.
    payback : DataFrame
        ``years`` and ``value``: the discounted value of a new customer less the cost of winning.
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


@dataclass(frozen=True, kw_only=True)
class _Settings:
    annual_rate: float
    horizon_years: float | None
    margin_share: float | None
    cost_per_period: float
    acquisition_cost: float | None
    planned_per_year: float | None
    planning_years: int
    replicates: int
    level: float
    model: str
    returns: Any


@dataclass(frozen=True, eq=False, kw_only=True)
class _Worked:
    """What either basis hands to the answer."""

    customers: pd.DataFrame
    measure: str
    model: str
    models: pd.DataFrame
    expected: NDArray[np.floating[Any]]
    drawn: NDArray[np.floating[Any]] | None
    groups: pd.Series
    new: dict[str, float]
    new_replicates: list[dict[str, float]]
    curve: NDArray[np.floating[Any]]
    less_dropout: float
    warnings: list[str]
    independence: SpendIndependence | None = None
    valuation: PurchaseValuation | None = None
    choice: ModelChoice | None = None
    rfm: pd.DataFrame | None = None


_YEARS = np.concatenate([np.arange(0, 24), np.arange(24, 121, 3)]) / 12


def customer_lifetime_value(
    tables: Tables,
    *,
    basis: Literal["auto", "orders", "contracts"] = "auto",
    model: str = "auto",
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
        contracts ``shifted_beta_geometric``, ``beta_discrete_weibull``, ``kaplan_meier``.
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
    settings = _Settings(
        annual_rate=annual_rate, horizon_years=horizon_years, margin_share=margin_share,
        cost_per_period=cost_per_period, acquisition_cost=acquisition_cost,
        planned_per_year=planned_per_year, planning_years=planning_years, replicates=replicates,
        level=level, model=model, returns=returns,
    )  # fmt: skip
    chance = np.random.default_rng(20240601) if rng is None else rng
    if basis == "auto":
        basis = "orders" if "orders" in tables else "contracts"
    if basis not in tables:
        raise MissingTableError(basis, "customer lifetime value")
    work = _from_orders if basis == "orders" else _from_contracts
    return _answer(tables, basis, settings, work(tables, settings, chance))


# ------------------------------------------------------------------------------- from orders


def _from_orders(tables: Tables, s: _Settings, rng: np.random.Generator) -> _Worked:
    rfm = purchases(tables, returns=s.returns, regularity=True)
    learned_from, caution = whole_histories(rfm, tables.minimum_n)
    learned_from.attrs = rfm.attrs
    choice = choose_model(tables, learned_from, s.model)
    spending = GammaGamma().fit(learned_from)
    economics = customer_economics(rfm, margin_share=s.margin_share, annual_rate=s.annual_rate)

    def valued(fit: PurchaseFit) -> PurchaseValuation:
        return PurchaseValuation(
            purchases=fit, spending=spending, economics=economics,
            annual_rate=s.annual_rate, horizon_years=s.horizon_years,
        )  # fmt: skip

    valuation = valued(choice.fit)
    customers = valuation.customers(rfm)
    customers["value_to_date"] = economics.to_date(rfm)
    segment = rfm["segment"] if "segment" in rfm else pd.Series("all", rfm.index)
    codes, names = pd.factorize(segment, sort=True)
    expected, drawn, new = valuation.replicated(
        rfm,
        codes,
        choice.models[choice.name].bootstrap(
            choice.fit, learned_from, replicates=s.replicates, rng=rng
        ),
        GammaGamma().bootstrap(spending, learned_from, replicates=s.replicates, rng=rng),
        rng,
    )
    totals = {name: float(valued(fit).residual(rfm).sum()) for name, fit in choice.fits.items()}
    less = float(valued(choice.fit.with_less_dropout(LESS_DROPOUT)).residual(rfm).sum())
    independence, doubts = _independence(learned_from, spending)
    boundaries = choice.fit.optimum.certificate.boundaries if choice.fit.optimum else ()
    boundaries += spending.optimum.certificate.boundaries if spending.optimum else ()
    warnings = [caution, *(f"not identified: {words}" for words in boundaries), *doubts]
    return _Worked(
        customers=customers,
        measure=economics.measure,
        model=choice.name,
        models=choice.table.assign(
            residual_value=pd.Series(totals),
            in_band=[name in choice.credible for name in choice.table.index],
        ),
        expected=expected,
        drawn=drawn,
        groups=pd.Series(names[codes], rfm.index, name="segment"),
        new=valuation.new_customer(),
        new_replicates=new,
        curve=valuation.value_curve(_YEARS),
        less_dropout=less - totals[choice.name],
        warnings=[text for text in warnings if text],
        independence=independence,
        valuation=valuation,
        choice=choice,
        rfm=rfm,
    )


def _independence(rfm: pd.DataFrame, spending: Any) -> tuple[SpendIndependence | None, list[str]]:
    try:
        found = spend_independence(rfm, spending)
    except NotEnoughDataError as error:
        return None, [f"whether spending depends on frequency could not be tested: {error}"]
    return found, [] if found.holds else [f"spending depends on frequency: {found}"]


# ---------------------------------------------------------------------------- from contracts


def _from_contracts(tables: Tables, s: _Settings, rng: np.random.Generator) -> _Worked:
    choice = choose_contract_model(tables, s.model)
    valuation = ContractValuation.of(
        tables, choice.durations, margin_share=s.margin_share, cost_per_period=s.cost_per_period,
        annual_rate=s.annual_rate, horizon_years=s.horizon_years,
    )  # fmt: skip
    customers = valuation.customers(choice.survival)
    ids = customers.index
    customers["value_to_date"] = _billed(tables, ids, s.margin_share)
    segment = _segments(tables, ids)
    codes, names = pd.factorize(segment, sort=True)
    value = valuation.contracts["value_of_period"].to_numpy()
    expected, new = [], []
    warnings = []
    if choice.fit is not None:
        spec = choice.fits[choice.name]
        for one in _contract_replicates(choice, spec, s.replicates, rng):
            periods = valuation.periods(one.survival).to_numpy()
            expected.append(np.bincount(codes, periods * value, len(names)))
            new.append(valuation.new_customer(one.survival))
        found = str(choice.table["boundaries"][choice.name])
        warnings += [f"not identified: {found}"] if found else []
    else:
        warnings.append("the Kaplan-Meier curve ends with the longest tenure on record: value "
                        "beyond it is left out, and no interval is given")  # fmt: skip
    totals = {
        name: float((valuation.periods(fit.survival) * value).sum())
        for name, fit in choice.fits.items()
    }
    best = choice.table["aic"].min()
    less = valuation.periods(lambda t: choice.survival(t) ** (1 - LESS_DROPOUT)) * value
    if s.margin_share is None:
        warnings.append("no margin_share is given: value is revenue, not margin")
    return _Worked(
        customers=customers,
        measure=_contract_measure(s),
        model=choice.name,
        models=choice.table.assign(
            residual_value=pd.Series(totals), in_band=choice.table["aic"] <= best + 10
        ),
        expected=np.array(expected, dtype=float).reshape(-1, len(names)),
        drawn=None,
        groups=pd.Series(names[codes], ids, name="segment"),
        new=valuation.new_customer(choice.survival),
        new_replicates=new,
        curve=valuation.value_curve(choice.survival, _YEARS),
        less_dropout=float(less.sum() - customers["residual_clv"].sum()),
        warnings=warnings,
    )


def _contract_measure(s: _Settings) -> str:
    if s.margin_share is None:
        return "revenue" if s.cost_per_period == 0 else "revenue after cost to serve"
    return "margin" if s.cost_per_period == 0 else "margin after service cost"


def _contract_replicates(
    choice: Any, spec: Any, replicates: int, rng: np.random.Generator
) -> tuple[Any, ...]:
    from .contract_valuation import CONTRACT_MODELS

    model = CONTRACT_MODELS[choice.name]
    return model.bootstrap(spec, choice.durations, replicates=replicates, rng=rng)


def _billed(tables: Tables, ids: pd.Index, margin_share: float | None) -> pd.Series:
    """Return what each contract customer has paid since the records began."""
    value = build_value(tables, start=tables.window.start, margin_share=1.0)
    paid = value.get("contract_revenue", pd.Series(0.0, value.index)).reindex(ids)
    return paid.astype(float) * (margin_share or 1.0)


def _segments(tables: Tables, ids: pd.Index) -> pd.Series:
    if "segment" not in tables.columns("customers"):
        return pd.Series("all", ids)
    found = tables.query("select customer_id, segment from customers order by customer_id")
    return found.set_index("customer_id")["segment"].reindex(ids).fillna("(unknown)")


# -------------------------------------------------------------------------------- the answer


def _answer(tables: Tables, basis: str, s: _Settings, w: _Worked) -> CustomerLifetimeValue:
    customers = w.customers.copy()
    cost, mean_cost = acquisition_costs(tables, customers.index)
    winning = s.acquisition_cost if s.acquisition_cost is not None else mean_cost
    customers.insert(0, "segment", w.groups)
    customers["acquisition_cost"] = cost
    customers["whole_life_value"] = (
        customers["value_to_date"] - cost.fillna(winning or 0.0) + customers["residual_clv"]
    )
    numbers = _numbers(tables, s, w, customers, winning)
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
    equity = _equity(tables, s, w, customers, winning)
    numbers["customer_equity"] = _plain(
        float(equity["value"].iloc[-1]), tables, len(customers), "residual value of customers of "
        f"today and of {s.planning_years} years of planned cohorts, less their acquisition cost",
    )  # fmt: skip
    payback = pd.DataFrame({"years": _YEARS, "value": w.curve - (winning or 0.0)})
    return CustomerLifetimeValue(
        customers=customers, segments=_segment_table(customers, s, w), models=w.models,
        equity=equity, payback=payback, measure=w.measure, basis=basis, model=w.model,
        currency=tables.currency, cutoff=tables.window.cutoff, unit=tables.window.unit,
        annual_rate=s.annual_rate, horizon_years=s.horizon_years, level=s.level,
        independence=w.independence, valuation=w.valuation, choice=w.choice, rfm=w.rfm,
        numbers=_withhold(numbers, tables.minimum_n), warnings=tuple(warnings),
    )  # fmt: skip


def _withhold(numbers: dict[str, Estimate], minimum: int) -> dict[str, Estimate]:
    return {
        name: e
        if e.n >= minimum
        else Estimate.withheld(
            f"{e.n:,} customers are fewer than {minimum}", unit=e.unit, n=e.n, method=e.method
        )
        for name, e in numbers.items()
    }


def _interval(values: NDArray[np.floating[Any]], at: float, level: float) -> dict[str, Any]:
    if not len(values):
        return {}
    low, high = bootstrap_interval(values, level)
    return {"low": min(low, at), "high": max(high, at), "level": level}


def _plain(value: float, tables: Tables, n: int, method: str) -> Estimate:
    return Estimate(value=value, unit=tables.currency, n=n, method=method, grade="D")


def _numbers(
    tables: Tables, s: _Settings, w: _Worked, customers: pd.DataFrame, winning: float | None
) -> dict[str, Estimate]:
    n, money = len(customers), tables.currency
    total = float(customers["residual_clv"].sum())
    spread = w.expected.sum(axis=1)
    method = f"{w.model}, discounted expected {w.measure}, {s.annual_rate:.1%} a year"
    found = {
        "residual_value": Estimate(
            value=total, unit=money, n=n, method=f"{method}; Poisson-weight bootstrap", grade="D",
            **_interval(spread, total, s.level),
        ),
        "residual_value_mean": Estimate(
            value=total / n, unit=f"{money} per customer", n=n, method=method, grade="D",
            **_interval(spread / n, total / n, s.level),
        ),
    }  # fmt: skip
    if w.drawn is not None:
        turned_out = w.drawn.sum(axis=1)
        found["residual_value_as_counted"] = Estimate(
            value=total, unit=money, n=n, method=f"{method}; parameters and chance together",
            grade="D", **_interval(turned_out, total, s.level),
        )  # fmt: skip
    risk = float(customers["value_at_risk"].sum())
    share = risk / total if total > 0 else 0.0
    found["value_at_risk"] = Estimate(
        value=risk, unit=money, n=n, grade="D",
        method="residual value of customers expected to stop in the next period",
        **_interval(spread * share, risk, s.level),
    )  # fmt: skip
    new = np.array([r["clv"] for r in w.new_replicates])
    found["new_customer_value"] = Estimate(
        value=w.new["clv"], unit=f"{money} per customer", n=n, grade="D",
        method=f"first purchase and later ones, {method}, before acquisition cost",
        **_interval(new, w.new["clv"], s.level),
    )  # fmt: skip
    found["worth_of_less_dropout"] = Estimate(
        value=w.less_dropout, unit=money, n=n, grade="D",
        method=f"what the model gives if dropout were {LESS_DROPOUT:.0%} lower: no effect of any "
        "programme",
    )  # fmt: skip
    if winning is not None:
        found |= _winning_numbers(s, w, n, money, winning, new)
    return found


def _winning_numbers(
    s: _Settings, w: _Worked, n: int, money: str, winning: float, new: NDArray[np.floating[Any]]
) -> dict[str, Estimate]:
    net = w.new["clv"] - winning
    found = {
        "new_customer_net_value": Estimate(
            value=net, unit=f"{money} per customer", n=n, grade="D",
            method="value of a new customer less the cost of winning him",
            **_interval(new - winning, net, s.level),
        ),
        "customers_won_for_worth_of_less_dropout": Estimate(
            value=w.less_dropout / net if net > 0 else 0.0, unit="customers", n=n, grade="D",
            method=f"new customers that bring as much as {LESS_DROPOUT:.0%} less dropout would",
        ),
    }  # fmt: skip
    paid = np.flatnonzero(w.curve >= winning)
    if paid.size:
        found["payback"] = Estimate(
            value=12 * float(_YEARS[paid[0]]), unit="months", n=n, grade="D",
            method="until the discounted value of a new customer covers the cost of winning him",
        )  # fmt: skip
    else:
        found["payback"] = Estimate.withheld(
            "a new customer does not pay back the cost of winning him within ten years",
            unit="months", n=n, method="discounted value against acquisition cost",
        )  # fmt: skip
    return found


def _equity(
    tables: Tables, s: _Settings, w: _Worked, customers: pd.DataFrame, winning: float | None
) -> pd.DataFrame:
    planned = s.planned_per_year
    if planned is None:
        planned = _won_last_year(tables, w)
    net = w.new["clv"] - (winning or 0.0)
    years = np.arange(s.planning_years) + 0.5
    worth = planned * net / (1 + s.annual_rate) ** years
    rows = {"customers of today": (len(customers), float(customers["residual_clv"].sum()))}
    rows |= {f"planned in year {i + 1}": (round(planned), float(v)) for i, v in enumerate(worth)}
    table = pd.DataFrame(rows, index=["customers", "value"]).T.rename_axis("part")
    table.loc["customer equity"] = table.sum()
    return table.astype({"customers": int})


def _won_last_year(tables: Tables, w: _Worked) -> float:
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=365)
    if w.rfm is not None:
        first = w.rfm.loc[~w.rfm["entered_before"], "first_on"]
        return float((first >= since).sum())
    found = tables.query(
        "select count(*) as n from (select customer_id, min(started_on) as first from contracts "
        "group by customer_id) f where first >= {{ since | literal }}",
        since=since.date(),
    )
    return float(found["n"].iloc[0])


def _segment_table(customers: pd.DataFrame, s: _Settings, w: _Worked) -> pd.DataFrame:
    groups = customers.groupby("segment")
    table = pd.DataFrame(
        {
            "customers": groups.size(),
            "residual_clv": groups["residual_clv"].sum(),
            "mean_residual_clv": groups["residual_clv"].mean(),
            "value_at_risk": groups["value_at_risk"].sum(),
            "whole_life_value": groups["whole_life_value"].sum(),
            "costs_more_than_he_brings": groups["residual_clv"].agg(lambda v: int((v < 0).sum())),
        }
    )
    if len(w.expected):
        ends = [0.5 - s.level / 2, 0.5 + s.level / 2]
        low, high = np.quantile(w.expected, ends, axis=0)
        table.insert(2, "low", np.minimum(low, table["residual_clv"]))
        table.insert(3, "high", np.maximum(high, table["residual_clv"]))
    return table
