"""Core customers: who, why, whether it lasts; and who costs more than he brings."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_interval, normal_quantile, wilson_interval
from retention.features import build_profit_rhythm, build_value
from retention.models import PartialPooling
from retention.window import add_months

from .core_traits import TRAITS, core_index, core_traits, trait_scores, trait_weights, weighted

__all__ = ["CoreCustomers", "core_customers", "dismissal_candidates"]

_DRAWS = 200
_FEWEST = 6  # stretches of thirty days: of whom less is known nobody can say that he costs money


@dataclass(frozen=True, eq=False, kw_only=True)
class CoreCustomers:
    """Answer of `core_customers`.

    Parameters
    ----------
    customers : DataFrame, one row a customer who ordered
        The traits, ``core_index`` (0 to 100), ``core`` (among the top), ``held`` (share of weight
        draws under which a customer is core).
    traits : DataFrame, one row a trait
        ``words``, ``measure``, ``weight``, ``known`` (customers), median ``core`` and ``others``,
        ``overlap`` (share of the core that stays if the trait is left out).
    validation : DataFrame or None
        Core and other customers of a year ago: ``customers``, ``stayed``, ``profit``; None if the
        records are too short.
    dismissal : DataFrame
        Customers whose whole interval of profit is below zero, see `dismissal_candidates`.
    """

    customers: pd.DataFrame
    traits: pd.DataFrame
    validation: pd.DataFrame | None
    dismissal: pd.DataFrame
    share: float
    months: int
    currency: str
    level: float
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a trait: its weight, and core against other customers."""
        return self.traits

    def estimates(self) -> dict[str, Estimate]:
        """Return how stable the core is, and what it was worth out of time."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before acting on the index."""
        return self.warnings

    def headline(self) -> str:
        """Return how many core customers there are, and whether they stayed."""
        count = int(self.customers["core"].sum())
        text = f"{count:,} customers are core (the top {self.share:.0%} of the index)"
        gap = self.numbers.get("stayed_difference")
        if gap is None or gap.value is None or gap.low is None or gap.high is None:
            return f"{text}."
        return (
            f"{text}; of those who were core a year ago, {self.numbers['stayed_core'].value:.1%} "
            f"still trade, {100 * gap.value:+.1f} points against the others "
            f"({100 * gap.level:g} % interval {100 * gap.low:+.1f} to {100 * gap.high:+.1f}; "
            f"n {gap.n:,}; grade {gap.grade})."
        )


