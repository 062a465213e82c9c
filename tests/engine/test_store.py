"""What is made once is used again while nothing changed, by two processes too, never half."""

from __future__ import annotations

import errno
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from retention.datasets import read as reading
from retention.datasets import read_tables, simulate_company
from retention.engine import Embedded, Store
from retention.engine import store as storing
from retention.engine import tables as querying
from retention.errors import DataError, ProjectError, TemporaryError
from retention.features import build_inactivity, build_service_history
from retention.project import EngineSettings, Project

HEAD = """
[project]
name = "Shop"
currency = "EUR"
observed_from = 2021-11-01
data_cutoff = 2026-11-01
{more}
"""


@pytest.fixture
def shop(tmp_path, monkeypatch) -> Path:
    company = simulate_company(150, seed=4)
    more = ""
    for name in ("customers", "orders", "complaints"):
        frame = company.tables[name].drop(columns="employee_id", errors="ignore")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
        more += f'[tables.{name}]\npath = "{name}.csv"\n'
    (tmp_path / "retention.toml").write_text(HEAD.format(more=more))
    monkeypatch.setattr(querying, "_WORTH_KEEPING", 0.0)
    return tmp_path


@pytest.fixture
def work(monkeypatch) -> list[str]:
    """What was really done: tables made and queries run."""
    done: list[str] = []
    make, arrow = reading._Reader.make, Embedded.arrow

    def made(self, source, *others):
        done.append(source.table)
        return make(self, source, *others)

    def ran(self, sql):
        done.append("query of " + ("orders" if "from orders" in sql else "complaints"))
        return arrow(self, sql)

    monkeypatch.setattr(reading._Reader, "make", made)
    monkeypatch.setattr(Embedded, "arrow", ran)
    return done


def run(folder):
    tables = read_tables(Project.load(folder))
    found = build_inactivity(tables), build_service_history(tables)
    tables.close()
    return found


def test_a_change_changes_what_depends_on_it_and_nothing_else(shop, work):
    first = run(shop)
    assert work == ["customers", "orders", "complaints", "query of orders", "query of complaints"]
    work.clear()
    again = run(shop)
    assert work == []
    for one, other in zip(first, again, strict=True):
        pd.testing.assert_frame_equal(one, other)
    text = (shop / "orders.csv").read_text().splitlines()
    (shop / "orders.csv").write_text("\n".join(text[:-1]) + "\n")
    changed = run(shop)
    assert work == ["orders", "query of orders"]
    assert not changed[0].equals(first[0])
    pd.testing.assert_frame_equal(changed[1], first[1])
    work.clear()
    toml = (shop / "retention.toml").read_text()
    (shop / "retention.toml").write_text(
        toml.replace("data_cutoff = 2026-11-01", "data_cutoff = 2026-10-15")
    )
    run(shop)
    assert work[:3] == ["customers", "orders", "complaints"]


def test_a_deleted_or_damaged_store_is_made_anew(shop, work):
    first = run(shop)
    for path in (shop / "data/cache").glob("query-*/result.parquet"):
        path.write_bytes(b"not a parquet file")
    work.clear()
    again = run(shop)
    assert work == ["query of orders", "query of complaints"]
    pd.testing.assert_frame_equal(first[0], again[0])


def test_a_killed_run_leaves_nothing_that_looks_finished(tmp_path):
    store = Store(tmp_path / "cache")

    def killed():
        with store.entry("orders", "k1") as folder:
            (folder / "half").write_text("x")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        killed()
    assert store.find("orders", "k1") is None
    assert list((tmp_path / "cache").iterdir()) == []
    with store.entry("orders", "k1") as folder:
        (folder / "whole").write_text("x")
        with store.entry("orders", "k1") as other:  # the same content, made at the same time
            (other / "whole").write_text("x")
    found = store.find("orders", "k1")
    assert found is not None
    assert (found / "whole").read_text() == "x"


