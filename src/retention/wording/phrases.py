"""English sentences -> sentences of another language, by templates that stand in one folder.

Analyses, exhibits and notebooks are written in English. What they say is translated when it is
done: a sentence is looked up, and where numbers and names stand in it, a template with numbered
holes is matched, ``"{1} of {2} customers"``, and what was found in the holes is translated in turn.
Nothing that came from data is changed unless a catalogue names it.

A language is a folder of TOML files beside this module. Each file may have four tables:

``[texts]``
    English = other language; holes are ``{1}``, ``{2}`` ... and may be put in another order. What
    stands in 「」 is code: a hole in it is filled as it was found.
``[units]``
    Units as they stand behind a number.
``[paragraphs]``
    Blocks of Markdown; matched as they stand, without holes.
``[keep]``
    ``words``: what stays as it is, such as names of methods and of people.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

from retention.errors import ProjectError

__all__ = ["Phrases", "foreign_words", "phrases_in", "shape"]

_HOLE = re.compile(r"\{(\d+)\}")
_LETTERS = re.compile(r"[A-Za-z]{2}")
_NUMBER = re.compile(r"([−+-]?[\d][\d,.]*)(?: (.+)|([^\d\s,.:%].*))?", re.DOTALL)
_PERCENT = re.compile(r"(?<=\d) %")
_DAY = re.compile(r"(\d{4})-(\d{2})-(\d{2})")
_MONTH = re.compile(r"(\d{4})-(\d{2})")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[A-Z0-9'\"(*])")
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]+")
_NAMED = re.compile(r"([^\d(]*[A-Za-z][^\d(]*(?<![.?!:;,])) ([−+-]?\d.*)", re.DOTALL)
_CODE = re.compile(r"`[^`]*`|\$[^$]*\$|「[^」]*」")
_QUOTED = re.compile("「[^」]*」")
_DEEPEST = 8


def shape(text: str) -> str:
    """Return a text as the catalogue finds it: without end stop, first letter small, one line.

    Examples
    --------
    >>> shape("Customers who left."), shape("NPS of all")
    ('customers who left', 'NPS of all')
    """
    plain = " ".join(text.split())
    if plain.endswith(".") and not plain.endswith(".."):
        plain = plain[:-1]
    return _lowered(plain)


def _lowered(text: str) -> str:
    return text[:1].lower() + text[1:] if text[1:2].islower() else text


@dataclass(frozen=True)
class Template:
    """One sentence with holes, and how it is said in the other language."""

    pattern: re.Pattern[str]
    holes: tuple[int, ...]
    said: str
    literal: tuple[str, ...]
    weight: int
    kept: frozenset[int]

    @classmethod
    def of(cls, english: str, said: str) -> Template:
        """Compile an English sentence whose holes are numbered."""
        pieces = _HOLE.split(shape(english))
        holes = tuple(map(int, pieces[1::2]))
        literal = pieces[0::2]
        pattern = "(.*?)".join(map(re.escape, literal))
        weight = sum(map(len, literal))
        compiled = re.compile(pattern, re.DOTALL)
        kept = frozenset(
            int(hole) for part in _QUOTED.findall(said) for hole in _HOLE.findall(part)
        )
        return cls(compiled, holes, said.rstrip("。"), tuple(literal), weight, kept)

    def may_fit(self, text: str) -> bool:
        """Whether its words stand in a text in their order; quicker than the pattern."""
        if not (text.startswith(self.literal[0]) and text.endswith(self.literal[-1])):
            return False
        place = 0
        for piece in self.literal:
            place = text.find(piece, place)
            if place < 0:
                return False
            place += len(piece)
        return True


def foreign_words(text: str, known: frozenset[str] = frozenset()) -> list[str]:
    """Return the English words left in a text, code, formulas and known words aside.

    A word in capitals or with a digit in it (``EUR``, ``NPS``, ``C00123``) is a name.

    Examples
    --------
    >>> foreign_words("按 NPS 分组 of `customer_id` C00123", frozenset())
    ['of']
    """
    plain = _CODE.sub(" ", text)
    plain = re.sub(r"[!-~]*(?:\d[!-~]*[A-Za-z]|[A-Za-z][!-~]*[\d_])[!-~]*", " ", plain)
    return [
        word
        for word in _WORD.findall(plain)
        if not word.isupper() and word not in known and word.lower() not in known
    ]


class Phrases:
    """The sentences of one language; calling it translates a text.

    Parameters
    ----------
    lang : str
        A folder of catalogues; ``en`` has none, and every text stays as it is.
    own : mapping
        A project's own catalogue, of the same form; it comes before ours.
    """

    def __init__(self, lang: str, own: Mapping[str, Mapping[str, Any]] | None = None) -> None:
        self.lang = lang
        self.texts: dict[str, str] = {}
        self.units: dict[str, str] = {}
        self.paragraphs: dict[str, str] = {}
        keep: list[str] = []
        templates: list[Template] = []
        for catalogue in (*_catalogues(lang), own or {}):
            for english, said in _with_parts(catalogue.get("texts", {})):
                self.texts[shape(english)] = said.rstrip("。")
                if _HOLE.search(english):
                    templates.append(Template.of(english, said))
            self.units |= catalogue.get("units", {})
            blocks = catalogue.get("paragraphs", {}).items()
            self.paragraphs |= {" ".join(english.split()): said for english, said in blocks}
            keep += catalogue.get("keep", {}).get("words", [])
        self.known = self._known(keep)
        self.templates = sorted(templates, key=lambda t: (-t.weight, len(t.holes)))
        self._by_start: dict[str, list[Template]] = {}
        self._done: dict[tuple[str, bool], tuple[str, int]] = {}

    def _known(self, keep: list[str]) -> frozenset[str]:
        """Return the words in Latin letters that this language writes itself."""
        said = [*self.texts.values(), *self.units.values(), *self.paragraphs.values()]
        own = [word for text in said if _is_translated(text) for word in foreign_words(text)]
        return frozenset((*keep, *(part for word in keep for part in word.split()), *own))

    def __call__(self, text: str) -> str:
        """Return a text in the language; as it is where no catalogue knows it.

        Examples
        --------
        >>> Phrases("en")("Customers who left.")
        'Customers who left.'
        """
        if self.lang == "en" or not text.strip():
            return text
        return self._said(text)[0]

    def unit(self, text: str) -> str:
        """Return a unit as it stands behind a number or in a column of units."""
        return text if self.lang == "en" else self._unit(text, 0)[0]

    def template(self, text: str) -> str:
        """Return a text whose holes are filled later, with the marks of the language at its end."""
        if self.lang == "en":
            return text
        marks = {".": "。", ":": "：", ";": "；"}
        plain = text.strip()
        end = plain[-1:] if plain[-1:] in marks else ""
        said = self.texts.get(shape(plain.rstrip(".:;")), plain.rstrip(".:;"))
        return said + marks.get(end, "")

    def markdown(self, source: str) -> str:
        """Return Markdown block by block."""
        if self.lang == "en":
            return source
        blocks = re.split(r"(\n\s*\n)", source.strip("\n"))
        return "".join(block if i % 2 else self._block(block) for i, block in enumerate(blocks))

    def left(self, text: str) -> list[str]:
        """Return the words of a text that are still in English."""
        return [] if self.lang == "en" else foreign_words(text, self.known)

    # inside ---------------------------------------------------------------------------------------

    def _block(self, block: str) -> str:
        found = self.paragraphs.get(" ".join(block.split()))
        if found is not None:
            return found
        heading = re.fullmatch(r"(#+ )(.*)", block.strip())
        return heading[1] + self(heading[2]) if heading else block

    def _said(self, text: str, depth: int = 0) -> tuple[str, int]:
        """Return a text in the language, and how many English words are left in it."""
        key = (text, depth > 0)  # a day reads otherwise inside a sentence than alone in a cell
        if key not in self._done:
            if depth == 0 and len(self._done) > 50_000:
                self._done.clear()
            self._done[key] = (text, len(self.left(text)))  # whoever asks again inside gets this
            self._done[key] = self._find(text, depth)
        return self._done[key]

    def _find(self, text: str, depth: int) -> tuple[str, int]:
        plain = text.strip()
        before, after = text[: len(text) - len(text.lstrip())], text[len(text.rstrip()) :]
        said, cost = self._translated(plain, depth)
        return before + said + after, cost

    def _translated(self, text: str, depth: int) -> tuple[str, int]:
        if not re.search("[A-Za-z]", text):
            return self._number(text, depth), 0
        stop = "。" if text.endswith(".") and not text.endswith("..") else ""
        exact = self.texts.get(shape(text))
        if exact is not None and not _HOLE.search(exact):
            return exact + stop, 0
        raw = (text, len(self.left(text)))
        if depth >= _DEEPEST or not (" " in text or raw[1]):
            return raw
        choices = []
        for said, cost in self._ways(text, depth):
            if cost == 0:
                return said, 0
            choices.append((said, cost))
        best = min(choices, key=lambda choice: choice[1], default=raw)
        return best if 2 * best[1] <= raw[1] else raw

    def _ways(self, text: str, depth: int) -> Iterator[tuple[str, int]]:
        """Return the text as it may be said, the surest way first, with the English left in it."""
        number = _NUMBER.fullmatch(text)
        if number is not None:
            yield self._with_unit(text, number, depth)
        named = _NAMED.fullmatch(text)
        if named is not None and shape(named[1]) in self.texts:
            yield self._joined([named[1], named[2]], " ", depth)
        yield from self._sentences(text, depth)
        yield from self._matches(text, depth, tearing=False)
        for mark, joined in (("; ", "；"), (", ", "、")):
            parts = _split_outside_brackets(text, mark)
            if len(parts) > 1:
                yield self._joined(parts, joined, depth)
        if named is not None:
            yield self._joined([named[1], named[2]], " ", depth)
        yield from self._matches(text, depth, tearing=True)

    def _joined(self, parts: list[str], mark: str, depth: int) -> tuple[str, int]:
        said = [self._said(part, depth + 1) for part in parts]
        return _tidy(mark.join(part for part, _ in said)), sum(cost for _, cost in said)

    def _number(self, text: str, depth: int) -> str:
        """Return a text without words in the form of the language; inside a sentence, days too."""
        text = _PERCENT.sub("%", text)
        if depth and (day := _DAY.fullmatch(text)):
            return f"{day[1]}年{int(day[2])}月{int(day[3])}日"
        if depth and (month := _MONTH.fullmatch(text)):
            return f"{month[1]}年{int(month[2])}月"
        return text

    def _with_unit(self, text: str, number: re.Match[str], depth: int) -> tuple[str, int]:
        unit = number[2] or ""
        if not unit:
            return text, len(self.left(text))
        if unit == "%":
            return f"{number[1]}%", 0
        said, cost = self._unit(unit, depth)
        return f"{number[1]} {said}", cost if said != unit else max(cost, 1)

    def _unit(self, unit: str, depth: int) -> tuple[str, int]:
        if unit in self.units:
            return self.units[unit], 0
        if re.fullmatch("[A-Z]{3}", unit) or not _LETTERS.search(unit):
            return unit, 0
        for part, joined in ((" per ", "/"), (" a ", "/"), (" an ", "/")):
            head, found, tail = unit.partition(part)
            if found:
                one, cost = self._unit(head, depth + 1)
                other = self.units.get(tail) or self.texts.get(shape(tail)) or tail
                other = re.sub("^(位|个|名|件|次|份|家)(?=.)", "", other)
                return f"{one}{joined}{other}", cost + len(self.left(other))
        return unit, len(self.left(unit))

    def _matches(self, text: str, depth: int, *, tearing: bool) -> Iterator[tuple[str, int]]:
        """Return what templates make of a text: those that tear its clauses, or the others."""
        plain = " ".join(text.split())
        stop = "。" if plain.endswith(".") and not plain.endswith("..") else ""
        plain = plain.removesuffix(".") if stop else plain
        lowered = _lowered(plain)
        for template in self._beginning_with(lowered):
            candidate = lowered if template.literal[0] else plain
            match = template.pattern.fullmatch(candidate) if template.may_fit(candidate) else None
            if match is None or match[1] == plain or not all(map(_is_balanced, match.groups())):
                continue
            inner = match.groups() if template.literal[-1] else match.groups()[:-1]
            if any(map(_SENTENCE.search, inner)) or any(map(_is_several, inner)) != tearing:
                continue
            yield self._filled(template, match.groups(), stop, depth)

    def _filled(
        self, template: Template, groups: tuple[str, ...], stop: str, depth: int
    ) -> tuple[str, int]:
        parts: dict[int, str] = {}
        cost = 0
        for hole, found in zip(template.holes, groups, strict=True):
            said, words = found, len(self.left(found)) if " " in found else 0
            if found and hole not in template.kept:
                said, words = self._said(found, depth + 1)
            parts[hole] = said.removesuffix("。")
            cost += words
        pieces = _HOLE.split(template.said)
        pieces[1::2] = [parts.get(int(hole), "") for hole in pieces[1::2]]
        return _tidy("".join(pieces)) + stop, cost

    def _beginning_with(self, text: str) -> list[Template]:
        """Return the templates that a text with this beginning may fit, the most literal first."""
        start = text[:3]
        if start not in self._by_start:
            self._by_start[start] = [
                template
                for template in self.templates
                if template.literal[0].startswith(start)
                or start.startswith(template.literal[0][:3])
            ]
        return self._by_start[start]

    def _sentences(self, text: str, depth: int) -> Iterator[tuple[str, int]]:
        """Return the text sentence by sentence, if it has more than one."""
        sentences = _SENTENCE.split(text)
        if len(sentences) > 1:
            said = [self._said(sentence, depth + 1) for sentence in sentences]
            joined = "".join(part if part[-1:] in "。？！" else f"{part} " for part, _ in said)
            yield joined.rstrip(), sum(cost for _, cost in said)


def _tidy(text: str) -> str:
    """Mend what holes leave: a counting word before a unit that takes none, doubled marks."""
    text = re.sub("个(?=年|天|周)", "", text)
    text = re.sub("(?<=[\u4e00-\u9fff）”。，；：、]) +(?=[\u4e00-\u9fff（“])", "", text)
    return re.sub("([。;,、:])\\1+", r"\1", text)


def _is_several(text: str) -> bool:
    """Whether a text holds more than one clause."""
    return len(_split_outside_brackets(text, "; ")) > 1


def _is_balanced(text: str) -> bool:
    """Whether every bracket that opens in a text closes in it."""
    depth = 0
    for letter in text:
        depth += (letter == "(") - (letter == ")")
        if depth < 0:
            return False
    return depth == 0


def _split_outside_brackets(text: str, mark: str) -> list[str]:
    pieces = [""]
    for piece in text.split(mark):
        if pieces == [""]:
            pieces = [piece]
        elif _is_balanced(pieces[-1]):
            pieces.append(piece)
        else:
            pieces[-1] += mark + piece
    return pieces


def _with_parts(texts: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return texts, and those that carry on another (``; and so on``) without their first mark."""
    for english, said in texts.items():
        yield english, said
        if english.startswith((";", ",")):
            yield english.lstrip(";, "), said.lstrip("；，、")


