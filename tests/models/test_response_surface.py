"""Response surface against R on mobi, least squares against statsmodels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import LeastSquares, ResponseSurface


@pytest.fixture(scope="module")
def means(mobi, mobi_constructs) -> pd.DataFrame:
    return pd.DataFrame({c: mobi[list(items)].mean(axis=1) for c, items in mobi_constructs.items()})


@pytest.fixture(scope="module")
def surface(means):
    model = ResponseSurface(centre=5.5, robust=False)
    return model.fit(means["Expectation"], means["Quality"], means["Satisfaction"])


def test_surface_of_mobi_agrees(surface, satisfaction_reference):
    printed = satisfaction_reference["mobi"]
    table = surface.summary()
    for name, value in printed["surface"].items():
        assert table.loc[name, "value"] == pytest.approx(value, abs=5e-7)
    for name, value in printed["surface_se"].items():
        assert table.loc[name, "se"] == pytest.approx(value, abs=5e-7)
    for name, value in printed["r_squared_surface"].items():
        assert surface.r_squared()[name] == pytest.approx(value, abs=5e-4)


def test_what_is_predicted_lies_on_the_surface(means, surface):
    row = means.iloc[0]
    e, p = row["Expectation"] - 5.5, row["Quality"] - 5.5
    b = dict(zip(surface.surface.names, surface.surface.coefficients, strict=True))
    by_hand = b["intercept"] + b["E"] * e + b["P"] * p + b["E2"] * e * e
    by_hand += b["EP"] * e * p + b["P2"] * p * p
    assert surface.predict(row["Expectation"], row["Quality"]) == pytest.approx(by_hand)


@pytest.fixture(scope="module")
def panel() -> pd.DataFrame:
    rng = np.random.default_rng(2)
    customer, period = np.repeat(np.arange(50), 6), np.tile(np.arange(6), 50)
    own = rng.normal(0, 2, 50)[customer]
    x = own + rng.normal(0, 1, 300)
    y = 0.5 * x - 1.0 * own + 0.3 * period + rng.normal(0, 1, 300)
    return pd.DataFrame(
        {"customer": customer, "period": period, "x": x, "z": rng.normal(size=300), "y": y}
    )


def test_clustered_errors_agree_with_statsmodels(panel):
    fit = LeastSquares(cluster="customer").fit(panel, outcome="y", regressors=["x", "z"])
    reference = sm.OLS(panel["y"], sm.add_constant(panel[["x", "z"]])).fit(
        cov_type="cluster", cov_kwds={"groups": panel["customer"]}
    )
    np.testing.assert_allclose(fit.coefficients, reference.params)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), reference.bse)
    assert fit.r_squared == pytest.approx(reference.rsquared)


def test_robust_and_weighted_agree_with_statsmodels(panel):
    weights = 1 + (np.arange(300) % 3)
    fit = LeastSquares().fit(panel, outcome="y", regressors=["x", "z"], weights=weights)
    reference = sm.WLS(panel["y"], sm.add_constant(panel[["x", "z"]]), weights=weights).fit(
        cov_type="HC1"
    )
    np.testing.assert_allclose(fit.coefficients, reference.params)
    np.testing.assert_allclose(np.sqrt(np.diag(fit.covariance)), reference.bse)


def test_fixed_effects_agree_with_dummies(panel):
    drop = panel.drop(index=[3, 17, 40])  # unbalanced
    fit = LeastSquares(effects=["customer", "period"], cluster="customer").fit(
        drop, outcome="y", regressors=["x", "z"]
    )
    dummies = pd.get_dummies(drop[["customer", "period"]].astype(str), drop_first=True, dtype=float)
    reference = sm.OLS(drop["y"], sm.add_constant(drop[["x", "z"]].join(dummies))).fit()
    np.testing.assert_allclose(fit.coefficients, reference.params[["x", "z"]], rtol=1e-7)
    assert fit.summary().loc["x", "coefficient"] == pytest.approx(0.5, abs=0.2)


def test_bad_input_is_refused(panel):
    model = LeastSquares(cluster="customer")
    with pytest.raises(NotIdentifiedError, match="x, twice"):
        model.fit(panel.assign(twice=2 * panel["x"]), outcome="y", regressors=["x", "twice"])
    fixed = LeastSquares(effects=["customer"], cluster="customer")
    with pytest.raises(NotIdentifiedError, match="within customer"):
        fixed.fit(panel.assign(own=panel["customer"] * 1.0), outcome="y", regressors=["own"])
    with pytest.raises(NotEnoughDataError, match="1 customer"):
        model.fit(panel.assign(customer="a"), outcome="y", regressors=["x"])
    with pytest.raises(NotEnoughDataError, match="2 rows"):
        model.fit(panel.head(2), outcome="y", regressors=["x", "z"])
    with pytest.raises(ParameterError, match="missing"):
        model.fit(panel.assign(x=np.nan), outcome="y", regressors=["x"])
