"""From a source's own columns to those of the contract, as SQL: names, values, types.

A value that is there but cannot be read as its kind becomes null and is remembered as given, so
that the checks can tell it from a value that is missing.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retention.project import TableSource
from retention.schemas import Column, TableSchema
from retention.window import Unit

from .text import identifier, literal

__all__ = ["SOURCE_ROW", "Staging", "period_end", "stage"]

SOURCE_ROW = '"source row"'
_IDS = ("customer_id", "employee_id", "manager_id")
_TEXT = ("VARCHAR", "CHAR", "TEXT", "STRING")
_WHOLE = ("BIGINT", "INTEGER", "SMALLINT", "TINYINT", "UINTEGER", "USMALLINT", "UTINYINT")
_TRUE = ("true", "t", "yes", "y", "1", "1.0")
_FALSE = ("false", "f", "no", "n", "0", "0.0")
_PERIODS = {
    "year": "[0-9]{4}",
    "quarter": "[0-9]{4}-Q[1-4]",
    "month": "[0-9]{4}-(0[1-9]|1[0-2])",
    "week": "[0-9]{4}-W(0[1-9]|[1-4][0-9]|5[0-3])",
    "day": "[0-9]{4}-[0-9]{2}-[0-9]{2}",
}
_THURSDAY = "({x} + 3 - cast(datediff('day', DATE '0001-01-01', {x}) % 7 as integer))"
_LABELS = {
    "year": "strftime({x}, '%Y')",
    "quarter": "strftime({x}, '%Y') || '-Q' || cast(quarter({x}) as varchar)",
    "month": "strftime({x}, '%Y-%m')",
    # the week of its Thursday; 1 January of the year 1 was a Monday
    "week": "strftime({thursday}, '%Y') || '-W' || substr(cast(101 + datediff('day',"
    " make_date(year({thursday}), 1, 1), {thursday}) // 7 as varchar), 2)",
    "day": "strftime({x}, '%Y-%m-%d')",
}


@dataclass(frozen=True)
class Staging:
    """How one source becomes one table.

    Parameters
    ----------
    sql : str
        A query with each contract column that the source has, each attribute, and for each
        contract column a boolean ``given <name>``: the source held something; and the source's own
        row as the struct ``source row``, of which pseudonyms leave what is not personal.
    present : tuple of str
        Contract columns that the source has.
    attributes : tuple of str
        Columns carried along beyond the contract.
    missing : tuple of str
        Required columns that the source does not have, under the source's name.
    available : tuple of str
        The source's own columns.
    lean : str
        Where every column is of its type already: a query that only names them, right if no row is
        untidy.
    converted : frozenset of str
        Contract columns whose values are converted, so that one may be there and yet no value.
    tidy : frozenset of str
        Columns of text that are taken as they are: the checks must show that no value has blanks
        around it or is empty, and that each period is one.
    """

    sql: str
    present: tuple[str, ...]
    attributes: tuple[str, ...]
    missing: tuple[str, ...]
    available: tuple[str, ...]
    lean: str = ""
    converted: frozenset[str] = frozenset()
    tidy: frozenset[str] = frozenset()


def stage(
    schema: TableSchema,
    relation: str,
    types: Mapping[str, str],
    source: TableSource,
    *,
    zone: str,
    unit: Unit,
    pseudonymise: bool = False,
    tidy: bool = False,
) -> Staging:
    """Write the query that turns a source into a table of the contract.

    Parameters
    ----------
    schema : TableSchema
        The table.
    relation : str
        The source, as a qualified name in the engine.
    types : mapping of str to str
        The source's columns and their DuckDB types.
    source : TableSource
        How names and values map.
    zone, unit : str
        Zone in which timestamps become dates; unit for periods given as dates.
    pseudonymise : bool
        Replace ids by a keyed hash and leave personal columns out.
    tidy : bool
        Take it that no text has blanks around it or is empty, and trim none.
    """
    hidden = schema.personal if pseudonymise else ()
    names = {column.name: source.columns.get(column.name, column.name) for column in schema.columns}
    present = tuple(name for name in schema.names if names[name] in types and name not in hidden)
    taken = {names[name] for name in present}
    attributes = tuple(
        name for name in source.keep if name in types and name not in taken and name not in schema
    )
    parts, converted, told = [], set(), []
    for name in present:
        kind = types[names[name]].upper()
        raw = _mapped(identifier(names[name]), kind, source.values.get(name, {}), tidy)
        is_text = kind.startswith(_TEXT) or bool(source.values.get(name))
        shape = "VARCHAR" if is_text else kind
        typed = _typed(schema[name], raw, shape, source, zone, unit)
        if typed != raw:
            converted.add(name)
        if tidy and schema[name].kind == "period" and kind == "VARCHAR":
            typed = raw
        if pseudonymise and name in _IDS:
            typed = _pseudonym(typed)
        # under the column's own name its value in the source would be found
        told.append(f"{identifier(name)} := {typed if name in _IDS else raw}")
        parts.append(f"{typed} as {identifier(name)}")
        parts.append(f"({raw}) is not null as {identifier('given ' + name)}")
    for name in attributes:
        kind = types[name].upper()
        raw = _mapped(identifier(name), kind, source.values.get(name, {}), tidy)
        parts.append(f"{_attribute(raw, kind)} as {identifier(name)}")
    if pseudonymise:
        parts.append(f"struct_pack({', '.join(told)}) as {SOURCE_ROW}")
    else:
        parts.append(f"src as {SOURCE_ROW}")
    texts = [n for n in present if types[names[n]].upper() == "VARCHAR"]
    texts += [n for n in attributes if types[n].upper() == "VARCHAR"]
    return Staging(
        sql=f"select {', '.join(parts)} from {relation} as src",
        present=present,
        attributes=attributes,
        missing=tuple(names[name] for name in schema.required if names[name] not in types),
        available=tuple(types),
        lean=""
        if pseudonymise
        else _lean(schema, relation, types, source, names, present, attributes),
        converted=frozenset(converted),
        tidy=frozenset(texts if tidy else ()),
    )


def _lean(
    schema: TableSchema,
    relation: str,
    types: Mapping[str, str],
    source: TableSource,
    names: Mapping[str, str],
    present: tuple[str, ...],
    attributes: tuple[str, ...],
) -> str:
    """Return a query that only names the columns; empty if any must be converted."""
    wanted = {name: schema[name].sql_type.replace(", ", ",") for name in present}
    held = {name: types[names[name]].upper() for name in present}
    decimals = any(types[name].upper().startswith("DECIMAL") for name in attributes)
    if wanted != held or source.values or decimals:
        return ""
    columns = [f"{identifier(names[name])} as {identifier(name)}" for name in present]
    columns += [identifier(name) for name in attributes]
    return f"select {', '.join(columns)} from {relation}"


def _mapped(quoted: str, kind: str, values: Mapping[str, str], tidy: bool) -> str:
    """Return the source value as text without outer blanks, renamed; empty means null."""
    if not values and (tidy or not kind.startswith(_TEXT)):
        return quoted
    text = f"nullif(trim(cast({quoted} as varchar)), '')"
    if not values:
        return text
    cases = " ".join(
        f"when {literal(old)} then {literal(new) if new else 'cast(null as varchar)'}"
        for old, new in values.items()
    )
    return f"(case {text} {cases} else {text} end)"


def _attribute(raw: str, kind: str) -> str:
    return f"cast({raw} as double)" if kind.startswith("DECIMAL") else raw


def _typed(column: Column, raw: str, kind: str, source: TableSource, zone: str, unit: Unit) -> str:
    if column.kind == "text":
        return _text(raw, kind)
    if column.kind == "date":
        return _date(raw, kind, source, zone)
    if column.kind == "period":
        return _period(raw, kind, zone, unit)
    if column.kind == "boolean":
        return _boolean(raw, kind)
    number = _decimal_point(raw, source) if kind == "VARCHAR" else raw
    if column.kind == "money":
        if kind in ("DOUBLE", "FLOAT"):
            # as it is written, not as it is held: 1.005 is 1.01 on every engine
            number = f"cast({number} as varchar)"
        return number if kind == "DECIMAL(18,2)" else f"try_cast({number} as decimal(18, 2))"
    if column.kind == "integer" and kind in _WHOLE:
        return f"cast({raw} as bigint)"
    double = f"try_cast({number} as double)"
    if column.kind == "number":
        return f"(case when isfinite({double}) then {double} end)"
    return f"(case when {double} = floor({double}) then try_cast({double} as bigint) end)"


def _text(raw: str, kind: str) -> str:
    if kind in ("DOUBLE", "FLOAT"):
        # an id that a spreadsheet turned into a number
        whole = f"{raw} = floor({raw}) and abs({raw}) < 1e15"
        return (
            f"(case when {whole} then cast(cast({raw} as bigint) as varchar)"
            f" else cast({raw} as varchar) end)"
        )
    return raw if kind == "VARCHAR" else f"cast({raw} as varchar)"


def _date(raw: str, kind: str, source: TableSource, zone: str) -> str:
    if kind == "DATE":
        return raw
    if kind.startswith("TIMESTAMP WITH TIME ZONE"):
        return f"cast(timezone({literal(zone)}, {raw}) as date)"
    if kind.startswith(("TIMESTAMP", "DATETIME")):
        return f"cast({raw} as date)"
    if kind == "VARCHAR" and source.date_format:
        return f"cast(try_strptime({raw}, {literal(source.date_format)}) as date)"
    text = raw if kind == "VARCHAR" else f"cast({raw} as varchar)"
    iso = f"regexp_full_match({text}, '[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}([ T][0-9:.]+)?')"
    zoned = f"regexp_full_match({text}, '.+[ T][0-9:.]+(Z|[+-][0-9]{{2}}(:?[0-9]{{2}})?)')"
    compact = f"regexp_full_match({text}, '[0-9]{{8}}')"
    return (
        f"(case when {iso} then try_cast(substr({text}, 1, 10) as date)"
        f" when {zoned} then"
        f" cast(timezone({literal(zone)}, try_cast({text} as timestamptz)) as date)"
        f" when {compact} then cast(try_strptime({text}, '%Y%m%d') as date) end)"
    )


def _period(raw: str, kind: str, zone: str, unit: Unit) -> str:
    if kind == "DATE" or kind.startswith(("TIMESTAMP", "DATETIME")):
        day = _date(raw, kind, TableSource(table="", format=""), zone)
        label = _LABELS[unit].format(x=day, thursday=_THURSDAY.format(x=day))
        return f"({label})"
    text = raw if kind == "VARCHAR" else f"cast({raw} as varchar)"
    return f"(case when {period_end(text)} is not null then {text} end)"


def period_end(label: str) -> str:
    """Return SQL for the first day after a period's label; null where it is none."""
    year = f"try_cast(substr({label}, 1, 4) as integer)"
    tail = f"try_cast(substr({label}, 7, 2) as integer)"
    month = f"try_cast(substr({label}, 6, 2) as integer)"

    def start(months: str) -> str:
        return f"make_date({year} + {months} // 12, {months} % 12 + 1, 1)"

    quarter = f"(try_cast(substr({label}, 7, 1) as integer) * 3)"
    fourth = f"make_date({year}, 1, 4)"
    # 1 January of the year 1 was a Monday
    monday = f"({fourth} - cast(datediff('day', DATE '0001-01-01', {fourth}) % 7 as integer))"
    return (
        f"(case when regexp_full_match({label}, '{_PERIODS['month']}') then"
        f" {start(month)}"
        f" when regexp_full_match({label}, '{_PERIODS['quarter']}') then {start(quarter)}"
        f" when regexp_full_match({label}, '{_PERIODS['year']}') then make_date({year} + 1, 1, 1)"
        f" when regexp_full_match({label}, '{_PERIODS['week']}') then {monday} + 7 * {tail}"
        f" when regexp_full_match({label}, '{_PERIODS['day']}') then"
        f" try_cast({label} as date) + 1 end)"
    )


def _pseudonym(text: str) -> str:
    """Return SQL for a keyed hash; the key is hashed in twice, so that it cannot be extended."""
    key = "getvariable('pseudonym_key')"
    return f"substr(sha256({key} || sha256({key} || ({text}))), 1, 16)"


def _boolean(raw: str, kind: str) -> str:
    if kind == "BOOLEAN":
        return raw
    text = f"lower(cast({raw} as varchar))"
    return (
        f"(case when {text} in {literal(_TRUE)} then true"
        f" when {text} in {literal(_FALSE)} then false end)"
    )


def _decimal_point(raw: str, source: TableSource) -> str:
    if source.decimal == ",":
        return f"replace(regexp_replace({raw}, '[.\\s\u00a0\u202f]', '', 'g'), ',', '.')"
    return raw
