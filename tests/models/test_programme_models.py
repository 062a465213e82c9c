"""Models of programme effects: published benchmarks, special cases, recovery and coverage."""

from __future__ import annotations

import causaldata
import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ttest_ind

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError, SchemaError
from retention.metrics import policy_value, qini_coefficient, qini_curve
from retention.models import (
    DoublyRobust,
    GroupTimeEffects,
    RandomisedComparison,
    Uplift,
    WeightedSurvival,
    e_value,
    events_for_hazard_ratio,
    omitted_variable_bias,
    size_for_shares,
)

NUMBERS = ("sex", "race", "age", "age2", "smokeintensity", "smokeintensity2", "smokeyrs",
           "smokeyrs2", "wt71", "wt712")  # fmt: skip
GROUPS = ("education", "exercise", "active")


@pytest.fixture(scope="module")
def nhefs() -> pd.DataFrame:
    """Hernán and Robins' follow-up study, with the covariates of chapter 12 of What If (2020)."""
    raw = causaldata.nhefs.load_pandas().data
    table = pd.DataFrame({"treated": raw["qsmk"].astype(bool), "outcome": raw["wt82_71"]})
    table["sex"], table["race"] = raw["sex"].astype(float), raw["race"].astype(float)
    for name in ("age", "smokeintensity", "smokeyrs", "wt71"):
        table[name] = raw[name].astype(float)
        table[f"{name}2"] = table[name] ** 2
    for name in GROUPS:
        table[name] = raw[name].astype(str)
    died = raw["death"].to_numpy() == 1
    months = (raw["yrdth"].to_numpy() - 83) * 12 + raw["modth"].to_numpy()
    table["entry"], table["event"] = 0, died
    table["duration"] = np.where(died, months, 120).astype(int)
    return table.set_index(pd.Index(raw["seqn"].astype(str), name="customer_id"))


def test_inverse_probability_weighting_reproduces_what_if(nhefs):
    """3.4405 kg, and the crude 2.5406: What If, programs 12.1 and 12.2, 1,566 complete cases."""
    fit = DoublyRobust(covariates=NUMBERS, groups=GROUPS).fit(nhefs.dropna(subset=["outcome"]))
    assert fit.crude.value == pytest.approx(2.5406, abs=5e-5)
    assert fit.weighted.value == pytest.approx(3.4405, abs=5e-5)
    # the published interval, 2.4 to 4.5, takes the weights for known, which is wider
    low, high = fit.weighted.interval()
    assert 2.411 < low < 2.6
    assert 4.3 < high < 4.470
    assert fit.balance["before"].abs().max() > 0.25
    assert fit.balance["after"].abs().max() < 0.05
    assert fit.bounds(1.0)[0] < low


def test_weighted_survival_reproduces_what_if(nhefs):
    """A difference of 0.2 points at 120 months: What If, program 17.4; 1,629 persons."""
    spec = WeightedSurvival(horizon=120, covariates=NUMBERS, groups=GROUPS, replicates=30)
    fit = spec.fit(nhefs.drop(columns="outcome"), np.random.default_rng(1))
    assert fit.gap == pytest.approx(0.0020, abs=5e-4)
    assert fit.table["untreated"].iloc[-1] == pytest.approx(0.80465, abs=5e-4)
    assert fit.table["treated"].iloc[-1] == pytest.approx(0.80667, abs=5e-4)
    assert fit.gap_interval[0] < 0 < fit.gap_interval[1]


def test_roll_out_reproduces_organ_donations():
    """-0.022459: difference of mean changes, as in The Effect (Huntington-Klein 2021), ch. 18."""
    raw = causaldata.organ_donations.load_pandas().data
    panel = pd.DataFrame({
        "unit": raw["State"], "period": raw["Quarter_Num"], "outcome": raw["Rate"],
        "adopted": np.where(raw["State"] == "California", 4.0, np.nan),
    })  # fmt: skip
    fit = GroupTimeEffects(control="never", base="mean").fit(panel)
    assert fit.overall.value == pytest.approx(-0.022459, abs=5e-7)
    assert np.isnan(fit.overall.standard_error)  # one state cannot say how much states vary


