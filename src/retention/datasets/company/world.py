"""One block of customers: everything from which their rows in the tables are made."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zlib import crc32

import numpy as np

from .columns import NEVER, Ints
from .firm import Firm
from .life import Life, Mechanism, Stage, live
from .parameters import CompanyParameters
from .spot import SpotCustomers, draw_spot
from .timeline import Calendar
from .traits import Traits, draw_traits

__all__ = ["BLOCK", "Streams", "World", "make_world"]

BLOCK = 10_000  # customers drawn together; part of the version: another size is another company


@dataclass(frozen=True)
class Streams:
    """Independent streams of chance, one a purpose: a new purpose changes no other."""

    seed: int
    block: int = -1  # -1: what the whole company shares

    def rng(self, purpose: str) -> np.random.Generator:
        """Return the generator of a purpose, always from its beginning."""
        key = (self.block + 1, crc32(purpose.encode()))
        return np.random.default_rng(np.random.SeedSequence(self.seed, spawn_key=key))


@dataclass(frozen=True)
class World:
    """The customers of one block, contract customers and spot customers, and what they did.

    ``number`` and ``spot_number`` are the numbers of the customers in the whole company, from
    which their ids are made; arrays of traits, life and events refer to places in these.
    """

    parameters: CompanyParameters
    calendar: Calendar
    firm: Firm
    streams: Streams
    traits: Traits
    life: Life
    number: Ints
    spot: SpotCustomers
    spot_number: Ints
    unseen: int


def make_world(
    parameters: CompanyParameters,
    calendar: Calendar,
    firm: Firm,
    streams: Streams,
    size: int,
    mechanisms: Mapping[str, type[Mechanism]],
) -> World:
    """Make one block of `size` customers of record."""
    n_spot = round(size * parameters.acquisition.spot_share)
    n_contract = size - n_spot
    numbers = streams.block * BLOCK + streams.rng("numbers").permutation(size)
    candidates = int(1.4 * n_contract) + 40
    while True:
        traits = draw_traits(parameters, calendar, candidates, streams.rng("traits"))
        life = _live(parameters, calendar, firm, streams, traits, mechanisms)
        seen = _seen(life, calendar)
        if len(seen) >= n_contract:
            break
        candidates = int(1.3 * candidates)
    # candidates are alike, so the first that the records know are a fair sample of those
    keep = seen[:n_contract]
    drawn = np.arange(int(keep[-1]) + 1 if n_contract else 0)
    early = traits.month[drawn] < calendar.start_month
    unseen = int(early.sum() - early[keep].sum())
    return World(
        parameters=parameters,
        calendar=calendar,
        firm=firm,
        streams=streams,
        traits=traits.take(keep),
        life=life.take(keep),
        number=numbers[:n_contract],
        spot=draw_spot(parameters, calendar, n_spot, streams.rng("spot")),
        spot_number=numbers[n_contract:],
        unseen=unseen,
    )


def _live(
    parameters: CompanyParameters,
    calendar: Calendar,
    firm: Firm,
    streams: Streams,
    traits: Traits,
    mechanisms: Mapping[str, type[Mechanism]],
) -> Life:
    n = len(traits)
    stage = Stage(
        parameters, calendar, firm, traits, np.zeros(n), np.full(n, -1), np.zeros(n, dtype=bool)
    )
    working = {name: kind(stage) for name, kind in mechanisms.items()}
    purposes = ("leaving", "coming back", "asking back", "mood", *mechanisms)
    return live(stage, working, {name: streams.rng(f"life {name}") for name in purposes})


def _seen(life: Life, calendar: Calendar) -> Ints:
    """Return which customers had a contract on some day of the records."""
    began, ended = life.spells["began"], life.spells["ended"]
    lasted = (ended == NEVER) | (ended > calendar.start_day)
    return np.unique(life.spells["customer"][lasted & (began < calendar.cutoff_day)])
