"""Figures and tables of the switching analyses say what the answers say, in ink and in words."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from retention import exhibits
from retention.analyses import (
    bond_returns,
    brand_switching,
    loyalty_types,
    price_room,
    relationship_investment,
    share_of_wallet,
    switching_costs,
)
from retention.engine import Tables
from retention.exhibits.theme import description_of


@pytest.fixture(scope="module")
def costs(switching_tables: Tables) -> Any:
    return switching_costs(switching_tables, draws=40, placebos=2)


@pytest.fixture(scope="module")
def poor(switching_frames: Any) -> Any:
    """A company that has quotes and nothing else."""
    frames, window = switching_frames(n=400, seed=2)
    kept = {name: frames[name] for name in ("customers", "quotes")}
    return switching_costs(Tables.from_frames(kept, window=window))


@pytest.fixture(autouse=True)
def _closed() -> Any:
    yield
    plt.close("all")


def test_forest_holds_every_number(costs: Any) -> None:
    ax = exhibits.plot_switching_costs(costs)
    table = costs.reconcile()
    assert [t.get_text().replace("\n", " ") for t in ax.get_yticklabels()] == list(table.index)
    drawn = {float(line.get_xdata()[0]) for line in ax.lines if len(line.get_xdata()) == 1}
    assert set(table["share"]) <= drawn
    alt = description_of(ax).alt
    for value in table["share"]:
        assert f"{100 * value:.1f} %" in alt


def test_bonds_are_coloured_by_level_and_named(costs: Any) -> None:
    ax = exhibits.plot_switching_costs_bonds(costs)
    bonds = costs.measures["lock-in seen in leaving"].table
    assert {t.get_text() for t in ax.get_yticklabels()} == set(bonds.index)
    assert [t.get_text() for t in ax.get_legend().get_texts()] == [
        "financial", "social", "structural",
    ]  # fmt: skip
    table = exhibits.table_switching_costs_bonds(costs)
    assert "all structural" in table.index
    assert table.loc["personal", "price gap"] is bonds.loc["personal", "share"]


def test_placebo_is_drawn_beside_the_pull(costs: Any) -> None:
    ax = exhibits.plot_switching_costs_placebo(costs)
    table = costs.measures["pull of the last purchase"].table
    assert f"{table['placebo'].iloc[0]:.2f}" in description_of(ax).alt
    shown = exhibits.table_switching_costs_placebo(costs)
    assert list(shown["verdict"]) == ["not identified", "identified", "identified"]


def test_tables_name_what_fell_away(costs: Any, poor: Any) -> None:
    full = exhibits.table_switching_costs(costs)
    assert list(full.index) == list(costs.measures)
    thin = exhibits.table_switching_costs(poor)
    assert thin.loc["pull of the last purchase", "rests on"].startswith("fell away: ")
    assert set(exhibits.table_switching_costs_methods(costs).index) == set(costs.measures)


def test_customers_are_those_whom_leaving_costs_most(costs: Any) -> None:
    table = exhibits.table_switching_costs_customers(costs)
    assert len(table) == 15
    assert table["leaving costs"].is_monotonic_decreasing
    total = table["work of leaving"] + table["forgone"]
    assert ((total - table["leaving costs"]).abs() <= 1).all()
    assert (table["at least"] <= table["leaving costs"]).all()


def test_what_is_missing_is_said_where_the_figure_would_be(poor: Any) -> None:
    for draw in (exhibits.plot_switching_costs_bonds, exhibits.plot_switching_costs_placebo):
        assert "not shown" in description_of(draw(poor)).alt
    for tabulate in (
        exhibits.table_switching_costs_bonds,
        exhibits.table_switching_costs_placebo,
        exhibits.table_switching_costs_customers,
    ):
        assert list(tabulate(poor).columns) == ["not shown"]


@pytest.mark.parametrize(
    ("ask", "draw", "tables"),
    [
        (price_room, exhibits.plot_price_room, [exhibits.table_price_room]),
        (bond_returns, exhibits.plot_bond_returns, [exhibits.table_bond_returns]),
        (
            loyalty_types,
            exhibits.plot_loyalty_types,
            [exhibits.table_loyalty_types, exhibits.table_loyalty_types_slopes],
        ),
        (brand_switching, exhibits.plot_brand_switching, [exhibits.table_brand_switching]),
        (
            share_of_wallet,
            exhibits.plot_share_of_wallet,
            [exhibits.table_share_of_wallet_rivals, exhibits.table_share_of_wallet_customers],
        ),
        (
            relationship_investment,
            exhibits.plot_relationship_investment,
            [exhibits.table_relationship_investment],
        ),
    ],
)
def test_every_answer_has_a_figure_with_words_and_a_table(
    switching_tables: Tables, ask: Any, draw: Any, tables: Any
) -> None:
    answer = ask(switching_tables)
    ax = draw(answer)
    assert len(description_of(ax).alt) > 40
    assert ax.figure.get_size_inches()[0] <= 6.4
    exhibits.show(ax)
    exhibits.show(answer)
    for tabulate in tables:
        table = tabulate(answer)
        assert isinstance(table, pd.DataFrame)
        assert len(table)
        exhibits.show(table, caption="a table")
