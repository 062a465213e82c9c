"""The hazard over a score, with knots: where a point matters, and where it does not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import NotEnoughDataError
from retention.estimates import bootstrap_interval

from .binary_regression import BinaryRegression, BinaryRegressionFit

__all__ = ["ToleranceZone", "ToleranceZoneFit", "restricted_cubic_spline"]

Numbers = NDArray[np.float64]

_STEP = 0.5  # scores are counted in steps of this size while knots are searched


def restricted_cubic_spline(score: ArrayLike, knots: ArrayLike) -> list[Numbers]:
    """Return the columns of a cubic spline that is straight beyond the outer knots.

    Parameters
    ----------
    score : array_like of float, shape (n,)
    knots : array_like of float, shape (k,)
        Ascending; with fewer than three the spline is a line.

    Returns
    -------
    list of ndarray of float, each of shape (n,)
        The score itself and k - 2 cubic columns.

    References
    ----------
    .. [1] Harrell, F. E. (2015). Regression Modeling Strategies, 2nd ed., section 2.4.

    Examples
    --------
    >>> [column.round(2).tolist() for column in restricted_cubic_spline([0, 1, 2], [0, 1, 2])]
    [[0.0, 1.0, 2.0], [0.0, 0.25, 1.5]]
    """
    x, at = np.asarray(score, dtype=float), np.asarray(knots, dtype=float)
    columns = [x]
    if len(at) < 3:
        return columns
    last, before = at[-1], at[-2]
    for knot in at[:-2]:
        cubic = np.maximum(x - knot, 0) ** 3
        cubic = cubic - np.maximum(x - before, 0) ** 3 * (last - knot) / (last - before)
        cubic = cubic + np.maximum(x - last, 0) ** 3 * (before - knot) / (last - before)
        columns.append(cubic / (last - at[0]) ** 2)
    return columns


@dataclass(frozen=True)
class ToleranceZoneFit:
    """Where the slope changes, how sure that is, and the fit with these knots.

    Attributes
    ----------
    knots : tuple of float
        Ends of the zone of tolerance.
    intervals : tuple of pairs
        Bootstrap intervals of both; empty where none could be made.
    regression : BinaryRegressionFit
        With the columns of `columns`.
    """

    knots: tuple[float, float]
    intervals: tuple[tuple[float, float], ...]
    regression: BinaryRegressionFit

    def columns(self, score: ArrayLike) -> dict[str, Numbers]:
        """Return the columns of a score: itself, and what lies above each knot."""
        return _bend(score, self.knots)


@dataclass(frozen=True, kw_only=True)
class ToleranceZone:
    """Discrete hazard whose log is straight in the score but for two bends that are searched for.

    Parameters
    ----------
    controls : sequence of str
        Columns of indicators held fixed.
    replicates : int
        Bootstrap samples of customers, each with a search of its own; 0 for none.
    level : float
        Level of the intervals.

    References
    ----------
    .. [1] Hansen, B. E. (2017). Regression kink with an unknown threshold. Journal of Business &
       Economic Statistics 35(2), 228-240.
    """

    controls: Sequence[str] = ()
    replicates: int = 200
    level: float = 0.95

    def fit(
        self, periods: pd.DataFrame, *, rng: np.random.Generator | None = None
    ) -> ToleranceZoneFit:
        """Fit to one row a customer and period.

        Parameters
        ----------
        periods : DataFrame
            ``customer_id``, ``score``, ``event`` (0 or 1) and the controls.
        rng : numpy.random.Generator, optional
            Of the bootstrap; a fixed seed if not given.

        Raises
        ------
        NotEnoughDataError
            If the scores leave no room for two knots, or no pair can be fitted.
        """
        rng = np.random.default_rng(0) if rng is None else rng
        controls, rows = list(self.controls), periods
        pairs = _pairs(rows["score"])
        cells, code = _cells(rows, controls)
        event = rows["event"].to_numpy(dtype=float)
        best = _best_pair(_counted(cells, code, event, np.ones(len(rows))), controls, pairs)
        if best is None:
            raise NotEnoughDataError("the scores leave no room for two knots")
        used = [c for c in controls if rows.loc[rows[c] > 0, "event"].sum() > 0]
        bent = _bend(rows["score"], best)
        model = BinaryRegression(columns=(*bent, *used), link="cloglog", cluster="customer_id")
        fit = model.fit(rows.assign(**bent))
        who, names = pd.factorize(rows["customer_id"])
        draws = []
        for _ in range(self.replicates):
            times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))[who]
            sample = _counted(cells, code, event, times.astype(float))
            found = _best_pair(sample, controls, pairs)
            if found is not None:
                draws.append(found)
        if not draws or len(draws) < 0.9 * self.replicates:
            return ToleranceZoneFit(best, (), fit)
        ends = tuple(bootstrap_interval([d[k] for d in draws], self.level) for k in (0, 1))
        return ToleranceZoneFit(best, ends, fit)


def _pairs(score: pd.Series) -> list[tuple[float, float]]:
    """Every two scores, in order, that do not lie at the ends."""
    grid = np.unique(np.round(score.to_numpy(dtype=float) / _STEP) * _STEP)
    grid = grid[(grid > score.quantile(0.05)) & (grid < score.quantile(0.95))]
    return [(float(a), float(b)) for a, b in combinations(grid, 2)]


def _bend(score: ArrayLike, knots: tuple[float, float]) -> dict[str, Numbers]:
    values = np.asarray(score, dtype=float)
    return {
        "score": values,
        "above first knot": np.maximum(values - knots[0], 0),
        "above second knot": np.maximum(values - knots[1], 0),
    }


def _cells(rows: pd.DataFrame, controls: list[str]) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Distinct patterns of score and controls: the likelihood needs only their counts."""
    key = rows[["score", *controls]].assign(score=np.round(rows["score"] / _STEP) * _STEP)
    code = key.groupby(list(key.columns), sort=True).ngroup().to_numpy()
    cells = key.assign(code=code).drop_duplicates("code").sort_values("code")
    return cells.drop(columns="code").reset_index(drop=True), np.asarray(code, dtype=np.intp)