def test_two_processes_share_one_store(shop):
    code = (
        "import sys; from retention.project import Project; from retention.datasets import "
        "read_tables; t = read_tables(Project.load(sys.argv[1])); "
        "print(t.query('select count(*) as n, sum(amount) as s from orders').to_json())"
    )
    runs = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(shop)],
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        for _ in range(2)
    ]
    said = [process.communicate(timeout=120) for process in runs]
    assert [process.returncode for process in runs] == [0, 0], said
    assert said[0][0] == said[1][0]
    entries = [path.name for path in (shop / "data/cache").iterdir()]
    assert sum(name.startswith("orders-") for name in entries) == 1
    assert not [name for name in entries if name.startswith(".")]


def test_a_file_that_goes_missing_halfway_is_named(tmp_path):
    frame = pd.DataFrame({"customer_id": ["a"], "acquired_on": pd.to_datetime(["2024-01-01"]).date})
    frame.to_parquet(tmp_path / "customers.parquet")
    (tmp_path / "retention.toml").write_text(
        HEAD.format(more='[tables.customers]\npath = "customers.parquet"\n')
    )
    tables = read_tables(Project.load(tmp_path))
    assert not list((tmp_path / "data/cache").glob("customers-*/good.parquet"))  # it lies there
    (tmp_path / "customers.parquet").unlink()
    with pytest.raises(DataError, match=r"customers\.parquet"):
        tables.query("select * from customers")
    frame.to_parquet(tmp_path / "customers.parquet")
    assert len(read_tables(Project.load(tmp_path)).query("select * from customers")) == 1


def test_a_store_that_cannot_be_written_says_so(tmp_path):
    (tmp_path / "cache").write_text("a file where a folder should be")
    with (
        pytest.raises(DataError, match="cannot be written"),
        Store(tmp_path / "cache").entry("a", "b"),
    ):
        pass


def test_pseudonyms_join_but_do_not_tell(shop, monkeypatch):
    toml = (shop / "retention.toml").read_text() + "[privacy]\npseudonymise = true\n"
    (shop / "retention.toml").write_text(toml)
    monkeypatch.delenv("RETENTION_KEY", raising=False)
    with pytest.raises(ProjectError, match="at least 16 characters"):
        run(shop)
    plain = {"orders": (shop / "orders.csv").read_text()}
    ids = {}
    for key in ("0123456789abcdef", "another key of the analyst"):
        monkeypatch.setenv("RETENTION_KEY", key)
        tables = read_tables(Project.load(shop))
        frame = tables.query("select distinct customer_id from orders order by 1")
        joined = tables.query("select count(*) as n from orders join customers using (customer_id)")
        assert joined.n[0] == tables.check.tables["orders"].used
        assert frame.customer_id.str.fullmatch("[0-9a-f]{16}").all()
        assert "name" not in tables.columns("customers")
        ids[key] = set(frame.customer_id)
    first, second = ids.values()
    assert not first & second
    assert not any(found in plain["orders"] for found in first)
    stored = b"".join(p.read_bytes() for p in (shop / "data/cache").rglob("*") if p.is_file())
    assert b"another key" not in stored


@pytest.mark.parametrize("theirs", ["customer_id", "Kundennr"])
def test_pseudonyms_hold_in_what_is_set_aside(tmp_path, monkeypatch, theirs):
    (tmp_path / "customers.csv").write_text(
        f"{theirs},acquired_on,name,size\nRAW-1,2024-01-01,Erika,big\nRAW-2,soon,Max,small\n"
        "RAW-3,2024-01-01,Anna,big,too much\n",
        encoding="utf-8",
    )
    mapped = f'path = "customers.csv"\n[tables.customers.columns]\ncustomer_id = "{theirs}"\n'
    more = f"[tables.customers]\n{mapped}[privacy]\npseudonymise = true\n"
    (tmp_path / "retention.toml").write_text(HEAD.format(more=more))
    monkeypatch.setenv("RETENTION_KEY", "0123456789abcdef")
    tables = read_tables(Project.load(tmp_path))
    check = tables.check.tables["customers"]
    assert (check.rows, check.used, check.set_aside) == (3, 1, 2)
    (row,) = pd.read_csv(tmp_path / "data/set_aside/customers.csv", dtype=str).to_dict("records")
    assert row.pop("customer_id") not in ("RAW-2", tables.query("from customers").customer_id[0])
    assert row == {"failed_rules": "acquired_on_is_date", "acquired_on": "soon", "size": "small"}
    lines = pd.read_csv(tmp_path / "data/set_aside/customers_unreadable.csv", dtype=str)
    assert lines.to_dict("records") == [{"file": "customers.csv", "line": "4"}]
    kept = b"".join(p.read_bytes() for p in (tmp_path / "data").rglob("*") if p.is_file())
    assert not any(word in kept for word in (b"RAW-", b"Erika", b"Max", b"Anna"))


