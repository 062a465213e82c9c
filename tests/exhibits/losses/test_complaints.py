"""Exhibits of complaints, exits, early warning and contact: drawn, with words, and shown."""

from __future__ import annotations

import matplotlib.pyplot as plt
import pandas as pd
import pytest

from retention import exhibits
from retention.analyses import (
    complaint_recovery,
    contact_policy,
    early_warning,
    exit_reasons,
    win_back,
)
from retention.datasets import simulate_company, survey_items
from retention.engine import Tables
from retention.exhibits.theme import description_of

ANSWERS = {
    "complaint_recovery": complaint_recovery,
    "exit_reasons": exit_reasons,
    "early_warning": early_warning,
    "win_back": win_back,
    "contact_policy": contact_policy,
}


@pytest.fixture(scope="module")
def tables():
    company = simulate_company(1500, seed=8, history=False)
    return Tables.from_frames(company.tables, window=company.window, items=survey_items())


@pytest.mark.parametrize("name", ANSWERS)
def test_every_exhibit_of_an_answer_speaks(tables, name):
    answer = ANSWERS[name](tables)
    found = [n for n in exhibits.__all__ if n.removeprefix("plot_").startswith(name)]
    found += [n for n in exhibits.__all__ if n.removeprefix("table_").startswith(name)]
    assert found
    exhibits.show(answer)
    for exhibit in found:
        shown = getattr(exhibits, exhibit)(answer)
        if isinstance(shown, pd.DataFrame):
            assert len(shown)
            exhibits.show(shown, caption=exhibit)
        else:
            assert len(description_of(shown).alt) > 40
            exhibits.show(shown)
    plt.close("all")
