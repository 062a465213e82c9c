"""What a customer may buy next: transitions between purchases and products bought together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["NextProduct", "NextProductFit"]

_BLOCK = 2_000


@dataclass(frozen=True, kw_only=True)
class NextProduct:
    """Score products by what was bought after, and together with, what a customer has.

    The chance of a product, given one the customer has, is its count among the buyers of that one,
    drawn towards the product's popularity as if `prior` buyers had followed the crowd. A customer's
    score is the mean over his last purchases (transitions) and over all he has (bought together).

    Parameters
    ----------
    transition_weight : float
        Weight of the transitions against what is bought together, from 0 to 1.
    prior : float
        Buyers' worth of popularity mixed into each chance; above 0.
    """

    transition_weight: float = 0.5
    prior: float = 20.0

    def fit(
        self, popularity: pd.DataFrame, together: pd.DataFrame, transitions: pd.DataFrame
    ) -> NextProductFit:
        """Turn counts into chances.

        Parameters
        ----------
        popularity : DataFrame
            ``product`` and ``customers`` who bought it.
        together : DataFrame
            ``product``, ``other``, ``customers`` who bought both; both directions.
        transitions : DataFrame
            ``product``, ``next_product``, ``times`` the second was in the purchase that followed
            one with the first.

        Returns
        -------
        NextProductFit

        Raises
        ------
        NotEnoughDataError
            If there are fewer than two products.
        ParameterError
            If a weight is out of range.
        """
        if not 0 <= self.transition_weight <= 1 or self.prior <= 0:
            raise ParameterError("transition_weight lies between 0 and 1, prior above 0")
        order = popularity.sort_values(["customers", "product"], ascending=[False, True])
        products = order["product"].astype(str).tolist()
        if len(products) < 2:
            raise NotEnoughDataError("with fewer than two products there is nothing to recommend")
        share = order["customers"].to_numpy(dtype=float)
        share = share / share.sum()
        pairs = (together["product"], together["other"], together["customers"])
        moves = (transitions["product"], transitions["next_product"], transitions["times"])
        return NextProductFit(
            products=tuple(products),
            popularity=share,
            after=self._chances(products, share, *moves),
            beside=self._chances(products, share, *pairs),
            transition_weight=self.transition_weight,
        )

    def _chances(
        self,
        products: list[str],
        share: NDArray[np.float64],
        first: pd.Series,
        second: pd.Series,
        count: pd.Series,
    ) -> NDArray[np.float64]:
        place = pd.Series(range(len(products)), index=products)
        i, j = place.reindex(first.astype(str)), place.reindex(second.astype(str))
        known = i.notna().to_numpy() & j.notna().to_numpy() & (i.to_numpy() != j.to_numpy())
        counts = np.zeros((len(products), len(products)))
        rows, columns = i.to_numpy()[known].astype(int), j.to_numpy()[known].astype(int)
        np.add.at(counts, (rows, columns), count.to_numpy(dtype=float)[known])
        return (counts + self.prior * share) / (counts.sum(axis=1, keepdims=True) + self.prior)


@dataclass(frozen=True)
class NextProductFit:
    """What was learned: chances of each product after, and beside, each other one."""

    products: tuple[str, ...]
    popularity: NDArray[np.float64]
    after: NDArray[np.float64]
    beside: NDArray[np.float64]
    transition_weight: float

    def recommend(
        self, owned: Sequence[Sequence[str]], last: Sequence[Sequence[str]], top: int = 3
    ) -> list[list[str]]:
        """Name the products a customer has not bought yet and is most likely to buy next.

        Parameters
        ----------
        owned, last : sequence of sequence of str, length n
            All products each customer has bought, and those of the last purchase.
        top : int
            How many to name.

        Returns
        -------
        list of list of str, length n
            Best first; fewer than `top` only where a customer has nearly everything.
        """
        return self._best(owned, last, top, self.popularity, personal=True)

    def recommend_popular(self, owned: Sequence[Sequence[str]], top: int = 3) -> list[list[str]]:
        """Name the best-selling products a customer has not bought yet: the bar to clear."""
        return self._best(owned, [[]] * len(owned), top, self.popularity, personal=False)

    def _best(
        self,
        owned: Sequence[Sequence[str]],
        last: Sequence[Sequence[str]],
        top: int,
        popularity: NDArray[np.float64],
        *,
        personal: bool,
    ) -> list[list[str]]:
        named: list[list[str]] = []
        for start in range(0, len(owned), _BLOCK):
            part = slice(start, start + _BLOCK)
            has = self._indicator(owned[part])
            scores = np.tile(popularity, (has.shape[0], 1))
            if personal:
                w = self.transition_weight
                scores = w * _mean_of(self._indicator(last[part]), self.after, popularity)
                scores += (1 - w) * _mean_of(has, self.beside, popularity)
            scores = np.where(has.toarray() > 0, -np.inf, scores)
            named += self._names(scores, top)
        return named

    def _names(self, scores: NDArray[np.float64], top: int) -> list[list[str]]:
        # a stable sort of the negative: ties go to the more popular product, which comes first
        best = np.argsort(-scores, axis=1, kind="stable")[:, :top]
        return [
            [self.products[j] for j in row if np.isfinite(scores[i, j])]
            for i, row in enumerate(best)
        ]

    def _indicator(self, lists: Sequence[Sequence[str]]) -> Any:
        from scipy.sparse import csr_array

        place = {product: j for j, product in enumerate(self.products)}
        pairs = [(i, place[p]) for i, items in enumerate(lists) for p in set(items) if p in place]
        rows, columns = np.array(pairs, dtype=int).reshape(-1, 2).T
        shape = (len(lists), len(self.products))
        return csr_array((np.ones(len(pairs)), (rows, columns)), shape=shape)


def _mean_of(
    has: Any, chances: NDArray[np.float64], popularity: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Mean chance over what each customer has; popularity for whoever has nothing known."""
    count = np.asarray(has.sum(axis=1), dtype=float).reshape(-1, 1)
    mean = (has @ chances) / np.maximum(count, 1)
    return np.where(count > 0, mean, popularity)
