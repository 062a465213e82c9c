"""What a notebook brought, in another language; numbers, names of files and data stay as they are.

A translation has the form of its original, so that all that makes pages works on either.
"""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

from retention.exhibits import ANSWER_MIME, FIGURES_MIME, TABLE_MIME
from retention.reports.collection import AnswerRecord, Collected, TableRecord
from retention.wording import Phrases

__all__ = ["beside", "english_left", "in_language", "named_for"]

_SPOKEN = ("alt", "title", "aria-label", "placeholder", "label")


def _article(article: Any, phrases: Phrases) -> Any:
    """Return an article whose title, question and names of numbers are in a language."""
    return replace(
        article,
        title=phrases(article.title),
        question=phrases(article.question),
        labels={name: phrases(label) for name, label in article.labels.items()},
    )


def in_language(part: Collected, phrases: Phrases) -> Collected:
    """Return what a notebook brought in another language.

    Parameters
    ----------
    part : Collected
        In English.
    phrases : Phrases
        The language; English gives `part` itself.
    """
    if phrases.lang == "en":
        return part
    notebook = part.notebook.copy()
    notebook.cells = [_cell(cell, phrases) for cell in part.notebook.cells]
    return replace(
        part,
        article=_article(part.article, phrases),
        notebook=notebook,
        answers=tuple(_answer(answer, phrases) for answer in part.answers),
        tables=tuple(_table(table, phrases) for table in part.tables),
    )


def _cell(cell: Any, phrases: Phrases) -> Any:
    new = cell.copy()
    new["metadata"] = cell.metadata.copy()
    if cell.metadata.get("summary"):
        new.metadata["summary"] = phrases(cell.metadata["summary"])
    if cell.cell_type == "markdown":
        new["source"] = phrases.markdown(cell.source)
    if cell.cell_type == "code":
        new["outputs"] = [_output(output, phrases) for output in cell.outputs]
    return new


def _output(output: Any, phrases: Phrases) -> Any:
    if output.output_type != "display_data":
        return output
    new = output.copy()
    data = new["data"] = output.data.copy()
    if ANSWER_MIME in data:
        data[ANSWER_MIME] = _record(data[ANSWER_MIME], phrases)
    elif TABLE_MIME in data:
        data["text/html"] = _html(data["text/html"], phrases)
    elif "image/png" in data:
        picture = data.get(FIGURES_MIME, {}).get(phrases.lang)
        if picture is not None:
            data["image/png"] = picture["image/png"]
        about = dict(output.metadata.get("image/png", {}))
        about |= {key: phrases(about[key]) for key in ("alt", "caption") if about.get(key)}
        new["metadata"] = output.metadata.copy()
        new.metadata["image/png"] = about
    return new


def _record(record: Mapping[str, Any], phrases: Phrases) -> dict[str, Any]:
    """Return a headline, its cautions and numbers, as `show` or ``metrics.json`` hold them."""
    return {
        **record,
        "headline": phrases(record["headline"]),
        "cautions": [phrases(caution) for caution in record["cautions"]],
        "estimates": {
            name: _estimate(estimate, phrases) for name, estimate in record["estimates"].items()
        },
    }


def _estimate(record: Mapping[str, Any], phrases: Phrases) -> dict[str, Any]:
    unit = record["unit"]
    return {
        **record,
        "unit": unit if unit == "share" else phrases.unit(unit),
        "method": phrases(record["method"]),
        "why": phrases(record["why"]),
    }


def _answer(answer: AnswerRecord, phrases: Phrases) -> AnswerRecord:
    said = _record(answer.record(), phrases)
    return replace(
        answer,
        headline=said["headline"],
        cautions=tuple(said["cautions"]),
        estimates=said["estimates"],
        actions=tuple(
            {
                **action,
                "what": phrases(action["what"]),
                "why": phrases(action["why"]),
                "worth": _estimate(action["worth"], phrases),
            }
            for action in answer.actions
        ),
    )


def _table(table: TableRecord, phrases: Phrases) -> TableRecord:
    rows = [[phrases(cell) for cell in row] for row in csv.reader(io.StringIO(table.csv))]
    output = io.StringIO()
    csv.writer(output, lineterminator="\n").writerows(rows)
    return replace(table, caption=phrases(table.caption), csv=output.getvalue())


def _html(html: str, phrases: Phrases) -> str:
    """Return HTML with every text and every spoken attribute in the language."""
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, features="html.parser")
    for node in soup.find_all(string=True):
        if node.strip():
            node.replace_with(phrases(str(node)))
    for tag in soup.find_all(True):
        for name in _SPOKEN:
            if tag.get(name):
                tag[name] = phrases(str(tag[name]))
    return str(soup)


