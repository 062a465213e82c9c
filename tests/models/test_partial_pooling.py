"""Pooling: limits, identities, a published example and calibration on simulated truth."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import PartialPooling

# coaching effects in eight schools: Rubin (1981), Table 1; Gelman et al., BDA3, Table 5.2
SCHOOLS = pd.DataFrame(
    {"estimate": [28, 8, -3, 7, -1, 1, 18, 12], "se": [15, 10, 16, 11, 9, 11, 10, 18]}, dtype=float
)


def test_eight_schools_pool_completely_at_the_mean_of_7_7():
    fit = PartialPooling().fit(SCHOOLS)
    assert fit.tau == 0  # Q = 4.7 on 7 degrees of freedom
    assert fit.means["all"] == pytest.approx(7.7, abs=0.05)
    assert fit.mean_errors["all"] == pytest.approx(4.1, abs=0.05)
    assert fit.shrink(SCHOOLS)["value"].to_numpy() == pytest.approx(np.full(8, fit.means["all"]))


def test_exact_estimates_are_left_alone_and_vague_ones_go_to_their_group():
    rng = np.random.default_rng(1)
    table = pd.DataFrame({"estimate": rng.normal(0, 5, 60), "se": 0.01, "group": ["a", "b"] * 30})
    table.loc[0, "se"] = 1e4
    fit = PartialPooling().fit(table)
    pooled = fit.shrink(table)
    assert pooled["value"].iloc[1:].to_numpy() == pytest.approx(
        table["estimate"].iloc[1:], abs=0.01
    )
    assert pooled["value"].iloc[0] == pytest.approx(fit.means["a"], abs=0.01)


@given(st.lists(st.tuples(st.floats(-50, 50), st.floats(0.1, 20)), min_size=3, max_size=30))
def test_pooled_value_lies_between_own_and_group(rows):
    table = pd.DataFrame(rows, columns=["estimate", "se"])
    fit = PartialPooling().fit(table)
    pooled = fit.shrink(table)
    ends = np.sort(np.column_stack([table["estimate"], np.full(len(table), fit.means["all"])]))
    assert np.all(pooled["value"] >= ends[:, 0] - 1e-6)
    assert np.all(pooled["value"] <= ends[:, 1] + 1e-6)
    assert np.all(pooled["se"] <= np.hypot(table["se"], fit.mean_errors["all"]) + 1e-9)


def test_intervals_hold_the_truth_and_pooling_is_nearer_to_it():
    rng = np.random.default_rng(8)
    truth = rng.normal(2.0, 1.0, 4000)
    se = rng.uniform(0.5, 3.0, truth.size)
    table = pd.DataFrame({"estimate": rng.normal(truth, se), "se": se})
    fit = PartialPooling().fit(table)
    pooled = fit.shrink(table)
    assert fit.tau == pytest.approx(1.0, abs=0.1)
    inside = (pooled["low"] <= truth) & (truth <= pooled["high"])
    assert 0.94 <= inside.mean() <= 0.96
    assert np.mean((pooled["value"] - truth) ** 2) < 0.5 * np.mean((table["estimate"] - truth) ** 2)


def test_too_few_or_impossible_estimates_are_refused():
    with pytest.raises(NotEnoughDataError):
        PartialPooling().fit(SCHOOLS.head(2))
    with pytest.raises(ParameterError, match="standard error"):
        PartialPooling().fit(SCHOOLS.assign(se=0.0))


def test_unknown_group_goes_to_the_mean_of_the_groups():
    rng = np.random.default_rng(3)
    table = pd.DataFrame({"estimate": rng.normal(0, 1, 40), "se": 1.0, "group": ["a", "b"] * 20})
    fit = PartialPooling().fit(table)
    new = pd.DataFrame({"estimate": [100.0], "se": [1e6], "group": ["z"]})
    assert fit.shrink(new)["value"].item() == pytest.approx(
        np.mean(list(fit.means.values())), abs=1
    )
