"""Kano's question pairs: how would you feel with the feature, and without it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import wilson_interval

__all__ = ["kano_category", "kano_summary"]

# rows: answer with the feature, columns: without it;
# 1 like it, 2 expect it, 3 do not care, 4 live with it, 5 dislike it
_TABLE = ("QAAAO", "RIIIM", "RIIIM", "RIIIM", "RRRRQ")


def kano_category(functional: ArrayLike, dysfunctional: ArrayLike) -> np.ndarray:
    """Return the category of each pair of answers.

    Parameters
    ----------
    functional, dysfunctional : array_like of int, shape (n,)
        1 (I like it) to 5 (I dislike it), with and without the feature.

    Returns
    -------
    ndarray of str, shape (n,)
        A attractive, O one-dimensional (performance), M must-be, I indifferent, R reverse,
        Q questionable.

    Raises
    ------
    ParameterError
        If an answer is not 1 to 5.

    References
    ----------
    .. [1] Kano, N., Seraku, N., Takahashi, F. and Tsuji, S. (1984). Attractive quality and must-be
       quality. Journal of the Japanese Society for Quality Control 14(2), 39-48.

    Examples
    --------
    >>> kano_category([1, 1, 3], [3, 5, 5]).tolist()
    ['A', 'O', 'M']
    """
    f, d = np.asarray(functional), np.asarray(dysfunctional)
    if not (np.isin(f, range(1, 6)).all() and np.isin(d, range(1, 6)).all()):
        raise ParameterError("Kano answers are whole numbers from 1 to 5")
    table = np.array([list(row) for row in _TABLE])
    return table[f.astype(int) - 1, d.astype(int) - 1]


def kano_summary(answers: pd.DataFrame, level: float = 0.95) -> pd.DataFrame:
    """Return one row a feature: counts, category, and the coefficients better and worse.

    Parameters
    ----------
    answers : DataFrame
        Columns feature, functional, dysfunctional; one row an answer pair.
    level : float
        Level of the Wilson intervals.

    References
    ----------
    .. [1] Berger, C. et al. (1993). Kano's methods for understanding customer-defined quality.
       Center for Quality Management Journal 2(4), 3-36.
    """
    if answers.empty:
        raise NotEnoughDataError("no pair of Kano answers")
    category = kano_category(answers["functional"], answers["dysfunctional"])
    counts = (
        pd.crosstab(answers["feature"].to_numpy(), category)
        .reindex(columns=list("AOMIRQ"), fill_value=0)
        .rename_axis(index="feature", columns=None)
    )
    rows = []
    for feature, c in counts.iterrows():
        base = int(c[["A", "O", "M", "I"]].sum())
        row = {"feature": feature, "n": int(c.sum()), "category": _majority(c)}
        for name, kinds, sign in (("better", ["A", "O"], 1), ("worse", ["O", "M"], -1)):
            hits = int(c[kinds].sum())
            ends = wilson_interval(hits, base, level) if base else (np.nan, np.nan)
            low, high = sorted(sign * e for e in ends)
            row |= {
                name: sign * hits / base if base else np.nan,
                f"{name}_low": low,
                f"{name}_high": high,
            }
        rows.append(row)
    return counts.join(pd.DataFrame(rows).set_index("feature"))


def _majority(counts: pd.Series) -> str:
    """Return the most frequent category; where two tie the one that hurts more: M, O, A, I."""
    order = list("MOAIRQ")
    return max(order, key=lambda c: (counts[c], -order.index(c)))