def test_hillstrom_comparison_is_welch_and_cuped_only_narrows(real_data):
    """The e-mail experiment: plain differences, their Welch intervals, and CUPED on history."""
    raw = pd.read_csv(real_data / "hillstrom_email.csv.gz")
    raw = raw[raw["segment"] != "Womens E-Mail"]
    arms = pd.DataFrame({
        "treated": raw["segment"] == "Mens E-Mail", "history": raw["history"],
        "recency": raw["recency"].astype(float),
    })  # fmt: skip
    for outcome in ("visit", "conversion", "spend"):
        table = arms.assign(outcome=raw[outcome].astype(float))
        plain = RandomisedComparison().fit(table)
        groups = [table.loc[table["treated"] == arm, "outcome"] for arm in (True, False)]
        welch = ttest_ind(*groups, equal_var=False)
        assert plain.difference == pytest.approx(groups[0].mean() - groups[1].mean(), rel=1e-12)
        assert plain.interval() == pytest.approx(tuple(welch.confidence_interval(0.95)), rel=1e-9)
        cuped = RandomisedComparison(before=("history", "recency")).fit(table)
        assert cuped.standard_error < plain.standard_error
        assert abs(cuped.difference - plain.difference) < cuped.standard_error
        assert cuped.imbalance.abs().max() < 0.02
    assert plain.n_treated == 21307
    assert plain.n_control == 21306


def test_cuped_removes_what_the_past_explains(rng):
    past = rng.normal(size=4000)
    treated = rng.random(4000) < 0.3
    table = pd.DataFrame({"treated": treated, "past": past})
    table["outcome"] = 2 * past + 0.5 * treated + rng.normal(size=4000)
    plain = RandomisedComparison().fit(table)
    cuped = RandomisedComparison(before=("past",)).fit(table)
    assert cuped.variance_removed == pytest.approx(0.8, abs=0.02)
    assert cuped.standard_error == pytest.approx(plain.standard_error * np.sqrt(0.2), rel=0.05)
    low, high = cuped.interval(0.999)
    assert low < 0.5 < high


def test_one_empty_arm_is_told():
    table = pd.DataFrame({"treated": [True] * 5, "outcome": 1.0})
    with pytest.raises(NotEnoughDataError, match="0 untreated"):
        RandomisedComparison().fit(table)
    with pytest.raises(NotEnoughDataError, match="everybody of 5"):
        DoublyRobust(covariates=()).fit(table)


def test_missing_outcomes_are_named_by_id():
    table = pd.DataFrame(
        {"treated": [1, 0, 1], "outcome": [1.0, np.nan, 2.0]}, index=["a", "b", "c"]
    )
    with pytest.raises(SchemaError, match=r"1 rows \(b\)"):
        RandomisedComparison().fit(table)


def observational(rng, n=3000, hidden=0.0):
    """Treatment by x (and by u, unseen); the true effect is 1."""
    x, u = rng.normal(size=n), rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(-(0.8 * x + hidden * u)))
    outcome = 2 * x + 2 * hidden * u + treated + rng.normal(size=n)
    return pd.DataFrame({"x": x, "u": u, "treated": treated, "outcome": outcome})


def test_treatment_that_a_covariate_decides_is_refused(rng):
    table = observational(rng, 500)
    table["treated"] = table["x"] > 0
    with pytest.raises(NotIdentifiedError, match="separation"):
        DoublyRobust(covariates=("x",)).fit(table)


def test_who_has_no_like_is_set_aside_and_counted(rng):
    x = rng.normal(size=3000)
    treated = rng.random(3000) < 1 / (1 + np.exp(-3 * x))
    table = pd.DataFrame({"x": x, "treated": treated, "outcome": x + treated})
    fit = DoublyRobust(covariates=("x",), overlap=0.05).fit(table)
    assert fit.outside > 300
    assert fit.outside + fit.n_treated + fit.n_untreated == 3000


def test_without_confounding_all_three_agree(rng):
    table = observational(rng, 4000)
    table["treated"] = rng.random(4000) < 0.5
    table["outcome"] = 2 * table["x"] + table["treated"] + rng.normal(size=4000)
    fit = DoublyRobust(covariates=("x",)).fit(table)
    for effect in (fit.crude, fit.weighted, fit.doubly_robust):
        low, high = effect.interval(0.999)
        assert low < 1 < high
    assert fit.doubly_robust.standard_error < fit.crude.standard_error


