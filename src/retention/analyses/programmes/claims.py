"""The ledger of textbook claims, each held against the company's own data."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from math import inf

import numpy as np
import pandas as pd

from retention.analyses.customers.customer_value import customer_value
from retention.analyses.losses.complaint_recovery import complaint_recovery
from retention.analyses.surveys.silent_share import silent_share
from retention.engine import Tables
from retention.errors import NotEnoughDataError, RetentionError
from retention.estimates import Estimate, Grade, normal_interval, wilson_interval
from retention.features import build_profile
from retention.window import add_months

__all__ = ["Claim", "Claims", "claims"]

_CONSISTENT, _CONTRADICTED, _UNDECIDED = "consistent", "contradicted", "not enough data"
_SATISFIED, _DISSATISFIED = 70.0, 50.0


@dataclass(frozen=True, kw_only=True)
class Claim:
    """One claim and what the data say of it.

    Parameters
    ----------
    claim : str
        The sentence of the textbooks.
    low, high : float
        The values that would agree with it.
    estimate : Estimate
        The company's own number.
    source : str
        Where the claim comes from.
    """

    claim: str
    low: float
    high: float
    estimate: Estimate
    source: str

    @property
    def verdict(self) -> str:
        """Consistent, contradicted, or not enough data.

        Contradicted where the whole interval lies outside the claim. Consistent where the value
        lies inside and the interval does not reach beyond both ends, or lies wholly inside.
        """
        e = self.estimate
        if e.value is None or e.low is None or e.high is None:
            return _UNDECIDED
        if e.high < self.low or e.low > self.high:
            return _CONTRADICTED
        inside = self.low <= e.value <= self.high
        one_sided = self.low == -inf or self.high == inf
        if one_sided:
            return _CONSISTENT if self.low <= e.low and e.high <= self.high else _UNDECIDED
        covers = e.low < self.low and e.high > self.high
        return _CONSISTENT if inside and not covers else _UNDECIDED


@dataclass(frozen=True, eq=False, kw_only=True)
class Claims:
    """Answer of `claims`."""

    ledger: dict[str, Claim]

    def summary(self) -> pd.DataFrame:
        """Return one row a claim: number, interval, n, grade, verdict."""
        rows = {
            name: {
                "claim": c.claim, "value": c.estimate.value, "low": c.estimate.low,
                "high": c.estimate.high, "n": c.estimate.n, "grade": c.estimate.grade,
                "verdict": c.verdict, "why": c.estimate.why,
            }
            for name, c in self.ledger.items()
        }  # fmt: skip
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("name")

    def estimates(self) -> dict[str, Estimate]:
        """Return the company's number for each claim."""
        return {name: claim.estimate for name, claim in self.ledger.items()}

    def headline(self) -> str:
        """Return how many claims hold here, and one that does not."""
        verdicts = [claim.verdict for claim in self.ledger.values()]
        first = (
            f"Of {len(verdicts)} textbook claims {verdicts.count(_CONSISTENT)} agree with these "
            f"data, {verdicts.count(_CONTRADICTED)} are contradicted and "
            f"{verdicts.count(_UNDECIDED)} cannot be decided"
        )
        wrong = [c for c in self.ledger.values() if c.verdict == _CONTRADICTED]
        if not wrong:
            return f"{first}."
        return f"{first}; contradicted, for one: {wrong[0].claim}: here {wrong[0].estimate}."

    def cautions(self) -> tuple[str, ...]:
        """Return how the ledger may be read."""
        return (
            "A claim that agrees is a description of these customers, not a cause: satisfied "
            "customers may stay for what made them satisfied.",
        )


def claims(tables: Tables, *, level: float = 0.95) -> Claims:
    """Hold the usual claims about customers against the company's own tables.

    A claim whose tables are missing, or that rests on too few customers, is listed with the reason.

    Parameters
    ----------
    tables : Tables
        With ``customers``; each claim names what else it needs.
    level : float
        Level of intervals.

    Returns
    -------
    Claims
    """
    tables.require("customers", needed_for="textbook claims")
    company = _Company(tables, level)
    return Claims(ledger={name: _judged(entry, company) for name, entry in _LEDGER.items()})


class _Company:
    """The tables, and what several claims need of them, made once."""

    def __init__(self, tables: Tables, level: float) -> None:
        self.tables, self.level = tables, level

    @cached_property
    def profile(self) -> pd.DataFrame:
        """Return everything known of each customer at the cutoff."""
        return build_profile(self.tables)

    @cached_property
    def rungs(self) -> dict[str, Estimate]:
        """Return the share still here a year after a problem, standardised to the case mix."""
        return complaint_recovery(self.tables, level=self.level).estimates()


