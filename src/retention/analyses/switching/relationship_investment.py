"""Whether customers leave less the more was built for them and the more they have taught us."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, normal_interval, wilson_interval
from retention.features import build_investment
from retention.models import BinaryRegression, BinaryRegressionFit

from .switching_costs import TenureBands

__all__ = ["RelationshipInvestment", "relationship_investment"]

WORDS = {
    "built": "structural bond held",
    "talked": "personal contact in the year before",
    "answered": "survey answered in the year before",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class RelationshipInvestment:
    """Answer of `relationship_investment`.

    Parameters
    ----------
    drivers : dict of str to Estimate
        Hazard ratio of one more of each part, the others as they are.
    levels : DataFrame, one row a part and level
        part, level (0 to 5), customer_periods, leavers, and leaving with low and high (share a
        unit of tenure, not adjusted).
    unit : str
        Unit of tenure.
    absent : tuple of str
        Parts that could not be used, and why.
    """

    drivers: dict[str, Estimate]
    levels: pd.DataFrame
    unit: str
    absent: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a part."""
        rows = {
            name: {"one_more": WORDS[name], "hazard_ratio": e} for name, e in self.drivers.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("part")

    def estimates(self) -> dict[str, Estimate]:
        """Return the hazard ratios."""
        return {f"hazard_ratio: {name}": e for name, e in self.drivers.items()}

    def headline(self) -> str:
        """Return the part that goes with the least leaving."""
        name, best = min(self.drivers.items(), key=lambda item: item[1].value or np.inf)
        clear = best.high is not None and best.high < 1
        text = f"One more {WORDS[name]} goes with a hazard of leaving of {best}"
        return f"{text}." if clear else f"{text}, which cannot be told from no difference."

    def cautions(self) -> tuple[str, ...]:
        """Return why this is no effect."""
        return (
            "Customers who mean to stay let more be built and talk more: part of this would be "
            "there without any investment. Tenure and group are held equal, intention is not.",
            *self.absent,
        )


def relationship_investment(
    tables: Tables, *, groups: Sequence[str] | None = None, level: float = 0.95
) -> RelationshipInvestment:
    """Estimate how the hazard of leaving goes with what the relationship holds.

    Parts are as known on the first day of each unit of tenure: structural bonds held, personal
    contacts and surveys answered within the year before.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, and at least one of ``bonds``, ``contacts``, ``surveys``.
    groups : sequence of str, optional
        Columns held equal; the segment where it is known.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        As `build_investment`; also with fewer leavers than the minimum n, or if no part varies.
    """
    if groups is None:
        groups = ["segment"] if "segment" in tables.columns("customers") else []
    counts = build_investment(tables, groups=groups)
    events = int(counts["events"].sum())
    if events < tables.minimum_n:
        raise NotEnoughDataError(
            f"{events} customers left, fewer than the {tables.minimum_n} a hazard needs"
        )
    parts = [p for p in counts.attrs["parts"] if _varies(counts, p)]
    absent = [
        f"{WORDS[p]}: too few left with it, or without it."
        for p in counts.attrs["parts"]
        if p not in parts
    ]
    if not parts:
        raise NotEnoughDataError("no part of the relationship differs between those who left")
    bands = TenureBands.of(counts, tables.window.units_per_year)
    table = pd.concat([counts, bands.columns(counts["tenure"])], axis=1)
    spec = BinaryRegression(
        columns=(*parts, *bands.names), groups=tuple(groups), link="cloglog", event="events",
        trials="n",
    )  # fmt: skip
    fit = spec.fit(table)
    return RelationshipInvestment(
        drivers={part: _ratio(fit, part, level) for part in parts},
        levels=pd.concat([_levels(counts, part, level) for part in parts], ignore_index=True),
        unit=tables.window.unit, absent=tuple(absent),
    )  # fmt: skip


def _varies(counts: pd.DataFrame, part: str) -> bool:
    """Return whether at least five left with some of it, and five with none."""
    some = int(counts.loc[counts[part] > 0, "events"].sum())
    return min(some, int(counts["events"].sum()) - some) >= 5


def _ratio(fit: BinaryRegressionFit, part: str, level: float) -> Estimate:
    b, se = float(fit.coefficients[part]), float(fit.standard_errors[part])
    low, high = normal_interval(b, se, level)
    return Estimate(
        value=float(np.exp(b)), low=float(np.exp(low)), high=float(np.exp(high)), level=level,
        unit="times", n=fit.n, events=fit.events, method="complementary log-log hazard", grade="C",
    )  # fmt: skip


def _levels(counts: pd.DataFrame, part: str, level: float) -> pd.DataFrame:
    rows = []
    for value, rest in counts.groupby(part):
        n, events = int(rest["n"].sum()), int(rest["events"].sum())
        low, high = wilson_interval(events, n, level)
        rows.append(
            {
                "part": part, "level": value, "customer_periods": n, "leavers": events,
                "leaving": events / n, "low": low, "high": high,
            }
        )  # fmt: skip
    return pd.DataFrame(rows)
