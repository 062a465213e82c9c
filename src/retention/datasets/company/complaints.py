"""Problems and complaints: the case life, and its mark on the hazard."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.special import ndtri

from .columns import NEVER, Floats, Ints, days, ids, money, words
from .customers import customer_ids
from .employees import DEPARTMENTS, employee_ids, on_duty
from .life import Mechanism, Stage, Step
from .world import World

__all__ = ["CATEGORIES", "ComplaintLife", "complaints"]

CATEGORIES = ("late delivery", "damage", "billing", "staff", "information")
_SHARES = np.array([0.35, 0.20, 0.20, 0.10, 0.15])
_DEPARTMENT = np.array([1, 2, 3, 4, 0])  # of `DEPARTMENTS`, by category
_NO_EFFECT = np.iinfo(np.int64).max


class ComplaintLife(Mechanism):
    """The latest complaint of each customer; a new one can come once the last is closed."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        p = stage.parameters.complaints
        self.opened = np.full(stage.n, _NO_EFFECT)
        self.closed = np.full(stage.n, _NO_EFFECT)
        self.ending = np.zeros(stage.n, dtype=np.int64)
        # by how it ended: resolved quickly, resolved slowly, unresolved
        self.effects = np.array(
            [p.log_hazard_quick, p.log_hazard_slow, p.log_hazard_unresolved], dtype=float
        )

    def log_hazard(self, step: Step) -> Floats:
        """Return the mark of the latest complaint, as it stands on the first day."""
        p = self.stage.parameters.complaints
        is_open = (self.opened < step.start) & (self.closed >= step.start)
        recent = (self.closed < step.start) & (step.start - self.closed <= p.lasts_days)
        self.stage.complaining = is_open
        after = np.where(recent, self.effects[self.ending], 0.0)
        return np.where(is_open, p.log_hazard_open, after)

    def happen(self, step: Step, rng: np.random.Generator) -> Floats:
        """Let problems come, some be complained about, and cases take their course."""
        p, traits = self.stage.parameters.complaints, self.stage.traits
        u = rng.random((12, self.stage.n))
        quality = self.stage.firm.quality[traits.branch, step.month]
        day = step.start + np.floor(u[1] * (step.end - step.start)).astype(np.int64)
        problem = step.active & (u[0] < p.problem * np.exp(p.problem_quality * quality))
        problem &= day < step.last
        severity = 1 + np.searchsorted(np.cumsum(p.severities)[:-1], u[2])
        speaks = u[3] < np.array(p.speak_up)[severity - 1]
        complaint = problem & speaks & ((self.closed < day) | (self.opened == _NO_EFFECT))
        passed = u[4] < p.passed_on
        log_days = np.log(p.days) + p.days_severity * (severity - 2) + p.days_passed_on * passed
        length = 1 + np.floor(np.exp(log_days + p.days_sd * ndtri(u[5]))).astype(np.int64)
        closed = np.where(u[6] < p.never_closed, _NO_EFFECT - 1, day + length)
        odds = p.resolved + p.resolved_severity * (severity - 2) + p.resolved_passed_on * passed
        resolved = u[7] < 1 / (1 + np.exp(-odds))
        ending = np.where(resolved, np.where(length <= p.quick_days, 0, 1), 2)
        who = np.flatnonzero(complaint)
        self.opened[who], self.closed[who], self.ending[who] = day[who], closed[who], ending[who]
        columns = {
            "customer": np.arange(self.stage.n),
            "opened": day,
            "closed": np.where(closed == _NO_EFFECT - 1, NEVER, closed),
            "answered": day + 1 + np.floor(u[8] * np.minimum(length, 5)).astype(np.int64),
            "severity": severity,
            "category": np.searchsorted(_SHARES.cumsum()[:-1], u[9]),
            "passed": passed,
            "ending": ending,
            "asked": u[10],
            "score": u[11],
        }
        self.stage.logs["complaints"].add(**{name: c[who] for name, c in columns.items()})
        there = np.flatnonzero(problem)
        self.stage.logs["problems"].add(
            customer=there, day=day[there], severity=severity[there], spoken=speaks[there]
        )
        return np.where(problem, p.problem_shock * severity / 2, 0.0)


def _loss(world: World, severity: Ints) -> Floats:
    """Return what each problem cost the customer; it moves nothing."""
    p, rng = world.parameters.complaints, world.streams.rng("loss of complaints")
    drawn = p.loss_sd * rng.normal(size=len(severity))
    return money(p.loss * np.exp(p.loss_severity * (severity - 2) + drawn))


def complaints(world: World) -> pd.DataFrame:
    """Return the cases opened within the records, as they stood at the cutoff."""
    log, cutoff = world.life.events["complaints"], world.calendar.cutoff_day
    log = {name: values[world.calendar.known(log["opened"])] for name, values in log.items()}
    who, n = log["customer"], len(log["customer"])
    p, rng = world.parameters.complaints, world.streams.rng("complaint rows")
    closed = np.where(log["closed"] < cutoff, log["closed"], NEVER)
    outcome = np.where(closed == NEVER, 2, (log["ending"] == 2).astype(np.int64))
    asked_on = closed + 3 + rng.integers(0, 12, size=n)
    asked = (closed != NEVER) & (log["asked"] < p.follow_up) & (asked_on < cutoff)
    score = np.array([78.0, 62.0, 30.0])[log["ending"]] + 15.0 * ndtri(log["score"])
    department = _DEPARTMENT[log["category"]]
    order = np.lexsort((world.number[who], log["opened"]))
    answered = np.where(log["answered"] < cutoff, log["answered"], NEVER)
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "opened_on": days(log["opened"]),
            "closed_on": days(closed),
            "category": words(CATEGORIES, log["category"]),
            "severity": log["severity"],
            "loss": _loss(world, log["severity"]),
            "department": words(DEPARTMENTS, department),
            "employee_id": employee_ids(
                on_duty(world.firm, world.traits.branch[who], department, log["opened"], rng)
            ),
            "outcome": words(("resolved", "unresolved", "open"), outcome),
            "follow_up_score": np.where(asked, np.clip(np.round(score), 0, 100), np.nan),
            "follow_up_on": days(np.where(asked, asked_on, NEVER)),
            "answered_on": days(answered),
            "passed_on": log["passed"],
        }
    ).iloc[order]
    table.insert(0, "complaint_id", ids(f"K{world.streams.block:04d}", np.arange(n), 6).to_numpy())
    return table.reset_index(drop=True)
