"""Validation where the data lie: SQL from the schemas, every fault at once, nothing lost.

One query a table asks whether a row breaks a rule of its own, one whether what it refers to is not
there, and a proof shows that its keys differ. Only where something failed is the table read again,
to name the rows and to copy them with the names of the rules they broke.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import date
from typing import Protocol

from retention.schemas import Reference, TableSchema

from .faults import Fault, TableCheck
from .keys import repeated_key, suspects_of, told_by
from .references import early_checks, joined, reference_check
from .rules import Check, either, row_checks, untidy_where, usable
from .set_aside import count_aside, split
from .staging import Staging
from .text import identifier

__all__ = ["check_table"]


class _Engine(Protocol):
    def execute(self, sql: str) -> None: ...
    def rows(self, sql: str) -> list[tuple[object, ...]]: ...
    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str: ...


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
    source = f"({joined(staging, references)})"
    own = [c for c in row_checks(schema, staging, data_cutoff) if usable(c, schema, staging)]
    own = _without_sound_periods(engine, schema, staging, own)
    others = [reference_check(reference) for reference in references]
    if any(r.table == "customers" for r in references) and schema.name != "customers":
        others += early_checks(schema, staging)
    key = tuple(name for name in schema.key if name in staging.present)
    tidy = staging.tidy - _tidy_if_sound(schema, staging, references)
    total, broken, untidy = _count(engine, staging, source, own, others, tidy - set(key))
    if total == 0:
        return TableCheck(table=schema.name, faults=(_empty(schema),)), "", ""
    suspects = suspects_of(engine, staging, key, total)
    if not suspects:
        suspects = "true"
        untidy = untidy or _any(engine, staging, untidy_where(tidy & set(key)))
    source = source if set(others) & set(broken) else f"({staging.sql})"
    found = _faults(engine, schema, staging, source, broken, total)
    doubtful = {check.column for check in found} & (staging.tidy - tidy)
    if untidy or _any(engine, staging, untidy_where(doubtful)):
        return None
    doubles = repeated_key(engine, schema, staging, key, suspects, total)
    errors = [check for check in found if check.severity == "error"]
    good, bad = split(staging, source, errors, key if doubles else (), suspects)
    faults = [*found.values(), *doubles]
    if staging.lean and not bad:
        good = staging.lean
    aside, customers, money = count_aside(engine, schema, staging, bad)
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


def _empty(schema: TableSchema) -> Fault:
    return Fault(
        table=schema.name,
        column="",
        rule="rows",
        severity="error",
        sentence="no rows",
        remedy="check the path, the sheet or the selection, or take the table out of the file",
    )


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
    engine: _Engine, schema: TableSchema, staging: Staging, checks: list[Check]
) -> list[Check]:
    """Leave the rules of a column of periods out if none of its labels, which are few, breaks one.

    To tell whether a text is a period costs more than to read it. What is known of a label is an
    aggregate, so that the engine cannot ask the rows instead.
    """
    for name in staging.tidy & set(staging.present):
        mine = [check for check in checks if check.column == name]
        if schema[name].kind == "period" and mine:
            label, given = identifier(name), identifier("given " + name)
            labels = (
                f"select {label}, max({given}) as {given} from ({staging.sql}) as staged"
                f" group by {label}"
            )
            if not engine.rows(f"select 1 from ({labels}) as l where {either(mine)} limit 1"):
                checks = [check for check in checks if check.column != name]
    return checks


def _count(
    engine: _Engine,
    staging: Staging,
    source: str,
    own: list[Check],
    others: list[Check],
    tidy: frozenset[str],
) -> tuple[int, list[Check], bool]:
    """Count all rows; return the rules among which one is broken, and whether a row is untidy.

    One predicate for many rules, on which the engine may leave out what the statistics of a file
    decide, costs a fraction of a count for each rule. What must be converted is read once.
    """
    untidy = untidy_where(tidy)
    if not staging.lean:
        found = f"count(*) filter (where {either([*own, *others])} or {untidy})"
        total, wrong = engine.rows(f"select count(*), {found} from {source} as staged")[0]
        broken = [*own, *others] if wrong else []
        return int(str(total)), broken, bool(wrong) and _any(engine, staging, untidy)
    total = _number(engine, f"select count(*) from ({staging.lean}) as lean")
    wrong = _number(engine, _apart(staging, own, tidy))
    lost = others and _number(engine, f"select count(*) from {source} as j where {either(others)}")
    broken = [*(own if wrong else ()), *(others if lost else ())]
    return total, broken, bool(wrong) and _any(engine, staging, untidy)


def _apart(staging: Staging, checks: list[Check], tidy: frozenset[str]) -> str:
    """Return a query that counts what is wrong, a column of text at a time.

    Of a column alone the engine asks the few values of a file's dictionary instead of its rows.
    """
    parts: dict[str, list[str]] = {}
    for check in checks:
        alone = check.column if check.column in staging.tidy else "several" * (not check.column)
        parts.setdefault(alone, []).append(f"({check.broken})")
    for name in sorted(tidy):
        parts.setdefault(name, []).append(untidy_where([name]))
    wrong = " union all ".join(
        f"select 1 as one from ({staging.sql}) as staged where {' or '.join(predicates)}"
        for predicates in parts.values()
    )
    return f"select count(*) from ({wrong}) as wrong"


def _number(engine: _Engine, query: str) -> int:
    return int(str(engine.rows(query)[0][0]))


def _faults(
    engine: _Engine,
    schema: TableSchema,
    staging: Staging,
    source: str,
    checks: list[Check],
    total: int,
) -> dict[Check, Fault]:
    """Count the rows that break each rule, and name the first three; rules that hold are absent."""
    if not checks:
        return {}
    key = told_by(schema, staging)
    parts = [
        f"count(*) filter (where {check.broken}),"
        + (f" min({identifier(key)}, 3) filter (where {check.broken})" if key else " null")
        for check in checks
    ]
    counted = f"select {', '.join(parts)} from {source} as staged where {either(checks)}"
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
