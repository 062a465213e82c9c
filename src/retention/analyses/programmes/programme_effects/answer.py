"""Which programme keeps customers, for how long, and at what return."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import AnalysisError, NotEnoughDataError, ParameterError, RetentionError
from retention.estimates import Estimate
from retention.features import build_programmes, money_column

from .drawn import randomised
from .effect import ProgrammeEffect
from .levels import by_level
from .observed import observed
from .rivals import RivalAnswers, rival_answers
from .rolled_out import rolled_out

__all__ = ["ProgrammeEffects", "programme_effects"]

_BEFORE_AFTER = (
    "before and after alone: who left has no after, and those whom a programme is offered to were "
    "seldom average before it"
)
_GOALS = {"retained": "share retained", "net": "money less cost, a customer"}
_NO_DRAW = "randomised: the enrolments were not drawn by lot (assignment is not random)"
_NO_TURNS = "roll-out: the programme did not come to places one after the other"


@dataclass(frozen=True, eq=False, kw_only=True)
class ProgrammeEffects:
    """Answer of `programme_effects`.

    Parameters
    ----------
    register : DataFrame
        One row a programme, see `build_programmes`.
    effects : mapping of str to ProgrammeEffect
        By programme, as far as one could be told.
    refused : DataFrame
        One row a programme and design not used: ``programme``, ``design`` with the reason.
    goals : DataFrame
        One row a stated goal: ``programme``, ``what``, ``planned``, ``achieved`` with ``low`` and
        ``high``, ``verdict``.
    levels : mapping of str to Estimate
        Effects by level of bond, under ``<bond>: <number>``, and the difference in fading.
    rivals : RivalAnswers
        How the market answered each programme.
    horizon : int
        Units of follow-up.
    unit, currency, money : str
        Unit of the follow-up, currency, and whether money is margin or revenue.
    """

    register: pd.DataFrame
    effects: Mapping[str, ProgrammeEffect]
    refused: pd.DataFrame
    goals: pd.DataFrame
    levels: Mapping[str, Estimate]
    rivals: RivalAnswers
    horizon: int
    unit: str
    currency: str
    money: str

    def summary(self) -> pd.DataFrame:
        """Return one row a programme: design, grade, effects with intervals, cost and return."""
        rows = []
        for name, effect in self.effects.items():
            row: dict[str, Any] = {"programme": name, "bond": effect.bond, "design": effect.design}
            row["grade"] = effect.retained.grade
            for key, estimate in effect.estimates().items():
                row |= {
                    key: _or_nan(estimate.value),
                    f"{key}_low": _or_nan(estimate.low),
                    f"{key}_high": _or_nan(estimate.high),
                }
            rows.append(row | {"enrolled": effect.enrolled})
        return pd.DataFrame(rows).set_index("programme") if rows else pd.DataFrame()

    def estimates(self) -> dict[str, Estimate]:
        """Return every effect under ``<programme>: <number>``, then by bond and by rivals.

        A level of bond with one programme is that programme, and is not told twice.
        """
        own = {
            f"{name}: {key}": estimate
            for name, effect in self.effects.items()
            for key, estimate in effect.estimates().items()
        }
        alone = self.register["bond"].drop_duplicates(keep=False)
        levels = {
            key: estimate
            for key, estimate in self.levels.items()
            if key.split(": ")[0] not in set(alone)
        }
        return own | levels | self.rivals.estimates()

    def headline(self) -> str:
        """Return which programme earns most over its cost, and how sure that is."""
        shown = {n: e.net for n, e in self.effects.items() if e.net.value is not None}
        if not shown:
            return "No programme shows what it earns: " + _first_reason(self.effects) + "."
        best = max(shown, key=lambda n: shown[n].value or 0.0)
        net, effect = shown[best], self.effects[best]
        how = f"{best} ({effect.bond} bond, {effect.design})"
        grade = "an effect" if net.grade in ("A", "B") else "an association, not an effect"
        paying = sum(e.low is not None and e.low > 0 for e in shown.values())
        span = f"within {self.horizon} {self.unit}s"
        if net.low is not None and net.low > 0:
            count = f"{paying} of {len(shown)} programmes surely earn more than they cost"
            return f"{how} earns {net} over its cost {span}, {grade}; {count}."
        return (
            f"None of {len(shown)} programmes surely earns more than it costs {span}; the best "
            f"guess is {how} with {net} over its cost, {grade}."
        )

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before a programme is stopped or extended."""
        found = [c for effect in self.effects.values() for c in effect.cautions]
        if self.money == "revenue":
            found.append("Orders state no margin: money here is revenue, and no return is given.")
        early = self.register["too_early"]
        found += [
            f"{name}: {count:,} enrolments are dated before the customer was acquired and are in "
            "no comparison; see the data-quality page and mend the dates."
            for name, count in early[early > 0].items()
        ]
        return (*found, *self.rivals.cautions())


