"""Shifted beta-geometric: each customer keeps one chance to leave, the same at every renewal."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, expit

from retention.models.renewals import Array, RenewalFit, RenewalModel


@dataclass(frozen=True, kw_only=True)
class ShiftedBetaGeometricFit(RenewalFit):
    """What the shifted beta-geometric model learned: alpha and beta."""

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper."""
        return {"alpha": self.alpha, "beta": self.beta}

    def survival(self, t: ArrayLike) -> Array:
        """Share of a cohort that is still with us after `t` renewals."""
        t = np.asarray(t, dtype=float)
        return np.exp(betaln(self.alpha, self.beta + t) - betaln(self.alpha, self.beta))


@dataclass(frozen=True, kw_only=True)
class ShiftedBetaGeometric(RenewalModel):
    """Churn at renewal, where each customer keeps one churn probability for life.

    References
    ----------
    .. [1] Fader, P. S. and Hardie, B. G. S. (2007). How to project customer retention. Journal of
       Interactive Marketing 21(1), 76-90.
    .. [2] Fader, P. S. and Hardie, B. G. S. (2010). Customer-base valuation in a contractual
       setting: the perils of ignoring heterogeneity. Marketing Science 29(1), 85-93.

    Examples
    --------
    >>> fit = ShiftedBetaGeometricFit(alpha=1.0, beta=1.0, unit="year")
    >>> fit.survival([0, 1, 3])
    array([1.  , 0.5 , 0.25])
    """

    @property
    def name(self) -> str:
        """The model in the field's words."""
        return "shifted beta-geometric"

    def _learned(self, theta: Array, **facts: Any) -> ShiftedBetaGeometricFit:
        kappa = float(np.exp(theta[1]))
        return ShiftedBetaGeometricFit(
            alpha=kappa * float(expit(theta[0])), beta=kappa * float(expit(-theta[0])), **facts
        )