@dataclass(frozen=True)
class _Entry:
    claim: str
    low: float
    high: float
    unit: str
    source: str
    number: Callable[[_Company], Estimate] | None = None
    rung: str = ""


def _judged(entry: _Entry, company: _Company) -> Claim:
    try:
        if entry.number is not None:
            estimate = entry.number(company)
        else:
            estimate = company.rungs[f"standardised: {entry.rung}"]
    except RetentionError as error:
        estimate = Estimate.withheld(str(error), unit=entry.unit, n=0, method="not computed")
    return Claim(
        claim=entry.claim, low=entry.low, high=entry.high, estimate=estimate, source=entry.source
    )


# the numbers --------------------------------------------------------------------------------------


def _pareto(company: _Company) -> Estimate:
    return customer_value(company.tables, level=company.level).estimates()["top_share"]


def _speak_up(company: _Company) -> Estimate:
    silent = silent_share(company.tables, level=company.level).estimates()["silent_share"]
    if silent.value is None or silent.low is None or silent.high is None:
        return silent
    return Estimate(
        value=1 - silent.value, low=1 - silent.high, high=1 - silent.low, level=silent.level,
        n=silent.n, events=None if silent.events is None else silent.n - silent.events,
        unit="share", grade=silent.grade, method=silent.method,
    )  # fmt: skip


def _keeping_over_winning(company: _Company) -> Estimate:
    """Return the yearly cost of contacts and programmes a customer over that of winning one."""
    tables, level = company.tables, company.level
    needed = "the cost of keeping against that of winning"
    tables.require("customers", "contracts", needed_for=needed)
    if "acquisition_cost" not in tables.columns("customers"):
        raise NotEnoughDataError("customers state no acquisition cost")
    if not {"contacts", "enrolments"} & tables.names:
        raise NotEnoughDataError("neither contacts nor enrolments: what keeping costs is not known")
    profile = company.profile
    new = pd.to_datetime(profile["acquired_on"]) >= pd.Timestamp(_ago(tables, 24))
    winning = profile.loc[new, "acquisition_cost"].dropna().to_numpy(dtype=float)
    here = profile["contracts_running"] > 0
    keeping = sum(
        profile.loc[here, c].fillna(0.0).to_numpy(dtype=float)
        for c in ("contact_cost", "programme_cost")
        if c in profile
    )
    costs = np.asarray(keeping, dtype=float)
    _enough(tables, len(winning), "customers won in 24 months with a cost")
    _enough(tables, costs.size, "customers here")
    value = costs.mean() / winning.mean()
    spread = sum((x.std(ddof=1) / x.mean()) ** 2 / x.size for x in (costs, winning))
    low, high = (value * np.exp(z * np.sqrt(spread)) for z in normal_interval(0.0, 1.0, level))
    return Estimate(
        value=float(value), low=float(low), high=float(high), level=level, unit="ratio",
        n=int(costs.size), grade="D",
        method="contacts and programmes a customer and year, over acquisition cost; log-delta",
    )  # fmt: skip


def _satisfied_stay(company: _Company) -> Estimate:
    """Return how many more of the satisfied than of the dissatisfied stayed a year."""
    tables = company.tables
    tables.require("surveys", "contracts", needed_for="whether the satisfied stay")
    then = build_profile(tables.as_of(_ago(tables, 12)))
    if "satisfaction" not in then:
        raise NotEnoughDataError("no survey item is mapped to the construct csat")
    asked = then[(then["contracts_running"] > 0) & then["satisfaction"].notna()]
    stayed = company.profile.reindex(asked.index)["contracts_running"].fillna(0) > 0
    arms = [
        stayed[asked["satisfaction"] >= _SATISFIED],
        stayed[asked["satisfaction"] < _DISSATISFIED],
    ]
    for arm, word in zip(arms, ("satisfied", "dissatisfied"), strict=True):
        _enough(tables, len(arm), f"{word} customers a year ago")
    return _gap_of_shares(
        arms[0], arms[1], company.level, "stayed a year after, satisfied less the rest"
    )


def _cheaper(company: _Company) -> Estimate:
    company.tables.require("orders", needed_for="what serving costs")
    return _old_less_new(company, "service_cost_per_order", company.tables.currency)


