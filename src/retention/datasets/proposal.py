"""Look at the files of a folder and propose how they map, for the analyst to confirm.

Nothing is decided here: what is not certain (an encoding, an ambiguous date) is written as a
comment, and so is what was not found.
"""

from __future__ import annotations

import csv
import io
import itertools
import json
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from difflib import SequenceMatcher
from pathlib import Path

import pyarrow.parquet as pq

from retention.errors import DataError, ProjectError
from retention.project import TableSource
from retention.schemas import INPUT_TABLES, TableSchema

from .encodings import open_bytes, prove
from .sources import read_sheet

__all__ = ["propose_tables"]

_TEXT = (".csv", ".tsv", ".txt", ".gz")
_EXCEL = (".xlsx", ".xls", ".xlsm", ".xlsb", ".ods")
# Western text is often valid gb18030 by chance; Chinese text is refused as Western
_CANDIDATES = ("windows-1252", "latin-1", "gb18030")
_SAMPLE = 200
# what columns and tables are called elsewhere; compared without case, blanks and signs
_ALSO: Mapping[str, tuple[str, ...]] = {
    "customer_id": (
        "customer",
        "customerno",
        "custid",
        "clientid",
        "accountid",
        "masterid",
        "kundennr",
        "kundennummer",
        "kunde",
        "客户",
        "客户编号",
        "客户号",
    ),
    "acquired_on": (
        "customersince",
        "since",
        "signupdate",
        "joined",
        "seit",
        "kundeseit",
        "开户日期",
        "注册日期",
        "首次日期",
    ),
    "order_id": (
        "orderno",
        "invoice",
        "invoiceno",
        "transactionid",
        "auftragsnr",
        "auftrag",
        "bestellnr",
        "bestellnummer",
        "rechnungsnr",
        "订单号",
        "订单编号",
        "单号",
    ),
    "ordered_on": (
        "orderdate",
        "invoicedate",
        "date",
        "datum",
        "auftragsdatum",
        "bestelldatum",
        "rechnungsdatum",
        "日期",
        "订单日期",
        "下单日期",
    ),
    "amount": ("revenue", "sales", "total", "value", "netamount", "betrag", "umsatz", "金额"),
    "product": ("productline", "item", "sku", "produkt", "artikel", "产品", "商品"),
    "started_on": ("start", "startdate", "contractstart", "beginn", "vertragsbeginn", "开始日期"),
    "ended_on": ("end", "enddate", "contractend", "churndate", "ende", "vertragsende", "结束日期"),
    "price": ("fee", "monthlycharges", "monthlyfee", "preis", "价格"),
    "complaint_id": ("caseid", "ticketid", "case", "beschwerdenr", "投诉编号"),
    "opened_on": ("opened", "created", "createdon", "complaintdate", "eingang", "投诉日期"),
    "closed_on": ("closed", "resolvedon", "abgeschlossen", "结案日期"),
    "contact_id": ("contactno", "activityid", "kontaktnr", "联系编号"),
    "at": ("date", "contactdate", "datetime", "datum", "联系日期"),
    "response_id": ("respondent", "responseno", "antwortnr", "问卷编号"),
    "answered_on": ("answerdate", "surveydate", "datum", "date", "答卷日期"),
    "item": ("question", "frage", "题目"),
    "score": ("rating", "answer", "wert", "分数", "评分"),
    "name": ("customername", "company", "kundenname", "firma", "客户名称", "公司名称"),
    "segment": ("group", "customergroup", "kundengruppe", "客户类别", "客户类型", "细分市场"),
    "region": ("area", "territory", "gebiet", "地区", "区域"),
    "channel": ("kanal", "渠道"),
    "employee_id": ("employee", "agent", "staffid", "mitarbeiter", "员工编号"),
    "exited_on": ("exitdate", "leftdate", "churndate", "austritt", "流失日期"),
    "reason": ("churnreason", "grund", "原因"),
    "customers": ("clients", "accounts", "kunden", "客户"),
    "contracts": ("subscriptions", "vertraege", "verträge", "合同"),
    "orders": ("transactions", "sales", "invoices", "auftraege", "aufträge", "订单"),
    "complaints": ("cases", "tickets", "beschwerden", "投诉"),
    "contacts": ("activities", "visits", "kontakte", "联系"),
    "surveys": ("responses", "answers", "umfragen", "问卷"),
    "employees": ("staff", "mitarbeiter", "员工"),
}
_DATES = {
    "%d.%m.%Y": re.compile(r"\d{1,2}\.\d{1,2}\.\d{4}"),
    "%d/%m/%Y": re.compile(r"(1[3-9]|2\d|3[01])/\d{1,2}/\d{4}"),
    "%m/%d/%Y": re.compile(r"\d{1,2}/(1[3-9]|2\d|3[01])/\d{4}"),
    "%Y/%m/%d": re.compile(r"\d{4}/\d{1,2}/\d{1,2}"),
}


