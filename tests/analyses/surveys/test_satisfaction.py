"""CSAT and NPS: who answered, who changed, and what must not be shown."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from retention.analyses import satisfaction
from retention.datasets import SimulatedCompany, simulate_company, survey_items
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.estimates import Answer, wilson_interval
from retention.models import net_promoter_score

WAVES = ["2022-Q4", "2023-Q1"]


@pytest.fixture(scope="module")
def two_waves() -> dict[str, np.ndarray]:
    rng = np.random.default_rng(4)
    person = rng.normal(3.6, 0.8, 200)
    csat = np.stack([person + rng.normal(0, 0.5, 200), person + 0.3 + rng.normal(0, 0.5, 200)], 1)
    nps = 2 * csat + rng.normal(0, 1, csat.shape)
    return {"csat": np.clip(csat.round(), 1, 5), "nps": np.clip(nps.round(), 0, 10)}


def test_numbers_are_those_of_the_textbook(ask, two_waves):
    answer = satisfaction(ask(two_waves, WAVES))
    assert isinstance(answer, Answer)
    now = two_waves["csat"][:, 1]
    share = answer.estimates()["csat"]
    hits = int((now >= 4).sum())
    assert share.value == pytest.approx(hits / 200)
    assert (share.low, share.high) == pytest.approx(wilson_interval(hits, 200), abs=0.002)
    score = answer.estimates()["nps"]
    said = two_waves["nps"][:, 1]
    by_hand = net_promoter_score((said >= 9).sum(), (said <= 6).sum(), 200)
    assert (score.value, score.low, score.high) == pytest.approx(by_hand, abs=0.3)
    mean = answer.estimates()["csat_mean"]
    assert (mean.low, mean.high) == pytest.approx(
        stats.t.interval(0.95, 199, now.mean(), stats.sem(now))
    )


def test_change_of_a_panel_is_the_paired_test(ask, two_waves):
    answer = satisfaction(ask(two_waves, WAVES))
    row = answer.groups.set_index(["measure", "group"]).loc[("csat_mean", "all")]
    before, after = two_waves["csat"].T
    assert row["p"] == pytest.approx(stats.ttest_rel(after, before).pvalue)
    assert row["p"] < stats.ttest_ind(after, before).pvalue
    change = answer.estimates()["csat_change"]
    assert change.unit == "percentage points"
    assert change.value == pytest.approx(100 * ((after >= 4).mean() - (before >= 4).mean()))


def test_multiple_comparisons_are_held(ask):
    rng = np.random.default_rng(0)
    csat = rng.integers(1, 6, (600, 2))
    branch = np.tile([f"b{k}" for k in range(20)], 30)
    answer = satisfaction(ask({"csat": csat}, WAVES, branch=branch), by=["branch"])
    groups = answer.groups.query("by == 'branch' and measure == 'csat_mean'")
    assert len(groups) == 20
    assert (groups["p_adjusted"] >= groups["p"]).all()
    assert (groups["p_rest_adjusted"] > 0.05).all()


def test_cells_below_the_minimum_are_not_shown(ask, two_waves):
    branch = np.where(np.arange(200) < 4, "tiny", "large")
    answer = satisfaction(ask(two_waves, WAVES, branch=branch), by=["branch"])
    tiny = answer.estimates()["csat: branch tiny"]
    assert not tiny.shown
    assert "fewer than the 5" in tiny.why
    assert np.isnan(answer.groups.query("group == 'tiny'")["value"]).all()
    assert any("not shown" in c for c in answer.cautions())


def test_one_answer_is_withheld_not_an_error(ask):
    answer = satisfaction(ask({"csat": [[4, 5]]}, WAVES))
    assert not answer.estimates()["csat"].shown
    assert "not shown" in answer.headline()


def test_all_answers_equal_still_have_an_interval(ask):
    answer = satisfaction(ask({"csat": np.full((30, 2), 5)}, WAVES))
    share = answer.estimates()["csat"]
    assert (share.value, share.high) == (1.0, 1.0)
    assert share.low < 0.9
    assert answer.estimates()["csat_change"].value == 0


def test_one_branch_and_one_wave_say_what_they_can(ask, two_waves):
    only = {k: v[:, :1] for k, v in two_waves.items()}
    answer = satisfaction(ask(only, WAVES[:1], branch="north"), by=["branch"])
    assert answer.previous == ()
    assert "csat_change" not in answer.estimates()
    row = answer.groups.query("by == 'branch'").iloc[0]
    assert np.isnan(row["p_rest_adjusted"])
    assert row["value"] == pytest.approx(answer.estimates()["csat"].value)


def test_a_missing_wave_is_stepped_over(ask, two_waves):
    answer = satisfaction(ask(two_waves, ["2022-Q1", "2023-Q1"]))
    assert (answer.current, answer.previous) == (("2023-Q1",), ("2022-Q1",))


def test_scores_that_cannot_be_are_refused(ask, two_waves):
    off = {"csat": two_waves["csat"] * 20}
    with pytest.raises(SchemaError, match="lie off its scale 1 to 5"):
        satisfaction(ask(off, WAVES))
    short = {"nps": {"construct": "nps", "low": 1, "high": 5}}
    with pytest.raises(ParameterError, match="defined on 0 to 10"):
        satisfaction(ask({"nps": two_waves["csat"]}, WAVES, items=short))
    other = {"csat": {"construct": "trust", "low": 1, "high": 5}}
    with pytest.raises(ParameterError, match="no item measures csat or nps"):
        satisfaction(ask(two_waves, WAVES, items=other))
    with pytest.raises(ParameterError, match="not known by planet"):
        satisfaction(ask(two_waves, WAVES), by=["planet"])
    with pytest.raises(ParameterError, match="waves"):
        satisfaction(ask(two_waves, WAVES), waves=0)
    empty = {"csat": np.full((30, 2), np.nan), "nps": np.full((30, 2), 3.0)}
    with pytest.raises((NotEnoughDataError, ParameterError)):
        satisfaction(ask(empty, WAVES, items={"csat": {"construct": "csat", "low": 1, "high": 5}}))


def test_answers_as_text_are_answers(ask, two_waves):
    text = {"csat": two_waves["csat"].astype(int).astype(str)}
    number = satisfaction(ask({"csat": two_waves["csat"]}, WAVES))
    assert satisfaction(ask(text, WAVES)).estimates()["csat"] == number.estimates()["csat"]


def test_company_answers_are_weighted_and_bounded(surveyed_tables):
    answer = satisfaction(surveyed_tables, waves=4)
    numbers = answer.estimates()
    assert 0.2 < numbers["response_rate"].value < 0.5
    low, high = numbers["csat_if_silent_worst"].value, numbers["csat_if_silent_best"].value
    assert low < numbers["csat"].value < high
    assert answer.weights.fit is not None
    assert "earlier answer" in answer.weights.margins
    assert set(answer.rates["margin"]) == set(answer.weights.margins)
    assert "NPS" in answer.headline()
    unweighted = satisfaction(surveyed_tables, waves=4, weighted=False)
    # the satisfied answer more often, so weighting can only lower the share
    assert numbers["csat"].value < unweighted.estimates()["csat"].value


def true_mean(company: SimulatedCompany, waves: list[str]) -> float:
    """Mean satisfaction of all who were invited to the pulse in some waves, on its scale."""
    invited = company.tables["invitations"].query("instrument == 'pulse'")
    quarter = pd.to_datetime(invited["invited_on"]).dt.to_period("Q").astype(str)
    invited = invited[quarter.str.replace("Q", "-Q").isin(waves)]
    months = company.truth.person_months[["customer_id", "start", "satisfaction"]]
    both = pd.merge_asof(
        invited.assign(at=pd.to_datetime(invited["invited_on"]).astype("datetime64[s]")).sort_values(
            "at"
        ),
        months.assign(at=pd.to_datetime(months["start"]).astype("datetime64[s]")).sort_values("at"),
        on="at", by="customer_id",
    )  # fmt: skip
    rounding = np.clip(7.0 + 1.5 * both["satisfaction"].dropna(), 1, 10)
    return float(rounding.mean())


def nearer(seed: int) -> bool:
    """Whether the weighted mean lies closer to the truth than the unweighted."""
    company = simulate_company(1500, seed=seed)
    tables = Tables.from_frames(
        {k: company.tables[k] for k in ("customers", "surveys", "invitations", "employees")},
        window=company.window, items=survey_items(),
    )  # fmt: skip
    found = [satisfaction(tables, by=[], waves=12, weighted=w) for w in (True, False)]
    truth = true_mean(company, list(found[0].current))
    errors = [abs(f.estimates()["csat_mean"].value - truth) for f in found]
    return errors[0] < errors[1]


@pytest.mark.slow
def test_weights_bring_the_mean_closer_to_the_truth():
    assert all(nearer(seed) for seed in (101, 102))


@pytest.mark.slow
def test_weights_bring_the_mean_closer_in_95_of_100_companies():
    assert sum(nearer(seed) for seed in range(100)) >= 95
