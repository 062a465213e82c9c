"""How quickly rivals answer a programme: their prices, and the lead of our share, by month."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import RetentionError
from retention.estimates import Estimate
from retention.features import build_rival_series
from retention.models import Intervention, InterventionFit

__all__ = ["RivalAnswer", "RivalAnswers", "rival_answers"]

_SLOWEST = 36  # periods: the slowest half-time that is tried


@dataclass(frozen=True, kw_only=True)
class RivalAnswer:
    """How the market moved after a programme began.

    Parameters
    ----------
    bond : str
        Level of the bond.
    price : Estimate
        Change of the rivals' prices within a year: below 0 they followed with prices.
    price_half_time : Estimate
        Months until half of that change was there.
    lead : Estimate
        Gain in the monthly growth of our customers against those of rivals when it began.
    lead_half_time : Estimate
        Months until half of that lead was gone: how long it took rivals to catch up.
    """

    bond: str
    price: Estimate
    price_half_time: Estimate
    lead: Estimate
    lead_half_time: Estimate

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record."""
        return {
            "rivals_price": self.price,
            "rivals_price_half_time": self.price_half_time,
            "lead": self.lead,
            "lead_half_time": self.lead_half_time,
        }


@dataclass(frozen=True, eq=False, kw_only=True)
class RivalAnswers:
    """How the market answered each programme, as far as the table ``market`` tells.

    Parameters
    ----------
    answers : mapping of str to RivalAnswer
        By programme.
    series : DataFrame
        See `build_rival_series`; empty where there is none.
    started : Series
        First day of enrolment by programme.
    why : str
        Why there is nothing to show; empty where there is.
    """

    answers: Mapping[str, RivalAnswer]
    series: pd.DataFrame
    started: pd.Series
    why: str = ""

    def estimates(self) -> dict[str, Estimate]:
        """Return every number under ``<programme>: <number>``."""
        return {
            f"{name}: {key}": estimate
            for name, answer in self.answers.items()
            for key, estimate in answer.estimates().items()
        }

    def cautions(self) -> tuple[str, ...]:
        """Return how far the answer of rivals may be read."""
        if not self.answers:
            return ()
        return (
            "What rivals did is read from one market before and after: whatever else moved it then "
            "is in these numbers (grade D). That a bond is copied shows in fading, too.",
        )


def rival_answers(
    tables: Tables, register: pd.DataFrame, *, own_firm: str = "", level: float = 0.95
) -> RivalAnswers:
    """Estimate how rivals' prices and our lead moved after each programme began.

    A financial bond can be answered with prices; any bond can be copied, and the lead it gave in
    customers is then lost. Both are followed as the first-order response of a series to an event
    (Box and Tiao 1975), with the other programmes' responses taken out.

    Parameters
    ----------
    tables : Tables
        With ``market``; without it, or without our name in it, the answer says why.
    register : DataFrame
        See `build_programmes`.
    own_firm : str
        Our name in the table ``market``.
    level : float
        Level of intervals.
    """
    started = pd.to_datetime(register["first_enrolled_on"])
    try:
        series = build_rival_series(tables, own_firm=own_firm)
    except RetentionError as error:
        return RivalAnswers(answers={}, series=pd.DataFrame(), started=started, why=str(error))
    place = pd.Series(
        np.searchsorted(series.index.to_numpy(), started.to_numpy(), side="left"), started.index
    )
    answers = {
        str(name): _answer(series, place, str(name), str(register.loc[name, "bond"]), level)
        for name in register.index
    }
    return RivalAnswers(answers=answers, series=series, started=started)


def _answer(
    series: pd.DataFrame, place: pd.Series, name: str, bond: str, level: float
) -> RivalAnswer:
    months = int(series.attrs["months"])
    inside = place.drop(name)
    others = [int(p) for p in inside if 0 < p < len(series) - 1]
    event = int(place[name])
    after = max(1, 12 // months)

    def lasting() -> InterventionFit:
        spec = Intervention(shape="lasting", after=after, level=level)
        return spec.fit(series["price"], event, others=others)

    def passing() -> InterventionFit:
        growth = series["odds"].diff().iloc[1:] / months
        spec = Intervention(shape="passing", level=level)
        return spec.fit(growth, event - 1, others=[p - 1 for p in others])

    size = len(series)
    price = _told(
        lasting, "mean log price of rivals, first-order response in noise with memory",
        "rivals' prices did not move beyond noise", months, level, size,
    )  # fmt: skip
    lead = _told(
        passing, "monthly growth of log odds of our customers, first-order response",
        "our share did not gain beyond noise", months, level, size,
    )  # fmt: skip
    return RivalAnswer(bond=bond, price=price[0], price_half_time=price[1], lead=lead[0],
                       lead_half_time=lead[1])  # fmt: skip


def _told(
    fit: Callable[[], InterventionFit], method: str, nothing: str, months: int, level: float, n: int
) -> tuple[Estimate, Estimate]:
    """Return the response, as a share, and its half-time in months."""
    try:
        found = fit()
    except RetentionError as error:
        share = Estimate.withheld(str(error), unit="share", n=n, method=method)
        return share, Estimate.withheld(str(error), unit="months", n=n, method=method)
    ends = [float(np.expm1(x)) for x in (found.response, *found.response_interval)]
    share = Estimate(value=ends[0], low=ends[1], high=ends[2], level=level, unit="share", n=found.n,
                     grade="D", method=method)  # fmt: skip
    if not found.seen:
        why = f"{nothing}, so no speed follows"
        return share, Estimate.withheld(why, unit="months", n=found.n, method=method)
    low, high = (min(x, _SLOWEST) * months for x in found.half_time_interval)
    slow = "" if np.isfinite(found.half_time_interval[1]) else "; the upper end or slower still"
    return share, Estimate(
        value=months * found.half_time, low=low, high=high, level=level, unit="months", n=found.n,
        grade="D", method=f"half-time of the {method}{slow}",
    )  # fmt: skip
