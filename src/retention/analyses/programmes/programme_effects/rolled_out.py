"""A programme that came to places in turn: each against those that had not had it yet."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate, Grade, normal_interval
from retention.features import (
    build_rollout_answers,
    build_rollout_panel,
    build_rollout_rates,
    rollout_place,
)
from retention.models import GroupTimeEffects, GroupTimeEffectsFit

from .effect import ProgrammeEffect, money_word, put_together
from .hazard import ratio_and_fading

__all__ = ["rolled_out"]

_QUARTER = 3  # months
_PLACES = 10  # fewer places than this, and errors clustered by place are themselves unsure


def rolled_out(
    tables: Tables, name: str, programme: pd.Series, *, horizon: int, level: float
) -> ProgrammeEffect:
    """Compare places that had their turn with places that had not had it yet."""
    if programme["customers"] < tables.minimum_n:
        raise NotEnoughDataError(
            f"{programme['customers']} enrolled customers could be followed, fewer than "
            f"{tables.minimum_n}"
        )
    place = rollout_place(tables, name)
    quarters = max(1, round(4 * horizon / tables.window.units_per_year))
    rates = _rates(build_rollout_rates(tables, name, by=place, months=_QUARTER, after=quarters))
    share = GroupTimeEffects(base="mean", cluster="place", within="wave", weight="weight").fit(
        rates
    )
    if not np.isfinite(share.event_covariance.to_numpy()).all():
        raise NotIdentifiedError(
            f"{place} by {place}, one had its turn alone: one shows an effect, but not how much it "
            "varies"
        )
    places, treated = _places(rates)
    parallel = not share.pre_trend_p < 0.05
    grade: Grade = "B" if parallel and min(treated, places - treated) >= 3 else "C"
    retained, stay = _kept(share, rates, quarters, level, grade, tables)
    return put_together(
        tables, programme, f"roll-out by {place}", retained,
        _money(tables, name, place, rates, level, grade), stay=stay,
        hazard=_rollout_hazard(tables, name, place, level, grade),
        satisfaction=_satisfaction(tables, name, place, quarters, level),
        checks=share.event_study, curves=None,
        horizon=round(quarters * tables.window.units_per_year / 4),
        cautions=_cautions(name, share, parallel, places),
    )  # fmt: skip


def _rates(counts: pd.DataFrame) -> pd.DataFrame:
    """Return one row a place of a wave and quarter: the share of those here who stayed.

    A place that leaves faster than others does so before and after its turn, which a share of the
    first customers would show as a trend; a rate does not. A place weighs as its customers do. A
    wave with fewer than two places to compare with says nothing and is left out, if another does.
    """
    counts = counts.assign(unit=counts["wave"].astype(str) + " " + counts["place"].astype(str))
    quarters = counts["period"].nunique()
    whole = counts.groupby("unit")["period"].transform("size") == quarters  # never emptied
    rates = counts[whole].copy()
    rates["outcome"] = rates["stayed"] / rates["here"]
    at_turn = rates[rates["period"] == rates["adopted"].max()].set_index("unit")["here"]
    rates["weight"] = rates["unit"].map(at_turn).astype(float)
    others = rates["place"].where(rates["adopted"].isna())
    compared = others.groupby(rates["wave"]).transform("nunique") >= 2
    return rates[compared] if compared.any() else rates


def _cautions(name: str, fit: GroupTimeEffectsFit, parallel: bool, places: int) -> tuple[str, ...]:
    found = [] if parallel else [
        f"{name}: places differed in trend before their turn (p {fit.pre_trend_p:.3f}); the "
        "difference is an association."
    ]  # fmt: skip
    if places < _PLACES:
        found.append(f"{name}: only {places} places; intervals are too narrow.")
    return tuple(found)


def _rollout_hazard(
    tables: Tables, name: str, place: str, level: float, grade: Grade
) -> tuple[Estimate, Estimate]:
    """Compare hazards a year before and after each wave with places not reached within it."""
    days = tables.query(
        "select distinct enrolled_on from enrolments where programme = {{ p | literal }}"
        " order by enrolled_on",
        p=name,
    )["enrolled_on"]
    waves = []
    for day in days:
        cells = _wave(tables, name, place, pd.Timestamp(day).date())
        if cells is not None:
            waves.append(cells)
    if not waves:
        nothing = Estimate.withheld(
            "no wave has a year on either side and places to compare with", unit="ratio", n=0,
            method="stacked hazard", grade=grade,
        )  # fmt: skip
        return nothing, nothing
    cells = pd.concat(waves, ignore_index=True)
    n = int(cells.loc[cells["first"], "trials"].sum())
    return ratio_and_fading(
        cells, ("wave_place", "wave_period"), tables, level, grade, n, cluster="place"
    )


def _around_wave(
    tables: Tables, name: str, place: str, day: date, *, months: int, before: int, after: int
) -> pd.DataFrame | None:
    """Return customers of places that had their turn on a day, and of places not reached by then.

    ``turn`` is the first period after it. None where there is no period before or after, or nobody
    to compare with.
    """
    try:
        panel = build_rollout_panel(
            tables, name, by=place, months=months, around=day, before=before, after=after
        )
    except NotEnoughDataError:
        return None
    starts = panel.attrs["periods"]
    turn = sum(start < day for start in starts)
    adopted = panel["adopted"].to_numpy(dtype=float)
    panel = panel[np.isnan(adopted) | (adopted == turn)].assign(turn=turn, wave=str(day))
    own = panel["adopted"].notna()
    return panel if own.any() and not own.all() and turn > 0 else None


def _wave(tables: Tables, name: str, place: str, day: date) -> pd.DataFrame | None:
    """Return counts by place and month around one wave."""
    panel = _around_wave(tables, name, place, day, months=1, before=12, after=12)
    if panel is None:
        return None
    own = int(panel["turn"].iloc[0])
    treated_place = panel["adopted"].notna().to_numpy()
    stayed = panel["retained"].to_numpy()
    first = panel["period"].to_numpy() == 0
    before = np.where(first, 1.0, np.r_[1.0, stayed[:-1]])
    after = treated_place & (panel["period"].to_numpy() >= own)
    cells = pd.DataFrame({
        "place": panel["place"], "period": panel["period"], "trials": before,
        "event": before - stayed, "treated": after.astype(float),
        "treated_since": after * (panel["period"].to_numpy() - own).astype(float),
    })  # fmt: skip
    keys = ["place", "period", "treated", "treated_since"]
    cells = cells.groupby(keys, as_index=False)[["trials", "event"]].sum()
    cells = cells[cells["trials"] > 0]
    # a place or month in which nobody left has no finite effect of its own and says nothing
    for key in ("place", "period"):
        cells = cells[cells.groupby(key)["event"].transform("sum") > 0]
    cells["first"] = cells["period"] == 0
    cells["wave_place"] = f"{day} " + cells["place"].astype(str)
    # the month before the turn is the reference of every wave
    cells["wave_period"] = np.where(
        cells["period"] == own - 1, "reference", f"{day} " + cells["period"].astype(str)
    )
    return cells


def _places(rates: pd.DataFrame) -> tuple[int, int]:
    """Return how many places are compared, and how many of them had their turn."""
    return rates["place"].nunique(), rates.loc[rates["adopted"].notna(), "place"].nunique()


def _kept(
    fit: GroupTimeEffectsFit, rates: pd.DataFrame, quarters: int, level: float, grade: Grade,
    tables: Tables,
) -> tuple[Estimate, Estimate]:  # fmt: skip
    """Return the gain in the share still here at the horizon, and in the mean stay up to it.

    The effects on the rate of each quarter are put together into the share kept of those who were
    here at the turn, with and without the programme.
    """
    months = _QUARTER * quarters
    method = f"group-time effects on quarterly retention, put together over {months} months"
    units = tables.window.units_per_year / 4
    wanted = list(range(quarters))
    effect = fit.event_study.loc[wanted, "effect"].to_numpy(dtype=float)
    spread = fit.event_covariance.loc[wanted, wanted].to_numpy()
    reached = rates[rates["period"] >= rates["adopted"]].groupby("period")[["stayed", "here"]].sum()
    rate = (reached["stayed"] / reached["here"]).to_numpy(dtype=float)
    without = np.clip(rate - effect, 1e-9, 1.0)
    kept, else_kept = np.cumprod(rate), np.cumprod(without)
    slopes = np.tril(else_kept[:, None] / without[None, :])  # of each share by each effect
    area = np.full(quarters, units) - np.r_[np.zeros(quarters - 1), units / 2]
    n, lost = _compared(rates)
    found = []
    for weight, unit in ((np.eye(quarters)[-1], "share"), (area, f"{tables.window.unit}s")):
        value = float(weight @ (kept - else_kept))
        slope = weight @ slopes
        low, high = normal_interval(value, float(np.sqrt(slope @ spread @ slope)), level)
        found.append(Estimate(
            value=value, low=low, high=high, level=level, unit=unit, n=n, events=lost,
            method=method, grade=grade,
        ))  # fmt: skip
    return found[0], found[1]


def _compared(rates: pd.DataFrame) -> tuple[int, int]:
    """Return the customers compared and how many of them left; each place in its largest wave."""
    after = rates[rates["period"] >= rates["adopted"].max()]
    left = (after["here"] - after["stayed"]).groupby(after["unit"]).sum()
    units = after.groupby("unit")[["place", "weight"]].first().assign(left=left)
    largest = units.sort_values("weight").groupby("place").last()
    return int(largest["weight"].sum()), int(largest["left"].sum())


def _money(
    tables: Tables, name: str, place: str, rates: pd.DataFrame, level: float, grade: Grade
) -> Estimate:
    """Return the money added up over the horizon, a customer who was here at the turn.

    Each customer is compared with the own money before the turn, so only who was here when that
    begins is counted.
    """
    before = int(rates["adopted"].max())
    wanted = list(range(rates["period"].nunique() - before))
    unit, months = f"{tables.currency} per customer", _QUARTER * len(wanted)
    if "orders" not in tables:
        return Estimate.withheld(
            "there is no table of orders", unit=unit, n=0, grade=grade,
            method=f"group-time effects on money, added up over {months} months",
        )  # fmt: skip
    method = f"{money_word(tables)}, group-time effects added up over {months} months"
    found = [
        _around_wave(
            tables, name, place, day.date(), months=_QUARTER, before=before, after=len(wanted)
        )
        for day in pd.DatetimeIndex(rates["wave"].unique())
    ]
    panel = pd.concat([wave for wave in found if wave is not None], ignore_index=True)
    panel["outcome"], customers = panel["money"], panel["unit"].nunique()
    panel["unit"] = panel["wave"] + " " + panel["unit"].astype(str)
    spec = GroupTimeEffects(base="mean", cluster="place", present="retained", within="wave")
    fit = spec.fit(panel)
    value = float(fit.event_study.loc[wanted, ["effect"]].to_numpy(dtype=float).sum())
    se = float(np.sqrt(fit.event_covariance.loc[wanted, wanted].to_numpy().sum()))
    low, high = normal_interval(value, se, level)
    return Estimate(value=value, low=low, high=high, level=level, unit=unit, n=customers,
                    method=method, grade=grade)  # fmt: skip


def _satisfaction(tables: Tables, name: str, place: str, quarters: int, level: float) -> Estimate:
    """Return the gain in the mean answer of a place since its turn, among those who answered."""
    method = "group-time effects on the mean answer of a place; among those who answered"
    why = "there is no survey item of the construct csat"
    for months in (_QUARTER, 2 * _QUARTER, 4 * _QUARTER):
        try:
            panel = build_rollout_answers(tables, name, by=place, months=months)
            if panel.empty:
                break
            fit = GroupTimeEffects(base="mean").fit(panel)
        except (NotEnoughDataError, NotIdentifiedError) as error:
            why = str(error)
            continue
        wanted = list(range(max(1, _QUARTER * quarters // months)))
        enough = min(fit.n_treated, fit.n_units - fit.n_treated) >= 3
        if not enough or not set(wanted) <= set(fit.event_study.index):
            why = f"too few places had answers in every {months} months, before and after"
            continue
        value = float(fit.event_study.loc[wanted, "effect"].mean())
        spread = float(fit.event_covariance.loc[wanted, wanted].to_numpy().mean())
        low, high = normal_interval(value, float(np.sqrt(spread)), level)
        return Estimate(value=value, low=low, high=high, level=level, unit="points", grade="C",
                        n=int(panel["answers"].sum()), method=method)  # fmt: skip
    return Estimate.withheld(why, unit="points", n=0, method=method, grade="C")
