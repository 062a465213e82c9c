"""A service company whose every mechanism is known."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import pandas as pd

from retention.errors import ParameterError
from retention.window import Window

from .calendar import Calendar
from .contracts import contracts
from .customers import customers
from .firm import draw_firm
from .life import Mechanism
from .orders import orders
from .parameters import CompanyParameters
from .truth import CompanyTruth, customer_truth, person_month_truth
from .world import BLOCK, Streams, World, make_world

__all__ = ["VERSION", "SimulatedCompany", "simulate_company", "worlds"]

VERSION = 1  # of the simulation: a company is its version, seed, size, dates and parameters

CUSTOMER_TABLES: Mapping[str, Callable[[World], pd.DataFrame]] = MappingProxyType(
    {"customers": customers, "contracts": contracts, "orders": orders}
)
MECHANISMS: Mapping[str, type[Mechanism]] = MappingProxyType({})


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
    chosen = parameters or CompanyParameters()
    blocks = []
    for world in worlds(n_customers, seed=seed, window=window, parameters=chosen):
        tables = {name: make(world) for name, make in CUSTOMER_TABLES.items()}
        months = person_month_truth(world) if history else None
        blocks.append((tables, customer_truth(world), months, world.unseen))
    tables = {
        name: pd.concat([block[0][name] for block in blocks], ignore_index=True)
        for name in CUSTOMER_TABLES
    }
    truth = CompanyTruth(
        parameters=chosen,
        customers=pd.concat([block[1] for block in blocks]),
        person_months=pd.concat([block[2] for block in blocks], ignore_index=True)
        if history
        else None,
        unseen=sum(block[3] for block in blocks),
    )
    return SimulatedCompany(tables, truth, window)


def worlds(
    n_customers: int, *, seed: int, window: Window, parameters: CompanyParameters
) -> Iterator[World]:
    """Yield the company in blocks of `BLOCK` customers, each drawn on its own."""
    if n_customers < 1:
        raise ParameterError(f"n_customers must be at least 1, got {n_customers}")
    calendar = Calendar(window.start, window.cutoff, parameters.acquisition.history_months)
    firm = draw_firm(parameters, calendar, Streams(seed).rng("firm"))
    for block, first in enumerate(range(0, n_customers, BLOCK)):
        size = min(BLOCK, n_customers - first)
        streams = Streams(seed, block)
        yield make_world(parameters, calendar, firm, streams, size, MECHANISMS)
