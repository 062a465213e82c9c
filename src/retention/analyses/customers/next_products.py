"""What else customers are likely to buy, tested out of time against what is popular."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, normal_interval, wilson_interval
from retention.features import Assortment, build_assortment
from retention.metrics import hits
from retention.models import NextProduct, NextProductFit
from retention.window import add_months

__all__ = ["NextProducts", "next_products"]


@dataclass(frozen=True, eq=False, kw_only=True)
class NextProducts:
    """Answer of `next_products`.

    Parameters
    ----------
    customers : DataFrame, one row a customer who bought
        ``next_products``: products not bought yet, most likely first, as text.
    products : DataFrame, one row a product
        ``customers`` who bought it, and the product most often bought beside and after it.
    better : bool
        Whether the test showed more hits than naming what is popular; if not, the popular
        products are named.
    """

    customers: pd.DataFrame
    products: pd.DataFrame
    better: bool
    top: int
    horizon_months: int
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a product."""
        return self.products

    def estimates(self) -> dict[str, Estimate]:
        """Return the share of hits, of the popular products, and the difference."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before using the lists."""
        return self.warnings

    def headline(self) -> str:
        """Return how often a named product was bought, against popularity."""
        gain = self.numbers["hit_difference"]
        if gain.value is None or gain.low is None or gain.high is None:
            return f"Whether the next product can be foretold is not shown: {gain.why}."
        verb = "beat" if self.better else "do not beat"
        return (
            f"Lists of {self.top} products made for each customer {verb} the best sellers: "
            f"{100 * gain.value:+.1f} points of customers who bought one of them "
            f"({100 * gain.level:g} % interval {100 * gain.low:+.1f} to {100 * gain.high:+.1f}; "
            f"n {gain.n:,}; grade {gain.grade})."
        )


def next_products(
    tables: Tables,
    *,
    top: int = 3,
    products: int = 300,
    horizon_months: int = 3,
    transition_weight: float = 0.5,
    level: float = 0.95,
) -> NextProducts:
    """Name products a customer has not bought yet, and test whether such names come true.

    The test goes back `horizon_months`: it names products with what was known then, and looks at
    what customers who bought something new afterwards bought. Only if that beats naming the best
    sellers beyond noise are the personal lists given.

    Parameters
    ----------
    tables : Tables
        With ``orders`` and their ``product``.
    top : int
        Products named a customer.
    products : int
        Products looked at, the most bought first.
    horizon_months : int
        Length of the time that is foretold in the test.
    transition_weight : float
        Weight of what follows against what goes together, see `retention.models.NextProduct`.
    level : float
        Level of intervals.

    Returns
    -------
    NextProducts

    Raises
    ------
    MissingTableError
        If there are no orders.
    NotEnoughDataError
        If the orders name fewer than two products.
    """
    spec = NextProduct(transition_weight=transition_weight)
    now = build_assortment(tables, top=products)
    fit = spec.fit(now.popularity, now.together, now.moves)
    numbers = _tested(tables, spec, top, products, horizon_months, level)
    gain = numbers["hit_difference"]
    better = gain.low is not None and gain.low > 0
    ids, owned, last = _lists(now)
    named = fit.recommend(owned, last, top) if better else fit.recommend_popular(owned, top)
    texts = [", ".join(names) if names else None for names in named]
    customers = pd.DataFrame(
        {"next_products": pd.array(texts, dtype="str")},
        index=pd.Index(ids, name="customer_id", dtype="str"),
    )
    warnings = [] if better else ["The lists hold the best sellers a customer has not bought yet."]
    return NextProducts(
        customers=customers,
        products=_product_table(now, fit),
        better=better,
        top=top,
        horizon_months=horizon_months,
        numbers=numbers,
        warnings=tuple(warnings),
    )


