"""Do the intervals of the total hold what then happens? Hundreds of simulated companies."""

from __future__ import annotations

import numpy as np
import pytest

from retention.datasets import simulate_purchases
from retention.models import (
    BetaGeoNBD,
    BetaGeoNBDFit,
    ParetoNBD,
    ParetoNBDFit,
    predictive_interval,
)

WORLDS = 300
BG = BetaGeoNBDFit(r=0.8, alpha=6.0, a=0.9, b=2.5, unit="week")
PARETO = ParetoNBDFit(r=0.8, alpha=6.0, s=0.9, beta=15.0, unit="week")


def held(process, model, truth, worlds, seed, *, customers=600, replicates=150, futures=40):
    """Return how often the 90 % interval of the total holds it: as counted, and as expected.

    Counted is the share of worlds whose own future lay inside. For the other figure the future of
    each world is drawn `futures` times more from the true parameters given the same past, which
    takes most of the chance out of the comparison: its standard error is about half as large.
    """
    inside, expected = np.zeros(worlds), np.zeros(worlds)
    for world in range(worlds):
        rng = np.random.default_rng([seed, world])
        T = rng.integers(14, 53, customers).astype(float)
        made = simulate_purchases(process, customers, T, rng=rng, horizon=26, **truth.parameters)
        fit = model.fit(made)
        drawn = model.bootstrap(fit, made, replicates=replicates, rng=rng)
        total = predictive_interval(fit, drawn, made, 26, by="total", rng=rng).iloc[0]
        low, high = total["predictive_low"], total["predictive_high"]
        inside[world] = low <= made["future"].sum() <= high
        more = np.array([truth.simulate(made, 26, rng).sum() for _ in range(futures)])
        expected[world] = ((low <= more) & (more <= high)).mean()
    return float(inside.mean()), float(expected.mean())


MODELS = [
    ("bg_nbd", BetaGeoNBD(unit="week"), BG),
    ("pareto_nbd", ParetoNBD(unit="week"), PARETO),
]


@pytest.mark.slow
@pytest.mark.parametrize(("which", "seeds"), [(0, (41, 97)), (1, (41,))])
def test_intervals_of_the_total_hold_nine_in_ten(which, seeds):
    shares = np.mean([held(*MODELS[which], WORLDS, seed) for seed in seeds], axis=0)
    assert ((shares >= 0.87) & (shares <= 0.93)).all(), f"counted, expected: {shares}"


def test_intervals_of_the_total_in_a_few_worlds():
    counted, expected = held(*MODELS[0], worlds=5, seed=7, customers=300, replicates=60, futures=20)
    assert min(counted, expected) >= 0.6
