"""The figure says what the answer says, in ink and in words."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses import RetentionCurve, retention_curve
from retention.engine import Tables
from retention.exhibits import plot_retention_curve, show, table_retention_curve
from retention.exhibits.theme import description_of
from retention.window import Window, add_months


@pytest.fixture(scope="module")
def curve() -> RetentionCurve:
    rng = np.random.default_rng(5)
    window = Window(start=date(2022, 1, 1), cutoff=date(2024, 1, 1))
    n = 400
    start = [add_months(window.start, int(m)) for m in rng.integers(0, 23, n)]
    end = [add_months(s, int(t)) for s, t in zip(start, rng.geometric(0.08, n), strict=True)]
    table = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "started_on": start})
    table["ended_on"] = [day if day < window.cutoff else None for day in end]
    table["product"] = np.where(np.arange(n) < 150, "basic", "full")
    customers = table[["customer_id"]].assign(acquired_on=table["started_on"])
    tables = Tables.from_frames({"contracts": table, "customers": customers}, window=window)
    return retention_curve(tables, by="product")


def test_figure_is_shown_with_its_words_and_numbers_at_risk(curve, capsys):
    ax = plot_retention_curve(curve)
    words = description_of(ax)
    share = curve.groups.loc["basic", "survival_12"]
    assert f"basic {100 * share:.1f} %" in words.alt
    assert "400 customers" in words.caption or "customers" in words.caption
    texts = [text.get_text() for text in ax.texts]
    first = curve.table[(curve.table["group"] == "full")]["at_risk"].iloc[0]
    assert f"{first:,.0f}" in texts
    assert ax.get_ylim()[0] == 0
    show(ax)
    assert words.alt in capsys.readouterr().out


def test_table_holds_the_estimates(curve, capsys):
    table = table_retention_curve(curve)
    assert table.index.tolist() == ["all", "basic", "full"]
    assert table.loc["full", "retained at 12 months"] is curve.estimates()["survival_12: full"]
    show(curve)
    show(table)
    assert curve.headline() in capsys.readouterr().out
