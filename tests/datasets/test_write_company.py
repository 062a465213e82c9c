"""Files of a simulated company: the same whatever the piece, and dirt that is listed."""

from __future__ import annotations

import hashlib
import json
from datetime import date

import pandas as pd
import pytest

from retention import Project
from retention.datasets import check_project, simulate_company, write_company
from retention.datasets.company import world
from retention.errors import ParameterError

DIRT = {
    "duplicates": 0.01,
    "late rows": 0.005,
    "returns": 0.02,
    "unknown customers": 0.02,
    "missing surveys": 0.03,
    "wrong codes": 0.01,
    "dates backwards": 0.05,
}


def digests(folder):
    return {
        str(path.relative_to(folder)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    }


def test_same_arguments_same_bytes(tmp_path):
    for name in ("a", "b"):
        write_company(tmp_path / name, n_customers=300, seed=4)
    assert digests(tmp_path / "a") == digests(tmp_path / "b")


def test_files_hold_the_simulated_tables(tmp_path):
    company = simulate_company(300, seed=4)
    written = write_company(tmp_path, n_customers=300, seed=4)
    assert written.rows == {name: len(table) for name, table in company.tables.items()}
    orders = pd.read_parquet(written.paths["orders"])
    assert orders["order_id"].tolist() == company.tables["orders"]["order_id"].tolist()
    cents = (orders["amount"] * 100).astype(int).sum()
    assert cents == round((company.tables["orders"]["amount"] * 100).sum())


def test_size_of_the_piece_changes_no_row(tmp_path, monkeypatch):
    monkeypatch.setattr(world, "BLOCK", 200)
    for module in ("simulate", "write"):
        monkeypatch.setattr(f"retention.datasets.company.{module}.BLOCK", 200)
    for piece in (200, 400, 10_000):
        written = write_company(tmp_path / str(piece), n_customers=900, seed=4, piece=piece)
        parts = len(list(written.paths["orders"].iterdir()))
        assert parts == -(-900 // piece)
    frames = [
        {name: pd.read_parquet(tmp_path / piece / name) for name in written.paths}
        for piece in ("200", "400", "10000")
    ]
    for name in written.paths:
        pd.testing.assert_frame_equal(frames[0][name], frames[1][name])
        pd.testing.assert_frame_equal(frames[0][name], frames[2][name])
    assert frames[0]["customers"]["customer_id"].is_unique
    assert frames[0]["orders"]["order_id"].is_unique
    assert frames[0]["surveys"][["response_id", "item"]].duplicated().sum() == 0


def test_csv_and_parquet_say_the_same(tmp_path):
    csv = write_company(tmp_path / "csv", n_customers=200, format="csv")
    parquet = write_company(tmp_path / "parquet", n_customers=200)
    read = pd.read_csv(csv.paths["contracts"], parse_dates=["started_on", "ended_on"])
    same = pd.read_parquet(parquet.paths["contracts"])
    assert read["price"].tolist() == same["price"].astype(float).tolist()
    assert (
        read["ended_on"].dt.date.fillna(date.max).tolist()
        == same["ended_on"].fillna(date.max).tolist()
    )


def test_some_tables_only(tmp_path):
    written = write_company(tmp_path, n_customers=200, tables=("customers", "market"))
    assert sorted(written.paths) == ["customers", "market"]
    assert not (tmp_path / "orders").exists()


def test_writing_again_replaces_and_leaves_nothing_half_done(tmp_path):
    write_company(tmp_path, n_customers=300)
    write_company(tmp_path, n_customers=200)
    assert len(pd.read_parquet(tmp_path / "customers")) == 200
    assert not (tmp_path / ".new").exists()
    assert json.loads((tmp_path / "simulated.json").read_text())["n_customers"] == 200


def test_validation_sets_aside_exactly_what_was_dirtied(tmp_path):
    written = write_company(tmp_path / "data", n_customers=1_500, seed=9, dirt=DIRT)
    soiled = written.soiled
    assert set(soiled["kind"]) == set(DIRT)
    lines = ["[project]", 'currency = "EUR"', "observed_from = 2021-11-01"]
    lines += ["data_cutoff = 2026-11-01"]
    for name in written.paths:
        lines += [f"[tables.{name}]", f'path = "data/{name}/*.parquet"']
    (tmp_path / "retention.toml").write_text("\n".join(lines))
    report = check_project(Project.load(tmp_path))
    expected = soiled[soiled["fate"] == "set aside"].groupby("table").size()
    for name, check in report.tables.items():
        assert check.rows == written.rows[name]
        assert check.set_aside == expected.get(name, 0), name
    aside = tmp_path / "data" / "set_aside"
    for name in expected.index:
        rows = pd.read_csv(aside / f"{name}.csv", dtype=str)
        listed = soiled[(soiled["table"] == name) & (soiled["fate"] == "set aside")]
        key = listed["key"].iloc[0]
        assert sorted(rows[key]) == sorted(listed["id"])


def test_dirt_leaves_every_other_row_as_it_was(tmp_path):
    clean = write_company(tmp_path / "clean", n_customers=400, seed=9)
    dirty = write_company(tmp_path / "dirty", n_customers=400, seed=9, dirt=DIRT)
    orders = [pd.read_parquet(w.paths["orders"]) for w in (clean, dirty)]
    added = dirty.soiled.query("table == 'orders'")
    assert len(orders[1]) == len(orders[0]) + len(added)
    kept = orders[1].drop_duplicates("order_id")
    kept = kept[kept["order_id"].isin(orders[0]["order_id"])].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, orders[0])


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"dirt": {"mud": 0.1}}, "no dirt named mud"),
        ({"dirt": {"returns": 0.9}}, "0 to 0.5"),
        ({"tables": ("invoices",)}, "no table invoices"),
        ({"format": "xml"}, "csv or parquet"),
        ({"piece": 0}, "piece"),
    ],
)
def test_wrong_wishes_are_named(tmp_path, wrong, message):
    with pytest.raises(ParameterError, match=message):
        write_company(tmp_path, n_customers=50, **wrong)
