"""What each analysis says should be done; one function an analysis."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import pandas as pd

from retention.analyses.churn.churn_risk import churn_risk
from retention.analyses.customers.core_customers import dismissal_candidates
from retention.analyses.lifetime_value.customer_lifetime_value import customer_lifetime_value
from retention.analyses.losses.complaint_recovery import complaint_recovery
from retention.analyses.losses.contact_policy import contact_policy
from retention.analyses.losses.win_back import win_back
from retention.analyses.programmes.programme_effects import programme_effects
from retention.analyses.programmes.targeting import targeting
from retention.analyses.surveys.satisfaction_drivers import satisfaction_drivers
from retention.analyses.switching.bond_returns import bond_returns
from retention.analyses.switching.loyalty_types import loyalty_types
from retention.analyses.switching.price_room import price_room
from retention.engine import Tables
from retention.estimates import Estimate
from retention.features import build_programme_candidates, build_running

from .action import Action, a_year, spent, times

__all__ = ["SOURCES", "Wanted", "first_at_risk"]

_YEAR = 30.4375 * 12 / 30  # stretches of 30 days in a year
_NO_TRIAL = "no trial has shown what it changes"


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """What is asked of the analyses.

    Parameters
    ----------
    named : int
        How many customers are named where there is no end to them.
    seed : int
        Of the analyses that draw.
    own_firm : str
        Our name in the table market.
    """

    named: int
    seed: int
    own_firm: str = ""


def programmes(tables: Tables, wanted: Wanted) -> list[Action]:
    """Extend what earns its cost; stop what does not, beyond doubt."""
    answer = programme_effects(tables, horizon=a_year(tables), replicates=50, seed=wanted.seed)
    found = []
    for name, effect in answer.effects.items():
        net = effect.net
        if net.low is None or net.high is None:
            continue
        if net.low > 0:
            who = tuple(build_programme_candidates(tables, name).index)
            found.append(Action(
                key=f"extend {name}", customers=who, worth=times(net, len(who), tables),
                what=f"offer {name} to the {len(who):,} customers who do not have it",
                cost=times(effect.cost, len(who), tables), source="programme_effects",
                why=f"each enrolment earned {net}", done_by=f"enrolment:{name}",
            ))  # fmt: skip
        elif net.high < 0 and (lately := _enrolled_lately(tables, name)):
            found.append(Action(
                key=f"stop {name}", customers=(), worth=times(net, -lately, tables),
                what=f"stop {name}, or make it cheaper: {lately:,} enrolments a year",
                cost=spent(0.0, lately, tables, how="stopping costs nothing"),
                source="programme_effects", why=f"each enrolment earned {net}",
            ))  # fmt: skip
    return found


def targeted(tables: Tables, wanted: Wanted) -> list[Action]:
    """Offer the drawn programme to those whose predicted gain surely exceeds its cost."""
    answer = targeting(tables, horizon=a_year(tables), seed=wanted.seed)
    rule = answer.numbers["gain above cost"]
    if rule.low is None or rule.low <= 0 or answer.chosen.empty:
        return []
    base = len(build_programme_candidates(tables, answer.programme))
    count = len(answer.chosen)
    return [Action(
        key=f"target {answer.programme}", customers=tuple(answer.chosen.index),
        what=f"offer {answer.programme} to the {count:,} customers of the list",
        worth=times(rule, base, tables), source="targeting",
        done_by=f"enrolment:{answer.programme}",
        cost=spent(count * answer.cost, count, tables, how="customers times cost"),
        why="those whose predicted gain exceeds the cost",
    )]  # fmt: skip


def bonds(tables: Tables, wanted: Wanted) -> list[Action]:
    """Build the bond that goes with most kept margin."""
    answer = bond_returns(tables, own_firm=wanted.own_firm, seed=wanted.seed)
    for bond, row in answer.table.iterrows():
        known = isinstance(row["net"], Estimate)
        gain = row["net"] if known else row["gain"]
        if gain.low is None or gain.low <= 0:
            continue
        count = int(row["without"])
        spend = "after its cost" if known else "before its cost, which is not known"
        worth = times(gain, count, tables) if known else Estimate.withheld(
            "the cost of the bond is not known", unit=tables.currency, n=gain.n,
            method=gain.method, grade=gain.grade,
        )  # fmt: skip
        return [Action(
            key=f"bond {bond}", customers=(), source="bond_returns", worth=worth,
            what=f"build the bond {bond} with customers who do not have it ({count:,})",
            cost=spent(None, count, tables), why=f"it goes with kept margin of {gain}, {spend}",
        )]  # fmt: skip
    return []


def losses(tables: Tables, wanted: Wanted) -> list[Action]:
    """Mend the price or the service of those who cost more than they bring."""
    candidates = dismissal_candidates(tables)
    if candidates.empty:
        return []
    lost = -_YEAR * candidates[["high", "profit", "low"]].sum()
    method = "what they cost in a year as things stand; ends of their intervals added up"
    count = len(candidates)
    if count < tables.minimum_n:
        worth = Estimate.withheld(
            f"{count} customers, fewer than the {tables.minimum_n} a number needs; see each of "
            "them in the register", unit=tables.currency, n=count, method=method,
        )  # fmt: skip
    else:
        worth = Estimate(
            value=float(lost["profit"]), low=float(lost["high"]), high=float(lost["low"]),
            unit=tables.currency, n=count, grade="D", method=method,
        )  # fmt: skip
    return [Action(
        key="mend loss-makers", customers=tuple(candidates.index), worth=worth,
        what=f"raise the price or cut the service of {count:,} customers who cost more than they "
        "bring",
        cost=spent(0.0, count, tables, how="a change of price costs nothing to make"),
        source="core_customers", why="the whole interval of each one's profit lies below zero",
    )]  # fmt: skip


def risky(tables: Tables, wanted: Wanted) -> list[Action]:
    """Speak with those who are expected to take most along."""
    first, horizon = first_at_risk(tables, wanted.named)
    stake = ""
    if "expected_loss" in first:
        stake = f", {first['expected_loss'].sum():,.0f} {tables.currency} a year at stake"
    return [Action(
        key="speak with those at risk", source="churn_risk", done_by="contact",
        what=f"speak with the {len(first):,} customers with most to lose",
        customers=tuple(first.index), cost=spent(None, len(first), tables),
        why=f"{first['p_leave'].sum():.1f} of them are expected to leave within {horizon}{stake}",
        worth=Estimate.withheld(
            "no trial has shown what speaking with them changes", unit=tables.currency,
            n=len(first), method="churn_risk", grade="C",
        ),
    )]  # fmt: skip


def first_at_risk(tables: Tables, named: int, *, horizon: int = 3) -> tuple[pd.DataFrame, str]:
    """Return the customers with most to lose, first first, and the horizon in words."""
    answer = churn_risk(tables, horizon=horizon, origins=1)
    key = "expected_loss" if "expected_loss" in answer.customers else "p_leave"
    first = answer.customers.sort_values(key, ascending=False, kind="stable")
    first = first[~first.index.duplicated()].head(named)
    return first, f"{answer.horizon} {answer.unit}s"


def contacts(tables: Tables, wanted: Wanted) -> list[Action]:
    """Contact those with whom a contact is expected to keep more than it costs."""
    answer = contact_policy(tables)
    gain, cost = answer.numbers["plan_gain"], float(answer.plan["cost"].sum())
    count = len(answer.plan)
    if not count:
        return []
    method = f"{gain.method}; less the cost of the contacts"
    if gain.value is None or gain.low is None or gain.high is None:
        worth = Estimate.withheld(
            gain.why or "the gain has no interval", unit=tables.currency, n=count, method=method
        )
    else:
        worth = Estimate(
            value=gain.value - cost, low=gain.low - cost, high=gain.high - cost, level=gain.level,
            unit=tables.currency, n=count, events=gain.events, grade=gain.grade, method=method,
        )  # fmt: skip
    kinds = answer.plan["depth"].value_counts()
    return [Action(
        key="contact plan", customers=tuple(answer.plan.index), worth=worth, done_by="contact",
        what=f"contact the {count:,} customers of the plan ("
        + ", ".join(f"{kinds[kind]:,} {kind}" for kind in kinds.index) + ")",
        cost=spent(cost, count, tables, how="mean cost of such contacts"),
        source="contact_policy", why="contacts of this depth went with less leaving",
    )]  # fmt: skip


def complaints(tables: Tables, wanted: Wanted) -> list[Action]:
    """Close the cases that wait longer than the target."""
    answer = complaint_recovery(tables)
    waiting = _waiting(tables, answer.target_days)
    if waiting.empty:
        return []
    each, count = answer.numbers["margin_per_case: better"], len(waiting)
    return [Action(
        key="close old complaints", customers=tuple(dict.fromkeys(waiting["customer_id"])),
        what=f"resolve the {count:,} complaints open for more than {answer.target_days} days",
        worth=times(each, count, tables), cost=spent(None, count, tables), done_by="complaint",
        source="complaint_recovery", why=f"a case resolved went with kept margin of {each}, before "
        "the cost of resolving it",
    )]  # fmt: skip


def returns(tables: Tables, wanted: Wanted) -> list[Action]:
    """Ask those back who are worth more than the offer."""
    answer = win_back(tables)
    asked = answer.customers[answer.customers["ask"]]
    if asked.empty:
        return []
    return [Action(
        key="win back", customers=tuple(dict.fromkeys(asked.index)), done_by="return",
        what=f"ask {len(asked):,} lost customers back, the rest of the list by lot left alone",
        worth=answer.numbers["expected_net"], source="win_back",
        cost=spent(float(asked["cost"].sum()), len(asked), tables, how="offers times cost"),
        why="their expected second life is worth more than the offer",
    )]  # fmt: skip


def guarded(tables: Tables, wanted: Wanted) -> list[Action]:
    """Look after the customers who carry most of the value at risk."""
    answer = customer_lifetime_value(tables)
    if "value_at_risk" not in answer.customers:
        return []
    first = answer.customers["value_at_risk"].sort_values(ascending=False, kind="stable")
    first = first[~first.index.duplicated()].head(wanted.named)
    whole = answer.numbers["value_at_risk"]
    return [Action(
        key="guard value at risk", customers=tuple(first.index), done_by="contact",
        what=f"look after the {len(first):,} customers who carry most value at risk",
        cost=spent(None, len(first), tables), source="customer_lifetime_value",
        why=f"{first.sum():,.0f} {tables.currency} of their residual value is expected to be lost "
        f"in the next {answer.unit}; of all customers {whole}",
        worth=Estimate.withheld(_NO_TRIAL, unit=tables.currency, n=len(first),
                                method="value at risk is not what can be saved", grade="D"),
    )]  # fmt: skip


def satisfied(tables: Tables, wanted: Wanted) -> list[Action]:
    """Improve first what carries most of satisfaction and is not yet good."""
    answer = satisfaction_drivers(tables)
    weak = answer.drivers[answer.drivers["quadrant"] == "improve"]
    if weak.empty:
        return []
    label = str(weak["label"].iloc[0])
    return [Action(
        key=f"improve {label}", customers=(), cost=spent(None, 0, tables),
        what=f"improve {label}: it weighs much in satisfaction and is rated below the others",
        source="satisfaction_drivers", worth=Estimate.withheld(
            _NO_TRIAL, unit=tables.currency, n=int(answer.numbers["r_squared"].n),
            method="importance and performance", grade="C",
        ),
        why="high importance, low performance among those who answered",
    )]  # fmt: skip


def captives(tables: Tables, wanted: Wanted) -> list[Action]:
    """Make it right with those who stay only because leaving costs them."""
    answer = loyalty_types(tables, own_firm=wanted.own_firm)
    held = answer.customers[answer.customers["type"] == "captive"]
    if held.empty:
        return []
    order = held.sort_values("value", ascending=False, kind="stable")
    return [Action(
        key="mend captives", customers=tuple(order.index), done_by="contact",
        what=f"make it right with the {len(held):,} dissatisfied customers who are only held",
        cost=spent(None, len(held), tables), source="loyalty_types",
        why=f"if leaving cost them nothing, {answer.at_risk} of their value would go",
        worth=Estimate.withheld(_NO_TRIAL, unit=tables.currency, n=len(held),
                                method="value at risk is not what can be saved", grade="C"),
    )]  # fmt: skip


def prices(tables: Tables, wanted: Wanted) -> list[Action]:
    """Try the price that is worth most over the whole stay on some, by lot."""
    answer = price_room(tables, own_firm=wanted.own_firm)
    best = answer.optimum["the whole stay"]
    if best.value is None or best.low is None or best.high is None or best.low * best.high <= 0:
        return []
    here = len(build_running(tables))
    way = "higher" if best.value > 0 else "lower"
    return [Action(
        key="try a price", customers=(), source="price_room",
        what=f"try a price {100 * abs(best.value):.0f} % {way} on some customers, drawn by lot",
        cost=spent(0.0, here, tables, how="a change of price costs nothing to make"),
        why=f"over the whole stay a change of {best} is worth most; the elasticity is an "
        "association",
        worth=times(answer.first_year_gain, here, tables),
    )]  # fmt: skip


def _enrolled_lately(tables: Tables, name: str) -> int:
    found = tables.query(
        "select count(*) as n from enrolments where programme = {{ name | literal }}"
        " and enrolled_on >= {{ since | literal }}",
        name=name,
        since=pd.Timestamp(tables.window.cutoff).date() - pd.Timedelta(days=365).to_pytimedelta(),
    )
    return int(found["n"].iloc[0])


def _waiting(tables: Tables, target_days: int) -> pd.DataFrame:
    """Return the open cases older than the target, the oldest first."""
    before = pd.Timestamp(tables.window.cutoff).date()
    before -= pd.Timedelta(days=target_days).to_pytimedelta()
    return tables.query(
        "select complaint_id, customer_id from complaints where closed_on is null"
        " and opened_on < {{ before | literal }} order by opened_on, complaint_id",
        before=before,
    )


SOURCES: Mapping[str, Callable[[Tables, Wanted], list[Action]]] = {
    "programme_effects": programmes,
    "targeting": targeted,
    "bond_returns": bonds,
    "core_customers": losses,
    "churn_risk": risky,
    "contact_policy": contacts,
    "complaint_recovery": complaints,
    "win_back": returns,
    "customer_lifetime_value": guarded,
    "satisfaction_drivers": satisfied,
    "loyalty_types": captives,
    "price_room": prices,
}
