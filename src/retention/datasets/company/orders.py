"""The table `orders`: what contract customers and spot customers buy, and how they pay."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, Ints, Mask, days, ids, money, words
from .customers import customer_ids
from .firm import BRANCHES
from .world import World

__all__ = ["SERVICES", "orders", "orders_of", "price_response", "service_preference"]

SERVICES = ("parcel", "pallet", "express", "storage", "customs", "insurance")
_DAYS_A_MONTH = 30.4375
SERVICE_AN_ORDER = 2.0  # cost of serving any order, whatever its value
_DISCOUNTS = np.array([0.0, 0.05, 0.10])
_PROMISED = np.array([2, 3, 1, 5, 4, 1])  # days to delivery, by service


@dataclass(frozen=True)
class _Lines:
    """One value an order, before it becomes a row."""

    number: Ints
    day: Ints
    gross: Floats
    core: Floats
    burden: Floats
    satisfaction: Floats
    quality: Floats
    branch: Ints
    service: Ints
    discount: Floats
    margin_share: Floats
    returned: Mask


def orders(world: World) -> pd.DataFrame:
    """Return the orders of one block within the records, by day."""
    contract, spot = _contract_lines(world), _spot_lines(world)
    lines = _Lines(
        *(
            np.concatenate([getattr(contract, name), getattr(spot, name)])
            for name in _Lines.__dataclass_fields__
        )
    )
    return _rows(world, lines)


def _contract_lines(world: World) -> _Lines:
    rng, traits, buying = world.streams.rng("orders"), world.traits, world.parameters.buying
    who, month = np.nonzero(world.life.days)
    present = world.life.days[who, month]
    satisfaction = world.life.satisfaction[who, month]
    log_rate = buying.satisfaction_log_rate * satisfaction + world.life.log_demand[who, month]
    rate = traits.order_rate[who] * np.exp(log_rate)
    count = rng.poisson(rate * present / _DAYS_A_MONTH)
    who, month, present = (np.repeat(values, count) for values in (who, month, present))
    satisfaction, n = np.repeat(satisfaction, count), count.sum()
    day = world.calendar.firsts[month] + traits.day[who] - 1
    day = day + np.floor(present * rng.random(n)).astype(np.int64)
    discount = _DISCOUNTS[rng.choice(3, size=n, p=[0.8, 0.1, 0.1])]
    gross = rng.gamma(buying.amount_p, 1 / traits.amount_rate[who])
    gross = gross * np.exp(price_response(world)[who] * discount)
    lines = _Lines(
        number=world.number[who],
        day=day,
        gross=gross,
        core=traits.core[who],
        burden=traits.burden[who],
        satisfaction=satisfaction,
        quality=world.firm.quality[traits.branch[who], month],
        branch=traits.branch[who],
        service=_services(world, who, rng),
        discount=discount,
        margin_share=np.full(n, buying.margin_share),
        returned=rng.random(n) < buying.return_share,
    )
    return _known(world, lines)


def orders_of(world: World) -> pd.DataFrame:
    """Return customer (place), day and amount of the orders of contract customers."""
    lines = _contract_lines(world)
    place = np.full(int(world.number.max(initial=0)) + 1, -1)
    place[world.number] = np.arange(len(world.number))
    return pd.DataFrame(
        {
            "customer": place[lines.number],
            "ordered_on": days(lines.day),
            "amount": _amount(lines),
        }
    )


def _amount(lines: _Lines) -> Floats:
    return np.where(lines.returned, -1.0, 1.0) * money(lines.gross * (1 - lines.discount))


def price_response(world: World) -> Floats:
    """Return by how much log(order value) grows a unit of discount; one value a customer."""
    own = world.streams.rng("price response").normal(size=len(world.traits))
    buying = world.parameters.buying
    log_response = 0.3 * own - buying.price_response_core * world.traits.core
    return buying.price_response * np.exp(log_response)


def service_preference(world: World) -> Floats:
    """Return the share of each service in the orders of each customer, shape (n, services)."""
    taste = world.streams.rng("preference").normal(size=(len(world.traits), len(SERVICES)))
    buying = world.parameters.buying
    sharp = buying.preference * np.exp(buying.preference_core * world.traits.core)
    weight = np.exp(sharp[:, None] * taste)
    return weight / weight.sum(axis=1, keepdims=True)


def _services(world: World, who: Ints, rng: np.random.Generator) -> Ints:
    below = service_preference(world).cumsum(axis=1)[who]
    return (rng.random((len(who), 1)) > below[:, :-1]).sum(axis=1)


def _spot_lines(world: World) -> _Lines:
    rng, spot, calendar = world.streams.rng("spot orders"), world.spot, world.calendar
    active = np.minimum(spot.died, calendar.cutoff_day) - spot.acquired
    count = rng.poisson(spot.purchase_rate / 7 * active)
    who = np.repeat(np.arange(len(spot)), count)
    later = spot.acquired[who] + np.floor(active[who] * rng.random(len(who))).astype(np.int64)
    who = np.concatenate([np.arange(len(spot)), who])  # the first order is the acquisition
    n = len(who)
    nothing = np.zeros(n)
    return _Lines(
        number=world.spot_number[who],
        day=np.concatenate([spot.acquired, later]),
        gross=rng.gamma(world.parameters.spot.p, 1 / spot.amount_rate[who]),
        core=nothing,
        burden=np.ones(n),
        satisfaction=nothing,
        quality=nothing,
        branch=np.full(n, -1),
        service=rng.integers(0, len(SERVICES), size=n),
        discount=nothing,
        margin_share=np.full(n, world.parameters.spot.margin_share),
        returned=np.zeros(n, dtype=bool),
    )


def _known(world: World, lines: _Lines) -> _Lines:
    known = (lines.day >= world.calendar.start_day) & (lines.day < world.calendar.cutoff_day)
    return _Lines(*(getattr(lines, name)[known] for name in _Lines.__dataclass_fields__))


def _rows(world: World, lines: _Lines) -> pd.DataFrame:
    rng, buying, n = world.streams.rng("order rows"), world.parameters.buying, len(lines.day)
    amount = _amount(lines)
    pay_mean = buying.days_to_pay * np.exp(
        -buying.days_to_pay_core * lines.core - buying.days_to_pay_satisfaction * lines.satisfaction
    )
    paid = lines.day + np.round(rng.gamma(8.0, pay_mean / 8.0)).astype(np.int64)
    promised = lines.day + _PROMISED[lines.service]
    late = rng.random(n) < 1 / (1 + np.exp(buying.late_logit + buying.late_quality * lines.quality))
    delivered = promised + np.where(late, rng.integers(1, 6, size=n), 0)
    service = buying.service_share * np.exp(-buying.service_core * lines.core)
    cost = lines.burden * (SERVICE_AN_ORDER + service * lines.gross)
    cutoff = world.calendar.cutoff_day
    order = np.lexsort((lines.number, lines.day))
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(lines.number),
            "ordered_on": days(lines.day),
            "amount": amount,
            "product": words(SERVICES, lines.service),
            "discount": money(lines.gross * lines.discount),
            "margin": money(amount * (lines.margin_share + 0.03 * rng.normal(size=n))),
            "service_cost": money(cost * rng.gamma(9.0, 1 / 9.0, size=n)),
            "due_on": days(lines.day + 30),
            "paid_on": days(np.where(paid < cutoff, paid, NEVER)),
            "delivered_on": days(np.where(delivered < cutoff, delivered, NEVER)),
            "promised_on": days(promised),
            "branch": words(BRANCHES, lines.branch),
        }
    ).iloc[order]
    table.insert(0, "order_id", ids(f"O{world.streams.block:04d}", np.arange(n), 7).to_numpy())
    return table.reset_index(drop=True)
