"""What is true of the simulated company, for tests of what the analyses recover."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from .bonds import KINDS
from .columns import NEVER, Floats, Mask, days, words
from .contacts import expected_contact_cost
from .customers import customer_ids
from .employees import employee_ids
from .firm import BRANCHES, Firm
from .life import CAUSES, tenure_log_hazard
from .orders import SERVICE_AN_ORDER, price_response, service_preference
from .parameters import PROGRAMMES, CompanyParameters
from .timeline import Calendar
from .traits import SEGMENTS
from .wallet import wallet_share
from .world import World

__all__ = ["CompanyTruth", "block_truth", "company_truth"]

_WEEKS_A_MONTH = 30.4375 / 7
_VALUE_MONTHS = 60
_ANNUAL_RATE = 0.10


@dataclass(frozen=True)
class CompanyTruth:
    """What no company ever knows.

    Parameters
    ----------
    parameters : CompanyParameters
        Every number from which the company was made.
    customers : DataFrame, one row a customer of record
        Index ``customer_id``; latent traits, true rates, and ``alive``, ``hazard`` (chance of
        leaving within a month), ``residual_value`` at the cutoff.
    person_months : DataFrame or None
        One row a contract customer and month of tenure begun within the records: ``start`` (day),
        ``tenure``, ``hazard``, ``satisfaction``, and the part of each mechanism in the log
        hazard: ``complaints``, ``contacts``, ``bonds``, ``programmes``.
    problems : DataFrame
        One row a problem: ``day``, ``severity``, ``spoken`` (whether it became known).
    offers : DataFrame
        One row a customer and programme offered: ``day``, ``joined``; with the controls of the
        randomised programme.
    causes : DataFrame
        One row an exit: ``exited_on`` and the true ``cause``.
    branches : DataFrame
        One row a branch and month: ``mood`` of the staff, ``quality``, ``rollout`` wave.
    employees : DataFrame
        Index ``employee_id``; ``effect`` on the item ``service_rating``, in points.
    market : DataFrame
        Index month; ``rival_log_index``, the mean log price of the rivals over our list price.
    unseen : int
        Contract customers who left before the records began; they are in no table.
    """

    parameters: CompanyParameters
    customers: pd.DataFrame
    person_months: pd.DataFrame | None
    problems: pd.DataFrame
    offers: pd.DataFrame
    causes: pd.DataFrame
    branches: pd.DataFrame
    employees: pd.DataFrame
    market: pd.DataFrame
    unseen: int

    @property
    def switching_costs(self) -> pd.Series:
        """True switching cost of each kind of bond, as a share of the price."""
        p = self.parameters
        return pd.Series({kind: -p.bonds.log_hazard[kind] / p.hazard.price for kind in KINDS})

    @property
    def incumbency_premium(self) -> float:
        """Price gap at which being the incumbent is worth nothing, as a share of the price."""
        return -self.parameters.market.quote_incumbent / self.parameters.market.quote_gap

    @property
    def choice_switching_cost(self) -> float:
        """Switching cost in the table `choices`, in money."""
        return -self.parameters.market.choice_last / self.parameters.market.choice_price

    def survival(self, tenure: int) -> Floats:
        """Return S(0), ..., S(tenure) of the reference customer: all effects but tenure at 0.

        For a company made with `CompanyParameters.tenure_only` it holds for every contract.
        """
        months = np.arange(1, tenure + 1)
        cumulative = np.cumsum(np.exp(tenure_log_hazard(self.parameters, months)))
        return np.concatenate([[1.0], np.exp(-cumulative)])


def block_truth(world: World, *, history: bool) -> dict[str, pd.DataFrame | int]:
    """Return what is true of one block."""
    truth: dict[str, pd.DataFrame | int] = {
        "customers": customer_truth(world),
        "problems": _problems(world),
        "offers": _offers(world),
        "causes": _causes(world),
        "unseen": world.unseen,
    }
    return truth | ({"person_months": person_month_truth(world)} if history else {})


def company_truth(
    parameters: CompanyParameters,
    calendar: Calendar,
    firm: Firm,
    blocks: Sequence[dict[str, Any]],
) -> CompanyTruth:
    """Return what is true of all blocks together."""
    events = ("problems", "offers", "causes")
    months = [block["person_months"] for block in blocks if "person_months" in block]
    return CompanyTruth(
        parameters=parameters,
        customers=pd.concat([block["customers"] for block in blocks]),
        person_months=pd.concat(months, ignore_index=True) if months else None,
        **{name: pd.concat([b[name] for b in blocks], ignore_index=True) for name in events},
        branches=_branches(calendar, firm),
        employees=pd.DataFrame(
            {"effect": firm.staff_effect},
            index=pd.Index(employee_ids(np.arange(len(firm.staff_effect))), name="employee_id"),
        ),
        market=pd.DataFrame(
            {"rival_log_index": firm.rival_log_index},
            index=pd.Index(days(calendar.firsts[: calendar.n_months]), name="month"),
        ),
        unseen=sum(block["unseen"] for block in blocks),
    )


def _branches(calendar: Calendar, firm: Firm) -> pd.DataFrame:
    n = calendar.n_months
    return pd.DataFrame(
        {
            "branch": words(BRANCHES, np.repeat(np.arange(len(BRANCHES)), n)),
            "month": days(np.tile(calendar.firsts[:n], len(BRANCHES))),
            "mood": firm.mood.ravel(),
            "quality": firm.quality.ravel(),
            "rollout": np.repeat(firm.rollout, n),
        }
    )


def _problems(world: World) -> pd.DataFrame:
    log = world.life.events["problems"]
    kept = world.calendar.known(log["day"])
    return pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[log["customer"][kept]]),
            "day": days(log["day"][kept]),
            "severity": log["severity"][kept],
            "spoken": log["spoken"][kept],
        }
    )


def _offers(world: World) -> pd.DataFrame:
    log = world.life.events["offers"]
    # one who could join but did not is of use only where a coin decided
    kept = world.calendar.known(log["day"]) & (log["joined"] | (log["programme"] == 0))
    return pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[log["customer"][kept]]),
            "programme": words(PROGRAMMES, log["programme"][kept]),
            "day": days(log["day"][kept]),
            "joined": log["joined"][kept],
        }
    )


def _causes(world: World) -> pd.DataFrame:
    spells = world.life.spells
    kept = (spells["ended"] != NEVER) & (spells["ended"] < world.calendar.cutoff_day)
    kept &= (spells["ended"] > world.calendar.start_day) & (
        spells["began"] < world.calendar.cutoff_day
    )
    return pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[spells["customer"][kept]]),
            "exited_on": days(spells["ended"][kept]),
            "cause": words(CAUSES, spells["cause"][kept]),
        }
    ).sort_values(["customer_id", "exited_on"], ignore_index=True)


def customer_truth(world: World) -> pd.DataFrame:
    """Return the latent traits of one block, and what is true of each customer at the cutoff."""
    table = pd.concat([_contract_truth(world), _spot_truth(world)])
    return table.sort_index()


def _contract_truth(world: World) -> pd.DataFrame:
    traits, buying = world.traits, world.parameters.buying
    n, last = len(traits), world.calendar.n_months - 1
    alive = _alive(world)
    # the step in which the cutoff lies may have begun last month
    begun = traits.day - 1 + world.calendar.firsts[last] < world.calendar.cutoff_day
    month = np.where(begun, last, last - 1)
    log_hazard = np.where(alive, world.life.log_hazard[np.arange(n), month], np.nan)
    hazard = -np.expm1(-np.exp(log_hazard))
    amount = buying.amount_p / traits.amount_rate
    service = buying.service_share * np.exp(-buying.service_core * traits.core)
    cost = traits.burden * (SERVICE_AN_ORDER + service * amount)
    of_orders = traits.order_rate * (amount * buying.margin_share - cost)
    monthly = traits.price * buying.contract_margin + of_orders - expected_contact_cost(world)
    return pd.DataFrame(
        {
            "segment": np.take(SEGMENTS, traits.segment),
            "alive": alive,
            "hazard": hazard,
            "satisfaction": np.where(alive, world.life.satisfaction[np.arange(n), month], np.nan),
            "lasting_satisfaction": traits.lasting,
            "core": traits.core,
            "warmth": traits.warmth,
            "burden": traits.burden,
            "order_rate": traits.order_rate,
            "mean_amount": amount,
            "price_response": price_response(world),
            "wallet_share": wallet_share(world),
            "best_service_share": service_preference(world).max(axis=1),
            "dropout_rate": np.nan,
            "died_on": days(np.full(n, NEVER)).to_numpy(),
            "monthly_margin": monthly,
            "residual_value": np.where(alive, monthly * _annuity(hazard), 0.0),
        },
        index=pd.Index(customer_ids(world.number), name="customer_id"),
    )


def _alive(world: World) -> Mask:
    spells, cutoff = world.life.spells, world.calendar.cutoff_day
    running = (spells["ended"] == NEVER) | (spells["ended"] >= cutoff)
    alive = np.zeros(len(world.traits), dtype=bool)
    alive[spells["customer"][running & (spells["began"] < cutoff)].astype(np.int64)] = True
    return alive


def _annuity(hazard: Floats) -> Floats:
    """Return the present value of 1 a month while the hazard stays as it is at the cutoff."""
    keep = (1 - hazard) * (1 + _ANNUAL_RATE) ** (-1 / 12)
    return keep * (1 - keep**_VALUE_MONTHS) / (1 - keep)


def _spot_truth(world: World) -> pd.DataFrame:
    spot, p = world.spot, world.parameters.spot
    alive = spot.died >= world.calendar.cutoff_day
    hazard = -np.expm1(-spot.dropout_rate * _WEEKS_A_MONTH)
    monthly = spot.purchase_rate * _WEEKS_A_MONTH * p.p / spot.amount_rate * p.margin_share
    died = np.minimum(spot.died, world.calendar.cutoff_day + 36_525).astype(np.int64)
    return pd.DataFrame(
        {
            "segment": "spot",
            "alive": alive,
            "hazard": hazard,
            "order_rate": spot.purchase_rate * _WEEKS_A_MONTH,
            "mean_amount": p.p / spot.amount_rate,
            "dropout_rate": spot.dropout_rate,
            "died_on": days(died).to_numpy(),
            "monthly_margin": monthly,
            "residual_value": np.where(alive, monthly * _annuity(hazard), 0.0),
        },
        index=pd.Index(customer_ids(world.spot_number), name="customer_id"),
    )


def person_month_truth(world: World) -> pd.DataFrame:
    """Return every month of tenure that began within the records, with its true hazard."""
    calendar, traits = world.calendar, world.traits
    who, month = np.nonzero(~np.isnan(world.life.log_hazard))
    start = calendar.firsts[month] + traits.day[who] - 1
    kept = (start >= calendar.start_day) & (start < calendar.cutoff_day)
    who, month, start = who[kept], month[kept], start[kept]
    return pd.DataFrame(
        {
            "customer_id": customer_ids(world.number[who]),
            "start": days(start),
            "tenure": world.life.tenure[who, month],
            "hazard": -np.expm1(-np.exp(world.life.log_hazard[who, month])),
            "satisfaction": world.life.satisfaction[who, month],
            **{name: term[who, month] for name, term in world.life.terms.items()},
        }
    )
