"""Raking against R survey, its cost, and what silence could hide."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import Raking, kish_design_effect, nonresponse_bounds

MARGINS = {
    "Infl": {"Low": 0.30, "Medium": 0.45, "High": 0.25},
    "Cont": {"Low": 0.5, "High": 0.5},
    "Type": dict.fromkeys(["Tower", "Apartment", "Atrium", "Terrace"], 0.25),
}


def test_housing_agrees_with_survey_rake(housing, satisfaction_reference):
    printed = satisfaction_reference["housing"]
    fit = Raking(margins=MARGINS).fit(housing)
    high = housing["Sat"] == "High"
    assert [high.mean(), np.average(high, weights=fit.weights)] == pytest.approx(
        printed["high"], abs=1e-5
    )
    assert fit.design_effect == pytest.approx(printed["design_effect"], abs=1e-5)
    assert [fit.weights.min(), fit.weights.max()] == pytest.approx(printed["weights"], abs=1e-5)
    assert fit.trimmed == 0


def test_margins_are_met_and_the_mean_weight_is_one(housing):
    fit = Raking(margins=MARGINS).fit(housing)
    assert fit.weights.mean() == pytest.approx(1)
    for column, shares in MARGINS.items():
        reached = fit.weights.groupby(housing[column]).sum() / len(housing)
        assert reached.to_dict() == pytest.approx(shares, abs=1e-9)


def test_trimming_holds_the_cap_and_says_what_it_cost(housing):
    fit = Raking(margins=MARGINS, trim=2.0).fit(housing)
    assert fit.weights.max() <= 2.0 * 1.1
    assert fit.trimmed > 0
    free = Raking(margins=MARGINS).fit(housing)
    assert fit.design_effect < free.design_effect


def test_a_sample_like_the_population_needs_no_weights(housing):
    margins = {"Infl": housing["Infl"].value_counts(normalize=True).to_dict()}
    np.testing.assert_allclose(Raking(margins=margins).fit(housing).weights, 1)


def test_bounds_hold_every_possible_truth():
    rng = np.random.default_rng(0)
    scores = rng.uniform(0, 10, 1000)
    answered = rng.random(1000) < 0.3
    low, high = nonresponse_bounds(scores[answered].mean(), answered.mean(), 0, 10)
    assert low <= scores.mean() <= high
    assert nonresponse_bounds(7.0, 1.0, 0, 10) == (7.0, 7.0)


def test_bad_input_is_refused(housing):
    with pytest.raises(ParameterError, match="sum to"):
        Raking(margins={"Infl": {"Low": 0.5}})
    with pytest.raises(ParameterError, match="no share"):
        Raking(margins={"Infl": {"Low": 0.5, "Medium": 0.5}}).fit(housing)
    extra = {"Infl": {"Low": 0.3, "Medium": 0.3, "High": 0.3, "None": 0.1}}
    with pytest.raises(NotEnoughDataError, match="nobody answered from Infl None"):
        Raking(margins=extra).fit(housing)
    with pytest.raises(ParameterError, match="no column"):
        Raking(margins={"Age": {"young": 1.0}}).fit(housing)
    with pytest.raises(ParameterError, match="trim"):
        Raking(margins=MARGINS, trim=1.0)
    with pytest.raises(ParameterError, match="response_rate"):
        nonresponse_bounds(5, 0, 0, 10)


def test_kish_of_equal_weights_is_one():
    assert kish_design_effect(pd.Series([3.0, 3.0])) == pytest.approx(1)
