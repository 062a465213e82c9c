"""What all customers share: branches with staff and quality, rivals with their prices."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from .columns import NEVER, Floats, Ints
from .parameters import CompanyParameters
from .timeline import Calendar

__all__ = [
    "BRANCHES",
    "DEPARTMENTS",
    "LIST_PRICE",
    "PRODUCTS",
    "REGIONS",
    "RIVALS",
    "Firm",
    "branch_region",
    "carried",
    "draw_firm",
]

REGIONS = ("north", "east", "south", "west")
BRANCHES = tuple(f"{region}-{k}" for region in REGIONS for k in range(1, 7))
PRODUCTS = ("basic", "plus", "premium")
LIST_PRICE = np.array([49.0, 99.0, 199.0])
DEPARTMENTS = ("sales", "dispatch", "warehouse", "accounts", "service")
RIVALS = ("Kestrel", "Norda", "Pilot")


@dataclass(frozen=True)
class Firm:
    """The company itself and its market, month by month.

    Parameters
    ----------
    mood : ndarray of float, shape (branches, months)
        Mood of the staff, about standard normal.
    quality : ndarray of float, shape (branches, months)
        Quality of service, in units of latent satisfaction.
    rival_log_index : ndarray of float, shape (months,)
        Logarithm of the rivals' mean price, 0 where it equals our list price.
    rollout : ndarray of int, shape (branches,)
        Wave of the structural programme, from 0; 3 for never.
    per_branch : int
        Posts in a branch.
    staff_post, staff_joined, staff_left : ndarray of int, shape (employees,)
        Post, first day and first day no longer with us, ordered by post and day.
    staff_effect : ndarray of float, shape (employees,)
        What the employee adds to the rating of a service, in points.
    """

    mood: Floats
    quality: Floats
    rival_log_index: Floats
    rollout: Ints
    per_branch: int
    staff_post: Ints
    staff_joined: Ints
    staff_left: Ints
    staff_effect: Floats

    @property
    def post_key(self) -> Ints:
        """Post and first day in one rising number."""
        return self.staff_post * 100_000 + self.staff_joined


def draw_firm(
    parameters: CompanyParameters,
    calendar: Calendar,
    rng: Callable[[str], np.random.Generator],
) -> Firm:
    """Draw the branches, their staff and the market."""
    shape, chain = (len(BRANCHES), calendar.n_months), parameters.staff.chain
    mood = _series(shape, rng("mood"))
    other = _series(shape, rng("quality"))
    before = np.concatenate([mood[:, :1], mood[:, :-1]], axis=1)
    quality = parameters.satisfaction.quality_sd * (chain * before + np.sqrt(1 - chain**2) * other)
    rivals = 0.04 * carried(rng("rivals").normal(size=(1, calendar.n_months)), 0.95)[0]
    post, joined, left = _staff(parameters, calendar, mood, rng("staff"))
    return Firm(
        mood=mood,
        quality=quality,
        rival_log_index=rivals - rivals.mean() + _answer(parameters, calendar),
        rollout=rng("rollout").permutation(np.arange(len(BRANCHES)) // 6),
        per_branch=parameters.staff.per_branch,
        staff_post=post,
        staff_joined=joined,
        staff_left=left,
        staff_effect=parameters.staff.rating_sd * rng("staff effect").normal(size=len(post)),
    )


def _answer(parameters: CompanyParameters, calendar: Calendar) -> Floats:
    """Return by how much the rebate has moved the rivals' log prices by each month."""
    market = parameters.market
    started = calendar.start_month + parameters.programmes.rebate_month
    since = np.maximum(np.arange(calendar.n_months) - started + 1, 0)
    return market.answer * (1 - 0.5 ** (since / market.answer_half_time))


def _series(shape: tuple[int, int], rng: np.random.Generator) -> Floats:
    """Return series of branches, centred in the month, with a lasting and a moving part."""
    lasting, moving = rng.normal(size=(shape[0], 1)), carried(rng.normal(size=shape), 0.9)
    values = 0.8 * lasting + 0.6 * moving
    return values - values.mean(axis=0)


def carried(shocks: Floats, memory: float) -> Floats:
    """Return series of variance 1 in which each value keeps `memory` of the one before.

    Parameters
    ----------
    shocks : ndarray of float, shape (series, months)
        Independent standard normal.
    memory : float
        Correlation of neighbouring months, 0 to below 1.
    """
    values = shocks.copy()
    for t in range(1, values.shape[1]):
        values[:, t] = memory * values[:, t - 1] + np.sqrt(1 - memory**2) * shocks[:, t]
    return values


def branch_region(branch: Ints) -> Ints:
    """Return the region, as a place in `REGIONS`, of each branch."""
    return branch // (len(BRANCHES) // len(REGIONS))


def _staff(
    parameters: CompanyParameters, calendar: Calendar, mood: Floats, rng: np.random.Generator
) -> tuple[Ints, Ints, Ints]:
    """Fill every post from the first month on; whoever leaves is replaced on the same day."""
    p = parameters.staff
    n = len(BRANCHES) * p.per_branch
    joined = calendar.firsts[0] - 1 - np.floor(2_000 * rng.random(n)).astype(np.int64)
    post, parts = np.arange(n), []
    for month in range(calendar.n_months):
        hazard = p.leave * np.exp(p.leave_mood * mood[post // p.per_branch, month])
        goes = np.flatnonzero(rng.random(n) < -np.expm1(-hazard))
        day = calendar.firsts[month] + rng.integers(1, 29, size=len(goes))
        parts.append((goes, joined[goes], day))
        joined[goes] = day
    parts.append((post, joined, np.full(n, NEVER)))
    who, since, left = (np.concatenate(columns) for columns in zip(*parts, strict=True))
    order = np.lexsort((since, who))
    return who[order], since[order], left[order]
