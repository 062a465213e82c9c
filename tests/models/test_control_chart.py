"""Control charts against Montgomery, and how often they cry wolf."""

from __future__ import annotations

import numpy as np
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import cusum_chart, ewma_chart, p_chart


def test_orange_juice_agrees_with_montgomery(satisfaction_reference):
    printed = satisfaction_reference["orange_juice"]
    counts = np.array(printed["counts"])
    chart = p_chart(counts, np.full(30, 50))
    assert chart.centre == pytest.approx(printed["centre"], abs=1e-6)
    assert [chart.lower[0], chart.upper[0]] == pytest.approx(printed["limits"], abs=1e-6)
    assert (np.flatnonzero(chart.signal) + 1).tolist() == printed["signals"]
    kept = counts[chart.signal == 0]
    revised = p_chart(kept, np.full(28, 50))
    assert [revised.centre, revised.lower[0], revised.upper[0]] == pytest.approx(
        printed["revised"], abs=1e-6
    )


def test_limits_follow_the_n_of_each_period():
    chart = p_chart([10, 20, 5], [100, 200, 50])
    width = chart.upper - chart.lower
    assert width[1] < width[0] < width[2]


def test_ewma_with_all_weight_on_the_newest_is_shewhart():
    values = np.random.default_rng(0).normal(size=50)
    chart = ewma_chart(values, centre=0, sd=1, smoothing=1.0, width=2.0)
    np.testing.assert_allclose(chart.statistic, values)
    np.testing.assert_array_equal(chart.signal != 0, np.abs(values) > 2)


def test_cusum_is_the_published_recursion():
    values = np.random.default_rng(3).normal(0.4, 1, 60)
    up = down = 0.0
    for t, value in enumerate(values):
        up, down = max(0, up + value - 0.5), max(0, down - value - 0.5)
        drawn = cusum_chart(values[: t + 1], centre=0, sd=1).statistic[-1]
        assert drawn == pytest.approx(up if up >= down else -down)


@pytest.mark.parametrize("chart", [cusum_chart, ewma_chart])
def test_a_fall_is_found_and_dated(chart):
    rng = np.random.default_rng(4)
    values = np.concatenate([rng.normal(0, 1, 20), rng.normal(-1.5, 1, 15)])
    found = chart(values, centre=0.0, sd=1.0)
    first = int(np.flatnonzero(found.signal == -1)[0])
    assert 20 <= first <= 28
    assert 16 <= found.began[first] <= 22
    assert not (found.signal[:20] != 0).any()


@pytest.mark.slow
@pytest.mark.parametrize(("chart", "length"), [(cusum_chart, 465), (ewma_chart, 370)])
def test_false_signals_are_as_rare_as_published(chart, length):
    rng = np.random.default_rng(1)
    runs = []
    for _ in range(400):
        signal = chart(rng.normal(size=3000), centre=0.0, sd=1.0).signal
        hits = np.flatnonzero(signal)
        runs.append(hits[0] + 1 if len(hits) else 3000)
    assert np.mean(runs) == pytest.approx(length, rel=0.15)


def test_bad_input_is_refused():
    with pytest.raises(ParameterError):
        p_chart([5], [0])
    with pytest.raises(ParameterError):
        p_chart([], [])
    with pytest.raises(ParameterError, match="finite"):
        ewma_chart([1.0, np.nan], centre=0, sd=1)
    with pytest.raises(NotEnoughDataError):
        cusum_chart([], centre=0, sd=1)
    with pytest.raises(ParameterError, match="smoothing"):
        ewma_chart([1.0], centre=0, sd=1, smoothing=0)
