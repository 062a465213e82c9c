"""Scores of forecasts, on cases that can be worked out by hand."""

from __future__ import annotations

import numpy as np
import pytest

from retention.errors import ParameterError
from retention.metrics import (
    decile_lift,
    forecast_bias,
    interval_coverage,
    mean_absolute_error,
    tracking_error,
)


def test_a_perfect_forecast():
    actual = np.arange(1, 41, dtype=float)
    assert forecast_bias(actual, actual) == 0
    assert mean_absolute_error(actual, actual) == 0
    assert tracking_error(actual, actual) == 0
    assert interval_coverage(actual, actual, actual) == 1
    lift = decile_lift(actual, actual)
    assert lift["share"].sum() == pytest.approx(1)
    assert lift["lift"].is_monotonic_decreasing
    assert lift["actual"].iloc[0] == 38.5


def test_a_useless_forecast_has_no_lift(rng):
    actual = rng.poisson(2.0, 50_000)
    lift = decile_lift(actual, rng.random(50_000))
    assert lift["lift"].between(0.95, 1.05).all()


def test_tracking_sees_what_the_total_hides():
    assert forecast_bias([10, 10], [20, 0]) == 0
    assert tracking_error([10, 10], [20, 0]) == 0.5


def test_nothing_happened():
    assert forecast_bias([0, 0], [0, 0]) == 0
    assert forecast_bias([0, 0], [1, 0]) == float("inf")
    assert tracking_error([0, 0], [1, 0]) == float("inf")
    assert decile_lift(np.zeros(10), np.arange(10))["lift"].tolist() == [0.0] * 10


def test_what_cannot_be_scored():
    with pytest.raises(ParameterError, match="shapes"):
        forecast_bias([1], [1, 2])
    with pytest.raises(ParameterError, match="finite"):
        mean_absolute_error([1], [np.nan])
    with pytest.raises(ParameterError, match="groups"):
        decile_lift([1, 2], [1, 2])
