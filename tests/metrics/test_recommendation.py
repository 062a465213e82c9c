"""Named against bought."""

from __future__ import annotations

import pytest

from retention.errors import ParameterError
from retention.metrics import hits, reciprocal_ranks


def test_rank_of_the_first_hit_counts():
    named = [["a", "b", "c"], ["a", "b", "c"], ["a"], []]
    bought = [{"c", "b"}, {"z"}, {"a"}, {"a"}]
    assert reciprocal_ranks(named, bought).tolist() == [0.5, 0.0, 1.0, 0.0]
    assert hits(named, bought).tolist() == [True, False, True, False]


def test_lists_of_different_length_are_refused():
    with pytest.raises(ParameterError):
        hits([["a"]], [])
