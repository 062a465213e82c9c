"""The register in a project: in every report, and on the command line."""

from __future__ import annotations

import csv
import io
import json

import pandas as pd
import pytest
from click.testing import CliRunner

from retention.cli import main
from retention.datasets import simulate_company
from retention.project import Project
from retention.reports.register import commands, read_register, write_register
from retention.window import Period

TOML = """
[project]
name = "Shop <b>& Sons</b>"
currency = "EUR"
observed_from = 2021-11-01
data_cutoff = 2026-11-01

[tables]
customers.path = "data/customers.parquet"
orders.path = "data/orders.parquet"
contracts.path = "data/contracts.parquet"
contacts.path = "data/contacts.parquet"
complaints.path = "data/complaints.parquet"
employees.path = "data/employees.parquet"

[parameters.customer_value]
measure = "margin"
margin_share = 0.45
"""


@pytest.fixture(scope="module")
def root(tmp_path_factory):
    folder = tmp_path_factory.mktemp("shop")
    (folder / "data").mkdir()
    (folder / "retention.toml").write_text(TOML, encoding="utf-8")
    made = simulate_company(150, seed=3, history=False)
    for name in ("customers", "orders", "contracts", "contacts", "complaints", "employees"):
        made.tables[name].to_parquet(folder / "data" / f"{name}.parquet")
    return folder


@pytest.fixture(scope="module", autouse=True)
def read_once(root):
    """Commands of this module read the same company; it is read once for all of them."""
    kept: dict[object, object] = {}
    patch = pytest.MonkeyPatch()

    def read(project, period=None):
        key = (project.root, period)
        if key not in kept:
            kept[key] = read_register(project, period)
        return kept[key]

    patch.setattr(commands, "read_register", read)
    yield
    patch.undo()


def call(root, *arguments):
    return CliRunner().invoke(main, [arguments[0], "-C", str(root), *arguments[1:]])


def test_report_gets_page_and_table(root, tmp_path):
    assert write_register(
        Project.load(root), Period.parse("2026-09"), tmp_path, made_with={"en": "here"}
    )
    page = (tmp_path / "customers.html").read_text(encoding="utf-8")
    assert "Customers: Shop &lt;b&gt;&amp; Sons&lt;/b&gt;, 2026-09" in page
    assert "Value is margin" in page
    table = (tmp_path / "customers.csv").read_text(encoding="utf-8-sig")
    rows = list(csv.DictReader(io.StringIO(table)))
    # customers won after the period are not known at its end
    assert 100 < len(rows) < 150
    assert max(row["acquired_on"] for row in rows) < "2026-10-01"


def test_settings_are_those_of_the_notebook(root):
    register = read_register(Project.load(root))
    margin = register.customers["margin"]
    assert register.customers["value"].equals(margin)
    assert margin.sum() < 0.7 * register.customers["revenue"].sum()


def test_commands_list_and_ask(root):
    shown = call(root, "customers", "--limit", "3")
    assert shown.exit_code == 0, shown.output
    assert len(shown.output.splitlines()) == 5
    asked = call(root, "customers", "--question", "due_for_contact", "--to", "json")
    rows = json.loads(asked.output)
    assert all(row["days_since_contact"] >= 90 for row in rows)
    more = call(
        root, "customers", "--question", "due_for_contact", "--set", "days_since_contact=1",
        "--to", "csv",
    )  # fmt: skip
    assert len(list(csv.DictReader(io.StringIO(more.output)))) > len(rows)
    listed = call(root, "customers", "--questions")
    assert "large_with_complaints" in listed.output
    assert "captive_dissatisfied" not in listed.output  # no surveys, no bonds


def test_one_customer(root):
    best = json.loads(call(root, "customers", "--class", "A", "--to", "json").output)[0]
    sheet = call(root, "customer", best["customer_id"])
    assert sheet.exit_code == 0, sheet.output
    assert best["name"] in sheet.output
    masked = call(root, "customer", best["customer_id"], "--role", "analyst")
    assert best["name"] not in masked.output
    assert "Latest events" in masked.output


def test_workbook(root, tmp_path):
    path = tmp_path / "a.xlsx"
    done = call(root, "customers", "--class", "A", "--to", "xlsx", "-o", str(path))
    assert done.exit_code == 0, done.output
    assert path.stat().st_size > 5000


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["customers", "--question", "nonsense"], "no question"),
        (["customers", "--sort", "charm"], "no column"),
        (["customers", "--set", "complaints", "--question", "silent"], "COLUMN=VALUE"),
        (["customers", "--at-risk", "--question", "silent"], "one question"),
        (["customers", "--to", "xlsx"], "needs a name"),
        (["customer", "nobody"], "no customer"),
    ],
)
def test_what_cannot_be_asked_is_told(root, arguments, message):
    done = call(root, *arguments)
    assert done.exit_code == 2
    assert message in done.output


def test_role_of_the_project_masks_the_report(root, tmp_path):
    text = (root / "retention.toml").read_text(encoding="utf-8")
    masked = tmp_path / "masked"
    masked.mkdir()
    (masked / "data").symlink_to(root / "data")
    (masked / "retention.toml").write_text(text + '\n[privacy]\nrole = "analyst"\n')
    report = tmp_path / "report"
    report.mkdir()
    write_register(Project.load(masked), Period.parse("2026-10"), report)
    names = pd.read_parquet(root / "data" / "customers.parquet")["name"]
    page = (report / "customers.html").read_text(encoding="utf-8")
    table = (report / "customers.csv").read_text(encoding="utf-8")
    assert not any(name in page or name in table for name in names)
