"""The table `market`: firms, prices and customers by month, true to Shy's identity."""

from __future__ import annotations

import numpy as np
import pandas as pd

from .columns import NEVER, Floats, Ints, money
from .firm import Firm
from .parameters import CompanyParameters
from .timeline import Calendar
from .world import World

__all__ = ["active_customers", "market"]

_FIRM_LOG_PRICE = {"Kestrel": 0.015, "Norda": -0.005, "Pilot": -0.010}


def active_customers(world: World) -> Ints:
    """Return how many contracts of a block ran on the last day of each month."""
    spells, calendar = world.life.spells, world.calendar
    last = calendar.firsts[1 : calendar.n_months + 1] - 1
    began = np.searchsorted(np.sort(spells["began"]), last, side="right")
    ended = spells["ended"][spells["ended"] != NEVER]
    return began - np.searchsorted(np.sort(ended), last, side="right")


def market(
    firm: Firm, calendar: Calendar, parameters: CompanyParameters, active: Ints
) -> pd.DataFrame:
    """Return price and customers of the four firms in each whole month of the records.

    Our customers are counted; the rivals' numbers are those at which the undercut-proof identity
    S = p - p_smallest N_smallest / (N + N_smallest) gives the true switching costs.
    """
    shy, rows = parameters.market.shy, []
    whole = calendar.firsts[1:] <= calendar.cutoff_day
    for month in np.flatnonzero(whole[: calendar.n_months]):
        if month < calendar.start_month:
            continue
        label = str(calendar.firsts[month].astype("datetime64[D]").astype("datetime64[M]"))
        prices = _prices(firm, int(month))
        ratio = {f: prices["Pilot"] / (prices[f] - cost) - 1 for f, cost in shy.items()}
        smallest = active[month] / ratio["us"]
        numbers = {"Pilot": smallest, **{f: smallest * r for f, r in ratio.items()}}
        rows += [
            {"period": label, "firm": f, "price": prices[f], "customers": round(numbers[f], 3)}
            for f in ("us", *_FIRM_LOG_PRICE)
        ]
    return pd.DataFrame(rows)


def _prices(firm: Firm, month: int) -> dict[str, float]:
    rivals: Floats = np.exp(firm.rival_log_index[month] + np.array([*_FIRM_LOG_PRICE.values()]))
    ours = {"us": 100.0}
    return ours | dict(zip(_FIRM_LOG_PRICE, money(100 * rivals).tolist(), strict=True))
