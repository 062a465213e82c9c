"""The life of contract customers: month of tenure by month of tenure, cause before effect.

All causes meet in one loop over calendar months. A customer's step covers one month of tenure:
from the day of the month on which the contract began to the same day of the next month. The
hazard of a step is made of what was the case on its first day; what happens during the step
(problems, contacts, joining a programme) acts from the next step on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .columns import NEVER, Floats, Ints, Mask
from .firm import Firm
from .parameters import CompanyParameters
from .timeline import Calendar
from .traits import SEGMENTS, Traits

__all__ = ["CAUSES", "Life", "Log", "Mechanism", "Stage", "Step", "live"]

Table = dict[str, NDArray[Any]]

CAUSES = ("price", "service", "relationship", "structural", "ours")


class Log:
    """Events as they happen, a few arrays a month; `table` puts them end to end."""

    def __init__(self) -> None:
        self._parts: dict[str, list[NDArray[Any]]] = defaultdict(list)

    def add(self, **columns: NDArray[Any]) -> None:
        """Append events: arrays of one length, the same columns each time."""
        for name, values in columns.items():
            self._parts[name].append(values)

    def table(self) -> Table:
        """Return one array a column."""
        return {name: np.concatenate(parts) for name, parts in self._parts.items()}


@dataclass
class Stage:
    """What the mechanisms see: the customers, the firm, and the state that they move."""

    parameters: CompanyParameters
    calendar: Calendar
    firm: Firm
    traits: Traits
    satisfaction: Floats
    began: Ints  # month in which the running contract began; -1 while there is none
    complaining: Mask  # whether a complaint is open on the first day of the step
    terms: dict[str, Floats] = field(default_factory=dict)  # of the log hazard, of the step
    logs: dict[str, Log] = field(default_factory=lambda: defaultdict(Log))

    @property
    def n(self) -> int:
        """How many customers."""
        return len(self.traits)


@dataclass(frozen=True)
class Step:
    """One month of tenure of every customer with a contract.

    ``active`` says who has a contract on the first day; ``start`` and ``end`` are days since
    1970-01-01, half-open; ``last`` is ``end``, or the day of leaving; ``tenure`` counts from 1.
    """

    month: int
    start: Ints
    end: Ints
    last: Ints
    active: Mask
    tenure: Ints


class Mechanism:
    """A cause of staying or leaving, which keeps its own state; by itself it does nothing.

    Parameters
    ----------
    stage : Stage
        The customers and what the mechanisms share.
    """

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    def log_hazard(self, step: Step) -> Floats:
        """Return what is added to the log hazard, as the case is on the first day."""
        return np.zeros(self.stage.n)

    def log_demand(self, step: Step) -> Floats:
        """Return what is added to the logarithm of the rate of orders in the step."""
        return np.zeros(self.stage.n)

    def happen(self, step: Step, rng: np.random.Generator) -> Floats:
        """Draw what happens in the step, log it, and return the shock to satisfaction."""
        return np.zeros(self.stage.n)


@dataclass(frozen=True)
class Life:
    """What became of the customers.

    ``log_hazard`` and ``satisfaction`` hold one value a customer and month, as on the first day
    of the step; not a number where there was no contract. ``days`` counts the days with a
    contract in each step, ``tenure`` the month of tenure from 1, ``terms`` the part of each
    mechanism in the log hazard. ``spells`` has the columns customer, began (day), ended (day,
    `NEVER` if still running) and cause (place in `CAUSES`, -1 if still running).
    """

    spells: Table
    events: dict[str, Table]
    log_hazard: Floats
    satisfaction: Floats
    log_demand: Floats
    days: Ints
    tenure: Ints
    terms: dict[str, Floats]

    def take(self, keep: Ints) -> Life:
        """Return the lives of the customers at the places `keep`, which rise."""
        place = np.full(len(self.log_hazard), -1)
        place[keep] = np.arange(len(keep))
        return Life(
            _of(self.spells, place),
            {name: _of(events, place) for name, events in self.events.items()},
            self.log_hazard[keep],
            self.satisfaction[keep],
            self.log_demand[keep],
            self.days[keep],
            self.tenure[keep],
            {name: values[keep] for name, values in self.terms.items()},
        )


def _of(events: Table, place: Ints) -> Table:
    kept = place[events["customer"].astype(np.int64)] >= 0
    chosen = {name: values[kept] for name, values in events.items()}
    return chosen | {"customer": place[chosen["customer"].astype(np.int64)]}


def live(
    stage: Stage, mechanisms: dict[str, Mechanism], rngs: dict[str, np.random.Generator]
) -> Life:
    """Run through all months."""
    history = _blank(stage, mechanisms)
    carried = np.zeros(stage.n)
    leaving = Leaving(stage)
    for month in range(stage.calendar.n_months):
        stage.began[stage.traits.month == month] = month
        leaving.come_back(month, rngs["coming back"])
        leaving.ask_back(month, rngs["asking back"])
        stage.satisfaction = _satisfaction(stage, carried, month)
        step = _step(stage, month)
        stage.terms = {name: m.log_hazard(step) for name, m in mechanisms.items()}
        log_hazard = sum(stage.terms.values(), start=_own_hazard(stage, step))
        log_demand = sum((m.log_demand(step) for m in mechanisms.values()), np.zeros(stage.n))
        gone = leaving.leave(step, log_hazard, rngs["leaving"])
        step = replace(step, last=np.where(gone > 0, gone, step.end))
        _remember(history, stage, step, log_hazard, log_demand)
        shock = stage.parameters.satisfaction.shock_sd * rngs["mood"].normal(size=stage.n)
        for name, mechanism in mechanisms.items():
            shock = shock + mechanism.happen(step, rngs[name])
        carried = stage.parameters.satisfaction.memory * carried + shock
    leaving.close_books()
    events = {name: log.table() for name, log in stage.logs.items()}
    spells = events.pop("spells")
    return replace(history, spells=spells, events=events)


def _blank(stage: Stage, mechanisms: dict[str, Mechanism]) -> Life:
    shape = (stage.n, stage.calendar.n_months)
    return Life(
        spells={},
        events={},
        log_hazard=np.full(shape, np.nan),
        satisfaction=np.full(shape, np.nan),
        log_demand=np.zeros(shape),
        days=np.zeros(shape, dtype=np.int64),
        tenure=np.zeros(shape, dtype=np.int64),
        terms={name: np.zeros(shape) for name in mechanisms},
    )


def _remember(
    history: Life, stage: Stage, step: Step, log_hazard: Floats, log_demand: Floats
) -> None:
    month, active = step.month, step.active
    history.log_hazard[active, month] = log_hazard[active]
    history.satisfaction[active, month] = stage.satisfaction[active]
    history.log_demand[:, month] = log_demand
    history.days[:, month] = np.where(active, step.last - step.start, 0)
    history.tenure[:, month] = step.tenure
    for name, term in stage.terms.items():
        history.terms[name][:, month] = term


def _satisfaction(stage: Stage, carried: Floats, month: int) -> Floats:
    traits = stage.traits
    quality = stage.firm.quality[traits.branch, month]
    return stage.parameters.satisfaction.intercept + traits.lasting + quality + carried


def _step(stage: Stage, month: int) -> Step:
    firsts, day = stage.calendar.firsts, stage.traits.day
    start, end = firsts[month] + day - 1, firsts[month + 1] + day - 1
    return Step(month, start, end, end, stage.began >= 0, month - stage.began + 1)


def _own_hazard(stage: Stage, step: Step) -> Floats:
    """Return the part of the log hazard from tenure, segment, price, satisfaction, warmth."""
    hazard, traits = stage.parameters.hazard, stage.traits
    segment = np.array([hazard.segment.get(name, 0.0) for name in SEGMENTS])
    return (
        tenure_log_hazard(stage.parameters, step.tenure)
        + segment[traits.segment]
        + hazard.price * price_gap(stage, step)
        + satisfaction_log_hazard(stage.parameters, stage.satisfaction)
        + hazard.warmth * traits.warmth
    )


def tenure_log_hazard(parameters: CompanyParameters, tenure: Ints) -> Floats:
    """Return the log hazard by month of tenure, from 1, all else at its reference."""
    hazard = parameters.hazard
    t = np.maximum(tenure, 1)
    early = hazard.early * np.exp(-(t - 1) / hazard.early_months)
    return hazard.level + early + hazard.renewal * (t % 12 == 0)


def satisfaction_log_hazard(parameters: CompanyParameters, satisfaction: Floats) -> Floats:
    """Return what satisfaction adds: three slopes that meet at two knots, 0 at satisfaction 0."""
    low, high = parameters.hazard.satisfaction_knots
    below, between, above = parameters.hazard.satisfaction
    return (
        below * np.minimum(satisfaction - low, 0)
        + between * np.clip(satisfaction, low, high)
        + above * np.maximum(satisfaction - high, 0)
    )


class Leaving:
    """Who leaves when and why, and who comes back."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.month = np.full(stage.n, -1)
        self.cause = np.full(stage.n, -1)
        self.drawn = np.full(stage.n, -1)  # month in which the lot was drawn; -1: not yet
        self.offer = np.full(stage.n, -1)  # place in the offers; -1: none

    def leave(self, step: Step, log_hazard: Floats, rng: np.random.Generator) -> Ints:
        """End contracts; return the day of leaving, -1 for those who stay."""
        stage = self.stage
        # drawn for everybody, so that a changed effect moves nobody else's fate
        chance, when, why = rng.random((3, stage.n))
        leaves = step.active & (chance < -np.expm1(-np.exp(log_hazard)))
        # (start, end]: an end on the anniversary is still in this month of tenure
        left_on = step.start + 1 + np.floor(when * (step.end - step.start)).astype(np.int64)
        shares = cause_shares(stage, step).cumsum(axis=1)
        cause = (why[:, None] > shares[:, :-1]).sum(axis=1)
        who = np.flatnonzero(leaves)
        self._log(who, left_on[who], cause[who])
        stage.began[who], self.month[who], self.cause[who] = -1, step.month, cause[who]
        self.drawn[who], self.offer[who] = -1, -1
        return np.where(leaves, left_on, -1)

    def come_back(self, month: int, rng: np.random.Generator) -> None:
        """Let some of those who left two to 24 months ago begin a new contract."""
        exits, chance = self.stage.parameters.exits, rng.random(self.stage.n)
        rate = np.array([exits.return_rate[name] for name in CAUSES] + [0.0])[self.cause]
        offers = np.array([*exits.offer_log_rate.values(), 0.0])[self.offer]
        acts = (self.offer >= 0) & (month - self.drawn <= exits.offer_lasts_months)
        rate = np.where(acts, -np.expm1(np.log1p(-rate) * np.exp(offers)), rate)
        away = month - self.month
        back = (self.month >= 0) & (away >= 2) & (away <= 24) & (chance < rate)
        self.stage.began[back] = month
        self.month[back] = -1

    def ask_back(self, month: int, rng: np.random.Generator) -> None:
        """Draw lost customers by lot and ask all but a share; an offer acts from now on."""
        stage, exits = self.stage, self.stage.parameters.exits
        chance, when, kept, which = rng.random((4, stage.n))
        away = month - self.month
        lost = (self.month >= 0) & (stage.began < 0) & (away >= 2) & (away <= 12)
        lost &= (self.drawn < 0) & (self.cause != CAUSES.index("ours"))
        lost &= month >= stage.calendar.start_month + exits.ask_month
        who = np.flatnonzero(lost & (chance < exits.ask_rate))
        offer = np.floor(which * len(exits.offer_log_rate)).astype(np.int64)
        offer = np.where(kept < exits.ask_held_out, -1, offer)[who]
        self.drawn[who], self.offer[who] = month, offer
        first, following = stage.calendar.firsts[month : month + 2]
        day = first + np.floor(when[who] * (following - first)).astype(np.int64)
        stage.logs["asked back"].add(customer=who, day=day, offer=offer)

    def close_books(self) -> None:
        """Log the contracts that still run."""
        here = np.flatnonzero(self.stage.began >= 0)
        self._log(here, np.full(len(here), NEVER), np.full(len(here), -1))

    def _log(self, who: Ints, ended: Ints, cause: Ints) -> None:
        stage = self.stage
        began = stage.calendar.firsts[stage.began[who]] + stage.traits.day[who] - 1
        stage.logs["spells"].add(customer=who, began=began, ended=ended, cause=cause)


def cause_shares(stage: Stage, step: Step) -> Floats:
    """Return the chance of each cause, given that a customer leaves in the step; shape (n, 5)."""
    exits, nothing = stage.parameters.exits, np.zeros(stage.n)
    complained = stage.terms.get("complaints", nothing) > 0
    visited = stage.terms.get("contacts", nothing) < 0
    scores = (
        exits.price_0 + exits.price_gap * price_gap(stage, step),
        exits.service_0
        + exits.service_satisfaction * stage.satisfaction
        + exits.service_complaint * complained,
        exits.relationship_0 + exits.relationship_contact * visited,
        nothing + exits.structural,
        nothing + exits.ours,
    )
    weight = np.exp(np.stack(scores, axis=1))
    return weight / weight.sum(axis=1, keepdims=True)


def price_gap(stage: Stage, step: Step) -> Floats:
    """Return log(our price / list price) less the rivals' log index of the month before."""
    return stage.traits.price_gap - stage.firm.rival_log_index[max(step.month - 1, 0)]
