"""Choice models against R's clogit, xlogit and known truth, and against data that say nothing."""

from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.datasets import load_scanner_panel
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError, SchemaError
from retention.models import ConditionalLogit, MixedLogit, permute_histories, purchase_history
from retention.models.choice_design import choice_design
from retention.models.conditional_logit import log_likelihood
from retention.models.mixed_logit import _Panel, halton_normals

PATH = Path(__file__).parents[1] / "reference" / "choices.toml"
REFERENCE = tomllib.loads(PATH.read_text(encoding="utf-8"))
PANELS = ("catsup", "cracker", "yogurt")


@pytest.fixture(scope="module")
def panels():
    return {name: load_scanner_panel(name.title()) for name in PANELS}


def fit(choices, name, *more, **settings):
    known = REFERENCE[name]
    spec = ConditionalLogit(
        attributes=(*known["attributes"], *more), base=known["base"], **settings
    )
    return spec.fit(choices)


def simulate(customers, occasions, rng, *, last=0.8, price=-2.0, taste=1.2):
    """Customers of own tastes who pay `last / -price` money units to switch; 4 brands."""
    tastes = rng.normal([0.5, 0.2, -0.2, 0.0], taste, (customers, 4))
    slope = rng.normal(price, 0.3, customers)
    before = np.full(customers, -1)
    rows = []
    for t in range(occasions):
        money = rng.uniform(0.5, 1.5, (customers, 4))
        utility = tastes + slope[:, None] * money + rng.gumbel(size=(customers, 4))
        utility += last * (np.arange(4) == before[:, None])
        before = utility.argmax(axis=1)
        rows.append(
            pd.DataFrame(
                {
                    "customer_id": np.repeat(np.arange(customers), 4),
                    "occasion": t,
                    "alternative": np.tile(list("abcd"), customers),
                    "chosen": (np.arange(4) == before[:, None]).ravel(),
                    "price": money.ravel(),
                }
            )
        )
    return pd.concat(rows, ignore_index=True)


@pytest.mark.parametrize("name", PANELS)
def test_conditional_logit_reproduces_clogit_on_all_rows(panels, name):
    known, found = REFERENCE[name]["all_rows"], fit(panels[name], name)
    assert found.log_likelihood == pytest.approx(known["log_likelihood"], abs=6e-5)
    for column in known.keys() - {"log_likelihood"}:
        assert found.coefficients[column] == pytest.approx(known[column], abs=5.1e-5), column


@pytest.mark.parametrize("name", PANELS)
def test_last_purchase_reproduces_clogit(panels, name):
    known = REFERENCE[name]
    found = fit(purchase_history(panels[name]), name, "last")
    target = known["with_last"]
    assert found.log_likelihood == pytest.approx(target["log_likelihood"], abs=6e-6)
    assert found.coefficients["last"] == pytest.approx(target["last"], abs=6e-6)
    assert found.coefficients["price"] == pytest.approx(target["price"], abs=5.1e-5)
    model_se = float(np.sqrt(found.covariance.loc["last", "last"]))
    assert model_se == pytest.approx(known["last_se"], abs=5.1e-5)
    assert (found.n_occasions, found.n_customers) == (known["occasions"], known["customers"])


def test_catsup_in_detail(panels):
    known, history = REFERENCE["catsup"], purchase_history(panels["catsup"])
    found = fit(history, "catsup", "last")
    for column in known["with_last"].keys() - {"log_likelihood"}:
        assert found.coefficients[column] == pytest.approx(
            known["with_last"][column], abs=5.1e-5
        ), column
    assert found.standard_errors["last"] == pytest.approx(known["last_se_clustered"], abs=5e-4)
    worth = found.worth("last", clustered=False)
    assert worth.value == pytest.approx(known["worth"], abs=5.1e-5)
    assert worth.standard_error == pytest.approx(known["worth_se"], abs=5.1e-5)
    clustered = found.worth("last")
    assert clustered.standard_error > worth.standard_error
    assert clustered.fieller_low < clustered.value < clustered.fieller_high
    assert fit(history, "catsup").log_likelihood == pytest.approx(known["without_last"], abs=5e-5)


@pytest.mark.parametrize("name", PANELS)
def test_switching_cost_in_share_of_price(panels, name):
    history = purchase_history(panels[name])
    worth = fit(history, name, "last").worth("last")
    known = REFERENCE[name]
    assert worth.value == pytest.approx(known["worth"], abs=5.1e-3)
    assert worth.value / panels[name]["price"].mean() == pytest.approx(
        known["share_of_price"], abs=5.1e-4
    )


def test_guadagni_little_loyalty(panels):
    known = REFERENCE["catsup"]["loyalty"]
    history = purchase_history(panels["catsup"], smoothing=0.8)
    found = fit(history, "catsup", "loyalty")
    assert found.log_likelihood == pytest.approx(known["log_likelihood"], abs=5.1e-4)
    assert found.coefficients["loyalty"] == pytest.approx(known["loyalty"], abs=5.1e-5)
    sums = history.groupby(["customer_id", "occasion"])["loyalty"].sum()
    np.testing.assert_allclose(sums, 1)


