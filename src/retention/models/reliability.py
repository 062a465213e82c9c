"""Do the items of a scale measure one thing, and are two scales two things."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy import stats

from retention.errors import NotEnoughDataError, ParameterError

__all__ = [
    "average_variance_extracted",
    "composite_reliability",
    "cronbach_alpha",
    "heterotrait_monotrait",
]


def cronbach_alpha(items: ArrayLike, level: float = 0.95) -> tuple[float, float, float]:
    """Return coefficient alpha with Feldt's interval.

    Parameters
    ----------
    items : array_like of float, shape (n, k)
        Complete answers to the items of one scale, reversed ones turned; ``k >= 2``.
    level : float
        Level of the interval.

    Returns
    -------
    tuple of float
        Alpha, low and high end. Alpha below 0 says that items point in opposite directions.

    Raises
    ------
    NotEnoughDataError
        If there are fewer than two items, three answers, or nothing varies.

    References
    ----------
    .. [1] Cronbach, L. J. (1951). Coefficient alpha and the internal structure of tests.
       Psychometrika 16, 297-334.
    .. [2] Feldt, L. S. (1965). The approximate sampling distribution of Kuder-Richardson
       reliability coefficient twenty. Psychometrika 30, 357-370.
    """
    x = np.asarray(items, dtype=float)
    n, k = x.shape
    covariance = np.cov(x, rowvar=False) if n > 2 and k > 1 else np.zeros((1, 1))
    total = float(covariance.sum())
    if n < 3 or k < 2 or total <= 0:
        raise NotEnoughDataError(
            f"alpha needs 2 items and 3 answers that differ; got {k} items, {n} answers"
        )
    alpha = k / (k - 1) * (1 - float(np.trace(covariance)) / total)
    f_low, f_high = stats.f.ppf([0.5 - level / 2, 0.5 + level / 2], n - 1, (n - 1) * (k - 1))
    return alpha, 1 - (1 - alpha) * float(f_high), 1 - (1 - alpha) * float(f_low)


def composite_reliability(loadings: ArrayLike, unique: ArrayLike | None = None) -> float:
    """Return the share of true variance in the sum of the items of one factor.

    Parameters
    ----------
    loadings : array_like of float, shape (k,)
        Standardised, then it is CR; in the units of the answers it is omega of the raw sum.
    unique : array_like of float, shape (k,), optional
        Unique variances; ``1 - loadings**2`` if not given.

    References
    ----------
    .. [1] McDonald, R. P. (1999). Test Theory: A Unified Treatment.

    Examples
    --------
    >>> round(composite_reliability([0.8, 0.7, 0.6]), 4)
    0.7449
    """
    load = np.asarray(loadings, dtype=float)
    rest = 1 - load**2 if unique is None else np.asarray(unique, dtype=float)
    common = float(load.sum()) ** 2
    return common / (common + float(np.sum(rest)))


def average_variance_extracted(loadings: ArrayLike) -> float:
    """Return AVE, the mean squared standardised loading; at least 0.5 is wanted.

    References
    ----------
    .. [1] Fornell, C. and Larcker, D. F. (1981). Evaluating structural equation models with
       unobservable variables and measurement error. Journal of Marketing Research 18(1), 39-50.
    """
    return float(np.mean(np.square(np.asarray(loadings, dtype=float))))


def heterotrait_monotrait(
    correlation: pd.DataFrame, constructs: Mapping[str, Sequence[str]]
) -> pd.DataFrame:
    """Return HTMT of every two constructs; above 0.85 to 0.90 they are hardly two things.

    Parameters
    ----------
    correlation : DataFrame, shape (k, k)
        Correlations of the items, named in index and columns.
    constructs : mapping of str to sequence of str
        Items by construct.

    Returns
    -------
    DataFrame, shape (c, c)
        Symmetric, 1 on the diagonal. NaN for a construct of one item, which has no monotrait
        correlation.

    Raises
    ------
    ParameterError
        If an item has no correlation.

    References
    ----------
    .. [1] Henseler, J., Ringle, C. M. and Sarstedt, M. (2015). A new criterion for assessing
       discriminant validity in variance-based structural equation modeling. Journal of the Academy
       of Marketing Science 43(1), 115-135.
    """
    unknown = sorted({i for items in constructs.values() for i in items} - set(correlation.index))
    if unknown:
        raise ParameterError(f"no correlation is given for the items {', '.join(unknown)}")
    size = correlation.abs()

    def within(items: Sequence[str]) -> float:
        block = size.loc[list(items), list(items)].to_numpy()
        return float(block[np.triu_indices(len(items), 1)].mean()) if len(items) > 1 else np.nan

    table = pd.DataFrame(1.0, index=list(constructs), columns=list(constructs))
    for a, first in constructs.items():
        for b, second in constructs.items():
            if a != b:
                between = float(size.loc[list(first), list(second)].to_numpy().mean())
                table.loc[a, b] = between / np.sqrt(within(first) * within(second))
    return table
