"""Accelerated failure time and cure models: R's numbers, recovery, reductions."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import (
    AcceleratedFailureTime,
    CureModel,
    DiscreteHazard,
    KaplanMeier,
    expected_leavers,
    predict_leaving,
)


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


@pytest.fixture(scope="module")
def stays():
    return months(np.random.default_rng(7), 4_000, share=0.25)


@pytest.fixture(scope="module", params=["weibull", "log_normal", "log_logistic", "cure"])
def stay_fit(request, stays):
    if request.param == "cure":
        return CureModel(covariates=["x"], stay_covariates=["x"]).fit(stays)
    return AcceleratedFailureTime(covariates=["x"], distribution=request.param).fit(stays)


HERE = pd.DataFrame({"tenure": [0, 3, 12, 30], "x": [0, 1, 0, 1]}, index=list("abcd"))


def test_those_still_here_are_foretold_given_their_tenure(stay_fit):
    found = predict_leaving(stay_fit, HERE, 6)
    for name, row in HERE.iterrows():
        ahead = row["tenure"] + np.arange(7)
        s = stay_fit.survival(ahead, {"x": row["x"]}, given=row["tenure"])
        assert found.loc[name, "p_leave"] == pytest.approx(1 - s[-1], abs=1e-9)
        assert found.loc[name, "expected_stay"] == pytest.approx(s[:-1].sum(), abs=1e-9)
    assert (found["low"] < found["p_leave"]).all()
    assert (found["p_leave"] < found["high"]).all()
    assert list(found["extrapolated"]) == [False] * 4
    far = predict_leaving(stay_fit, HERE, 40, beyond="refuse")
    assert far["p_leave"].isna().tolist() == (HERE["tenure"] + 40 > stay_fit.longest).tolist()


def test_their_intervals_are_those_of_the_delta_method(stay_fit):
    """Against the chances under parameters drawn from their distribution."""
    rng = np.random.default_rng(0)
    draws = rng.multivariate_normal(stay_fit.theta, stay_fit.covariance, 400)
    t = HERE["tenure"].to_numpy(float)

    def chance(theta):
        start = np.where(t > 0, stay_fit.log_survival(HERE, np.maximum(t, 1e-9), theta), 0.0)
        return -np.expm1(stay_fit.log_survival(HERE, t + 6, theta) - start)

    drawn = np.array([chance(theta) for theta in draws])
    found = predict_leaving(stay_fit, HERE, 6)
    width = found["high"] - found["low"]
    ends = np.quantile(drawn, [0.025, 0.975], axis=0)
    assert_allclose(found["low"], ends[0], atol=0.2 * width.max())
    assert_allclose(found["high"], ends[1], atol=0.2 * width.max())


def test_models_of_the_stay_agree_with_the_discrete_hazard(stays):
    here = pd.DataFrame({"tenure": np.repeat([2, 10, 25], 50), "x": np.tile([0, 1], 75)})
    weibull = AcceleratedFailureTime(covariates=["x"]).fit(stays)
    cure = CureModel(covariates=["x"], stay_covariates=["x"]).fit(stays)
    hazard = DiscreteHazard(covariates=["x"], varying=["x"]).fit(stays)
    sums = [expected_leavers(fit, here, 3) for fit in (cure, hazard, weibull)]
    assert sums[0].value == pytest.approx(sums[1].value, rel=0.1)
    assert sums[0].sd_parameters < sums[0].sd_chance
    moved = expected_leavers(cure, here, 3, scenario={"x": 1})
    assert moved.value == pytest.approx(expected_leavers(cure, here.assign(x=1), 3).value)
    with pytest.raises(ParameterError, match="one value a covariate"):
        predict_leaving(weibull, here, 3, scenario={"x": [0, 1, 1]})
