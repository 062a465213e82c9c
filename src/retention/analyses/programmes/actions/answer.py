"""What to do this period: one ranked list over the analyses, and what became of the last one."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from retention.analyses.churn.churn_risk import churn_risk
from retention.engine import Tables
from retention.errors import RetentionError
from retention.estimates import Estimate

from .action import Action, rank
from .since import LIST_COLUMNS, kept_list, since_last
from .sources import SOURCES, Wanted

__all__ = ["Actions", "actions"]


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
        What became of the last list, one row an action: ``what``, ``from``, ``named``, ``reached``
        and ``left`` since, ``left_reached`` and ``left_not_reached``, ``expected_to_leave``,
        ``worth_then`` and ``worth_now`` (missing if it is no longer advised); empty where there
        was none.
    cutoff : datetime.date
        First day that was not known.
    currency : str
    numbers : dict of str to Estimate
        ``money_at_stake`` and what became of the last list.
    """

    ranked: tuple[Action, ...]
    not_considered: pd.DataFrame
    since_last: pd.DataFrame
    cutoff: date
    currency: str
    numbers: dict[str, Estimate]

    def summary(self) -> pd.DataFrame:
        """Return one row an action, in the order of the list."""
        rows = [
            {
                "what": a.what, "customers": len(a.customers), "worth": a.worth.value,
                "low": a.worth.low, "high": a.worth.high, "grade": a.worth.grade,
                "cost": a.cost.value, "source": a.source, "why": a.why, "key": a.key,
            }
            for a in self.ranked
        ]  # fmt: skip
        return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="rank"))

    def kept(self) -> pd.DataFrame:
        """Return the list as the next report will want it: one row an action and customer."""
        return kept_list(self.ranked, self.cutoff)

    def estimates(self) -> dict[str, Estimate]:
        """Return the worth of each action by its key, money at stake, and the last list's fate."""
        return {f"worth: {a.key}": a.worth for a in self.ranked} | self.numbers

    def headline(self) -> str:
        """Return the first action with its worth."""
        if not self.ranked:
            return "No analysis names anything to do: see what each of them is short of."
        first = self.ranked[0]
        worth = f"worth {first.worth}" if first.worth.shown else (
            f"its worth is {first.worth}"
        )  # fmt: skip
        surely = sum(a.sure > 0 for a in self.ranked)
        return f"First: {first.what} ({worth}); {surely} of {len(self.ranked)} surely pay."

    def proposals(self) -> list[dict[str, object]]:
        """Return the ranked actions as records, for management's page."""
        return [
            {
                "what": a.what, "why": a.why, "source": a.source, "customers": len(a.customers),
                "worth": a.worth.record(),
            }
            for a in self.ranked
        ]  # fmt: skip

    def cautions(self) -> tuple[str, ...]:
        """Return how far the list may be trusted."""
        found = []
        if any(a.worth.grade in ("C", "D") for a in self.ranked):
            found.append(
                "Where the grade is C or D the worth is an association read as if it were an "
                "effect. Do it for some by lot first, and the next list will know."
            )
        return tuple(found)


def actions(
    tables: Tables, *, named: int = 20, last: pd.DataFrame | None = None, own_firm: str = "",
    seed: int = 1,
) -> Actions:  # fmt: skip
    """Rank what the analyses say should be done, by what it is sure to bring.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` and ``customers``; every further table lets more be said.
    named : int
        How many customers are named where an analysis would name any number.
    last : DataFrame, optional
        The last list as it was kept, see `Actions.kept` and
        `retention.datasets.read_last_actions`; without it the list of the riskiest is made anew
        from what was known a period ago.
    own_firm : str
        Our name in the table ``market``.
    seed : int
        Of the analyses that draw.

    Returns
    -------
    Actions
    """
    tables.require("contracts", "customers", needed_for="what to do")
    wanted = Wanted(named=named, seed=seed, own_firm=own_firm)
    found: list[Action] = []
    silent: list[tuple[str, str]] = []
    for source, said in SOURCES.items():
        try:
            told = said(tables, wanted)
        except RetentionError as error:
            silent.append((source, str(error)))
            continue
        found += told
        if not told:
            silent.append((source, "nothing that calls for action"))
    ranked = tuple(sorted(found, key=rank))
    before = pd.DataFrame(columns=list(LIST_COLUMNS)) if last is None else last
    since, numbers = since_last(tables, ranked, before, named=named)
    return Actions(
        ranked=ranked, currency=tables.currency, since_last=since, cutoff=tables.window.cutoff,
        not_considered=pd.DataFrame(silent, columns=["source", "why"]),
        numbers=_at_stake(tables) | numbers,
    )  # fmt: skip


def _at_stake(tables: Tables) -> dict[str, Estimate]:
    """Return the money that leavers are expected to take along."""
    try:
        numbers = churn_risk(tables, origins=1).numbers
    except RetentionError as error:
        return {"money_at_stake": Estimate.withheld(str(error), unit=tables.currency, n=0,
                                                    method="churn_risk")}  # fmt: skip
    losses = [e for key, e in numbers.items() if key.startswith("expected_loss")]
    if losses:
        return {"money_at_stake": losses[0]}
    why = "contracts state no price"
    withheld = Estimate.withheld(why, unit=tables.currency, n=0, method="churn_risk")
    return {"money_at_stake": withheld}
