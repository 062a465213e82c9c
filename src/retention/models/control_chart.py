"""Control charts: is this period's figure chance, or a change."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["ControlChart", "cusum_chart", "ewma_chart", "p_chart"]

Numbers = NDArray[np.float64]


@dataclass(frozen=True)
class ControlChart:
    """Points, limits and which points signal.

    Attributes
    ----------
    statistic, lower, upper : ndarray of float, shape (k,)
        What is drawn in each period, and its limits.
    centre : float
        The level without change.
    signal : ndarray of int, shape (k,)
        -1 below, 1 above the limits, 0 within them.
    began : ndarray of int, shape (k,)
        For a signal, the position of the period in which the change probably began; else -1.
    """

    statistic: Numbers
    lower: Numbers
    upper: Numbers
    centre: float
    signal: NDArray[np.int_]
    began: NDArray[np.int_]


def p_chart(
    counts: ArrayLike, n: ArrayLike, *, centre: float | None = None, width: float = 3.0
) -> ControlChart:
    """Chart the share of each period against limits for its own n.

    Parameters
    ----------
    counts, n : array_like of int, shape (k,)
        Events and cases of each period; n may vary and is above 0.
    centre : float, optional
        Share without change; the pooled share if not given.
    width : float
        Limits lie this many standard errors from the centre.

    References
    ----------
    .. [1] Shewhart, W. A. (1931). Economic Control of Quality of Manufactured Product.
    .. [2] Montgomery, D. C. (2013). Introduction to Statistical Quality Control, 7th ed., ch. 7.

    Examples
    --------
    >>> chart = p_chart([5, 4, 6, 21], [50, 50, 50, 50])
    >>> chart.signal
    array([0, 0, 0, 1])
    """
    k, m = np.asarray(counts, dtype=float), np.asarray(n, dtype=float)
    if not (len(k) and (m > 0).all() and (k >= 0).all() and (k <= m).all()):
        raise ParameterError("every period needs 0 <= count <= n and n above 0")
    middle = float(k.sum() / m.sum()) if centre is None else centre
    half = width * np.sqrt(middle * (1 - middle) / m)
    share = k / m
    lower, upper = np.clip(middle - half, 0, 1), np.clip(middle + half, 0, 1)
    signal = (share > upper).astype(int) - (share < lower)
    began = np.where(signal != 0, np.arange(len(k)), -1)
    return ControlChart(share, lower, upper, middle, signal, began)


def ewma_chart(
    values: ArrayLike,
    *,
    centre: float,
    sd: ArrayLike,
    smoothing: float = 0.2,
    width: float = 2.86,
) -> ControlChart:
    """Chart the exponentially weighted moving average: small lasting shifts.

    Parameters
    ----------
    values : array_like of float, shape (k,)
        One value a period.
    centre : float
        Level without change.
    sd : float or array_like of float, shape (k,)
        Standard deviation of a period's value without change; it may differ by period.
    smoothing : float
        Weight of the newest value, above 0 up to 1.
    width : float
        Limits in standard errors; 2.86 with 0.2 gives a false signal every 370 periods or so.

    References
    ----------
    .. [1] Lucas, J. M. and Saccucci, M. S. (1990). Exponentially weighted moving average control
       schemes. Technometrics 32(1), 1-12.
    """
    x, s = _series(values, sd)
    if not 0 < smoothing <= 1:
        raise ParameterError(f"smoothing must be above 0 and up to 1, got {smoothing}")
    level, variance = centre, 0.0
    statistic, spread = np.empty(len(x)), np.empty(len(x))
    for t in range(len(x)):
        level = smoothing * x[t] + (1 - smoothing) * level
        variance = smoothing**2 * s[t] ** 2 + (1 - smoothing) ** 2 * variance
        statistic[t], spread[t] = level, np.sqrt(variance)
    lower, upper = centre - width * spread, centre + width * spread
    signal = (statistic > upper).astype(int) - (statistic < lower)
    side = np.sign(statistic - centre).astype(int)
    began = np.array([_run_start(side, t) if signal[t] else -1 for t in range(len(x))])
    return ControlChart(statistic, lower, upper, centre, signal, began)


def cusum_chart(
    values: ArrayLike,
    *,
    centre: float,
    sd: ArrayLike,
    slack: float = 0.5,
    decision: float = 5.0,
) -> ControlChart:
    """Chart the two-sided tabular cumulative sum of standardised values.

    The statistic drawn is the larger of the two sums, downward ones as negative numbers.

    Parameters
    ----------
    values : array_like of float, shape (k,)
        One value a period.
    centre : float
        Level without change.
    sd : float or array_like of float, shape (k,)
        Standard deviation of a period's value without change.
    slack, decision : float
        In standard deviations; 0.5 and 5 look for shifts of one standard deviation, with a false
        signal every 465 periods or so.

    References
    ----------
    .. [1] Page, E. S. (1954). Continuous inspection schemes. Biometrika 41, 100-115.
    .. [2] Montgomery, D. C. (2013). Introduction to Statistical Quality Control, 7th ed., ch. 9.
    """
    x, s = _series(values, sd)
    z = (x - centre) / s
    up, down, since_up, since_down = 0.0, 0.0, 0, 0
    statistic, signal, began = np.empty(len(z)), np.zeros(len(z), int), np.full(len(z), -1)
    for t, value in enumerate(z):
        up, down = max(0.0, up + value - slack), max(0.0, down - value - slack)
        since_up, since_down = (since_up + 1 if up > 0 else 0), (since_down + 1 if down > 0 else 0)
        statistic[t] = up if up >= down else -down
        if max(up, down) > decision:
            signal[t] = 1 if up >= down else -1
            began[t] = t - (since_up if up >= down else since_down) + 1
    limit = np.full(len(z), decision)
    return ControlChart(statistic, -limit, limit, 0.0, signal, began)


def _series(values: ArrayLike, sd: ArrayLike) -> tuple[Numbers, Numbers]:
    x = np.asarray(values, dtype=float)
    s = np.broadcast_to(np.asarray(sd, dtype=float), x.shape)
    if len(x) == 0:
        raise NotEnoughDataError("a chart needs at least one period")
    if not (np.isfinite(x).all() and (s > 0).all()):
        raise ParameterError("values must be finite and sd above 0; leave out empty periods")
    return x, s


def _run_start(side: NDArray[np.int_], t: int) -> int:
    """Position where the run on this side of the centre began."""
    start = t
    while start > 0 and side[start - 1] == side[t]:
        start -= 1
    return start
