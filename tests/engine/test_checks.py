"""Whatever a table holds: no traceback, every row used or set aside, every fault counted."""

from __future__ import annotations

import datetime as dt
import json
import string

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from retention.datasets import read_tables
from retention.engine import Embedded, Rules, examine, identifier
from retention.errors import RetentionError
from retention.project import Project, TableSource
from retention.schemas import INPUT_TABLES

EDGES = [
    "2024-01-31",
    "2024-02-29",
    "2023-02-29",
    "2024-03-31 02:30:00",
    "2024-10-27T02:30:00+02:00",
    "9999-12-31",
    "0001-01-01",
    "31.12.2024",
    "20240131",
    "2024-W01-1",
    "24-1-1",
    "2024-1-1",
    "2024-01-31T23:59:59Z",
    "infinity",
    "epoch",
    "today",
]
NUMBERS = [
    "1",
    "-1",
    "1.005",
    "1e308",
    "1e-9",
    "NaN",
    "inf",
    "-inf",
    "1,5",
    "1.234,56",
    "0x10",
    "99999999999999999999",
    "",
    " 7 ",
    "½",
    "٣",
    "3.0",
    "2.5",
]
hostile = st.text(
    st.characters(codec="utf-8", exclude_characters="\0", exclude_categories=("Cs",)), max_size=8
)
cell = st.one_of(
    st.none(),
    st.sampled_from(EDGES + NUMBERS + ["true", "False", "yes", "2024-Q3", "2024-13", "a", "b"]),
    hostile,
)
scalars = {
    "text": cell,
    "number": st.one_of(st.none(), st.floats(), st.integers(-(2**62), 2**62).map(float)),
    "date": st.one_of(st.none(), st.dates(dt.date(1, 1, 1), dt.date(9999, 12, 31))),
    "stamp": st.one_of(st.none(), st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2260, 1, 1))),
    "bool": st.one_of(st.none(), st.booleans()),
    "whole": st.one_of(st.none(), st.integers(-(2**63), 2**63 - 1)),
}
ARROW = {
    "text": pa.string(),
    "number": pa.float64(),
    "date": pa.date32(),
    "stamp": pa.timestamp("us"),
    "bool": pa.bool_(),
    "whole": pa.int64(),
}


@st.composite
def sources(draw):
    """Any input table, its columns renamed to anything and holding anything of any type."""
    schema = INPUT_TABLES[draw(st.sampled_from(sorted(INPUT_TABLES)))]
    size = draw(st.integers(0, 6))
    optional = [c.name for c in schema.columns if not c.required]
    chosen = [*schema.required, *draw(st.lists(st.sampled_from(optional or [""]), unique=True))]
    chosen = [name for name in chosen if name and (draw(st.integers(0, 29)) or len(chosen) < 2)]
    columns, mapping, seen = {}, {}, set()
    for name in chosen:
        source = draw(hostile) if draw(st.integers(0, 3)) == 0 else name
        if not source or source.lower() in seen or source.casefold() in seen:
            continue
        seen |= {source.lower(), source.casefold()}
        kind = draw(st.sampled_from(sorted(scalars)))
        columns[source] = pa.array(
            draw(st.lists(scalars[kind], min_size=size, max_size=size)), ARROW[kind]
        )
        mapping[name] = source
    values = {}
    if mapping and draw(st.booleans()):
        values = {draw(st.sampled_from(sorted(mapping))): {draw(hostile): draw(hostile)}}
    decimal = draw(st.sampled_from([".", ","]))
    source = TableSource(
        table=schema.name,
        format="frame",
        columns=mapping,
        values=values,
        decimal=decimal,
        date_format=draw(st.sampled_from(["", "", "%d.%m.%Y"])),
    )
    return source, pa.table(columns), size


@pytest.fixture(scope="module")
def engine():
    engine = Embedded()
    engine.set_secret("pseudonym_key", "0123456789abcdef")
    yield engine
    engine.close()


