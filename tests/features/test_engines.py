"""Every feature the same on DuckDB with one and four threads, and on Spark; and fit to translate.

The company holds what goes wrong between engines: ties, nulls, Chinese labels, empty groups, dates
at the ends of months and at changes of daylight saving time.
"""

from __future__ import annotations

import shutil
from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.datasets import cluster, read_tables
from retention.engine import Embedded, Spark, Tables, lint
from retention.engine import tables as querying
from retention.errors import ProjectError
from retention.project import EngineSettings, Project
from retention.window import Window

from .conftest import assert_same, every_feature, on_engine, outcome

EDGES = pd.to_datetime(
    ["2024-01-31", "2024-02-29", "2024-03-31", "2024-10-27", "2024-12-31", "2025-01-01"]
)


@pytest.fixture(scope="module")
def hostile(small_company):
    """The small company with ties, nulls, labels of all kinds and dates at the edges."""
    rng = np.random.default_rng(3)
    frames = {name: frame.copy() for name, frame in small_company.tables.items()}
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


@pytest.fixture(scope="module")
def tables(hostile, small_company, survey_items):
    return Tables.from_frames(hostile, window=small_company.window, items=survey_items)


@pytest.fixture(scope="module")
def queried(tables, tmp_path_factory):
    """What every feature says on one thread, and the SQL that it ran."""
    one = on_engine(Embedded(EngineSettings(threads=1)), tables, tmp_path_factory.mktemp("one"))
    seen: list[str] = []
    inner = Embedded.frame
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Embedded, "frame", lambda self, sql: (seen.append(sql), inner(self, sql))[1])
        said = {name: outcome(feature, one) for name, feature in every_feature().items()}
    return said, seen


def test_one_thread_and_four_agree_to_the_bit(queried, tables, tmp_path):
    said, _ = queried
    four = on_engine(Embedded(EngineSettings(threads=4)), tables, tmp_path)
    for name, feature in every_feature().items():
        assert_same(said[name], outcome(feature, four), rtol=1e-12)


def test_every_feature_answers_here(queried):
    """Two engines that both refuse would agree on nothing."""
    said, _ = queried
    assert not {name: why["refused"] for name, why in said.items() if "refused" in why}


def test_every_template_passes_the_lint(queried):
    pytest.importorskip("sqlglot", reason="needs the extra spark")
    _, seen = queried
    assert len(seen) > len(every_feature())
    faults = {sql.strip().splitlines()[0]: lint(sql) for sql in seen}
    assert not {first: found for first, found in faults.items() if found}


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
@pytest.mark.parametrize("cutoff", [None, date(2024, 2, 29)])
def test_spark_agrees(tables, spark, tmp_path, cutoff):
    there = on_engine(spark, tables, tmp_path)
    here = tables
    if cutoff:
        here, there = here.as_of(cutoff), there.as_of(cutoff)
    differ = {}
    for name, feature in every_feature().items():
        try:
            assert_same(outcome(feature, here), outcome(feature, there), rtol=1e-12)
        except AssertionError as error:
            differ[name] = str(error).splitlines()[:6]
    assert not differ


