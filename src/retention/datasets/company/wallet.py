"""The table `wallet`: what a panel of customers spends with us and in all, by quarter."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import Floats, money, words
from .customers import customer_ids
from .firm import RIVALS
from .orders import orders_of
from .world import World

__all__ = ["wallet", "wallet_share"]


def wallet_share(world: World) -> Floats:
    """Return the lasting share of wallet of each contract customer."""
    own = world.streams.rng("wallet share").normal(size=len(world.traits))
    odds = 0.2 + 0.7 * world.traits.core + 0.3 * world.traits.lasting + 0.4 * own
    return 1 / (1 + np.exp(-odds))


def wallet(world: World) -> pd.DataFrame:
    """Return a row a panel customer and calendar quarter in which something was bought."""
    rng, n = world.streams.rng("wallet"), len(world.traits)
    panel = rng.random(n) < world.parameters.market.wallet_panel
    share = wallet_share(world)
    spend = orders_of(world)
    spend = spend[np.isin(spend["customer"], np.flatnonzero(panel))]
    quarter = spend["ordered_on"].dt.year * 4 + spend["ordered_on"].dt.quarter - 1
    last = pd.Period(world.calendar.cutoff, "Q").ordinal + 1970 * 4
    total = spend.groupby([spend["customer"], quarter])["amount"].sum().round(2)
    total = total[(total > 0) & (total.index.get_level_values(1) < last)]
    who = total.index.get_level_values(0).to_numpy()
    when = total.index.get_level_values(1).to_numpy()
    own = total.to_numpy()
    moving = np.log(share[who] / (1 - share[who])) + 0.3 * rng.normal(size=len(who))
    category = money(own * (1 + np.exp(-moving)))
    suppliers = 2 + rng.poisson(1.2, size=len(who))
    return pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "period": [f"{q // 4}-Q{q % 4 + 1}" for q in when],
            "own_spend": own,
            "category_spend": np.maximum(category, own),
            "main_rival": words(RIVALS, rng.choice(3, size=len(who), p=[0.5, 0.3, 0.2])),
            "suppliers": suppliers,
            "rank": _rank(own / category, suppliers, rng),
        }
    ).sort_values(["customer_id", "period"], ignore_index=True)


def _rank(share: Floats, suppliers: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Return our rank when the others divide the rest at random."""
    most = int(suppliers.max(initial=2)) - 1
    cut = rng.exponential(size=(len(share), most))
    cut[np.arange(most) >= (suppliers - 1)[:, None]] = 0
    others = (1 - share)[:, None] * cut / cut.sum(axis=1, keepdims=True)
    return 1 + (others > share[:, None]).sum(axis=1)
