"""What makes a core customer: one measure a trait, and an index with stated weights."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.features import build_profile
from retention.models import PartialPooling

__all__ = ["TRAITS", "Trait", "core_index", "core_traits"]


@dataclass(frozen=True)
class Trait:
    """One trait of a core customer, and the measure that stands for it.

    Parameters
    ----------
    name : str
        Column of `core_traits`.
    words : str
        The trait in words.
    measure : str
        What is measured, with its unit.
    high_is_core : bool
        Whether a high value speaks for a core customer.
    """

    name: str
    words: str
    measure: str
    high_is_core: bool


TRAITS: tuple[Trait, ...] = (
    Trait(
        "price_response",
        "little sensitive to price",
        "own response of log order value to the discount rate, drawn towards the segment",
        False,
    ),
    Trait("payment", "pays fast", "mean days to pay", False),
    Trait("service", "needs little service", "service cost an order, over order value", False),
    Trait(
        "preference",
        "stable preferences",
        "share of purchases by product in common with the stretch before",
        True,
    ),
    Trait("frequency", "buys often", "orders in the stretch", True),
    Trait("wallet", "gives us a large share", "share of wallet", True),
    Trait(
        "relative_worth",
        "worth more to us than to rivals",
        "profit with us over what the mean rival of this customer would earn at the segment's "
        "usual margin",
        True,
    ),
)


def core_traits(
    tables: Tables,
    *,
    months: int = 24,
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
) -> pd.DataFrame:
    """Measure the traits of every customer who traded in the last `months`.

    Parameters
    ----------
    tables : Tables
        With ``customers`` and ``orders``; a trait whose table or column is not there is left out.
    months : int
        Length of the stretch the traits are measured over.
    margin_share, complaint_cost : float
        As in `retention.features.build_value`.

    Returns
    -------
    DataFrame, one row a customer who ordered
        One column a trait that can be measured; missing where it is not known of a customer.

    Raises
    ------
    MissingTableError
        If there are no orders.
    NotEnoughDataError
        If nobody ordered.
    """
    tables.require("orders", needed_for="core customers")
    profile = build_profile(
        tables, months=months, margin_share=margin_share, complaint_cost=complaint_cost
    )
    profile = profile[profile["orders"] > 0]
    if profile.empty:
        raise NotEnoughDataError(f"nobody ordered in the {months} months before the cutoff")
    traits = {"frequency": profile["orders"].astype(float)}
    traits |= {
        name: profile[column]
        for name, column in (
            ("payment", "days_to_pay"),
            ("preference", "preference_overlap"),
            ("wallet", "share_of_wallet"),
        )
        if column in profile
    }
    if "service_cost_per_order" in profile:
        traits["service"] = profile["service_cost_per_order"] / profile["order_value"]
    if "price_response" in profile:
        traits["price_response"] = _pooled_response(profile)
    if "relative_spend" in profile:
        traits["relative_worth"] = _relative_worth(profile)
    found = pd.DataFrame(traits)
    order = [
        trait.name for trait in TRAITS if trait.name in found and found[trait.name].notna().any()
    ]
    return found[order].replace([np.inf, -np.inf], np.nan)


def _group(profile: pd.DataFrame) -> pd.Series:
    return profile["segment"] if "segment" in profile else pd.Series("all", index=profile.index)


def _pooled_response(profile: pd.DataFrame) -> pd.Series:
    known = profile["price_response_se"].gt(0) & profile["price_response"].notna()
    own = pd.DataFrame(
        {
            "estimate": profile["price_response"],
            "se": profile["price_response_se"],
            "group": _group(profile),
        }
    )[known]
    if len(own) < 3:
        return pd.Series(np.nan, index=profile.index)
    return PartialPooling().fit(own).shrink(own)["value"].reindex(profile.index)


def _relative_worth(profile: pd.DataFrame) -> pd.Series:
    rate = profile["profit"] / profile["revenue"].where(profile["revenue"] > 0)
    usual = rate.groupby(_group(profile).fillna("unknown")).transform("median")
    return profile["relative_spend"] * rate / usual.where(usual > 0)


def core_index(traits: pd.DataFrame, weights: Mapping[str, float] | None = None) -> pd.Series:
    """Combine the traits into one index from 0 to 100.

    Each trait counts by its rank among the customers of whom it is known, from 0 to 1, turned so
    that 1 speaks for a core customer; the index is their weighted mean times 100. A customer of
    whom traits with less than half of the weight are known has no index.

    Parameters
    ----------
    traits : DataFrame
        As `core_traits` returns it.
    weights : mapping of str to float, optional
        Weight of each trait; 1 for each by default, 0 leaves it out.

    Returns
    -------
    Series of float
        The index; missing where too little is known.

    Raises
    ------
    ParameterError
        If a weight is negative, all are 0, or one is of an unknown trait.
    """
    scores, vector = trait_scores(traits), trait_weights(traits, weights)
    return pd.Series(weighted(scores, vector), index=traits.index, name="core_index")


def trait_scores(traits: pd.DataFrame) -> NDArray[np.float64]:
    """Return the rank of every trait from 0 to 1, 1 for core; NaN where it is not known."""
    columns = []
    high = {trait.name: trait.high_is_core for trait in TRAITS}
    for name in traits:
        known = traits[name].notna().sum()
        rank = (traits[name].rank() - 0.5) / max(known, 1)
        columns.append((rank if high[str(name)] else 1 - rank).to_numpy(dtype=float))
    return np.column_stack(columns)


def trait_weights(traits: pd.DataFrame, weights: Mapping[str, float] | None) -> NDArray[np.float64]:
    """Return the weight of every trait that is there."""
    given = dict(weights or {})
    names = {trait.name for trait in TRAITS}
    if strange := sorted(set(given) - names):
        raise ParameterError(f"unknown trait {strange[0]!r}; known: {', '.join(sorted(names))}")
    vector = np.array([float(given.get(str(name), 1.0)) for name in traits])
    if (vector < 0).any() or vector.sum() == 0:
        raise ParameterError("weights of traits are 0 or more, and not all 0")
    return vector


def weighted(scores: NDArray[np.float64], weights: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the weighted mean of the known scores, times 100."""
    known = np.isfinite(scores)
    held = known @ weights
    total = np.where(known, scores, 0.0) @ weights
    enough = held >= 0.5 * weights.sum()
    return np.where(enough, 100 * total / np.where(held > 0, held, 1.0), np.nan)
