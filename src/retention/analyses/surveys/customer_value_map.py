"""Perceived value: what customers get against what it costs, us against rivals."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import ParameterError
from retention.estimates import Estimate
from retention.features import Scale, build_scales, scale_map
from retention.models import LeastSquares, clustered_mean

__all__ = ["CustomerValueMap", "customer_value_map"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomerValueMap:
    """Answer of `customer_value_map`.

    Parameters
    ----------
    attributes : DataFrame
        One row a benefit: ``n``, ``us``, ``rival`` (0 to 100), ``difference`` with ends, ``weight``
        (share of what the benefits explain of value), ``weighted``.
    position : DataFrame
        Two rows, us and rival: relative ``benefit`` and relative ``price``; 1 is the mean of both.
    numbers : dict of str to Estimate
        Benefit advantage, price disadvantage, net value.
    """

    attributes: pd.DataFrame
    position: pd.DataFrame
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a benefit."""
        return self.attributes

    def estimates(self) -> dict[str, Estimate]:
        """Return benefit advantage, price gap and net value."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return where the weights come from."""
        return self.warnings

    def headline(self) -> str:
        """Return net value against the rival."""
        return (
            f"Net value against the main rival is {self.numbers['net_value']}: benefit "
            f"{self.numbers['benefit_advantage']}, price {self.numbers['price_advantage']}."
        )


def customer_value_map(tables: Tables, *, level: float = 0.95) -> CustomerValueMap:
    """Compare benefit and price with the main rival, as customers see them.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` whose items are mapped to ``benefit`` and ``rival_benefit`` with one
        dimension an attribute, and to ``price_rating`` and ``rival_price_rating`` (a high answer:
        cheap). Weights come from the regression of ``value`` on the benefits, where it was asked;
        else they are equal.
    level : float
        Level of intervals.

    Returns
    -------
    CustomerValueMap

    Raises
    ------
    ParameterError
        If benefits of us and the rival were not asked for the same attribute.

    References
    ----------
    .. [1] Gale, B. T. (1994). Managing Customer Value.
    """
    known = scale_map(tables)
    names = [s.dimension for s in known.values() if s.construct == "benefit" and s.dimension]
    names = [d for d in names if f"rival_benefit: {d}" in known]
    if not names:
        raise ParameterError(
            "no benefit was asked of us and of the main rival; map items to benefit and "
            "rival_benefit with the same dimension"
        )
    wanted = ["benefit", "rival_benefit", "price_rating", "rival_price_rating", "value"]
    asked = [n for n, s in known.items() if s.construct in wanted]
    table = build_scales(tables, constructs=asked, attributes=[])
    scores = table.copy()
    for name in asked:
        scores[name] = _hundred(table[name], known[name])
    weights, how = _weights(scores, names)
    attributes = _attributes(scores, names, weights, level)
    benefit = _weighted(scores, names, weights)
    price = _price(scores)
    minimum = max(2, tables.minimum_n)
    method = f"difference to the main rival, 0 to 100; weights {how}"
    numbers = {
        "benefit_advantage": _estimate(benefit, scores, minimum, level, method),
        "price_advantage": _estimate(price, scores, minimum, level, "rating of our price less "
                                     "that of the rival's, 0 to 100; above 0 we are cheaper"),
        "net_value": _estimate(benefit + price, scores, minimum, level,
                               f"benefit and price advantage; weights {how}"),
    }  # fmt: skip
    position = pd.DataFrame(
        {
            "benefit": [_mean(scores, names, weights, s) for s in ("benefit", "rival_benefit")],
            "price": [
                float(scores[s].mean()) if s in scores else np.nan
                for s in ("price_rating", "rival_price_rating")
            ],
        },
        index=["us", "rival"],
    )
    return CustomerValueMap(
        attributes=attributes, position=position / position.mean(), numbers=numbers,
        warnings=("The rival is seen by our own customers: those who prefer it are not asked.",),
    )  # fmt: skip


def _hundred(values: pd.Series, scale: Scale) -> pd.Series:
    return (values - scale.low) / (scale.high - scale.low) * 100


def _weights(scores: pd.DataFrame, names: list[str]) -> tuple[pd.Series, str]:
    """Shares of the coefficients of the benefits on value; equal where value was not asked."""
    columns = [f"benefit: {d}" for d in names]
    equal = pd.Series(1 / len(names), index=names)
    if "value" not in scores:
        return equal, "equal, because value was not asked"
    known = scores.dropna(subset=[*columns, "value"])
    if len(known) < 20 * len(names):
        return equal, "equal, because too few rated value and every benefit"
    renamed = known.rename(columns=dict(zip(columns, names, strict=True)))
    fit = LeastSquares(cluster="customer_id").fit(renamed, outcome="value", regressors=names)
    slopes = pd.Series(fit.coefficients[1:], index=names).clip(lower=0)
    if slopes.sum() == 0:
        return equal, "equal, because no benefit goes with value"
    return slopes / slopes.sum(), "from the regression of value on the benefits"


def _weighted(scores: pd.DataFrame, names: list[str], weights: pd.Series) -> pd.Series:
    gap = pd.DataFrame({d: scores[f"benefit: {d}"] - scores[f"rival_benefit: {d}"] for d in names})
    return (gap * weights).sum(axis=1, skipna=False)


def _price(scores: pd.DataFrame) -> pd.Series:
    if not {"price_rating", "rival_price_rating"} <= set(scores.columns):
        return pd.Series(np.nan, index=scores.index)
    return scores["price_rating"] - scores["rival_price_rating"]


def _mean(scores: pd.DataFrame, names: list[str], weights: pd.Series, side: str) -> float:
    return float((scores[[f"{side}: {d}" for d in names]].set_axis(names, axis=1) * weights)
                 .sum(axis=1, skipna=False).mean())  # fmt: skip


def _attributes(
    scores: pd.DataFrame, names: list[str], weights: pd.Series, level: float
) -> pd.DataFrame:
    rows = {}
    for d in names:
        part = scores.dropna(subset=[f"benefit: {d}", f"rival_benefit: {d}"])
        gap = clustered_mean(
            part[f"benefit: {d}"] - part[f"rival_benefit: {d}"], part["customer_id"]
        )
        low, high = gap.interval(level)
        rows[d] = {
            "n": gap.n,
            "us": part[f"benefit: {d}"].mean(),
            "rival": part[f"rival_benefit: {d}"].mean(),
            "difference": gap.value,
            "low": low,
            "high": high,
            "weight": float(weights[d]),
            "weighted": gap.value * float(weights[d]),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("benefit")


def _estimate(
    values: pd.Series, scores: pd.DataFrame, minimum: int, level: float, method: str
) -> Estimate:
    known = values.dropna()
    people = scores.loc[known.index, "customer_id"].nunique()
    if people < minimum:
        why = f"{people} customers rated both, fewer than the {minimum} a number needs"
        return Estimate.withheld(why, unit="points of 100", n=len(known), method=method)
    mean = clustered_mean(known, scores.loc[known.index, "customer_id"])
    low, high = mean.interval(level)
    return Estimate(
        value=mean.value, low=low, high=high, level=level, unit="points of 100", n=mean.n,
        method=method, grade="D",
    )  # fmt: skip
