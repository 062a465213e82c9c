"""What each customer is, for life, from the first day: the latent traits all tables share."""

from __future__ import annotations

from dataclasses import dataclass, fields

import numpy as np

from .columns import Floats, Ints, Mask
from .firm import BRANCHES, LIST_PRICE
from .parameters import CompanyParameters
from .timeline import Calendar

__all__ = ["SEGMENTS", "Traits", "draw_traits"]

SEGMENTS = ("key account", "business", "small business", "spot")

# product by segment: basic, plus, premium
_PRODUCT_SHARES = np.array([[0.1, 0.3, 0.6], [0.3, 0.5, 0.2], [0.7, 0.25, 0.05]])


@dataclass(frozen=True)
class Traits:
    """One value a customer; arrays of one length.

    ``month`` and ``day`` say when the customer was won: index into the calendar's months and day
    of the month, 1 to 28, so that every month of tenure begins on the same day of the month.
    ``core`` is the trait behind a core customer (buys often, pays fast, needs little service, has
    stable preferences, is hard to lure by price, gives us a large share), standard normal.
    ``burden`` multiplies the cost of service. ``warmth`` is recorded nowhere: it keeps customers
    and draws them into the social programme.
    """

    month: Ints
    day: Ints
    segment: Ints
    branch: Ints
    staff: Floats
    product: Ints
    price: Floats
    lasting: Floats
    core: Floats
    warmth: Floats
    order_rate: Floats
    amount_rate: Floats
    burden: Floats

    def __len__(self) -> int:
        return len(self.month)

    def take(self, keep: Ints | Mask) -> Traits:
        """Return the traits of some customers."""
        return Traits(*(getattr(self, f.name)[keep] for f in fields(self)))

    @property
    def price_gap(self) -> Floats:
        """Logarithm of the price over the list price of the product."""
        return np.log(self.price / LIST_PRICE[self.product])


def draw_traits(
    parameters: CompanyParameters, calendar: Calendar, n: int, rng: np.random.Generator
) -> Traits:
    """Draw `n` contract customers, whether or not the records will ever know them."""
    who, buying = parameters.acquisition, parameters.buying
    segment = rng.choice(3, size=n, p=[who.segments[name] for name in SEGMENTS[:3]])
    core = rng.normal(size=n)
    product = (rng.random((n, 1)) > _PRODUCT_SHARES.cumsum(axis=1)[segment]).sum(axis=1)
    gap = parameters.hazard.price_sd * rng.normal(size=n)
    load = buying.rate_core
    rate = rng.gamma(buying.rate_shape, buying.rate_mean / buying.rate_shape, size=n)
    sizes = np.array([who.size_log[name] for name in SEGMENTS])[segment]
    return Traits(
        month=rng.integers(0, calendar.n_months, size=n),
        day=rng.integers(1, 29, size=n),
        segment=segment,
        branch=rng.integers(0, len(BRANCHES), size=n),
        staff=np.exp(rng.normal(sizes, who.size_sd)),
        product=product,
        price=np.round(LIST_PRICE[product] * np.exp(gap), 2),
        lasting=parameters.satisfaction.lasting_sd * rng.normal(size=n),
        core=core,
        warmth=rng.normal(size=n),
        order_rate=rate * np.exp(load * core - load**2 / 2),
        amount_rate=rng.gamma(buying.amount_q, 1 / buying.amount_gamma, size=n),
        burden=np.where(rng.random(n) < buying.heavy, buying.heavy_factor, 1.0),
    )
