"""The embedded engine: DuckDB in this process, offline, with bounded memory."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa

from retention.errors import DataError, TemporaryError
from retention.project import EngineSettings

from .keys import repeated
from .text import identifier, literal

__all__ = ["Embedded", "frame_of", "reader_of"]

_BATCH = 250_000  # rows

# tables of groups are split by the number of threads, and finer ones fit the processor's cache: at
# two threads a core the purchase summary of 50 million orders takes a quarter less processor time
_THREADS_A_CORE = 2

# the engine counts what it holds in tables and buffers; what it does not count, and the piece of a
# result that Python is writing, come on top: 1.26 GB at a limit of 1 GB and 100 million orders
_COUNTED = 0.8

# DuckDB allows itself four fifths of the memory; a report run is not alone on its machine
_OF_THE_DEFAULT = 0.5 / 0.8


class Embedded:
    """One DuckDB database in memory that spills into a folder; a scope sees its own views.

    Parameters
    ----------
    settings : EngineSettings
        Threads, memory limit and spill folder.
    root : Path or None
        The project, in which the spill folder lies; None never spills.
    """

    dialect = "duckdb"

    def __init__(self, settings: EngineSettings | None = None, root: Path | None = None) -> None:
        chosen = settings or EngineSettings()
        if root is not None:
            # the engine makes the folder itself when it spills, but not the one above it
            with suppress(OSError):
                (root / chosen.spill).parent.mkdir(parents=True, exist_ok=True)
        config: dict[str, Any] = {
            "preserve_insertion_order": False,
            "autoinstall_known_extensions": False,
            "autoload_known_extensions": False,
            "temp_directory": str(root / chosen.spill) if root else "",
        }
        if chosen.threads:
            config["threads"] = chosen.threads
        if chosen.memory_limit:
            config["memory_limit"] = _scaled(chosen.memory_limit, _COUNTED)
        try:
            self.connection = duckdb.connect(":memory:", config=config)
        except duckdb.Error as error:
            raise DataError(f"DuckDB does not accept the settings [engine]: {error}") from error
        if not chosen.threads:
            cores = self.rows("select current_setting('threads')")[0][0]
            self.execute(f"set threads = {_THREADS_A_CORE * cores}")
        if not chosen.memory_limit:
            limit = self.rows("select current_setting('memory_limit')")[0][0]
            self.execute(f"set memory_limit = {literal(_scaled(limit, _OF_THE_DEFAULT))}")
        self.execute("set TimeZone = 'UTC'")
        # in Jupyter without ipywidgets the bar is off and may not be touched
        if self.rows("select current_setting('enable_progress_bar')")[0][0]:
            self.execute("set enable_progress_bar = false")
        self.execute("create schema base")
        self.execute("create schema raw")
        self._scopes = 0

    def execute(self, sql: str) -> None:
        """Run one statement."""
        with _clear_errors():
            self.connection.execute(sql)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with _clear_errors():
            return self.connection.execute(sql).fetchall()

    def arrow(self, sql: str) -> pa.Table:
        """Return the result of a query, in its order, in the engine's own types."""
        with _clear_errors():
            return self.connection.sql(sql).to_arrow_table()

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the result of a query, in its order, as pandas."""
        return frame_of(self.arrow(sql))

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield the result of a query, in its order, piece by piece."""
        with _clear_errors(), reader_of(self.connection.sql(sql), _BATCH) as reader:
            yield from reader

    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str:
        """Return where keys are repeated, see `retention.engine.keys.repeated`."""
        return repeated(self, query, columns, untidy)

    def types(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation and their types."""
        return {row[0]: row[1] for row in self.rows(f"describe select * from {relation}")}

    def set_secret(self, name: str, value: str) -> None:
        """Set a variable of the session without writing its value into any SQL text."""
        self.connection.execute(f"set variable {identifier(name)} = ?", [value])

    def adopt(self, relation: str, table: pa.Table | pa.RecordBatchReader) -> None:
        """Copy an Arrow table or stream into the database under a qualified name."""
        self.connection.register("adopted", table)
        try:
            self.execute(f"create table {relation} as select * from adopted")
        finally:
            self.connection.unregister("adopted")

    def drop(self, relation: str) -> None:
        """Forget a table or view, if it is there."""
        kind = "view" if self._is_view(relation) else "table"
        self.execute(f"drop {kind} if exists {relation}")

    def _is_view(self, relation: str) -> bool:
        schema, _, name = relation.partition(".")
        found = self.rows(
            f"select 1 from duckdb_views() where schema_name = {literal(schema)}"
            f" and view_name = {literal(name.strip(chr(34)))}"
        )
        return bool(found)

    def scope(self, views: Mapping[str, str]) -> Embedded:
        """Return the same database, seen through views of the given names and queries."""
        self._scopes += 1
        schema = f"scope_{id(self)}_{self._scopes}"
        self.execute(f"create schema {schema}")
        for name, sql in views.items():
            self.execute(f"create view {schema}.{identifier(name)} as {sql}")
        inner = object.__new__(Embedded)
        inner.connection = self.connection.cursor()
        inner._scopes = 0
        inner.execute(f"set schema = {literal(schema)}")
        return inner

    def close(self) -> None:
        """Release memory and spill files."""
        self.connection.close()


def _scaled(size: str, share: float) -> str:
    """Return a share of a size such as ``2GB`` or ``1.5 GiB``, in its unit."""
    found = re.fullmatch(r"(\d+(?:\.\d+)?)\s*(\D+)", size)
    if found is None:
        raise DataError(f"[engine] memory_limit must be a size such as '2GB'; got {size!r}")
    return f"{float(found[1]) * share:.3f} {found[2]}"


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn the engine's errors into ours, with what to do."""
    try:
        yield
    except duckdb.OutOfMemoryException as error:
        raise TemporaryError(
            "the query needs more memory than [engine] memory_limit and the spill folder give; "
            "raise the limit, free the disk, or set fewer threads"
        ) from error
    except duckdb.IOException as error:
        if "No space left" in str(error):
            raise TemporaryError("no space left on a disk; free some and run again") from error
        raise DataError(f"a file could not be read or written: {_first_line(error)}") from error
    except (duckdb.InvalidInputException, duckdb.SerializationException) as error:
        raise DataError(f"a file is damaged or unreadable: {_first_line(error)}") from error
    except duckdb.Error as error:
        # what a damaged page of Parquet raises has no class of its own; a wrong query has one
        if type(error) is not duckdb.Error:
            raise
        raise DataError(f"a file is damaged or unreadable: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    line = (str(error).splitlines() or [""])[0]
    return "".join(letter for letter in line if letter.isprintable()).strip(" :")


def reader_of(relation: Any, rows: int) -> pa.RecordBatchReader:
    """Return what a relation of DuckDB yields, in pieces of so many rows."""
    # before 1.5 it was called otherwise
    read = getattr(relation, "to_arrow_reader", None) or relation.fetch_arrow_reader
    return read(rows)


def frame_of(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as pandas.

    Whole numbers are int64 (float64 with nulls), money and numbers float64, dates datetime64. Money
    is the float nearest to it: 55.55 is ``55.55``.
    """
    columns = [_plain(table.column(index)) for index in range(table.num_columns)]
    return pa.table(columns, names=table.column_names).to_pandas()


def _plain(column: pa.ChunkedArray) -> pa.ChunkedArray:
    kind = column.type
    if pa.types.is_decimal(kind):
        return column.cast(pa.int64()) if kind.scale == 0 else _nearest(column, kind.scale)
    if pa.types.is_integer(kind):
        return column.cast(pa.int64())
    if pa.types.is_floating(kind):
        return column.cast(pa.float64())
    if pa.types.is_date(kind):
        return column.cast(pa.timestamp("us"))
    return column


def _nearest(column: pa.ChunkedArray, scale: int) -> pa.ChunkedArray:
    """Return decimals as the nearest floats; Arrow's own cast is off in the last digit."""
    parts = [_divided(chunk.cast(pa.decimal128(38, scale)), scale) for chunk in column.chunks]
    return pa.chunked_array(parts, type=pa.float64())


def _divided(chunk: pa.Array, scale: int) -> pa.Array:
    if len(chunk) == 0:
        return pa.array([], pa.float64())
    # 16 bytes a value, the low half first; a division of whole numbers is rounded once
    halves = np.frombuffer(chunk.buffers()[1], np.int64).reshape(-1, 2)
    low, high = halves[chunk.offset : chunk.offset + len(chunk)].T
    unknown = np.asarray(chunk.is_null())
    if (unknown | ((high == low >> 63) & (np.abs(low) < 2**53))).all():
        return pa.array(low / 10.0**scale, mask=unknown)
    return chunk.cast(pa.float64())
