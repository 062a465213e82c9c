"""Switching cost from leavings: how large a price gap each bond holds a customer against."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate
from retention.features import build_lock_in
from retention.models import BinaryRegression, BinaryRegressionFit, MoneyWorth, money_worth

from .measure import AnnualSpend, SwitchingMeasure, in_money, worth_estimate

__all__ = ["LockIn", "TenureBands", "fit_lock_in", "hazard_lock_in"]

METHOD = "lock-in seen in leaving"
_LEVELS = ("financial", "social", "structural")


@dataclass(frozen=True, eq=False)
class LockIn:
    """A hazard of leaving by price gap and bonds.

    Parameters
    ----------
    fit : BinaryRegressionFit
        With a coefficient for ``gap`` and for each bond column.
    counts : DataFrame
        What it was fitted to, see `build_lock_in`, with indicators of tenure.
    bonds : dict of str to str
        Bond columns that are in the model, and their level.
    left_out : tuple of str
        Bonds that too few customers have, or all.
    tenure : TenureBands
        How tenure is in the model.
    groups : tuple of str
        Text columns in the model.
    units_per_year : float
        Units of tenure a year.
    """

    fit: BinaryRegressionFit
    counts: pd.DataFrame
    bonds: dict[str, str]
    left_out: tuple[str, ...]
    tenure: TenureBands
    groups: tuple[str, ...]
    units_per_year: float

    @property
    def price_slope(self) -> float:
        """Change of the log hazard by a price gap of 1: the price elasticity of leaving."""
        return float(self.fit.coefficients["gap"])

    def design(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return the model's columns for customers: tenure, gap, bonds and groups as they are.

        The anniversary counts as one unit in the year, so that hazards are those of a year.
        """
        table = customers[["gap", *self.bonds]].astype(float)
        tenure = self.tenure.columns(customers["tenure"])
        if "anniversary" in tenure:
            tenure["anniversary"] = 1 / self.tenure.year
        table = pd.concat([table, tenure], axis=1)
        for name in self.fit.coefficients.index:
            group, _, label = str(name).partition(": ")
            if group in self.groups:
                own = customers[group].astype("string").fillna("unknown")
                table[name] = (own == label).astype(float)
        names = [name for name in self.fit.coefficients.index if name != "intercept"]
        return table[names]

    def draws(self, size: int, rng: np.random.Generator) -> np.ndarray:
        """Return coefficients drawn from their normal approximation, shape (size, k)."""
        return rng.multivariate_normal(
            self.fit.coefficients.to_numpy(), self.fit.clustered.to_numpy(), size
        )

    def worth(self, bond: str, level: float = 0.95) -> MoneyWorth:
        """Return the price gap that a bond outweighs."""
        return self.fit.worth(bond, price="gap", level=level)


@dataclass(frozen=True)
class TenureBands:
    """Indicators of tenure: bands with equally many leavers, and the anniversary.

    Parameters
    ----------
    cuts : tuple of int
        Last tenure of each band but the last.
    year : int
        Units a year; 0 where the anniversary is not told apart.
    names : tuple of str
        Indicators that vary in the data.
    """

    cuts: tuple[int, ...]
    year: int
    names: tuple[str, ...] = ()

    @classmethod
    def of(cls, counts: pd.DataFrame, units_per_year: float, bands: int = 5) -> TenureBands:
        """Return the bands of counts with columns tenure, n and events."""
        events = counts.groupby("tenure")["events"].sum()
        share = (events.cumsum() / max(1, events.sum())).to_numpy()
        at = [int(events.index[share >= k / bands][0]) for k in range(1, bands)]
        year = round(units_per_year)
        found = cls(tuple(sorted(set(at))), year if 1 < year <= 53 else 0)
        at_risk = found._all(counts["tenure"]).mul(counts["n"].to_numpy(), axis=0).sum()
        kept = (at_risk > 0) & (at_risk < counts["n"].sum())
        return cls(found.cuts, found.year, tuple(map(str, at_risk.index[kept])))

    def columns(self, tenure: pd.Series) -> pd.DataFrame:
        """Return the indicators, one row a tenure."""
        return self._all(tenure)[list(self.names)]

    def _all(self, tenure: pd.Series) -> pd.DataFrame:
        band = np.searchsorted(self.cuts, tenure, side="left")
        found = {
            f"tenure band {k + 1}": (band == k).astype(float) for k in range(1, len(self.cuts) + 1)
        }
        if self.year:
            found["anniversary"] = (tenure % self.year == 0).to_numpy(dtype=float)
        return pd.DataFrame(found, index=tenure.index)


