"""Proofs that the rows of a table differ in a key, cheaper than grouping by it.

A table whose rows lie in the order of their keys shows it by one look at each row and the one
before. Else the 64-bit hashes of the keys are sorted: where those differ the keys do, and where
some are equal only the rows of these few need an exact look. Nothing is taken as proven that an
exact group-by would deny.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Protocol

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from .text import identifier

__all__ = ["repeated"]

_AT_ONCE = 2**25  # hashes held at a time: 268 MB
_FEW = 10_000


class _Engine(Protocol):
    def rows(self, sql: str) -> list[tuple[object, ...]]: ...
    def batches(self, sql: str) -> Iterator[pa.RecordBatch]: ...


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
    total, wrong = _chain(engine, query, columns, untidy)
    # the first row has no row before it
    if wrong <= 1:
        return "false"
    if untidy != "false" and engine.rows(f"select 1 from ({query}) where {untidy} limit 1"):
        return ""
    hashed = f"hash({', '.join(map(identifier, columns))})"
    return _by_hash(engine, query, hashed, total)


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


def _by_hash(engine: _Engine, query: str, hashed: str, total: int) -> str:
    passes = -(-total // _AT_ONCE)
    same: list[int] = []
    for number in range(passes):
        where = f" where {hashed} % {passes} = {number}" if passes > 1 else ""
        hashes = _gather(engine, f"select {hashed} as h from ({query}){where}")
        hashes.sort()
        same += np.unique(hashes[1:][hashes[1:] == hashes[:-1]])[: _FEW + 1].tolist()
        if len(same) > _FEW:
            return "true"
    return f"{hashed} in ({', '.join(map(str, same))})" if same else "false"


def _gather(engine: _Engine, query: str) -> NDArray[np.uint64]:
    parts = [batch.column(0).to_numpy() for batch in engine.batches(query)]
    return np.concatenate(parts) if parts else np.empty(0, dtype=np.uint64)
