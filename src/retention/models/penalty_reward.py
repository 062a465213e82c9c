"""What only angers when it is missing, what delights when it is there, and what does both."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from retention.errors import NotEnoughDataError, ParameterError
from retention.models.least_squares import LeastSquares

__all__ = ["PenaltyReward", "PenaltyRewardFit"]


@dataclass(frozen=True, kw_only=True)
class PenaltyReward:
    """Satisfaction on two dummies a driver: bottom and top of the scale, against the middle.

    Parameters
    ----------
    bottom, top : float
        Answers up to `bottom` are low performance, from `top` on high performance.
    level : float
        Level of the intervals, and of the tests by which a driver is classed.

    References
    ----------
    .. [1] Brandt, R. D. (1987). A procedure for identifying value-enhancing service components
       using customer satisfaction survey data.
    .. [2] Mikulic, J. and Prebezac, D. (2008). Prioritizing improvement of service attributes using
       impact range-performance analysis and impact-asymmetry analysis. Managing Service Quality
       18(6), 559-576.
    """

    bottom: float
    top: float
    level: float = 0.95

    def __post_init__(self) -> None:
        if not self.bottom < self.top:
            raise ParameterError(f"bottom {self.bottom} must lie below top {self.top}")

    def fit(
        self,
        drivers: pd.DataFrame,
        outcome: ArrayLike,
        *,
        customers: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> PenaltyRewardFit:
        """Fit all drivers together.

        Raises
        ------
        NotEnoughDataError
            If a driver has fewer than 5 answers at the bottom or at the top.
        """
        table = pd.DataFrame({"outcome": np.asarray(outcome, dtype=float)})
        names = []
        for driver in drivers:
            x = drivers[driver].to_numpy(dtype=float)
            for side, hit in (("penalty", x <= self.bottom), ("reward", x >= self.top)):
                if hit.sum() < 5:
                    raise NotEnoughDataError(
                        f"{int(hit.sum())} answers give {driver} a {side}; at least 5 are needed"
                    )
                table[f"{driver}|{side}"] = hit.astype(float)
                names.append(f"{driver}|{side}")
        cluster = None
        if customers is not None:
            table["customer"], cluster = np.asarray(customers, dtype=object), "customer"
        fit = LeastSquares(cluster=cluster).fit(
            table, outcome="outcome", regressors=names, weights=weights
        )
        rows = [self._row(str(d), fit.summary(self.level), fit.combination) for d in drivers]
        return PenaltyRewardFit(pd.DataFrame(rows).set_index("driver"), fit.n, fit.r_squared)

    def _row(self, driver: str, table: pd.DataFrame, combine: object) -> dict[str, object]:
        assert callable(combine)
        p, r = table.T[f"{driver}|penalty"], table.T[f"{driver}|reward"]
        penalty, reward = float(p["coefficient"]), float(r["coefficient"])
        span = abs(penalty) + abs(reward)
        # reward + penalty is above 0 if praise lifts more than blame lowers
        difference, se, *_ = combine(
            {f"{driver}|penalty": 1.0, f"{driver}|reward": 1.0}, self.level
        )
        z = abs(difference) / se if se > 0 else 0.0
        moves = min(p["p_value"], r["p_value"]) < 1 - self.level
        uneven = 2 * float(stats.norm.sf(z)) < 1 - self.level
        kind = "none seen" if not moves else "performance"
        if moves and uneven:
            kind = "attractive" if difference > 0 else "must-be"
        return {
            "driver": driver,
            "penalty": penalty,
            "penalty_low": p["low"],
            "penalty_high": p["high"],
            "reward": reward,
            "reward_low": r["low"],
            "reward_high": r["high"],
            "asymmetry": (reward - abs(penalty)) / span if span > 0 else 0.0,
            "kind": kind,
        }


@dataclass(frozen=True)
class PenaltyRewardFit:
    """One row a driver: penalty, reward, impact asymmetry, and its kind."""

    drivers: pd.DataFrame
    n: int
    r_squared: float

    def summary(self) -> pd.DataFrame:
        """One row a driver, the most asymmetric penalty first."""
        return self.drivers.sort_values("asymmetry")
