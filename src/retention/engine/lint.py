"""The lint: what in a DuckDB query would mean something else on another engine.

Each construct that was measured to mean something else there, or to give wrong results at all (see
``docs/data.md``), is refused with what to write instead; so is each function that the tests have
not compared on both engines.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from retention.errors import ParameterError, ProjectError

from .kinds import DATE, DECIMAL, REAL, TEXT, called, kinds_of, named_kinds

__all__ = ["lint", "parsed", "sqlglot_module"]

_GUARDS = ("Case", "Nullif", "Greatest", "If")
_QUANTILE = "counts by value, and the quantile in numpy"
_MONDAY = "days since a known Monday, modulo 7"
_SPLIT = "md5 of the key, for splits"
_UNIT = "days between dates"
_INSTEAD = {
    **dict.fromkeys(("QUANTILE_CONT", "QUANTILE_DISC", "QUANTILE", "MEDIAN"), _QUANTILE),
    **dict.fromkeys(("PERCENTILECONT", "PERCENTILEDISC", "APPROXQUANTILE"), _QUANTILE),
    **dict.fromkeys(("DAYOFWEEK", "DAYOFWEEKISO", "WEEKDAY", "DAYNAME", "ISODOW"), _MONDAY),
    **dict.fromkeys(("RAND", "RANDOM", "HASH", "UUID", "SETSEED"), _SPLIT),
    **dict.fromkeys(("TIMETOUNIX", "EPOCH", "EPOCH_MS", "AGE", "DATESUB", "DATE_SUB"), _UNIT),
    **dict.fromkeys(("CURRENTDATE", "CURRENTTIMESTAMP", "NOW"), "the window's cutoff"),
    **dict.fromkeys(("TO_DAYS", "TO_MONTHS", "TO_YEARS", "TO_WEEKS"), "integer days, date + 90"),
    "ANYVALUE": "min or max, which do not depend on the order of rows",
    "FIRST": "arg_min over a total order",
    "LAST": "arg_max over a total order",
    "RANGE": "unnest(generate_series(a, b))",
}
# what the tests compare on both engines, by sqlglot's name
_COMPARED = frozenset(
    {
        *("Abs", "And", "ArgMax", "ArgMin", "Avg", "Case", "Cast", "Coalesce", "Count", "DateDiff"),
        *("DateFromParts", "Day", "DenseRank", "Exists", "Exp", "Explode", "Extract", "Floor"),
        *("GenerateSeries", "Greatest", "If", "Lag", "LastDay", "Lead", "Least", "Length", "Ln"),
        *("Log", "Lower", "Max", "MD5", "Min", "Month", "Nullif", "Or", "Pow", "Quarter"),
        *("RegexpFullMatch", "RegexpReplace", "Replace", "Round", "RowNumber", "Sqrt", "Substring"),
        *("Sum", "TimeToStr", "Trim", "TryCast", "Year"),
        # of the checks, under DuckDB's names: `dialect` translates them
        *("ISFINITE", "TRY_STRPTIME", "TIMEZONE"),
    }
)
_RANKS = ("RowNumber", "Rank", "DenseRank", "Lag", "Lead", "FirstValue", "LastValue")
_STRFTIME = frozenset("YmdHMS")


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
    tree = parsed(sql)
    found = [sentence for node in tree.walk() for sentence in _faults(node)]
    return tuple(dict.fromkeys([*found, *_faults_of_kinds(tree)]))


def sqlglot_module() -> Any:
    """Return sqlglot, or say how to get it."""
    try:
        import sqlglot
    except ModuleNotFoundError as error:
        raise ProjectError(
            "engines other than DuckDB need: pip install 'retention-research[spark]'"
        ) from error
    return sqlglot


def parsed(sql: str) -> Any:
    """Return the tree of a DuckDB query.

    Raises
    ------
    ParameterError
        If the text is no SQL.
    """
    sqlglot = sqlglot_module()
    try:
        return sqlglot.parse_one(sql, read="duckdb")
    except sqlglot.errors.SqlglotError as error:
        raise ParameterError(f"no SQL: {str(error).splitlines()[0]}") from error


def _faults(node: Any) -> Iterator[str]:
    name = called(node)
    if name.upper() in _INSTEAD:
        yield f"{name.lower()}: write {_INSTEAD[name.upper()]}"
    elif isinstance(node, sqlglot_module().exp.Func) and name not in _COMPARED:
        yield f"{name.lower()}: not compared on both engines; write it with what is"
    for rule in _RULES.get(type(node).__name__, ()):
        if fault := rule(node):
            yield fault


def _guarded(node: Any) -> bool:
    parent = node.parent
    while parent is not None and type(parent).__name__ != "Select":
        if type(parent).__name__ in _GUARDS:
            return True
        parent = parent.parent
    return False


def _inner(node: Any) -> Any:
    while type(node).__name__ in ("Paren", "Cast", "Neg"):
        node = node.this
    return node


def _division(node: Any) -> str | None:
    below = _inner(node.expression)
    constant = type(below).__name__ == "Literal" and float(below.name) != 0
    # a group has at least one row
    counted = type(below).__name__ == "Count" and type(below.this).__name__ == "Star"
    if constant or counted or type(below).__name__ in _GUARDS or _guarded(node):
        return None
    return "division: guard a divisor that may be 0 with nullif or case"


def _logarithm(node: Any) -> str | None:
    return None if _guarded(node) else "ln or sqrt: guard what may be 0 or negative with case"


def _log(node: Any) -> str | None:
    return "log: write ln or log10" if node.expression is None else _logarithm(node)


def _power(node: Any) -> str | None:
    whole = type(_inner(node.expression)).__name__ == "Literal"
    if whole and _inner(node.expression).name.isdigit():
        return None
    return None if _guarded(node) else "power: guard what may be negative with case"


def _interval(node: Any) -> str:
    return "interval: write integer days, date + 90"


def _date_difference(node: Any) -> str | None:
    unit = str(node.args.get("unit") or "DAY").upper().strip("'")
    return None if unit == "DAY" else f"date difference in {unit.lower()}s: write days or months"


def _date_part(node: Any) -> str | None:
    part = node.this.name.upper()
    if part in ("YEAR", "QUARTER", "MONTH", "DAY"):
        return None
    return f"extract {part.lower()}: days since a known Monday, modulo 7, or days between dates"


def _date_letters(node: Any) -> str | None:
    letters = node.args["format"].name
    told = set(re.findall("%(.)", letters))
    return None if told <= _STRFTIME else "strftime: only %Y, %m, %d, %H, %M, %S mean the same"


def _parsed_letters(node: Any) -> str | None:
    """Find formats by which Spark reads other dates: a year of two digits is of this century."""
    if node.name.upper() != "TRY_STRPTIME":
        return None
    told = set(re.findall("%(.)", node.expressions[1].name))
    return None if told <= _STRFTIME else "strptime: only %Y, %m, %d, %H, %M, %S mean the same"


def _join(node: Any) -> str | None:
    method = str(node.args.get("method") or "").upper()
    if method == "ASOF":
        return "asof join: write a union with a running max"
    return "positional join: rows have no order" if method == "POSITIONAL" else None


def _table(node: Any) -> str | None:
    called = type(node.this).__name__
    name = node.this.name.upper() if called == "Anonymous" else called.upper()
    if name in ("RANGE", "GENERATESERIES"):
        return "range as a table: write unnest(generate_series(a, b))"
    return None


def _sample(node: Any) -> str:
    return f"sample: write {_SPLIT}"


def _distinct(node: Any) -> str | None:
    return "distinct on: write row_number over a total order" if node.args.get("on") else None


def _limit(node: Any) -> str | None:
    parent = node.parent
    if parent is None or parent.args.get("order"):
        return None
    constant = all(type(_inner(e)).__name__ == "Literal" for e in _selected(parent))
    return None if constant else "limit: rows have no order; write order by"


def _selected(query: Any) -> list[Any]:
    shown = query.expressions if type(query).__name__ == "Select" else []
    return [e.this if type(e).__name__ == "Alias" else e for e in shown] or [query]


def _window(node: Any) -> str | None:
    inner = node.this
    while type(inner).__name__ in ("IgnoreNulls", "RespectNulls", "Filter"):
        inner = inner.this
    if called(inner) in _RANKS and not node.args.get("order"):
        return "window: rows have no order; write order by"
    return None


def _timestamp(node: Any) -> str | None:
    held = str(node.to.this).rpartition(".")[2]
    if held in ("TIMESTAMP", "TIMESTAMPNTZ", "DATETIME"):
        return "timestamp without a zone: take dates, which are made where the data are read"
    return None


def _several(node: Any) -> str | None:
    return "arg_min of several: take one" if node.args.get("count") else None


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
    if type(parent).__name__ in ("Case", "If", "Coalesce", "Nullif", "Greatest", "Least"):
        return "a decimal literal in case or coalesce: write cast(0.5 as double)"
    return None


_RULES: dict[str, tuple[Callable[[Any], str | None], ...]] = {
    "Div": (_division,),
    "IntDiv": (_division,),
    "Mod": (_division,),
    "Log": (_log,),
    "Ln": (_logarithm,),
    "Sqrt": (_logarithm,),
    "Pow": (_power,),
    "Interval": (_interval,),
    "DateDiff": (_date_difference,),
    "TimestampDiff": (_date_difference,),
    "Extract": (_date_part,),
    "TimeToStr": (_date_letters,),
    "Anonymous": (_parsed_letters,),
    "Join": (_join,),
    "Table": (_table,),
    "TableSample": (_sample,),
    "Distinct": (_distinct,),
    "Limit": (_limit,),
    "Window": (_window,),
    "Cast": (_timestamp,),
    "TryCast": (_timestamp,),
    "ArgMax": (_several,),
    "ArgMin": (_several,),
    "Avg": (_average,),
    "Literal": (_decimal_literal,),
}


def _faults_of_kinds(tree: Any) -> Iterator[str]:
    """Find what is wrong for the kinds of the values: dates, decimals, fractions, texts."""
    names = named_kinds(tree)
    for node in tree.walk():
        rule = _RULES_OF_KINDS.get(type(node).__name__)
        if rule and (fault := rule(node, names)):
            yield fault


_FINE = 8  # decimals: so many only make a sum the same in whatever order the rows come
_Names = dict[str, set[str]]


def _date_minus_date(node: Any, names: _Names) -> str | None:
    """Find what is days in DuckDB and in Spark an interval that equals no number."""
    if DATE in kinds_of(node.this, names) and DATE in kinds_of(node.expression, names):
        return "date - date: write datediff('day', from, to)"
    return None


def _decimal_quotient(node: Any, names: _Names) -> str | None:
    """Find what is a double in DuckDB and in Spark a decimal, rounded at a fixed place."""
    sides = [kinds_of(side, names) for side in (node.this, node.expression)]
    if any(DECIMAL in side for side in sides) and {REAL} not in sides:
        return "division of money: write cast(x as double) / y"
    return None


def _whole_quotient(node: Any, names: _Names) -> str | None:
    sides = (node.this, node.expression)
    if any({REAL, DECIMAL} & kinds_of(side, names) for side in sides):
        return "// of fractions: write floor(a / b)"
    return None


def _rounding(node: Any, names: _Names) -> str | None:
    """Find casts that round here and cut off there, or round another neighbour."""
    held = str(node.to.this).rpartition(".")[2]
    inner = kinds_of(node.this, names)
    if held in ("INT", "BIGINT", "SMALLINT", "TINYINT"):
        if {REAL, DECIMAL} & inner and not _is_whole(node):
            return "cast of a fraction to a whole number: write floor or round first"
        if TEXT in inner and not _guarded(node):
            return "cast of a text to a whole number: make sure in a case that it is one"
    constant = type(_inner(node.this)).__name__ == "Literal"
    if held == "DECIMAL" and REAL in inner and not constant and _places(node) < _FINE:
        return "cast of a double to a decimal: compute money in decimals"
    return None


def _places(cast: Any) -> int:
    return int(str(cast.to.expressions[1])) if len(cast.to.expressions) > 1 else 0


def _is_whole(node: Any) -> bool:
    """Whether a case around the cast has compared the value with its floor."""
    parent = node.parent
    while parent is not None and type(parent).__name__ != "Select":
        if type(parent).__name__ in ("Case", "If"):
            floors = [floor.this for floor in parent.find_all(sqlglot_module().exp.Floor)]
            return node.this in floors
        parent = parent.parent
    return False


_RULES_OF_KINDS: dict[str, Callable[[Any, _Names], str | None]] = {
    "Sub": _date_minus_date,
    "Div": _decimal_quotient,
    "IntDiv": _whole_quotient,
    "Cast": _rounding,
    "TryCast": _rounding,
}