def test_a_full_disk_is_told_from_a_fault_of_the_data(tmp_path, monkeypatch):
    def full(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    store = Store(tmp_path / "cache")
    monkeypatch.setattr(storing.tempfile, "mkdtemp", full)
    with pytest.raises(TemporaryError, match="no space left"), store.entry("a", "b"):
        pass
    monkeypatch.undo()
    with store.entry("a", "b") as folder:
        (folder / "x").write_text("x")
    assert store.find("a", "b") is not None


SORT = (
    "select max(place) from (select row_number() over (order by (i * 7919) % 9000011) as place"
    " from range(4_000_000) as t(i))"
)


def test_a_query_without_room_to_spill_says_what_to_do(tmp_path):
    limited = EngineSettings(memory_limit="60MB", threads=1)
    small = Embedded(limited)
    with pytest.raises(TemporaryError, match="memory_limit and the spill folder"):
        small.rows(SORT)
    assert small.rows("select 1") == [(1,)]
    small.close()
    spilling = Embedded(limited, tmp_path)
    assert spilling.rows(SORT) == [(4_000_000,)]
    spilling.close()
    assert not [path for path in tmp_path.rglob("*") if path.is_file()]


@pytest.fixture
def small_disk(tmp_path):
    """A disk of 4 MB, and how to make it larger."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None or os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    made = subprocess.run([mount, "-t", "tmpfs", "-o", "size=4m", "tmpfs", folder], check=False)
    if made.returncode:
        pytest.skip("this machine mounts no tmpfs")
    grow = [mount, "-o", "remount,size=64m", folder]
    yield folder, lambda: subprocess.run(grow, check=True)
    subprocess.run(["umount", "-l", folder], check=True)


def test_a_spill_disk_that_is_full_says_what_to_do(small_disk):
    folder, _ = small_disk
    engine = Embedded(EngineSettings(memory_limit="60MB", threads=1), folder)
    with pytest.raises(TemporaryError, match="free the disk"):
        engine.rows(SORT)
    assert engine.rows("select 1") == [(1,)]
    engine.close()
    assert not [path for path in folder.rglob("*") if path.is_file()]


@pytest.mark.parametrize("encoding", ["utf-8", "windows-1252"])
def test_a_full_disk_leaves_nothing_half_written_and_the_next_run_recovers(
    small_disk, tmp_path, encoding, rng
):
    folder, grow = small_disk
    rows = [f"{n},c,2024-05-01,1,{rng.bytes(96).hex()}" for n in range(40_000)]
    source = tmp_path / "orders.csv"
    source.write_text("\n".join(["order_id,customer_id,ordered_on,amount,product", *rows]))
    named = f'encoding = "{encoding}"\n' if encoding != "utf-8" else ""
    more = f'[tables.orders]\npath = "{source}"\n{named}'
    (folder / "retention.toml").write_text(HEAD.format(more=more))
    with pytest.raises(TemporaryError, match="no space left"):
        read_tables(Project.load(folder))
    left = [path.name for path in (folder / "data").rglob("*") if path.is_file()]
    assert left == []
    grow()
    assert read_tables(Project.load(folder)).check.tables["orders"].used == 40_000
