"""Numbers of record, beside what they were in earlier reports."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from retention.estimates import Estimate
from retention.exhibits import format_number, number_texts
from retention.reports.collection import AnswerRecord, Collected
from retention.reports.manifest import MANIFEST, read_json
from retention.reports.pictures import sparkline
from retention.reports.publishing import Archive
from retention.reports.wording import Words
from retention.window import Period

__all__ = [
    "METRICS",
    "Change",
    "History",
    "KeyFigure",
    "change",
    "first_published",
    "key_figures",
    "metrics_record",
]

METRICS = "metrics.json"
_MOST = 8
_KEPT = 24


@dataclass(frozen=True)
class Change:
    """How a number moved: the words, an arrow for the direction, a tone for its meaning."""

    text: str
    arrow: str
    tone: str


@dataclass(frozen=True, kw_only=True)
class KeyFigure:
    """One card of management's page."""

    key: str
    name: str
    question: str
    href: str
    value: str
    unit: str
    interval: str
    level: str
    basis: str
    method: str
    grade: str
    why: str
    changes: tuple[Change, ...]
    spark: Any


class History:
    """The numbers of record of earlier reports, by period.

    Parameters
    ----------
    archive : Archive
        Where they lie.
    period : Period
        The present one; only earlier ones of its unit are read, at most 24 and the one a year ago.
    """

    def __init__(self, archive: Archive, period: Period) -> None:
        self.period = period
        alike = (period.unit, period.first_month)
        earlier = [p for p in archive.periods() if (p.unit, p.first_month) == alike and p < period]
        wanted = {*earlier[-_KEPT:], *(p for p in earlier if p == period.same_last_year())}
        self.metrics = {
            p: _kept(numbers(metrics))
            for p in sorted(wanted)
            if (metrics := read_json(archive.folder / p.label / METRICS)) is not None
        }
        published = read_json(archive.published(period) / MANIFEST) or {}
        self.first: dict[str, float] = published.get("first", {})

    def record(self, period: Period, key: str) -> dict[str, Any] | None:
        """Return a number of record of a period, or None."""
        return self.metrics.get(period, {}).get(key)

    def series(self, key: str) -> list[tuple[Period, float | None]]:
        """Return a number's value in every period that has one kept, in order of time."""
        found = [(p, (self.record(p, key) or {}).get("value")) for p in self.metrics]
        while found and found[0][1] is None:
            found.pop(0)
        return found


