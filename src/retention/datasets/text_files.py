"""Delimited text -> a relation of texts; lines that cannot be parsed are kept apart."""

from __future__ import annotations

import csv
import io
import itertools
from pathlib import Path

from retention.engine import Embedded, Fault, literal
from retention.errors import DataError, ProjectError
from retention.project import TableSource
from retention.schemas import INPUT_TABLES

from .encodings import open_bytes, prove, recode

__all__ = ["UNREADABLE", "read_text"]

_DELIMITERS = (",", ";", "\t", "|")
UNREADABLE = "unreadable.parquet"


def read_text(
    engine: Embedded, source: TableSource, files: list[Path], folder: Path
) -> tuple[str, tuple[Fault, ...]]:
    """Parse text files once, into one Parquet file of texts.

    Parameters
    ----------
    engine : Embedded
        Where it is parsed.
    source : TableSource
        How the files are written.
    files : list of Path
        The files; their columns may differ in order.
    folder : Path
        Where the copy and the unreadable lines go.

    Returns
    -------
    tuple of str, tuple of Fault
        The query that yields the source, and the lines that could not be parsed.
    """
    parts = [_scan(source, path, folder, number) for number, path in enumerate(files)]
    copy = folder / "source.parquet"
    query = " union all by name ".join(parts)
    try:
        engine.execute(f"copy ({query}) to {literal(str(copy))} (format parquet)")
    except DataError as error:
        named = ", ".join(path.name for path in files[:3])
        raise DataError(f"table {source.table}: {named}: {error}") from error
    faults = _unreadable(engine, source, folder)
    return f"select * from read_parquet({literal(str(copy))})", faults


def _scan(source: TableSource, path: Path, folder: Path, number: int) -> str:
    proof = prove(path, source.table, source.encoding)
    header = _header_line(path, proof.encoding, source)
    delimiter = source.delimiter or _delimiter(header, source)
    names = _names(header, delimiter, path, source)
    readable = recode(path, proof, folder / f"recoded-{number}.csv")
    columns = ", ".join(f"{literal(name)}: 'VARCHAR'" for name in names)
    options = [
        "auto_detect = false",
        "header = true",
        f"columns = {{{columns}}}",
        f"delim = {literal(delimiter)}",
        "quote = '\"'",
        "escape = '\"'",
        "strict_mode = true",
        "max_line_size = 16777216",
        "store_rejects = true",
        "rejects_limit = 0",
    ]
    return f"select * from read_csv({literal(str(readable))}, {', '.join(options)})"


def _header_line(path: Path, encoding: str, source: TableSource) -> str:
    with open_bytes(path) as file, io.TextIOWrapper(file, encoding=encoding, newline="") as text:
        line = "".join(itertools.islice(text, 1)).rstrip("\r\n")
    if not line.strip():
        raise DataError(f"table {source.table}: {path.name} has no header line")
    return line


def _split(line: str, delimiter: str) -> list[str]:
    return [name.strip() for name in next(csv.reader([line], delimiter=delimiter))]


def _delimiter(header: str, source: TableSource) -> str:
    """Return the delimiter under which the header holds most of the columns that are wanted."""
    schema = INPUT_TABLES[source.table]
    wanted = {source.columns.get(name, name) for name in schema.names} | set(source.keep)
    found = {sign: len(wanted & set(_split(header, sign))) for sign in _DELIMITERS}
    best = max(found, key=lambda sign: found[sign])
    if found[best] == 0:
        raise DataError(
            f"table {source.table}: no wanted column in the header {header[:200]!r}; name the "
            f"delimiter and map the columns under [tables.{source.table}]"
        )
    return best


def _names(header: str, delimiter: str, path: Path, source: TableSource) -> list[str]:
    if len(delimiter) != 1:
        raise ProjectError(f"[tables.{source.table}] delimiter must be one character")
    names = [name or f"column {n}" for n, name in enumerate(_split(header, delimiter), 1)]
    seen: set[str] = set()
    for name in names:
        if name.lower() in seen:
            raise DataError(f"table {source.table}: {path.name} has the column {name!r} twice")
        seen.add(name.lower())
    return names


def _unreadable(engine: Embedded, source: TableSource, folder: Path) -> tuple[Fault, ...]:
    """Keep the lines that the parser rejected, and say how many and where."""
    if not engine.rows("select 1 from duckdb_tables() where table_name = 'reject_errors'"):
        return ()
    lines = (
        "select s.file_path as file, e.line, any_value(e.csv_line) as text,"
        " min(e.error_message) as reason from reject_errors e"
        " join reject_scans s using (scan_id, file_id) group by all"
    )
    count, of, first = engine.rows(f"select count(*), max(line), min(line, 3) from ({lines})")[0]
    if count:
        target = literal(str(folder / UNREADABLE))
        named = "parse_filename(file) as file, line, text, reason"
        engine.execute(f"copy (select {named} from ({lines})) to {target} (format parquet)")
    engine.execute("drop table reject_errors")
    engine.execute("drop table reject_scans")
    if not count:
        return ()
    fault = Fault(
        table=source.table,
        column="",
        rule="line_readable",
        severity="error",
        sentence="lines that do not have the columns of the header, or a broken quote",
        remedy="look at the lines in data/set_aside; quote texts that hold the delimiter",
        rows=int(count),
        of=int(of),
        ids=tuple(map(str, first)),
        id_column="line",
    )
    return (fault,)
