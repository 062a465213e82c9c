"""Complaints: the ladder and its artefact, the hazard by state, handling, topics, and the truth."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from retention.analyses import complaint_recovery
from retention.analyses.losses.complaint_recovery import (
    IMMORTAL,
    emerging_topics,
    handling_hazard,
    iceberg,
    ladder_by_loss,
    rising_words,
    silent_leak,
)
from retention.engine import Tables, lint
from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.features import build_complaint_cases, build_recovery_trials
from retention.models import Cox
from retention.window import Window, add_months

START = date(2020, 1, 1)


def immortal_world(n: int = 6000, seed: int = 4) -> Tables:
    """All complain on one day; resolution does nothing; mean life 180 days, resolution 60."""
    rng = np.random.default_rng(seed)
    ids = [f"c{i:05d}" for i in range(n)]
    life = np.ceil(rng.exponential(180, n)).astype(int)
    solved = np.ceil(rng.exponential(60, n)).astype(int)
    cutoff = START + timedelta(days=3000)
    ended = [START + timedelta(days=int(t)) for t in life]
    closed = [
        START + timedelta(days=int(s)) if s < t else None for s, t in zip(solved, life, strict=True)
    ]
    frames = {
        "customers": pd.DataFrame({"customer_id": ids, "acquired_on": START}),
        "contracts": pd.DataFrame({"customer_id": ids, "started_on": START, "ended_on": ended}),
        "complaints": pd.DataFrame(
            {
                "complaint_id": [f"k{i}" for i in range(n)],
                "customer_id": ids,
                "opened_on": START,
                "closed_on": closed,
                "outcome": ["resolved" if c else "open" for c in closed],
            }
        ),
    }
    return Tables.from_frames(frames, window=Window(start=START, cutoff=cutoff, unit="day"))


def ratio(trials: pd.DataFrame) -> float:
    here = trials[trials["reached"] & (trials["duration"] > 0)]
    here = here.assign(solved=here["state"].str.startswith("resolved").astype(float))
    return float(Cox(covariates=["solved"]).fit(here).summary()["hazard_ratio"].iloc[0])


def test_immortal_time_is_an_artefact_and_the_landmark_is_not():
    tables = immortal_world()
    assert ratio(build_recovery_trials(tables, immortal=True)) < 0.3
    assert ratio(build_recovery_trials(tables, landmark_days=30)) == pytest.approx(1, abs=0.12)


def test_the_naive_ladder_comes_with_its_warning(surveyed_tables):
    quiet = complaint_recovery(surveyed_tables)
    assert quiet.naive is None
    loud = complaint_recovery(surveyed_tables, naive=True)
    assert loud.cautions()[0] == IMMORTAL
    assert (loud.naive["warning"] == IMMORTAL).all()
    assert all(IMMORTAL in shown.method for shown in loud.naive["retained"])
    assert not any("naive" in name for name in loud.estimates())


@pytest.fixture(scope="module")
def answer(surveyed_tables):
    return complaint_recovery(surveyed_tables, cost_per_case=20.0)


def test_ladder_beside_the_published_figures(answer):
    assert answer.ladder["published"].tolist() == [0.09, 0.19, 0.54, 0.82]
    for column in ("retained", "standardised"):
        for shown in answer.ladder[column]:
            assert shown.low < shown.value < shown.high
    rows = answer.ladder["standardised"]
    assert rows["complained, resolved quickly"].value > rows["complained, not resolved"].value
    assert "82%" in answer.headline()


def test_true_effects_of_handling_lie_in_their_intervals(surveyed, surveyed_tables):
    true = surveyed.truth.parameters.complaints
    found = handling_hazard(surveyed_tables, level=0.99).contrasts
    pairs = {
        "resolved quickly against slowly": true.log_hazard_quick - true.log_hazard_slow,
        "unresolved against resolved slowly": true.log_hazard_unresolved - true.log_hazard_slow,
        "open against resolved slowly": true.log_hazard_open - true.log_hazard_slow,
    }
    for name, effect in pairs.items():
        assert found[name].low < np.exp(effect) < found[name].high, name


def test_time_to_close_counts_open_cases_as_not_yet(answer, surveyed_tables):
    cases = build_complaint_cases(surveyed_tables)
    within = answer.estimates()["closed_within_target"]
    naive = (cases["closed"] & (cases["days"] <= answer.target_days)).sum() / cases["closed"].sum()
    assert within.value < naive
    assert set(answer.closing["by"]) == {"all", "category", "department", "severity"}
    last = answer.waiting.iloc[-1]
    assert last["open"] == (~cases["closed"]).sum()
    assert answer.waiting["opened"].sum() == len(cases)


def test_returns_break_even_where_the_cost_is_what_is_kept(surveyed_tables, answer):
    even = float(answer.worth.table["break_even_cost"]["better"])
    again = complaint_recovery(surveyed_tables, cost_per_case=even)
    assert again.worth.table["net"]["better"].value == pytest.approx(0, abs=1e-6)
    states = again.hazard.log_ratios
    ratio_known = np.exp(states["resolved slowly"] - states["unresolved"])
    assert again.worth.table["break_even_ratio"]["better"] == pytest.approx(ratio_known)
    assert all("cost" not in e.why for k, e in again.estimates().items() if "net" in k)


def test_rungs_apart_by_what_the_problem_cost(surveyed, surveyed_tables, answer):
    rows = answer.by_loss.set_index(["size", "rung"])
    assert rows["problems"].sum() == answer.ladder["problems"].drop("did not complain").sum()
    assert rows["published"]["major", "complained, resolved quickly"] == 0.82
    assert rows["published"]["minor", "complained, resolved quickly"] == 0.95
    assert set(rows["told_by"]) == {"loss"}
    loss = surveyed.tables["complaints"]["loss"]
    assert rows["problems"].loc["major"].sum() < (loss > 100).sum()
    frames = {name: surveyed.tables[name] for name in ("customers", "contracts")}
    frames["complaints"] = surveyed.tables["complaints"].drop(columns="loss")
    graded = Tables.from_frames(frames, window=surveyed.window)
    by_severity = ladder_by_loss(graded)
    assert set(by_severity["told_by"]) == {"severity"}
    assert by_severity["n"].sum() == rows["n"].sum()
    graded.close()


def test_what_is_lost_in_silence_is_the_sum_of_its_parts(surveyed_tables):
    found = silent_leak(surveyed_tables, horizon=12, landmark_days=30, silent_to=6)
    count, more, leak = found.values()
    assert count.low < count.value < count.high < 2500
    assert leak.low < 0 < leak.high
    a_customer = leak.value / count.value / more.value
    assert a_customer == pytest.approx(4500, rel=0.5)
    few = silent_leak(surveyed_tables, horizon=12, landmark_days=30, silent_to=3)
    assert not few["revenue_leak"].shown


def test_the_silent_who_leave_more_often_cost_what_is_made():
    """800 answer well and lose 2 a month of 100, 200 poorly and lose 8; each brings 100 a month."""
    rng, n = np.random.default_rng(8), 3000
    poor = np.arange(n) % 5 == 0
    life = rng.geometric(np.where(poor, 0.08, 0.02))
    ids = [f"c{k:04d}" for k in range(n)]
    asked = date(2020, 2, 1)
    ends = [add_months(asked, int(min(m, 200))) for m in life]
    cutoff = date(2021, 4, 1)
    here = life > 13
    late = pd.Series([date(2020, 12, 15)] * n)
    frames = {
        "customers": pd.DataFrame({"customer_id": ids, "acquired_on": START}),
        "contracts": pd.DataFrame(
            {"customer_id": ids, "started_on": START, "price": 100.0,
             "ended_on": [e if e < cutoff else None for e in ends]}
        ),
        "complaints": pd.DataFrame(
            {"complaint_id": ["k"], "customer_id": ["c0001"], "opened_on": [date(2020, 1, 5)]}
        ),
        "surveys": pd.concat(
            [
                pd.DataFrame(
                    {"response_id": [f"{wave}{i}" for i in ids], "customer_id": ids,
                     "answered_on": day, "instrument": "pulse", "item": "csat",
                     "score": np.where(poor, 2.0, 9.0)}
                )[keep]
                for wave, day, keep in (("a", asked, life > 0), ("b", late, here))
            ]
        ),
    }  # fmt: skip
    items = {"csat": {"construct": "csat", "low": 0, "high": 10}}
    window = Window(start=START, cutoff=cutoff)
    tables = Tables.from_frames(frames, window=window, items=items)
    found = silent_leak(tables, horizon=12, landmark_days=10, given_margin_rate=0.5)
    gap = (1 - 0.92**12) - (1 - 0.98**12)
    more = found["lost_more_of_the_silent"]
    assert more.low < gap < more.high
    share = found["silent_dissatisfied"].value / here.sum()
    assert share == pytest.approx((poor & here).sum() / here.sum(), abs=0.01)
    spells = np.minimum(life, 13).sum() + n
    worth = 600 / (np.log(1.1) + 12 * (life <= 13).sum() / spells)
    count, leak = found["silent_dissatisfied"], found["revenue_leak"]
    assert leak.value == pytest.approx(count.value * more.value * worth, rel=0.02)
    assert 0 < leak.low < leak.value < leak.high


def test_iceberg_as_published_in_the_study_of_methods():
    found = iceberg(customers=20_000, asked=800, dissatisfied=64, complained=120)
    rate, many = found["complaint_rate"], found["problems_per_complaint"]
    assert (rate.value, rate.low, rate.high) == pytest.approx((0.075, 0.0558, 0.1008), abs=5e-5)
    assert many.value == pytest.approx(13.3, abs=0.05)
    with pytest.raises(ParameterError, match="dissatisfied <= asked"):
        iceberg(customers=10, asked=5, dissatisfied=6, complained=1)


def test_a_new_topic_and_its_words_signal(surveyed):
    complaints = surveyed.tables["complaints"].copy()
    recent = pd.to_datetime(complaints["opened_on"]) >= pd.Timestamp(2026, 8, 1)
    complaints.loc[recent.to_numpy(), "category"] = "portal"
    complaints["wording"] = np.where(recent, "the portal lost my order", "my order came late")
    frames = {**surveyed.tables, "complaints": complaints}
    tables = Tables.from_frames(frames, window=surveyed.window)
    cases = build_complaint_cases(tables, text="wording")
    topics = emerging_topics(cases, tables.window)
    portal = topics[(topics["category"] == "portal") & topics["recent"]]
    assert (portal["signal"] == 1).all()
    assert len(portal) == 3
    words = rising_words(cases["words"], pd.to_datetime(cases["opened_on"]) >= "2026-08-01")
    assert words.index[0] in ("portal", "lost", "the")
    assert bool(words["rising"]["portal"])
    assert "order" not in words.index[words["rising"]]


def test_no_signal_where_nothing_changed(answer):
    assert answer.topics["signal"].abs().mean() < 0.05


def small(closed, outcome="resolved", **more):
    case = {
        "complaint_id": ["k"], "customer_id": ["a"], "opened_on": [date(2020, 3, 1)],
        "closed_on": [closed], "outcome": [outcome], **more,
    }  # fmt: skip
    contracts = {"customer_id": ["a"], "started_on": [START], "ended_on": [None]}
    return {
        "customers": pd.DataFrame({"customer_id": ["a"], "acquired_on": [START]}),
        "contracts": pd.DataFrame(contracts),
        "complaints": pd.DataFrame(case),
    }


WINDOW = Window(start=START, cutoff=date(2021, 1, 1))


def test_closed_before_opened_is_a_clear_error():
    with pytest.raises(SchemaError, match="closed_on"):
        Tables.from_frames(small(date(2020, 2, 1)), window=WINDOW)


def test_the_state_is_that_of_the_landmark_not_of_later():
    tables = Tables.from_frames(small(date(2020, 4, 15)), window=WINDOW)
    assert build_recovery_trials(tables)["state"].tolist() == ["open"]
    assert build_recovery_trials(tables, landmark_days=60)["state"].tolist() == ["resolved slowly"]
    early = tables.as_of(date(2020, 4, 2))
    assert build_complaint_cases(early)["ending"].tolist() == ["open"]
    assert build_complaint_cases(early)["days"].tolist() == [31]


def test_who_left_before_the_landmark_is_counted_apart():
    frames = small(None, "open")
    frames["contracts"]["ended_on"] = [date(2020, 3, 20)]
    trials = build_recovery_trials(Tables.from_frames(frames, window=WINDOW))
    assert trials["reached"].tolist() == [False]


def test_closed_without_outcome_is_on_no_rung_and_said(surveyed):
    complaints = surveyed.tables["complaints"].copy()
    complaints.loc[complaints.index[:200], "outcome"] = None
    frames = {**surveyed.tables, "complaints": complaints}
    found = complaint_recovery(Tables.from_frames(frames, window=surveyed.window))
    assert any("state no outcome" in caution for caution in found.cautions())
    assert found.ladder["problems"]["did not complain"] == 0  # no survey items are mapped
    assert not found.ladder["retained"]["did not complain"].shown


def test_too_few_complaints_and_wrong_settings():
    tables = Tables.from_frames(small(None, "open"), window=WINDOW)
    with pytest.raises(NotEnoughDataError, match="1 complaints"):
        complaint_recovery(tables)
    with pytest.raises(ParameterError, match="landmark"):
        build_recovery_trials(tables, landmark_days=5, quick_days=7)
    with pytest.raises(ParameterError, match="wording"):
        build_complaint_cases(tables, text="wording")


def test_templates_mean_the_same_on_every_engine(surveyed_tables, asked):
    build_complaint_cases(surveyed_tables)
    build_recovery_trials(surveyed_tables)
    assert asked
    assert [fault for sql in asked for fault in lint(sql)] == []