def test_doubly_robust_survives_one_wrong_model():
    """Mean error over 40 worlds: nothing where only the outcome model is right, or only weights."""
    errors = []
    for seed in range(40):
        rng = np.random.default_rng(seed)
        table = observational(rng, 1500)
        table["outcome"] += 0.8 * table["x"] ** 2  # the linear outcome model is now wrong
        errors.append(DoublyRobust(covariates=("x",)).fit(table).doubly_robust.value - 1)
    assert abs(np.mean(errors)) < 3 * np.std(errors) / np.sqrt(40)


def test_bound_covers_the_truth_under_a_confounder_of_known_strength():
    """A hidden confounder as strong as the one seen: the interval fails, the bound holds."""
    inside, bounded = 0, 0
    for seed in range(30):
        table = observational(np.random.default_rng(seed), 2000, hidden=0.8)
        fit = DoublyRobust(covariates=("x",)).fit(table.drop(columns="u"))
        low, high = fit.doubly_robust.interval()
        inside += low <= 1 <= high
        low, high = fit.bounds(1.0)
        bounded += low <= 1 <= high
    assert inside < 3
    assert bounded == 30


def test_omitted_variable_formula_is_exact_for_a_linear_model(rng):
    """Cinelli and Hazlett (2020), equation 10, against the two regressions themselves."""
    n = 5000
    x, u = rng.normal(size=n), rng.normal(size=n)
    d = 0.5 * x + 0.7 * u + rng.normal(size=n)
    y = d + x + 1.5 * u + rng.normal(size=n)
    one = np.ones(n)

    def left(columns, target):
        z = np.column_stack(columns)
        return target - z @ np.linalg.lstsq(z, target, rcond=None)[0]

    short = np.linalg.lstsq(np.column_stack([d, one, x]), y, rcond=None)[0][0]
    full = np.linalg.lstsq(np.column_stack([d, one, x, u]), y, rcond=None)[0][0]
    d_x, y_dx = left([one, x], d), left([d, one, x], y)
    r2_treatment = 1 - np.var(left([one, x, u], d)) / np.var(d_x)
    r2_outcome = 1 - np.var(left([d, one, x, u], y)) / np.var(y_dx)
    ratio = np.std(y_dx) / np.std(d_x)
    assert omitted_variable_bias(ratio, r2_treatment, r2_outcome) == pytest.approx(short - full)


def test_e_value_of_vanderweele_and_ding_2017():
    """Their examples: 3.9 gives 7.26 and its lower limit 1.8 gives 3.0."""
    assert e_value(3.9) == pytest.approx(7.26, abs=5e-3)
    assert e_value(1.8) == pytest.approx(3.0, abs=5e-2)
    assert e_value(1.0) == 1.0
    assert e_value(0.5) == pytest.approx(e_value(2.0))


def roll_out(seed, n=400, periods=8):
    """Three cohorts with effects that grow, the early one fastest, and customers never treated.

    Over all treated periods the mean effect is .773.
    """
    rng = np.random.default_rng(seed)
    adopted = rng.choice([2.0, 4.0, 6.0, np.inf], n)
    t = np.arange(periods)
    since = t - adopted[:, None]
    effect = np.where(since >= 0, 0.3 + (0.05 + 0.2 * (adopted[:, None] == 2)) * since, 0.0)
    effect *= 0.773 / effect[since >= 0].mean()
    noise = 0.5 * rng.normal(size=(n, periods))
    y = rng.normal(size=n)[:, None] + 0.2 * t + effect + noise
    panel = pd.DataFrame({
        "unit": np.repeat(np.arange(n), periods), "period": np.tile(t, n), "outcome": y.ravel(),
        "adopted": np.repeat(np.where(np.isfinite(adopted), adopted, np.nan), periods),
    })  # fmt: skip
    return panel, 0.773


