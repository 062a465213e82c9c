"""From the worth of the customers at one date to that at the next, step by step."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import pandas as pd

from retention.engine import Tables
from retention.errors import ParameterError
from retention.estimates import Estimate

from .customer_lifetime_value import CustomerLifetimeValue, customer_lifetime_value

__all__ = ["EquityBridge", "equity_bridge"]

LOST_BELOW = 0.10


@dataclass(frozen=True, eq=False, kw_only=True)
class EquityBridge:
    """Answer of `equity_bridge`.

    Parameters
    ----------
    steps : DataFrame, one row a step
        ``before``; ``new``, ``lost``, ``changed behaviour``, ``changed model`` with the change in
        ``value`` and the ``customers`` it comes from; ``now``. The steps add up.
    customers : DataFrame, one row a customer
        ``before`` and ``now`` by the earlier model, ``relearned`` by the new one, and ``step``.
    """

    steps: pd.DataFrame
    customers: pd.DataFrame
    previous: date
    cutoff: date
    measure: str
    currency: str
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a step."""
        return self.steps

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before reading the steps."""
        return self.warnings

    def headline(self) -> str:
        """Return the change, and what it is made of."""
        change = self.numbers["equity_change"]
        if change.value is None:
            return f"How the worth of the customers changed is not shown: {change.why}."
        step = self.steps["value"]
        return (
            f"The worth of the customers went from {step['before']:,.0f} to {step['now']:,.0f} "
            f"{self.currency} ({self.measure}) since {self.previous}: new customers "
            f"{step['new']:+,.0f}, lost ones {step['lost']:+,.0f}, changed behaviour "
            f"{step['changed behaviour']:+,.0f}, changed model {step['changed model']:+,.0f} "
            f"(n {change.n:,})."
        )


def equity_bridge(
    tables: Tables, previous: date, *, now: CustomerLifetimeValue | None = None, **settings: Any
) -> EquityBridge:
    """Explain the change of residual value between two dates.

    Both dates are valued as known then. Who bought first in between is *new*; who was alive with a
    probability above a tenth and is not any more is *lost*; the other customers *changed
    behaviour*, which holds the value that was earned in between. These are valued by the model of
    the earlier date; what the new model changes on top is *changed model*.

    Parameters
    ----------
    tables : Tables
        With ``orders``.
    previous : datetime.date
        The earlier cutoff.
    now : CustomerLifetimeValue, optional
        The answer of today, if it is there already; it must have the same settings.
    **settings
        Of `customer_lifetime_value`.

    Raises
    ------
    ParameterError
        If the earlier date does not lie in the window.
    """
    if not tables.window.start < previous < tables.window.cutoff:
        raise ParameterError(f"the earlier date {previous} must lie within the window")
    today = now or customer_lifetime_value(tables, basis="orders", **settings)
    if now is None:
        settings.setdefault("replicates", 20)
    then = customer_lifetime_value(tables.as_of(previous), basis="orders", **settings)
    if today.valuation is None or then.valuation is None or today.rfm is None:
        raise ParameterError("the bridge is for value from orders; this answer is from contracts")
    old = then.valuation
    by_old = _revalued(old, today)
    table = pd.DataFrame(
        {
            "before": then.customers["residual_clv"],
            "now": by_old,
            "relearned": today.customers["residual_clv"],
            "alive_before": then.customers["probability_alive"],
            "alive_now": today.customers["probability_alive"],
        }
    )
    table["step"] = "changed behaviour"
    gone = (table["alive_before"] >= LOST_BELOW) & (table["alive_now"] < LOST_BELOW)
    table.loc[gone, "step"] = "lost"
    table.loc[table["before"].isna(), "step"] = "new"
    table = table.fillna({"before": 0.0, "now": 0.0, "relearned": 0.0})
    return _bridge(tables, previous, today, then, table)


def _revalued(old: Any, today: CustomerLifetimeValue) -> pd.Series:
    """Return today's customers valued by the earlier model, with today's margins and costs."""
    from dataclasses import replace

    if today.valuation is None or today.rfm is None:
        raise ParameterError("the bridge is for value from orders")
    mixed = replace(old, economics=today.valuation.economics)
    return pd.Series(mixed.residual(today.rfm), index=today.rfm.index)


def _bridge(
    tables: Tables,
    previous: date,
    today: CustomerLifetimeValue,
    then: CustomerLifetimeValue,
    table: pd.DataFrame,
) -> EquityBridge:
    change = (table["now"] - table["before"]).groupby(table["step"]).sum()
    counts = table["step"].value_counts()
    rows = {"before": (float(table["before"].sum()), len(then.customers))}
    for step in ("new", "lost", "changed behaviour"):
        rows[step] = (float(change.get(step, 0.0)), int(counts.get(step, 0)))
    rows["changed model"] = (float((table["relearned"] - table["now"]).sum()), len(today.customers))
    rows["now"] = (float(table["relearned"].sum()), len(today.customers))
    steps = pd.DataFrame(rows, index=["value", "customers"]).T.rename_axis("step")
    steps["customers"] = steps["customers"].astype(int)
    n, method = len(table), "residual value at two dates, each as known then"
    total = float(steps["value"]["now"] - steps["value"]["before"])
    if n < tables.minimum_n:
        why = f"{n:,} customers are fewer than {tables.minimum_n}"
        number = Estimate.withheld(why, unit=tables.currency, n=n, method=method)
    else:
        number = Estimate(value=total, unit=tables.currency, n=n, method=method, grade="D")
    warnings = list(today.cautions())
    if then.model != today.model:
        warnings.append(f"the model in use changed from {then.model} to {today.model}")
    if abs(rows["changed model"][0]) > 0.1 * abs(rows["before"][0]):
        warnings.append("what was learned since moves the worth by more than a tenth: compare "
                        "only by the same model")  # fmt: skip
    return EquityBridge(
        steps=steps, customers=table, previous=previous, cutoff=tables.window.cutoff,
        measure=today.measure, currency=tables.currency, numbers={"equity_change": number},
        warnings=tuple(warnings),
    )  # fmt: skip
