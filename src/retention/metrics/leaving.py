"""How good predicted chances to leave are: scores, ranks and calibration, censoring allowed for.

Predictions are probabilities to leave within a horizon, never a bare risk score whose scale nobody
knows. Where customers were scored at a tenure above 0 (`entry`), everything is conditional on it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray
from scipy.stats import chi2

from retention.errors import NotEnoughDataError, ParameterError

from .censoring import Censoring, Outcomes

__all__ = [
    "DCalibration",
    "brier_score",
    "calibration",
    "concordance",
    "d_calibration",
    "integrated_brier_score",
    "lift",
    "time_dependent_auc",
]

Floats = NDArray[np.float64]


def _check(p: ArrayLike, n: int) -> Floats:
    values = np.asarray(p, dtype=float)
    if values.shape != (n,) or not np.all((values >= 0) & (values <= 1)):
        raise ParameterError(f"p must hold one probability for each of {n} customers")
    return values


def _weights(durations: pd.DataFrame, horizon: float, from_entry: bool) -> tuple[Floats, Floats]:
    """Return the weights of leavers and of stayers on the clock of tenure, or of entry."""
    seen = Outcomes.of(durations)
    if from_entry:
        seen = seen.since_entry()
    return Censoring.of(seen).weights(seen, horizon)


def brier_score(
    durations: pd.DataFrame, p_leave: ArrayLike, horizon: float, *, from_entry: bool = False
) -> float:
    """Return the mean squared error of the chance to leave by the horizon, weighted for censoring.

    Parameters
    ----------
    durations : pandas.DataFrame, n rows
        ``duration``, ``event``, and ``entry`` where customers were scored at a tenure above 0.
    p_leave : array_like of float, shape (n,)
        Predicted chance to leave by `horizon`.
    horizon : float
        A tenure; or, with `from_entry`, time since entry.
    from_entry : bool
        Whether the horizon counts from each customer's entry; so does censoring then.

    Returns
    -------
    float
        0 is best; a constant prediction of the true share q has q (1 - q).

    References
    ----------
    .. [1] Graf, E. et al. (1999). Assessment and comparison of prognostic classification schemes
       for survival data. Statistics in Medicine 18, 2529-2545.
    """
    p = _check(p_leave, len(durations))
    left, stayed = _weights(durations, horizon, from_entry)
    return float(np.mean(left * (1 - p) ** 2 + stayed * p**2))


def integrated_brier_score(
    durations: pd.DataFrame, p_leave: pd.DataFrame, *, from_entry: bool = False
) -> float:
    """Return the mean over horizons of the Brier score, by the trapezoidal rule.

    Parameters
    ----------
    durations : pandas.DataFrame, n rows
        As for `brier_score`.
    p_leave : pandas.DataFrame, n rows
        One column a horizon, named by it, rising; at least two.
    from_entry : bool
        As for `brier_score`.
    """
    horizons = np.array([float(name) for name in p_leave.columns])
    if len(horizons) < 2 or np.any(np.diff(horizons) <= 0):
        raise ParameterError("p_leave must have two or more rising horizons as columns")
    scores = [
        brier_score(durations, p_leave[name], float(name), from_entry=from_entry)
        for name in p_leave.columns
    ]
    return float(np.trapezoid(scores, horizons) / (horizons[-1] - horizons[0]))


def time_dependent_auc(
    durations: pd.DataFrame, p_leave: ArrayLike, horizon: float, *, from_entry: bool = False
) -> float:
    """Return the chance that one who leaves by the horizon was scored above one who stays longer.

    Cumulative cases, dynamic controls, weighted for censoring; ties count a half.

    Parameters
    ----------
    durations, p_leave, horizon, from_entry
        As for `brier_score`; `p_leave` may be any score that rises with risk.

    Raises
    ------
    NotEnoughDataError
        If nobody left by the horizon, or nobody stayed longer.

    References
    ----------
    .. [1] Uno, H. et al. (2007). Evaluating prediction rules for t-year survivors with censored
       regression models. Journal of the American Statistical Association 102, 527-537.
    """
    score = np.asarray(p_leave, dtype=float)
    left, stayed = _weights(durations, horizon, from_entry)
    if not left.sum() > 0 or not stayed.sum() > 0:
        raise NotEnoughDataError(f"nobody left, or nobody stayed beyond {horizon:g}: no AUC")
    _, code = np.unique(score, return_inverse=True)
    cases = np.bincount(code, left)
    controls = np.bincount(code, stayed)
    below = np.cumsum(controls) - controls / 2
    return float(cases @ below / (cases.sum() * controls.sum()))


def concordance(
    durations: pd.DataFrame,
    score: ArrayLike,
    *,
    weights: str = "harrell",
    until: float = np.inf,
) -> float:
    """Return the chance that of two customers the one who left first was scored higher.

    Parameters
    ----------
    durations : pandas.DataFrame, n rows
        ``duration``, ``event`` and perhaps ``entry``: two are compared at a tenure at which both
        were at risk.
    score : array_like of float, shape (n,)
        Rises with risk.
    weights : str
        ``harrell``: every comparison alike. ``uno``: each by ``1 / G(T-)^2``, so that the answer
        does not depend on who was censored when.
    until : float
        Leavers after this tenure begin no comparison.

    References
    ----------
    .. [1] Harrell, F. E. et al. (1982). Evaluating the yield of medical tests. JAMA 247, 2543-2546.
    .. [2] Uno, H. et al. (2011). On the C-statistics for evaluating overall adequacy of risk
       prediction procedures with censored survival data. Statistics in Medicine 30, 1105-1117.
    """
    if weights not in ("harrell", "uno"):
        raise ParameterError(f"weights must be harrell or uno, got {weights!r}")
    seen = Outcomes.of(durations)
    _, code = np.unique(np.asarray(score, dtype=float), return_inverse=True)
    size = int(code.max()) + 1
    times = np.unique(seen.duration[seen.event & (seen.duration < until)])[::-1]
    censoring = Censoring.of(seen)
    by_end, by_entry = np.argsort(-seen.duration, kind="stable"), np.argsort(-seen.entry)
    counts = np.zeros(size)
    ended = entered = 0
    good = total = 0.0
    for t in times:
        while ended < len(by_end) and seen.duration[by_end[ended]] >= t:
            counts[code[by_end[ended]]] += 1
            ended += 1
        while entered < len(by_entry) and seen.entry[by_entry[entered]] >= t:
            counts[code[by_entry[entered]]] -= 1
            entered += 1
        cases = np.bincount(code[seen.event & (seen.duration == t)], minlength=size)
        others = counts - cases
        below = np.cumsum(others) - others / 2
        w = (
            1.0
            if weights == "harrell"
            else float(censoring.at(np.array([t]), before=True)[0]) ** -2
        )
        good += w * float(cases @ below)
        total += w * float(cases.sum() * others.sum())
    if total == 0:
        raise NotEnoughDataError("no two customers can be compared: nobody left before another")
    return good / total


def calibration(
    left: ArrayLike, p_leave: ArrayLike, *, groups: int = 10, weight: ArrayLike | None = None
) -> pd.DataFrame:
    """Return expected against observed leavers by groups of equal size, from low risk to high.

    Parameters
    ----------
    left : array_like of bool, shape (n,)
        Who left within the horizon.
    p_leave : array_like of float, shape (n,)
        Predicted chance.
    groups : int
        How many groups; customers of equal chance stay together.
    weight : array_like of float, optional
        Weights for censoring; 1 if left out.

    Returns
    -------
    pandas.DataFrame
        ``n``, ``expected``, ``observed`` (sums), ``ratio`` (observed over expected) with ``low``
        and ``high`` (exact Poisson limits of the observed, 95 %).
    """
    p = _check(p_leave, np.size(left))
    w = np.ones(len(p)) if weight is None else np.asarray(weight, dtype=float)
    order = np.argsort(p, kind="stable")
    share = np.empty(len(p))
    share[order] = (np.cumsum(w[order]) - w[order] / 2) / w.sum()
    _, code = np.unique(p, return_inverse=True)
    middle = np.bincount(code, share) / np.bincount(code)
    group = np.minimum((middle[code] * groups).astype(int), groups - 1)
    y = np.asarray(left, dtype=float)
    rows = []
    for g in np.unique(group):
        own = group == g
        expected, observed = float(w[own] @ p[own]), float(w[own] @ y[own])
        low = chi2.ppf(0.025, 2 * observed) / 2 if observed > 0 else 0.0
        high = chi2.ppf(0.975, 2 * observed + 2) / 2
        rows.append((own.sum(), expected, observed, observed / expected, low / expected,
                     high / expected))  # fmt: skip
    names = ["n", "expected", "observed", "ratio", "low", "high"]
    return pd.DataFrame(rows, columns=names, index=pd.RangeIndex(1, len(rows) + 1, name="group"))


@dataclass(frozen=True, eq=False)
class DCalibration:
    """Whether survival probabilities at the time of leaving are spread evenly.

    Parameters
    ----------
    table : pandas.DataFrame
        Share of customers in each interval of S(T), equal if the model is calibrated.
    statistic, df, p_value : float, int, float
        Chi-square test of equal shares.
    """

    table: pd.DataFrame
    statistic: float
    df: int
    p_value: float


def d_calibration(
    survival: ArrayLike, event: ArrayLike, *, groups: int = 10
) -> DCalibration:  # fmt: skip
    """Test whether predicted survival, read at each customer's end, is uniform.

    Parameters
    ----------
    survival : array_like of float, shape (n,)
        Predicted S(T) at the tenure at which each left or was last seen, given entry.
    event : array_like of bool, shape (n,)
        Who left; the censored are spread evenly over the probabilities below theirs.
    groups : int
        Intervals.

    References
    ----------
    .. [1] Haider, H. et al. (2020). Effective ways to build and evaluate individual survival
       distributions. Journal of Machine Learning Research 21, 1-63.
    """
    s = np.clip(_check(survival, np.size(survival)), 1e-12, 1.0)
    e = np.asarray(event, dtype=bool)
    edges = np.linspace(0, 1, groups + 1)
    own = np.minimum((s * groups).astype(int), groups - 1)
    counts = np.bincount(own[e], minlength=groups).astype(float)
    c, at = s[~e], own[~e]
    counts += np.bincount(at, (c - edges[at]) / c, groups)
    for g in range(groups):
        counts[g] += np.sum((1 / groups) / c[at > g])
    expected = len(s) / groups
    statistic = float(np.sum((counts - expected) ** 2) / expected)
    table = pd.DataFrame({"low": edges[:-1], "high": edges[1:], "share": counts / len(s)})
    return DCalibration(table, statistic, groups - 1, float(chi2.sf(statistic, groups - 1)))


def lift(
    left: ArrayLike, p_leave: ArrayLike, shares: Sequence[float] = (0.05, 0.1, 0.2)
) -> pd.DataFrame:
    """Return how much denser leavers are among those scored highest.

    Parameters
    ----------
    left, p_leave : array_like, shape (n,)
        Who left, and the score.
    shares : sequence of float
        Share of customers contacted; a tie at the edge counts in part.

    Returns
    -------
    pandas.DataFrame
        By share: ``n`` contacted, ``left`` among them, ``lift`` (their rate over that of all) and
        ``captured`` (share of all leavers).
    """
    y, p = np.asarray(left, dtype=float), np.asarray(p_leave, dtype=float)
    if not y.sum() > 0:
        raise NotEnoughDataError("nobody left: no lift")
    # tied customers leave at their common rate
    _, code = np.unique(-p, return_inverse=True)
    mean = (np.bincount(code, y) / np.bincount(code))[code]
    reached = np.concatenate([[0.0], np.cumsum(mean[np.argsort(-p, kind="stable")])])
    rows = {}
    for share in shares:
        if not 0 < share <= 1:
            raise ParameterError(f"shares must lie above 0 and up to 1, got {share}")
        n = share * len(y)
        found = float(np.interp(n, np.arange(len(y) + 1), reached))
        rows[share] = (n, found, found / n / y.mean(), found / y.sum())
    names = ["n", "left", "lift", "captured"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("share")
