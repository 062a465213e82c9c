"""Bonds: what ties a customer to us, and what leaving would cost."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, days, money, words
from .customers import customer_ids
from .life import Mechanism, Stage, Step
from .world import World

__all__ = ["KINDS", "BondLife", "bonds", "switching_cost"]

KINDS = ("integration", "training", "discount", "data", "personal")
NAMES = ("EDI link", "staff training", "volume agreement", "shared data", "named contact")
_BY_SEGMENT = np.array([2.0, 1.0, 0.5])


class BondLife(Mechanism):
    """Since when each customer has each bond; what was built stands, also for who comes back."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        p = stage.parameters.bonds
        self.since = np.full((len(KINDS), stage.n), NEVER)
        self.effect = np.array([p.log_hazard[name] for name in KINDS])
        rate = np.array([p.rate[name] for name in KINDS])
        self.rate = rate[:, None] * _BY_SEGMENT[stage.traits.segment]

    def log_hazard(self, step: Step) -> Floats:
        """Return the sum over the bonds that stand on the first day."""
        return self.effect @ ((self.since != NEVER) & (self.since < step.start))

    def happen(self, step: Step, rng: np.random.Generator) -> Floats:
        """Let bonds come about."""
        u = rng.random((2, len(KINDS), self.stage.n))
        day = step.start + np.floor(u[1] * (step.end - step.start)).astype(np.int64)
        new = step.active & (u[0] < self.rate) & (self.since == NEVER) & (day < step.last)
        kind, who = np.nonzero(new)
        self.since[kind, who] = day[kind, who]
        self.stage.logs["bonds"].add(customer=who, kind=kind, since=day[kind, who])
        return np.zeros(self.stage.n)


def switching_cost(world: World) -> Floats:
    """Return the true switching cost of each kind of bond, as a share of the price."""
    effect = world.parameters.bonds.log_hazard
    price = world.parameters.hazard.price or np.nan
    return np.array([-effect[name] / price for name in KINDS])


def bonds(world: World) -> pd.DataFrame:
    """Return the bonds that customers of record had by the cutoff."""
    log, calendar = world.life.events["bonds"], world.calendar
    kept = log["since"] < calendar.cutoff_day
    who, kind, since = (log[name][kept] for name in ("customer", "kind", "since"))
    rng, spread = world.streams.rng("bond rows"), world.parameters.bonds.worth_sd
    noise = np.exp(spread * rng.normal(size=len(who)) - spread**2 / 2)
    share = np.nan_to_num(switching_cost(world))[kind]
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "bond": words(NAMES, kind),
            "since": days(since),
            "kind": words(KINDS, kind),
            "worth": money(np.maximum(share * 12 * world.traits.price[who] * noise, 0)),
        }
    )
    return table.sort_values(["customer_id", "since", "bond"], ignore_index=True)
