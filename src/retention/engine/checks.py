"""Validation where the data lie: SQL from the schemas, every fault at once, nothing lost.

One aggregate query a table for all row rules and references, and a proof that its keys differ. Only
where something failed is the table read again, to name the rows and to copy them with the names of
the rules they broke.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Protocol

from retention.errors import SchemaError
from retention.schemas import Column, Reference, Severity, TableSchema

from .staging import SOURCE_ROW, Staging, period_end
from .text import identifier, literal

__all__ = ["CheckReport", "Fault", "TableCheck", "check_table"]

WORTH_A_PROOF = 50_000  # rows: below, the exact group-by is as quick
_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule that a table breaks.

    Parameters
    ----------
    table, column, rule : str
        Where, and the rule's short name; `column` is empty where the rule is about the row.
    severity : str
        ``error``: the rows are set aside; ``warning``: they are used.
    sentence, remedy : str
        What is wrong; what to do.
    rows : int
        Rows concerned; 0 where the whole table is.
    of : int
        Rows of the table.
    ids : tuple of str
        The first three rows, by key.
    id_column : str
        The column of the ids.
    """

    table: str
    column: str
    rule: str
    severity: Severity
    sentence: str
    remedy: str
    rows: int = 0
    of: int = 0
    ids: tuple[str, ...] = ()
    id_column: str = ""

    def __str__(self) -> str:
        where = ""
        if self.rows:
            ids = f" ({self.id_column} {', '.join(self.ids)})" if self.ids else ""
            where = f" in {self.rows:,} of {self.of:,} rows{ids}"
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.sentence}{where}{remedy}"


@dataclass(frozen=True, kw_only=True)
class TableCheck:
    """What the check of one table found: rows read = rows used + rows set aside.

    Parameters
    ----------
    table : str
        The table.
    rows, used, set_aside : int
        Rows read, used and set aside.
    customers : int
        Customers with a row set aside; 0 where the table has none.
    money : float
        Sum of `money_column` over the rows set aside.
    money_column : str
        Empty where the table holds no money.
    faults : tuple of Fault
        Errors and warnings.
    """

    table: str
    rows: int = 0
    used: int = 0
    set_aside: int = 0
    customers: int = 0
    money: float = 0.0
    money_column: str = ""
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        assert self.rows == self.used + self.set_aside, f"{self.table}: rows were lost"

    @property
    def errors(self) -> tuple[Fault, ...]:
        """Faults for which rows, or the table, cannot be used."""
        return tuple(fault for fault in self.faults if fault.severity == "error")

    @property
    def fatal(self) -> tuple[Fault, ...]:
        """Errors of the table as a whole: it cannot be used at all."""
        return tuple(fault for fault in self.errors if fault.rows == 0)

    def raise_for_errors(self) -> None:
        """Raise `SchemaError` with every error."""
        if self.errors:
            raise SchemaError(self.table, [str(fault) for fault in self.errors])


