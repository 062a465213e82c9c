"""Every exhibit of satisfaction says its numbers in words, fits a telephone, and can be shown."""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from retention import exhibits
from retention.analyses import (
    appraisal,
    satisfaction,
    satisfaction_drivers,
    satisfaction_model,
    satisfaction_retention,
    satisfaction_trend,
    service_gaps,
    service_profit_chain,
    silent_share,
)
from retention.datasets import simulate_company, survey_items
from retention.engine import Tables
from retention.errors import ParameterError
from retention.exhibits import show
from retention.exhibits.theme import description_of


@pytest.fixture(scope="module")
def answers() -> dict[str, Any]:
    company = simulate_company(1500, seed=11)
    tables = Tables.from_frames(company.tables, window=company.window, items=survey_items())
    return {
        "satisfaction": satisfaction(tables, waves=4, by=["segment", "region"]),
        "service_gaps": service_gaps(tables),
        "satisfaction_model": satisfaction_model(tables, replicates=50),
        "satisfaction_drivers": satisfaction_drivers(tables, replicates=50),
        "appraisal": appraisal(tables),
        "satisfaction_retention": satisfaction_retention(tables, margin_share=0.4, replicates=10),
        "service_profit_chain": service_profit_chain(tables),
        "silent_share": silent_share(tables),
        "satisfaction_trend": satisfaction_trend(tables),
    }


PLOTS = [
    ("satisfaction", "plot_satisfaction"),
    ("satisfaction", "plot_satisfaction_waves"),
    ("service_gaps", "plot_service_gaps"),
    ("service_gaps", "plot_service_gaps_surface"),
    ("satisfaction_model", "plot_satisfaction_model"),
    ("satisfaction_model", "plot_satisfaction_model_paths"),
    ("satisfaction_drivers", "plot_satisfaction_drivers"),
    ("satisfaction_drivers", "plot_satisfaction_drivers_map"),
    ("satisfaction_drivers", "plot_satisfaction_drivers_asymmetry"),
    ("appraisal", "plot_appraisal"),
    ("appraisal", "plot_appraisal_funnel"),
    ("satisfaction_retention", "plot_satisfaction_retention"),
    ("service_profit_chain", "plot_service_profit_chain"),
    ("silent_share", "plot_silent_share"),
    ("satisfaction_trend", "plot_satisfaction_trend"),
]


@pytest.mark.parametrize(("name", "plot"), PLOTS, ids=[plot for _, plot in PLOTS])
def test_figure_has_words_and_is_shown(answers, name, plot, capsys):
    ax = getattr(exhibits, plot)(answers[name])
    words = description_of(ax)
    assert any(character.isdigit() for character in words.alt)
    assert words.caption
    show(ax)  # refuses a figure too wide, text too small, or no alt text
    assert not plt.get_fignums()


@pytest.mark.parametrize("name", sorted({name for name, _ in PLOTS}))
def test_answer_and_table_are_shown(answers, name, capsys):
    answer = answers[name]
    show(answer)
    table = getattr(exhibits, f"table_{name}")(answer)
    assert isinstance(table, pd.DataFrame)
    assert len(table) > 0
    show(table, caption=name)
    assert answer.headline().endswith(".")
    assert all(e.method for e in answer.estimates().values())


def test_words_carry_the_numbers_of_the_answer(answers):
    found = answers["satisfaction"]
    words = description_of(exhibits.plot_satisfaction(found))
    best = found.groups.query("measure == 'csat'")["value"].max()
    assert f"{100 * best:.1f} %" in words.alt
    first = answers["satisfaction_drivers"].drivers.iloc[0]
    words = description_of(exhibits.plot_satisfaction_drivers(answers["satisfaction_drivers"]))
    assert f"{first['label']} {100 * first['importance']:.0f} %" in words.alt
    plt.close("all")


def test_what_was_not_asked_cannot_be_drawn(answers):
    with pytest.raises(ParameterError, match="mood"):
        exhibits.plot_satisfaction(answers["satisfaction"], measure="mood")
    with pytest.raises(ParameterError, match="no chart"):
        exhibits.plot_satisfaction_trend(answers["satisfaction_trend"], group="moon")
