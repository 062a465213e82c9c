"""What all customers share: branches with their quality, rivals with their prices."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from .calendar import Calendar
from .columns import Floats, Ints
from .parameters import CompanyParameters

__all__ = ["BRANCHES", "PRODUCTS", "REGIONS", "Firm", "draw_firm"]

REGIONS = ("north", "east", "south", "west")
BRANCHES = tuple(f"{region}-{k}" for region in REGIONS for k in range(1, 7))
PRODUCTS = ("basic", "plus", "premium")
LIST_PRICE = np.array([49.0, 99.0, 199.0])


@dataclass(frozen=True)
class Firm:
    """The company itself and its market, month by month.

    Parameters
    ----------
    quality : ndarray of float, shape (branches, months)
        Quality of service, in units of latent satisfaction.
    rival_log_index : ndarray of float, shape (months,)
        Logarithm of the rivals' mean price, 0 where it equals our list price.
    """

    quality: Floats
    rival_log_index: Floats


def draw_firm(parameters: CompanyParameters, calendar: Calendar, rng: np.random.Generator) -> Firm:
    """Draw the branches and the market."""
    n = calendar.n_months
    lasting = rng.normal(size=(len(BRANCHES), 1))
    moving = carried(rng.normal(size=(len(BRANCHES), n)), 0.9)
    quality = parameters.satisfaction.quality_sd * (0.8 * lasting + 0.6 * moving)
    rivals = 0.03 * carried(rng.normal(size=(1, n)), 0.95)[0]
    return Firm(quality - quality.mean(), rivals - rivals.mean())


def carried(shocks: Floats, memory: float) -> Floats:
    """Return series of variance 1 in which each value keeps `memory` of the one before.

    Parameters
    ----------
    shocks : ndarray of float, shape (series, months)
        Independent standard normal.
    memory : float
        Correlation of neighbouring months, 0 to below 1.
    """
    values = shocks.copy()
    for t in range(1, values.shape[1]):
        values[:, t] = memory * values[:, t - 1] + np.sqrt(1 - memory**2) * shocks[:, t]
    return values


def branch_region(branch: Ints) -> Ints:
    """Return the region, as a place in `REGIONS`, of each branch."""
    return branch // (len(BRANCHES) // len(REGIONS))