def _every_row_is_accounted_for(engine, drawn):
    source, table, size = drawn
    relation = f"raw.{identifier(source.table)}"
    if not table.num_columns:
        return
    engine.adopt(relation, table)
    try:
        hidden = size % 2 == 1
        rules = Rules(zone="Europe/Berlin", data_cutoff=dt.date(2025, 1, 1), pseudonymise=hidden)
        found = examine(engine, source, relation, {}, rules)
        check = found.admitted.check
        if check.fatal:
            assert not found.good
            return
        assert check.rows == size
        good = engine.rows(f"select count(*) from ({found.good})")[0][0]
        bad = engine.rows(f"select count(*) from ({found.bad})")[0][0] if found.bad else 0
        assert (good, bad) == (check.used, check.set_aside)
        assert good + bad == size
        schema = INPUT_TABLES[source.table]
        kept = engine.frame(found.good)
        for column in schema.columns:
            if column.name in kept and not column.may_be_null:
                assert kept[column.name].notna().all()
            if column.name in kept and column.allowed:
                assert kept[column.name].dropna().isin(column.allowed).all()
        if schema.key and set(schema.key) <= set(kept):
            assert not kept.duplicated(list(schema.key)).any()
    except RetentionError:
        raise AssertionError("a table that can be read is never refused as a whole") from None
    finally:
        engine.drop(relation)


@settings(max_examples=60, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=sources())
def test_every_row_is_accounted_for(engine, drawn):
    _every_row_is_accounted_for(engine, drawn)


@pytest.mark.slow
@settings(max_examples=10_000, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=sources())
def test_every_row_is_accounted_for_in_ten_thousand_tables(engine, drawn):
    _every_row_is_accounted_for(engine, drawn)


def test_braces_in_a_mapping_are_letters_like_others(engine):
    """Found among the ten thousand tables: SQL is written, not formatted twice."""
    source = TableSource(
        table="wallet",
        format="frame",
        columns={"customer_id": "{}", "period": "{0}"},
        values={"period": {"{{x}}": "{", "y": "2024-05"}},
    )
    columns = {"{}": ["a", "b", "c"], "{0}": ["{{x}}", "y", None]}
    money = {"own_spend": [1.0] * 3, "category_spend": [2.0] * 3}
    _every_row_is_accounted_for(engine, (source, pa.table(columns | money), 3))


HEAD = """
[project]
name = "Shop"
currency = "EUR"
observed_from = 2024-01-01
data_cutoff = 2025-01-01
[tables.orders]
path = "orders.csv"
{encoding}
"""
line = st.one_of(
    st.tuples(hostile, hostile, st.sampled_from(EDGES), st.sampled_from(NUMBERS)).map(",".join),
    st.sampled_from(
        ["1,a,2024-01-01,5", "2,b,2024-02-29,7.5", '3,"a', '4,"a"b,2024-01-01,5', ",,,"]
    ),
    hostile,
)


@settings(
    max_examples=25,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    lines=st.lists(line, max_size=8),
    codec=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "gb18030", "latin-1"]),
    named=st.sampled_from(["", "utf-8", "gb18030", "latin-1", "utf-16"]),
    ends=st.sampled_from(["\n", "\r\n", "\r"]),
)
def test_any_text_file_is_read_or_refused_in_words(tmp_path, lines, codec, named, ends):
    text = ends.join(["order_id,customer_id,ordered_on,amount", *lines])
    (tmp_path / "orders.csv").write_bytes(text.encode(codec, "replace"))
    encoding = f'encoding = "{named}"' if named else ""
    (tmp_path / "retention.toml").write_text(HEAD.format(encoding=encoding))
    try:
        tables = read_tables(Project.load(tmp_path))
    except RetentionError as error:
        said = str(error)
    else:
        said = ""
    if said:
        assert "orders" in said
        return
    check = tables.check.tables["orders"]
    assert check.rows == check.used + check.set_aside
    used = tables._base.engine.rows("select count(*) from base.orders")[0][0]
    assert used == check.used
    tables.close()


# --- a company's seeded defects -------------------------------------------------------------------

CUSTOMERS = 100_000