def _kept(records: Mapping[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Return records whose texts, the same in every report, are in memory once."""
    return {
        sys.intern(key): {
            name: sys.intern(value) if isinstance(value, str) else value
            for name, value in record.items()
        }
        for key, record in records.items()
    }


def numbers(metrics: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return every number of a ``metrics.json`` as ``question/answer/number``: record."""
    return {
        f"{answer['question']}/{answer['name']}/{name}": record
        for answer in metrics.get("answers", ())
        for name, record in answer["estimates"].items()
    }


def first_published(
    published: Mapping[str, Any] | None, metrics: Mapping[str, Any] | None
) -> dict[str, float]:
    """Return every number as it was first published for its period, by key.

    Parameters
    ----------
    published : mapping or None
        The manifest of what is published.
    metrics : mapping or None
        The numbers of what is to be published.
    """
    now = {key: record["value"] for key, record in numbers(metrics or {}).items()}
    new = {key: value for key, value in now.items() if value is not None}
    return new | dict((published or {}).get("first", {}))


def metrics_record(
    period: Period,
    collected: Sequence[Collected],
    figures: Iterable[tuple[str, str, str]],
    lead: str,
) -> dict[str, Any]:
    """Return what ``metrics.json`` holds."""
    return {
        "schema": 1,
        "period": period.label,
        "lead": lead,
        "answers": [answer.record() for part in collected for answer in part.answers],
        "key_figures": [
            {"key": key, "better": better, "label": label} for key, better, label in figures
        ],
        "money_at_stake": [
            {"key": key, "better": better, "label": label}
            for key, better, label in money_at_stake(collected)
        ],
        "actions": [
            action for part in collected for answer in part.answers for action in answer.actions
        ],
    }


def key_figures(collected: Sequence[Collected]) -> list[tuple[str, str, str]]:
    """Return the key of each number for management's page, which way is good, and its label.

    Notebooks name them in their metadata. Where none names any, it is the first number that each
    has to show.
    """
    named = [_named(part, part.article.key_figures) for part in collected]
    if not any(named):
        named = [_first(part.answers) for part in collected]
    ranked: list[tuple[int, int, str, str, str]] = []
    for place, (part, wanted) in enumerate(zip(collected, named, strict=True)):
        labels = part.article.labels
        ranked += [
            (rank, place, f"{part.article.name}/{name}", better, labels.get(name.split("/")[1], ""))
            for rank, (name, better) in enumerate(wanted)
        ]
    # the first of every question, then the second of each, as far as there is room
    chosen = sorted(sorted(ranked)[:_MOST], key=lambda figure: (figure[1], figure[0]))
    return [(key, better, label) for _, _, key, better, label in chosen]


def money_at_stake(collected: Sequence[Collected]) -> list[tuple[str, str, str]]:
    """Return the key of each sum of money at stake, which way is good, and its label."""
    return [
        (f"{part.article.name}/{name}", better, part.article.labels.get(name.split("/")[1], ""))
        for part in collected
        for name, better in _named(part, part.article.money_at_stake)
    ]


def _named(part: Collected, wanted: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the numbers of these names that a notebook has, with which way is good."""
    found = []
    for name, better in wanted.items():
        plain = name.rstrip("?")
        having = [answer.name for answer in part.answers if plain in answer.estimates]
        found += [(f"{having[0]}/{plain}", better)] if having else []
    return found


def _first(answers: Sequence[AnswerRecord]) -> list[tuple[str, str]]:
    for answer in answers:
        for name, record in answer.estimates.items():
            if record.get("value") is not None:
                return [(f"{answer.name}/{name}", "")]
    return []


def cards(
    metrics: Mapping[str, Any],
    history: History,
    words: Words,
    titles: Mapping[str, str],
    listed: str = "key_figures",
) -> list[KeyFigure]:
    """Return the cards of management's page from the numbers of record, present and past."""
    known = numbers(metrics)
    labels = _labels(metrics[listed], titles, words)
    return [
        _card(
            figure,
            known[figure["key"]],
            labels[figure["key"]],
            titles[figure["key"].split("/")[0]],
            history,
            words,
        )
        for figure in metrics[listed]
    ]


def mark_restated(
    figures: Iterable[KeyFigure], metrics: Mapping[str, Any], history: History, words: Words
) -> list[KeyFigure]:
    """Return the cards; one that is not as it was first published has a line that says so."""
    return [
        replace(figure, changes=(*figure.changes, *_restated(figure.key, metrics, history, words)))
        for figure in figures
    ]


def _restated(
    key: str, metrics: Mapping[str, Any], history: History, words: Words
) -> Iterable[Change]:
    first, record = history.first.get(key), numbers(metrics).get(key, {})
    if first is not None and record.get("value") not in (None, first):
        was = format_number(first, record["unit"])
        yield Change(words("restated_was", first=was), "↻", "soft")


def _labels(
    figures: Sequence[Mapping[str, str]], titles: Mapping[str, str], words: Words
) -> dict[str, str]:
    """Return what each number is called; with its question where two would be called the same."""
    plain = {
        figure["key"]: figure.get("label") or words.name(figure["key"].rpartition("/")[2])
        for figure in figures
    }
    names = list(plain.values())
    return {
        key: name if names.count(name) == 1 else f"{titles[key.split('/')[0]]}: {name.lower()}"
        for key, name in plain.items()
    }


def _card(
    figure: Mapping[str, str],
    record: dict[str, Any],
    label: str,
    title: str,
    history: History,
    words: Words,
) -> KeyFigure:
    key, better = figure["key"], figure["better"]
    estimate = Estimate(**record)
    texts = number_texts(estimate)
    return KeyFigure(
        key=key,
        name=label,
        question=title,
        href=f"{key.split('/')[0]}.html",
        value=texts.value if estimate.shown else words("not_shown"),
        unit=texts.unit if estimate.shown else "",
        interval=words.interval(texts),
        level=f"{estimate.level * 100:g}",
        basis=words.basis(estimate),
        method=estimate.method,
        grade=estimate.grade,
        why=texts.why,
        changes=tuple(_changes(key, better, estimate, history, words)),
        spark=_spark(key, label, estimate, history, words),
    )


def _changes(
    key: str, better: str, estimate: Estimate, history: History, words: Words
) -> Iterable[Change]:
    period = history.period
    for earlier in dict.fromkeys((period.previous(), period.same_last_year())):
        before = history.record(earlier, key)
        if before is not None and before["value"] is not None and estimate.shown:
            yield change(estimate, Estimate(**before), words.period(earlier), better, words)


def change(now: Estimate, before: Estimate, when: str, better: str, words: Words) -> Change:
    """Return how a number moved since an earlier report.

    Parameters
    ----------
    now, before : Estimate
        Both shown, in the same unit.
    when : str
        The earlier period, for the reader.
    better : str
        ``higher``, ``lower`` or empty if neither is good.
    words : Words
        The language.
    """
    assert now.value is not None
    assert before.value is not None
    against = words("compared_previous", period=when)
    moved = now.value - before.value
    size = max(abs(now.value), abs(before.value))
    text = format_number(abs(moved), now.unit, width=size)
    if float(text.replace(",", "")) == 0.0:
        return Change(f"{words('change_same')} {against}", "=", "soft")
    unit = words("points") if now.unit == "share" else now.unit
    sign, arrow = ("+", "▲") if moved > 0 else ("−", "▼")
    beyond = now.low is not None and not now.low <= before.value <= (now.high or 0.0)
    noise = words("noise_beyond") if beyond else words("noise_within")
    parts = [f"{sign}{text} {unit}".strip(), against, f"({noise}"]
    tone = "soft"
    if better and beyond:
        good = (moved > 0) == (better == "higher")
        tone = "good" if good else "bad"
        parts[-1] += f", {words('better' if good else 'worse')}"
    if now.low is None:
        parts.pop()
        return Change(" ".join(parts), arrow, tone)
    return Change(" ".join(parts) + ")", arrow, tone)


def _spark(key: str, label: str, estimate: Estimate, history: History, words: Words) -> Any:
    series = [*history.series(key), (history.period, estimate.value)]
    known = [value for _, value in series if value is not None]
    if len(known) < 2:
        return ""
    text = words(
        "image_trend",
        name=label,
        count=len(known),
        first=words.period(series[0][0]),
        last=words.period(series[-1][0]),
        low=format_number(min(known), estimate.unit),
        high=format_number(max(known), estimate.unit),
    )
    return sparkline([value for _, value in series], text)
