"""Value against the main rival: differences by hand, weights from what goes with value."""

from __future__ import annotations

import numpy as np
import pytest

from retention.analyses import customer_value_map
from retention.errors import ParameterError

WAVES = ["2023-Q1"]
SCALE = {"low": 1, "high": 5}
ITEMS = {
    "speed": {"construct": "benefit", "dimension": "speed", **SCALE},
    "speed_r": {"construct": "rival_benefit", "dimension": "speed", **SCALE},
    "care": {"construct": "benefit", "dimension": "care", **SCALE},
    "care_r": {"construct": "rival_benefit", "dimension": "care", **SCALE},
    "price": {"construct": "price_rating", **SCALE},
    "price_r": {"construct": "rival_price_rating", **SCALE},
    "worth": {"construct": "value", **SCALE},
}


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(0)
    n = 400
    speed, care = rng.integers(1, 6, (n, 1)), rng.integers(1, 6, (n, 1))
    worth = np.clip(np.round(1 + 0.6 * speed + 0.2 * care + rng.normal(0, 0.4, (n, 1))), 1, 5)
    return {
        "speed": speed,
        "speed_r": np.clip(speed - 1, 1, 5),
        "care": care,
        "care_r": care,
        "price": np.full((n, 1), 3),
        "price_r": rng.integers(3, 5, (n, 1)),
        "worth": worth,
    }


def test_differences_weights_and_net_value(ask, scores):
    answer = customer_value_map(ask(scores, WAVES, items=ITEMS))
    table = answer.attributes
    gap = (scores["speed"] - scores["speed_r"]).mean() / 4 * 100
    assert table.loc["speed", "difference"] == pytest.approx(gap)
    assert table.loc["care", "difference"] == 0
    assert table.loc["speed", "weight"] == pytest.approx(0.75, abs=0.06)
    numbers = answer.estimates()
    price = (scores["price"] - scores["price_r"]).mean() / 4 * 100
    assert numbers["price_advantage"].value == pytest.approx(price)
    assert numbers["net_value"].value == pytest.approx(
        numbers["benefit_advantage"].value + numbers["price_advantage"].value
    )
    assert answer.position.mean().tolist() == pytest.approx([1, 1])
    assert answer.position.loc["us", "benefit"] > 1
    assert "Net value" in answer.headline()


def test_without_value_weights_are_equal_and_said(ask, scores):
    part = {k: v for k, v in scores.items() if k != "worth"}
    answer = customer_value_map(ask(part, WAVES, items=ITEMS))
    assert answer.attributes["weight"].tolist() == [0.5, 0.5]
    assert "equal" in answer.estimates()["benefit_advantage"].method


def test_without_a_rival_there_is_no_map(ask, scores):
    part = {k: v for k, v in scores.items() if not k.endswith("_r")}
    with pytest.raises(ParameterError, match="main rival"):
        customer_value_map(ask(part, WAVES, items=ITEMS))
