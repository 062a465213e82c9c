"""At what saving would you leave? Answers on a ladder of savings, each known to an interval."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from retention.errors import ConvergenceError, NotEnoughDataError, NotIdentifiedError, SchemaError
from retention.estimates import delta_interval

__all__ = ["StatedLadder", "StatedLadderFit"]


@dataclass(frozen=True)
class StatedLadderFit:
    """What was learned; holds no data and cannot be refitted.

    Parameters
    ----------
    shape, scale : float
        Weibull distribution of the saving at which customers leave.
    covariance : ndarray, shape (2, 2)
        Of the logarithms of shape and scale.
    steps : DataFrame
        Turnbull's estimate without any distribution: ``saving``, ``stay`` (share that stays when
        offered so much), at the rungs.
    n : int
        Answers.
    level : float
        Level of intervals.
    """

    shape: float
    scale: float
    covariance: NDArray[np.float64]
    steps: pd.DataFrame
    n: int
    level: float

    def stay(self, saving: ArrayLike) -> NDArray[np.float64]:
        """Return the share that says it stays when a rival saves it so much."""
        ratio = np.maximum(np.asarray(saving, dtype=float), 0) / self.scale
        return np.exp(-(ratio**self.shape))

    def quantile(self, share: float = 0.5) -> tuple[float, float, float]:
        """Return the saving at which so large a share has left, and its interval."""

        def log_saving(theta: NDArray[np.float64]) -> float:
            return float(theta[1] + np.log(-np.log1p(-share)) * np.exp(-theta[0]))

        theta = np.log([self.shape, self.scale])
        value, low, high = delta_interval(log_saving, theta, self.covariance, self.level)
        return float(np.exp(value)), float(np.exp(low)), float(np.exp(high))


@dataclass(frozen=True, kw_only=True)
class StatedLadder:
    """Interval-censored savings: Weibull by maximum likelihood, and Turnbull's steps [1]_.

    References
    ----------
    .. [1] Turnbull, B. W. (1976). The empirical distribution function with arbitrarily grouped,
       censored and truncated data. Journal of the Royal Statistical Society B 38, 290-295.
    """

    level: float = 0.95

    def fit(self, answers: pd.DataFrame) -> StatedLadderFit:
        """Fit to one row a respondent: stays at `low`, leaves at `high` (missing: never said so).

        Raises
        ------
        SchemaError
            If bounds are not ``0 <= low < high``.
        NotEnoughDataError
            For fewer than two answers.
        NotIdentifiedError
            If nobody would ever leave, or all answers lie on one rung.
        """
        low = answers["low"].to_numpy(dtype=float, na_value=np.nan)
        high = answers["high"].to_numpy(dtype=float, na_value=np.inf)
        high = np.where(np.isnan(high), np.inf, high)
        wrong = ~((low >= 0) & (low < high))
        if wrong.any():
            raise SchemaError(
                "stated ladder",
                [f"{wrong.sum():,} of {len(low):,} answers do not go from stay up to leave"],
            )
        if len(low) < 2:
            raise NotEnoughDataError(f"{len(low)} answers to the ladder; at least 2 are needed")
        if np.isinf(high).all():
            raise NotIdentifiedError("nobody would leave at any rung; ask with larger savings")
        if len(np.unique(np.c_[low, high], axis=0)) == 1:
            raise NotIdentifiedError("all answers lie on one rung; ask with finer savings")
        theta, covariance = _weibull(low, high)
        return StatedLadderFit(
            shape=float(np.exp(theta[0])),
            scale=float(np.exp(theta[1])),
            covariance=covariance,
            steps=_turnbull(low, high),
            n=len(low),
            level=self.level,
        )


def _weibull(
    low: NDArray[np.float64], high: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return logs of shape and scale and their covariance."""
    open_ended = np.isinf(high)
    top = np.where(open_ended, 1.0, high)

    def terms(theta: NDArray[np.float64]) -> NDArray[np.float64]:
        shape, scale = np.exp(np.clip(theta, -20, 20))
        above = np.exp(-((low / scale) ** shape))
        below = np.where(open_ended, 0.0, np.exp(-((top / scale) ** shape)))
        return np.log(np.maximum(above - below, 1e-300))

    centre = np.median(np.r_[high[~open_ended], low[open_ended]])
    found = minimize(
        lambda theta: -terms(theta).sum(),
        [0.0, np.log(centre)],
        method="Nelder-Mead",
        options={"xatol": 1e-8, "fatol": 1e-9, "maxiter": 4000},
    )
    if not found.success or np.abs(found.x).max() > 15:
        raise ConvergenceError("stated ladder: the answers fit no Weibull distribution")
    step, hessian = 1e-4, np.empty((2, 2))
    for i, a in enumerate(np.eye(2) * step):
        for j, b in enumerate(np.eye(2) * step):
            corners = [
                terms(found.x + s * a + r * b).sum() * s * r for s in (1, -1) for r in (1, -1)
            ]
            hessian[i, j] = sum(corners) / (4 * step**2)
    return np.asarray(found.x, dtype=float), np.linalg.inv(-hessian).astype(np.float64)


def _turnbull(low: NDArray[np.float64], high: NDArray[np.float64]) -> pd.DataFrame:
    """Return the share that stays at each rung, by self-consistency."""
    rungs = np.unique(np.r_[0.0, low, high])
    inside = (rungs[None, 1:] <= high[:, None]) & (rungs[None, :-1] >= low[:, None])
    mass = np.full(len(rungs) - 1, 1 / (len(rungs) - 1))
    for _ in range(10_000):
        weight = inside * mass
        new = (weight / weight.sum(axis=1, keepdims=True)).mean(axis=0)
        if np.abs(new - mass).max() < 1e-10:
            break
        mass = new
    stay = 1 - np.r_[0.0, np.cumsum(mass)]
    finite = np.isfinite(rungs)
    return pd.DataFrame({"saving": rungs[finite], "stay": stay[finite].clip(0, 1)})