def seeded(rows: int, folder) -> dict[str, int]:
    """Write transactions with defects of known number, as in the measured set."""
    scale = rows / 10_000_000
    wanted = {
        "null customer": 500,
        "date": 50,
        "null amount": 1_000,
        "below": 1_000,
        "code": 200,
        "copy": 100,
        "orphan": 102,
    }
    counts = {name: max(1, round(number * scale)) for name, number in wanted.items()}
    rng = np.random.default_rng(8)
    day = np.datetime64("2022-01-01") + rng.integers(0, 1000, rows)
    table = {
        "order_id": pa.array(np.arange(rows)).cast(pa.string()),
        "customer_id": pa.array(rng.integers(0, CUSTOMERS, rows)).cast(pa.string()).to_pylist(),
        "ordered_on": day.astype("datetime64[D]").astype(str).tolist(),
        "amount": rng.integers(100, 100_000, rows).astype(float).tolist(),
        "discount": np.zeros(rows).tolist(),
    }
    place = iter(rng.permutation(rows - 1)[: sum(counts.values())])
    for _ in range(counts["null customer"]):
        table["customer_id"][next(place)] = None
    for _ in range(counts["date"]):
        table["ordered_on"][next(place)] = "2024-02-30"
    for _ in range(counts["null amount"]):
        table["amount"][next(place)] = None
    for _ in range(counts["below"]):
        table["discount"][next(place)] = -1.0
    for _ in range(counts["code"]):
        table["ordered_on"][next(place)] = "2031-01-01"
    ids = table["order_id"].to_pylist()
    for _ in range(counts["copy"]):
        at = next(place)
        ids.append(ids[at])
        for name in ("customer_id", "ordered_on", "amount", "discount"):
            table[name].append(table[name][at])
    table["order_id"] = ids
    for _ in range(counts["orphan"]):
        table["customer_id"][next(place)] = "ghost"
    pq.write_table(pa.table(table), folder / "orders.parquet")
    customers = {
        "customer_id": [str(n) for n in range(CUSTOMERS)],
        "acquired_on": [dt.date(2021, 1, 1)] * CUSTOMERS,
    }
    pq.write_table(pa.table(customers), folder / "customers.parquet")
    return counts


PARQUET = HEAD.replace("orders.csv", "orders.parquet").replace("{encoding}", "") + (
    '[tables.customers]\npath = "customers.parquet"\n'
)


@pytest.mark.parametrize("rows", [100_000, pytest.param(1_000_000, marks=pytest.mark.slow)])
def test_seeded_defects_are_found_to_the_row(tmp_path, rows):
    counts = seeded(rows, tmp_path)
    (tmp_path / "retention.toml").write_text(PARQUET)
    check = read_tables(Project.load(tmp_path)).check.tables["orders"]
    found = {fault.rule: fault.rows for fault in check.errors}
    assert found == {
        "customer_id_present": counts["null customer"],
        "ordered_on_is_date": counts["date"],
        "amount_present": counts["null amount"],
        "discount_low": counts["below"],
        "ordered_on_in_the_future": counts["code"],
        "key_repeated": counts["copy"],
        "customer_id_in_customers": counts["orphan"],
    }
    assert check.set_aside == sum(counts.values())
    aside = pd.read_csv(tmp_path / "data/set_aside/orders.csv", dtype=str)
    assert len(aside) == check.set_aside
    rules = aside.failed_rules.str.split("; ").explode().value_counts()
    assert rules["key_repeated"] == counts["copy"]


def test_a_million_rows_with_one_bad_row(tmp_path):
    rows = 1_000_000
    ids = pa.array(np.arange(rows)).cast(pa.string())
    days = ["2024-05-01"] * rows
    days[777_777] = "2024-05-32"
    amounts = pa.array(np.full(rows, 1.5))
    pq.write_table(
        pa.table({"order_id": ids, "customer_id": ids, "ordered_on": days, "amount": amounts}),
        tmp_path / "orders.parquet",
    )
    (tmp_path / "retention.toml").write_text(PARQUET.split("[tables.customers]")[0])
    tables = read_tables(Project.load(tmp_path))
    check = tables.check.tables["orders"]
    assert (check.rows, check.used, check.set_aside) == (rows, rows - 1, 1)
    assert str(check.errors[0]) == (
        "ordered_on is no date in 1 of 1,000,000 rows (order_id 777777); "
        "write dates as 2026-01-31, or name date_format in the table's section"
    )
    assert tables.query("select count(*) as n from orders").n[0] == rows - 1


def test_personal_columns_never_show(tmp_path):
    secret = "Dr. Erika " + string.ascii_letters
    frame = pd.DataFrame(
        {"customer_id": ["a", "a"], "acquired_on": ["never", "2024-01-01"], "name": [secret] * 2}
    )
    frame.to_csv(tmp_path / "customers.csv", index=False)
    (tmp_path / "retention.toml").write_text(
        PARQUET.split("[tables.orders]")[0] + '[tables.customers]\npath = "customers.csv"\n'
    )
    from retention.reports import check_tables

    found = check_tables(tmp_path)
    said = "\n".join(found.lines()) + found.page.read_text() + found.saved.read_text()
    assert "Erika" not in said
    assert "never" not in said
    assert json.loads(found.saved.read_text())["tables"]["customers"]["set_aside"] == 1
