"""Proofs of keys say what an exact group-by says, whatever the order and the number of rows."""

from __future__ import annotations

from datetime import date

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.engine import Admitted, Embedded, Rules, TableCheck, examine, keys
from retention.project import TableSource

ROWS = "select * from raw.rows_"


@pytest.fixture(scope="module")
def engine():
    engine = Embedded()
    yield engine
    engine.close()


@pytest.fixture
def rows(engine):
    """Adopt a table as the rows; forget it afterwards."""

    def adopt(**columns):
        engine.execute("drop table if exists raw.rows_")
        engine.adopt("raw.rows_", pa.table(columns))
        return ROWS

    return adopt


def exact(engine, columns):
    names = ", ".join(columns)
    groups = f"select {names} from ({ROWS}) group by {names} having count(*) > 1"
    return engine.rows(f"select count(*) from ({groups})")[0][0]


def found(engine, columns, where):
    names = ", ".join(columns)
    groups = f"select {names} from ({ROWS}) where {where} group by {names} having count(*) > 1"
    return engine.rows(f"select count(*) from ({groups})")[0][0]


word = st.one_of(st.none(), st.sampled_from(["a", "b", "10", "9", "ä", "aa"]))


@settings(max_examples=25)
@given(pairs=st.lists(st.tuples(word, word), max_size=9), at_once=st.sampled_from([2, 2**25]))
def test_every_repeated_key_is_among_the_suspects(engine, pairs, at_once):
    engine.execute("drop table if exists raw.rows_")
    columns = [pa.array([pair[i] for pair in pairs], pa.string()) for i in (0, 1)]
    engine.adopt("raw.rows_", pa.table(columns, names=["k", "l"]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(keys, "_AT_ONCE", at_once)
        for key in (["k"], ["k", "l"]):
            where = keys.repeated(engine, ROWS, key, "false")
            assert found(engine, key, where) == exact(engine, key)
            assert (where != "false") == (exact(engine, key) > 0)


@pytest.mark.parametrize(
    "ids",
    [
        [f"O{n:05}" for n in range(500)],
        [str(n) for n in range(500)],
        [str(n) for n in np.random.default_rng(1).permutation(500)],
    ],
    ids=["as text", "as numbers", "in no order"],
)
def test_keys_that_differ_are_proven_to(engine, rows, ids):
    assert keys.repeated(engine, rows(k=ids), ["k"], "k < '!' or k like '% '") == "false"


def test_an_order_of_keys_is_shown_without_a_hash(engine, rows, monkeypatch):
    monkeypatch.setattr(keys, "_by_hash", lambda *_: pytest.fail("hashed"))
    query = rows(k=["9", "10", "10", "11"], day=[5, 1, 2, 0])
    assert keys.repeated(engine, query, ["k", "day"], "false") == "false"


def test_a_few_rows_tell_that_no_order_is_to_be_found(engine, rows, monkeypatch):
    asked = []
    chain = keys._chain
    monkeypatch.setattr(keys, "_chain", lambda *a: asked.append(a) or chain(*a))
    ids = [str(n) for n in np.random.default_rng(1).permutation(900)]
    assert keys.repeated(engine, rows(k=ids), ["k"], "false") == "false"
    assert len(asked) == 1


def test_an_untidy_key_is_no_key(engine, rows):
    for untidy in ("b ", " b", ""):
        query = rows(k=["a", untidy, "c"])
        assert keys.repeated(engine, query, ["k"], "k < '!' or k like '% '") == ""


def test_more_copies_than_can_be_named(engine, rows, monkeypatch):
    monkeypatch.setattr(keys, "_FEW", 3)
    query = rows(k=[str(n % 50) for n in range(100)])
    assert keys.repeated(engine, query, ["k"], "false") == "true"


# --- a typed table is checked where it lies, to the same end as one to be converted ---------------

SIZE = 60_000  # above the size from which a proof is tried


def typed_orders():
    n = np.arange(SIZE)
    return {
        "order_id": np.array([f"O{i}" for i in n], dtype=object),
        "customer_id": np.array([f"C{i % 900}" for i in n], dtype=object),
        "ordered_on": np.datetime64("2024-01-01") + (n % 300),
        "amount": n % 977,
        "product": np.array(["box", "bag"], dtype=object)[n % 2],
        "delivered_on": np.datetime64("2024-01-02") + (n % 300),
    }


def spoil(orders, defect):
    if defect == "copies":
        orders["order_id"][[7, 8, 59_999]] = ["O1", "O1", "O5"]
    if defect == "blanks":
        orders["product"][3], orders["order_id"][4] = "box ", " O4"
    if defect == "blank reference":
        orders["customer_id"][3] = " C1"
    if defect == "orphans":
        orders["customer_id"][[5, 6]] = ["C900", None]
    if defect == "dates":
        orders["ordered_on"][[1, 2]] = np.array(["2031-01-01", "1812-01-01"], "datetime64[D]")
    if defect == "late":
        orders["delivered_on"][[11, 12]] = np.datetime64("2023-01-01")
    if defect == "everything":
        for name in ("copies", "blanks", "orphans", "dates", "late"):
            spoil(orders, name)


def examined(engine, lean, monkeypatch):
    if not lean:
        monkeypatch.setattr("retention.engine.staging._lean", lambda *_: "")
    source = TableSource(table="orders", format="frame")
    rules = Rules(data_cutoff=date(2025, 1, 1))
    parents = {"customers": Admitted(columns=("customer_id",), check=TableCheck(table="customers"))}
    found = examine(engine, source, "raw.orders_", parents, rules)
    monkeypatch.undo()
    good, bad = (
        engine.rows(f"select * from ({query}) order by all") if query else []
        for query in (
            found.good,
            found.bad and f'select * exclude ("source row") from ({found.bad})',
        )
    )
    return found, good, bad


@pytest.mark.parametrize(
    "defect",
    ["none", "copies", "blanks", "blank reference", "orphans", "dates", "late", "everything"],
)
def test_checked_as_it_lies_or_converted_is_the_same(engine, monkeypatch, defect):
    orders = typed_orders()
    spoil(orders, defect)
    money = pa.array(orders["amount"].astype("int32")).cast(pa.decimal128(18, 2))
    for name in ("raw.orders_", "base.customers"):
        engine.execute(f"drop table if exists {name}")
    engine.adopt("raw.orders_", pa.table({**orders, "amount": money}))
    engine.execute(
        "create table base.customers as select 'C' || i as customer_id,"
        " date '2023-12-31' as acquired_on from range(900) t(i)"
    )
    lean, *rows = examined(engine, True, monkeypatch)
    plain, *expected = examined(engine, False, monkeypatch)
    assert lean.admitted == plain.admitted
    assert rows == expected
    assert lean.as_is == (defect in ("none", "late"))


def test_it_is_known_where_each_customer_has_one_contract(engine):
    rules = Rules(data_cutoff=date(2025, 1, 1))
    source = TableSource(table="contracts", format="frame")
    for shift, differ in ((0, ("customer_id",)), (1, ())):
        engine.execute(
            f"create or replace table raw.contracts_ as select 'C' || (i - {shift} * (i % 2)) as"
            f" customer_id, date '2024-01-01' + cast(i % 2 as integer) as started_on"
            f" from range({SIZE}) t(i)"
        )
        admitted = examine(engine, source, "raw.contracts_", {}, rules).admitted
        assert admitted.differ == differ
        assert Admitted.from_dict(admitted.to_dict()) == admitted
