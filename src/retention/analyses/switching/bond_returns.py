"""What is a bond worth to us? The kept margin that building one goes with, against its cost."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate
from retention.features import build_ties

from .kept_margin import MarginRate, customer_margins, margin_rate, stay_value
from .switching_costs import fit_lock_in

__all__ = ["BondReturns", "bond_returns"]

_METHOD = "complementary log-log hazard, value of a stay, draws of the coefficients"


@dataclass(frozen=True, eq=False, kw_only=True)
class BondReturns:
    """Answer of `bond_returns`.

    Parameters
    ----------
    table : DataFrame, one row a bond
        level, without (customers here who do not have it), gain (Estimate, money a customer),
        total (money over all of those), cost (if known), net (Estimate), worth_building (share of
        those customers whose gain exceeds the cost).
    margin : MarginRate
        Margin as a share of spend.
    currency : str
        Of the money.
    """

    table: pd.DataFrame
    margin: MarginRate
    currency: str

    def summary(self) -> pd.DataFrame:
        """Return one row a bond, the most valuable first."""
        return self.table

    def estimates(self) -> dict[str, Estimate]:
        """Return gain and net gain of each bond."""
        found = {f"bond_gain: {bond}": row["gain"] for bond, row in self.table.iterrows()}
        for bond, row in self.table.iterrows():
            if isinstance(row["net"], Estimate):
                found[f"bond_net: {bond}"] = row["net"]
        return found

    def headline(self) -> str:
        """Return the bond with the largest gain."""
        bond = self.table.index[0]
        gain = self.table["gain"].iloc[0]
        if gain.value is None:
            return f"What bonds are worth is not shown: {gain.why}."
        return (
            f"The bond {bond} goes with {gain} of kept margin for a customer who does not have it "
            f"yet; {self.table['without'].iloc[0]:,} customers do not."
        )

    def cautions(self) -> tuple[str, ...]:
        """Return what the gain is not."""
        found = [
            "Gains are associations read as if they were effects: customers who have a bond may "
            "have meant to stay anyway. Before building on it, offer the bond to some at random; "
            "the gain also is what could at most be spent on it.",
        ]
        if self.table["cost"].isna().all():
            found.append("Costs of bonds are not known; name them with `costs` to see what pays.")
        if self.margin.source.startswith("assumed"):
            found.append(f"The margin of {100 * self.margin.value:.0f} % of spend is assumed.")
        return tuple(found)


def bond_returns(
    tables: Tables,
    *,
    costs: Mapping[str, float] | None = None,
    own_firm: str = "",
    margin: float | None = None,
    annual_discount_rate: float = 0.10,
    draws: int = 500,
    seed: int = 1,
    level: float = 0.95,
) -> BondReturns:
    """Estimate what building a bond would be worth in kept margin, bond by bond.

    For each customer here without the bond: the value of its stay at the hazard with the bond,
    less that at its hazard now, all else as it is; averaged over those customers.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` (price) and ``bonds`` or ``enrolments``.
    costs : mapping of str to float, optional
        Cost of building each bond for one customer; where programmes stand for bonds, by default
        the mean cost of an enrolment.
    own_firm, margin, annual_discount_rate, draws, seed, level
        As in `price_room`.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        As `fit_lock_in`; also if no bond is in the model.
    """
    lock = fit_lock_in(tables, own_firm=own_firm)
    if not lock.bonds:
        raise NotEnoughDataError("too few customers left with a bond, or without one")
    rate = margin_rate(tables, margin)
    here = build_ties(tables, groups=lock.groups, own_firm=own_firm)
    margins = customer_margins(tables, rate).reindex(here.index).fillna(0.0).to_numpy()
    known = dict(_programme_costs(tables)) | dict(costs or {})
    b = lock.draws(draws, np.random.default_rng(seed))
    names = list(lock.fit.coefficients.index)
    u = lock.design(here).to_numpy()
    rows = []
    for bond, kind in lock.bonds.items():
        k, free = names.index(bond), here[bond].to_numpy() == 0
        name = bond.removeprefix("bond: ")
        n = int(free.sum())

        def gains(beta: np.ndarray, k: int = k, free: np.ndarray = free) -> np.ndarray:
            hazard = lock.units_per_year * np.exp(beta[0] + u[free] @ beta[1:])
            after = stay_value(margins[free], hazard * np.exp(beta[k]), annual_discount_rate)
            return after - stay_value(margins[free], hazard, annual_discount_rate)

        each = gains(lock.fit.coefficients.to_numpy())
        means = np.array([gains(beta).mean() for beta in b]) if n else np.zeros(1)
        gain = _gain(each, means, n, lock.fit.events, tables, level)
        cost = float(known.get(name, np.nan))
        rows.append(
            {
                "bond": name, "level": kind, "without": n, "gain": gain,
                "total": float(each.sum()), "cost": cost, "net": _net(gain, cost),
                "worth_building": float((each > cost).mean()) if n and cost == cost else np.nan,
            }
        )  # fmt: skip
    table = pd.DataFrame(rows).set_index("bond")
    order = [-(e.value if e.value is not None else -np.inf) for e in table["gain"]]
    return BondReturns(
        table=table.iloc[np.argsort(order, kind="stable")], margin=rate, currency=tables.currency
    )


def _programme_costs(tables: Tables) -> Mapping[str, float]:
    """Return the mean cost of enrolments by level, where programmes stand for bonds."""
    if "bonds" in tables or "cost" not in tables.columns("enrolments"):
        return {}
    rows = tables.query(
        "select bond, avg(cast(cost as double)) as cost from enrolments"
        " where cost is not null group by bond order by bond"
    )
    return dict(zip(rows["bond"].astype(str), rows["cost"].astype(float), strict=True))


def _gain(
    each: np.ndarray, means: np.ndarray, n: int, events: int, tables: Tables, level: float
) -> Estimate:
    unit = f"{tables.currency} per customer"
    if n < tables.minimum_n:
        why = f"{n} customers are without it, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit=unit, n=n, method=_METHOD, grade="C")
    value = float(each.mean())
    low, high = np.quantile(means, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(
        value=value, low=min(value, float(low)), high=max(value, float(high)), level=level,
        unit=unit, n=n, events=events, method=_METHOD, grade="C",
    )  # fmt: skip


def _net(gain: Estimate, cost: float) -> Estimate | None:
    if gain.value is None or gain.low is None or gain.high is None or not np.isfinite(cost):
        return None
    return Estimate(
        value=gain.value - cost, low=gain.low - cost, high=gain.high - cost, level=gain.level,
        unit=gain.unit, n=gain.n, events=gain.events, grade=gain.grade,
        method=f"{gain.method}; less a cost of {cost:,.2f}",
    )  # fmt: skip
