"""Tables at the edge, for every model of the stay: finite numbers, or an error in words."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from retention.errors import (
    NotEnoughDataError,
    NotIdentifiedError,
    RetentionError,
    SchemaError,
)
from retention.models import (
    AalenJohansen,
    AcceleratedFailureTime,
    Cox,
    CureModel,
    DiscreteHazard,
    FineGray,
    GrayTest,
    KaplanMeier,
    LogRank,
    NelsonAalen,
    count_spells,
    predict_leaving,
)

MODELS: dict[str, Any] = {
    "kaplan_meier": KaplanMeier(),
    "nelson_aalen": NelsonAalen(),
    "log_rank": LogRank(by=("g",)),
    "aalen_johansen": AalenJohansen(),
    "gray": GrayTest(by=["g"], cause="price"),
    "cox": Cox(covariates=["g"]),
    "cox_strata": Cox(covariates=["x"], strata=["g"]),
    "discrete": DiscreteHazard(covariates=["g"]),
    "discrete_free": DiscreteHazard(covariates=["g"], tenure="free"),
    "fine_gray": FineGray(covariates=["x"], cause="price"),
    "weibull": AcceleratedFailureTime(covariates=["g"]),
    "cure": CureModel(),
}


def spells(n: int = 60) -> pd.DataFrame:
    rng = np.random.default_rng(0)
    table = pd.DataFrame({"duration": rng.integers(1, 12, n), "event": rng.random(n) < 0.5})
    table["g"], table["x"] = np.where(np.arange(n) % 2, "a", "b"), rng.integers(0, 2, n)
    return with_reasons(table)


def with_reasons(table: pd.DataFrame) -> pd.DataFrame:
    reasons = np.where(np.arange(len(table)) % 3 == 0, "price", "service")
    return table.assign(reason=np.where(table["event"], reasons, None))


def nobody_at_risk_in_b(table: pd.DataFrame) -> pd.DataFrame:
    """All of b are of zero tenure."""
    b = table["g"] == "b"
    return with_reasons(
        table.assign(duration=table["duration"].where(~b, 0), event=table["event"] & ~b)
    )


EDGES: dict[str, Callable[[pd.DataFrame], pd.DataFrame]] = {
    "no events": lambda t: t.assign(event=False, reason=None),
    "all events": lambda t: with_reasons(t.assign(event=True)),
    "one customer": lambda t: t[t["event"] & (t["reason"] == "price")].head(1),
    "a group with no one at risk": nobody_at_risk_in_b,
    "one tenure": lambda t: t.assign(duration=1),
    "all of zero tenure": lambda t: t.assign(duration=0, event=False, reason=None),
}


def numbers_of(fit: Any) -> np.ndarray:
    """Return every number a fit tells of."""
    if hasattr(fit, "summary"):
        frame = fit.summary().select_dtypes("number")
        # the ends of an interval may be missing where survival is exactly 0 or 1
        frame = frame.drop(columns=["low", "high", "robust_se", "se"], errors="ignore")
        return frame.to_numpy(float).ravel()
    return np.array([getattr(fit, "statistic", 0.0)], dtype=float)


def outcome(model: Any, table: pd.DataFrame) -> tuple[np.ndarray, str]:
    """Return the numbers of a fit, or none and what the error says."""
    try:
        return numbers_of(model.fit(table)), ""
    except RetentionError as error:
        return np.zeros(0), str(error)


@pytest.mark.parametrize("edge", EDGES)
@pytest.mark.parametrize("name", MODELS)
def test_a_table_at_the_edge_is_finite_or_told(name, edge):
    numbers, told = outcome(MODELS[name], EDGES[edge](spells()))
    assert np.isfinite(numbers).all()
    # a column with one level left has no coefficient: then there are no numbers and no error
    assert not told or len(told.split()) > 3


@pytest.mark.parametrize("name", ["cox", "discrete", "weibull"])
def test_a_column_that_tells_all_or_nothing_is_named(name):
    table = spells().assign(knows=lambda t: t["event"].astype(int), again=lambda t: 2 * t["x"])
    spec = type(MODELS[name])
    with pytest.raises(NotIdentifiedError, match="again is already said by x"):
        spec(covariates=["x", "again"]).fit(table)
    if name != "weibull":
        with pytest.raises(NotIdentifiedError, match="knows separates"):
            spec(covariates=["knows"]).fit(table)


def test_entry_at_or_after_the_end_is_told_by_all():
    table = spells().assign(entry=3)
    for name, model in MODELS.items():
        with pytest.raises(SchemaError, match="entry is not before duration"):
            model.fit(table)
        assert name


def test_tenure_beyond_the_window_is_labelled_or_left_unsaid():
    fit = DiscreteHazard(covariates=["g"]).fit(count_spells(spells(), ["g"]))
    here = pd.DataFrame({"tenure": [3, 40], "g": ["a", "a"]})
    found = predict_leaving(fit, here, 3)
    assert found["extrapolated"].tolist() == [False, True]
    assert np.isfinite(found["p_leave"]).all()
    assert predict_leaving(fit, here, 3, beyond="refuse")["p_leave"].isna().tolist() == [
        False,
        True,
    ]
    with pytest.raises(NotEnoughDataError, match="longest tenure seen"):
        KaplanMeier().fit(spells()).rmst(40)
