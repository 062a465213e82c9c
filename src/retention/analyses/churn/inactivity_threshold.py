"""When is a silent customer gone? The threshold, its two errors, and what hangs on it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate
from retention.features import build_inactivity, contracts_from_orders

from .inactivity_choice import InactivityChoice, choose_inactivity, personal_gaps
from .retention_curve import RetentionCurve, retention_curve

__all__ = ["InactivityThreshold", "inactivity_threshold"]

_MOST_CURVES = 5


@dataclass(frozen=True, eq=False, kw_only=True)
class InactivityThreshold:
    """Answer of `inactivity_threshold`.

    Parameters
    ----------
    days : int
        Days without an order after which a customer counts as gone: the one asked for, or the one
        with the least cost of both errors.
    choice : InactivityChoice
        Both errors by threshold and by multiple of the own usual gap.
    sensitivity : pandas.DataFrame
        Index ``days``; ``active`` (customers counted at the cutoff), ``survival`` (share still
        buying after `horizon`) and ``median`` (half have stopped by), each an `Estimate`.
    customers : pandas.DataFrame
        One row a customer who ever bought: ``last_order_on``, ``silent_days``, ``usual_gap``,
        ``own_weight``, ``personal_days`` (chosen multiple of the usual gap), ``gone`` and
        ``gone_personal``; longest silence for the own rhythm first.
    horizon, unit : int, str
        Of the curve.
    """

    days: int
    choice: InactivityChoice
    sensitivity: pd.DataFrame
    customers: pd.DataFrame
    horizon: int
    unit: str
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return both errors by threshold."""
        return self.choice.thresholds

    def estimates(self) -> dict[str, Estimate]:
        """Return the threshold, its errors, and the customers and the curve it makes."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before using the threshold."""
        return self.warnings

    def headline(self) -> str:
        """Return the threshold and its two errors in one sentence."""
        came_back, away = self.numbers["came_back"], self.numbers["stayed_away"]
        text = f"After {self.days} days without an order a customer counts as gone"
        within = f"within {self.choice.judge_days} days"
        if came_back.shown:
            text += f"; of those declared gone so, {came_back} came back {within}"
        if away.shown:
            text += f"; of those still counted, {away} did not order {within}"
        return f"{text}."


def inactivity_threshold(
    tables: Tables,
    *,
    days: int = 0,
    false_alarm_cost: float = 1.0,
    miss_cost: float = 1.0,
    by: str = "",
    rng: np.random.Generator | None = None,
) -> InactivityThreshold:
    """Find after how many days without an order a customer should count as gone.

    Parameters
    ----------
    tables : Tables
        With ``orders`` and ``customers``.
    days : int
        A threshold of one's own; 0 for the one with the least cost.
    false_alarm_cost, miss_cost : float
        Cost of declaring a customer gone who comes back, and of counting one who does not; only
        their ratio matters.
    by : str
        Column of ``customers`` towards whose groups the personal gaps are drawn.
    rng : numpy.random.Generator, optional
        For the interval of the threshold.

    Raises
    ------
    MissingTableError, ParameterError, NotEnoughDataError
        As `choose_inactivity`.

    References
    ----------
    .. [1] Schmittlein, D. C., Morrison, D. G. and Colombo, R. (1987). Counting your customers: who
       are they and what will they do next? Management Science 33, 1-24.
    """
    tables.require("orders", "customers", needed_for="a rule of inactivity")
    choice = choose_inactivity(
        tables, false_alarm_cost=false_alarm_cost, miss_cost=miss_cost, by=by, rng=rng
    )
    chosen = int(days) or choice.days
    customers = _customers(tables, choice, chosen, by)
    sensitivity, horizon = _sensitivity(tables, choice, chosen, customers)
    return InactivityThreshold(
        days=chosen, choice=choice, sensitivity=sensitivity, customers=customers, horizon=horizon,
        unit=tables.window.unit, numbers=_numbers(choice, chosen, customers, sensitivity, tables),
        warnings=_cautions(choice, chosen, sensitivity, customers, tables),
    )  # fmt: skip


def _customers(tables: Tables, choice: InactivityChoice, days: int, by: str) -> pd.DataFrame:
    states = build_inactivity(tables, gap_days=days)
    table = personal_gaps(tables, states, by)
    table.insert(0, "last_order_on", states["last_order_on"])
    table.insert(1, "silent_days", states["days_since_order"])
    table["personal_days"] = np.ceil(np.maximum(choice.multiple * table["usual_gap"], 1)).astype(
        int
    )
    table["gone"] = table["silent_days"] >= days
    table["gone_personal"] = table["silent_days"] >= table["personal_days"]
    order = (-table["silent_days"] / table["usual_gap"]).sort_values(kind="stable").index
    return table.loc[order]


