"""The figures of drivers, risk and change say what the answers say."""

from __future__ import annotations

import pytest

from retention.analyses import churn_change, churn_drivers, churn_risk
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.exhibits import (
    plot_churn_change,
    plot_churn_change_parts,
    plot_churn_drivers,
    plot_churn_drivers_hazard,
    plot_churn_drivers_risks,
    plot_churn_risk,
    plot_churn_risk_calibration,
    plot_churn_risk_lift,
    show,
    table_churn_change,
    table_churn_drivers,
    table_churn_drivers_shares,
    table_churn_risk,
    table_churn_risk_validation,
)
from retention.exhibits.theme import description_of

ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


@pytest.fixture(scope="module")
def answers():
    company = simulate_company(900, seed=2, history=False)
    tables = Tables.from_frames(company.tables, window=company.window, items=ITEMS)
    return {
        "drivers": churn_drivers(tables), "risk": churn_risk(tables, origins=2),
        "change": churn_change(tables),
    }  # fmt: skip


@pytest.mark.parametrize(
    ("plot", "name"),
    [
        (plot_churn_drivers, "drivers"),
        (plot_churn_drivers_risks, "drivers"),
        (plot_churn_drivers_hazard, "drivers"),
        (plot_churn_risk, "risk"),
        (plot_churn_risk_calibration, "risk"),
        (plot_churn_risk_lift, "risk"),
        (plot_churn_change, "change"),
        (plot_churn_change_parts, "change"),
    ],
)
def test_figure_can_be_shown_and_has_words(answers, plot, name, capsys):
    ax = plot(answers[name])
    words = description_of(ax)
    assert words.caption
    assert any(character.isdigit() for character in words.alt)
    show(ax)
    assert words.alt in capsys.readouterr().out


def test_tables_are_shown(answers, capsys):
    drivers, risk, change = answers["drivers"], answers["risk"], answers["change"]
    assert len(table_churn_drivers(drivers)) == len(drivers.ratios)
    assert table_churn_drivers_shares(drivers).index.name == "driver"
    assert len(table_churn_risk(risk, most=5)) == 5
    assert table_churn_risk_validation(risk).loc["all", "customers"] > 0
    assert table_churn_change(change)["by hazard (points)"].sum() == pytest.approx(
        100 * change.hazard
    )
    for answer in answers.values():
        show(answer)
        assert answer.headline() in capsys.readouterr().out


def test_alt_text_tells_the_strongest_driver(answers):
    drivers = answers["drivers"]
    strongest = drivers.ratios["coefficient"].abs().idxmax()
    assert strongest in description_of(plot_churn_drivers(drivers)).alt
