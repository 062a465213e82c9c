"""Which facts go with leaving, how strongly, and how much of the loss goes with each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate
from retention.features import Driver, build_active
from retention.models import attributable_shares, standardised_risk

from .churn_model import ChurnModel, fit_churn_model, group_choice
from .inactivity_choice import churn_tables, spell_cautions
from .snapshot import snapshot_cautions

__all__ = ["ChurnDrivers", "churn_drivers"]

_HORIZON = {"day": 90, "week": 26, "month": 12, "quarter": 4, "year": 1}
_METHOD = "discrete-time hazard, complementary log-log, covariates as known before each unit"


@dataclass(frozen=True, eq=False, kw_only=True)
class ChurnDrivers:
    """Answer of `churn_drivers`.

    Parameters
    ----------
    ratios : pandas.DataFrame
        One row a covariate: ``driver``, ``against``, ``hazard_ratio``, ``low``, ``high``.
    risks : pandas.DataFrame
        One row a driver and value: ``driver``, ``value``, the mean ``risk`` of today's customers
        within the horizon were all of them so, its ``difference`` from the reference, intervals.
    shares : pandas.DataFrame
        One row a driver, and ``together``: share of the leavers that goes with it.
    hazard : pandas.DataFrame
        Hazard of the mean customer by ``tenure``, with interval.
    horizon, unit : int, str
        Of the risks.
    model : ChurnModel
        The model.
    """

    ratios: pd.DataFrame
    risks: pd.DataFrame
    shares: pd.DataFrame
    hazard: pd.DataFrame
    horizon: int
    unit: str
    model: ChurnModel
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return hazard ratios, one row a covariate."""
        return self.ratios

    def estimates(self) -> dict[str, Estimate]:
        """Return hazard ratios and shares of loss."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before acting on them."""
        return self.warnings

    def headline(self) -> str:
        """Return the driver whose extreme values differ most in risk, in one sentence."""
        told = self.risks[self.risks["difference"] != 0]
        if told.empty:
            return "No driver could be told from chance."
        top = told.iloc[int(np.argmax(told["difference"].abs()))]
        sign = "more" if top["difference"] > 0 else "less"
        return (
            f"Customers with {top['driver']} = {top['value']} run "
            f"{100 * abs(top['difference']):.1f} points {sign} risk of leaving within "
            f"{self.horizon} {self.unit}s than with {top['against']} (95 % interval "
            f"{100 * top['low']:+.1f} to {100 * top['high']:+.1f}; n {self.model.fit.n:,.0f} "
            f"{self.unit}s at risk, {self.model.fit.n_events:,.0f} left): an association."
        )


def churn_drivers(
    tables: Tables,
    *,
    by: str | Sequence[str] | None = "auto",
    drivers: Sequence[Driver] | None = None,
    horizon: int | None = None,
    level: float = 0.95,
) -> ChurnDrivers:
    """Relate leaving to what was known of each customer before.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, or else ``orders``; complaints, contacts, surveys, bonds and enrolments
        are used if there.
    by : str, sequence of str, optional
        Fixed columns; ``"auto"`` takes segment and product.
    drivers : sequence of Driver, optional
        Facts that change; by default those the tables allow.
    horizon : int, optional
        Units ahead of the risks; 12 months by default.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError
        If there are neither contracts nor orders.
    NotEnoughDataError
        If too few customers left, or nothing distinguishes them.
    """
    tables = churn_tables(tables)
    unit = tables.window.unit
    horizon = _HORIZON[unit] if horizon is None else horizon
    model = fit_churn_model(tables, by=by, drivers=drivers, level=level)
    if not set(model.covariates) - {"renewal_due"}:
        raise NotEnoughDataError(
            "nothing but tenure is known of the customers that left and of those that stayed; name "
            "columns to tell them apart with by="
        )
    active = build_active(tables, by=group_choice(tables, by), drivers=drivers)
    active = model.prepared(active)
    ratios = _ratios(model)
    risks = _risks(model, active, horizon)
    shares = _shares(model)
    longest = int(model.fit.basis.longest)
    return ChurnDrivers(
        ratios=ratios, risks=risks, shares=shares,
        hazard=model.fit.hazard_by_tenure(np.arange(1.0, longest + 1)), horizon=horizon, unit=unit,
        model=model, numbers=_numbers(model, ratios, shares, risks, unit, horizon),
        warnings=(
            *spell_cautions(tables),
            *snapshot_cautions(tables),
            *_cautions(model, unit),
        ),
    )  # fmt: skip


