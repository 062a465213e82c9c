"""The life of contract customers: month of tenure by month of tenure, cause before effect.

All causes meet in one loop over calendar months. A customer's step covers one month of tenure:
from the day of the month on which the contract began to the same day of the next month. The
hazard of a step is made of what was the case on its first day; what happens during the step
(problems, contacts, joining a programme) acts from the next step on.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from .calendar import Calendar
from .columns import NEVER, Floats, Ints, Mask
from .firm import Firm
from .parameters import CompanyParameters
from .traits import SEGMENTS, Traits

__all__ = ["Life", "Log", "Mechanism", "Stage", "Step", "live"]

Table = dict[str, NDArray[Any]]


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


class Mechanism(Protocol):
    """A cause of staying or leaving; it keeps its own state."""

    def __init__(self, stage: Stage) -> None: ...

    def log_hazard(self, step: Step) -> Floats | float:
        """Return what is added to the log hazard, as the case is on the first day."""

    def happen(self, step: Step, rng: np.random.Generator) -> Floats | float:
        """Draw what happens in the step, log it, and return the shock to satisfaction."""


@dataclass(frozen=True)
class Life:
    """What became of the customers.

    ``log_hazard`` and ``satisfaction`` hold one value a customer and month, as on the first day
    of the step; not a number where there was no contract. ``days`` counts the days with a
    contract in each step, ``tenure`` the month of tenure from 1. ``spells`` has the columns
    customer, began (day) and ended (day, `NEVER` if still running).
    """

    spells: Table
    events: dict[str, Table]
    log_hazard: Floats
    satisfaction: Floats
    days: Ints
    tenure: Ints

    def take(self, keep: Ints) -> Life:
        """Return the lives of the customers at the places `keep`, which rise."""
        place = np.full(len(self.log_hazard), -1)
        place[keep] = np.arange(len(keep))
        return Life(
            _of(self.spells, place),
            {name: _of(events, place) for name, events in self.events.items()},
            self.log_hazard[keep],
            self.satisfaction[keep],
            self.days[keep],
            self.tenure[keep],
        )


def _of(events: Table, place: Ints) -> Table:
    kept = place[events["customer"].astype(np.int64)] >= 0
    chosen = {name: values[kept] for name, values in events.items()}
    return chosen | {"customer": place[chosen["customer"].astype(np.int64)]}


def live(
    stage: Stage, mechanisms: dict[str, Mechanism], rngs: dict[str, np.random.Generator]
) -> Life:
    """Run through all months."""
    shape = (stage.n, stage.calendar.n_months)
    unknown = np.full(shape, np.nan)
    none = np.zeros(shape, dtype=np.int64)
    history = Life({}, {}, unknown, unknown.copy(), none, none.copy())
    carried = np.zeros(stage.n)
    for month in range(stage.calendar.n_months):
        stage.began[stage.traits.month == month] = month
        stage.satisfaction = _satisfaction(stage, carried, month)
        step = _step(stage, month)
        log_hazard = _own_hazard(stage, step)
        for mechanism in mechanisms.values():
            log_hazard = log_hazard + mechanism.log_hazard(step)
        history.log_hazard[step.active, month] = log_hazard[step.active]
        history.satisfaction[step.active, month] = stage.satisfaction[step.active]
        step = _leave(stage, step, log_hazard, rngs["leaving"])
        history.tenure[:, month] = step.tenure
        history.days[:, month] = np.where(step.active, step.last - step.start, 0)
        shock = stage.parameters.satisfaction.shock_sd * rngs["mood"].normal(size=stage.n)
        for name, mechanism in mechanisms.items():
            shock = shock + mechanism.happen(step, rngs[name])
        carried = stage.parameters.satisfaction.memory * carried + shock
    _still_here(stage)
    events = {name: log.table() for name, log in stage.logs.items()}
    spells = events.pop("spells")
    return replace(history, spells=spells, events=events)


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
    rivals = stage.firm.rival_log_index[max(step.month - 1, 0)]
    return (
        tenure_log_hazard(stage.parameters, step.tenure)
        + segment[traits.segment]
        + hazard.price * (traits.price_gap - rivals)
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


def _leave(stage: Stage, step: Step, log_hazard: Floats, rng: np.random.Generator) -> Step:
    """Return the step with the days of leaving; those who leave have no contract after it."""
    # both draws are made for everybody, so that a changed effect moves nobody else's fate
    chance, when = rng.random(stage.n), rng.random(stage.n)
    leaves = step.active & (chance < -np.expm1(-np.exp(log_hazard)))
    # (start, end]: an end on the anniversary is still in this month of tenure
    left_on = step.start + 1 + np.floor(when * (step.end - step.start)).astype(np.int64)
    _log_spells(stage, np.flatnonzero(leaves), left_on[leaves])
    stage.began[leaves] = -1
    last = np.where(leaves, left_on, step.end)
    return Step(step.month, step.start, step.end, last, step.active, step.tenure)


def _log_spells(stage: Stage, who: Ints, ended: Ints) -> None:
    began = stage.calendar.firsts[stage.began[who]] + stage.traits.day[who] - 1
    stage.logs["spells"].add(customer=who, began=began, ended=ended)


def _still_here(stage: Stage) -> None:
    here = np.flatnonzero(stage.began >= 0)
    _log_spells(stage, here, np.full(len(here), NEVER))