def two_way_fixed_effects(panel):
    """The regression that group-time effects replace."""
    d = (panel["period"] >= panel["adopted"]).astype(float)
    values = []
    for column in (d, panel["outcome"]):
        wide = column.to_numpy().reshape(panel["unit"].nunique(), -1)
        wide = wide - wide.mean(0) - wide.mean(1)[:, None] + wide.mean()
        values.append(wide.ravel())
    return float(values[0] @ values[1] / (values[0] @ values[0]))


def test_group_time_effects_hold_the_truth_where_two_way_fixed_effects_do_not():
    panel, truth = roll_out(3)
    for control in ("never", "not_yet"):
        fit = GroupTimeEffects(control=control).fit(panel)
        low, high = fit.overall.interval()
        assert low < truth < high
        assert fit.pre_trend_p > 0.01
        assert fit.durability.value > 0  # these effects grow
    assert two_way_fixed_effects(panel) < low


@pytest.mark.slow
def test_group_time_intervals_cover():
    hits = 0
    for seed in range(200):
        panel, truth = roll_out(seed)
        low, high = GroupTimeEffects().fit(panel).overall.interval()
        hits += low <= truth <= high
    assert 0.92 <= hits / 200 <= 0.98


def test_two_periods_two_groups_is_the_plain_difference_in_differences(rng):
    y = rng.normal(size=(50, 2))
    adopted = np.where(np.arange(50) < 20, 1.0, np.nan)
    panel = pd.DataFrame({
        "unit": np.repeat(np.arange(50), 2), "period": np.tile([0, 1], 50), "outcome": y.ravel(),
        "adopted": np.repeat(adopted, 2),
    })  # fmt: skip
    change = y[:, 1] - y[:, 0]
    fit = GroupTimeEffects().fit(panel)
    assert fit.overall.value == pytest.approx(change[:20].mean() - change[20:].mean())
    expected = np.sqrt(change[:20].var(ddof=1) / 20 + change[20:].var(ddof=1) / 30)  # Welch
    assert fit.overall.standard_error == pytest.approx(expected)
    assert np.isnan(fit.durability.value)


def test_a_weight_is_so_many_units_alike():
    panel, _ = roll_out(4, n=60)
    times = np.random.default_rng(4).integers(1, 4, panel["unit"].nunique())
    panel["weight"] = times[pd.factorize(panel["unit"])[0]]
    panel["place"] = panel["unit"]
    copies = [
        panel[panel["weight"] > k].assign(unit=lambda p, k=k: p["unit"].astype(str) + f" {k}")
        for k in range(3)
    ]
    weighted = GroupTimeEffects(weight="weight").fit(panel)
    repeated = GroupTimeEffects(cluster="place").fit(pd.concat(copies))
    for attribute in ("value", "standard_error"):
        one, other = (getattr(fit.overall, attribute) for fit in (weighted, repeated))
        assert one == pytest.approx(other)
    assert weighted.pre_trend_p == pytest.approx(repeated.pre_trend_p, abs=0.05)


def test_waves_are_compared_within_themselves():
    """Two waves of one company, far apart in level and trend: neither moves the other's effect."""
    one, _ = roll_out(6, n=80)
    other = one.assign(outcome=one["outcome"] * 2 + 5 * one["period"], wave="second")
    waves = pd.concat([one.assign(wave="first"), other])
    waves["place"] = waves["unit"]
    waves["unit"] = waves["wave"] + " " + waves["unit"].astype(str)
    alone = GroupTimeEffects().fit(one).overall
    both = GroupTimeEffects(within="wave", cluster="place").fit(waves).overall
    assert both.value == pytest.approx(1.5 * alone.value)
    # the same places in both: the errors add up, they do not average out
    assert both.standard_error == pytest.approx(1.5 * alone.standard_error)


