"""What kind of value an expression of a query yields, as far as its text tells.

Columns of the contract have the kind that the schemas give them, and every alias that of the
expression it names, wherever in the query it is used: a name may thus have several kinds, and all
of them are returned.
"""

from __future__ import annotations

from collections.abc import Mapping
from itertools import product
from typing import Any

from retention.schemas import INPUT_TABLES

__all__ = ["DATE", "DECIMAL", "REAL", "TEXT", "WHOLE", "called", "kinds_of", "named_kinds"]

DATE, DECIMAL, REAL, TEXT, WHOLE = "date", "decimal", "real", "text", ""
_OF_CONTRACT = {"date": DATE, "money": DECIMAL, "number": REAL, "text": TEXT, "period": TEXT}
_OF_TYPE = {
    "DATE": DATE,
    "DOUBLE": REAL,
    "FLOAT": REAL,
    "DECIMAL": DECIMAL,
    "TEXT": TEXT,
    "VARCHAR": TEXT,
    "CHAR": TEXT,
}
_REAL = ("Div", "Avg", "Ln", "Log", "Exp", "Sqrt", "Pow", "Stddev", "Variance", "Corr")
_DATES = ("DateFromParts", "LastDay", "CurrentDate")
_TEXTS = ("Substring", "Trim", "Lower", "Upper", "DPipe", "TimeToStr", "Replace", "MD5")
# yields what is in it
_SAME = (
    *("Paren", "Neg", "Abs", "Alias", "Sum", "Min", "Max", "ArgMin", "ArgMax", "Filter", "Window"),
    *("Lag", "Lead", "FirstValue", "LastValue", "Nullif", "Subquery", "Explode"),
)
_ANY_OF = ("Coalesce", "Greatest", "Least")


# functions that the oldest sqlglot allowed does not know, by the name the newest gives them
_UNKNOWN = {
    "MAKE_DATE": "DateFromParts",
    "DENSE_RANK": "DenseRank",
    "REGEXP_FULL_MATCH": "RegexpFullMatch",
}


def called(node: Any) -> str:
    """Return what sqlglot calls an expression; DuckDB's name for a function it does not know."""
    kind = type(node).__name__
    return _UNKNOWN.get(node.name.upper(), node.name.upper()) if kind == "Anonymous" else kind


def named_kinds(tree: Any) -> dict[str, set[str]]:
    """Return the kinds of every column and alias of a query, by name in small letters."""
    names: dict[str, set[str]] = {}
    for table in INPUT_TABLES.values():
        for column in table.columns:
            names.setdefault(column.name, set()).add(_OF_CONTRACT.get(column.kind, WHOLE))
    aliases = [node for node in tree.walk() if type(node).__name__ == "Alias"]
    before = -1
    while before != (before := sum(map(len, names.values()))):
        for alias in aliases:
            names.setdefault(alias.alias.lower(), set()).update(kinds_of(alias.this, names))
    return names


def kinds_of(node: Any, names: Mapping[str, set[str]]) -> frozenset[str]:
    """Return every kind that an expression may be of; none where its text does not tell."""
    kind = called(node)
    if kind == "Column":
        return frozenset(names.get(node.name.lower(), ()))
    if kind == "Literal":
        fraction = not node.is_string and not node.name.isdigit()
        return frozenset({TEXT if node.is_string else DECIMAL if fraction else WHOLE})
    if kind in ("Cast", "TryCast"):
        return frozenset({_OF_TYPE.get(str(node.to.this).rpartition(".")[2], WHOLE)})
    if kind in _SAME:
        return kinds_of(node.this, names)
    if kind == "Select":
        return kinds_of(node.expressions[0], names)
    for kinds, one in ((_REAL, REAL), (_DATES, DATE), (_TEXTS, TEXT)):
        if kind in kinds:
            return frozenset({one})
    if kind == "Round" and node.args.get("decimals") is not None:
        return kinds_of(node.this, names)
    return _combined(node, kind, names)


def _parts(node: Any, kind: str) -> list[Any]:
    """Return the expressions of which one, or all together, make the value."""
    if kind in ("Add", "Sub", "Mul", "Mod"):
        return [node.this, node.expression]
    if kind in _ANY_OF:
        return [node.this, *node.expressions]
    if kind == "Case":
        branches = [branch.args.get("true") for branch in node.args["ifs"]]
        return [*branches, node.args.get("default")]
    return [node.args.get("true"), node.args.get("false")] if kind == "If" else []


def _combined(node: Any, kind: str, names: Mapping[str, set[str]]) -> frozenset[str]:
    found: frozenset[str] | None = None
    for part in _parts(node, kind):
        if type(part).__name__ in ("NoneType", "Null"):
            continue
        more = kinds_of(part, names) or {WHOLE}
        if found is None:
            found = frozenset(more)
        else:
            found = frozenset(_stronger(kind, a, b) for a, b in product(found, more))
    return found or frozenset()


def _stronger(operation: str, one: str, other: str) -> str:
    """Return the kind of an operation: one real number makes all real, one decimal all decimal."""
    if operation == "Sub" and one == other == DATE:
        return WHOLE
    return next((k for k in (DATE, TEXT, REAL, DECIMAL) if k in (one, other)), WHOLE)
