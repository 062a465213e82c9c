"""`show`: the one verb of the notebooks. The same call reads well in JupyterLab and in a report.

Beside what a reader sees, an output carries what the report's runner collects: the numbers of
record of an answer and the data of a table, each under a MIME type of its own.
"""

from __future__ import annotations

import base64
import re
import sys
import warnings
from html import escape
from io import BytesIO
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.text import Text

from retention.errors import GateError, ParameterError
from retention.estimates import Answer, Estimate
from retention.exhibits.figure_data import figure_csv
from retention.exhibits.languages import asked_languages, translate_figure
from retention.exhibits.mime import ANSWER_MIME, FIGURE_DATA_MIME, FIGURES_MIME, TABLE_MIME
from retention.exhibits.numbers import format_cell, number_texts
from retention.exhibits.safe_text import safe_text
from retention.exhibits.theme import MAX_WIDTH, MIN_TEXT, Description, description_of

__all__ = ["MAX_ROWS", "show"]

MAX_ROWS = 200
_DPI = 180


def show(thing: Any, *, caption: str = "", name: str = "") -> None:
    """Display an answer, a figure or a table.

    Parameters
    ----------
    thing : Answer, matplotlib Axes or Figure, DataFrame or Series
        An answer shows its headline, its cautions and its numbers of record; a figure becomes a
        picture with its alt text and is closed; a table becomes an HTML table whose data are kept
        as CSV beside the report.
    caption : str
        One line under a figure or above a table; for a figure, instead of the one it has.
    name : str
        Under which name the numbers or the data are kept. An answer is named after its class,
        ``RetentionCurve`` as ``retention_curve``; give a name where a notebook shows two of a kind.

    Raises
    ------
    ParameterError
        If `thing` is something else, or a figure has no alt text, is too wide, or has text too
        small for a telephone.
    GateError
        If a font lacks a letter that a figure needs.

    Examples
    --------
    >>> show(pd.DataFrame({"customers": [1200]}, index=["retail"]), caption="Customers")
            customers
    retail       1200
    """
    if name and not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        raise ParameterError(f"name {name!r}: use lower case letters, digits and underscores")
    if isinstance(thing, Axes | Figure):
        data, metadata = _figure_bundle(thing, caption)
    elif isinstance(thing, pd.DataFrame | pd.Series):
        table = thing.to_frame() if isinstance(thing, pd.Series) else thing
        data, metadata = _table_bundle(table, caption, name), {}
    elif isinstance(thing, Answer):
        data, metadata = _answer_bundle(thing, name), {}
    else:
        raise ParameterError(
            f"show() takes an answer, a figure or a table, not {type(thing).__name__}"
        )
    _publish(data, metadata)


def _publish(data: dict[str, Any], metadata: dict[str, Any]) -> None:
    """Hand a bundle to the notebook; outside of one, write the text a reader would see."""
    shell = sys.modules["IPython"].get_ipython() if "IPython" in sys.modules else None
    if shell is None:
        sys.stdout.write(data["text/plain"] + "\n")
    else:
        shell.display_pub.publish(data=data, metadata=metadata)


# answers ------------------------------------------------------------------------------------------


def _answer_bundle(answer: Answer, name: str) -> dict[str, Any]:
    estimates = answer.estimates()
    record = {
        "name": name or _snake(type(answer).__name__),
        "headline": answer.headline(),
        "cautions": list(answer.cautions()),
        "order": list(estimates),  # a notebook file sorts its keys
        "estimates": {key: estimate.record() for key, estimate in estimates.items()},
    }
    proposals = getattr(answer, "proposals", None)
    if proposals is not None:  # what should be done, for management's page
        record["actions"] = proposals()
    return {
        "text/plain": answer.headline(),
        "text/markdown": _answer_markdown(answer.headline(), answer.cautions(), estimates),
        ANSWER_MIME: record,
    }


