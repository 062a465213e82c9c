"""Segments: found where they are, the same in every unit, assigned to newcomers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.metrics import adjusted_rand_index
from retention.models import KMeans


@pytest.fixture(scope="module")
def blobs():
    rng = np.random.default_rng(5)
    centres = np.array([[0.0, 0.0, 0.0], [6.0, 0.0, 6.0], [0.0, 6.0, 6.0]])
    member = rng.choice(3, size=600, p=[0.5, 0.3, 0.2])
    values = centres[member] + rng.normal(0, 0.7, (600, 3))
    return pd.DataFrame(values, columns=["orders", "amount", "gap"]), member


def test_separated_segments_are_found_largest_first(blobs):
    table, member = blobs
    fit = KMeans(k=3).fit(table, rng=np.random.default_rng(0))
    # ranks hide how wide the gaps are, so a few customers near a border change sides
    assert adjusted_rand_index(fit.assign(table), member) > 0.9
    sizes = fit.assign(table).value_counts().sort_index()
    assert sizes.is_monotonic_decreasing


def test_units_and_monotone_scales_do_not_matter(blobs):
    table, _ = blobs
    fits = [
        KMeans(k=3).fit(t, rng=np.random.default_rng(0)).assign(t)
        for t in (table, table * [1, 100, 0.01], np.exp(table))
    ]
    assert adjusted_rand_index(fits[0], fits[1]) == 1
    assert adjusted_rand_index(fits[0], fits[2]) > 0.99


def test_newcomers_are_assigned_without_refitting(blobs):
    table, member = blobs
    fit = KMeans(k=3).fit(table.iloc[:400], rng=np.random.default_rng(0))
    assert adjusted_rand_index(fit.assign(table.iloc[400:]), member[400:]) > 0.9
    assert fit.assign(table.iloc[[5]]).iloc[0] == fit.assign(table).iloc[5]


def test_within_distance_never_rises_with_more_segments(blobs):
    table, _ = blobs
    inertia = [KMeans(k=k).fit(table, rng=np.random.default_rng(0)).inertia for k in range(2, 7)]
    assert np.all(np.diff(inertia) < 0)


def test_constant_measure_and_ties_are_no_trouble():
    table = pd.DataFrame({"complaints": [0] * 50 + [1] * 10, "orders": range(60), "flat": 1.0})
    fit = KMeans(k=2).fit(table, rng=np.random.default_rng(0))
    assert fit.assign(table).nunique() == 2


def test_what_cannot_be_segmented_is_refused(blobs):
    table, _ = blobs
    rng = np.random.default_rng(0)
    with pytest.raises(NotEnoughDataError):
        KMeans(k=3).fit(table.head(29), rng=rng)
    with pytest.raises(ParameterError, match="amount"):
        KMeans(k=2).fit(table.assign(amount=np.nan), rng=rng)
    with pytest.raises(ParameterError):
        KMeans(k=1).fit(table, rng=rng)
    with pytest.raises(ParameterError, match="gap"):
        KMeans(k=2).fit(table, rng=rng).assign(table[["orders", "amount"]])
