"""Known totals of two real companies, through the whole way from file to feature.

CDNOW (Fader and Hardie) and Online Retail II 2009-2010 (UCI 502); the totals are those printed in
``docs/data.md`` and in the published BG/NBD tables.
"""

from __future__ import annotations

from datetime import date

import pandas as pd
import pytest

from retention.datasets import read_tables
from retention.engine import Tables
from retention.features import build_inactivity
from retention.project import Project
from retention.window import Window

CDNOW = """
[project]
name = "CDNOW"
currency = "USD"
observed_from = 1997-01-01
data_cutoff = 1998-07-01
[tables.customers]
path = "customers.csv"
[tables.orders]
path = "{path}"
[tables.orders.columns]
ordered_on = "date"
amount = "{amount}"
{customer}
"""
RETAIL = """
[project]
name = "Online Retail"
currency = "GBP"
observed_from = 2009-12-01
data_cutoff = 2010-12-10
[tables.orders]
path = "lines.parquet"
[tables.orders.columns]
order_id = "line"
customer_id = "CustomerID"
ordered_on = "InvoiceDate"
amount = "amount"
"""
REPEATS = """
with days as (
  select customer_id, ordered_on from orders
  where ordered_on < DATE '1997-10-01' group by customer_id, ordered_on
),
counts as (select customer_id, count(*) - 1 as repeats from days group by customer_id)
select count(*) as customers, sum(repeats) as repeat_days,
  sum(case when repeats > 0 then 1 else 0 end) as repeaters from counts
"""


def _cdnow(folder, real_data, file, customer, amount) -> Tables:
    frame = pd.read_csv(real_data / file, dtype=str)
    frame.insert(0, "order_id", [str(n) for n in range(len(frame))])
    frame.to_csv(folder / "orders.csv", index=False)
    first = frame.groupby(customer)["date"].min().reset_index()
    first.columns = ["customer_id", "acquired_on"]
    first.to_csv(folder / "customers.csv", index=False)
    mapped = "" if customer == "customer_id" else f'customer_id = "{customer}"'
    text = CDNOW.format(path="orders.csv", amount=amount, customer=mapped)
    (folder / "retention.toml").write_text(text)
    return read_tables(Project.load(folder))


def test_cdnow_master(tmp_path, real_data):
    tables = _cdnow(tmp_path, real_data, "cdnow_master.csv.gz", "customer_id", "dollar_value")
    check = tables.check.tables["orders"]
    assert (check.rows, check.set_aside) == (69_659, 0)
    total = tables.query("select sum(amount) as total from orders").total[0]
    assert round(total, 2) == 2_500_315.63
    days = "select count(*) as n from (select customer_id, ordered_on from orders group by all)"
    assert tables.query(days).n[0] == 67_591
    found = tables.query(REPEATS).iloc[0]
    assert found.tolist() == [23_570, 24_337, 9_451]
    # purchases of nothing (80 rows) are no purchases to the features
    assert len(build_inactivity(tables)) < 23_570


def test_cdnow_sample(tmp_path, real_data):
    tables = _cdnow(tmp_path, real_data, "cdnow_sample.csv.gz", "masterid", "sales")
    assert tables.query(REPEATS).iloc[0].tolist() == [2_357, 2_457, 946]


def test_cdnow_is_the_same_from_pandas_and_from_files(tmp_path, real_data):
    there = _cdnow(tmp_path, real_data, "cdnow_sample.csv.gz", "masterid", "sales")
    frame = pd.read_csv(tmp_path / "orders.csv", dtype={"masterid": str, "order_id": str})
    frame = frame.rename(columns={"masterid": "customer_id", "date": "ordered_on"})
    frame = frame.rename(columns={"sales": "amount"})[
        ["order_id", "customer_id", "ordered_on", "amount"]
    ]
    window = Window(start=date(1997, 1, 1), cutoff=date(1998, 7, 1))
    here = Tables.from_frames({"orders": frame}, window=window)
    pd.testing.assert_frame_equal(build_inactivity(here), build_inactivity(there))


@pytest.fixture(scope="module")
def retail(tmp_path_factory, real_data):
    folder = tmp_path_factory.mktemp("retail")
    lines = pd.read_parquet(real_data / "online_retail_2009_2010.parquet")
    lines.insert(0, "line", range(len(lines)))
    lines["amount"] = (lines["Quantity"] * lines["UnitPrice"]).round(2)
    lines[["line", "InvoiceNo", "CustomerID", "InvoiceDate", "amount"]].to_parquet(
        folder / "lines.parquet"
    )
    (folder / "retention.toml").write_text(RETAIL)
    return read_tables(Project.load(folder), "2010-11"), lines


def test_online_retail_loses_no_row(retail):
    tables, lines = retail
    check = tables.check.tables["orders"]
    assert check.rows == 525_461 == check.used + check.set_aside
    faults = {fault.rule: fault.rows for fault in check.errors}
    assert faults == {"customer_id_present": 107_927}
    assert check.set_aside == 107_927
    used = tables._base.engine.rows("select cast(sum(amount) as double) from base.orders")[0][0]
    assert round(abs(used + check.money - 9_539_484.63), 2) <= 0.01
    assert int(lines["InvoiceNo"].astype(str).str.startswith("C").sum()) == 10_206


def test_online_retail_ids_read_as_whole_numbers(retail):
    tables, lines = retail
    ids = tables.query("select distinct customer_id from orders order by 1").customer_id
    assert ids.str.fullmatch(r"\d{5}").all()
    assert lines["CustomerID"].nunique() == 4_383
