"""What a Cox regression learned: coefficients, errors, baselines, and what follows from them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from retention.errors import ParameterError
from retention.estimates import normal_quantile

from .design import Design
from .risk_sets import Floats

__all__ = ["CoxFit"]


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
