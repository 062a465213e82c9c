"""What an executed notebook brought: answers with their numbers of record, and tables.

The notebook that is kept is made equal for equal inputs: no times, no paths, no random names.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from retention.errors import GateError
from retention.exhibits import ANSWER_MIME, FIGURE_DATA_MIME, FIGURES_MIME, TABLE_MIME
from retention.reports.articles import Article

__all__ = ["AnswerRecord", "Collected", "TableRecord", "collect"]

_KNOWN = (
    "text/plain",
    "text/html",
    "text/markdown",
    "image/png",
    ANSWER_MIME,
    FIGURES_MIME,
    FIGURE_DATA_MIME,
    TABLE_MIME,
)
_INJECTED = "injected-parameters"


@dataclass(frozen=True, kw_only=True)
class AnswerRecord:
    """One answer as a notebook showed it; `estimates` as ``Estimate.record`` wrote them.

    `actions` are what it says should be done, the first thing first: ``what``, ``why``,
    ``source``, ``customers`` and ``worth``, the record of an `Estimate`.
    """

    article: str
    name: str
    headline: str
    cautions: tuple[str, ...]
    estimates: dict[str, dict[str, Any]]
    actions: tuple[dict[str, Any], ...] = ()

    def record(self) -> dict[str, Any]:
        """Return what ``metrics.json`` keeps."""
        return {
            "question": self.article,
            "name": self.name,
            "headline": self.headline,
            "cautions": list(self.cautions),
            "estimates": self.estimates,
        }


@dataclass(frozen=True, kw_only=True)
class TableRecord:
    """The data of one table, and the file they go to, relative to the period's folder."""

    article: str
    path: str
    caption: str
    csv: str


@dataclass(frozen=True, kw_only=True)
class Collected:
    """Everything one notebook brought; `notebook` is the executed notebook, made equal.

    `figures` are the data of its figures, in their order.
    """

    article: Article
    notebook: Any
    answers: tuple[AnswerRecord, ...]
    tables: tuple[TableRecord, ...]
    pictures: int
    figures: tuple[TableRecord, ...] = ()


def collect(path: Path, article: Article) -> Collected:
    """Read an executed notebook.

    Raises
    ------
    GateError
        If a cell shows something that did not come from ``show``.
    """
    import nbformat

    notebook = nbformat.read(path, as_version=4)
    _make_equal(notebook)
    answers: list[AnswerRecord] = []
    tables: list[TableRecord] = []
    figures: list[TableRecord] = []
    pictures = 0
    for place, cell in enumerate(notebook.cells):
        for output in cell.get("outputs", ()):
            if output.output_type != "display_data":
                continue
            _check_known(output.data, f"{article.name}, cell {place}")
            if ANSWER_MIME in output.data:
                answers.append(_answer(output.data[ANSWER_MIME], article, answers))
            if TABLE_MIME in output.data:
                tables.append(_table(output.data[TABLE_MIME], article, tables))
            if FIGURE_DATA_MIME in output.data:
                figures.append(_figure(output.data[FIGURE_DATA_MIME], article, len(figures) + 1))
            pictures += "image/png" in output.data
    return Collected(
        article=article,
        notebook=notebook,
        answers=tuple(answers),
        tables=tuple(tables),
        pictures=pictures,
        figures=tuple(figures),
    )


def _check_known(data: dict[str, Any], where: str) -> None:
    unknown = sorted(set(data) - set(_KNOWN))
    if unknown:
        raise GateError(f"{where} shows {', '.join(unknown)}; use show() for what goes on a page")
    if "text/html" in data and TABLE_MIME not in data:
        raise GateError(f"{where} shows HTML of its own; use show(table)")
    if "image/png" in data:
        base64.b64decode(data["image/png"], validate=False)


def _answer(record: dict[str, Any], article: Article, before: list[AnswerRecord]) -> AnswerRecord:
    same = sum(
        a.name == record["name"] or a.name.startswith(f"{record['name']}_no_") for a in before
    )
    name = record["name"] if not same else f"{record['name']}_no_{same + 1}"
    return AnswerRecord(
        article=article.name,
        name=name,
        headline=record["headline"],
        cautions=tuple(record["cautions"]),
        estimates={key: record["estimates"][key] for key in record["order"]},
        actions=tuple(record.get("actions", ())),
    )


def _table(record: dict[str, Any], article: Article, before: list[TableRecord]) -> TableRecord:
    stem = f"{article.name}_{record['name'] or f'table_{len(before) + 1}'}"
    taken = {table.path for table in before}
    path = f"tables/{stem}.csv"
    if path in taken:
        path = f"tables/{stem}_{len(before) + 1}.csv"
    record["href"] = path  # the page's template links it
    return TableRecord(
        article=article.name, path=path, caption=record["caption"], csv=record["csv"]
    )


def _figure(record: dict[str, Any], article: Article, number: int) -> TableRecord:
    record["href"] = f"tables/{article.name}_figure_{number}.csv"  # the page's template links it
    return TableRecord(
        article=article.name, path=record["href"], caption=record["caption"], csv=record["csv"]
    )


def _make_equal(notebook: Any) -> None:
    """Take away what differs between two equal runs, and what tells about this machine."""
    notebook.metadata.pop("papermill", None)
    notebook.metadata.pop("widgets", None)
    for place, cell in enumerate(notebook.cells):
        cell.metadata.pop("papermill", None)
        cell.metadata.pop("execution", None)
        if _INJECTED in cell.metadata.get("tags", ()):
            cell["id"] = _INJECTED
        cell.setdefault("id", f"cell-{place}")
        if cell.cell_type == "code":
            cell["outputs"] = [o for o in cell.outputs if o.output_type != "stream"]
