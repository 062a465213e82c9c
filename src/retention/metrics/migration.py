"""How customers move between classes from one period to the next, and whether that is chance."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from retention.errors import ParameterError

__all__ = ["ChiSquareTest", "migration_change_test", "migration_matrix", "symmetry_test"]

#: The class of a customer who was not there in one of the two periods.
ABSENT = "none"


class ChiSquareTest(NamedTuple):
    """A chi-square statistic, its degrees of freedom and its p-value."""

    statistic: float
    degrees_of_freedom: int
    p_value: float


def migration_matrix(before: pd.Series, after: pd.Series, classes: Sequence[str]) -> pd.DataFrame:
    """Count customers by class before (rows) and after (columns).

    Parameters
    ----------
    before, after : Series of str, indexed by customer
        Class of each customer in each of two periods. A customer who is missing from one of them,
        or has no class there, is counted under ``none``: new customers come from it, lost ones
        go to it.
    classes : sequence of str
        Every class, in order.

    Returns
    -------
    DataFrame of int, shape (k + 1, k + 1)
        Rows sum to the customers of `before` by class, columns to those of `after`.

    Raises
    ------
    ParameterError
        If a class is not among `classes`, or a customer appears twice.

    Examples
    --------
    >>> before = pd.Series({"c1": "A", "c2": "B"})
    >>> after = pd.Series({"c1": "B", "c3": "B"})
    >>> migration_matrix(before, after, ["A", "B"]).loc["A", "B"]
    np.int64(1)
    """
    for name, series in (("before", before), ("after", after)):
        if series.index.has_duplicates:
            raise ParameterError(f"{name}: a customer has one class a period, not two")
        strange = sorted(set(series.dropna()) - {*classes, ABSENT})
        if strange:
            raise ParameterError(f"{name}: class {strange[0]!r} is not among {list(classes)}")
    both = pd.DataFrame({"before": before, "after": after}).fillna(ABSENT).astype(str)
    order = [*classes, ABSENT]
    counts = pd.crosstab(both["before"], both["after"])
    return counts.reindex(index=order, columns=order, fill_value=0).astype(int)


def symmetry_test(matrix: pd.DataFrame) -> ChiSquareTest:
    """Test whether as many customers move up as down, between every pair of classes.

    Parameters
    ----------
    matrix : DataFrame of int, shape (k, k)
        Counts by class before and after; a class ``none`` is left out, so that only customers of
        both periods are compared.

    Returns
    -------
    ChiSquareTest
        With no move at all: statistic 0, no degrees of freedom, p-value 1.

    References
    ----------
    .. [1] Bowker, A. H. (1948). A test for symmetry in contingency tables. Journal of the American
       Statistical Association 43, 572-574.

    Examples
    --------
    >>> moved = pd.DataFrame([[50, 20], [5, 50]], index=["A", "B"], columns=["A", "B"])
    >>> symmetry_test(moved).statistic
    9.0
    """
    counts = matrix.drop(index=ABSENT, columns=ABSENT, errors="ignore").to_numpy(dtype=float)
    upper = np.triu_indices(counts.shape[0], k=1)
    there, back = counts[upper], counts.T[upper]
    seen = there + back > 0
    statistic = float(np.sum((there - back)[seen] ** 2 / (there + back)[seen]))
    return _chi_square(statistic, int(seen.sum()))


def migration_change_test(earlier: pd.DataFrame, later: pd.DataFrame) -> ChiSquareTest:
    """Test whether customers of a class move as they did a period before.

    Each class is a table of two periods by where its customers went; the statistics of the classes
    are added (destinations nobody took are left out).

    Parameters
    ----------
    earlier, later : DataFrame of int
        Two migration matrices with the same classes.

    Returns
    -------
    ChiSquareTest
        Of homogeneity of transition rates.

    References
    ----------
    .. [1] Anderson, T. W. and Goodman, L. A. (1957). Statistical inference about Markov chains.
       Annals of Mathematical Statistics 28, 89-110, section 3.2.
    """
    if list(earlier.index) != list(later.index) or list(earlier.columns) != list(later.columns):
        raise ParameterError("two migration matrices are compared over the same classes")
    statistic, freedom = 0.0, 0
    for name in earlier.index:
        if name == ABSENT:
            continue
        table = np.array([earlier.loc[name], later.loc[name]], dtype=float)
        table = table[:, table.sum(axis=0) > 0]
        if table.shape[1] < 2 or (table.sum(axis=1) == 0).any():
            continue
        expected = np.outer(table.sum(axis=1), table.sum(axis=0)) / table.sum()
        statistic += float(np.sum((table - expected) ** 2 / expected))
        freedom += table.shape[1] - 1
    return _chi_square(statistic, freedom)


def _chi_square(statistic: float, freedom: int) -> ChiSquareTest:
    from scipy.special import chdtrc

    p = float(chdtrc(freedom, statistic)) if freedom else 1.0
    return ChiSquareTest(statistic, freedom, p)
