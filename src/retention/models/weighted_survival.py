"""Survival of treated and untreated customers, weighted to be alike."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import bootstrap_interval
from retention.schemas import check_durations

from .doubly_robust import balancing_weights, propensity

__all__ = ["WeightedSurvival", "WeightedSurvivalFit"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class WeightedSurvivalFit:
    """What was learned.

    Parameters
    ----------
    table : DataFrame
        Index ``tenure``; ``treated`` and ``untreated``: weighted share retained.
    horizon : int
        Tenure up to which means are restricted.
    gap, rmst_gap : float
        Treated minus untreated at the horizon: share retained, and mean stay up to it.
    gap_interval, rmst_gap_interval : tuple of float
        Percentile intervals over bootstrap samples of customers, weights fitted anew in each.
    n_treated, n_untreated : int
        Customers.
    events : int
        Leavers among them.
    """

    table: pd.DataFrame
    horizon: int
    gap: float
    rmst_gap: float
    gap_interval: tuple[float, float]
    rmst_gap_interval: tuple[float, float]
    n_treated: int
    n_untreated: int
    events: int


@dataclass(frozen=True, kw_only=True)
class WeightedSurvival:
    """Kaplan-Meier curves under stabilised inverse-probability weights.

    Parameters
    ----------
    horizon : int
        Tenure at which curves are compared, in the table's unit.
    covariates, groups : tuple of str
        Known before treatment, as in `DoublyRobust`; empty for a randomised treatment.
    replicates : int
        Bootstrap samples of customers.
    effect_on : str
        ``all`` or ``treated``, as in `DoublyRobust`.
    level : float
        Level of the intervals.

    References
    ----------
    .. [1] Cole, S. R. and Hernán, M. A. (2004). Adjusted survival curves with inverse probability
       weights. Computer Methods and Programs in Biomedicine 75, 45-49.
    """

    horizon: int
    covariates: tuple[str, ...] = ()
    groups: tuple[str, ...] = ()
    replicates: int = 200
    level: float = 0.95
    effect_on: Literal["all", "treated"] = "all"

    def fit(self, durations: pd.DataFrame, rng: np.random.Generator) -> WeightedSurvivalFit:
        """Fit to one row a customer and trial: schema `durations`, ``treated`` and covariates.

        Raises
        ------
        NotEnoughDataError
            If an arm is empty, or nobody was followed to the horizon.
        NotIdentifiedError
            If a covariate decides the treatment.
        """
        if self.horizon < 1 or self.replicates < 2:
            raise ParameterError("horizon must be 1 or more, replicates 2 or more")
        table = check_durations(durations)
        treated = table["treated"].to_numpy(dtype=bool)
        if not treated.any() or treated.all():
            raise NotEnoughDataError(f"one arm of {len(table):,} customers is empty")
        reach = [int(table.loc[arm, "duration"].max()) for arm in (treated, ~treated)]
        if min(reach) < self.horizon:
            raise NotEnoughDataError(
                f"nobody of one arm was seen beyond tenure {min(reach)}; the horizon is "
                f"{self.horizon}"
            )
        curves = self._curves(table)
        draws = np.array([self._gaps(self._redrawn(table, rng)) for _ in range(self.replicates)])
        gap, rmst_gap = self._gaps(curves)
        return WeightedSurvivalFit(
            table=pd.DataFrame(
                {"untreated": curves[0], "treated": curves[1]},
                index=pd.RangeIndex(self.horizon + 1, name="tenure"),
            ),
            horizon=self.horizon, gap=gap, rmst_gap=rmst_gap,
            gap_interval=bootstrap_interval(draws[:, 0], self.level),
            rmst_gap_interval=bootstrap_interval(draws[:, 1], self.level),
            n_treated=int(treated.sum()), n_untreated=int((~treated).sum()),
            events=int(table["event"].sum()),
        )  # fmt: skip

    def _redrawn(self, table: pd.DataFrame, rng: np.random.Generator) -> tuple[_Floats, _Floats]:
        """Return the curves of customers drawn anew, each with all its rows."""
        together = pd.factorize(table.index)[0]
        order = np.argsort(together, kind="stable")
        size = np.bincount(together)
        first = np.concatenate([[0], np.cumsum(size)[:-1]])
        drawn = rng.integers(0, size.size, size.size)
        offset = np.arange(size[drawn].sum()) - np.repeat(
            np.cumsum(size[drawn]) - size[drawn], size[drawn]
        )
        return self._curves(table.iloc[order[np.repeat(first[drawn], size[drawn]) + offset]])

    def _curves(self, table: pd.DataFrame) -> tuple[_Floats, _Floats]:
        treated = table["treated"].to_numpy(dtype=bool)
        weights = self._weights(table, treated)
        entry = table["entry"].to_numpy(dtype=int)
        duration = table["duration"].to_numpy(dtype=int)
        event = table["event"].to_numpy(dtype=bool)
        curves = []
        for arm in (~treated, treated):
            size = max(int(duration.max()), self.horizon) + 2
            w = weights[arm]
            entered = np.bincount(entry[arm], w, size)
            ended = np.bincount(duration[arm], w, size)
            left = np.bincount(duration[arm][event[arm]], w[event[arm]], size)
            at_risk = np.cumsum(entered - ended)[:-1]  # after tenure t: at risk at t + 1
            hazard = np.divide(left[1:], at_risk, out=np.zeros(size - 1), where=at_risk > 1e-12)
            survival = np.concatenate([[1.0], np.cumprod(1 - np.clip(hazard, 0, 1))])
            curves.append(survival[: self.horizon + 1])
        return curves[0], curves[1]

    def _weights(self, table: pd.DataFrame, treated: NDArray[np.bool_]) -> _Floats:
        if not (self.covariates or self.groups):
            return np.ones(len(table))
        e = propensity(table, self.covariates, self.groups).to_numpy()
        weights = balancing_weights(treated, e, self.effect_on)
        if self.effect_on == "all":
            share = treated.mean()
            weights *= np.where(treated, share, 1 - share)
        return weights

    def _gaps(self, curves: tuple[_Floats, _Floats]) -> tuple[float, float]:
        """Return the gap at the horizon, and that of the mean stay up to it."""
        untreated, treated = curves
        means = [float(np.sum(curve[:-1])) for curve in (untreated, treated)]
        return float(treated[-1] - untreated[-1]), means[1] - means[0]
