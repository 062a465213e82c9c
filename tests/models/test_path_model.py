"""PLS path modelling against semPLS on the European mobile telephone survey."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.models import PathModel


@pytest.fixture(scope="module")
def ecsi(mobi_constructs, satisfaction_reference) -> PathModel:
    paths = [(a, b) for a, b, _ in satisfaction_reference["mobi"]["paths"]]
    return PathModel(constructs=mobi_constructs, paths=paths)


@pytest.fixture(scope="module")
def fit(ecsi, mobi):
    return ecsi.fit(mobi, replicates=500, rng=np.random.default_rng(1))


def test_paths_agree_with_sempls(fit, satisfaction_reference):
    for a, b, value in satisfaction_reference["mobi"]["paths"]:
        assert fit.coefficients.loc[a, b] == pytest.approx(value, abs=1e-6)


def test_r_squared_effects_and_performance_agree(fit, satisfaction_reference):
    printed = satisfaction_reference["mobi"]
    for name, value in printed["r_squared"].items():
        assert fit.r_squared[name] == pytest.approx(value, abs=5e-6)
    for name, value in printed["total_effect_on_loyalty"].items():
        assert fit.total_effects.loc[name, "Loyalty"] == pytest.approx(value, abs=5e-7)
    for name, value in printed["performance"].items():
        assert fit.performance(1, 10)[name] == pytest.approx(value, abs=5e-5)


@pytest.mark.parametrize("scheme", ["factor", "centroid"])
def test_other_schemes_agree_to_the_second_digit(ecsi, mobi, fit, scheme):
    other = PathModel(constructs=ecsi.constructs, paths=ecsi.paths, scheme=scheme).fit(mobi)
    np.testing.assert_allclose(other.coefficients, fit.coefficients, atol=0.02)


def test_bootstrap_agrees_with_one_by_one(ecsi, mobi, fit):
    rng = np.random.default_rng(1)
    counts = rng.multinomial(250, np.full(250, 1 / 250), size=500)
    repeated = mobi.loc[mobi.index.repeat(counts[3])]
    alone = ecsi.fit(repeated)
    direct = fit._draws[3]
    np.testing.assert_allclose(direct, alone.coefficients, atol=1e-7)


def test_intervals_hold_the_value_and_are_as_wide_as_expected(fit):
    summary = fit.summary()
    assert (
        (summary["low"] <= summary["coefficient"]) & (summary["coefficient"] <= summary["high"])
    ).all()
    strong = summary.set_index(["from", "to"]).loc[("Quality", "Satisfaction")]
    assert strong["low"] > 0.3
    low, high = fit.total_effect_interval()
    assert (low <= fit.total_effects + 1e-12).all().all()
    assert (high >= fit.total_effects - 1e-12).all().all()


def test_index_runs_from_0_to_100(fit, mobi):
    worst, best = mobi.copy() * 0 + 1, mobi.copy() * 0 + 10
    np.testing.assert_allclose(fit.index(worst, 1, 10), 0, atol=1e-9)
    np.testing.assert_allclose(fit.index(best, 1, 10), 100, atol=1e-9)
    mean = fit.index(mobi, 1, 10).mean()
    np.testing.assert_allclose(mean, fit.performance(1, 10), rtol=1e-12)


def test_single_items_give_ordinary_regression():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(200, 2)) @ [[1, 0.5], [0, 1]]
    y = x @ [0.6, 0.3] + rng.normal(size=200)
    table = pd.DataFrame({"a": x[:, 0], "b": x[:, 1], "y": y})
    z = (table - table.mean()) / table.std()
    beta = np.linalg.lstsq(z[["a", "b"]].to_numpy(), z["y"].to_numpy(), rcond=None)[0]
    model = PathModel(
        constructs={"A": ["a"], "B": ["b"], "Y": ["y"]}, paths=[("A", "Y"), ("B", "Y")]
    )
    assert model.fit(table).coefficients["Y"][["A", "B"]].to_numpy() == pytest.approx(beta)


def test_weights_count_like_repeated_answers(ecsi, mobi):
    counts = np.random.default_rng(3).integers(1, 4, len(mobi))
    weighted = ecsi.fit(mobi, weights=counts.astype(float))
    repeated = ecsi.fit(mobi.loc[mobi.index.repeat(counts)])
    np.testing.assert_allclose(weighted.coefficients, repeated.coefficients, atol=1e-8)


def test_bad_input_is_refused(ecsi, mobi, mobi_constructs):
    with pytest.raises(ParameterError, match="circle"):
        PathModel(
            constructs={"A": ["a"], "B": ["b"]},
            paths=[("A", "B"), ("B", "A")],
        )
    with pytest.raises(ParameterError, match="without items"):
        PathModel(constructs={"A": ["a"], "B": ["b"]}, paths=[("A", "C")])
    with pytest.raises(ParameterError, match="scheme"):
        PathModel(constructs={"A": ["a"], "B": ["b"]}, paths=[("A", "B")], scheme="pca")
    with pytest.raises(NotIdentifiedError, match="CUSCO"):
        ecsi.fit(mobi.assign(CUSCO=5))
    with pytest.raises(NotEnoughDataError, match="40 complete"):
        ecsi.fit(mobi.head(40))
    with pytest.raises(ParameterError, match="IMAG1"):
        ecsi.fit(mobi.drop(columns="IMAG1"))
    with pytest.raises(ParameterError, match="replicates"):
        ecsi.fit(mobi).total_effect_interval()
