"""Numbers with their honesty: value, interval, unit, n, events, method, and how far to read them.

The grade of an `Estimate` says how far it may be read as cause: **A** randomised, **B**
quasi-experiment with its checks passed, **C** adjusted association, **D** description. Every number
of a report is an `Estimate`; one that rests on too few customers is withheld, with the reason.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal, Protocol, get_args, runtime_checkable

import numpy as np
from numpy.typing import ArrayLike, NDArray

from retention.errors import ParameterError

__all__ = [
    "GRADES",
    "Answer",
    "Estimate",
    "Grade",
    "benjamini_hochberg",
    "bootstrap_interval",
    "delta_interval",
    "fieller_interval",
    "log_log_interval",
    "normal_interval",
    "normal_quantile",
    "wilson_interval",
]

Grade = Literal["A", "B", "C", "D"]

GRADES: Mapping[str, str] = {
    "A": "randomised: may be read as an effect",
    "B": "quasi-experiment whose checks passed: an effect, if its assumptions hold",
    "C": "adjusted association: not an effect",
    "D": "description: what happened, not why",
}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """One number with everything needed to judge it.

    Parameters
    ----------
    value : float or None
        The number; None where it is withheld, and then `why` says why.
    low, high : float or None
        The interval at `level`; None where none can be given, and then `method` says why.
    level : float
        Level of the interval, such as 0.95.
    unit : str
        ``share`` (printed as a percentage), ``months``, ``EUR per customer``, ...
    n : int
        Customers, cases or answers behind the number.
    events : int or None
        Events among them, where the number is about events.
    method : str
        How value and interval were made, in the field's words.
    grade : str
        A, B, C or D, see `GRADES`.
    why : str
        The reason why no value is shown.

    Raises
    ------
    ParameterError
        If the interval does not hold the value, the grade is unknown, or a number is not finite.

    Examples
    --------
    >>> print(Estimate(value=0.8432, low=0.834, high=0.852, unit="share", n=7043, events=1869,
    ...                method="Kaplan-Meier, log-log", grade="D"))
    84.3 % (95 % interval 83.4 to 85.2 %; n 7,043, 1,869 events; grade D)
    """

    value: float | None
    low: float | None = None
    high: float | None = None
    level: float = 0.95
    unit: str
    n: int
    events: int | None = None
    method: str
    grade: Grade
    why: str = ""

    def __post_init__(self) -> None:
        if self.grade not in get_args(Grade):
            raise ParameterError(f"grade must be A, B, C or D; got {self.grade!r}")
        if not 0 < self.level < 1:
            raise ParameterError(f"level must lie between 0 and 1, got {self.level}")
        if self.value is None:
            if not self.why or self.low is not None or self.high is not None:
                raise ParameterError("a withheld estimate has a reason and no interval")
            return
        if (self.low is None) != (self.high is None):
            raise ParameterError("an interval has both a low and a high end, or neither")
        numbers = [self.value] if self.low is None else [self.value, self.low, self.high]
        if not all(x is not None and math.isfinite(x) for x in numbers):
            raise ParameterError(
                f"not finite: value {self.value}, low {self.low}, high {self.high}"
            )
        if self.low is not None and self.high is not None:
            slack = 1e-9 * max(1.0, abs(self.value))
            if not self.low - slack <= self.value <= self.high + slack:
                raise ParameterError(
                    f"value {self.value} lies outside its interval {self.low} to {self.high}"
                )

    @classmethod
    def withheld(cls, why: str, *, unit: str, n: int, method: str, grade: Grade = "D") -> Estimate:
        """Return an estimate that shows no number, only why not."""
        return cls(value=None, unit=unit, n=n, method=method, grade=grade, why=why)

    @property
    def shown(self) -> bool:
        """Whether there is a number to show."""
        return self.value is not None

    def __str__(self) -> str:
        if self.value is None:
            return f"not shown: {self.why}"
        counts = f"n {self.n:,}"
        if self.events is not None:
            counts += f", {self.events:,} events"
        value, low, high, suffix = self._printed()
        if self.low is None:
            return f"{value}{suffix} (no interval; {counts}; grade {self.grade})"
        return (
            f"{value}{suffix} ({self.level * 100:g} % interval {low} to {high}{suffix}; "
            f"{counts}; grade {self.grade})"
        )

    def _printed(self) -> tuple[str, str, str, str]:
        numbers = [self.value, self.low, self.high]
        if self.unit == "share":
            texts = ["" if x is None else f"{100 * x:.1f}" for x in numbers]
            return texts[0], texts[1], texts[2], " %"
        width = max((abs(x) for x in numbers if x is not None), default=0.0)
        digits = 0 if width >= 1000 else 1 if width >= 10 else 2 if width >= 1 else 3
        texts = ["" if x is None else f"{x:,.{digits}f}" for x in numbers]
        return texts[0], texts[1], texts[2], f" {self.unit}" if self.unit else ""

    def record(self) -> dict[str, Any]:
        """Return a plain dictionary, as ``metrics.json`` keeps it."""
        return {
            "value": self.value,
            "low": self.low,
            "high": self.high,
            "level": self.level,
            "unit": self.unit,
            "n": self.n,
            "events": self.events,
            "method": self.method,
            "grade": self.grade,
            "why": self.why,
        }


@runtime_checkable
class Answer(Protocol):
    """What an analysis returns: frozen, and able to say itself in a table and in a sentence."""

    def summary(self) -> Any:
        """Return the answer as a DataFrame."""
        ...

    def headline(self) -> str:
        """Return one sentence with the number, its interval, its unit and its n."""
        ...

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record by name; they become ``metrics.json``."""
        ...

    def cautions(self) -> tuple[str, ...]:
        """Return what a reader must know before acting on the numbers; may be empty."""
        ...


