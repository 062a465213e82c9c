"""Sources: where a table lies outside -> a query of the engine, in the source's own columns."""

from __future__ import annotations

import os
import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pyarrow as pa

from retention.engine import Embedded, Fault, Store, digest_of, identifier, literal, reader_of
from retention.errors import DataError, ProjectError
from retention.project import TableSource

from .text_files import read_text

__all__ = ["Opened", "content_of", "files_of", "open_source", "read_sheet"]


@dataclass(frozen=True)
class Opened:
    """A source that the engine can read.

    Parameters
    ----------
    relation : str
        Qualified name in the engine.
    lasting : bool
        The relation reads the source itself, which stays where it is: no copy is needed.
    unreadable : tuple of Fault
        Lines that could not be parsed.
    """

    relation: str
    lasting: bool
    unreadable: tuple[Fault, ...] = ()


def open_source(engine: Embedded, root: Path, source: TableSource, folder: Path) -> Opened:
    """Make a source known to the engine.

    Parameters
    ----------
    engine : Embedded
        Where it will be read.
    root : Path
        The project.
    source : TableSource
        Where the table lies.
    folder : Path
        A scratch folder.

    Raises
    ------
    ProjectError
        If a path names no file, or a setting is wrong.
    DataError
        If the source cannot be read.
    """
    if source.format not in _OPENERS:
        raise ProjectError(
            f"[tables.{source.table}] format {source.format!r} is read by the engine of that name; "
            'set name = "spark" under [engine]'
        )
    return _OPENERS[source.format](engine, root, source, folder)


def files_of(root: Path, source: TableSource) -> list[Path]:
    """Return the files of a source, in order of their names.

    Raises
    ------
    ProjectError
        If there is none.
    DataError
        If one is empty.
    """
    path = root / source.path
    if path.is_dir():
        suffixes = {"parquet": ("*.parquet",), "csv": ("*.csv", "*.csv.gz", "*.txt", "*.tsv")}
        patterns = suffixes.get(source.format, ("*",))
        found = sorted({file for pattern in patterns for file in path.rglob(pattern)})
    elif any(sign in source.path for sign in "*?["):
        anchor = Path(path.anchor)
        found = sorted(anchor.glob(str(path.relative_to(anchor))))
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise ProjectError(
            f"[tables.{source.table}] path {source.path!r}: there is no such file in the project"
        )
    for file in found:
        if file.stat().st_size == 0:
            raise DataError(f"table {source.table}: {file.name} is empty (0 bytes)")
    return found


def content_of(store: Store, root: Path, source: TableSource) -> str:
    """Return what identifies the content of a source; empty where only reading it would tell."""
    if not source.path:
        return ""
    digests = [(str(f), store.file_digest(f)) for f in files_of(root, source)]
    return digest_of(digests)


def _view(engine: Embedded, source: TableSource, query: str) -> str:
    relation = f"raw.{identifier(source.table)}"
    engine.execute(f"create view {relation} as {query}")
    return relation


def _parquet(engine: Embedded, root: Path, source: TableSource, folder: Path) -> Opened:
    files = ", ".join(literal(str(file)) for file in files_of(root, source))
    query = f"select * from read_parquet([{files}], union_by_name = true)"
    try:
        return Opened(_view(engine, source, query), lasting=True)
    except DataError as error:
        raise DataError(f"table {source.table}: {error}") from error


def _csv(engine: Embedded, root: Path, source: TableSource, folder: Path) -> Opened:
    query, unreadable = read_text(engine, source, files_of(root, source), folder)
    return Opened(_view(engine, source, query), lasting=False, unreadable=unreadable)


def _duckdb(engine: Embedded, root: Path, source: TableSource, folder: Path) -> Opened:
    import duckdb

    path = files_of(root, source)[0]
    query = source.query or f"select * from {_dotted(source.relation)}"
    relation = f"raw.{identifier(source.table)}"
    try:
        with duckdb.connect(str(path), read_only=True) as other:
            engine.adopt(relation, reader_of(other.sql(query), 100_000))
    except duckdb.Error as error:
        raise DataError(
            f"table {source.table}: {path.name}: {str(error).splitlines()[0]}"
        ) from error
    return Opened(relation, lasting=False)


def _dotted(name: str) -> str:
    return ".".join(identifier(part) for part in name.split("."))


def _excel(engine: Embedded, root: Path, source: TableSource, folder: Path) -> Opened:
    path = files_of(root, source)[0]
    relation = f"raw.{identifier(source.table)}"
    engine.adopt(relation, read_sheet(path, source))
    return Opened(relation, lasting=False)


