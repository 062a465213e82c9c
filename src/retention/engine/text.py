"""SQL as text: quoted names, literals, and the packaged templates with their rendering."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import date, datetime
from decimal import Decimal
from functools import cache, lru_cache
from importlib.resources import files
from typing import Any

from jinja2 import Environment, StrictUndefined, UndefinedError

from retention.errors import ParameterError

__all__ = ["identifier", "literal", "render", "template"]


def identifier(name: str) -> str:
    """Return a name quoted for SQL; any text is safe.

    Examples
    --------
    >>> print(identifier("net size"))
    "net size"
    """
    if not isinstance(name, str) or not name or "\0" in name:
        raise ParameterError(f"not a name for a column or table: {name!r}")
    return '"' + name.replace('"', '""') + '"'


def literal(value: Any) -> str:
    """Return a value as a SQL literal; a list or tuple becomes a list in brackets.

    Raises
    ------
    ParameterError
        If the value is of a kind that has no literal, or is not finite.

    Examples
    --------
    >>> literal("it's"), literal(date(2026, 1, 31)), literal(["a", 2])
    ("'it''s'", "DATE '2026-01-31'", "('a', 2)")
    """
    if value is None:
        return "NULL"
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    if isinstance(value, date) and not isinstance(value, datetime):
        return f"DATE '{value.isoformat()}'"
    if isinstance(value, Iterable):
        return "(" + ", ".join(literal(item) for item in value) + ")"
    return _number_literal(value)


def _number_literal(value: Any) -> str:
    item = value.item() if hasattr(value, "item") else value
    if isinstance(item, Decimal) and item.is_finite():
        return f"CAST({item} AS DECIMAL(18, 2))"
    if isinstance(item, int):
        return str(item)
    if isinstance(item, float) and item - item == 0:
        return f"CAST({item!r} AS DOUBLE)"
    raise ParameterError(f"no SQL literal for {value!r}")


_ENVIRONMENT = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True)  # noqa: S701
_ENVIRONMENT.filters |= {"ident": identifier, "literal": literal}


@cache
def template(package: str, name: str) -> str:
    """Return the text of a packaged SQL template, such as ``("retention.features", "cube.sql")``.

    Raises
    ------
    ParameterError
        If the package has no such template.
    """
    found = files(package) / name
    if not found.is_file():
        raise ParameterError(f"package {package} has no template {name}")
    return found.read_text(encoding="utf-8")


@lru_cache(maxsize=256)
def _compiled(text: str) -> Any:
    return _ENVIRONMENT.from_string(text)


def render(text: str, **names: Any) -> str:
    """Fill a template; an unknown name in it is an error."""
    try:
        return _compiled(text).render(**names)
    except UndefinedError as error:
        raise ParameterError(f"SQL template: {error}") from error
