"""Lifetime value of customers whose leaving is not seen: how they buy, and what they spend."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.models import GammaGamma, SpendIndependence, spend_independence

from .customer_economics import customer_economics
from .purchase_models import ModelChoice, choose_model, purchases, whole_histories
from .purchase_valuation import PurchaseValuation
from .value_parts import (
    LESS_DROPOUT,
    PREDICTED,
    YEARS,
    Replicated,
    ValueSettings,
    Worked,
    replicated_customers,
)

__all__ = ["value_from_orders"]


def value_from_orders(tables: Tables, s: ValueSettings, rng: np.random.Generator) -> Worked:
    """Value customers by their orders."""
    rfm = purchases(tables, returns=s.returns, regularity=True)
    learned_from, caution = whole_histories(rfm, tables.minimum_n)
    learned_from.attrs = rfm.attrs
    choice = choose_model(tables, learned_from, s.model)
    spending = GammaGamma().fit(learned_from)
    valuation = PurchaseValuation(
        purchases=choice.fit,
        spending=spending,
        economics=customer_economics(rfm, margin_share=s.margin_share, annual_rate=s.annual_rate),
        annual_rate=s.annual_rate,
        horizon_years=s.horizon_years,
    )
    customers = valuation.customers(rfm)
    customers["value_to_date"] = valuation.economics.to_date(rfm)
    segment = rfm["segment"] if "segment" in rfm else pd.Series("all", rfm.index)
    codes, names = pd.factorize(segment, sort=True)
    totals = {
        name: float(valuation.with_fits(fit, spending).residual(rfm).sum())
        for name, fit in choice.fits.items()
    }
    independence, doubts = _independence(learned_from, spending)
    fits: list[Any] = [choice.fit, spending]
    limits = [words for fit in fits if fit.optimum for words in fit.optimum.certificate.boundaries]
    warnings = [caution, *(f"not identified: {words}" for words in limits), *doubts]
    return Worked(
        customers=customers,
        measure=valuation.economics.measure,
        model=choice.name,
        models=choice.table.assign(
            residual_value=pd.Series(totals),
            in_band=[name in choice.credible for name in choice.table.index],
        ),
        groups=pd.Series(names[codes], rfm.index, name="segment"),
        new=valuation.new_customer(),
        curve=valuation.value_curve(YEARS),
        less_dropout=valuation.worth_of_less_dropout(rfm, customers["residual_clv"], LESS_DROPOUT),
        replicated=_replicated(valuation, choice, learned_from, rfm, codes, s, rng),
        warnings=[text for text in warnings if text],
        independence=independence,
        valuation=valuation,
        choice=choice,
        rfm=rfm,
    )


def _replicated(
    valuation: PurchaseValuation,
    choice: ModelChoice,
    learned_from: pd.DataFrame,
    rfm: pd.DataFrame,
    codes: Any,
    s: ValueSettings,
    rng: np.random.Generator,
) -> Replicated:
    model = choice.models[choice.name]
    buys = model.bootstrap(choice.fit, learned_from, replicates=s.replicates, rng=rng)
    spends = GammaGamma().bootstrap(
        valuation.spending, learned_from, replicates=s.replicates, rng=rng
    )
    ones = [valuation.with_fits(*pair) for pair in zip(buys, spends, strict=True)]
    plain = rfm.copy(deep=False)
    plain.attrs = {}  # what the window says is in the fit; copying it thousands of times is slow
    less = np.zeros(len(ones))
    place = {id(one): i for i, one in enumerate(ones)}

    def predict(one: PurchaseValuation, part: slice) -> tuple[pd.DataFrame, Any]:
        some = plain.iloc[part]
        table = one.customers(some)
        less[place[id(one)]] += one.worth_of_less_dropout(some, table["residual_clv"], LESS_DROPOUT)
        return table, one.drawn(some, table["residual_clv"], rng)

    point = valuation.customers(plain)[list(PREDICTED)]
    sums, counted, ends = replicated_customers(ones, predict, point, codes, s.level)
    return Replicated(
        sums=sums,
        counted=counted,
        customers=ends,
        new=np.array([one.new_customer()["clv"] for one in ones]),
        curves=np.array([one.value_curve(YEARS) for one in ones]),
        less_dropout=less,
    )


def _independence(rfm: pd.DataFrame, spending: Any) -> tuple[SpendIndependence | None, list[str]]:
    try:
        found = spend_independence(rfm, spending)
    except NotEnoughDataError as error:
        return None, [f"whether spending depends on frequency could not be tested: {error}"]
    return found, [] if found.holds else [f"spending depends on frequency: {found}"]
