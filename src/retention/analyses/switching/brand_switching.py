"""Who goes where: switching between brands, loyals and switchers, and the steady state."""

from __future__ import annotations

from dataclasses import dataclass

import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate, wilson_interval
from retention.features import build_switches
from retention.models import (
    ColomboMorrison,
    ColomboMorrisonFit,
    MarkovSwitching,
    MarkovSwitchingFit,
)

__all__ = ["BrandSwitching", "brand_switching"]


@dataclass(frozen=True, eq=False, kw_only=True)
class BrandSwitching:
    """Answer of `brand_switching`.

    Parameters
    ----------
    counts : DataFrame
        How often the column's brand was bought right after the row's.
    chain : MarkovSwitchingFit
        Shares of the row, and the steady state.
    loyals : ColomboMorrisonFit or None
        Hard-core loyals and conquest power; None where they cannot be told apart.
    customers : int
        Whose purchases these are.
    numbers : dict of str to Estimate
        The numbers of record.
    notes : tuple of str
        What could not be estimated, and why.
    """

    counts: pd.DataFrame
    chain: MarkovSwitchingFit
    loyals: ColomboMorrisonFit | None
    customers: int
    numbers: dict[str, Estimate]
    notes: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a brand: repeat, loyals, conquest, share now and in steady state."""
        table = pd.DataFrame(
            {
                "purchases": self.counts.sum(axis=1),
                "repeat": [self.numbers[f"repeat: {b}"] for b in self.counts.index],
                "share_now": self.chain.current,
                "steady_state": self.chain.steady_state,
            }
        )
        if self.loyals is not None:
            for name in ("loyal", "conquest"):
                shares = [self.numbers[f"{name}: {b}"] for b in table.index]
                table[name] = pd.Series(shares, index=table.index, dtype=object)
        return table.rename_axis("brand")

    def estimates(self) -> dict[str, Estimate]:
        """Return repeat shares, loyal shares and conquest powers."""
        return self.numbers

    def headline(self) -> str:
        """Return the brand with the largest share of loyals, or of repeat purchases."""
        kind = "repeat" if self.loyals is None else "loyal"
        shown = {k: e for k, e in self.numbers.items() if k.startswith(kind) and e.shown}
        if not shown:
            return "Switching between brands is not shown: too few customers."
        name, best = max(shown.items(), key=lambda item: item[1].value or 0.0)
        brand = name.split(": ", 1)[1]
        what = "hard-core loyals" if kind == "loyal" else "repeat purchases"
        return f"{brand} has the largest share of {what}: {best}."

    def cautions(self) -> tuple[str, ...]:
        """Return what the chain takes for granted."""
        found = [
            "The matrix takes customers to be alike and only the last purchase to matter. Where "
            "tastes differ the steady state is not a forecast: it says where these rates would "
            "lead if they held for everybody for ever.",
        ]
        if self.loyals is not None and self.loyals.p_value < 0.05:
            found.append(
                "Loyals and switchers do not describe the matrix well (chi-square "
                f"{self.loyals.chi_squared:.1f} on {self.loyals.degrees_of_freedom} degrees of "
                "freedom): some brands compete more closely with each other than with the rest."
            )
        return (*found, *self.notes)


def brand_switching(tables: Tables, *, level: float = 0.95) -> BrandSwitching:
    """Describe how customers go from brand to brand.

    Parameters
    ----------
    tables : Tables
        With ``choices``.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without choices, or if nobody bought twice or only one brand is known.
    """
    counts = build_switches(tables)
    customers = int(counts.attrs["customers"])
    dead = counts.index[counts.sum(axis=1) == 0]
    notes = [f"Nobody came from {', '.join(dead)}; left out."] if len(dead) else []
    counts = counts.drop(index=dead, columns=dead)
    if len(counts) < 2:
        raise NotEnoughDataError("fewer than two brands that anybody came from")
    chain = MarkovSwitching().fit(counts)
    loyals = None
    try:
        loyals = ColomboMorrison(level=level).fit(counts)
    except NotIdentifiedError as error:
        notes.append(f"Loyals are not shown: {error}.")
    numbers = _numbers(counts, loyals, customers, tables, level)
    return BrandSwitching(
        counts=counts, chain=chain, loyals=loyals, customers=customers, numbers=numbers,
        notes=tuple(notes),
    )  # fmt: skip


def _numbers(
    counts: pd.DataFrame, loyals: ColomboMorrisonFit | None, customers: int, tables: Tables,
    level: float,
) -> dict[str, Estimate]:  # fmt: skip
    found = {}
    for brand in counts.index:
        n, stayed = int(counts.loc[brand].sum()), int(counts.loc[brand, brand])
        low, high = wilson_interval(stayed, n, level)
        found[f"repeat: {brand}"] = _shown(
            stayed / n, low, high, n, customers, "share of next purchases, Wilson", tables, level
        )
        if loyals is not None:
            row = loyals.table.loc[brand]
            for name, prefix in (("loyal_share", "loyal"), ("conquest_power", "conquest")):
                found[f"{prefix}: {brand}"] = _shown(
                    float(row[name]), float(row[f"{prefix}_low"]), float(row[f"{prefix}_high"]),
                    n, customers, "Colombo-Morrison by EM, information interval", tables, level,
                )  # fmt: skip
    return found


def _shown(
    value: float, low: float, high: float, n: int, customers: int, method: str, tables: Tables,
    level: float,
) -> Estimate:  # fmt: skip
    if customers < tables.minimum_n:
        why = f"{customers} customers, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=n, method=method)
    if n < tables.minimum_n:
        why = f"{n} purchases came after it, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=n, method=method)
    return Estimate(
        value=value, low=min(low, value), high=max(high, value), level=level, unit="share", n=n,
        method=method, grade="D",
    )  # fmt: skip
