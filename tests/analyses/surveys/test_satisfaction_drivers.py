"""Drivers: the true order is found, and what cannot be told apart is said."""

from __future__ import annotations

import numpy as np
import pytest

from retention.analyses import satisfaction_drivers
from retention.datasets import simulate_company, survey_items
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError

WAVES = ["2023-Q1"]
ITEMS = {
    **{f"d{k}": {"construct": f"driver {k}", "low": 1, "high": 10} for k in range(3)},
    "csat": {"construct": "csat", "low": 1, "high": 10},
    "with_it": {"construct": "kano_functional", "dimension": "tracking", "low": 1, "high": 5},
    "without_it": {"construct": "kano_dysfunctional", "dimension": "tracking", "low": 1, "high": 5},
}
DRIVERS = ("driver 0", "driver 1", "driver 2")


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(7)
    x = rng.normal(0, 1, (500, 3))
    x[:, 1] += 0.4 * x[:, 0]
    y = 0.8 * x[:, 0] + 0.4 * x[:, 1] + rng.normal(0, 0.8, 500)
    table = {f"d{k}": np.clip(6 + 1.7 * x[:, [k]], 1, 10).round() for k in range(3)}
    return table | {"csat": np.clip(6 + 1.3 * y[:, None], 1, 10).round()}


def test_order_shares_and_ranks(ask, scores):
    answer = satisfaction_drivers(ask(scores, WAVES, items=ITEMS), drivers=DRIVERS)
    assert list(answer.drivers.index) == list(DRIVERS)
    assert answer.drivers["importance"].sum() == pytest.approx(1)
    assert answer.drivers["p_first"].iloc[0] > 0.95
    inside = answer.drivers["low"] <= answer.drivers["importance"]
    assert inside.all()
    assert (answer.drivers["importance"] <= answer.drivers["high"]).all()
    assert answer.ordered is not None
    assert answer.ordered.coefficients.argmax() == 0
    assert answer.asymmetry.loc["driver 2", "kind"] == "none seen"
    assert "driver 0" in answer.headline()


def test_quadrants_and_performance(ask, scores):
    low = scores | {"d0": np.clip(scores["d0"] - 4, 1, 10)}
    answer = satisfaction_drivers(ask(low, WAVES, items=ITEMS), drivers=DRIVERS)
    assert answer.drivers.loc["driver 0", "quadrant"] == "improve"
    mean = (low["d0"].mean() - 1) / 9 * 100
    assert answer.drivers.loc["driver 0", "performance"] == pytest.approx(mean)


def test_a_driver_asked_twice_is_named(ask, scores):
    twice = scores | {"d1": scores["d0"]}
    answer = satisfaction_drivers(ask(twice, WAVES, items=ITEMS), drivers=DRIVERS)
    assert answer.importance.aliased == ("driver 1",)
    assert any("repeats what other drivers say" in c for c in answer.cautions())
    shares = answer.drivers["importance"]
    assert shares["driver 0"] == pytest.approx(shares["driver 1"])
    assert answer.ordered is None


def test_kano_where_it_was_asked(ask, scores):
    rng = np.random.default_rng(3)
    more = {
        "with_it": rng.choice([1, 3], (500, 1), p=[0.8, 0.2]),
        "without_it": np.full((500, 1), 3),
    }
    answer = satisfaction_drivers(ask(scores | more, WAVES, items=ITEMS), drivers=DRIVERS)
    assert answer.kano.loc["tracking", "category"] == "A"


def test_what_cannot_be_is_refused(ask, scores):
    tables = ask(scores, WAVES, items=ITEMS)
    with pytest.raises(ParameterError, match="two drivers"):
        satisfaction_drivers(tables)
    with pytest.raises(ParameterError, match="no item measures speed"):
        satisfaction_drivers(tables, drivers=["speed"])
    with pytest.raises(ParameterError, match="joy"):
        satisfaction_drivers(tables, drivers=DRIVERS, outcome="joy")
    few = ask({k: v[:50] for k, v in scores.items()}, WAVES, items=ITEMS)
    with pytest.raises(NotEnoughDataError, match="50 answers"):
        satisfaction_drivers(few, drivers=DRIVERS)
    flat = scores | {"d1": np.full((500, 1), 4)}
    same = ask(flat, WAVES, items=ITEMS)
    with pytest.raises(NotIdentifiedError, match="driver 1"):
        satisfaction_drivers(same, drivers=DRIVERS)


DIMENSIONS = ("tangibles", "reliability", "responsiveness", "assurance", "empathy")


def order_found(company, tables):
    """Return the drivers of satisfaction in the order found, and in the true one."""
    paths = company.truth.parameters.surveys.paths["satisfaction"]
    found = satisfaction_drivers(tables, replicates=200).drivers
    names = [name.removeprefix("service_perception: ") for name in found.index]
    return names, sorted(DIMENSIONS, key=lambda d: -paths[d])


def test_strong_drivers_of_the_company_are_told_from_weak_ones(surveyed, surveyed_tables):
    """Some 200 answers are too few for the order within each."""
    names, truth = order_found(surveyed, surveyed_tables)
    assert names[0] == truth[0]
    assert set(names[:3]) == set(truth[:3])
    both = satisfaction_drivers(
        surveyed_tables, drivers=["quality", "value", "image"], outcome="satisfaction",
        replicates=200,
    )  # fmt: skip
    assert list(both.drivers.index) == ["quality", "value", "image"]


@pytest.mark.slow
@pytest.mark.parametrize("seed", [5, 6])
def test_true_order_of_the_company_is_recovered(seed):
    company = simulate_company(20_000, seed=seed, history=False)
    names = ("customers", "contracts", "surveys")
    tables = Tables.from_frames(
        {name: company.tables[name] for name in names}, window=company.window, items=survey_items()
    )
    found, truth = order_found(company, tables)
    assert found == truth
