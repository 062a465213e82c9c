"""The ladder: share still here after a problem, by how it was handled, from a landmark."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.datasets import load_published
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate, Grade, delta_interval
from retention.features import build_recovery_trials
from retention.models import BinaryRegression, BinaryRegressionFit, KaplanMeier

__all__ = ["IMMORTAL", "RUNGS", "ladder_by_loss", "naive_ladder", "recovery_ladder"]

Floats = NDArray[np.float64]

RUNGS = {
    "did not complain": "did not complain",
    "open": "complained, not resolved",
    "unresolved": "complained, not resolved",
    "resolved slowly": "complained, resolved",
    "resolved quickly": "complained, resolved quickly",
}
IMMORTAL = (
    "WARNING: this naive table is an artefact. A case can only be resolved while its customer is "
    "still here, so those who stay long collect the resolutions (immortal time): it shows an "
    "effect of resolution even where there is none. Read the ladder from the landmark instead."
)
_FEWEST_EVENTS = 10
_GRAVE = 2.5  # severities above it count as major where no loss is stated


def recovery_ladder(
    tables: Tables,
    *,
    horizon: int = 12,
    landmark_days: int = 30,
    quick_days: int = 7,
    silent_to: float | None = None,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return one row a rung: problems, leavers, and the share still here, as seen and adjusted.

    Returns
    -------
    DataFrame
        Index ``rung``; ``problems``, ``left_before`` (the landmark), ``n``, ``events``,
        ``retained`` (Kaplan-Meier at the horizon from the landmark) and ``standardised`` (to the
        case mix of all complaints), both `Estimate`; ``published`` and ``published_minor``.
    """
    trials = build_recovery_trials(
        tables, landmark_days=landmark_days, quick_days=quick_days, silent_to=silent_to
    )
    trials["rung"] = trials["state"].map(RUNGS)
    known = trials[trials["rung"].notna()]
    here = known[known["reached"] & (known["duration"] > 0)]
    adjusted = _standardised(here, horizon, tables.minimum_n, level)
    published = load_published("recovery").table / 100
    rows = {}
    for rung in dict.fromkeys(RUNGS.values()):
        mine = here[here["rung"] == rung]
        rows[rung] = {
            "problems": int((known["rung"] == rung).sum()),
            "left_before": int((~known.loc[known["rung"] == rung, "reached"]).sum()),
            "n": len(mine),
            "events": int((mine["event"] & (mine["duration"] <= horizon)).sum()),
            "retained": _retained(mine, horizon, tables, level, landmark_days),
            "standardised": adjusted.get(rung) or _too_few(mine, tables, "standardised", "C"),
            "published": float(published["major"][rung]),
            "published_minor": float(published["minor"][rung]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rung")


def ladder_by_loss(
    tables: Tables,
    *,
    horizon: int = 12,
    landmark_days: int = 30,
    quick_days: int = 7,
    major_loss: float = 100.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """Return the rungs of complaints apart by the size of the problem.

    A problem is major if it cost the customer more than `major_loss`; where no case states a loss,
    if its severity is 3 or more. Who said nothing has no case, and stands on no rung here.

    Returns
    -------
    DataFrame
        ``size`` (major, minor), ``rung``, ``problems``, ``n``, ``events``, ``retained`` (as in
        `recovery_ladder`, an `Estimate`), ``published``, ``told_by`` (loss or severity). Empty
        where cases state neither.
    """
    trials = build_recovery_trials(tables, landmark_days=landmark_days, quick_days=quick_days)
    trials["rung"] = trials["state"].map(RUNGS)
    cases = trials[trials["rung"].notna() & (trials["state"] != "did not complain")]
    columns = ["size", "rung", "problems", "n", "events", "retained", "published", "told_by"]
    told_by = next((name for name in ("loss", "severity") if cases[name].notna().any()), "")
    if not told_by:
        return pd.DataFrame(columns=columns)
    cases = cases[cases[told_by].notna()]
    major = cases[told_by] > (major_loss if told_by == "loss" else _GRAVE)
    published, rows = load_published("recovery").table / 100, []
    for size, part in (("major", cases[major]), ("minor", cases[~major])):
        for rung in dict.fromkeys(RUNGS[state] for state in RUNGS if state != "did not complain"):
            mine = part[part["rung"] == rung]
            here = mine[mine["reached"] & (mine["duration"] > 0)]
            events = int((here["event"] & (here["duration"] <= horizon)).sum())
            shown = _retained(here, horizon, tables, level, landmark_days)
            rows.append((size, rung, len(mine), len(here), events, shown,
                         float(published[size][rung]), told_by))  # fmt: skip
    return pd.DataFrame(rows, columns=columns)


def naive_ladder(tables: Tables, *, horizon: int, quick_days: int, level: float) -> pd.DataFrame:
    """Return the table as it is usually, and wrongly, made; every row carries its warning."""
    trials = build_recovery_trials(
        tables, landmark_days=max(1, quick_days), quick_days=quick_days, immortal=True
    )
    trials["rung"] = trials["state"].map(RUNGS)
    rows = {}
    for rung, mine in trials[trials["duration"] > 0].groupby("rung"):
        shown = _retained(mine, horizon, tables, level, 0)
        rows[rung] = {"n": len(mine), "retained": shown, "warning": IMMORTAL}
    columns = ["n", "retained", "warning"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("rung")


def _retained(
    mine: pd.DataFrame, horizon: int, tables: Tables, level: float, landmark_days: int
) -> Estimate:
    method = f"Kaplan-Meier from {landmark_days} days after the problem, log-log interval"
    if landmark_days == 0:
        method = f"naive, from the problem with the state in which it ended. {IMMORTAL}"
    if len(mine) < max(2, tables.minimum_n):
        return _too_few(mine, tables, method, "D")
    fit = KaplanMeier(level=level).fit(mine)
    value = float(fit.survival([horizon])[0])
    if not np.isfinite(value):
        why = f"nobody was followed for {horizon} {tables.window.unit}s"
        return Estimate.withheld(why, unit="share", n=len(mine), method=method)
    low, high = (float(end[0]) for end in fit.interval([horizon]))
    known = np.isfinite(low)
    return Estimate(
        value=value, low=low if known else None, high=high if known else None, level=level,
        unit="share", n=len(mine), grade="D",
        events=int((mine["event"] & (mine["duration"] <= horizon)).sum()),
        method=method if known else f"{method}; nobody left, so there is no interval",
    )  # fmt: skip


def _too_few(mine: pd.DataFrame, tables: Tables, method: str, grade: Grade) -> Estimate:
    why = "too few left to adjust for the case mix"
    if len(mine) < tables.minimum_n:
        why = f"{len(mine)} problems, fewer than the {tables.minimum_n} a number needs"
    return Estimate.withheld(why, unit="share", n=len(mine), method=method, grade=grade)


def _standardised(
    here: pd.DataFrame, horizon: int, minimum_n: int, level: float
) -> dict[str, Estimate]:
    """Return retention by rung if every complaint had been on it: the g-formula on a hazard."""
    counts = here.groupby("rung")["event"].agg(["size", "sum"])
    used = counts.index[(counts["size"] >= minimum_n) & (counts["sum"] > 0)]
    rows = here[here["rung"].isin(used)]
    if len(used) < 2 or rows["event"].sum() < _FEWEST_EVENTS:
        return {}
    rows = _covariates(rows)
    columns = [c for c in ("log_tenure", "severity", "complaints_before", "log_spend") if c in rows]
    columns = [c for c in columns if rows[c].std() > 1e-9]
    groups = [c for c in ("segment", "category") if c in rows and len(rows[c].unique()) > 1]
    periods = _periods(rows, horizon)
    spec = BinaryRegression(
        columns=("month", "log_month", *columns), groups=("rung", *groups), link="cloglog",
        cluster="customer_id",
    )  # fmt: skip
    try:
        fit = spec.fit(periods)
    except (NotIdentifiedError, NotEnoughDataError):
        return {}
    mix = rows[rows["rung"] != "did not complain"]
    found = {}
    for rung in used:
        shares = _design(mix.assign(rung=rung), fit, horizon)
        value, low, high = delta_interval(
            _log_log_survival(shares), fit.coefficients, fit.clustered, level
        )
        found[str(rung)] = Estimate(
            value=float(np.exp(-np.exp(value))), low=float(np.exp(-np.exp(high))),
            high=float(np.exp(-np.exp(low))), level=level, unit="share",
            n=int(counts.loc[rung, "size"]), events=int(counts.loc[rung, "sum"]), grade="C",
            method="standardised to the mix of all complaints (severity, category, tenure, "
            "segment, spend, earlier complaints) by a discrete hazard, clustered by customer",
        )  # fmt: skip
    return found


def _covariates(rows: pd.DataFrame) -> pd.DataFrame:
    rows = rows.assign(log_tenure=np.log1p(rows["tenure"].astype(float)))
    severity = pd.to_numeric(rows["severity"]).astype(float)
    # those who said nothing have no severity or category: their rung takes up the difference
    rows["severity"] = severity.fillna(severity.mean() if severity.notna().any() else 0.0)
    named = rows.loc[rows["rung"] != "did not complain", "category"]
    common = str(named.mode().iloc[0]) if len(named) else "unknown"
    silent = rows["rung"] == "did not complain"
    rows["category"] = rows["category"].mask(silent, common)
    if "spend_before" in rows:
        rows["log_spend"] = np.log1p(rows["spend_before"].clip(lower=0).astype(float))
    return rows


def _periods(rows: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return one row a problem and unit since its landmark, up to the horizon."""
    length = np.minimum(rows["duration"].to_numpy(dtype=int), horizon)
    at = np.repeat(np.arange(len(rows)), length)
    month = np.arange(length.sum()) - np.repeat(np.cumsum(length) - length, length) + 1
    periods = rows.iloc[at].reset_index()
    last = month == rows["duration"].to_numpy(dtype=int)[at]
    periods["event"] = (periods["event"].to_numpy(dtype=bool) & last).astype(float)
    return periods.assign(month=month.astype(float), log_month=np.log(month))


def _design(mix: pd.DataFrame, fit: BinaryRegressionFit, horizon: int) -> Floats:
    """Return the design of each problem and unit; shape (problems, horizon, coefficients)."""
    month = np.arange(1.0, horizon + 1)
    parts = []
    for name in fit.coefficients.index:
        if name == "intercept":
            column = np.ones((len(mix), horizon))
        elif name in ("month", "log_month"):
            step = month if name == "month" else np.log(month)
            column = np.broadcast_to(step, (len(mix), horizon))
        elif ": " in name:
            group, label = name.split(": ", 1)
            own = (mix[group].fillna("unknown").astype(str) == label).to_numpy(dtype=float)
            column = np.broadcast_to(own[:, None], (len(mix), horizon))
        else:
            own = mix[name].to_numpy(dtype=float)
            column = np.broadcast_to(own[:, None], (len(mix), horizon))
        parts.append(column)
    return np.stack(parts, axis=2)


def _log_log_survival(x: Floats) -> Callable[[Floats], float]:
    """Return log(-log) of the mean survival of designs, as a function of the coefficients."""

    def function(b: Floats) -> float:
        survival = np.exp(-np.exp(np.clip(x @ b, -30, 30)).sum(axis=1))
        return float(np.log(-np.log(survival.mean())))

    return function