PROJECT = """
[project]
name = "Shop"
currency = "EUR"
zone = "Europe/Berlin"
observed_from = 2024-01-01
data_cutoff = 2025-01-01
[engine]
name = "{engine}"
[tables.customers]
path = "customers.parquet"
[tables.orders]
path = "orders.parquet"
[tables.orders.columns]
customer_id = "客户"
[tables.wallet]
path = "wallet.parquet"
[tables.contracts]
path = "contracts.parquet"
"""


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_the_checks_find_the_same_in_spark(tmp_path, spark, monkeypatch):
    pd.DataFrame(
        {
            "customer_id": ["a", "b", "b", None, "e"],
            "acquired_on": ["2024-01-01", "2024-02-01", "2024-02-01", "2024-02-01", "2024-13-01"],
        }
    ).to_parquet(tmp_path / "customers.parquet")
    when = pd.to_datetime(
        [
            "2024-03-30T23:30:00Z",
            "2024-10-27T00:30:00Z",
            "2023-12-31T23:30:00Z",
            "2024-05-01",
            None,
            "2025-02-01T00:00:00Z",
        ],
        format="ISO8601",
        utc=True,
    )
    pd.DataFrame(
        {
            "order_id": list("123456"),
            "客户": ["a", "b", "a", "ghost", "a", "b"],
            "ordered_on": when,
            "amount": [1.005, 2.5, -3.0, 4.0, 5.0, float("nan")],
        }
    ).to_parquet(tmp_path / "orders.parquet")
    pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "period": ["2024-Q1", "2024-W10", "2024-13"],
            "own_spend": [1.0, 2.0, 3.0],
            "category_spend": [2.0, 1.0, 3.0],
        }
    ).to_parquet(tmp_path / "wallet.parquet")
    pd.DataFrame(
        {
            "customer_id": ["a", "a", "b"],
            "started_on": ["2024-01-01", "2024-02-01", "2024-02-01"],
            "ended_on": ["2024-03-01", None, None],
        }
    ).to_parquet(tmp_path / "contracts.parquet")
    found, rows = {}, {}
    for name in ("duckdb", "spark"):
        (tmp_path / "retention.toml").write_text(PROJECT.format(engine=name), encoding="utf-8")
        got = read_tables(Project.load(tmp_path))
        found[name] = {
            (table, fault.rule, fault.rows, check.used, check.set_aside, check.money)
            for table, check in got.check.tables.items()
            for fault in check.faults
        }
        rows[name] = [
            got.query(f"select * from {table} order by 1, 2") for table in sorted(got.names)
        ]
    assert found["duckdb"] == found["spark"]
    assert {rule for _, rule, *_ in found["spark"]} >= {
        "key_repeated",
        "customer_id_present",
        "acquired_on_is_date",
        "customer_id_in_customers",
        "ordered_on_present",
        "ordered_on_in_the_future",
        "amount_present",
        "period_is_period",
        "own_within_category",
        "overlaps",
    }
    for ours, theirs in zip(rows["duckdb"], rows["spark"], strict=True):
        pd.testing.assert_frame_equal(ours, theirs)
    assert list((tmp_path / "data/set_aside/orders").glob("*.parquet"))


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_unchanged_parquet_is_not_checked_or_counted_again_in_spark(tmp_path, spark, monkeypatch):
    def project(rows):
        frame = pd.DataFrame(rows, columns=["customer_id", "acquired_on"])
        frame.to_parquet(tmp_path / "customers.parquet")
        return Project.load(tmp_path)

    text = PROJECT.format(engine="spark").split("[tables.orders]")[0]
    (tmp_path / "retention.toml").write_text(text, encoding="utf-8")
    monkeypatch.setattr(querying, "_WORTH_KEEPING", 0.0)
    done = []
    examine, arrow = cluster.examine, Spark.arrow
    monkeypatch.setattr(cluster, "examine", lambda *a: (done.append("checked"), examine(*a))[1])
    monkeypatch.setattr(Spark, "arrow", lambda *a: (done.append("counted"), arrow(*a))[1])
    rows = [("a", "2024-01-01"), ("b", "never")]
    for turn in range(2):
        tables = read_tables(project(rows) if not turn else Project.load(tmp_path))
        assert tables.query("select count(*) as n from customers").n[0] == 1
        assert tables.check.tables["customers"].set_aside == 1
        assert done == ["checked", "counted"]
    shutil.rmtree(tmp_path / "data/set_aside")
    read_tables(Project.load(tmp_path))
    assert list((tmp_path / "data/set_aside/customers").glob("*.parquet"))
    tables = read_tables(project([*rows, ("c", "2024-02-01")]))
    assert tables.query("select count(*) as n from customers").n[0] == 2
    assert done == ["checked", "counted"] * 2


def test_pseudonyms_in_spark_are_refused_with_the_reason(tmp_path):
    text = PROJECT.format(engine="spark") + "[privacy]\npseudonymise = true\n"
    (tmp_path / "retention.toml").write_text(text, encoding="utf-8")
    with pytest.raises(ProjectError, match="no key enters the cluster's logs"):
        read_tables(Project.load(tmp_path))


def test_windows_of_another_zone_do_not_move_days():
    window = Window(start=date(2024, 1, 1), cutoff=date(2025, 1, 1), zone="Asia/Shanghai")
    stamps = pd.to_datetime(["2024-03-30T17:00:00Z", "2024-03-30T15:59:59Z"], utc=True)
    frame = pd.DataFrame({"customer_id": ["a", "b"], "acquired_on": stamps})
    got = Tables.from_frames({"customers": frame}, window=window)
    days = got.query("select acquired_on from customers order by customer_id").acquired_on
    assert [str(day.date()) for day in days] == ["2024-03-31", "2024-03-30"]
