"""Words of the pages in one place, by language."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, field
from datetime import date
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING

from retention.errors import ParameterError
from retention.estimates import Estimate
from retention.window import Period
from retention.wording import Phrases, phrases_in

if TYPE_CHECKING:
    from retention.exhibits.numbers import NumberTexts

__all__ = ["Words", "languages", "words_in"]

_FOLDER = files("retention.reports") / "catalogues"


@dataclass(frozen=True)
class Words:
    """The catalogue of one language; calling it gives a text with its names filled in."""

    lang: str
    texts: dict[str, str]
    phrases: Phrases = field(compare=False)

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of `key`.

        Examples
        --------
        >>> words_in("en")("report", period="October 2026")
        'Report for October 2026'
        """
        return self.texts[key].format(**values) if values else self.texts[key]

    def name(self, key: str) -> str:
        """Return the name of a number of record as a reader would write it.

        Examples
        --------
        >>> words_in("en").name("retention_12_months")
        'Retention 12 months'
        """
        text = key.replace("_", " ").strip()
        return self.phrases(text[:1].upper() + text[1:])

    def day(self, day: date) -> str:
        """Return a day as a reader would write it.

        Examples
        --------
        >>> words_in("en").day(date(2026, 10, 31)), words_in("zh").day(date(2026, 10, 31))
        ('2026-10-31', '2026年10月31日')
        """
        return f"{day.year}年{day.month}月{day.day}日" if self.lang == "zh" else day.isoformat()

    def interval(self, texts: NumberTexts) -> str:
        """Return an interval as it is printed; empty where there is none."""
        return self("interval_of", low=texts.low, high=texts.high) if texts.low else ""

    def basis(self, estimate: Estimate) -> str:
        """Return what a number rests on: customers, and events where it is about events."""
        counts = {"n": f"{estimate.n:,}"}
        if estimate.events is None:
            return self("basis", **counts)
        return self("basis_events", events=f"{estimate.events:,}", **counts)

    def period(self, period: Period) -> str:
        """Return a period as a reader would write it.

        Examples
        --------
        >>> words_in("en").period(Period.parse("2026-10"))
        'October 2026'
        """
        if self.lang == "zh":
            return _chinese_period(period)
        if period.unit != "month":
            return period.label
        return f"{_MONTHS[period.start.month - 1]} {period.start.year}"


def _chinese_period(period: Period) -> str:
    month = re.fullmatch(r"(\d{4})-(\d{2})", period.label)
    if month:
        return f"{month[1]}年{int(month[2])}月"
    part = re.fullmatch(r"(\d{4})-([WQ])(\d+)", period.label)
    if part:
        return f"{part[1]}年第{int(part[3])}{'周' if part[2] == 'W' else '季度'}"
    return f"{period.label}年" if re.fullmatch(r"\d{4}", period.label) else period.label


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(sorted(path.name[:-5] for path in _FOLDER.iterdir() if path.name[-5:] == ".toml"))


def words_in(lang: str, project: Path | None = None) -> Words:
    """Return the catalogue of a language.

    Parameters
    ----------
    lang : str
        One of `languages`.
    project : Path, optional
        Folder of a project, for words of its own.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if lang not in languages():
        raise ParameterError(f"language {lang!r} is not there; use {' or '.join(languages())}")
    return Words(lang, _frame(lang), phrases_in(lang, project))


@cache
def _frame(lang: str) -> dict[str, str]:
    return tomllib.loads((_FOLDER / f"{lang}.toml").read_text(encoding="utf-8"))
