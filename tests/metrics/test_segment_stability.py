"""Agreement of partitions: invariances and a published example."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import ParameterError
from retention.metrics import adjusted_rand_index, cross_counts, segment_recovery

partition = st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), min_size=2, max_size=50)


def test_hubert_arabie_1985_form_on_a_worked_table():
    # counts [[1, 1, 0], [1, 2, 1], [0, 0, 4]]: Yeung and Ruzzo (2001), Table 2, index 0.313
    counts = np.array([[1, 1, 0], [1, 2, 1], [0, 0, 4]])
    first = np.repeat([0, 0, 0, 1, 1, 1, 2, 2, 2], counts.ravel())
    second = np.repeat([0, 1, 2] * 3, counts.ravel())
    assert adjusted_rand_index(first, second) == pytest.approx(0.313, abs=5e-4)


@given(partition)
def test_index_is_symmetric_and_blind_to_names(pairs):
    a, b = np.array(pairs).T
    assert adjusted_rand_index(a, b) == pytest.approx(adjusted_rand_index(b, a))
    assert adjusted_rand_index(10 - a, b) == pytest.approx(adjusted_rand_index(a, b))
    assert adjusted_rand_index(a, a) == 1
    assert segment_recovery(a, 7 - a) == pytest.approx(1.0)


@given(partition)
def test_counts_hold_every_customer(pairs):
    a, b = np.array(pairs).T
    assert cross_counts(a, b).sum() == len(pairs)
    assert np.all((segment_recovery(a, b) > 0) & (segment_recovery(a, b) <= 1))


def test_unrelated_partitions_agree_by_chance_only():
    rng = np.random.default_rng(1)
    index = [adjusted_rand_index(*rng.integers(0, 4, (2, 400))) for _ in range(50)]
    assert abs(np.mean(index)) < 0.01


def test_different_customers_are_refused():
    with pytest.raises(ParameterError):
        adjusted_rand_index([1, 2], [1, 2, 3])
