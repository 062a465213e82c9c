"""How much of the loss goes with each driver, with all together, and with none that is known."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import comb

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.estimates import Estimate
from retention.models import DiscreteHazardFit

__all__ = ["attributable_shares"]

Floats = NDArray[np.float64]
_EXACT = 10  # drivers up to which every order is gone through


def attributable_shares(
    fit: DiscreteHazardFit,
    cells: pd.DataFrame,
    drivers: Sequence[str],
    *,
    draws: int = 200,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Share the expected loss among drivers: alone, and fairly where they act together [1]_ [2]_.

    The share of a driver alone is the part of the expected leavers that would not be expected had
    it been absent and all else as it was. Where hazards multiply, shares alone add up to more than
    the drivers have together; ``fair`` is the mean over all orders of taking them away (Shapley),
    and adds up to what they have together. The rest is unexplained.

    Parameters
    ----------
    fit : DiscreteHazardFit
        Hazard with the drivers among its covariates.
    cells : DataFrame
        Counted person-periods: ``stop``, ``n`` and covariates.
    drivers : sequence of str
        Columns that are 1 where the driver holds; up to ten.

    Returns
    -------
    DataFrame
        Index ``driver``, with rows ``together``, ``interaction`` (together less the sum of the
        shares alone) and ``unexplained``; ``alone`` (an `Estimate`), ``fair``.

    References
    ----------
    .. [1] Bruzzi, P., Green, S. B., Byar, D. P., Brinton, L. A. and Schairer, C. (1985). Estimating
       the population attributable risk for multiple risk factors using case-control data. American
       Journal of Epidemiology 122, 904-914.
    .. [2] Eide, G. E. and Gefeller, O. (1995). Sequential and average attributable fractions as
       aids in the selection of preventive strategies. Journal of Clinical Epidemiology 48, 645-655.
    """
    names = list(drivers)[:_EXACT]
    rng = np.random.default_rng(1) if rng is None else rng
    tenure = cells["stop"].to_numpy(dtype=float)
    n, full = cells["n"].to_numpy(dtype=float), fit.rows(cells, tenure)
    at = [list(fit.names).index(name) for name in names]
    held = cells[names].to_numpy(dtype=float)

    def expected(theta: Floats, without: Sequence[int]) -> float:
        eta = full @ theta - held[:, list(without)] @ theta[[at[k] for k in without]]
        return float(n @ -np.expm1(-fit.rate(eta, tenure)[0]))

    everyone = tuple(range(len(names)))
    sets = {s: expected(fit.theta, s) for k in range(len(names) + 1)
            for s in combinations(everyone, k)}  # fmt: skip
    base = sets[()]
    fair = [_shapley(sets, k, len(names)) / base for k in everyone]
    drawn = rng.multivariate_normal(fit.theta, fit.covariance, size=draws)
    totals = np.array([expected(theta, ()) for theta in drawn])
    rows: dict[str, dict[str, object]] = {}
    groups = {**{name: (k,) for k, name in enumerate(names)}, "together": everyone}
    replicates = {}
    for name, without in groups.items():
        kept = np.array([expected(theta, without) for theta in drawn])
        replicates[name] = 1 - kept / totals
        value = 1 - sets[without] / base
        shown = _shown(value, replicates[name], fit, level)
        rows[name] = {"alone": shown, "fair": fair[without[0]] if name in names else sum(fair)}
    alone = sum(1 - sets[k,] / base for k in everyone)
    together = 1 - sets[everyone] / base
    both = replicates["together"] - sum(replicates[name] for name in names)
    rows["interaction"] = {"alone": _shown(together - alone, both, fit, level), "fair": np.nan}
    rest = _shown(1 - together, 1 - replicates["together"], fit, level)
    rows["unexplained"] = {"alone": rest, "fair": 1 - together}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("driver")


def _shapley(sets: dict[tuple[int, ...], float], k: int, size: int) -> float:
    """Return the mean drop when driver `k` is taken away after each set of others."""
    total = 0.0
    for others, value in sets.items():
        if k not in others:
            weight = 1 / (size * comb(size - 1, len(others)))
            total += weight * (value - sets[tuple(sorted((*others, k)))])
    return total


def _shown(value: float, drawn: Floats, fit: DiscreteHazardFit, level: float) -> Estimate:
    low, high = np.quantile(drawn, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(
        value=value, low=min(float(low), value), high=max(float(high), value), level=level,
        unit="share", n=round(fit.n), events=round(fit.n_events), grade="C",
        method="expected leavers without the driver against with it, discrete hazard, drawn "
        "coefficients",
    )  # fmt: skip
