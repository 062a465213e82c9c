"""Who comes back, what a second life is worth, and whom to ask."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.analyses.switching.kept_margin import margin_rate
from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, normal_interval
from retention.features import build_durations, build_lost_customers
from retention.models import DiscreteHazard, DiscreteHazardFit, KaplanMeier, predict_leaving

from .leaving_hazard import require_minimum
from .win_back_offers import offer_effects

__all__ = ["WinBack", "win_back"]

_TENURE_PIECES = 2
_AWAY = (0, 3, 6, 12)


@dataclass(frozen=True, eq=False, kw_only=True)
class WinBack:
    """Answer of `win_back`.

    Parameters
    ----------
    chances : DataFrame
        One row a group: ``by`` (all, reason, past value, units away), ``group``, ``exits``,
        ``returned``, ``within_horizon``: the share back within the horizon after leaving, or after
        so many units away (Kaplan-Meier, `Estimate`).
    offers : DataFrame
        One row an offer, see `offer_effects`; empty where none is recorded.
    drivers : DataFrame
        Ratios of the hazard of return unasked: reason, past value, segment.
    customers : DataFrame
        Index ``customer_id``, who is lost, highest expected worth first; ``reason``, ``since``
        (units since leaving), ``value_before``, ``p_return`` unasked within the horizon from now,
        given not back so far, with ``low`` and ``high``; ``second_worth``; ``offer`` (the best of
        those tried; empty where none was), ``p_asked`` (chance with it), ``cost``, ``expected``
        (worth that asking adds, less the cost), ``decided`` (asked or held out before), ``ask``
        (expected worth above 0, not decided before, and not held out), ``held_out``.
    second_life : Estimate
        Mean units a returned customer stays within the horizon of worth.
    """

    chances: pd.DataFrame
    offers: pd.DataFrame
    drivers: pd.DataFrame
    customers: pd.DataFrame
    second_life: Estimate
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    horizon: int
    unit: str
    currency: str
    offer_cost: float

    def summary(self) -> pd.DataFrame:
        """Return the chance of return by group."""
        return self.chances

    def estimates(self) -> dict[str, Estimate]:
        """Return chances of return, what offers add, the second life, and the worth of asking."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what must be known before an offer is sent."""
        return self.warnings

    def headline(self) -> str:
        """Return how many come back, what the best offer adds, and what asking should bring."""
        text = f"Of those who left {self.numbers['returned: all']} come back within {self.horizon} "
        text += f"{self.unit}s"
        added = {k: e for k, e in self.offers["added"].dropna().items() if e.shown}
        if added:
            best = max(added, key=lambda k: added[k].value or -np.inf)
            text += f"; offer {best} adds {added[best]} to those held out by lot"
        return (
            f"{text}; asking the {int(self.customers['ask'].sum()):,} whose expected worth exceeds "
            f"the cost is expected to bring {self.numbers['expected_net']}."
        )


