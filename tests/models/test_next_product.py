"""Next product: counts by hand, ties, and customers of whom nothing is known."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, ParameterError
from retention.models import NextProduct

POPULARITY = pd.DataFrame({"product": ["tea", "cup", "ink", "pen"], "customers": [50, 30, 15, 5]})
TOGETHER = pd.DataFrame(
    [("ink", "pen", 40), ("pen", "ink", 40), ("tea", "cup", 20), ("cup", "tea", 20)],
    columns=["product", "other", "customers"],
)
MOVES = pd.DataFrame([("tea", "ink", 60)], columns=["product", "next_product", "times"])


def fitted(**settings):
    return NextProduct(**settings).fit(POPULARITY, TOGETHER, MOVES)


def test_chance_is_the_count_drawn_towards_popularity():
    fit = fitted(prior=10.0)
    ink, pen = fit.products.index("ink"), fit.products.index("pen")
    assert fit.beside[ink, pen] == pytest.approx((40 + 10 * 0.05) / (40 + 10))
    assert fit.beside.sum(axis=1) == pytest.approx(np.ones(4))
    assert fit.after.sum(axis=1) == pytest.approx(np.ones(4))


def test_what_goes_together_beats_what_is_popular():
    assert fitted(transition_weight=0.0).recommend([["ink"]], [["ink"]], top=2) == [["pen", "tea"]]
    assert fitted().recommend_popular([["ink"]], top=2) == [["tea", "cup"]]


def test_what_follows_counts_for_the_last_purchase():
    named = fitted(transition_weight=1.0).recommend([["tea", "cup"]], [["tea"]], top=1)
    assert named == [["ink"]]


def test_nobody_is_told_to_buy_what_he_has():
    fit = fitted()
    assert fit.recommend([["tea", "cup", "ink"]], [["ink"]], top=3) == [["pen"]]
    assert fit.recommend([list(fit.products)], [[]], top=3) == [[]]


def test_unknown_customers_and_products_get_the_popular_ones():
    fit = fitted()
    assert fit.recommend([[], ["unheard of"]], [[], []], top=2) == [["tea", "cup"]] * 2


def test_one_product_leaves_nothing_to_recommend():
    with pytest.raises(NotEnoughDataError):
        NextProduct().fit(POPULARITY.head(1), TOGETHER, MOVES)
    with pytest.raises(ParameterError):
        fitted(prior=0)
