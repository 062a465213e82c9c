"""Cox regression: how covariates go with the hazard of leaving, from rows or from a count cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from retention.errors import (
    ConvergenceError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
    SchemaError,
)
from retention.estimates import normal_quantile
from retention.schemas import check_cube

from .counts import RiskTable, check_spells
from .cox_likelihood import Stratum, baseline, derivatives, score_residuals
from .design import Design, check_rank
from .proportional_hazards import proportionality_test
from .risk_sets import CubeRiskSet, Floats, RowRiskSet

__all__ = ["Cox", "CoxData", "CoxFit", "assemble"]

_SEPARATED = 12.0


@dataclass(frozen=True, kw_only=True)
class Cox:
    """Proportional hazards, with exact handling of monthly ties and of left truncation.

    Parameters
    ----------
    covariates : sequence of str
        Columns, and products ``"a:b"`` of columns; text is coded against its first level.
    ties : str
        ``efron``, exact under counts; or ``breslow``, which draws coefficients to 0 when many leave
        in the same month, for comparison.
    strata : sequence of str
        Columns whose groups have a baseline hazard each.
    cluster : str
        Column within which spells are alike (``customer_id`` is the index): the errors become
        robust. Only with one row a spell.
    robust : bool
        Robust errors with each row on its own.
    count : str
        Column that says how many equal spells a row stands for.
    ridge : float
        Penalty ``ridge / 2`` times the squared coefficients of standardised covariates.
    references : mapping of str to str
        Reference level of text columns, where it is not the first in order.
    transform : str
        Scale of tenure in the test of proportional hazards: ``km``, ``rank`` or ``identity``.
    level : float
        Level of intervals.
    max_iterations : int
        Newton steps.

    References
    ----------
    .. [1] Cox, D. R. (1972). Regression models and life-tables. Journal of the Royal Statistical
       Society B 34, 187-220.
    .. [2] Efron, B. (1977). The efficiency of Cox's likelihood function for censored data. Journal
       of the American Statistical Association 72, 557-565.
    .. [3] Lin, D. Y. and Wei, L. J. (1989). The robust inference for the Cox proportional hazards
       model. Journal of the American Statistical Association 84, 1074-1078.
    """

    covariates: Sequence[str]
    ties: Literal["efron", "breslow"] = "efron"
    strata: Sequence[str] = ()
    cluster: str = ""
    robust: bool = False
    count: str = ""
    ridge: float = 0.0
    references: Mapping[str, str] = field(default_factory=dict)
    transform: Literal["km", "rank", "identity"] = "km"
    level: float = 0.95
    max_iterations: int = 40

    def __post_init__(self) -> None:
        if self.ties not in ("efron", "breslow"):
            raise ParameterError(f"ties must be efron or breslow, got {self.ties!r}")
        if self.ridge < 0:
            raise ParameterError(f"ridge must be 0 or more, got {self.ridge}")

    def fit(self, table: pd.DataFrame) -> CoxFit:
        """Fit to one row a spell (or a spell and period), or to a cube.

        Parameters
        ----------
        table : pandas.DataFrame
            Either ``duration``, ``event`` and perhaps ``entry``; or ``start``, ``stop``, ``event``;
            or a cube (`check_cube`) whose patterns hold the covariates and strata.

        Raises
        ------
        SchemaError
            With every fault of the table.
        NotEnoughDataError
            If nobody left.
        NotIdentifiedError
            If covariates repeat each other (they are named), or one separates those who left.
        ConvergenceError
            If Newton's method finds no optimum.
        """
        data = _cube_data(self, table) if "at_risk" in table.columns else _row_data(self, table)
        return self.fit_data(data)

    def fit_data(self, data: CoxData) -> CoxFit:
        """Fit to risk sets that are already made."""
        if data.n_events == 0:
            raise NotEnoughDataError(f"none of {data.n:,.0f} spells at risk ended in leaving")
        check_rank(data.gram(), data.design.columns, data.scale * np.sqrt(data.weight))
        beta, log_likelihood, information = self._maximise(data)
        null = derivatives(data.strata, np.zeros_like(beta), self.ties)[0]
        inverse = np.asarray(np.linalg.inv(information + self._penalty(data)), dtype=float)
        return self._fit(data, beta, inverse, information, (null, log_likelihood))

    def _fit(
        self,
        data: CoxData,
        beta: Floats,
        covariance: Floats,
        information: Floats,
        log_likelihoods: tuple[float, float],
    ) -> CoxFit:
        if self.ridge:
            covariance = covariance @ information @ covariance
        robust = None
        if self.cluster or self.robust:
            robust = _sandwich(data, beta, self.ties, covariance)
        pieces = [_base(data, s, name, beta, self.ties) for s, name in data.named()]
        proportionality = pd.DataFrame()
        if len(beta) and not self.ridge:
            proportionality = proportionality_test(
                data.strata, beta, self.ties, data.design.term_columns, self.transform
            )
        return CoxFit(
            design=data.design, ties=self.ties, strata=tuple(self.strata), level=self.level,
            beta=beta, covariance=covariance, robust_covariance=robust, means=data.means,
            log_likelihood=log_likelihoods[1], null_log_likelihood=log_likelihoods[0],
            n=data.n, n_events=data.n_events, baselines=dict(pieces),
            proportionality=proportionality,
        )  # fmt: skip

    def _penalty(self, data: CoxData) -> Floats:
        return np.diag(self.ridge * data.scale**2)

    def _maximise(self, data: CoxData) -> tuple[Floats, float, Floats]:
        """Newton's method, a step halved as long as it makes the likelihood worse."""
        beta, penalty = np.zeros(len(data.design.columns)), self._penalty(data)

        def at(b: Floats) -> tuple[float, Floats, Floats]:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value, gradient, information = derivatives(data.strata, b, self.ties)
            return value - float(0.5 * b @ penalty @ b), gradient - penalty @ b, information

        value, gradient, information = at(beta)
        for _ in range(self.max_iterations):
            if not len(beta):
                return beta, value, information
            step = _solve(information + penalty, gradient)
            size = 1.0
            found = at(beta + step)
            while not found[0] >= value - 1e-9 * abs(value) and size > 1e-6:
                size /= 2
                found = at(beta + size * step)
            beta, gain = beta + size * step, found[0] - value
            value, gradient, information = found
            if abs(gain) <= 1e-10 * abs(value) and np.all(np.abs(step * data.scale) < 1e-6):
                if self.ridge:
                    value += 0.5 * float(beta @ penalty @ beta)
                return beta, value, information
            _check_separation(data, beta, gain, step)
        raise ConvergenceError(
            f"Cox: no optimum in {self.max_iterations} steps on {data.n:,.0f} spells with "
            f"{data.n_events:,.0f} that left; rescale covariates, or set a ridge"
        )


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


