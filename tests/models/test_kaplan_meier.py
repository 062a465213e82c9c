"""Kaplan-Meier against R, against itself, and against nothing left."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import KaplanMeier, NelsonAalen, count_spells


def test_telco_curve_is_that_of_r(telco, survival_reference):
    ref = survival_reference["telco"]
    fit = KaplanMeier().fit(count_spells(telco, ["contract"]))
    assert (fit.n, fit.n_events, fit.zero_tenure) == (7032, 1869, 11)
    np.testing.assert_allclose(fit.survival(ref["tenure"]), ref["survival"], atol=5e-10)
    np.testing.assert_allclose(fit.standard_error(ref["se_at"]), ref["se"], rtol=0, atol=6e-12)
    interval = np.ravel(fit.interval([24]))
    np.testing.assert_allclose(interval, ref["interval_24"], atol=5e-10)
    np.testing.assert_allclose(fit.rmst(72), ref["rmst_72"], atol=5e-8)
    for given_tenure, value in ref["remaining_within_72"].items():
        found = fit.remaining(float(given_tenure), 72)
        assert found[0] == pytest.approx(value, abs=5e-6)
        assert found[1] < value < found[2]


def test_telco_curves_by_contract_are_those_of_r(telco, survival_reference):
    ref = survival_reference["telco"]
    names = {"month_to_month": "Month-to-month", "one_year": "One year", "two_year": "Two year"}
    fits = {key: KaplanMeier().fit(telco[telco["contract"] == name]) for key, name in names.items()}
    for key, fit in fits.items():
        np.testing.assert_allclose(fit.survival(ref[key]["at"]), ref[key]["survival"], atol=5e-10)
    fit, month = fits["month_to_month"], ref["month_to_month"]
    assert fit.median() == tuple(month["median"])
    assert fit.rmst(72)[0] == pytest.approx(month["rmst_72"], abs=5e-8)
    assert fit.remaining(12, 72)[0] == pytest.approx(month["remaining_12"], abs=5e-8)
    assert float(fit.survival(24, given=12)) == pytest.approx(month["ratio_24_12"], abs=5e-10)


def test_databricks_cohort_is_that_of_r(telco, survival_reference):
    ref = survival_reference["databricks"]
    cohort = telco[(telco["contract"] == "Month-to-month") & (telco["internet_service"] != "No")]
    fit = KaplanMeier().fit(cohort)
    assert (fit.n, fit.n_events) == (ref["n"], ref["events"])
    assert fit.median() == tuple(ref["median"])
    np.testing.assert_allclose(fit.survival(ref["at"]), ref["survival"], atol=5e-9)


def test_lung_is_that_of_r(lung, survival_reference):
    ref = survival_reference["lung"]
    fit = KaplanMeier(band="log").fit(lung)
    assert fit.median() == tuple(ref["median"])  # printed by R with its default band
    np.testing.assert_allclose(fit.rmst(365), ref["rmst_365"], atol=5e-8)


def test_left_truncated_curve_is_that_of_r(truncated, survival_reference):
    ref = survival_reference["truncated"]
    assert len(truncated) == 1514
    fit = KaplanMeier().fit(truncated)
    np.testing.assert_allclose(fit.survival(ref["at"]), ref["survival"], atol=5e-9)
    np.testing.assert_array_equal(fit.at_risk_at(ref["at"]), ref["at_risk"])
    naive = KaplanMeier().fit(truncated.drop(columns="entry"))
    assert float(naive.survival(12)) > float(fit.survival(12)) + 0.1  # what ignoring entry does


ends = st.lists(st.tuples(st.integers(1, 9), st.booleans()), min_size=1, max_size=30)


@given(ends)
def test_without_censoring_it_is_the_share_still_there(rows):
    spells = pd.DataFrame({"duration": [r[0] for r in rows], "event": True})
    fit = KaplanMeier().fit(spells)
    t = np.arange(0, 10)
    share = (spells["duration"].to_numpy()[:, None] > t).mean(axis=0)
    np.testing.assert_allclose(fit.survival(t), share, atol=1e-12)
    assert fit.rmst(fit.longest)[0] == pytest.approx(spells["duration"].mean())


@given(ends)
def test_curve_falls_and_conditional_curves_multiply(rows):
    fit = KaplanMeier().fit(pd.DataFrame(rows, columns=["duration", "event"]))
    s = fit.survival(np.arange(0, int(fit.longest) + 1))
    assert s[0] == 1
    assert np.all(np.diff(s) <= 1e-15)
    if s[1] > 0 and fit.longest > 1:
        product = s[1] * fit.survival([fit.longest], given=1)
        np.testing.assert_allclose(product, s[-1], atol=1e-12)


def test_beyond_the_longest_tenure_nothing_is_said(telco):
    fit = KaplanMeier().fit(telco)
    assert np.isnan(fit.survival([80])).all()
    with pytest.raises(NotEnoughDataError, match="longest tenure seen is 72"):
        fit.rmst(90)


def test_all_left_no_one_left_and_one_customer():
    everyone = KaplanMeier().fit(pd.DataFrame({"duration": [1, 2, 2], "event": [True] * 3}))
    assert everyone.survival([2, 50]).tolist() == [0, 0]
    assert everyone.rmst(50)[0] == pytest.approx(5 / 3)
    assert everyone.median() == (2.0, 1.0, 2.0)
    nobody = KaplanMeier().fit(pd.DataFrame({"duration": [3], "event": [False]}))
    assert nobody.survival([1, 3]).tolist() == [1, 1]
    assert nobody.median() == (np.inf, np.inf, np.inf)
    assert nobody.rmst(3) == (3.0, 0.0)


def test_a_risk_set_that_empties_early_is_told():
    spells = pd.DataFrame({"entry": [0, 3, 3], "duration": [1, 5, 6], "event": [True, True, False]})
    assert KaplanMeier().fit(spells).gap == 1.0


@pytest.mark.parametrize("p", [0, 1, -0.1])
def test_quantile_of_no_share_is_refused(lung, p):
    with pytest.raises(ParameterError, match="between 0 and 1"):
        KaplanMeier().fit(lung).quantile(p)


def test_nelson_aalen_is_summed_by_hand():
    spells = pd.DataFrame({"duration": [1, 2, 2, 3], "event": [True, True, True, False]})
    grouped, ordered = NelsonAalen().fit(spells), NelsonAalen(ties="ordered").fit(spells)
    np.testing.assert_allclose(grouped.cumulative_hazard([1, 2]), [1 / 4, 1 / 4 + 2 / 3])
    np.testing.assert_allclose(ordered.cumulative_hazard([1, 2]), [1 / 4, 1 / 4 + 1 / 3 + 1 / 2])
    assert np.isnan(grouped.cumulative_hazard([4])).all()
