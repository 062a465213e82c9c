"""Who brings what? Concentration, classes, migration, the year bridge, and what rests on a few."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, wilson_interval
from retention.features import MEASURES, build_value
from retention.metrics import (
    ChiSquareTest,
    abc_classes,
    effective_number,
    gini,
    gini_interval,
    herfindahl,
    lorenz_curve,
    migration_change_test,
    migration_matrix,
    symmetry_test,
    top_share,
    top_share_interval,
    whale_curve,
)
from retention.window import add_months

from .trade_bridge import TwoPeriods, trade_bridge, two_periods

__all__ = ["CustomerValue", "customer_value"]

CLASSES = ("A", "B", "C")
_TOP_COUNTS = (1, 3, 5, 10, 20, 50)


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomerValue:
    """Answer of `customer_value`.

    Parameters
    ----------
    customers : DataFrame, one row a customer
        ``value`` and ``value_class`` in the last stretch, ``value_before`` and ``class_before`` in
        the one before (missing where it is not known), ``way`` of the year bridge.
    classes : DataFrame, one row a class
        ``customers``, ``value``, ``share`` of the total.
    lorenz, whale : DataFrame
        The curves; `whale` is of profit and empty where profit is not above zero in total.
    migration : DataFrame or None
        Customers by class before (rows) and after (columns); ``none`` is for those without trade.
    migration_test : ChiSquareTest or None
        Whether as many went up as down.
    migration_change : ChiSquareTest or None
        Whether customers moved as they did a stretch before.
    bridge : DataFrame or None
        The year bridge, see `retention.analyses.customers.trade_bridge`.
    dependence : DataFrame
        What is lost if the largest 1, 3, 5, ... leave: ``customers``, ``value``, ``share``.
    measure, currency : str
        What is valued, in which money.
    start, cutoff : datetime.date
        The last stretch.
    top : float
        Share of customers that the top is.
    """

    customers: pd.DataFrame
    classes: pd.DataFrame
    lorenz: pd.DataFrame
    whale: pd.DataFrame
    migration: pd.DataFrame | None
    migration_test: ChiSquareTest | None
    migration_change: ChiSquareTest | None
    bridge: pd.DataFrame | None
    dependence: pd.DataFrame
    measure: str
    currency: str
    start: date
    cutoff: date
    top: float
    level: float
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a class: customers, value and share of the total."""
        return self.classes

    def estimates(self) -> dict[str, Estimate]:
        """Return concentration, dependence and the year bridge as numbers of record."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before reading the numbers."""
        return self.warnings

    def headline(self) -> str:
        """Return the share of the top customers and the customers it takes to replace them."""
        share = self.numbers["top_share"]
        if not share.shown:
            return f"How unequally {self.measure} is spread is not shown: {share.why}."
        equal = self.numbers["effective_customers"]
        text = (
            f"The top {self.top:.0%} of customers bring {share} of {self.measure}; the spread is "
            f"that of {equal.value:,.0f} customers of equal size"
        )
        kept = self.numbers.get("value_kept")
        if kept is None or kept.value is None:
            return f"{text}."
        return (
            f"{text}; those who traded in the stretch before now bring {kept.value:.1%} of what "
            "they brought then."
        )