def fit_lock_in(
    tables: Tables,
    *,
    groups: Sequence[str] | None = None,
    own_firm: str = "",
    minimum_events: int = 5,
) -> LockIn:
    """Fit ``log h = tenure + groups + b * gap - sum of bonds``, complementary log-log.

    A bond is left out where fewer than `minimum_events` customers left with it, or without it.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        As `build_lock_in` and `BinaryRegression.fit`.
    """
    if groups is None:
        groups = ["segment"] if "segment" in tables.columns("customers") else []
    counts = build_lock_in(tables, groups=groups, own_firm=own_firm)
    events = int(counts["events"].sum())
    if events < tables.minimum_n:
        raise NotEnoughDataError(
            f"{events} customers with a price left, fewer than the {tables.minimum_n} a hazard "
            "needs"
        )
    bonds, left_out = {}, []
    for column, level in counts.attrs["bonds"].items():
        held = int(counts.loc[counts[column] > 0, "events"].sum())
        if min(held, events - held) < minimum_events:
            left_out.append(column.removeprefix("bond: "))
        else:
            bonds[column] = level
    bands = TenureBands.of(counts, tables.window.units_per_year)
    frame = pd.concat([counts, bands.columns(counts["tenure"])], axis=1)
    spec = BinaryRegression(
        columns=("gap", *bonds, *bands.names), groups=tuple(groups), link="cloglog",
        event="events", trials="n",
    )  # fmt: skip
    return LockIn(
        spec.fit(frame), frame, bonds, tuple(left_out), bands, tuple(groups),
        tables.window.units_per_year,
    )  # fmt: skip


def hazard_lock_in(
    tables: Tables, spend: AnnualSpend, *, own_firm: str = "", level: float = 0.95
) -> SwitchingMeasure:
    """Estimate the price gap that the bonds of an average customer outweigh.

    With b the slope of the log hazard in the price gap and l_k what bond k takes from it, a bond
    is worth l_k / b of the price; the number of record is the sum over the bonds customers have
    now, on average.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        Without contracts with prices, without bonds, or if price does not move leaving.
    """
    lock = fit_lock_in(tables, own_firm=own_firm)
    if not lock.bonds:
        raise NotEnoughDataError(
            "no table bonds or enrolments says what binds customers, or too few left with a bond"
            + (f" ({', '.join(lock.left_out)})" if lock.left_out else "")
        )
    if lock.price_slope <= 0:
        raise NotIdentifiedError(
            "customers who pay more than is usual leave no more often here, so what bonds hold "
            "against cannot be put in money"
        )
    held = _held(lock)
    share = _total(lock, held, tables, level)
    return SwitchingMeasure(
        method=METHOD, share=share,
        money=in_money(share, spend.contracted, tables, spend.why or "contracts hold no price"),
        tables=("contracts", _source(tables), *(t for t in ("market",) if t in tables)),
        assumptions=(
            "Customers with and without a bond would otherwise leave alike, given tenure, group "
            "and price: whoever takes a bond may have meant to stay anyway.",
            "Prices are compared within kind of contract; price gaps given because a customer "
            "threatened to leave make price look less important than it is, and bonds dearer.",
            "Each bond works on its own (no interactions).",
        ),
        sensitivity=_sensitivity(lock, held),
        table=_bond_table(lock, held, spend, tables, level),
        extras={
            "levels": _level_table(lock, held, spend, tables, level),
            "coefficients": lock.fit.summary(),
        },
        findings=_findings(lock, tables),
    )  # fmt: skip


