"""Aalen-Johansen: the share lost to each reason by tenure, reasons competing. From counts."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.errors import ParameterError
from retention.estimates import log_log_interval

from .counts import Floats, RiskTable

__all__ = ["AalenJohansen", "AalenJohansenFit"]


@dataclass(frozen=True, kw_only=True)
class AalenJohansen:
    """Cumulative incidence of each cause; ties as they are, no jitter.

    Parameters
    ----------
    level : float
        Level of the intervals, on the scale of log(-log(1 - F)).

    References
    ----------
    .. [1] Aalen, O. O. and Johansen, S. (1978). An empirical transition matrix for non-homogeneous
       Markov chains based on censored observations. Scandinavian Journal of Statistics 5, 141-150.
    """

    level: float = 0.95

    def fit(self, table: pd.DataFrame) -> AalenJohansenFit:
        """Fit to a cube with ``events_<cause>``, or to one row a spell with ``reason``.

        Raises
        ------
        ParameterError
            If the table has no causes.
        """
        risk = RiskTable.of(table)
        if not risk.causes:
            raise ParameterError("no causes: give events_<cause> columns, or a column reason")
        n, d = risk.at_risk[0], risk.events[0]
        causes = {cause: counts[0] for cause, counts in risk.causes.items()}
        return AalenJohansenFit(risk.tenure, n, d, causes, float(risk.n[0]), self.level)


@dataclass(frozen=True, eq=False)
class AalenJohansenFit:
    """Cumulative incidence curves: steps at the tenures where spells ended.

    Parameters
    ----------
    tenure, at_risk, events : ndarray of float, shape (k,)
        Counts.
    by_cause : dict of str to ndarray, each of shape (k,)
        Events of each cause.
    n, level : float
        Spells at risk; level of the intervals.
    """

    tenure: Floats
    at_risk: Floats
    events: Floats
    by_cause: dict[str, Floats]
    n: float
    level: float

    @property
    def causes(self) -> tuple[str, ...]:
        """The causes, in order."""
        return tuple(self.by_cause)

    def _before(self) -> tuple[Floats, Floats]:
        """Survival just before, and at, each tenure."""
        survival = np.cumprod(1 - self.events / np.maximum(self.at_risk, 1)).astype(float)
        return np.r_[1.0, survival[:-1]], survival

    def survival(self, t: ArrayLike) -> Floats:
        """Return the share not lost to any cause; with the incidences it adds up to 1."""
        return np.r_[1.0, self._before()[1]][self._at(t)]

    def cumulative_incidence(self, t: ArrayLike, cause: str) -> Floats:
        """Return the share lost to a cause by each tenure; NaN beyond the longest seen."""
        values = np.r_[0.0, np.cumsum(self._steps(cause))][self._at(t)]
        return np.where(np.asarray(t, float) > self.tenure[-1], np.nan, values)

    def _steps(self, cause: str) -> Floats:
        if cause not in self.by_cause:
            raise ParameterError(f"no cause {cause!r}; known: {', '.join(self.by_cause)}")
        return self._before()[0] * self.by_cause[cause] / np.maximum(self.at_risk, 1)

    def standard_error(self, t: ArrayLike, cause: str) -> Floats:
        """Return the standard error of `cumulative_incidence`, of Greenwood's kind with ties.

        The delta method on the binomial steps: with F of the cause, at event tenures i up to t,
        ``(F(t) - F_i)^2 d_i / (n_i (n_i - d_i)) + S_i-^2 d_ki (n_i - d_ki) / n_i^3
        - 2 (F(t) - F_i) S_i- d_ki / n_i^2``.

        References
        ----------
        .. [1] Marubini, E. and Valsecchi, M. G. (1995). Analysing Survival Data from Clinical
           Trials and Observational Studies, section 10.3.
        """
        before, _ = self._before()
        n, d, k = np.maximum(self.at_risk, 1), self.events, self.by_cause[cause]
        F = np.cumsum(self._steps(cause))
        with np.errstate(divide="ignore", invalid="ignore"):
            all_left = np.where(n > d, d / (n * (n - d)), 0.0)
        found = []
        for last in self._at(t):
            i = slice(0, int(last))
            gap = (F[last - 1] if last else 0.0) - F[i]
            own = before[i] ** 2 * k[i] * (n[i] - k[i]) / n[i] ** 3
            both = gap * before[i] * k[i] / n[i] ** 2
            found.append(np.sum(gap**2 * all_left[i] + own - 2 * both))
        return np.sqrt(np.maximum(np.array(found), 0.0))

    def _at(self, t: ArrayLike) -> np.ndarray:
        return np.searchsorted(self.tenure, np.atleast_1d(np.asarray(t, float)), side="right")

    def summary(self) -> pd.DataFrame:
        """Return one row a cause and tenure: incidence with error and interval."""
        parts = []
        for cause in self.by_cause:
            F, se = (f(self.tenure, cause) for f in
                     (self.cumulative_incidence, self.standard_error))  # fmt: skip
            low, high = log_log_interval(1 - F, se, self.level)
            parts.append(
                pd.DataFrame(
                    {"cause": cause, "tenure": self.tenure, "at_risk": self.at_risk,
                     "events": self.by_cause[cause], "incidence": F, "se": se,
                     "low": 1 - high, "high": 1 - low}
                )
            )  # fmt: skip
        return pd.concat(parts, ignore_index=True)
