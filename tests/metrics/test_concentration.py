"""Concentration against closed forms, identities and a coverage study."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, ParameterError
from retention.metrics import (
    abc_classes,
    effective_number,
    gini,
    gini_interval,
    herfindahl,
    lorenz_curve,
    top_share,
    top_share_interval,
    whale_curve,
)

cents = st.lists(st.integers(0, 10**7), min_size=1, max_size=60)
signed_cents = st.lists(st.integers(-(10**5), 10**7), min_size=1, max_size=60)


def pareto_cells(alpha: float, n: int) -> np.ndarray:
    """Mean of a Pareto distribution within each of n cells of equal probability: no sampling."""
    edge = np.arange(n + 1) / n
    integral = -((1 - edge) ** (1 - 1 / alpha)) / (1 - 1 / alpha)
    return np.diff(integral) * n


@pytest.mark.parametrize("alpha", [1.16, 1.5, 2.0, 3.0, 10.0])
def test_gini_equals_closed_form_of_pareto(alpha):
    assert gini(pareto_cells(alpha, 200_000)) == pytest.approx(1 / (2 * alpha - 1), abs=2e-5)


def test_pareto_of_shape_log4_5_is_the_eighty_twenty_rule():
    alpha = np.log(5) / np.log(4)
    assert top_share(pareto_cells(alpha, 100_000), 0.2) == pytest.approx(0.8, abs=1e-9)


@given(signed_cents)
def test_lorenz_is_convex_from_zero_to_one(values):
    assume(sum(values) > 0)
    held = lorenz_curve(values)["value_share"].to_numpy()
    assert held[0] == 0
    assert held[-1] == 1
    assert np.all(np.diff(held, 2) >= -1e-9 * max(1.0, np.abs(held).max()))


@given(cents)
def test_gini_is_twice_the_area_under_the_diagonal(values):
    assume(sum(values) > 0)
    curve = lorenz_curve(values)
    area = np.trapezoid(curve["value_share"], curve["population_share"])
    assert gini(values) == pytest.approx(1 - 2 * area, abs=1e-9)
    assert -1e-12 <= gini(values) <= 1 - 1 / len(values) + 1e-12


@given(cents, st.floats(0.01, 0.99))
def test_top_share_reads_the_lorenz_curve(values, share):
    assume(sum(values) > 0)
    curve = lorenz_curve(values)
    read = 1 - np.interp(1 - share, curve["population_share"], curve["value_share"])
    assert top_share(values, share) == pytest.approx(read, abs=1e-9)


@given(cents)
def test_effective_number_lies_between_one_and_all(values):
    assume(sum(values) > 0)
    assert 1 - 1e-9 <= effective_number(values) <= len(values) + 1e-9
    assert herfindahl(values) * effective_number(values) == pytest.approx(1)


@given(signed_cents)
def test_whale_curve_ends_at_the_total_and_peaks_at_the_profitable(values):
    assume(sum(values) > 0)
    curve = whale_curve(values)
    assert curve["cumulative_profit"].iloc[-1] == pytest.approx(sum(values))
    assert curve["cumulative_profit"].max() == pytest.approx(sum(v for v in values if v > 0))


@given(signed_cents, st.sampled_from([0.01, 0.1, 3, 7, 1000, 7.45]), st.randoms())
def test_abc_does_not_depend_on_unit_or_row_order(values, unit, random):
    table = pd.Series(values, index=[f"c{i}" for i in range(len(values))], dtype=float)
    order = list(table.index)
    random.shuffle(order)
    expected = abc_classes(table)
    pd.testing.assert_series_equal(abc_classes(table * unit), expected)
    pd.testing.assert_series_equal(abc_classes(table.loc[order]).loc[table.index], expected)


@given(signed_cents)
def test_abc_class_values_sum_to_the_total_and_are_ordered(values):
    table = pd.Series(values)
    letters = abc_classes(table)
    assert int(table.groupby(letters).sum().sum()) == sum(values)
    assert letters[table <= 0].eq("C").all()
    best = table.groupby(letters).min()
    for higher, lower in (("A", "B"), ("B", "C"), ("A", "C")):
        if {higher, lower} <= set(best.index):
            assert best[higher] > table[letters == lower].max()


@given(cents)
def test_abc_a_is_the_fewest_customers_who_reach_the_share(values):
    assume(sum(values) > 0)
    table = pd.Series(values)
    a = table[abc_classes(table) == "A"]
    assert a.sum() >= 0.8 * table.sum() - 1e-6
    assert a[a > a.min()].sum() < 0.8 * table.sum() + 1e-6


def test_abc_thresholds_are_fixed_in_money():
    table = pd.Series([100.0, 99.99, 10.0, 9.99, -5.0])
    assert abc_classes(table, thresholds=(100, 10)).tolist() == ["A", "B", "B", "C", "C"]


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda: gini([]), NotEnoughDataError),
        (lambda: gini([0, 0]), NotEnoughDataError),
        (lambda: gini([1, np.nan]), ParameterError),
        (lambda: top_share([1, 2], 1.0), ParameterError),
        (lambda: herfindahl([5, -1]), ParameterError),
        (lambda: gini_interval([3]), NotEnoughDataError),
        (lambda: abc_classes(pd.Series([1.0]), shares=(0.95, 0.8)), ParameterError),
        (lambda: abc_classes(pd.Series([1.0]), thresholds=(1, 2)), ParameterError),
        (lambda: abc_classes(pd.Series([1.0, None])), ParameterError),
    ],
)
def test_what_has_no_answer_is_refused(call, error):
    with pytest.raises(error):
        call()


def test_interval_is_as_wide_as_the_bootstrap():
    rng = np.random.default_rng(6)
    values = rng.lognormal(0, 1, 800)
    draws = [rng.choice(values, values.size) for _ in range(600)]
    for point, interval in ((gini, gini_interval), (top_share, top_share_interval)):
        low, high = interval(values)
        again = np.quantile([point(d) for d in draws], [0.025, 0.975])
        assert high - low == pytest.approx(again[1] - again[0], rel=0.15)


@pytest.mark.slow
def test_intervals_cover_the_truth_of_a_lognormal_population():
    from scipy.stats import norm

    rng, sigma, runs = np.random.default_rng(20), 1.0, 1000
    truth = {
        gini_interval: 2 * norm.cdf(sigma / np.sqrt(2)) - 1,
        top_share_interval: norm.cdf(sigma - norm.ppf(0.8)),
    }
    for interval, value in truth.items():
        inside = 0
        for _ in range(runs):
            low, high = interval(rng.lognormal(0, sigma, 500))
            inside += low <= value <= high
        assert inside / runs > 0.90
