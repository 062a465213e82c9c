"""What a rule for whom to treat is worth, from scores that did not see its choice."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.errors import ParameterError
from retention.estimates import normal_interval

__all__ = ["PolicyValue", "policy_value", "qini_coefficient", "qini_curve"]


@dataclass(frozen=True)
class PolicyValue:
    """Mean worth a customer of following a rule rather than treating nobody.

    Parameters
    ----------
    value, standard_error : float
        In the unit of the scores, per customer of the base, treated or not.
    share : float
        Share of customers the rule treats.
    n : int
        Customers of the base.
    """

    value: float
    standard_error: float
    share: float
    n: int

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the normal interval."""
        return normal_interval(self.value, self.standard_error, level)


def policy_value(
    scores: ArrayLike, treat: ArrayLike, *, worth: ArrayLike = 1.0, cost: ArrayLike = 0.0
) -> PolicyValue:
    """Return the mean of ``treat * (worth * score - cost)`` over all customers.

    Parameters
    ----------
    scores : array_like of float, shape (n,)
        Doubly robust scores, cross-fitted.
    treat : array_like of bool, shape (n,)
        The rule's choice; it may look at covariates and predictions, not at the scores.
    worth : array_like of float, shape (n,) or ()
        Money a unit of the outcome is worth, such as residual value where the outcome is retention.
    cost : array_like of float, shape (n,) or ()
        Cost of treating a customer.

    References
    ----------
    .. [1] Athey, S. and Wager, S. (2021). Policy learning with observational data. Econometrica
       89, 133-161.

    Examples
    --------
    >>> policy_value([0.2, -0.1], [True, False], worth=100, cost=5).value
    7.5
    """
    score = np.asarray(scores, dtype=float)
    chosen = np.asarray(treat, dtype=bool)
    if score.shape != chosen.shape or score.ndim != 1 or score.size < 2:
        raise ParameterError("scores and treat must be of one length, 2 or more")
    gains = chosen * (np.asarray(worth, dtype=float) * score - np.asarray(cost, dtype=float))
    se = float(gains.std(ddof=1) / np.sqrt(gains.size))
    return PolicyValue(float(gains.mean()), se, float(chosen.mean()), int(gains.size))


def qini_curve(scores: ArrayLike, ranking: ArrayLike, *, steps: int = 20) -> pd.DataFrame:
    """Return the gain from treating the best-ranked first.

    Parameters
    ----------
    scores : array_like of float, shape (n,)
        Doubly robust scores.
    ranking : array_like of float, shape (n,)
        Larger is treated earlier; ties are treated together, by their mean score.
    steps : int
        Points of the curve besides 0.

    Returns
    -------
    DataFrame
        ``share`` treated; ``gain`` a customer of the base; ``se``; ``at_random``: the gain of the
        same share chosen by lot; ``lift``: gain less at_random, and ``lift_se``.
    """
    score, rank = np.asarray(scores, dtype=float), np.asarray(ranking, dtype=float)
    if score.shape != rank.shape or score.size < 2 or steps < 1:
        raise ParameterError("scores and ranking must be of one length, 2 or more; steps 1 or more")
    n, rows = score.size, []
    for share in np.linspace(0, 1, steps + 1):
        inside = _best(rank, share)
        parts = inside * score
        over = (inside - share) * score
        rows.append(
            (share, parts.mean(), parts.std(ddof=1) / np.sqrt(n), share * score.mean(),
             over.mean(), over.std(ddof=1) / np.sqrt(n))
        )  # fmt: skip
    return pd.DataFrame(rows, columns=["share", "gain", "se", "at_random", "lift", "lift_se"])


def qini_coefficient(scores: ArrayLike, ranking: ArrayLike) -> tuple[float, float]:
    """Return the area between the curve and treating by lot, and its standard error.

    The area is a mean over customers of the score times one half less the share ranked better, so
    its error needs no resampling.

    Examples
    --------
    >>> qini_coefficient([1.0, 0.0, 0.0, -1.0], [4, 3, 2, 1])[0]
    0.1875
    """
    score, rank = np.asarray(scores, dtype=float), np.asarray(ranking, dtype=float)
    if score.shape != rank.shape or score.size < 2:
        raise ParameterError("scores and ranking must be of one length, 2 or more")
    order = pd.Series(-rank).rank(method="average").to_numpy()
    weight = 0.5 - (order - 0.5) / score.size
    parts = weight * score
    return float(parts.mean()), float(parts.std(ddof=1) / np.sqrt(score.size))


def _best(rank: np.ndarray, share: float) -> np.ndarray:
    """Return how much of each customer is treated when the best `share` are; ties in part."""
    wanted = share * rank.size
    order = np.sort(rank)[::-1]
    if wanted <= 0:
        return np.zeros(rank.size)
    edge = order[min(rank.size - 1, int(np.ceil(wanted)) - 1)]
    above, at = rank > edge, rank == edge
    return above + at * ((wanted - above.sum()) / at.sum())
