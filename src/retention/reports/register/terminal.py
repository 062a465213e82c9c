"""The register on the terminal: chosen, sorted, and written as text, CSV, Excel or JSON."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pandas as pd

from retention.analyses import CustomerRegister, ask
from retention.errors import ParameterError

from .sheet import cell_text
from .spreadsheet import register_csv, write_register_workbook

__all__ = ["choose_customers", "list_customers"]

_WIDEST = 32


def choose_customers(
    register: CustomerRegister,
    *,
    question: str = "",
    values: Mapping[str, str] | None = None,
    value_class: str = "",
    search: str = "",
    sort: str = "",
) -> CustomerRegister:
    """Return the register of the customers that are asked for.

    Parameters
    ----------
    register : CustomerRegister
        Of all customers.
    question : str
        Name of a ready question.
    values : mapping of str to str, optional
        Other values for the question, by column.
    value_class : str
        ``A``, ``B`` or ``C``.
    search : str
        Text that must occur in a column of text.
    sort : str
        Column to sort by: the largest first, text from A.

    Raises
    ------
    ParameterError
        If the question or a column is unknown.
    """
    table = register.customers
    if question:
        table = ask(table, question, values)
    elif "value" in table:
        table = table.sort_values("value", ascending=False, kind="stable")
    if value_class:
        if "value_class" not in table:
            raise ParameterError("the tables do not tell the classes of customers")
        table = table[table["value_class"] == value_class.upper()]
    if search:
        table = table[_found(table, search)]
    if sort:
        if sort not in table:
            raise ParameterError(f"no column {sort!r}; known: {', '.join(map(str, table))}")
        text = isinstance(table[sort].dtype, pd.StringDtype)
        table = table.sort_values(sort, ascending=text, kind="stable")
    return replace(register, customers=table)


def _found(table: pd.DataFrame, search: str) -> pd.Series:
    wanted = search.casefold()
    texts = table.select_dtypes(include=["str", "object", "string"])
    found = pd.Series(table.index.str.casefold().str.contains(wanted, regex=False), table.index)
    for name in texts:
        words = texts[name].astype("str").str.casefold()
        found |= words.str.contains(wanted, regex=False).fillna(False) & texts[name].notna()
    return found


def list_customers(
    register: CustomerRegister, to: str, path: Path | None = None, *, limit: int = 50
) -> str:
    """Write chosen customers in a form, and return what the terminal is to print.

    Parameters
    ----------
    register : CustomerRegister
        The chosen customers.
    to : str
        ``table``, ``csv``, ``json`` or ``xlsx``.
    path : Path, optional
        The file; needed for ``xlsx``, else what is written is returned.
    limit : int
        Rows of a ``table``; the other forms hold all.

    Raises
    ------
    ParameterError
        If the form is unknown, or a workbook has no file to go to.
    """
    if to == "xlsx":
        if path is None:
            raise ParameterError("an Excel file needs a name: --output customers.xlsx")
        write_register_workbook(register, path)
        return f"{len(register.customers):,} customers: {path}"
    if to == "table":
        text = "\n".join(_lines(register, limit))
    elif to == "csv":
        text = register_csv(register)
    elif to == "json":
        text = _json(register)
    else:
        raise ParameterError(f"customers are written as table, csv, json or xlsx, not {to!r}")
    if path is None:
        return text.rstrip("\r\n")
    path.write_text(text, encoding="utf-8", newline="")
    return f"{len(register.customers):,} customers: {path}"


def _lines(register: CustomerRegister, limit: int) -> list[str]:
    fields = [field for field in register.fields if field.shown]
    ids = list(register.customers.index[:limit])
    rows = [[field.label for field in fields]]
    rows += [[cell_text(register, field, customer) for field in fields] for customer in ids]
    rows = [[_short(text) for text in row] for row in rows]
    widths = [max(len(row[i]) for row in rows) for i in range(len(fields))]
    number = [field.kind in ("money", "number", "share") for field in fields]
    lines = [
        "  ".join(
            text.rjust(width) if right else text.ljust(width)
            for text, width, right in zip(row, widths, number, strict=True)
        ).rstrip()
        for row in rows
    ]
    left = len(register.customers) - len(ids)
    if left > 0:
        lines.append(f"{left:,} more; --limit shows more, --to csv all of them")
    return lines


def _short(text: str) -> str:
    return text if len(text) <= _WIDEST else text[: _WIDEST - 1] + "…"


def _json(register: CustomerRegister) -> str:
    table = register.customers.reset_index()
    names = [field.name for field in register.fields]
    rows = json.loads(table[names].to_json(orient="records", date_format="iso", date_unit="s"))
    for field in register.fields:
        if field.kind == "date":
            for row in rows:
                row[field.name] = row[field.name][:10] if row[field.name] else None
    return json.dumps(rows, ensure_ascii=False, indent=1) + "\n"
