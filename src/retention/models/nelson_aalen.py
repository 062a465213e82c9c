"""Nelson-Aalen: the cumulative hazard by tenure, from counts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError
from retention.estimates import normal_quantile

from .counts import RiskTable

__all__ = ["NelsonAalen", "NelsonAalenFit"]


@dataclass(frozen=True, kw_only=True)
class NelsonAalen:
    """The cumulative hazard of all spells of a table.

    Parameters
    ----------
    ties : str
        ``grouped``: d / n at each tenure, right where leaving is dated to the unit. ``ordered``
        (Fleming-Harrington): 1/n + ... + 1/(n-d+1), as if the d had left one after the other.
    level : float
        Level of the intervals, which are of the log kind.

    References
    ----------
    .. [1] Aalen, O. (1978). Nonparametric inference for a family of counting processes. Annals of
       Statistics 6, 701-726.
    """

    ties: Literal["grouped", "ordered"] = "grouped"
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.ties not in ("grouped", "ordered"):
            raise ParameterError(f"ties must be grouped or ordered, got {self.ties!r}")

    def fit(self, table: pd.DataFrame) -> NelsonAalenFit:
        """Fit to a cube (all patterns together) or to one row a spell."""
        risk = RiskTable.of(table)
        n, d = risk.at_risk[0], risk.events[0]
        if self.ties == "grouped":
            safe = np.maximum(n, 1)
            increment, variance = d / safe, d / safe**2
        else:
            increment, variance = _ordered(n, d, 1), _ordered(n, d, 2)
        total, spread = np.cumsum(increment), np.cumsum(variance)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.exp(normal_quantile(self.level) * np.sqrt(spread) / total)
            low, high = total / factor, total * factor
        frame = pd.DataFrame(
            {
                "tenure": risk.tenure,
                "at_risk": n,
                "events": d,
                "hazard": increment,
                "cumulative_hazard": total,
                "se": np.sqrt(spread),
                "low": low,
                "high": high,
            }
        )
        return NelsonAalenFit(frame, self.level)


def _ordered(n: NDArray[np.float64], d: NDArray[np.float64], power: int) -> NDArray[np.float64]:
    return np.array(
        [np.sum((a - np.arange(int(b))) ** -float(power)) for a, b in zip(n, d, strict=True)]
    )


@dataclass(frozen=True, eq=False)
class NelsonAalenFit:
    """A cumulative hazard: steps at the tenures where spells ended."""

    table: pd.DataFrame
    level: float

    def cumulative_hazard(self, t: ArrayLike) -> NDArray[np.float64]:
        """Return H(t); NaN beyond the longest tenure seen."""
        at = np.searchsorted(self.table["tenure"], np.asarray(t, dtype=float), side="right")
        values = np.r_[0.0, self.table["cumulative_hazard"]][at]
        return np.where(np.asarray(t, dtype=float) > self.table["tenure"].iloc[-1], np.nan, values)

    def summary(self) -> pd.DataFrame:
        """Return the curve, one row a tenure."""
        return self.table