def customer_value(
    tables: Tables,
    *,
    measure: str = "revenue",
    months: int = 12,
    shares: Sequence[float] = (0.8, 0.95),
    thresholds: Sequence[float] | None = None,
    top: float = 0.2,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
    tolerance: float = 0.05,
    level: float = 0.95,
) -> CustomerValue:
    """Tell customers apart by what they bring, and see how that changed.

    Parameters
    ----------
    tables : Tables
        With ``customers``, and ``orders`` or ``contracts``.
    measure : str
        ``revenue``, ``margin`` or ``profit``, see `retention.features.MEASURES`.
    months : int
        Length of the last stretch and of the one it is compared with.
    shares : sequence of two float
        Class A holds those who together bring the first share, B those up to the second.
    thresholds : sequence of two float, optional
        Fixed borders in money instead, so that classes mean the same in every period.
    top : float
        Share of customers whose share of value is of record.
    margin_share, complaint_cost : float
        As in `retention.features.build_value`.
    tolerance : float
        A change within this share of a customer's earlier value counts as kept.
    level : float
        Level of intervals.

    Returns
    -------
    CustomerValue

    Raises
    ------
    MissingTableError
        If there are neither orders nor contracts.
    NotEnoughDataError
        If the records are shorter than `months`, or nobody brought anything.
    ParameterError
        If the measure is unknown.
    """
    if measure not in MEASURES:
        raise ParameterError(f"measure must be one of {', '.join(MEASURES)}; got {measure!r}")
    costs: dict[str, Any] = {"margin_share": margin_share, "complaint_cost": complaint_cost}
    now = build_value(tables, months=months, **costs)
    periods, why_single = _compared(tables, months, costs)
    traded = now[now["traded"]]
    if traded[measure].sum() <= 0:
        raise NotEnoughDataError(f"the {measure} of {len(traded):,} customers is not above zero")

    def classify(value: pd.DataFrame) -> pd.Series:
        return abc_classes(value[value["traded"]][measure], shares=shares, thresholds=thresholds)

    classes = classify(now)
    customers = pd.DataFrame({"value": now[measure], "value_class": classes.reindex(now.index)})
    bridge = migration = test = change = None
    if periods is not None:
        bridge, way = trade_bridge(periods, measure, tolerance)
        before = classify(periods.before)
        customers["value_before"] = periods.before[measure]
        customers["class_before"] = before.reindex(now.index)
        customers["way"] = way.reindex(now.index)
        migration = migration_matrix(before, classes, CLASSES)
        test = symmetry_test(migration)
        change = _change(tables, months, costs, classify, before, migration)
    dependence = _dependence(traded[measure])
    numbers = _numbers(traded, measure, top, level, tables)
    numbers |= _bridge_numbers(bridge, tables, level)
    return CustomerValue(
        customers=customers,
        classes=_class_table(traded[measure], classes),
        lorenz=lorenz_curve(traded[measure]),
        whale=_whale(traded["profit"]),
        migration=migration,
        migration_test=test,
        migration_change=change,
        bridge=bridge,
        dependence=dependence,
        measure=measure,
        currency=tables.currency,
        start=now.attrs["start"],
        cutoff=tables.window.cutoff,
        top=top,
        level=level,
        numbers=numbers,
        warnings=_cautions(tables, now, measure, margin_share, why_single),
    )


def _compared(
    tables: Tables, months: int, costs: Mapping[str, Any]
) -> tuple[TwoPeriods | None, str]:
    try:
        return two_periods(tables, months=months, **costs), ""
    except NotEnoughDataError as error:
        return None, str(error)


def _change(
    tables: Tables,
    months: int,
    costs: Mapping[str, Any],
    classify: Callable[[pd.DataFrame], pd.Series],
    before: pd.Series,
    migration: pd.DataFrame,
) -> ChiSquareTest | None:
    """Compare the migration with that of a stretch before, where the records reach so far."""
    earlier, _ = _compared(tables.as_of(add_months(tables.window.cutoff, -months)), months, costs)
    if earlier is None:
        return None
    return migration_change_test(
        migration_matrix(classify(earlier.before), before, CLASSES), migration
    )


def _class_table(values: pd.Series, classes: pd.Series) -> pd.DataFrame:
    cents = (values * 100).round().astype("int64")
    sums = cents.groupby(classes).sum().reindex(CLASSES, fill_value=0)
    table = pd.DataFrame(
        {
            "customers": classes.value_counts().reindex(CLASSES, fill_value=0),
            "value": sums / 100,
            "share": sums / cents.sum(),
        }
    )
    return table.rename_axis("class")


def _whale(profit: pd.Series) -> pd.DataFrame:
    if profit.sum() <= 0:
        return pd.DataFrame(columns=["population_share", "cumulative_profit", "profit_share"])
    return whale_curve(profit)


def _dependence(values: pd.Series) -> pd.DataFrame:
    largest = np.sort(values.to_numpy(dtype=float))[::-1]
    counts = [n for n in _TOP_COUNTS if n < largest.size]
    lost = [round(float(largest[:n].sum()), 2) for n in counts]
    return pd.DataFrame(
        {"customers": counts, "value": lost, "share": [x / largest.sum() for x in lost]}
    )


