"""What a row refers to must be there: the rows joined with the tables checked before."""

from __future__ import annotations

from collections.abc import Iterable

from retention.schemas import Reference, TableSchema

from .rules import Check
from .staging import Staging
from .text import identifier

__all__ = ["early_checks", "joined", "reference_check"]

_WON = '"customer won on"'


def joined(staging: Staging, references: list[Reference]) -> str:
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


def _lost(column: str) -> str:
    return identifier(f"lost {column}")


def reference_check(reference: Reference) -> Check:
    """Return the rule that what a row refers to is there; for rows that are `joined`."""
    return Check(
        reference.column,
        f"{reference.column}_in_{reference.table}",
        reference.severity,
        f"{reference.column} is not among the {reference.table} that can be used",
        f"add the missing {reference.table}, or correct the ids",
        _lost(reference.column),
    )


def early_checks(schema: TableSchema, staging: Staging) -> Iterable[Check]:
    """Rows dated before the customer was won: a hint that an acquisition date is wrong.

    For rows that are `joined` with the customers.
    """
    day = schema.dated
    if day in staging.present and schema[day].kind == "date":
        yield Check(
            day,
            "after_acquired_on",
            "warning",
            f"{day} before acquired_on of the customer",
            "check acquired_on: tenure is counted from it",
            f"{identifier(day)} < {_WON}",
        )