def _cube_data(spec: Cox, cube: pd.DataFrame) -> CoxData:
    if spec.cluster or spec.robust or spec.count:
        raise ParameterError("robust errors and counts need one row a spell, not a cube")
    check_cube(cube)
    names = [name for term in spec.covariates for name in term.split(":")]
    table = RiskTable.of(cube, list(dict.fromkeys([*names, *spec.strata])))
    at_risk = table.n > 0
    groups = table.groups[at_risk]
    design = Design.learn(groups, spec.covariates, spec.references)
    x = design.matrix(groups)
    parts: list[tuple[RowRiskSet | CubeRiskSet, Floats, object]] = []
    for name, rows in _groups(groups.reset_index(drop=True), spec.strata):
        risk, left = table.at_risk[at_risk][rows], table.events[at_risk][rows]
        used = left.sum(axis=0) > 0
        ended = (table.events + table.censored)[at_risk][rows].sum(axis=0)
        entered = table.entered[at_risk][rows].sum(axis=0)
        counts = CubeRiskSet(
            table.tenure[used], risk[:, used], left[:, used], table.tenure, entered, ended
        )
        parts.append((counts, x[rows], name))
    return assemble(design, parts, [], float(table.n.sum()))


def _row_data(spec: Cox, table: pd.DataFrame) -> CoxData:
    if {"start", "stop"} <= set(table.columns):
        table = table.rename(columns={"start": "entry", "stop": "duration"})
    check_spells(table, [*spec.strata])
    table = table[table["duration"] > 0]
    design = Design.learn(table, spec.covariates, spec.references)
    x = design.matrix(table)
    entry = table["entry"].to_numpy(float) if "entry" in table else np.zeros(len(table))
    duration, event = table["duration"].to_numpy(float), table["event"].to_numpy(bool)
    count = table[spec.count].to_numpy(float) if spec.count else np.ones(len(table))
    if (spec.ties == "efron" and np.any(count != np.rint(count))) or np.any(count < 0):
        raise SchemaError("durations", [f"{spec.count} must hold whole numbers of 0 or more"])
    codes = _cluster_codes(spec.cluster, table)
    parts: list[tuple[RowRiskSet | CubeRiskSet, Floats, object]] = []
    clusters = []
    for name, rows in _groups(table, spec.strata):
        risk = RowRiskSet.of(entry[rows], duration[rows], event[rows], count[rows])
        parts.append((risk, x[rows], name))
        clusters.append(codes[rows])
    return assemble(design, parts, clusters, float(count.sum()))


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


