"""What customers order after contact, against the same customers without it."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import ConvergenceError, NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate
from retention.features import build_period_spend, default_drivers
from retention.models import FixedEffectsPoisson, FixedEffectsPoissonFit

from .contact_hazard import contact_drivers, with_contacts

__all__ = ["demand_ratios", "fit_demand", "spend_by_contact"]

_METHOD = (
    "spend in days with such an outbound contact before them over the same customer's other days; "
    "Poisson within customers, complaints and programmes held, errors robust within customers"
)


def spend_by_contact(
    tables: Tables, pairs: Sequence[tuple[str, str]], days: int
) -> tuple[pd.DataFrame, list[str]]:
    """Return spend by customer and pattern of contact, and the columns to be held; empty if none.

    A customer's complaints and programmes are held: both move contact and orders.
    """
    if "orders" not in tables:
        return pd.DataFrame(), []
    held = [
        d for d in default_drivers(tables)
        if d.name in ("complaints", "open_complaints", "programmes")
    ]  # fmt: skip
    drivers = [*contact_drivers(tables, pairs, days), *held]
    rows = with_contacts(build_period_spend(tables, drivers=drivers), pairs)
    return rows, [driver.name for driver in held]


def fit_demand(
    rows: pd.DataFrame, names: Sequence[str], held: Sequence[str], minimum_n: int, level: float
) -> FixedEffectsPoissonFit | None:
    """Fit the ratio of spend after contact; None where it cannot be told."""
    if rows.empty:
        return None
    told = [name for name in names if rows.index[rows[name] > 0].nunique() >= minimum_n]
    used = [name for name in (*told, *held) if (rows[name] != rows[name].iloc[0]).any()]
    if not told:
        return None
    try:
        return FixedEffectsPoisson(covariates=used, exposure="days", level=level).fit(
            rows, outcome="spend"
        )
    except (NotEnoughDataError, NotIdentifiedError, ConvergenceError):
        return None


def demand_ratios(
    fit: FixedEffectsPoissonFit | None, rows: pd.DataFrame, names: Sequence[str]
) -> dict[str, Estimate]:
    """Return the ratio of spend after each contact, by column."""
    table = None if fit is None else fit.summary()
    found = {}
    for name in names:
        if fit is None or table is None or name not in table.index:
            why = "too few customers ordered with and without such a contact"
            if rows.empty:
                why = "there are no orders"
            found[name] = Estimate.withheld(why, unit="", n=0, method=_METHOD, grade="C")
            continue
        row = dict(table.loc[name])
        found[name] = Estimate(
            value=float(row["ratio"]), low=float(row["low"]), high=float(row["high"]),
            level=fit.level, unit="", n=int(np.unique(rows.index[rows[name] > 0]).size),
            method=_METHOD, grade="C",
        )  # fmt: skip
    return found
