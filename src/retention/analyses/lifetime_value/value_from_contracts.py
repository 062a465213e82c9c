"""Lifetime value of customers under contract: how long contracts last, and their price."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.features import build_durations, build_value

from .contract_survival import ContractSurvival, Curve, choose_contract_model
from .contract_valuation import ContractValuation
from .value_parts import (
    LESS_DROPOUT,
    PREDICTED,
    YEARS,
    Replicated,
    ValueSettings,
    Worked,
    replicated_customers,
)

__all__ = ["value_from_contracts"]


def value_from_contracts(tables: Tables, s: ValueSettings, rng: np.random.Generator) -> Worked:
    """Value customers by their contracts."""
    durations = build_durations(tables, by=s.covariates)
    for name in s.covariates:
        if durations[name].dtype.kind not in "iuf":
            durations[name] = durations[name].astype(object).fillna("unknown").astype(str)
    choice = choose_contract_model(durations, s.model, s.covariates)

    def valuation_of(survival: ContractSurvival) -> ContractValuation:
        return ContractValuation.of(
            tables, durations, survival, margin_share=s.margin_share,
            cost_per_period=s.cost_per_period, annual_rate=s.annual_rate,
            horizon_years=s.horizon_years,
        )  # fmt: skip

    survival = choice.fit
    valuation = valuation_of(survival)
    customers = valuation.customers(survival.curve)
    ids = customers.index
    customers["value_to_date"] = _billed(tables, ids, s.margin_share)
    codes, names = pd.factorize(_segments(tables, ids), sort=True)
    totals = {
        name: float(valuation_of(fit).customers(fit.curve)["residual_clv"].sum())
        for name, fit in choice.fits.items()
    }
    best = choice.table["aic"].min()
    in_band = (choice.table["aic"] <= best + 10) | (choice.table.index == choice.name)
    return Worked(
        customers=customers,
        measure=_measure(s),
        model=choice.name,
        models=choice.table.assign(residual_value=pd.Series(totals), in_band=in_band),
        groups=pd.Series(names[codes], ids, name="segment"),
        new=valuation.new_customer(survival.curve),
        curve=valuation.value_curve(survival.curve, YEARS),
        less_dropout=valuation.worth_of_less_dropout(survival.curve, LESS_DROPOUT),
        replicated=_replicated(valuation, survival, codes, s, rng),
        warnings=_warnings(choice.name, survival, s),
    )


def _replicated(
    valuation: ContractValuation,
    survival: ContractSurvival,
    codes: Any,
    s: ValueSettings,
    rng: np.random.Generator,
) -> Replicated:
    curves = survival.replicates(s.replicates, rng)

    def predict(curve: Curve, part: slice) -> tuple[pd.DataFrame, Any]:
        some = valuation.part(part)
        return some.customers(curve), some.drawn(curve, rng)

    point = valuation.customers(survival.curve)[list(PREDICTED)]
    sums, counted, ends = replicated_customers(curves, predict, point, codes, s.level)
    return Replicated(
        sums=sums,
        counted=counted,
        customers=ends,
        new=np.array([valuation.new_customer(curve)["clv"] for curve in curves]),
        curves=np.array([valuation.value_curve(curve, YEARS) for curve in curves]),
        less_dropout=np.array(
            [valuation.worth_of_less_dropout(curve, LESS_DROPOUT) for curve in curves]
        ),
        by=survival.by,
    )


def _warnings(name: str, survival: ContractSurvival, s: ValueSettings) -> list[str]:
    warnings = [f"not identified: {survival.boundaries}"] if survival.boundaries else []
    if name == "kaplan_meier":
        warnings.append(
            "the Kaplan-Meier curve ends with the longest tenure on record: value beyond it is "
            "left out"
        )
    if s.margin_share is None:
        warnings.append("no margin_share is given: value is revenue, not margin")
    return warnings


def _measure(s: ValueSettings) -> str:
    if s.margin_share is None:
        return "revenue" if s.cost_per_period == 0 else "revenue after cost to serve"
    return "margin" if s.cost_per_period == 0 else "margin after service cost"


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
