"""Loyal or held captive? Satisfaction against what leaving would cost, customer by customer."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import AnalysisError, DataError, NotEnoughDataError
from retention.estimates import Estimate, normal_interval, wilson_interval
from retention.features import build_lock_in, build_ties
from retention.models import BinaryRegression, BinaryRegressionFit
from retention.window import add_months

from .kept_margin import MarginRate, customer_margins, margin_rate, stay_value
from .switching_costs import LockIn, TenureBands, fit_lock_in

__all__ = ["LOYALTY_TYPES", "LoyaltyTypes", "loyalty_types"]

LOYALTY_TYPES = ("loyal", "captive", "free", "at the door")
"""High satisfaction and cost; low satisfaction, high cost; high, low; low, low."""


@dataclass(frozen=True, eq=False, kw_only=True)
class LoyaltyTypes:
    """Answer of `loyalty_types`.

    Parameters
    ----------
    customers : DataFrame, index customer_id
        satisfaction (0 to 100), switching_cost (share of the price), type, annual_margin, value
        (of the stay), value_if_free (of the stay without switching cost).
    table : DataFrame, one row a type
        customers, annual_margin, value, and kept (Estimate): the share of those of the type a
        year ago who are still here.
    slopes : DataFrame
        Quartiles of switching cost: the log hazard ratio of 10 points of satisfaction, its
        interval, and as a hazard ratio.
    at_risk : Estimate
        Value of captives that would go if leaving cost nothing.
    cuts : tuple of float
        Satisfaction and switching cost from which a customer counts as high.
    interaction : Estimate
        Change of the slope of 10 points of satisfaction by 1 % of the price of switching cost.
    """

    customers: pd.DataFrame
    table: pd.DataFrame
    slopes: pd.DataFrame
    at_risk: Estimate
    interaction: Estimate
    cuts: tuple[float, float]
    margin: MarginRate
    currency: str
    notes: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a type."""
        return self.table

    def estimates(self) -> dict[str, Estimate]:
        """Return the captives' value at risk, the interaction, and who was kept by type."""
        found = {"captive_value_at_risk": self.at_risk, "satisfaction_x_cost": self.interaction}
        for kind, row in self.table.iterrows():
            if isinstance(row["kept"], Estimate):
                found[f"kept: {kind}"] = row["kept"]
        return found

    def headline(self) -> str:
        """Return how many are captive and what their value at risk is."""
        n, captive = int(self.table["customers"].sum()), int(self.table["customers"]["captive"])
        text = f"{captive:,} of {n:,} customers asked are captive: dissatisfied, and held by cost"
        if self.at_risk.value is None:
            return f"{text}; their value at risk is not shown: {self.at_risk.why}."
        return f"{text}. If leaving cost them nothing, {self.at_risk} of their value would go."

    def cautions(self) -> tuple[str, ...]:
        """Return what the types are not."""
        return (
            "Captives stay while they are held: what holds them can fall away with a law, a "
            "standard or a rival who pays for the move. Count their value as borrowed.",
            "Types are drawn at the medians of those asked; customers who never answered are in "
            "none.",
            *self.notes,
        )


def loyalty_types(
    tables: Tables,
    *,
    satisfaction: str = "csat",
    own_firm: str = "",
    margin: float | None = None,
    annual_discount_rate: float = 0.10,
    draws: int = 500,
    seed: int = 1,
    level: float = 0.95,
) -> LoyaltyTypes:
    """Tell the loyal from the captive, after Jones and Sasser (1995).

    A customer's switching cost is the sum of its bonds, each at the price gap it outweighs in the
    hazard of leaving; satisfaction is its latest answer. Both are cut at the median of those asked.
    How the types hold is seen in those who were of each type a year before the cutoff.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` (price), ``bonds`` or ``enrolments``, and ``surveys``.
    satisfaction : str
        Construct of the survey items that ask for satisfaction.
    own_firm, margin, annual_discount_rate, draws, seed, level
        As in `price_room`.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        As `fit_lock_in`; also if too few customers answered.

    References
    ----------
    .. [1] Jones, T. O. and Sasser, W. E. (1995). Why satisfied customers defect. Harvard Business
       Review 73(6), 88-99.
    """
    tables.require("surveys", needed_for="satisfaction against switching cost")
    lock = fit_lock_in(tables, own_firm=own_firm)
    costs = _bond_costs(lock)
    here = _here(tables, lock, costs, satisfaction, own_firm)
    if len(here) < tables.minimum_n:
        raise NotEnoughDataError(
            f"{len(here)} customers here were asked for satisfaction, fewer than the "
            f"{tables.minimum_n} needed"
        )
    cuts = float(here["satisfaction"].median()), float(here["switching_cost"].median())
    here["type"] = _types(here, cuts)
    rate = margin_rate(tables, margin)
    here["annual_margin"] = customer_margins(tables, rate).reindex(here.index).fillna(0.0)
    fit, slopes, interaction = _interaction(tables, lock, costs, satisfaction, own_firm, level)
    at_risk = _values(here, lock, fit, annual_discount_rate, draws, seed, tables, level)
    kept, notes = _kept(tables, lock, costs, satisfaction, own_firm, cuts, level)
    wanted = ["satisfaction", "switching_cost", "type", "annual_margin", "value", "value_if_free"]
    return LoyaltyTypes(
        customers=here[wanted], table=_table(here, kept), slopes=slopes, at_risk=at_risk,
        interaction=interaction, cuts=cuts, margin=rate, currency=tables.currency, notes=notes,
    )  # fmt: skip


