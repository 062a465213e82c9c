"""Every feature the same on DuckDB with one and four threads, and on Spark; and fit to translate.

The company holds what goes wrong between engines: ties, nulls, Chinese labels, empty groups, dates
at the ends of months and at changes of daylight saving time.
"""

from __future__ import annotations

import re
import shutil
from datetime import date
from pathlib import Path

import pandas as pd
import pyarrow as pa
import pytest

from retention import features
from retention.datasets import cluster, read_tables
from retention.engine import Embedded, Rules, Spark, Tables, examine, lint
from retention.engine import tables as querying
from retention.errors import ProjectError
from retention.project import EngineSettings, Project, TableSource
from retention.schemas import INPUT_TABLES
from retention.window import Window

from .conftest import (
    assert_engines_agree,
    assert_same,
    every_feature,
    heard,
    hostile,
    on_engine,
    outcome,
)


@pytest.fixture(scope="module")
def tables(small_company, survey_items):
    return Tables.from_frames(
        hostile(small_company), window=small_company.window, items=survey_items
    )


@pytest.fixture(scope="module")
def queried(tables, tmp_path_factory):
    """What every feature says on one thread, and the SQL that it ran."""
    one = on_engine(Embedded(EngineSettings(threads=1)), tables, tmp_path_factory.mktemp("one"))
    seen: list[str] = []
    arrow, scope = Embedded.arrow, Embedded.scope
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Embedded, "arrow", lambda self, sql: (seen.append(sql), arrow(self, sql))[1])
        patch.setattr(
            Embedded,
            "scope",
            lambda self, views: (seen.extend(views.values()), scope(self, views))[1],
        )
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
    faults = {sql.strip().splitlines()[0]: lint(sql) for sql in set(seen)}
    assert not {first: found for first, found in faults.items() if found}


def test_every_template_is_among_what_ran(queried):
    """A template that no example reaches would be neither linted nor compared."""
    _, seen = queried
    ran = " ".join("\n".join(seen).split())
    silent = [
        path.name
        for path in sorted(Path(features.__file__).parent.glob("*.sql"))
        if not any(text in ran for text in _plain_texts(path.read_text(encoding="utf-8")))
    ]
    assert not silent


def _plain_texts(template):
    """The long stretches of a template that stand in its SQL as they are."""
    parts = re.split(r"{%.*?%}|{{.*?}}|--[^\n]*", template, flags=re.DOTALL)
    texts = [" ".join(part.split()) for part in parts]
    return [text for text in texts if len(text) > 12]


class Listening(Embedded):
    """Remembers what it is asked, and proves no keys, as Spark proves none."""

    def __init__(self):
        self.asked = []
        super().__init__()

    def rows(self, sql):
        self.asked.append(sql)
        return super().rows(sql)

    def repeated(self, query, columns, untidy):
        return ""


def check_queries(company):
    """What is asked of every table of the contract, all of it given as text: all is converted."""
    engine, admitted, queries = Listening(), {}, []
    rules = Rules(zone="Europe/Berlin", unit="month", data_cutoff=date(2026, 1, 1))
    for name in INPUT_TABLES:
        frame = company.tables[name].head(40).astype("string")
        engine.adopt(f"raw.{name}", pa.Table.from_pandas(frame, preserve_index=False))
        source = TableSource(table=name, format="parquet")
        engine.asked.clear()
        found = examine(engine, source, f"raw.{name}", admitted, rules)
        queries += [sql for sql in engine.asked if not sql.startswith("describe")]
        queries += [sql for sql in (found.good, found.bad) if sql]
        found.as_table(engine)
        admitted[name] = found.admitted
    engine.close()
    return queries


def test_the_checks_pass_the_lint(small_company):
    pytest.importorskip("sqlglot", reason="needs the extra spark")
    queries = check_queries(small_company)
    assert len(queries) > 3 * len(INPUT_TABLES)
    assert {fault for sql in queries for fault in lint(sql)} == set()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_spark_agrees(tables, spark, tmp_path):
    """At the last cutoff; at an earlier one see ``test_no_leak.py``."""
    there = on_engine(spark, tables, tmp_path)
    differ = {}
    for name, feature in every_feature().items():
        try:
            assert_engines_agree(heard(feature, tables), heard(feature, there))
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


CONVERTED = """
[project]
name = "Shop"
currency = "EUR"
zone = "Europe/Berlin"
unit = "week"
observed_from = 2020-01-01
data_cutoff = 2025-01-01
[engine]
name = "{engine}"
[tables.customers]
path = "customers.parquet"
date_format = "%d.%m.%Y"
[tables.orders]
path = "orders.parquet"
decimal = ","
[tables.orders.values.product]
"电话" = "phone"
[tables.wallet]
path = "wallet.parquet"
[tables.quotes]
path = "quotes.parquet"
"""


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_values_are_converted_the_same_in_spark(tmp_path, spark):
    """Dates of another format, decimal commas, yes and no, ids as numbers, weeks from dates."""
    wednesdays = pd.to_datetime(["2020-12-30", "2021-01-06", "2023-01-04", "2024-12-25"]).date
    sources = {
        "customers": {
            "customer_id": [1.0, 2.0, 3.0, 4.5, 5.0],
            "acquired_on": ["1.2.2020", "01.02.2020", "29.02.2021", "2020-02-01", "31.12.2020"],
        },
        "orders": {
            "order_id": list("abcde"),
            "customer_id": ["1", "2", " 1 ", "5", ""],
            "ordered_on": ["2021-03-28T01:30:00+00:00", "20210401", "2021-04-01 10:00", "x", None],
            "amount": ["1.234,565", "7", "0,005", "3,1", "-2,5"],
            "product": ["电话", " web ", "", None, "web"],
        },
        "wallet": {
            "customer_id": ["1", "1", "2", "5"],
            "period": wednesdays,
            "own_spend": [1.005, 2.675, 1e300, 0.1],
            "category_spend": [2.0, 3.0, 4.0, 0.1],
        },
        "quotes": {
            "customer_id": ["1", "2", "5"],
            "quoted_on": pd.to_datetime(["2021-01-01", "2021-01-02", "2021-01-03"]),
            "our_price": [10.0, 11.0, 12.0],
            "best_rival_price": [9.0, None, float("nan")],
            "won": ["Yes", "f", "perhaps"],
        },
    }
    for name, columns in sources.items():
        pd.DataFrame(columns).to_parquet(tmp_path / f"{name}.parquet")
    found = {}
    for name in ("duckdb", "spark"):
        (tmp_path / "retention.toml").write_text(CONVERTED.format(engine=name), encoding="utf-8")
        got = read_tables(Project.load(tmp_path))
        rules = {(f.table, f.rule, f.rows, f.ids[:1]) for f in got.check.faults}
        found[name] = rules, {t: got.query(f"select * from {t} order by 1, 2") for t in got.names}
    assert found["duckdb"][0] == found["spark"][0]
    assert {rule for _, rule, *_ in found["spark"][0]} > {"acquired_on_is_date", "won_is_boolean"}
    assert found["spark"][1].keys() == {"customers", "orders", "wallet", "quotes"}
    for name, rows in found["duckdb"][1].items():
        pd.testing.assert_frame_equal(rows, found["spark"][1][name], check_exact=True)
    assert "2020-W53" in set(found["spark"][1]["wallet"]["period"])


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