def programme_effects(
    tables: Tables,
    *,
    horizon: int = 12,
    goals: Mapping[str, float] | None = None,
    own_firm: str = "",
    replicates: int = 200,
    level: float = 0.95,
    seed: int = 1,
) -> ProgrammeEffects:
    """Estimate what each programme does to retention and money, by the best design there is.

    A drawn programme is compared with those who were not drawn; one that came to places in turn
    with the places that had not had it yet; one that customers join with like customers who had
    not joined. Comparing before with after alone is refused.

    Parameters
    ----------
    tables : Tables
        With ``enrolments``, ``contracts`` and ``customers``; ``orders`` for money, ``surveys`` for
        satisfaction, ``market`` for what rivals answered. Goals, eligibility and costs that no
        table holds are those of the project file.
    horizon : int
        Units of the window over which retention and money are followed.
    goals : mapping of str to float, optional
        Planned gain in the share retained at the horizon, by programme, such as 0.03; instead of
        those of the project file.
    own_firm : str
        Our name in the table ``market``.
    replicates : int
        Bootstrap samples behind the intervals of curves.
    level, seed : float, int
        Level of intervals; seed of the bootstrap and of the thinning of controls.

    Returns
    -------
    ProgrammeEffects

    Raises
    ------
    MissingTableError
        If a table is missing.
    ParameterError
        If the horizon is below 1, or a goal names no programme.
    """
    if horizon < 1:
        raise ParameterError(f"horizon must be 1 or more, got {horizon}")
    tables.require("enrolments", "contracts", "customers", needed_for="effects of programmes")
    register = build_programmes(tables)
    if unknown := sorted(set(goals or {}) - set(register.index)):
        raise ParameterError(f"goals name no programme: {', '.join(unknown)}")
    effects: dict[str, ProgrammeEffect] = {}
    refused: list[tuple[str, str]] = []
    for name in register.index:
        rng = np.random.default_rng([seed, len(effects)])
        found, reasons = _strongest(tables, register, name, horizon, replicates, level, rng)
        refused += [(name, reason) for reason in [*reasons, _BEFORE_AFTER]]
        if found is not None:
            effects[name] = found
    return ProgrammeEffects(
        register=register,
        effects=effects,
        refused=pd.DataFrame(refused, columns=["programme", "design"]),
        goals=_against_goals(effects, _goals(tables, goals)),
        levels=by_level(effects, level),
        rivals=rival_answers(tables, register, own_firm=own_firm, level=level),
        horizon=horizon, unit=tables.window.unit, currency=tables.currency,
        money="revenue" if money_column(tables) == "amount" else "margin",
    )  # fmt: skip


def _strongest(
    tables: Tables, register: pd.DataFrame, name: str, horizon: int, replicates: int,
    level: float, rng: np.random.Generator,
) -> tuple[ProgrammeEffect | None, list[str]]:  # fmt: skip
    """Return the effect by the strongest design that holds, and the designs refused on the way."""
    programme = register.loc[[name]].iloc[0]
    reasons = []
    if programme["assignment"] == "random":
        try:
            found = randomised(
                tables,
                name,
                programme,
                horizon=horizon,
                level=level,
                replicates=replicates,
                rng=rng,
            )
        except (NotEnoughDataError, AnalysisError) as error:
            reasons.append(f"randomised: {error}")
        else:
            return found, []
    else:
        reasons.append(_NO_DRAW)
    if programme["assignment"] == "rollout":
        try:
            return rolled_out(tables, name, programme, horizon=horizon, level=level), reasons
        except (NotEnoughDataError, AnalysisError, ParameterError) as error:
            reasons.append(f"roll-out: {error}")
    else:
        reasons.append(_NO_TURNS)
    try:
        found = observed(
            tables, name, programme, horizon=horizon, level=level, replicates=replicates, rng=rng
        )
    except RetentionError as error:
        return None, [*reasons, f"observational: {error}"]
    return found, reasons


def _goals(tables: Tables, given: Mapping[str, float] | None) -> list[tuple[str, str, float]]:
    """Return programme, number and plan of each goal, given or of the project file."""
    if given is not None:
        return [(name, "retained", planned) for name, planned in given.items()]
    return [
        (name, number, float(said[key]))
        for name, said in sorted(tables.programmes.items())
        for key, number in (("goal", "retained"), ("goal_money", "net"))
        if key in said
    ]


def _against_goals(
    effects: Mapping[str, ProgrammeEffect], goals: Sequence[tuple[str, str, float]]
) -> pd.DataFrame:
    rows = []
    for name, number, planned in goals:
        achieved = effects[name].estimates()[number] if name in effects else None
        row: dict[str, Any] = {"programme": name, "what": _GOALS[number], "planned": planned}
        for end in ("value", "low", "high"):
            row[{"value": "achieved"}.get(end, end)] = _or_nan(getattr(achieved, end, None))
        rows.append(row | {"verdict": _verdict(achieved, planned)})
    names = ["programme", "what", "planned", "achieved", "low", "high", "verdict"]
    return pd.DataFrame(rows, columns=names)


def _verdict(achieved: Estimate | None, planned: float) -> str:
    if achieved is None:
        return "cannot be told: no design holds, or nobody is enrolled under this name"
    if achieved.low is None or achieved.high is None:
        return f"cannot be told: {achieved.why}"
    if achieved.low >= planned:
        return "met beyond noise"
    return "missed beyond noise" if achieved.high < planned else "not decided by these data"


def _or_nan(value: float | None) -> float:
    return float("nan") if value is None else value


def _first_reason(effects: Mapping[str, ProgrammeEffect]) -> str:
    return next((e.net.why for e in effects.values()), "no design holds for any of them")