def _bond_costs(lock: LockIn) -> dict[str, float]:
    """Return what each bond is worth, as a share of the price; those that do not hold count 0."""
    if not lock.bonds:
        raise NotEnoughDataError("no bonds are known, or too few left with one or without")
    if lock.price_slope <= 0:
        raise NotEnoughDataError("price does not move leaving, so bonds cannot be put in money")
    return {bond: max(0.0, lock.worth(bond).value) for bond in lock.bonds}


def _here(
    tables: Tables, lock: LockIn, costs: dict[str, float], satisfaction: str, own_firm: str
) -> pd.DataFrame:
    ties = build_ties(tables, groups=lock.groups, own_firm=own_firm, satisfaction=satisfaction)
    ties["switching_cost"] = _cost(ties, costs)
    return ties[ties["satisfaction"].notna()].copy()


def _cost(table: pd.DataFrame, costs: dict[str, float]) -> pd.Series:
    total = pd.Series(0.0, index=table.index)
    for bond, cost in costs.items():
        if bond in table:
            total += table[bond] * cost
    return total


def _types(table: pd.DataFrame, cuts: tuple[float, float]) -> np.ndarray:
    happy = table["satisfaction"].to_numpy() >= cuts[0]
    held = table["switching_cost"].to_numpy() >= cuts[1]
    if cuts[1] <= table["switching_cost"].min():
        held = table["switching_cost"].to_numpy() > cuts[1]
    return np.select([happy & held, ~happy & held, happy & ~held], LOYALTY_TYPES[:3], "at the door")


def _interaction(
    tables: Tables, lock: LockIn, costs: dict[str, float], satisfaction: str, own_firm: str,
    level: float,
) -> tuple[BinaryRegressionFit, pd.DataFrame, Estimate]:  # fmt: skip
    """Fit log h = ... + s * SAT + l * SC + m * SAT * SC; SAT in tens, SC in per cent, centred."""
    counts = build_lock_in(tables, groups=lock.groups, own_firm=own_firm, satisfaction=satisfaction)
    counts = counts[counts["satisfaction"].notna()].reset_index(drop=True)
    bands = TenureBands.of(counts, lock.units_per_year)
    table = pd.concat([counts, bands.columns(counts["tenure"])], axis=1)
    table["sat"] = (counts["satisfaction"].astype(float) - 50) / 10
    table["cost"] = 100 * _cost(counts, costs)
    table["sat x cost"] = table["sat"] * table["cost"]
    spec = BinaryRegression(
        columns=("gap", "sat", "cost", "sat x cost", *bands.names), groups=lock.groups,
        link="cloglog", event="events", trials="n",
    )  # fmt: skip
    fit = spec.fit(table)
    return fit, _slopes(fit, table, level), _interaction_estimate(fit, level)


def _interaction_estimate(fit: BinaryRegressionFit, level: float) -> Estimate:
    name = "sat x cost"
    value = float(fit.coefficients[name])
    low, high = normal_interval(value, float(fit.standard_errors[name]), level)
    return Estimate(
        value=value, low=low, high=high, level=level, unit="log hazard per 10 points and 1 %",
        n=fit.n, events=fit.events, method="complementary log-log hazard", grade="C",
    )  # fmt: skip