@dataclass
class _Look:
    """What a file shows at a glance."""

    path: Path
    columns: list[str]
    settings: dict[str, str] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    sample: list[dict[str, str]] = field(default_factory=list)


def propose_tables(folder: Path, root: Path) -> str:
    """Return sections of ``retention.toml`` for the files of a folder.

    Parameters
    ----------
    folder : Path
        Text, Excel and Parquet files, and subfolders of Parquet files.
    root : Path
        The project; paths are written relative to it where they lie in it.

    Returns
    -------
    str
        TOML, one section a table; what must be confirmed stands in comments.

    Raises
    ------
    ProjectError
        If the folder holds no file that can be read.
    """
    if not folder.is_dir():
        raise ProjectError(f"{folder} is no folder")
    looks, refused = [], []
    for path in sorted(folder.iterdir()):
        try:
            look = _look(path)
        except (DataError, OSError) as error:
            refused.append(f"# {path.name}: {error}")
            continue
        if look is not None:
            looks.append(look)
    if not looks:
        raise ProjectError(f"{folder} holds no text, Excel or Parquet file that can be read")
    sections = [_section(table, look, root) for table, look in _assign(looks)]
    used = {id(look) for _, look in _assign(looks)}
    spare = [f"# {look.path.name}: like no table" for look in looks if id(look) not in used]
    return "\n".join([*sections, *spare, *refused]) + "\n"


def _look(path: Path) -> _Look | None:
    suffix = path.suffix.lower()
    if path.is_dir():
        parts = sorted(path.rglob("*.parquet"))
        return _Look(path, list(pq.read_schema(parts[0]).names)) if parts else None
    if suffix in (".parquet", ".pq"):
        try:
            return _Look(path, list(pq.read_schema(path).names))
        except (OSError, ValueError) as error:
            raise DataError(f"no readable Parquet file: {error}") from error
    if suffix in _EXCEL:
        table = read_sheet(path, TableSource(table="customers", format="excel"))
        rows = [{k: str(v) for k, v in row.items()} for row in table.slice(0, _SAMPLE).to_pylist()]
        return _Look(path, table.column_names, sample=rows)
    return _look_at_text(path) if suffix in _TEXT else None


def _look_at_text(path: Path) -> _Look:
    encoding, notes = "", []
    try:
        proof = prove(path, path.stem)
    except DataError:
        proven = [name for name in _CANDIDATES if _proves(path, name)]
        if not proven:
            raise
        encoding = proven[0]
        listed = ", ".join(proven)
        notes.append(f'encoding = "{encoding}"  # confirm: not UTF-8; the bytes fit {listed}')
        proof = prove(path, path.stem, encoding)
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=proof.encoding, newline="") as t:
        lines = list(itertools.islice(t, _SAMPLE + 1))
    if not lines:
        raise DataError("is empty")
    sign = max((",", ";", "\t", "|"), key=lambda s: len(next(csv.reader([lines[0]], delimiter=s))))
    rows = list(csv.reader(lines, delimiter=sign))
    columns = [name.strip() for name in rows[0]]
    sample = [dict(zip(columns, row, strict=False)) for row in rows[1:]]
    look = _Look(path, columns, notes=notes, sample=sample)
    if sign != ",":
        look.settings["delimiter"] = sign
    cells = [cell.strip() for row in rows[1:] for cell in row]
    if any(re.fullmatch(r"-?\d{1,3}(\.?\d{3})*,\d{1,2}", cell) for cell in cells):
        look.settings["decimal"] = ","
    return look


