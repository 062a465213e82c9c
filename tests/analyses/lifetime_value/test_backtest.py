"""The backtest believes a model in its own world, and says so when it should not."""

from __future__ import annotations

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from retention.analyses import backtest, customer_lifetime_value, equity_bridge
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.window import Window

START, CUTOFF = date(2023, 1, 1), date(2026, 1, 1)
DAYS = (CUTOFF - START).days


def world(rng, n=700, season=0.0, stop_at=None):
    """Return orders of customers who join over two years; rates may have a season or an end."""
    rows = []
    for i in range(n):
        rate = rng.gamma(1.0, 1 / 30.0)
        day = float(rng.integers(0, 730))
        end = day + rng.exponential(1.0) / rng.gamma(1.2, 1 / 500.0)
        end = min(end, stop_at or DAYS)
        while day <= end and day < DAYS:
            rows.append((f"C{i:04d}", START + timedelta(days=int(day)), rng.gamma(6, 3.0)))
            wave = 1 + season * np.sin(2 * np.pi * day / 365)
            day += rng.exponential(1 / max(rate * wave, 1e-6))
    orders = pd.DataFrame(rows, columns=["customer_id", "ordered_on", "amount"]).round(2)
    return orders.assign(order_id=np.arange(len(orders)).astype(str))


def tables_of(orders, unit="week"):
    window = Window(start=START, cutoff=CUTOFF, unit=unit)
    return Tables.from_frames({"orders": orders}, window=window)


@pytest.fixture(scope="module")
def orders():
    return world(np.random.default_rng(11))


@pytest.fixture(scope="module")
def answer(orders):
    return backtest(tables_of(orders), origins=2, replicates=40)


def test_a_model_in_its_own_world_is_believed(answer):
    assert answer.believed, answer.doubts
    assert "nothing speaks against it" in answer.headline()
    scores = answer.summary()
    rules = ["last_year_repeated", "rfm_cell_mean", "constant_churn"]
    assert set(rules) <= set(scores.index)
    assert scores.loc[answer.chosen[0], "mae"] < scores.loc[rules, "mae"].min()
    used = answer.scores.dropna(subset=["coverage"])
    assert (used["coverage"] > 0.85).all()
    assert ((used["low"] < used["actual"]) & (used["actual"] < used["high"])).any()


def test_counts_are_those_of_the_orders(orders, answer):
    """What was counted after an origin is what customers known then bought, by hand."""
    origin = answer.origins[-1]
    end = CUTOFF
    known = set(orders.loc[orders["ordered_on"] < origin, "customer_id"])
    later = orders[(orders["ordered_on"] >= origin) & (orders["ordered_on"] < end)]
    later = later[later["customer_id"].isin(known)]
    counted = later.drop_duplicates(["customer_id", "ordered_on"])
    scores = answer.scores[answer.scores["origin"] == pd.Timestamp(origin)]
    assert (scores["actual"] == len(counted)).all()
    months = answer.tracking[
        (answer.tracking["origin"] == pd.Timestamp(origin))
        & (answer.tracking["forecaster"] == answer.chosen[-1])
    ]
    assert months["actual"].sum() == len(counted)
    assert answer.frequency["counted"].sum() == len(known)
    assert answer.frequency["expected"].sum() == pytest.approx(len(known))
    assert answer.expectation["customers"].sum() == len(known)


def test_nothing_after_an_origin_is_used(orders):
    """Change all that came after the only origin: the forecasts stay the same to the last digit."""
    one = backtest(tables_of(orders), origins=1, replicates=20)
    changed = orders[
        (orders["ordered_on"] < one.origins[0]) | (orders["customer_id"].str[-1].isin(list("024")))
    ]
    two = backtest(tables_of(changed), origins=1, replicates=20)
    np.testing.assert_array_equal(one.scores["predicted"], two.scores["predicted"])
    assert (one.scores["actual"] > two.scores["actual"]).all()


def test_a_world_that_ends_is_not_believed(rng):
    """Everybody stops at one date that no model can know: the answer says not to believe it."""
    gone = world(rng, n=300, stop_at=DAYS - 150)
    found = backtest(tables_of(gone), origins=1, months=4, replicates=20)
    assert not found.believed
    assert any("do not believe" in text for text in found.cautions())
    assert "should not be believed" in found.headline()


def test_the_records_must_be_long_enough(orders):
    with pytest.raises(NotEnoughDataError, match="too short"):
        backtest(tables_of(orders), months=24)
    with pytest.raises(ParameterError):
        backtest(tables_of(orders), origins=0)
    found = backtest(tables_of(orders), origins=9, months=6, replicates=20)
    assert len(found.origins) == 5
    assert any("5 of 9 origins" in text for text in found.cautions())


def test_bridge_adds_up(orders):
    tables = tables_of(orders)
    previous = date(2025, 7, 1)
    settings = {"model": "pareto_nbd", "replicates": 20}
    bridge = equity_bridge(tables, previous, **settings)
    value = bridge.steps["value"]
    steps = ["new", "lost", "changed behaviour", "changed model"]
    assert value["before"] + value[steps].sum() == pytest.approx(value["now"])
    today = customer_lifetime_value(tables, **settings).estimates()["residual_value"].value
    then = customer_lifetime_value(tables.as_of(previous), **settings)
    assert value["now"] == pytest.approx(today)
    assert value["before"] == pytest.approx(then.estimates()["residual_value"].value)
    first = orders.groupby("customer_id")["ordered_on"].min()
    assert bridge.steps.loc["new", "customers"] == (first >= previous).sum()
    assert value["lost"] < 0
    with pytest.raises(ParameterError, match="within the window"):
        equity_bridge(tables, CUTOFF)
