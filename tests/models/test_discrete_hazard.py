"""The discrete hazard against statsmodels and against truth; predictions against themselves."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError, SchemaError
from retention.models import (
    Cox,
    DiscreteHazard,
    KaplanMeier,
    count_spells,
    expected_leavers,
    predict_leaving,
    reasons_to_leave,
)


def spells_of(rng: np.random.Generator, n: int, beta: float = 0.5) -> pd.DataFrame:
    """Monthly spells of continuous times, left-truncated, with a binary and a normal covariate."""
    x = rng.integers(0, 2, n)
    z = rng.normal(size=n).round(1)
    left = np.ceil(15 * np.exp(-beta * x / 0.8 - 0.3 * z / 0.8) * rng.exponential(size=n) ** 1.25)
    entry = rng.integers(0, 20, n)
    end = entry + rng.integers(1, 25, n)
    seen = left > entry
    table = pd.DataFrame({"x": x, "z": z, "entry": entry, "duration": np.minimum(left, end)})
    table["event"] = left <= end
    table["segment"] = np.where(x == 1, "big", "small")
    return table[seen].astype({"duration": int}).reset_index(drop=True)


@pytest.fixture(scope="module")
def spells() -> pd.DataFrame:
    return spells_of(np.random.default_rng(8), 3000)


def expanded(spells: pd.DataFrame) -> pd.DataFrame:
    rows = []
    for i, s in enumerate(spells.itertuples()):
        for t in range(s.entry + 1, s.duration + 1):
            event = bool(s.event) and t == s.duration
            rows.append((i, t - 1, t, event, s.x, s.z, s.segment))
    names = ["customer_id", "start", "stop", "event", "x", "z", "segment"]
    return pd.DataFrame(rows, columns=names).set_index("customer_id")


@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_free_tenure_equals_statsmodels_glm_and_all_three_forms_agree(spells, link):
    import statsmodels.api as sm

    links = {"cloglog": sm.families.links.CLogLog(), "logit": sm.families.links.Logit()}
    periods = expanded(spells)
    fit = DiscreteHazard(covariates=["x", "z"], tenure="free", link=link).fit(spells)
    dated = periods[np.isin(periods["stop"], fit.basis.knots)]
    dummies = (dated["stop"].to_numpy()[:, None] == fit.basis.knots).astype(float)
    design = np.column_stack([dummies, dated[["x", "z"]]])
    theirs = sm.GLM(dated["event"], design, family=sm.families.Binomial(links[link])).fit(tol=1e-12)
    assert_allclose(fit.coefficients[["x", "z"]], theirs.params[-2:], atol=1e-7)
    assert_allclose(fit.standard_errors[["x", "z"]], theirs.bse[-2:], rtol=1e-5)
    cube = DiscreteHazard(covariates=["x", "z"], tenure="free", link=link).fit(
        count_spells(spells, ["x", "z"])
    )
    rows = DiscreteHazard(covariates=["x", "z"], tenure="free", link=link).fit(periods)
    for other in (cube, rows):
        assert_allclose(other.theta, fit.theta, atol=1e-7)
        assert_allclose(other.covariance, fit.covariance, atol=1e-8)


def test_no_covariates_and_free_tenure_is_kaplan_meier(spells):
    fit = DiscreteHazard(tenure="free").fit(spells)
    km = KaplanMeier().fit(spells)
    t = np.arange(1, km.longest)  # a last tenure at which all leave has no effect of its own
    hazard = fit.hazard_by_tenure(t)["hazard"]
    assert_allclose(np.cumprod(1 - hazard), km.survival(t), atol=1e-9)


def test_cloglog_and_cox_agree_on_the_hazard_ratio(spells):
    hazard = DiscreteHazard(covariates=["x", "z"], tenure="free").fit(spells)
    cox = Cox(covariates=["x", "z"]).fit(spells)
    assert_allclose(hazard.coefficients[["x", "z"]], cox.coefficients, atol=0.01)


@pytest.mark.slow
def test_grouped_time_recovery_over_200_seeds():
    found = []
    for seed in range(200):
        rng = np.random.default_rng(seed)
        x = rng.integers(0, 2, 20_000)
        left = np.ceil(15 * np.exp(-0.5 * x / 0.8) * rng.exponential(size=20_000) ** 1.25)
        entry = rng.integers(0, 20, 20_000)
        end = entry + rng.integers(1, 25, 20_000)
        seen = left > entry
        table = pd.DataFrame(
            {"x": x, "entry": entry, "duration": np.minimum(left, end), "event": left <= end}
        )[seen]
        cube = count_spells(table, ["x"])
        row = []
        for fit in (
            DiscreteHazard(covariates=["x"], tenure="free").fit(cube),
            Cox(covariates=["x"]).fit(cube),
            Cox(covariates=["x"], ties="breslow").fit(cube),
        ):
            row += [fit.coefficients["x"], fit.standard_errors["x"]]
        found.append(row)
    table = np.array(found)
    for name, b, se in (
        ("cloglog", table[:, 0], table[:, 1]),
        ("efron", table[:, 2], table[:, 3]),
    ):
        assert abs(b.mean() - 0.5) < 0.25 * se.mean(), name
        assert 0.93 <= np.mean(np.abs(b - 0.5) < 1.959964 * se) <= 0.985, name
    assert table[:, 4].mean() < table[:, 2].mean() - 0.3 * table[:, 5].mean()  # drawn towards 0


def test_smooth_tenure_recovers_the_curve_and_is_held_beyond_the_longest():
    rng = np.random.default_rng(2)
    n = 60_000
    truth = 0.02 + 0.08 * np.exp(-np.arange(1, 37) / 6)
    draws = rng.random((n, 36)) < truth
    left = np.where(draws.any(axis=1), draws.argmax(axis=1) + 1, 99)
    end = rng.integers(12, 37, n)
    table = pd.DataFrame({"duration": np.minimum(left, end), "event": left <= end})
    fit = DiscreteHazard(tenure=4).fit(table)
    curve = fit.hazard_by_tenure(np.arange(1, 37))
    assert_allclose(curve["hazard"], truth, rtol=0.12)
    far = fit.hazard_by_tenure([36, 37, 60])
    assert_allclose(far["hazard"], far["hazard"].iloc[0])
    assert far["extrapolated"].tolist() == [False, True, True]


def test_varying_effect_is_found():
    rng = np.random.default_rng(4)
    x = rng.integers(0, 2, 40_000)
    left = np.full(len(x), 99)
    for t in range(1, 25):
        hazard = 0.05 * np.exp(x * (1.0 - 0.4 * np.log(t)))
        left = np.where((left == 99) & (rng.random(len(x)) < 1 - np.exp(-hazard)), t, left)
    table = pd.DataFrame({"x": x, "duration": np.minimum(left, 24), "event": left <= 24})
    fit = DiscreteHazard(covariates=["x"], varying=["x"]).fit(count_spells(table, ["x"]))
    b, se = fit.coefficients, fit.standard_errors
    for name, truth in (("x", 1.0), ("x x log tenure", -0.4)):
        assert abs(b[name] - truth) < 3 * se[name]
    assert DiscreteHazard(covariates=["x"]).fit(table).log_likelihood < fit.log_likelihood - 50


def test_calendar_effects_are_told_from_tenure():
    rng = np.random.default_rng(5)
    cohort = rng.integers(0, 24, 80_000)
    left = np.full(len(cohort), 99)
    for t in range(1, 25):
        shock = np.where(cohort + t == 20, 0.9, 0.0)  # a price rise in period 20
        hazard = 0.06 / np.sqrt(t) * np.exp(shock)
        left = np.where((left == 99) & (rng.random(len(cohort)) < 1 - np.exp(-hazard)), t, left)
    end = 24 - cohort
    table = pd.DataFrame(
        {"cohort": cohort, "duration": np.minimum(left, end), "event": left <= end}
    )
    fit = DiscreteHazard(calendar="cohort", tenure=3).fit(count_spells(table, ["cohort"]))
    effects = fit.coefficients.filter(like="period")
    gap = effects["period 20"] - effects.drop("period 20").mean()
    assert gap == pytest.approx(0.9, abs=0.12)


def test_small_groups_are_pooled_and_the_spread_is_found():
    rng = np.random.default_rng(6)
    effects = rng.normal(0, 0.4, 60)
    group = np.repeat(np.arange(60), rng.integers(10, 40, 60))
    hazard = np.minimum(0.9, 0.06 * np.exp(effects[group]))
    left = rng.geometric(hazard)
    table = pd.DataFrame({"branch": [f"b{g:02d}" for g in group], "event": left <= 18})
    table["duration"] = np.minimum(left, 18)
    fit = DiscreteHazard(pooled=["branch"], tenure=1).fit(count_spells(table, ["branch"]))
    assert fit.pooled_deviation[0] == pytest.approx(0.4, abs=0.15)
    found = fit.coefficients.filter(like="branch").to_numpy()
    alone = np.log(
        table.groupby("branch")["event"].sum() / table.groupby("branch")["duration"].sum()
    )
    centred = effects - effects.mean()
    alone = (alone - alone.mean()).to_numpy()
    assert np.mean((found - found.mean() - centred) ** 2) < np.mean((alone - centred) ** 2)


def test_causes_split_the_hazard(spells):
    rng = np.random.default_rng(1)
    reason = np.where(rng.random(len(spells)) < 0.3, "price", "service")
    table = spells.assign(reason=np.where(spells["event"], reason, None))
    cube = count_spells(table, ["x"])
    fits = {c: DiscreteHazard(cause=c, tenure="free").fit(cube) for c in ("price", "service", "")}
    t = np.arange(1, 10)
    parts = [fits[c].hazard_by_tenure(t)["hazard"] for c in ("price", "service")]
    assert_allclose(sum(parts), fits[""].hazard_by_tenure(t)["hazard"], atol=1e-9)
    with pytest.raises(ParameterError, match="known: price, service"):
        DiscreteHazard(cause="rain").fit(cube)


# prediction ---------------------------------------------------------------------------------------


def active(rng: np.random.Generator, n: int) -> pd.DataFrame:
    table = pd.DataFrame({"tenure": rng.integers(0, 30, n), "x": rng.integers(0, 2, n)})
    table["z"] = rng.normal(size=n).round(1)
    return table.set_index(pd.Index([f"c{i}" for i in range(n)], name="customer_id"))


def test_risk_is_conditional_on_tenure_and_chains(spells):
    fit = DiscreteHazard(covariates=["x", "z"]).fit(spells)
    table = active(np.random.default_rng(3), 200)
    one, six = predict_leaving(fit, table, 1), predict_leaving(fit, table, 6)
    stay = np.ones(200)
    expected = np.zeros(200)
    for unit in range(6):
        expected += stay
        later = predict_leaving(fit, table.assign(tenure=table["tenure"] + unit), 1)
        stay = stay * (1 - later["p_leave"].to_numpy())
    assert_allclose(six["p_leave"], 1 - stay, atol=1e-12)
    assert_allclose(six["expected_stay"], expected, atol=1e-12)
    assert (six["p_leave"] >= one["p_leave"]).all()
    assert ((six["low"] < six["p_leave"]) & (six["p_leave"] < six["high"])).all()
    refused = predict_leaving(fit, table, 6, beyond="refuse")
    beyond = table["tenure"] + 6 > fit.basis.longest
    assert refused["p_leave"].isna().equals(beyond)
    assert six["extrapolated"].equals(beyond)


def test_interval_is_that_of_the_delta_method(spells):
    from retention.estimates import delta_interval

    fit = DiscreteHazard(covariates=["x"]).fit(spells)
    row = pd.DataFrame({"tenure": [5], "x": [1]}, index=["a"])

    def log_h(theta: np.ndarray) -> float:
        from dataclasses import replace

        p = predict_leaving(replace(fit, theta=theta), row, 6)["p_leave"].iloc[0]
        return float(np.log(-np.log1p(-p)))

    value, low, high = delta_interval(log_h, fit.theta, fit.covariance)
    found = predict_leaving(fit, row, 6).iloc[0]
    for name, end in (("p_leave", value), ("low", low), ("high", high)):
        assert found[name] == pytest.approx(1 - np.exp(-np.exp(end)), rel=1e-4)


def test_scenario_changes_only_what_it_names(spells):
    fit = DiscreteHazard(covariates=["x", "z"]).fit(spells)
    table = active(np.random.default_rng(3), 50)
    held = predict_leaving(fit, table, 3, scenario={"x": 1})
    assert_allclose(held["p_leave"], predict_leaving(fit, table.assign(x=1), 3)["p_leave"])
    late = predict_leaving(fit, table.assign(x=0), 3, scenario={"x": [0, 0, 1]})["p_leave"]
    never = predict_leaving(fit, table.assign(x=0), 3)["p_leave"]
    always = predict_leaving(fit, table.assign(x=1), 3)["p_leave"]
    assert ((never < late) & (late < always)).all()
    with pytest.raises(ParameterError, match="2 values for 3 units"):
        predict_leaving(fit, table, 3, scenario={"x": [0, 1]})


def test_expected_leavers_add_up_and_hold_both_kinds_of_chance(spells):
    fit = DiscreteHazard(covariates=["x", "z"]).fit(spells)
    table = active(np.random.default_rng(3), 400)
    p = predict_leaving(fit, table, 6)["p_leave"].to_numpy()
    found = expected_leavers(fit, table, 6)
    assert found.value == pytest.approx(p.sum())
    assert found.sd_chance == pytest.approx(np.sqrt(np.sum(p * (1 - p))))
    draws = np.random.default_rng(1).multivariate_normal(fit.theta, fit.covariance, 400)
    from dataclasses import replace

    sums = [predict_leaving(replace(fit, theta=d), table, 6)["p_leave"].sum() for d in draws]
    assert found.sd_parameters == pytest.approx(np.std(sums), rel=0.15)
    money = expected_leavers(fit, table, 6, worth=np.full(400, 10.0))
    assert money.value == pytest.approx(10 * found.value)
    assert money.high - money.low == pytest.approx(10 * (found.high - found.low))


@pytest.mark.parametrize("varying", [(), ("x",)])
@pytest.mark.parametrize("link", ["cloglog", "logit"])
def test_reasons_add_up_exactly(spells, varying, link):
    fit = DiscreteHazard(covariates=["x", "z"], varying=varying, link=link).fit(spells)
    table = active(np.random.default_rng(3), 100)
    found = reasons_to_leave(fit, table, 6)
    predicted = predict_leaving(fit, table, 6)
    for name, column in (("risk", "p_leave"), ("stay", "expected_stay")):
        parts = found[name]
        assert_allclose(parts["total"], predicted[column], atol=1e-9)
        summed = parts[["average", "tenure", "x", "z"]].sum(axis=1)
        assert_allclose(summed, parts["total"], atol=1e-12)
    same = fit.means[fit.design.columns.index("z")]
    assert np.all(
        np.sign(found["risk"]["z"]) == np.sign(fit.coefficients["z"] * (table["z"] - same))
    )


def test_bad_input_is_a_clear_error(spells):
    with pytest.raises(NotEnoughDataError, match="ended in leaving"):
        DiscreteHazard().fit(spells.assign(event=False))
    with pytest.raises(SchemaError, match="whole units"):
        DiscreteHazard().fit(spells.assign(duration=spells["duration"] + 0.5))
    with pytest.raises(NotIdentifiedError, match="twice is already said by x"):
        DiscreteHazard(covariates=["x", "twice"]).fit(spells.assign(twice=2 * spells["x"]))
    with pytest.raises(NotIdentifiedError, match="separates"):
        DiscreteHazard(covariates=["knows"]).fit(spells.assign(knows=spells["event"] * 1.0))
    fit = DiscreteHazard(covariates=["x"]).fit(spells)
    with pytest.raises(SchemaError, match="no column tenure"):
        predict_leaving(fit, spells[["x"]], 6)
    with pytest.raises(SchemaError, match="no whole number"):
        predict_leaving(fit, pd.DataFrame({"tenure": [1.5], "x": [0]}), 6)
    with pytest.raises(ParameterError, match="horizon"):
        predict_leaving(fit, pd.DataFrame({"tenure": [1], "x": [0]}), 0)
