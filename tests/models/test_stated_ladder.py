"""The stated ladder and PERT guesses against closed forms and known truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError, SchemaError
from retention.models import StatedLadder, draw_pert, pert_mean

RUNGS = np.array([0.0, 0.05, 0.10, 0.15, 0.20, 0.30, np.inf])


def answers(n, rng, shape=1.8, scale=0.15):
    saving = scale * rng.weibull(shape, n)
    place = np.searchsorted(RUNGS, saving, side="right")
    return pd.DataFrame({"low": RUNGS[place - 1], "high": RUNGS[place]})


def test_recovers_the_weibull_and_its_median():
    fit = StatedLadder().fit(answers(3000, np.random.default_rng(2)))
    truth = 0.15 * np.log(2) ** (1 / 1.8)
    value, low, high = fit.quantile()
    assert low < truth < high
    assert value == pytest.approx(truth, rel=0.04)
    assert fit.shape == pytest.approx(1.8, rel=0.06)
    assert fit.stay(value) == pytest.approx(0.5)


def test_steps_are_the_shares_where_every_answer_names_one_rung():
    table = answers(500, np.random.default_rng(3))
    steps = StatedLadder().fit(table).steps.set_index("saving")["stay"]
    for rung in RUNGS[1:-1]:
        assert steps[rung] == pytest.approx((table["low"] >= rung).mean(), abs=1e-6)


def test_wide_answers_are_shared_between_the_rungs():
    table = pd.DataFrame({"low": [0.0, 0.1, 0.0, 0.1], "high": [0.1, 0.2, 0.2, np.nan]})
    steps = StatedLadder().fit(table).steps.set_index("saving")["stay"]
    assert steps[0.1] == pytest.approx(2 / 3, abs=1e-3)


@pytest.mark.slow
def test_interval_of_the_median_covers():
    truth = 0.15 * np.log(2) ** (1 / 1.8)
    inside = []
    for seed in range(400):
        _, low, high = StatedLadder().fit(answers(200, np.random.default_rng(seed))).quantile()
        inside.append(low < truth < high)
    assert 0.92 <= np.mean(inside) <= 0.975


@pytest.mark.parametrize(
    ("low", "high", "error", "message"),
    [
        ([0.1, 0.2], [0.1, 0.3], SchemaError, "1 of 2 answers"),
        ([0.1], [0.2], NotEnoughDataError, "1 answers"),
        ([0.1, 0.2], [np.inf, np.nan], NotIdentifiedError, "nobody would leave"),
        ([0.1, 0.1], [0.2, 0.2], NotIdentifiedError, "one rung"),
    ],
)
def test_answers_that_say_nothing(low, high, error, message):
    with pytest.raises(error, match=message):
        StatedLadder().fit(pd.DataFrame({"low": low, "high": high}))


def test_pert_draws_have_the_pert_mean():
    rng = np.random.default_rng(1)
    draws = draw_pert(1, 2, 9, 200_000, rng)
    assert draws.mean() == pytest.approx(pert_mean(1, 2, 9), abs=0.02)
    assert draws.min() >= 1
    assert draws.max() <= 9
    assert (draw_pert(3, 3, 3, 5, rng) == 3).all()
    with pytest.raises(ParameterError, match="a guess goes up"):
        draw_pert(1, 0, 2, 5, rng)
