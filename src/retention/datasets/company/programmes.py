"""Three programmes: randomised, rolled out, self-selected. The table `enrolments`."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, Ints, days, money, words
from .customers import customer_ids
from .life import Mechanism, Stage, Step
from .parameters import PROGRAMMES
from .traits import SEGMENTS
from .world import World

__all__ = ["ProgrammeLife", "enrolments"]

_BONDS = ("financial", "structural", "social")
_ASSIGNMENTS = ("random", "rollout", "self")
_DAYS_A_MONTH = 30.4375


class ProgrammeLife(Mechanism):
    """Since when each customer takes part in each programme."""

    def __init__(self, stage: Stage) -> None:
        super().__init__(stage)
        p = stage.parameters.programmes
        self.since = np.full((len(PROGRAMMES), stage.n), NEVER)
        self.settings = [getattr(p, name) for name in PROGRAMMES]
        self.fade = np.array([s.fade_months for s in self.settings])[:, None]
        key_account = stage.traits.segment == SEGMENTS.index("key account")
        odds = p.join + p.join_warmth * stage.traits.warmth + p.join_key_account * key_account
        self.join = 1 / (1 + np.exp(-odds))

    def _left_over(self, step: Step) -> Floats:
        """Return how much of the first effect is left, shape (programmes, n)."""
        joined = (self.since != NEVER) & (self.since < step.start)
        months = np.where(joined, step.start - self.since, 0) / _DAYS_A_MONTH
        return np.where(joined, np.exp(-months / self.fade), 0.0)

    def log_hazard(self, step: Step) -> Floats:
        """Return the sum over the programmes, each as far as it has not faded."""
        return np.array([s.log_hazard for s in self.settings]) @ self._left_over(step)

    def log_demand(self, step: Step) -> Floats:
        """Return the sum over the programmes, each as far as it has not faded."""
        return np.array([s.log_demand for s in self.settings]) @ self._left_over(step)

    def happen(self, step: Step, rng: np.random.Generator) -> Floats:
        """Enrol by coin, by branch and by own wish."""
        n, calendar, p = self.stage.n, self.stage.calendar, self.stage.parameters.programmes
        u = rng.random((3, n))
        first = calendar.start_month
        for month in {step.month, step.month + 1}:
            # the first of a month lies in the step that began in the month before
            day = np.full(n, calendar.firsts[month])
            inside = step.active & (step.start <= day) & (day < step.last)
            if month == first + p.rebate_month:
                self._offer(0, inside, day, coin=u[0] < 0.5)
            for wave, at in enumerate(p.rollout_months):
                if month == first + at:
                    turn = self.stage.firm.rollout[self.stage.traits.branch] == wave
                    self._offer(1, inside & turn, day)
        day = step.start + np.floor(u[2] * (step.end - step.start)).astype(np.int64)
        open_for = step.active & (step.month >= first + p.key_contact_month) & (day < step.last)
        self._offer(2, open_for & (u[1] < self.join), day)
        return np.zeros(n)

    def _offer(
        self, programme: int, eligible: np.ndarray, day: Ints, coin: np.ndarray | None = None
    ) -> None:
        eligible = eligible & (self.since[programme] == NEVER)
        joins = eligible if coin is None else eligible & coin
        who = np.flatnonzero(eligible)
        self.since[programme, joins] = day[joins]
        self.stage.logs["offers"].add(
            customer=who,
            programme=np.full(len(who), programme),
            day=day[who],
            joined=joins[who],
        )


def enrolments(world: World) -> pd.DataFrame:
    """Return who joined which programme when; of the randomised one only the treated."""
    log = world.life.events["offers"]
    kept = world.calendar.known(log["day"]) & log["joined"]
    who, programme, day = (log[name][kept] for name in ("customer", "programme", "day"))
    settings = [getattr(world.parameters.programmes, name) for name in PROGRAMMES]
    ends = np.where(programme == 0, day + 730, NEVER)
    table = pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "programme": words(PROGRAMMES, programme),
            "bond": words(_BONDS, programme),
            "enrolled_on": days(day),
            "ended_on": days(np.where(ends < world.calendar.cutoff_day, ends, NEVER)),
            "cost": money(np.array([s.cost for s in settings])[programme]),
            "assignment": words(_ASSIGNMENTS, programme),
        }
    )
    return table.sort_values(["customer_id", "enrolled_on", "programme"], ignore_index=True)
