"""Covariates as a matrix: text becomes indicator columns, and columns that say the same are named.

Terms are column names, or products ``"a:b"`` of them. A text column with levels a, b, c becomes
indicators of b and c, ``segment[b]`` and ``segment[c]``; the first level in order is the reference.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotIdentifiedError, ParameterError, SchemaError

__all__ = ["Design", "check_rank"]

Floats = NDArray[np.float64]
_UNKNOWN = "unknown"
_MOST_LEVELS = 200


@dataclass(frozen=True)
class Design:
    """How columns become a matrix; learned from one table, applied to any.

    Parameters
    ----------
    terms : tuple of str
        Columns, and products of them joined by a colon.
    levels : mapping of str to tuple of str
        Levels of each text column, the reference first.
    """

    terms: tuple[str, ...]
    levels: Mapping[str, tuple[str, ...]]

    @classmethod
    def learn(
        cls, table: pd.DataFrame, terms: Sequence[str], references: Mapping[str, str] | None = None
    ) -> Design:
        """Learn the levels of the text columns.

        Raises
        ------
        SchemaError
            If a column is missing or has too many levels.
        ParameterError
            If a reference is not among the levels.
        """
        names = list(dict.fromkeys(name for term in terms for name in term.split(":")))
        absent = [name for name in names if name not in table.columns]
        if absent:
            raise SchemaError("covariates", [f"no column {name}" for name in absent])
        levels: dict[str, tuple[str, ...]] = {}
        for name in names:
            if _is_text(table[name]):
                levels[name] = _levels(table[name], name, (references or {}).get(name))
        return cls(tuple(terms), levels)

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the matrix columns."""
        return tuple(name for names in self.term_columns.values() for name in names)

    @property
    def term_columns(self) -> dict[str, tuple[str, ...]]:
        """Names of the matrix columns of each term."""
        return {term: self._names(term) for term in self.terms}

    def _names(self, term: str) -> tuple[str, ...]:
        found = [""]
        for name in term.split(":"):
            parts = [f"{name}[{level}]" for level in self.levels.get(name, ())[1:]]
            if name not in self.levels:
                parts = [name]
            found = [f"{a}:{b}" if a else b for a in found for b in parts]
        return tuple(found)

    def matrix(self, table: pd.DataFrame) -> Floats:
        """Return the covariates of a table; shape (n, columns).

        Raises
        ------
        SchemaError
            If a column is missing, a number is missing or infinite, or a level was not seen in the
            table from which the design was learned.
        """
        blocks = [self._block(table, term) for term in self.terms]
        return np.column_stack(blocks) if blocks else np.zeros((len(table), 0))

    def _block(self, table: pd.DataFrame, term: str) -> Floats:
        block = np.ones((len(table), 1))
        for name in term.split(":"):
            part = self._column(table, name)
            block = (block[:, :, None] * part[:, None, :]).reshape(len(table), -1)
        return block

    def _column(self, table: pd.DataFrame, name: str) -> Floats:
        if name not in table.columns:
            raise SchemaError("covariates", [f"no column {name}"])
        if name not in self.levels:
            values = pd.to_numeric(table[name], errors="coerce").to_numpy(float, na_value=np.nan)
            bad = ~np.isfinite(values)
            if bad.any():
                raise SchemaError("covariates", [_fault(table, name, bad, "no finite number")])
            return values[:, None]
        codes = pd.Index(self.levels[name]).get_indexer(pd.Index(_texts(table[name])))
        if (codes < 0).any():
            unseen = _fault(table, name, codes < 0, "a level that the model has not seen")
            raise SchemaError("covariates", [unseen])
        return (codes[:, None] == np.arange(1, len(self.levels[name]))).astype(float)


def _is_text(column: pd.Series) -> bool:
    return not (pd.api.types.is_numeric_dtype(column) or pd.api.types.is_bool_dtype(column))


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), _UNKNOWN).astype(str)


def _levels(column: pd.Series, name: str, reference: str | None) -> tuple[str, ...]:
    found = sorted(_texts(column).unique())
    if len(found) > _MOST_LEVELS:
        raise SchemaError("covariates", [f"{name} has {len(found)} levels; group them first"])
    if reference is None:
        return tuple(found)
    if reference not in found:
        raise ParameterError(f"{name} has no level {reference!r}; known: {', '.join(found[:10])}")
    return (reference, *(level for level in found if level != reference))


def _fault(table: pd.DataFrame, name: str, bad: NDArray[np.bool_], what: str) -> str:
    ids = ", ".join(map(str, table.index[bad][:3]))
    key = table.index.name or "row"
    return f"{name}: {what} in {int(bad.sum()):,} of {len(table):,} rows ({key} {ids})"


def check_rank(
    gram: Floats,
    names: Sequence[str],
    spread: Floats | None = None,
    tolerance: float = 1e-9,
) -> None:
    """Make sure that no column of a design is a sum of the others.

    Parameters
    ----------
    gram : ndarray of float, shape (p, p)
        Cross-products of the centred columns.
    names : sequence of str
        Their names.
    spread : ndarray of float, shape (p,), optional
        Root of what the diagonal would be about the common mean; less than a millionth of it is
        rounding.
    tolerance : float
        Share of a column's variance below which nothing of its own is left.

    Raises
    ------
    NotIdentifiedError
        Names every column that is constant, or that others already say, and which those are.
    """
    scale = np.sqrt(np.maximum(np.diag(gram), 0.0))
    whole = scale if spread is None else spread
    faults: list[str] = []
    kept: list[int] = []
    for j, name in enumerate(names):
        if not scale[j] > 1e-7 * max(whole[j], 1e-300):
            faults.append(f"{name} is the same for everybody at risk")
            continue
        if kept:
            basis = gram[np.ix_(kept, kept)] / np.outer(scale[kept], scale[kept])
            along = gram[np.array(kept), j] / (scale[kept] * scale[j])
            weights = np.linalg.solve(basis, along)
            if 1 - along @ weights < tolerance:
                said = [names[k] for k, w in zip(kept, weights, strict=True) if abs(w) > 1e-6]
                faults.append(f"{name} is already said by {', '.join(said)}")
                continue
        kept.append(j)
    if faults:
        raise NotIdentifiedError(f"covariates repeat each other: {'; '.join(faults)}; drop them")
