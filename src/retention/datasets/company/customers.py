"""The table `customers`: one row a customer of record."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import Floats, Ints, days, ids, money, words
from .employees import employee_ids, on_duty
from .firm import BRANCHES, REGIONS, branch_region
from .traits import SEGMENTS
from .world import World

__all__ = ["acquired_days", "customer_ids", "customers"]

INDUSTRIES = ("machinery", "food", "textiles", "chemicals", "electronics", "retail")
CHANNELS = ("field sales", "partner", "web", "referral")
SIZES = ("1-9", "10-49", "50-249", "250 and more")
_FIRST = ("Adler", "Brook", "Cedar", "Delta", "Elm", "Falk", "Grove", "Hansa", "Iris", "Juno")
_SECOND = ("Parts", "Foods", "Works", "Trade", "Mills", "Tools", "Labs", "Stores")
_COST = np.array([900.0, 350.0, 120.0, 40.0])  # of winning a customer, by segment


def customer_ids(numbers: Ints) -> pd.Series:
    """Return the ids of customers by their number in the company."""
    return ids("C", numbers, 8)


def customers(world: World) -> pd.DataFrame:
    """Return the customers of one block, by id."""
    rng = world.streams.rng("customers")
    number = np.concatenate([world.number, world.spot_number])
    acquired = np.concatenate([acquired_days(world), world.spot.acquired])
    segment = np.concatenate([world.traits.segment, np.full(len(world.spot), 3)])
    staff = np.concatenate([world.traits.staff, world.spot.staff])
    branch = np.concatenate(
        [world.traits.branch, rng.integers(0, len(BRANCHES), size=len(world.spot))]
    )
    n = len(number)
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(number),
            "acquired_on": days(acquired),
            "name": _names(number),
            "segment": words(SEGMENTS, segment),
            "region": words(REGIONS, branch_region(branch)),
            "industry": words(INDUSTRIES, rng.integers(0, len(INDUSTRIES), size=n)),
            "size": words(SIZES, np.searchsorted([9.5, 49.5, 249.5], staff)),
            "channel": words(CHANNELS, rng.choice(4, size=n, p=[0.35, 0.2, 0.25, 0.2])),
            "manager_id": employee_ids(_managers(world, branch, rng)),
            "acquisition_cost": money(_cost(segment, rng)),
            "branch": words(BRANCHES, branch),
        }
    )
    return table.sort_values("customer_id", ignore_index=True)


def acquired_days(world: World) -> Ints:
    """Return the day on which each contract customer was first won."""
    return world.calendar.firsts[world.traits.month] + world.traits.day - 1


def _managers(world: World, branch: Ints, rng: np.random.Generator) -> Ints:
    """Return who of the sales staff of the branch looks after the customer at the cutoff."""
    today = np.full(len(branch), world.calendar.cutoff_day - 1)
    return on_duty(world.firm, branch, np.zeros(len(branch), dtype=np.int64), today, rng)


def _names(number: Ints) -> pd.Series:
    first = words(_FIRST, number % len(_FIRST))
    second = words(_SECOND, number // len(_FIRST) % len(_SECOND))
    return first + " " + second + " " + ids("", number, 1)


def _cost(segment: Ints, rng: np.random.Generator) -> Floats:
    return _COST[segment] * rng.gamma(4.0, 0.25, size=len(segment))
