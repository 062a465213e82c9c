"""Logit and cloglog against statsmodels; money by simulation; data that say nothing."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from retention.errors import NotIdentifiedError, ParameterError, SchemaError
from retention.models import BinaryRegression


def rows(n=600, seed=1):
    rng = np.random.default_rng(seed)
    table = pd.DataFrame(
        {
            "x": rng.normal(size=n),
            "z": 100 * rng.normal(size=n),
            "who": rng.integers(0, n // 4, n),
            "kind": rng.choice(["a", "b", "c"], n, p=[0.5, 0.3, 0.2]),
        }
    )
    u = -0.5 + 0.8 * table["x"] - 0.004 * table["z"] + 0.5 * (table["kind"] == "b")
    return table.assign(event=rng.random(n) < 1 / (1 + np.exp(-u)))


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_equals_statsmodels(link):
    table = rows()
    fit = BinaryRegression(columns=("x", "z"), groups=("kind",), link=link).fit(table)
    family = sm.families.Binomial(
        sm.families.links.Logit() if link == "logit" else sm.families.links.CLogLog()
    )
    x = sm.add_constant(
        pd.DataFrame(
            {"x": table["x"], "z": table["z"]}
            | {k: (table["kind"] == k).astype(float) for k in "bc"}
        )
    )
    known = sm.GLM(table["event"].astype(float), x, family=family).fit(method="newton", tol=1e-10)
    np.testing.assert_allclose(fit.coefficients, known.params, rtol=1e-6)
    assert fit.log_likelihood == pytest.approx(known.llf, rel=1e-9)
    if link == "logit":  # its observed information is the expected one
        np.testing.assert_allclose(fit.standard_errors, known.bse, rtol=1e-6)
    np.testing.assert_allclose(
        fit.probabilities(
            table.assign(**{f"kind: {k}": (table["kind"] == k).astype(float) for k in "bc"})
        ),
        known.fittedvalues,
        rtol=1e-6,
    )


def test_clustered_errors_equal_statsmodels():
    table = rows()
    fit = BinaryRegression(columns=("x", "z"), cluster="who").fit(table)
    x = sm.add_constant(table[["x", "z"]])
    known = sm.Logit(table["event"].astype(float), x).fit(
        disp=0, cov_type="cluster", cov_kwds={"groups": table["who"], "use_correction": False}
    )
    g = table["who"].nunique()
    np.testing.assert_allclose(fit.standard_errors, known.bse * np.sqrt(g / (g - 1)), rtol=1e-5)
    assert fit.clusters == g


def test_counts_say_the_same_as_rows():
    table = rows().assign(x=lambda t: t["x"].round(), one=1)
    cells = table.groupby(["x", "kind"], as_index=False).agg(
        n=("one", "sum"), event=("event", "sum")
    )
    spec = {"columns": ("x",), "groups": ("kind",), "link": "cloglog"}
    one = BinaryRegression(**spec).fit(table)
    other = BinaryRegression(**spec, trials="n").fit(cells)
    np.testing.assert_allclose(one.coefficients, other.coefficients, rtol=1e-8)
    np.testing.assert_allclose(one.standard_errors, other.standard_errors, rtol=1e-8)
    assert (one.n, one.events) == (other.n, other.events)


def tenders(n, rng, cost=0.10):
    customer = rng.integers(0, n // 4, n)
    gap = rng.normal(0, 0.12, n)
    incumbent = rng.random(n) < 0.5
    mood = rng.normal(0, 0.3, n // 4)
    u = -0.3 + mood[customer] + 10 * (cost * incumbent - gap)
    won = rng.random(n) < 1 / (1 + np.exp(-u))
    return pd.DataFrame(
        {"customer_id": customer, "gap": gap, "incumbent": incumbent.astype(float), "won": won}
    )


def test_tender_recovers_the_incumbency_premium():
    spec = BinaryRegression(columns=("incumbent", "gap"), event="won", cluster="customer_id")
    worth = spec.fit(tenders(3000, np.random.default_rng(5))).worth("incumbent", price="gap")
    assert worth.low < 0.10 < worth.high
    assert worth.standard_error == pytest.approx(0.0078, abs=0.002)


@pytest.mark.slow
def test_tender_intervals_cover():
    spec = BinaryRegression(columns=("incumbent", "gap"), event="won", cluster="customer_id")
    delta, fieller = [], []
    for seed in range(600):
        worth = spec.fit(tenders(1500, np.random.default_rng(seed))).worth("incumbent", price="gap")
        delta.append(worth.low < 0.10 < worth.high)
        fieller.append(worth.fieller_low < 0.10 < worth.fieller_high)
    assert 0.92 <= np.mean(delta) <= 0.97
    assert 0.92 <= np.mean(fieller) <= 0.97


def lives(n, rng, cost=0.06, slope=12.0):
    """Monthly hazards of a year: a price gap that moves, and a bond some have."""
    bond = (rng.random(n) < 0.4).astype(float)
    alive = np.ones(n, dtype=bool)
    parts = []
    for month in range(12):
        gap = rng.normal(0, 0.06, n)
        h = np.exp(-3.1 - 0.02 * month + slope * gap - slope * cost * bond)
        event = alive & (rng.random(n) < -np.expm1(-h))
        parts.append(
            pd.DataFrame({"month": float(month), "gap": gap, "bond": -bond, "event": event})[alive]
        )
        alive &= ~event
    return pd.concat(parts, ignore_index=True)


def test_hazard_recovers_money_per_bond():
    spec = BinaryRegression(columns=("month", "gap", "bond"), link="cloglog")
    worth = spec.fit(lives(4000, np.random.default_rng(3))).worth("bond", price="gap")
    assert worth.low < -0.06 < worth.high


@pytest.mark.slow
def test_hazard_intervals_cover():
    spec = BinaryRegression(columns=("month", "gap", "bond"), link="cloglog")
    delta, fieller = [], []
    for seed in range(500):
        worth = spec.fit(lives(1500, np.random.default_rng(seed))).worth("bond", price="gap")
        delta.append(worth.low < -0.06 < worth.high)
        fieller.append(worth.fieller_low < -0.06 < worth.fieller_high)
    assert 0.92 <= np.mean(delta) <= 0.97
    assert 0.92 <= np.mean(fieller) <= 0.97


@pytest.mark.parametrize("link", ["logit", "cloglog"])
def test_bad_input(link):
    table = rows(200)
    spec = BinaryRegression(columns=("x",), link=link)
    with pytest.raises(NotIdentifiedError, match="0 events in 200"):
        spec.fit(table.assign(event=False))
    with pytest.raises(NotIdentifiedError, match="x does not vary"):
        spec.fit(table.assign(x=1.0))
    with pytest.raises(NotIdentifiedError, match="x, z say the same"):
        BinaryRegression(columns=("x", "z"), link=link).fit(table.assign(z=2 * table["x"] + 1))
    with pytest.raises(NotIdentifiedError, match="perfect separation: x predict"):
        spec.fit(table.assign(event=table["x"] > 0))
    with pytest.raises(NotIdentifiedError, match="perfect separation: seen predict"):
        BinaryRegression(columns=("seen",), link=link).fit(
            table.assign(seen=((table["event"]) & (table["x"] > 0.5)).astype(float))
        )
    with pytest.raises(SchemaError, match="x is empty or not finite in 1 of 200 rows"):
        spec.fit(table.assign(x=table["x"].where(table.index > 0)))
    with pytest.raises(SchemaError, match="column x is missing"):
        spec.fit(table.drop(columns="x"))
    with pytest.raises(ParameterError, match="link"):
        BinaryRegression(columns=("x",), link="probit").fit(table)
