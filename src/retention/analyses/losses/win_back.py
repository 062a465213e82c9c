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

__all__ = ["WinBack", "win_back"]

_TENURE_PIECES = 2


@dataclass(frozen=True, eq=False, kw_only=True)
class WinBack:
    """Answer of `win_back`.

    Parameters
    ----------
    chances : DataFrame
        One row a reason: ``exits``, ``returned``, ``within_horizon``: the share back by the
        horizon after leaving (Kaplan-Meier, `Estimate`).
    drivers : DataFrame
        Ratios of the hazard of return: reason, past value, segment.
    customers : DataFrame
        Index ``customer_id``, who is lost, highest expected worth first; ``reason``, ``since``
        (units since leaving), ``value_before``, ``p_return`` within the horizon from now, given
        not back so far, with ``low`` and ``high``; ``second_worth``, ``expected``, ``ask``
        (expected worth above the cost, and not held out), ``held_out``.
    second_life : Estimate
        Mean units a returned customer stays within the horizon of worth.
    """

    chances: pd.DataFrame
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
        """Return the chance of return by reason."""
        return self.chances

    def estimates(self) -> dict[str, Estimate]:
        """Return chances of return, the second life, and the worth of asking."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what must be known before an offer is sent."""
        return self.warnings

    def headline(self) -> str:
        """Return how many are worth asking and what they are expected to bring."""
        return (
            f"Of those who left {self.numbers['returned: all']} come back within {self.horizon} "
            f"{self.unit}s; asking the {int(self.customers['ask'].sum()):,} whose expected worth "
            f"exceeds the cost of {self.offer_cost:,.0f} {self.currency} is expected to bring "
            f"{self.numbers['expected_net']}."
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
    """Estimate who comes back and what that is worth, and rank whom to ask.

    Parameters
    ----------
    tables : Tables
        With ``exits``, ``contracts`` and ``customers``; ``orders`` for the past value.
    horizon : int
        Units within which a return counts.
    life_horizon : int
        Units of the second life that count as worth.
    offer_cost : float
        Of asking one customer, whether he comes or not.
    held_out : float
        Share of those worth asking that is drawn by lot and not asked, so that the next report can
        say what asking did.
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
    if len(exits) < max(2, tables.minimum_n):
        raise NotEnoughDataError(
            f"{len(exits)} exits, fewer than the {tables.minimum_n} a number needs"
        )
    chances = _chances(exits, horizon, tables, level)
    model, used, why = _model(exits, level)
    second = _second_life(tables, life_horizon, level)
    rng = np.random.default_rng(1) if rng is None else rng
    rate = margin_rate(tables, margin_share)
    lost = _lost(exits, model, used, horizon)
    a_unit = lost["value_before"] * rate.value / tables.window.units_per_year
    discount = (1 + annual_discount_rate) ** (-0.5 * life_horizon / tables.window.units_per_year)
    lost["second_worth"] = a_unit * (second.value or 0.0) * discount
    lost["expected"] = lost["p_return"] * lost["second_worth"] - offer_cost
    paying = lost["expected"] > 0
    lost["held_out"] = paying & (rng.random(len(lost)) < held_out)
    lost["ask"] = paying & ~lost["held_out"]
    numbers = _numbers(chances, second, lost, tables, level)
    return WinBack(
        chances=chances, drivers=model.summary() if model is not None else pd.DataFrame(),
        customers=lost.sort_values("expected", ascending=False, kind="stable"),
        second_life=second, numbers=numbers, warnings=_cautions(lost, rate.source, why, chances),
        horizon=horizon, unit=tables.window.unit, currency=tables.currency, offer_cost=offer_cost,
    )  # fmt: skip


def _chances(exits: pd.DataFrame, horizon: int, tables: Tables, level: float) -> pd.DataFrame:
    rows = {"all": _chance(exits, horizon, tables, level)}
    for reason, part in exits.groupby("reason"):
        rows[str(reason)] = _chance(part, horizon, tables, level)
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("reason")


def _chance(part: pd.DataFrame, horizon: int, tables: Tables, level: float) -> dict[str, object]:
    method = "1 less Kaplan-Meier of the time from leaving to return"
    row: dict[str, object] = {"exits": len(part), "returned": int(part["event"].sum())}
    seen = part[part["duration"] > 0]
    if len(seen) < max(2, tables.minimum_n):
        why = f"{len(seen)} exits, fewer than the {tables.minimum_n} a number needs"
        shown = Estimate.withheld(why, unit="share", n=len(seen), method=method)
        return row | {"within_horizon": shown}
    fit = KaplanMeier(level=level).fit(seen)
    stay, ends = float(fit.survival([horizon])[0]), fit.interval([horizon])
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
    """Fit the hazard of return; reasons after which nobody came back are left out of it."""
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
        since=lost["duration"], log_value=np.log1p(lost["value_before"].clip(lower=0))
    )
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
    columns = ["exited_on", "reason", "since", "value_before", "p_return", "low", "high"]
    return lost[columns]


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
    chances: pd.DataFrame, second: Estimate, lost: pd.DataFrame, tables: Tables, level: float
) -> dict[str, Estimate]:
    found = {f"returned: {k}": e for k, e in chances["within_horizon"].items()}
    found["second_life"] = second
    asked = lost[lost["ask"]]
    method = "chance of return as in the past times the worth of a second life, less the cost"
    if lost["p_return"].isna().any() or asked.empty:
        why = "nobody's expected worth exceeds the cost"
        if lost["p_return"].isna().any():
            why = "the chance of return could not be fitted"
        found["expected_net"] = Estimate.withheld(
            why, unit=tables.currency, n=len(lost), method=method, grade="C"
        )
        return found
    p, worth = asked["p_return"].to_numpy(), asked["second_worth"].to_numpy()
    value = float(asked["expected"].sum())
    half = float(np.sqrt((worth**2 * p * (1 - p)).sum()))
    low, high = normal_interval(value, half, level)
    found["expected_net"] = Estimate(
        value=value, low=low, high=high, level=level, unit=tables.currency, n=len(asked),
        method=f"{method}; interval of chance alone", grade="C",
    )  # fmt: skip
    return found


def _cautions(lost: pd.DataFrame, source: str, why: str, chances: pd.DataFrame) -> tuple[str, ...]:
    found = [
        "No offer is recorded: the chances are those of coming back as things were, and who would "
        "have come back unasked gains nothing from being asked. Compare with the held-out share "
        f"({int(lost['held_out'].sum()):,} customers, drawn by lot) before believing a return.",
        f"The worth takes the spend of the year before leaving as that of the second life; margin: "
        f"{source}.",
    ]
    never = [str(r) for r in chances.index[(chances["returned"] == 0) & (chances["exits"] > 0)]]
    if never:
        found.append(f"Nobody came back after: {', '.join(never)}; they are not worth asking.")
    if why:
        found.append(f"{why[0].upper()}{why[1:]}.")
    return tuple(found)
