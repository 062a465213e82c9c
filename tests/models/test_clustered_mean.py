"""Means of customers who answer more than once; a change is the paired t test, or Welch's."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import clustered_mean, mean_change


@pytest.fixture(scope="module")
def waves() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(5)
    person = rng.normal(7, 1.5, 60)
    return person + rng.normal(0, 1, 60), person + 0.4 + rng.normal(0, 1, 60)


def test_one_answer_each_is_the_t_interval(waves):
    before, _ = waves
    mean = clustered_mean(before, range(60))
    expected = stats.t.interval(0.95, 59, before.mean(), stats.sem(before))
    assert mean.interval() == pytest.approx(expected)
    assert mean.effective_n == pytest.approx(60)


def test_repeating_every_answer_adds_no_certainty(waves):
    before, _ = waves
    once = clustered_mean(before, range(60))
    twice = clustered_mean(np.repeat(before, 2), np.repeat(range(60), 2))
    assert twice.se == pytest.approx(once.se)
    assert twice.effective_n == pytest.approx(60, rel=0.02)


def test_same_customers_twice_is_the_paired_t_test(waves):
    before, after = waves
    change = mean_change(before, range(60), after, range(60))
    reference = stats.ttest_rel(after, before)
    assert change.p_value == pytest.approx(reference.pvalue)
    low, high = reference.confidence_interval()
    assert change.interval() == pytest.approx((low, high))


def test_different_customers_is_the_welch_test(waves):
    before, after = waves
    change = mean_change(before, range(60), after[:40], range(100, 140))
    reference = stats.ttest_ind(after[:40], before, equal_var=False)
    assert change.p_value == pytest.approx(reference.pvalue)


def test_ignoring_the_pairing_would_waste_the_panel(waves):
    before, after = waves
    paired = mean_change(before, range(60), after, range(60))
    blind = mean_change(before, range(60), after, range(100, 160))
    assert paired.value == pytest.approx(blind.value)
    assert paired.se < 0.7 * blind.se


def test_overlap_test_keeps_its_level():
    rng = np.random.default_rng(11)
    rejected = 0
    for _ in range(1000):
        person = rng.normal(0, 1, 90)
        before = person[:60] + rng.normal(0, 1, 60)
        after = person[30:] + rng.normal(0, 1, 60)
        change = mean_change(before, range(60), after, range(30, 90))
        rejected += change.p_value < 0.05
    assert 0.033 <= rejected / 1000 <= 0.067  # 2.5 standard errors of a simulation of 1000


def test_shares_of_a_full_panel_agree_with_mcnemar():
    rng = np.random.default_rng(2)
    before, after = rng.integers(0, 2, 400), rng.integers(0, 2, 400)
    change = mean_change(before, range(400), after, range(400))
    gained, lost = int(((before == 0) & (after == 1)).sum()), int((before > after).sum())
    z = (gained - lost) / np.sqrt(gained + lost)
    assert change.p_value == pytest.approx(2 * stats.norm.sf(abs(z)), abs=2e-3)


def test_all_answers_equal_gives_no_spread_but_an_effective_n():
    mean = clustered_mean([4.0, 4.0, 4.0], ["a", "a", "b"])
    assert (mean.value, mean.se) == (4.0, 0.0)
    assert mean.effective_n == pytest.approx(9 / 5)
    change = mean_change([4, 4], ["a", "b"], [4, 4], ["a", "b"])
    assert (change.value, change.p_value) == (0.0, 1.0)


def test_weights_scale_out():
    y, who = [1.0, 4.0, 2.0, 5.0], list("abcd")
    one = clustered_mean(y, who, [1, 2, 1, 3])
    other = clustered_mean(y, who, [10, 20, 10, 30])
    assert one.value == pytest.approx(other.value)
    assert one.se == pytest.approx(other.se)
    assert one.value == pytest.approx(np.average(y, weights=[1, 2, 1, 3]))


@pytest.mark.parametrize(
    ("scores", "who", "weights", "error"),
    [
        ([5.0], ["a"], None, NotEnoughDataError),
        ([5.0, 4.0], ["a", "a"], None, NotEnoughDataError),
        ([], [], None, NotEnoughDataError),
        ([5.0, np.nan], ["a", "b"], None, ParameterError),
        ([5.0, 4.0], ["a", "b"], [1, 0], ParameterError),
        ([5.0, 4.0], ["a"], None, ParameterError),
    ],
)
def test_bad_input_is_refused(scores, who, weights, error):
    with pytest.raises(error):
        clustered_mean(scores, who, weights)


def test_a_series_with_an_index_of_its_own_is_read_by_position():
    scores = pd.Series([1.0, 2.0, 3.0], index=[9, 8, 7])
    assert clustered_mean(scores, pd.Series(["a", "b", "c"])).value == pytest.approx(2)
