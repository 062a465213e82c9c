"""Figures and tables of core customers."""

from __future__ import annotations

import pytest

from retention.analyses import core_customers
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.exhibits import (
    plot_core_customers,
    show,
    table_core_customers,
    table_core_customers_dismissal,
    table_core_customers_validation,
)


@pytest.fixture(scope="module")
def answer():
    made = simulate_company(500, seed=3, history=False)
    return core_customers(Tables.from_frames(made.tables, window=made.window), margin_share=0.45)


def test_figure_and_tables_can_be_shown(answer, capsys):
    show(plot_core_customers(answer))
    assert "stay core" in capsys.readouterr().out
    for table in (table_core_customers, table_core_customers_validation):
        show(table(answer))
    assert len(table_core_customers(answer)) == len(answer.traits)
    assert len(table_core_customers_dismissal(answer)) == min(50, len(answer.dismissal))