def _is_translated(text: str) -> bool:
    return re.search("[\u4e00-\u9fff]", text) is not None


def _catalogues(lang: str) -> Iterator[Mapping[str, Mapping[str, Any]]]:
    folder = files("retention.wording") / lang
    if not folder.is_dir():
        return
    for path in sorted(folder.iterdir(), key=lambda path: path.name):
        if path.name.endswith(".toml"):
            yield tomllib.loads(path.read_text(encoding="utf-8"))


@cache
def _packaged(lang: str) -> Phrases:
    return Phrases(lang)


def phrases_in(lang: str, folder: Path | None = None) -> Phrases:
    """Return the sentences of a language, with a project's own where it has any.

    Parameters
    ----------
    lang : str
        ``en``, ``zh``.
    folder : Path, optional
        A project; its file ``words.zh.toml`` names its products and segments, and the texts of its
        own notebooks, in Chinese.

    Raises
    ------
    ProjectError
        If the project's file cannot be read.
    """
    own = folder / f"words.{lang}.toml" if folder is not None else None
    if own is None or not own.is_file():
        return _packaged(lang)
    try:
        return Phrases(lang, tomllib.loads(own.read_text(encoding="utf-8")))
    except (ValueError, OSError) as error:
        raise ProjectError(f"{own.name} cannot be read: {error}") from error
