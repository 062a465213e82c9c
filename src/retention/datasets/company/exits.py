"""The table `exits`: what is said about why customers left, who was asked, and who came back."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.schemas import HELD_OUT

from .columns import NEVER, Ints, Mask, days, money, words
from .customers import customer_ids
from .firm import RIVALS
from .life import CAUSES
from .world import World

__all__ = ["exits"]

# what is said when the truth is not: customers are polite, employees blame the price
_CUSTOMER_SAYS = np.array([0.35, 0.15, 0.20, 0.30, 0.0])
_EMPLOYEE_SAYS = np.array([0.75, 0.05, 0.10, 0.10, 0.0])


def exits(world: World) -> pd.DataFrame:
    """Return one row an exit within the records."""
    spells, calendar, rng = world.life.spells, world.calendar, world.streams.rng("exits")
    order = np.lexsort((spells["began"], spells["customer"]))
    spells = {name: values[order] for name, values in spells.items()}
    returned = _next_beginning(spells["customer"], spells["began"])
    gone = (spells["ended"] != NEVER) & (spells["ended"] > calendar.start_day)
    gone &= (spells["ended"] < calendar.cutoff_day) & (spells["began"] < calendar.cutoff_day)
    who, ended, cause = (spells[name][gone] for name in ("customer", "ended", "cause"))
    returned = np.where(returned < calendar.cutoff_day, returned, NEVER)[gone]
    stated_by, reason = _stated(world, cause, rng)
    to_rival = (cause <= 2) & (rng.random(len(who)) < 0.7)
    rival = np.where(to_rival, rng.choice(len(RIVALS), size=len(who), p=[0.5, 0.3, 0.2]), -1)
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "exited_on": days(ended),
            "reason": words(CAUSES, reason),
            "stated_by": words(("customer", "employee"), stated_by),
            "competitor": words(RIVALS, rival),
            "returned_on": days(returned),
            **_asked(world, spells, gone),
        }
    )
    return table.sort_values(["customer_id", "exited_on"], ignore_index=True)


def _next_beginning(customer: Ints, began: Ints) -> Ints:
    later = np.full(len(began), NEVER)
    again = customer[1:] == customer[:-1]
    later[:-1][again] = began[1:][again]
    return later


def _asked(world: World, spells: dict[str, Ints], gone: Mask) -> dict[str, object]:
    """Return when the lot was drawn for each exit, what was offered, and what asking cost."""
    exits, log = world.parameters.exits, world.life.events["asked back"]
    known = world.calendar.known(log["day"])
    who, day, offer = (log[name][known].astype(np.int64) for name in ("customer", "day", "offer"))
    drawn = np.full(len(spells["customer"]), NEVER)
    kind = np.full(len(drawn), -1)
    # the exit asked about is the customer's last one before the day; both lists rise by customer
    key = spells["customer"].astype(np.int64) * 10**6 + spells["began"]
    place = np.searchsorted(key, who * 10**6 + day) - 1
    drawn[place] = day
    kind[place] = np.where(offer < 0, len(exits.offer_log_rate), offer)
    drawn, kind = drawn[gone], kind[gone]
    rng = world.streams.rng("cost of asking")
    cost = np.array([*(exits.offer_cost[name] for name in exits.offer_log_rate), np.nan, np.nan])
    return {
        "offered_on": days(drawn),
        "offer": words((*exits.offer_log_rate, HELD_OUT), kind),
        "offer_cost": money(cost[kind] * rng.gamma(16.0, 1 / 16.0, size=len(kind))),
        "offer_assignment": words(("random",), np.where(kind < 0, -1, 0)),
    }


def _stated(world: World, cause: Ints, rng: np.random.Generator) -> tuple[Ints, Ints]:
    """Return by whom a reason was stated and which; -1 where nobody asked."""
    p, n = world.parameters.exits, len(cause)
    who = rng.choice(
        [0, 1, -1],
        size=n,
        p=[p.said_by_customer, p.said_by_employee, 1 - p.said_by_customer - p.said_by_employee],
    )
    truthful = rng.random(n) < np.where(who == 0, p.truthful_customer, p.truthful_employee)
    customer_says = rng.choice(len(CAUSES), size=n, p=_CUSTOMER_SAYS)
    employee_says = rng.choice(len(CAUSES), size=n, p=_EMPLOYEE_SAYS)
    said = np.where(truthful, cause, np.where(who == 0, customer_says, employee_says))
    return who, np.where(who < 0, -1, said)
