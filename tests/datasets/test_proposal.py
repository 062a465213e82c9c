"""`retention init --from`: a mapping proposed from files as companies have them."""

import gzip
import tomllib

import pandas as pd
import pytest
from click.testing import CliRunner

from retention.cli import main
from retention.datasets import propose_tables, read_tables
from retention.errors import ProjectError
from retention.project import Project


@pytest.fixture
def files(tmp_path):
    folder = tmp_path / "export"
    folder.mkdir()
    (folder / "Kunden.csv").write_text(
        "Kundennummer;Kunde seit;Gebiet;Tarif\n0071;31.01.2024;Süd;A\n0072;29.02.2024;Nord;B\n",
        encoding="utf-8",
    )
    with gzip.open(folder / "订单.csv.gz", "wb") as file:
        file.write("订单号,客户编号,订单日期,金额\n1,0071,2024-03-01,5.5\n".encode("gb18030"))
    pd.DataFrame({"customer_id": ["0071"], "start_date": ["2024-01-31"], "fee": [9.5]}).to_excel(
        folder / "contracts 2024.xlsx", index=False, engine="xlsxwriter"
    )
    pd.DataFrame({"a": [1]}).to_parquet(folder / "other.parquet")
    (folder / "broken.parquet").write_bytes(b"nothing")
    (folder / "notes.docx").write_bytes(b"nothing")
    return folder


def test_proposal(files, tmp_path):
    text = propose_tables(files, tmp_path)
    tables = tomllib.loads(text)["tables"]
    assert set(tables) == {"customers", "orders", "contracts"}
    customers = tables["customers"]
    assert customers["path"] == "export/Kunden.csv"
    assert (customers["delimiter"], customers["date_format"]) == (";", "%d.%m.%Y")
    assert customers["columns"]["acquired_on"] == "Kunde seit"
    assert 'keep = ["Tarif"]' in text
    assert tables["orders"]["columns"] == {
        "order_id": "订单号",
        "customer_id": "客户编号",
        "ordered_on": "订单日期",
        "amount": "金额",
    }
    assert "encoding" not in tables["orders"]  # proposed, not decided
    assert '# encoding = "gb18030"  # confirm' in text
    assert tables["contracts"]["columns"] == {"started_on": "start_date", "price": "fee"}
    assert "# other.parquet: like no table" in text
    assert "# broken.parquet: " in text


def test_western_text_that_is_valid_chinese_by_chance_is_proposed_as_western(tmp_path):
    text = "Bestellnr;Kunde;Bestelldatum;Betrag;Produkt\n1;a;01.02.2024;5,00;Lager größer\n"
    text.encode("cp1252").decode("gb18030")  # so it is
    (tmp_path / "Aufträge.csv").write_bytes(text.encode("cp1252"))
    said = propose_tables(tmp_path, tmp_path)
    assert '# encoding = "windows-1252"  # confirm: not UTF-8; the bytes fit' in said
    assert "MISSING" not in said
    assert "gb18030" in said


def test_what_is_missing_or_ambiguous_is_asked(tmp_path):
    (tmp_path / "customers.csv").write_text("customer_id,when\na,01/02/2024\n")
    text = propose_tables(tmp_path, tmp_path)
    assert "# MISSING: which column is acquired_on" in text
    (tmp_path / "customers.csv").write_text("customer_id,acquired_on\na,01/02/2024\n")
    assert "confirm: the first rows fit both" in propose_tables(tmp_path, tmp_path)
    with pytest.raises(ProjectError, match="holds no text"):
        propose_tables(_empty(tmp_path), tmp_path)


def _empty(folder):
    (folder / "empty").mkdir()
    return folder / "empty"


def test_from_files_to_tables_in_three_steps(files, tmp_path):
    shop = tmp_path / "shop"
    done = CliRunner().invoke(main, ["init", str(shop), "--from", str(files)])
    assert done.exit_code == 0, done.output
    toml = (shop / "retention.toml").read_text(encoding="utf-8")
    assert "confirm every line" in toml
    confirmed = toml.replace('# encoding = "gb18030"', 'encoding = "gb18030"')
    (shop / "retention.toml").write_text(confirmed, encoding="utf-8")
    tables = read_tables(Project.load(shop))
    joined = tables.query("select count(*) as n from orders join customers using (customer_id)")
    assert joined.n[0] == 1
    assert tables.query("select price from contracts").price[0] == 9.5
