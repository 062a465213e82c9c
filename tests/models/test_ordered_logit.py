"""Ordered logit against MASS polr, and Brant's test where odds are and are not proportional."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.models import OrderedLogit

NAMES = {
    "Infl": ["Medium", "High"],
    "Type": ["Apartment", "Atrium", "Terrace"],
    "Cont": ["High"],
}


@pytest.fixture(scope="module")
def design(housing) -> pd.DataFrame:
    return pd.DataFrame(
        {f"{c}{v}": (housing[c] == v).astype(float) for c, values in NAMES.items() for v in values}
    )


@pytest.fixture(scope="module")
def rating(housing) -> pd.Series:
    return pd.Series(pd.Categorical(housing["Sat"], ["Low", "Medium", "High"], ordered=True))


def test_housing_agrees_with_polr(design, rating, satisfaction_reference):
    printed = satisfaction_reference["housing"]
    fit = OrderedLogit().fit(design, rating)
    found = dict(zip(fit.names, fit.coefficients, strict=True))
    assert found == pytest.approx(printed["coefficients"], abs=2e-4)
    assert fit.cuts == pytest.approx(printed["cuts"], abs=2e-4)
    assert fit.deviance == pytest.approx(printed["deviance"], abs=2e-4)


def test_probabilities_sum_to_one_and_average_to_the_shares(design, rating):
    chances = OrderedLogit().fit(design, rating).probabilities(design)
    np.testing.assert_allclose(chances.sum(axis=1), 1)
    shares = rating.value_counts(normalize=True, sort=False)
    np.testing.assert_allclose(chances.mean(), shares, atol=0.005)


def brant_rejects(worlds, *, proportional):
    """Return the share of simulated samples of 500 whose odds are found not to be proportional."""
    rng = np.random.default_rng(0)
    found = []
    for _ in range(worlds):
        x = pd.DataFrame({"x": rng.normal(size=500)})
        u = rng.logistic(size=500)
        upper = x["x"] + u if proportional else u
        y = np.where(x["x"] + u < -0.5, 0, np.where(upper < 0.5, 1, 2))
        found.append(OrderedLogit().fit(x, pd.Series(y)).proportional_odds_p)
    return np.mean(np.array(found) < 0.05)


def test_brant_has_power():
    assert brant_rejects(10, proportional=False) == 1


@pytest.mark.slow
def test_brant_keeps_its_level():
    assert 0.01 < brant_rejects(200, proportional=True) < 0.10


def test_bad_input_is_refused(design, rating):
    with pytest.raises(NotEnoughDataError, match="2 different"):
        OrderedLogit().fit(design, pd.Series(np.arange(len(design)) % 2))
    with pytest.raises(NotIdentifiedError, match="ContHigh"):
        OrderedLogit().fit(design.assign(ContHigh=1.0), rating)
    with pytest.raises(NotIdentifiedError):
        OrderedLogit().fit(design.assign(copy=design["ContHigh"]), rating)
    with pytest.raises(NotEnoughDataError, match="21 answers"):
        OrderedLogit().fit(design.iloc[::84], rating.iloc[::84])