# several languages in one folder ------------------------------------------------------------------

_CALLED = {"en": ("en", "English"), "zh": ("zh-CN", "中文")}


def named_for(name: str, lang: str, first: str) -> str:
    """Return the name of a file in a language; that of the report's first language is plain.

    Examples
    --------
    >>> named_for("index.html", "zh", "en"), named_for("index.html", "zh", "zh")
    ('index.zh.html', 'index.html')
    """
    stem, dot, ending = name.rpartition(".")
    return name if lang == first else f"{stem}.{lang}{dot}{ending}"


def beside(
    pages: Mapping[str, str],
    lang: str,
    languages: Sequence[str],
    others: Collection[str] = ("../index.html",),
) -> dict[str, str]:
    """Return pages under the names of their language, with links to each other and across.

    Parameters
    ----------
    pages : mapping of str to str
        HTML by plain file name.
    lang : str
        Their language.
    languages : sequence of str
        All of the report, the first one first.
    others : collection of str
        Pages elsewhere that exist in the language, too.
    """
    if len(languages) == 1:
        return dict(pages)
    first, linked = languages[0], {*pages, *others}
    return {
        named_for(name, lang, first): _across(
            _relinked(html, linked, lang, first), name, lang, languages
        )
        for name, html in pages.items()
    }


def _relinked(html: str, names: Collection[str], lang: str, first: str) -> str:
    def link(match: re.Match[str]) -> str:
        name = match[1]
        return f'href="{named_for(name, lang, first) if name in names else name}"'

    return re.sub(r'href="([^"#:]+)"', link, html)


def _across(html: str, name: str, lang: str, languages: Sequence[str]) -> str:
    """Put links to the same page in the other languages at its top."""
    links = "".join(
        f'<a href="{named_for(name, other, languages[0])}" lang="{_CALLED[other][0]}" '
        f'hreflang="{_CALLED[other][0]}">{_CALLED[other][1]}</a> '
        for other in languages
        if other != lang
    )
    return html.replace('<nav class="noprint">', f'<nav class="noprint">{links}', 1)


# what is left -------------------------------------------------------------------------------------

_UNSPOKEN = ("style", "script", "code", "pre", "math", "cite")


def english_left(
    pages: Mapping[str, str], parts: Iterable[Collected], phrases: Phrases
) -> list[str]:
    """Return what a reader of another language would find in English, each text once.

    Parameters
    ----------
    pages : mapping of str to str
        Finished pages by file name.
    parts : iterable of Collected
        What the notebooks brought, for the words in their figures.
    phrases : Phrases
        The language; what it writes in Latin letters itself is not taken for English.
    """
    found: dict[str, None] = {}
    for name, html in pages.items():
        for text in _texts(html):
            if phrases.left(text):
                found[f"{name}: {' '.join(text.split())}"] = None
    for part in parts:
        for text in _figure_texts(part, phrases.lang):
            found[f"{part.article.name}.html, figure: {' '.join(text.split())}"] = None
    return list(found)


def _texts(html: str) -> Iterable[str]:
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(html, features="html.parser")
    yield from _register_texts(soup.find("script", id="data"))
    for tag in [*soup.find_all(_UNSPOKEN), *soup.select("[hreflang]")]:
        tag.decompose()
    for node in soup.find_all(string=True):
        if node.strip() and type(node).__name__ == "NavigableString":
            yield str(node)
    for tag in soup.find_all(True):
        yield from (str(tag[name]) for name in _SPOKEN if tag.get(name))


def _register_texts(data: Any) -> Iterable[str]:
    """Return what the script of the register's page shows, but not the customers' own words."""
    if data is None:
        return
    held = json.loads(data.get_text())
    for column in held["columns"]:
        yield from (column[key] for key in ("label", "group", "unit", "about"))
    for question in held["questions"]:
        yield from (question["title"], question["why"])
    yield from held.get("texts", {}).values()


def _figure_texts(part: Collected, lang: str) -> Iterable[str]:
    for cell in part.notebook.cells:
        for output in cell.get("outputs", ()):
            if output.output_type != "display_data" or "image/png" not in output.data:
                continue
            picture = output.data.get(FIGURES_MIME, {}).get(lang)
            if picture is None:
                yield "a figure that was drawn in English only; run the report again"
            else:
                yield from picture["left"]
