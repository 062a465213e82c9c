"""The tables `employees` and `staff_surveys`: who serves in which branch, and in what mood."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pandas as pd

from .columns import NEVER, Ints, days, ids, words
from .firm import BRANCHES, DEPARTMENTS, Firm
from .parameters import CompanyParameters
from .timeline import Calendar

__all__ = ["DEPARTMENTS", "employee_ids", "employees", "on_duty", "staff_surveys"]

Streams = Callable[[str], np.random.Generator]
STAFF_ITEMS = ("pay", "leadership", "tools", "workload", "recommend")


def employee_ids(numbers: Ints) -> pd.Series:
    """Return the ids of employees by their number."""
    return ids("E", numbers, 5)


def on_duty(
    firm: Firm, branch: Ints, department: Ints, day: Ints, rng: np.random.Generator
) -> Ints:
    """Return an employee of the branch and department who worked there on the day."""
    posts = firm.per_branch // len(DEPARTMENTS) + (
        np.arange(len(DEPARTMENTS)) < firm.per_branch % len(DEPARTMENTS)
    )
    turn = np.floor(rng.random(len(day)) * posts[department]).astype(np.int64)
    post = branch * firm.per_branch + department + turn * len(DEPARTMENTS)
    # successors are numbered post by post, in the order in which they came
    return np.searchsorted(firm.post_key, post * 100_000 + day, side="right") - 1


def employees(
    firm: Firm, calendar: Calendar, parameters: CompanyParameters, rng: Streams
) -> pd.DataFrame:
    """Return all who ever worked within the records."""
    known = firm.staff_joined < calendar.cutoff_day
    known &= (firm.staff_left == NEVER) | (firm.staff_left > calendar.start_day)
    number = np.flatnonzero(known)
    left = firm.staff_left[number]
    return pd.DataFrame(
        {
            "employee_id": employee_ids(number),
            "joined_on": days(firm.staff_joined[number]),
            "left_on": days(np.where(left < calendar.cutoff_day, left, NEVER)),
            "branch": words(BRANCHES, firm.staff_post[number] // firm.per_branch),
            "department": words(
                DEPARTMENTS, firm.staff_post[number] % firm.per_branch % len(DEPARTMENTS)
            ),
        }
    )


def staff_surveys(
    firm: Firm, calendar: Calendar, parameters: CompanyParameters, rng: Streams
) -> pd.DataFrame:
    """Return the answers of the staff, asked every half year."""
    chance, p = rng("staff surveys"), parameters.staff
    parts = []
    for month in range(calendar.start_month + 2, calendar.n_months, 6):
        day = calendar.firsts[month] + 9
        here = (firm.staff_joined <= day) & ((firm.staff_left == NEVER) | (firm.staff_left > day))
        here &= chance.random(len(here)) < p.answers
        who = np.flatnonzero(here)
        mood = firm.mood[firm.staff_post[who] // firm.per_branch, month]
        latent = 3.4 + p.item_loading * mood[:, None]
        noise = p.item_noise * chance.normal(size=(len(who), len(STAFF_ITEMS)))
        score = np.clip(np.round(latent + noise), 1, 5)
        parts.append(
            pd.DataFrame(
                {
                    "employee_id": employee_ids(np.repeat(who, len(STAFF_ITEMS))),
                    "answered_on": days(np.full(score.size, day)),
                    "item": words(STAFF_ITEMS, np.tile(np.arange(len(STAFF_ITEMS)), len(who))),
                    "score": score.ravel(),
                }
            )
        )
    table = pd.concat(parts, ignore_index=True)
    return table[table["answered_on"] < pd.Timestamp(calendar.cutoff)].reset_index(drop=True)
