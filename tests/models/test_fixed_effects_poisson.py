"""Poisson within customers: equal to dummies for all, blind to what customers are like."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
import statsmodels.api as sm

from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.models import FixedEffectsPoisson


def panel(n, rng, effect=(0.3, -0.2)):
    """Customers with rates of their own, seen in four states; the frequent are called more."""
    rate = rng.gamma(1.0, 2.0, n) + 0.1
    who = np.repeat(np.arange(n), 4)
    x = (rng.random((4 * n, 2)) < np.clip(rate[who] / 6, 0.1, 0.9)[:, None]).astype(float)
    days = rng.integers(20, 60, 4 * n)
    y = rng.poisson(days / 30 * rate[who] * np.exp(x @ np.array(effect)))
    return pd.DataFrame(
        {"customer_id": who, "call": x[:, 0], "mail": x[:, 1], "days": days, "orders": y}
    )


def test_equals_a_dummy_for_every_customer():
    table = panel(40, np.random.default_rng(3))
    fit = FixedEffectsPoisson(covariates=["call", "mail"], exposure="days").fit(
        table, outcome="orders"
    )
    used = table[table.groupby("customer_id")["orders"].transform("sum") > 0]
    dummies = pd.get_dummies(used["customer_id"], dtype=float)
    design = np.column_stack([used[["call", "mail"]], dummies])
    glm = sm.GLM(used["orders"], design, family=sm.families.Poisson(), exposure=used["days"])
    found = glm.fit(tol=1e-12)
    np.testing.assert_allclose(fit.theta, found.params.iloc[:2], atol=1e-7)
    robust = glm.fit(
        tol=1e-12, cov_type="cluster",
        cov_kwds={"groups": used["customer_id"], "use_correction": False},
    )  # fmt: skip
    se = fit.summary()["se"]
    np.testing.assert_allclose(se, robust.bse.iloc[:2], rtol=1e-5)


def test_what_a_customer_is_like_does_not_confound():
    table = panel(4000, np.random.default_rng(4))
    within = FixedEffectsPoisson(covariates=["call", "mail"], exposure="days").fit(
        table, outcome="orders"
    )
    rate = table.groupby("call")[["orders", "days"]].sum()
    crude = rate["orders"] / rate["days"]
    assert np.log(crude[1] / crude[0]) > 0.5
    rows = within.summary()
    assert (rows["low"] < np.exp([0.3, -0.2])).all()
    assert (rows["high"] > np.exp([0.3, -0.2])).all()


def test_what_cannot_be_told_is_refused():
    spec = FixedEffectsPoisson(covariates=["call", "mail"], exposure="days")
    table = panel(40, np.random.default_rng(3))
    with pytest.raises(NotIdentifiedError, match="mail"):
        spec.fit(table.assign(mail=table["call"]), outcome="orders")
    with pytest.raises(NotEnoughDataError, match="two states"):
        spec.fit(table.assign(call=1.0, mail=0.0), outcome="orders")
