"""The silent share: counted by hand, in a known company, and withheld where few were angry."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses import silent_share
from retention.engine import Tables
from retention.errors import MissingTableError, ParameterError
from retention.window import Window

WINDOW = Window(start=date(2022, 1, 1), cutoff=date(2024, 1, 1))
ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 5}}


def tables_of(n: int, angry: int, spoke: int, *, far: bool = False) -> Tables:
    names = [f"c{k:03d}" for k in range(n)]
    surveys = pd.DataFrame(
        {
            "response_id": [f"r{k}" for k in range(n)],
            "customer_id": names,
            "answered_on": date(2023, 5, 10),
            "instrument": "pulse",
            "item": "csat",
            "score": [2.0 if k < angry else 4.0 for k in range(n)],
        }
    )
    complaints = pd.DataFrame(
        {
            "complaint_id": [f"x{k}" for k in range(spoke)],
            "customer_id": names[:spoke],
            "opened_on": date(2022, 11, 1) if far else date(2023, 4, 1),
        }
    )
    customers = pd.DataFrame({"customer_id": names, "acquired_on": date(2021, 1, 1)})
    frames = {"customers": customers, "surveys": surveys, "complaints": complaints}
    return Tables.from_frames(frames, window=WINDOW, items=ITEMS)


def test_share_by_hand():
    answer = silent_share(tables_of(200, 100, 15))
    share = answer.estimates()["silent_share"]
    assert share.value == pytest.approx(0.85)
    assert share.low < 0.85 < share.high
    behind = answer.estimates()["dissatisfied_per_complaint"]
    assert behind.value == pytest.approx(100 / 15)
    assert behind.low == pytest.approx(1 / (1 - share.low))
    assert "in line with" in answer.headline()


def test_a_complaint_long_ago_is_no_voice():
    answer = silent_share(tables_of(200, 100, 15, far=True))
    assert answer.estimates()["silent_share"].value == 1.0
    assert "dissatisfied_per_complaint" not in answer.estimates()


def test_few_dissatisfied_are_withheld():
    answer = silent_share(tables_of(200, 5, 1))
    assert not answer.estimates()["silent_share"].shown
    assert "not shown" in answer.headline()


def test_what_cannot_be_is_refused(ask):
    with pytest.raises(MissingTableError, match="complaints"):
        silent_share(ask({"csat": np.full((30, 1), 2)}, ["2023-Q1"]))
    items = {"csat": {"construct": "trust", "low": 1, "high": 5}}
    trust = ask({"csat": np.full((30, 1), 2)}, ["2023-Q1"], items=items)
    with pytest.raises(ParameterError, match="csat"):
        silent_share(trust)


def test_company_in_which_few_speak(surveyed_tables):
    share = silent_share(surveyed_tables).estimates()["silent_share"]
    assert 0.7 < share.value < 0.95
