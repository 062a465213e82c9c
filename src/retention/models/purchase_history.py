"""What a customer bought before: last alternative, first alternative, Guadagni-Little loyalty."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["permute_histories", "purchase_history"]


def purchase_history(choices: pd.DataFrame, *, smoothing: float = 0.8) -> pd.DataFrame:
    """Add to each alternative on offer what the customer bought at earlier occasions.

    Each customer's first occasion only starts the history and is left out.

    Parameters
    ----------
    choices : DataFrame
        Columns customer_id, occasion (sorts in time), alternative, chosen (once an occasion).
    smoothing : float
        Share of loyalty that is kept from one occasion to the next, between 0 and 1.

    Returns
    -------
    DataFrame
        The rows of all later occasions with `last` (1 for the alternative bought at the occasion
        before), `first` (1 for the one bought at the first occasion; it stands for taste, so that
        `last` need not) and `loyalty` (shares that sum to 1 over all alternatives known) [1]_.

    Raises
    ------
    NotEnoughDataError
        If no customer bought twice.
    ParameterError
        If the smoothing is not between 0 and 1.

    References
    ----------
    .. [1] Guadagni, P. M. and Little, J. D. C. (1983). A logit model of brand choice calibrated
       on scanner data. Marketing Science 2(3), 203-238.
    """
    if not 0 <= smoothing <= 1:
        raise ParameterError(f"smoothing must lie between 0 and 1, got {smoothing}")
    alternative, labels = pd.factorize(choices["alternative"], sort=True)
    visit, starts, order = _visits(choices)
    bought = np.empty(visit[order[-1]] + 1 if len(order) else 0, dtype=np.int64)
    chosen = choices["chosen"].to_numpy(dtype=bool)
    bought[visit[chosen]] = alternative[chosen]
    opening = np.zeros(len(bought), dtype=bool)
    opening[starts] = True
    if opening.all():
        raise NotEnoughDataError(
            f"none of {len(starts):,} customers bought more than once; without a second purchase "
            "there is no last choice to come back to"
        )
    first = np.repeat(bought[starts], np.diff(np.r_[starts, len(bought)]))
    loyalty = _loyalty(bought, starts, len(labels), smoothing)
    later = ~opening[visit]
    rows, code = visit[later], alternative[later]
    table = choices.loc[later].copy()
    table["last"] = (bought[rows - 1] == code).astype(float)
    table["first"] = (first[rows] == code).astype(float)
    table["loyalty"] = loyalty[rows, code]
    return table


def _visits(
    choices: pd.DataFrame,
) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return each row's occasion number over all customers, first occasions, row order."""
    customer, _ = pd.factorize(choices["customer_id"], sort=True)
    occasion, _ = pd.factorize(choices["occasion"], sort=True)
    order = np.lexsort((occasion, customer))
    new_customer = np.r_[True, np.diff(customer[order]) != 0]
    new_visit = new_customer | np.r_[True, np.diff(occasion[order]) != 0]
    number = np.cumsum(new_visit) - 1
    visit = np.empty(len(order), dtype=np.int64)
    visit[order] = number
    return visit, number[new_customer], order


def _loyalty(
    bought: NDArray[np.int64], starts: NDArray[np.int64], j: int, smoothing: float
) -> NDArray[np.float64]:
    """Return loyalty before each occasion, shape (occasions, J); rank by rank over customers."""
    n = len(bought)
    lengths = np.diff(np.r_[starts, n])
    loyalty = np.zeros((n, j))
    start = np.full((len(starts), j), (1 - smoothing) / max(1, j - 1))
    start[np.arange(len(starts)), bought[starts]] = smoothing
    for rank in range(1, lengths.max()):
        alive = lengths > rank
        rows = starts[alive] + rank
        if rank == 1:
            loyalty[rows] = start[alive]
            continue
        loyalty[rows] = smoothing * loyalty[rows - 1]
        loyalty[rows, bought[rows - 1]] += 1 - smoothing
    return loyalty


def permute_histories(choices: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Return the same occasions with each customer's order shuffled.

    Tastes, prices and choices stay; what was bought *before* becomes arbitrary. A coefficient of
    the last purchase that survives this is taste, not a cost of switching.
    """
    visit, starts, _ = _visits(choices)
    n = int(visit.max()) + 1
    owner = np.zeros(n, dtype=np.int64)
    owner[starts[1:]] = 1
    shuffled = np.lexsort((rng.random(n), np.cumsum(owner)))
    rank = np.empty(n, dtype=np.int64)
    rank[shuffled] = np.arange(n)
    return choices.assign(occasion=rank[visit])