def _sensitivity(
    tables: Tables, choice: InactivityChoice, days: int, customers: pd.DataFrame
) -> tuple[pd.DataFrame, int]:
    """Make the curve over again for each of a few thresholds."""
    unit = tables.window.unit
    curves = {d: _curve(tables, d) for d in _spread(list(choice.thresholds.index), days)}
    horizon = 0
    if isinstance(own := curves[days], RetentionCurve):
        horizon = own.horizons[len(own.horizons) // 2]
    rows = {}
    for threshold, curve in curves.items():
        active = int((customers["silent_days"] < threshold).sum())
        survival, median = _two_numbers(curve, horizon, active, unit)
        rows[threshold] = {"active": active, "survival": survival, "median": median}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("days"), horizon


def _curve(tables: Tables, days: int) -> RetentionCurve | str:
    """Return the curve under a threshold, or why there is none."""
    try:
        return retention_curve(contracts_from_orders(tables, days=days))
    except NotEnoughDataError as error:
        return str(error)


def _two_numbers(
    curve: RetentionCurve | str, horizon: int, n: int, unit: str
) -> tuple[Estimate, Estimate]:
    """Return the share retained at the horizon, and the median lifetime."""
    if isinstance(curve, str):
        withheld = Estimate.withheld(curve, unit="share", n=n, method="Kaplan-Meier")
        return withheld, withheld
    survival = curve.numbers.get(f"survival_{horizon}")
    if survival is None:
        why = f"nobody stays so long as {horizon} {unit}s under this threshold"
        survival = Estimate.withheld(why, unit="share", n=n, method="Kaplan-Meier")
    return survival, curve.numbers["median_lifetime"]


def _spread(known: list[int], chosen: int) -> list[int]:
    """Return the chosen threshold and a few others over the whole range."""
    step = np.linspace(0, len(known) - 1, min(_MOST_CURVES, len(known))).round().astype(int)
    return sorted({*(known[i] for i in step), chosen})


def _nearest(choice: InactivityChoice, days: int) -> int:
    known = choice.thresholds.index.to_numpy(dtype=np.int64)
    return int(known[np.argmin(np.abs(known - days))])


def _at(choice: InactivityChoice, days: int) -> dict[str, float]:
    """Return the errors of a threshold: of the nearest one that was judged."""
    rows = choice.thresholds.to_dict("index")
    return {str(k): float(v) for k, v in rows[_nearest(choice, days)].items()}


def _numbers(
    choice: InactivityChoice,
    days: int,
    customers: pd.DataFrame,
    sensitivity: pd.DataFrame,
    tables: Tables,
) -> dict[str, Estimate]:
    row = _at(choice, days)
    seen = (
        f"rule applied on {choice.judged_on} to customers who had bought in the "
        f"{choice.judge_days} days before, held to the {choice.judge_days} days after"
    )
    found = {}
    if days == choice.days:
        found["threshold_days"] = Estimate(
            value=days, low=choice.low, high=choice.high, unit="days", n=choice.n, grade="D",
            method=f"least cost of both errors; bootstrap of customers; {seen}",
        )  # fmt: skip
    for name, of in (("came_back", "flagged"), ("stayed_away", "counted")):
        n = int(row[of])
        method = f"share of those {of}; Wilson; {seen}"
        if n < tables.minimum_n:
            why = f"{n} customers were {of} then, fewer than {tables.minimum_n}"
            found[name] = Estimate.withheld(why, unit="share", n=n, method=method)
            continue
        found[name] = Estimate(
            value=row[f"{name}_share"], low=row[f"{name}_low"], high=row[f"{name}_high"],
            unit="share", n=n, events=int(row[name]), method=method, grade="D",
        )  # fmt: skip
    found["customers_counted"] = Estimate(
        value=int((~customers["gone"]).sum()), unit="customers", n=len(customers), grade="D",
        method=f"last order less than {days} days before {tables.window.cutoff}; a count",
    )  # fmt: skip
    for threshold, values in sensitivity.iterrows():
        found[f"survival_at_{threshold}_days"] = values["survival"]
    return found


def _cautions(
    choice: InactivityChoice,
    days: int,
    sensitivity: pd.DataFrame,
    customers: pd.DataFrame,
    tables: Tables,
) -> tuple[str, ...]:
    found = []
    if "contracts" in tables and "contracts" not in tables.derived:
        found.append(
            "The company has contracts: they say who left, and the rest of the report goes by them."
        )
    if days not in choice.thresholds.index:
        near = _nearest(choice, days)
        found.append(f"The errors shown are those of {near} days, the nearest that was judged.")
    if days == choice.thresholds.index[-1] and choice.days == days:
        found.append(
            "The longest threshold that the history lets one judge cost least; a longer one may "
            "cost less still."
        )
    shown = [e.value for e in sensitivity["survival"] if e.value is not None]
    if shown and max(shown) - min(shown) > 0.05:
        found.append(
            f"The share retained runs from {100 * min(shown):.0f} to {100 * max(shown):.0f} % over "
            "the thresholds: quote none without its threshold."
        )
    fixed, own = choice.thresholds["cost"].min(), choice.multiples["cost"].min()
    if own < fixed:
        found.append(
            f"Judged by each customer's own rhythm ({choice.multiple:g} times the usual gap) the "
            f"errors cost {100 * (1 - own / fixed):.0f} % less than by one threshold for all: use "
            "the personal flags for whom to call, the one threshold for what is counted."
        )
    found.append(
        f"Who had not come back within {choice.judge_days} days counts as having stayed away; some "
        "will come yet."
    )
    return tuple(found)
