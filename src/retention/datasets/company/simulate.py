"""A service company whose every mechanism is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from types import MappingProxyType

import numpy as np
import pandas as pd

from retention.errors import ParameterError
from retention.window import Window

from .bonds import BondLife, bonds
from .choices import choices
from .columns import Ints
from .complaints import ComplaintLife, complaints
from .contacts import ContactLife, contacts
from .contracts import contracts
from .customers import customers
from .employees import employees, staff_surveys
from .exits import exits
from .firm import Firm, draw_firm
from .life import Mechanism
from .market import active_customers, market
from .orders import orders
from .parameters import CompanyParameters
from .programmes import ProgrammeLife, enrolments
from .quotes import quotes
from .surveys import invitations, surveys
from .timeline import Calendar
from .truth import CompanyTruth, block_truth, company_truth
from .wallet import wallet
from .world import BLOCK, Streams, World, make_world

__all__ = ["TABLES", "VERSION", "Company", "SimulatedCompany", "simulate_company"]

VERSION = 1  # of the simulation: a company is its version, seed, size, dates and parameters

CUSTOMER_TABLES: Mapping[str, Callable[[World], pd.DataFrame]] = MappingProxyType(
    {
        "customers": customers,
        "contracts": contracts,
        "orders": orders,
        "complaints": complaints,
        "contacts": contacts,
        "surveys": surveys,
        "invitations": invitations,
        "exits": exits,
        "enrolments": enrolments,
        "quotes": quotes,
        "wallet": wallet,
        "choices": choices,
        "bonds": bonds,
    }
)
STAFF_TABLES = MappingProxyType({"employees": employees, "staff_surveys": staff_surveys})
TABLES = (*CUSTOMER_TABLES, *STAFF_TABLES, "market")
# in this order they act within a month: contacts see the complaints that are open
MECHANISMS: Mapping[str, type[Mechanism]] = MappingProxyType(
    {
        "complaints": ComplaintLife,
        "contacts": ContactLife,
        "bonds": BondLife,
        "programmes": ProgrammeLife,
    }
)


@dataclass(frozen=True)
class SimulatedCompany:
    """The tables that a company would have, and what is true of it.

    Parameters
    ----------
    tables : dict of str to DataFrame
        The input tables, by name, as known at the cutoff.
    truth : CompanyTruth
        What the analyses ought to find.
    window : Window
        From the first day of the records to the cutoff, in months.
    """

    tables: dict[str, pd.DataFrame]
    truth: CompanyTruth
    window: Window


def simulate_company(
    n_customers: int = 2_000,
    *,
    seed: int = 1,
    start: date = date(2021, 11, 1),
    cutoff: date = date(2026, 11, 1),
    parameters: CompanyParameters | None = None,
    history: bool = True,
) -> SimulatedCompany:
    """Make a company: the same arguments give the same company, to the last cent.

    Parameters
    ----------
    n_customers : int
        Customers of record: contract customers with a contract on some day between `start` and
        `cutoff`, and spot customers.
    seed : int
        Of all chance.
    start, cutoff : datetime.date
        First day of the records, and first day that is not known.
    parameters : CompanyParameters, optional
        What is true; the defaults are those of ``docs/simulated_company.md``.
    history : bool
        Whether ``truth.person_months`` is kept; it has some 20 rows a customer.

    Returns
    -------
    SimulatedCompany

    Raises
    ------
    ParameterError
        If there are no customers, or the cutoff is not after the start.

    Examples
    --------
    >>> company = simulate_company(200, seed=7)
    >>> len(company.tables["customers"])
    200
    """
    window = Window(start=start, cutoff=cutoff, unit="month")
    company = Company(n_customers, seed, window, parameters or CompanyParameters())
    blocks: list[dict[str, pd.DataFrame]] = []
    active, truths = np.zeros(company.calendar.n_months, dtype=np.int64), []
    for world in company.worlds():
        blocks.append({name: make(world) for name, make in CUSTOMER_TABLES.items()})
        truths.append(block_truth(world, history=history))
        active += active_customers(world)
    tables = {
        name: pd.concat([block[name] for block in blocks], ignore_index=True)
        for name in CUSTOMER_TABLES
    }
    tables |= company.shared_tables(active)
    truth = company_truth(company.parameters, company.calendar, company.firm, truths)
    return SimulatedCompany({name: tables[name] for name in TABLES}, truth, window)


@dataclass(frozen=True)
class Company:
    """A company before its customers are drawn: what is asked for, and what all share."""

    n_customers: int
    seed: int
    window: Window
    parameters: CompanyParameters

    def __post_init__(self) -> None:
        if self.n_customers < 1:
            raise ParameterError(f"n_customers must be at least 1, got {self.n_customers}")

    @cached_property
    def calendar(self) -> Calendar:
        """The months through which it is simulated."""
        months = self.parameters.acquisition.history_months
        return Calendar(self.window.start, self.window.cutoff, months)

    @cached_property
    def firm(self) -> Firm:
        """Branches, staff and rivals."""
        return draw_firm(self.parameters, self.calendar, Streams(self.seed).rng)

    def worlds(self) -> Iterator[World]:
        """Yield the customers in blocks of `BLOCK`, each drawn on its own."""
        for block, first in enumerate(range(0, self.n_customers, BLOCK)):
            size = min(BLOCK, self.n_customers - first)
            streams = Streams(self.seed, block)
            yield make_world(self.parameters, self.calendar, self.firm, streams, size, MECHANISMS)

    def shared_tables(self, active: Ints) -> dict[str, pd.DataFrame]:
        """Return the tables without customers; `active` counts contracts by month."""
        rng = Streams(self.seed).rng
        staff = {
            name: make(self.firm, self.calendar, self.parameters, rng)
            for name, make in STAFF_TABLES.items()
        }
        return staff | {"market": market(self.firm, self.calendar, self.parameters, active)}
