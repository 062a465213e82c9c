"""The simulated company: what is true of it is found by every method of switching costs."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any

import numpy as np
import pytest

from retention.analyses import loyalty_types, relationship_investment, switching_costs
from retention.analyses.switching.switching_costs import annual_spend
from retention.analyses.switching.switching_costs.lock_in import hazard_lock_in
from retention.datasets import SimulatedCompany, simulate_company
from retention.engine import Tables


def tables_of(company: SimulatedCompany) -> Tables:
    text = files("retention.datasets.examples").joinpath("demo.toml").read_text(encoding="utf-8")
    items = tomllib.loads(text)["items"]
    return Tables.from_frames(company.tables, window=company.window, items=items)


@pytest.fixture(scope="module")
def company() -> SimulatedCompany:
    return simulate_company(3000, seed=11)


@pytest.fixture(scope="module")
def tables(company: SimulatedCompany) -> Tables:
    return tables_of(company)


@pytest.fixture(scope="module")
def costs(tables: Tables) -> Any:
    return switching_costs(tables, draws=40, placebos=4, max_customers=400, level=0.99)


def holds(estimate: Any, truth: float) -> bool:
    return bool(estimate.low <= truth <= estimate.high)


def test_bonds(company: SimulatedCompany, costs: Any) -> None:
    true = company.truth.parameters
    found = costs.estimates()
    for bond, effect in true.bonds.log_hazard.items():
        assert holds(found[f"bond_share: {bond}"], -effect / true.hazard.price), bond


def test_incumbency_prices_and_choices(company: SimulatedCompany, costs: Any) -> None:
    market = company.truth.parameters.market
    found = costs.estimates()
    assert holds(found["incumbency_share"], -market.quote_incumbent / market.quote_gap)
    assert found["undercut_proof_share"].value == pytest.approx(market.shy["us"] / 100, abs=1e-3)
    price = company.tables["choices"]["price"].astype(float).mean()
    truth = -market.choice_last / market.choice_price / price
    assert found["state_dependence_share"].value == pytest.approx(truth, rel=0.25)


def test_answers_about_three_types_of_cost(costs: Any) -> None:
    scales = costs.measures["survey scales"].table
    assert list(scales.index) == ["financial", "procedural", "relational"]
    assert "stated saving at which customers leave" in costs.absent


def test_types_and_investment_follow_the_bonds(tables: Tables) -> None:
    types = loyalty_types(tables, draws=50)
    kept = {kind: e.value for kind, e in types.table["kept"].items() if e is not None and e.shown}
    assert kept["loyal"] > kept["free"]
    assert kept["captive"] > kept["at the door"]
    investment = relationship_investment(tables)
    assert investment.drivers["built"].high < 1


@pytest.mark.slow
def test_intervals_of_bonds_cover_the_truth() -> None:
    inside = []
    for seed in range(60):
        company = simulate_company(1500, seed=500 + seed, history=False)
        tables = tables_of(company)
        table = hazard_lock_in(tables, annual_spend(tables)).table
        true = company.truth.parameters
        for bond, row in table.iterrows():
            if row["share"].shown:
                truth = -true.bonds.log_hazard[bond] / true.hazard.price
                inside.append(holds(row["share"], truth))
        tables.close()
    assert len(inside) > 200
    assert 0.91 <= np.mean(inside) <= 0.98
