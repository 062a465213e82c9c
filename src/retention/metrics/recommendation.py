"""How often what a customer bought next was among the few products that were named."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray

from retention.errors import ParameterError

__all__ = ["hits", "reciprocal_ranks"]


def hits(named: Sequence[Sequence[str]], bought: Sequence[Collection[str]]) -> NDArray[np.bool_]:
    """Whether any of the products named for a customer was bought.

    Parameters
    ----------
    named : sequence of sequence of str, length n
        Products named for each customer, best first.
    bought : sequence of collection of str, length n
        Products each of them then bought.

    Returns
    -------
    ndarray of bool, shape (n,)

    Raises
    ------
    ParameterError
        If the two are not of the same length.

    Examples
    --------
    >>> hits([["tea", "cup"], ["tea"]], [{"cup"}, {"spoon"}]).tolist()
    [True, False]
    """
    return reciprocal_ranks(named, bought) > 0


def reciprocal_ranks(
    named: Sequence[Sequence[str]], bought: Sequence[Collection[str]]
) -> NDArray[np.float64]:
    """One over the rank of the first named product that was bought; 0 where none was.

    Examples
    --------
    >>> reciprocal_ranks([["tea", "cup"]], [{"cup"}]).tolist()
    [0.5]
    """
    if len(named) != len(bought):
        raise ParameterError(f"{len(named)} customers were named products, {len(bought)} bought")
    ranks = [
        next((1 / rank for rank, product in enumerate(list_, 1) if product in then), 0.0)
        for list_, then in zip(named, bought, strict=True)
    ]
    return np.array(ranks, dtype=float)
