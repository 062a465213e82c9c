"""Spark: the same templates, translated, where the data already live in a cluster.

Only counts, or one row a customer, come back. Every view is a temporary one of this session;
nothing is written into the catalogue.
"""

from __future__ import annotations

import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa

from retention.errors import DataError, ProjectError
from retention.project import EngineSettings

from .dialect import translate
from .embedded import frame_of

__all__ = ["Spark"]

_TYPES = {
    "string": "VARCHAR",
    "date": "DATE",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "timestamp_ntz": "TIMESTAMP",
    "double": "DOUBLE",
    "float": "FLOAT",
    "boolean": "BOOLEAN",
    "bigint": "BIGINT",
    "int": "INTEGER",
    "smallint": "SMALLINT",
    "tinyint": "TINYINT",
}


class Spark:
    """One Spark session; a scope sees its own views.

    Parameters
    ----------
    settings : EngineSettings
        ``master`` and further Spark settings under ``options``.
    session : SparkSession, optional
        A session that is already there, such as that of a notebook on the cluster; it is used as
        it is and not stopped at the end.
    """

    dialect = "spark"

    def __init__(self, settings: EngineSettings | None = None, session: Any = None) -> None:
        self._owned = session is None
        self.session = session or _session(settings or EngineSettings(name="spark"))
        self.session.conf.set("spark.sql.session.timeZone", "UTC")
        self.session.conf.set("spark.sql.ansi.enabled", "true")
        self._prefix = f"global_temp.r{uuid.uuid4().hex[:12]}_"

    def sql(self, sql: str) -> str:
        """Return a query as Spark sees it."""
        return translate(sql, "spark", self._prefix)

    def execute(self, sql: str) -> None:
        """Run one statement."""
        with _clear_errors():
            self.session.sql(self.sql(sql)).collect()

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""
        with _clear_errors():
            return [tuple(row) for row in self.session.sql(self.sql(sql)).collect()]

    def arrow(self, sql: str) -> pa.Table:
        """Return the result of a query, in its order, in the engine's own types."""
        with _clear_errors():
            return self.session.sql(self.sql(sql)).toArrow()

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the result of a query, in its order, as pandas."""
        return frame_of(self.arrow(sql))

    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str:
        """Return where keys are repeated: here only the exact group-by tells."""
        return ""

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield the result of a query, in its order; the driver holds all of it."""
        yield from self.arrow(sql).to_batches()

    def types(self, relation: str) -> dict[str, str]:
        """Return the columns of a relation and their types, by DuckDB's names."""
        columns = self.session.sql(self.sql(f"select * from {relation}")).dtypes
        return {name: _type(kind) for name, kind in columns}

    def name_relation(self, relation: str, data: Any) -> None:
        """Give a Spark DataFrame a qualified name, such as ``base."orders"``."""
        schema, _, name = relation.partition(".")
        start = self._prefix.partition(".")[2]
        data.createOrReplaceGlobalTempView(f"{start}{schema}_{name.strip(chr(34))}")

    def read_parquet(self, *paths: str) -> Any:
        """Return Parquet files, local or on any file system of the cluster."""
        with _clear_errors():
            return self.session.read.parquet(*paths)

    def versions(self, data: Any) -> tuple[tuple[str, int, int], ...]:
        """Return name, length and time of every file that a DataFrame reads; empty if not known.

        A session over Spark Connect has no file system here, and a view may read no files.
        """
        try:
            files = self.session.sparkContext._jvm.org.apache.hadoop.fs
            settings = self.session.sparkContext._jsc.hadoopConfiguration()
        except AttributeError:
            return ()
        found = []
        with _clear_errors():
            for name in sorted(data.inputFiles()):
                path = files.Path(self.session.sparkContext._jvm.java.net.URI(name))
                status = path.getFileSystem(settings).getFileStatus(path)
                found.append((name, status.getLen(), status.getModificationTime()))
        return tuple(found)

    def read_relation(self, relation: str, query: str) -> Any:
        """Return a table of the catalogue, or a query in Spark's own SQL."""
        with _clear_errors():
            return self.session.sql(query) if query else self.session.table(relation)

    def write_rows(self, sql: str, folder: Path) -> None:
        """Write the rows of a query as Parquet into a folder, or remove it if there is no query."""
        if not sql:
            shutil.rmtree(folder, ignore_errors=True)
            return
        with _clear_errors():
            self.session.sql(self.sql(sql)).write.mode("overwrite").parquet(str(folder))

    def view(self, relation: str, sql: str) -> None:
        """Make a query known under a qualified name."""
        with _clear_errors():
            self.name_relation(relation, self.session.sql(self.sql(sql)))

    def adopt(self, relation: str, table: pa.Table) -> None:
        """Give Spark an Arrow table under a qualified name."""
        with _clear_errors():
            self.name_relation(relation, self.session.createDataFrame(table))

    def scope(self, views: Mapping[str, str]) -> Spark:
        """Return the same session, seen through views of the given names and queries."""
        inner = object.__new__(Spark)
        inner._owned = False
        inner._prefix = self._prefix
        inner.session = self.session.newSession()
        inner.session.conf.set("spark.sql.session.timeZone", "UTC")
        inner.session.conf.set("spark.sql.ansi.enabled", "true")
        for name, sql in views.items():
            with _clear_errors():
                inner.session.sql(self.sql(sql)).createOrReplaceTempView(name)
        return inner

    def close(self) -> None:
        """Stop the session, if it was started here."""
        if self._owned:
            self.session.stop()


def _session(settings: EngineSettings) -> Any:
    try:
        from pyspark.sql import SparkSession
    except ModuleNotFoundError as error:
        raise ProjectError(
            "[engine] name = \"spark\" needs: pip install 'retention-research[spark]', and Java 17"
        ) from error
    builder = SparkSession.builder.appName("retention").master(settings.master)
    chosen = {
        "spark.sql.session.timeZone": "UTC",
        "spark.sql.ansi.enabled": "true",
        "spark.sql.execution.arrow.pyspark.enabled": "true",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
    }
    if settings.threads:
        chosen["spark.sql.shuffle.partitions"] = str(settings.threads)
    for key, value in {**chosen, **settings.options}.items():
        builder = builder.config(key, value)
    with _clear_errors():
        return builder.getOrCreate()


def _type(kind: str) -> str:
    if kind.startswith("decimal"):
        return kind.upper()
    return _TYPES.get(kind, kind.upper())


@contextmanager
def _clear_errors() -> Iterator[None]:
    """Turn Spark's errors into ours; the first line says enough, the trace is kept as cause."""
    try:
        from pyspark.errors import PySparkException
    except ModuleNotFoundError:
        yield
        return
    try:
        yield
    except PySparkException as error:
        raise DataError(f"Spark: {str(error).strip().splitlines()[0]}") from error
