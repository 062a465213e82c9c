"""`Tables`: the checked tables of one company, as known at a cutoff, queried where they lie."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from types import MappingProxyType
from typing import Any, Protocol

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from retention import __version__
from retention.errors import MissingTableError, ParameterError, SchemaError
from retention.project import TableSource
from retention.schemas import INPUT_TABLES, Column, TableSchema
from retention.window import Window

from .admission import Admitted, Rules, examine
from .embedded import Embedded, frame_of
from .faults import CheckReport
from .staging import period_end
from .store import Store, digest_of
from .text import identifier, literal, render

__all__ = ["Base", "Derived", "Engine", "Tables"]

_WORTH_KEEPING = 0.05  # seconds: below, reading it back costs as much


class Engine(Protocol):
    """Where queries run."""

    dialect: str

    def execute(self, sql: str) -> None:
        """Run one statement."""

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """Return all rows of a query."""

    def arrow(self, sql: str) -> pa.Table:
        """Return the result of a query, in its order, in the engine's own types."""

    def frame(self, sql: str) -> pd.DataFrame:
        """Return the result of a query, in its order, as pandas."""

    def batches(self, sql: str) -> Iterator[pa.RecordBatch]:
        """Yield the result of a query, in its order, piece by piece."""

    def scope(self, views: Mapping[str, str]) -> Any:
        """Return the same engine, seen through views."""

    def close(self) -> None:
        """Release what is held."""


@dataclass(frozen=True)
class Base:
    """All that was admitted: relations ``base.<table>`` of good rows, up to the data cutoff."""

    engine: Engine
    data_cutoff: date
    admitted: Mapping[str, Admitted]
    store: Store | None = None
    refused: CheckReport = CheckReport(MappingProxyType({}))  # noqa: RUF009 - frozen

    @property
    def check(self) -> CheckReport:
        """What the checks found, in the tables that are used and in those that cannot be."""
        used = {name: table.check for name, table in self.admitted.items()}
        return CheckReport({**used, **self.refused.tables})


@dataclass(frozen=True, kw_only=True)
class Derived:
    """A table of the contract that a company does not have, made from others by SQL.

    Parameters
    ----------
    sql : str
        One SELECT over the tables in `sources`, a template as `Tables.query` takes.
    sources : tuple of str
        Tables it reads.
    columns : tuple of str
        Columns it makes; the others of the contract are null.
    sentence : str
        What was assumed, for the reader.
    names : mapping of str to object
        Values of the template.
    later_days : int
        The sources are read as they were known this many days after the window's cutoff: for facts
        that take so long to become certain. The window must then end as much earlier.
    """

    sql: str
    sources: tuple[str, ...]
    columns: tuple[str, ...]
    sentence: str
    names: Mapping[str, Any]
    later_days: int = 0