def normal_quantile(level: float) -> float:
    """Return z so that a standard normal lies within -z and z with probability `level`."""
    from scipy.special import ndtri

    if not 0 < level < 1:
        raise ParameterError(f"level must lie between 0 and 1, got {level}")
    return float(ndtri(0.5 + level / 2))


def normal_interval(value: float, se: float, level: float = 0.95) -> tuple[float, float]:
    """Return the Wald interval ``value -+ z * se``."""
    z = normal_quantile(level)
    return value - z * se, value + z * se


def wilson_interval(successes: float, n: float, level: float = 0.95) -> tuple[float, float]:
    """Return the score interval of a share.

    Parameters
    ----------
    successes, n : float
        Counts; ``0 <= successes <= n`` and ``n > 0``.
    level : float
        Level of the interval.

    Returns
    -------
    tuple of float
        Low and high end, each within 0 and 1.

    Raises
    ------
    ParameterError
        If the counts are impossible.

    References
    ----------
    .. [1] Wilson, E. B. (1927). Probable inference, the law of succession, and statistical
       inference. Journal of the American Statistical Association 22, 209-212.

    Examples
    --------
    >>> low, high = wilson_interval(81, 263)
    >>> round(low, 4), round(high, 4)
    (0.2553, 0.3662)
    """
    if not (n > 0 and 0 <= successes <= n):
        raise ParameterError(f"no share of {successes} successes in {n} trials exists")
    z2 = normal_quantile(level) ** 2
    share = successes / n
    centre = share + z2 / (2 * n)
    half = math.sqrt(z2 * (share * (1 - share) / n + z2 / (4 * n * n)))
    scale = 1 + z2 / n
    low, high = (centre - half) / scale, (centre + half) / scale
    return max(0.0, min(low, share)), min(1.0, max(high, share))


