"""Whether two ways to name the reason of an exit agree, beyond chance."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.errors import ParameterError
from retention.estimates import Estimate, normal_quantile

__all__ = ["Agreement", "agreement", "cohen_kappa"]


@dataclass(frozen=True, eq=False, kw_only=True)
class Agreement:
    """Two ways to name a reason, set against each other.

    Parameters
    ----------
    confusion : DataFrame
        Rows: the first way; columns: the second; counts.
    kappa : Estimate
        Cohen's, agreement beyond chance: 1 full, 0 none.
    """

    confusion: pd.DataFrame
    kappa: Estimate


def cohen_kappa(confusion: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Return Cohen's kappa with the interval of Fleiss, Cohen and Everitt.

    Parameters
    ----------
    confusion : array_like of int, shape (k, k)
        Counts; the same categories in rows and columns.

    References
    ----------
    .. [1] Fleiss, J. L., Cohen, J. and Everitt, B. S. (1969). Large sample standard errors of kappa
       and weighted kappa. Psychological Bulletin 72, 323-327.

    Examples
    --------
    >>> kappa, low, high = cohen_kappa([[20, 5], [10, 15]])
    >>> round(kappa, 3)
    0.4
    """
    table = np.asarray(confusion, dtype=float)
    if table.ndim != 2 or table.shape[0] != table.shape[1] or table.sum() == 0:
        raise ParameterError("kappa needs a square table of counts, not all 0")
    n = table.sum()
    p = table / n
    rows, columns = p.sum(axis=1), p.sum(axis=0)
    seen, chance = float(np.trace(p)), float(rows @ columns)
    if chance == 1:
        raise ParameterError("all fall in one category: kappa is not defined")
    kappa = (seen - chance) / (1 - chance)
    share = rows[None, :] + columns[:, None]
    a = np.diag(p) @ (1 - (rows + columns) * (1 - kappa)) ** 2
    off = p * share**2
    b = (1 - kappa) ** 2 * (off.sum() - np.trace(off))
    c = (kappa - chance * (1 - kappa)) ** 2
    half = normal_quantile(level) * float(np.sqrt(max(0.0, a + b - c) / n)) / (1 - chance)
    return kappa, max(-1.0, kappa - half), min(1.0, kappa + half)


def agreement(
    first: pd.Series, second: pd.Series, *, reasons: Sequence[str], minimum_n: int, level: float
) -> Agreement:
    """Set two ways to name the same exits against each other; unknown reasons are left out."""
    both = first.isin(reasons) & second.isin(reasons)
    counts = pd.crosstab(first[both], second[both])
    counts = counts.reindex(index=list(reasons), columns=list(reasons), fill_value=0)
    n = int(both.sum())
    method = "Cohen's kappa, Fleiss-Cohen-Everitt interval"
    used = (counts.sum(axis=0) + counts.sum(axis=1)) > 0
    if n < max(2, minimum_n) or used.sum() < 2:
        why = f"{n} exits have both reasons, fewer than the {minimum_n} a number needs"
        return Agreement(
            confusion=counts, kappa=Estimate.withheld(why, unit="", n=n, method=method)
        )
    kappa, low, high = cohen_kappa(counts.to_numpy(), level)
    shown = Estimate(
        value=kappa, low=low, high=high, level=level, unit="", n=n, method=method, grade="D"
    )
    return Agreement(confusion=counts, kappa=shown)
