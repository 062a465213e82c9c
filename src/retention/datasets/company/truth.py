"""What is true of the simulated company, for tests of what the analyses recover."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, Mask, days
from .customers import customer_ids
from .life import tenure_log_hazard
from .orders import price_response
from .parameters import CompanyParameters
from .traits import SEGMENTS
from .world import World

__all__ = ["CompanyTruth", "customer_truth", "person_month_truth"]

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
        Index ``customer_id``; latent traits, true rates, and ``alive``, ``hazard``,
        ``residual_value`` at the cutoff (see `docs/simulated_company.md`).
    person_months : DataFrame or None
        One row a contract customer and month of tenure begun within the records: ``start`` (day),
        ``tenure``, ``hazard`` (chance of leaving in the month), ``satisfaction``.
    unseen : int
        Contract customers who left before the records began; they are in no table.
    """

    parameters: CompanyParameters
    customers: pd.DataFrame
    person_months: pd.DataFrame | None
    unseen: int

    def survival(self, tenure: int) -> Floats:
        """Return S(0), ..., S(tenure) of the reference customer: all effects but tenure at 0.

        For a company made with `CompanyParameters.tenure_only` it holds for every contract.
        """
        months = np.arange(1, tenure + 1)
        cumulative = np.cumsum(np.exp(tenure_log_hazard(self.parameters, months)))
        return np.concatenate([[1.0], np.exp(-cumulative)])


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
    of_orders = traits.order_rate * (amount * (buying.margin_share - service) - 2.0)
    monthly = traits.price * buying.contract_margin + of_orders
    return pd.DataFrame(
        {
            "segment": np.take(SEGMENTS, traits.segment),
            "alive": alive,
            "hazard": hazard,
            "satisfaction": np.where(alive, world.life.satisfaction[np.arange(n), month], np.nan),
            "lasting_satisfaction": traits.lasting,
            "core": traits.core,
            "warmth": traits.warmth,
            "order_rate": traits.order_rate,
            "mean_amount": amount,
            "price_response": price_response(world),
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
        }
    )
