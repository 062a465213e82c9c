"""Every feature of the package, called as an example: for what must hold of all of them."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import fields, is_dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import pytest

from retention import features
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import RetentionError


def _csat(tables: Tables) -> Any:
    return features.scale_map(tables)["csat"]


def _scores(tables: Tables) -> pd.DataFrame:
    sql = (
        "select customer_id, answered_on, score from surveys where item = 'csat'"
        " order by customer_id, answered_on"
    )
    return tables.query(sql)


# a feature that needs more than the tables is called as written here
EXAMPLES: dict[str, Callable[[Tables], Any]] = {
    "build_answers": lambda t: features.build_answers(t, [_csat(t)]),
    "build_dissatisfied": lambda t: features.build_dissatisfied(t, _csat(t)),
    "build_last_answers": lambda t: features.build_last_answers(t, ("csat", "nps"), "opinion"),
    "build_leavers": lambda t: features.build_leavers(
        t, since=t.window.cutoff - timedelta(days=90), before=t.window.cutoff
    ),
    "build_programme_candidates": lambda t: features.build_programme_candidates(
        t, programme="rebate"
    ),
    "build_purchases_between": lambda t: features.build_purchases_between(
        t, start=t.window.cutoff - timedelta(days=90), end=t.window.cutoff
    ),
    "build_programme_trials": lambda t: features.build_programme_trials(
        t, programme="rebate", horizon=6, drawn=True
    ),
    "build_revenue_after": lambda t: features.build_revenue_after(t, _csat(t)),
    "build_rollout_panel": lambda t: features.build_rollout_panel(
        t, programme="integration", by="region"
    ),
    "build_satisfaction_periods": lambda t: features.build_satisfaction_periods(
        t, _scores(t), column="score"
    ),
}


def every_feature() -> dict[str, Callable[[Tables], Any]]:
    """Return each public ``build_`` function of `retention.features` as a function of tables."""
    missing = without_example()
    return {
        name: EXAMPLES.get(name, getattr(features, name))
        for name in sorted(features.__all__)
        if name.startswith("build_") and name not in missing
    }


def without_example() -> dict[str, list[str]]:
    """Return the features that need more than tables and have no example: `EXAMPLES` wants one."""
    missing = {}
    for name in (n for n in features.__all__ if n.startswith("build_") and n not in EXAMPLES):
        parameters = list(inspect.signature(getattr(features, name)).parameters.values())[1:]
        if needed := [p.name for p in parameters if p.default is inspect.Parameter.empty]:
            missing[name] = needed
    return missing


def outcome(feature: Callable[[Tables], Any], tables: Tables) -> dict[str, Any]:
    """Return everything a feature says, by name; a refusal is its class."""
    try:
        return dict(_parts("", feature(tables)))
    except RetentionError as error:
        return {"refused": type(error).__name__}


def _parts(name: str, value: Any):
    if is_dataclass(value) and not isinstance(value, type):
        for field in fields(value):
            yield from _parts(f"{name}.{field.name}", getattr(value, field.name))
    elif isinstance(value, dict):
        for key, part in value.items():
            yield from _parts(f"{name}.{key}", part)
    else:
        yield name, value


def assert_same(one: dict[str, Any], other: dict[str, Any], rtol: float = 0.0) -> None:
    """Compare two outcomes; sums of fractions depend on the order of threads in the last digit."""
    assert one.keys() == other.keys()
    for name, value in one.items():
        if isinstance(value, pd.DataFrame):
            pd.testing.assert_frame_equal(
                value, other[name], rtol=rtol, atol=0, check_exact=not rtol
            )
        elif isinstance(value, pd.Series):
            pd.testing.assert_series_equal(value, other[name], rtol=rtol, atol=0)
        elif hasattr(value, "shape"):
            assert (value == other[name]).all()
        else:
            assert value == other[name]


@pytest.fixture(scope="session")
def small_company():
    """A simulated company of all tables, small enough for every test."""
    return simulate_company(250, seed=11)


@pytest.fixture(scope="session")
def survey_items() -> dict[str, dict[str, Any]]:
    """Some items, so that features of answers have something to do."""
    scale = {"low": 0, "high": 10}
    return {"csat": {"construct": "csat", **scale}, "nps": {"construct": "nps", **scale}}
