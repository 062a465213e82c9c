"""What came before leaving, against like customers who stayed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.analyses.losses.forerunners import FORERUNNERS, forerunner_drivers, forerunners_of
from retention.analyses.losses.leaving_hazard import groups_of
from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, normal_quantile
from retention.features import build_hazard_cells

__all__ = ["before_leaving", "mantel_haenszel"]

Floats = NDArray[np.float64]


def mantel_haenszel(
    cases: Floats, case_total: Floats, controls: Floats, control_total: Floats, level: float
) -> tuple[float, float, float]:
    """Return the common odds ratio over strata, with the interval of Robins, Breslow, Greenland.

    Parameters
    ----------
    cases, controls : ndarray of float, shape (strata,)
        Exposed leavers and exposed stayers of each stratum.
    case_total, control_total : ndarray of float, shape (strata,)
        All leavers and all stayers.

    Raises
    ------
    NotEnoughDataError
        If no stratum has exposed and unexposed on both sides.

    References
    ----------
    .. [1] Robins, J., Breslow, N. and Greenland, S. (1986). Estimators of the Mantel-Haenszel
       variance consistent in both sparse data and large-strata limiting models. Biometrics 42,
       311-323.
    """
    a, b = cases, case_total - cases
    c, d = controls, control_total - controls
    n = case_total + control_total
    keep = n > 0
    a, b, c, d, n = (x[keep] for x in (a, b, c, d, n))
    r, s = a * d / n, b * c / n
    if r.sum() <= 0 or s.sum() <= 0:
        raise NotEnoughDataError("no exposed and unexposed among both leavers and stayers")
    p, q = (a + d) / n, (b + c) / n
    variance = (
        (p * r).sum() / (2 * r.sum() ** 2)
        + (p * s + q * r).sum() / (2 * r.sum() * s.sum())
        + (q * s).sum() / (2 * s.sum() ** 2)
    )
    ratio = float(r.sum() / s.sum())
    factor = float(np.exp(normal_quantile(level) * np.sqrt(variance)))
    return ratio, ratio / factor, ratio * factor


def before_leaving(
    tables: Tables, *, days: Sequence[int] = (30, 90, 180), level: float = 0.95
) -> pd.DataFrame:
    """Compare leavers with stayers of the same tenure and segment, before the period of leaving.

    Everybody at risk at the same unit of tenure in the same segment is a matched control, so no
    control is drawn by chance. Only what was known before the period began counts.

    Returns
    -------
    DataFrame
        One row a forerunner and window: ``forerunner``, ``days``, ``words``, ``leavers`` and
        ``stayers`` (shares with it), ``odds_ratio`` (an `Estimate`).
    """
    by = groups_of(tables)
    rows = []
    for window in days:
        drivers = forerunner_drivers(tables, days=int(window))
        cells = forerunners_of(build_hazard_cells(tables, by=by, drivers=drivers))
        code = cells.groupby(["stop", *by], dropna=False).ngroup()
        strata = np.asarray(code, dtype=np.int64)
        for name in (name for name in FORERUNNERS if name in cells):
            rows.append(_compared(cells, strata, name, int(window), tables.minimum_n, level))
    return pd.DataFrame(rows)


def _compared(
    cells: pd.DataFrame, strata: NDArray[np.int64], name: str, days: int, minimum_n: int,
    level: float,
) -> dict[str, object]:  # fmt: skip
    left = cells["events"].to_numpy(dtype=float)
    stayed = cells["n"].to_numpy(dtype=float) - left
    x = cells[name].to_numpy(dtype=float)
    case, control, all_left, all_stayed = (
        np.bincount(strata, weight).astype(float) for weight in (left * x, stayed * x, left, stayed)
    )
    used = all_left > 0
    exposed = int(case.sum())
    method = "Mantel-Haenszel over tenure and segment, Robins-Breslow-Greenland interval"
    # the stayers as they would be with the tenure and segment of the leavers
    share = control[used] / np.maximum(all_stayed[used], 1)
    matched = float((share * all_left[used]).sum() / all_left.sum())
    row: dict[str, object] = {
        "forerunner": name, "days": days, "words": FORERUNNERS[name],
        "leavers": exposed / all_left.sum(), "stayers": matched,
    }  # fmt: skip
    try:
        value, low, high = mantel_haenszel(case, all_left, control, all_stayed, level)
    except NotEnoughDataError as error:
        shown = Estimate.withheld(str(error), unit="", n=int(left.sum()), method=method, grade="C")
        return row | {"odds_ratio": shown}
    if exposed < minimum_n:
        why = f"{exposed} leavers had it, fewer than the {minimum_n} a number needs"
        shown = Estimate.withheld(why, unit="", n=int(left.sum()), method=method, grade="C")
    else:
        shown = Estimate(
            value=value, low=low, high=high, level=level, unit="", n=int(left.sum()),
            events=exposed, method=method, grade="C",
        )  # fmt: skip
    return row | {"odds_ratio": shown}