def core_customers(
    tables: Tables,
    *,
    share: float = 0.2,
    months: int = 24,
    weights: Mapping[str, float] | None = None,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> CoreCustomers:
    """Find the core customers by their traits, and check that being core means something.

    Parameters
    ----------
    tables : Tables
        With ``customers`` and ``orders``; wallet, payment, service cost where there.
    share : float
        Share of customers with an index who are core.
    months : int
        Length of the stretch the traits are measured over.
    weights : mapping of str to float, optional
        Weight of each trait; 1 for each by default.
    margin_share, complaint_cost : float
        As in `retention.features.build_value`.
    level : float
        Level of intervals, and of the interval that must lie below zero for dismissal.
    rng : numpy.random.Generator, optional
        Draws the weights under which the core is tried; by default the same in every run.

    Returns
    -------
    CoreCustomers

    Raises
    ------
    MissingTableError
        If there are no orders.
    NotEnoughDataError
        If nobody ordered.
    ParameterError
        If the share or a weight is out of range.
    """
    if not 0 < share < 1:
        raise ParameterError(f"share of core customers lies between 0 and 1, got {share}")
    chance = rng or np.random.default_rng(6)
    settings: dict[str, Any] = {
        "months": months, "margin_share": margin_share, "complaint_cost": complaint_cost,
    }  # fmt: skip
    traits = core_traits(tables, **settings)
    index = core_index(traits, weights)
    core = _top(index, share)
    held, overlaps, flips = _sensitivity(traits, weights, share, core, chance)
    validation, numbers = _validated(tables, settings, weights, share, level)
    numbers |= _stability(tables, settings, weights, share, index, core, level)
    n = int(index.notna().sum())
    numbers["weights_overlap"] = _withhold_few(
        Estimate(
            value=flips, unit="share", n=n, grade="D",
            method=f"mean share of the core that stays under {_DRAWS} random weightings",
        ),
        tables.minimum_n,
    )  # fmt: skip
    listed = dismissal_candidates(
        tables, margin_share=margin_share, complaint_cost=complaint_cost, level=level
    )
    numbers["dismissal_candidates"] = _withhold_few(
        Estimate(
            value=float(len(listed)), unit="customers", n=n, grade="D",
            method=f"whole {level:.0%} interval of profit below zero; at most "
            f"{(1 - level) / 2:.1%} of those listed are expected not to lose money",
        ),
        tables.minimum_n,
    )  # fmt: skip
    customers = traits.assign(core_index=index, core=core, held=held)
    return CoreCustomers(
        customers=customers,
        traits=_trait_table(customers, traits, weights, overlaps),
        validation=validation,
        dismissal=listed,
        share=share,
        months=months,
        currency=tables.currency,
        level=level,
        numbers=numbers,
        warnings=_cautions(traits, index),
    )


def _withhold_few(estimate: Estimate, minimum_n: int) -> Estimate:
    if estimate.n >= minimum_n:
        return estimate
    why = f"{estimate.n} customers, fewer than the {minimum_n} a number needs"
    return Estimate.withheld(why, unit=estimate.unit, n=estimate.n, method=estimate.method)


def _top(index: pd.Series, share: float) -> pd.Series:
    """Whether each customer is among the top share; ties at the border are all in."""
    known = index.dropna()
    if known.empty:
        return pd.Series(False, index=index.index)
    count = max(1, round(share * len(known)))
    border = known.nlargest(count).iloc[-1]
    return (index >= border).fillna(False).astype(bool)


def _sensitivity(
    traits: pd.DataFrame,
    weights: Mapping[str, float] | None,
    share: float,
    core: pd.Series,
    rng: np.random.Generator,
) -> tuple[pd.Series, dict[str, float], float]:
    """Try other weights: who stays core, what each trait decides, and how much all moves."""
    scores, stated = trait_scores(traits), trait_weights(traits, weights)
    inside, overlap = np.zeros(len(traits)), []
    for draw in rng.dirichlet(np.ones(stated.size), size=_DRAWS):
        again = _top(pd.Series(weighted(scores, draw), index=traits.index), share)
        inside += again.to_numpy()
        overlap.append(_shared(core, again))
    without = {}
    for j, name in enumerate(traits):
        reduced = np.where(np.arange(stated.size) == j, 0.0, stated)
        if reduced.sum() == 0:
            continue
        again = _top(pd.Series(weighted(scores, reduced), index=traits.index), share)
        without[str(name)] = _shared(core, again)
    return pd.Series(inside / _DRAWS, index=traits.index), without, float(np.mean(overlap))


def _shared(first: pd.Series, second: pd.Series) -> float:
    return float((first & second).sum() / max(1, int(first.sum())))


def _trait_table(
    customers: pd.DataFrame,
    traits: pd.DataFrame,
    weights: Mapping[str, float] | None,
    overlaps: Mapping[str, float],
) -> pd.DataFrame:
    vector = trait_weights(traits, weights)
    rows = {}
    for name, weight in zip(traits, vector, strict=True):
        trait = next(t for t in TRAITS if t.name == name)
        middle = traits[name].groupby(customers["core"]).median()
        rows[trait.name] = {
            "words": trait.words, "measure": trait.measure, "weight": weight / vector.sum(),
            "known": int(traits[name].notna().sum()), "core": middle.get(True),
            "others": middle.get(False), "overlap": overlaps.get(trait.name),
        }  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("trait")


def _earlier(
    tables: Tables, settings: dict[str, Any], weights: Mapping[str, float] | None
) -> pd.Series | None:
    """Return the index as it would have been a year ago, or None where records are too short."""
    cutoff = add_months(tables.window.cutoff, -12)
    if add_months(cutoff, -12) < tables.window.start:
        return None
    try:
        return core_index(core_traits(tables.as_of(cutoff), **settings), weights)
    except (NotEnoughDataError, ParameterError):
        return None


def _stability(
    tables: Tables,
    settings: dict[str, Any],
    weights: Mapping[str, float] | None,
    share: float,
    index: pd.Series,
    core: pd.Series,
    level: float,
) -> dict[str, Estimate]:
    earlier = _earlier(tables, settings, weights)
    if earlier is None:
        return {}
    both = pd.DataFrame({"now": index, "then": earlier}).dropna()
    top = _top(earlier, share)
    was = top[top].index.intersection(index.dropna().index)
    n = len(was)
    if n < tables.minimum_n:
        return {}
    still = int(core[was].sum())
    low, high = wilson_interval(still, n, level)
    rank = float(both["now"].rank().corr(both["then"].rank()))
    return {
        "core_again": Estimate(
            value=still / n, low=low, high=high, level=level, unit="share", n=n, events=still,
            method="core a year ago, still ordering, and core again; Wilson", grade="D",
        ),
        "rank_correlation": Estimate(
            value=rank, unit="", n=len(both), grade="D",
            method="Spearman correlation of the index with that of a year ago; no interval",
        ),
    }  # fmt: skip


def _validated(
    tables: Tables,
    settings: dict[str, Any],
    weights: Mapping[str, float] | None,
    share: float,
    level: float,
) -> tuple[pd.DataFrame | None, dict[str, Estimate]]:
    """Follow those who were core a year ago: whether they still trade, and what they brought."""
    earlier = _earlier(tables, settings, weights)
    if earlier is None:
        return None, {}
    costs = {k: settings[k] for k in ("margin_share", "complaint_cost")}
    cutoff = tables.window.cutoff
    year = build_value(tables, start=add_months(cutoff, -12), **costs)
    late = build_value(tables, start=add_months(cutoff, -6), **costs)
    was = earlier.dropna()
    frame = pd.DataFrame(
        {
            "core": _top(was, share),
            "stayed": late["traded"].reindex(was.index).fillna(False).astype(bool),
            "profit": year["profit"].reindex(was.index).fillna(0.0),
        }
    )
    sizes = frame["core"].value_counts()
    if min(sizes.get(True, 0), sizes.get(False, 0)) < tables.minimum_n:
        return None, {}
    table = frame.groupby("core").agg(
        customers=("stayed", "size"), stayed=("stayed", "mean"), profit=("profit", "mean")
    )
    table = table.rename({True: "core a year ago", False: "others"}).rename_axis("group")
    return table.iloc[::-1], _validation_numbers(frame, tables.currency, level)


def _validation_numbers(frame: pd.DataFrame, currency: str, level: float) -> dict[str, Estimate]:
    parts = {True: frame[frame["core"]], False: frame[~frame["core"]]}
    numbers = {}
    for is_core, name in ((True, "core"), (False, "others")):
        stayed, n = int(parts[is_core]["stayed"].sum()), len(parts[is_core])
        low, high = wilson_interval(stayed, n, level)
        numbers[f"stayed_{name}"] = Estimate(
            value=stayed / n, low=low, high=high, level=level, unit="share", n=n, events=stayed,
            method="traded in the last six months, by index of a year ago; Wilson", grade="D",
        )  # fmt: skip
        mean, se = _mean(parts[is_core]["profit"])
        ends = normal_interval(mean, se, level)
        numbers[f"profit_{name}"] = Estimate(
            value=mean, low=ends[0], high=ends[1], level=level, n=n, grade="D",
            unit=f"{currency} a customer and year",
            method="profit in the year after the index was taken; normal interval of the mean",
        )  # fmt: skip
    for outcome, unit in (("stayed", "share"), ("profit", f"{currency} a customer and year")):
        (a, a_se), (b, b_se) = (_mean(parts[k][outcome]) for k in (True, False))
        value = a - b
        low, high = normal_interval(value, float(np.hypot(a_se, b_se)), level)
        numbers[f"{outcome}_difference"] = Estimate(
            value=value, low=low, high=high, level=level, unit=unit, n=len(frame), grade="D",
            method="core less others of a year ago, unequal variances; not adjusted",
        )  # fmt: skip
    return numbers


def _mean(values: pd.Series) -> tuple[float, float]:
    x = values.to_numpy(dtype=float)
    return float(x.mean()), float(x.std(ddof=1) / np.sqrt(x.size))


def dismissal_candidates(
    tables: Tables,
    *,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
    level: float = 0.95,
) -> pd.DataFrame:
    """List customers whose profit after cost to serve is below zero beyond doubt, and the cure.

    Profit a stretch of 30 days is drawn towards the customer's segment by what chance explains; a
    customer is listed only where the whole interval, widened by Student's t where the stretches are
    few, lies below zero, and if he traded in the last three months. While he stays as he is, his
    residual profit has the same sign, whatever his remaining lifetime and the discount rate.

    Parameters
    ----------
    tables : Tables
        With ``orders``.
    margin_share, complaint_cost : float
        As in `retention.features.build_value`.
    level : float
        Level of the two-sided interval: of those listed, at most ``(1 - level) / 2`` are expected
        to bring money in truth.

    Returns
    -------
    DataFrame, one row a candidate, the costliest first
        ``profit``, ``low``, ``high`` (money a stretch of 30 days), ``price_rise`` (share by which
        revenue must rise at unchanged cost), ``service_cut`` (share of the cost to serve that must
        go; above 1 it cannot mend), ``mend``: the smaller change, in words.
    """
    from scipy.special import stdtrit

    if "orders" not in tables:
        return pd.DataFrame(columns=["profit", "low", "high", "price_rise", "service_cut", "mend"])
    rhythm = build_profit_rhythm(tables, margin_share=margin_share, complaint_cost=complaint_cost)
    if "segment" in tables.columns("customers"):
        segments = tables.query("select customer_id, segment from customers order by customer_id")
        rhythm["group"] = segments.set_index("customer_id")["segment"].reindex(rhythm.index)
    lately = build_value(tables, start=add_months(tables.window.cutoff, -3))["traded"]
    rhythm = rhythm[(rhythm["n"] >= _FEWEST) & lately.reindex(rhythm.index)]
    rhythm["se"] *= stdtrit(rhythm["n"] - 1, 0.5 + level / 2) / normal_quantile(level)
    if len(rhythm) < 3:
        return pd.DataFrame(columns=["profit", "low", "high", "price_rise", "service_cut", "mend"])
    pooled = PartialPooling().fit(rhythm).shrink(rhythm, level)
    losing = pooled["high"] < 0
    found = pooled.loc[losing, ["value", "low", "high"]].rename(columns={"value": "profit"})
    revenue, cost = (rhythm.loc[losing, name] for name in ("revenue", "cost"))
    found["price_rise"] = -found["profit"] / revenue.where(revenue > 0)
    found["service_cut"] = -found["profit"] / cost.where(cost > 0)
    found["mend"] = [
        _mend(rise, cut)
        for rise, cut in zip(found["price_rise"], found["service_cut"], strict=True)
    ]
    return found.sort_values(["profit"], kind="stable")


def _mend(rise: float, cut: float) -> str:
    if cut == cut and cut <= 1 and not rise < cut:
        return f"serve for {100 * cut:.0f} % less"
    if rise == rise and rise <= 1:
        return f"raise prices by {100 * rise:.0f} %"
    return "neither a doubled price nor free service would mend it"


def _cautions(traits: pd.DataFrame, index: pd.Series) -> tuple[str, ...]:
    found = []
    missing = [trait.words for trait in TRAITS if trait.name not in traits]
    if missing:
        found.append(f"Not measured, for the tables do not hold it: {', '.join(missing)}.")
    unknown = int(index.isna().sum())
    if unknown:
        found.append(
            f"{unknown:,} of {len(index):,} customers have no index: traits with less than half "
            "of the weight are known of them."
        )
    if "price_response" in traits:
        found.append(
            "The response to price is an association: whoever is given discounts for large orders "
            "looks sensitive to price."
        )
    return tuple(found)
