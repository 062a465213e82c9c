"""How far the scores of a model may be off, because only so many customers were watched."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import NotEnoughDataError, ParameterError

from .leaving import lift

__all__ = ["score_errors"]

_Floats = NDArray[np.float64]


def score_errors(
    left: ArrayLike,
    p_leave: ArrayLike,
    p_null: ArrayLike,
    *,
    clusters: ArrayLike,
    share: float = 0.1,
) -> pd.DataFrame:
    """Return three scores of predictions with their standard errors, without a bootstrap.

    Each score is a smooth function of means, so its error is the spread of what each customer adds
    to it (its influence); for the AUC that is DeLong's [1]_. Rows of one customer, as when he was
    scored at several cutoffs, are added up before they are squared.

    Parameters
    ----------
    left, p_leave, p_null : array_like, shape (n,)
        Who left; the chance that was foretold, and that by a model to compare with.
    clusters : array_like, shape (n,)
        The customer of each row.
    share : float
        Share of customers contacted, of which the lift is told.

    Returns
    -------
    pandas.DataFrame
        Index ``auc`` (chance that who left was scored above who stayed, ties a half), ``lift``
        (leavers among the share scored highest, over as many at random) and ``brier_skill`` (share
        of the other model's squared error removed); columns ``value`` and ``se``.

    Raises
    ------
    NotEnoughDataError
        If nobody left, or nobody stayed.

    References
    ----------
    .. [1] DeLong, E. R., DeLong, D. M. and Clarke-Pearson, D. L. (1988). Comparing the areas under
       two or more correlated receiver operating characteristic curves. Biometrics 44, 837-845.
    """
    y, p, other = (np.asarray(x, dtype=float) for x in (left, p_leave, p_null))
    who = pd.factorize(np.asarray(clusters))[0]
    if not len(y) == len(p) == len(other) == len(who):
        raise ParameterError("left, p_leave, p_null and clusters differ in length")
    if not 0 < y.sum() < len(y):
        raise NotEnoughDataError("nobody left, or nobody stayed: nothing to score")
    found = {"auc": _auc(y, p), "lift": _lift(y, p, share), "brier_skill": _skill(y, p, other)}
    rows = {
        name: (value, float(np.sqrt((np.bincount(who, influence) ** 2).sum())))
        for name, (value, influence) in found.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index", columns=["value", "se"])


def _auc(y: _Floats, p: _Floats) -> tuple[float, _Floats]:
    _, code = np.unique(p, return_inverse=True)
    cases, controls = np.bincount(code, y), np.bincount(code, 1 - y)
    n1, n0 = cases.sum(), controls.sum()
    below = ((np.cumsum(controls) - controls / 2) / n0)[code]
    above = 1 - ((np.cumsum(cases) - cases / 2) / n1)[code]
    value = float(y @ below / n1)
    return value, y * (below - value) / n1 + (1 - y) * (above - value) / n0


def _lift(y: _Floats, p: _Floats, share: float) -> tuple[float, _Floats]:
    """Return the lift; a customer also moves the edge, at which people leave at the rate `p`."""
    captured = float(lift(y, p, (share,))["captured"].iloc[0])
    edge = np.quantile(p, 1 - share)
    top = (p > edge) + (p == edge) * (share - (p > edge).mean()) / max((p == edge).mean(), 1e-12)
    influence = top * y - captured * y - edge * (top - share)
    return captured / share, influence / (share * y.sum())


def _skill(y: _Floats, p: _Floats, other: _Floats) -> tuple[float, _Floats]:
    own, null = (p - y) ** 2, (other - y) ** 2
    ratio = own.sum() / null.sum()
    return float(1 - ratio), (ratio * null - own) / null.sum()
