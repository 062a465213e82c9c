"""A source's relation -> the good rows of a table, its bad rows with reasons, and the counts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import date
from pathlib import Path
from typing import Any, Protocol

from retention.project import TableSource
from retention.schemas import INPUT_TABLES
from retention.window import Unit

from .checks import check_table
from .embedded import Embedded
from .faults import Fault, TableCheck
from .overlaps import differing, overlap_fault
from .staging import Staging, stage
from .text import identifier, literal

__all__ = ["Admission", "Admitted", "Rules", "examine"]

BAD, GOOD = "bad.parquet", "good.parquet"


@dataclass(frozen=True, kw_only=True)
class Rules:
    """What holds for all tables of a project.

    Parameters
    ----------
    zone, unit : str
        Zone in which timestamps become dates; unit of periods given as dates.
    data_cutoff : datetime.date or None
        Rows dated on or after it are faults; None where they are merely not yet known.
    pseudonymise : bool
        Ids become keyed hashes and personal columns are left out; the key is the engine's
        variable ``pseudonym_key``.
    """

    zone: str = "UTC"
    unit: Unit = "month"
    data_cutoff: date | None = None
    pseudonymise: bool = False


@dataclass(frozen=True, kw_only=True)
class Admitted:
    """A table that was admitted: its columns, what the checks found, what identifies it.

    `differ` names columns in which every row is known to differ from every other; that it does not
    name one says nothing.
    """

    columns: tuple[str, ...]
    check: TableCheck
    content: str = ""
    differ: tuple[str, ...] = ()

    def to_dict(self) -> dict[str, Any]:
        """Return what JSON can write."""
        return {
            "columns": self.columns,
            "check": asdict(self.check),
            "content": self.content,
            "differ": self.differ,
        }

    @classmethod
    def from_dict(cls, saved: Mapping[str, Any]) -> Admitted:
        """Return what `to_dict` wrote."""
        check = dict(saved["check"])
        faults = [{**fault, "ids": tuple(fault["ids"])} for fault in check.pop("faults")]
        return cls(
            columns=tuple(saved["columns"]),
            check=TableCheck(**check, faults=tuple(Fault(**fault) for fault in faults)),
            content=saved["content"],
            differ=tuple(saved.get("differ", ())),
        )


@dataclass(frozen=True, kw_only=True)
class Admission:
    """An examined source: queries of its good and its bad rows.

    Parameters
    ----------
    admitted : Admitted
        What it will be.
    good, bad : str
        Queries; empty where there are no such rows.
    as_is : bool
        The good rows are the source itself, its columns of the right types already.
    """

    admitted: Admitted
    good: str
    bad: str
    as_is: bool = False

    def as_table(self, engine: Embedded) -> None:
        """Copy the good rows into the engine as ``base.<table>``."""
        name = identifier(self.admitted.check.table)
        engine.execute(f"create table base.{name} as {self.good}")

    def as_view(self, engine: Embedded) -> None:
        """Make ``base.<table>`` a view of the source itself; for sources without bad rows."""
        engine.execute(f"create view base.{identifier(self.admitted.check.table)} as {self.good}")

    def write(self, engine: Embedded, folder: Path, *, good: bool = True) -> None:
        """Write the bad rows, and the good ones if wanted, as Parquet files into a folder."""
        for query, file in ((self.bad, BAD), (self.good if good else "", GOOD)):
            if query:
                target = literal(str(folder / file))
                engine.execute(f"copy ({query}) to {target} (format parquet)")


class _Engine(Protocol):
    def execute(self, sql: str) -> None: ...
    def rows(self, sql: str) -> list[tuple[Any, ...]]: ...
    def types(self, relation: str) -> dict[str, str]: ...
    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str: ...


def examine(
    engine: _Engine,
    source: TableSource,
    relation: str,
    admitted: Mapping[str, Admitted],
    rules: Rules,
    unreadable: tuple[Fault, ...] = (),
) -> Admission:
    """Check one table where it lies.

    Parameters
    ----------
    engine : Embedded or Spark
        Where the relation lies.
    source : TableSource
        How its columns and values map.
    relation : str
        The source in its own columns.
    admitted : mapping of str to Admitted
        The tables admitted before, which references may point to.
    rules : Rules
        What holds for all tables.
    unreadable : tuple of Fault
        Lines of the source that could not be read at all; they are counted as set aside.
    """
    schema = INPUT_TABLES[source.table]
    types = engine.types(relation)
    settings: dict[str, Any] = {
        "zone": rules.zone,
        "unit": rules.unit,
        "pseudonymise": rules.pseudonymise,
    }
    plain = stage(schema, relation, types, source, **settings)
    attempts = [replace(plain, lean="")]
    if plain.lean:
        attempts.insert(0, stage(schema, relation, types, source, **settings, tidy=True))
    for staging in attempts:
        found = check_table(
            engine, schema, staging, data_cutoff=rules.data_cutoff, checked=admitted
        )
        if found is not None:
            break
    assert found is not None, "a plain staging takes nothing for granted"
    check, good, bad = found
    differ = differing(engine, schema, good, staging.present, check.rows)
    if not differ and (
        overlaps := overlap_fault(engine, schema, good, staging.present, check.rows)
    ):
        check = replace(check, faults=(*check.faults, overlaps))
    check = _with_unreadable(check, unreadable)
    columns = _columns(staging)
    return Admission(
        admitted=Admitted(columns=columns, check=check, differ=differ),
        good=good,
        bad=bad,
        as_is=bool(good) and good == staging.lean,
    )


def _columns(staging: Staging) -> tuple[str, ...]:
    return (*staging.present, *staging.attributes)


def _with_unreadable(check: TableCheck, unreadable: tuple[Fault, ...]) -> TableCheck:
    lost = sum(fault.rows for fault in unreadable)
    if not lost:
        return check
    return replace(
        check,
        rows=check.rows + lost,
        set_aside=check.set_aside + lost,
        faults=(*check.faults, *unreadable),
    )
