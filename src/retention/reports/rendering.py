"""Executed notebooks and records -> pages: self-contained, without script, the same every time."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import cache
from html import escape
from importlib.resources import files
from pathlib import Path
from typing import Any

from retention.estimates import Estimate
from retention.exhibits import number_texts
from retention.reports.collection import Collected
from retention.reports.wording import Words

__all__ = [
    "answer_to_html",
    "markdown_to_html",
    "render_page",
    "render_question",
]

_LONG_TABLE = 25
TEMPLATES = Path(str(files("retention.reports") / "templates"))


@cache
def _environment() -> Any:
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["soften"] = soften
    environment.globals["style_of"] = _style_of
    environment.globals["style"] = _raw((TEMPLATES / "style.css").read_text(encoding="utf-8"))
    return environment


def _style_of(lang: str) -> Any:
    """Return what the pages of a language need beside the style of all."""
    path = TEMPLATES / f"style.{lang}.css"
    return _raw(path.read_text(encoding="utf-8") if path.exists() else "")


def _raw(html: str) -> Any:
    from markupsafe import Markup

    return Markup(html)  # noqa: S704 - made here, never from data


def render_page(template: str, **content: Any) -> str:
    """Return a page of its template; every text is escaped.

    Parameters
    ----------
    template : str
        ``period``, ``archive``, ``failure`` or ``question``.
    **content
        What the template names; a name it needs and does not get is an error.
    """
    return str(_environment().get_template(f"{template}.html.j2").render(**content))


# one question -------------------------------------------------------------------------------------


def render_question(collected: Collected, *, words: Words, **content: Any) -> str:
    """Return the page of one executed notebook.

    Parameters
    ----------
    collected : Collected
        The notebook and what it brought.
    words : Words
        The language of the frame.
    **content
        What the frame needs besides: company, period, data_until, made_with.
    """
    from bs4 import BeautifulSoup

    soup = BeautifulSoup(_fragment(collected, words), features="html.parser")
    _tidy_headings(soup)
    _fold_methods(soup, words)
    _mend_tables(soup)
    _fold_long_tables(soup, words)
    _unlink(soup)
    return render_page(
        "question",
        title=collected.article.title,
        question=collected.article.question,
        contents=_contents(soup),
        body=_raw(str(soup)),
        words=words,
        **content,
    )


def _fragment(collected: Collected, words: Words) -> str:
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        extra_template_basedirs=[str(TEMPLATES)],
        template_name="article",
        filters={
            "answer_to_html": lambda record: answer_to_html(record, words),
            "markdown_to_html": markdown_to_html,
        },
    )
    notebook = collected.notebook.copy()
    notebook.cells = [cell for cell in notebook.cells if not _is_hidden(cell)]
    resources = {"retention": {key: words(key) for key in ("csv", "csv_figure")}}
    body, _ = exporter.from_notebook_node(notebook, resources=resources)
    return str(body)


def _is_hidden(cell: Any) -> bool:
    tags = cell.metadata.get("tags", ())
    return "parameters" in tags or "injected-parameters" in tags or "remove" in tags


@cache
def _markdown() -> Callable[[str], str]:
    from latex2mathml.converter import convert
    from nbconvert.filters.markdown_mistune import IPythonRenderer, MarkdownWithMath

    class OfflineRenderer(IPythonRenderer):  # type: ignore[misc]
        """Markdown whose formulas are MathML, which a browser draws without script."""

        def block_math(self, body: str) -> str:
            return str(convert(body.strip(), display="block"))

        def inline_math(self, body: str) -> str:
            return str(convert(body.strip()))

        def latex_environment(self, name: str, body: str) -> str:
            return self.block_math(f"\\begin{{{name}}}{body}\\end{{{name}}}")

    renderer = OfflineRenderer(
        escape=True, allow_harmful_protocols=False, exclude_anchor_links=True
    )
    return MarkdownWithMath(renderer=renderer).render  # type: ignore[no-any-return]


def markdown_to_html(source: str) -> str:
    """Return Markdown as HTML: formulas as MathML, HTML in the text shown and not obeyed."""
    return _markdown()(source)


def soften(headline: str) -> Any:
    """Return a headline in which the interval and what else stands in brackets is set back.

    Examples
    --------
    >>> soften("A <b> (95 % interval 1 to 2; n 9) of customers.")
    Markup('A &lt;b&gt; <span class="aside">(95 % interval 1 to 2; n 9)</span> of customers.')
    """
    aside = r"\([^()]*\d[^()]*\)"
    return _raw(re.sub(aside, r'<span class="aside">\g<0></span>', escape(headline)))


def answer_to_html(record: dict[str, Any], words: Words) -> str:
    """Return an answer's headline, cautions and folded numbers of record.

    Parameters
    ----------
    record : dict
        As `retention.exhibits.show` writes it.
    words : Words
        The language.
    """
    lines = ['<section class="answer">', f'<p class="headline">{soften(record["headline"])}</p>']
    lines += [
        f'<p class="caution"><strong>{words("caution_mark")}</strong> {escape(text)}</p>'
        for text in record["cautions"]
    ]
    if record["estimates"]:
        keys = ("name", "value", "interval", "unit", "basis", "grade")
        head = "".join(
            f'<th scope="col"{_number(key)}>{words(f"estimate_{key}")}</th>' for key in keys
        )
        rows = "\n".join(
            _estimate_row(name, Estimate(**record["estimates"][name]), words)
            for name in record["order"]
        )
        lines += [
            f"<details><summary>{words('numbers')} ({len(record['estimates'])})</summary>",
            f'<div class="table"><table><thead><tr>{head}</tr></thead>',
            f"<tbody>\n{rows}\n</tbody></table></div></details>",
        ]
    return "\n".join([*lines, "</section>"])


def _number(key: str) -> str:
    return ' class="number"' if key in ("value", "interval") else ""


def _estimate_row(name: str, estimate: Estimate, words: Words) -> str:
    texts = number_texts(estimate)
    basis = f"{words.basis(estimate)}; {estimate.method}" if not texts.why else texts.why
    cells = (
        f'<th scope="row">{escape(words.name(name))}</th>',
        f'<td class="number">{escape(texts.value)}</td>',
        f'<td class="number">{escape(words.interval(texts))}</td>',
        f"<td>{escape(texts.unit)}</td>",
        f"<td>{escape(basis)}</td>",
        f"<td>{estimate.grade}</td>",
    )
    return f"<tr>{''.join(cells)}</tr>"


def _tidy_headings(soup: Any) -> None:
    """Drop the notebook's own title, which the frame has, and give every heading an id."""
    first = soup.find("h1")
    if first is not None:
        first.decompose()
    for heading in soup.find_all("h1"):
        heading.name = "h2"
    seen: dict[str, int] = {}
    for heading in soup.find_all(["h2", "h3"]):
        stem = re.sub(r"\W+", "-", heading.get_text().strip().lower()).strip("-") or "part"
        seen[stem] = seen.get(stem, 0) + 1
        heading["id"] = stem if seen[stem] == 1 else f"{stem}-{seen[stem]}"


