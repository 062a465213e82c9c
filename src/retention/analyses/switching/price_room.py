"""How much room is there for prices? The price elasticity of leaving, and what it leaves."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.optimize import minimize_scalar

from retention.engine import Tables
from retention.errors import NotIdentifiedError
from retention.estimates import Estimate, normal_interval

from .kept_margin import MarginRate, margin_rate
from .switching_costs import LockIn, annual_spend, fit_lock_in

__all__ = ["PriceRoom", "price_room"]

_METHOD = "complementary log-log hazard on the price gap"
_HORIZONS = {"the coming year": 1.0, "three years": 3.0, "the whole stay": np.inf}


@dataclass(frozen=True, eq=False, kw_only=True)
class PriceRoom:
    """Answer of `price_room`.

    Parameters
    ----------
    elasticity : Estimate
        Per cent by which leaving rises when our price rises by 1 % against rivals.
    hazard : float
        Hazard of leaving a year at today's prices.
    optimum : dict of str to Estimate
        Price change that is worth most, by what counts: the coming year, three years, the stay.
    first_year_gain : Estimate
        Margin of the coming year at the change that is best for the whole stay, less that at
        today's prices, an average customer.
    curve : DataFrame
        change (of the price), leaving (share within a year), value (of an average customer's
        whole stay), first_year (margin of the coming year).
    observed : tuple of float
        The middle 98 % of price gaps in the data; nothing is called best beyond them.
    margin : MarginRate
        Margin as a share of the price.
    currency : str
        Of the values.
    """

    elasticity: Estimate
    hazard: float
    optimum: dict[str, Estimate]
    first_year_gain: Estimate
    curve: pd.DataFrame
    observed: tuple[float, float]
    margin: MarginRate
    currency: str

    def summary(self) -> pd.DataFrame:
        """Return one row a horizon: the best price change."""
        rows = {name: {"best_change": e} for name, e in self.optimum.items()}
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("what_counts")

    def estimates(self) -> dict[str, Estimate]:
        """Return the elasticity, the best price changes and what the best gains in a year."""
        found = {
            "price_elasticity_of_leaving": self.elasticity, "first_year_gain": self.first_year_gain
        }  # fmt: skip
        return found | {f"best_price_change: {name}": e for name, e in self.optimum.items()}

    def headline(self) -> str:
        """Return the elasticity and the best change for the whole stay."""
        if self.elasticity.value is None:
            return f"The room for prices is not shown: {self.elasticity.why}."
        best = self.optimum["the whole stay"]
        text = f"A price 1 % higher goes with {self.elasticity} more leaving"
        if best.value is None:
            return f"{text}; over the whole stay {best.why}."
        return f"{text}; over the whole stay a change of {best} would be worth most."

    def cautions(self) -> tuple[str, ...]:
        """Return why a price must not be raised on this alone."""
        found = [
            "Customers who pay more differ in other ways; a discount given to hold someone who "
            "threatened to leave makes price look harmless. Try a change on some, drawn at random.",
            "The stay counts today's customers only. Prices that today's customers bear also keep "
            "new ones away: in markets with switching costs prices have been found up to 18 % "
            "lower, not higher, than without (Dubé, Hitsch and Rossi 2009).",
        ]
        if self.margin.source.startswith("assumed"):
            found.append(f"The margin of {100 * self.margin.value:.0f} % of the price is assumed.")
        return tuple(found)


def price_room(
    tables: Tables,
    *,
    own_firm: str = "",
    margin: float | None = None,
    annual_discount_rate: float = 0.10,
    draws: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> PriceRoom:
    """Estimate how leaving answers to price, and which price change would be worth most.

    With hazard ``h(x) = h0 * exp(b * x)`` at a relative price change x and margin m(x) the stay is
    worth ``m(x) / (d + h(x))``. What pays in the coming year is harvest; what pays over the whole
    stay keeps the base: the gap between the two is what a rise takes from the future.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` in which price is filled; ``market`` for rivals' prices.
    own_firm : str
        Our name in the market table.
    margin : float, optional
        Margin as a share of the price; from the orders where it is known.
    annual_discount_rate : float
        Of future margins.
    draws, seed : int
        Draws of the elasticity for the intervals of the best changes.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        As `fit_lock_in`.
    """
    lock = fit_lock_in(tables, own_firm=own_firm)
    rate = margin_rate(tables, margin)
    price = annual_spend(tables).contracted
    h0 = _current_hazard(lock)
    elasticity = _elasticity(lock, level)
    observed = _quantiles(lock.counts["gap"].to_numpy(), lock.counts["n"].to_numpy())
    se = float(lock.fit.standard_errors["gap"])
    b = np.random.default_rng(seed).normal(lock.price_slope, se, draws)
    d = float(np.log1p(annual_discount_rate))
    optimum = {
        name: _best(lock, b, h0, rate.value, d, years, level, observed)
        for name, years in _HORIZONS.items()
    }
    return PriceRoom(
        elasticity=elasticity, hazard=h0, optimum=optimum,
        first_year_gain=_first_year_gain(
            lock, b, h0, rate.value, d, price, optimum["the whole stay"], tables.currency
        ),
        curve=_curve(lock.price_slope, h0, rate.value, d, price),
        observed=observed, margin=rate, currency=tables.currency,
    )  # fmt: skip


def _current_hazard(lock: LockIn) -> float:
    """Return leavings per customer-year at risk, over the window."""
    events, n = float(lock.counts["events"].sum()), float(lock.counts["n"].sum())
    return -float(np.log1p(-events / n)) * lock.units_per_year


def _elasticity(lock: LockIn, level: float) -> Estimate:
    low, high = normal_interval(lock.price_slope, float(lock.fit.standard_errors["gap"]), level)
    return Estimate(
        value=lock.price_slope, low=low, high=high, level=level, unit="%", n=lock.fit.n,
        events=lock.fit.events, method=_METHOD, grade="C",
    )  # fmt: skip


def _value(x: float, b: float, h0: float, rate: float, d: float, years: float) -> float:
    """Return the value of a stay over so many years, as a share of today's annual price."""
    r = d + h0 * np.exp(min(b * x, 50.0))
    return (rate + x) / r * (1.0 if np.isinf(years) else -np.expm1(-r * years))


def _optimum(b: float, h0: float, rate: float, d: float, years: float) -> float:
    limits = (-min(rate, 0.9), 1.0)
    found = minimize_scalar(
        lambda x: -_value(x, b, h0, rate, d, years), bounds=limits, method="bounded"
    )
    return float(found.x)


def _best(
    lock: LockIn, b: NDArray[np.float64], h0: float, rate: float, d: float, years: float,
    level: float, observed: tuple[float, float],
) -> Estimate:  # fmt: skip
    method = "best change under h0 * exp(b * x), normal draws of b"
    low_b = float(np.quantile(b, 0.5 - level / 2))
    if low_b <= 0:
        return Estimate.withheld(
            "leaving cannot be shown to rise with price, so no price change can be called best",
            unit="share", n=lock.fit.n, method=method, grade="C",
        )  # fmt: skip
    value = _optimum(lock.price_slope, h0, rate, d, years)
    if not observed[0] <= value <= observed[1]:
        side = "above" if value > observed[1] else "below"
        end = 100 * (observed[1] if value > observed[1] else observed[0])
        return Estimate.withheld(
            f"the best change lies {side} every price gap seen ({end:.0f} %), where nothing is "
            "known of leaving",
            unit="share", n=lock.fit.n, method=method, grade="C",
        )  # fmt: skip
    draws = [_optimum(each, h0, rate, d, years) for each in b]
    low, high = np.quantile(draws, [0.5 - level / 2, 0.5 + level / 2])
    return Estimate(
        value=value, low=min(float(low), value), high=max(float(high), value), level=level,
        events=lock.fit.events, grade="C", unit="share", n=lock.fit.n, method=method,
    )  # fmt: skip


def _first_year_gain(
    lock: LockIn, b: NDArray[np.float64], h0: float, rate: float, d: float, price: float,
    best: Estimate, currency: str,
) -> Estimate:  # fmt: skip
    unit = f"{currency} per customer"
    method = "margin of the coming year at the price best for the whole stay, less that at today's"
    if best.value is None:
        return Estimate.withheld(best.why, unit=unit, n=best.n, method=method, grade="C")
    value, *draws = (
        price * (_value(best.value, each, h0, rate, d, 1.0) - _value(0.0, each, h0, rate, d, 1.0))
        for each in (lock.price_slope, *b)
    )
    low, high = np.quantile(draws, [0.5 - best.level / 2, 0.5 + best.level / 2])
    return Estimate(
        value=value, low=min(float(low), value), high=max(float(high), value), level=best.level,
        events=best.events, grade="C", unit=unit, n=best.n, method=f"{method}; normal draws of b",
    )  # fmt: skip


def _curve(b: float, h0: float, rate: float, d: float, price: float) -> pd.DataFrame:
    x = np.linspace(-0.25, 0.40, 66)
    hazard = h0 * np.exp(b * x)
    scale = price if price > 0 else 1.0
    return pd.DataFrame(
        {
            "change": x,
            "leaving": -np.expm1(-hazard),
            "value": [scale * _value(each, b, h0, rate, d, np.inf) for each in x],
            "first_year": [scale * _value(each, b, h0, rate, d, 1.0) for each in x],
        }
    )


def _quantiles(values: NDArray[np.float64], weight: NDArray[np.float64]) -> tuple[float, float]:
    order = np.argsort(values)
    share = np.cumsum(weight[order]) / weight.sum()
    ends = [float(values[order][np.searchsorted(share, q)]) for q in (0.01, 0.99)]
    if ends[0] == ends[1]:
        raise NotIdentifiedError("all customers pay the same against rivals: no elasticity")
    return ends[0], ends[1]
