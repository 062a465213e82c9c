"""Penalty-reward and Kano: the kind of a driver, where its kind is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import PenaltyReward, kano_category, kano_summary


@pytest.fixture(scope="module")
def answers() -> tuple[pd.DataFrame, np.ndarray]:
    rng = np.random.default_rng(0)
    x = rng.integers(1, 6, size=(3000, 4))
    low, high = x <= 2, x >= 5
    y = 5 - 2.0 * low[:, 0] + 0.4 * high[:, 0]  # must-be
    y = y - 0.3 * low[:, 1] + 1.5 * high[:, 1]  # attractive
    y = y - 1.0 * low[:, 2] + 1.0 * high[:, 2]  # performance
    drivers = pd.DataFrame(x, columns=["basic", "delight", "linear", "idle"])
    return drivers, y + rng.normal(size=3000)


def test_kinds_are_recovered(answers):
    drivers, y = answers
    table = PenaltyReward(bottom=2, top=5).fit(drivers, y).summary()
    expected = {
        "basic": "must-be",
        "delight": "attractive",
        "linear": "performance",
        "idle": "none seen",
    }
    assert table["kind"].to_dict() == expected
    truth = {"basic": (-2, 0.4), "delight": (-0.3, 1.5), "linear": (-1, 1), "idle": (0, 0)}
    for name, (penalty, reward) in truth.items():
        assert table.loc[name, "penalty"] == pytest.approx(penalty, abs=0.15)
        assert table.loc[name, "reward"] == pytest.approx(reward, abs=0.15)
    assert table.loc["basic", "asymmetry"] == pytest.approx(-1.6 / 2.4, abs=0.08)


def test_penalty_reward_refuses_a_side_nobody_took(answers):
    drivers, y = answers
    happy = drivers.assign(basic=drivers["basic"].clip(lower=3))
    with pytest.raises(NotEnoughDataError, match="basic a penalty"):
        PenaltyReward(bottom=2, top=5).fit(happy, y)
    with pytest.raises(ParameterError, match="below"):
        PenaltyReward(bottom=5, top=2)


def test_kano_table_is_the_published_one():
    full = [kano_category([f] * 5, range(1, 6)).tolist() for f in range(1, 6)]
    assert ["".join(row) for row in full] == ["QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ"]


def test_kano_coefficients():
    answers = pd.DataFrame(
        {
            "feature": ["tracking"] * 10,
            "functional": [1, 1, 1, 1, 3, 3, 3, 3, 1, 5],
            "dysfunctional": [3, 3, 3, 5, 5, 3, 3, 3, 1, 1],
        }
    )
    row = kano_summary(answers).loc["tracking"]
    assert row[["A", "O", "M", "I", "R", "Q"]].tolist() == [3, 1, 1, 3, 1, 1]
    assert row["better"] == pytest.approx(4 / 8)
    assert row["worse"] == pytest.approx(-2 / 8)
    assert row["better_low"] < row["better"] < row["better_high"]
    assert row["worse_low"] < row["worse"] < row["worse_high"]
    assert row["category"] == "A"


def test_kano_refuses_what_is_off_the_scale():
    with pytest.raises(ParameterError, match="1 to 5"):
        kano_category([0], [3])
    with pytest.raises(NotEnoughDataError):
        kano_summary(pd.DataFrame({"feature": [], "functional": [], "dysfunctional": []}))
