"""Do hazard ratios change with tenure? The score test of proportional hazards."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
import pandas as pd
from scipy.stats import chi2

from .cox_likelihood import Moments, Stratum, derivatives
from .risk_sets import Floats

__all__ = ["proportionality_test"]


def proportionality_test(
    strata: Sequence[Stratum],
    beta: Floats,
    ties: str,
    terms: Mapping[str, Sequence[str]],
    transform: str,
    moments: Sequence[Moments] | None = None,
) -> pd.DataFrame:
    """Test whether adding ``x g(tenure)`` to the model would improve it, by term and for all.

    Parameters
    ----------
    strata, beta, ties
        The fitted model's data, coefficients and ties.
    terms : mapping of term to its columns
        Terms are tested as a whole.
    transform : str
        g: ``km`` (1 - S(t-) of all spells), ``rank`` (among all ends of spells) or ``identity``.
    moments : sequence of Moments, optional
        Those of each stratum at `beta`, where they are known.

    Returns
    -------
    pandas.DataFrame
        ``chi_square``, ``df`` and ``p_value``, one row a term and one called ``GLOBAL``.

    References
    ----------
    .. [1] Grambsch, P. M. and Therneau, T. M. (1994). Proportional hazards tests and diagnostics
       based on weighted residuals. Biometrika 81, 515-526. The score test itself, as R's survival
       has it from version 3.0 on, not its approximation by one mean variance.
    """
    g = _scale(strata, transform)
    m = [Moments.of(s, beta, ties) for s in strata] if moments is None else moments
    _, gradient, cross = derivatives(strata, beta, ties, g, m)
    _, _, square = derivatives(strata, beta, ties, [w**2 for w in g], m)
    _, _, information = derivatives(strata, beta, ties, None, m)
    variance = square - cross.T @ np.linalg.solve(information, cross)
    column = {name: j for j, name in enumerate(name for names in terms.values() for name in names)}
    rows = {}
    for term, names in {**terms, "GLOBAL": tuple(column)}.items():
        at = [column[name] for name in names]
        u, v = gradient[at], variance[np.ix_(at, at)]
        statistic = float(u @ np.linalg.pinv(v, hermitian=True) @ u)
        rows[term] = (statistic, len(at), float(chi2.sf(statistic, len(at))))
    return pd.DataFrame.from_dict(rows, orient="index", columns=["chi_square", "df", "p_value"])


def _scale(strata: Sequence[Stratum], transform: str) -> list[Floats]:
    """Return g at the event tenures of each stratum, centred over those who left."""
    times = np.unique(np.concatenate([s.risk.times for s in strata]))
    deaths = np.zeros(len(times))
    for s in strata:
        deaths[np.searchsorted(times, s.risk.times)] += s.risk.deaths
    ended = sum((s.risk.ended_before(times) for s in strata), np.zeros(len(times)))
    if transform == "km":
        entered = sum((s.risk.entered_before(times) for s in strata), np.zeros(len(times)))
        survival = np.cumprod(1 - deaths / (entered - ended))
        g = 1 - np.r_[1.0, survival[:-1]]
    elif transform == "rank":
        after = np.nextafter(times, np.inf)
        through = sum((s.risk.ended_before(after) for s in strata), np.zeros(len(times)))
        g = (ended + through + 1) / 2
    else:
        g = times.copy()
    g -= np.average(g, weights=deaths)
    return [g[np.searchsorted(times, s.risk.times)] for s in strata]
