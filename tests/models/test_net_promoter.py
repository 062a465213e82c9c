"""The adjusted Wald interval, and its coverage by enumeration of every sample."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import multinomial

from retention.errors import ParameterError
from retention.models import net_promoter_score

# promoter and detractor shares over which coverage was enumerated
MIXES = [
    (0.5, 0.2),
    (0.3, 0.3),
    (0.7, 0.1),
    (0.2, 0.5),
    (0.9, 0.05),
    (0.4, 0.1),
    (0.1, 0.1),
    (0.6, 0.3),
]


def coverage(n: int, p: float, q: float) -> float:
    """Exact probability that the interval holds the true score."""
    promoters, detractors = np.meshgrid(np.arange(n + 1), np.arange(n + 1), indexing="ij")
    possible = promoters + detractors <= n
    total = 0.0
    for a, b in zip(promoters[possible], detractors[possible], strict=True):
        _, low, high = net_promoter_score(a, b, n)
        if low <= 100 * (p - q) <= high:
            total += multinomial.pmf([a, b, n - a - b], n, [p, q, 1 - p - q])
    return total


def test_score_and_interval_of_the_worked_example():
    score, low, high = net_promoter_score(50, 20, 100)
    assert score == pytest.approx(30)
    assert (low + high) / 2 == pytest.approx(29.1262, abs=1e-3)
    assert (low, high) == pytest.approx((14.0511, 44.2010), abs=1e-3)


@pytest.mark.parametrize(("n", "mean", "worst"), [(10, 0.93, 0.92), (30, 0.94, 0.935)])
def test_coverage_by_enumeration(n, mean, worst):
    reached = [coverage(n, p, q) for p, q in MIXES]
    assert np.mean(reached) >= mean
    assert min(reached) >= worst


def test_all_answers_equal_has_an_interval_that_is_not_a_point():
    score, low, high = net_promoter_score(5, 0, 5)
    assert score == high == 100
    assert low < 60


def test_sides_are_mirrored():
    score, low, high = net_promoter_score(7, 2, 20)
    other, less, more = net_promoter_score(2, 7, 20)
    assert (other, less, more) == pytest.approx((-score, -high, -low))


@pytest.mark.parametrize("counts", [(3, 3, 5), (-1, 0, 5), (0, 0, 0)])
def test_impossible_counts_are_refused(counts):
    with pytest.raises(ParameterError, match="no score"):
        net_promoter_score(*counts)