@pytest.mark.parametrize("name", PANELS)
def test_most_pooled_inertia_survives_a_shuffled_history(panels, name):
    rngs = [np.random.default_rng(seed) for seed in range(5)]
    shuffled = [purchase_history(permute_histories(panels[name], rng)) for rng in rngs]
    placebo = np.mean([fit(table, name, "last").coefficients["last"] for table in shuffled])
    assert placebo == pytest.approx(REFERENCE[name]["placebo"], abs=0.04)


def test_mixed_logit_with_first_choice_on_catsup(panels):
    known, history = REFERENCE["catsup_mixed"], purchase_history(panels["catsup"])
    attributes = ("disp", "feat", "price", "last", "first")
    found = MixedLogit(attributes=attributes, base="hunts32", draws=200).fit(history)
    target, tolerance = known["last"]
    assert found.coefficients["last"] == pytest.approx(target, abs=tolerance)
    target, tolerance = known["worth"]
    assert found.worth("last").value == pytest.approx(target, abs=tolerance)
    target, tolerance = known["log_likelihood"]
    assert found.log_likelihood == pytest.approx(target, abs=tolerance)
    assert found.log_likelihood > found.log_likelihood_fixed + 100
    assert (found.coefficients.filter(like="sd ") > 0).all()


def test_mixed_placebo_on_catsup(panels):
    rngs = [np.random.default_rng(seed) for seed in range(2)]
    spec = MixedLogit(
        attributes=("disp", "feat", "price", "last", "first"), base="hunts32", draws=60
    )
    shuffled = [purchase_history(permute_histories(panels["catsup"], rng)) for rng in rngs]
    placebo = np.mean([spec.fit(table).coefficients["last"] for table in shuffled])
    assert placebo < REFERENCE["catsup_mixed"]["placebo_below"]


def test_only_taste_heterogeneity_hides_the_true_switching_cost():
    rng = np.random.default_rng(7)
    history = purchase_history(simulate(400, 12, rng))
    pooled = ConditionalLogit(attributes=("price", "last"), base="d").fit(history)
    mixed = MixedLogit(attributes=("price", "last", "first"), base="d", draws=100).fit(history)
    assert pooled.worth("last").value > 0.80
    assert 0.33 < mixed.worth("last").value < 0.47


def test_without_heterogeneity_the_pooled_logit_is_right():
    rng = np.random.default_rng(3)
    history = purchase_history(simulate(600, 10, rng, taste=0.0))
    worth = ConditionalLogit(attributes=("price", "last"), base="d").fit(history).worth("last")
    assert worth.low < 0.40 < worth.high


def test_derivatives_of_the_simulated_likelihood():
    rng = np.random.default_rng(1)
    history = purchase_history(simulate(30, 5, rng))
    history = history.drop(history[(history["alternative"] == "c") & ~history["chosen"]].index[::3])
    design = choice_design(history, ("price", "last"), base="d")
    panel = _Panel(design, [0, 3], halton_normals(design.n_customers, 20, 2, seed=1))
    theta = rng.normal(0, 0.5, len(design.names) + 2)
    _, gradient, hessian, scores = panel.curve(theta)
    np.testing.assert_allclose(scores.sum(axis=0), gradient)
    for k, step in enumerate(np.eye(len(theta)) * 1e-5):
        above, below = panel.curve(theta + step), panel.curve(theta - step)
        assert gradient[k] == pytest.approx((above[0] - below[0]) / 2e-5, rel=1e-6, abs=1e-6)
        np.testing.assert_allclose(hessian[k], (above[1] - below[1]) / 2e-5, rtol=1e-5, atol=1e-5)


def test_mixed_logit_without_spread_is_the_conditional_logit():
    history = purchase_history(simulate(60, 6, np.random.default_rng(2)))
    design = choice_design(history, ("price", "last"), base="d")
    panel = _Panel(design, [0, 1], halton_normals(design.n_customers, 10, 2, seed=1))
    b = np.array([0.3, 0.1, -0.2, -1.5, 0.7])
    assert panel.curve(np.r_[b, 0, 0])[0] == pytest.approx(log_likelihood(design, b)[0])


@pytest.mark.parametrize("spec", [ConditionalLogit, MixedLogit])
def test_weights_count_as_copies(spec):
    settings = {} if spec is ConditionalLogit else {"draws": 400, "random": ("price",)}
    history = purchase_history(simulate(80, 6, np.random.default_rng(4), taste=0.3))
    doubled = history[history["customer_id"] < 40]
    copies = doubled.assign(customer_id=doubled["customer_id"] + 1000)
    weighted = history.assign(w=np.where(history["customer_id"] < 40, 2.0, 1.0))
    by_copy = spec(attributes=("price", "last"), **settings).fit(pd.concat([history, copies]))
    by_weight = spec(attributes=("price", "last"), weight="w", **settings).fit(weighted)
    # draws differ between copies, so the simulated likelihoods agree only nearly
    tolerance = 1e-6 if spec is ConditionalLogit else 0.05
    np.testing.assert_allclose(
        by_copy.coefficients.iloc[:5], by_weight.coefficients.iloc[:5], atol=tolerance
    )


