"""Customers without a contract: Pareto/NBD buying that nobody is told has ended."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .columns import Floats, Ints
from .parameters import CompanyParameters
from .timeline import Calendar

__all__ = ["SpotCustomers", "draw_spot"]


@dataclass(frozen=True)
class SpotCustomers:
    """One value a customer; rates are per week, days count from 1970-01-01.

    ``died`` is the day of dropping out, unknown to the company; it may lie after the cutoff.
    """

    acquired: Ints
    purchase_rate: Floats
    dropout_rate: Floats
    died: Floats
    amount_rate: Floats
    staff: Floats

    def __len__(self) -> int:
        return len(self.acquired)


def draw_spot(
    parameters: CompanyParameters, calendar: Calendar, n: int, rng: np.random.Generator
) -> SpotCustomers:
    """Draw `n` spot customers, all won within the records: spot trade opened with them."""
    spot, who = parameters.spot, parameters.acquisition
    acquired = rng.integers(calendar.start_day, calendar.cutoff_day, size=n)
    dropout_rate = rng.gamma(spot.s, 1 / spot.beta, size=n)
    return SpotCustomers(
        acquired=acquired,
        purchase_rate=rng.gamma(spot.r, 1 / spot.alpha, size=n),
        dropout_rate=dropout_rate,
        died=acquired + 7 * rng.exponential(size=n) / dropout_rate,
        amount_rate=rng.gamma(spot.q, 1 / spot.gamma, size=n),
        staff=np.exp(rng.normal(who.size_log["spot"], who.size_sd, size=n)),
    )
