"""Shy's quick-and-easy switching costs: what prices and shares imply if nobody is undercut."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError

__all__ = ["undercut_proof_costs", "undercut_proof_duopoly"]


def undercut_proof_duopoly(
    customers_a: float, customers_b: float, switching_cost: float
) -> tuple[float, float]:
    """Return the undercut-proof prices of two firms whose customers share one switching cost.

    References
    ----------
    .. [1] Shy, O. (2002). A quick-and-easy method for estimating switching costs. International
       Journal of Industrial Organization 20(1), 71-87.

    Examples
    --------
    >>> [round(price, 4) for price in undercut_proof_duopoly(700, 300, 50)]
    [82.2785, 107.5949]
    """
    a, b = customers_a, customers_b
    scale = (a + b) * switching_cost / (a * a + a * b + b * b)
    return (a + 2 * b) * scale, (2 * a + b) * scale


def undercut_proof_costs(
    price: ArrayLike, customers: ArrayLike, *, names: ArrayLike | None = None, change: float = 0.1
) -> pd.DataFrame:
    """Return each firm's switching cost, as its price and the number of its customers imply.

    Firms are ranked by customers. Every firm keeps its price just low enough that the smallest
    firm does not gain by undercutting it; the smallest fears the largest [1]_. There is no
    sampling, so there is no interval; `low` and `high` are the extremes when each price and each
    number of customers in the formula is `change` lower or higher, one at a time, and when tied
    firms swap ranks.

    Parameters
    ----------
    price : array_like of float, shape (I,)
        Price a unit, above 0.
    customers : array_like of float, shape (I,)
        Customers of each firm, above 0.
    names : array_like of str, shape (I,), optional
        Names of the firms.
    change : float
        Relative change in the sensitivity, between 0 and 1.

    Returns
    -------
    DataFrame, one row a firm, largest first
        firm, customers, price, switching_cost, share_of_price, low, high, tied (another firm has
        as many customers, and the ranking by price, cheapest last, is a convention).

    Raises
    ------
    ParameterError
        For fewer than two firms, or a price or a number of customers that is not above 0.

    References
    ----------
    .. [1] Shy, O. (2002). A quick-and-easy method for estimating switching costs. International
       Journal of Industrial Organization 20(1), 71-87.
    """
    p, n, firm = _checked(price, customers, names, change)
    order = np.lexsort((-p, -n))
    p, n, firm = p[order], n[order], firm[order]
    value = _costs(p, n)
    variants = [value]
    for i in range(len(p)):
        for factor in (1 - change, 1 + change):
            scale = np.where(np.arange(len(p)) == i, factor, 1.0)
            variants += [_costs(p * scale, n), _costs(p, n * scale)]
    ranks = {count: np.flatnonzero(n == count) for count in n if (n == count).sum() > 1}
    for group in ranks.values():
        for i in group[:-1]:
            swap = np.arange(len(p))
            swap[[i, group[-1]]] = swap[[group[-1], i]]
            variants.append(_costs(p[swap], n[swap])[np.argsort(swap)])
    return pd.DataFrame(
        {
            "firm": firm,
            "customers": n,
            "price": p,
            "switching_cost": value,
            "share_of_price": value / p,
            "low": np.min(variants, axis=0),
            "high": np.max(variants, axis=0),
            "tied": [bool((n == count).sum() > 1) for count in n],
        }
    )


def _checked(
    price: ArrayLike, customers: ArrayLike, names: ArrayLike | None, change: float
) -> tuple[NDArray[np.float64], NDArray[np.float64], NDArray[np.object_]]:
    p, n = np.asarray(price, dtype=float), np.asarray(customers, dtype=float)
    if p.ndim != 1 or p.shape != n.shape or len(p) < 2:
        raise ParameterError("undercut-proof costs need prices and customers of two or more firms")
    firm = np.asarray(names if names is not None else [f"firm {i + 1}" for i in range(len(p))])
    if firm.shape != p.shape:
        raise ParameterError(f"{len(firm)} names for {len(p)} firms")
    bad = firm[~((p > 0) & (n > 0) & np.isfinite(p) & np.isfinite(n))]
    if len(bad):
        raise ParameterError(
            f"price and customers must be above 0; not so for {', '.join(map(str, bad))}: leave "
            "firms without customers out"
        )
    if not 0 < change < 1:
        raise ParameterError(f"change must lie between 0 and 1, got {change}")
    return p, n, firm.astype(object)


def _costs(p: NDArray[np.float64], n: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the costs of firms already ranked; the last is the smallest."""
    costs = p - p[-1] * n[-1] / (n + n[-1])
    costs[-1] = p[-1] - p[0] * n[0] / (n[0] + n[-1])
    return costs
