"""The table `contracts`: one row a spell with us; where churn is seen."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import NEVER, days, words
from .customers import customer_ids
from .firm import PRODUCTS
from .world import World

__all__ = ["contracts"]


def contracts(world: World) -> pd.DataFrame:
    """Return the contracts of one block that ran on some day of the records."""
    calendar, spells = world.calendar, world.life.spells
    began, ended = spells["began"].astype(np.int64), spells["ended"].astype(np.int64)
    seen = (began < calendar.cutoff_day) & ((ended == NEVER) | (ended > calendar.start_day))
    who, began, ended = spells["customer"][seen].astype(np.int64), began[seen], ended[seen]
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "started_on": days(began),
            "ended_on": days(np.where(ended >= calendar.cutoff_day, NEVER, ended)),
            "renewal_term": np.full(len(who), 12),
            "price": world.traits.price[who],
            "product": words(PRODUCTS, world.traits.product[who]),
        }
    )
    return table.sort_values(["customer_id", "started_on"], ignore_index=True)
