"""A figure that is drawn already, in another language: its words are exchanged, nothing else."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text
from matplotlib.ticker import Formatter

from retention.exhibits.mime import LANGUAGES
from retention.wording import Phrases, phrases_in

__all__ = ["asked_languages", "translate_figure"]


def asked_languages() -> tuple[Phrases, ...]:
    """Return the languages in which figures are asked for besides English."""
    names = [name.strip() for name in os.environ.get(LANGUAGES, "").split(",")]
    return tuple(phrases_in(name, Path.cwd()) for name in names if name not in ("", "en"))


class _Translated(Formatter):
    """Labels of ticks as another formatter writes them, in another language."""

    def __init__(self, inner: Formatter, phrases: Phrases, seen: dict[str, str]) -> None:
        self.inner, self.phrases, self.seen = inner, phrases, seen

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)

    def __call__(self, x: float, pos: int | None = None) -> str:
        return _said(self.inner(x, pos), self.phrases, self.seen)

    def format_ticks(self, values: Sequence[float]) -> list[str]:
        texts = self.inner.format_ticks(list(values))
        return [_said(text, self.phrases, self.seen) for text in texts]

    def get_offset(self) -> str:
        return self.inner.get_offset()

    def set_locs(self, locs: Any) -> None:
        self.inner.set_locs(locs)

    def set_axis(self, axis: Any) -> None:
        self.inner.set_axis(axis)
        super().set_axis(axis)


def translate_figure(figure: Figure, phrases: Phrases) -> dict[str, str]:
    """Exchange the words of a figure; returns them, once it is drawn, in both languages.

    Parameters
    ----------
    figure : matplotlib Figure
        Drawn for the last time after this.
    phrases : Phrases
        The language.
    """
    seen: dict[str, str] = {}
    ticks: set[int] = set()
    for ax in figure.findobj(Axes):
        assert isinstance(ax, Axes)
        for axis in (ax.xaxis, ax.yaxis):
            ticks |= {id(label) for label in axis.get_ticklabels(which="both")}
            for formatter, setter in (
                (axis.get_major_formatter(), axis.set_major_formatter),
                (axis.get_minor_formatter(), axis.set_minor_formatter),
            ):
                if type(formatter).__name__ != "NullFormatter":
                    setter(_Translated(formatter, phrases, seen))
    for text in figure.findobj(Text):
        assert isinstance(text, Text)
        if id(text) not in ticks and text.get_text().strip():
            text.set_text(_said(text.get_text(), phrases, seen))
    return seen


def _said(text: str, phrases: Phrases, seen: dict[str, str]) -> str:
    """Return a label in the language, broken into about as many lines as it had."""
    if text not in seen:
        said = phrases(" ".join(text.split()))
        lines = text.split("\n")
        if len(lines) > 1 and said != text:
            said = _broken(said.replace("\n", ""), len(lines))
        seen[text] = said
    return seen[text]


def _broken(text: str, lines: int) -> str:
    """Break a text into lines of about equal length, before no closing mark and in no number."""
    size = -(-len(text) // lines)
    pieces = re.findall(r"[A-Za-z0-9.,%−+/ ]+[，。；：、）,.;:)]?|.[，。；：、）,.;:)%]?", text)
    rows = [""]
    for piece in pieces:
        if len(rows[-1]) + len(piece) > size + 1 and rows[-1] and len(rows) < lines:
            rows.append("")
        rows[-1] += piece
    return "\n".join(row.strip() for row in rows)
