"""The register for spreadsheets, in which no text can become a formula."""

from __future__ import annotations

import csv
import io
import re
from pathlib import Path
from typing import Any

import pandas as pd

from retention.analyses import CustomerRegister, Field
from retention.errors import ParameterError
from retention.exhibits import safe_text

__all__ = ["register_csv", "write_register_workbook"]

_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")

_EXCEL_ROWS = 1_048_575
_EXCEL_TEXT = 32_767


def register_csv(register: CustomerRegister) -> str:
    """Return the register as CSV: UTF-8 with a mark, lines end as RFC 4180 says."""
    output = io.StringIO()
    writer = csv.writer(output, lineterminator="\r\n")
    writer.writerow([field.name for field in register.fields])
    columns = [_cells(register, field) for field in register.fields]
    writer.writerows(zip(*columns, strict=True))
    return "\ufeff" + output.getvalue()


def _cells(register: CustomerRegister, field: Field) -> list[str]:
    values = _values(register, field)
    known = values.notna()
    if field.kind == "text":
        return [safe_text(str(v)) if k else "" for v, k in zip(values, known, strict=True)]
    if field.kind == "date":
        return [f"{v:%Y-%m-%d}" if k else "" for v, k in zip(values, known, strict=True)]
    return [f"{v:.10g}" if k else "" for v, k in zip(values.astype(float), known, strict=True)]


def _values(register: CustomerRegister, field: Field) -> pd.Series:
    if field.name == "customer_id":
        return pd.Series(register.customers.index)
    return register.customers[field.name]


def write_register_workbook(register: CustomerRegister, path: Path) -> None:
    """Write the register as an Excel workbook: customers, and what the columns mean.

    Texts are written as texts, whatever they begin with: no cell holds a formula or a link.

    Parameters
    ----------
    register : CustomerRegister
        What to write.
    path : Path
        The file; replaced if it is there.

    Raises
    ------
    ParameterError
        If there are more customers than a sheet has rows, or the extra ``excel`` is missing.
    """
    if len(register.customers) > _EXCEL_ROWS:
        raise ParameterError(
            f"an Excel sheet holds {_EXCEL_ROWS:,} customers, not {len(register.customers):,}; "
            "write CSV instead"
        )
    try:
        import xlsxwriter
    except ModuleNotFoundError as error:
        raise ParameterError("Excel files need: pip install 'retention-research[excel]'") from error
    options = {"strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    # an open workbook keeps every cell; row by row it needs memory for one row only
    with xlsxwriter.Workbook(str(path), {**options, "constant_memory": True}) as book:
        _customers_sheet(book, register)
        _meaning_sheet(book, register)


def _customers_sheet(book: Any, register: CustomerRegister) -> None:
    sheet = book.add_worksheet("customers")
    bold = book.add_format({"bold": True, "text_wrap": True, "valign": "top"})
    formats = {
        "money": book.add_format({"num_format": "#,##0.00"}),
        "share": book.add_format({"num_format": "0.0%"}),
        "number": book.add_format({"num_format": "#,##0.##"}),
        "date": book.add_format({"num_format": "yyyy-mm-dd"}),
        "text": book.add_format({}),
    }
    sheet.freeze_panes(1, 1)
    for column, field in enumerate(register.fields):
        sheet.write_string(0, column, field.label, bold)
        sheet.set_column(column, column, 28 if field.wide or field.name == "name" else 14)
    columns = [_values(register, field).to_list() for field in register.fields]
    for row, values in enumerate(zip(*columns, strict=True), start=1):
        for column, (field, value) in enumerate(zip(register.fields, values, strict=True)):
            if pd.isna(value):
                continue
            if field.kind == "text":
                text = _CONTROL.sub(" ", str(value))[:_EXCEL_TEXT]
                sheet.write_string(row, column, text, formats["text"])
            elif field.kind == "date":
                sheet.write_datetime(row, column, value.to_pydatetime(), formats["date"])
            else:
                sheet.write_number(row, column, float(value), formats[field.kind])
    sheet.autofilter(0, 0, len(register.customers), len(register.fields) - 1)


def _meaning_sheet(book: Any, register: CustomerRegister) -> None:
    sheet = book.add_worksheet("columns")
    sheet.set_column(0, 3, 26)
    for column, text in enumerate(("column", "label", "group", "meaning")):
        sheet.write_string(0, column, text, book.add_format({"bold": True}))
    for row, field in enumerate(register.fields, start=1):
        for column, text in enumerate((field.name, field.label, field.group, field.about)):
            sheet.write_string(row, column, text)
