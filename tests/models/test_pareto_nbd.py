"""Pareto/NBD against published figures, 50-digit arithmetic, reductions and edges."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy.integrate import quad
from scipy.special import gammaln

from retention.datasets import simulate_purchases
from retention.models import BetaGeoNBD, GammaGamma, ParetoNBD, ParetoNBDFit
from retention.models.pareto_nbd import ParetoLikelihood
from retention.models.purchase_rows import read_rows

TRUTH = {"r": 0.8, "alpha": 6.0, "s": 0.7, "beta": 15.0}
WEEKLY_15_PERCENT = np.log(1.15) / 52


def test_reproduces_cdnow(cdnow, value_reference):
    known = value_reference["pareto_nbd_cdnow"]
    fit = ParetoNBD(unit="week").fit(cdnow)
    assert fit.parameters == pytest.approx(known["parameters"], rel=1e-3)
    assert fit.log_likelihood == pytest.approx(known["log_likelihood"], abs=1e-3)
    assert fit.expected_purchases(cdnow, 39).sum() == pytest.approx(known["holdout"], abs=0.5)
    residual = fit.discounted_purchases(cdnow, WEEKLY_15_PERCENT)
    assert residual.sum() == pytest.approx(known["residual"], rel=1e-3)
    spend = GammaGamma().fit(cdnow).expected_spend(cdnow)
    assert (residual * spend).sum() == pytest.approx(known["residual_clv"], rel=1e-3)


def test_discounted_purchases_as_published(one_customer, value_reference):
    known = value_reference["dert"]
    fit = ParetoNBDFit(**known["parameters"])
    found = fit.discounted_purchases(one_customer(7, 35, known["T"]), known["rate"]).iloc[0]
    assert found == pytest.approx(known["value"], abs=1e-7)
    for x, value in enumerate(known["at_30_weeks"], start=1):
        found = fit.discounted_purchases(one_customer(x, 30, known["T"]), known["rate"]).iloc[0]
        assert found == pytest.approx(value, abs=5e-5)


def test_apparel_with_covariates(apparel, value_reference):
    known = value_reference["apparel_104_weeks"]
    table = apparel(104)
    plain = ParetoNBD(unit="week").fit(table)
    both = ("Gender", "Channel")
    fit = ParetoNBD(unit="week", purchase_covariates=both, dropout_covariates=both).fit(table)
    assert plain.log_likelihood == pytest.approx(known["log_likelihood"], abs=5e-3)
    assert plain.parameters == pytest.approx(known["parameters"], rel=1e-3)
    assert fit.log_likelihood == pytest.approx(known["static_log_likelihood"], abs=5e-3)
    ratio = 2 * (fit.log_likelihood - plain.log_likelihood)
    assert ratio == pytest.approx(known["likelihood_ratio"], abs=0.02)
    for name, value in known["static"].items():
        assert fit.parameters[name] == pytest.approx(value, abs=0.005)


def test_log_likelihood_agrees_with_50_digits():
    path = Path(__file__).parents[1] / "reference" / "pareto_nbd_grid.csv"
    grid = pd.read_csv(path)
    assert len(grid) == 120
    for case in grid.itertuples():
        table = pd.DataFrame(
            {"frequency": [int(case.x)], "recency": [case.t_x], "T": [case.T]},
            index=pd.Index(["a"], name="customer_id"),
        )
        theta = np.log([case.r, case.r / case.alpha, case.s, case.s / case.beta])
        value, score = ParetoLikelihood(read_rows(table)[0]).rows(theta)
        assert np.isfinite(score).all()
        assert value[0] == pytest.approx(case.log_likelihood, abs=1e-8)


def test_score_is_the_derivative(rng):
    made = simulate_purchases("pareto_nbd", 80, 30, rng=rng, **TRUTH)
    made["z"], made["y"] = rng.normal(size=80), rng.integers(0, 2, 80)
    likelihood = ParetoLikelihood(read_rows(made, ("z",), ("y", "z"))[0])
    for theta in (
        np.array([0.2, -1.0, -0.3, -2.0, 0.3, -0.2, 0.1]),
        np.array([1.2, -3.0, 1.3, -1.0, 0.3, -0.2, 0.1]),
    ):
        _, score = likelihood.rows(theta)
        for j in range(theta.size):
            move = np.eye(theta.size)[j] * 1e-6
            slope = (likelihood.rows(theta + move)[0] - likelihood.rows(theta - move)[0]) / 2e-6
            np.testing.assert_allclose(score[:, j], slope, rtol=1e-5, atol=1e-6)


def test_without_dropout_it_is_the_nbd(one_customer):
    """As dropout vanishes the likelihood is the negative binomial of the purchases."""
    for x, T in ((0, 20.0), (3, 20.0), (40, 60.0)):
        rows, _ = read_rows(one_customer(x, T / 2 if x else 0, T))
        r, alpha = 0.7, 5.0
        value = ParetoLikelihood(rows).rows(np.log([r, r / alpha, 1.0, 1e-30]))[0][0]
        nbd = gammaln(r + x) - gammaln(r) + r * np.log(alpha) - (r + x) * np.log(alpha + T)
        assert value == pytest.approx(nbd, abs=1e-9)


def test_expectation_and_discount_by_brute_force(one_customer):
    table = one_customer(3, 20, 30)
    for s in (0.5, 1.0, 1 + 1e-12, 3.0):
        fit = ParetoNBDFit(r=0.8, alpha=6, s=s, beta=15)
        scale = fit.probability_alive(table).iloc[0] * 3.8 / 36
        plain, _ = quad(lambda u, s=s: (45 / (45 + u)) ** s, 0, 52, epsabs=1e-12)
        assert fit.expected_purchases(table, 52).iloc[0] == pytest.approx(scale * plain, rel=1e-10)
        worth, _ = quad(
            lambda u, s=s: np.exp(-0.01 * u) * (45 / (45 + u)) ** s,
            0,
            4500,
            limit=300,
            epsabs=1e-12,
            points=[10, 100, 1000],
        )
        found = fit.discounted_purchases(table, 0.01).iloc[0]
        assert found == pytest.approx(scale * worth, rel=1e-9)


def test_pmf_and_simulation_agree_with_the_expectation(one_customer, rng):
    fit = ParetoNBDFit(**TRUTH, unit="week")
    table = one_customer(4, 25, 30)
    chances = fit.purchase_pmf(table, range(300), 26.0).to_numpy()[0]
    expected = fit.expected_purchases(table, 26.0).iloc[0]
    assert chances.sum() == pytest.approx(1, abs=1e-9)
    assert chances @ np.arange(300) == pytest.approx(expected, rel=1e-8)
    many = pd.concat([table] * 20_000, ignore_index=True).rename_axis("customer_id")
    drawn = fit.simulate(many, 26.0, rng)
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / np.sqrt(20_000))
    assert fit.purchase_pmf(table, [0, 1], 0.0).to_numpy()[0].tolist() == [1.0, 0.0]


def test_parameters_are_recovered(rng):
    made = simulate_purchases("pareto_nbd", 6000, 60, rng=rng, **TRUTH)
    fit = ParetoNBD().fit(made)
    for name, truth in TRUTH.items():
        assert abs(fit.parameters[name] - truth) < 4 * fit.standard_errors()[name]


@pytest.mark.parametrize("unit_days", [1, 7, 365.25])
def test_refitting_in_another_unit_changes_nothing(rng, unit_days):
    made = simulate_purchases("pareto_nbd", 800, 300, rng=rng, r=0.6, alpha=40, s=0.7, beta=90)
    days = ParetoNBD().fit(made)
    again = ParetoNBD().fit(made.assign(recency=made["recency"] / unit_days, T=300 / unit_days))
    assert (again.r, again.s) == pytest.approx((days.r, days.s), rel=1e-6)
    assert again.beta * unit_days == pytest.approx(days.beta, rel=1e-6)


def test_weak_dropout_is_finite_and_named(apparel):
    table = apparel(40)
    fit = ParetoNBD(unit="week").fit(table)
    assert "dropout differences not identified" in " ".join(fit.optimum.certificate.boundaries)
    assert 380 < fit.expected_purchases(table, 40).sum() < 450  # 440 were counted
    assert np.isfinite(fit.expected_residual(table, 0.1)).all()


def test_everybody_bought_once(rng):
    once = pd.DataFrame(
        {"frequency": 0, "recency": 0.0, "T": rng.uniform(10, 50, 200)},
        index=pd.RangeIndex(200, name="customer_id"),
    )
    fit = ParetoNBD(unit="week").fit(once)
    assert fit.optimum.certificate.boundaries
    assert fit.expected_purchases(once, 52).sum() < 0.5


def test_cdnow_models_agree(cdnow):
    """The two models differ in the total by little, and in those who bought once by much."""
    pareto, bg = ParetoNBD(unit="week").fit(cdnow), BetaGeoNBD(unit="week").fit(cdnow)
    once = cdnow[cdnow["frequency"] == 0]
    assert (bg.probability_alive(once) == 1).all()
    longest = once[once["T"] == once["T"].max()]
    assert pareto.probability_alive(longest).iloc[0] < 0.35
    totals = [m.expected_purchases(cdnow, 39).sum() for m in (pareto, bg)]
    assert totals[0] == pytest.approx(totals[1], rel=0.01)
