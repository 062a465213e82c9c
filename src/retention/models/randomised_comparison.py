"""The difference a randomised treatment makes, plain and with past behaviour taken out."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import t as student

from retention.errors import NotEnoughDataError, SchemaError

__all__ = ["RandomisedComparison", "RandomisedComparisonFit"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RandomisedComparisonFit:
    """Difference of two means, treated minus control.

    Parameters
    ----------
    difference, standard_error, degrees_of_freedom : float
        By Welch's unequal variances.
    means : tuple of float
        Of the control and of the treated, as compared.
    n_control, n_treated : int
        Customers in each arm.
    variance_removed : float
        Share of the variance of the outcome that past behaviour explains; 0 without any.
    imbalance : Series
        Standardised mean difference of each column of past behaviour.
    """

    difference: float
    standard_error: float
    degrees_of_freedom: float
    means: tuple[float, float]
    n_control: int
    n_treated: int
    variance_removed: float
    imbalance: pd.Series

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the interval of the difference by Student's t."""
        half = float(student.ppf(0.5 + level / 2, self.degrees_of_freedom)) * self.standard_error
        return self.difference - half, self.difference + half


@dataclass(frozen=True, kw_only=True)
class RandomisedComparison:
    """Welch's comparison, with CUPED where columns from before the treatment are named.

    CUPED [1]_ subtracts from each outcome what its customer's past explains. The slope is fitted
    within arms, so that a real effect is not mistaken for a difference in the past; the past was
    there before the lot was drawn, so the expectation of the difference does not move.

    Parameters
    ----------
    before : tuple of str
        Columns measured before assignment; empty for the plain comparison.

    References
    ----------
    .. [1] Deng, A., Xu, Y., Kohavi, R. and Walker, T. (2013). Improving the sensitivity of online
       controlled experiments by utilizing pre-experiment data. WSDM 2013, 123-132.

    Examples
    --------
    >>> arms = pd.DataFrame({"treated": [0, 0, 0, 1, 1, 1], "outcome": [1.0, 2, 3, 3, 4, 5]})
    >>> RandomisedComparison().fit(arms).difference
    2.0
    """

    before: tuple[str, ...] = ()

    def fit(self, table: pd.DataFrame) -> RandomisedComparisonFit:
        """Compare ``outcome`` between ``treated`` (true or false), one row a customer.

        Raises
        ------
        SchemaError
            If a column is missing or a value is not finite.
        NotEnoughDataError
            If an arm holds fewer than two customers.
        """
        y, treated, x = _arms(table, self.before)
        slope, removed = _past(y, treated, x)
        adjusted = y - (x - x.mean(axis=0)) @ slope
        arms = [adjusted[~treated], adjusted[treated]]
        (v0, v1), (n0, n1) = ([a.var(ddof=1) / a.size for a in arms], [a.size for a in arms])
        se = float(np.sqrt(v0 + v1))
        freedom = (v0 + v1) ** 2 / (v0**2 / (n0 - 1) + v1**2 / (n1 - 1)) if se > 0 else n0 + n1 - 2
        return RandomisedComparisonFit(
            difference=float(arms[1].mean() - arms[0].mean()),
            standard_error=se,
            degrees_of_freedom=float(freedom),
            means=(float(arms[0].mean()), float(arms[1].mean())),
            n_control=n0,
            n_treated=n1,
            variance_removed=removed,
            imbalance=pd.Series(_standardised(x, treated), index=list(self.before), dtype=float),
        )


def _arms(
    table: pd.DataFrame, before: tuple[str, ...]
) -> tuple[_Floats, NDArray[np.bool_], _Floats]:
    faults = [f"column {c} is missing" for c in ("outcome", "treated", *before) if c not in table]
    if faults:
        raise SchemaError("arms of a comparison", faults)
    y = table["outcome"].to_numpy(dtype=float, na_value=np.nan)
    x = table[list(before)].to_numpy(dtype=float, na_value=np.nan).reshape(len(table), len(before))
    bad = ~np.isfinite(y) | ~np.isfinite(x).all(axis=1)
    if bad.any() or table["treated"].isna().any():
        ids = ", ".join(map(str, table.index[bad][:3]))
        raise SchemaError(
            "arms of a comparison",
            [f"outcome, treated or past is not finite in {bad.sum():,} rows ({ids}); fill or drop"],
        )
    treated = table["treated"].to_numpy(dtype=bool)
    for name, count in (("treated", treated.sum()), ("untreated", (~treated).sum())):
        if count < 2:
            raise NotEnoughDataError(f"{count} {name} customers; a comparison needs 2 in each arm")
    return y, treated, x


def _past(y: _Floats, treated: NDArray[np.bool_], x: _Floats) -> tuple[_Floats, float]:
    """Return the slopes of the outcome on the past within arms, and the share explained."""
    if x.shape[1] == 0:
        return np.zeros(0), 0.0
    inside_y, inside_x = y.copy(), x.copy()
    for arm in (treated, ~treated):
        inside_y[arm] -= y[arm].mean()
        inside_x[arm] -= x[arm].mean(axis=0)
    slope: _Floats = np.linalg.lstsq(inside_x, inside_y, rcond=None)[0].astype(np.float64)
    total = float(inside_y @ inside_y)
    left = inside_y - inside_x @ slope
    return slope, 1 - float(left @ left) / total if total > 0 else 0.0


def _standardised(x: _Floats, treated: NDArray[np.bool_]) -> _Floats:
    spread = np.sqrt((x[treated].var(axis=0) + x[~treated].var(axis=0)) / 2)
    gap = x[treated].mean(axis=0) - x[~treated].mean(axis=0)
    return np.divide(gap, spread, out=np.zeros(x.shape[1]), where=spread > 0)
