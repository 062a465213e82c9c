"""The register as one page that sorts, filters and searches by itself, without any network.

It is the only page of a report with a script. The script is our own text, named by its hash in the
page's content security policy, so that no other can run; the data lie beside it as JSON in which no
``<`` occurs, and the script writes them as text only. A hostile name stays a name.
"""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import dataclass, replace
from functools import cache, partial
from importlib.resources import files
from typing import Any

import numpy as np
import pandas as pd
from markupsafe import Markup, escape

from retention.analyses import CustomerRegister, Field, Question
from retention.errors import GateError
from retention.wording import Phrases, phrases_in

__all__ = ["render_register"]

_FOLDER = files("retention.reports.register")
_DIGITS = {"money": 2, "share": 4, "number": 3}
_LARGE = 10_000  # beyond it sheets are brief


def render_register(
    register: CustomerRegister,
    *,
    title: str,
    made_with: str = "",
    role: str = "manager",
    phrases: Phrases | None = None,
    max_bytes: int | None = None,
) -> str:
    """Return the page of a register.

    A page that would weigh too much has shorter sheets; if that is not enough, it holds the
    customers of the largest value and says so: all of them are in the table beside it.

    Parameters
    ----------
    register : CustomerRegister
        What to show.
    title : str
        Of the page: company and period.
    made_with : str
        Last line of the page.
    role : str
        ``manager`` sees everything; ``analyst`` a page in which names were never written.
    phrases : Phrases, optional
        The language of the page; English if left out.
    max_bytes : int, optional
        What the page may weigh; as much as it comes to if left out.

    Returns
    -------
    str
        HTML that needs nothing else.

    Raises
    ------
    ParameterError
        If the role is unknown.
    GateError
        If the page would not be safe to publish.
    """
    from .published import for_role

    whole, phrases = for_role(register, role), phrases or phrases_in("en")
    part = _Part(whole, brief=len(whole.customers) > _LARGE)
    frame = {"title": title, "footer": made_with}
    page = _page(whole, part, frame, phrases)
    while max_bytes is not None and (size := len(page.encode("utf-8"))) > max_bytes:
        part = part.smaller(max_bytes, size)
        page = _page(whole, part, frame, phrases)
    return page


@dataclass(frozen=True)
class _Part:
    """What of a register is on the page; `limit` in bytes if it is not all."""

    register: CustomerRegister
    brief: bool  # sheets with a year of months and three events
    limit: int = 0

    def smaller(self, max_bytes: int, size: int) -> _Part:
        """Return a part that is likely to fit, if the present one made a page of `size` bytes.

        Raises
        ------
        GateError
            If not even one customer would.
        """
        if not self.brief:
            return replace(self, brief=True)
        customers = self.register.customers
        room = int(0.98 * len(customers) * max_bytes / size)
        if room < 1:
            raise GateError(f"customers.html: {max_bytes:,} bytes hold no customer")
        ranked = customers
        if "value" in customers:
            ranked = customers.sort_values("value", ascending=False, kind="stable")
        kept = customers.index.isin(ranked.index[:room])
        return _Part(replace(self.register, customers=customers[kept]), self.brief, max_bytes)


def _page(whole: CustomerRegister, part: _Part, frame: dict[str, str], phrases: Phrases) -> str:
    seen, script = part.register, _text("page.js")
    cautions = [*_left_out(whole, part), *_cautions(whole)]
    page = _environment().get_template("page.html").render(
        lang="zh-CN" if phrases.lang == "zh" else phrases.lang,
        say=partial(_say, phrases),
        css=_text("page.css").rstrip(),
        script=script,
        script_hash=_hash(script),
        facts=phrases(_facts(whole)),
        cautions=[phrases(text) for text in cautions],
        count=f"{len(seen.customers):,}",
        data=_json(_data(seen, phrases) | _texts(script, phrases)),
        sheets=_json(_sheets(seen, phrases, brief=part.brief)),
        **frame,
    )  # fmt: skip
    _check(page, script)
    return str(page)


def _left_out(whole: CustomerRegister, part: _Part) -> list[str]:
    """Say which customers are not on the page, and where all of them are."""
    shown, count = len(part.register.customers), len(whole.customers)
    if shown == count:
        return []
    which = "those of the largest value" if "value" in whole.customers else "the first by key"
    return [
        f"This page holds {shown:,} of {count:,} customers, {which}: more would not fit into "
        f"{part.limit / 1e6:g} MB. All of them are in customers.csv, and the command retention "
        "customers answers for all of them."
    ]


@cache
def _text(name: str) -> str:
    return _FOLDER.joinpath(name).read_text(encoding="utf-8")


@cache
def _environment() -> Any:
    from jinja2 import DictLoader, Environment, StrictUndefined

    return Environment(
        loader=DictLoader({"page.html": _text("page.html")}),
        autoescape=True,
        undefined=StrictUndefined,
    )


def _hash(script: str) -> str:
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"sha256-{base64.b64encode(digest).decode('ascii')}"


