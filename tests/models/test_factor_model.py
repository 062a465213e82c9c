"""Confirmatory factor analysis and reliability against lavaan and psych."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import (
    FactorModel,
    average_variance_extracted,
    composite_reliability,
    cronbach_alpha,
    heterotrait_monotrait,
)

SCALES = {s: [f"{s}{i}" for i in range(1, 6)] for s in "AC"}


def test_two_factors_of_bfi_agree_with_lavaan(bfi, satisfaction_reference):
    printed = satisfaction_reference["bfi"]
    fit = FactorModel(constructs=SCALES).fit(bfi)
    assert (fit.n, fit.degrees_of_freedom) == (printed["n"], printed["degrees_of_freedom"])
    assert fit.chi_square == pytest.approx(printed["chi_square"], abs=1e-4)
    for name in ("cfi", "tli", "rmsea", "srmr"):
        assert getattr(fit, name) == pytest.approx(printed[name], abs=1e-5)
    assert fit.factor_correlation.loc["A", "C"] == pytest.approx(
        printed["factor_correlation"], abs=1e-5
    )
    low, high = fit.rmsea_interval()
    assert low < fit.rmsea < high
    assert fit.proper


@pytest.mark.parametrize("scale", list(SCALES))
def test_alpha_and_omega_of_bfi_agree_with_psych(bfi, satisfaction_reference, scale):
    printed = satisfaction_reference["bfi"]
    alpha, low, high = cronbach_alpha(bfi[SCALES[scale]])
    assert alpha == pytest.approx(printed["alpha"][scale], abs=1e-5)
    assert low < alpha < high
    fit = FactorModel(constructs={scale: SCALES[scale]}).fit(bfi)
    omega = fit.summary().loc[scale, "omega"]
    assert omega == pytest.approx(printed["omega"][scale], abs=1e-5)


def test_four_factors_of_mobi_agree_with_lavaan(mobi, mobi_constructs, satisfaction_reference):
    printed = satisfaction_reference["mobi"]
    names = ("Expectation", "Quality", "Value", "Satisfaction")
    fit = FactorModel(constructs={c: mobi_constructs[c] for c in names}).fit(mobi)
    for name, value in printed["factor_model"].items():
        tolerance = 1e-4 if name == "chi_square" else 1e-5
        assert getattr(fit, name) == pytest.approx(value, abs=tolerance)
    quality = mobi_constructs["Quality"]
    assert cronbach_alpha(mobi[quality])[0] == pytest.approx(printed["alpha_quality"], abs=1e-5)
    one = FactorModel(constructs={"Quality": quality}).fit(mobi).summary()
    assert one.loc["Quality", "omega"] == pytest.approx(printed["omega_quality"], abs=1e-5)
    loyalty = cronbach_alpha(mobi[mobi_constructs["Loyalty"]])[0]
    assert loyalty == pytest.approx(printed["alpha_loyalty"], abs=5e-4)


def simulated(n: int, seed: int, loads: tuple[float, ...] = (0.8, 0.7, 0.6, 0.5)) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    factors = rng.multivariate_normal([0, 0], [[1, 0.4], [0.4, 1]], n)
    columns = {}
    for f, name in enumerate("uv"):
        for i, load in enumerate(loads):
            noise = rng.normal(0, np.sqrt(1 - load**2), n)
            columns[f"{name}{i}"] = load * factors[:, f] + noise
    return pd.DataFrame(columns)


@pytest.fixture(scope="module")
def model() -> FactorModel:
    return FactorModel(constructs={f: [f"{f}{i}" for i in range(4)] for f in "uv"})


def test_loadings_are_recovered_with_honest_errors(model):
    fits = [model.fit(simulated(600, seed)) for seed in range(60)]
    loadings = np.stack([f.loadings["loading"] for f in fits])
    assert loadings.mean(axis=0) == pytest.approx(np.tile([0.8, 0.7, 0.6, 0.5], 2), abs=0.02)
    se = np.mean([f.loadings["se"] for f in fits], axis=0)
    assert se == pytest.approx(loadings.std(axis=0), rel=0.35)


def test_fit_of_the_true_model_is_not_rejected_too_often(model):
    p = [model.fit(simulated(500, 100 + seed)).p_value for seed in range(100)]
    assert 0 <= np.mean(np.array(p) < 0.05) <= 0.12


def test_units_of_the_items_do_not_matter(bfi):
    model = FactorModel(constructs=SCALES)
    scaled = model.fit(bfi * np.arange(1, 11) + 7)
    assert scaled.chi_square == pytest.approx(model.fit(bfi).chi_square)


def test_one_construct_split_in_two_has_htmt_of_one():
    rng = np.random.default_rng(0)
    trait = rng.normal(size=4000)
    items = pd.DataFrame({f"i{k}": trait + rng.normal(size=4000) for k in range(6)})
    table = heterotrait_monotrait(items.corr(), {"a": ["i0", "i1", "i2"], "b": ["i3", "i4", "i5"]})
    assert table.loc["a", "b"] == pytest.approx(1, abs=0.05)
    assert table.loc["a", "b"] == table.loc["b", "a"]
    single = heterotrait_monotrait(items.corr(), {"a": ["i0", "i1"], "b": ["i5"]})
    assert np.isnan(single.loc["a", "b"])


def test_parallel_items_have_alpha_equal_to_omega():
    load = [0.7] * 4
    correlation = np.full((4, 4), 0.49) + 0.51 * np.eye(4)
    factor = np.linalg.cholesky(correlation)
    z = np.random.default_rng(1).normal(size=(50, 4))
    z = (z - z.mean(axis=0)) @ np.linalg.inv(np.linalg.cholesky(np.cov(z, rowvar=False))).T
    alpha, *_ = cronbach_alpha(z @ factor.T)
    assert alpha == pytest.approx(composite_reliability(load))
    assert average_variance_extracted(load) == pytest.approx(0.49)


def test_missing_items_are_dropped_and_counted(bfi, model):
    data = bfi.copy()
    data.iloc[:7, 0] = np.nan
    fit = FactorModel(constructs=SCALES).fit(data)
    assert (fit.n, fit.dropped) == (len(bfi) - 7, 7)


def test_bad_input_is_refused(bfi):
    model = FactorModel(constructs=SCALES)
    with pytest.raises(NotIdentifiedError, match="A1"):
        model.fit(bfi.assign(A1=3.0))
    with pytest.raises(NotIdentifiedError, match=r"A1.*A2|linear"):
        model.fit(bfi.assign(A2=bfi["A1"]))
    with pytest.raises(NotEnoughDataError, match="9 complete"):
        model.fit(bfi.head(9))
    with pytest.raises(ParameterError, match="C5"):
        model.fit(bfi.drop(columns="C5"))
    with pytest.raises(NotIdentifiedError, match="3 items"):
        FactorModel(constructs={"A": ["A1", "A2"]})
    with pytest.raises(ParameterError, match="one construct only"):
        FactorModel(constructs={"A": ["A1", "A2", "A3"], "B": ["A1", "A4", "A5"]})
    with pytest.raises(NotEnoughDataError):
        cronbach_alpha(np.full((10, 3), 4.0))
    with pytest.raises(ParameterError, match="Z1"):
        heterotrait_monotrait(bfi.corr(), {"a": ["A1", "Z1"], "b": ["C1", "C2"]})