def _slopes(fit: BinaryRegressionFit, table: pd.DataFrame, level: float) -> pd.DataFrame:
    """Return the slope of satisfaction at the quartiles of switching cost."""
    order = np.argsort(table["cost"].to_numpy(), kind="stable")
    share = np.cumsum(table["n"].to_numpy()[order]) / table["n"].sum()
    rows, names = {}, ["sat", "sat x cost"]
    covariance = fit.clustered.loc[names, names].to_numpy()
    for label, q in (("lower quartile", 0.25), ("median", 0.5), ("upper quartile", 0.75)):
        cost = float(table["cost"].to_numpy()[order][np.searchsorted(share, q)])
        pick = np.array([1.0, cost])
        slope = float(pick @ fit.coefficients[names].to_numpy())
        low, high = normal_interval(slope, float(np.sqrt(pick @ covariance @ pick)), level)
        rows[label] = {
            "switching_cost": cost / 100, "slope": slope, "low": low, "high": high,
            "hazard_ratio": float(np.exp(slope)),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("at_switching_cost")


def _values(
    here: pd.DataFrame, lock: LockIn, fit: BinaryRegressionFit, rate: float, draws: int,
    seed: int, tables: Tables, level: float,
) -> Estimate:  # fmt: skip
    """Fill value and value_if_free, and return what captives would take with them."""
    unit, method = tables.currency, "value of captives' stays, now and without bonds"
    bonds = list(lock.bonds)
    places = [list(lock.fit.coefficients.index).index(bond) for bond in bonds]
    held = here[bonds].to_numpy(dtype=float)
    margins = here["annual_margin"].to_numpy()
    mood, design = _mood(here, fit), lock.design(here).to_numpy()

    def values(beta: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        hazard = lock.units_per_year * np.exp(beta[0] + design @ beta[1:]) * mood
        free = hazard * np.exp(-held @ np.minimum(beta[places], 0.0))
        return stay_value(margins, hazard, rate), stay_value(margins, free, rate)

    here["value"], here["value_if_free"] = values(lock.fit.coefficients.to_numpy())
    captive = (here["type"] == "captive").to_numpy()
    n = int(captive.sum())
    if n < tables.minimum_n:
        why = f"{n} captives, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit=unit, n=n, method=method, grade="C")
    losses = []
    for beta in lock.draws(draws, np.random.default_rng(seed)):
        now, free = values(beta)
        losses.append(float((now - free)[captive].sum()))
    value = float((here["value"] - here["value_if_free"])[captive].sum())
    low, high = np.quantile(losses, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(
        value=value, low=min(value, float(low)), high=max(value, float(high)), level=level,
        unit=unit, n=n, events=lock.fit.events, method=method, grade="C",
    )  # fmt: skip


def _mood(here: pd.DataFrame, fit: BinaryRegressionFit) -> np.ndarray:
    """Return the hazard ratio of each customer's satisfaction, 1 on average."""
    ratio = np.exp(float(fit.coefficients["sat"]) * (here["satisfaction"].to_numpy() - 50) / 10)
    return np.asarray(ratio / ratio.mean())


def _kept(
    tables: Tables, lock: LockIn, costs: dict[str, float], satisfaction: str, own_firm: str,
    cuts: tuple[float, float], level: float,
) -> tuple[dict[str, Estimate], tuple[str, ...]]:  # fmt: skip
    """Return the share kept over the last year, by type at its beginning."""
    cutoff = tables.window.cutoff
    try:
        then = tables.as_of(add_months(cutoff, -12))
        before = _here(then, lock, costs, satisfaction, own_firm)
    except (DataError, AnalysisError, ValueError) as error:
        return {}, (f"Who was kept by type is not known: {error}",)
    before["type"] = _types(before, cuts)
    left = _left(tables)
    found = {}
    for kind, part in before.groupby("type"):
        n = len(part)
        if n < tables.minimum_n:
            why = f"{n} customers, fewer than the {tables.minimum_n} a number needs"
            found[str(kind)] = Estimate.withheld(why, unit="share", n=n, method="share kept")
            continue
        stayed = int((~part.index.isin(left)).sum())
        low, high = wilson_interval(stayed, n, level)
        found[str(kind)] = Estimate(
            value=stayed / n, low=low, high=high, level=level, unit="share", n=n,
            events=n - stayed, method="share kept over the year after, Wilson", grade="D",
        )  # fmt: skip
    return found, ()


def _left(tables: Tables) -> set[str]:
    """Return who has had a contract and has none that runs."""
    rows = tables.query(
        "select customer_id from contracts group by customer_id"
        " having max(case when ended_on is null then 1 else 0 end) = 0 order by customer_id"
    )
    return set(rows["customer_id"].astype(str))


def _table(here: pd.DataFrame, kept: dict[str, Estimate]) -> pd.DataFrame:
    table = here.groupby("type").agg(
        customers=("type", "size"), annual_margin=("annual_margin", "sum"), value=("value", "sum")
    )
    table = table.reindex(list(LOYALTY_TYPES)).fillna(0.0).astype({"customers": int})
    table["kept"] = pd.Series([kept.get(str(kind)) for kind in table.index], index=table.index)
    return table.rename_axis("type")
