"""The tables `surveys` and `invitations`: several instruments, several waves, some answer.

All answers come out of one structural model (`Surveys.paths`): given the satisfaction that the
customer has on the day of the invitation, the other latent variables are drawn from their
conditional distribution, part of it lasting, part of it of the wave.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, Ints, days, ids, words
from .customers import customer_ids
from .employees import employee_ids, on_duty
from .firm import BRANCHES
from .parameters import Surveys
from .world import World

__all__ = ["DIMENSIONS", "FACETS", "Answers", "implied_covariance", "invitations", "surveys"]

DIMENSIONS = ("tangibles", "reliability", "responsiveness", "assurance", "empathy")
_PER_DIMENSION = (4, 5, 4, 4, 5)
FACETS = (
    "economic_risk",
    "evaluation",
    "learning",
    "set_up",
    "benefit_loss",
    "monetary_loss",
    "personal_loss",
    "brand_loss",
)
_FACET_KIND = np.array([0, 0, 0, 0, 1, 1, 2, 2])  # procedural, financial, relational
_BOND_KIND = np.array([0, 0, 1, 0, 2])  # of integration, training, discount, data, personal
_WEIGHTS = np.array([11.0, 32.0, 23.0, 18.0, 16.0])
INSTRUMENTS = ("pulse", "relationship", "servqual")
_ECSI = {
    "image": 4,
    "expectation": 3,
    "quality": 4,
    "value": 2,
    "satisfaction": 3,
    "trust": 3,
    "loyalty": 3,
}


@dataclass(frozen=True)
class Answers:
    """Answers to one instrument: one row of `score` a questionnaire, one column an item."""

    who: Ints
    invited: Ints
    answered: Ints
    wave: Ints
    employee: Ints
    items: tuple[str, ...]
    score: Floats


@cache
def _latents(paths: tuple[tuple[str, tuple[tuple[str, float], ...]], ...]) -> tuple[str, ...]:
    effects = [effect for effect, _ in paths]
    causes = [cause for _, of in paths for cause, _ in of]
    return tuple(dict.fromkeys([c for c in causes if c not in effects] + effects))


def implied_covariance(p: Surveys) -> tuple[tuple[str, ...], Floats]:
    """Return the latent variables and their covariance; every variance is 1."""
    names = _latents(tuple((e, tuple(of.items())) for e, of in p.paths.items()))
    place = {name: k for k, name in enumerate(names)}
    covariance = np.eye(len(names))
    for effect, causes in p.paths.items():
        k, before = place[effect], place[effect]
        on = np.zeros(len(names))
        for cause, coefficient in causes.items():
            on[place[cause]] = coefficient
        covariance[k, :before] = covariance[:before, k] = covariance[:before] @ on
    return names, covariance


def surveys(world: World) -> pd.DataFrame:
    """Return the answers given within the records, one row an item."""
    parts, first = [], 0
    for instrument, answers in _all(world).items():
        parts.append(_rows(world, instrument, answers, first))
        first += len(answers.who)
    return pd.concat(parts, ignore_index=True)


def _rows(world: World, instrument: str, answers: Answers, first: int) -> pd.DataFrame:
    kept = np.flatnonzero(answers.answered != NEVER)
    n, k = len(kept), len(answers.items)
    row = np.repeat(kept, k)
    wave_names = _wave_names(world)
    employee = employee_ids(np.maximum(answers.employee[row], 0))
    return pd.DataFrame(
        {
            "response_id": ids(f"R{world.streams.block:04d}", first + row, 7),
            "customer_id": customer_ids(world.number[answers.who[row]]),
            "answered_on": days(answers.answered[row]),
            "instrument": words((instrument,), np.zeros(n * k, dtype=np.int64)),
            "item": words(answers.items, np.tile(np.arange(k), n)),
            "score": answers.score[kept].ravel(),
            "branch": words(BRANCHES, world.traits.branch[answers.who[row]]),
            "employee_id": employee.where(answers.employee[row] >= 0),
            "wave": words(wave_names, answers.wave[row]),
        }
    )


def invitations(world: World) -> pd.DataFrame:
    """Return who was invited to which questionnaire when, answered or not."""
    parts = [
        pd.DataFrame(
            {
                "customer_id": customer_ids(world.number[answers.who]),
                "invited_on": days(answers.invited),
                "instrument": words((name,), np.zeros(len(answers.who), dtype=np.int64)),
            }
        )
        for name, answers in _all(world).items()
    ]
    table = pd.concat(parts, ignore_index=True)
    return table.sort_values(["invited_on", "customer_id", "instrument"], ignore_index=True)


def _wave_names(world: World) -> list[str]:
    first = np.datetime64(world.calendar.start, "M")
    months = (first + np.arange(0, world.calendar.n_months, 3)).astype(object)
    return [f"{m.year}-Q{(m.month + 2) // 3}" for m in months]


def _all(world: World) -> dict[str, Answers]:
    """Return the answers to all instruments; the same each time."""
    rng = world.streams.rng("surveys")
    lasting = rng.normal(size=(len(world.traits), 40))
    waves = np.arange(len(_wave_names(world)))
    turns = {"pulse": waves, "relationship": waves[1::4], "servqual": waves[3::4]}
    makers = {"pulse": _pulse, "relationship": _relationship, "servqual": _servqual}
    return {
        name: makers[name](world, *_invite(world, turns[name], rng), lasting, rng)
        for name in INSTRUMENTS
    }


def _invite(
    world: World, waves: Ints, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints, Ints, Floats]:
    """Return customer, wave, day of invitation, day of answer and satisfaction."""
    calendar, p = world.calendar, world.parameters.surveys
    parts = []
    for wave in waves:
        # the tenth of the middle month of each quarter of the records
        month = calendar.start_month + 3 * wave + 1
        if month >= calendar.n_months:
            continue
        day = calendar.firsts[month] + 9
        step = np.where(world.traits.day <= 10, month, month - 1)
        at = np.arange(len(world.traits))
        satisfaction = world.life.satisfaction[at, step]
        start = calendar.firsts[step] + world.traits.day - 1
        here = (start + world.life.days[at, step] > day) & ~np.isnan(satisfaction)
        here &= rng.random(len(at)) < p.invited
        parts.append((at[here], np.full(here.sum(), wave), np.full(here.sum(), day), step[here]))
    who, wave, day, step = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    satisfaction = world.life.satisfaction[who, step]
    known = day < calendar.cutoff_day
    who, wave, day, satisfaction = who[known], wave[known], day[known], satisfaction[known]
    odds = p.respond + p.respond_slope * satisfaction
    answered = day + 1 + np.floor(rng.exponential(5.0, size=len(who))).astype(np.int64)
    answers = (rng.random(len(who)) < 1 / (1 + np.exp(-odds))) & (answered < calendar.cutoff_day)
    answers &= answered < _gone(world, who, day)
    return who, wave, day, np.where(answers, answered, NEVER), satisfaction


def _gone(world: World, who: Ints, day: Ints) -> Ints:
    """Return the day on which the contract that ran on a day ended."""
    spells = world.life.spells
    far = np.iinfo(np.int64).max
    ended = np.where(spells["ended"] == NEVER, far, spells["ended"])
    order = np.lexsort((spells["began"], spells["customer"]))
    key = spells["customer"][order] * 100_000 + spells["began"][order]
    place = np.searchsorted(key, who * 100_000 + day, side="right") - 1
    return ended[order][place]


def _given_satisfaction(
    world: World, who: Ints, satisfaction: Floats, lasting: Floats, rng: np.random.Generator
) -> dict[str, Floats]:
    """Return all latent variables, drawn given satisfaction."""
    p = world.parameters.surveys
    names, covariance = implied_covariance(p)
    s = names.index("satisfaction")
    rest = covariance - np.outer(covariance[s], covariance[s])
    values, vectors = np.linalg.eigh(rest)
    root = vectors * np.sqrt(np.maximum(values, 0))
    own = np.sqrt(p.lasting_share) * lasting[who, : len(names)]
    chance = own + np.sqrt(1 - p.lasting_share) * rng.normal(size=(len(who), len(names)))
    latent = satisfaction[:, None] * covariance[s] + chance @ root.T
    return dict(zip(names, latent.T, strict=True))


def _item(latent: Floats, mean: float, slope: float, low: int, high: int, noise: Floats) -> Floats:
    return np.clip(np.round(mean + slope * (latent + noise)), low, high)


def _pulse(
    world: World,
    who: Ints,
    wave: Ints,
    day: Ints,
    answered: Ints,
    satisfaction: Floats,
    lasting: Floats,
    rng: np.random.Generator,
) -> Answers:
    p, staff, n = world.parameters.surveys, world.parameters.staff, len(who)
    latent = _given_satisfaction(world, who, satisfaction, lasting, rng)
    csat = np.clip(np.round(7.0 + 1.5 * satisfaction + p.csat_noise * rng.normal(size=n)), 1, 10)
    nps = _item(latent["loyalty"], 7.4, 2.0, 0, 10, 0.3 * rng.normal(size=n))
    served = on_duty(world.firm, world.traits.branch[who], np.full(n, 4), day, rng)
    rating = 7.0 + 0.8 * satisfaction + world.firm.staff_effect[served]
    rating += staff.rater_sd * lasting[who, 39] + staff.rating_noise * rng.normal(size=n)
    score = np.stack([csat, nps, np.clip(np.round(rating), 1, 10)], axis=1)
    return Answers(who, day, answered, wave, served, ("csat", "nps", "service_rating"), score)


def _relationship(
    world: World,
    who: Ints,
    wave: Ints,
    day: Ints,
    answered: Ints,
    satisfaction: Floats,
    lasting: Floats,
    rng: np.random.Generator,
) -> Answers:
    noise = world.parameters.surveys.item_noise
    n = len(who)
    latent = _given_satisfaction(world, who, satisfaction, lasting, rng)
    items, columns = [], []
    for construct, count in _ECSI.items():
        for k in range(1, count + 1):
            items.append(f"{construct}_{k}")
            drawn = noise * rng.normal(size=n)
            columns.append(_item(latent[construct], 6.8, 1.5, 1, 10, drawn))
    bound = _bound(world, who, day)[:, _FACET_KIND]
    for facet, name in enumerate(FACETS):
        items.append(f"switch_{name}")
        level = 0.8 * (bound[:, facet] - 0.4) + 0.6 * latent["switching_cost"]
        columns.append(_item(level, 3.8, 1.2, 1, 7, noise * rng.normal(size=n)))
    for k in (1, 2):
        items.append(f"intention_{k}")
        drawn = noise * rng.normal(size=n)
        columns.append(_item(latent["loyalty"], 4.9, 1.1, 1, 7, drawn))
    served = np.full(n, -1)
    return Answers(who, day, answered, wave, served, tuple(items), np.stack(columns, axis=1))


def _bound(world: World, who: Ints, day: Ints) -> Floats:
    """Return how many bonds of each kind (procedural, financial, relational) stood on a day."""
    log = world.life.events["bonds"]
    bound = np.zeros((len(who), 3))
    for kind in range(len(_BOND_KIND)):
        chosen = log["kind"] == kind
        since = np.full(len(world.traits), np.iinfo(np.int64).max)
        np.minimum.at(since, log["customer"][chosen], log["since"][chosen])
        bound[:, _BOND_KIND[kind]] += since[who] < day
    return bound


def _servqual(
    world: World,
    who: Ints,
    wave: Ints,
    day: Ints,
    answered: Ints,
    satisfaction: Floats,
    lasting: Floats,
    rng: np.random.Generator,
) -> Answers:
    noise, n = world.parameters.surveys.item_noise, len(who)
    latent = _given_satisfaction(world, who, satisfaction, lasting, rng)
    items, columns = [], []
    for side, mean, slope in (("expected", 5.9, 0.7), ("perceived", 5.0, 1.1)):
        for name, count in zip(DIMENSIONS, _PER_DIMENSION, strict=True):
            level = latent["expectation"] if side == "expected" else latent[name]
            for k in range(1, count + 1):
                items.append(f"{side}_{name}_{k}")
                columns.append(_item(level, mean, slope, 1, 7, noise * rng.normal(size=n)))
    points = rng.dirichlet(_WEIGHTS, size=n)
    whole = np.round(100 * points)
    whole[:, 1] += 100 - whole.sum(axis=1)
    items += [f"weight_{name}" for name in DIMENSIONS]
    score = np.concatenate([np.stack(columns, axis=1), whole], axis=1)
    return Answers(who, day, answered, wave, np.full(n, -1), tuple(items), score)