def win_back(
    tables: Tables,
    *,
    horizon: int = 12,
    life_horizon: int = 24,
    offer_cost: float = 50.0,
    held_out: float = 0.1,
    margin_share: float | None = None,
    annual_discount_rate: float = 0.10,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> WinBack:
    """Estimate who comes back and what asking adds, and rank whom to ask.

    Where offers, and customers held out of them by lot, are recorded in ``exits``, the worth of
    asking is that of the returns which an offer adds: whoever would come back unasked is worth
    nothing more asked. Where none is, the chance is that of returning as things were.

    Parameters
    ----------
    tables : Tables
        With ``exits``, ``contracts`` and ``customers``; ``orders`` for the past value.
    horizon : int
        Units within which a return counts.
    life_horizon : int
        Units of the second life that count as worth.
    offer_cost : float
        Of asking one customer, whether he comes or not, where no offer with a cost was tried.
    held_out : float
        Share of those worth asking that is drawn by lot and not asked, so that the next report can
        say what asking did: record them in ``exits`` with the offer ``held out``.
    margin_share : float, optional
        Margin as a share of spend.

    Returns
    -------
    WinBack

    Raises
    ------
    NotEnoughDataError
        If fewer than the minimum n left.
    """
    if horizon < 1 or life_horizon < 1 or offer_cost < 0 or not 0 <= held_out < 1:
        raise ParameterError("horizons of 1 or more, offer_cost of 0 or more, held_out below 1")
    tables.require("exits", "contracts", "customers", needed_for="winning customers back")
    exits = build_lost_customers(tables)
    require_minimum(len(exits), tables, "exits")
    second = _second_life(tables, life_horizon, level)
    rate = margin_rate(tables, margin_share)
    years = life_horizon / tables.window.units_per_year
    a_unit = rate.value / tables.window.units_per_year * (second.value or 0.0)
    a_unit *= (1 + annual_discount_rate) ** (-0.5 * years)
    chances = _chances(exits, horizon, tables, level)
    offers = offer_effects(
        exits, exits["value_before"].clip(lower=0) * a_unit, horizon=horizon,
        unit=tables.window.unit, currency=tables.currency, minimum_n=tables.minimum_n, level=level,
    )  # fmt: skip
    model, used, why = _model(exits, level)
    lost = _lost(exits, model, used, horizon)
    lost["second_worth"] = lost["value_before"].clip(lower=0) * a_unit
    lost = lost.join(_best_offer(lost, offers, offer_cost))
    paying = (lost["expected"] > 0) & ~lost["decided"]
    rng = np.random.default_rng(1) if rng is None else rng
    lost["held_out"] = paying & (rng.random(len(lost)) < held_out)
    lost["ask"] = paying & ~lost["held_out"]
    return WinBack(
        chances=chances, offers=offers,
        drivers=model.summary() if model is not None else pd.DataFrame(),
        customers=lost.sort_values("expected", ascending=False, kind="stable"),
        second_life=second, numbers=_numbers(chances, offers, second, lost, tables, level),
        warnings=_cautions(lost, offers, rate.source, why, chances), horizon=horizon,
        unit=tables.window.unit, currency=tables.currency, offer_cost=offer_cost,
    )  # fmt: skip


def _chances(exits: pd.DataFrame, horizon: int, tables: Tables, level: float) -> pd.DataFrame:
    """Return the share that comes back, by reason, past value and time away already."""
    groups = [("all", "all", exits, 0)]
    groups += [("reason", str(name), part, 0) for name, part in exits.groupby("reason")]
    third = np.ceil(3 * exits["value_before"].rank(method="first") / len(exits)).astype(int)
    for number, name in enumerate(("lowest third", "middle third", "highest third"), start=1):
        groups.append(("past value", name, exits[(third == number).to_numpy()], 0))
    for away in _AWAY:
        if away + horizon <= exits["duration"].max():
            groups.append((f"{tables.window.unit}s away", str(away), exits, away))
    rows = [
        {"by": by, "group": name} | _chance(part, horizon, tables, level, away)
        for by, name, part, away in groups
    ]
    return pd.DataFrame(rows)


def _chance(
    part: pd.DataFrame, horizon: int, tables: Tables, level: float, away: int
) -> dict[str, object]:
    method = "1 less Kaplan-Meier of the time from leaving to return, asked or not"
    seen = part[part["duration"] > away]
    row: dict[str, object] = {
        "exits": len(part) if away == 0 else len(seen),
        "returned": int((part if away == 0 else seen)["event"].sum()),
    }
    if len(seen) < max(2, tables.minimum_n):
        why = f"{len(seen)} exits, fewer than the {tables.minimum_n} a number needs"
        shown = Estimate.withheld(why, unit="share", n=len(seen), method=method)
        return row | {"within_horizon": shown}
    fit = KaplanMeier(level=level).fit(seen)
    until = [away + horizon]
    stay, ends = float(fit.survival(until, away)[0]), fit.interval(until, away)
    if not np.isfinite(stay):
        why = f"no exit was followed for {horizon} {tables.window.unit}s"
        shown = Estimate.withheld(why, unit="share", n=len(seen), method=method)
        return row | {"within_horizon": shown}
    known = np.isfinite(ends[0][0])
    # nobody came back: the exact upper end of a share of 0 (rule of three at 95 %)
    most = 1 - (1 - level) ** (1 / len(seen))
    shown = Estimate(
        value=1 - stay, low=1 - float(ends[1][0]) if known else 0.0,
        high=1 - float(ends[0][0]) if known else max(most, 1 - stay), level=level, unit="share",
        n=len(seen), events=int(seen["event"].sum()), method=method, grade="D",
    )  # fmt: skip
    return row | {"within_horizon": shown}


def _model(
    exits: pd.DataFrame, level: float
) -> tuple[DiscreteHazardFit | None, tuple[str, ...], str]:
    """Fit the hazard of return unasked; reasons after which nobody came back are left out of it."""
    exits = exits.assign(duration=exits["unasked"], event=exits["unasked_event"])
    back = exits.groupby("reason")["event"].sum()
    used = tuple(str(reason) for reason in back.index[back > 0])
    rows = exits[exits["reason"].isin(used) & (exits["duration"] > 0)]
    rows = rows.assign(log_value=np.log1p(rows["value_before"].clip(lower=0)))
    covariates = [c for c in ("reason", "segment") if c in rows and len(rows[c].unique()) > 1]
    if len(rows) and rows["log_value"].std() > 1e-9:
        covariates.append("log_value")
    spec = DiscreteHazard(covariates=covariates, tenure=_TENURE_PIECES, level=level)
    try:
        return spec.fit(rows), used, ""
    except (NotEnoughDataError, NotIdentifiedError) as error:
        return None, (), f"no chance of return is told customer by customer: {error}"


def _lost(
    exits: pd.DataFrame, model: DiscreteHazardFit | None, used: tuple[str, ...], horizon: int
) -> pd.DataFrame:
    lost = exits[exits["lost"]].copy()
    lost = lost.assign(
        since=lost["duration"], log_value=np.log1p(lost["value_before"].clip(lower=0)),
        decided=lost["offer"].notna(),
    )  # fmt: skip
    for name in ("p_return", "low", "high"):
        lost[name] = 0.0 if model is not None else np.nan
    if model is not None:
        known = lost["reason"].isin(used)
        for name, levels in model.design.levels.items():
            known &= lost[name].isin(levels)
        scored = predict_leaving(
            model, lost[known].drop(columns=["low", "high"]).assign(tenure=lost["since"][known]),
            horizon,
        )  # fmt: skip
        for name, column in (("p_return", "p_leave"), ("low", "low"), ("high", "high")):
            lost.loc[known.to_numpy(), name] = scored[column].to_numpy()
    columns = ["exited_on", "reason", "since", "value_before", "p_return", "low", "high", "decided"]
    return lost[columns]


def _tried(offers: pd.DataFrame) -> pd.DataFrame:
    """Return the offers whose ratio is known and that have a cost."""
    if offers.empty:
        return offers
    shown = [isinstance(e, Estimate) and e.shown for e in offers["rate_ratio"]]
    return offers[np.array(shown, dtype=bool) & np.isfinite(offers["mean_cost"].astype(float))]


def _best_offer(lost: pd.DataFrame, offers: pd.DataFrame, offer_cost: float) -> pd.DataFrame:
    """Return the offer that is expected to bring each customer's most, and what it brings."""
    unasked = lost["p_return"].to_numpy(dtype=float)
    worth, tried = lost["second_worth"].to_numpy(dtype=float), _tried(offers)
    columns = ["offer", "p_asked", "cost", "expected"]
    if tried.empty:
        found = pd.DataFrame(
            {"offer": "", "p_asked": unasked, "cost": offer_cost,
             "expected": unasked * worth - offer_cost}, index=lost.index,
        )  # fmt: skip
        return found[columns]
    ratio = np.array([e.value for e in tried["rate_ratio"]], dtype=float)
    cost = tried["mean_cost"].to_numpy(dtype=float)
    asked = -np.expm1(np.log1p(-np.minimum(unasked, 1 - 1e-12))[:, None] * ratio)
    expected = (asked - unasked[:, None]) * worth[:, None] - cost
    best, row = np.nan_to_num(expected, nan=-np.inf).argmax(axis=1), np.arange(len(lost))
    return pd.DataFrame(
        {"offer": tried.index.to_numpy()[best], "p_asked": asked[row, best], "cost": cost[best],
         "expected": expected[row, best]}, index=lost.index, columns=columns,
    )  # fmt: skip


def _second_life(tables: Tables, horizon: int, level: float) -> Estimate:
    """Return how long returned customers stay, within the horizon; of all where too few came."""
    spells = build_durations(tables)
    again = spells[(spells["spell"] > 1) & (spells["duration"] > 0)]
    what = "second and later stays"
    if len(again) < tables.minimum_n or int(again["duration"].max()) < horizon:
        again = spells[(spells["duration"] > 0) & (spells["entry"] == 0)]
        what = "first stays, for want of second ones"
    fit = KaplanMeier(level=level).fit(again)
    reach = min(horizon, int(fit.longest))
    value, se = fit.rmst(reach)
    low, high = normal_interval(value, se, level)
    return Estimate(
        value=value, low=max(0.0, low), high=min(float(reach), high), level=level,
        unit=f"{tables.window.unit}s", n=len(again), events=int(again["event"].sum()), grade="D",
        method=f"mean stay within {reach} {tables.window.unit}s, Kaplan-Meier of {what}",
    )  # fmt: skip


def _numbers(
    chances: pd.DataFrame, offers: pd.DataFrame, second: Estimate, lost: pd.DataFrame,
    tables: Tables, level: float,
) -> dict[str, Estimate]:  # fmt: skip
    found: dict[str, Estimate] = {}
    shown = zip(chances["by"], chances["group"], chances["within_horizon"], strict=True)
    for by, group, estimate in shown:
        name = group if by in ("all", "reason") else f"{by} {group}"
        found[f"returned: {name}"] = estimate
    for name in ("added", "rate_ratio", "worth_added", "net"):
        found |= {f"offer_{name}: {offer}": e for offer, e in offers[name].dropna().items()}
    found["second_life"] = second
    found["expected_net"] = _expected_net(offers, lost, tables, level)
    return found


def _expected_net(
    offers: pd.DataFrame, lost: pd.DataFrame, tables: Tables, level: float
) -> Estimate:
    """Return what the list is expected to bring, with what is not known of the offers' ratios."""
    asked, tried = lost[lost["ask"]], _tried(offers)
    method = "chance of return as in the past times the worth of a second life, less the cost"
    if len(tried):
        method = "returns that the offer adds times the worth of a second life, less the cost"
    if lost["p_return"].isna().any() or asked.empty:
        why = "nobody's expected worth exceeds the cost"
        if lost["p_return"].isna().any():
            why = "the chance of return could not be fitted"
        return Estimate.withheld(why, unit=tables.currency, n=len(lost), method=method, grade="C")
    value = float(asked["expected"].sum())
    p, worth = (asked[name].to_numpy(dtype=float) for name in ("p_asked", "second_worth"))
    if tried.empty:
        half = float(np.sqrt((worth**2 * p * (1 - p)).sum()))
        low, high = normal_interval(value, half, level)
        method += "; interval of chance alone"
    else:
        low, high = (_sum_at(asked, tried, end) for end in ("low", "high"))
        method += "; interval of the offers' ratios"
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), level=level,
        unit=tables.currency, n=len(asked), method=method, grade="C",
    )  # fmt: skip


