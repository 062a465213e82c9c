"""Beta-discrete-Weibull: shifted beta-geometric whose churn may rise or fall with tenure."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import betaln, expit

from retention.models.renewals import Array, RenewalFit, RenewalModel


@dataclass(frozen=True, kw_only=True)
class BetaDiscreteWeibullFit(RenewalFit):
    """What the beta-discrete-Weibull model learned: alpha, beta, and c.

    Parameters
    ----------
    c : float
        Above 1 each customer's own churn rises with tenure, below 1 it falls; 1 is the shifted
        beta-geometric.
    """

    c: float

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper."""
        return {"alpha": self.alpha, "beta": self.beta, "c": self.c}

    def survival(self, t: ArrayLike) -> Array:
        """Share of a cohort that is still with us after `t` renewals."""
        t = np.asarray(t, dtype=float)
        return np.exp(betaln(self.alpha, self.beta + t**self.c) - betaln(self.alpha, self.beta))


@dataclass(frozen=True, kw_only=True)
class BetaDiscreteWeibull(RenewalModel):
    """Churn at renewal with differences between customers and with duration dependence.

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S., Liu, Y., Davin, J. and Steenburgh, T. (2018). "How to
       project customer retention" revisited: the role of duration dependence. Journal of
       Interactive Marketing 43, 1-16.

    Examples
    --------
    >>> fit = BetaDiscreteWeibullFit(alpha=1.0, beta=1.0, c=1.0, unit="year")
    >>> fit.survival([0, 1, 3])
    array([1.  , 0.5 , 0.25])
    """

    @property
    def name(self) -> str:
        """The model in the field's words."""
        return "beta-discrete-Weibull"

    @property
    def _duration_dependence(self) -> bool:
        return True

    def _learned(self, theta: Array, **facts: Any) -> BetaDiscreteWeibullFit:
        kappa = float(np.exp(theta[1]))
        return BetaDiscreteWeibullFit(
            alpha=kappa * float(expit(theta[0])),
            beta=kappa * float(expit(-theta[0])),
            c=float(np.exp(theta[2])),
            **facts,
        )
