"""MBG/NBD and MBG/CNBD-k: a customer may stop after any purchase, the first one too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scipy.special import gammaln

from retention.errors import ParameterError
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
class ModifiedBetaGeoNBDFit(BetaGeometricFit):
    """What MBG/NBD learned: r, alpha (rate of hidden events), a, b (dropout), and k."""

    @property
    def at_zero(self) -> int:
        """1: a customer may stop right after the first purchase."""
        return 1


@dataclass(frozen=True, kw_only=True)
class ModifiedBetaGeoNBD(PurchaseModel):
    """MBG/NBD of Batislam et al. (2007); with k > 1 the MBG/CNBD-k of Platzer and Reutterer (2016).

    Parameters
    ----------
    k : int
        Regularity of buying: intervals between purchases are Erlang(k). 1 is random timing. To
        compare the likelihoods of different k the table must carry ``log_intervals``.

    References
    ----------
    .. [1] Batislam, E. P., Denizel, M. and Filiztekin, A. (2007). Empirical validation and
       comparison of models for customer base analysis. International Journal of Research in
       Marketing 24(3), 201-209.
    .. [2] Platzer, M. and Reutterer, T. (2016). Ticking away the moments: timing regularity helps
       to better predict customer activity. Marketing Science 35(5), 779-799.

    Examples
    --------
    >>> fit = ModifiedBetaGeoNBDFit(r=0.525, alpha=6.183, a=0.891, b=1.614, unit="week")
    >>> float(fit.probability_alive(fit.newcomer()).iloc[0].round(3))
    0.644
    """

    k: int = 1

    def __post_init__(self) -> None:
        if not (isinstance(self.k, int) and 1 <= self.k <= 12):
            raise ParameterError(f"k must be a whole number from 1 to 12, got {self.k}")

    @property
    def name(self) -> str:
        """The model in the field's words."""
        return "MBG/NBD" if self.k == 1 else f"MBG/CNBD-{self.k}"

    def _likelihood(self, rows: PurchaseRows) -> BetaGeometricLikelihood:
        return BetaGeometricLikelihood(rows, self.k, 1)

    def _constant(self, rows: PurchaseRows, scale: float) -> float:
        # the scaled likelihood has k events a purchase, each measured in the scaled unit
        constant = self.k * super()._constant(rows, scale)
        if self.k > 1:
            constant += (self.k - 1) * rows.log_intervals
            constant -= float(rows.weights @ rows.x) * float(gammaln(self.k))
        return constant

    def _bounds(self) -> list[Bound]:
        return BOUNDS

    def _starts(self) -> list[list[float]]:
        return STARTS

    def _learned(self, theta: Array, scale: float, **facts: Any) -> ModifiedBetaGeoNBDFit:
        s = shapes_of(theta[:4], PurchaseRows.empty(), 1, 1)
        return ModifiedBetaGeoNBDFit(
            r=s.r,
            alpha=float(s.alpha) * scale,
            a=float(s.a),
            b=float(s.b),
            k=self.k,
            **self._effects(theta, 4),
            **facts,
        )
