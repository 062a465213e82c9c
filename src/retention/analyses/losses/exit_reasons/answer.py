"""Why customers leave, by reason and by what was seen, and how much of it could be avoided."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.analyses.losses.forerunners import (
    FORERUNNERS,
    GROUPS,
    forerunner_drivers,
    forerunners_of,
)
from retention.analyses.losses.leaving_hazard import require_minimum, told_columns, varying_columns
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, normal_interval, wilson_interval
from retention.features import build_durations, build_hazard_cells, build_person_periods
from retention.models import (
    AalenJohansen,
    AalenJohansenFit,
    DiscreteHazard,
    DiscreteHazardFit,
    GrayTest,
)

from .agreement import Agreement, agreement
from .attributable import attributable_shares
from .before_leaving import before_leaving

__all__ = ["ExitReasons", "exit_reasons"]

AVOIDABLE = ("price", "service", "relationship")
_UNKNOWN = "unknown"
_MATCH_DAYS = 31


@dataclass(frozen=True, eq=False, kw_only=True)
class ExitReasons:
    """Answer of `exit_reasons`.

    Parameters
    ----------
    reasons : DataFrame
        One row a reason: ``leavers``, ``share``, ``low``, ``high``, and ``incidence``: the share of
        customers lost to it by the horizon, other reasons competing (`Estimate`).
    incidence : DataFrame
        The curves: ``cause``, ``tenure``, ``incidence``, ``low``, ``high``.
    causes : DataFrame
        Cause-specific hazard ratios by ``reason`` and column, where the reason has leavers enough.
    gray : DataFrame
        Gray's test between the groups of `by`, by reason: ``statistic``, ``df``, ``p_value``.
    avoidable : dict of str to Estimate
        Share that could be avoided among known reasons, and its bounds whatever the unknown were.
    price_told : Estimate
        How much more often staff name the price than customers. An exit holds one reason, told by
        one of them: the two cannot be set against each other exit by exit.
    seen : dict of str to Agreement
        What customers, and what staff, say against what was seen in behaviour.
    before : DataFrame
        Forerunners of leaving, see `before_leaving`.
    shares : DataFrame
        Attributable shares, see `attributable_shares`; empty where nothing could be fitted.
    """

    reasons: pd.DataFrame
    incidence: pd.DataFrame
    causes: pd.DataFrame
    gray: pd.DataFrame
    avoidable: dict[str, Estimate]
    price_told: Estimate
    seen: dict[str, Agreement]
    before: pd.DataFrame
    shares: pd.DataFrame
    warnings: tuple[str, ...]
    horizon: int
    unit: str

    def summary(self) -> pd.DataFrame:
        """Return one row a reason."""
        return self.reasons

    def estimates(self) -> dict[str, Estimate]:
        """Return incidences, avoidable share, agreement, forerunners and attributable shares."""
        found = {f"lost_to: {k}": e for k, e in self.reasons["incidence"].items()}
        found |= {f"avoidable: {k}": e for k, e in self.avoidable.items()}
        found["price_told_more_by_staff"] = self.price_told
        found |= {f"kappa: {k}": a.kappa for k, a in self.seen.items()}
        for row in self.before.itertuples():
            found[f"odds_ratio: {row.forerunner}, {row.days} days"] = row.odds_ratio
        if len(self.shares):
            found |= {f"attributable: {k}": e for k, e in self.shares["alone"].items()}
        return found

    def cautions(self) -> tuple[str, ...]:
        """Return what a reader must know before acting on a reason."""
        return self.warnings

    def headline(self) -> str:
        """Return the reason most often told, what could be avoided, and the unexplained part."""
        known = self.reasons.drop(index=_UNKNOWN, errors="ignore")
        if known.empty:
            return "No reason of leaving is known."
        first = str(known["leavers"].astype(int).idxmax())
        text = (
            f"Most often told: {first}; by {self.horizon} {self.unit}s it costs "
            f"{known['incidence'][first]} of customers. Of those with a known reason "
            f"{self.avoidable['known']} left for one that could be avoided"
        )
        if len(self.shares):
            text += (
                f"; the forerunners seen leave {self.shares['alone']['unexplained']} unexplained"
            )
        return f"{text}."


def exit_reasons(
    tables: Tables,
    *,
    horizon: int = 24,
    by: str = "segment",
    days: Sequence[int] = (30, 90, 180),
    avoidable: Sequence[str] = AVOIDABLE,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> ExitReasons:
    """Tell why customers leave, by what is said and by what was seen.

    Parameters
    ----------
    tables : Tables
        With ``exits`` and ``contracts``; complaints, contacts, orders and surveys as far as they
        are there.
    horizon : int
        Tenure at which shares lost are told, in units of the window.
    by : str
        Column whose groups are compared by Gray's test; empty for none.
    days : sequence of int
        Windows before leaving.
    avoidable : sequence of str
        Reasons that could have been avoided.
    level : float
        Level of intervals.

    Returns
    -------
    ExitReasons

    Raises
    ------
    MissingTableError
        If there are no exits or contracts.
    NotEnoughDataError
        If fewer than the minimum n left.
    """
    tables.require("exits", "contracts", needed_for="reasons of leaving")
    if horizon < 1:
        raise ParameterError(f"horizon must be 1 or more, got {horizon}")
    groups = [by] if by and by in tables.columns("customers") else []
    spells = build_durations(tables, by=groups, reasons=True)
    left = int(spells["event"].sum())
    require_minimum(left, tables, "customers left")
    fit = AalenJohansen(level=level).fit(spells)
    reasons = _reasons(spells, fit, horizon, tables, level)
    exits = _told(tables)
    price_told = _price_told(exits, tables.minimum_n, level)
    model, cells, why = _hazard(tables, groups, level)
    seen: dict[str, Agreement] = {}
    shares = pd.DataFrame(columns=["alone", "fair"]).rename_axis("driver")
    if model is not None:
        harmful = [n for n in FORERUNNERS if n in model.names and model.coefficients[n] > 0]
        if harmful:
            shares = attributable_shares(model, cells, harmful, level=level, rng=rng)
        seen = _seen(tables, groups, model, exits, level)
    return ExitReasons(
        reasons=reasons, incidence=fit.summary(), causes=_cause_specific(spells, groups, tables),
        gray=_gray(spells, groups), avoidable=_avoidable(reasons, avoidable, level),
        price_told=price_told, seen=seen,
        before=before_leaving(tables, days=days, level=level), shares=shares,
        warnings=_cautions(exits, reasons, price_told, why), horizon=horizon,
        unit=tables.window.unit,
    )  # fmt: skip


def _reasons(
    spells: pd.DataFrame, fit: AalenJohansenFit, horizon: int, tables: Tables, level: float
) -> pd.DataFrame:
    curves = fit.summary()
    counts = spells.loc[spells["event"], "reason"].value_counts()
    method = "Aalen-Johansen, other reasons competing; ties as they are"
    rows = {}
    for reason, n in counts.items():
        low, high = wilson_interval(int(n), int(counts.sum()), level)
        curve = curves[(curves["cause"] == reason) & (curves["tenure"] <= horizon)]
        reached = float(curves["tenure"].max()) >= horizon
        if n < tables.minimum_n or not reached or curve.empty:
            why = f"{n} left for it, fewer than the {tables.minimum_n} a number needs"
            if n >= tables.minimum_n:
                why = f"nobody was followed to {horizon} {tables.window.unit}s"
            shown = Estimate.withheld(why, unit="share", n=int(n), method=method)
        else:
            last = curve.iloc[-1]
            known = np.isfinite(last["low"])
            shown = Estimate(
                value=float(last["incidence"]), low=float(last["low"]) if known else None,
                high=float(last["high"]) if known else None, level=level, unit="share",
                n=len(spells), events=int(n), method=method, grade="D",
            )  # fmt: skip
        rows[reason] = {
            "leavers": int(n), "share": n / counts.sum(), "low": low, "high": high,
            "incidence": shown,
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("reason")


def _told(tables: Tables) -> pd.DataFrame:
    """Return what was told of each exit, by whom; the day by which an exit is known."""
    return tables.query(
        "select customer_id, exited_on, coalesce(reason, 'unknown') as reason,"
        " coalesce(stated_by, 'unknown') as stated_by from exits"
        " order by customer_id, exited_on, stated_by, reason"
    )


def _price_told(exits: pd.DataFrame, minimum_n: int, level: float) -> Estimate:
    """Return how much more often staff name the price than customers do."""
    known = exits[exits["reason"] != _UNKNOWN]
    parts = [known[known["stated_by"] == who] for who in ("employee", "customer")]
    n = [len(part) for part in parts]
    method = "share of staff less share of customers who name the price; two samples, normal"
    if min(n) < max(2, minimum_n):
        why = f"{n[0]} exits were told by staff and {n[1]} by customers; it takes {minimum_n} each"
        return Estimate.withheld(why, unit="share", n=sum(n), method=method)
    p = [float((part["reason"] == "price").mean()) for part in parts]
    se = float(np.sqrt(sum(x * (1 - x) / k for x, k in zip(p, n, strict=True))))
    low, high = normal_interval(p[0] - p[1], se, level)
    return Estimate(
        value=p[0] - p[1], low=low, high=high, level=level, unit="share", n=sum(n),
        method=method, grade="D",
    )  # fmt: skip


def _hazard(
    tables: Tables, groups: list[str], level: float
) -> tuple[DiscreteHazardFit | None, pd.DataFrame, str]:
    """Fit the hazard on the forerunners of 90 days, all at once."""
    cells = forerunners_of(
        build_hazard_cells(tables, by=groups, drivers=forerunner_drivers(tables))
    )
    names = told_columns(cells, varying_columns(cells, FORERUNNERS))
    controls = varying_columns(cells, [*groups, "renewal_due"])
    if not names:
        return None, cells, "no forerunner was seen before five or more left"
    try:
        fit = DiscreteHazard(covariates=[*names, *controls], level=level).fit(cells)
    except (NotIdentifiedError, NotEnoughDataError) as error:
        return None, cells, f"no attributable share is shown: {error}"
    return fit, cells, ""


def _seen(
    tables: Tables, groups: list[str], model: DiscreteHazardFit, exits: pd.DataFrame, level: float
) -> dict[str, Agreement]:
    """Set what is told against the group of forerunners that weighed most in the hazard."""
    rows = forerunners_of(
        build_person_periods(tables, by=groups, drivers=forerunner_drivers(tables))
    )
    rows = rows[rows["event"]]
    weight = pd.DataFrame(
        {
            group: sum(
                (rows[n] * model.coefficients[n] for n in names if n in model.names),
                start=pd.Series(0.0, index=rows.index),
            )
            for group, names in GROUPS.items()
        }
    )
    observed = weight.idxmax(axis=1).where(weight.max(axis=1) > 0, "none seen")
    left = rows.assign(observed=observed, begins=pd.to_datetime(rows["begins"])).reset_index()
    told = exits.assign(exited_on=pd.to_datetime(exits["exited_on"]))
    both = told.merge(left[["customer_id", "begins", "observed"]], on="customer_id")
    gap = (both["exited_on"] - both["begins"]).dt.days
    both = both[(gap >= 0) & (gap <= _MATCH_DAYS + _MATCH_DAYS)]
    found = {}
    for who in ("customer", "employee"):
        part = both[both["stated_by"] == who]
        found[f"{'staff' if who == 'employee' else who} and behaviour"] = agreement(
            part["reason"], part["observed"], reasons=list(GROUPS), minimum_n=tables.minimum_n,
            level=level,
        )  # fmt: skip
    return found


def _cause_specific(spells: pd.DataFrame, groups: list[str], tables: Tables) -> pd.DataFrame:
    """Return the hazard ratios of each reason, others censored."""
    parts = []
    counts = spells.loc[spells["event"], "reason"].value_counts()
    for reason, n in counts.items():
        if not groups or n < tables.minimum_n:
            continue
        try:
            fit = DiscreteHazard(covariates=groups, cause=str(reason)).fit(spells)
        except (NotIdentifiedError, NotEnoughDataError):
            continue
        parts.append(fit.summary().assign(reason=reason))
    columns = ["reason", "coefficient", "se", "hazard_ratio", "low", "high"]
    return pd.concat(parts)[columns] if parts else pd.DataFrame(columns=columns)


def _gray(spells: pd.DataFrame, groups: list[str]) -> pd.DataFrame:
    rows = {}
    for reason in spells.loc[spells["event"], "reason"].unique() if groups else ():
        try:
            fit = GrayTest(by=groups, cause=str(reason)).fit(spells)
        except (NotEnoughDataError, np.linalg.LinAlgError):
            continue
        rows[reason] = {"statistic": fit.statistic, "df": fit.df, "p_value": fit.p_value}
    columns = ["statistic", "df", "p_value"]
    return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("reason")


def _avoidable(
    reasons: pd.DataFrame, avoidable: Sequence[str], level: float
) -> dict[str, Estimate]:
    counts = reasons["leavers"].astype(int)
    unknown = int(counts.get(_UNKNOWN, 0))
    yes = int(counts.reindex(list(avoidable)).fillna(0).sum())
    known, total = int(counts.sum()) - unknown, int(counts.sum())
    method = f"exits for {', '.join(avoidable)}"
    if known == 0:
        why = "no exit has a reason"
        return {"known": Estimate.withheld(why, unit="share", n=total, method=method)}
    low, high = wilson_interval(yes, known, level)
    return {
        "known": Estimate(value=yes / known, low=low, high=high, level=level, unit="share",
                          n=known, events=yes, method=f"{method}; Wilson", grade="D"),
        "least": Estimate(value=yes / total, unit="share", n=total, grade="D",
                          method=f"{method}; had no unknown reason been one of them"),
        "most": Estimate(value=(yes + unknown) / total, unit="share", n=total, grade="D",
                         method=f"{method}; had every unknown reason been one of them"),
    }  # fmt: skip


def _cautions(
    exits: pd.DataFrame, reasons: pd.DataFrame, price_told: Estimate, why: str
) -> tuple[str, ...]:
    found = [
        "A reason told is not the cause: customers are polite and staff blame the price; set it "
        "against what was seen before.",
        "Forerunners and attributable shares are associations; a share is what would go only if "
        "the driver acted as its hazard ratio says.",
        "The chance to leave for one reason, had there been no other, is not told: it cannot be "
        "known from who left.",
    ]
    unknown = float(reasons["share"].get(_UNKNOWN, 0.0))
    if unknown > 0:
        found.append(f"Of {unknown:.0%} of those who left no reason is known; they are kept.")
    again = int(exits.drop_duplicates(["customer_id", "exited_on"]).duplicated("customer_id").sum())
    if again:
        found.append(f"{again:,} exits are not a customer's first: each is an exit of its own.")
    low = price_told.low
    if low is not None and low > 0:
        found.append(f"Staff name the price more often than customers do, by {price_told}.")
    if why:
        found.append(f"{why[0].upper()}{why[1:]}.")
    return tuple(found)