def _solve(information: Floats, gradient: Floats) -> Floats:
    try:
        return np.asarray(np.linalg.solve(information, gradient), dtype=float)
    except np.linalg.LinAlgError:
        return np.asarray(np.linalg.lstsq(information, gradient, rcond=None)[0], dtype=float)


def _check_separation(data: CoxData, beta: Floats, gain: float, step: Floats) -> None:
    """Raise if the likelihood has all but stopped rising while a coefficient runs away."""
    away = np.abs(beta * data.scale) > _SEPARATED
    still = np.abs(step * data.scale) > 0.05
    stopped = abs(gain) < 1e-4
    if not np.all(np.isfinite(beta)) or np.any(away) or (stopped and np.any(still)):
        worst = int(np.nanargmax(np.abs(np.nan_to_num(beta * data.scale, nan=np.inf))))
        raise NotIdentifiedError(
            f"{data.design.columns[worst]} separates those who left from those who stayed: its "
            "coefficient has no finite estimate. Drop it (it may know the future), merge its "
            "levels, or set a ridge"
        )


def _sandwich(data: CoxData, beta: Floats, ties: str, covariance: Floats) -> Floats:
    residuals = np.concatenate([score_residuals(s, beta, ties) for s in data.strata])
    counts = np.concatenate([s.risk.count for s in data.strata if isinstance(s.risk, RowRiskSet)])
    codes = np.concatenate(data.clusters)
    if len(np.unique(codes)) == len(codes):
        meat = residuals.T @ (counts[:, None] * residuals)
    else:
        sums = np.column_stack([np.bincount(codes, counts * column) for column in residuals.T])
        meat = sums.T @ sums
    return covariance @ meat @ covariance


def _base(
    data: CoxData, stratum: Stratum, name: object, beta: Floats, ties: str
) -> tuple[str, pd.DataFrame]:
    times, hazard, variance, slope = baseline(stratum, beta, ties)
    frame = pd.DataFrame({"tenure": times, "hazard": hazard, "variance": variance})
    frame[[f"slope{j}" for j in range(slope.shape[1])]] = slope
    frame["at_risk"] = stratum.risk.at_risk(np.ones(len(stratum.x)))
    return str(name), frame


