"""How a case stands, month by month, and the hazard of leaving that goes with it."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.analyses.losses.leaving_hazard import told_columns, varying_columns
from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, Grade, normal_interval, normal_quantile
from retention.features import Driver, build_hazard_cells, default_drivers
from retention.models import DiscreteHazard, DiscreteHazardFit

__all__ = ["HandlingHazard", "case_states", "handling_drivers", "handling_hazard"]

Floats = NDArray[np.float64]

STATES = ("open", "resolved quickly", "resolved slowly", "unresolved")
# how long ago a case was opened, in days: from, and for how many
_SINCE = ((0, 30), (30, 30), (60, 30), (90, 90))
CONTRASTS = {
    "resolved quickly against slowly": ("resolved quickly", "resolved slowly"),
    "unresolved against resolved slowly": ("unresolved", "resolved slowly"),
    "open against resolved slowly": ("open", "resolved slowly"),
}
_FEWEST_EVENTS = 5
_TENURE_PIECES = 4


@dataclass(frozen=True, eq=False, kw_only=True)
class HandlingHazard:
    """The hazard by state of the latest case.

    Parameters
    ----------
    fit : DiscreteHazardFit
        The model behind it.
    states : DataFrame
        One row a state: ``periods``, ``events``, and the ``hazard_ratio`` against customers
        without a recent case.
    contrasts : dict of str to Estimate
        Hazard ratios of one state against another, given also how long ago cases were opened: a
        problem lowers satisfaction for a while however it is handled, and who is resolved quickly
        is in that state earlier.
    log_ratios : Series
        Log hazard ratio of each state with an estimate.
    covariance : DataFrame
        Theirs.
    """

    fit: DiscreteHazardFit
    states: pd.DataFrame
    contrasts: dict[str, Estimate]
    log_ratios: pd.Series
    covariance: pd.DataFrame

    def spread(self, *states: str) -> Floats:
        """Return the covariance of the log hazard ratios of some states."""
        return _spread(self.covariance, *states)


def _spread(covariance: pd.DataFrame, *states: str) -> Floats:
    found = covariance[list(states)].loc[list(states)].to_numpy(dtype=float)
    return np.asarray(found, dtype=float)


def handling_drivers(tables: Tables, *, quick_days: int, lasts_days: int) -> tuple[Driver, ...]:
    """Return what is known of the latest case before each period: open, how ended, how grave."""
    ended = (
        "case when outcome = 'resolved'"
        f" and datediff('day', opened_on, closed_on) <= {int(quick_days)} then 1"
        " when outcome = 'resolved' then 2 when outcome = 'unresolved' then 3 end"
    )
    found = [
        Driver(
            name="open_case", table="complaints", kind="active", until="closed_on", most=1
        ),
        Driver(
            name="ended_case", table="complaints", kind="last", day="closed_on", days=lasts_days,
            column="outcome", value_sql=ended, top_band="unresolved",
            bands=((1.5, "resolved quickly"), (2.5, "resolved slowly")),
        ),
    ]  # fmt: skip
    if "severity" in tables.columns("complaints"):
        found.append(
            Driver(
                name="severity", table="complaints", kind="last", days=2 * lasts_days,
                column="severity", value_sql="severity", top_band="grave",
                bands=((2.5, "slight"), (3.5, "middling")),
            )
        )  # fmt: skip
    found += [
        Driver(name=f"opened {lag + 1} to {lag + days} days ago", table="complaints", kind="count",
               days=days, lag_days=lag, most=1)
        for lag, days in _SINCE
    ]  # fmt: skip
    others = ("complaints", "open_complaints")
    return (*found, *(d for d in default_drivers(tables) if d.name not in others))


def handling_hazard(
    tables: Tables, *, quick_days: int = 7, lasts_days: int = 180, level: float = 0.95
) -> HandlingHazard:
    """Fit the hazard of leaving on the state of the latest case, as known before each period.

    The state changes from period to period, so nobody is immortal: a case counts as resolved only
    from the period after it was closed, and a customer who left with it open counts as open.

    Raises
    ------
    NotEnoughDataError
        If fewer than five left in every state.
    """
    by = ["segment"] if "segment" in tables.columns("customers") else []
    drivers = handling_drivers(tables, quick_days=quick_days, lasts_days=lasts_days)
    cells = case_states(build_hazard_cells(tables, by=by, drivers=drivers))
    counts = cells.groupby("state")[["n", "events"]].sum().astype(int)
    told = [s for s in STATES if s in counts.index and counts["events"][s] >= _FEWEST_EVENTS]
    if not told:
        raise NotEnoughDataError("fewer than five customers left in every state of a complaint")
    used = cells[cells["state"].isin(["none", *told])]
    covariates = [c for c in ("state", "severity", *by, "price_gap", "renewal_due") if c in used]
    covariates += [d.name for d in drivers if d.name not in ("open_case", "ended_case", "severity")]
    covariates = varying_columns(used, covariates)
    fading = told_columns(used, [c for c in covariates if c.startswith("opened ")])
    covariates = [c for c in covariates if not c.startswith("opened ")]
    references = {"state": "none"} | ({"severity": "slight"} if "severity" in covariates else {})
    if "satisfaction" in covariates:
        references["satisfaction"] = "unknown"
    references = {k: v for k, v in references.items() if v in set(used[k].astype(str))}
    spec = DiscreteHazard(
        covariates=covariates, references=references, tenure=_TENURE_PIECES, level=level
    )
    fit = spec.fit(used)
    log_ratios, covariance = _of_states(fit, told)
    # between endings, cases are compared that were opened as long ago
    same_age = replace(spec, covariates=[*covariates, *fading]).fit(used)
    return HandlingHazard(
        fit=fit, states=_table(counts, log_ratios, covariance, tables.minimum_n, level),
        contrasts=_contrasts(counts, *_of_states(same_age, told), level),
        log_ratios=log_ratios, covariance=covariance,
    )  # fmt: skip


def _of_states(fit: DiscreteHazardFit, told: list[str]) -> tuple[pd.Series, pd.DataFrame]:
    """Return the log hazard ratios of the states and their covariance."""
    at = [list(fit.names).index(f"state[{state}]") for state in told]
    covariance = pd.DataFrame(fit.covariance[np.ix_(at, at)], index=told, columns=told)
    return pd.Series(fit.theta[at], index=told), covariance


def case_states(cells: pd.DataFrame) -> pd.DataFrame:
    """Put together the state of the latest case; severity counts only while a state holds."""
    ended = cells["ended_case"].replace("unknown", "none")
    state = ended.mask(cells["open_case"] > 0, "open")
    cells = cells.assign(state=state)
    if "severity" in cells:
        inside = (state != "none") & (cells["severity"] != "unknown")
        cells["severity"] = cells["severity"].where(inside, "slight")
    return cells


def _ratio(value: float, se: float, n: int, events: int, level: float, what: str) -> Estimate:
    low, high = normal_interval(value, se, level)
    grade: Grade = "C"
    return Estimate(
        value=float(np.exp(value)), low=float(np.exp(low)), high=float(np.exp(high)), level=level,
        unit="", n=n, events=events, grade=grade,
        method=f"hazard ratio, {what}: discrete hazard (complementary log-log) on periods of "
        "tenure with the state known before each; tenure, segment, price, severity held",
    )  # fmt: skip


def _table(
    counts: pd.DataFrame,
    log_ratios: pd.Series,
    covariance: pd.DataFrame,
    minimum_n: int,
    level: float,
) -> pd.DataFrame:
    rows = {}
    for state in STATES:
        n, events = (int(counts[c].get(state, 0)) for c in ("n", "events"))
        if state in log_ratios and n >= minimum_n:
            se = float(np.sqrt(_spread(covariance, state)[0, 0]))
            what = "against customers without a recent case"
            shown = _ratio(float(log_ratios[state]), se, n, events, level, what)
        else:
            why = f"{events} left in this state, fewer than {_FEWEST_EVENTS}"
            shown = Estimate.withheld(why, unit="", n=n, method="discrete hazard", grade="C")
        rows[state] = {"periods": n, "events": events, "hazard_ratio": shown}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("state")


def _contrasts(
    counts: pd.DataFrame, log_ratios: pd.Series, covariance: pd.DataFrame, level: float
) -> dict[str, Estimate]:
    found = {}
    for name, (one, other) in CONTRASTS.items():
        if one not in log_ratios or other not in log_ratios:
            continue
        v = _spread(covariance, one, other)
        se = float(np.sqrt(v[0, 0] + v[1, 1] - 2 * v[0, 1]))
        both = counts.loc[[one, other]].sum()
        difference = float(log_ratios[one] - log_ratios[other])
        found[name] = _ratio(
            difference, se, int(both["n"]), int(both["events"]), level, f"{one} against {other}"
        )
    return found


def tost(value: float, se: float, margin: float, level: float) -> tuple[str, float]:
    """Return the verdict of two one-sided tests, and the larger of their two p-values.

    Equivalent if the interval at level ``1 - 2 (1 - level)`` lies within the margin; otherwise
    higher or lower if the two-sided interval leaves 0 out; otherwise undecided.
    """
    from scipy.stats import norm

    p = float(max(norm.sf((value + margin) / se), norm.sf((margin - value) / se)))
    if p < 1 - level:
        return "equivalent", p
    if abs(value) > normal_quantile(level) * se:
        return ("higher" if value > 0 else "lower"), p
    return "undecided", p