def log_log_interval(
    survival: ArrayLike, se: ArrayLike, level: float = 0.95
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return the log(-log) interval of survival probabilities.

    Parameters
    ----------
    survival, se : array_like of float, shape (k,)
        Survival probabilities and their (Greenwood) standard errors.
    level : float
        Level of the interval.

    Returns
    -------
    low, high : ndarray of float, shape (k,)
        Within 0 and 1. Where survival is exactly 0 or 1 no interval of this kind exists and both
        are NaN, as in R's ``survfit``.

    References
    ----------
    .. [1] Kalbfleisch, J. D. and Prentice, R. L. (2002). The Statistical Analysis of Failure Time
       Data, 2nd ed., section 1.4.
    """
    s, e = np.asarray(survival, dtype=float), np.asarray(se, dtype=float)
    inside = (s > 0) & (s < 1)
    safe = np.where(inside, s, 0.5)
    log_s = np.log(safe)
    half = normal_quantile(level) * e / (safe * np.abs(log_s))
    low = np.where(inside, safe ** np.exp(half), np.nan)
    high = np.where(inside, safe ** np.exp(-half), np.nan)
    return low, high


def delta_interval(
    function: Callable[[NDArray[np.float64]], float],
    estimate: ArrayLike,
    covariance: ArrayLike,
    level: float = 0.95,
) -> tuple[float, float, float]:
    """Return value, low and high of a smooth function of estimates, by the delta method.

    The gradient is taken by central differences, scaled to each standard error.
    """
    x, v = np.asarray(estimate, dtype=float), np.asarray(covariance, dtype=float)
    step = 1e-4 * np.where(np.diag(v) > 0, np.sqrt(np.diag(v)), 1.0)
    moves = np.diag(step)
    gradient = np.array([(function(x + m) - function(x - m)) / (2 * m.sum()) for m in moves])
    value = float(function(x))
    low, high = normal_interval(value, float(np.sqrt(max(0.0, gradient @ v @ gradient))), level)
    return value, low, high


def fieller_interval(
    numerator: float,
    denominator: float,
    covariance: ArrayLike,
    level: float = 0.95,
) -> tuple[float, float]:
    """Return the interval of a ratio of two normal estimates.

    Parameters
    ----------
    numerator, denominator : float
        The two estimates.
    covariance : array_like of float, shape (2, 2)
        Their covariance, numerator first.
    level : float
        Level of the interval.

    Returns
    -------
    tuple of float
        Low and high end; minus and plus infinity where the denominator cannot be told from zero.

    References
    ----------
    .. [1] Fieller, E. C. (1954). Some problems in interval estimation. Journal of the Royal
       Statistical Society B 16, 175-185.
    """
    v = np.asarray(covariance, dtype=float)
    z2 = normal_quantile(level) ** 2
    a = denominator**2 - z2 * v[1, 1]
    b = numerator * denominator - z2 * v[0, 1]
    c = numerator**2 - z2 * v[0, 0]
    if a <= 0:
        return -math.inf, math.inf
    root = math.sqrt(max(0.0, b * b - a * c))
    return (b - root) / a, (b + root) / a


def bootstrap_interval(replicates: ArrayLike, level: float = 0.95) -> tuple[float, float]:
    """Return the percentile interval of bootstrap replicates; those not finite are an error."""
    values = np.asarray(replicates, dtype=float)
    if values.size == 0 or not np.isfinite(values).all():
        bad = int((~np.isfinite(values)).sum())
        raise ParameterError(f"{bad} of {values.size} bootstrap replicates are not finite")
    low, high = np.quantile(values, [0.5 - level / 2, 0.5 + level / 2])
    return float(low), float(high)


def benjamini_hochberg(p_values: ArrayLike) -> NDArray[np.float64]:
    """Return p-values adjusted so that the false discovery rate is held.

    References
    ----------
    .. [1] Benjamini, Y. and Hochberg, Y. (1995). Controlling the false discovery rate. Journal of
       the Royal Statistical Society B 57, 289-300.

    Examples
    --------
    >>> benjamini_hochberg([0.01, 0.04, 0.03, 0.005])
    array([0.02, 0.04, 0.04, 0.02])
    """
    p = np.asarray(p_values, dtype=float)
    order = np.argsort(p)[::-1]
    ranks = np.arange(p.size, 0, -1)
    adjusted = np.empty_like(p)
    adjusted[order] = np.minimum(1.0, np.minimum.accumulate(p[order] * p.size / ranks))
    return adjusted
