"""The register as page, spreadsheet and text: complete, the same every time, and safe."""

from __future__ import annotations

import csv
import io
import json
import re

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.analyses import customer_register
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import GateError, ParameterError
from retention.exhibits import safe_text
from retention.reports.register import (
    customer_sheet,
    list_customers,
    register_csv,
    render_register,
    write_register_workbook,
)
from retention.reports.register.sheet import visible
from retention.reports.register.terminal import choose_customers
from retention.wording import phrases_in

HOSTILE = (
    "<script>alert(1)</script>",
    "</script><img src=x onerror=alert(1)>",
    "=cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "+1+1",
    "-2+3",
    "\t=1+1",
    "\u202e=1+1\u202c evil",
    "＝1+1",
    "\u202egnp.exe",
    "Łódź 株式会社 🏭 شركة",
    "x" * 300,
    'quote " and, comma; semi',
    "line\nbreak\u2028and\u2029more",
    "{{ 7 * 7 }} ${7*7} <!-- --> ]]>",
    "null",
    "\\u003cb\\u003e",
    "' or 1=1 --",
)


@pytest.fixture(scope="module")
def register():
    made = simulate_company(120, seed=3, history=False)
    tables = made.tables
    names = tables["customers"]["name"].tolist()
    names[: len(HOSTILE)] = HOSTILE
    tables["customers"]["name"] = names
    return customer_register(Tables.from_frames(tables, window=made.window))


def islands(page: str) -> list[dict]:
    found = re.findall(r'<script type="application/json" id="\w+">(.*?)</script>', page, re.DOTALL)
    return [json.loads(text) for text in found]


@pytest.fixture(scope="module")
def page(register):
    return render_register(register, title="Customers: <b>Shop</b>")


def test_page_holds_every_value_of_the_register(register, page):
    data, sheets = islands(page)
    assert data["data"]["count"] == 120
    for column, values in zip(data["columns"], data["data"]["values"], strict=True):
        if column["name"] == "customer_id":
            continue
        stored = register.customers[column["name"]]
        if column["kind"] == "text":
            read = [values["d"][i] if i >= 0 else None for i in values["i"]]
            assert read == [None if pd.isna(v) else v for v in stored]
        elif column["kind"] == "money":
            read = pd.Series(values, index=stored.index, dtype=float)
            pd.testing.assert_series_equal(
                read, stored.astype(float), check_names=False, atol=0.006
            )
    assert len(sheets["events"]) == 120
    assert {q["name"] for q in data["questions"]} == {q.name for q in register.questions}


def test_no_name_becomes_markup(page):
    outside = re.sub(r"<script[^>]*>.*?</script>", "", page, flags=re.DOTALL)
    assert "onerror" not in outside
    assert "<b>Shop</b>" not in page
    for island in re.findall(r'<script type="application/json".*?</script>', page, re.DOTALL):
        assert island.count("<") == 2  # its own two tags
        assert "\u2028" not in island


def test_page_asks_for_nothing_and_names_its_script(page):
    policy = re.search(r'Content-Security-Policy" content="([^"]+)"', page)[1]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert not re.search(r"(?:src|href)=[\"'](?!#)", page.split('id="data"')[0])
    assert "innerHTML" not in page.split("<script>")[1]


def test_same_register_gives_the_same_bytes(register, page):
    assert render_register(register, title="Customers: <b>Shop</b>") == page


def test_a_page_that_would_be_too_large_holds_the_largest_customers_and_says_so(register, page):
    weight = len(page.encode())
    brief = render_register(register, title="Customers", max_bytes=weight - 5_000)
    data, sheets = islands(brief)
    assert data["data"]["count"] == 120  # shorter sheets are enough
    assert max(map(len, sheets["events"])) <= 3
    assert "This page holds" not in brief
    limit = weight // 2
    small = render_register(register, title="Customers", max_bytes=limit)
    assert 0.8 * limit < len(small.encode()) <= limit
    data, sheets = islands(small)
    count = data["data"]["count"]
    assert len(sheets["events"]) == count
    names = [column["name"] for column in data["columns"]]
    shown = data["data"]["values"][names.index("customer_id")]["d"]
    ranked = register.customers.sort_values("value", ascending=False, kind="stable")
    assert set(shown) == set(ranked.index[:count])
    assert f"This page holds {count} of 120 customers, those of the largest value" in small
    chinese = render_register(register, title="客户", max_bytes=limit, phrases=phrases_in("zh"))
    assert re.search(r"本页含 120 位客户中价值最高的 \d+ 位", chinese)
    with pytest.raises(GateError, match="hold no customer"):
        render_register(register, title="Customers", max_bytes=1_000)


