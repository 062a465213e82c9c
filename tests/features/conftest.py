"""Every feature of the package, called as an example: for what must hold of all of them."""

from __future__ import annotations

import inspect
import os
import shutil
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retention import features
from retention.analyses.losses.complaint_recovery.hazard import handling_drivers
from retention.analyses.losses.contact_hazard import contact_drivers
from retention.analyses.losses.forerunners import forerunner_drivers
from retention.datasets import simulate_company
from retention.engine import Base, Tables
from retention.errors import RetentionError
from retention.project import EngineSettings


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
    "build_earned": lambda t: features.build_earned(t, on=t.window.cutoff - timedelta(days=90)),
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
    "build_rival_series": lambda t: features.build_rival_series(t, own_firm="us"),
    "build_rollout_answers": lambda t: features.build_rollout_answers(
        t, "integration", by="region", months=12, before=1
    ),
    "build_rollout_panel": lambda t: features.build_rollout_panel(
        t, programme="integration", by="region"
    ),
    "build_rollout_rates": lambda t: features.build_rollout_rates(
        t, "integration", by="region", months=3, before=2, after=2
    ),
    "build_satisfaction_periods": lambda t: features.build_satisfaction_periods(
        t, _scores(t), column="score"
    ),
}


def _in(unit: Any, build: Callable[[Tables], Any]) -> Callable[[Tables], Any]:
    """A feature counted in another unit of time."""
    return lambda t: build(
        Tables(t._base, replace(t.window, unit=unit), currency=t.currency, items=t.items)
    )


def _month_before(tables: Tables) -> date:
    return tables.window.cutoff - timedelta(days=31)


def drivers_of_analyses(tables: Tables) -> list[features.Driver]:
    """Return every driver that an analysis writes in SQL of its own."""
    found = [
        *handling_drivers(tables, quick_days=7, lasts_days=90),
        *contact_drivers(tables, [("personal", "visit")], 90),
        *forerunner_drivers(tables),
    ]
    return list({driver.name: driver for driver in found}.values())


_TEN, _SEVEN = {"low": 0, "high": 10}, {"low": 1, "high": 7}
# so that every feature of answers has something to do
ITEMS: dict[str, dict[str, Any]] = {
    "csat": {"construct": "csat", **_TEN},
    "nps": {"construct": "nps", **_TEN},
    "switch_*": {"construct": "switching_cost", "dimension": "procedural", **_SEVEN},
    "switch_monetary_loss": {"construct": "switching_cost", "dimension": "money", **_SEVEN},
    "intention_1": {"construct": "leave_at_saving", "dimension": "0.05", **_SEVEN},
    "intention_2": {"construct": "leave_at_saving", "dimension": "0.10", **_SEVEN},
}


# settings that lead to SQL of their own; `by="region"` groups by a label that may be empty
VARIANTS: dict[str, Callable[[Tables], Any]] = {
    "audit_rfm": features.audit_rfm,
    "build_active, grouped": lambda t: features.build_active(t, by=["region"], grace_days=30),
    "build_churn_periods, weeks": _in("week", features.build_churn_periods),
    "build_cohorts, quarters": lambda t: features.build_cohorts(t, unit="quarter"),
    "build_cube, grouped": lambda t: features.build_cube(
        t, by=["region", "segment"], reasons=True, grace_days=30
    ),
    "build_cube, weeks": _in("week", features.build_cube),
    "build_durations, quarters": _in(
        "quarter", lambda t: features.build_durations(t, by=["region"], reasons=True)
    ),
    "build_durations, since": lambda t: features.build_durations(
        t, observed_from=t.window.start + timedelta(days=200), grace_days=14
    ),
    "build_durations, from orders": lambda t: features.build_durations(
        features.contracts_from_orders(t, days=90, dated="detected")
    ),
    "build_hazard_cells, drivers of analyses": lambda t: features.build_hazard_cells(
        t, drivers=drivers_of_analyses(t)
    ),
    "build_hazard_cells, grouped": lambda t: features.build_hazard_cells(t, by=["region"]),
    "build_investment, grouped": lambda t: features.build_investment(t, groups=["region"]),
    "build_lock_in, satisfaction": lambda t: features.build_lock_in(
        t, groups=["region"], satisfaction="csat", step=0.02
    ),
    "build_purchase_counts, cohort": lambda t: features.build_purchase_counts(
        t, returns="drop", acquired_from=_month_before(t), acquired_before=t.window.cutoff
    ),
    "build_recovery_trials, silent": lambda t: features.build_recovery_trials(
        t, silent_to=6.0, immortal=True
    ),
    "build_response_panel, earlier": lambda t: features.build_response_panel(
        t, instrument="pulse", earlier=["csat"]
    ),
    "build_rfm, calibrated": lambda t: features.build_rfm(
        t, calibration_end=_month_before(t), regularity=True
    ),
    "build_rfm, gross": lambda t: features.build_rfm(t, returns="drop", cohort_unit="month"),
    "build_running, grouped": lambda t: features.build_running(t, by=["region"]),
    # shares whose products with amounts lie halfway between two cents
    "build_profit_rhythm, share": lambda t: features.build_profit_rhythm(t, margin_share=0.45),
    "build_ties, grouped": lambda t: features.build_ties(t, groups=["region"]),
    "build_value, share": lambda t: features.build_value(t, margin_share=0.45, complaint_cost=7.5),
}