def _snake(name: str) -> str:
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", "_", name).lower()


def _answer_markdown(
    headline: str, cautions: tuple[str, ...], estimates: dict[str, Estimate]
) -> str:
    blocks = [f"**{_plain(headline)}**"]
    blocks += [f"> **Caution.** {_plain(caution)}" for caution in cautions]
    if estimates:
        rows = ["| number of record | value | interval | unit | from | grade |"]
        rows.append("|:--|--:|--:|:--|:--|:--|")
        for key, estimate in estimates.items():
            texts = number_texts(estimate)
            cells = (key, texts.value, texts.interval, texts.unit, texts.basis, estimate.grade)
            rows.append(f"| {' | '.join(map(_plain, cells))} |")
            if texts.why:
                rows.append(f"| | {_plain(texts.why)} | | | | |")
        blocks.append("\n".join(rows))
    return "\n\n".join(blocks)


def _plain(text: str) -> str:
    """Return text in which Markdown finds nothing to do."""
    return re.sub(r"([\\`*_\[\]<>#|~$])", r"\\\1", text).replace("\n", " ")


# figures ------------------------------------------------------------------------------------------


def _figure_bundle(thing: Axes | Figure, caption: str) -> tuple[dict[str, Any], dict[str, Any]]:
    import matplotlib.pyplot as plt

    words = description_of(thing)
    figure = thing if isinstance(thing, Figure) else thing.get_figure(root=True)
    if words is None or figure is None:
        raise ParameterError(
            "a figure needs an alt text before it is shown: describe(ax, alt=..., caption=...)"
        )
    _check_legible(figure)
    png = _png(figure)
    drawn = figure_csv(figure)
    others = _in_other_languages(figure)
    plt.close(figure)
    words = Description(words.alt, caption or words.caption)
    width, height = figure.get_size_inches() * 100
    image = {"alt": words.alt, "caption": words.caption}
    image |= {"width": round(width), "height": round(height)}
    data = {"text/plain": words.alt, "image/png": base64.b64encode(png).decode("ascii"), **others}
    data[FIGURE_DATA_MIME] = {"csv": drawn, "caption": words.caption}
    return data, {"image/png": image}


def _in_other_languages(figure: Figure) -> dict[str, Any]:
    """Return the picture in the languages asked for; drawn last, for its words are exchanged."""
    pictures = {}
    for phrases in asked_languages():
        seen = translate_figure(figure, phrases)
        png = base64.b64encode(_png(figure)).decode("ascii")
        left = [english for english, said in seen.items() if phrases.left(said)]
        pictures[phrases.lang] = {"image/png": png, "left": left}
    return {FIGURES_MIME: pictures} if pictures else {}


def _check_legible(figure: Figure) -> None:
    width = figure.get_size_inches()[0]
    if width > MAX_WIDTH + 1e-6:
        raise ParameterError(
            f"the figure is {width:.1f} in wide; at most {MAX_WIDTH} in can be read on a telephone"
        )
    small = [
        text.get_text()
        for text in figure.findobj(Text)
        if isinstance(text, Text)
        and text.get_visible()
        and text.get_text().strip()
        and float(text.get_fontsize()) < MIN_TEXT - 1e-6
    ]
    if small:
        raise ParameterError(
            f"text under {MIN_TEXT:g} points cannot be read on a telephone: "
            + ", ".join(map(repr, small[:3]))
        )


def _png(figure: Figure) -> bytes:
    """Return the picture; without the software's name in it, so that equal figures are equal."""
    buffer = BytesIO()
    with warnings.catch_warnings():
        warnings.filterwarnings("error", message=r".*[Gg]lyph.*missing")
        try:
            figure.savefig(buffer, format="png", dpi=_DPI, metadata={"Software": None})
        except UserWarning as warning:
            raise GateError(
                f"no font has a letter that the figure needs ({warning}); install a font with "
                "Chinese characters (Debian: fonts-noto-cjk) or retention-research[zh]"
            ) from warning
    return buffer.getvalue()


