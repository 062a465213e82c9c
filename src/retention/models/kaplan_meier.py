"""Kaplan-Meier: the share retained by tenure, from counts, with left truncation respected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import log_log_interval, normal_interval, normal_quantile

from .counts import RiskTable

__all__ = ["KaplanMeier", "KaplanMeierFit"]

Floats = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class KaplanMeier:
    """The product-limit curve of all spells of a table.

    Parameters
    ----------
    level : float
        Level of the intervals.
    band : str
        ``log_log``: on the scale of log(-log S), which keeps its level in small groups. ``log``: on
        the scale of log S, the default of R's ``survfit``, for comparison.

    References
    ----------
    .. [1] Kaplan, E. L. and Meier, P. (1958). Nonparametric estimation from incomplete
       observations. Journal of the American Statistical Association 53, 457-481.

    Examples
    --------
    >>> spells = pd.DataFrame({"duration": [1, 2, 2, 3], "event": [True, True, False, True]})
    >>> KaplanMeier().fit(spells).survival([1, 2, 3])
    array([0.75, 0.5 , 0.  ])
    """

    level: float = 0.95
    band: Literal["log_log", "log"] = "log_log"

    def __post_init__(self) -> None:
        if self.band not in ("log_log", "log"):
            raise ParameterError(f"band must be log_log or log, got {self.band!r}")

    def fit(self, table: pd.DataFrame) -> KaplanMeierFit:
        """Fit to a cube (schema `check_cube`, all patterns together) or to one row a spell.

        Raises
        ------
        SchemaError
            If the table is neither.
        NotEnoughDataError
            If nobody was ever at risk.
        """
        risk = RiskTable.of(table)
        n, d = risk.at_risk[0], risk.events[0]
        with np.errstate(divide="ignore", invalid="ignore"):
            step = np.where(n > 0, 1 - d / n, 1.0)
            term = np.where(d > 0, np.where(n > d, d / (n * (n - d)), np.inf), 0.0)
        return KaplanMeierFit(
            tenure=risk.tenure, at_risk=n, events=d, censored=risk.censored[0],
            entered=risk.entered[0], step=step, greenwood=term,
            n=float(risk.n[0]), zero_tenure=float(risk.zero[0]), level=self.level,
            band=self.band,
        )  # fmt: skip


@dataclass(frozen=True, eq=False, kw_only=True)
class KaplanMeierFit:
    """A survival curve: steps at the tenures where spells ended.

    Parameters
    ----------
    tenure, at_risk, events, censored, entered : ndarray of float, shape (k,)
        The counts it was made of, see `RiskTable`.
    step : ndarray of float, shape (k,)
        Share of those at risk who stayed at each tenure.
    greenwood : ndarray of float, shape (k,)
        Terms ``d / (n (n - d))`` of Greenwood's sum.
    n, zero_tenure : float
        Spells at risk at any time; spells of zero tenure, in no estimate.
    level, band : float, str
        Level and kind of the intervals.
    """

    tenure: Floats
    at_risk: Floats
    events: Floats
    censored: Floats
    entered: Floats
    step: Floats
    greenwood: Floats
    n: float
    zero_tenure: float
    level: float
    band: Literal["log_log", "log"]

    @property
    def n_events(self) -> float:
        """Spells that left."""
        return float(self.events.sum())

    @property
    def longest(self) -> float:
        """The longest tenure at which anybody was seen: the curve says nothing beyond it."""
        return float(self.tenure[-1])

    @property
    def gap(self) -> float | None:
        """First tenure at which everybody at risk left while more entered later, or None.

        Early on in left-truncated data a handful at risk may all leave; the curve then stays at 0
        whatever happens after, and says nothing about a customer base.
        """
        emptied = (self.step == 0) & (np.arange(len(self.step)) < len(self.step) - 1)
        return float(self.tenure[emptied][0]) if emptied.any() else None

    @property
    def table(self) -> pd.DataFrame:
        """One row a tenure: counts, survival, Greenwood standard error, interval."""
        survival, se = self.survival(self.tenure), self.standard_error(self.tenure)
        low, high = self._band(survival, se)
        return pd.DataFrame(
            {
                "tenure": self.tenure,
                "at_risk": self.at_risk,
                "entered": self.entered,
                "censored": self.censored,
                "events": self.events,
                "survival": survival,
                "se": se,
                "low": low,
                "high": high,
            }
        )

    def _curve(self, given: float = 0.0) -> tuple[Floats, Floats]:
        """Survival and Greenwood sums with a leading 1 and 0, counted from tenure `given` on."""
        later = self.tenure > given
        survival = np.cumprod(np.where(later, self.step, 1.0))
        sums = np.cumsum(np.where(later, self.greenwood, 0.0))
        return np.r_[1.0, survival], np.r_[0.0, sums]

    def _at(self, t: ArrayLike) -> NDArray[np.intp]:
        return np.searchsorted(self.tenure, np.asarray(t, dtype=float), side="right")

    def _known(self, t: ArrayLike, values: Floats) -> Floats:
        # beyond the longest tenure the curve is unknown, unless nobody was left
        beyond = (np.asarray(t, dtype=float) > self.longest) & (self.step[-1] > 0)
        return np.where(beyond, np.nan, values)

    def survival(self, t: ArrayLike, given: float = 0.0) -> Floats:
        """Return the share retained at `t`; of those with us at tenure `given`, if it is above 0.

        Parameters
        ----------
        t : array_like of float, shape (m,)
            Tenures, not before `given`.
        given : float
            Tenure already reached.

        Returns
        -------
        ndarray of float, shape (m,)
            NaN beyond the longest tenure seen.
        """
        return self._known(t, self._curve(given)[0][self._at(t)])

    def standard_error(self, t: ArrayLike, given: float = 0.0) -> Floats:
        """Return the Greenwood standard error of `survival`; 0 where it is 1, and where it is 0."""
        survival, sums = self._curve(given)
        with np.errstate(invalid="ignore"):
            se = np.where(survival > 0, survival * np.sqrt(sums), 0.0)
        return self._known(t, se[self._at(t)])

    def interval(self, t: ArrayLike, given: float = 0.0) -> tuple[Floats, Floats]:
        """Return the interval of `survival`; NaN where survival is exactly 0 or 1."""
        return self._band(self.survival(t, given), self.standard_error(t, given))

    def _band(self, survival: Floats, se: Floats) -> tuple[Floats, Floats]:
        if self.band == "log_log":
            return log_log_interval(survival, se, self.level)
        inside = (survival > 0) & (survival < 1)
        safe = np.where(inside, survival, 0.5)
        factor = np.exp(normal_quantile(self.level) * se / safe)
        low, high = safe / factor, np.minimum(1.0, safe * factor)
        return np.where(inside, low, np.nan), np.where(inside, high, np.nan)

    def at_risk_at(self, t: ArrayLike) -> Floats:
        """Return how many spells were at risk at `t`: entered before it and not ended before it."""
        at = np.searchsorted(self.tenure, np.asarray(t, dtype=float), side="left")
        return np.r_[self.at_risk, 0.0][at]

    def quantile(self, p: float = 0.5) -> tuple[float, float, float]:
        """Return the tenure by which a share `p` has left, with its interval.

        The interval turns the band of the curve round (Brookmeyer and Crowley). An end that the
        data do not reach is infinite.

        Raises
        ------
        ParameterError
            If `p` does not lie between 0 and 1.

        References
        ----------
        .. [1] Brookmeyer, R. and Crowley, J. (1982). A confidence interval for the median survival
           time. Biometrics 38, 29-41.
        """
        if not 0 < p < 1:
            raise ParameterError(f"p must lie between 0 and 1, got {p}")
        table = self.table
        # an exact 0 has no band of its own: everything at or below it has been crossed
        low = table["low"].mask(table["survival"] == 0, 0.0)
        high = table["high"].mask(table["survival"] == 0, 0.0)

        def first(curve: pd.Series) -> float:
            crossed = (curve <= 1 - p + 1e-12).to_numpy()
            return float(self.tenure[crossed][0]) if crossed.any() else np.inf

        return first(table["survival"]), first(low), first(high)

    def median(self) -> tuple[float, float, float]:
        """Return the median lifetime with its interval; infinite where the data do not reach it."""
        return self.quantile(0.5)

    def rmst(self, horizon: float, given: float = 0.0) -> tuple[float, float]:
        """Return the restricted mean lifetime up to `horizon`, and its standard error.

        With `given`, the mean time that those with us at that tenure still stay up to `horizon`.

        Parameters
        ----------
        horizon : float
            Tenure up to which time is counted; above `given`, at most the longest tenure seen.
        given : float
            Tenure already reached.

        Returns
        -------
        tuple of float
            The area under the curve between `given` and `horizon`, and the standard error of that
            area (not of a single lifetime): ``sum_i A_i^2 d_i / (n_i (n_i - d_i))`` with ``A_i``
            the area to the right of event tenure i.

        Raises
        ------
        ParameterError
            If the horizon is not above `given`.
        NotEnoughDataError
            If the horizon lies beyond the longest tenure seen.

        References
        ----------
        .. [1] Irwin, J. O. (1949). The standard error of an estimate of expectation of life.
           Journal of Hygiene 47, 188-189.
        """
        if not horizon > given >= 0:
            raise ParameterError(f"horizon {horizon} must be above {given}")
        if horizon > self.longest and self.step[-1] > 0:
            raise NotEnoughDataError(
                f"the longest tenure seen is {self.longest:g}; choose a horizon up to it, "
                f"not {horizon:g}"
            )
        inside = (self.tenure > given) & (self.tenure < horizon)
        edges = np.r_[given, self.tenure[inside], horizon]
        survival = self.survival(np.minimum(edges[:-1], self.longest), given)
        areas = survival * np.diff(edges)
        right = areas.sum() - np.cumsum(areas)[:-1]
        terms = self.greenwood[inside]
        variance = np.sum(right[right > 0] ** 2 * terms[right > 0])
        return float(areas.sum()), float(np.sqrt(variance))

    def remaining(self, given: float, horizon: float) -> tuple[float, float, float]:
        """Return mean further stay within `horizon` of those with us at `given`, low and high."""
        value, se = self.rmst(horizon, given)
        low, high = normal_interval(value, se, self.level)
        return value, max(0.0, low), min(horizon - given, high)

    def summary(self) -> pd.DataFrame:
        """Return the curve, one row a tenure."""
        return self.table