EDGES = pd.to_datetime(
    ["2024-01-31", "2024-02-29", "2024-03-31", "2024-10-27", "2024-12-31", "2025-01-01"]
)


def hostile(company: Any) -> dict[str, pd.DataFrame]:
    """Return its tables with ties, nulls, labels of all kinds and dates at the edges."""
    rng = np.random.default_rng(3)
    frames = {name: frame.copy() for name, frame in company.tables.items()}
    customers = frames["customers"]
    labels = np.array(["华东", "Süd", "o'Brien", "", None], dtype=object)
    customers["region"] = labels[rng.integers(0, 5, len(customers))]
    orders = frames["orders"]
    orders["ordered_on"] = pd.to_datetime(orders["ordered_on"])
    some = rng.random(len(orders)) < 0.3
    won = pd.to_datetime(customers.set_index("customer_id")["acquired_on"])
    day = pd.Series(EDGES[rng.integers(0, len(EDGES), len(orders))], index=orders.index)
    late_enough = (day >= orders["customer_id"].map(won)).to_numpy()
    orders.loc[some & late_enough, "ordered_on"] = day[some & late_enough]
    for name in ("paid_on", "delivered_on", "due_on", "promised_on"):
        if name in orders:
            orders[name] = pd.to_datetime(orders[name]).where(~some)
    if "margin" in orders:
        orders["margin"] = orders["margin"].where(rng.random(len(orders)) < 0.9)
    return frames


def every_feature() -> dict[str, Callable[[Tables], Any]]:
    """Return each public ``build_`` function of `retention.features` as a function of tables."""
    missing = without_example()
    plain = {
        name: EXAMPLES.get(name, getattr(features, name))
        for name in features.__all__
        if name.startswith("build_") and name not in missing
    }
    return dict(sorted((plain | VARIANTS).items()))


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


Heard = tuple[dict[str, Any], list[pa.Table]]


def heard(feature: Callable[[Tables], Any], tables: Tables) -> Heard:
    """Return what a feature says, and the results of its queries as the engine gave them."""
    engine, results = type(tables._base.engine), []
    inner = engine.arrow
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(engine, "arrow", lambda *a: (results.append(inner(*a)), results[-1])[1])
        return outcome(feature, tables), results


def assert_engines_agree(ours: Heard, theirs: Heard) -> None:
    """Compare what was `heard` of two engines.

    Keys, counts and money are equal to the bit in every result of every query, other numbers
    there and in what the feature makes of them to 1e-12.
    """
    assert_same(ours[0], theirs[0], rtol=1e-12)
    assert len(ours[1]) == len(theirs[1])
    for one, other in zip(ours[1], theirs[1], strict=True):
        assert one.column_names == other.column_names
        for name in one.column_names:
            values, given = one.column(name).to_pylist(), other.column(name).to_pylist()
            if pa.types.is_floating(one.column(name).type):
                np.testing.assert_allclose(
                    np.array(given, dtype=float), np.array(values, dtype=float), rtol=1e-12,
                    err_msg=name,
                )  # fmt: skip
            else:
                different = [pair for pair in zip(values, given, strict=True) if pair[0] != pair[1]]
                assert not different, f"{name}: {len(different)} differ, {different[0]}"


@pytest.fixture(scope="session")
def small_company():
    """A simulated company of all tables, small enough for every test."""
    return simulate_company(250, seed=11)


@pytest.fixture(scope="session")
def survey_items() -> dict[str, dict[str, Any]]:
    """Items that let every feature of answers say something."""
    return ITEMS


@pytest.fixture(scope="session")
def spark():
    """Spark with two workers of one core each, processes of their own, on the loopback."""
    pytest.importorskip("pyspark", reason="needs the extra spark")
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        pytest.skip("needs Java 17")
    from retention.engine import Spark

    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    master = os.environ.get("RETENTION_SPARK_MASTER", "local-cluster[2,1,1024]")
    options = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    settings = EngineSettings(name="spark", master=master, threads=2, options=options)
    engine = Spark(settings)
    yield engine
    engine.close()


def on_engine(engine: Any, tables: Tables, folder: Path) -> Tables:
    """The same checked tables, as Parquet, on another engine."""
    folder.mkdir(exist_ok=True)
    for name in tables._base.admitted:
        path = folder / f"{name}.parquet"
        if not path.exists():
            tables._base.engine.execute(f"copy base.{name} to '{path}' (format parquet)")
        if engine.dialect == "spark":
            engine.name_relation(f"base.{name}", engine.read_parquet(str(path)))
        else:
            engine.execute(f"create view base.{name} as select * from read_parquet('{path}')")
    base = Base(engine, tables._base.data_cutoff, tables._base.admitted)
    return Tables(base, tables.window, currency=tables.currency, items=tables.items)
