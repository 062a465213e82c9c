"""Published tables: totals that the papers print."""

from __future__ import annotations

import pytest

from retention.datasets import PUBLISHED, load_published
from retention.errors import ParameterError


@pytest.mark.parametrize("name", PUBLISHED)
def test_says_what_it_is_and_where_it_is_from(name):
    published = load_published(name)
    assert len(published.table) > 0
    assert published.source
    assert published.note


def test_donations_add_up_to_all_donors():
    table = load_published("donations").table
    assert table["donors"].sum() == 11_104
    assert len(table) == 22
    assert (table["recency"] >= table["frequency"]).all()


def test_orange_juice_has_the_printed_mean():
    table = load_published("orange_juice").table
    assert table["defective"].sum() == 347
    assert table["defective"].sum() / table["inspected"].sum() == pytest.approx(0.231333, abs=5e-7)


def test_renewals_fall():
    table = load_published("renewals").table
    assert (table.diff().dropna() < 0).all(axis=None)


def test_unknown_name_is_refused():
    with pytest.raises(ParameterError, match="renewals"):
        load_published("sales")
