"""Figures of customer value say in words what they show; tables hold the answer's numbers."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pytest

from retention.analyses import customer_value
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.exhibits import (
    plot_customer_value,
    plot_customer_value_bridge,
    plot_customer_value_whale,
    show,
    table_customer_value,
    table_customer_value_bridge,
    table_customer_value_dependence,
    table_customer_value_migration,
)


@pytest.fixture(scope="module")
def tables():
    made = simulate_company(400, seed=3, history=False)
    return Tables.from_frames(made.tables, window=made.window)


@pytest.fixture(scope="module")
def answer(tables):
    return customer_value(tables, measure="profit", margin_share=0.45)


@pytest.mark.parametrize(
    "plot", [plot_customer_value, plot_customer_value_whale, plot_customer_value_bridge]
)
def test_figure_can_be_shown_and_says_its_numbers(answer, plot, capsys):
    show(plot(answer))
    text = capsys.readouterr().out
    assert "%" in text or "EUR" in text
    assert not plt.get_fignums()


def test_waterfall_ends_where_the_answer_does(answer):
    axes = plot_customer_value_bridge(answer)
    bars = {
        label.get_text(): bar
        for label, bar in zip(axes.get_xticklabels(), axes.patches, strict=True)
    }
    assert bars["now"].get_height() == pytest.approx(answer.bridge["after"].sum())
    new = bars["new"]
    assert new.get_y() + new.get_height() == pytest.approx(answer.bridge["after"].sum())
    plt.close("all")


def test_tables_hold_the_totals(answer):
    assert table_customer_value(answer)["customers"].sum() == answer.classes["customers"].sum()
    bridge = table_customer_value_bridge(answer)
    assert bridge.loc["all", "customers"] == answer.bridge["customers"].sum()
    migration = table_customer_value_migration(answer)
    assert migration["all"].sum() == answer.migration.to_numpy().sum()
    assert len(table_customer_value_dependence(answer)) == len(answer.dependence)


def test_without_an_earlier_stretch_the_exhibits_say_so(tables, capsys):
    answer = customer_value(tables, months=36)
    show(plot_customer_value_bridge(answer))
    show(table_customer_value_bridge(answer))
    show(table_customer_value_migration(answer))
    assert capsys.readouterr().out.count("no earlier stretch") == 3
