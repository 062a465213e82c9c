"""One series before and after an event: recovery, what cannot be told, and coverage."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError, SchemaError
from retention.models import Intervention

EVENT, PERIODS = 20, 60


def answered(seed, *, response=-0.08, half_time=4.0, memory=0.8, spread=0.01, shape="lasting"):
    """A series of noise that remembers, and the answer to an event in it."""
    rng = np.random.default_rng(seed)
    noise = rng.normal(size=PERIODS)
    for t in range(1, PERIODS):
        noise[t] = memory * noise[t - 1] + np.sqrt(1 - memory**2) * noise[t]
    since = np.arange(PERIODS) - EVENT
    if shape == "passing":
        move = np.where(since >= 0, 0.5 ** (np.maximum(since, 0) / half_time), 0.0)
    else:
        move = np.where(since >= 0, 1 - 0.5 ** (np.maximum(since + 1, 0) / half_time), 0.0)
        move /= 1 - 0.5 ** (12 / half_time)
    return pd.Series(spread * noise + response * move)


def holds(interval, truth):
    return interval[0] <= truth <= interval[1]


@pytest.mark.parametrize("shape", ["lasting", "passing"])
def test_without_noise_the_answer_is_read_off(shape):
    series = answered(1, spread=1e-6, memory=0.0, shape=shape)
    fit = Intervention(shape=shape).fit(series, EVENT)
    assert fit.response == pytest.approx(-0.08, abs=1e-5)
    assert fit.half_time == 4.0
    assert fit.half_time_interval == (4.0, 4.0)
    assert fit.seen


def test_no_answer_is_told_as_none():
    fit = Intervention().fit(answered(2, response=0.0), EVENT)
    assert not fit.seen
    assert fit.half_time_interval[1] == np.inf


def test_another_event_is_taken_out():
    """Half of the fall belongs to an event a year later, and is not charged to the first."""
    both = answered(3, half_time=6.0, spread=0.002)
    later = answered(3, half_time=6.0, spread=0.0)
    both += later.shift(12, fill_value=0.0)
    alone = Intervention().fit(both, EVENT, others=(EVENT + 12,))
    assert holds(alone.response_interval, -0.08)
    assert alone.response == pytest.approx(-0.08, abs=0.01)


@pytest.mark.parametrize(
    ("change", "error", "message"),
    [
        ({"event": 5}, NotEnoughDataError, "5 periods before"),
        ({"event": 57}, NotEnoughDataError, "3 after"),
        ({"others": (21,)}, NotIdentifiedError, "within 2 periods"),
    ],
)
def test_what_cannot_be_told_is_refused(change, error, message):
    with pytest.raises(error, match=message):
        Intervention().fit(answered(1), **({"event": EVENT} | change))


def test_gaps_and_odd_settings_are_errors():
    series = answered(1)
    series.iloc[7] = np.nan
    with pytest.raises(SchemaError, match="no value in 7"):
        Intervention().fit(series, EVENT)
    with pytest.raises(ParameterError, match="after"):
        Intervention(after=0).fit(answered(1), EVENT)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("response", "half_time", "memory", "shape"),
    [
        (-0.08, 6.0, 0.95, "lasting"),
        (-0.04, 1.0, 0.8, "lasting"),
        (0.0, 6.0, 0.8, "lasting"),
        (0.05, 6.0, 0.3, "passing"),
    ],
)
def test_intervals_hold_the_answer(response, half_time, memory, shape):
    """200 series each: conservative by design, never below 93 %."""
    hits = {"response": 0, "half_time": 0}
    for seed in range(200):
        series = answered(
            seed, response=response, half_time=half_time, memory=memory, spread=0.02, shape=shape
        )
        fit = Intervention(shape=shape).fit(series, EVENT)
        hits["response"] += holds(fit.response_interval, response)
        hits["half_time"] += holds(fit.half_time_interval, half_time)
    assert hits["response"] >= 186
    if response:
        assert hits["half_time"] >= 186
