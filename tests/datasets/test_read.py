"""A project's tables from files."""

from datetime import date
from pathlib import Path

import pandas as pd
import pytest

from retention.datasets import read_tables
from retention.errors import ParameterError, ProjectError, SchemaError
from retention.project import Project

HEAD = """
[project]
name = "Shop"
currency = "EUR"
zone = "Europe/Berlin"
observed_from = 2024-01-01
data_cutoff = 2024-06-15
"""


def project(folder: Path, tables: str) -> Project:
    (folder / "retention.toml").write_text(HEAD + tables, encoding="utf-8")
    return Project.load(folder)


def test_csv_is_mapped_checked_and_set_aside(tmp_path):
    (tmp_path / "kunden.csv").write_text(
        "Kundennr;Seit;Art\n007;2024-01-02;Tel\n008;2024-02-31;Web\n009;2024-02-01;\n"
        "009;2024-02-01;\n",
        encoding="utf-8",
    )
    tables = read_tables(
        project(
            tmp_path,
            """
[tables.customers]
path = "kunden.csv"
delimiter = ";"
[tables.customers.columns]
customer_id = "Kundennr"
acquired_on = "Seit"
channel = "Art"
[tables.customers.values.channel]
Tel = "telephone"
""",
        )
    )
    assert tables.window.cutoff == date(2024, 6, 1)
    frame = tables.query("select customer_id, channel from customers order by 1")
    assert list(frame.customer_id) == ["007", "009"]
    assert frame.channel[0] == "telephone"
    check = tables.check.tables["customers"]
    assert (check.rows, check.used, check.set_aside) == (4, 2, 2)
    aside = pd.read_csv(tmp_path / "data/set_aside/customers.csv", dtype=str)
    assert set(aside.failed_rules) == {"acquired_on_is_date", "key_repeated"}


def test_parquet_folder_and_period(tmp_path):
    (tmp_path / "customers").mkdir()
    for part, day in enumerate(["2024-01-01", "2024-05-01"]):
        frame = pd.DataFrame({"customer_id": [f"c{part}"], "acquired_on": [day]})
        frame.to_parquet(tmp_path / "customers" / f"{part}.parquet")
    shop = project(tmp_path, '[tables.customers]\npath = "customers"\n')
    assert read_tables(shop).query("select count(*) as n from customers").n[0] == 2
    assert read_tables(shop, "2024-04").query("select count(*) as n from customers").n[0] == 1
    with pytest.raises(ParameterError, match="data are known only before 2024-06-15"):
        read_tables(shop, "2024-06")


def test_missing_file_and_missing_column(tmp_path):
    with pytest.raises(ProjectError, match="no such file"):
        read_tables(project(tmp_path, '[tables.customers]\npath = "none.csv"\n'))
    (tmp_path / "c.csv").write_text("customer_id,when\na,2024-01-01\n")
    with pytest.raises(SchemaError, match="missing column: acquired_on"):
        read_tables(project(tmp_path, '[tables.customers]\npath = "c.csv"\n'))


def test_unknown_keys_name_the_nearest(tmp_path):
    with pytest.raises(ProjectError, match="did you mean 'delimiter'"):
        project(tmp_path, '[tables.customers]\npath = "c.csv"\ndelimeter = ";"\n')
    with pytest.raises(ProjectError, match="did you mean 'customers'"):
        project(tmp_path, '[tables.costumers]\npath = "c.csv"\n')
    with pytest.raises(ProjectError, match="did you mean 'goal'"):
        project(tmp_path, "[programmes.rebate]\ngaol = 0.03\n")


def test_goals_of_programmes_are_read_and_checked(tmp_path):
    (tmp_path / "c.csv").write_text("customer_id,acquired_on\na,2024-01-01\n")
    said = project(
        tmp_path,
        '[tables.customers]\npath = "c.csv"\n[programmes.rebate]\ngoal = 0.03\n'
        'eligible = { segment = ["key account"] }\n',
    )
    assert read_tables(said).programmes["rebate"]["goal"] == 0.03
    assert read_tables(said).as_of(date(2024, 3, 1)).programmes == read_tables(said).programmes
    for text, fault in (
        ("goal = 3", "goal must be a share"),
        ('goal = "3"', "goal must be a number"),
        ("cost = -1", "cost must be 0 or more"),
        ('eligible = { segment = "key account" }', "must be a list of texts"),
        ('eligible = "key account"', "eligible must be such as"),
    ):
        with pytest.raises(ProjectError, match=fault):
            project(tmp_path, f"[programmes.rebate]\n{text}\n")
