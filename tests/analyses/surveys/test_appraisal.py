"""Appraisal: fairer than raw means, and silent where it must be."""

from __future__ import annotations

import numpy as np
import pytest

from retention.analyses import appraisal
from retention.datasets import simulate_company, survey_items
from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.models import CrossedEffectsFit

WAVES = ["2023-Q1"]


def test_few_answers_get_no_verdict(ask):
    rng = np.random.default_rng(0)
    branch = np.array(["one", "two", "three", "four", "five", "six"])[np.arange(600) % 6]
    branch[:3] = "tiny"
    merit = {"one": -1.0, "two": -0.5, "three": 0, "four": 0.3, "five": 0.6, "six": 1, "tiny": -3}
    score = np.clip(
        np.round(3 + np.array([merit[b] for b in branch]) + rng.normal(0, 1, 600)), 1, 5
    )
    answer = appraisal(ask({"csat": score[:, None]}, WAVES, branch=branch))
    assert answer.units.loc["tiny", "verdict"] == "no verdict"
    assert answer.units.loc["one", "verdict"] == "below"
    assert answer.units.loc["six", "verdict"] == "above"
    assert not answer.estimates()["score: tiny"].shown
    raw = answer.units.loc["tiny", "raw_mean"] - answer.fit.mean
    assert abs(answer.units.loc["tiny", "score"] - answer.fit.mean) < abs(raw)
    assert any("cannot be told" in c for c in answer.cautions())


def test_units_alike_are_called_alike(ask):
    rng = np.random.default_rng(2)
    branch = np.array(list("abcdefgh"))[np.arange(400) % 8]
    score = rng.integers(1, 6, (400, 1))
    answer = appraisal(ask({"csat": score}, WAVES, branch=branch))
    assert set(answer.units["verdict"]) == {"no verdict"}


def test_a_benchmark_of_ones_own(ask):
    rng = np.random.default_rng(3)
    branch = np.array(list("abcd"))[np.arange(800) % 4]
    level = {"a": 2.0, "b": 2.5, "c": 3.0, "d": 3.5}
    score = np.clip(np.round([level[b] + rng.normal(0, 0.8) for b in branch]), 1, 5)
    answer = appraisal(ask({"csat": score[:, None]}, WAVES, branch=branch), benchmark=4.5)
    assert (answer.units["verdict"] == "below").all()
    assert answer.benchmark == 4.5


def test_company_staff_are_told_from_severe_customers(surveyed_tables):
    answer = appraisal(surveyed_tables, unit="employee_id")
    assert isinstance(answer.fit, CrossedEffectsFit)
    assert answer.fit.sd_group > 0.3
    assert (answer.units["n"].sum()) == answer.estimates()["mean_rating"].n
    low, high = answer.units["funnel_low"], answer.units["funnel_high"]
    assert (low <= answer.fit.mean).all()
    assert (answer.fit.mean <= high).all()
    assert "below the benchmark" in answer.headline()


def test_departments_come_from_the_employees(surveyed_tables, ask):
    with pytest.raises(NotEnoughDataError, match="1 department"):
        appraisal(surveyed_tables, unit="department")  # ratings are of one department
    scores = {"csat": np.full((30, 1), 4)}
    with pytest.raises(MissingTableError, match="employees"):
        appraisal(ask(scores, WAVES), unit="department")
    with pytest.raises(ParameterError, match="not known by branch"):
        appraisal(ask(scores, WAVES))
    with pytest.raises(NotEnoughDataError, match="1 branch"):
        appraisal(ask(scores, WAVES, branch="only"))


@pytest.mark.slow
def test_appraisal_beats_raw_means_in_the_company():
    """Squared error of employees' standing, summed over companies with few ratings each."""
    errors = {"score": 0.0, "raw_mean": 0.0}
    for seed in range(12):
        company = simulate_company(1000, seed=seed)
        names = ("customers", "surveys", "employees")
        tables = Tables.from_frames(
            {k: company.tables[k] for k in names}, window=company.window, items=survey_items()
        )
        units = appraisal(tables, unit="employee_id").units
        # what an employee adds, and what the branch does: 0.8 points a unit of satisfaction
        quality = company.truth.branches.groupby("branch")["quality"].mean()
        branch = company.tables["employees"].set_index("employee_id")["branch"]
        truth = company.truth.employees["effect"].reindex(units.index)
        truth = truth + 0.8 * branch.reindex(units.index).map(quality)
        assert truth.notna().all()
        for column in errors:
            gap = units[column] - units[column].mean() - (truth - truth.mean())
            errors[column] += float((gap**2).sum())
    assert errors["score"] < errors["raw_mean"]
