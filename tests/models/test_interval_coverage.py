"""Do the intervals of the total hold what then happens? Three hundred simulated companies."""

from __future__ import annotations

import numpy as np
import pytest

from retention.datasets import simulate_purchases
from retention.models import BetaGeoNBD, ParetoNBD, predictive_interval

WORLDS = 300
BG = {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 2.5}
PARETO = {"r": 0.8, "alpha": 6.0, "s": 0.9, "beta": 15.0}


def held(process, model, parameters, worlds, seed):
    """Return the share of worlds whose total lay within its 90 % interval."""
    inside = 0
    for world in range(worlds):
        rng = np.random.default_rng([seed, world])
        T = rng.integers(14, 53, 600).astype(float)
        made = simulate_purchases(process, 600, T, rng=rng, horizon=26, **parameters)
        fit = model.fit(made)
        replicates = model.bootstrap(fit, made, replicates=150, rng=rng)
        total = predictive_interval(fit, replicates, made, 26, by="total", rng=rng).iloc[0]
        inside += total["predictive_low"] <= made["future"].sum() <= total["predictive_high"]
    return inside / worlds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("process", "model", "parameters"),
    [
        ("bg_nbd", BetaGeoNBD(unit="week"), BG),
        ("pareto_nbd", ParetoNBD(unit="week"), PARETO),
    ],
)
def test_intervals_of_the_total_hold_nine_in_ten(process, model, parameters):
    assert 0.87 <= held(process, model, parameters, WORLDS, seed=41) <= 0.93


def test_intervals_of_the_total_in_a_few_worlds():
    assert held("bg_nbd", BetaGeoNBD(unit="week"), BG, 12, seed=7) >= 0.75