def _proves(path: Path, encoding: str) -> bool:
    try:
        prove(path, path.stem, encoding)
    except DataError:
        return False
    return True


def _plain(name: str) -> str:
    return re.sub(r"[\W_]+", "", name.casefold())


def _likeness(ours: str, theirs: str) -> float:
    """Return 1 for the same name, 0.9 for one known to mean it, less for a similar one."""
    found = _plain(theirs)
    if found == _plain(ours):
        return 1.0
    if found in _ALSO.get(ours, ()):
        return 0.9
    close = SequenceMatcher(None, _plain(ours), found).ratio()
    return close if close >= 0.85 else 0.0


def _matches(schema: TableSchema, columns: Iterable[str]) -> dict[str, str]:
    """Return our column -> their column, the likest first, each used once."""
    pairs = sorted(
        (
            (-_likeness(name, column), position, name, column)
            for position, name in enumerate(schema.names)
            for column in columns
            if _likeness(name, column)
        ),
    )
    found: dict[str, str] = {}
    for _, _, name, column in pairs:
        if name not in found and column not in found.values():
            found[name] = column
    return found


def _score(table: str, look: _Look) -> float:
    schema = INPUT_TABLES[table]
    found = _matches(schema, look.columns)
    share = sum(name in found for name in schema.required) / len(schema.required)
    if share < 0.5:
        return 0.0
    stem = look.path.name.split(".")[0]
    named = 1.0 if _likeness(table, stem) or _plain(table) in _plain(stem) else 0.0
    return share + named + 0.05 * len(found)


def _assign(looks: list[_Look]) -> list[tuple[str, _Look]]:
    """Give each table the file that is likest, each file used once."""
    ranked = sorted(
        ((_score(table, look), table, n) for table in INPUT_TABLES for n, look in enumerate(looks)),
        key=lambda entry: (-entry[0], entry[2], entry[1]),
    )
    tables: dict[str, int] = {}
    for score, table, n in ranked:
        if score > 0 and table not in tables and n not in tables.values():
            tables[table] = n
    return [(table, looks[tables[table]]) for table in INPUT_TABLES if table in tables]


def _section(table: str, look: _Look, root: Path) -> str:
    schema = INPUT_TABLES[table]
    found = _matches(schema, look.columns)
    path = look.path.resolve()
    inside = path.is_relative_to(root.resolve())
    shown = path.relative_to(root.resolve()) if inside else path
    lines = [f"[tables.{table}]", f"path = {_quoted(shown.as_posix())}"]
    lines += [f"{key} = {_quoted(value)}" for key, value in look.settings.items()]
    lines += [f"# {note}" for note in look.notes]
    lines += _date_lines(schema, look, found)
    for name in schema.required:
        if name not in found:
            lines.append(f"# MISSING: which column is {name} ({schema[name].description})?")
    if spare := [column for column in look.columns if column not in found.values()]:
        lines.append(f"# not used; name those to group by: keep = {_quoted(spare)}")
    renamed = {name: column for name, column in found.items() if name != column}
    if renamed:
        lines.append(f"[tables.{table}.columns]  # confirm: ours = theirs")
        lines += [f"{name} = {_quoted(column)}" for name, column in renamed.items()]
    return "\n".join(lines) + "\n"


def _date_lines(schema: TableSchema, look: _Look, found: Mapping[str, str]) -> list[str]:
    days = [column for name, column in found.items() if schema[name].kind == "date"]
    cells = [row.get(column, "").strip() for row in look.sample for column in days]
    for pattern, shape in _DATES.items():
        if any(shape.fullmatch(cell) for cell in cells):
            return [f"date_format = {_quoted(pattern)}"]
    if any(re.fullmatch(r"\d{1,2}/\d{1,2}/\d{4}", cell) for cell in cells):
        return ['# date_format = "%d/%m/%Y" or "%m/%d/%Y"?  # confirm: the first rows fit both']
    return []


def _quoted(value: str | list[str]) -> str:
    return json.dumps(value, ensure_ascii=False)
