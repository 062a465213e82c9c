"""Every number from which the simulated company is made. Invented; evidence of nothing.

Coefficients named ``log_hazard`` act on the logarithm of the monthly hazard h, where the chance of
leaving within a month of tenure is 1 - exp(-h): a Cox model or a discrete hazard with the
complementary log-log link, fitted to months, recovers them.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from retention.errors import ParameterError

__all__ = [
    "PROGRAMMES",
    "Acquisition",
    "Bonds",
    "Buying",
    "CompanyParameters",
    "Complaints",
    "Contacts",
    "Exits",
    "Hazard",
    "Market",
    "Programme",
    "Programmes",
    "Satisfaction",
    "SpotBuying",
    "Staff",
    "Surveys",
]


def _frozen(**values: float) -> Mapping[str, float]:
    return MappingProxyType(values)


def _by_name(values: dict[str, float]) -> Any:
    return field(default_factory=lambda: MappingProxyType(values))


@dataclass(frozen=True, kw_only=True)
class Acquisition:
    """Who becomes a customer.

    Parameters
    ----------
    spot_share : float
        Share of customers of record who never sign a contract (segment ``spot``).
    history_months : int
        How long before `start` the company was already winning contract customers. Those who left
        before `start` were never recorded: the data are left-truncated.
    segments : mapping of str to float
        Shares of contract customers when they are won; they sum to 1.
    size_log : mapping of str to float
        Mean of the logarithm of the number of staff, by segment; standard deviation 0.5.
    """

    spot_share: float = 0.25
    history_months: int = 48
    segments: Mapping[str, float] = _by_name(
        {"key account": 0.15, "business": 0.45, "small business": 0.40}
    )
    size_log: Mapping[str, float] = _by_name(
        {"key account": 6.0, "business": 4.2, "small business": 2.5, "spot": 2.8}
    )
    size_sd: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Hazard:
    """The logarithm of the monthly hazard of a contract: level, tenure, segment, price, warmth.

    Parameters
    ----------
    level : float
        For long tenure, segment ``business``, price at the rivals' level, satisfaction 0.
    early, early_months : float
        Added at the start, ``early * exp(-(t - 1) / early_months)`` in month of tenure t.
    renewal : float
        Added in every twelfth month of tenure.
    segment : mapping of str to float
    price : float
        Per unit of the price gap: log(our price / list price of the product) minus the logarithm
        of the rivals' price index of the month before.
    satisfaction : tuple of three floats
        Slopes per unit of latent satisfaction below, between and above `satisfaction_knots`.
    warmth : float
        Per standard deviation of a trait that nobody records (the hidden confounder).
    """

    level: float = -3.95
    early: float = 0.8
    early_months: float = 6.0
    renewal: float = 0.6
    segment: Mapping[str, float] = _by_name(
        {"key account": -0.40, "business": 0.0, "small business": 0.35}
    )
    price: float = 3.0
    price_sd: float = 0.10
    satisfaction: tuple[float, float, float] = (-0.60, -0.15, -0.45)
    satisfaction_knots: tuple[float, float] = (-0.8, 0.8)
    warmth: float = -0.25


@dataclass(frozen=True, kw_only=True)
class Satisfaction:
    """Latent satisfaction S: lasting trait, branch quality, and a part that comes and goes.

    S = lasting + quality of the branch in the month + x, where x is carried from month to month
    with `memory` and moved by chance, problems, recoveries and contacts. About standard normal.
    """

    lasting_sd: float = 0.74
    quality_sd: float = 0.32
    memory: float = 0.80
    shock_sd: float = 0.33
    intercept: float = 0.10


@dataclass(frozen=True, kw_only=True)
class Buying:
    """Orders of contract customers: gamma-Poisson rates, gamma-gamma amounts.

    Rates are orders a month; ``gamma(rate_shape)`` with mean `rate_mean`, times
    ``exp(core * loading - loading**2 / 2)``. Amounts within a customer are gamma with shape
    `amount_p`; the customer's rate parameter is gamma(`amount_q`, `amount_gamma`).
    The core trait moves, in logarithms: rate (`rate_core`), response of the order value to a unit
    of discount (`price_response_core`), sharpness of preference among services
    (`preference_core`), days to pay and cost of service. The chance of a late delivery is
    logistic: minus `late_logit`, minus `late_quality` times the quality of the branch. A share
    `heavy` of customers costs `heavy_factor` times the usual service: most bring less than nothing.
    """

    rate_shape: float = 2.0
    rate_mean: float = 1.2
    rate_core: float = 0.5
    amount_p: float = 6.0
    amount_q: float = 4.0
    amount_gamma: float = 150.0
    satisfaction_log_rate: float = 0.20
    price_response: float = 3.0
    price_response_core: float = 0.5
    preference: float = 1.2
    preference_core: float = 0.4
    days_to_pay: float = 30.0
    days_to_pay_core: float = 0.25
    days_to_pay_satisfaction: float = 0.15
    late_logit: float = 2.2
    late_quality: float = 1.5
    contract_margin: float = 0.45
    margin_share: float = 0.32
    service_core: float = 0.4
    heavy: float = 0.04
    heavy_factor: float = 10.0
    service_share: float = 0.08
    return_share: float = 0.02


@dataclass(frozen=True, kw_only=True)
class SpotBuying:
    """Spot customers: exactly Pareto/NBD in weeks, amounts exactly gamma-gamma.

    Parameters
    ----------
    r, alpha : float
        Purchases a week are gamma(r) with rate alpha.
    s, beta : float
        Drop-outs a week are gamma(s) with rate beta.
    p, q, gamma : float
        Amounts are gamma(p) with rate nu; nu is gamma(q) with rate gamma.
    """

    r: float = 0.80
    alpha: float = 10.0
    s: float = 0.60
    beta: float = 12.0
    p: float = 6.0
    q: float = 4.0
    gamma: float = 60.0
    margin_share: float = 0.25


@dataclass(frozen=True, kw_only=True)
class Staff:
    """Employees, and how their mood becomes the customers' satisfaction.

    Quality of a branch = `quality_sd` of `Satisfaction` times (`chain` x mood of its staff the
    month before + what else there is), so a standard deviation of staff mood is worth
    ``quality_sd * chain`` units of latent satisfaction. Employees leave with a monthly hazard
    ``leave * exp(leave_mood * mood)``.

    Parameters
    ----------
    item_loading, item_noise : float
        A staff item is 3.4 + `item_loading` x mood + noise, on 1 to 5.
    rating_sd, rater_sd, rating_noise : float
        Standard deviations behind the item ``service_rating``: the employee, the customer who
        rates, and the rest.
    """

    per_branch: int = 12
    chain: float = 0.7
    leave: float = 0.012
    leave_mood: float = -0.5
    answers: float = 0.7
    item_loading: float = 0.5
    item_noise: float = 0.6
    rating_sd: float = 0.5
    rater_sd: float = 0.35
    rating_noise: float = 1.1


@dataclass(frozen=True, kw_only=True)
class Complaints:
    """Problems, who speaks up, how cases end, and what that does to the hazard.

    Parameters
    ----------
    problem : float
        Chance of a problem a month where the branch is of mean quality; it is multiplied by
        ``exp(problem_quality * quality)``.
    problem_shock : float
        What a problem of severity 2 does to satisfaction in the next month, spoken of or not.
    severities, speak_up : tuple of five floats
        Share of problems, and chance of complaining about one, by severity 1 to 5.
    days, days_sd : float
        Median of the days to closing and standard deviation of their logarithm, for severity 2;
        the logarithm grows by `days_severity` a grade, `days_passed_on` where it was passed on.
    resolved : float
        Log odds of being resolved, for severity 2; `resolved_severity` a grade,
        `resolved_passed_on` where it was passed on.
    quick_days : int
        A case resolved within so many days is resolved quickly.
    log_hazard_open : float
        While the latest complaint is open on the first day of the month of tenure.
    log_hazard_quick, log_hazard_slow, log_hazard_unresolved : float
        For `lasts_days` after the latest complaint was closed, by how.
    loss, loss_sd : float
        Median of what a problem of severity 2 cost the customer, in money, and standard deviation
        of its logarithm, which grows by `loss_severity` a grade. It acts on nothing.
    """

    problem: float = 0.07
    problem_quality: float = -0.8
    problem_shock: float = -0.5
    severities: tuple[float, ...] = (0.30, 0.30, 0.20, 0.12, 0.08)
    speak_up: tuple[float, ...] = (0.12, 0.20, 0.35, 0.50, 0.70)
    passed_on: float = 0.25
    days: float = 7.0
    days_sd: float = 0.9
    days_severity: float = 0.15
    days_passed_on: float = 0.7
    resolved: float = 1.0
    resolved_severity: float = -0.25
    resolved_passed_on: float = -0.4
    never_closed: float = 0.03
    quick_days: int = 7
    follow_up: float = 0.6
    lasts_days: int = 180
    log_hazard_open: float = 0.60
    log_hazard_quick: float = -0.20
    log_hazard_slow: float = 0.25
    log_hazard_unresolved: float = 0.90
    loss: float = 60.0
    loss_severity: float = 0.7
    loss_sd: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Contacts:
    """Outbound contacts by depth: who gets them and what they do. Inbound ones do nothing.

    The number a month is Poisson-like, at most one: rate by segment, times ``exp(complaint)``
    while a complaint is open. Nothing else moves who gets one, so segment and open complaint
    remove the confounding. Effects hold for `lasts_days` after the latest contact of a depth.
    """

    rate: Mapping[str, float] = _by_name(
        {"key account": 0.8, "business": 0.4, "small business": 0.2}
    )
    complaint: float = 0.8
    personal: Mapping[str, float] = _by_name(
        {"key account": 0.5, "business": 0.3, "small business": 0.15}
    )
    promotional: float = 0.5
    inbound: float = 0.25
    lasts_days: int = 90
    log_hazard: Mapping[str, float] = _by_name(
        {"courtesy": 0.0, "promotional": -0.10, "personal": -0.45}
    )
    log_demand: Mapping[str, float] = _by_name(
        {"courtesy": 0.0, "promotional": 0.12, "personal": 0.06}
    )


@dataclass(frozen=True, kw_only=True)
class Bonds:
    """Bonds: how often they come about in a month, and what each adds to the log hazard.

    The true switching cost of a bond, as a share of the price, is ``-log_hazard / price`` with
    `Hazard.price`: the price gap at which a customer with the bond leaves as readily as one
    without it. ``rate`` is doubled for key accounts and halved for small business.
    """

    rate: Mapping[str, float] = _by_name(
        {
            "integration": 0.008,
            "training": 0.012,
            "discount": 0.015,
            "data": 0.010,
            "personal": 0.012,
        }
    )
    log_hazard: Mapping[str, float] = _by_name(
        {
            "integration": -0.60,
            "training": -0.30,
            "discount": -0.15,
            "data": -0.24,
            "personal": -0.45,
        }
    )
    worth_sd: float = 0.3


@dataclass(frozen=True, kw_only=True)
class Programme:
    """One programme: effects at enrolment, which fade by ``exp(-months / fade_months)``."""

    log_hazard: float
    log_demand: float
    fade_months: float
    cost: float


@dataclass(frozen=True, kw_only=True)
class Programmes:
    """Three programmes, one a level of bond and one a design.

    Parameters
    ----------
    rebate : Programme
        Financial, randomised: half of the contracts running on the first of the 19th month of
        the records, by coin.
    integration : Programme
        Structural, rolled out: six branches each on the first of the 13th, 25th and 37th month,
        six never; every contract then running in the branch.
    key_contact : Programme
        Social, self-selected from the 7th month on: log odds of joining in a month are `join`,
        plus `join_warmth` times warmth, plus `join_key_account` for key accounts. Warmth also
        keeps customers (`Hazard.warmth`) and nobody records it: the hidden confounder.
    """

    rebate: Programme = Programme(log_hazard=-0.60, log_demand=0.10, fade_months=9.0, cost=60.0)
    integration: Programme = Programme(
        log_hazard=-0.50, log_demand=0.05, fade_months=float("inf"), cost=400.0
    )
    key_contact: Programme = Programme(
        log_hazard=-0.40, log_demand=0.05, fade_months=36.0, cost=150.0
    )
    rebate_month: int = 18
    rollout_months: tuple[int, ...] = (12, 24, 36)
    key_contact_month: int = 6
    join: float = -4.4
    join_warmth: float = 0.8
    join_key_account: float = 0.5


@dataclass(frozen=True, kw_only=True)
class Exits:
    """True causes of leaving, what is said about them, and who comes back.

    Given that a customer leaves, the cause is multinomial with scores ``price_0 + price_gap x
    gap``, ``service_0 + service_satisfaction x S + service_complaint`` (where the latest complaint
    weighs on the hazard), ``relationship_0`` (less `relationship_contact` after a personal
    contact), ``structural`` (closed, moved) and ``ours`` (we ended it).
    ``return_rate`` is the monthly chance of coming back, from the second month to the 24th.

    From month `ask_month` of the records on, the company draws lost customers by lot for asking
    them back: each month a share `ask_rate` of those who left two to twelve months before and were
    not drawn yet, but for whom the company dismissed. A share `ask_held_out` of the drawn is not
    asked; the others get one of the offers of `offer_log_rate`, each as often. An offer multiplies
    the rate of return by its exponential for `offer_lasts_months` months; being drawn does nothing.
    """

    price_0: float = 0.2
    price_gap: float = 8.0
    service_0: float = 0.0
    service_satisfaction: float = -0.8
    service_complaint: float = 1.0
    relationship_0: float = -0.4
    relationship_contact: float = -0.8
    structural: float = -0.3
    ours: float = -2.2
    said_by_customer: float = 0.45
    said_by_employee: float = 0.40
    truthful_customer: float = 0.80
    truthful_employee: float = 0.50
    return_rate: Mapping[str, float] = _by_name(
        {"price": 0.025, "service": 0.012, "relationship": 0.018, "structural": 0.0, "ours": 0.0}
    )
    ask_month: int = 24
    ask_rate: float = 0.12
    ask_held_out: float = 0.30
    offer_log_rate: Mapping[str, float] = _by_name({"discount": 1.1, "call": 0.4})
    offer_cost: Mapping[str, float] = _by_name({"discount": 60.0, "call": 12.0})
    offer_lasts_months: int = 12


@dataclass(frozen=True, kw_only=True)
class Surveys:
    """Who answers, and how answers come out of the latent traits.

    `paths` are the standardised coefficients of the structural model behind the questionnaires,
    by cause and effect; every latent variable has variance 1, ``satisfaction`` is the latent
    satisfaction of the life of the customer. Log odds of answering: `respond` + `respond_slope`
    x satisfaction.
    """

    invited: float = 0.5
    respond: float = -0.6
    respond_slope: float = 0.5
    paths: Mapping[str, Mapping[str, float]] = field(
        default_factory=lambda: MappingProxyType(
            {
                "expectation": _frozen(image=0.50),
                "quality": _frozen(expectation=0.45),
                "tangibles": _frozen(quality=0.70),
                "reliability": _frozen(quality=0.80),
                "responsiveness": _frozen(quality=0.75),
                "assurance": _frozen(quality=0.75),
                "empathy": _frozen(quality=0.70),
                "value": _frozen(quality=0.50),
                "satisfaction": _frozen(
                    tangibles=0.02,
                    reliability=0.35,
                    responsiveness=0.22,
                    assurance=0.13,
                    empathy=0.07,
                    value=0.20,
                    image=0.12,
                ),
                "trust": _frozen(satisfaction=0.60, image=0.15),
                "loyalty": _frozen(satisfaction=0.50, trust=0.20, switching_cost=0.20),
            }
        )
    )
    csat_noise: float = 0.4
    lasting_share: float = 0.7
    item_noise: float = 0.6


@dataclass(frozen=True, kw_only=True)
class Market:
    """Quotes, wallet, firms and choices: what the customers could have elsewhere.

    Parameters
    ----------
    quote_incumbent, quote_gap : float
        Log odds of winning a quote: -0.2, plus `quote_incumbent` where we serve the customer
        already, plus `quote_gap` per unit of (our price - rival's) / rival's. The true incumbency
        premium is ``-quote_incumbent / quote_gap`` of the price.
    shy : mapping of str to float
        True undercut-proof switching cost of the three larger firms, in the price of `market`
        (list price 100); the smallest firm's follows from the identity.
    answer, answer_half_time : float
        By how much the rivals' log prices change in the end because of the rebate, and months until
        half of that is done; with 0 they do not answer.
    choice_last, choice_price, choice_price_sd, choice_taste_sd : float
        Utility of an alternative: taste (normal, by customer and alternative), price (normal
        coefficient by customer), and the alternative chosen last. True switching cost in money:
        ``-choice_last / choice_price``.
    """

    quotes_a_year: float = 0.5
    quote_incumbent: float = 1.0
    quote_gap: float = -10.0
    wallet_panel: float = 0.30
    shy: Mapping[str, float] = _by_name({"Kestrel": 66.0, "us": 62.0, "Norda": 58.0})
    answer: float = 0.0
    answer_half_time: float = 6.0
    choice_panel: float = 0.15
    choice_occasions: int = 12
    choice_last: float = 0.8
    choice_price: float = -2.0
    choice_price_sd: float = 0.5
    choice_taste_sd: float = 1.2


@dataclass(frozen=True, kw_only=True)
class CompanyParameters:
    """All parameters, by mechanism."""

    acquisition: Acquisition = Acquisition()
    hazard: Hazard = Hazard()
    satisfaction: Satisfaction = Satisfaction()
    buying: Buying = Buying()
    spot: SpotBuying = SpotBuying()
    staff: Staff = Staff()
    complaints: Complaints = Complaints()
    contacts: Contacts = Contacts()
    bonds: Bonds = Bonds()
    programmes: Programmes = Programmes()
    exits: Exits = Exits()
    surveys: Surveys = Surveys()
    market: Market = Market()

    def __post_init__(self) -> None:
        if not 0 <= self.acquisition.spot_share < 1:
            raise ParameterError(
                f"spot_share must be at least 0 and below 1, got {self.acquisition.spot_share}"
            )

    def tenure_only(self) -> CompanyParameters:
        """Return the company in which the hazard depends on tenure and on nothing else.

        Its survival curve is known in closed form: `CompanyTruth.survival`.
        """
        nothing = MappingProxyType(dict.fromkeys(self.hazard.segment, 0.0))
        hazard = replace(
            self.hazard, segment=nothing, price=0.0, satisfaction=(0.0, 0.0, 0.0), warmth=0.0
        )
        return replace(self.without("complaints", "contacts", "bonds", "programmes"), hazard=hazard)

    def without(self, *mechanisms: str) -> CompanyParameters:
        """Return the same company in which some mechanisms move neither hazard nor demand.

        Chance is drawn as before, so the difference between the two companies is the effect.

        Raises
        ------
        ParameterError
            If a name is not ``complaints``, ``contacts``, ``bonds``, ``programmes`` or one of the
            three programmes.
        """
        changed = self
        for name in mechanisms:
            changed = _NOTHING[name](changed) if name in _NOTHING else _unknown(name)
        return changed


def _unknown(name: str) -> CompanyParameters:
    raise ParameterError(f"no mechanism {name!r}; there are {', '.join(_NOTHING)}")


def _no_complaints(p: CompanyParameters) -> CompanyParameters:
    idle = replace(
        p.complaints,
        log_hazard_open=0.0,
        log_hazard_quick=0.0,
        log_hazard_slow=0.0,
        log_hazard_unresolved=0.0,
    )
    return replace(p, complaints=idle)


def _no_contacts(p: CompanyParameters) -> CompanyParameters:
    nothing = MappingProxyType(dict.fromkeys(p.contacts.log_hazard, 0.0))
    return replace(p, contacts=replace(p.contacts, log_hazard=nothing, log_demand=nothing))


def _no_bonds(p: CompanyParameters) -> CompanyParameters:
    nothing = MappingProxyType(dict.fromkeys(p.bonds.log_hazard, 0.0))
    return replace(p, bonds=replace(p.bonds, log_hazard=nothing))


def _no_programme(name: str) -> Callable[[CompanyParameters], CompanyParameters]:
    def changed(p: CompanyParameters) -> CompanyParameters:
        idle = replace(getattr(p.programmes, name), log_hazard=0.0, log_demand=0.0)
        return replace(p, programmes=replace(p.programmes, **{name: idle}))

    return changed


PROGRAMMES = ("rebate", "integration", "key_contact")
_NOTHING: Mapping[str, Callable[[CompanyParameters], CompanyParameters]] = {
    "complaints": _no_complaints,
    "contacts": _no_contacts,
    "bonds": _no_bonds,
    "programmes": lambda p: p.without(*PROGRAMMES),
    **{name: _no_programme(name) for name in PROGRAMMES},
}
