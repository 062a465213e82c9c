"""Items to scales by the project's mapping: turned, checked, with a rule for what is missing."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.engine import Tables
from retention.errors import (
    MissingTableError,
    NotEnoughDataError,
    ParameterError,
    SchemaError,
)
from retention.features import build_answers, build_response_panel, build_scales, scale_map
from retention.window import Window

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1))
ITEMS = {
    "csat": {"construct": "csat", "low": 1, "high": 5},
    "trust_*": {"construct": "trust", "low": 1, "high": 5},
    "trust_2": {"construct": "trust", "low": 1, "high": 5, "reverse": True},
    "mixed_1": {"construct": "mixed", "low": 1, "high": 5},
    "mixed_2": {"construct": "mixed", "low": 0, "high": 10},
    "gap_p_*": {"construct": "perception", "dimension": "tangibles", "low": 1, "high": 7},
}


def answer(response: str, customer: str, day: date, **scores: object) -> list[dict[str, object]]:
    return [
        {
            "response_id": response,
            "customer_id": customer,
            "answered_on": day,
            "instrument": "pulse",
            "item": item,
            "score": score,
            "branch": "north",
        }
        for item, score in scores.items()
    ]


def tables_of(rows: list[dict[str, object]], **more: object) -> Tables:
    surveys = pd.DataFrame(rows)
    customers = pd.DataFrame(
        {
            "customer_id": ["a", "b", "c", "d"],
            "acquired_on": date(2023, 1, 1),
            "segment": ["retail", "retail", "key", "key"],
        }
    )
    settings = {"items": ITEMS, "window": WINDOW}
    frames = {"surveys": surveys, "customers": customers}
    frames |= {k: v for k, v in more.items() if isinstance(v, pd.DataFrame)}
    settings |= {k: v for k, v in more.items() if not isinstance(v, pd.DataFrame)}
    return Tables.from_frames(frames, **settings)


SOME = [
    *answer("r1", "a", date(2024, 2, 1), csat=4, trust_1=5, trust_2=1, trust_3=4),
    *answer("r2", "b", date(2024, 5, 1), csat=2, trust_1=2, trust_2=None, trust_3=None),
    *answer("r3", "a", date(2024, 5, 2), csat=5, mixed_1=5, mixed_2=5),
]


def test_reversed_items_are_turned_and_scores_are_means():
    scales = build_scales(tables_of(SOME), constructs=["csat", "trust"])
    assert scales.loc["r1", "trust"] == pytest.approx((5 + 5 + 4) / 3)
    assert scales["csat"].tolist() == [4, 2, 5]
    assert scales.loc["r1", "segment"] == "retail"
    assert scales.attrs["scales"]["trust"].columns == ["trust_1", "trust_2", "trust_3"]


def test_too_few_items_answered_give_no_score():
    tables = tables_of(SOME)
    assert np.isnan(build_scales(tables, constructs=["trust"]).loc["r2", "trust"])
    lenient = build_scales(tables, constructs=["trust"], answered=0.3)
    assert lenient.loc["r2", "trust"] == 2


def test_items_on_different_scales_are_brought_to_a_hundred():
    scales = build_scales(tables_of(SOME), constructs=["mixed"])
    assert scales.loc["r3", "mixed"] == pytest.approx((100 + 50) / 2)
    scale = scales.attrs["scales"]["mixed"]
    assert (scale.low, scale.high) == (0, 100)


def test_wave_is_the_quarter_where_the_company_has_none():
    scales = build_scales(tables_of(SOME), constructs=["csat"])
    assert scales["wave"].tolist() == ["2024-Q1", "2024-Q2", "2024-Q2"]


def test_a_dimension_is_a_scale_of_its_own_and_a_construct_names_all():
    rows = [*SOME, *answer("r4", "c", date(2024, 6, 1), gap_p_1=3, gap_p_2=5)]
    scales = build_scales(tables_of(rows), constructs=["perception"])
    assert scales.loc["r4", "perception: tangibles"] == 4
    known = scale_map(tables_of(rows))
    assert list(known) == ["csat", "trust", "mixed", "perception: tangibles"]
    assert known["perception: tangibles"].label == "tangibles"


def test_a_few_scores_off_the_scale_are_left_out_and_counted():
    rows = [*SOME, *answer("r4", "c", date(2024, 6, 1), csat=9)]
    scales = build_scales(tables_of(rows), constructs=["csat"])
    assert np.isnan(scales.loc["r4", "csat"])
    assert scales.attrs["off_scale"] == {"csat": 1}


def test_a_wrong_scale_is_an_error_that_says_which():
    rows = [r | {"score": 70.0} for r in SOME if r["item"] == "csat"]
    with pytest.raises(SchemaError, match=r"3 of 3 answers to csat lie off its scale 1 to 5"):
        build_scales(tables_of(rows), constructs=["csat"])


def test_scores_coded_as_text_are_read_as_numbers():
    rows = [r | {"score": None if r["score"] is None else str(r["score"])} for r in SOME]
    scales = build_scales(tables_of(rows), constructs=["csat"])
    assert scales["csat"].tolist() == [4, 2, 5]


def test_answers_after_the_cutoff_are_not_known():
    early = tables_of(SOME).as_of(date(2024, 3, 1))
    assert build_scales(early, constructs=["csat"]).index.tolist() == ["r1"]


def test_answers_keep_the_items():
    tables = tables_of(SOME)
    answers = build_answers(tables, [scale_map(tables)["trust"]])
    assert answers.loc["r1", ["trust_1", "trust_2", "trust_3"]].tolist() == [5, 5, 4]


def test_what_cannot_be_is_refused():
    with pytest.raises(ParameterError, match=r"\[items.NAME\]"):
        scale_map(tables_of(SOME, items={}))
    with pytest.raises(ParameterError, match="loyalty"):
        build_scales(tables_of(SOME), constructs=["loyalty"])
    with pytest.raises(ParameterError, match=r"items\.csat.*low and high"):
        scale_map(tables_of(SOME, items={"csat": {"construct": "csat"}}))
    tables = tables_of(SOME)
    with pytest.raises(NotEnoughDataError, match="nobody answered"):
        build_answers(tables, list(scale_map(tables).values()), instrument="annual")
    with pytest.raises(ParameterError, match="answered"):
        build_scales(tables_of(SOME), answered=0)
    customers = pd.DataFrame({"customer_id": ["a"], "acquired_on": [date(2024, 1, 1)]})
    alone = Tables.from_frames({"customers": customers}, window=WINDOW)
    with pytest.raises(MissingTableError, match="surveys"):
        scale_map(alone)


INVITED = pd.DataFrame(
    [
        ("a", date(2024, 1, 15), "pulse"),
        ("a", date(2024, 4, 15), "pulse"),
        ("b", date(2024, 1, 15), "pulse"),
        ("b", date(2024, 4, 15), "pulse"),
        ("c", date(2024, 4, 15), "pulse"),
    ],
    columns=["customer_id", "invited_on", "instrument"],
)


def test_an_answer_belongs_to_the_last_invitation_before_it():
    panel = build_response_panel(tables_of(SOME, invitations=INVITED), earlier=["csat"])
    table = panel.set_index(["customer_id", "invited_on"])
    table.index = table.index.set_levels(pd.to_datetime(table.index.levels[1]), level=1)
    first, second = pd.Timestamp(2024, 1, 15), pd.Timestamp(2024, 4, 15)
    assert table.loc[("a", first), "response_id"] == "r1"
    assert table.loc[("a", second), "response_id"] == "r3"
    assert pd.isna(table.loc[("b", first), "response_id"])
    assert table.loc[("b", second), "response_id"] == "r2"
    assert pd.isna(table.loc[("c", second), "response_id"])
    assert table.loc[("a", second), "earlier_score"] == 4
    assert pd.isna(table.loc[("a", first), "earlier_score"])
    assert len(panel) == 5


def test_complaints_before_the_invitation_are_counted():
    complaints = pd.DataFrame(
        {
            "complaint_id": ["x", "y", "z"],
            "customer_id": ["a", "a", "b"],
            "opened_on": [date(2024, 4, 1), date(2024, 4, 20), date(2023, 1, 1)],
        }
    )
    panel = build_response_panel(tables_of(SOME, invitations=INVITED, complaints=complaints))
    counts = panel.groupby("customer_id")["complaints"].sum()
    assert counts.to_dict() == {"a": 1, "b": 0, "c": 0}


def test_nobody_invited_is_said():
    with pytest.raises(NotEnoughDataError, match="nobody was invited to annual"):
        build_response_panel(tables_of(SOME, invitations=INVITED), instrument="annual")
    with pytest.raises(MissingTableError, match="invitations"):
        build_response_panel(tables_of(SOME))
