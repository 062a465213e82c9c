"""Cox regression: how covariates go with the hazard of leaving, from rows or from a count cube."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd

from retention.errors import (
    ConvergenceError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
)

from .cox_data import CoxData, cube_data, row_data
from .cox_fit import CoxFit
from .cox_likelihood import Moments, Stratum, baseline, derivatives, score_residuals
from .design import check_rank
from .proportional_hazards import proportionality_test
from .risk_sets import Floats, RowRiskSet

__all__ = ["Cox"]

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
        return self.fit_data(self.prepare(table))

    def prepare(self, table: pd.DataFrame) -> CoxData:
        """Make the risk sets that `fit_data` takes: for several fits to the same table."""
        if "at_risk" not in table.columns:
            return row_data(
                table, self.covariates, self.strata, self.references, count=self.count,
                cluster=self.cluster, whole_counts=self.ties == "efron",
            )  # fmt: skip
        if self.cluster or self.robust or self.count:
            raise ParameterError("robust errors and counts need one row a spell, not a cube")
        return cube_data(table, self.covariates, self.strata, self.references)

    def fit_data(self, data: CoxData) -> CoxFit:
        """Fit to risk sets that are already made."""
        if data.n_events == 0:
            raise NotEnoughDataError(f"none of {data.n:,.0f} spells at risk ended in leaving")
        check_rank(data.gram(), data.design.columns, data.scale * np.sqrt(data.weight))
        beta, log_likelihood, null, information = self._maximise(data)
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
        moments = [Moments.of(s, beta, self.ties) for s in data.strata]
        named = zip(data.named(), moments, strict=True)
        pieces = [_base(stratum, name, m) for (stratum, name), m in named]
        proportionality = pd.DataFrame()
        if len(beta) and not self.ridge:
            proportionality = proportionality_test(
                data.strata, beta, self.ties, data.design.term_columns, self.transform, moments
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

    def _maximise(self, data: CoxData) -> tuple[Floats, float, float, Floats]:
        """Newton's method, a step halved as long as it makes the likelihood worse.

        Returns the estimate, the log likelihood there and at 0, and the information.
        """
        beta, penalty = np.zeros(len(data.design.columns)), self._penalty(data)

        def at(b: Floats) -> tuple[float, Floats, Floats]:
            with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
                value, gradient, information = derivatives(data.strata, b, self.ties)
            return value - float(0.5 * b @ penalty @ b), gradient - penalty @ b, information

        value, gradient, information = at(beta)
        null = value
        for _ in range(self.max_iterations):
            if not len(beta):
                return beta, value, null, information
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
                return beta, value, null, information
            _check_separation(data, beta, gain, step)
        raise ConvergenceError(
            f"Cox: no optimum in {self.max_iterations} steps on {data.n:,.0f} spells with "
            f"{data.n_events:,.0f} that left; rescale covariates, or set a ridge"
        )


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


def _base(stratum: Stratum, name: object, moments: Moments) -> tuple[str, pd.DataFrame]:
    times, hazard, variance, slope = baseline(stratum, moments)
    frame = pd.DataFrame({"tenure": times, "hazard": hazard, "variance": variance})
    frame[[f"slope{j}" for j in range(slope.shape[1])]] = slope
    frame["at_risk"] = stratum.risk.at_risk(np.ones(len(stratum.x)))
    return str(name), frame