def _calmer(company: _Company) -> Estimate:
    company.tables.require("orders", needed_for="response to price")
    return _old_less_new(company, "price_response", "response to a unit of discount")


def _old_less_new(company: _Company, column: str, unit: str) -> Estimate:
    """Return the mean of customers of three years and more, less that of younger ones."""
    tables, profile = company.tables, company.profile
    if column not in profile:
        raise NotEnoughDataError(f"the tables do not give {column.replace('_', ' ')}")
    known = profile.dropna(subset=[column])
    old = pd.to_datetime(known["acquired_on"]) < pd.Timestamp(_ago(tables, 36))
    arms = [known.loc[arm, column].to_numpy(dtype=float) for arm in (old, ~old)]
    for arm, word in zip(arms, ("of three years and more", "younger"), strict=True):
        _enough(tables, arm.size, f"customers {word}")
    value = arms[0].mean() - arms[1].mean()
    se = float(np.sqrt(sum(arm.var(ddof=1) / arm.size for arm in arms)))
    low, high = normal_interval(float(value), se, company.level)
    return Estimate(
        value=float(value), low=low, high=high, level=company.level, unit=unit, n=len(known),
        grade="D",
        method="mean of customers of three years and more less that of younger ones, Welch",
    )  # fmt: skip


def _gap_of_shares(one: pd.Series, other: pd.Series, level: float, method: str) -> Estimate:
    """Return the difference of two shares with Newcombe's interval (1998, method 10)."""
    shares = [float(arm.mean()) for arm in (one, other)]
    ends = [wilson_interval(float(arm.sum()), len(arm), level) for arm in (one, other)]
    value = shares[0] - shares[1]
    below = np.hypot(shares[0] - ends[0][0], ends[1][1] - shares[1])
    above = np.hypot(ends[0][1] - shares[0], shares[1] - ends[1][0])
    grade: Grade = "D"
    return Estimate(
        value=value, low=float(value - below), high=float(value + above), level=level,
        unit="share", n=len(one) + len(other), events=int((~one).sum() + (~other).sum()),
        grade=grade, method=f"{method}; Newcombe",
    )  # fmt: skip


def _enough(tables: Tables, count: int, what: str) -> None:
    if count < tables.minimum_n:
        raise NotEnoughDataError(f"{count} {what}, fewer than {tables.minimum_n}")


def _ago(tables: Tables, months: int) -> date:
    day = add_months(tables.window.cutoff, -months)
    if day <= tables.window.start:
        raise NotEnoughDataError(f"the window is shorter than {months} months")
    return day


_TARP = "TARP, stated intentions after problems above 100 USD; by way of practitioner texts"

_LEDGER = {
    "top_fifth": _Entry(
        "a fifth of the customers brings 80 % of the revenue", 0.75, 0.85, "share",
        "Pareto principle; practitioner texts", _pareto,
    ),
    "speak_up": _Entry(
        "only 10 % of the dissatisfied complain", 0.05, 0.15, "share",
        "practitioner texts; TARP (1979) found 69 % of households with a problem", _speak_up,
    ),
    "silent_leave": _Entry(
        "of those with a problem who do not complain 9 % buy again", 0.04, 0.14, "share", _TARP,
        rung="did not complain",
    ),
    "unresolved_leave": _Entry(
        "of those whose complaint is not resolved 19 % buy again", 0.14, 0.24, "share", _TARP,
        rung="complained, not resolved",
    ),
    "resolved_stay": _Entry(
        "of those whose complaint is resolved 54 % buy again", 0.49, 0.59, "share", _TARP,
        rung="complained, resolved",
    ),
    "quickly_resolved_stay": _Entry(
        "of those whose complaint is resolved quickly 82 % buy again", 0.77, 0.87, "share", _TARP,
        rung="complained, resolved quickly",
    ),
    "keeping_costs": _Entry(
        "keeping a customer costs a fifth of winning one", -inf, 0.25, "ratio",
        "practitioner texts", _keeping_over_winning,
    ),
    "satisfied_stay": _Entry(
        "satisfied customers stay", 0.0, inf, "share", "practitioner texts", _satisfied_stay,
    ),
    "cheaper_to_serve": _Entry(
        "old customers are cheaper to serve", -inf, 0.0, "money",
        "Reichheld and Sasser (1990)", _cheaper,
    ),
    "less_price_sensitive": _Entry(
        "old customers mind the price less", -inf, 0.0, "response",
        "Reichheld and Sasser (1990)", _calmer,
    ),
}  # fmt: skip
