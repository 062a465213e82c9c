"""What a retention campaign earns: expected maximum profit, and regret against the best rule."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.special import betainc

from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["MaximumProfit", "campaign_profit", "expected_maximum_profit"]

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class MaximumProfit:
    """Profit a customer of the best campaign, and what share of customers it contacts.

    Parameters
    ----------
    profit : float
        Mean over the acceptance rate, in money a customer of the base.
    target_share : float
        Share of customers contacted, mean over the acceptance rate.
    """

    profit: float
    target_share: float


def expected_maximum_profit(
    left: ArrayLike,
    score: ArrayLike,
    *,
    customer_value: float = 200.0,
    offer_cost: float = 10.0,
    contact_cost: float = 1.0,
    alpha: float = 6.0,
    beta: float = 14.0,
) -> MaximumProfit:
    """Return the expected maximum profit of a retention campaign led by a score.

    Of those contacted who would have left, a share gamma accepts the offer and stays; all who would
    have stayed take the offer too. Gamma is not known: it follows a beta distribution, and the
    campaign is the best one for each gamma.

    Parameters
    ----------
    left : array_like of bool, shape (n,)
        Who left.
    score : array_like of float, shape (n,)
        Rises with risk.
    customer_value, offer_cost, contact_cost : float
        In one currency; the value above the offer's cost.
    alpha, beta : float
        Of the distribution of the acceptance rate.

    References
    ----------
    .. [1] Verbraken, T., Verbeke, W. and Baesens, B. (2013). A novel profit maximizing metric for
       measuring classification performance of customer churn prediction models. IEEE Transactions
       on Knowledge and Data Engineering 25, 961-973.
    """
    if not customer_value > offer_cost >= 0 or contact_cost < 0 or min(alpha, beta) <= 0:
        raise ParameterError("need customer_value > offer_cost >= 0, contact_cost >= 0, beta > 0")
    y = np.asarray(left, dtype=bool)
    p0 = float(y.mean())
    if not 0 < p0 < 1:
        raise NotEnoughDataError("everybody, or nobody, left: no campaign to judge")
    f0, f1 = _hull(y, np.asarray(score, dtype=float))
    delta, phi = offer_cost / customer_value, contact_cost / customer_value
    # acceptance rate above which the next corner of the hull is the better campaign
    edge = (1 - p0) * (delta + phi) * np.diff(f1) / (p0 * (1 - delta) * np.diff(f0)) + phi / (
        1 - delta
    )
    limits = np.clip(np.r_[0.0, edge, 1.0], 0.0, 1.0)
    mass = np.diff(betainc(alpha, beta, limits))
    first = np.diff(betainc(alpha + 1, beta, limits)) * alpha / (alpha + beta)
    gain = customer_value * (1 - delta) * p0 * f0 * first
    cost = customer_value * (phi * p0 * f0 + (delta + phi) * (1 - p0) * f1) * mass
    share = (p0 * f0 + (1 - p0) * f1) @ mass
    return MaximumProfit(float(np.sum(gain - cost)), float(share))


def _hull(y: NDArray[np.bool_], score: Floats) -> tuple[Floats, Floats]:
    """Corners of the convex hull of the ROC curve: shares of leavers and of stayers contacted."""
    _, code = np.unique(-score, return_inverse=True)
    f0 = np.r_[0.0, np.cumsum(np.bincount(code, y)) / y.sum()]
    f1 = np.r_[0.0, np.cumsum(np.bincount(code, ~y)) / (~y).sum()]
    corners: list[int] = []
    for k in range(len(f0)):
        while len(corners) >= 2:
            i, j = corners[-2:]
            if (f0[j] - f0[i]) * (f1[k] - f1[i]) > (f0[k] - f0[i]) * (f1[j] - f1[i]):
                break
            corners.pop()
        corners.append(k)
    # a corner straight to the right of another contacts stayers only: never better
    keep = [k for n, k in enumerate(corners) if n == 0 or f0[k] > f0[corners[n - 1]]]
    return f0[keep], f1[keep]


def campaign_profit(
    left: ArrayLike,
    p_leave: ArrayLike,
    *,
    worth: ArrayLike,
    acceptance: float,
    offer_cost: float,
    contact_cost: float,
) -> pd.DataFrame:
    """Return what contacting by rules would have earned, and the regret against the best of all.

    Parameters
    ----------
    left, p_leave : array_like, shape (n,)
        Who left, and the predicted chance.
    worth : array_like of float, shape (n,)
        What is kept with each customer who would have left and stays.
    acceptance : float
        Chance that a leaver who is contacted stays.
    offer_cost, contact_cost : float
        Of each contacted customer who stays, and of each contact.

    Returns
    -------
    pandas.DataFrame
        By rule: ``contacted``, ``profit`` and ``regret``: ``nobody``, ``everybody``, ``by risk``
        and ``by expected profit`` (each cut where the predictions expect no further profit), and
        ``who really left`` (the best rule, known only afterwards).
    """
    y, p = np.asarray(left, dtype=float), np.asarray(p_leave, dtype=float)
    value = np.asarray(worth, dtype=float)
    kept = acceptance * (value - offer_cost)
    expected = p * kept - (1 - p) * offer_cost - contact_cost
    real = y * kept - (1 - y) * offer_cost - contact_cost
    by_risk = np.argsort(-p, kind="stable")
    best = int(np.argmax(np.r_[0.0, np.cumsum(expected[by_risk])]))
    risk_rule = np.zeros(len(y), dtype=bool)
    risk_rule[by_risk[:best]] = True
    rules = {
        "nobody": np.zeros(len(y), dtype=bool),
        "everybody": np.ones(len(y), dtype=bool),
        "by risk": risk_rule,
        "by expected profit": expected > 0,
        "who really left": real > 0,
    }
    table = pd.DataFrame(
        {name: (rule.sum(), real[rule].sum()) for name, rule in rules.items()},
        index=["contacted", "profit"],
    ).T
    table["regret"] = table["profit"].max() - table["profit"]
    return table.rename_axis("rule")
