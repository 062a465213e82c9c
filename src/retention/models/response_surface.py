"""Satisfaction as a surface over expectation and perception, because their difference misleads."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.models.least_squares import LeastSquares, LeastSquaresFit

__all__ = ["ResponseSurface", "ResponseSurfaceFit"]

_TERMS = ("E", "P", "E2", "EP", "P2")

_TESTS = {
    # slope and curvature along agreement (P = E) and along disagreement (P = -E)
    "a1": {"E": 1.0, "P": 1.0},
    "a2": {"E2": 1.0, "EP": 1.0, "P2": 1.0},
    "a3": {"E": 1.0, "P": -1.0},
    "a4": {"E2": 1.0, "EP": -1.0, "P2": 1.0},
}


@dataclass(frozen=True, kw_only=True)
class ResponseSurface:
    """Outcome = b0 + b1 E + b2 P + b3 E^2 + b4 EP + b5 P^2, E and P centred on one same point.

    Parameters
    ----------
    centre : float
        The same for both, most often the middle of the scale.
    robust : bool
        Errors that allow for heteroscedasticity; False gives the classical ones.

    References
    ----------
    .. [1] Edwards, J. R. and Parry, M. E. (1993). On the use of polynomial regression equations as
       an alternative to difference scores in organizational research. Academy of Management Journal
       36(6), 1577-1613.
    """

    centre: float
    robust: bool = True

    def fit(
        self,
        expectation: ArrayLike,
        perception: ArrayLike,
        outcome: ArrayLike,
        *,
        customers: ArrayLike | None = None,
        weights: ArrayLike | None = None,
    ) -> ResponseSurfaceFit:
        """Fit the surface, and beside it the two models it contains: P - E, and E and P.

        Parameters
        ----------
        expectation, perception, outcome : array_like of float, shape (n,)
            Complete answers on one same scale.
        customers : array_like, shape (n,), optional
            Who answered, for clustered errors.
        weights : array_like of float, shape (n,), optional
            Survey weights.
        """
        table = pd.DataFrame({"E": expectation, "P": perception, "outcome": outcome})
        table[["E", "P"]] = table[["E", "P"]].astype(float) - self.centre
        table = table.assign(
            E2=table["E"] ** 2,
            EP=table["E"] * table["P"],
            P2=table["P"] ** 2,
            gap=table["P"] - table["E"],
        )
        cluster = None
        if customers is not None:
            table["customer"], cluster = np.asarray(customers, dtype=object), "customer"
        model = LeastSquares(cluster=cluster, robust=self.robust)

        def run(*names: str) -> LeastSquaresFit:
            return model.fit(table, outcome="outcome", regressors=names, weights=weights)

        return ResponseSurfaceFit(run(*_TERMS), run("gap"), run("E", "P"), self.centre)


@dataclass(frozen=True)
class ResponseSurfaceFit:
    """The surface and what a difference score would have lost."""

    surface: LeastSquaresFit
    difference: LeastSquaresFit
    separate: LeastSquaresFit
    centre: float

    def summary(self, level: float = 0.95) -> pd.DataFrame:
        """One row a test: a1, a2 along agreement, a3, a4 along disagreement."""
        rows = {name: self.surface.combination(w, level) for name, w in _TESTS.items()}
        return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "se", "low", "high"])

    def r_squared(self) -> pd.Series:
        """Explained share of the difference score, of E and P, and of the surface."""
        return pd.Series(
            {
                "difference": self.difference.r_squared,
                "separate": self.separate.r_squared,
                "surface": self.surface.r_squared,
            }
        )

    def predict(self, expectation: float, perception: float) -> float:
        """Return the outcome expected at a point of the scale."""
        e, p = expectation - self.centre, perception - self.centre
        at = {"intercept": 1.0, "E": e, "P": p, "E2": e * e, "EP": e * p, "P2": p * p}
        return self.surface.combination(at)[0]