def _ratios(model: ChurnModel) -> pd.DataFrame:
    table = model.fit.summary().rename_axis("covariate")
    driver, against = [], []
    for name in model.covariates:
        columns = model.fit.design.term_columns[name]
        text = name in model.fit.design.levels
        driver += [name] * len(columns)
        against += [model.fit.design.levels[name][0] if text else "one less"] * len(columns)
    table.insert(0, "driver", driver)
    table.insert(1, "against", against)
    return table


def _values(model: ChurnModel, name: str) -> list[object]:
    """Return the reference, then the values to show: levels, or the range of a number."""
    if name in model.fit.design.levels:
        return list(model.fit.design.levels[name])
    cells, base = model.cells, model.references[name]
    order = cells[[name, "n"]].sort_values(name)
    share = np.cumsum(order["n"].to_numpy()) / order["n"].sum()
    found = order[name].to_numpy()
    if cells[name].nunique() <= 6:
        return sorted(cells[name].unique(), key=lambda v: (v != base, v))
    ends = [found[np.searchsorted(share, q)] for q in (0.05, 0.25, 0.75, 0.95)]
    return [base, *dict.fromkeys(end for end in ends if end != base)]


def _risks(model: ChurnModel, active: pd.DataFrame, horizon: int) -> pd.DataFrame:
    parts = []
    for name in model.covariates:
        if name == "renewal_due":  # of one unit, not of a horizon
            continue
        values = _values(model, name)
        table = standardised_risk(model.fit, active, horizon, [{name: value} for value in values])
        texts = [str(v) if isinstance(v, str) else f"{float(v):g}" for v in values]  # type: ignore[arg-type]
        table.insert(0, "driver", name)
        table.insert(1, "value", texts)
        table.insert(2, "against", texts[0])
        parts.append(table)
    return pd.concat(parts, ignore_index=True)


def _shares(model: ChurnModel) -> pd.DataFrame:
    settings = {name: {name: model.references[name]} for name in model.covariates}
    found = attributable_shares(model.fit, model.cells, settings)
    harmful = {name: model.references[name] for name in found.index[found["low"] > 0]}
    if harmful:
        joint = attributable_shares(model.fit, model.cells, {"together": harmful})
        found = pd.concat([found, joint])
    return found.rename_axis("driver")


def _numbers(
    model: ChurnModel,
    ratios: pd.DataFrame,
    shares: pd.DataFrame,
    risks: pd.DataFrame,
    unit: str,
    horizon: int,
) -> dict[str, Estimate]:
    n, events = int(model.fit.n), int(model.fit.n_events)
    common: dict[str, Any] = {"level": model.fit.level, "n": n, "events": events}
    found = {
        f"hazard_ratio: {name}": Estimate(
            value=row["hazard_ratio"], low=row["low"], high=row["high"], grade="C",
            unit="times", method=f"hazard ratio, {_METHOD}; n counts customer-{unit}s", **common,
        )
        for name, row in ratios.iterrows()
    }  # fmt: skip
    for told in risks[risks["difference"] != 0].to_dict("records"):
        found[f"risk_{horizon}: {told['driver']} {told['value']}"] = Estimate(
            value=told["difference"], low=told["low"], high=told["high"], unit="share", grade="C",
            method=f"risk within {horizon} {unit}s of today's customers, all with "
            f"{told['driver']} {told['value']}, less all with {told['against']}", **common,
        )  # fmt: skip
    for name, row in shares.iterrows():
        found[f"share_of_loss: {name}"] = Estimate(
            value=row["share"], low=row["low"], high=row["high"], unit="share", grade="C",
            method="attributable share of leavers, delta method", **common,
        )  # fmt: skip
    return found


def _cautions(model: ChurnModel, unit: str) -> tuple[str, ...]:
    found = [
        "These are associations: customers with a driver differ in other ways from those without. "
        "What would happen if a driver were changed, only a trial can tell."
    ]
    per_term = model.fit.n_events / max(len(model.fit.theta), 1)
    if per_term < 10:
        found.append(
            f"Only {per_term:.1f} leavers for each coefficient: the strongest ratios are likely "
            "too strong."
        )
    found += [f"{name} is not used: {why}." for name, why in model.left_out.items()]
    for name, levels in model.merged.items():
        found.append(f"Levels of {name} with few leavers were merged: {', '.join(levels)}.")
    return tuple(found)