class Tables:
    """The checked tables of one company, as known at the window's cutoff.

    Every input table is a view of its own name, with all columns of the contract: null where the
    company does not have them. Rows dated on or after the cutoff are gone, and values known only
    later are null, so that no query needs a cutoff of its own and none can look ahead.

    Parameters
    ----------
    base : Base
        What was admitted.
    window : Window
        What was observed; its cutoff may lie before the data cutoff.
    currency : str
        Code of all money.
    minimum_n : int
        Fewer customers than this, and no number is shown.
    items : mapping
        Survey item to its construct, dimension and scale, see `Project.items`.
    programmes : mapping
        Programme to what is planned of it, see `Project.programmes`.
    derived : mapping of str to Derived
        Tables made from others, see `derive`.
    """

    def __init__(
        self,
        base: Base,
        window: Window,
        *,
        currency: str = "EUR",
        minimum_n: int = 20,
        items: Mapping[str, Mapping[str, Any]] | None = None,
        programmes: Mapping[str, Mapping[str, Any]] | None = None,
        derived: Mapping[str, Derived] | None = None,
    ) -> None:
        if window.cutoff > base.data_cutoff:
            raise ParameterError(
                f"the cutoff {window.cutoff} lies after the data cutoff {base.data_cutoff}"
            )
        self.window = window
        self.currency = currency
        self.minimum_n = minimum_n
        self.items = MappingProxyType(dict(items or {}))
        self.programmes = MappingProxyType(dict(programmes or {}))
        self.derived = MappingProxyType(dict(derived or {}))
        self._base = base
        self._known = {
            name: table.columns
            for name, table in base.admitted.items()
            if self._datable(name, table.columns)
        }
        self._views = {
            name: self._view(INPUT_TABLES[name], columns, window.cutoff)
            for name, columns in self._known.items()
        }
        for name, made in self.derived.items():
            self._known[name] = made.columns
            self._views[name] = self._derived_view(INPUT_TABLES[name], made)
        self._engine: Engine = base.engine.scope(self._views)

    @classmethod
    def from_frames(
        cls,
        frames: Mapping[str, pd.DataFrame],
        *,
        window: Window,
        currency: str = "EUR",
        minimum_n: int = 20,
        items: Mapping[str, Mapping[str, Any]] | None = None,
        programmes: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Tables:
        """Take pandas tables, checked like any source; rows after the cutoff are not known.

        Parameters
        ----------
        frames : mapping of str to DataFrame
            By the names of `retention.schemas.INPUT_TABLES`; further columns become attributes.
        window : Window
            What was observed.
        currency, minimum_n, items, programmes
            As in `Project`.

        Raises
        ------
        SchemaError
            If a table breaks its schema; with every fault.

        Examples
        --------
        >>> frame = pd.DataFrame({"customer_id": ["a"], "acquired_on": [date(2024, 5, 1)]})
        >>> window = Window(start=date(2024, 1, 1), cutoff=date(2024, 6, 1))
        >>> tables = Tables.from_frames({"customers": frame}, window=window)
        >>> tables.query("select count(*) as n from customers").loc[0, "n"]
        np.int64(1)
        """
        if unknown := sorted(set(frames) - set(INPUT_TABLES)):
            raise ParameterError(
                f"unknown tables {', '.join(unknown)}; known: {', '.join(INPUT_TABLES)}"
            )
        engine = Embedded()
        admitted: dict[str, Admitted] = {}
        for name in INPUT_TABLES:
            if name in frames:
                admitted[name] = _admit_frame(engine, name, frames[name], window, admitted)
        base = Base(engine, window.cutoff, MappingProxyType(admitted))
        return cls(
            base, window, currency=currency, minimum_n=minimum_n, items=items, programmes=programmes
        )

    def __contains__(self, name: object) -> bool:
        return name in self._known

    def __iter__(self) -> Iterator[str]:
        return iter(self._known)

    @property
    def names(self) -> frozenset[str]:
        """The tables that are there."""
        return frozenset(self._known)

    @property
    def check(self) -> CheckReport:
        """What the checks found when the tables were admitted."""
        return self._base.check

    def columns(self, name: str) -> tuple[str, ...]:
        """Return the columns that the company really has in a table; empty if it has no table."""
        return self._known.get(name, ())

    def differ(self, name: str, column: str) -> bool:
        """Whether all rows of a table are known to differ in a column; False says nothing."""
        if name not in self._known or name in self.derived:
            return False
        return column in self._base.admitted[name].differ

    def require(self, *names: str, needed_for: str) -> None:
        """Make sure that tables are there.

        Raises
        ------
        MissingTableError
            Names the first table that is not.
        """
        for name in names:
            if name not in self._known:
                raise MissingTableError(name, needed_for)

    def query(self, sql: str, **names: Any) -> pd.DataFrame:
        """Run a SQL template and return its result.

        Parameters
        ----------
        sql : str
            DuckDB SQL as a jinja2 template; every input table is a view of its own name.
        **names
            Values of the template; filters ``ident`` and ``literal`` quote them. ``window``,
            ``columns`` (a function) and ``currency`` are always there.

        Returns
        -------
        DataFrame
            In the order of the SQL's own ``order by``.
        """
        text = self.sql(sql, **names)
        key = self._content_of(text)
        if self._base.store is None or not key:
            return self._engine.frame(text)
        return _remembered(self._base.store, key, text, self._engine)

    def pieces(self, sql: str, **names: Any) -> Iterator[pd.DataFrame]:
        """Yield what `query` would return, in its order, a piece at a time; keep nothing."""
        for batch in self._engine.batches(self.sql(sql, **names)):
            yield frame_of(pa.Table.from_batches([batch]))

    def sql(self, sql: str, **names: Any) -> str:
        """Return the SQL that `query` would run."""
        given = {"window": self.window, "columns": self.columns, "currency": self.currency}
        return render(sql, **{**given, **names})

    def as_of(self, cutoff: date) -> Tables:
        """Return the same company as it was known at an earlier date.

        A table without the column that dates its rows cannot be taken back and is left out.

        Raises
        ------
        ParameterError
            If the cutoff lies after this one, or not after the window's start.
        """
        return Tables(
            self._base,
            self.window.until(cutoff),
            currency=self.currency,
            minimum_n=self.minimum_n,
            items=self.items,
            programmes=self.programmes,
            derived=self.derived,
        )

    def derive(self, name: str, made: Derived, *, window: Window) -> Tables:
        """Return the same company with a table of the contract made from its other tables.

        It is there for every query, also at earlier cutoffs (`as_of`), and made anew from what was
        known then.

        Parameters
        ----------
        name : str
            Table of the contract; one that the company has is hidden.
        made : Derived
            How it is made.
        window : Window
            What the company is seen through from here on; its cutoff may lie at most
            ``made.later_days`` before this one.

        Raises
        ------
        MissingTableError
            If a source is missing.
        ParameterError
            If the sources would be read after the data cutoff.
        """
        self.require(*made.sources, needed_for=f"the table {name}")
        if window.cutoff + timedelta(days=made.later_days) > self._base.data_cutoff:
            raise ParameterError(
                f"{name} at {window.cutoff} needs what was known {made.later_days} days later; the "
                f"data end at {self._base.data_cutoff}"
            )
        return Tables(
            self._base,
            window,
            currency=self.currency,
            minimum_n=self.minimum_n,
            items=self.items,
            programmes=self.programmes,
            derived={**self.derived, name: made},
        )

    def close(self) -> None:
        """Release memory and files; the tables cannot be queried any more."""
        self._engine.close()
        self._base.engine.close()

    def _content_of(self, text: str) -> str:
        """Return what identifies the result of a query; empty where nothing does."""
        words = set(re.findall(r"\w+", text))
        named = {name for name in self._known if name in words}
        named |= {s for name in named & set(self.derived) for s in self.derived[name].sources}
        used = {n: self._base.admitted[n].content for n in sorted(named - set(self.derived))}
        if not used or not all(used.values()):
            return ""
        views = {name: self._views[name] for name in sorted(named)}
        return digest_of([__version__, text, used, views])

    def _is_latest(self, cutoff: date) -> bool:
        return cutoff == self._base.data_cutoff

    def _datable(self, name: str, columns: tuple[str, ...]) -> bool:
        return self._is_latest(self.window.cutoff) or INPUT_TABLES[name].dated in columns

    def _derived_view(self, schema: TableSchema, made: Derived) -> str:
        known = self.window.cutoff + timedelta(days=made.later_days)
        sources = [
            f"{identifier(name)} as ("
            f"{self._view(INPUT_TABLES[name], self._base.admitted[name].columns, known)})"
            for name in made.sources
        ]
        parts = [
            identifier(c.name)
            if c.name in made.columns
            else f"cast(null as {c.sql_type}) as {identifier(c.name)}"
            for c in schema.columns
        ]
        sql = self.sql(made.sql, **made.names)
        return f"with {', '.join(sources)} select {', '.join(parts)} from ({sql}) as made"

    def _view(self, schema: TableSchema, columns: tuple[str, ...], cutoff: date) -> str:
        parts = [self._value(column, columns, cutoff) for column in schema.columns]
        parts += [identifier(name) for name in columns if name not in schema]
        return (
            f"select {', '.join(parts)} from base.{identifier(schema.name)}"
            f"{self._rows_known(schema, columns, cutoff)}"
        )

    def _value(self, column: Column, columns: tuple[str, ...], cutoff: date) -> str:
        name = identifier(column.name)
        if column.name not in columns:
            return f"cast(null as {column.sql_type}) as {name}"
        day, latest = column.known_from, self._is_latest(cutoff)
        if not day or (day not in columns and latest):
            return name
        if day not in columns:
            return f"cast(null as {column.sql_type}) as {name}"
        known = f"{identifier(day)} < {literal(cutoff)}"
        if day != column.name and latest:
            known += f" or {identifier(day)} is null"
        return f"case when {known} then {name} end as {name}"

    def _rows_known(self, schema: TableSchema, columns: tuple[str, ...], until: date) -> str:
        if schema.dated not in columns:
            return ""
        day, cutoff = identifier(schema.dated), literal(until)
        if schema[schema.dated].kind == "period":
            return f" where {period_end(day)} <= {cutoff}"
        if self._is_latest(until) and not schema[schema.dated].required:
            return f" where {day} < {cutoff} or {day} is null"
        return f" where {day} < {cutoff}"


def _remembered(store: Store, key: str, text: str, engine: Engine) -> pd.DataFrame:
    """Return a result that was computed before from the same content, or compute and keep it."""
    entry = store.find("query", key)
    if entry is not None:
        try:
            return frame_of(pq.read_table(entry / "result.parquet"))
        except (OSError, pa.ArrowException):
            shutil.rmtree(entry, ignore_errors=True)
    start = time.perf_counter()
    table = engine.arrow(text)
    if time.perf_counter() - start > _WORTH_KEEPING:
        with store.entry("query", key) as folder:
            pq.write_table(table, folder / "result.parquet")
    return frame_of(table)


def _admit_frame(
    engine: Embedded,
    name: str,
    frame: pd.DataFrame,
    window: Window,
    admitted: Mapping[str, Admitted],
) -> Admitted:
    schema = INPUT_TABLES[name]
    if any(index is not None for index in frame.index.names):
        frame = frame.reset_index()
    frame = frame.rename(columns=str)
    relation = f"raw.{identifier(name)}"
    engine.adopt(relation, _arrow(name, frame))
    keep = tuple(str(column) for column in frame.columns if column not in schema)
    source = TableSource(table=name, format="frame", keep=keep)
    rules = Rules(zone=window.zone, unit=window.unit)
    admission = examine(engine, source, relation, admitted, rules)
    admission.admitted.check.raise_for_errors()
    admission.as_table(engine)
    engine.execute(f"drop table {relation}")
    return admission.admitted


def _arrow(name: str, frame: pd.DataFrame) -> pa.Table:
    """Return a frame as Arrow; a column of mixed objects becomes text."""
    columns = {}
    seen: dict[str, str] = {}
    for column in map(str, frame.columns):
        if (other := seen.setdefault(column.lower(), column)) != column or column in columns:
            raise SchemaError(name, [f"columns {other} and {column} differ by case only, or not"])
        values = frame[column]
        try:
            columns[column] = pa.Array.from_pandas(values)
        except (pa.ArrowInvalid, pa.ArrowTypeError):
            columns[column] = pa.Array.from_pandas(values.astype("string"))
    return pa.table(columns)
