"""Contractual models against Fader and Hardie (2007, 2010), by counts and by spells."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import (
    BetaDiscreteWeibull,
    BetaDiscreteWeibullFit,
    ShiftedBetaGeometric,
    ShiftedBetaGeometricFit,
    count_spells,
)
from retention.models.renewals import RenewalLikelihood


def spells_of(percent: list[float], entry: int = 0) -> pd.DataFrame:
    """Return 1,000 spells from percentages surviving, seen to the last of them."""
    survivors = np.round(np.array(percent) * 10).astype(int)
    left = -np.diff(survivors)
    last = len(left)
    duration = np.repeat([*range(1, last + 1), last], [*left, survivors[-1]])
    event = np.repeat([True] * last + [False], [*left, survivors[-1]])
    table = pd.DataFrame({"entry": entry, "duration": duration, "event": event})
    return table[table["duration"] > entry].rename_axis("customer_id")


@pytest.mark.parametrize("cohort", ["high_end", "regular"])
@pytest.mark.parametrize(
    ("key", "model"), [("sbg", ShiftedBetaGeometric), ("bdw", BetaDiscreteWeibull)]
)
def test_reproduces_fader_hardie(value_reference, cohort, key, model):
    known = value_reference["renewals"]
    expected = known[f"{key}_{cohort}"]
    spells = spells_of(known[cohort][:8])
    for table in (spells, count_spells(spells)):
        fit = model(unit="year").fit(table)
        assert list(fit.parameters.values()) == pytest.approx(expected["parameters"], abs=5e-4)
        assert fit.log_likelihood == pytest.approx(expected["log_likelihood"], abs=0.01)
        assert 100 * fit.survival(12) == pytest.approx(expected["year_12"], abs=0.02)
        assert fit.n_customers == 1000
        assert fit.optimum.certificate.identified


def test_duration_dependence_pays_for_one_cohort_only(value_reference):
    gains = {}
    for cohort in ("high_end", "regular"):
        spells = spells_of(value_reference["renewals"][cohort][:8])
        plain, richer = ShiftedBetaGeometric().fit(spells), BetaDiscreteWeibull().fit(spells)
        gains[cohort] = richer.log_likelihood - plain.log_likelihood
    assert gains["high_end"] == pytest.approx(5.85, abs=0.01)
    assert 0 < gains["regular"] < 1  # less than a parameter costs


def test_residual_lifetime_as_published(value_reference):
    for case in value_reference["derl"]["values"]:
        alpha, beta = case["shapes"]
        fit = ShiftedBetaGeometricFit(alpha=alpha, beta=beta, unit="year")
        found = fit.expected_residual(range(5), 0.1)
        assert found == pytest.approx(case["value"], abs=1e-4)
        t = np.arange(20_000)
        direct = fit.survival(1 + t) @ np.exp(-np.log(1.1) * t)
        assert found[0] == pytest.approx(direct, rel=1e-9)


def test_same_mean_churn_other_value():
    """Two cohorts that lose 20 % at first: what differences between customers are worth."""
    alike = ShiftedBetaGeometricFit(alpha=3.80, beta=15.20, unit="year").expected_residual([4], 0.1)
    apart = ShiftedBetaGeometricFit(alpha=0.067, beta=0.267, unit="year").expected_residual(
        [4], 0.1
    )
    assert apart / alike == pytest.approx(2.65, abs=0.01)


def test_left_truncation_is_respected(rng):
    """Seen only if still here after three renewals: the same parameters, not flattered ones."""
    p = rng.beta(0.8, 2.4, 40_000)
    duration = rng.geometric(p)
    spells = pd.DataFrame(
        {"entry": 0, "duration": np.minimum(duration, 10), "event": duration <= 10}
    )
    spells["entry"] = np.where(np.arange(40_000) % 2, 3, 0)
    seen = spells[spells["duration"] > spells["entry"]].rename_axis("customer_id")
    fit = ShiftedBetaGeometric().fit(seen)
    se = fit.standard_errors()
    assert abs(fit.alpha - 0.8) < 4 * se["alpha"]
    assert abs(fit.beta - 2.4) < 4 * se["beta"]
    naive = ShiftedBetaGeometric().fit(seen.assign(entry=0))
    assert naive.survival(3) > fit.survival(3) + 0.02


def test_several_cohorts_are_counted_together(value_reference):
    long = spells_of(value_reference["renewals"]["regular"][:8])
    short = spells_of(value_reference["renewals"]["regular"][:4])
    both = pd.concat([long, short], ignore_index=True).rename_axis("customer_id")
    fit = ShiftedBetaGeometric().fit(both)
    assert fit.n_customers == 2000
    assert fit.parameters["alpha"] == pytest.approx(0.704, abs=0.05)


def test_one_renewal_only_is_not_identified():
    with pytest.raises(NotIdentifiedError, match=r"36\.9% left"):
        ShiftedBetaGeometric().fit(spells_of([100, 63.1]))


def test_nobody_faced_a_renewal():
    none = pd.DataFrame({"entry": 0, "duration": 0, "event": False}, index=pd.RangeIndex(5))
    with pytest.raises(NotEnoughDataError, match="faced a renewal"):
        ShiftedBetaGeometric().fit(none.rename_axis("customer_id"))
    with pytest.raises(ParameterError, match="whole tenures"):
        ShiftedBetaGeometric().fit(none.assign(duration=2.5).rename_axis("customer_id"))


def test_nobody_left_and_all_left():
    stay = pd.DataFrame({"entry": 0, "duration": 5, "event": False}, index=pd.RangeIndex(50))
    fit = ShiftedBetaGeometric(unit="year").fit(stay.rename_axis("customer_id"))
    assert "nobody left" in fit.optimum.certificate.boundaries
    assert fit.survival(20) > 0.999
    assert np.isfinite(fit.expected_residual([5], 0.1)).all()
    gone = spells_of([100, 20, 0])
    fit = ShiftedBetaGeometric(unit="year").fit(gone)
    assert np.isfinite(fit.expected_residual([1], 0.1)).all()


def test_score_is_the_derivative():
    likelihood = RenewalLikelihood(
        np.array([1, 2, 7, 1, 2, 7]), np.array([True] * 3 + [False] * 3), np.ones(6), True
    )
    theta = np.array([-0.7, 0.9, 0.3])
    _, score = likelihood.rows(theta)
    for j in range(3):
        move = np.eye(3)[j] * 1e-6
        slope = (likelihood.rows(theta + move)[0] - likelihood.rows(theta - move)[0]) / 2e-6
        np.testing.assert_allclose(score[:, j], slope, rtol=1e-5, atol=1e-7)


def test_replicates_spread_as_the_standard_error(value_reference, rng):
    spells = spells_of(value_reference["renewals"]["regular"][:8])
    model = ShiftedBetaGeometric(unit="year")
    fit = model.fit(spells)
    replicates = model.bootstrap(fit, spells, replicates=400, rng=rng)
    spread = np.std([f.alpha for f in replicates])
    assert spread == pytest.approx(fit.standard_errors()["alpha"], rel=0.2)


shape = st.floats(0.1, 20)


@given(alpha=shape, beta=shape)
def test_retention_rate_rises_with_tenure(alpha, beta):
    fit = ShiftedBetaGeometricFit(alpha=alpha, beta=beta)
    rate = fit.retention_rate(np.arange(1, 25))
    assert np.all((rate > 0) & (rate < 1))
    assert np.all(np.diff(rate) > 0)  # those prone to leave leave first
    np.testing.assert_allclose(rate.prod(), fit.survival(24), rtol=1e-9)


@given(alpha=shape, beta=shape)
def test_c_of_one_is_the_shifted_beta_geometric(alpha, beta):
    t = np.arange(0, 40)
    richer = BetaDiscreteWeibullFit(alpha=alpha, beta=beta, c=1.0)
    plain = ShiftedBetaGeometricFit(alpha=alpha, beta=beta)
    np.testing.assert_allclose(richer.survival(t), plain.survival(t), rtol=1e-12)
