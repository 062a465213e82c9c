"""Fine and Gray: how covariates go with the share lost to a cause, other causes competing."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from retention.errors import NotEnoughDataError, ParameterError

from .counts import check_spells
from .cox import Cox
from .cox_data import assemble
from .cox_fit import CoxFit
from .design import Design
from .risk_sets import Floats, RowRiskSet

__all__ = ["FineGray"]


@dataclass(frozen=True, eq=False)
class _Weighted(RowRiskSet):
    """Those lost to another cause stay at risk, weighted by the chance of being uncensored yet."""

    lost: Floats  # 1 / G(T-) of those lost to another cause, else 0
    uncensored: Floats  # G(t-) at each event tenure

    def at_risk(self, values: Floats) -> Floats:
        w = self.lost * self.count
        kept = values * (w if values.ndim == 1 else w[:, None])
        size = len(self.times) + 1
        if kept.ndim == 1:
            sums = np.bincount(self.last, kept, size).astype(float)
        else:
            sums = np.column_stack([np.bincount(self.last, column, size) for column in kept.T])
        gone = np.cumsum(sums, axis=0)[:-1]
        g = self.uncensored if values.ndim == 1 else self.uncensored[:, None]
        return RowRiskSet.at_risk(self, values) + g * gone

    def exposure_each(self, increments: Floats) -> Floats:
        g = self.uncensored.reshape(-1, *[1] * (increments.ndim - 1))
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
    """

    covariates: Sequence[str]
    cause: str
    ties: Literal["efron", "breslow"] = "efron"
    level: float = 0.95

    def fit(self, table: pd.DataFrame) -> CoxFit:
        """Fit to one row a spell with ``reason``; entry after 0 is not supported.

        Raises
        ------
        ParameterError
            If spells enter late: their weights would need the chance of late entry as well; use
            cause-specific `Cox` or `DiscreteHazard`.
        NotEnoughDataError
            If nobody left for the cause.
        """
        check_spells(table, ["reason"])
        if "entry" in table and (table["entry"] > 0).any():
            raise ParameterError(
                "FineGray needs spells seen from tenure 0; with late entry use a hazard by cause"
            )
        table = table[table["duration"] > 0]
        duration, event = table["duration"].to_numpy(float), table["event"].to_numpy(bool)
        own = event & (table["reason"].astype(str) == self.cause).to_numpy()
        if not own.any():
            raise NotEnoughDataError(f"nobody left for {self.cause!r}")
        design = Design.learn(table, self.covariates)
        ones = np.ones(len(table))
        base = RowRiskSet.of(0 * ones, duration, own, ones)
        grid, G = _uncensored(duration, event)

        def before(t: Floats) -> Floats:
            return np.r_[1.0, G][np.searchsorted(grid, t, side="left")]

        other = event & ~own
        risk = _Weighted(
            **vars(base), lost=np.where(other, 1 / before(duration), 0.0),
            uncensored=before(base.times),
        )  # fmt: skip
        data = assemble(design, [(risk, design.matrix(table), "")], [np.arange(len(table))],
                        float(len(table)))  # fmt: skip
        spec = Cox(covariates=self.covariates, ties=self.ties, robust=True, level=self.level)
        return spec.fit_data(data)


def _uncensored(duration: Floats, event: np.ndarray) -> tuple[Floats, Floats]:
    """Kaplan-Meier of censoring; at a tie those who left went first."""
    grid = np.unique(duration[~event])
    ends, left = np.sort(duration), np.sort(duration[event])
    n = len(ends) - np.searchsorted(ends, grid, "left")
    gone = np.searchsorted(left, grid, "right") - np.searchsorted(left, grid, "left")
    quiet = np.sort(duration[~event])
    c = np.searchsorted(quiet, grid, "right") - np.searchsorted(quiet, grid, "left")
    return grid, np.cumprod(1 - c / np.maximum(n - gone, 1)).astype(float)
