"""Keys: proofs that the rows of a table differ in one, cheaper than grouping by it; and faults.

A table whose rows lie in the order of their keys shows it by one look at each row and the one
before. Else the 64-bit hashes of the keys are sorted: where those differ the keys do, and where
some are equal only the rows of these few need an exact look. Nothing is taken as proven that an
exact group-by would deny. A few rows tell which of the two is worth trying.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from retention.schemas import TableSchema

from .faults import Fault
from .rules import untidy_where
from .staging import Staging
from .text import identifier

__all__ = ["WORTH_A_PROOF", "repeated", "repeated_key", "suspects_of", "told_by"]

WORTH_A_PROOF = 50_000  # rows: below, the exact group-by is as quick
_AT_ONCE = 2**25  # hashes held at a time: 268 MB
_SAMPLE = 10_000  # rows
_PLACES = 10
_FEW = 10_000


class _Rows(Protocol):
    def rows(self, sql: str) -> list[tuple[object, ...]]: ...


class _Engine(_Rows, Protocol):
    def batches(self, sql: str) -> Iterator[pa.RecordBatch]: ...


class _Prover(Protocol):
    def repeated(self, query: str, columns: Sequence[str], untidy: str) -> str: ...


def repeated(engine: _Engine, query: str, columns: Sequence[str], untidy: str) -> str:
    """Return a predicate that is true on every row whose key another row has, too.

    Parameters
    ----------
    engine : Embedded
        Where the query runs.
    query : str
        The rows.
    columns : sequence of str
        The key.
    untidy : str
        A predicate that no row may satisfy.

    Returns
    -------
    str
        ``false`` if no key is repeated, ``true`` if it cannot be told which; empty if a row is
        untidy.
    """
    names = ", ".join(map(identifier, columns))
    seen, wrong = _chain(engine, f"select {names} from ({query}) limit {_SAMPLE}", columns, untidy)
    # rows come from several places at once, each of which has a first row
    if wrong <= _PLACES + seen // 100:
        total, wrong = _chain(engine, query, columns, untidy)
        # the first row has no row before it
        if wrong <= 1:
            return "false"
    total = int(str(engine.rows(f"select count(*) from ({query})")[0][0]))
    return _by_hash(engine, query, f"hash({names})", untidy, total)


def _chain(engine: _Engine, query: str, columns: Sequence[str], untidy: str) -> tuple[int, int]:
    """Count the rows, and those that are untidy or whose key is not above that of the row before.

    Rows come in the order of the file; in whatever order they came, keys that only rise differ.
    """
    keys = [identifier(name) for name in columns]
    before = [identifier(f"before {name}") for name in columns]
    rising = _above(keys[-1], before[-1])
    for key, last in reversed(list(zip(keys[:-1], before[:-1], strict=True))):
        rising = f"case when {key} = {last} then {rising} else {_above(key, last)} end"
    lags = ", ".join(f"lag({k}) over () as {b}" for k, b in zip(keys, before, strict=True))
    total, wrong = engine.rows(
        f"select count(*), count(*) filter (where ({rising}) is not true or {untidy})"
        f" from (select {', '.join(keys)}, {lags} from ({query}))"
    )[0]
    return int(str(total)), int(str(wrong))


def _above(key: str, last: str) -> str:
    """Return a predicate that orders texts by length first, as numbers written as text rise."""
    key, last = f"cast({key} as varchar)", f"cast({last} as varchar)"
    return (
        f"case when strlen({key}) = strlen({last}) then {key} > {last}"
        f" else strlen({key}) > strlen({last}) end"
    )


def _by_hash(engine: _Engine, query: str, hashed: str, untidy: str, total: int) -> str:
    passes = -(-total // _AT_ONCE)
    same: list[int] = []
    # an untidy row has no hash
    tidy = hashed if untidy == "false" else f"case when not ({untidy}) then {hashed} end"
    for number in range(passes):
        where = f" where {hashed} % {passes} = {number}" if passes > 1 else ""
        hashes = _gather(engine, f"select {tidy} as h from ({query}){where}")
        if hashes is None:
            return ""
        hashes.sort()
        same += np.unique(hashes[1:][hashes[1:] == hashes[:-1]])[: _FEW + 1].tolist()
        if len(same) > _FEW:
            return "true"
    return f"{hashed} in ({', '.join(map(str, same))})" if same else "false"


def _gather(engine: _Engine, query: str) -> NDArray[np.uint64] | None:
    """Return a column of hashes; None if one is missing."""
    parts = []
    for batch in engine.batches(query):
        if batch.column(0).null_count:
            return None
        parts.append(batch.column(0).to_numpy())
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)


def suspects_of(engine: _Prover, staging: Staging, key: tuple[str, ...], total: int) -> str:
    """Return a predicate true on all rows of repeated keys; empty where nothing was looked at.

    What is returned also says that the texts of the key are tidy.
    """
    if not key or total < WORTH_A_PROOF:
        return ""
    return engine.repeated(staging.sql, key, untidy_where(staging.tidy & set(key)))


def told_by(schema: TableSchema, staging: Staging) -> str:
    """Return the column by which a row is named in a message; empty if the table has none."""
    return next((name for name in schema.identifiers if name in staging.present), "")


def repeated_key(
    engine: _Rows,
    schema: TableSchema,
    staging: Staging,
    key: tuple[str, ...],
    suspects: str,
    total: int,
) -> list[Fault]:
    """Count the rows that repeat a key, among the suspects by an exact group-by."""
    if not key or suspects == "false":
        return []
    names = ", ".join(map(identifier, key))
    told = identifier(told_by(schema, staging))
    groups = (
        f"select {names}, count(*) - 1 as more from ({staging.sql}) as staged"
        f" where {identifier(key[0])} is not null and {suspects}"
        f" group by {names} having count(*) > 1"
    )
    rows, ids = engine.rows(f"select sum(more), min({told}, 3) from ({groups})")[0]
    if not rows:
        return []
    return [
        Fault(
            table=schema.name,
            column=", ".join(key),
            rule="key_repeated",
            severity="error",
            sentence=f"key repeated: {', '.join(key)}",
            remedy="one row of each key is used; remove the copies at the source",
            rows=int(str(rows)),
            of=total,
            ids=tuple(map(str, ids)) if isinstance(ids, list) else (),
            id_column=told_by(schema, staging),
        )
    ]
