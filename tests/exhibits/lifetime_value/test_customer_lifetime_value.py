"""Figures of lifetime value, backtest and bridge say their numbers; tables hold the answer's."""

from __future__ import annotations

from datetime import date

import matplotlib.pyplot as plt
import numpy as np
import pytest

from retention.analyses import (
    alive_history,
    alive_surface,
    backtest,
    customer_lifetime_value,
    equity_bridge,
)
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.exhibits import (
    plot_alive_history,
    plot_backtest,
    plot_backtest_expectation,
    plot_backtest_frequency,
    plot_backtest_incremental,
    plot_customer_lifetime_value,
    plot_customer_lifetime_value_alive,
    plot_customer_lifetime_value_payback,
    plot_equity_bridge,
    show,
    table_backtest,
    table_backtest_origins,
    table_customer_lifetime_value,
    table_customer_lifetime_value_at_risk,
    table_customer_lifetime_value_equity,
    table_customer_lifetime_value_models,
    table_customer_lifetime_value_winning_or_keeping,
    table_equity_bridge,
)


@pytest.fixture(scope="module")
def tables():
    made = simulate_company(300, seed=3, history=False)
    frames = {name: made.tables[name] for name in ("customers", "contracts", "orders")}
    return Tables.from_frames(frames, window=made.window)


@pytest.fixture(scope="module")
def answer(tables):
    return customer_lifetime_value(tables, model="pareto_nbd", replicates=20)


@pytest.fixture(scope="module")
def tested(tables):
    return backtest(tables, origins=2, model="pareto_nbd", replicates=20)


@pytest.fixture(scope="module")
def bridge(tables, answer):
    return equity_bridge(tables, date(2026, 8, 1), now=answer, model="pareto_nbd", replicates=20)


@pytest.mark.parametrize(
    "plot",
    [
        plot_customer_lifetime_value,
        plot_customer_lifetime_value_alive,
        plot_customer_lifetime_value_payback,
    ],
)
def test_value_can_be_shown(answer, plot, capsys):
    show(plot(answer))
    assert "EUR" in capsys.readouterr().out or plot is plot_customer_lifetime_value_alive
    assert not plt.get_fignums()


@pytest.mark.parametrize(
    "plot",
    [
        plot_backtest,
        plot_backtest_expectation,
        plot_backtest_frequency,
        plot_backtest_incremental,
    ],
)
def test_backtest_can_be_shown(tested, plot, capsys):
    show(plot(tested))
    assert "2026-05" in capsys.readouterr().out or plot is plot_backtest_incremental
    assert not plt.get_fignums()


def test_answers_can_be_shown(answer, tested, bridge, capsys):
    for one in (answer, tested, bridge):
        show(one)
    assert "worth" in capsys.readouterr().out


def test_waterfall_ends_where_the_value_does(answer, bridge):
    axes = plot_equity_bridge(bridge)
    last = axes.patches[-1].get_height()
    assert last == pytest.approx(answer.estimates()["residual_value"].value)
    plt.close("all")
    assert list(table_equity_bridge(bridge).index) == list(bridge.steps.index)


def test_tables_hold_the_numbers(answer, tested):
    table = table_customer_lifetime_value(answer)
    total = answer.estimates()["residual_value"]
    assert table.loc["all", "residual_clv"] == pytest.approx(total.value, abs=1)
    assert table.loc["all", "customers"] == len(answer.customers)
    risk = table_customer_lifetime_value_at_risk(answer, rows=5)
    assert risk["value_at_risk"].is_monotonic_decreasing
    assert table_customer_lifetime_value_models(answer)["not ruled out"].any()
    assert "customer equity" in table_customer_lifetime_value_equity(answer).index
    assert (table["counted_low"] <= table["low"]).all()
    keeping = table_customer_lifetime_value_winning_or_keeping(answer)
    assert keeping.index[0] == "win a customer"
    assert "last year repeated" in table_backtest(tested).index
    assert len(table_backtest_origins(tested)) == 2


def test_one_history_rises_with_purchases_and_falls_in_silence(tables, answer, capsys):
    busy = answer.rfm["frequency"].idxmax()
    history = alive_history(tables, answer, busy)
    assert len(history.purchases) == answer.rfm.loc[busy, "frequency"] + 1
    assert history.now == pytest.approx(answer.customers.loc[busy, "probability_alive"], abs=1e-9)
    show(plot_alive_history(history))
    assert busy in capsys.readouterr().out
    with pytest.raises(NotEnoughDataError, match="no order"):
        alive_history(tables, answer, "nobody")


def test_surface_falls_with_silence(answer):
    surface = alive_surface(answer)
    assert (np.diff(surface.to_numpy(), axis=1) <= 1e-12).all()
    last = surface.iloc[:, -1]
    assert last.iloc[-1] < last.iloc[0]  # silence says more of those who bought often


def test_contracts_have_no_latent_dropout(tables):
    contracts = customer_lifetime_value(tables, basis="contracts", replicates=20)
    with pytest.raises(ParameterError, match="contracts"):
        alive_surface(contracts)
    plot_customer_lifetime_value(contracts)
    plt.close("all")
