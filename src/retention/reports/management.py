"""Management's page: what the numbers of record say, in the order in which a manager asks."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Mapping, Sequence
from importlib.util import find_spec
from typing import Any

from retention.estimates import Estimate
from retention.exhibits import number_texts
from retention.reports import comparing, rendering, sharing, targets
from retention.reports.collection import Collected
from retention.reports.comparing import History, KeyFigure
from retention.reports.manifest import MANIFEST
from retention.reports.orders import Run
from retention.reports.pictures import TrendPicture, trend_picture
from retention.reports.translating import named_for
from retention.reports.wording import Words

__all__ = ["TREND_TABLE", "management_page", "trend_table"]

TREND_TABLE = "tables/key_figures.csv"
_ACTIONS_SHOWN = 5


def management_page(
    run: Run,
    collected: Sequence[Collected],
    metrics: dict[str, Any],
    frame: Mapping[str, Any],
    *,
    has_register: bool,
) -> dict[str, str]:
    """Return management's page, the same as plain text, and the data of its trends, by file.

    Parameters
    ----------
    run : Run
        The run in hand.
    collected : sequence of Collected
        What the notebooks brought.
    metrics : dict
        As ``metrics.json`` holds it.
    frame : mapping
        What every page says about itself.
    has_register : bool
        Whether there is a register of customers to link.
    """
    words = run.words
    figures, stake = (
        comparing.mark_restated(
            comparing.cards(metrics, run.history, words, run.titles, listed),
            metrics,
            run.history,
            words,
        )
        for listed in ("key_figures", "money_at_stake")
    )
    leading = _leading(collected, figures, stake)
    named = {figure.key: figure.name for figure in (*figures, *stake)}
    page: dict[str, Any] = {
        "lead": metrics["lead"],
        "lead_change": _lead_change(leading, words),
        "figures": figures,
        "compared": any(figure.changes for figure in (*figures, *stake)),
        "trend": _trend(leading, metrics, run.history, words),
        "trend_table": TREND_TABLE,
        "stake": stake,
        "actions": [_action(action, words) for action in metrics["actions"][:_ACTIONS_SHOWN]],
        "actions_more": max(len(metrics["actions"]) - _ACTIONS_SHOWN, 0),
        "actions_page": _actions_page(collected),
        "targets": targets.compare_targets(
            run.project.targets,
            sharing.estimates_of(collected),
            _better(metrics),
            words,
            named,
            partly=bool(run.order.only or run.project.report.get("only")),
        ),
        "questions": [_entry(part, words) for part in collected],
        "unanswered": _unanswered(run),
        "register": "customers.html" if has_register else "",
        "files": _files(run, collected, has_register),
    }
    title = words("report", period=words.period(run.period))
    return {
        "index.html": rendering.render_page("period", title=title, page=page, **frame),
        _named(sharing.SUMMARY, run): sharing.summary_text(title, page, figures, words),
        TREND_TABLE: trend_table(metrics, run.history),
    }


def _named(name: str, run: Run) -> str:
    """Return what a file is called in the language of the page."""
    return named_for(name, run.words.lang, run.order.lang)


def _better(metrics: Mapping[str, Any]) -> dict[str, str]:
    listed = (*metrics["key_figures"], *metrics["money_at_stake"])
    return {figure["key"]: figure["better"] for figure in listed}


# the finding and its past -------------------------------------------------------------------------


def _leading(
    collected: Sequence[Collected], figures: Sequence[KeyFigure], stake: Sequence[KeyFigure]
) -> KeyFigure | None:
    """Return the key figure of the question that leads the page; else the first that has a past."""
    leads = {part.article.name for part in collected if part.article.leads}
    listed = (*figures, *stake)
    own = [figure for figure in listed if figure.key.split("/")[0] in leads]
    moved = [figure for figure in (*own, *listed) if figure.changes]
    return next(iter([*moved, *own, *listed]), None)


def _lead_change(leading: KeyFigure | None, words: Words) -> list[dict[str, str]]:
    """Return how the leading number moved: one line a comparison."""
    if leading is None:
        return []
    return [
        {
            "text": words("lead_moved", name=leading.name, change=f"{change.arrow} {change.text}"),
            "tone": change.tone,
        }
        for change in leading.changes
    ]


def _trend(
    leading: KeyFigure | None, metrics: dict[str, Any], history: History, words: Words
) -> TrendPicture | None:
    if leading is None:
        return None
    series = [(p, _estimate(history.record(p, leading.key))) for p in history.metrics]
    while series and series[0][1] is None:
        series.pop(0)
    now = _estimate(comparing.numbers(metrics).get(leading.key))
    return trend_picture(leading.name, [*series, (history.period, now)], words)


def _estimate(record: dict[str, Any] | None) -> Estimate | None:
    return Estimate(**record) if record is not None else None


def trend_table(metrics: dict[str, Any], history: History) -> str:
    """Return every key figure in every period that is kept: the data of the curves on the page."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["number", "period", "value", "low", "high", "unit", "n"])
    now = comparing.numbers(metrics)
    for figure in (*metrics["key_figures"], *metrics["money_at_stake"]):
        key = figure["key"]
        records = [(p, history.record(p, key)) for p in history.metrics]
        for period, record in [*records, (history.period, now.get(key))]:
            if record is not None:
                values = [record[name] for name in ("value", "low", "high", "unit", "n")]
                writer.writerow([key, period.label, *("" if v is None else v for v in values)])
    return text.getvalue()


