"""The good rows of a table and the bad ones, with the rules they broke; counted in money."""

from __future__ import annotations

from typing import Protocol

from retention.schemas import TableSchema

from .rules import Check
from .staging import SOURCE_ROW, Staging
from .text import identifier, literal

__all__ = ["count_aside", "split"]


class _Engine(Protocol):
    def rows(self, sql: str) -> list[tuple[object, ...]]: ...


def split(
    staging: Staging, source: str, errors: list[Check], repeated: tuple[str, ...], suspects: str
) -> tuple[str, str]:
    """Write the queries of the good and of the bad rows.

    Parameters
    ----------
    staging : Staging
        How the table is read.
    source : str
        Its rows, joined with what they refer to.
    errors : list of Check
        Rules that a row breaks.
    repeated : tuple of str
        The key, if a row repeats it; of such rows the best one is good.
    suspects : str
        A predicate true on all rows of repeated keys.

    Returns
    -------
    tuple of str
        The good rows; the bad rows with a column ``failed_rules``, empty if there are none.
    """
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


def count_aside(
    engine: _Engine, schema: TableSchema, staging: Staging, bad: str
) -> tuple[int, int, float]:
    """Count the bad rows, their customers and their money."""
    if not bad:
        return 0, 0, 0.0
    there = staging.present
    customers = "count(distinct customer_id)" if "customer_id" in there else "0"
    money = f"coalesce(sum({identifier(schema.money)}), 0)" if schema.money in there else "0"
    rows = engine.rows(f"select count(*), {customers}, cast({money} as double) from ({bad})")[0]
    return int(str(rows[0])), int(str(rows[1])), float(str(rows[2]))
