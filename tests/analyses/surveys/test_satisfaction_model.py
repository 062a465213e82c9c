"""The model of the scales: what the simulated questionnaire was made with is found again."""

from __future__ import annotations

import numpy as np
import pytest

from retention.analyses import satisfaction_model
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError


@pytest.fixture(scope="module")
def model(surveyed_tables):
    return satisfaction_model(surveyed_tables, replicates=300)


def test_scales_are_reliable_and_distinct_as_made(model, surveyed):
    noise = surveyed.truth.parameters.surveys.item_noise
    # an item is latent + noise, so the reliability of k items is k / (k + noise^2)
    for name, row in model.scales.iterrows():
        expected = row["items"] / (row["items"] + noise**2)
        assert row["alpha"] == pytest.approx(expected, abs=0.05), name
        assert row["omega"] == pytest.approx(row["alpha"], abs=0.02)
    assert (model.htmt.to_numpy()[np.triu_indices(len(model.htmt), 1)] < 0.9).all()
    assert model.factors.rmsea < 0.05


def test_strong_paths_are_found_and_a_path_of_zero_is_not(model, surveyed):
    found = model.paths.set_index(["from", "to"])
    paths = surveyed.truth.parameters.surveys.paths
    for effect, cause in (("expectation", "image"), ("quality", "expectation")):
        # score reliabilities draw a path towards none; those of the two scales are about 0.9
        assert found.loc[(cause, effect), "coefficient"] == pytest.approx(
            0.9 * paths[effect][cause], abs=0.08
        )
    strongest = model.effects["effect"].idxmax()
    assert strongest == "satisfaction"
    low, high = found.loc[("image", "loyalty"), ["low", "high"]]
    assert low < 0 < high  # no path in the model that made the answers
    assert "satisfaction" in model.headline()


def test_indices_lie_on_the_scale(model):
    assert model.scales["index"].between(0, 100).all()
    assert (model.scales["index_low"] < model.scales["index"]).all()


WAVES = ["2023-Q1"]
ITEMS = {
    **{f"q{k}": {"construct": "quality", "low": 1, "high": 10} for k in range(3)},
    **{f"s{k}": {"construct": "satisfaction", "low": 1, "high": 10} for k in range(2)},
}


def test_items_that_say_the_same_are_named(ask):
    rng = np.random.default_rng(0)
    trait = rng.normal(6, 1.5, (200, 1))
    scores = {name: np.clip(trait + rng.normal(0, 1, (200, 1)), 1, 10) for name in ITEMS}
    answer = satisfaction_model(ask(scores, WAVES, items=ITEMS), replicates=50)
    assert any("HTMT" in c for c in answer.cautions())
    same = scores | {"q1": scores["q0"]}
    again = satisfaction_model(ask(same, WAVES, items=ITEMS), replicates=50)
    assert again.factors is None
    assert any("linear combinations" in c for c in again.cautions())


def test_what_cannot_be_is_refused(ask):
    rng = np.random.default_rng(1)
    scores = {name: rng.integers(1, 11, (60, 1)) for name in ITEMS}
    with pytest.raises(NotIdentifiedError, match="q1"):
        satisfaction_model(ask(scores | {"q1": np.full((60, 1), 5)}, WAVES, items=ITEMS))
    with pytest.raises(NotEnoughDataError, match="fewer than the"):
        satisfaction_model(ask(scores, WAVES, items=ITEMS, minimum_n=100))
    lonely = {k: v for k, v in scores.items() if k.startswith("q")}
    with pytest.raises(ParameterError, match="two constructs"):
        satisfaction_model(ask(lonely, WAVES, items=ITEMS))
