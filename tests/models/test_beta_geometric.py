"""BG/NBD, MBG/NBD and MBG/CNBD-k against published figures, reductions and brute force."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.stats import beta as beta_law

from retention.datasets import simulate_purchases
from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.models import (
    BetaGeoNBD,
    BetaGeoNBDFit,
    ModifiedBetaGeoNBD,
    ModifiedBetaGeoNBDFit,
)
from retention.models.beta_geometric import BetaGeometricLikelihood
from retention.models.purchase_rows import read_rows

CDNOW = BetaGeoNBDFit(r=0.242595, alpha=4.413602, a=0.792922, b=2.425907, unit="week")
TRUTH = {"r": 0.8, "alpha": 6.0, "a": 0.9, "b": 2.5}


def test_bg_nbd_reproduces_cdnow(cdnow, value_reference):
    known = value_reference["bg_nbd_cdnow"]
    fit = BetaGeoNBD(unit="week").fit(cdnow)
    assert fit.parameters == pytest.approx(known["parameters"], rel=1e-4)
    assert fit.standard_errors() == pytest.approx(known["standard_errors"], rel=0.01)
    assert fit.log_likelihood == pytest.approx(known["log_likelihood"], abs=1e-3)
    assert fit.optimum.certificate.gradient_norm < 1e-6
    assert fit.optimum.certificate.identified
    assert fit.expected_purchases(cdnow, 39).sum() == pytest.approx(known["holdout"], abs=0.1)


def test_mbg_nbd_reproduces_cdnow(cdnow, value_reference):
    known = value_reference["mbg_nbd_cdnow"]
    fit = ModifiedBetaGeoNBD(unit="week").fit(cdnow)
    assert fit.parameters == pytest.approx(known["parameters"], rel=1e-3)
    assert fit.log_likelihood == pytest.approx(known["log_likelihood"], abs=1e-3)
    assert fit.expected_purchases(cdnow, 39).sum() == pytest.approx(known["holdout"], abs=0.1)


@pytest.mark.parametrize(("k", "name", "tolerance"), [(1, "mbg", 1e-3), (2, "mbg_k2", 2e-4)])
def test_mbg_reproduces_grocery(grocery, value_reference, k, name, tolerance):
    known = dict(value_reference["grocery"][name])
    log_likelihood = known.pop("log_likelihood")
    fit = ModifiedBetaGeoNBD(unit="week", k=k).fit(grocery)
    assert fit.parameters == pytest.approx(known, rel=tolerance)
    assert fit.log_likelihood == pytest.approx(log_likelihood, abs=0.005)


def test_one_cdnow_customer(one_customer):
    first = one_customer(2, 213 / 7, 272 / 7)
    assert CDNOW.probability_alive(first).iloc[0] == pytest.approx(0.72662, abs=5e-6)
    assert CDNOW.expected_purchases(first, 39).iloc[0] == pytest.approx(1.22599, abs=5e-6)
    assert CDNOW.expected_new_customer(52) == pytest.approx(1.44402, abs=1e-5)


def test_weak_dropout_is_finite_and_named(apparel):
    table = apparel(40)
    fit = BetaGeoNBD(unit="week").fit(table)
    assert -2612.06 <= fit.log_likelihood <= -2612.05
    assert fit.a / (fit.a + fit.b) == pytest.approx(0.1385, abs=0.002)
    assert "dropout differences not identified" in fit.optimum.certificate.boundaries[0]
    assert np.isnan(fit.standard_errors()["a"])
    assert fit.expected_purchases(table, 40).sum() == pytest.approx(415.7, abs=0.2)


def test_weak_dropout_simulated(rng):
    made = simulate_purchases(
        "mbg_nbd", 600, 40, rng=rng, r=1.1, alpha=32, a=0.14e6, b=0.86e6, horizon=40
    )
    for model in (BetaGeoNBD(unit="week"), ModifiedBetaGeoNBD(unit="week")):
        fit = model.fit(made)
        assert np.isfinite(fit.expected_purchases(made, 40)).all()
        assert fit.expected_purchases(made, 40).sum() == pytest.approx(
            made["future"].sum(), rel=0.3
        )
        replicates = model.bootstrap(fit, made, replicates=20, rng=rng)
        totals = [f.expected_purchases(made, 40).sum() for f in replicates]
        assert np.isfinite(totals).all()


@pytest.mark.parametrize("unit_days", [1, 7, 365.25])
def test_refitting_in_another_unit_changes_nothing(rng, unit_days):
    made = simulate_purchases("bg_nbd", 800, 300, rng=rng, r=0.5, alpha=40, a=0.8, b=2.4)
    days = ModifiedBetaGeoNBD(unit="day").fit(made)
    other = made.assign(recency=made["recency"] / unit_days, T=made["T"] / unit_days)
    again = ModifiedBetaGeoNBD().fit(other)
    assert (again.r, again.a, again.b) == pytest.approx((days.r, days.a, days.b), rel=1e-6)
    assert again.alpha * unit_days == pytest.approx(days.alpha, rel=1e-6)
    shift = made["frequency"].sum() * np.log(unit_days)
    assert again.log_likelihood - shift == pytest.approx(days.log_likelihood, abs=1e-6)


@pytest.mark.parametrize(
    ("model", "at_zero"),
    [(BetaGeoNBD(), 0), (ModifiedBetaGeoNBD(), 1), (ModifiedBetaGeoNBD(k=3), 1)],
)
def test_score_is_the_derivative(rng, model, at_zero):
    made = simulate_purchases("mbg_nbd", 60, 30, rng=rng, **TRUTH)
    made["z"], made["y"] = rng.normal(size=60), rng.integers(0, 2, 60)
    rows, _ = read_rows(made, ("z",), ("y", "z"))
    likelihood = BetaGeometricLikelihood(rows, getattr(model, "k", 1), at_zero)
    theta = np.array([0.2, -1.0, -0.7, 0.9, 0.3, -0.2, 0.1])
    _, score = likelihood.rows(theta)
    for j in range(theta.size):
        move = np.eye(theta.size)[j] * 1e-6
        slope = (likelihood.rows(theta + move)[0] - likelihood.rows(theta - move)[0]) / 2e-6
        np.testing.assert_allclose(score[:, j], slope, rtol=1e-5, atol=1e-6)


def test_likelihood_sums_to_one_over_histories():
    """Counts by T: the probabilities of all frequencies sum to one (recency integrated out)."""
    fit = ModifiedBetaGeoNBDFit(**TRUTH)
    chances = fit.purchase_pmf(fit.newcomer(), range(400), 30.0).to_numpy()
    assert chances.sum() == pytest.approx(1, abs=1e-6)

    def density(t_x, x):
        table = pd.DataFrame(
            {"frequency": x, "recency": t_x, "T": 30.0}, index=pd.Index([0], name="customer_id")
        )
        rows, _ = read_rows(table)
        theta = np.log([TRUTH["r"], TRUTH["r"] / TRUTH["alpha"], TRUTH["a"] / TRUTH["b"], 3.4])
        value = BetaGeometricLikelihood(rows, 1, 1).rows(theta)[0][0]
        # given t_x the other x - 1 times are anywhere before it: t_x**(x-1) / (x-1)!
        return np.exp(value) * t_x ** (x - 1) / max(1, x - 1)

    for x in (1, 2):
        whole, _ = quad(density, 0, 30, args=(x,))
        assert whole == pytest.approx(chances[0, x], abs=1e-7)


def test_expected_purchases_by_brute_force(one_customer):
    """E[(1 - exp(-lambda p t)) / p] over the posterior, by integration over p alone."""
    fit = BetaGeoNBDFit(r=0.5, alpha=5.0, a=1.0, b=2.0)
    table = one_customer(3, 20, 30)
    shape, end, t = 3.5, 35.0, 40.0
    alive = fit.probability_alive(table).iloc[0]

    def inner(p):
        return beta_law.pdf(p, 1.0, 5.0) * (1 - (end / (end + p * t)) ** shape) / p

    expected, _ = quad(inner, 0, 1, epsabs=1e-13)
    assert fit.expected_purchases(table, t).iloc[0] == pytest.approx(alive * expected, rel=1e-9)


def test_pmf_mean_is_the_expectation(one_customer):
    for fit in (CDNOW, ModifiedBetaGeoNBDFit(**TRUTH, k=3)):
        table = one_customer(4, 25, 30)
        chances = fit.purchase_pmf(table, range(300), 26.0).to_numpy()[0]
        assert chances.sum() == pytest.approx(1, abs=1e-9)
        mean = chances @ np.arange(300)
        assert mean == pytest.approx(fit.expected_purchases(table, 26.0).iloc[0], rel=1e-7)


@pytest.mark.parametrize("k", [1, 2, 4])
def test_simulated_future_agrees_with_expectation(one_customer, rng, k):
    fit = ModifiedBetaGeoNBDFit(**TRUTH, k=k, unit="week")
    many = pd.concat([one_customer(5, 22, 30)] * 20_000, ignore_index=True)
    many.index.name = "customer_id"
    drawn = fit.simulate(many, 40, rng)
    expected = fit.expected_purchases(many.head(1), 40).iloc[0]
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / np.sqrt(20_000))


@pytest.mark.parametrize("k", [1, 2])
@pytest.mark.parametrize("horizon", [5.0, 100.0, None])
def test_discounted_purchases_by_parts(one_customer, k, horizon):
    """The discounted sum is exp(-rate h) M(h) + rate * integral of exp(-rate u) M(u)."""
    fit = ModifiedBetaGeoNBDFit(**TRUTH, k=k)
    table, rate = one_customer(4, 25, 30), 0.01
    end = horizon or 4000.0

    def undiscounted(u):
        return fit.expected_purchases(table, u).iloc[0]

    points = [c for c in (1, 5, 20, 100, 500) if c < end]
    inner, _ = quad(
        lambda u: np.exp(-rate * u) * undiscounted(u), 0, end, points=points or None, limit=60,
        epsrel=1e-8,
    )  # fmt: skip
    whole = np.exp(-rate * end) * undiscounted(end) + rate * inner
    found = fit.discounted_purchases(table, rate, horizon).iloc[0]
    assert found == pytest.approx(whole, rel=1e-6)


def test_less_dropout_leaves_who_is_alive_and_brings_more(one_customer):
    from retention.models import BetaGeoBetaBinomialFit, ParetoNBDFit

    table = one_customer(4, 25, 30)
    for fit in (
        CDNOW,
        ModifiedBetaGeoNBDFit(**TRUTH, k=2, unit="week"),
        ParetoNBDFit(r=0.8, alpha=6, s=0.7, beta=15, unit="week"),
        BetaGeoBetaBinomialFit(alpha=1.2, beta=0.75, gamma=0.66, delta=2.78, unit="week"),
    ):
        less = fit.with_less_dropout(0.3)
        assert less.probability_alive(table).iloc[0] == fit.probability_alive(table).iloc[0]
        assert (
            less.expected_purchases(table, 52).iloc[0] > fit.expected_purchases(table, 52).iloc[0]
        )
        same = fit.with_less_dropout(0.0).expected_purchases(table, 52).iloc[0]
        assert same == pytest.approx(fit.expected_purchases(table, 52).iloc[0], rel=1e-12)
    with pytest.raises(ParameterError, match="share"):
        CDNOW.with_less_dropout(1.0)


def test_k_of_one_is_the_plain_model(rng):
    made = simulate_purchases("mbg_nbd", 500, 30, rng=rng, **TRUTH)
    plain, erlang = ModifiedBetaGeoNBD().fit(made), ModifiedBetaGeoNBD(k=1).fit(made)
    assert plain.parameters == erlang.parameters


def test_covariates_of_no_value_change_nothing(rng):
    made = simulate_purchases("bg_nbd", 500, 30, rng=rng, **TRUTH).assign(nothing=0.0)
    plain = BetaGeoNBD().fit(made)
    fit = BetaGeoNBD(purchase_covariates=("nothing",), dropout_covariates=("nothing",)).fit(made)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=1e-8)
    assert [fit.r, fit.alpha, fit.a, fit.b] == pytest.approx(
        [plain.r, plain.alpha, plain.a, plain.b], rel=1e-5
    )


def test_covariates_are_recovered(rng):
    z = rng.integers(0, 2, 4000).astype(float)
    groups = [
        simulate_purchases("bg_nbd", 2000, 52, rng=rng, r=1, alpha=8 * np.exp(-0.6 * v), a=1, b=3)
        for v in (0, 1)
    ]
    made = pd.concat([g.assign(z=float(v)) for v, g in enumerate(groups)], ignore_index=True)
    made.index.name = "customer_id"
    fit = BetaGeoNBD(purchase_covariates=("z",), dropout_covariates=("z",)).fit(made)
    se = fit.standard_errors()
    assert abs(fit.purchase_effects["z"] - 0.6) < 3 * se["purchase: z"]
    assert abs(fit.dropout_effects["z"]) < 3 * se["dropout: z"]
    assert z.size == 4000


def test_counts_give_the_same_fit_as_customers(rng):
    made = simulate_purchases("mbg_nbd", 3000, 26, rng=rng, grain=1, **TRUTH)
    keys = ["frequency", "recency", "T"]
    counts = made.groupby(keys, as_index=False).size().rename(columns={"size": "customers"})
    one, other = ModifiedBetaGeoNBD().fit(made), ModifiedBetaGeoNBD().fit(counts)
    assert one.parameters == pytest.approx(other.parameters, rel=1e-9)
    assert one.n_customers == other.n_customers == 3000


@pytest.mark.parametrize("k", [1, 2])
def test_parameters_are_recovered(rng, k):
    made = simulate_purchases("mbg_nbd", 6000, 60, rng=rng, k=k, **TRUTH)
    fit = ModifiedBetaGeoNBD(k=k).fit(made)
    for name, truth in TRUTH.items():
        assert abs(fit.parameters[name] - truth) < 4 * fit.standard_errors()[name]


# ---------------------------------------------------------------------------------- edges


def test_everybody_bought_once(rng):
    once = pd.DataFrame(
        {"frequency": 0, "recency": 0.0, "T": rng.uniform(10, 50, 200)},
        index=pd.RangeIndex(200, name="customer_id"),
    )
    for model in (BetaGeoNBD(unit="week"), ModifiedBetaGeoNBD(unit="week")):
        fit = model.fit(once)
        assert fit.optimum.certificate.boundaries
        assert fit.expected_purchases(once, 52).sum() < 0.5
        assert np.isfinite(fit.expected_residual(once, 0.1)).all()


def test_all_alive_is_the_nbd_limit(rng):
    rate = rng.gamma(2, 1 / 4, 400)
    x = rng.poisson(rate * 50)
    made = pd.DataFrame(
        {"frequency": x, "recency": np.where(x > 0, 50.0, 0), "T": 50.0},
        index=pd.RangeIndex(400, name="customer_id"),
    )
    fit = BetaGeoNBD(unit="week").fit(made)
    assert "no dropout seen" in " ".join(fit.optimum.certificate.boundaries)
    assert fit.probability_alive(made).min() > 0.999
    assert fit.expected_purchases(made, 50).sum() == pytest.approx(x.sum(), rel=0.02)


def test_all_gone(rng):
    made = pd.DataFrame(
        {"frequency": rng.integers(1, 5, 300), "recency": rng.uniform(1, 3, 300), "T": 500.0},
        index=pd.RangeIndex(300, name="customer_id"),
    )
    for model in (BetaGeoNBD(unit="week"), ModifiedBetaGeoNBD(unit="week")):
        fit = model.fit(made)
        assert fit.probability_alive(made).max() < 0.2
        assert np.isfinite(fit.expected_residual(made, 0.1)).all()


def test_one_customer_alone(one_customer):
    fit = ModifiedBetaGeoNBD(unit="week").fit(one_customer(5, 20, 30))
    assert fit.optimum.certificate.boundaries
    assert np.isfinite(fit.expected_purchases(one_customer(5, 20, 30), 10)).all()


def test_nobody_observed_is_an_error(one_customer):
    with pytest.raises(NotEnoughDataError, match="T = 0"):
        BetaGeoNBD().fit(one_customer(0, 0, 0))
    with pytest.raises(SchemaError, match="no rows"):
        BetaGeoNBD().fit(one_customer(0, 0, 1).head(0))


def test_a_new_customer_among_old_ones_predicts(one_customer):
    assert CDNOW.probability_alive(one_customer(0, 0, 0)).iloc[0] == 1
    assert CDNOW.expected_purchases(one_customer(0, 0, 0), 52).iloc[0] > 0


@pytest.mark.parametrize("a", [1.0, 1 + 1e-12, 1 - 1e-12, 1e-6, 1e5])
@pytest.mark.parametrize("x", [0, 1, 3000])
def test_no_shape_breaks_a_prediction(one_customer, a, x):
    fit = BetaGeoNBDFit(r=0.3, alpha=4.0, a=a, b=2.5, unit="week")
    table = one_customer(x, 49.0 if x else 0, 50)
    for value in (
        fit.probability_alive(table),
        fit.expected_purchases(table, 52),
        fit.expected_residual(table, 0.1),
        fit.expected_residual(table, 0.1, 52),
    ):
        assert np.isfinite(value).all()
        assert (value >= 0).all()


def test_impossible_customers_are_refused(one_customer):
    with pytest.raises(SchemaError, match="recency above T"):
        BetaGeoNBD().fit(one_customer(1, 20, 10))


def test_value_without_end_needs_a_rate(one_customer):
    with pytest.raises(ParameterError, match="horizon"):
        CDNOW.expected_residual(one_customer(1, 5, 10), 0.0)
    with pytest.raises(ParameterError, match="unit"):
        BetaGeoNBDFit(r=1, alpha=1, a=1, b=1).expected_residual(one_customer(1, 5, 10), 0.1)


shape = st.floats(0.05, 30)


@given(r=shape, a=shape, b=shape, x=st.integers(0, 40), share=st.floats(0.01, 1))
def test_identities_hold_everywhere(r, a, b, x, share):
    fit = ModifiedBetaGeoNBDFit(r=r, alpha=5.0, a=a, b=b)
    table = pd.DataFrame(
        {"frequency": x, "recency": 40 * share if x else 0.0, "T": 40.0},
        index=pd.Index(["a"], name="customer_id"),
    )
    alive = fit.probability_alive(table).iloc[0]
    assert 0 <= alive <= 1
    short, long = (fit.expected_purchases(table, t).iloc[0] for t in (10, 20))
    assert 0 <= short <= long <= 2 * short + 1e-9  # purchases slow down, never up
    none = fit.purchase_pmf(table, 0, 10).iloc[0, 0]
    assert 1 - alive - 1e-12 <= none <= 1
