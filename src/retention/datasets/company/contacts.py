"""Contacts by channel and depth: who gets them, and what they do."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, Mask, days, ids, money, words
from .customers import customer_ids
from .employees import employee_ids, on_duty
from .life import Mechanism, Stage, Step
from .traits import SEGMENTS
from .world import World

__all__ = ["ContactLife", "contacts", "expected_contact_cost"]

CHANNELS = ("visit", "telephone", "e-mail", "web", "chat")
DEPTHS = ("courtesy", "promotional", "personal")
# channel shares by depth; the last row is inbound
_CHANNELS = np.array(
    [
        [0.05, 0.35, 0.60, 0.0, 0.0],
        [0.10, 0.40, 0.45, 0.0, 0.05],
        [0.55, 0.40, 0.05, 0.0, 0.0],
        [0.0, 0.35, 0.30, 0.25, 0.10],
    ]
)
_COST = np.array([85.0, 9.0, 2.0, 0.3, 1.5])


class ContactLife(Mechanism):
    """The latest outbound contact of each depth."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        p, segment = stage.parameters.contacts, stage.traits.segment
        self.latest = np.full((3, stage.n), NEVER)
        self.rate = np.array([p.rate[name] for name in SEGMENTS[:3]])[segment]
        self.personal = np.array([p.personal[name] for name in SEGMENTS[:3]])[segment]

    def _recent(self, step: Step) -> Mask:
        lasts = self.stage.parameters.contacts.lasts_days
        return (self.latest < step.start) & (self.latest >= step.start - lasts)

    def log_hazard(self, step: Step) -> Floats:
        """Return the sum over the depths of which there was a contact lately."""
        effect = self.stage.parameters.contacts.log_hazard
        return np.array([effect[name] for name in DEPTHS]) @ self._recent(step)

    def log_demand(self, step: Step) -> Floats:
        """Return the sum over the depths of which there was a contact lately."""
        effect = self.stage.parameters.contacts.log_demand
        return np.array([effect[name] for name in DEPTHS]) @ self._recent(step)

    def happen(self, step: Step, rng: np.random.Generator) -> Floats:
        """Let the company call on some customers, and some customers call."""
        p, n = self.stage.parameters.contacts, self.stage.n
        u = rng.random((7, n))
        rate = self.rate * np.exp(p.complaint * self.stage.complaining)
        length = step.end - step.start
        day = step.start + np.floor(u[1] * length).astype(np.int64)
        reached = np.flatnonzero(step.active & (u[0] < -np.expm1(-rate)) & (day < step.last))
        rest = (u[2] - self.personal) / (1 - self.personal)
        depth = np.where(u[2] < self.personal, 2, np.where(rest < p.promotional, 1, 0))
        self.latest[depth[reached], reached] = day[reached]
        self._log(reached, day[reached], depth[reached], u[3][reached])
        day = step.start + np.floor(u[5] * length).astype(np.int64)
        calls = np.flatnonzero(step.active & (u[4] < p.inbound) & (day < step.last))
        self._log(calls, day[calls], np.full(len(calls), 3), u[6][calls])
        return np.zeros(n)

    def _log(self, who: np.ndarray, day: np.ndarray, depth: np.ndarray, u: np.ndarray) -> None:
        channel = (u[:, None] > _CHANNELS[depth].cumsum(axis=1)[:, :-1]).sum(axis=1)
        self.stage.logs["contacts"].add(customer=who, day=day, depth=depth, channel=channel)


def expected_contact_cost(world: World) -> Floats:
    """Return the cost of contacts in a month without complaints; one value a customer."""
    p, segment = world.parameters.contacts, world.traits.segment
    rate = np.array([p.rate[name] for name in SEGMENTS[:3]])[segment]
    personal = np.array([p.personal[name] for name in SEGMENTS[:3]])[segment]
    rest = 1 - personal
    shares = np.stack([rest * (1 - p.promotional), rest * p.promotional, personal], axis=1)
    each = _CHANNELS @ _COST
    return -np.expm1(-rate) * (shares @ each[:3]) + p.inbound * each[3]


def contacts(world: World) -> pd.DataFrame:
    """Return the contacts within the records, by day."""
    log = world.life.events["contacts"]
    log = {name: values[world.calendar.known(log["day"])] for name, values in log.items()}
    order = np.lexsort((world.number[log["customer"]], log["day"]))
    who, day, depth, channel = (log[c][order] for c in ("customer", "day", "depth", "channel"))
    rng, n = world.streams.rng("contact rows"), len(who)
    department = np.where(depth == 3, 4, 0)
    return pd.DataFrame(
        {
            "contact_id": ids(f"T{world.streams.block:04d}", np.arange(n), 7),
            "customer_id": customer_ids(world.number[who]),
            "at": days(day),
            "channel": words(CHANNELS, channel),
            "direction": words(("outbound", "inbound"), (depth == 3).astype(np.int64)),
            "depth": words(DEPTHS, np.where(depth == 3, -1, depth)),
            "cost": money(_COST[channel] * rng.gamma(9.0, 1 / 9.0, size=n)),
            "employee_id": employee_ids(
                on_duty(world.firm, world.traits.branch[who], department, day, rng)
            ),
        }
    )