def _lists(counts: Assortment) -> tuple[list[str], list[list[str]], list[list[str]]]:
    """Return customers, the products of each, and those of the last purchase."""
    ids: list[str] = []
    owned: list[list[str]] = []
    last: list[list[str]] = []
    columns = (counts.owned[name] for name in ("customer_id", "product", "in_last"))
    for customer, product, is_last in zip(*columns, strict=True):
        if not ids or ids[-1] != customer:
            ids.append(customer)
            owned.append([])
            last.append([])
        owned[-1].append(product)
        if is_last:
            last[-1].append(product)
    return ids, owned, last


def _tested(
    tables: Tables, spec: NextProduct, top: int, products: int, horizon: int, level: float
) -> dict[str, Estimate]:
    cutoff = add_months(tables.window.cutoff, -horizon)
    method = f"a named product was bought within {horizon} months, out of time"
    names = ("hits", "hits_popular", "hit_difference")
    if cutoff <= add_months(tables.window.start, 1):
        why = "the records are too short to test on what came later"
        return {n: Estimate.withheld(why, unit="share", n=0, method=method) for n in names}
    try:
        then = build_assortment(tables.as_of(cutoff), top=products)
        fit = spec.fit(then.popularity, then.together, then.moves)
        later = build_assortment(tables, start=cutoff, top=products)
    except NotEnoughDataError as error:
        return {n: Estimate.withheld(str(error), unit="share", n=0, method=method) for n in names}
    mine, popular = _outcomes(then, later, fit, top)
    n = len(mine)
    if n < tables.minimum_n:
        why = f"{n} customers bought something new, fewer than the {tables.minimum_n} needed"
        return {k: Estimate.withheld(why, unit="share", n=n, method=method) for k in names}
    return _test_numbers(mine, popular, method, level)


def _outcomes(
    then: Assortment, later: Assortment, fit: NextProductFit, top: int
) -> tuple[np.ndarray, np.ndarray]:
    """Whether each customer who later bought something new bought what was named."""
    ids, owned, last = _lists(then)
    place = {customer: i for i, customer in enumerate(ids)}
    known = set(fit.products)
    bought: dict[str, set[str]] = {}
    for customer, product in zip(later.owned["customer_id"], later.owned["product"], strict=True):
        i = place.get(customer)
        if i is not None and product in known and product not in owned[i]:
            bought.setdefault(customer, set()).add(product)
    chosen = [place[customer] for customer in bought]
    then_bought = [bought[ids[i]] for i in chosen]
    own, recent = [owned[i] for i in chosen], [last[i] for i in chosen]
    mine = hits(fit.recommend(own, recent, top), then_bought)
    return mine, hits(fit.recommend_popular(own, top), then_bought)


def _test_numbers(
    mine: np.ndarray, popular: np.ndarray, method: str, level: float
) -> dict[str, Estimate]:
    n = len(mine)
    numbers = {}
    for name, found in (("hits", mine), ("hits_popular", popular)):
        events = int(found.sum())
        low, high = wilson_interval(events, n, level)
        numbers[name] = Estimate(
            value=events / n, low=low, high=high, level=level, unit="share", n=n, events=events,
            method=f"{method}; Wilson", grade="D",
        )  # fmt: skip
    gap = mine.astype(float) - popular.astype(float)
    se = max(float(gap.std(ddof=1) / np.sqrt(n)), 1 / n)
    low, high = normal_interval(float(gap.mean()), se, level)
    numbers["hit_difference"] = Estimate(
        value=float(gap.mean()), low=low, high=high, level=level, unit="share", n=n, grade="D",
        method="paired difference of hits, customers who bought something new; normal",
    )  # fmt: skip
    return numbers


def _product_table(counts: Assortment, fit: NextProductFit) -> pd.DataFrame:
    table = counts.popularity.set_index("product")
    for column, chances in (("beside", fit.beside), ("after", fit.after)):
        # how much likelier than its popularity, so that the best seller is not everyone's answer
        lift = chances / fit.popularity
        np.fill_diagonal(lift, -np.inf)
        best = [fit.products[j] for j in lift.argmax(axis=1)]
        table[column] = pd.Series(best, index=list(fit.products)).reindex(table.index)
    return table
