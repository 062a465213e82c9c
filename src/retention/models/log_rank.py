"""Log-rank and weighted tests: do groups leave at the same rate? From counts, truncation kept."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2

from retention.errors import NotEnoughDataError, ParameterError

from .counts import RiskTable, as_cube

__all__ = ["LogRank", "LogRankFit"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class LogRank:
    """Test of equal hazards of groups, weighted by ``S(t-)^rho (1 - S(t-))^gamma``.

    Parameters
    ----------
    by : sequence of str
        Columns that make the groups.
    rho, gamma : float
        0, 0: the log-rank test. 1, 0: Peto and Prentice's, which weighs early tenures more (R's
        ``survdiff(rho=1)``). 0, 1 weighs late ones more (Fleming and Harrington).
    strata : sequence of str
        Columns within which groups are compared; the comparisons are summed.

    References
    ----------
    .. [1] Fleming, T. R. and Harrington, D. P. (1991). Counting Processes and Survival Analysis.
    """

    by: Sequence[str]
    rho: float = 0.0
    gamma: float = 0.0
    strata: Sequence[str] = ()

    def __post_init__(self) -> None:
        if not self.by or set(self.by) & set(self.strata):
            raise ParameterError("name columns to compare by, and others as strata")

    def fit(self, table: pd.DataFrame) -> LogRankFit:
        """Compare the groups of a cube, or of one row a spell.

        Raises
        ------
        NotEnoughDataError
            If there are fewer than two groups, or no stratum in which two are at risk together.
        """
        cube = as_cube(table, [*self.by, *self.strata])
        groups = RiskTable.of(cube, self.by).groups
        if len(groups) < 2:
            raise NotEnoughDataError(f"one group only of {', '.join(self.by)}: nothing to compare")
        parts = cube.groupby(list(self.strata), dropna=False) if self.strata else [("", cube)]
        index = pd.MultiIndex.from_frame(groups)
        observed, expected = np.zeros(len(groups)), np.zeros(len(groups))
        variance = np.zeros((len(groups), len(groups)))
        for _, part in parts:
            risk = RiskTable.of(part, self.by)
            rows = index.get_indexer(pd.MultiIndex.from_frame(risk.groups))
            o, e, v = _compare(risk, self.rho, self.gamma)
            observed[rows] += o
            expected[rows] += e
            variance[np.ix_(rows, rows)] += v
        return _test(groups, observed, expected, variance)


def _compare(risk: RiskTable, rho: float, gamma: float) -> tuple[Floats, Floats, Floats]:
    """Weighted observed and expected events of each group, and the hypergeometric covariance."""
    n, d = risk.at_risk.sum(axis=0), risk.events.sum(axis=0)
    used = (d > 0) & (n > 0)
    at_risk, events = risk.at_risk[:, used], risk.events[:, used]
    n, d = n[used], d[used]
    before = np.r_[1.0, np.cumprod(1 - d / n)][:-1]
    weight = before**rho * (1 - before) ** gamma
    share = at_risk / n
    spread = weight**2 * d * np.where(n > 1, (n - d) / np.maximum(n - 1, 1), 0.0)
    covariance = np.diag(share @ spread) - (share * spread) @ share.T
    return events @ weight, share @ (weight * d), covariance


def _test(groups: pd.DataFrame, observed: Floats, expected: Floats, variance: Floats) -> LogRankFit:
    compared = np.diag(variance) > 1e-12 * max(1.0, float(np.abs(variance).max()))
    if compared.sum() < 2:
        raise NotEnoughDataError("no two groups were at risk together when somebody left")
    keep = np.flatnonzero(compared)[:-1]
    gap = (observed - expected)[keep]
    statistic = float(gap @ np.linalg.pinv(variance[np.ix_(keep, keep)], hermitian=True) @ gap)
    df = int(np.linalg.matrix_rank(variance[np.ix_(keep, keep)], hermitian=True))
    table = groups.assign(observed=observed, expected=expected)
    return LogRankFit(statistic, df, float(chi2.sf(statistic, df)), table)


@dataclass(frozen=True, eq=False)
class LogRankFit:
    """The result of the test.

    Parameters
    ----------
    statistic : float
        Chi-square of `df` degrees of freedom if the groups' hazards are equal.
    df : int
        Groups compared, less one.
    p_value : float
        Probability of a larger statistic under equal hazards.
    table : pandas.DataFrame
        Weighted observed and expected events, one row a group.
    """

    statistic: float
    df: int
    p_value: float
    table: pd.DataFrame

    def summary(self) -> pd.DataFrame:
        """Return observed against expected events, one row a group."""
        return self.table
