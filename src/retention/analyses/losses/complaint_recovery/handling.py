"""How long cases take, what waits, and who complains again."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, wilson_interval
from retention.models import Cox, KaplanMeier, OneWayEffects
from retention.window import Window, add_months

__all__ = ["backlog", "departments", "repeat_complaints", "root_causes", "time_to_close"]

_SAME_DAY = 0.5  # a case closed on the day it came was open for half a day


def time_to_close(
    cases: pd.DataFrame, *, by: Sequence[str], target_days: int, minimum_n: int, level: float
) -> pd.DataFrame:
    """Return one row a group: how soon cases are closed, the open ones counted as not yet.

    Returns
    -------
    DataFrame
        ``by``, ``group``, ``n``, ``open``, ``median_days`` with ``median_low`` and
        ``median_high`` (infinite where not reached), and ``within_target``, an `Estimate`: the
        share closed within the target.
    """
    rows = [_closed(cases, "all", "all", target_days, minimum_n, level)]
    for name in by:
        if name not in cases or cases[name].nunique(dropna=True) < 2:
            continue
        for group, part in cases.groupby(name, observed=True):
            rows.append(_closed(part, name, str(group), target_days, minimum_n, level))
    return pd.DataFrame(rows)


def _closed(
    cases: pd.DataFrame, by: str, group: str, target: int, minimum_n: int, level: float
) -> dict[str, object]:
    method = "Kaplan-Meier of days to closing, open cases censored, log-log interval"
    row: dict[str, object] = {
        "by": by, "group": group, "n": len(cases), "open": int((~cases["closed"]).sum()),
        "median_days": np.nan, "median_low": np.nan, "median_high": np.nan,
    }  # fmt: skip
    if len(cases) < max(2, minimum_n):
        why = f"{len(cases)} cases, fewer than the {minimum_n} a number needs"
        return row | {
            "within_target": Estimate.withheld(why, unit="share", n=len(cases), method=method)
        }
    fit = KaplanMeier(level=level).fit(_spells(cases))
    row |= dict(zip(("median_days", "median_low", "median_high"), fit.median(), strict=True))
    stay, ends = fit.survival([target])[0], fit.interval([target])
    if not np.isfinite(stay):
        why = f"no case has been followed for {target} days"
        shown = Estimate.withheld(why, unit="share", n=len(cases), method=method)
    else:
        known = np.isfinite(ends[0][0])
        shown = Estimate(
            value=1 - float(stay), low=1 - float(ends[1][0]) if known else None,
            high=1 - float(ends[0][0]) if known else None, level=level, unit="share",
            n=len(cases), events=int(cases["closed"].sum()), method=method, grade="D",
        )  # fmt: skip
    return row | {"within_target": shown}


def _spells(cases: pd.DataFrame) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "entry": 0.0,
            "duration": np.maximum(cases["days"].to_numpy(dtype=float), _SAME_DAY),
            "event": cases["closed"].to_numpy(dtype=bool),
        },
        index=cases.index,
    )


def backlog(cases: pd.DataFrame, window: Window, *, target_days: int) -> pd.DataFrame:
    """Return one row a month end of the window: cases opened and closed in it, open, overdue.

    Returns
    -------
    DataFrame
        Index ``month`` (its first day); ``opened``, ``closed``, ``open`` and ``overdue`` at the
        end of the month.
    """
    opened = pd.to_datetime(cases["opened_on"]).to_numpy()
    closed = pd.to_datetime(cases["closed_on"]).to_numpy()
    first = window.start.replace(day=1)
    rows = {}
    while (end := add_months(first, 1)) <= window.cutoff:
        start_at, end_at = np.datetime64(first), np.datetime64(end)
        is_open = (opened < end_at) & ~(closed < end_at)  # NaT compares false: still open
        overdue = is_open & (opened < end_at - np.timedelta64(target_days, "D"))
        rows[pd.Timestamp(first)] = {
            "opened": int(((opened >= start_at) & (opened < end_at)).sum()),
            "closed": int(((closed >= start_at) & (closed < end_at)).sum()),
            "open": int(is_open.sum()),
            "overdue": int(overdue.sum()),
        }
        first = end
    columns = ["opened", "closed", "open", "overdue"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("month")


def repeat_complaints(
    cases: pd.DataFrame, window: Window, *, within_days: int = 180, minimum_n: int, level: float
) -> tuple[pd.DataFrame, Estimate]:
    """Return who complains again after a case was closed, by how it ended, and the hazard ratio.

    Follow-up runs from the closing to the next case, and ends where the customer leaves.

    Returns
    -------
    DataFrame
        Index ``ending``; ``n``, ``again``, ``share`` (an `Estimate`: another case within the days).
    Estimate
        Hazard of another case after an unresolved one, as a ratio to a resolved one (Cox, errors
        robust within customers).
    """
    if within_days < 1:
        raise ParameterError(f"within_days must be 1 or more, got {within_days}")
    closed = cases[cases["closed"] & (cases["ending"] != "outcome unknown")]
    spells = _until_next(closed, window)
    spells = spells[spells["duration"] > 0]
    rows = {}
    for ending, part in spells.groupby("ending"):
        rows[ending] = {
            "n": len(part),
            "again": int(part["event"].sum()),
            "share": _again(part, within_days, minimum_n, level),
        }
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=["n", "again", "share"])
    return frame.rename_axis("ending"), _again_ratio(spells, minimum_n, level)


def _until_next(closed: pd.DataFrame, window: Window) -> pd.DataFrame:
    start = pd.to_datetime(closed["closed_on"])
    following = pd.to_datetime(closed["next_on"])
    left = pd.to_datetime(closed["left_on"]).fillna(pd.Timestamp(window.last_day))
    again = following.notna() & (following <= left) & (following > start)
    end = following.where(again, left)
    return pd.DataFrame(
        {
            "entry": 0,
            "duration": (end - start).dt.days.clip(lower=0),
            "event": again.to_numpy(),
            "ending": closed["ending"].to_numpy(),
            "unresolved": (closed["ending"] == "unresolved").to_numpy(dtype=float),
        },
        index=closed.index,
    )


def _again(part: pd.DataFrame, days: int, minimum_n: int, level: float) -> Estimate:
    method = f"Kaplan-Meier of days to the next case, {days} days, censored at leaving"
    if len(part) < minimum_n:
        why = f"{len(part)} cases, fewer than the {minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=len(part), method=method)
    fit = KaplanMeier(level=level).fit(part)
    stay, ends = float(fit.survival([days])[0]), fit.interval([days])
    if not np.isfinite(stay):
        why = f"no case was followed for {days} days after closing"
        return Estimate.withheld(why, unit="share", n=len(part), method=method)
    known = np.isfinite(ends[0][0])
    return Estimate(
        value=1 - stay, low=1 - float(ends[1][0]) if known else None,
        high=1 - float(ends[0][0]) if known else None, level=level, unit="share", n=len(part),
        events=int(part["event"].sum()), method=method, grade="D",
    )  # fmt: skip


def _again_ratio(spells: pd.DataFrame, minimum_n: int, level: float) -> Estimate:
    method = "Cox on days to the next case, errors robust within customers"
    counts = spells.groupby("unresolved")["event"].agg(["size", "sum"])
    if len(counts) < 2 or counts["size"].min() < minimum_n or counts["sum"].min() < 1:
        why = "too few cases of one kind were followed by another"
        return Estimate.withheld(why, unit="", n=len(spells), method=method, grade="C")
    fit = Cox(covariates=["unresolved"], cluster="customer_id", level=level).fit(spells)
    row = fit.summary().iloc[0]
    return Estimate(
        value=float(np.exp(row["coefficient"])), low=float(row["low"]), high=float(row["high"]),
        level=level, unit="", n=len(spells), events=int(spells["event"].sum()), method=method,
        grade="C",
    )  # fmt: skip


def departments(cases: pd.DataFrame, *, target_days: int, benchmark: float | None) -> pd.DataFrame:
    """Return one row a department: share of cases resolved within the target, drawn together.

    Cases younger than the target that are still open are left out: they may yet make it.

    Returns
    -------
    DataFrame
        Index ``department``; ``n``, ``raw_mean``, ``score`` with ``low`` and ``high``,
        ``p_below`` (the benchmark, or the mean) and ``reliability``. Empty with one department.
    """
    old = cases[cases["closed"] | (cases["days"] > target_days)]
    old = old[old["department"] != "unknown"]
    columns = ["n", "raw_mean", "score", "low", "high", "p_below", "reliability"]
    score = old["ending"].isin(["resolved quickly", "resolved slowly"]) & (
        old["days"] <= target_days
    )
    rated = old.assign(score=score.astype(float)).reset_index()
    try:
        fit = OneWayEffects().fit(rated, score="score", group="department")
    except NotEnoughDataError:
        return pd.DataFrame(columns=columns).rename_axis("department")
    return fit.summary(benchmark)[columns]


def root_causes(cases: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return one row a category: cases, their share with interval, and the running share."""
    counts = cases["category"].value_counts()
    ends = [wilson_interval(int(k), len(cases), level) for k in counts]
    frame = pd.DataFrame({"cases": counts, "share": counts / len(cases)})
    frame["low"] = [low for low, _ in ends]
    frame["high"] = [high for _, high in ends]
    frame["running_share"] = frame["share"].cumsum()
    unresolved = (cases["ending"] == "unresolved").groupby(cases["category"]).mean()
    return frame.assign(not_resolved=unresolved.reindex(frame.index))
