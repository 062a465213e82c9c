"""Moves between classes: every customer counted once, tests against worked figures."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency

from retention.errors import ParameterError
from retention.metrics import migration_change_test, migration_matrix, symmetry_test

letters = st.dictionaries(st.integers(0, 40), st.sampled_from("ABC"), max_size=40)


@given(letters, letters)
def test_rows_and_columns_sum_to_the_customers_of_each_period(first, second):
    before, after = pd.Series(first, dtype="str"), pd.Series(second, dtype="str")
    matrix = migration_matrix(before, after, list("ABC"))
    for letter in "ABC":
        assert matrix.loc[letter].sum() == (before == letter).sum()
        assert matrix[letter].sum() == (after == letter).sum()
    assert matrix.to_numpy().sum() == len(set(first) | set(second))
    assert matrix.loc["none", "none"] == 0


def test_symmetry_test_of_two_classes_is_mcnemar():
    table = pd.DataFrame([[10, 25], [9, 7]], index=["A", "B"], columns=["A", "B"])
    found = symmetry_test(table)
    assert found.statistic == pytest.approx((25 - 9) ** 2 / 34)
    assert found.degrees_of_freedom == 1


def test_symmetry_test_leaves_new_and_lost_customers_out():
    names = ["A", "B", "none"]
    table = pd.DataFrame([[5, 3, 90], [3, 5, 2], [0, 70, 0]], index=names, columns=names)
    assert symmetry_test(table) == (0.0, 1, 1.0)


def test_nobody_moved():
    names = ["A", "B"]
    assert symmetry_test(pd.DataFrame(np.diag([4, 4]), names, names)).p_value == 1.0


def test_change_of_migration_adds_the_homogeneity_tests_of_the_rows():
    names = ["A", "B"]
    earlier = pd.DataFrame([[40, 10], [10, 40]], names, names)
    later = pd.DataFrame([[30, 20], [10, 30]], names, names)
    parts = [
        chi2_contingency([earlier.loc[n], later.loc[n]], correction=False).statistic for n in names
    ]
    found = migration_change_test(earlier, later)
    assert found.statistic == pytest.approx(sum(parts))
    assert found.degrees_of_freedom == 2


def test_unknown_class_and_repeated_customer_are_refused():
    good = pd.Series({"c1": "A"})
    with pytest.raises(ParameterError, match="not among"):
        migration_matrix(pd.Series({"c1": "Z"}), good, ["A", "B"])
    with pytest.raises(ParameterError, match="one class"):
        migration_matrix(pd.Series(["A", "B"], index=["c1", "c1"]), good, ["A", "B"])
