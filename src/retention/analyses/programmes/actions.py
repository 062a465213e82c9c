"""What to do this period: one ranked list over the analyses, and what became of the last one."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.analyses.churn.churn_risk import churn_risk
from retention.analyses.customers.core_customers import dismissal_candidates
from retention.analyses.switching.bond_returns import bond_returns
from retention.engine import Tables
from retention.errors import RetentionError
from retention.estimates import Estimate, wilson_interval
from retention.features import build_programme_candidates, build_running

from .programme_effects import programme_effects
from .targeting import targeting

__all__ = ["Action", "Actions", "actions"]

_YEAR = 30.4375 * 12 / 30  # stretches of 30 days in a year


@dataclass(frozen=True, eq=False, kw_only=True)
class Action:
    """One thing to do.

    Parameters
    ----------
    what : str
        In words that can be acted on.
    customers : tuple of str
        For whom, the first to be reached first; empty where it is for no one in particular.
    worth : Estimate
        Expected money within a year for all of them together, after cost; withheld where no
        analysis has shown it.
    source : str
        The analysis behind it.
    why : str
        What speaks for it.
    """

    what: str
    customers: tuple[str, ...]
    worth: Estimate
    source: str
    why: str

    @property
    def sure(self) -> float:
        """What it brings at the low end of its interval; minus infinity where that is unknown."""
        return float("-inf") if self.worth.low is None else self.worth.low


@dataclass(frozen=True, eq=False, kw_only=True)
class Actions:
    """Answer of `actions`.

    Parameters
    ----------
    ranked : tuple of Action
        Those sure to bring money first, by the low end of the interval; then those expected to,
        then those whose worth nobody has shown.
    not_considered : DataFrame
        ``source`` and ``why``: analyses that had nothing to say.
    since_last : DataFrame
        What became of the customers the last period's list named first: ``named``, ``contacted``,
        ``left``, ``expected_to_leave``; empty where the window is too short.
    currency : str
    """

    ranked: tuple[Action, ...]
    not_considered: pd.DataFrame
    since_last: pd.DataFrame
    currency: str
    numbers: dict[str, Estimate]

    def summary(self) -> pd.DataFrame:
        """Return one row an action, in the order of the list."""
        rows = [
            {
                "what": a.what, "customers": len(a.customers), "worth": a.worth.value,
                "low": a.worth.low, "high": a.worth.high, "grade": a.worth.grade,
                "source": a.source, "why": a.why,
            }
            for a in self.ranked
        ]  # fmt: skip
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="rank"))

    def estimates(self) -> dict[str, Estimate]:
        """Return the worth of each action, and what became of the last list."""
        found = {f"worth {rank}": a.worth for rank, a in enumerate(self.ranked, start=1)}
        return found | self.numbers

    def headline(self) -> str:
        """Return the first action with its worth."""
        if not self.ranked:
            return "No analysis names anything to do: see what each of them is short of."
        first = self.ranked[0]
        worth = f"worth {first.worth} within a year" if first.worth.shown else (
            f"its worth is {first.worth}"
        )  # fmt: skip
        surely = sum(a.sure > 0 for a in self.ranked)
        return f"First: {first.what} ({worth}); {surely} of {len(self.ranked)} surely pay."

    def cautions(self) -> tuple[str, ...]:
        """Return how far the list may be trusted."""
        found = []
        if any(a.worth.grade in ("C", "D") for a in self.ranked):
            found.append(
                "Where the grade is C or D the worth is an association read as if it were an "
                "effect. Do it for some by lot first, and the next list will know."
            )
        return tuple(found)


def actions(tables: Tables, *, named: int = 20, seed: int = 1) -> Actions:
    """Rank what the analyses say should be done, by what it is sure to bring.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` and ``customers``; every further table lets more be said.
    named : int
        How many of the riskiest customers are named.
    seed : int
        Of the analyses that draw.

    Returns
    -------
    Actions
    """
    tables.require("contracts", "customers", needed_for="what to do")
    sources: dict[str, Callable[[], Sequence[Action]]] = {
        "programme_effects": lambda: _programmes(tables, seed),
        "targeting": lambda: _targeted(tables, seed),
        "bond_returns": lambda: _bonds(tables, seed),
        "core_customers": lambda: _losses(tables),
        "churn_risk": lambda: _risky(tables, named),
    }
    found: list[Action] = []
    silent: list[tuple[str, str]] = []
    for source, said in sources.items():
        try:
            told = said()
        except RetentionError as error:
            silent.append((source, str(error)))
            continue
        found += told
        if not told:
            silent.append((source, "nothing that calls for action"))
    since, numbers = _since_last(tables, named)
    return Actions(
        ranked=tuple(sorted(found, key=_rank)), currency=tables.currency, since_last=since,
        not_considered=pd.DataFrame(silent, columns=["source", "why"]), numbers=numbers,
    )  # fmt: skip


def _rank(action: Action) -> tuple[int, float, str]:
    if action.sure > 0:
        return 0, -action.sure, action.what
    value = action.worth.value
    return (2, 0.0, action.what) if value is None else (1, -value, action.what)


# what each analysis says --------------------------------------------------------------------------


def _programmes(tables: Tables, seed: int) -> list[Action]:
    """Extend what earns its cost; stop what does not, beyond doubt."""
    effects = programme_effects(tables, horizon=_a_year(tables), replicates=50, seed=seed).effects
    found = []
    for name, effect in effects.items():
        net = effect.net
        if net.low is None or net.high is None:
            continue
        if net.low > 0:
            who = tuple(build_programme_candidates(tables, name).index)
            found.append(Action(
                what=f"offer {name} to the {len(who):,} customers who do not have it",
                customers=who, worth=_times(net, len(who), tables), source="programme_effects",
                why=f"each enrolment earned {net}",
            ))  # fmt: skip
        elif net.high < 0:
            lately = _enrolled_lately(tables, name)
            if lately:
                found.append(Action(
                    what=f"stop {name}, or make it cheaper: {lately:,} enrolments a year",
                    customers=(), worth=_times(net, -lately, tables), source="programme_effects",
                    why=f"each enrolment earned {net}",
                ))  # fmt: skip
    return found


def _targeted(tables: Tables, seed: int) -> list[Action]:
    answer = targeting(tables, horizon=_a_year(tables), seed=seed)
    rule = answer.numbers["gain above cost"]
    if rule.low is None or rule.low <= 0 or answer.chosen.empty:
        return []
    base = len(build_programme_candidates(tables, answer.programme))
    return [Action(
        what=f"offer {answer.programme} to the {len(answer.chosen):,} customers of the list",
        customers=tuple(answer.chosen.index), worth=_times(rule, base, tables),
        source="targeting", why="those whose predicted gain exceeds the cost",
    )]  # fmt: skip


def _bonds(tables: Tables, seed: int) -> list[Action]:
    answer = bond_returns(tables, seed=seed)
    found = []
    for bond, row in answer.table.iterrows():
        gain = row["net"] if isinstance(row["net"], Estimate) else row["gain"]
        if gain.low is None or gain.low <= 0:
            continue
        count = int(row["without"])
        known = isinstance(row["net"], Estimate)
        spend = "after its cost" if known else "before its cost, which is not known"
        found.append(Action(
            what=f"build the bond {bond} with customers who do not have it ({count:,})",
            customers=(), source="bond_returns", why=f"it goes with kept margin of {gain}, {spend}",
            worth=_times(gain, count, tables) if known else Estimate.withheld(
                "the cost of the bond is not known", unit=tables.currency, n=gain.n,
                method=gain.method, grade=gain.grade,
            ),
        ))  # fmt: skip
    return found[:1]


def _losses(tables: Tables) -> list[Action]:
    """Mend the price or the service of those who cost more than they bring."""
    candidates = dismissal_candidates(tables)
    if candidates.empty:
        return []
    lost = -_YEAR * candidates[["high", "profit", "low"]].sum()
    method = "what they cost in a year as things stand; ends of their intervals added up"
    if len(candidates) < tables.minimum_n:
        worth = Estimate.withheld(
            f"{len(candidates)} customers, fewer than the {tables.minimum_n} a number needs; see "
            "each of them in the register",
            unit=tables.currency, n=len(candidates), method=method,
        )  # fmt: skip
    else:
        worth = Estimate(
            value=float(lost["profit"]), low=float(lost["high"]), high=float(lost["low"]),
            unit=tables.currency, n=len(candidates), grade="D", method=method,
        )  # fmt: skip
    what = f"raise the price or cut the service of {len(candidates):,} customers who cost more"
    why = "the whole interval of each one's profit lies below zero"
    who = tuple(candidates.index)
    source = "core_customers"
    return [
        Action(what=f"{what} than they bring", customers=who, worth=worth, source=source, why=why)
    ]


def _risky(tables: Tables, named: int) -> list[Action]:
    answer = churn_risk(tables, origins=1)
    key = "expected_loss" if "expected_loss" in answer.customers else "p_leave"
    first = answer.customers.sort_values(key, ascending=False, kind="stable")
    first = first[~first.index.duplicated()].head(named)
    stake = ""
    if "expected_loss" in first:
        stake = f", {first['expected_loss'].sum():,.0f} {tables.currency} a year at stake"
    return [Action(
        what=f"speak with the {len(first):,} customers with most to lose", source="churn_risk",
        customers=tuple(first.index),
        why=f"{first['p_leave'].sum():.1f} of them are expected to leave within "
        f"{answer.horizon} {answer.unit}s{stake}",
        worth=Estimate.withheld(
            "no trial has shown what speaking with them changes", unit=tables.currency,
            n=len(first), method="churn_risk", grade="C",
        ),
    )]  # fmt: skip


def _times(each: Estimate, count: int, tables: Tables) -> Estimate:
    """Return an estimate for `count` customers; a negative count turns the sign."""
    ends = [count * float(x or 0.0) for x in (each.value, each.low, each.high)]
    return Estimate(
        value=ends[0], low=min(ends[1:]), high=max(ends[1:]), level=each.level, n=each.n,
        unit=tables.currency, grade=each.grade,
        method=f"{each.method}; times {abs(count):,} customers, as if all were like those measured",
    )  # fmt: skip


def _a_year(tables: Tables) -> int:
    return max(1, round(tables.window.units_per_year))


def _enrolled_lately(tables: Tables, name: str) -> int:
    found = tables.query(
        "select count(*) as n from enrolments where programme = {{ name | literal }}"
        " and enrolled_on >= {{ since | literal }}",
        name=name,
        since=pd.Timestamp(tables.window.cutoff).date() - pd.Timedelta(days=365).to_pytimedelta(),
    )
    return int(found["n"].iloc[0])


# what became of the last list ---------------------------------------------------------------------


def _since_last(tables: Tables, named: int) -> tuple[pd.DataFrame, dict[str, Estimate]]:
    """Make the list of a period ago anew, as it was known then, and look what happened since."""
    columns = ["named", "contacted", "left", "expected_to_leave"]
    then = tables.window.last_period.start
    try:
        past = tables.as_of(then)
        answer = churn_risk(past, horizon=1, origins=1)
    except RetentionError:
        return pd.DataFrame(columns=columns), {}
    key = "expected_loss" if "expected_loss" in answer.customers else "p_leave"
    first = answer.customers.sort_values(key, ascending=False, kind="stable")
    first = first[~first.index.duplicated()].head(named)
    here = build_running(tables).index
    left = int((~first.index.isin(here)).sum())
    contacted = np.nan
    if "contacts" in tables:
        since = tables.query(
            'select distinct customer_id from contacts where "at" >= {{ then | literal }}',
            then=then,
        )["customer_id"]
        contacted = float(first.index.isin(since).sum())
    expected = float(first["p_leave"].sum())
    row = {"named": len(first), "contacted": contacted, "left": left, "expected_to_leave": expected}
    if len(first) < tables.minimum_n:
        return pd.DataFrame([row], columns=columns), {}
    low, high = wilson_interval(left, len(first))
    share = Estimate(
        value=left / len(first), low=low, high=high, unit="share", n=len(first), events=left,
        method="of those the last list named first; Wilson", grade="D",
    )  # fmt: skip
    return pd.DataFrame([row], columns=columns), {"left_of_last_list": share}