def test_analyst_gets_a_page_in_which_no_name_was_ever_written(register):
    masked = render_register(register, title="Customers", role="analyst")
    assert "株式会社" not in masked
    assert not any(name[:40] in masked for name in register.customers["name"][20:])
    with pytest.raises(ParameterError, match="role"):
        render_register(register, title="Customers", role="guest")


FORMULA = re.compile(r"^[\s\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*[=+\-@|%＝＋－＠]")


@given(st.text(max_size=40))
def test_no_text_can_become_a_formula(text):
    safe = safe_text(text)
    assert not FORMULA.match(safe)
    assert safe[:1] not in ("\t", "\r", "\n")
    assert not set(safe) & {chr(c) for c in range(32)} - set("\t\n\r")


def test_csv_holds_every_customer_and_no_formula(register):
    rows = list(csv.DictReader(io.StringIO(register_csv(register).removeprefix("\ufeff"))))
    assert len(rows) == 120
    assert not any(FORMULA.match(row["name"]) for row in rows)
    assert rows[2]["name"] == "'=cmd|' /C calc'!A0"
    for row, value in zip(rows, register.customers["value"], strict=True):
        assert float(row["value"]) == pytest.approx(value)


def test_workbook_holds_texts_and_numbers_and_no_formula(register, tmp_path):
    from zipfile import ZipFile

    from python_calamine import load_workbook

    path = tmp_path / "customers.xlsx"
    write_register_workbook(register, path)
    sheet = load_workbook(str(path)).get_sheet_by_name("customers").to_python()
    assert len(sheet) == 121
    names = [row[1] for row in sheet[1:]]
    assert names[2] == HOSTILE[2]
    with ZipFile(path) as archive:
        parts = [archive.read(name).decode() for name in archive.namelist() if "sheet" in name]
    assert not any("<f>" in part or "<hyperlink" in part for part in parts)


@pytest.mark.parametrize("name", HOSTILE)
def test_terminal_obeys_no_name(register, name):
    customer = register.customers.index[register.customers["name"] == name][0]
    lines = "\n".join(customer_sheet(register, customer))
    assert visible(lines.replace("\n", "")) == lines.replace("\n", "")


def test_sheet_tells_everything_of_one_customer(register):
    customer = register.customers["value"].idxmax()
    text = "\n".join(customer_sheet(register, customer))
    for heading in ("Value", "Trade", "Preferences", "Payment", "Complaints", "Latest events"):
        assert heading in text
    with pytest.raises(ParameterError, match="no customer"):
        customer_sheet(register, "nobody")


def test_list_is_chosen_sorted_and_cut(register):
    chosen = choose_customers(register, value_class="a", sort="orders")
    assert (chosen.customers["value_class"] == "A").all()
    assert chosen.customers["orders"].is_monotonic_decreasing
    text = list_customers(chosen, "table", limit=3)
    assert len(text.splitlines()) == 5
    rows = json.loads(list_customers(chosen, "json"))
    assert [row["customer_id"] for row in rows] == list(chosen.customers.index)
    assert len(choose_customers(register, search="株式会社").customers) == 1
    usual = choose_customers(register, question="due_for_contact")
    longer = choose_customers(
        register, question="due_for_contact", values={"days_since_contact": "0"}
    )
    assert set(usual.customers.index) < set(longer.customers.index)


def test_what_cannot_be_listed_is_refused(register, tmp_path):
    with pytest.raises(ParameterError, match="no column"):
        choose_customers(register, sort="charm")
    with pytest.raises(ParameterError, match="needs a name"):
        list_customers(register, "xlsx")
    with pytest.raises(ParameterError, match="table, csv"):
        list_customers(register, "pdf")
    path = tmp_path / "c.csv"
    assert "120 customers" in list_customers(register, "csv", path)
    assert path.read_bytes().startswith(b"\xef\xbb\xbfcustomer_id,name")
