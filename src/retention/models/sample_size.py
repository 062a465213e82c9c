"""How many customers an experiment needs, and what a running one could have seen."""

from __future__ import annotations

import math

from scipy.special import ndtri

from retention.errors import ParameterError

__all__ = [
    "clustered_size",
    "detectable_difference",
    "detectable_hazard_ratio",
    "events_for_hazard_ratio",
    "size_for_means",
    "size_for_shares",
]


def _both(alpha: float, power: float, share: float) -> float:
    if not (0 < alpha < 1 and 0 < power < 1 and 0 < share < 1):
        raise ParameterError(
            f"alpha, power and share lie between 0 and 1; got {alpha}, {power} and {share}"
        )
    return float(ndtri(1 - alpha / 2) + ndtri(power))


def size_for_means(
    difference: float, spread: float, *, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> int:
    """Return the customers, both arms together, that a difference of means needs.

    Parameters
    ----------
    difference : float
        The least difference worth finding; not 0.
    spread : float
        Standard deviation of the outcome, after CUPED if it will be used; above 0.
    alpha, power : float
        Two-sided error level, and chance to find the difference if it is there.
    share : float
        Share of customers treated.

    References
    ----------
    .. [1] Chow, S.-C., Shao, J. and Wang, H. (2008). Sample Size Calculations in Clinical
       Research, 2nd ed., section 3.2.

    Examples
    --------
    >>> size_for_means(0.5, 1.0)
    126
    """
    if difference == 0 or not spread > 0:
        raise ParameterError("difference must not be 0 and spread must be above 0")
    z = _both(alpha, power, share)
    return math.ceil((z * spread / difference) ** 2 / (share * (1 - share)))


def size_for_shares(
    untreated: float, treated: float, *, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> int:
    """Return the customers, both arms together, that two shares need to be told apart.

    Parameters
    ----------
    untreated, treated : float
        Shares, such as retained after a year; between 0 and 1, not equal.

    References
    ----------
    .. [1] Chow, Shao and Wang (2008), section 4.2.

    Examples
    --------
    >>> size_for_shares(0.65, 0.85)
    140
    """
    if not (0 < untreated < 1 and 0 < treated < 1) or untreated == treated:
        raise ParameterError("two different shares between 0 and 1 are needed")
    z = _both(alpha, power, share)
    spread = treated * (1 - treated) / share + untreated * (1 - untreated) / (1 - share)
    return math.ceil(z**2 * spread / (treated - untreated) ** 2)


def events_for_hazard_ratio(
    ratio: float, *, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> int:
    """Return the leavers, both arms together, that a hazard ratio needs.

    References
    ----------
    .. [1] Schoenfeld, D. A. (1983). Sample-size formula for the proportional-hazards regression
       model. Biometrics 39, 499-503.

    Examples
    --------
    >>> events_for_hazard_ratio(0.5)
    66
    """
    if not ratio > 0 or ratio == 1:
        raise ParameterError(f"a hazard ratio above 0 and other than 1 is needed, got {ratio}")
    z = _both(alpha, power, share)
    return math.ceil(z**2 / (share * (1 - share) * math.log(ratio) ** 2))


def detectable_hazard_ratio(
    events: int, *, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> float:
    """Return the weakest protection, a hazard ratio below 1, that so many leavers can show.

    Examples
    --------
    >>> round(detectable_hazard_ratio(66), 3)
    0.502
    """
    if events < 1:
        raise ParameterError("no leaver, no hazard ratio")
    z = _both(alpha, power, share)
    return math.exp(-z / math.sqrt(events * share * (1 - share)))


def detectable_difference(
    n: int, spread: float, *, alpha: float = 0.05, power: float = 0.8, share: float = 0.5
) -> float:
    """Return the least difference of means that `n` customers can show.

    Examples
    --------
    >>> round(detectable_difference(126, 1.0), 3)
    0.499
    """
    if n < 2 or not spread > 0:
        raise ParameterError("n must be 2 or more and spread above 0")
    return _both(alpha, power, share) * spread / math.sqrt(n * share * (1 - share))


def clustered_size(n: int, cluster_size: float, correlation: float) -> int:
    """Return the customers needed where whole branches are assigned, not customers.

    Parameters
    ----------
    n : int
        Customers that independent assignment would need.
    cluster_size : float
        Mean customers a branch; 1 or more.
    correlation : float
        Intraclass correlation of the outcome within branches; 0 to 1.

    References
    ----------
    .. [1] Donner, A., Birkett, N. and Buck, C. (1981). Randomization by cluster. American Journal
       of Epidemiology 114, 906-914.

    Examples
    --------
    >>> clustered_size(126, 20, 0.05)
    246
    """
    if cluster_size < 1 or not 0 <= correlation <= 1:
        raise ParameterError("cluster_size must be 1 or more, correlation from 0 to 1")
    return math.ceil(n * (1 + (cluster_size - 1) * correlation))
