"""Out of time: scored at a cutoff, held to what came; ignoring late entry fails the same check."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.metrics import calibration, lift, time_dependent_auc
from retention.models import DiscreteHazard, KaplanMeier, predict_leaving

BETA = np.array([0.6, -0.4])


@pytest.fixture(scope="module")
def world() -> dict[str, pd.DataFrame]:
    """60,000 customers of six years, a window of a year before the cutoff, six months after it."""
    rng = np.random.default_rng(20)
    n = 60_000
    x = rng.normal(size=(n, 2)).round(1)
    acquired = rng.integers(-48, 24, n)
    left = np.ceil(25 * np.exp(-x @ BETA / 0.7) * rng.exponential(size=n) ** (1 / 0.7))
    table = pd.DataFrame(x, columns=["a", "b"]).assign(acquired=acquired, left=left)
    cutoff = 12
    came = table[table["acquired"] < cutoff]
    entry = np.maximum(-came["acquired"], 0)
    follow = cutoff - came["acquired"]
    spells = came.assign(
        entry=entry,
        duration=np.minimum(came["left"], follow).astype(int),
        event=came["left"] <= follow,
    )
    here = came[came["left"] > follow].assign(tenure=follow, gone=came["left"] <= follow + 6)
    return {"spells": spells[came["left"] > entry], "here": here}


def test_entry_aware_predictions_hold_out_of_time_and_naive_ones_do_not(world):
    here = world["here"]
    fits = {
        "aware": DiscreteHazard(covariates=["a", "b"]).fit(world["spells"]),
        "naive": DiscreteHazard(covariates=["a", "b"]).fit(world["spells"].assign(entry=0)),
    }
    p = {name: predict_leaving(fit, here, 6)["p_leave"] for name, fit in fits.items()}
    aware, naive = (calibration(here["gone"], p[name]) for name in ("aware", "naive"))
    total = here["gone"].sum() / p["aware"].sum()
    assert 0.93 < total < 1.07
    assert aware["ratio"].between(0.8, 1.2).all()
    assert here["gone"].sum() / p["naive"].sum() > 1.3
    assert not naive["ratio"].between(0.8, 1.2).all()
    outcome = pd.DataFrame({"duration": np.where(here["gone"], 1, 2), "event": here["gone"]})
    assert time_dependent_auc(outcome, p["aware"], 1) > 0.69
    assert lift(here["gone"], p["aware"])["lift"][0.1] > 2.3


def test_conditioning_on_tenure_is_not_a_detail(world):
    here = world["here"]
    fit = DiscreteHazard(covariates=["a", "b"]).fit(world["spells"])
    given = predict_leaving(fit, here, 6)["p_leave"].mean()
    fresh = predict_leaving(fit, here.assign(tenure=0), 6)["p_leave"].mean()
    assert fresh > 1.4 * given
    assert given == pytest.approx(here["gone"].mean(), rel=0.07)


@pytest.mark.slow
def test_design_a_entry_aware_survival_is_right_and_naive_is_not():
    truth, found, naive = 0.3174, [], []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        n = 20_000
        x = rng.integers(0, 2, n)
        acquired = rng.uniform(-60, 24, n)
        left = np.ceil(15 * np.exp(-0.6 * x / 0.7) * rng.exponential(size=n) ** (1 / 0.7))
        entry = np.floor(np.maximum(-acquired, 0))
        end = np.floor(24 - acquired)
        keep = (left > entry) & (end > entry)
        table = pd.DataFrame(
            {"entry": entry, "duration": np.minimum(left, end), "event": left <= end}
        )[keep]
        found.append(float(KaplanMeier().fit(table).survival(12)))
        naive.append(float(KaplanMeier().fit(table.drop(columns="entry")).survival(12)))
    se = np.std(found, ddof=1)
    assert abs(np.mean(found) - truth) < 2 * se
    assert np.mean(naive) > truth + 0.1
