"""Data quality: what was set aside, who is there twice, what contradicts what."""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention import Project, Window
from retention.analyses import data_quality, find_duplicates
from retention.analyses.customers.duplicates import name_key
from retention.datasets import read_tables, simulate_company
from retention.engine import Tables
from retention.estimates import Answer
from retention.exhibits import (
    plot_data_quality,
    show,
    table_data_quality,
    table_data_quality_conflicts,
    table_data_quality_coverage,
    table_data_quality_duplicates,
    table_data_quality_faults,
)

EXHIBITS = (
    table_data_quality,
    table_data_quality_conflicts,
    table_data_quality_coverage,
    table_data_quality_duplicates,
    table_data_quality_faults,
)


@pytest.fixture(scope="module")
def clean():
    made = simulate_company(300, seed=3, history=False)
    return data_quality(Tables.from_frames(made.tables, window=made.window))


def test_clean_company(clean, capsys):
    assert isinstance(clean, Answer)
    assert clean.tables["set_aside"].sum() == 0
    assert clean.conflicts.empty
    assert clean.coverage["share"].between(0, 1).all()
    show(plot_data_quality(clean))
    for table in EXHIBITS:
        show(table(clean))
    assert "orders" in capsys.readouterr().out


def test_rows_set_aside_are_counted_with_their_worth(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "retention.toml").write_text(
        '[project]\nname="x"\ncurrency="EUR"\nobserved_from=2024-01-01\ndata_cutoff=2026-01-01\n'
        '[tables]\ncustomers.path="data/c.csv"\norders.path="data/o.csv"\n'
    )
    ids = [f"c{i}" for i in range(30)]
    rows = "".join(f"{i},2024-02-01\n" for i in ids)
    (tmp_path / "data/c.csv").write_text("customer_id,acquired_on\n" + rows)
    orders = "".join(f"o{i},{c},2025-05-01,10.00\n" for i, c in enumerate(ids))
    orders += "o90,ghost,2025-05-01,123.45\no91,c1,not a day,1.00\n"
    (tmp_path / "data/o.csv").write_text("order_id,customer_id,ordered_on,amount\n" + orders)
    answer = data_quality(read_tables(Project.load(tmp_path)))
    row = answer.tables.loc["orders"]
    assert (row["rows"], row["set_aside"]) == (32, 2)
    assert row["money_set_aside"] == pytest.approx(124.45)
    assert answer.estimates()["rows_set_aside"].events == 2
    assert "2 were set aside" in answer.headline()
    assert len(answer.faults) >= 2


def test_same_customer_twice_is_found_and_never_merged():
    names = pd.DataFrame(
        {
            "name": [
                "Müller & Söhne GmbH", "SOEHNE MUELLER", "Sohne, Muller", "Adler Parts 17",
                "Adler Parts 18", "Hansa Logistics", "Hansa Logistic", "Hansa Logistik Süd", None,
            ],
            "region": ["n", "n", "n", "s", "s", "w", "w", "w", "w"],
        },
        index=[f"c{i}" for i in range(9)],
    )  # fmt: skip
    found = find_duplicates(names.dropna(subset=["name"]))
    pairs = {(row.first, row.second): row.kind for row in found.itertuples()}
    assert pairs[("c0", "c2")] == "exact"
    assert pairs[("c5", "c6")] == "fuzzy"
    assert ("c3", "c4") not in pairs  # the numbers differ
    apart = find_duplicates(names.loc[["c5", "c6"]].assign(region=["n", "s"]))
    assert apart.empty


@given(st.lists(st.text(max_size=25), max_size=25))
def test_any_names_can_be_compared(names):
    table = pd.DataFrame(
        {"name": pd.array(names, dtype="str")}, index=[f"c{i}" for i in range(len(names))]
    )
    found = find_duplicates(table)
    assert (found["first"] < found["second"]).all()
    for row in found[found["kind"] == "exact"].itertuples():
        assert name_key(table.loc[row.first, "name"]) == name_key(table.loc[row.second, "name"])


def test_tables_that_contradict_each_other():
    day = pd.Timestamp
    customers = pd.DataFrame(
        {"customer_id": [f"c{i}" for i in range(25)], "acquired_on": day("2024-05-01")}
    )
    orders = pd.DataFrame(
        {
            "order_id": ["1", "2", "3"],
            "customer_id": ["c1", "c2", "c2"],
            "ordered_on": [day("2024-04-01"), day("2025-08-01"), day("2025-02-01")],
            "amount": [1.0, 1.0, 1.0],
        }
    )
    exits = pd.DataFrame({"customer_id": ["c2"], "exited_on": [day("2025-07-01")]})
    window = Window(start=date(2024, 1, 1), cutoff=date(2026, 1, 1))
    frames = {"customers": customers, "orders": orders, "exits": exits}
    answer = data_quality(Tables.from_frames(frames, window=window))
    found = answer.conflicts["examples"].to_dict()
    assert found["ordered before being won as a customer"] == "c1"
    assert found["ordered after leaving and before coming back"] == "c2"
    assert any("contradict" in text for text in answer.cautions())
    assert any("No new rows" in text for text in answer.cautions())