def _source(tables: Tables) -> str:
    return "bonds" if "bonds" in tables else "enrolments"


def _held(lock: LockIn) -> dict[str, float]:
    """Return the share of customer-periods with each bond."""
    n = lock.counts["n"]
    return {bond: float((lock.counts[bond] * n).sum() / n.sum()) for bond in lock.bonds}


def _combined(lock: LockIn, weights: dict[str, float], level: float) -> MoneyWorth:
    """Return the price gap that a weighted sum of bonds outweighs."""
    names = [*weights, "gap"]
    pick = np.zeros((2, len(names)))
    pick[0, :-1] = [*weights.values()]
    pick[1, -1] = 1.0
    b = pd.Series(pick @ lock.fit.coefficients[names].to_numpy(), index=["bonds", "gap"])
    covariance = pick @ lock.fit.clustered.loc[names, names].to_numpy() @ pick.T
    frame = pd.DataFrame(covariance, index=b.index, columns=b.index)
    return money_worth(b, frame, "bonds", "gap", level)


def _total(lock: LockIn, held: dict[str, float], tables: Tables, level: float) -> Estimate:
    return worth_estimate(
        _combined(lock, held, level), n=lock.fit.n, events=lock.fit.events,
        method="complementary log-log hazard, sum over the bonds held", grade="C", tables=tables,
    )  # fmt: skip


def _bond_table(
    lock: LockIn, held: dict[str, float], spend: AnnualSpend, tables: Tables, level: float
) -> pd.DataFrame:
    """Return one row a bond: level, hazard ratio, share of price and money."""
    rows = []
    for bond, kind in lock.bonds.items():
        share = worth_estimate(
            lock.worth(bond, level), n=lock.fit.n, events=lock.fit.events,
            method="complementary log-log hazard", grade="C", tables=tables,
        )  # fmt: skip
        rows.append(
            {
                "bond": bond.removeprefix("bond: "),
                "level": kind,
                "held": held[bond],
                "hazard_ratio": float(np.exp(lock.fit.coefficients[bond])),
                "share": share,
                "money": in_money(share, spend.contracted, tables),
            }
        )
    return pd.DataFrame(rows).set_index("bond")


def _level_table(
    lock: LockIn, held: dict[str, float], spend: AnnualSpend, tables: Tables, level: float
) -> pd.DataFrame:
    """Return one row a level: the price gap outweighed by one bond of each of its kinds."""
    rows = {}
    for kind in _LEVELS:
        members = {bond: 1.0 for bond, of in lock.bonds.items() if of == kind}
        if not members:
            continue
        share = worth_estimate(
            _combined(lock, members, level), n=lock.fit.n, events=lock.fit.events,
            method="complementary log-log hazard, all bonds of the level", grade="C",
            tables=tables,
        )  # fmt: skip
        rows[kind] = {
            "bonds": ", ".join(bond.removeprefix("bond: ") for bond in members),
            "share": share,
            "money": in_money(share, spend.contracted, tables),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("level")


def _sensitivity(lock: LockIn, held: dict[str, float]) -> str:
    """Return the number with a price slope at the ends of its interval."""
    top = -sum(held[bond] * float(lock.fit.coefficients[bond]) for bond in held)
    se = float(lock.fit.standard_errors["gap"])
    steep, flat = lock.price_slope + 1.96 * se, max(lock.price_slope - 1.96 * se, 1e-9)
    return (
        f"{100 * top / steep:.1f} to {100 * top / flat:.1f} % as the price elasticity of leaving "
        f"goes from {steep:.1f} to {flat:.1f}"
    )


def _findings(lock: LockIn, tables: Tables) -> tuple[str, ...]:
    found = []
    if lock.left_out:
        found.append(f"Too few left with, or without: {', '.join(lock.left_out)}; left out.")
    if "market" not in tables:
        found.append(
            "Without a market table the price gap is against what our other customers pay, not "
            "against rivals."
        )
    return tuple(found)
