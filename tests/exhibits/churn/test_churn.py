"""The figures of drivers, risk and change say what the answers say."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses import (
    churn_change,
    churn_drivers,
    churn_risk,
    inactivity_threshold,
    retention_cohorts,
)
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.exhibits import (
    plot_churn_change,
    plot_churn_change_parts,
    plot_churn_drivers,
    plot_churn_drivers_hazard,
    plot_churn_drivers_risks,
    plot_churn_risk,
    plot_churn_risk_calibration,
    plot_churn_risk_lift,
    plot_inactivity_threshold,
    plot_inactivity_threshold_curve,
    plot_retention_cohorts,
    show,
    table_churn_change,
    table_churn_drivers,
    table_churn_drivers_shares,
    table_churn_risk,
    table_churn_risk_scenarios,
    table_churn_risk_validation,
    table_inactivity_threshold,
    table_inactivity_threshold_curve,
    table_inactivity_threshold_customers,
    table_retention_cohorts,
)
from retention.exhibits.theme import description_of
from retention.window import Window

ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


@pytest.fixture(scope="module")
def answers():
    company = simulate_company(900, seed=2, history=False)
    tables = Tables.from_frames(company.tables, window=company.window, items=ITEMS)
    return {
        "drivers": churn_drivers(tables), "risk": churn_risk(tables, origins=2),
        "change": churn_change(tables), "cohorts": retention_cohorts(tables),
        "inactivity": inactivity_threshold(tables),
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
        (plot_retention_cohorts, "cohorts"),
        (plot_inactivity_threshold, "inactivity"),
        (plot_inactivity_threshold_curve, "inactivity"),
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
    scenarios = table_churn_risk_scenarios(risk)
    assert scenarios.loc["as today", "expected leavers"] == pytest.approx(risk.leavers.value)
    for answer in answers.values():
        show(answer)
        assert answer.headline() in capsys.readouterr().out


def test_tables_of_cohorts_and_of_inactivity(answers):
    cohorts, inactivity = answers["cohorts"], answers["inactivity"]
    table = table_retention_cohorts(cohorts)
    assert list(table.columns[:2]) == ["customers at first", "0 to 6 months, %"]
    assert len(table) == cohorts.summary().dropna(how="all").shape[0]
    both = table_inactivity_threshold(inactivity)
    assert f"{inactivity.days} days" in both.index
    assert both["cost of both errors"].iloc[: len(inactivity.choice.thresholds)].min() == (
        inactivity.choice.thresholds["cost"].min()
    )
    curve = table_inactivity_threshold_curve(inactivity)
    assert curve["customers counted"].is_monotonic_increasing
    silent = table_inactivity_threshold_customers(inactivity, most=5)
    assert silent["times the usual gap"].is_monotonic_decreasing
    assert (silent["silent days"] < inactivity.days).all()


def test_alt_text_tells_the_strongest_driver(answers):
    drivers = answers["drivers"]
    strongest = drivers.ratios["coefficient"].abs().idxmax()
    assert strongest in description_of(plot_churn_drivers(drivers)).alt


def test_a_model_that_could_not_be_tried_is_shown_as_such():
    """Telco has no past: tables and figures say so in place of numbers."""
    tables = telco_tables()
    answer = churn_risk(tables, by="contract")
    assert answer.validation is None
    assert table_churn_risk_validation(answer)["why"].str.contains("not tried").all()
    for plot in (plot_churn_risk_calibration, plot_churn_risk_lift):
        words = description_of(plot(answer))
        assert words is not None
        assert "not tried" in words.alt


def test_drivers_need_something_besides_tenure():
    with pytest.raises(NotEnoughDataError, match="nothing but tenure"):
        churn_drivers(telco_tables(), by=())


def telco_tables():
    rng = np.random.default_rng(3)
    n = 600
    tenure = rng.integers(1, 60, n)
    cutoff = pd.Timestamp("2026-11-01")
    started = [cutoff - pd.DateOffset(months=int(t)) for t in tenure]
    left = rng.random(n) < 0.3
    contracts = pd.DataFrame({
        "customer_id": [f"c{i}" for i in range(n)], "started_on": started,
        "ended_on": np.where(left, np.datetime64("2026-10-01"), np.datetime64("NaT")),
        "contract": np.where(rng.random(n) < 0.5, "monthly", "yearly"),
    })  # fmt: skip
    contracts = contracts[contracts["started_on"] < pd.Timestamp("2026-10-01")]
    customers = pd.DataFrame({
        "customer_id": contracts["customer_id"], "acquired_on": contracts["started_on"],
    })  # fmt: skip
    window = Window(start=date(2021, 1, 1), cutoff=date(2026, 11, 1))
    return Tables.from_frames({"customers": customers, "contracts": contracts}, window=window)
