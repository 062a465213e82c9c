"""Customers that break estimators: a finite answer from every model, or a clear error."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError
from retention.models import BetaGeoNBD, ModifiedBetaGeoNBD, ParetoNBD, ParetoNBDFit

MODELS = [
    BetaGeoNBD(unit="week"),
    ModifiedBetaGeoNBD(unit="week"),
    ModifiedBetaGeoNBD(unit="week", k=2),
    ParetoNBD(unit="week"),
]
every_model = pytest.mark.parametrize("model", MODELS, ids=lambda model: model.name)


def customers(x, t_x, T):
    x = np.atleast_1d(x)
    values = {"frequency": x, "recency": np.where(x > 0, t_x, 0.0), "T": T}
    return pd.DataFrame(values, index=pd.RangeIndex(len(x), name="customer_id"))


def finite(fit, table):
    """Return the scores, all of which must be finite and possible."""
    scores = fit.score(table, (4.0, 52.0), 0.1)
    assert np.isfinite(scores).all().all()
    assert (scores >= 0).all().all()
    assert (scores["probability_alive"] <= 1).all()
    pmf = fit.purchase_pmf(table, [0, 1, 2], 4.0)
    assert (pmf.sum(axis=1) <= 1 + 1e-9).all()
    assert np.isfinite(fit.expected_new_customer(52))
    return scores


@every_model
@pytest.mark.parametrize("x", [0, 1, 40])
def test_one_customer(model, x):
    table = customers(x, 20.0, 30.0)
    fit = model.fit(table)
    assert fit.optimum.certificate.boundaries  # one customer identifies next to nothing
    finite(fit, table)


@every_model
def test_all_alive(model):
    """Everybody bought on the last day: nobody counts as gone, and trade goes on as before."""
    rng = np.random.default_rng(8)
    x = rng.poisson(rng.gamma(3, 1 / 6, 300) * 50) + 1
    table = customers(x, 50.0, 50.0)
    fit = model.fit(table)
    scores = finite(fit, table)
    assert scores["probability_alive"].min() > 0.98
    assert any("dropout" in words for words in fit.optimum.certificate.boundaries)
    assert scores["expected_purchases_52"].sum() == pytest.approx(x.sum() * 52 / 50, rel=0.1)


@every_model
def test_all_gone(model):
    rng = np.random.default_rng(9)
    table = customers(rng.integers(1, 5, 300), rng.uniform(1, 3, 300), 500.0)
    scores = finite(model.fit(table), table)
    assert scores["probability_alive"].max() < 0.2


@every_model
def test_purchases_in_the_thousands(model):
    """Machines that order every hour stand beside people who order once a month."""
    rng = np.random.default_rng(10)
    rate = np.concatenate([rng.gamma(1.0, 0.3, 200), [60.0, 90.0]])
    x = rng.poisson(rate * 50)
    assert x.max() > 3000
    table = customers(x, np.where(rng.random(202) < 0.5, 49.5, 30.0), 50.0)
    scores = finite(model.fit(table), table)
    busiest = scores.iloc[x.argmax()]
    assert busiest["expected_purchases_52"] < 2 * x.max()


@every_model
def test_nobody_observed(model):
    with pytest.raises(NotEnoughDataError, match="T = 0"):
        model.fit(customers([0, 0], 0.0, 0.0))


@every_model
def test_newcomers_among_others(model):
    """T = 0 for some is no fault: they are as alive as anybody who has just bought."""
    rng = np.random.default_rng(11)
    T = np.where(np.arange(300) < 50, 0.0, 40.0)
    x = np.where(T > 0, rng.poisson(rng.gamma(1, 2, 300)), 0)
    table = customers(x, T * rng.random(300), T)
    scores = finite(model.fit(table), table)
    new = scores["probability_alive"].to_numpy()[:50]
    assert (new == new[0]).all()


@pytest.mark.parametrize("s", [1.0, 1 + 1e-12, 1 - 1e-12, 1e-3, 1e5])
def test_no_dropout_shape_breaks_the_pareto(s):
    fit = ParetoNBDFit(r=0.5, alpha=10.0, s=s, beta=12.0, unit="week")
    table = customers([0, 3, 3000], [0.0, 20.0, 38.0], 39.0)
    finite(fit, table)
    near = ParetoNBDFit(r=0.5, alpha=10.0, s=s * (1 + 1e-7), beta=12.0, unit="week")
    pd.testing.assert_frame_equal(
        fit.score(table, 52.0, 0.1), near.score(table, 52.0, 0.1), rtol=1e-4
    )
