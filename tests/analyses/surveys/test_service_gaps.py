"""SERVQUAL: gaps, weights, zone of tolerance, and what the difference hides."""

from __future__ import annotations

import numpy as np
import pytest

from retention.analyses import service_gaps
from retention.errors import NotEnoughDataError, ParameterError

WAVES = ["2023-Q1"]
DIMENSIONS = ("reliability", "empathy")


def items(*more: str) -> dict[str, dict[str, object]]:
    sides = ("expectation", "perception", *more)
    found: dict[str, dict[str, object]] = {
        f"{side}_{d}": {"construct": f"service_{side}", "dimension": d, "low": 1, "high": 7}
        for side in sides
        for d in DIMENSIONS
    }
    for d in DIMENSIONS:
        found[f"weight_{d}"] = {
            "construct": "service_weight",
            "dimension": d,
            "low": 0,
            "high": 100,
        }
    return found | {"csat": {"construct": "csat", "low": 1, "high": 7}}


@pytest.fixture(scope="module")
def scores() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(1)
    n = 150
    table = {
        "expectation_reliability": rng.integers(5, 8, (n, 1)),
        "perception_reliability": rng.integers(3, 7, (n, 1)),
        "expectation_empathy": rng.integers(4, 7, (n, 1)),
        "perception_empathy": rng.integers(4, 7, (n, 1)),
        "weight_reliability": np.full((n, 1), 70),
        "weight_empathy": np.full((n, 1), 30),
    }
    seen = (table["perception_reliability"] + table["perception_empathy"]) / 2
    return table | {"csat": np.clip((seen + rng.normal(0, 0.7, (n, 1))).round(), 1, 7)}


def test_gaps_weights_and_performance_by_hand(ask, scores):
    answer = service_gaps(ask(scores, WAVES, items=items()))
    table = answer.dimensions
    for d in DIMENSIONS:
        gap = (scores[f"perception_{d}"] - scores[f"expectation_{d}"]).ravel()
        assert table.loc[d, "gap"] == pytest.approx(gap.mean())
        half = 1.976 * gap.std(ddof=1) / np.sqrt(150)
        assert table.loc[d, "gap_high"] - table.loc[d, "gap"] == pytest.approx(half, abs=1e-3)
    assert table["weight"].to_dict() == pytest.approx({"reliability": 0.7, "empathy": 0.3})
    overall = answer.estimates()["servqual_gap"].value
    assert overall == pytest.approx(table["weighted_gap"].sum())
    weighted = 0.7 * scores["perception_reliability"] + 0.3 * scores["perception_empathy"]
    assert answer.performance == pytest.approx((weighted.mean() - 1) / 6 * 100)
    assert "reliability" in answer.headline()


def test_the_report_says_what_the_difference_loses(ask, scores):
    answer = service_gaps(ask(scores, WAVES, items=items()))
    r2 = answer.surface.r_squared()
    assert r2["difference"] < r2["separate"] <= r2["surface"] + 1e-12
    assert any("As a difference it explains" in c for c in answer.cautions())


def test_zone_of_tolerance(ask, scores):
    more = {f"adequate_{d}": np.full((150, 1), 4) for d in DIMENSIONS}
    more |= {f"desired_{d}": np.full((150, 1), 6) for d in DIMENSIONS}
    table = service_gaps(ask(scores | more, WAVES, items=items("adequate", "desired"))).dimensions
    seen = scores["perception_empathy"].ravel()
    row = table.loc["empathy"]
    assert row["above_adequate"] == pytest.approx(seen.mean() - 4)
    assert row["below_desired"] == pytest.approx(seen.mean() - 6)
    assert row["within_zone"] == pytest.approx(((seen >= 4) & (seen <= 6)).mean())


def test_without_weights_all_count_alike_and_it_is_said(ask, scores):
    part = {k: v for k, v in scores.items() if not k.startswith("weight")}
    answer = service_gaps(ask(part, WAVES, items=items()))
    assert answer.dimensions["weight"].tolist() == [0.5, 0.5]
    assert any("weights are equal" in c for c in answer.cautions())


def test_few_customers_are_not_shown(ask, scores):
    answer = service_gaps(ask(scores, WAVES, items=items(), minimum_n=200))
    assert not answer.estimates()["servqual_gap"].shown
    assert "not shown" in answer.headline()


def test_what_cannot_be_is_refused(ask, scores):
    lonely = {k: v for k, v in scores.items() if not k.startswith("expectation")}
    with pytest.raises(ParameterError, match="expectation"):
        service_gaps(ask(lonely, WAVES, items=items()))
    other = items() | {
        f"expectation_{d}": {
            "construct": "service_expectation",
            "dimension": d,
            "low": 0,
            "high": 10,
        }
        for d in DIMENSIONS
    }
    with pytest.raises(ParameterError, match="a gap needs one scale"):
        service_gaps(ask(scores, WAVES, items=other))
    one = {k: v[:1] for k, v in scores.items()}
    with pytest.raises(NotEnoughDataError):
        service_gaps(ask(one, WAVES, items=items()))


def test_company_has_the_gaps_it_was_made_with(surveyed_tables):
    answer = service_gaps(surveyed_tables)
    # expected 5.9 and perceived 5.0 at the mean of all; those who answer are more satisfied
    assert -1.0 < answer.estimates()["servqual_gap"].value < -0.5
    weights = answer.dimensions["weight"]
    truth = {"tangibles": 0.11, "reliability": 0.32, "responsiveness": 0.23, "assurance": 0.18,
             "empathy": 0.16}  # fmt: skip
    assert weights.to_dict() == pytest.approx(truth, abs=0.02)
    assert answer.surface is not None
    assert len(answer.groups) == 5 * answer.groups["group"].nunique()