@dataclass(frozen=True, eq=False, kw_only=True)
class CoxFit:
    """What was learned: coefficients, their errors, and the baseline hazard of each stratum.

    Parameters
    ----------
    design : Design
        How columns become covariates.
    ties, level : str, float
        As in the spec.
    strata : tuple of str
        Columns of the strata.
    beta : ndarray of float, shape (p,)
        Coefficients, in the order of ``design.columns``.
    covariance : ndarray of float, shape (p, p)
        Inverse information.
    robust_covariance : ndarray of float, shape (p, p), or None
        The sandwich, where it was asked for.
    means : ndarray of float, shape (p,)
        Where the baselines stand: covariates are centred on these.
    log_likelihood, null_log_likelihood : float
        At the estimate and at 0.
    n, n_events : float
        Spells (rows, for start-stop data) at risk, and that left.
    baselines : dict of str to pandas.DataFrame
        By stratum: ``tenure``, ``hazard`` at the means, ``variance``, slopes, ``at_risk``.
    proportionality : pandas.DataFrame
        Score test of proportional hazards by term and ``GLOBAL``.
    """

    design: Design
    ties: str
    strata: tuple[str, ...]
    level: float
    beta: Floats
    covariance: Floats
    robust_covariance: Floats | None
    means: Floats
    log_likelihood: float
    null_log_likelihood: float
    n: float
    n_events: float
    baselines: dict[str, pd.DataFrame]
    proportionality: pd.DataFrame

    @property
    def coefficients(self) -> pd.Series:
        """Coefficients by name."""
        return pd.Series(self.beta, index=list(self.design.columns), name="coefficient")

    @property
    def standard_errors(self) -> pd.Series:
        """Standard errors by name: robust where they were asked for."""
        v = self.covariance if self.robust_covariance is None else self.robust_covariance
        return pd.Series(np.sqrt(np.diag(v)), index=list(self.design.columns), name="se")

    @property
    def used_covariance(self) -> Floats:
        """Covariance behind intervals: robust where it was asked for."""
        return self.covariance if self.robust_covariance is None else self.robust_covariance

    def summary(self) -> pd.DataFrame:
        """Return one row a coefficient: estimate, errors, hazard ratio with interval, p."""
        b, se = self.coefficients, self.standard_errors
        half = normal_quantile(self.level) * se
        return pd.DataFrame(
            {
                "coefficient": b,
                "se": np.sqrt(np.diag(self.covariance)),
                "robust_se": se if self.robust_covariance is not None else np.nan,
                "hazard_ratio": np.exp(b),
                "low": np.exp(b - half),
                "high": np.exp(b + half),
                "p_value": 2 * norm.sf(np.abs(b / se)),
            }
        )

    @property
    def longest(self) -> float:
        """The longest tenure at which anybody left: there is no baseline beyond it."""
        return max(float(frame["tenure"].max()) for frame in self.baselines.values() if len(frame))

    def linear_predictor(self, table: pd.DataFrame) -> Floats:
        """Return the centred ``x beta`` of each row: log hazard against the mean customer."""
        return (self.design.matrix(table) - self.means) @ self.beta

    def cumulative_hazard(
        self, t: ArrayLike, profile: Mapping[str, object] | None = None, stratum: str = ""
    ) -> Floats:
        """Return H(t) of one profile; without one, of all covariates 0.

        NaN beyond the last tenure at which anybody of the stratum left.
        """
        x = self._x(profile)
        base = self._baseline(stratum)
        total = np.r_[0.0, np.cumsum(base["hazard"])]
        at = np.searchsorted(base["tenure"], np.asarray(t, float), side="right")
        return total[at] * float(np.exp((x - self.means) @ self.beta))

    def survival(
        self,
        t: ArrayLike,
        profile: Mapping[str, object] | None = None,
        *,
        given: float = 0.0,
        stratum: str = "",
    ) -> pd.DataFrame:
        """Return S(t) of one profile with its interval, of those with us at tenure `given`.

        Parameters
        ----------
        t : array_like of float
            Tenures.
        profile : mapping of column to value, optional
            Covariates; all 0 (and reference levels) if left out.
        given : float
            Tenure already reached.
        stratum : str
            Which baseline; its values joined by " · ".

        Returns
        -------
        pandas.DataFrame
            ``tenure``, ``survival``, ``se``, ``low``, ``high``; log(-log) interval.
        """
        x = self._x(profile) - self.means
        base = self._baseline(stratum)
        inside = (base["tenure"] > given).to_numpy()[:, None]
        slopes = [f"slope{j}" for j in range(len(self.beta))]
        steps = np.where(inside, base[["hazard", "variance", *slopes]].to_numpy(), 0.0)
        sums = np.vstack([np.zeros(steps.shape[1]), np.cumsum(steps, axis=0)])
        sums = sums[np.searchsorted(base["tenure"], np.asarray(t, float), side="right")]
        r = float(np.exp(x @ self.beta))
        H = r * sums[:, 0]
        g = r * (sums[:, [0]] * x + sums[:, 2:])
        spread = r**2 * sums[:, 1] + np.einsum("ij,jk,ik->i", g, self.used_covariance, g)
        S, se_H = np.exp(-H), np.sqrt(spread)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(normal_quantile(self.level) * se_H / H)
            low, high = np.exp(-H * factor), np.exp(-H / factor)
        frame = {"tenure": t, "survival": S, "se": S * se_H, "low": low, "high": high}
        return pd.DataFrame(frame)

    def _x(self, profile: Mapping[str, object] | None) -> Floats:
        if profile is None:
            return np.zeros(len(self.beta))
        return self.design.matrix(pd.DataFrame([dict(profile)]))[0]

    def _baseline(self, stratum: str) -> pd.DataFrame:
        if stratum not in self.baselines:
            known = ", ".join(map(repr, self.baselines))
            raise ParameterError(f"no stratum {stratum!r}; known: {known}")
        return self.baselines[stratum]