def _numbers(
    traded: pd.DataFrame, measure: str, top: float, level: float, tables: Tables
) -> dict[str, Estimate]:
    values, n = traded[measure], len(traded)
    names = {
        "customers_trading": "customers",
        "total": tables.currency,
        "gini": "",
        "top_share": "share",
        "effective_customers": "customers",
        "largest_share": "share",
        "ten_largest_share": "share",
        "unprofitable": "share",
        "whale_peak": "share",
    }
    if n < tables.minimum_n:
        why = f"{n} customers traded, fewer than the {tables.minimum_n} a number needs"
        return {
            name: Estimate.withheld(why, unit=unit, n=n, method="concentration")
            for name, unit in names.items()
        }

    def exact(value: float, unit: str, what: str) -> Estimate:
        return Estimate(
            value=value, unit=unit, n=n, method=f"{what}; counted, not sampled", grade="D"
        )

    def spread(value: float, ends: tuple[float, float], unit: str, what: str) -> Estimate:
        return Estimate(
            value=value, low=ends[0], high=ends[1], level=level, unit=unit, n=n, grade="D",
            method=f"{what}, linearised, logit scale",
        )  # fmt: skip

    kept = values.clip(lower=0)
    losing = int((traded["profit"] < 0).sum())
    low, high = wilson_interval(losing, n, level)
    found = {
        "customers_trading": exact(n, "customers", "customers with an order or contract month"),
        "total": exact(round(float(values.sum()), 2), tables.currency, f"sum of {measure}"),
        "gini": spread(gini(values), gini_interval(values, level), "", "Gini coefficient"),
        "top_share": spread(
            top_share(values, top), top_share_interval(values, top, level), "share",
            f"share of the top {top:.0%} of customers",
        ),
        "effective_customers": exact(
            effective_number(kept), "customers",
            f"1 over the Herfindahl index of {herfindahl(kept):.6f}",
        ),
        "largest_share": exact(_largest(kept, 1), "share", "share of the largest customer"),
        "ten_largest_share": exact(_largest(kept, 10), "share", "share of the ten largest"),
        "unprofitable": Estimate(
            value=losing / n, low=low, high=high, level=level, unit="share", n=n, events=losing,
            method="customers with profit below zero, Wilson", grade="D",
        ),
    }  # fmt: skip
    if traded["profit"].sum() > 0:
        peak = float(_whale(traded["profit"])["profit_share"].max())
        found["whale_peak"] = exact(peak, "share", "profit of the profitable over all profit")
    return found


def _largest(values: pd.Series, count: int) -> float:
    return float(values.nlargest(count).sum() / values.sum())


def _bridge_numbers(
    bridge: pd.DataFrame | None, tables: Tables, level: float
) -> dict[str, Estimate]:
    if bridge is None or bridge["before"].sum() <= 0:
        return {}
    n_before = int(bridge.loc[["lost", "shrunk", "kept", "grown"], "customers"].sum())
    stayed = n_before - int(bridge["customers"]["lost"])
    if n_before < tables.minimum_n:
        return {}
    held = float(bridge.loc[["shrunk", "kept", "grown"], "after"].sum() / bridge["before"].sum())
    low, high = wilson_interval(stayed, n_before, level)
    numbers = {
        "customers_kept": Estimate(
            value=stayed / n_before, low=low, high=high, level=level, unit="share", n=n_before,
            events=stayed, method="customers of the stretch before who traded again, Wilson",
            grade="D",
        ),
        "value_kept": Estimate(
            value=held, unit="share", n=n_before, grade="D",
            method="value now of those who traded before, over their value then; counted",
        ),
    }  # fmt: skip
    for way, change, n in zip(bridge.index, bridge["change"], bridge["customers"], strict=True):
        numbers[f"change_{way}"] = _change_estimate(float(change), int(n), tables)
    return numbers


def _change_estimate(change: float, n: int, tables: Tables) -> Estimate:
    method = "year bridge; counted, not sampled"
    if n < tables.minimum_n:
        why = f"{n} customers, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit=tables.currency, n=n, method=method)
    return Estimate(value=change, unit=tables.currency, grade="D", n=n, method=method)


def _cautions(
    tables: Tables, now: pd.DataFrame, measure: str, margin_share: float, why_single: str
) -> tuple[str, ...]:
    found = []
    if why_single:
        found.append(f"No comparison with the stretch before: {why_single}.")
    has_margin = "margin" in tables.columns("orders")
    if margin_share == 1 and ("contracts" in tables or not has_margin):
        what = "contract prices" if has_margin else "revenue"
        found.append(
            f"Margin and profit count {what} in full, for no table says what was sold at what "
            "cost; set margin_share to the share that is margin."
        )
    losing = int((now[measure] < 0).sum())
    if losing:
        found.append(
            f"{losing:,} customers have a negative {measure}; they count as they are in the curve "
            "and the Gini, and as zero in the Herfindahl index."
        )
    return tuple(found)
