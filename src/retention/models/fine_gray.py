"""Fine and Gray: how covariates go with the share lost to a cause, other causes competing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError

from .counts import check_spells
from .cox import Cox
from .cox_data import assemble
from .cox_fit import CoxFit
from .design import Design
from .risk_sets import Floats, RowRiskSet

__all__ = ["FineGray"]

Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class _Weighted(RowRiskSet):
    """Those lost to another cause stay at risk, weighted by the chance of still being watched."""

    lost: Floats  # 1 / G(T-) H(T-) of those lost to another cause, else 0
    watched: Floats  # G(t-) H(t-) at each event tenure

    def at_risk(self, values: Floats) -> Floats:
        w = self.lost * self.count
        kept = values * (w if values.ndim == 1 else w[:, None])
        size = len(self.times) + 1
        if kept.ndim == 1:
            sums = np.bincount(self.last, kept, size).astype(float)
        else:
            sums = np.column_stack([np.bincount(self.last, column, size) for column in kept.T])
        gone = np.cumsum(sums, axis=0)[:-1]
        g = self.watched if values.ndim == 1 else self.watched[:, None]
        return RowRiskSet.at_risk(self, values) + g * gone

    def exposure_each(self, increments: Floats) -> Floats:
        g = self.watched.reshape(-1, *[1] * (increments.ndim - 1))
        weighted = np.cumsum(g * increments, axis=0)
        total = np.concatenate([np.zeros((1, *increments.shape[1:])), weighted])
        rest = total[-1] - total[self.last]
        lost = self.lost.reshape(-1, *[1] * (increments.ndim - 1))
        return RowRiskSet.exposure_each(self, increments) + lost * rest


@dataclass(frozen=True, kw_only=True)
class FineGray:
    """Proportional hazards of the subdistribution of one cause.

    Parameters
    ----------
    covariates : sequence of str
        As in `Cox`.
    cause : str
        The reason whose incidence is modelled.
    ties : str
        ``efron`` or ``breslow``.
    level : float
        Level of intervals; errors are robust, since a spell counts in parts.

    References
    ----------
    .. [1] Fine, J. P. and Gray, R. J. (1999). A proportional hazards model for the subdistribution
       of a competing risk. Journal of the American Statistical Association 94, 496-509.
    .. [2] Geskus, R. B. (2011). Cause-specific cumulative incidence estimation and the Fine and
       Gray model under both left truncation and right censoring. Biometrics 67, 39-49.
    """

    covariates: Sequence[str]
    cause: str
    ties: Literal["efron", "breslow"] = "efron"
    level: float = 0.95

    def fit(self, table: pd.DataFrame) -> CoxFit:
        """Fit to one row a spell with ``reason``, and ``entry`` where spells enter late.

        Raises
        ------
        NotEnoughDataError
            If nobody left for the cause, or the risk set was empty once.
        """
        check_spells(table, ["reason"])
        table = table[table["duration"] > 0]
        duration, event = table["duration"].to_numpy(float), table["event"].to_numpy(bool)
        entry = table["entry"].to_numpy(float) if "entry" in table else np.zeros(len(table))
        own = event & (table["reason"].astype(str) == self.cause).to_numpy()
        if not own.any():
            raise NotEnoughDataError(f"nobody left for {self.cause!r}")
        design = Design.learn(table, self.covariates)
        ones = np.ones(len(table))
        base = RowRiskSet.of(entry, duration, own, ones)
        watched = _Watched.of(entry, duration, event)
        other = event & ~own
        risk = _Weighted(
            **vars(base), lost=np.where(other, 1 / watched.at(duration), 0.0),
            watched=watched.at(base.times),
        )  # fmt: skip
        data = assemble(design, [(risk, design.matrix(table), "")], [np.arange(len(table))],
                        float(len(table)))  # fmt: skip
        spec = Cox(covariates=self.covariates, ties=self.ties, robust=True, level=self.level)
        return spec.fit_data(data)


@dataclass(frozen=True, eq=False)
class _Watched:
    """The chance to be under watch just before each tenure: entered by then, not yet censored.

    At tenure t there are ``n(t) = N S(t-) G(t-) H(t-)`` at risk, with G and H the product-limit
    estimates of censoring and (in reversed time) of entry, leavers first at ties: ``G H`` follows
    from how many are at risk and from S.
    """

    tenure: Floats
    chance: Floats

    @classmethod
    def of(cls, entry: Floats, duration: Floats, event: Bools) -> _Watched:
        tenure = np.unique(duration)
        n = _count(duration, tenure) - _count(entry, tenure)
        left = -np.diff(_count(duration[event], tenure), append=0.0)
        survival = np.cumprod(1 - left / n)
        if np.any(survival[:-1] <= 0):
            at = float(tenure[int(np.argmin(survival))])
            raise NotEnoughDataError(
                f"all who were at risk at tenure {at:g} left, before others entered: who was lost "
                "to another cause cannot be weighted from there on; use a hazard by cause"
            )
        return cls(tenure, n / np.r_[1.0, survival[:-1]] / len(duration))

    def at(self, t: Floats) -> Floats:
        return self.chance[np.searchsorted(self.tenure, t)]


def _count(values: Floats, tenure: Floats) -> Floats:
    """Count the values at or above each tenure."""
    return len(values) - np.searchsorted(np.sort(values), tenure, "left").astype(float)
