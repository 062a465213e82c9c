"""The rules of a schema as SQL: a predicate each, true on the rows that break it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date

from retention.schemas import Column, Severity, TableSchema

from .staging import Staging, period_end
from .text import identifier, literal

__all__ = ["Check", "either", "row_checks", "untidy_where", "usable"]

_EARLIEST, _LATEST = date(1900, 1, 1), date(2199, 12, 31)


@dataclass(frozen=True)
class Check:
    """A rule as SQL: the predicate is true on rows that break it; null counts as false."""

    column: str
    rule: str
    severity: Severity
    sentence: str
    remedy: str
    broken: str


def row_checks(schema: TableSchema, staging: Staging, data_cutoff: date | None) -> Iterable[Check]:
    """Yield the rules that a row is judged by alone: kinds, ranges, lists, dates in order.

    Parameters
    ----------
    schema, staging : TableSchema, Staging
        What the table must look like, and how it is read.
    data_cutoff : datetime.date or None
        Rows dated on or after it are faults; None where they are merely not yet known.
    """
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
        yield Check(
            schema.dated,
            f"{schema.dated}_in_the_future",
            "error",
            f"{schema.dated} on or after the data cutoff {data_cutoff}",
            "correct the date, or move data_cutoff in [project] if the data reach further",
            after,
        )
    for rule in schema.rules:
        yield Check("", rule.name, rule.severity, rule.sentence, rule.remedy, f"not ({rule.sql})")


def _kind_check(column: Column, *, taken_as_is: bool) -> Check:
    name, given = identifier(column.name), identifier(f"given {column.name}")
    value = period_end(name) if taken_as_is else name
    return Check(
        column.name,
        f"{column.name}_is_{column.kind}",
        "error",
        f"{column.name} is no {column.kind}",
        _KIND_REMEDIES[column.kind],
        f"{given} and {value} is null",
    )


def _column_checks(column: Column) -> Iterable[Check]:
    name, given = identifier(column.name), identifier(f"given {column.name}")
    if not column.may_be_null:
        yield Check(
            column.name,
            f"{column.name}_present",
            "error",
            f"{column.name} is empty",
            "fill it at the source",
            f"not {given}",
        )
    if column.allowed:
        yield Check(
            column.name,
            f"{column.name}_allowed",
            "error",
            f"{column.name} is none of {', '.join(column.allowed)}",
            "map the values under [tables.TABLE.values." + column.name + "] in retention.toml",
            f"{name} not in {literal(column.allowed)}",
        )
    yield from _range_checks(column, name)


def _range_checks(column: Column, name: str) -> Iterable[Check]:
    remedy = "correct the values at the source"
    if column.low is not None:
        yield Check(
            column.name,
            f"{column.name}_low",
            "error",
            f"{column.name} below {column.low:g}",
            remedy,
            f"{name} < {column.low:g}",
        )
    if column.high is not None:
        yield Check(
            column.name,
            f"{column.name}_high",
            "error",
            f"{column.name} above {column.high:g}",
            remedy,
            f"{name} > {column.high:g}",
        )
    if column.kind == "date":
        yield Check(
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


def usable(check: Check, schema: TableSchema, staging: Staging) -> bool:
    """Whether every column that a rule about the row speaks of is there."""
    if check.column:
        return True
    absent = set(schema.names) - set(staging.present)
    words = set(check.broken.replace("(", " ").replace(")", " ").split())
    return not absent & words


def either(checks: Iterable[Check]) -> str:
    """Return a predicate: a row breaks one of these rules."""
    return " or ".join(f"({check.broken})" for check in checks) or "false"


def untidy_where(names: Iterable[str]) -> str:
    """Return a predicate: one of these texts has blanks around it or is empty."""
    quoted = map(identifier, sorted(names))
    # no text that is empty or begins with a blank sorts behind the sign that follows the blank
    parts = [f"{x} < '!' or {x} like '% '" for x in quoted]
    return " or ".join(parts) or "false"
