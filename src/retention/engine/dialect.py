"""One SQL for all engines: the translation of DuckDB's into another's.

DuckDB runs the templates as they are written; only for another engine are they translated, and one
that the lint refuses is not run there at all.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import Any

from retention.errors import ParameterError

from .lint import lint, parsed, sqlglot_module

__all__ = ["translate"]


def translate(sql: str, dialect: str, prefix: str = "") -> str:
    """Write a DuckDB query in another engine's SQL.

    Parameters
    ----------
    sql : str
        Finished SQL that passes the lint.
    dialect : str
        Name of a sqlglot dialect, such as ``spark``.
    prefix : str
        What stands for the schemas ``base`` and ``raw``: ``base.orders`` becomes
        ``<prefix>base_orders``.

    Raises
    ------
    ParameterError
        If the query holds a construct that the lint refuses.
    """
    if faults := lint(sql):
        raise ParameterError(f"SQL that cannot be translated to {dialect}: {'; '.join(faults)}")
    tree = parsed(sql)
    if prefix:
        _relocate(tree, prefix)
    if dialect == "spark":
        tree = tree.transform(_for_spark)
    return str(tree.sql(dialect=dialect, comments=False))


def _relocate(tree: Any, prefix: str) -> None:
    exp = sqlglot_module().exp
    schema, _, start = prefix.rpartition(".")
    for table in tree.find_all(exp.Table):
        if table.db in ("base", "raw"):
            name = exp.to_identifier(f"{start}{table.db}_{table.name}", quoted=True)
            table.set("this", name)
            table.set("db", exp.to_identifier(schema) if schema else None)


_LETTERS = {"%Y": "y", "%m": "M", "%d": "d", "%H": "H", "%M": "m", "%S": "s"}


def _pattern(letters: str) -> str:
    """Write a format of strptime in Spark's letters; a number may lack its leading zero.

    Where numbers follow each other without a sign between them, each is of its full length.
    """
    parts = re.findall("%.|[^%]+", letters)
    fixed = any(a in _LETTERS and b in _LETTERS for a, b in pairwise(parts))
    written = []
    for part in parts:
        if part in _LETTERS:
            width = 4 if part == "%Y" else 2 if fixed else 1
            written.append(_LETTERS[part] * width)
        else:
            written.append(re.sub("([A-Za-z]+)", r"'\1'", part))
    return "".join(written)


def _for_spark(node: Any) -> Any:
    """Write what the checks need and sqlglot does not know in Spark's words."""
    exp = sqlglot_module().exp
    name = node.name.upper() if isinstance(node, exp.Anonymous) else ""
    words = list(node.expressions) if name else []
    if type(node).__name__ == "RegexpFullMatch":  # unknown to sqlglot before 28
        name, words = "REGEXP_FULL_MATCH", [node.this, node.expression]
    # what is put in the place of a node is not visited any more
    words = [word.copy().transform(_for_spark) for word in words]
    if name == "REGEXP_FULL_MATCH":
        pattern = exp.Literal.string(f"^({words[1].name})$")
        return exp.RegexpLike(this=words[0], expression=pattern)
    if name == "ISFINITE":
        return sqlglot_module().parse_one(
            f"not isnan({words[0].sql('spark')})"
            f" and abs({words[0].sql('spark')}) < double('Infinity')",
            read="spark",
        )
    if name == "TRY_STRPTIME":
        pattern = exp.Literal.string(_pattern(words[1].name))
        return exp.Anonymous(this="try_to_timestamp", expressions=[words[0], pattern])
    if name == "TIMEZONE":
        return exp.Anonymous(this="from_utc_timestamp", expressions=[words[1], words[0]])
    if isinstance(node, exp.Filter) and isinstance(node.this, exp.Min) and _three(node.this):
        one = exp.Filter(
            this=exp.Min(this=node.this.this.copy().transform(_for_spark)),
            expression=node.expression.copy().transform(_for_spark),
        )
        return exp.Array(expressions=[one])
    if isinstance(node, exp.Min) and _three(node):
        return exp.Array(expressions=[exp.Min(this=node.this.copy().transform(_for_spark))])
    if isinstance(node, exp.ArgMax | exp.ArgMin):
        # DuckDB passes over rows without a value, Spark gives their null
        value, by = (part.copy().transform(_for_spark) for part in (node.this, node.expression))
        known = exp.Not(this=exp.Is(this=value.copy(), expression=exp.Null()))
        return type(node)(this=value, expression=exp.Case().when(known, by))
    if isinstance(node, exp.Column) and node.name == "src" and not node.table:
        return sqlglot_module().parse_one("struct(src.*)", read="spark")
    return node


def _three(node: Any) -> bool:
    """Whether it is ``min(x, 3)``, the three smallest; Spark gives the smallest."""
    return bool(node.expressions or node.args.get("count"))
