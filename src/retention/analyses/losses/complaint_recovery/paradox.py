"""Is a customer whose problem was solved better than one who never had any? Two tests, apart."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import normal_interval
from retention.features import build_scales, scale_map
from retention.models import LeastSquares

from .hazard import HandlingHazard, tost

__all__ = ["recovery_paradox"]

_YEAR = pd.Timedelta(days=365)


def recovery_paradox(
    tables: Tables,
    cases: pd.DataFrame,
    hazard: HandlingHazard | None,
    *,
    score_margin: float = 0.05,
    hazard_margin: float = 1.25,
    level: float = 0.95,
) -> pd.DataFrame:
    """Test whether recovered customers equal those without a failure: satisfaction, behaviour.

    Parameters
    ----------
    score_margin : float
        Differences up to this share of the scale count as none.
    hazard_margin : float
        Hazard ratios between its inverse and it count as none; above 1.

    Returns
    -------
    DataFrame
        Index ``measure`` (satisfaction, behaviour); ``difference`` with ``low`` and ``high`` (in
        points of the scale; log hazard ratio), ``margin``, ``p_equivalence``, ``verdict`` (in
        words), ``n``.

    References
    ----------
    .. [1] Schuirmann, D. J. (1987). A comparison of the two one-sided tests procedure and the
       power approach. Journal of Pharmacokinetics and Biopharmaceutics 15, 657-680.
    """
    if not (hazard_margin > 1 and score_margin > 0):
        raise ParameterError("score_margin must be above 0, hazard_margin above 1")
    rows = {
        "satisfaction": _of_scores(tables, cases, score_margin, level),
        "behaviour": _of_hazard(hazard, float(np.log(hazard_margin)), level),
    }
    columns = ["difference", "low", "high", "margin", "p_equivalence", "verdict", "n"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("measure")


def _row(
    value: float, se: float, margin: float, level: float, n: int, better: str
) -> dict[str, object]:
    verdict, p = tost(value, se, margin, level)
    worse = "lower" if better == "higher" else "higher"
    words = {
        "equivalent": "recovered customers equal those without a failure",
        better: "recovered customers are better: a paradox",
        worse: "recovered customers are worse: recovery does not restore all",
        "undecided": "not decided by these data",
    }
    low, high = normal_interval(value, se, level)
    return {
        "difference": value, "low": low, "high": high, "margin": margin, "p_equivalence": p,
        "verdict": words[verdict], "n": n,
    }  # fmt: skip


def _none(why: str) -> dict[str, object]:
    return {"verdict": f"not shown: {why}", "n": 0}


def _of_hazard(hazard: HandlingHazard | None, margin: float, level: float) -> dict[str, object]:
    if hazard is None or "resolved quickly" not in hazard.log_ratios:
        return _none("too few left after a quick resolution")
    value = float(hazard.log_ratios["resolved quickly"])
    se = float(np.sqrt(hazard.spread("resolved quickly")[0, 0]))
    n = int(hazard.states["periods"]["resolved quickly"])
    return _row(value, se, margin, level, n, better="lower")


def _of_scores(
    tables: Tables, cases: pd.DataFrame, share: float, level: float
) -> dict[str, object]:
    if "surveys" not in tables or not tables.items or "csat" not in scale_map(tables):
        return _none("no survey measures satisfaction")
    scale = scale_map(tables)["csat"]
    pairs = _pairs(build_scales(tables, constructs=["csat"], attributes=[]), cases)
    treated = int(pairs["recovered"].sum())
    if min(treated, len(pairs) - treated) < tables.minimum_n:
        return _none(f"only {treated} customers answered before and after a resolved problem")
    try:
        fit = LeastSquares(cluster="customer_id").fit(
            pairs, outcome="after", regressors=["before", "recovered"]
        )
    except (NotIdentifiedError, NotEnoughDataError) as error:
        return _none(str(error))
    value, se, _, _ = fit.combination({"recovered": 1.0}, level)
    margin = share * (scale.high - scale.low)
    return _row(value, se, margin, level, len(pairs), better="higher")


def _pairs(scores: pd.DataFrame, cases: pd.DataFrame) -> pd.DataFrame:
    """Return successive answers of a customer within a year, and what happened between them."""
    frame = scores.reset_index()[["customer_id", "answered_on", "csat"]].dropna()
    frame = frame.assign(answered_on=pd.to_datetime(frame["answered_on"]))
    frame = frame.sort_values(["customer_id", "answered_on"], ignore_index=True)
    same = frame["customer_id"].shift() == frame["customer_id"]
    pairs = frame.assign(before=frame["csat"].shift(), since=frame["answered_on"].shift())[same]
    pairs = pairs[pairs["answered_on"] - pairs["since"] <= _YEAR].rename(columns={"csat": "after"})
    happened = cases.reset_index()[["customer_id", "opened_on", "closed_on", "ending"]]
    joined = pairs.reset_index().merge(happened, on="customer_id")
    opened, closed = pd.to_datetime(joined["opened_on"]), pd.to_datetime(joined["closed_on"])
    between = (opened > joined["since"]) & (opened < joined["answered_on"])
    solved = between & (closed < joined["answered_on"])
    solved &= joined["ending"].isin(["resolved quickly", "resolved slowly"])
    any_case = joined.loc[between.to_numpy()].groupby("index").size()
    all_solved = joined.loc[solved.to_numpy()].groupby("index").size()
    n = any_case.reindex(pairs.index).fillna(0)
    recovered = (n > 0) & (all_solved.reindex(pairs.index).fillna(0) == n)
    return pairs.assign(recovered=recovered.astype(float))[(n == 0) | recovered]
