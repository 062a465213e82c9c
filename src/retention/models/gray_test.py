"""Gray's test: whether groups lose the same share to a cause by each tenure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import chi2

from retention.errors import NotEnoughDataError, ParameterError

from .counts import Floats, RiskTable, as_cube
from .log_rank import LogRankFit

__all__ = ["GrayTest"]


@dataclass(frozen=True, kw_only=True)
class GrayTest:
    """Test of equal cumulative incidence of a cause in groups, other causes competing.

    Parameters
    ----------
    by : sequence of str
        Columns that make the groups.
    cause : str
        The reason.
    rho : float
        Weight ``(1 - F(t-))^rho``; 0 weighs all tenures alike.

    References
    ----------
    .. [1] Gray, R. J. (1988). A class of K-sample tests for comparing the cumulative incidence of
       a competing risk. Annals of Statistics 16, 1141-1154.
    """

    by: Sequence[str]
    cause: str
    rho: float = 0.0

    def fit(self, table: pd.DataFrame) -> LogRankFit:
        """Compare the groups of a cube with causes, or of one row a spell with ``reason``."""
        risk = RiskTable.of(as_cube(table, self.by), self.by)
        if self.cause not in risk.causes:
            raise ParameterError(f"no cause {self.cause!r}; known: {', '.join(risk.causes)}")
        if len(risk.groups) < 2:
            raise NotEnoughDataError(f"one group only of {', '.join(self.by)}: nothing to compare")
        first = risk.causes[self.cause]
        score, variance, expected = _score(risk.at_risk, first, risk.events - first, self.rho)
        keep = slice(0, len(score) - 1)
        v = variance[keep, keep]
        if not np.any(np.diag(v) > 0):
            raise NotEnoughDataError(f"nobody left for {self.cause} while groups were together")
        statistic = float(score[keep] @ np.linalg.solve(v, score[keep]))
        df = len(score) - 1
        table_out = risk.groups.assign(observed=first.sum(axis=1), expected=expected)
        return LogRankFit(statistic, df, float(chi2.sf(statistic, df)), table_out)


def _score(n: Floats, d1: Floats, d2: Floats, rho: float) -> tuple[Floats, Floats, Floats]:
    """Score of each group, its covariance, and expected events.

    ``R = n / S(t-)`` is the size a group would have had without competing causes; the pooled
    incidence F0 grows by ``d / sum(R)``. The covariance carries the chance in F0 and in each
    group's survival, as in Gray's equations (3.5) and following.
    """
    groups, steps = n.shape
    score, expected = np.zeros(groups), np.zeros(groups)
    v, v2, v3 = np.zeros((groups, groups)), np.zeros((groups, groups)), np.zeros(groups)
    c = np.zeros((groups, groups))
    survival, incidence, pooled = np.ones(groups), np.zeros(groups), 0.0
    for t in range(steps):
        here = n[:, t] > 0
        total1 = float(d1[:, t].sum())
        if not here.any():
            continue
        R = np.where(here & (survival > 0), n[:, t] / np.where(survival > 0, survival, 1.0), 0.0)
        tr, tq = R.sum(), (R * (1 - incidence)).sum()
        before, pooled_before = survival, pooled
        with np.errstate(divide="ignore", invalid="ignore"):
            leave = np.where(here, (d1[:, t] + d2[:, t]) / n[:, t], 0.0)
            gain = np.where(here, survival * d1[:, t] / n[:, t], 0.0)
        weight = (1 - pooled_before) ** rho
        if total1 > 0:
            share = R * (1 - incidence) / tq
            score += weight * (d1[:, t] - total1 * share)
            expected += total1 * share
            pooled = pooled_before + total1 / tr
        survival, incidence = survival * (1 - leave), incidence + gain
        a = weight * (np.diag(R) - np.outer(R, R) / tr)
        if total1 > 0:
            c = c + a * total1 / (tr * (1 - pooled_before))
        for k in np.flatnonzero(here):
            if total1 > 0:
                t4 = 1 - (1 - pooled) / survival[k] if survival[k] > 0 else 1.0
                size = tr * before[k]
                t5 = 1 - (total1 - 1) / (size - 1) if total1 > 1 and size > 1 else 1.0
                t3 = t5 * before[k] * total1 / (tr * n[k, t])
                move = a[:, k] - t4 * c[:, k]
                v += np.outer(move, move) * t3
                v2[:, k] += move * t4 * t3
                v3[k] += t4**2 * t3
            if d2[k, t] > 0 and survival[k] > 0:
                t4 = (1 - pooled) / survival[k]
                t5 = 1 - (d2[k, t] - 1) / (n[k, t] - 1) if d2[k, t] > 1 else 1.0
                t3 = t5 * before[k] ** 2 * d2[k, t] / n[k, t] ** 2
                move = t4 * c[:, k]
                v += np.outer(move, move) * t3
                v2[:, k] -= move * t4 * t3
                v3[k] += t4**2 * t3
    v = v + c @ v2.T + v2 @ c.T + (c * v3) @ c.T
    return score, v, expected