def test_trend_before_adoption_is_found():
    panel, _ = roll_out(5)
    ahead = panel["adopted"].notna() * 0.3 * panel["period"]
    fit = GroupTimeEffects().fit(panel.assign(outcome=panel["outcome"] + ahead))
    assert fit.pre_trend_p < 1e-3


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        (lambda p: p.assign(adopted=np.nan), NotEnoughDataError, "nobody adopted"),
        (lambda p: p.assign(adopted=3.0), NotIdentifiedError, "calendar"),
        (lambda p: p.iloc[1:], SchemaError, "lacks an outcome"),
        (lambda p: pd.concat([p, p.iloc[:1]]), SchemaError, "twice"),
        (lambda p: p.drop(columns="adopted"), SchemaError, "missing"),
    ],
)
def test_roll_out_that_cannot_be_told_is_refused(change, error, message):
    panel, _ = roll_out(1, n=40)
    with pytest.raises(error, match=message):
        GroupTimeEffects().fit(change(panel))


def test_weighted_survival_without_covariates_is_two_kaplan_meier_curves(rng):
    from retention.models import KaplanMeier

    n = 400
    ids = pd.Index(np.arange(n).astype(str), name="customer_id")
    spells = pd.DataFrame({"entry": rng.integers(0, 6, n), "event": rng.random(n) < 0.6}, index=ids)
    spells["treated"] = rng.random(n) < 0.5
    spells["duration"] = spells["entry"] + rng.integers(1, 20, n)
    fit = WeightedSurvival(horizon=12, replicates=5).fit(spells, rng)
    for arm, name in ((True, "treated"), (False, "untreated")):
        own = spells[spells["treated"] == arm].drop(columns="treated")
        expected = KaplanMeier().fit(own).survival(np.arange(13))
        np.testing.assert_allclose(fit.table[name], expected, atol=1e-12)
    rmst = fit.table.iloc[:-1].sum()
    assert fit.rmst_gap == pytest.approx(rmst["treated"] - rmst["untreated"])


def customers(seed, n=20000):
    """Retention that a programme moves for some; the riskiest are not those it helps."""
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(n, 3))
    risk = 1 / (1 + np.exp(-(x[:, 0] - 1)))
    worth = np.exp(4.5 + 0.5 * x[:, 1])
    chance = 1 / (1 + np.exp(-0.5 * x[:, 0]))
    treated = rng.random(n) < chance
    kept = [np.clip(1 - risk + d * (0.06 * x[:, 2] - 0.03 * x[:, 0]), 0, 1) for d in (0, 1)]
    table = pd.DataFrame({
        "treated": treated, "a": x[:, 0], "b": x[:, 1], "c": x[:, 2],
        "outcome": (rng.random(n) < np.where(treated, kept[1], kept[0])).astype(float),
    })  # fmt: skip
    return table, risk, worth, kept[1] - kept[0]


@pytest.mark.parametrize("seed", [0, 1, 2])
def test_chasing_the_riskiest_loses_money_and_the_value_of_a_rule_is_told(seed):
    table, risk, worth, effect = customers(seed)
    fit = Uplift(covariates=("a", "b", "c")).fit(table, np.random.default_rng(seed))
    cost = 5.0
    rules = {
        "all": np.ones(len(table), dtype=bool),
        "riskiest": risk > np.median(risk),
        "worth it": (worth * fit.predicted > cost).to_numpy(),
    }
    values = {
        k: policy_value(fit.scores, rule, worth=worth, cost=cost) for k, rule in rules.items()
    }
    for name, rule in rules.items():
        truth = (rule * (worth * effect - cost)).mean()
        assert abs(values[name].value - truth) < 3 * values[name].standard_error
    assert values["worth it"].value > 0 > values["riskiest"].value > values["all"].value


def test_uplift_scores_average_to_the_effect_of_a_randomised_programme(rng):
    table, _, _, effect = customers(7)
    table["treated"] = rng.random(len(table)) < 0.5
    base = 1 / (1 + np.exp(-(table["a"] - 1)))
    kept = np.clip(1 - base + table["treated"] * effect, 0, 1)
    table["outcome"] = (rng.random(len(table)) < kept).astype(float)
    fit = Uplift(covariates=("a", "b", "c"), chance=0.5).fit(table, rng)
    se = fit.scores.std() / np.sqrt(len(table))
    assert fit.scores.mean() == pytest.approx(effect.mean(), abs=3 * se)
    assert np.corrcoef(fit.predicted, effect)[0, 1] > 0.8
    np.testing.assert_allclose(fit.predict(table.iloc[:5]), fit.predicted.iloc[:5], atol=0.03)


