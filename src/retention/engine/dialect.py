"""One SQL for all engines: the lint of what translates silently wrong, and the translation.

DuckDB runs the templates as they are written; only for another engine are they translated. The
lint knows each construct that was measured to mean something else there, or to give wrong results
at all (see ``docs/data.md``); a template that holds one is refused before it runs anywhere else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from retention.errors import ParameterError, ProjectError
from retention.schemas import INPUT_TABLES

__all__ = ["lint", "translate"]

_GUARDS = ("Case", "Nullif", "Greatest", "If")
_DATES = frozenset(
    column.name
    for table in INPUT_TABLES.values()
    for column in table.columns
    if column.kind == "date"
)
_UNORDERED = {
    "QUANTILE_CONT": "counts by value, and the quantile in numpy",
    "QUANTILE_DISC": "counts by value, and the quantile in numpy",
    "PERCENTILECONT": "counts by value, and the quantile in numpy",
    "PERCENTILEDISC": "counts by value, and the quantile in numpy",
    "QUANTILE": "counts by value, and the quantile in numpy",
    "MEDIAN": "counts by value, and the quantile in numpy",
    "DAYOFWEEK": "days since a known Monday, modulo 7",
    "DAYOFWEEKISO": "days since a known Monday, modulo 7",
    "WEEKDAY": "days since a known Monday, modulo 7",
    "RAND": "md5 of the key, for splits",
    "RANDOM": "md5 of the key, for splits",
    "HASH": "md5 of the key, for splits",
    "ANYVALUE": "min or max, which do not depend on the order of rows",
    "FIRST": "arg_min over a total order",
    "LAST": "arg_max over a total order",
    "TIMETOUNIX": "days between dates",
    "EPOCH": "days between dates",
    "CURRENTDATE": "the window's cutoff",
    "CURRENTTIMESTAMP": "the window's cutoff",
}


def lint(sql: str) -> tuple[str, ...]:
    """Return what in a DuckDB query would mean something else on another engine.

    Parameters
    ----------
    sql : str
        Finished SQL, no template.

    Returns
    -------
    tuple of str
        One sentence a construct: what, and what to write instead; empty for a query that is fine.

    Raises
    ------
    ParameterError
        If the text is no SQL.
    """
    tree = _tree(sql)
    found = [sentence for node in tree.walk() for sentence in _faults(node)]
    return tuple(dict.fromkeys([*found, *_date_differences(tree)]))


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
    tree = _tree(sql)
    if prefix:
        _relocate(tree, prefix)
    if dialect == "spark":
        tree = tree.transform(_for_spark)
    return str(tree.sql(dialect=dialect, comments=False))


def _sqlglot() -> Any:
    try:
        import sqlglot
    except ModuleNotFoundError as error:
        raise ProjectError(
            "engines other than DuckDB need: pip install 'retention-research[spark]'"
        ) from error
    return sqlglot


def _tree(sql: str) -> Any:
    sqlglot = _sqlglot()
    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise ParameterError(f"no SQL: {str(error).splitlines()[0]}") from error


def _relocate(tree: Any, prefix: str) -> None:
    exp = _sqlglot().exp
    schema, _, start = prefix.rpartition(".")
    for table in tree.find_all(exp.Table):
        if table.db in ("base", "raw"):
            name = exp.to_identifier(f"{start}{table.db}_{table.name}", quoted=True)
            table.set("this", name)
            table.set("db", exp.to_identifier(schema) if schema else None)


_LETTERS = {"%Y": "yyyy", "%y": "yy", "%m": "MM", "%d": "dd", "%H": "HH", "%M": "mm", "%S": "ss"}


def _for_spark(node: Any) -> Any:
    """Write what the checks need and sqlglot does not know in Spark's words."""
    exp = _sqlglot().exp
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
        return _sqlglot().parse_one(
            f"not isnan({words[0].sql('spark')})"
            f" and abs({words[0].sql('spark')}) < double('Infinity')",
            read="spark",
        )
    if name == "TRY_STRPTIME":
        letters = words[1].name
        for ours, theirs in _LETTERS.items():
            letters = letters.replace(ours, theirs)
        return exp.Anonymous(
            this="try_to_timestamp", expressions=[words[0], exp.Literal.string(letters)]
        )
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
    if isinstance(node, exp.Column) and node.name == "src" and not node.table:
        return _sqlglot().parse_one("struct(src.*)", read="spark")
    return node


def _three(node: Any) -> bool:
    """Whether it is ``min(x, 3)``, the three smallest; Spark gives the smallest."""
    return bool(node.expressions or node.args.get("count"))


def _faults(node: Any) -> Iterator[str]:
    kind = type(node).__name__
    name = node.name.upper() if kind == "Anonymous" else kind.upper()
    if name in _UNORDERED:
        yield f"{name.lower()}: write {_UNORDERED[name]}"
    for rule in _RULES.get(kind, ()):
        if fault := rule(node):
            yield fault


def _guarded(node: Any) -> bool:
    parent = node.parent
    while parent is not None and type(parent).__name__ != "Select":
        if type(parent).__name__ in _GUARDS:
            return True
        parent = parent.parent
    return False


