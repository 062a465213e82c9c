"""Looking ahead from the tenure each customer has reached: the hazard of the units to come."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import pandas as pd

from retention.errors import ParameterError, SchemaError

from .discrete_hazard import DiscreteHazardFit
from .hazard_cells import Floats

__all__ = ["LeavingFit", "ParametricFit", "Scenario", "ahead", "chunks", "forward"]

_CHUNK = 50_000
_STEP = 1e-5
Scenario = Mapping[str, object | Sequence[object]]


class ParametricFit(Protocol):
    """A fit whose survival is a formula of its parameters."""

    @property
    def theta(self) -> Floats:
        """All parameters."""

    @property
    def covariance(self) -> Floats:
        """Their covariance."""

    @property
    def level(self) -> float:
        """Level of intervals."""

    @property
    def longest(self) -> float:
        """Longest tenure seen."""

    def log_survival(self, table: pd.DataFrame, t: Floats, theta: Floats) -> Floats:
        """Return log S of each row at its tenure, under the parameters `theta`."""


LeavingFit = DiscreteHazardFit | ParametricFit


def forward(
    fit: LeavingFit,
    part: pd.DataFrame,
    tenure: Floats,
    horizon: int,
    scenario: Scenario | None,
) -> tuple[Floats, Floats, Floats]:
    """Return cumulative hazard ahead, mean units of stay, and the hazard's slope by parameters.

    Shapes (n,), (n,) and (n, k). A unit counts as stayed if it was begun.
    """
    if not isinstance(fit, DiscreteHazardFit):
        return _parametric(fit, part, tenure, horizon, scenario)
    H, stay = np.zeros(len(part)), np.zeros(len(part))
    slope = np.zeros((len(part), len(fit.theta)))
    for rows, t in ahead(fit, part, tenure, horizon, scenario):
        stay += np.exp(-H)
        rate, change = fit.rate(rows @ fit.theta, t)
        H += rate
        slope += change[:, None] * rows
    return H, stay, slope


def _parametric(
    fit: ParametricFit,
    part: pd.DataFrame,
    tenure: Floats,
    horizon: int,
    scenario: Scenario | None,
) -> tuple[Floats, Floats, Floats]:
    values = dict(scenario or {})
    if any(not isinstance(v, str) and isinstance(v, Sequence) for v in values.values()):
        raise ParameterError(
            "a model of the whole stay takes one value a covariate; a discrete hazard takes one a "
            "unit ahead"
        )
    part = part.assign(**values) if values else part  # type: ignore[arg-type]

    def risen(units: int, theta: Floats) -> Floats:
        here = np.where(tenure > 0, fit.log_survival(part, np.maximum(tenure, 1e-9), theta), 0.0)
        return here - fit.log_survival(part, tenure + units, theta)

    stay = np.ones(len(part))
    for unit in range(1, horizon):
        stay += np.exp(-risen(unit, fit.theta))
    slopes = []
    for move in np.eye(len(fit.theta)) * _STEP:
        slopes.append(risen(horizon, fit.theta + move) - risen(horizon, fit.theta - move))
    slope = np.column_stack(slopes) / (2 * _STEP)
    return np.maximum(risen(horizon, fit.theta), 0.0), stay, slope


def chunks(customers: pd.DataFrame, horizon: int) -> Iterator[tuple[pd.DataFrame, Floats]]:
    """Yield customers and their tenures, checked, in pieces that fit into memory."""
    if horizon < 1 or horizon != int(horizon):
        raise ParameterError(f"horizon must be 1 unit or more, got {horizon}")
    if "tenure" not in customers.columns:
        raise SchemaError("customers", ["no column tenure"])
    tenure = pd.to_numeric(customers["tenure"], errors="coerce").to_numpy(dtype=float)
    bad = ~((tenure >= 0) & (tenure == np.floor(tenure)))
    if bad.any():
        ids = ", ".join(map(str, customers.index[bad][:3]))
        raise SchemaError(
            "customers",
            [f"tenure is no whole number of 0 or more in {bad.sum():,} rows ({ids})"],
        )
    for start in range(0, len(customers), _CHUNK):
        yield customers.iloc[start : start + _CHUNK], tenure[start : start + _CHUNK]


def ahead(
    fit: DiscreteHazardFit,
    part: pd.DataFrame,
    tenure: Floats,
    horizon: int,
    scenario: Scenario | None,
) -> Iterator[tuple[Floats, Floats]]:
    """Yield the design and the tenure of each unit ahead."""
    dated = {str(name).rpartition("@")[0] for name in part.columns} - {""}
    if not scenario and not dated and not fit.calendar:
        yield from _held(fit, part, tenure, horizon)
        return
    for unit in range(1, horizon + 1):
        values: dict[str, Any] = {
            name: _at(value, unit, horizon, name) for name, value in (scenario or {}).items()
        }
        for name in dated - set(values):
            if f"{name}@{unit}" in part.columns:
                values[name] = part[f"{name}@{unit}"]
        t = tenure + unit
        yield fit.rows(part.assign(**values), t), t


def _held(
    fit: DiscreteHazardFit, part: pd.DataFrame, tenure: Floats, horizon: int
) -> Iterator[tuple[Floats, Floats]]:
    """Covariates keep their values: only the functions of tenure change from unit to unit."""
    rows = fit.rows(part, tenure + 1)
    width, p = fit.basis.width, len(fit.design.columns)
    names = [name for term in fit.varying for name in fit.design.term_columns[term]]
    at = [width + fit.design.columns.index(name) for name in names]
    groups = sum(map(len, fit.pooled.values()))
    slopes = slice(width + p + groups, width + p + groups + len(names))
    for unit in range(1, horizon + 1):
        t = tenure + unit
        rows[:, :width] = fit.basis.columns(t)
        if names:
            rows[:, slopes] = rows[:, at] * fit.log_tenure(t)[:, None]
        yield rows.copy(), t


def _at(value: object, unit: int, horizon: int, name: str) -> object:
    if isinstance(value, str) or not isinstance(value, Sequence):
        return value
    if len(value) != horizon:
        raise ParameterError(f"scenario {name} has {len(value)} values for {horizon} units")
    return value[unit - 1]