# what to do ---------------------------------------------------------------------------------------


def _actions_page(collected: Sequence[Collected]) -> str:
    having = [part for part in collected if any(answer.actions for answer in part.answers)]
    return f"{having[0].article.name}.html" if having else ""


def _action(action: Mapping[str, Any], words: Words) -> dict[str, str]:
    """Return an action as a line: what, what it is worth, and whether that is sure."""
    worth = Estimate(**action["worth"])
    texts = number_texts(worth)
    if not worth.shown:
        said = words("action_open", why=texts.why)
        tone = "soft"
    else:
        sure = worth.low is not None and worth.low > 0
        interval = words.interval(texts)
        key = "action_sure" if sure else "action_unsure"
        value = f"{texts.value} {texts.unit}".strip()
        said = words(key, worth=f"{value} ({interval})" if interval else value, grade=worth.grade)
        tone = "good" if sure else "soft"
    what = str(action["what"])
    what = what[:1].upper() + what[1:]
    return {"what": what, "worth": said, "why": str(action["why"]), "tone": tone}


# questions and files ------------------------------------------------------------------------------


def _entry(part: Collected, words: Words) -> dict[str, Any]:
    cautions = dict.fromkeys(text for answer in part.answers for text in answer.cautions)
    headlines = list(dict.fromkeys(answer.headline for answer in part.answers))
    counts = {"more_findings": len(headlines) - 1, "more_cautions": len(cautions)}
    return {
        "more": ", ".join(words(key, count=count) for key, count in counts.items() if count > 0),
        "href": f"{part.article.name}.html",
        "title": part.article.title,
        "question": part.article.question,
        "headlines": headlines,
        "cautions": list(cautions),
    }


def _unanswered(run: Run) -> list[dict[str, str]]:
    missing = [
        {"title": run.titles[name], "reason": run.words("missing_tables", tables=tables)}
        for name, tables in run.lacking.items()
    ]
    return missing + [
        {
            "title": run.titles[e.article],
            "reason": run.words.phrases(e.reason.partition(": ")[2] or e.reason),
        }
        for e in run.executions
        if e.status == "unanswered"
    ]


def _files(run: Run, collected: Sequence[Collected], has_register: bool) -> list[dict[str, str]]:
    own = {comparing.METRICS: "files_metrics", MANIFEST: "files_manifest"}
    own |= {_named(sharing.SUMMARY, run): "files_summary", TREND_TABLE: "files_trends"}
    if find_spec("xlsxwriter") is not None:
        own[_named(sharing.WORKBOOK, run)] = "files_workbook"
    if has_register:
        own["customers.csv"] = "files_register"
    return [
        *({"href": name, "text": run.words(key)} for name, key in own.items()),
        *_own_files(run.words("files_notebooks"), collected),
    ]


def _own_files(notebooks: str, collected: Sequence[Collected]) -> Iterable[dict[str, str]]:
    for part in collected:
        name, title = part.article.name, part.article.title
        yield {"href": f"notebooks/{name}.ipynb", "text": f"{notebooks}: {title}"}
    for part in collected:
        for table in part.tables:
            yield {"href": table.path, "text": table.caption or table.path}
