"""The table `quotes`: single jobs for which a rival asked a price too."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import days, money, words
from .customers import acquired_days, customer_ids
from .firm import RIVALS
from .world import World

__all__ = ["quotes"]


def quotes(world: World) -> pd.DataFrame:
    """Return the quotes within the records; they act on nothing else."""
    rng, calendar, p = world.streams.rng("quotes"), world.calendar, world.parameters.market
    number = np.concatenate([world.number, world.spot_number])
    years = (calendar.cutoff_day - calendar.start_day) / 365.25
    count = rng.poisson(p.quotes_a_year * years, size=len(number))
    place = np.repeat(np.arange(len(number)), count)
    n = len(place)
    day = rng.integers(calendar.start_day, calendar.cutoff_day, size=n)
    acquired = np.concatenate([acquired_days(world), world.spot.acquired])[place]
    kept = day >= acquired
    place, day, n = place[kept], day[kept], int(kept.sum())
    served = _served(world, place, day)
    job = np.exp(rng.normal(8.0, 0.8, size=n))
    ours = money(job * np.exp(0.08 * rng.normal(size=n)))
    rivals = money(job * np.exp(0.08 * rng.normal(size=n)))
    gap = (ours - rivals) / rivals
    odds = -0.2 + p.quote_incumbent * served + p.quote_gap * gap
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(number[place]),
            "quoted_on": days(day),
            "our_price": ours,
            "won": rng.random(n) < 1 / (1 + np.exp(-odds)),
            "best_rival_price": rivals,
            "rival": words(RIVALS, rng.choice(3, size=n, p=[0.5, 0.3, 0.2])),
            "incumbent": served,
        }
    )
    return table.sort_values(["quoted_on", "customer_id", "our_price"], ignore_index=True)


def _served(world: World, place: np.ndarray, day: np.ndarray) -> np.ndarray:
    """Return whether the customer had a contract on the day."""
    spells, n = world.life.spells, len(world.traits)
    served = np.zeros(len(place), dtype=bool)
    order = np.lexsort((spells["began"], spells["customer"]))
    key = spells["customer"][order] * 100_000 + spells["began"][order]
    at = np.searchsorted(key, place * 100_000 + day, side="right") - 1
    found = (place < n) & (at >= 0)
    at = np.maximum(at, 0)
    ended = spells["ended"][order][at]
    found &= spells["customer"][order][at] == place
    served[found] = ((ended < 0) | (ended > day))[found]
    return served
