"""Accelerated failure time and cure models: R's numbers, recovery, reductions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import AcceleratedFailureTime, CureModel, KaplanMeier


def test_exact_times_give_the_numbers_of_r(telco, lung, survival_reference):
    ref = survival_reference["aft"]["telco"]
    fit = AcceleratedFailureTime(covariates=["contract"], grouped=False).fit(telco)
    assert_allclose(fit.coefficients, ref["weibull"], rtol=2e-4)
    assert fit.scale == pytest.approx(ref["scale"], rel=2e-4)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=1e-2)
    ref = survival_reference["aft"]["lung"]
    table = lung.dropna(subset=["ph.ecog"])
    fit = AcceleratedFailureTime(covariates=["age", "sex", "ph.ecog"], grouped=False).fit(table)
    assert_allclose(fit.coefficients, ref["weibull"], rtol=2e-3)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=1e-2)


def months(rng, n, share=0.0, truncate=True):
    x = rng.integers(0, 2, n)
    stay = np.exp(2.5 + 0.5 * x) * rng.exponential(size=n) ** 0.7
    left = np.ceil(np.where(rng.random(n) < share, 1e6, stay))
    entry = rng.integers(0, 10, n) if truncate else np.zeros(n, dtype=int)
    end = entry + rng.integers(5, 50, n)
    seen = left > entry
    table = pd.DataFrame({"x": x, "entry": entry, "duration": np.minimum(left, end)})
    return table.assign(event=left <= end)[seen].astype({"duration": int})


def test_grouped_months_recover_what_rounding_hides():
    table = months(np.random.default_rng(1), 12_000)
    fit = AcceleratedFailureTime(covariates=["x"]).fit(table)
    se = np.sqrt(np.diag(fit.covariance))
    for value, truth, error in zip(fit.theta, (2.5, 0.5, np.log(0.7)), se, strict=True):
        assert abs(value - truth) < 3 * error
    rounded = AcceleratedFailureTime(covariates=["x"], grouped=False).fit(table)
    assert abs(rounded.theta[0] - 2.5) > 3 * se[0]


@pytest.mark.parametrize("distribution", ["weibull", "log_normal", "log_logistic"])
def test_curves_follow_kaplan_meier(distribution):
    table = months(np.random.default_rng(2), 4_000)
    fit = AcceleratedFailureTime(distribution=distribution).fit(table)
    km = KaplanMeier().fit(table)
    t = np.array([6, 12, 24])
    assert_allclose(fit.survival(t), km.survival(t), atol=0.06)
    assert_allclose(fit.survival([24], given=12), fit.survival([24]) / fit.survival([12]))


def test_exponential_has_a_constant_hazard():
    rng = np.random.default_rng(3)
    left = np.ceil(rng.exponential(15, 8_000))
    table = pd.DataFrame({"duration": np.minimum(left, 40), "event": left <= 40})
    fit = AcceleratedFailureTime().fit(table)
    assert fit.scale == pytest.approx(1, abs=0.03)
    assert np.exp(fit.theta[0]) == pytest.approx(15, rel=0.04)


def test_share_who_never_leave_is_recovered_under_late_entry():
    table = months(np.random.default_rng(4), 12_000, share=0.3)
    fit = CureModel(stay_covariates=["x"]).fit(table)
    share, low, high = fit.share()
    assert low < 0.3 < high
    assert high - low < 0.05
    assert fit.summary().loc["stay: x", "coefficient"] == pytest.approx(0.5, abs=0.08)
    assert_allclose(fit.survival([1e9]), share)
    naive = CureModel(stay_covariates=["x"]).fit(table.assign(entry=0))
    assert naive.share()[0] > high  # those who stayed were the ones to be found


def test_cure_shares_by_group():
    rng = np.random.default_rng(5)
    parts = [months(rng, 5_000, share=s, truncate=False).assign(g=g)
             for g, s in (("a", 0.2), ("b", 0.5))]  # fmt: skip
    fit = CureModel(covariates=["g"], stay_covariates=["x"]).fit(pd.concat(parts))
    assert fit.share({"g": "a", "x": 0})[0] == pytest.approx(0.2, abs=0.03)
    assert fit.share({"g": "b", "x": 0})[0] == pytest.approx(0.5, abs=0.03)


def test_a_share_that_cannot_be_told_is_refused():
    rng = np.random.default_rng(6)
    left = np.ceil(rng.exponential(15, 3_000))
    table = pd.DataFrame({"duration": np.minimum(left, 200), "event": left <= 200})
    with pytest.raises(NotIdentifiedError, match="cannot be told"):
        CureModel().fit(table)
    with pytest.raises(NotEnoughDataError):
        CureModel().fit(table.assign(event=False))
    with pytest.raises(ParameterError):
        AcceleratedFailureTime(distribution="gamma")
