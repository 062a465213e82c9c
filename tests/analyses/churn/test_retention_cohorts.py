"""Retention by cohort and stretch of tenure, against spells counted by hand."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from retention.analyses import retention_cohorts
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Answer
from retention.features import build_cube, build_durations


@pytest.fixture(scope="module")
def tables() -> Tables:
    company = simulate_company(500, seed=4, history=False)
    return Tables.from_frames(company.tables, window=company.window)


@pytest.fixture(scope="module")
def cohorts(tables):
    return retention_cohorts(tables)


def test_cells_are_products_over_those_watched(tables, cohorts):
    spells = build_durations(tables)
    year = spells["started_on"].dt.year.astype(str)
    seen = 0
    for cell in cohorts.cells.to_dict("records"):
        own = spells[year == cell["cohort"]]
        kept, least = 1.0, np.inf
        for t in range(cell["start"] + 1, cell["stop"] + 1):
            at_risk = int(((own["entry"] < t) & (own["duration"] >= t)).sum())
            least = min(least, at_risk)
            if at_risk:
                kept *= 1 - int((own["event"] & (own["duration"] == t)).sum()) / at_risk
        if least < tables.minimum_n:
            assert np.isnan(cell["retained"])
        else:
            assert_allclose(cell["retained"], kept, rtol=1e-12)
            assert cell["low"] <= kept <= cell["high"] or kept in (0.0, 1.0)
            seen += 1
    assert seen > 10


def test_a_cohort_from_before_the_window_is_shown_only_where_it_was_watched(tables, cohorts):
    table = cohorts.summary()
    old = table.loc[table.index < str(tables.window.start.year)]
    assert old[0].isna().all()
    assert old.notna().any(axis=1).any()


def test_the_answer_says_how_sure_it_is(cohorts):
    assert isinstance(cohorts, Answer)
    found = cohorts.estimates()
    newest = [name for name in found if name.startswith("retained_6: ")][-1]
    assert newest.removeprefix("retained_6: ") in cohorts.headline()
    assert "diagonal" in cohorts.cautions()[0]
    assert found["log_rank_p"].unit == "p-value"


def test_cohorts_by_quarter_are_those_of_the_spells(tables):
    cube = build_cube(tables, cohort="quarter")
    spells = build_durations(tables)
    first = spells["started_on"].dt.to_period("Q").dt.start_time
    expected = first.value_counts().sort_index()
    assert_allclose(cube.groupby("cohort")["entered"].sum(), expected)
    assert list(cube["cohort"].unique()) == list(expected.index)


def test_what_cannot_be_is_refused(tables):
    with pytest.raises(ParameterError, match="not by week"):
        retention_cohorts(tables, cohort="week")
    with pytest.raises(ParameterError, match="stretch"):
        retention_cohorts(tables, stretch=-1)
    with pytest.raises(NotEnoughDataError, match="wider cohorts"):
        retention_cohorts(tables, cohort="month")
