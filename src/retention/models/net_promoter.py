"""The net promoter score and an interval that keeps its promise in small samples."""

from __future__ import annotations

import math

from retention.errors import ParameterError
from retention.estimates import normal_quantile

__all__ = ["net_promoter_score"]


def net_promoter_score(
    promoters: float, detractors: float, n: float, level: float = 0.95
) -> tuple[float, float, float]:
    """Return the net promoter score with the adjusted Wald interval.

    Three quarters of a promoter and of a detractor, and one and a half who are neither, are added
    before the interval is made; the score itself is not adjusted. With weighted or clustered
    answers give the effective n and the effective counts.

    Parameters
    ----------
    promoters, detractors : float
        Answers 9-10 and 0-6 on a scale from 0 to 10; each 0 or more.
    n : float
        All answers; above 0.
    level : float
        Level of the interval.

    Returns
    -------
    tuple of float
        Score, low and high end, each from -100 to 100.

    Raises
    ------
    ParameterError
        If the counts are impossible.

    References
    ----------
    .. [1] Rocks, B. (2016). Interval estimation for the "net promoter score". The American
       Statistician 70(4), 365-372.

    Examples
    --------
    >>> score, low, high = net_promoter_score(50, 20, 100)
    >>> round(score, 1), round(low, 1), round(high, 1)
    (30.0, 14.1, 44.2)
    """
    if not (n > 0 and promoters >= 0 and detractors >= 0 and promoters + detractors <= n + 1e-9):
        raise ParameterError(
            f"no score of {promoters} promoters and {detractors} detractors in {n} answers exists"
        )
    score = (promoters - detractors) / n
    p, q = (promoters + 0.75) / (n + 3), (detractors + 0.75) / (n + 3)
    half = normal_quantile(level) * math.sqrt((p + q - (p - q) ** 2) / (n + 3))
    low, high = max(-1.0, min(p - q - half, score)), min(1.0, max(p - q + half, score))
    return 100 * score, 100 * low, 100 * high
