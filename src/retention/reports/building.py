"""Executed notebooks -> every file of a report but its manifest, held to the gates."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retention.reports import comparing, gates, rendering, sharing
from retention.reports.collection import Collected, collect
from retention.reports.management import TREND_TABLE, management_page, trend_table
from retention.reports.manifest import key_of, write_json
from retention.reports.orders import Run
from retention.reports.translating import beside, english_left, in_language, named_for
from retention.reports.wording import words_in

__all__ = ["build", "frame"]

_log = logging.getLogger(__name__)


def build(run: Run, executed: Path, report: Path, *, has_register: bool | None = None) -> None:
    """Write every file of a report but its manifest.

    Parameters
    ----------
    run : Run
        What is known of it.
    executed : Path
        Folder of the executed notebooks.
    report : Path
        Folder of the report in hand.
    has_register : bool, optional
        Whether the register of customers is there already; it is made if this is left out.

    Raises
    ------
    GateError
        If what would be published breaks a rule; nothing is to be published then.
    """
    import nbformat

    done = {e.article for e in run.executions if e.status == "answered"}
    collected = [collect(executed / f"{a.name}.ipynb", a) for a in run.answerable if a.name in done]
    for folder in ("notebooks", "tables"):
        (report / folder).mkdir(parents=True)
    texts = {t.path: t.csv for part in collected for t in (*part.tables, *part.figures)}
    metrics = _metrics(run, collected)  # kept in English, whatever is read
    if has_register is None:
        has_register = _write_register(run, report)
    pages: dict[str, str] = {}
    for lang in run.order.languages:
        made, others = _in_language(run, lang, collected, report, has_register)
        pages |= made
        texts |= others
    texts[TREND_TABLE] = trend_table(metrics, run.history)  # programs read it: in English, too
    _hold_to_gates(run, collected, pages, texts, report)
    for name, text in (pages | texts).items():
        (report / name).write_text(text, encoding="utf-8")
    for part in collected:
        nbformat.write(part.notebook, report / "notebooks" / f"{part.article.name}.ipynb")
    write_json(report / comparing.METRICS, metrics, sort=False)
    if not any((report / "tables").iterdir()):
        (report / "tables").rmdir()


def _in_language(
    run: Run, lang: str, collected: Sequence[Collected], report: Path, has_register: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Write the workbook of a language; return its pages, and what goes with them, by name."""
    spoken, first = _in(run, lang), run.order.lang
    parts = [in_language(part, spoken.words.phrases) for part in collected]
    pages, others = _pages(spoken, parts, has_register)
    register = report / named_for("customers.html", lang, first)
    there = ("../index.html", *(["customers.html"] if register.exists() else []))
    pages = beside(pages, lang, run.order.languages, there)
    sharing.write_workbook(report / named_for(sharing.WORKBOOK, lang, first), parts)
    if lang != "en":
        read = {register.name: register.read_text("utf-8")} if register.exists() else {}
        _tell_english_left(run, lang, english_left(pages | read, collected, spoken.words.phrases))
    return pages, others


def _tell_english_left(run: Run, lang: str, left: list[str]) -> None:
    """Say in the manifest and in the log what readers of a language find in English."""
    run.manifest.setdefault("in_english", {})[lang] = left
    if left:
        _log.warning(
            "%d texts of the report in %s are in English, the first: %s; see in_english in its "
            "manifest", len(left), lang, left[0],
        )  # fmt: skip


def _in(run: Run, lang: str) -> Run:
    """Return the run as it speaks to readers of a language; its manifest is the same one."""
    words = words_in(lang, run.project.root)
    titles = {name: words.phrases(title) for name, title in run.titles.items()}
    return replace(run, words=words, titles=titles)


def _metrics(run: Run, collected: Sequence[Collected]) -> dict[str, Any]:
    figures = comparing.key_figures(collected)
    return comparing.metrics_record(run.period, collected, figures, _lead(collected))


def _pages(
    run: Run, collected: Sequence[Collected], has_register: bool
) -> tuple[dict[str, str], dict[str, str]]:
    """Return the pages of a language by file name, and what goes with management's page."""
    pages = {f"{part.article.name}.html": _question(run, part) for part in collected}
    metrics = _metrics(run, collected)
    made = management_page(run, collected, metrics, frame(run), has_register=has_register)
    pages["index.html"] = made.pop("index.html")
    return pages, made


def _write_register(run: Run, report: Path) -> bool:
    """Write the register of customers, unless the data are too few for one.

    It takes more memory than all else the runner does. Where kernels are forked it is made in a
    fork too, so that a backfill of years gives that memory back every month.
    """
    asked: dict[str, Any] = {
        "root": str(run.project.root),
        "label": run.period.label,
        "first_month": run.period.first_month,
        "report": str(report),
        "made_with": {
            lang: str(frame(_in(run, lang))["made_with"]) for lang in run.order.languages
        },
    }
    parent = run.kernels.parent if run.kernels else None
    if parent is None:
        from retention.reports.register import register_of  # brings pandas and DuckDB

        return register_of(**asked)
    function = "retention.reports.register:register_of"
    made, peak = parent.call(function, asked, run.project.root, run.check)
    run.manifest["register"] = {"peak_memory": peak}
    return bool(made)


def _hold_to_gates(
    run: Run,
    collected: Sequence[Collected],
    pages: dict[str, str],
    texts: dict[str, str],
    report: Path,
) -> None:
    settings = run.project.report
    register = {path.name: path.stat().st_size for path in sorted(report.glob("*.html"))}
    checked = (
        *gates.check_numbers(collected, run.project.minimum_n),
        *gates.check_pages(pages, gates.size_limit(settings)),
        gates.check_size(
            register, gates.size_limit(settings, gates.REGISTER_LIMIT), "size of the register"
        ),
        gates.check_personal(pages | texts),
    )
    run.manifest["gates"] = [
        {"name": gate.name, "passed": gate.passed, "faults": list(gate.faults)} for gate in checked
    ]
    gates.hold(checked)


def frame(run: Run) -> dict[str, Any]:
    """Return what every page of the period says about itself; nothing that changes by the hour."""
    words = run.words
    return {
        "words": words,
        "company": words.phrases(str(run.project.report.get("title") or run.project.name)),
        "period": run.period,
        "data_until": words.day(run.period.last_day),
        "made_with": words(
            "made_with",
            version=run.manifest["version"],
            code=run.manifest["code"][:10],
            inputs=key_of(run.manifest["inputs"])[:10],
        ),
    }


def _question(run: Run, part: Collected) -> str:
    return rendering.render_question(part, **frame(run))


def _lead(collected: Sequence[Collected]) -> str:
    leading = sorted(collected, key=lambda part: not part.article.leads)
    headlines = [answer.headline for part in leading for answer in part.answers]
    return headlines[0] if headlines else ""
