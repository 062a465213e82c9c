"""`retention check`: what is wrong with a project's tables, where, and what was set aside."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

from jinja2 import Environment

from retention.datasets import check_project
from retention.engine import CheckReport, Fault, TableCheck
from retention.project import Project

__all__ = ["DataCheck", "check_tables", "write_check"]

FOLDER = Path("data")


@dataclass(frozen=True, kw_only=True)
class DataCheck:
    """What the check of a project's tables found, and where it is written.

    Parameters
    ----------
    report : CheckReport
        Every table with its counts and faults.
    currency : str
        Of the money that is counted.
    page, saved : Path
        The HTML page and the JSON file.
    """

    report: CheckReport
    currency: str
    page: Path
    saved: Path

    def exit_code(self, *, strict: bool = False) -> int:
        """Return 3 if a table cannot be used, or, when strict, if any row was set aside; else 0."""
        aside = any(check.set_aside for check in self.report.tables.values())
        return 3 if self.report.fatal or (strict and aside) else 0

    def lines(self) -> Iterator[str]:
        """Say what was found, a table a line and its faults below."""
        for check in self.report.tables.values():
            yield f"{check.table}: {_counts(check, self.currency)}"
            for fault in check.faults:
                yield f"  {fault.severity}: {fault}"


def check_tables(folder: str | Path) -> DataCheck:
    """Check all tables of a project and write what was found beside them."""
    project = Project.load(folder)
    report = check_project(project)
    page, saved = write_check(report, project)
    return DataCheck(report=report, currency=project.currency, page=page, saved=saved)


def write_check(report: CheckReport, project: Project) -> tuple[Path, Path]:
    """Write ``check.html`` and ``check.json`` into the project's data folder."""
    folder = project.root / FOLDER
    folder.mkdir(parents=True, exist_ok=True)
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters["money"] = lambda value: f"{value:,.2f}"
    text = files("retention.reports").joinpath("templates/check.html").read_text(encoding="utf-8")
    page = environment.from_string(text).render(
        project=project, report=report, tables=report.tables.values()
    )
    saved = json.dumps(_content(report, project), indent=2, ensure_ascii=False) + "\n"
    return _write(folder / "check.html", page), _write(folder / "check.json", saved)


def _counts(check: TableCheck, currency: str) -> str:
    if check.fatal:
        return "cannot be used"
    said = f"{check.rows:,} rows, {check.used:,} used"
    if not check.set_aside:
        return said
    of = f"{check.customers:,} customers" if check.customers else ""
    money = f"{check.money:,.2f} {currency} of {check.money_column}" if check.money_column else ""
    weight = ", ".join(part for part in (of, money) if part)
    return f"{said}, {check.set_aside:,} set aside" + (f" ({weight})" if weight else "")


def _content(report: CheckReport, project: Project) -> dict[str, Any]:
    return {
        "project": project.name,
        "currency": project.currency,
        "data_cutoff": project.data_cutoff.isoformat(),
        "usable": not report.fatal,
        "tables": {name: _table(check) for name, check in report.tables.items()},
    }


def _table(check: TableCheck) -> dict[str, Any]:
    content = asdict(check)
    content["faults"] = [_fault(fault) for fault in check.faults]
    return content


def _fault(fault: Fault) -> dict[str, Any]:
    return {**asdict(fault), "ids": list(fault.ids), "message": str(fault)}


def _write(path: Path, text: str) -> Path:
    fresh = path.with_name(f".{path.name}.{os.getpid()}")
    fresh.write_text(text, encoding="utf-8")
    fresh.replace(path)
    return path
