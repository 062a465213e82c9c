"""Gamma-Gamma, its assumption tested, regularity of buying, and intervals of predictions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad

from retention.datasets import simulate_purchases
from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.models import (
    BetaGeoNBD,
    GammaGamma,
    GammaGammaFit,
    PurchaseRegularity,
    parameter_interval,
    predictive_interval,
    spend_independence,
)
from retention.models.gamma_gamma import SpendLikelihood

PRINTED = GammaGammaFit(p=6.25, q=3.74, gamma=15.44)


def spenders(rng, n=2000, p=6.0, q=4.0, gamma=15.0, dependence=0.0):
    nu = rng.gamma(q, 1 / gamma, n)
    x = rng.poisson(rng.gamma(1, 3, n)) + 0
    nu = nu / np.exp(dependence * np.log1p(x))
    z = np.array([rng.gamma(p * k, 1 / v) / k if k else 0.0 for k, v in zip(x, nu, strict=True)])
    table = pd.DataFrame({"frequency": x, "recency": np.where(x > 0, 10.0, 0), "T": 20.0})
    return table.assign(monetary_value=z).rename_axis("customer_id")


def test_reproduces_cdnow(cdnow, value_reference):
    known = value_reference["gamma_gamma_cdnow"]
    fit = GammaGamma().fit(cdnow)
    assert fit.n_customers == 946
    assert fit.parameters == pytest.approx(known["parameters"], rel=1e-3)
    assert fit.log_likelihood == pytest.approx(known["log_likelihood"], abs=1e-3)
    assert fit.population_mean == pytest.approx(known["population_mean"], abs=0.002)
    test = spend_independence(cdnow, fit)
    assert test.holds
    assert len(test.bands) == 5


def test_expected_spend_as_published():
    table = pd.DataFrame({"frequency": [3], "monetary_value": [35.0]})
    assert PRINTED.expected_spend(table).iloc[0] == pytest.approx(35.02792, abs=1e-5)


def test_expected_spend_lies_between_own_and_all():
    table = pd.DataFrame({"frequency": [0, 1, 3, 7, 1000], "monetary_value": [0, 20, 20, 20, 20]})
    spend = PRINTED.expected_spend(table)
    assert spend.iloc[0] == PRINTED.population_mean
    assert spend.is_monotonic_decreasing
    assert spend.iloc[-1] == pytest.approx(20, rel=1e-3)


def test_density_is_one_and_score_its_derivative():
    theta = np.log([2.0, 1.5, 1.0])
    whole, _ = quad(
        lambda z: np.exp(
            SpendLikelihood(np.array([3.0]), np.array([z]), np.ones(1)).rows(theta)[0][0]
        ),
        0,
        np.inf,
    )
    assert whole == pytest.approx(1, abs=1e-6)
    likelihood = SpendLikelihood(np.array([1.0, 4.0]), np.array([0.3, 2.0]), np.ones(2))
    _, score = likelihood.rows(theta)
    for j in range(3):
        move = np.eye(3)[j] * 1e-6
        slope = (likelihood.rows(theta + move)[0] - likelihood.rows(theta - move)[0]) / 2e-6
        np.testing.assert_allclose(score[:, j], slope, rtol=1e-6)


def test_parameters_are_recovered_in_any_currency(rng):
    table = spenders(rng, 6000)
    fit = GammaGamma().fit(table)
    for name, truth in {"p": 6.0, "q": 4.0, "gamma": 15.0}.items():
        assert abs(fit.parameters[name] - truth) < 4 * fit.standard_errors()[name]
    cents = GammaGamma().fit(table.assign(monetary_value=table["monetary_value"] * 100))
    assert (cents.p, cents.q) == pytest.approx((fit.p, fit.q), rel=1e-6)
    assert cents.population_mean == pytest.approx(100 * fit.population_mean, rel=1e-6)


def test_heavy_tail_is_kept_finite_and_named(rng):
    table = spenders(rng, 1500, q=0.6, gamma=5.0)
    fit = GammaGamma().fit(table)
    assert "heavy" in " ".join(fit.optimum.certificate.boundaries)
    assert not fit.mean_is_identified
    spend = fit.expected_spend(table)
    assert np.isfinite(spend).all()
    assert (spend > 0).all()


def test_everybody_spends_the_same_is_named(rng):
    table = spenders(rng, 800).assign(
        monetary_value=lambda f: np.where(f["frequency"] > 0, 20.0, 0)
    )
    fit = GammaGamma().fit(table)
    assert fit.optimum.certificate.boundaries
    assert fit.population_mean == pytest.approx(20, rel=1e-3)


def test_dependence_is_seen_and_bounded(rng):
    test = spend_independence(spenders(rng, 3000, dependence=0.8))
    assert not test.holds
    assert test.spearman > 0.3
    assert "not harmless" in str(test)


def test_zeros_and_negatives(rng):
    table = spenders(rng, 300)
    first = table.index[table["frequency"] > 0][:5]
    table.loc[first, "monetary_value"] = 0.0
    fit = GammaGamma().fit(table)
    assert fit.n_without_value == 5
    table.loc[first, "monetary_value"] = -3.0
    with pytest.raises(SchemaError, match="below 0"):
        GammaGamma().fit(table)
    with pytest.raises(SchemaError, match="below 0"):
        fit.expected_spend(table)
    with pytest.raises(NotEnoughDataError, match="fewer than 3"):
        GammaGamma().fit(table[table["frequency"] == 0])


# ------------------------------------------------------------------------------ regularity


def test_regularity_of_groceries(real_data):
    log = pd.read_csv(real_data / "grocery_elog.csv.gz", parse_dates=["date"])
    log = log.drop_duplicates().sort_values(["cust", "date"])
    gaps = log.groupby("cust")["date"].diff().dt.days
    pairs = pd.DataFrame({"earlier": gaps.groupby(log["cust"]).shift(1), "later": gaps})
    last = pairs.groupby(log["cust"]).last().dropna()
    fit = PurchaseRegularity().fit(last)
    assert fit.k == pytest.approx(1.829, abs=0.01)  # BTYDplus, Wheat-Morrison
    assert fit.suggested_k == 2


@pytest.mark.parametrize("k", [1, 2, 5])
def test_regularity_is_found_whatever_the_rates(rng, k):
    rate = rng.gamma(0.5, 1, 8000)[:, None]
    pairs = pd.DataFrame(rng.gamma(k, 1, (8000, 2)) / rate, columns=["earlier", "later"])
    fit = PurchaseRegularity(level=0.99).fit(pairs)
    assert fit.low < k < fit.high
    assert fit.suggested_k == k


def test_regularity_refuses_same_day_intervals():
    pairs = pd.DataFrame({"earlier": [0.0] * 20, "later": [1.0] * 20})
    with pytest.raises(SchemaError, match="above 0"):
        PurchaseRegularity().fit(pairs)
    with pytest.raises(NotEnoughDataError, match="at least 10"):
        PurchaseRegularity().fit(pairs.iloc[:5] + 1)


# ------------------------------------------------------------------------------- intervals


@pytest.fixture(scope="module")
def learned():
    rng = np.random.default_rng(5)
    made = simulate_purchases(
        "bg_nbd", 1500, 40, rng=rng, r=0.8, alpha=6, a=0.9, b=2.5, horizon=26
    ).assign(segment=lambda f: np.where(f.index % 3, "small", "large"))
    model = BetaGeoNBD(unit="week")
    fit = model.fit(made)
    return made, fit, model.bootstrap(fit, made, replicates=200, rng=rng), rng


def test_replicates_spread_as_the_standard_errors(learned):
    _, fit, replicates, _ = learned
    spread = pd.DataFrame([f.parameters for f in replicates]).std()
    for name, se in fit.standard_errors().items():
        assert spread[name] == pytest.approx(se, rel=0.35)


def test_intervals_of_total_segment_and_customer(learned):
    made, fit, replicates, rng = learned
    total = predictive_interval(fit, replicates, made, 26, by="total", rng=rng)
    assert (
        total["predictive_low"].iloc[0] <= made["future"].sum() <= total["predictive_high"].iloc[0]
    )
    assert (total["low"] < total["value"]).all()
    width = total["high"] - total["low"]
    assert (total["predictive_high"] - total["predictive_low"] > width).all()
    segments = predictive_interval(fit, replicates, made, 26, by="segment", rng=rng)
    assert list(segments.index) == ["large", "small"]
    assert segments["value"].sum() == pytest.approx(total["value"].iloc[0])
    each = predictive_interval(fit, replicates, made, 26, rng=rng)
    inside = (each["predictive_low"] <= made["future"]) & (
        made["future"] <= each["predictive_high"]
    )
    assert inside.mean() > 0.88  # counts are whole: the interval holds at least its level
    alive = parameter_interval(fit, replicates, made, lambda f, t: f.probability_alive(t))
    assert ((alive["low"] <= alive["value"]) & (alive["value"] <= alive["high"])).all()


def test_no_replicates_no_interval(learned):
    made, fit, _, rng = learned
    with pytest.raises(ParameterError, match="bootstrap"):
        predictive_interval(fit, (), made, 26, rng=rng)
