"""A source's relation -> a checked relation ``base.<table>``; what fails is set aside."""

from __future__ import annotations

from datetime import date
from pathlib import Path

from retention.project import TableSource
from retention.schemas import INPUT_TABLES
from retention.window import Unit

from .checks import TableCheck, check_table
from .embedded import Embedded
from .staging import stage
from .text import identifier, literal

__all__ = ["admit"]


def admit(
    engine: Embedded,
    source: TableSource,
    relation: str,
    columns: dict[str, tuple[str, ...]],
    *,
    zone: str,
    unit: Unit,
    data_cutoff: date | None = None,
    set_aside: Path | None = None,
) -> TableCheck:
    """Check one table and make its good rows ``base.<table>``.

    Parameters
    ----------
    engine : Embedded
        Where the relation lies.
    source : TableSource
        How its columns and values map.
    relation : str
        The source in its own columns.
    columns : dict
        Columns of the tables admitted before; this one is added.
    zone, unit, data_cutoff
        As in `Project`; without a data cutoff rows after it are not faults.
    set_aside : Path or None
        Folder for the rows that fail; None writes nothing.

    Returns
    -------
    TableCheck
        What was found. Where it has fatal faults, there is no ``base.<table>``.
    """
    schema = INPUT_TABLES[source.table]
    types = engine.types(relation)
    staging = stage(schema, relation, types, source, zone=zone, unit=unit)
    check, good, bad = check_table(
        engine, schema, staging, data_cutoff=data_cutoff, checked=columns
    )
    if check.fatal:
        return check
    if bad and set_aside is not None:
        set_aside.mkdir(parents=True, exist_ok=True)
        path = str(set_aside / f"{source.table}.parquet")
        engine.execute(f"copy ({bad}) to {literal(path)} (format parquet)")
    engine.execute(f"create table base.{identifier(source.table)} as {good}")
    columns[source.table] = (*staging.present, *staging.attributes)
    return check