def _sum_at(asked: pd.DataFrame, tried: pd.DataFrame, end: str) -> float:
    """Return the sum of what asking brings with the ratios at one end of their intervals."""
    ratio = asked["offer"].map({offer: getattr(e, end) for offer, e in tried["rate_ratio"].items()})
    unasked = asked["p_return"].to_numpy(dtype=float)
    p = -np.expm1(np.log1p(-np.minimum(unasked, 1 - 1e-12)) * ratio.to_numpy(dtype=float))
    gain = (p - unasked) * asked["second_worth"].to_numpy(dtype=float)
    return float((gain - asked["cost"].to_numpy(dtype=float)).sum())


def _cautions(
    lost: pd.DataFrame, offers: pd.DataFrame, source: str, why: str, chances: pd.DataFrame
) -> tuple[str, ...]:
    kept = int(lost["held_out"].sum())
    found = [_of_offers(offers, kept)]
    found.append(
        f"The worth takes the spend of the year before leaving as that of the second life; margin: "
        f"{source}."
    )
    reasons = chances[chances["by"] == "reason"]
    never = reasons.loc[(reasons["returned"] == 0) & (reasons["exits"] > 0), "group"]
    if len(never):
        found.append(f"Nobody came back after: {', '.join(never)}; they are not worth asking.")
    if decided := int(lost["decided"].sum()):
        found.append(
            f"{decided:,} of the lost were asked, or held out, before; they are not asked again, "
            "because a second offer was never tried."
        )
    if why:
        found.append(f"{why[0].upper()}{why[1:]}.")
    return tuple(found)


def _of_offers(offers: pd.DataFrame, kept: int) -> str:
    again = (
        f"The {kept:,} held out here by lot are to be entered in exits as held out, or the next "
        "report cannot tell what asking did."
    )
    if offers.empty:
        return (
            "No offer is recorded: the chances are those of coming back as things were, and who "
            f"would have come back unasked gains nothing from being asked. {again}"
        )
    if _tried(offers).empty:
        return (
            "Offers are recorded, but too few of them, or too few held out by lot, came back to "
            f"tell what an offer adds; the chances are those of coming back as things were. {again}"
        )
    chosen = [str(k) for k in offers.index if str(k).endswith("(chosen)")]
    told = "What an offer adds is told from those whom a lot left unasked"
    if chosen:
        told += f"; of {', '.join(chosen)}, given to whom somebody chose, it is an association"
    return f"{told}. {again}"
