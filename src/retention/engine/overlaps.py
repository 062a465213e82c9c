"""Rows of one customer that run at the same time though they should not: a warning."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date
from typing import Any, Protocol

from retention.schemas import TableSchema

from .faults import Fault
from .keys import WORTH_A_PROOF
from .text import identifier, literal

__all__ = ["differing", "overlap_fault"]

_OPEN = date(2999, 12, 31)


class _Engine(Protocol):
    def rows(self, sql: str) -> list[tuple[Any, ...]]: ...
    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str: ...


def differing(
    engine: _Engine, schema: TableSchema, good: str, present: tuple[str, ...], rows: int
) -> tuple[str, ...]:
    """Return the column of those whose rows may not overlap, if it is known that none has two.

    Parameters
    ----------
    engine, schema, good, present, rows
        As in `overlap_fault`. Of a small table nothing is known: to look is not worth it.
    """
    who = schema.apart.per[:1] if schema.apart else ()
    if not who or not good or who[0] not in present or rows < WORTH_A_PROOF:
        return ()
    return who if engine.repeated(good, who, "false") == "false" else ()


def overlap_fault(
    engine: _Engine, schema: TableSchema, good: str, present: tuple[str, ...], rows: int
) -> Fault | None:
    """Count the rows that begin before an earlier one of the same kind had ended.

    Parameters
    ----------
    engine : engine
        Where the table lies.
    schema : TableSchema
        Says by `TableSchema.apart` which rows are compared.
    good : str
        Query of the rows that are used.
    present : tuple of str
        Columns that the table has.
    rows : int
        How many rows the source has.

    Returns
    -------
    Fault or None
        None where no rows overlap, or the table has no such columns.
    """
    apart = schema.apart
    if apart is None or not good or not {apart.per[0], apart.start, apart.end} <= set(present):
        return None
    who, start = identifier(apart.per[0]), identifier(apart.start)
    until = f"coalesce({identifier(apart.end)}, {literal(_OPEN)})"
    per = ", ".join(identifier(name) for name in apart.per if name in present)
    several = f"select {who} from ({good}) as g group by {who} having count(*) > 1"
    before = (
        f"select {who}, {start} as begins, max({until}) over (partition by {per}"
        f" order by {start}, {until} rows between unbounded preceding and 1 preceding) as busy"
        f" from ({good}) as g where {who} in ({several})"
    )
    found = f"select count(*), min({who}, 3) from ({before}) as b where begins < busy"
    count, ids = engine.rows(found)[0]
    if not count:
        return None
    return Fault(
        table=schema.name,
        column=apart.start,
        rule="overlaps",
        severity="warning",
        sentence=apart.sentence,
        remedy=apart.remedy,
        rows=int(count),
        of=rows,
        ids=tuple(map(str, ids)),
        id_column=apart.per[0],
    )