def _json(value: Any) -> str:
    """Return JSON that cannot end the element it stands in, nor be read as markup."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
    for letter in "<>&\u2028\u2029":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


def _check(page: str, script: str) -> None:
    frame = page.replace(script, "")
    if "</script" in script or frame.count("<script>") != 1 or frame.count("<script") != 3:
        raise GateError("customers.html: a script that is not ours stands in the page")
    if "default-src 'none'" not in frame or _hash(script) not in frame:
        raise GateError("customers.html: the content security policy does not name the script")


def _facts(register: CustomerRegister) -> str:
    text = (
        f"{len(register.customers):,} customers as known at the end of {register.window.last_day}; "
        f"money in {register.currency}. A dash means not known."
    )
    if "value" in register.customers:
        text += f" Value is {register.measure} of the last twelve months."
    return text


def _cautions(register: CustomerRegister) -> list[str]:
    found = list(register.warnings)
    if any(field.personal for field in register.fields):
        found.append("This page names customers: keep it where only those read it who need it.")
    return found


def _say(phrases: Phrases, text: str, *values: Any) -> Any:
    """Return a text of the frame in the language, its holes filled; values are escaped."""
    said = str(escape(phrases.template(text)))
    for place, value in enumerate(values, start=1):
        said = said.replace(f"{{{place}}}", str(escape(value)))
    return Markup(said)  # noqa: S704 - every part was escaped


def _texts(script: str, phrases: Phrases) -> dict[str, Any]:
    """Return the texts of the script in another language than English."""
    if phrases.lang == "en":
        return {}
    spoken = dict.fromkeys(re.findall(r'say\("([^"]+)"', script))
    return {"texts": {text: phrases.template(text) for text in spoken}}


def _data(register: CustomerRegister, phrases: Phrases) -> dict[str, Any]:
    table = register.customers
    fields = register.fields
    values = [
        _column(
            pd.Series(table.index) if field.name == "customer_id" else table[field.name],
            field,
            phrases,
        )
        for field in fields
    ]
    has_value = "value" in table
    return {
        "currency": register.currency,
        "total": "value" if has_value else "",
        "columns": [_field(field, register.unit, phrases) for field in fields],
        "questions": [_question(q, [str(c) for c in table], phrases) for q in register.questions],
        "data": {
            "count": len(table),
            "sort": "value" if has_value else "customer_id",
            "file": f"customers-{register.window.last_day:%Y-%m}.csv",
            "values": values,
        },
    }


def _field(field: Field, tenure_unit: str, phrases: Phrases) -> dict[str, Any]:
    unit = tenure_unit if field.unit == "units" else field.unit
    return {
        "name": field.name, "label": _said(phrases, field.label, f"column {field.name}"),
        "kind": field.kind, "group": phrases(field.group),
        "unit": phrases.unit(unit), "about": phrases(field.about), "shown": field.shown,
        "wide": field.wide,
    }  # fmt: skip


def _question(question: Question, columns: list[str], phrases: Phrases) -> dict[str, Any]:
    conditions = question.conditions(columns) or ()
    return {
        "name": question.name,
        "title": phrases(question.title),
        "why": phrases(question.why),
        "where": [{"column": c.column, "op": c.op, "value": c.value} for c in conditions],
        "sort": question.sort,
        "down": question.down,
        "columns": list(question.columns),
    }


def _column(values: pd.Series, field: Field, phrases: Phrases) -> Any:
    """Return a column as the page holds it: text by dictionary, days since 1970, numbers.

    In another language than English a dictionary has its words in that language besides; names and
    keys stay as they are, and filters know both.
    """
    if field.kind == "text":
        texts = values.astype("str") if not isinstance(values.dtype, pd.StringDtype) else values
        codes, words = pd.factorize(texts.where(values.notna()))
        column: dict[str, Any] = {"d": [str(word) for word in words], "i": codes.tolist()}
        if phrases.lang != "en" and not field.personal and field.name != "customer_id":
            column["s"] = [phrases(str(word)) for word in words]
        return column
    if field.kind == "date":
        days = pd.to_datetime(values).to_numpy().astype("datetime64[D]")
        known = ~np.isnat(days)
        numbers = np.where(known, days.astype("int64"), 0).tolist()
        return [n if k else None for n, k in zip(numbers, known.tolist(), strict=True)]
    digits = _DIGITS[field.kind]
    numbers = np.round(values.to_numpy(dtype=float, na_value=np.nan), digits).tolist()
    return [_number(x) for x in numbers]


def _number(x: float) -> float | int | None:
    if x != x or x in (np.inf, -np.inf):
        return None
    return int(x) if x == int(x) else x


def _sheets(register: CustomerRegister, phrases: Phrases, *, brief: bool) -> dict[str, Any]:
    """Return what only a customer's sheet shows; the page reads it when the first is opened."""
    index = register.customers.index
    months = register.months.iloc[:, -12:] if brief else register.months
    revenue: list[list[int]] = []
    if months.shape[1]:
        rows = months.reindex(index).to_numpy(dtype=float)
        whole = np.nan_to_num(np.round(rows)).astype(np.int64)
        known: list[bool] = np.any(whole != 0, axis=1).tolist()
        revenue = [row if k else [] for row, k in zip(whole.tolist(), known, strict=True)]
    return {
        "months": [str(month) for month in months],
        "revenue": revenue,
        "events": _events(register, 3 if brief else 6, phrases),
    }


def _said(phrases: Phrases, text: str, context: str) -> str:
    """Return a text that may mean something else elsewhere: ``kind return`` is not what pays."""
    return phrases.texts.get(context) or phrases(text)


def _events(register: CustomerRegister, top: int, phrases: Phrases) -> list[list[str]]:
    place = {customer: i for i, customer in enumerate(register.customers.index)}
    lines: list[list[str]] = [[] for _ in place]
    events = register.events
    columns = (events[name] for name in ("customer_id", "day", "kind", "words", "amount"))
    for customer, day, kind, words, amount in zip(*columns, strict=True):
        mine = lines[place[customer]] if customer in place else None
        if mine is None or len(mine) >= top:
            continue
        money = "" if amount != amount else f"{amount:,.2f} {register.currency}"
        words = "" if words != words else " ".join(str(words).split())
        happened = _said(phrases, kind, f"kind {kind}")
        mine.append(f"{day:%Y-%m-%d}\t{happened}\t{phrases(words)}\t{money}")
    return lines
