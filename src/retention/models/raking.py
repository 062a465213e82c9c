"""Weights that make those who answered look like those who were asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import ConvergenceError, NotEnoughDataError, ParameterError

__all__ = ["Raking", "RakingFit", "kish_design_effect", "nonresponse_bounds"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True, kw_only=True)
class Raking:
    """Iterative proportional fitting of weights to known margins, with trimming.

    Parameters
    ----------
    margins : mapping of str to mapping of str to float
        Shares in the population by column and category; each column's sum to 1.
    trim : float
        No weight is above this many times the mean; infinity to trim nothing.
    tolerance : float
        Largest error of a margin at the end.
    max_iterations : int
        Rounds over all margins.

    References
    ----------
    .. [1] Deming, W. E. and Stephan, F. F. (1940). On a least squares adjustment of a sampled
       frequency table when the expected marginal totals are known. Annals of Mathematical
       Statistics 11, 427-444.
    .. [2] Battaglia, M. P., Hoaglin, D. C. and Frankel, M. R. (2009). Practical considerations in
       raking survey data. Survey Practice 2(5).
    """

    margins: Mapping[str, Mapping[str, float]]
    trim: float = 5.0
    tolerance: float = 1e-10
    max_iterations: int = 1000

    def __post_init__(self) -> None:
        for column, shares in self.margins.items():
            total = sum(shares.values())
            if abs(total - 1) > 1e-6 or min(shares.values(), default=0) < 0:
                raise ParameterError(f"the shares of {column} sum to {total:.6g}, they must to 1")
        if not self.trim > 1:
            raise ParameterError(f"trim must be above 1, got {self.trim}")

    def fit(self, respondents: pd.DataFrame) -> RakingFit:
        """Find the weights of respondents; their mean is 1.

        Parameters
        ----------
        respondents : DataFrame, shape (n, at least the margins)
            One row a respondent, one column a margin.

        Raises
        ------
        ParameterError
            If a respondent's category has no share in the margins.
        NotEnoughDataError
            If a category of the population has no respondent at all: no weight can mend that.
        ConvergenceError
            If the margins contradict each other.
        """
        codes = self._codes(respondents)
        n = len(respondents)
        weights, error, done = np.ones(n), np.inf, 0
        cap = self.trim
        for done in range(1, self.max_iterations + 1):  # noqa: B007
            before = weights
            for code, share in codes:
                sums = np.bincount(code, weights=weights, minlength=len(share))
                weights = weights * (share * n / np.where(sums > 0, sums, 1.0))[code]
            # those above the cap give up their excess, the next round spreads it over the others
            weights = np.minimum(weights, cap)
            error = _largest_error(weights, codes)
            if error < self.tolerance or np.abs(weights - before).max() < 1e-12:
                break
        else:
            raise ConvergenceError(
                f"raking: after {done} rounds a margin is still {error:.1e} off; merge small "
                "categories, or look for combinations that nobody answered from"
            )
        weights = weights * n / weights.sum()
        trimmed = int((weights >= cap * (1 - 1e-9)).sum())
        return RakingFit(
            weights=pd.Series(weights, index=respondents.index, name="weight"),
            trimmed=trimmed,
            largest_margin_error=_largest_error(weights, codes),
            rounds=done,
        )

    def _codes(self, respondents: pd.DataFrame) -> list[tuple[NDArray[np.intp], Numbers]]:
        codes = []
        for column, shares in self.margins.items():
            if column not in respondents:
                raise ParameterError(f"the respondents have no column {column}")
            names = [c for c, s in shares.items() if s > 0]
            code = pd.Index(names).get_indexer(pd.Index(respondents[column].astype(object)))
            if (code < 0).any():
                strange = respondents[column][code < 0].drop_duplicates().head(3).tolist()
                raise ParameterError(
                    f"{int((code < 0).sum())} respondents are in categories of {column} that have "
                    f"no share in the population: {strange}"
                )
            empty = [names[i] for i in np.flatnonzero(np.bincount(code, minlength=len(names)) == 0)]
            if empty:
                raise NotEnoughDataError(
                    f"nobody answered from {column} {', '.join(map(str, empty))}: merge the "
                    "category with another, or weight without this margin"
                )
            codes.append((code, np.array([shares[c] for c in names])))
        return codes


@dataclass(frozen=True)
class RakingFit:
    """Weights with mean 1, and what they cost."""

    weights: pd.Series
    trimmed: int
    largest_margin_error: float
    rounds: int

    @property
    def design_effect(self) -> float:
        """Kish's factor by which the weights inflate a variance."""
        return kish_design_effect(self.weights)

    @property
    def effective_n(self) -> float:
        """Equally weighted answers that would be as precise."""
        return len(self.weights) / self.design_effect


def kish_design_effect(weights: ArrayLike) -> float:
    """Return n times the sum of squared weights over the squared sum; 1 for equal weights.

    References
    ----------
    .. [1] Kish, L. (1965). Survey Sampling.

    Examples
    --------
    >>> kish_design_effect([1, 1, 2])
    1.125
    """
    w = np.asarray(weights, dtype=float)
    return float(len(w) * (w**2).sum() / w.sum() ** 2)


def nonresponse_bounds(
    mean: float, response_rate: float, worst: float, best: float
) -> tuple[float, float]:
    """Return the mean of everyone asked if all who were silent think the worst, or the best.

    Parameters
    ----------
    mean : float
        Mean of those who answered.
    response_rate : float
        Share of those asked who answered; above 0, up to 1.
    worst, best : float
        Ends of the scale.

    References
    ----------
    .. [1] Manski, C. F. (1989). Anatomy of the selection problem. Journal of Human Resources
       24(3), 343-360.

    Examples
    --------
    >>> low, high = nonresponse_bounds(8.0, 0.5, worst=0, best=10)
    >>> low, high
    (4.0, 9.0)
    """
    if not 0 < response_rate <= 1:
        raise ParameterError(f"response_rate must be above 0 and up to 1, got {response_rate}")
    silent = 1 - response_rate
    return response_rate * mean + silent * worst, response_rate * mean + silent * best


def _largest_error(weights: Numbers, codes: list[tuple[NDArray[np.intp], Numbers]]) -> float:
    total = weights.sum()
    return max(
        float(np.abs(np.bincount(c, weights=weights, minlength=len(s)) / total - s).max())
        for c, s in codes
    )
