"""Cells of a discrete hazard: pattern and tenure, how many were at risk, how many left.

The design is never written out cell by cell. Its columns are of three kinds: functions of tenure,
covariates of the pattern, and covariates of the pattern times a function of tenure; and, if asked,
indicators of the calendar period (the pattern's cohort plus tenure). The cross-products then follow
from sums of the cells' weights by pattern, by tenure and by period.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import csr_matrix

from retention.errors import SchemaError

from .counts import RiskTable, check_spells

__all__ = ["Cells", "StructuredDesign", "make_cells"]

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
_FULL = 8  # places a cell, up to which a full table is faster than a sparse one


@dataclass(frozen=True, eq=False)
class Cells:
    """Cells with somebody at risk.

    Parameters
    ----------
    patterns : pandas.DataFrame, P rows
        Covariates.
    pattern, tenure : ndarray of int, shape (m,)
        Row of `patterns`, and tenure (1 or more), of each cell.
    n : ndarray of float, shape (m,)
        At risk.
    left : dict of str to ndarray of float, shape (m,)
        Leavers by cause; the key ``""`` holds all.
    spells : float
        Spells ever at risk; for rows of periods, the rows.
    """

    patterns: pd.DataFrame
    pattern: Ints
    tenure: Ints
    n: Floats
    left: dict[str, Floats]
    spells: float


def make_cells(table: pd.DataFrame, names: list[str]) -> Cells:
    """Make cells of a cube, of spells, of spells by unit of tenure, or of these counted."""
    if "at_risk" in table.columns:
        return _from_cube(table, names)
    if {"start", "stop", "n", "events"} <= set(table.columns):
        return _from_counts(table)
    if {"start", "stop"} <= set(table.columns):
        return _from_periods(table)
    return _from_spells(table)


def _from_cube(cube: pd.DataFrame, names: list[str]) -> Cells:
    risk = RiskTable.of(cube, names, every_tenure=True)
    pattern, column = np.nonzero(risk.at_risk > 0)
    left = {"": risk.events[pattern, column]}
    left |= {cause: counts[pattern, column] for cause, counts in risk.causes.items()}
    tenure = risk.tenure[column].astype(np.int64)
    n = risk.at_risk[pattern, column]
    return Cells(risk.groups, pattern, tenure, n, left, float(risk.n.sum()))


def _from_counts(cells: pd.DataFrame) -> Cells:
    n, events = cells["n"].to_numpy(float), cells["events"].to_numpy(float)
    faults = []
    if not np.all((events >= 0) & (events <= n)):
        faults.append("events must lie between 0 and n")
    if np.any((cells["stop"] - cells["start"]).to_numpy() != 1):
        faults.append("each row must span one unit: stop = start + 1")
    if faults:
        raise SchemaError("hazard_cells", faults)
    tenure = cells["stop"].to_numpy(np.int64)
    return Cells(cells, np.arange(len(cells)), tenure, n, {"": events}, float(n.sum()))


def _from_spells(spells: pd.DataFrame) -> Cells:
    check_spells(spells, [])
    spells = spells[spells["duration"] > 0]
    duration = spells["duration"].to_numpy(float)
    entry = spells["entry"].to_numpy(float) if "entry" in spells else np.zeros(len(spells))
    if np.any(duration != np.floor(duration)) or np.any(entry != np.floor(entry)):
        raise SchemaError("durations", ["tenure must be in whole units for a discrete hazard"])
    length = (duration - entry).astype(np.int64)
    pattern = np.repeat(np.arange(len(spells)), length)
    last = np.cumsum(length) - 1
    tenure = np.arange(length.sum()) - np.repeat(last + 1 - length, length)
    tenure = tenure + np.repeat(entry.astype(np.int64), length) + 1
    event = spells["event"].to_numpy(bool)
    left = {"": _at(last, event, len(tenure))}
    if "reason" in spells:
        for cause in sorted(map(str, spells.loc[event, "reason"].unique())):
            own = event & (spells["reason"] == cause).to_numpy()
            left[cause] = _at(last, own, len(tenure))
    return Cells(spells, pattern, tenure, np.ones(len(tenure)), left, float(len(spells)))


def _at(last: Ints, event: NDArray[np.bool_], size: int) -> Floats:
    found = np.zeros(size)
    found[last[event]] = 1.0
    return found


def _from_periods(periods: pd.DataFrame) -> Cells:
    renamed = periods.rename(columns={"start": "entry", "stop": "duration"})
    check_spells(renamed, [])
    if np.any((periods["stop"] - periods["start"]).to_numpy() != 1):
        raise SchemaError("person_periods", ["each row must span one unit: stop = start + 1"])
    event = periods["event"].to_numpy(bool)
    left = {"": event.astype(float)}
    if "reason" in periods:
        for cause in sorted(map(str, periods.loc[event, "reason"].unique())):
            left[cause] = (event & (periods["reason"] == cause).to_numpy()).astype(float)
    size = len(periods)
    tenure = periods["stop"].to_numpy(np.int64)
    return Cells(periods, np.arange(size), tenure, np.ones(size), left, float(size))


@dataclass(frozen=True, eq=False)
class StructuredDesign:
    """The design of cells in its parts.

    Parameters
    ----------
    pattern, step : ndarray of int, shape (m,)
        Pattern, and row of `basis`, of each cell.
    basis : ndarray of float, shape (K, q)
        Functions of tenure.
    x : ndarray of float, shape (P, p)
        Covariates.
    varying : ndarray of float, shape (P, v)
        Covariates whose effect changes in proportion to `slope`.
    slope : ndarray of float, shape (K,)
        A function of tenure.
    period : ndarray of int, shape (m,), or None
        Calendar period of each cell, -1 for the reference.
    periods : int
        How many other periods there are.
    """

    pattern: Ints
    step: Ints
    basis: Floats
    x: Floats
    varying: Floats
    slope: Floats
    period: Ints | None
    periods: int

    @property
    def widths(self) -> tuple[int, int, int, int]:
        """Columns of tenure, covariates, varying covariates, periods."""
        return self.basis.shape[1], self.x.shape[1], self.varying.shape[1], self.periods

    def split(self, theta: Floats) -> list[Floats]:
        """Cut a vector of coefficients into those of each kind."""
        return np.split(theta, np.cumsum(self.widths)[:-1])

    def times(self, theta: Floats) -> Floats:
        """Return the linear predictor of each cell."""
        base, b, v, c = self.split(theta)
        eta = (self.basis @ base)[self.step] + (self.x @ b)[self.pattern]
        if v.size:
            eta += (self.varying @ v)[self.pattern] * self.slope[self.step]
        if self.period is not None:
            eta += np.r_[c, 0.0][self.period]
        return eta

    def transposed_times(self, s: Floats) -> Floats:
        """Return the columns' products with a number a cell."""
        table = self._table(s)
        by_step = np.asarray(table.sum(axis=0)).ravel()
        parts = [self.basis.T @ by_step]
        parts.append(self.x.T @ np.asarray(table.sum(axis=1)).ravel())
        parts.append(self.varying.T @ (table @ self.slope))
        if self.period is not None:
            parts.append(np.bincount(self.period + 1, s, self.periods + 1)[1:].astype(float))
        return np.concatenate(parts)

    def gram(self, w: Floats) -> Floats:
        """Return the columns' cross-products weighted by a number a cell."""
        table = self._table(w)
        blocks = [(self.x, np.ones(len(self.basis))), (self.varying, self.slope)]
        by_step = np.asarray(table.sum(axis=0)).ravel()
        rows = [[self.basis.T @ (by_step[:, None] * self.basis)]]
        rows[0] += [self.basis.T @ (v[:, None] * (table.T @ u)) for u, v in blocks]
        for i, (u, v) in enumerate(blocks):
            row = [rows[0][i + 1].T]
            row += [u.T @ ((table @ (v * v2))[:, None] * u2) for u2, v2 in blocks]
            rows.append(row)
        found = np.block(rows)
        return found if self.period is None else self._with_periods(found, w)

    def _with_periods(self, gram: Floats, w: Floats) -> Floats:
        assert self.period is not None
        size = self.periods + 1
        code = self.period + 1
        steps = np.bincount(code * len(self.basis) + self.step, w, size * len(self.basis))
        cross = [steps.reshape(size, -1) @ self.basis]
        table = csr_matrix((w, (code, self.pattern)), shape=(size, len(self.x)))
        sloped = csr_matrix(
            (w * self.slope[self.step], (code, self.pattern)), shape=(size, len(self.x))
        )
        cross += [table @ self.x, sloped @ self.varying]
        side = np.hstack(cross)[1:]
        corner = np.diag(np.bincount(code, w, size)[1:])
        return np.block([[gram, side.T], [side, corner]])

    def _table(self, w: Floats) -> Floats | csr_matrix:
        """Return a number a cell as a table of patterns and steps: full, unless mostly empty."""
        shape = (len(self.x), len(self.basis))
        if shape[0] * shape[1] > _FULL * len(w):
            return csr_matrix((w, (self.pattern, self.step)), shape=shape)
        found = np.bincount(self.pattern * shape[1] + self.step, w, shape[0] * shape[1])
        return found.astype(float, copy=False).reshape(shape)
