"""What faster and better handling would return: hazard, margin, cost, and where it breaks even."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.analyses.switching.kept_margin import customer_margins, margin_rate, stay_value
from retention.engine import Tables
from retention.errors import ParameterError
from retention.estimates import Estimate, bootstrap_interval
from retention.features import build_annual_spend

from .hazard import HandlingHazard

__all__ = ["HandlingWorth", "handling_worth"]

_CHANGES = {
    "faster": ("resolved slowly", "resolved quickly"),
    "better": ("unresolved", "resolved slowly"),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class HandlingWorth:
    """What a case handled faster, or better, is worth.

    Parameters
    ----------
    table : DataFrame
        One row a change (faster, better): ``cases`` a year it could reach, ``kept`` (customers
        kept a case), ``margin_per_case`` and ``net`` a year if a cost is given (`Estimate`),
        ``break_even_cost`` a case and ``break_even_ratio``: the hazard ratio at which the cost is
        just paid.
    assumptions : tuple of str
        What the sums stand on.
    """

    table: pd.DataFrame
    assumptions: tuple[str, ...]


def handling_worth(
    tables: Tables,
    cases: pd.DataFrame,
    hazard: HandlingHazard,
    *,
    cost_per_case: float | None = None,
    reach: float = 1.0,
    lasts_days: int = 180,
    given_margin_rate: float | None = None,
    annual_discount_rate: float = 0.10,
    draws: int = 4000,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> HandlingWorth:
    """Return the return on faster and better handling by Monte Carlo over what is not known.

    A case handled otherwise changes the hazard for as long as its mark lasts; a customer kept
    brings the present value of margin of a mean stay. Drawn are the log hazard ratios (from their
    covariance) and the number of cases of a year (Poisson).

    Parameters
    ----------
    cost_per_case : float, optional
        What handling a case in the better way costs more; without it, only the break-even cost.
    reach : float
        Share of the cases that can be handled in the better way, above 0 up to 1.
    """
    if not 0 < reach <= 1:
        raise ParameterError(f"reach must lie above 0 and up to 1, got {reach}")
    if cost_per_case is not None and cost_per_case < 0:
        raise ParameterError(f"cost_per_case must be 0 or more, got {cost_per_case}")
    rng = np.random.default_rng(1) if rng is None else rng
    rate = margin_rate(tables, given_margin_rate)
    margins = customer_margins(tables, rate)
    hazard_unit = hazard.fit.mean_hazard
    a_year = -np.log1p(-hazard_unit) * tables.window.units_per_year
    complaining = margins.reindex(cases.index.unique()).dropna()
    mean = float(complaining.mean() if len(complaining) >= tables.minimum_n else margins.mean())
    worth = float(stay_value(mean, a_year, annual_discount_rate))
    yearly = _cases_a_year(tables, cases)
    rows = {}
    for name, (now, then) in _CHANGES.items():
        if now not in hazard.log_ratios or then not in hazard.log_ratios:
            continue
        known = hazard.log_ratios[[now, then]].to_numpy()
        spread = hazard.spread(now, then)
        drawn = rng.multivariate_normal(known, spread, size=draws)
        exposed = a_year * lasts_days / 365.25
        kept = np.exp(-exposed * np.exp(drawn[:, 1])) - np.exp(-exposed * np.exp(drawn[:, 0]))
        point = float(np.exp(-exposed * np.exp(known[1])) - np.exp(-exposed * np.exp(known[0])))
        count = reach * yearly.get(now, 0.0)
        left = int(hazard.states["events"][[now, then]].sum())
        rows[name] = _row(
            kept, point, worth, count, cost_per_case, exposed, known, level, tables, left, rng
        )
    return HandlingWorth(
        table=pd.DataFrame.from_dict(rows, orient="index").rename_axis("change"),
        assumptions=_assumptions(rate.source, mean, worth, tables, lasts_days),
    )


def _cases_a_year(tables: Tables, cases: pd.DataFrame) -> pd.Series:
    days = min(365, tables.window.days)
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=days)
    last = cases[pd.to_datetime(cases["opened_on"]).to_numpy() >= since.to_datetime64()]
    return last["ending"].value_counts() * 365.25 / days


def _row(
    kept: np.ndarray, point: float, worth: float, count: float, cost: float | None,
    exposed: float, known: np.ndarray, level: float, tables: Tables, events: int,
    rng: np.random.Generator,
) -> dict[str, object]:  # fmt: skip
    method = "Monte Carlo over the hazard ratios and the year's cases"
    n = round(count)
    saved = Estimate(
        value=worth * point, low=min(worth * point, bootstrap_interval(worth * kept, level)[0]),
        high=max(worth * point, bootstrap_interval(worth * kept, level)[1]), level=level,
        unit=f"{tables.currency} per case", n=n, events=events, method=method, grade="C",
    )  # fmt: skip
    row: dict[str, object] = {
        "cases": count, "kept": point, "margin_per_case": saved, "break_even_cost": worth * point,
        "net": Estimate.withheld("no cost_per_case was given", unit=tables.currency, n=n,
                                 method=method, grade="C"),
        "break_even_ratio": np.nan,
    }  # fmt: skip
    if cost is None:
        return row
    net = rng.poisson(count, size=len(kept)) * (worth * kept - cost)
    low, high = bootstrap_interval(net, level)
    value = count * (worth * point - cost)
    row["net"] = Estimate(
        value=value, low=min(low, value), high=max(high, value), level=level,
        unit=f"{tables.currency} a year", n=n, events=events, method=method, grade="C",
    )  # fmt: skip
    # the hazard ratio of the two ways at which what is kept just pays the cost
    stays = np.exp(-exposed * np.exp(known[0])) + (cost / worth if worth > 0 else np.inf)
    if 0 < stays < 1:
        row["break_even_ratio"] = float(-np.log(stays) / exposed / np.exp(known[0]))
    return row


def _assumptions(
    source: str, mean: float, worth: float, tables: Tables, lasts_days: int
) -> tuple[str, ...]:
    spend = len(build_annual_spend(tables))
    return (
        f"A customer kept is worth {worth:,.0f} {tables.currency}: {mean:,.0f} of margin a year "
        f"({source}; {spend:,} customers here) over a mean stay, discounted.",
        f"How a case ends marks the hazard for {lasts_days} days, and not after; what others hear "
        "of it (word of mouth) is left out.",
        "The hazard ratios are associations: severity, segment and satisfaction are held, what is "
        "not in the tables is not.",
    )
