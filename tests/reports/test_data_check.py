"""`retention check` on good, dirty and hopeless projects."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner

from retention.cli import main

HEAD = """
[project]
name = "Shop <&>"
currency = "EUR"
observed_from = 2024-01-01
data_cutoff = 2025-01-01
[tables.customers]
path = "customers.csv"
[tables.orders]
path = "orders.csv"
"""


@pytest.fixture
def shop(tmp_path) -> Path:
    (tmp_path / "retention.toml").write_text(HEAD)
    (tmp_path / "customers.csv").write_text("customer_id,acquired_on\na,2024-01-01\nb,2024-03-01\n")
    (tmp_path / "orders.csv").write_text(
        "order_id,customer_id,ordered_on,amount\n1,a,2024-02-01,10.50\n2,b,2024-04-01,20\n"
    )
    return tmp_path


def run(folder, *options):
    return CliRunner().invoke(main, ["check", "--project", str(folder), *options])


def test_a_clean_project(shop):
    result = run(shop)
    assert result.exit_code == 0, result.output
    assert "orders: 2 rows, 2 used\n" in result.output
    page = (shop / "data/check.html").read_text(encoding="utf-8")
    assert "Every rule holds" in page
    assert "Shop &lt;&amp;&gt;" in page
    assert "http://" not in page
    assert "https://" not in page
    assert not (shop / "data/set_aside").exists()


def test_dirt_is_counted_in_rows_customers_and_money(shop):
    (shop / "orders.csv").write_text(
        "order_id,customer_id,ordered_on,amount\n1,a,2024-02-01,10.50\n2,b,2024-01-01,20\n"
        "3,ghost,2024-02-01,7.25\n4,a,2025-01-01,3\n"
    )
    result = run(shop)
    assert result.exit_code == 0
    assert "orders: 4 rows, 2 used, 2 set aside (2 customers, 10.25 EUR of amount)" in result.output
    assert (
        "warning: ordered_on before acquired_on of the customer in 1 of 4 rows (order_id 2)"
        in result.output
    )
    saved = json.loads((shop / "data/check.json").read_text())
    faults = {fault["rule"]: fault for fault in saved["tables"]["orders"]["faults"]}
    assert faults["customer_id_in_customers"]["ids"] == ["3"]
    assert faults["ordered_on_in_the_future"]["rows"] == 1
    assert run(shop, "--strict").exit_code == 3


def test_every_hopeless_table_is_named_at_once(shop):
    (shop / "customers.csv").write_text("id,acquired_on\na,2024-01-01\n")
    (shop / "orders.csv").write_text("order_id,customer_id,ordered_on,amount\n")
    result = run(shop)
    assert result.exit_code == 3
    assert "customers: cannot be used" in result.output
    assert "missing column: customer_id (the source has: id, acquired_on)" in result.output
    assert "orders: cannot be used" in result.output
    assert json.loads((shop / "data/check.json").read_text())["usable"] is False


def test_a_fault_of_the_project_file_is_usage(shop):
    (shop / "retention.toml").write_text(HEAD.replace("currency", "curency"))
    result = run(shop)
    assert result.exit_code == 2
    assert "did you mean 'currency'" in result.output


def test_what_was_mended_is_not_reported_again(shop):
    good = (shop / "orders.csv").read_text()
    (shop / "orders.csv").write_text(good + "3,ghost,2024-02-01,7.25\n")
    run(shop)
    assert (shop / "data/set_aside/orders.csv").exists()
    (shop / "orders.csv").write_text(good)
    run(shop)
    assert not (shop / "data/set_aside/orders.csv").exists()
