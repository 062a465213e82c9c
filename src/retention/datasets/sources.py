"""Sources: where a table lies outside -> a relation of the engine, in the source's own columns."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from retention.engine import Embedded, identifier, literal
from retention.errors import DataError, ProjectError
from retention.project import TableSource

__all__ = ["open_source"]


def open_source(engine: Embedded, root: Path, source: TableSource) -> str:
    """Make a source known to the engine and return its relation.

    Raises
    ------
    ProjectError
        If a path names no file.
    DataError
        If a file cannot be read.
    """
    if source.format not in _OPENERS:
        raise ProjectError(f"[tables.{source.table}] format {source.format} cannot be read here")
    relation = f"raw.{identifier(source.table)}"
    query = _OPENERS[source.format](engine, root, source)
    engine.execute(f"create view {relation} as {query}")
    return relation


def _files(root: Path, source: TableSource) -> list[Path]:
    path = root / source.path
    if path.is_dir():
        suffix = {"parquet": "**/*.parquet", "csv": "**/*.csv*"}.get(source.format, "*")
        found = sorted(path.glob(suffix))
    elif any(sign in source.path for sign in "*?["):
        anchor = Path(path.anchor)
        found = sorted(anchor.glob(str(path.relative_to(anchor))))
    else:
        found = [path] if path.is_file() else []
    if not found:
        raise ProjectError(
            f"[tables.{source.table}] path {source.path!r}: there is no such file in {root.name}"
        )
    for file in found:
        if file.stat().st_size == 0:
            raise DataError(f"table {source.table}: {file.name} is empty (0 bytes)")
    return found


def _parquet(engine: Embedded, root: Path, source: TableSource) -> str:
    files = literal([str(file) for file in _files(root, source)])
    return f"select * from read_parquet([{files[1:-1]}], union_by_name = true)"


def _csv(engine: Embedded, root: Path, source: TableSource) -> str:
    files = literal([str(file) for file in _files(root, source)])
    options = ["header = true", "all_varchar = true", "union_by_name = true"]
    if source.delimiter:
        options.append(f"delim = {literal(source.delimiter)}")
    if source.encoding:
        options.append(f"encoding = {literal(source.encoding)}")
    return f"select * from read_csv([{files[1:-1]}], {', '.join(options)})"


_OPENERS: dict[str, Callable[[Embedded, Path, TableSource], str]] = {
    "parquet": _parquet,
    "csv": _csv,
}