# tables -------------------------------------------------------------------------------------------


def _table_bundle(table: pd.DataFrame, caption: str, name: str) -> dict[str, Any]:
    return {
        "text/plain": table.head(MAX_ROWS).to_string(),
        "text/html": _table_html(table, caption),
        TABLE_MIME: {"name": name, "caption": caption, "csv": _table_csv(table)},
    }


def _has_index(table: pd.DataFrame) -> bool:
    return not (isinstance(table.index, pd.RangeIndex) and table.index.name is None)


def _table_csv(table: pd.DataFrame) -> str:
    plain = table.map(_csv_cell).rename(index=_csv_cell, columns=_csv_cell)
    return plain.to_csv(index=_has_index(table), lineterminator="\n", date_format="%Y-%m-%d")


def _csv_cell(cell: Any) -> Any:
    if isinstance(cell, str):
        return safe_text(cell)
    return cell.value if isinstance(cell, Estimate) else cell


def _is_number(column: pd.Series) -> bool:
    if pd.api.types.is_bool_dtype(column):
        return False
    if pd.api.types.is_numeric_dtype(column):
        return True
    kinds = (int, float, np.number, Estimate)
    cells = column.dropna()
    return len(cells) > 0 and all(
        isinstance(cell, kinds) and not isinstance(cell, bool) for cell in cells
    )


def _table_html(table: pd.DataFrame, caption: str) -> str:
    """Return the table as HTML that stands alone: headers with scope, every text escaped."""
    index = _has_index(table)
    numbers = [_is_number(table.iloc[:, i]) for i in range(table.shape[1])]
    lines = ['<div class="table"><table>']
    if caption:
        lines.append(f"<caption>{escape(caption)}</caption>")
    lines.append(f"<thead><tr>{_header(table, numbers, index)}</tr></thead>\n<tbody>")
    shown = table.head(MAX_ROWS)
    for row, label in enumerate(shown.index):
        parts = label if isinstance(label, tuple) else (label,)
        cells = [f'<th scope="row">{escape(format_label(part))}</th>' for part in parts if index]
        cells += [_cell(shown.iloc[row, i], number) for i, number in enumerate(numbers)]
        lines.append(f"<tr>{''.join(cells)}</tr>")
    lines.append("</tbody></table></div>")
    if len(table) > MAX_ROWS:
        lines.append(
            f"<p>The first {MAX_ROWS} of {len(table):,} rows; all of them are in the CSV file.</p>"
        )
    return "\n".join(lines)


def _header(table: pd.DataFrame, numbers: list[bool], index: bool) -> str:
    names = [str(name or "") for name in table.index.names] if index else []
    cells = [f'<th scope="col">{escape(name)}</th>' if name else "<td></td>" for name in names]
    for column, number in zip(table.columns, numbers, strict=True):
        text = " · ".join(map(str, column)) if isinstance(column, tuple) else str(column)
        align = ' style="text-align:right"' if number else ' style="text-align:left"'
        cells.append(f'<th scope="col"{align}>{escape(text)}</th>')
    return "".join(cells)


def format_label(label: Any) -> str:
    """Return a row's name as text; whole numbers (a year, a tenure) without separators."""
    return str(label) if isinstance(label, int | np.integer) else format_cell(label)


def _cell(value: Any, number: bool) -> str:
    why = f' title="{escape(value.why)}"' if isinstance(value, Estimate) and value.why else ""
    align = "right" if number else "left"
    text = escape(format_cell(value))
    if isinstance(value, Estimate):  # the interval on a line of its own, none of them broken
        value_text, bracket, rest = text.partition(" (")
        text = f"{value_text}<br><small>({rest}</small>" if bracket else value_text
        align += ";white-space:nowrap"
    return f'<td style="text-align:{align}"{why}>{text}</td>'
