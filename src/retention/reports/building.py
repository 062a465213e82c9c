"""Executed notebooks -> every file of a report but its manifest, held to the gates."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from retention.errors import GateError, MissingTableError, NotEnoughDataError
from retention.reports import comparing, gates, rendering, sharing
from retention.reports.collection import Collected, collect
from retention.reports.management import management_page
from retention.reports.manifest import key_of, write_json
from retention.reports.orders import Run
from retention.reports.translating import beside, english_left, in_language, named_for
from retention.reports.wording import Words, words_in

__all__ = ["build", "frame"]


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
    texts = {table.path: table.csv for part in collected for table in part.tables}
    metrics = _metrics(run, collected)  # kept in English, whatever is read
    if has_register is None:
        has_register = _write_register(run, report)
    pages: dict[str, str] = {}
    for lang in run.order.languages:
        spoken = _in(run, lang)
        parts = [in_language(part, spoken.words.phrases) for part in collected]
        made, others = _pages(spoken, parts, has_register)
        made = beside(made, lang, run.order.languages)
        run.manifest["in_english"] |= _left(made, collected, spoken.words)
        pages |= made
        texts |= others
        sharing.write_workbook(report / named_for(sharing.WORKBOOK, lang, run.order.lang), parts)
    _hold_to_gates(run, collected, pages, texts)
    for name, text in (pages | texts).items():
        (report / name).write_text(text, encoding="utf-8")
    for part in collected:
        nbformat.write(part.notebook, report / "notebooks" / f"{part.article.name}.ipynb")
    write_json(report / comparing.METRICS, metrics, sort=False)
    if not any((report / "tables").iterdir()):
        (report / "tables").rmdir()


def _in(run: Run, lang: str) -> Run:
    """Return the run as it speaks to readers of a language; its manifest is the same one."""
    words = words_in(lang, run.project.root)
    run.manifest.setdefault("in_english", {})
    return replace(
        run,
        words=words,
        titles={name: words.phrases(title) for name, title in run.titles.items()},
    )


def _left(pages: dict[str, str], collected: Sequence[Collected], words: Words) -> dict[str, Any]:
    """Return what readers of a language find in English, for the manifest."""
    if words.lang == "en":
        return {}
    return {words.lang: english_left(pages, collected, words.phrases)}


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
    """Write the register of customers, unless the data are too few for one."""
    from retention.reports.register import write_register  # brings pandas and DuckDB

    try:
        return write_register(
            run.project,
            run.period,
            report,
            made_with={
                lang: str(frame(_in(run, lang))["made_with"]) for lang in run.order.languages
            },
        )
    except (MissingTableError, NotEnoughDataError):
        return False


def _hold_to_gates(
    run: Run, collected: Sequence[Collected], pages: dict[str, str], texts: dict[str, str]
) -> None:
    checked = (
        *gates.check_numbers(collected, run.project.minimum_n),
        *gates.check_pages(pages, gates.size_limit(run.project.report)),
        gates.check_personal(pages | texts),
    )
    run.manifest["gates"] = [
        {"name": gate.name, "passed": gate.passed, "faults": list(gate.faults)} for gate in checked
    ]
    faults = [f"{gate.name}: {fault}" for gate in checked for fault in gate.faults]
    if faults:
        raise GateError("; ".join(faults[:5]) + (f"; {len(faults) - 5} more" if faults[5:] else ""))


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
