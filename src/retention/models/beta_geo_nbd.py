"""BG/NBD: buying at random times, with a chance to stop after each repeat purchase."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from retention.models.beta_geometric import (
    BOUNDS,
    STARTS,
    BetaGeometricFit,
    BetaGeometricLikelihood,
    shapes_of,
)
from retention.models.maximum_likelihood import Bound
from retention.models.purchase_model import PurchaseModel
from retention.models.purchase_rows import Array, PurchaseRows


@dataclass(frozen=True, kw_only=True)
class BetaGeoNBDFit(BetaGeometricFit):
    """What BG/NBD learned: r, alpha (purchase rate), a, b (dropout)."""


@dataclass(frozen=True, kw_only=True)
class BetaGeoNBD(PurchaseModel):
    """BG/NBD of Fader, Hardie and Lee (2005).

    A customer without a repeat purchase cannot have stopped: the model calls each of them alive.
    Where many customers bought once only, `ModifiedBetaGeoNBD` is the sounder choice.

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). "Counting your customers" the easy
       way: an alternative to the Pareto/NBD model. Marketing Science 24(2), 275-284.

    Examples
    --------
    >>> fit = BetaGeoNBDFit(r=0.243, alpha=4.414, a=0.793, b=2.426, unit="week")
    >>> round(fit.expected_new_customer(52), 2)
    1.45
    """

    @property
    def name(self) -> str:
        """The model in the field's words."""
        return "BG/NBD"

    def _likelihood(self, rows: PurchaseRows) -> BetaGeometricLikelihood:
        return BetaGeometricLikelihood(rows, 1, 0)

    def _bounds(self) -> list[Bound]:
        return BOUNDS

    def _starts(self) -> list[list[float]]:
        return STARTS

    def _learned(self, theta: Array, scale: float, **facts: Any) -> BetaGeoNBDFit:
        s = shapes_of(theta[:4], PurchaseRows.empty(), 1, 0)
        return BetaGeoNBDFit(
            r=s.r,
            alpha=float(s.alpha) * scale,
            a=float(s.a),
            b=float(s.b),
            **self._effects(theta, 4),
            **facts,
        )
