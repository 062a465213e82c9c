"""Rank-based wallet share: what a supplier's rank says about its share of a customer's spend."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError

__all__ = ["rank_based_wallet_share"]


def rank_based_wallet_share(rank: ArrayLike, suppliers: ArrayLike) -> NDArray[np.float64]:
    """Return ``(1 - rank / (n + 1)) * 2 / n``, a customer's share of spend with one supplier.

    The shares of all suppliers of a customer sum to 1; tied suppliers get the mean of their
    ranks. It is a rule of thumb without knowledge of `n` beyond the count, so set it against real
    wallets before it is used.

    Parameters
    ----------
    rank : array_like of float
        Rank of the supplier, 1 the best.
    suppliers : array_like of float
        How many suppliers the customer uses.

    Raises
    ------
    ParameterError
        If a rank lies outside 1 to the number of suppliers.

    References
    ----------
    .. [1] Keiningham, T. L., Aksoy, L., Buoye, A. and Cooil, B. (2011). Customer loyalty isn't
       enough. Grow your share of wallet. Harvard Business Review 89(10), 29-31.

    Examples
    --------
    >>> rank_based_wallet_share([1, 2, 3], 3)
    array([0.5 , 0.33333333, 0.16666667])
    """
    r, n = np.broadcast_arrays(np.asarray(rank, dtype=float), np.asarray(suppliers, dtype=float))
    wrong = ~((r >= 1) & (r <= n))
    if wrong.any():
        raise ParameterError(
            f"{wrong.sum():,} of {r.size:,} ranks lie outside 1 to the number of suppliers"
        )
    return (1 - r / (n + 1)) * 2 / n