def read_sheet(path: Path, source: TableSource) -> pa.Table:
    """Return a sheet of a workbook; its first row that is not empty names the columns."""
    try:
        from python_calamine import CalamineError, CalamineWorkbook
    except ModuleNotFoundError as error:
        raise ProjectError(
            f"[tables.{source.table}] Excel files need: pip install 'retention-research[excel]'"
        ) from error
    try:
        book = CalamineWorkbook.from_path(str(path))
        names = book.sheet_names
        if source.sheet and source.sheet not in names:
            raise ProjectError(
                f"[tables.{source.table}] {path.name} has no sheet {source.sheet!r}; it has: "
                f"{', '.join(names)}"
            )
        rows = book.get_sheet_by_name(source.sheet or names[0]).to_python()
    except CalamineError as error:
        raise DataError(
            f"table {source.table}: {path.name} is no readable workbook: {error}"
        ) from error
    rows = [row for row in rows if any(cell != "" for cell in row)]
    if not rows:
        raise DataError(f"table {source.table}: {path.name} has no rows")
    header = [str(cell).strip() or f"column {n}" for n, cell in enumerate(rows[0], 1)]
    if len(set(map(str.lower, header))) < len(header):
        raise DataError(f"table {source.table}: {path.name} has the same column twice")
    columns = zip(*rows[1:], strict=True) if len(rows) > 1 else [()] * len(header)
    return pa.table({name: _cells(list(c)) for name, c in zip(header, columns, strict=True)})


def _cells(cells: list[Any]) -> pa.Array:
    """Return a column of one type: dates, numbers or booleans if all are, else texts."""
    values = [None if cell == "" else cell for cell in cells]
    given = [value for value in values if value is not None]
    kinds = {type(value) for value in given}
    if kinds and kinds <= {datetime, date}:
        return pa.array(
            [
                v.isoformat(" ") if isinstance(v, datetime) else str(v) if v else None
                for v in values
            ],
            pa.string(),
        )
    if kinds == {bool}:
        return pa.array(values, pa.bool_())
    if kinds and kinds <= {int, float}:
        return pa.array([None if v is None else float(v) for v in values], pa.float64())
    return pa.array([None if v is None else _cell_text(v) for v in values], pa.string())


def _cell_text(value: Any) -> str:
    """Return a cell as it reads: 12.0 in a column of mixed kinds is the id 12."""
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return value.isoformat(" ") if isinstance(value, datetime) else str(value)


def _postgres(engine: Embedded, root: Path, source: TableSource, folder: Path) -> Opened:
    try:
        import adbc_driver_postgresql.dbapi as postgres
    except ModuleNotFoundError as error:
        raise ProjectError(
            f"[tables.{source.table}] PostgreSQL needs: pip install 'retention-research[postgres]'"
        ) from error
    query = source.query or f"select * from {_dotted(source.relation)}"
    relation = f"raw.{identifier(source.table)}"
    try:
        with postgres.connect(_connection(source)) as server, server.cursor() as cursor:
            cursor.execute(query)
            engine.adopt(relation, cursor.fetch_record_batch())
    except (postgres.Error, OSError, pa.ArrowException, DataError) as error:
        # the driver's own message may hold the connection string
        reason = _without_secret(str(error), source)
        raise DataError(
            f"table {source.table}: the server named by {source.connection} did not answer the "
            f"query: {reason}"
        ) from None
    return Opened(relation, lasting=False)


def _connection(source: TableSource) -> str:
    """Return the connection string; credentials come from the environment or a service file."""
    if source.connection.startswith("service="):
        return source.connection
    found = os.environ.get(source.connection)
    if not found:
        raise ProjectError(
            f"[tables.{source.table}] the environment variable {source.connection} is not set; it "
            "must hold the connection string of the database"
        )
    return found


def _without_secret(message: str, source: TableSource) -> str:
    """Return the first line of a message without any word of the connection string.

    A driver that cannot parse the string repeats a part of it, as a port or a host.
    """
    secret = os.environ.get(source.connection, "")
    line = message.strip().splitlines()[0] if message.strip() else "no reason given"
    words = {unquote(word) for word in re.split(r"[:/@?&=#\s'\"]+", secret)} | {secret}
    words |= set(re.split(r"[:/@?&=#\s'\"]+", secret))
    for word in sorted(words - _NO_SECRETS, key=len, reverse=True):
        if len(word) > 2:
            line = line.replace(word, "***")
    return line


_NO_SECRETS = {"postgresql", "postgres", "host", "port", "user", "password", "dbname", "localhost"}


_OPENERS: dict[str, Callable[[Embedded, Path, TableSource, Path], Opened]] = {
    "parquet": _parquet,
    "csv": _csv,
    "duckdb": _duckdb,
    "excel": _excel,
    "postgres": _postgres,
}