def _division(node: Any) -> str | None:
    below = node.expression
    while type(below).__name__ in ("Paren", "Cast"):
        below = below.this
    constant = type(below).__name__ == "Literal" and float(below.name) != 0
    # a group has at least one row
    counted = type(below).__name__ == "Count" and type(below.this).__name__ == "Star"
    if constant or counted or type(below).__name__ in _GUARDS or _guarded(node):
        return None
    return "division: guard a divisor that may be 0 with nullif or case"


def _logarithm(node: Any) -> str | None:
    return None if _guarded(node) else "ln or sqrt: guard what may be 0 or negative with case"


def _bare_log(node: Any) -> str | None:
    return "log: write ln or log10" if node.expression is None else None


def _interval(node: Any) -> str:
    return "interval: write integer days, date + 90"


def _date_difference(node: Any) -> str | None:
    unit = str(node.args.get("unit") or "DAY").upper().strip("'")
    return None if unit == "DAY" else f"date difference in {unit.lower()}s: write days or months"


def _join(node: Any) -> str | None:
    method = str(node.args.get("method") or "").upper()
    return "asof join: write a union with a running max" if method == "ASOF" else None


def _table(node: Any) -> str | None:
    called = type(node.this).__name__
    name = node.this.name.upper() if called == "Anonymous" else called.upper()
    if name in ("RANGE", "GENERATESERIES"):
        return "range as a table: write unnest(generate_series(a, b))"
    return None


def _cast(node: Any) -> str | None:
    whole = str(node.to.this).rpartition(".")[2] in ("INT", "BIGINT", "SMALLINT", "TINYINT")
    inner = node.this
    while type(inner).__name__ == "Paren":
        inner = inner.this
    risky = ("Div", "Avg", "Sqrt", "Ln", "Pow")
    if whole and type(inner).__name__ in risky:
        return "cast of a fraction to a whole number: write floor or round first"
    return None


def _average(node: Any) -> str | None:
    inner = node.this
    double = type(inner).__name__ in ("Cast", "TryCast") and "DOUBLE" in str(inner.to).upper()
    return None if double else "avg: write avg(cast(x as double)), or cast(sum as double) / n"


def _decimal_literal(node: Any) -> str | None:
    if node.is_string or "." not in node.name:
        return None
    parent = node.parent
    while parent is not None and type(parent).__name__ in ("Paren", "Neg"):
        parent = parent.parent
    if type(parent).__name__ in ("Case", "If", "Coalesce"):
        return "a decimal literal in case or coalesce: write cast(0.5 as double)"
    return None


def _date_differences(tree: Any) -> Iterator[str]:
    """Find ``date - date``: days in DuckDB, an interval in Spark that equals no number."""
    names = set(_DATES)
    aliases = [node for node in tree.walk() if type(node).__name__ == "Alias"]
    before = -1
    while before != len(names):  # a date keeps being one under each further name
        before = len(names)
        names |= {node.alias for node in aliases if _is_date(node.this, names)}
    for node in tree.walk():
        dates = type(node).__name__ == "Sub" and _is_date(node.this, names)
        if dates and _is_date(node.expression, names):
            yield "date - date: write datediff('day', from, to)"


def _is_date(node: Any, names: set[str]) -> bool:
    kind = type(node).__name__
    if kind == "Column":
        return node.name in names
    if kind in ("Cast", "TryCast"):
        return str(node.to.this).rpartition(".")[2] == "DATE"
    if kind in ("Paren", "Add", "Sub", "Min", "Max", "Lag", "Lead", "Window", "ArgMin", "ArgMax"):
        return _is_date(node.this, names) and not _is_date(node.args.get("expression"), names)
    if kind in ("Coalesce", "Greatest", "Least"):
        return any(_is_date(part, names) for part in (node.this, *node.expressions))
    if kind == "Case":
        values = [branch.args.get("true") for branch in node.args["ifs"]]
        return any(_is_date(part, names) for part in (*values, node.args.get("default")))
    return False


def _named_difference(node: Any) -> str | None:
    if node.name.upper() in ("DATE_DIFF", "DATEDIFF", "DATESUB", "DATE_SUB"):
        return "date difference in another unit than days"
    if node.name.upper() in ("RANGE",):
        return "range as a table: write unnest(generate_series(a, b))"
    return None


_RULES: dict[str, tuple[Callable[[Any], str | None], ...]] = {
    "Div": (_division,),
    "IntDiv": (_division,),
    "Mod": (_division,),
    "Log": (_bare_log,),
    "Ln": (_logarithm,),
    "Sqrt": (_logarithm,),
    "Interval": (_interval,),
    "DateDiff": (_date_difference,),
    "TimestampDiff": (_date_difference,),
    "Join": (_join,),
    "Table": (_table,),
    "Cast": (_cast,),
    "TryCast": (_cast,),
    "Avg": (_average,),
    "Literal": (_decimal_literal,),
    "Anonymous": (_named_difference,),
}
