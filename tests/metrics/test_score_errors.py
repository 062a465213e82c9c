"""Errors of scores: against the bootstrap, DeLong's example by hand, and under clustering."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.metrics import brier_score, lift, score_errors, time_dependent_auc


@pytest.fixture(scope="module")
def foretold() -> pd.DataFrame:
    """1,500 customers, some at two cutoffs, whose chance to leave is known but for a factor."""
    rng = np.random.default_rng(12)
    p = rng.beta(1.5, 8, 1500)
    frame = pd.DataFrame({"who": np.arange(1500), "p": p, "left": rng.random(1500) < p})
    again = frame[~frame["left"]].sample(800, random_state=1)
    again = again.assign(left=rng.random(800) < again["p"])
    frame = pd.concat([frame, again], ignore_index=True)
    return frame.assign(null=frame["left"].mean())


def scores(frame: pd.DataFrame) -> pd.DataFrame:
    return score_errors(frame["left"], frame["p"], frame["null"], clusters=frame["who"])


def test_values_are_those_of_the_plain_scores(foretold):
    found = scores(foretold)["value"]
    left, p = foretold["left"], foretold["p"]
    table = pd.DataFrame({"duration": np.where(left, 1.0, 2.0), "event": left})
    assert found["auc"] == pytest.approx(time_dependent_auc(table, p, 1))
    assert found["lift"] == pytest.approx(lift(left, p)["lift"][0.1])
    skill = 1 - brier_score(table, p, 1) / brier_score(table, foretold["null"], 1)
    assert found["brier_skill"] == pytest.approx(skill)


def test_auc_of_a_handful_by_hand():
    """Placements: leavers 1, 2/3, stayers 1, 1, 1/2; variance s1^2/2^2 + s0^2/3^2 about the AUC."""
    found = score_errors(
        [1, 1, 0, 0, 0], [0.9, 0.4, 0.5, 0.2, 0.1], [0.4] * 5, clusters=range(5)
    )  # fmt: skip
    assert found.loc["auc", "value"] == pytest.approx(5 / 6)
    squares = 2 * (1 / 6) ** 2 / 2**2 + (2 * (1 / 6) ** 2 + (1 / 3) ** 2) / 3**2
    assert found.loc["auc", "se"] == pytest.approx(np.sqrt(squares))


def test_errors_are_those_of_a_bootstrap_of_customers(foretold):
    rng = np.random.default_rng(5)
    rows = foretold.groupby("who").indices
    drawn = []
    for _ in range(300):
        picked = rng.integers(0, len(rows), len(rows))
        sample = foretold.iloc[np.concatenate([rows[k] for k in picked])]
        drawn.append(scores(sample)["value"])
    spread = pd.DataFrame(drawn).std()
    assert scores(foretold)["se"].to_numpy() == pytest.approx(
        spread[["auc", "lift", "brier_skill"]].to_numpy(), rel=0.15
    )


def test_a_customer_counted_twice_tells_no_more(foretold):
    once = scores(foretold)
    twice = scores(pd.concat([foretold, foretold]))
    assert twice["se"].to_numpy() == pytest.approx(once["se"].to_numpy(), rel=1e-3)


def test_what_cannot_be_scored_is_told():
    with pytest.raises(NotEnoughDataError, match="nobody left"):
        score_errors([0, 0], [0.1, 0.2], [0.1, 0.1], clusters=[1, 2])
    with pytest.raises(ParameterError, match="length"):
        score_errors([0, 1], [0.1, 0.2], [0.1, 0.1], clusters=[1])