def _fold_methods(soup: Any, words: Words) -> None:
    """Fold what belongs together at once, named by its summary or its first heading."""
    for details in soup.select("details.method"):
        before = details.find_previous_sibling()
        if before is not None and "method" in before.get("class", ()) and not _is_named(details):
            details.find("summary").decompose()
            before.extend(list(details.contents))
            details.decompose()
    for details in soup.select("details.method"):
        summary = details.find("summary")
        heading = details.find(["h2", "h3", "h4"])
        if not summary.get_text().strip():
            summary.string = heading.get_text().strip() if heading else words("method")
            if heading is not None:
                heading.decompose()


def _is_named(details: Any) -> bool:
    """Whether a folded part has a name of its own."""
    return bool(details.find("summary").get_text().strip() or details.find(["h2", "h3"]))


def _unlink(soup: Any) -> None:
    """Write an address out instead of linking it: the page is read, and printed, offline."""
    for link in soup.find_all("a", href=re.compile(r"^[a-z][a-z0-9+.-]*:|^//", re.IGNORECASE)):
        text, address = link.get_text().strip(), link["href"]
        link.name = "span"
        link.attrs = {}
        link.string = text if address.endswith(text) else f"{text} ({address})"


def _mend_tables(soup: Any) -> None:
    """Give Markdown tables the frame and the scopes that tables of `show` have."""
    for table in soup.find_all("table"):
        if table.find_parent("div", class_="table") is None:
            table.wrap(soup.new_tag("div", attrs={"class": "table"}))
        for cell in table.select("thead th:not([scope])"):
            cell["scope"] = "col"
        for cell in table.select("thead th"):
            if not cell.get_text().strip():
                cell.name = "td"
                del cell["scope"]
        for frame in table.find_parents("div", class_="table"):
            frame["tabindex"] = "0"  # a keyboard can scroll it


def _fold_long_tables(soup: Any, words: Words) -> None:
    """Fold a table that is longer than a screen; what it is about stays to be seen."""
    for frame in soup.select("div.table"):
        rows = len(frame.select("tbody tr"))
        if rows <= _LONG_TABLE or frame.find_parent("details") is not None:
            continue
        caption = frame.find("caption")
        name = caption.get_text() if caption is not None else words("table")
        details = frame.wrap(soup.new_tag("details"))
        summary = soup.new_tag("summary")
        summary.string = words("rows_all", name=name, count=rows)
        details.insert(0, summary)


def _contents(soup: Any) -> list[dict[str, str]]:
    return [
        {"id": heading["id"], "text": heading.get_text().strip()}
        for heading in soup.find_all("h2")
        if heading.find_parent("details") is None
    ]
