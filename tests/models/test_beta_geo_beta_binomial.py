"""BG/BB against the donations of Fader, Hardie and Shang (2010), and its reduction to sBG."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import ParameterError, SchemaError
from retention.models import (
    BetaGeoBetaBinomial,
    BetaGeoBetaBinomialFit,
    ShiftedBetaGeometric,
)


@pytest.fixture(scope="module")
def donations(value_reference):
    known = value_reference["bg_bb_donations"]
    rows = [
        (x, 0 if x == 0 else x + i, known["n"], count)
        for x, counts in enumerate(known["counts"])
        for i, count in enumerate(counts)
    ]
    return pd.DataFrame(rows, columns=["frequency", "recency", "T", "customers"])


def test_reproduces_donations(donations, value_reference):
    known = value_reference["bg_bb_donations"]
    fit = BetaGeoBetaBinomial(unit="year").fit(donations)
    assert fit.n_customers == 11_104
    assert fit.parameters == pytest.approx(known["parameters"], abs=5e-4)
    assert fit.log_likelihood == pytest.approx(known["log_likelihood"], abs=0.01)
    for x, t_x, alive, ahead, residual in known["predictions"]:
        donor = pd.DataFrame(
            {"frequency": x, "recency": t_x, "T": 6}, index=pd.Index(["a"], name="customer_id")
        )
        assert fit.probability_alive(donor).iloc[0] == pytest.approx(alive, abs=5e-4)
        assert fit.expected_purchases(donor, 5).iloc[0] == pytest.approx(ahead, abs=5e-4)
        assert fit.expected_residual(donor, 0.1).iloc[0] == pytest.approx(residual, abs=5e-4)
    total = (fit.expected_purchases(donations, 5) * donations["customers"]).sum()
    assert total == pytest.approx(known["total_in_5"], abs=0.5)


def test_pmf_and_simulation_agree(one_customer, rng):
    fit = BetaGeoBetaBinomialFit(alpha=1.2, beta=0.75, gamma=0.66, delta=2.78, unit="year")
    table = one_customer(3, 4, 6)
    chances = fit.purchase_pmf(table, range(9), 8).to_numpy()[0]
    expected = fit.expected_purchases(table, 8).iloc[0]
    assert chances.sum() == pytest.approx(1, abs=1e-12)
    assert chances @ np.arange(9) == pytest.approx(expected, rel=1e-9)
    many = pd.concat([table] * 20_000, ignore_index=True).rename_axis("customer_id")
    drawn = fit.simulate(many, 8, rng)
    assert drawn.mean() == pytest.approx(expected, abs=4 * drawn.std() / np.sqrt(20_000))
    # published with these rounded parameters, by BTYD
    assert fit.probability_alive(table).iloc[0] == pytest.approx(0.43834, abs=5e-6)
    assert fit.expected_purchases(table, 10).iloc[0] == pytest.approx(1.84081, abs=5e-6)
    assert fit.expected_residual(table, 0.1).iloc[0] == pytest.approx(1.62138, abs=5e-6)


def test_where_every_chance_is_taken_it_is_the_shifted_beta_geometric():
    """Buying at every chance until dropout: the only unknown left is when customers stop."""
    left = {1: 369, 2: 163, 3: 86, 4: 56, 5: 37, 6: 27}
    n, stayed = 6, 1000 - sum(left.values())
    counts = [(t - 1, t - 1, n, c) for t, c in left.items()] + [(n, n, n, stayed)]
    table = pd.DataFrame(counts, columns=["frequency", "recency", "T", "customers"])
    fit = BetaGeoBetaBinomial(unit="year").fit(table)
    spells = pd.DataFrame(
        {
            "entry": 0,
            "duration": np.repeat([*left, n], [*left.values(), stayed]),
            "event": np.repeat([True] * 6 + [False], [*left.values(), stayed]),
        },
        index=pd.RangeIndex(1000, name="customer_id"),
    )
    plain = ShiftedBetaGeometric(unit="year").fit(spells)
    assert "everybody bought at every chance" in " ".join(fit.optimum.certificate.boundaries)
    assert (fit.gamma, fit.delta) == pytest.approx((plain.alpha, plain.beta), rel=1e-3)
    assert fit.log_likelihood == pytest.approx(plain.log_likelihood, abs=0.01)


def test_days_are_refused(one_customer):
    with pytest.raises(SchemaError, match="counts of chances"):
        BetaGeoBetaBinomial().fit(one_customer(2, 3.5, 6.2))
    fit = BetaGeoBetaBinomialFit(alpha=1, beta=1, gamma=1, delta=1)
    with pytest.raises(ParameterError, match="whole periods"):
        fit.expected_purchases(one_customer(2, 3, 6), 2.5)
