"""Trend: a fall is found, dated and placed; without one there is silence."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses import satisfaction_trend
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.window import Window

WAVES = [f"{y}-Q{q}" for y in (2020, 2021, 2022, 2023) for q in (1, 2, 3, 4)]
WINDOW = Window(start=date(2020, 1, 1), cutoff=date(2024, 1, 1))
ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


def tables_of(seed: int, fall: float, topics: bool = False, waves: int = 16) -> Tables:
    """Four branches of 60 customers; the branch south falls in 2023."""
    rng = np.random.default_rng(seed)
    rows = []
    for w, wave in enumerate(WAVES[:waves]):
        day = date(int(wave[:4]), 3 * int(wave[-1]) - 1, 10)
        for b, branch in enumerate(("north", "east", "south", "west")):
            mean = 7.0 - (fall if branch == "south" and w >= 12 else 0)
            score = np.clip(rng.normal(mean, 1.5, 60).round(), 1, 10)
            for k in range(60):
                rows.append((f"r{w}-{b}-{k}", f"c{b}-{k}", day, float(score[k]), branch, wave))
    columns = ["response_id", "customer_id", "answered_on", "score", "branch", "wave"]
    surveys = pd.DataFrame(rows, columns=columns).assign(instrument="pulse", item="csat")
    names = surveys["customer_id"].unique()
    frames = {
        "customers": pd.DataFrame({"customer_id": names, "acquired_on": date(2019, 1, 1)}),
        "surveys": surveys,
    }
    if topics:
        early = rng.choice(["late", "damaged", "invoice"], 300)
        recent = rng.choice(["late", "damaged", "invoice"], 60, p=[0.8, 0.1, 0.1])
        days = [date(2021 + k % 2, 1 + k % 12, 5) for k in range(300)]
        frames["complaints"] = pd.DataFrame(
            {
                "complaint_id": [f"x{k}" for k in range(360)],
                "customer_id": rng.choice(names, 360),
                "opened_on": days + [date(2023, 11, 5)] * 60,
                "category": np.concatenate([early, recent]),
            }
        )
    return Tables.from_frames(frames, window=WINDOW, items=ITEMS)


def test_a_fall_is_found_dated_and_placed():
    answer = satisfaction_trend(tables_of(1, 1.2), by="branch", baseline=12)
    south = answer.signals.query("group == 'south' and direction == 'down'")
    assert set(south["chart"]) == {"p", "ewma", "cusum"}
    assert south["when"].str.startswith("2023").all()
    cusum = south[south["chart"] == "cusum"]
    assert cusum["began"].iloc[0] in ("2022-Q4", "2023-Q1", "2023-Q2")
    others = answer.signals[~answer.signals["group"].isin(["south", "all"])]
    assert len(others) <= 1
    assert "down" in answer.headline()


def test_without_a_change_signals_are_rare():
    counts = [
        len(satisfaction_trend(tables_of(s, 0.0), by="branch", baseline=12).signals)
        for s in range(3, 7)
    ]
    assert sum(c == 0 for c in counts) >= 3


def test_topics_signal_at_a_false_discovery_rate():
    answer = satisfaction_trend(tables_of(2, 0.0, topics=True), by="branch")
    late = answer.signals.query("what == 'late'")
    assert late["direction"].tolist() == ["up"]
    assert late["when"].iloc[0] == "the months to 2023-12-31"
    assert "complaints about" in answer.headline()
    assert answer.topics["share"].sum() == pytest.approx(1)


def test_no_signal_is_said():
    answer = satisfaction_trend(tables_of(4, 0.0), by="branch", baseline=14)
    if answer.signals.empty:
        assert "beyond chance" in answer.headline()
    assert answer.estimates()["signals"].value == len(answer.signals)
    assert answer.estimates()["satisfied_last_wave"].low is not None


def test_what_cannot_be_is_refused():
    with pytest.raises(NotEnoughDataError, match="4 waves"):
        satisfaction_trend(tables_of(1, 0.0, waves=4), by="branch")
    with pytest.raises(ParameterError, match="planet"):
        satisfaction_trend(tables_of(1, 0.0), by="planet")


def test_waves_without_enough_answers_are_stepped_over(ask):
    scores = np.full((60, 8), np.nan)
    rng = np.random.default_rng(0)
    for w in (0, 1, 2, 4, 5, 6, 7):  # wave 3 is missing
        scores[:, w] = rng.integers(2, 6, 60)
    waves = [f"{y}-Q{q}" for y in (2022, 2023) for q in (1, 2, 3, 4)]
    answer = satisfaction_trend(ask({"csat": scores}, waves), by="segment")
    assert answer.points.query("by == 'all'")["wave"].nunique() == 7