def test_order_of_rows_and_names_of_customers_do_not_matter():
    history = purchase_history(simulate(50, 6, np.random.default_rng(5)))
    renamed = history.assign(customer_id=(99 - history["customer_id"]).astype(str))
    shuffled = renamed.sample(frac=1, random_state=1)
    spec = ConditionalLogit(attributes=("price", "last"))
    one, other = spec.fit(history), spec.fit(shuffled)
    pd.testing.assert_frame_equal(one.clustered, other.clustered)
    pd.testing.assert_series_equal(one.coefficients, other.coefficients)


def test_an_alternative_that_is_not_on_offer_is_not_chosen_from():
    history = purchase_history(simulate(200, 8, np.random.default_rng(6), taste=0.0))
    gone = (history["alternative"] == "a") & ~history["chosen"] & (history["occasion"] % 2 == 0)
    found = ConditionalLogit(attributes=("price", "last"), base="d").fit(history[~gone])
    zero = -np.log(history[~gone].groupby(["customer_id", "occasion"]).size()).sum()
    assert found.log_likelihood_zero == pytest.approx(zero)
    p = found.probabilities(history[~gone])
    sums = p.groupby([history["customer_id"], history["occasion"]]).sum()
    np.testing.assert_allclose(sums, 1)
    chosen = history.loc[~gone, "chosen"]
    assert np.log(p[chosen]).sum() == pytest.approx(found.log_likelihood)


@settings(max_examples=20, deadline=None)
@given(shift=st.floats(-5, 5), scale=st.floats(0.1, 10))
def test_money_worth_does_not_depend_on_the_currency(shift, scale):
    history = purchase_history(simulate(40, 5, np.random.default_rng(8), taste=0.3))
    spec = ConditionalLogit(attributes=("price", "last"))
    one = spec.fit(history).worth("last")
    other = spec.fit(history.assign(price=history["price"] * scale + shift)).worth("last")
    assert other.value == pytest.approx(one.value * scale, rel=1e-6)
    assert other.fieller_high == pytest.approx(one.fieller_high * scale, rel=1e-5)


class TestBadData:
    @pytest.fixture
    def history(self):
        return purchase_history(simulate(30, 5, np.random.default_rng(9)))

    def test_perfect_separation(self, history):
        spec = ConditionalLogit(attributes=("price", "seen"), constants=False)
        with pytest.raises(NotIdentifiedError, match="perfect separation: seen predict"):
            spec.fit(history.assign(seen=history["chosen"].astype(float)))

    def test_quasi_separation(self, history):
        never = history["chosen"] & (np.arange(len(history)) % 5 < 3)
        spec = ConditionalLogit(attributes=("price", "seen"), constants=False)
        with pytest.raises(NotIdentifiedError, match="perfect separation: seen predict"):
            spec.fit(history.assign(seen=never.astype(float)))

    def test_alternative_never_chosen(self, history):
        dear = history[history["alternative"] == "a"].assign(alternative="z", chosen=False)
        with pytest.raises(NotIdentifiedError, match="z is never chosen"):
            ConditionalLogit(attributes=("price",)).fit(pd.concat([history, dear]))

    def test_price_without_variation(self, history):
        with pytest.raises(NotIdentifiedError, match="price does not vary"):
            ConditionalLogit(attributes=("price",)).fit(history.assign(price=3.0))

    def test_aliased_columns(self, history):
        twin = history.assign(list_price=2 * history["price"] + 1)
        with pytest.raises(NotIdentifiedError, match="price, list_price say the same"):
            ConditionalLogit(attributes=("price", "list_price")).fit(twin)

    def test_one_purchase_a_customer(self, history):
        once = history[history["occasion"] == 1]
        with pytest.raises(NotEnoughDataError, match="30 customers bought more than once"):
            purchase_history(once)

    def test_every_fault_at_once(self, history):
        broken = history.reset_index(drop=True)
        broken.loc[0, "price"] = np.nan
        broken.loc[broken["occasion"] == 2, "chosen"] = False
        broken = pd.concat([broken, broken.tail(1)])
        with pytest.raises(SchemaError) as caught:
            ConditionalLogit(attributes=("price",)).fit(broken)
        assert len(caught.value.faults) == 3

    def test_missing_columns(self):
        with pytest.raises(SchemaError, match="column price is missing"):
            ConditionalLogit(attributes=("price",)).fit(pd.DataFrame({"customer_id": [1]}))

    def test_unknown_names(self, history):
        with pytest.raises(ParameterError, match="random coefficients colour"):
            MixedLogit(attributes=("price",), random=("colour",)).fit(history)
        with pytest.raises(SchemaError, match="base 'z' is not among"):
            ConditionalLogit(attributes=("price",), base="z").fit(history)
        with pytest.raises(ParameterError, match="no coefficient colour"):
            ConditionalLogit(attributes=("price",)).fit(history).worth("colour")
        with pytest.raises(ParameterError, match="smoothing"):
            purchase_history(history, smoothing=1.2)