@dataclass(frozen=True)
class CheckReport:
    """What the check of all tables found."""

    tables: Mapping[str, TableCheck]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault of every table."""
        return tuple(fault for check in self.tables.values() for fault in check.faults)

    @property
    def fatal(self) -> tuple[Fault, ...]:
        """Every fault for which a whole table cannot be used."""
        return tuple(fault for check in self.tables.values() for fault in check.fatal)

    def raise_for_fatal(self) -> None:
        """Raise `SchemaError` if a table as a whole cannot be used."""
        if self.fatal:
            names = dict.fromkeys(fault.table for fault in self.fatal)
            raise SchemaError(", ".join(names), [f"{fault.table}: {fault}" for fault in self.fatal])


class _Engine(Protocol):
    def execute(self, sql: str) -> None: ...
    def rows(self, sql: str) -> list[tuple[object, ...]]: ...
    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str: ...


@dataclass(frozen=True)
class _Check:
    """A rule as SQL: the predicate is true on rows that break it."""

    column: str
    rule: str
    severity: Severity
    sentence: str
    remedy: str
    broken: str


def check_table(
    engine: _Engine,
    schema: TableSchema,
    staging: Staging,
    *,
    data_cutoff: date | None,
    checked: Iterable[str] = (),
) -> tuple[TableCheck, str, str] | None:
    """Check a staged table.

    Parameters
    ----------
    engine : engine
        Where the table lies.
    schema, staging : TableSchema, Staging
        What it must look like, and the query that yields it.
    data_cutoff : datetime.date or None
        Rows dated on or after it are faults; None where they are merely not yet known.
    checked : iterable of str
        Tables that were checked before and lie in ``base``; references point to them.

    Returns
    -------
    tuple of TableCheck, str, str, or None
        What was found; the query of the good rows; the query of the bad rows with a column
        ``failed_rules``, empty if there are none. None where a text that was taken as it is has
        blanks around it or is empty.
    """
    if fault := _missing(schema, staging):
        return TableCheck(table=schema.name, faults=(fault,)), "", ""
    references = [r for r in schema.references if r.table in set(checked)]
    references = [r for r in references if r.column in staging.present]
    won = any(r.table == "customers" for r in references) and schema.name != "customers"
    source = f"({_joined(staging, references)})"
    checks = [
        *_row_checks(schema, staging, data_cutoff),
        *(_reference_check(reference) for reference in references),
        *(_early_checks(schema, staging) if won else ()),
    ]
    checks = [check for check in checks if _usable(check, schema, staging)]
    checks = _without_sound_periods(engine, schema, staging, checks)
    key = tuple(name for name in schema.key if name in staging.present)
    tidy = staging.tidy - _tidy_if_sound(schema, staging, references)
    total, broken, untidy = _count(engine, staging.lean, source, checks, _untidy(tidy - set(key)))
    if total == 0:
        empty = Fault(
            table=schema.name,
            column="",
            rule="rows",
            severity="error",
            sentence="no rows",
            remedy="check the path, the sheet or the selection, or take the table out of the file",
        )
        return TableCheck(table=schema.name, faults=(empty,)), "", ""
    suspects = _suspects(engine, staging, key, total)
    if not suspects:
        suspects = "true"
        untidy = untidy or _any(engine, staging, _untidy(tidy & set(key)))
    found = _faults(engine, schema, staging, source, checks, total) if broken else {}
    doubtful = {check.column for check in found} & (staging.tidy - tidy)
    if untidy or _any(engine, staging, _untidy(doubtful)):
        return None
    doubles = _count_key(engine, schema, staging, key, suspects, total)
    errors = [check for check in found if check.severity == "error"]
    good, bad = _split(staging, source, errors, key if doubles else (), suspects)
    faults = [*found.values(), *doubles]
    if staging.lean and not bad:
        good = staging.lean
    aside, customers, money = _count_aside(engine, schema, staging, bad)
    check = TableCheck(
        table=schema.name,
        rows=total,
        used=total - aside,
        set_aside=aside,
        customers=customers,
        money=money,
        money_column=schema.money if schema.money in staging.present else "",
        faults=tuple(faults),
    )
    return check, good, bad if aside else ""


def _missing(schema: TableSchema, staging: Staging) -> Fault | None:
    if not staging.missing:
        return None
    names = ", ".join(staging.missing)
    there = ", ".join(staging.available[:20]) or "none"
    return Fault(
        table=schema.name,
        column=names,
        rule="required_column",
        severity="error",
        sentence=f"missing column: {names} (the source has: {there})",
        remedy=f"map it under [tables.{schema.name}.columns] in retention.toml",
    )


def _row_checks(
    schema: TableSchema, staging: Staging, data_cutoff: date | None
) -> Iterable[_Check]:
    for name in staging.present:
        if name in staging.converted:
            yield _kind_check(schema[name], taken_as_is=name in staging.tidy)
        yield from _column_checks(schema[name])
    if schema.dated in staging.present and data_cutoff:
        day = identifier(schema.dated)
        if schema[schema.dated].kind == "period":
            after = f"{period_end(day)} > {literal(data_cutoff)}"
        else:
            after = f"{day} >= {literal(data_cutoff)}"
        yield _Check(
            schema.dated,
            f"{schema.dated}_in_the_future",
            "error",
            f"{schema.dated} on or after the data cutoff {data_cutoff}",
            "correct the date, or move data_cutoff in [project] if the data reach further",
            after,
        )
    for rule in schema.rules:
        yield _Check("", rule.name, rule.severity, rule.sentence, rule.remedy, f"not ({rule.sql})")


def _kind_check(column: Column, *, taken_as_is: bool) -> _Check:
    name, given = identifier(column.name), identifier(f"given {column.name}")
    value = period_end(name) if taken_as_is else name
    return _Check(
        column.name,
        f"{column.name}_is_{column.kind}",
        "error",
        f"{column.name} is no {column.kind}",
        _KIND_REMEDIES[column.kind],
        f"{given} and {value} is null",
    )


def _column_checks(column: Column) -> Iterable[_Check]:
    name, given = identifier(column.name), identifier(f"given {column.name}")
    if not column.may_be_null:
        yield _Check(
            column.name,
            f"{column.name}_present",
            "error",
            f"{column.name} is empty",
            "fill it at the source",
            f"not {given}",
        )
    if column.allowed:
        yield _Check(
            column.name,
            f"{column.name}_allowed",
            "error",
            f"{column.name} is none of {', '.join(column.allowed)}",
            "map the values under [tables.TABLE.values." + column.name + "] in retention.toml",
            f"{name} not in {literal(column.allowed)}",
        )
    yield from _range_checks(column, name)


def _range_checks(column: Column, name: str) -> Iterable[_Check]:
    remedy = "correct the values at the source"
    if column.low is not None:
        yield _Check(
            column.name,
            f"{column.name}_low",
            "error",
            f"{column.name} below {column.low:g}",
            remedy,
            f"{name} < {column.low:g}",
        )
    if column.high is not None:
        yield _Check(
            column.name,
            f"{column.name}_high",
            "error",
            f"{column.name} above {column.high:g}",
            remedy,
            f"{name} > {column.high:g}",
        )
    if column.kind == "date":
        yield _Check(
            column.name,
            f"{column.name}_plausible",
            "error",
            f"{column.name} before 1900 or after 2199",
            'an unknown date is empty: map placeholders such as "9999-12-31" to ""',
            f"{name} < {literal(_EARLIEST)} or {name} > {literal(_LATEST)}",
        )


_KIND_REMEDIES = {
    "text": "",
    "date": "write dates as 2026-01-31, or name date_format in the table's section",
    "money": 'write amounts as 1234.50, or set decimal = "," in the table\'s section',
    "number": 'write numbers as 12.5, or set decimal = "," in the table\'s section',
    "integer": "write whole numbers",
    "boolean": "write true or false, or map the values",
    "period": "write periods as 2026-10, 2026-Q3, 2026-W41 or 2026",
}


def _joined(staging: Staging, references: list[Reference]) -> str:
    """Return the staged rows with what they refer to: one anti-join a reference."""
    if not references:
        return staging.sql
    columns, joins = ["staged.*"], []
    for number, reference in enumerate(references):
        key, column = identifier(reference.key), f"staged.{identifier(reference.column)}"
        columns.append(
            f"{column} is not null and r{number}.{key} is null as {_lost(reference.column)}"
        )
        if reference.table == "customers":
            columns.append(f"r{number}.acquired_on as {_WON}")
        joins.append(
            f" left join base.{identifier(reference.table)} as r{number}"
            f" on r{number}.{key} = {column}"
        )
    return f"select {', '.join(columns)} from ({staging.sql}) as staged{''.join(joins)}"


_WON = '"customer won on"'


def _lost(column: str) -> str:
    return identifier(f"lost {column}")


def _reference_check(reference: Reference) -> _Check:
    return _Check(
        reference.column,
        f"{reference.column}_in_{reference.table}",
        reference.severity,
        f"{reference.column} is not among the {reference.table} that can be used",
        f"add the missing {reference.table}, or correct the ids",
        _lost(reference.column),
    )


def _early_checks(schema: TableSchema, staging: Staging) -> Iterable[_Check]:
    """Rows dated before the customer was won: a hint that an acquisition date is wrong."""
    day = schema.dated
    if day in staging.present and schema[day].kind == "date":
        yield _Check(
            day,
            "after_acquired_on",
            "warning",
            f"{day} before acquired_on of the customer",
            "check acquired_on: tenure is counted from it",
            f"{identifier(day)} < {_WON}",
        )


def _usable(check: _Check, schema: TableSchema, staging: Staging) -> bool:
    """Whether every column that a rule about the row speaks of is there."""
    if check.column:
        return True
    absent = set(schema.names) - set(staging.present)
    words = set(check.broken.replace("(", " ").replace(")", " ").split())
    return not absent & words


def _id(schema: TableSchema, staging: Staging) -> str:
    return next((name for name in schema.identifiers if name in staging.present), "")


def _untidy(names: Iterable[str]) -> str:
    """Return a predicate: one of these texts has blanks around it or is empty."""
    quoted = map(identifier, sorted(names))
    # no text that is empty or begins with a blank sorts behind the sign that follows the blank
    parts = [f"{x} < '!' or {x} like '% '" for x in quoted]
    return " or ".join(parts) or "false"


def _tidy_if_sound(
    schema: TableSchema, staging: Staging, references: list[Reference]
) -> frozenset[str]:
    """Return the columns that are tidy if no value is unknown: those of a list or a reference."""
    listed = {name for name in staging.present if schema[name].allowed}
    return frozenset(listed | {r.column for r in references}) & staging.tidy


def _any(engine: _Engine, staging: Staging, predicate: str) -> bool:
    if predicate == "false":
        return False
    query = f"select 1 from ({staging.sql}) as staged where {predicate} limit 1"
    return bool(engine.rows(query))


def _without_sound_periods(
    engine: _Engine, schema: TableSchema, staging: Staging, checks: list[_Check]
) -> list[_Check]:
    """Leave the rules of a column of periods out if none of its labels, which are few, breaks one.

    To tell whether a text is a period costs more than to read it.
    """
    for name in staging.tidy & set(staging.present):
        mine = [check for check in checks if check.column == name]
        if schema[name].kind == "period" and mine:
            seen = f"{identifier(name)}, {identifier('given ' + name)}"
            labels = f"select distinct {seen} from ({staging.sql}) as staged"
            if not engine.rows(f"select 1 from ({labels}) where {_either(mine)} limit 1"):
                checks = [check for check in checks if check.column != name]
    return checks


def _either(checks: Iterable[_Check]) -> str:
    return " or ".join(f"({check.broken})" for check in checks) or "false"


def _count(
    engine: _Engine, lean: str, source: str, checks: list[_Check], untidy: str
) -> tuple[int, int, int]:
    """Count all rows, those that break any rule, and the untidy ones.

    One predicate for all rules, on which the engine may leave out what the statistics of a file
    decide, costs a fraction of a count for each rule.
    """
    either = _either(checks)
    wrong = f"({either} or {untidy})"
    if lean:
        total = _number(engine, f"select count(*) from ({lean}) as lean")
        found = _number(engine, f"select count(*) from {source} as staged where {wrong}")
    else:
        both = f"select count(*), count(*) filter (where {wrong}) from {source} as staged"
        total, found = (int(str(value)) for value in engine.rows(both)[0])
    if not found or untidy == "false":
        return total, found, 0
    counts = f"count(*) filter (where {either}), count(*) filter (where {untidy})"
    broken, odd = engine.rows(f"select {counts} from {source} as staged where {wrong}")[0]
    return total, int(str(broken)), int(str(odd))


def _number(engine: _Engine, query: str) -> int:
    return int(str(engine.rows(query)[0][0]))


def _faults(
    engine: _Engine,
    schema: TableSchema,
    staging: Staging,
    source: str,
    checks: list[_Check],
    total: int,
) -> dict[_Check, Fault]:
    """Count the rows that break each rule, and name the first three; rules that hold are absent."""
    key = _id(schema, staging)
    parts = [
        f"count(*) filter (where {check.broken}),"
        + (f" min({identifier(key)}, 3) filter (where {check.broken})" if key else " null")
        for check in checks
    ]
    counted = f"select {', '.join(parts)} from {source} as staged where {_either(checks)}"
    values = engine.rows(counted)[0]
    return {
        check: Fault(
            table=schema.name,
            column=check.column,
            rule=check.rule,
            severity=check.severity,
            sentence=check.sentence,
            remedy=check.remedy.replace("TABLE", schema.name),
            rows=int(str(rows)),
            of=total,
            ids=tuple(map(str, found)) if isinstance(found, list) else (),
            id_column=key,
        )
        for check, rows, found in zip(checks, values[::2], values[1::2], strict=True)
        if rows
    }


def _suspects(engine: _Engine, staging: Staging, key: tuple[str, ...], total: int) -> str:
    """Return a predicate true on all rows of repeated keys; empty where nothing was looked at.

    What is returned also says that the texts of the key are tidy.
    """
    if not key or total < WORTH_A_PROOF:
        return ""
    return engine.repeated(staging.sql, key, _untidy(staging.tidy & set(key)))


def _count_key(
    engine: _Engine,
    schema: TableSchema,
    staging: Staging,
    key: tuple[str, ...],
    suspects: str,
    total: int,
) -> list[Fault]:
    if not key or suspects == "false":
        return []
    names = ", ".join(map(identifier, key))
    told = identifier(_id(schema, staging))
    groups = (
        f"select {names}, count(*) - 1 as more from ({staging.sql}) as staged"
        f" where {identifier(key[0])} is not null and {suspects}"
        f" group by {names} having count(*) > 1"
    )
    rows, ids = engine.rows(f"select sum(more), min({told}, 3) from ({groups})")[0]
    if not rows:
        return []
    return [
        Fault(
            table=schema.name,
            column=", ".join(key),
            rule="key_repeated",
            severity="error",
            sentence=f"key repeated: {', '.join(key)}",
            remedy="one row of each key is used; remove the copies at the source",
            rows=int(str(rows)),
            of=total,
            ids=tuple(map(str, ids)) if isinstance(ids, list) else (),
            id_column=_id(schema, staging),
        )
    ]


def _split(
    staging: Staging, source: str, errors: list[_Check], repeated: tuple[str, ...], suspects: str
) -> tuple[str, str]:
    names = [*staging.present, *staging.attributes]
    columns = ", ".join(map(identifier, names))
    if not errors and not repeated:
        return f"select {columns} from ({staging.sql}) as staged", ""
    broken = [
        f"case when {check.broken} then {literal(check.rule + '; ')} else '' end"
        for check in errors
    ]
    rules = " || ".join(broken) or "''"
    marked = f"select {columns}, {SOURCE_ROW}, {rules} as broken_rules from {source} as staged"
    if repeated:
        keys = ", ".join(map(identifier, repeated))
        order = ", ".join(map(identifier, names))
        copy = (
            f"{identifier(repeated[0])} is not null and"
            f" row_number() over (partition by {keys} order by broken_rules, {order}) > 1"
        )
        alone = "" if suspects == "true" else f"{marked} where not ({suspects}) union all "
        marked = (
            f"{alone}select {columns}, {SOURCE_ROW},"
            f" broken_rules || case when {copy} then 'key_repeated; ' else '' end as broken_rules"
            f" from ({marked} where {suspects})"
        )
    good = f"select {columns} from ({marked}) where broken_rules = ''"
    bad = (
        f"select rtrim(broken_rules, '; ') as failed_rules, {columns}, {SOURCE_ROW}"
        f" from ({marked}) where broken_rules <> ''"
    )
    return good, bad


def _count_aside(
    engine: _Engine, schema: TableSchema, staging: Staging, bad: str
) -> tuple[int, int, float]:
    if not bad:
        return 0, 0, 0.0
    there = staging.present
    customers = "count(distinct customer_id)" if "customer_id" in there else "0"
    money = f"coalesce(sum({identifier(schema.money)}), 0)" if schema.money in there else "0"
    rows = engine.rows(f"select count(*), {customers}, cast({money} as double) from ({bad})")[0]
    return int(str(rows[0])), int(str(rows[1])), float(str(rows[2]))
