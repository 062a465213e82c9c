"""The table `choices`: a panel that chose among us and three rivals, again and again."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import Floats, Ints, days, ids, money, words
from .customers import acquired_days, customer_ids
from .firm import RIVALS
from .world import World

__all__ = ["choices"]

ALTERNATIVES = ("us", *RIVALS)
_LEVEL = np.array([0.4, 0.2, 0.0, -0.2])


def choices(world: World) -> pd.DataFrame:
    """Return the decisions of the panel: conditional logit with tastes that differ."""
    rng, p = world.streams.rng("choices"), world.parameters.market
    number = np.concatenate([world.number, world.spot_number])
    since = np.concatenate([acquired_days(world), world.spot.acquired])
    panel = rng.random(len(number)) < p.choice_panel
    number, since = number[panel], np.maximum(since[panel], world.calendar.start_day)
    n, occasions, k = len(number), p.choice_occasions, len(ALTERNATIVES)
    taste = _LEVEL + p.choice_taste_sd * rng.normal(size=(n, k))
    slope = p.choice_price + p.choice_price_sd * rng.normal(size=n)
    price = money(3.0 * np.exp(0.15 * rng.normal(size=(n, occasions, k))))
    luck = rng.gumbel(size=(n, occasions, k))
    chosen = np.full((n, occasions), -1)
    last = np.zeros((n, k))
    for t in range(occasions):
        utility = taste + slope[:, None] * price[:, t] + p.choice_last * last + luck[:, t]
        chosen[:, t] = utility.argmax(axis=1)
        last = np.eye(k)[chosen[:, t]]
    length = world.calendar.cutoff_day - since
    day = since[:, None] + length[:, None] * (np.arange(occasions) + 1) // (occasions + 1)
    return _rows(number, day, price, chosen)


def _rows(number: Ints, day: Ints, price: Floats, chosen: Ints) -> pd.DataFrame:
    n, occasions, k = price.shape
    occasion = np.tile(np.repeat(np.arange(occasions), k), n)
    alternative = np.tile(np.arange(k), n * occasions)
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(np.repeat(number, occasions * k)),
            "occasion": ids("", occasion + 1, 2),
            "alternative": words(ALTERNATIVES, alternative),
            "chosen": np.repeat(chosen.ravel(), k) == alternative,
            "price": price.ravel(),
            "decided_on": days(np.repeat(day.ravel(), k)),
        }
    )
    return table.sort_values(["customer_id", "occasion"], kind="stable", ignore_index=True)
