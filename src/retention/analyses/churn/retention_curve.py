"""How long do customers stay? The share retained by tenure, for all and by group."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_interval
from retention.features import build_cube, pattern_sources
from retention.models import KaplanMeier, KaplanMeierFit, LogRank, LogRankFit
from retention.window import Window

from .inactivity_choice import churn_tables, spell_cautions
from .snapshot import SnapshotBound, find_snapshot

__all__ = ["RetentionCurve", "group_columns", "retention_curve"]

_HORIZONS = {
    "day": (30, 90, 180),
    "week": (13, 26, 52),
    "month": (6, 12, 24),
    "quarter": (4, 8, 12),
    "year": (1, 2, 3),
}
_ALL = "all"
_USUAL_GROUPS = ("product", "segment", "region", "size", "industry", "channel")


@dataclass(frozen=True, eq=False, kw_only=True)
class RetentionCurve:
    """Answer of `retention_curve`.

    Parameters
    ----------
    table : pandas.DataFrame
        One row a group and tenure: ``group``, ``tenure``, ``at_risk``, ``entered``, ``censored``,
        ``events``, ``survival``, ``se``, ``low``, ``high``. The group ``all`` comes first.
    groups : pandas.DataFrame
        One row a group: ``n``, ``events``, ``zero_tenure``, ``median``, ``rmst``, ``rmst_se`` and
        ``survival_<t>``; withheld numbers are NaN.
    by : tuple of str
        What the groups are made of; empty if there is only ``all``.
    unit : str
        Unit of tenure.
    level : float
        Level of intervals.
    horizons : tuple of int
        Tenures at which S(t) is of record.
    rmst_horizon : float
        Tenure up to which the mean lifetime is restricted.
    test : LogRankFit or None
        Log-rank test of equal curves; None without groups.
    snapshot : SnapshotBound or None
        Set where the data look like a snapshot of survivors.
    """

    table: pd.DataFrame
    groups: pd.DataFrame
    by: tuple[str, ...]
    unit: str
    level: float
    horizons: tuple[int, ...]
    rmst_horizon: float
    test: LogRankFit | None
    snapshot: SnapshotBound | None
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a group: size, leavers, S(t), median and restricted mean lifetime."""
        return self.groups

    def estimates(self) -> dict[str, Estimate]:
        """Return S(t), median, restricted mean and log-rank p, for all and by group."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before reading the curve."""
        return self.warnings

    def headline(self) -> str:
        """Return the share retained at the middle horizon, and the median, in one sentence."""
        horizon = self.horizons[len(self.horizons) // 2]
        share = self.numbers[f"survival_{horizon}"]
        if share.value is None:
            return f"The share retained is not shown: {share.why}."
        at = _count(horizon, self.unit)
        first = f"After {at}, {share} of customers are still with us"
        median = self.numbers["median_lifetime"]
        if median.value is None:
            return f"{first}; {median.why}."
        return f"{first}; half have left by {_count(median.value, self.unit)}."


def retention_curve(
    tables: Tables,
    *,
    by: str | Sequence[str] | None = None,
    horizons: Sequence[int] | None = None,
    rmst_horizon: float | None = None,
    grace_days: int = 0,
    level: float = 0.95,
) -> RetentionCurve:
    """Estimate the share of customers retained by tenure, for all and by group.

    Kaplan-Meier from counts made in the engine, with left truncation respected: customers acquired
    before the window are at risk from the tenure at which the window found them.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, or else with ``orders``, see `churn_tables`; with ``customers`` if `by`
        names its columns.
    by : str or sequence of str, optional
        Columns that make the groups. ``"auto"`` takes the first of product, segment, region, size,
        industry and channel that the company has, or none.
    horizons : sequence of int, optional
        Tenures in the window's unit at which S(t) is of record; 6, 12 and 24 months by default.
    rmst_horizon : float, optional
        Tenure up to which the mean lifetime is restricted; by default the longest that every
        group reaches.
    grace_days : int
        A gap up to this long between contracts is no leaving.
    level : float
        Level of intervals.

    Returns
    -------
    RetentionCurve

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        As `build_cube`; also if no horizon lies within the tenures seen.
    """
    tables = churn_tables(tables)
    keys = group_columns(tables, by)
    cube = build_cube(tables, by=keys, grace_days=grace_days)
    fits = _fits(cube, keys, level)
    snapshot = find_snapshot(tables, grace_days=grace_days, level=level)
    horizons = _horizons(horizons, fits[_ALL], tables.window)
    restricted = rmst_horizon or _common_horizon(fits, tables.minimum_n)
    numbers: dict[str, Estimate] = {}
    for group, fit in fits.items():
        suffix = "" if group == _ALL else f": {group}"
        found = _estimates(fit, horizons, restricted, tables)
        numbers |= {f"{name}{suffix}": estimate for name, estimate in found.items()}
    test = _test(cube, keys)
    if test is not None:
        numbers["log_rank_p"] = _test_estimate(test, fits[_ALL])
    if snapshot is not None:
        numbers |= _bound_estimates(snapshot, horizons, fits[_ALL], level)
    return RetentionCurve(
        table=pd.concat(
            [fit.table.assign(group=group) for group, fit in fits.items()], ignore_index=True
        ),
        groups=_group_table(fits, numbers, horizons, restricted),
        by=keys, unit=tables.window.unit, level=level, horizons=horizons,
        rmst_horizon=restricted, test=test, snapshot=snapshot, numbers=numbers,
        warnings=_cautions(fits, snapshot, tables, horizons),
    )  # fmt: skip


def group_columns(tables: Tables, by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the columns to group spells by; ``"auto"`` is the first of the usual ones there is."""
    if by == "auto":
        known = pattern_sources(tables)
        return tuple([name for name in _USUAL_GROUPS if name in known][:1])
    return (by,) if isinstance(by, str) else tuple(by or ())


def _fits(cube: pd.DataFrame, by: tuple[str, ...], level: float) -> dict[str, KaplanMeierFit]:
    model = KaplanMeier(level=level)
    fits = {_ALL: model.fit(cube)}
    if by:
        for key, part in cube.groupby(list(by), dropna=False, sort=True):
            if float(part["at_risk"].sum()) > 0:
                fits[_label(key)] = model.fit(part)
    return fits


def _label(key: object) -> str:
    parts = key if isinstance(key, tuple) else (key,)
    return " · ".join("unknown" if pd.isna(part) else str(part) for part in parts)


def _test(cube: pd.DataFrame, by: tuple[str, ...]) -> LogRankFit | None:
    if not by:
        return None
    try:
        return LogRank(by=by).fit(cube)
    except NotEnoughDataError:
        return None


def _horizons(asked: Sequence[int] | None, fit: KaplanMeierFit, window: Window) -> tuple[int, ...]:
    wanted = _HORIZONS[window.unit] if asked is None else tuple(sorted(set(asked)))
    if not wanted or min(wanted) < 1:
        raise ParameterError(f"horizons must be tenures of 1 or more, got {list(wanted)}")
    inside = tuple(t for t in wanted if t <= fit.longest)
    if not inside:
        if asked is not None:
            raise ParameterError(
                f"the longest tenure seen is {_count(fit.longest, window.unit)}; "
                f"no horizon of {list(wanted)} lies within it"
            )
        return (int(fit.longest),)
    return inside


def _common_horizon(fits: dict[str, KaplanMeierFit], minimum_n: int) -> float:
    shown = [fit.longest for fit in fits.values() if fit.n >= minimum_n]
    return min(shown, default=fits[_ALL].longest)


def _estimates(
    fit: KaplanMeierFit, horizons: tuple[int, ...], restricted: float, tables: Tables
) -> dict[str, Estimate]:
    """Return the numbers of one curve."""
    unit = f"{tables.window.unit}s"
    names = [f"survival_{t}" for t in horizons] + ["median_lifetime", f"rmst_{restricted:g}"]
    why = _why_withheld(fit, tables.minimum_n, unit)
    if why:
        return {
            name: Estimate.withheld(
                why, unit="share" if name.startswith("survival") else unit, n=int(fit.n),
                method="Kaplan-Meier",
            )
            for name in names
        }  # fmt: skip
    found = [*(_survival(fit, t, unit) for t in horizons), _median(fit, unit)]
    return dict(zip(names, [*found, _restricted(fit, restricted, unit)], strict=True))


def _why_withheld(fit: KaplanMeierFit, minimum_n: int, unit: str) -> str:
    if fit.n < minimum_n:
        return f"{int(fit.n)} customers at risk, fewer than the {minimum_n} a number needs"
    if fit.gap is not None:
        return (
            f"all who were at risk at {fit.gap:g} {unit} left, before others entered: the curve "
            "cannot be told from there on"
        )
    return ""


def _survival(fit: KaplanMeierFit, t: int, unit: str) -> Estimate:
    if t > fit.longest:
        why = f"nobody was seen beyond {fit.longest:g} {unit}"
        return Estimate.withheld(why, unit="share", n=int(fit.n), method="Kaplan-Meier")
    value = float(fit.survival([t])[0])
    low, high = (float(end[0]) for end in fit.interval([t]))
    method = "Kaplan-Meier, log-log interval"
    if not np.isfinite(low):
        # nobody, or everybody, left: what a share of none among those at risk leaves possible
        at_risk = max(1.0, float(fit.at_risk_at([t])[0]))
        bound = ((1 - fit.level) / 2) ** (1 / at_risk)
        low, high = (bound, 1.0) if value == 1 else (0.0, 1 - bound)
        method = "Kaplan-Meier, exact binomial bound of those at risk"
    return Estimate(
        value=value, low=low, high=high, level=fit.level, unit="share", n=int(fit.n),
        events=int(fit.n_events), method=method, grade="D",
    )  # fmt: skip


def _median(fit: KaplanMeierFit, unit: str) -> Estimate:
    value, low, high = fit.median()
    method = "Kaplan-Meier, Brookmeyer-Crowley interval"
    if not np.isfinite(value):
        why = f"fewer than half had left by {fit.longest:g} {unit}"
        return Estimate.withheld(why, unit=unit, n=int(fit.n), method=method)
    open_ended = not np.isfinite(high)
    if open_ended:
        method += f"; at least {low:g} {unit}, no upper end within the tenures seen"
    return Estimate(
        value=value, low=None if open_ended else low, high=None if open_ended else high,
        level=fit.level, unit=unit, n=int(fit.n), events=int(fit.n_events), method=method,
        grade="D",
    )  # fmt: skip


def _restricted(fit: KaplanMeierFit, horizon: float, unit: str) -> Estimate:
    method = f"mean stay within {horizon:g} {unit}, Greenwood"
    try:
        value, se = fit.rmst(horizon)
    except NotEnoughDataError as error:
        return Estimate.withheld(str(error), unit=unit, n=int(fit.n), method=method)
    low, high = normal_interval(value, se, fit.level)
    return Estimate(
        value=value, low=max(0.0, low), high=min(horizon, high), level=fit.level, unit=unit,
        n=int(fit.n), events=int(fit.n_events), method=f"{method} standard error {se:.9g}",
        grade="D",
    )  # fmt: skip


def _test_estimate(test: LogRankFit, fit: KaplanMeierFit) -> Estimate:
    return Estimate(
        value=test.p_value, unit="p-value", n=int(fit.n), events=int(fit.n_events),
        method=f"log-rank, chi-square {test.statistic:.9g} on {test.df} df; no interval of a p",
        grade="D",
    )  # fmt: skip


def _group_table(
    fits: dict[str, KaplanMeierFit],
    numbers: dict[str, Estimate],
    horizons: tuple[int, ...],
    restricted: float,
) -> pd.DataFrame:
    rows = {}
    for group, fit in fits.items():
        suffix = "" if group == _ALL else f": {group}"
        row = {"n": fit.n, "events": fit.n_events, "zero_tenure": fit.zero_tenure}
        for name in (*(f"survival_{t}" for t in horizons), "median_lifetime"):
            row |= _with_ends(name, numbers[name + suffix])
        row |= _with_ends("rmst", numbers[f"rmst_{restricted:g}{suffix}"])
        for t in horizons:
            row[f"survival_{t}_se"] = _shown(numbers[f"survival_{t}{suffix}"]) * float(
                fit.standard_error([t])[0]
            )
        row["rmst_se"] = np.nan
        if numbers[f"rmst_{restricted:g}{suffix}"].shown:
            row["rmst_se"] = fit.rmst(restricted)[1]
        rows[group] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("group")


def _shown(estimate: Estimate) -> float:
    return 1.0 if estimate.shown else float("nan")


def _with_ends(name: str, estimate: Estimate) -> dict[str, float]:
    ends = {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}
    return {key: np.nan if end is None else float(end) for key, end in ends.items()}


def _bound_estimates(
    bound: SnapshotBound, horizons: tuple[int, ...], fit: KaplanMeierFit, level: float
) -> dict[str, Estimate]:
    found = {}
    for t in horizons:
        rows = bound.table[bound.table["tenure"] <= t]
        if rows.empty or not np.isfinite(rows["low"].iloc[-1]):
            continue
        last = rows.iloc[-1]
        found[f"survival_{t}_if_snapshot"] = Estimate(
            value=last["survival"], low=last["low"], high=last["high"], level=level, unit="share",
            n=int(fit.n), events=int(fit.n_events), grade="D",
            method=f"Kaplan-Meier of customers followed from {bound.recorded_from} on only",
        )  # fmt: skip
    return found


def _cautions(
    fits: dict[str, KaplanMeierFit],
    snapshot: SnapshotBound | None,
    tables: Tables,
    horizons: tuple[int, ...],
) -> tuple[str, ...]:
    found, fit, unit = list(spell_cautions(tables)), fits[_ALL], tables.window.unit
    if snapshot is not None:
        found.append(_snapshot_caution(snapshot, fit, horizons, unit))
    early = float(fit.at_risk[0])
    if early < tables.minimum_n <= fit.n:
        found.append(
            f"Only {early:,.0f} customers were at risk at tenure {_count(fit.tenure[0], unit)}: "
            "most were acquired before the window. The start of the curve, and with it every later "
            "value, rests on these few."
        )
    small = [g for g, f in fits.items() if f.n < tables.minimum_n]
    if small:
        found.append(
            f"Not shown for want of customers (fewer than {tables.minimum_n}): {', '.join(small)}."
        )
    if fit.zero_tenure:
        found.append(
            f"{fit.zero_tenure:,.0f} customers had not completed their first {unit}, or left on "
            "their first day; they are counted and in no estimate."
        )
    return tuple(found)


def _snapshot_caution(
    bound: SnapshotBound, fit: KaplanMeierFit, horizons: tuple[int, ...], unit: str
) -> str:
    t = horizons[len(horizons) // 2]
    rows = bound.table[bound.table["tenure"] <= t]
    low = rows["survival"].iloc[-1] if len(rows) else float("nan")
    one_day = bound.first == bound.last
    span = f"on {bound.first}" if one_day else f"between {bound.first} and {bound.last}"
    return (
        f"These data look like a snapshot of survivors: everybody who left did so {span}, although "
        "customers go back much further. Whoever left "
        f"earlier is missing, so the curve is too high. After {_count(t, unit)} it says "
        f"{100 * float(fit.survival([t])[0]):.1f} %; if leavers were kept only from "
        f"{bound.recorded_from} on, the same customers say {100 * low:.1f} %. Find out from when "
        "leavers were kept, and set observed_from to that day."
    )


def _count(number: float, unit: str) -> str:
    return f"{number:g} {unit}" if number == 1 else f"{number:g} {unit}s"
