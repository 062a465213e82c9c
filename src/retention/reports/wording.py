"""Words of the pages in one place, by language."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from retention.errors import ParameterError
from retention.estimates import Estimate
from retention.window import Period

if TYPE_CHECKING:
    from retention.exhibits.numbers import NumberTexts

__all__ = ["Words", "languages", "words_in"]

_FOLDER = files("retention.reports") / "catalogues"


@dataclass(frozen=True)
class Words:
    """The catalogue of one language; calling it gives a text with its names filled in."""

    lang: str
    texts: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """Return the text of `key`.

        Examples
        --------
        >>> words_in("en")("report", period="October 2026")
        'Report for October 2026'
        """
        return self.texts[key].format(**values) if values else self.texts[key]

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
        if period.unit != "month":
            return period.label
        if self.lang == "zh":
            return f"{period.start.year}年{period.start.month}月"
        return f"{_MONTHS[period.start.month - 1]} {period.start.year}"


_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip


def languages() -> tuple[str, ...]:
    """Return the languages that have a catalogue."""
    return tuple(sorted(path.name[:-5] for path in _FOLDER.iterdir() if path.name[-5:] == ".toml"))


@cache
def words_in(lang: str) -> Words:
    """Return the catalogue of a language.

    Raises
    ------
    ParameterError
        If there is none.
    """
    if lang not in languages():
        raise ParameterError(f"language {lang!r} is not there; use {' or '.join(languages())}")
    return Words(lang, tomllib.loads((_FOLDER / f"{lang}.toml").read_text(encoding="utf-8")))