def _counted(
    cells: pd.DataFrame, code: NDArray[np.intp], event: Numbers, times: Numbers
) -> pd.DataFrame:
    trials = np.bincount(code, weights=times, minlength=len(cells))
    events = np.bincount(code, weights=times * event, minlength=len(cells))
    table = cells.assign(event=events, trials=trials)
    return table[table["trials"] > 0]


def _best_pair(
    counts: pd.DataFrame, controls: list[str], pairs: list[tuple[float, float]]
) -> tuple[float, float] | None:
    """Return the pair with the highest likelihood; all pairs are fitted at once."""
    if not pairs or counts["event"].sum() == 0:
        return None
    used = [c for c in controls if counts.loc[counts[c] > 0, "event"].sum() > 0]
    fixed = [np.ones(len(counts)), *(counts[c].to_numpy() for c in used)]
    score = counts["score"].to_numpy()
    x = np.stack([np.column_stack([*fixed, *_bend(score, pair).values()]) for pair in pairs])
    found = _log_likelihoods(x, counts["event"].to_numpy(), counts["trials"].to_numpy())
    return pairs[int(np.argmax(found))] if np.isfinite(found).any() else None


def _log_likelihoods(x: Numbers, events: Numbers, trials: Numbers) -> Numbers:
    """Maximise the likelihood of the hazard for every design; minus infinity if it has no top.

    Fisher scoring, all designs of shape (designs, cells, k) together.
    """
    rate = events.sum() / trials.sum()
    b = np.zeros((len(x), x.shape[2]))
    b[:, 0] = np.log(-np.log1p(-rate))
    ridge = 1e-9 * np.eye(x.shape[2])
    value = largest = np.full(len(b), np.inf)
    for _ in range(25):
        h = np.exp(np.clip(np.einsum("dck,dk->dc", x, b), -30, 3))
        p = np.clip(-np.expm1(-h), 1e-12, 1 - 1e-12)
        slope = h * (1 - p)  # derivative of p by the linear predictor
        gradient = np.einsum("dck,dc->dk", x, (events - trials * p) * slope / (p * (1 - p)))
        weighted = x * (trials * slope**2 / (p * (1 - p)))[..., None]
        information = np.swapaxes(weighted, 1, 2) @ x
        information = information * (1 + ridge) + ridge
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        largest = np.abs(step).max(axis=1)
        value = (events * np.log(p) - (trials - events) * h).sum(axis=1)
        b = b + step * np.minimum(1.0, 2.0 / np.maximum(largest, 1e-300))[:, None]
        if largest.max() < 1e-5:
            break
    return np.where(largest < 1e-3, value, -np.inf)
