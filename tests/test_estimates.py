"""Intervals against published figures, and numbers that refuse to be dishonest."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import ParameterError
from retention.estimates import (
    Estimate,
    benjamini_hochberg,
    bootstrap_interval,
    delta_interval,
    fieller_interval,
    log_log_interval,
    normal_interval,
    wilson_interval,
)

HONEST = {"unit": "share", "n": 100, "method": "count", "grade": "D"}


@pytest.mark.parametrize(
    ("numbers", "message"),
    [
        ({"value": 0.5, "low": 0.6, "high": 0.7}, "outside its interval"),
        ({"value": 0.5, "low": 0.4}, "both"),
        ({"value": math.nan}, "not finite"),
        ({"value": 0.5, "low": 0.1, "high": math.inf}, "not finite"),
        ({"value": 0.5, "grade": "E"}, "grade"),
        ({"value": 0.5, "level": 95}, "level"),
        ({"value": None}, "reason"),
    ],
)
def test_dishonest_estimate_is_refused(numbers, message):
    with pytest.raises(ParameterError, match=message):
        Estimate(**(HONEST | numbers))


def test_withheld_estimate_says_why():
    estimate = Estimate.withheld("n 12 is below 20", unit="share", n=12, method="count")
    assert not estimate.shown
    assert str(estimate) == "not shown: n 12 is below 20"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (0.12345, "share", "12.3 %"),
        (12345.6, "EUR", "12,346 EUR"),
        (54.4924, "months", "54.5 months"),
        (-0.0123, "", "-0.012"),
    ],
)
def test_number_is_printed_to_the_digits_that_matter(value, unit, text):
    estimate = Estimate(value=value, unit=unit, n=1000, method="count", grade="D")
    assert str(estimate).startswith(text + " (")


def test_wilson_reproduces_newcombe_1998():
    """Table I of Newcombe (1998), Statistics in Medicine 17, 857-872, method 3."""
    table = {
        (81, 263): (0.2553, 0.3662),
        (15, 148): (0.0624, 0.1605),
        (0, 20): (0.0, 0.1611),
        (1, 29): (0.0061, 0.1718),
    }
    for (x, n), expected in table.items():
        assert wilson_interval(x, n) == pytest.approx(expected, abs=5e-5)


@given(n=st.integers(1, 5000), share=st.floats(0, 1), level=st.floats(0.5, 0.999))
def test_wilson_holds_the_share_and_mirrors(n, share, level):
    x = round(share * n)
    low, high = wilson_interval(x, n, level)
    assert 0 <= low <= x / n <= high <= 1
    mirrored = wilson_interval(n - x, n, level)
    assert (1 - mirrored[1], 1 - mirrored[0]) == pytest.approx((low, high), abs=1e-12)


@pytest.mark.parametrize(("x", "n"), [(1, 0), (-1, 5), (6, 5)])
def test_impossible_counts_are_refused(x, n):
    with pytest.raises(ParameterError):
        wilson_interval(x, n)


def test_log_log_interval_of_the_telco_curve():
    """S(24) of the Telco base and its interval, as computed with R's survfit."""
    low, high = log_log_interval(0.788736398, 0.00520896369)
    assert (float(low), float(high)) == pytest.approx((0.778312956, 0.798735202), abs=1e-8)


def test_log_log_interval_is_undefined_at_the_ends():
    low, high = log_log_interval([0.0, 1.0], [0.0, 0.0])
    assert np.isnan(low).all()
    assert np.isnan(high).all()


def test_delta_interval_is_exact_for_a_linear_function():
    v = np.array([[4.0, 1.0], [1.0, 9.0]])
    value, low, high = delta_interval(lambda x: float(2 * x[0] - x[1]), [1.0, 5.0], v)
    assert value == pytest.approx(-3.0)
    assert (low, high) == pytest.approx(normal_interval(-3.0, math.sqrt(4 * 4 + 9 - 4)), rel=1e-6)


def test_fieller_meets_delta_when_the_denominator_is_sure_and_opens_when_it_is_not():
    low, high = fieller_interval(2.0, 4.0, [[0.01, 0.0], [0.0, 1e-12]])
    assert (low, high) == pytest.approx(normal_interval(0.5, 0.1 / 4), rel=1e-5)
    assert fieller_interval(2.0, 0.1, [[0.01, 0.0], [0.0, 1.0]]) == (-math.inf, math.inf)


def test_bootstrap_interval_refuses_lost_replicates():
    with pytest.raises(ParameterError, match="1 of 3"):
        bootstrap_interval([1.0, 2.0, math.nan])
    low, high = bootstrap_interval(np.arange(1001), level=0.9)
    assert (low, high) == pytest.approx((50, 950))


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_benjamini_hochberg_never_lowers_and_keeps_order(p):
    adjusted = benjamini_hochberg(p)
    assert np.all(adjusted >= np.asarray(p) - 1e-15)
    assert np.all(adjusted <= 1)
    order = np.argsort(p)
    assert np.all(np.diff(adjusted[order]) >= -1e-15)
