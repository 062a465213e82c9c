"""A simulated company of any size, written as files with flat memory."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import dataclass, fields, is_dataclass
from datetime import date
from pathlib import Path
from typing import Any, Literal, Protocol

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from retention.errors import ParameterError
from retention.schemas import INPUT_TABLES
from retention.window import Window

from .dirt import check_dirt, soil
from .market import active_customers
from .parameters import CompanyParameters
from .simulate import CUSTOMER_TABLES, STAFF_TABLES, TABLES, VERSION, Company
from .world import BLOCK, World

__all__ = ["WrittenCompany", "write_company"]

_ARROW = {
    "text": pa.large_string(),
    "period": pa.large_string(),
    "date": pa.date32(),
    "money": pa.decimal128(18, 2),
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
}


@dataclass(frozen=True)
class WrittenCompany:
    """What was written.

    Parameters
    ----------
    paths : dict of str to Path
        A CSV file, or a folder of Parquet files, by table.
    rows : dict of str to int
        How many rows, by table.
    soiled : DataFrame
        One row a dirtied row: ``kind``, ``table``, ``key`` (the column that names it), ``id``,
        ``fate`` (``set aside`` or ``used``).
    """

    paths: dict[str, Path]
    rows: dict[str, int]
    soiled: pd.DataFrame


def write_company(
    folder: str | Path,
    *,
    n_customers: int = 2_000,
    seed: int = 1,
    start: date = date(2021, 11, 1),
    cutoff: date = date(2026, 11, 1),
    parameters: CompanyParameters | None = None,
    format: Literal["parquet", "csv"] = "parquet",  # noqa: A002 - the word of the project file
    piece: int = 100_000,
    tables: tuple[str, ...] = TABLES,
    dirt: Mapping[str, float] | None = None,
) -> WrittenCompany:
    """Write the tables of `simulate_company` as files, block after block.

    Memory stays that of one block of 10,000 customers, however many there are. The rows and their
    order do not depend on `piece` nor on `format`, and without dirt they are those of
    `simulate_company` with the same arguments.

    Parameters
    ----------
    folder : str or Path
        Where ``<table>.csv``, or ``<table>/part-00000.parquet`` and so on, are put; tables
        written there before are replaced.
    n_customers, seed, start, cutoff, parameters
        As in `simulate_company`.
    format : str
        ``parquet`` or ``csv``.
    piece : int
        Customers in a Parquet file, in whole blocks of 10,000; more rounds up.
    tables : tuple of str
        Which tables.
    dirt : mapping of str to float, optional
        Shares of rows to dirty, by kind: ``duplicates``, ``late rows``, ``returns``, ``unknown
        customers``, ``missing surveys``, ``wrong codes``, ``dates backwards``.

    Returns
    -------
    WrittenCompany

    Raises
    ------
    ParameterError
        If a table, a format or a kind of dirt is unknown.
    """
    if unknown := sorted(set(tables) - set(TABLES)):
        raise ParameterError(f"no table {', '.join(unknown)}; there are {', '.join(TABLES)}")
    if format not in _SINKS:
        raise ParameterError(f"format must be csv or parquet, got {format!r}")
    if piece < 1:
        raise ParameterError(f"piece must be at least 1, got {piece}")
    check_dirt(dirt or {})
    window = Window(start=start, cutoff=cutoff, unit="month")
    company = Company(n_customers, seed, window, parameters or CompanyParameters())
    target = Path(folder)
    fresh = target / ".new"
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        rows, soiled = _write(company, fresh, format, -(-piece // BLOCK), tables, dirt or {})
        paths = {name: _put(fresh, target, _SINKS[format].path_of(name)) for name in tables}
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    _describe(company, target, rows, dirt or {})
    return WrittenCompany(paths, rows, soiled)


class _Sink(Protocol):
    def __init__(self, folder: Path, table: str, blocks: int) -> None: ...
    def write(self, rows: pa.Table) -> None: ...
    def close(self) -> None: ...
    @staticmethod
    def path_of(table: str) -> str: ...


class _Parquet:
    """Parts of some blocks each, a row group a block."""

    def __init__(self, folder: Path, table: str, blocks: int) -> None:
        self.folder = folder / self.path_of(table)
        self.folder.mkdir()
        self.blocks, self.block = blocks, 0
        self.writer: pq.ParquetWriter | None = None

    @staticmethod
    def path_of(table: str) -> str:
        return table

    def write(self, rows: pa.Table) -> None:
        if self.block % self.blocks == 0:
            self.close()
            part = self.folder / f"part-{self.block // self.blocks:05d}.parquet"
            self.writer = pq.ParquetWriter(part, rows.schema, compression="zstd")
        assert self.writer is not None
        if rows.num_rows:
            self.writer.write_table(rows, row_group_size=rows.num_rows)
        self.block += 1

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


class _Csv:
    """One file."""

    def __init__(self, folder: Path, table: str, blocks: int) -> None:
        self.path = folder / self.path_of(table)
        self.writer: pa_csv.CSVWriter | None = None

    @staticmethod
    def path_of(table: str) -> str:
        return f"{table}.csv"

    def write(self, rows: pa.Table) -> None:
        if self.writer is None:
            options = pa_csv.WriteOptions(quoting_style="needed")
            self.writer = pa_csv.CSVWriter(str(self.path), rows.schema, write_options=options)
        self.writer.write_table(rows)

    def close(self) -> None:
        if self.writer is not None:
            self.writer.close()


_SINKS: dict[str, type[_Sink]] = {"parquet": _Parquet, "csv": _Csv}


def _write(
    company: Company,
    folder: Path,
    format_: str,
    blocks: int,
    tables: tuple[str, ...],
    dirt: Mapping[str, float],
) -> tuple[dict[str, int], pd.DataFrame]:
    rows, soiled = dict.fromkeys(tables, 0), []
    by_customer = [name for name in CUSTOMER_TABLES if name in tables]
    sinks = {name: _SINKS[format_](folder, name, blocks) for name in tables}
    active = np.zeros(company.calendar.n_months, dtype=np.int64)
    try:
        for world in company.worlds():
            active += active_customers(world)
            made, listed = _block(world, by_customer, dirt)
            soiled.append(listed)
            _add(sinks, rows, made)
        if {"market", *STAFF_TABLES} & set(tables):
            shared = company.shared_tables(active)
            _add(sinks, rows, {name: table for name, table in shared.items() if name in tables})
    finally:
        for sink in sinks.values():
            sink.close()
    return rows, pd.concat(soiled, ignore_index=True)


def _block(
    world: World, tables: list[str], dirt: Mapping[str, float]
) -> tuple[dict[str, pd.DataFrame], pd.DataFrame]:
    made = {name: CUSTOMER_TABLES[name](world) for name in tables}
    return soil(made, dirt, world.calendar, world.streams.rng)


def _add(
    sinks: Mapping[str, _Sink], rows: dict[str, int], made: Mapping[str, pd.DataFrame]
) -> None:
    for name, table in made.items():
        sinks[name].write(_arrow(name, table))
        rows[name] += len(table)


def _arrow(name: str, table: pd.DataFrame) -> pa.Table:
    schema, columns = INPUT_TABLES[name], {}
    for column in map(str, table.columns):
        values = pa.Array.from_pandas(table[column])
        columns[column] = values.cast(
            _type(schema[column].kind if column in schema else "", values)
        )
    return pa.table(columns)


def _type(kind: str, values: pa.Array) -> pa.DataType:
    if kind:
        return _ARROW[kind]
    if pa.types.is_timestamp(values.type):
        return pa.date32()
    return values.type


def _put(fresh: Path, target: Path, name: str) -> Path:
    old = target / name
    if old.is_dir():
        shutil.rmtree(old)
    return (fresh / name).replace(old)


def _describe(
    company: Company, folder: Path, rows: Mapping[str, int], dirt: Mapping[str, float]
) -> None:
    said = {
        "what": "simulated company; evidence of nothing",
        "version": VERSION,
        "n_customers": company.n_customers,
        "seed": company.seed,
        "start": company.window.start.isoformat(),
        "cutoff": company.window.cutoff.isoformat(),
        "dirt": dict(dirt),
        "rows": dict(rows),
        "parameters": _plain(company.parameters),
    }
    text = json.dumps(said, indent=1) + "\n"
    (folder / "simulated.json").write_text(text, encoding="utf-8")


def _plain(value: Any) -> Any:
    """Return parameters as JSON can hold them."""
    if is_dataclass(value) and not isinstance(value, type):
        return {f.name: _plain(getattr(value, f.name)) for f in fields(value)}
    if isinstance(value, Mapping):
        return {name: _plain(part) for name, part in value.items()}
    if isinstance(value, tuple):
        return [_plain(part) for part in value]
    return "infinite" if value == float("inf") else value