scores = st.lists(st.floats(-5, 5), min_size=2, max_size=40)


@given(score=scores, seed=st.integers(0, 99))
def test_qini_coefficient_is_the_area_under_the_lift(score, seed):
    rank = np.random.default_rng(seed).integers(0, 6, len(score))
    area, _ = qini_coefficient(score, rank)
    curve = qini_curve(score, rank, steps=len(score) * 4)
    assert np.trapezoid(curve["lift"], curve["share"]) == pytest.approx(area, abs=1e-9)
    assert curve["gain"].iloc[-1] == pytest.approx(np.mean(score), abs=1e-12)
    assert curve["lift"].iloc[[0, -1]].to_numpy() == pytest.approx([0, 0], abs=1e-12)


@given(score=scores, worth=st.floats(0, 100), cost=st.floats(0, 10))
def test_value_of_treating_all_and_nobody(score, worth, cost):
    n = len(score)
    everybody = policy_value(score, np.ones(n, dtype=bool), worth=worth, cost=cost)
    assert everybody.value == pytest.approx(worth * np.mean(score) - cost, abs=1e-9)
    assert policy_value(score, np.zeros(n, dtype=bool), worth=worth, cost=cost).value == 0


def test_power_of_a_planned_size_is_what_was_asked():
    """Simulated power of two shares at the planned size; and Schoenfeld's formula by hand.

    4 (1.960 + 1.282)^2 / log(2)^2 = 87.5 events at a hazard ratio of 2, equal arms, power .9.
    """
    assert events_for_hazard_ratio(2.0, power=0.9) == 88
    n = size_for_shares(0.70, 0.75, power=0.8)
    rng = np.random.default_rng(4)
    low, high = (
        rng.binomial(n // 2, 0.70, 4000) / (n // 2),
        rng.binomial(n // 2, 0.75, 4000) / (n // 2),
    )
    z = (high - low) / np.sqrt((low * (1 - low) + high * (1 - high)) / (n // 2))
    assert (np.abs(z) > 1.959964).mean() == pytest.approx(0.8, abs=0.02)


def test_effect_on_the_treated_is_theirs_and_not_that_of_all(rng):
    """Those whom it helps more join more: it does more to the treated; thinning is harmless."""
    n = 40_000
    x = rng.normal(size=n)
    treated = rng.random(n) < 1 / (1 + np.exp(2.5 - x))
    table = pd.DataFrame({"x": x, "treated": treated})
    table["outcome"] = 2 * x + (1 + x) * treated + rng.normal(size=n)
    truth = 1 + x[treated].mean()
    few = table[treated | (rng.random(n) < 0.3)]
    for rows in (table, few):
        fit = DoublyRobust(covariates=("x",), effect_on="treated").fit(rows)
        for effect in (fit.doubly_robust, fit.weighted):
            assert effect.interval(0.999)[0] < truth < effect.interval(0.999)[1]
        assert fit.balance["after"].abs().max() < 0.03
        assert fit.doubly_robust.means[1] == pytest.approx(table.loc[treated, "outcome"].mean())
    whole = DoublyRobust(covariates=("x",)).fit(table).doubly_robust
    assert whole.interval(0.999)[0] < 1 < whole.interval(0.999)[1] < truth
    with pytest.raises(ParameterError, match="effect_on"):
        DoublyRobust(covariates=("x",), effect_on="some").fit(table)


@pytest.mark.slow
def test_intervals_of_the_effect_on_the_treated_cover():
    hits = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        x = rng.normal(size=1000)
        treated = rng.random(1000) < 1 / (1 + np.exp(1.5 - x))
        table = pd.DataFrame({"x": x, "treated": treated})
        kept = 1 / (1 + np.exp(-(1 + 0.5 * x + 0.4 * treated)))
        table["outcome"] = (rng.random(1000) < kept).astype(float)
        other = 1 / (1 + np.exp(-(1 + 0.5 * x)))
        truth = (kept - other)[treated].mean()
        low, high = (
            DoublyRobust(covariates=("x",), effect_on="treated").fit(table).doubly_robust.interval()
        )
        hits += low <= truth <= high
    assert 0.93 <= hits / 400 <= 0.97
