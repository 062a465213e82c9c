"""After how many days without an order is a customer gone? Both errors, by threshold, and a choice.

The errors are counted, not modelled: the rule is applied as if at an earlier day, with what was
known then, and held to who ordered afterwards.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.estimates import bootstrap_interval, wilson_interval
from retention.features import (
    Dated,
    build_inactivity,
    build_order_gaps,
    build_purchases_between,
    contracts_from_orders,
    pattern_sources,
)
from retention.models import KaplanMeier, KaplanMeierFit, PartialPooling

__all__ = [
    "InactivityChoice",
    "choose_inactivity",
    "churn_tables",
    "personal_gaps",
    "spell_cautions",
]

_SHARES = (0.5, 0.7, 0.8, 0.9, 0.95, 0.975, 0.99, 0.995, 0.9975)
_MULTIPLES = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0)
_DRAWS = 500
Bools = NDArray[np.bool_]


@dataclass(frozen=True, eq=False, kw_only=True)
class InactivityChoice:
    """What was chosen, and from what.

    Parameters
    ----------
    days : int
        Threshold with the least cost of both errors.
    low, high : float
        Its interval: the choice over again in samples of the customers it was judged by.
    multiple : float
        Of a customer's own usual gap, with the least cost.
    gaps : KaplanMeierFit
        Share of gaps not yet closed by a return, by days.
    thresholds, multiples : pandas.DataFrame
        Index ``days`` or ``multiple``; ``returns`` (share of all returns that come sooner; days
        only), ``flagged`` (customers declared gone), ``came_back`` of them with ``came_back_share``
        and interval, ``counted`` (still counted as customers), ``stayed_away`` of them with
        ``stayed_away_share`` and interval, ``cost``.
    judged_on : datetime.date
        The earlier day on which the rules were applied.
    judge_days : int
        For how many days afterwards it was looked who ordered; also how long before it the judged
        customers had bought at the latest.
    n : int
        Customers judged.
    """

    days: int
    low: float
    high: float
    multiple: float
    gaps: KaplanMeierFit
    thresholds: pd.DataFrame
    multiples: pd.DataFrame
    judged_on: date
    judge_days: int
    n: int


def churn_tables(tables: Tables, *, days: int = 0, dated: Dated = "last_order") -> Tables:
    """Return tables with contracts: the company's own, or made from its orders.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, which are then used as they are, or with ``orders``.
    days : int
        Days without an order after which a customer counts as gone; 0 lets `choose_inactivity`
        choose.
    dated : str
        As for `contracts_from_orders`.

    Raises
    ------
    MissingTableError
        If there are neither contracts nor orders.
    """
    if "contracts" in tables:
        return tables
    if "orders" not in tables:
        raise MissingTableError("contracts", "when customers left (orders would do as well)")
    chosen = days or choose_inactivity(tables).days
    return contracts_from_orders(tables, days=chosen, dated=dated)


def spell_cautions(tables: Tables) -> tuple[str, ...]:
    """Return what was assumed about stays, where they were made from orders."""
    made = tables.derived.get("contracts")
    if made is None:
        return ()
    return (f"{made.sentence} How much hangs on that number is on the page on inactivity.",)


def choose_inactivity(
    tables: Tables,
    *,
    false_alarm_cost: float = 1.0,
    miss_cost: float = 1.0,
    by: str = "",
    rng: np.random.Generator | None = None,
) -> InactivityChoice:
    """Choose the threshold whose two errors cost least.

    Parameters
    ----------
    tables : Tables
        With ``orders``.
    false_alarm_cost, miss_cost : float
        Cost of declaring a customer gone who comes back, and of counting one who does not.
    by : str
        Column of ``customers`` towards whose groups the personal gaps are drawn.
    rng : numpy.random.Generator, optional
        For the interval of the threshold.

    Raises
    ------
    MissingTableError
        If there are no orders.
    ParameterError
        If a cost is not above 0.
    NotEnoughDataError
        If there are too few returns, or customers to judge by.
    """
    if not (false_alarm_cost > 0 and miss_cost > 0):
        raise ParameterError("both costs must be above 0")
    costs = (false_alarm_cost, miss_cost)
    gaps = KaplanMeier().fit(build_order_gaps(tables))
    if gaps.n_events < tables.minimum_n:
        raise NotEnoughDataError(
            f"{gaps.n_events:,.0f} gaps between orders were closed by another; {tables.minimum_n} "
            "are the least from which a threshold can be told"
        )
    judge_days = max(2, min(2 * _returned_by(gaps, _SHARES[-1]), _observed_days(tables) // 2))
    judged_on = tables.window.cutoff - timedelta(days=judge_days)
    then = tables.as_of(judged_on)
    states = build_inactivity(then, gap_days=max(judge_days, 1))
    states = states[states["days_since_order"] < judge_days]
    if len(states) < tables.minimum_n:
        raise NotEnoughDataError(
            f"{len(states):,} customers had bought in the {judge_days} days before {judged_on}; "
            f"{tables.minimum_n} are the least to judge a threshold by"
        )
    after = build_purchases_between(tables, judged_on, tables.window.cutoff)
    back = states.index.isin(after.index)
    silent = states["days_since_order"].to_numpy(dtype=np.int64)
    # beyond half of it nobody judged could have been silent for long enough
    limits = sorted({min(max(_returned_by(gaps, s), 1), judge_days // 2) for s in _SHARES})
    thresholds = _errors(limits, [silent >= d for d in limits], back, costs).rename_axis("days")
    thresholds.insert(0, "returns", [_share_returned(gaps, d) for d in limits])
    own = personal_gaps(then, states, by)["usual_gap"].to_numpy(dtype=float)
    flags = [silent >= np.maximum(m * own, 1) for m in _MULTIPLES]
    multiples = _errors(list(_MULTIPLES), flags, back, costs).rename_axis("multiple")
    best = limits[int(np.argmin(thresholds["cost"]))]
    low, high = _interval(limits, silent, back, costs, rng or np.random.default_rng(1))
    return InactivityChoice(
        days=best, low=min(low, best), high=max(high, best),
        multiple=_MULTIPLES[int(np.argmin(multiples["cost"]))], gaps=gaps, thresholds=thresholds,
        multiples=multiples, judged_on=judged_on, judge_days=judge_days, n=len(states),
    )  # fmt: skip


def _observed_days(tables: Tables) -> int:
    first = tables.query("select min(ordered_on) as day from orders where amount > 0")["day"][0]
    return (tables.window.cutoff - pd.Timestamp(first).date()).days


def _share_returned(gaps: KaplanMeierFit, days: float) -> float:
    """Return which share of all returns comes within so many days."""
    ends = gaps.survival([min(days, gaps.longest), gaps.longest])
    return float((1 - ends[0]) / (1 - ends[1]))


def _returned_by(gaps: KaplanMeierFit, share: float) -> int:
    """Return the days within which a share of all returns comes."""
    survival = gaps.survival(gaps.tenure)
    returned = (1 - survival) / (1 - survival[-1])
    return int(gaps.tenure[np.searchsorted(returned, share - 1e-12)])


def _errors(
    limits: list[int] | list[float], flags: list[Bools], back: Bools, costs: tuple[float, float]
) -> pd.DataFrame:
    rows = {}
    for limit, flagged in zip(limits, flags, strict=True):
        row: dict[str, float] = {}
        parts = (
            ("flagged", "came_back", flagged, back),
            ("counted", "stayed_away", ~flagged, ~back),
        )
        for all_name, name, members, wrong in parts:
            n, errors = int(members.sum()), int((members & wrong).sum())
            low, high = wilson_interval(errors, n) if n else (np.nan, np.nan)
            row |= {all_name: n, name: errors, f"{name}_share": errors / n if n else np.nan}
            row |= {f"{name}_low": low, f"{name}_high": high}
        row["cost"] = costs[0] * row["came_back"] + costs[1] * row["stayed_away"]
        rows[limit] = row
    frame = pd.DataFrame.from_dict(rows, orient="index")
    counts = ["flagged", "came_back", "counted", "stayed_away"]
    return frame.astype(dict.fromkeys(counts, int))


def _interval(
    limits: list[int],
    silent: NDArray[np.int64],
    back: Bools,
    costs: tuple[float, float],
    rng: np.random.Generator,
) -> tuple[float, float]:
    """Choose again in samples of the judged customers, drawn as counts by silence and return."""
    size = int(silent.max()) + 1
    counts = np.bincount(silent + size * back, minlength=2 * size)
    drawn = rng.multinomial(len(silent), counts / counts.sum(), size=_DRAWS)
    away, returned = drawn[:, :size], drawn[:, size:]
    total = [
        costs[0] * returned[:, d:].sum(axis=1) + costs[1] * away[:, :d].sum(axis=1) for d in limits
    ]
    chosen = np.array(limits, dtype=float)[np.argmin(np.column_stack(total), axis=1)]
    return bootstrap_interval(chosen)


def personal_gaps(tables: Tables, states: pd.DataFrame, by: str = "") -> pd.DataFrame:
    """Return each customer's usual gap between orders, drawn towards that of the group.

    The geometric mean of a customer's own gaps, shrunk on the scale of logs by what chance leaves
    in so few of them (empirical Bayes); who has none has the usual gap of the group.

    Parameters
    ----------
    tables : Tables
        With ``customers`` if `by` names one of its columns.
    states : pandas.DataFrame
        As `build_inactivity` returns them.
    by : str
        Column of the groups; empty for one group.

    Returns
    -------
    pandas.DataFrame
        Index as `states`; ``usual_gap`` in days, and ``own_weight``: how much of it is the
        customer's own.
    """
    gaps = states["gaps"].to_numpy(dtype=float)
    total = states["sum_log_gap"].fillna(0).to_numpy(dtype=float)
    squares = states["sum_log_gap_squared"].fillna(0).to_numpy(dtype=float)
    some = gaps > 0
    mean = np.divide(total, gaps, out=np.zeros(len(gaps)), where=some)
    freedom = max(gaps.sum() - some.sum(), 1.0)
    within = max(float((squares - gaps * mean**2).sum()) / freedom, 1e-6)
    table = pd.DataFrame(
        {"estimate": mean, "se": np.sqrt(within / np.maximum(gaps, 1e-9))}, index=states.index
    )
    if by:
        table["group"] = _groups(tables, states, by)
    fit = PartialPooling().fit(table[some])
    shrunk = fit.shrink(table)
    return pd.DataFrame(
        {"usual_gap": np.exp(shrunk["value"]), "own_weight": shrunk["weight"].where(some, 0.0)},
        index=states.index,
    )


def _groups(tables: Tables, states: pd.DataFrame, by: str) -> pd.Series:
    if pattern_sources(tables).get(by) != "customers":
        raise ParameterError(f"{by} is no column of customers to group by")
    sql = "select customer_id, {{ by | ident }} from customers order by customer_id"
    column = tables.query(sql, by=by).set_index("customer_id")[by]
    return column.reindex(states.index).astype(object).fillna("unknown").astype(str)
