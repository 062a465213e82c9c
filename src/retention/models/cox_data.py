"""What Cox's likelihood is computed from: risk sets and centred covariates by stratum."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, SchemaError

from .counts import RiskTable, check_spells
from .cox_likelihood import Stratum
from .design import Design
from .risk_sets import CubeRiskSet, Floats, RowRiskSet

__all__ = ["CoxData", "assemble", "cube_data", "row_data"]


@dataclass(frozen=True, eq=False)
class CoxData:
    """Risk sets and centred covariates by stratum, with what they have in common."""

    design: Design
    strata: list[Stratum]
    names: list[object]
    clusters: list[NDArray[np.int64]]
    means: Floats
    scale: Floats
    weight: float
    n: float
    n_events: float

    def named(self) -> list[tuple[Stratum, object]]:
        """Return the strata with their names."""
        return list(zip(self.strata, self.names, strict=True))

    def gram(self) -> Floats:
        """Return the cross-products of the covariates about the mean of each stratum."""
        total = np.zeros((len(self.means), len(self.means)))
        for stratum in self.strata:
            w = _weights(stratum)
            x = stratum.x - w @ stratum.x / max(w.sum(), 1)
            total += x.T @ (w[:, None] * x)
        return total


def _weights(stratum: Stratum) -> Floats:
    """How many tenures with leavers each row or pattern was at risk at."""
    return stratum.risk.exposure(np.ones(len(stratum.risk.times)))


def assemble(
    design: Design,
    parts: list[tuple[RowRiskSet | CubeRiskSet, Floats, object]],
    clusters: list[NDArray[np.int64]],
    n: float,
) -> CoxData:
    """Centre the covariates of all strata on their mean over the time at risk."""
    strata = [Stratum(risk, x) for risk, x, _ in parts]
    weights = [_weights(stratum) for stratum in strata]
    total = max(sum(float(w.sum()) for w in weights), 1.0)
    columns = len(design.columns)
    means = sum((w @ s.x for w, s in zip(weights, strata, strict=True)), np.zeros(columns)) / total
    centred = [Stratum(s.risk, s.x - means) for s in strata]
    spread = sum((w @ s.x**2 for w, s in zip(weights, centred, strict=True)), np.zeros(columns))
    events = sum(float(risk.deaths.sum()) for risk, _, _ in parts)
    names = [name for _, _, name in parts]
    scale = np.sqrt(spread / total)
    return CoxData(design, centred, names, clusters, means, scale, total, n, events)


def cube_data(
    cube: pd.DataFrame,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    references: Mapping[str, str] | None = None,
) -> CoxData:
    """Make risk sets of a cube whose patterns hold the covariates and strata."""
    names = [name for term in covariates for name in term.split(":")]
    table = RiskTable.of(cube, list(dict.fromkeys([*names, *strata])))
    at_risk = table.n > 0
    groups = table.groups[at_risk]
    design = Design.learn(groups, covariates, references or {})
    x = design.matrix(groups)
    parts: list[tuple[RowRiskSet | CubeRiskSet, Floats, object]] = []
    for name, rows in _groups(groups.reset_index(drop=True), strata):
        risk, left = table.at_risk[at_risk][rows], table.events[at_risk][rows]
        used = left.sum(axis=0) > 0
        ended = (table.events + table.censored)[at_risk][rows].sum(axis=0)
        entered = table.entered[at_risk][rows].sum(axis=0)
        counts = CubeRiskSet(
            table.tenure[used], risk[:, used], left[:, used], table.tenure, entered, ended
        )
        parts.append((counts, x[rows], name))
    return assemble(design, parts, [], float(table.n.sum()))


def row_data(
    table: pd.DataFrame,
    covariates: Sequence[str],
    strata: Sequence[str] = (),
    references: Mapping[str, str] | None = None,
    *,
    count: str = "",
    cluster: str = "",
    whole_counts: bool = True,
) -> CoxData:
    """Make risk sets of one row a spell, or a spell and period (``start``, ``stop``)."""
    if {"start", "stop"} <= set(table.columns):
        table = table.rename(columns={"start": "entry", "stop": "duration"})
    check_spells(table, [*strata])
    table = table[table["duration"] > 0]
    if table.empty:
        raise NotEnoughDataError("nobody was ever at risk: all spells are of zero tenure")
    design = Design.learn(table, covariates, references or {})
    x = design.matrix(table)
    entry = table["entry"].to_numpy(float) if "entry" in table else np.zeros(len(table))
    duration, event = table["duration"].to_numpy(float), table["event"].to_numpy(bool)
    n = table[count].to_numpy(float) if count else np.ones(len(table))
    if (whole_counts and np.any(n != np.rint(n))) or np.any(n < 0):
        raise SchemaError("durations", [f"{count} must hold whole numbers of 0 or more"])
    codes = _cluster_codes(cluster, table)
    parts: list[tuple[RowRiskSet | CubeRiskSet, Floats, object]] = []
    clusters = []
    for name, rows in _groups(table, strata):
        risk = RowRiskSet.of(entry[rows], duration[rows], event[rows], n[rows])
        parts.append((risk, x[rows], name))
        clusters.append(codes[rows])
    return assemble(design, parts, clusters, float(n.sum()))


def _cluster_codes(cluster: str, table: pd.DataFrame) -> NDArray[np.int64]:
    if not cluster:
        return np.arange(len(table))
    if cluster == table.index.name:
        return np.asarray(pd.factorize(table.index)[0])
    if cluster not in table.columns:
        raise SchemaError("durations", [f"no column {cluster} to cluster by"])
    return np.asarray(pd.factorize(table[cluster])[0])


def _groups(table: pd.DataFrame, by: Sequence[str]) -> list[tuple[object, NDArray[np.int64]]]:
    if not by:
        return [("", np.arange(len(table)))]
    codes = np.asarray(table.groupby(list(by), dropna=False, sort=True).ngroup())
    found: list[tuple[object, NDArray[np.int64]]] = []
    for code in np.unique(codes):
        rows = np.flatnonzero(codes == code)
        first = table.iloc[rows[0]]
        found.append((_stratum_name([first[name] for name in by]), rows))
    return found


def _stratum_name(values: Sequence[object]) -> str:
    return " · ".join(str(value) for value in values)
