"""Every number from which the simulated company is made. Invented; evidence of nothing.

Coefficients named ``log_hazard`` act on the logarithm of the monthly hazard h, where the chance of
leaving within a month of tenure is 1 - exp(-h): a Cox model or a discrete hazard with the
complementary log-log link, fitted to months, recovers them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any

from retention.errors import ParameterError

__all__ = ["Acquisition", "Buying", "CompanyParameters", "Hazard", "Satisfaction", "SpotBuying"]


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

    level: float = -4.45
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
    """

    rate_shape: float = 2.0
    rate_mean: float = 1.2
    rate_core: float = 0.5
    amount_p: float = 6.0
    amount_q: float = 4.0
    amount_gamma: float = 150.0
    satisfaction_log_rate: float = 0.12
    price_response: float = 3.0
    price_response_core: float = 0.5
    preference: float = 1.2
    preference_core: float = 0.4
    days_to_pay: float = 30.0
    days_to_pay_core: float = 0.25
    days_to_pay_satisfaction: float = 0.10
    late_logit: float = 2.2
    late_quality: float = 1.5
    contract_margin: float = 0.45
    margin_share: float = 0.32
    service_core: float = 0.4
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
class CompanyParameters:
    """All parameters, by mechanism."""

    acquisition: Acquisition = Acquisition()
    hazard: Hazard = Hazard()
    satisfaction: Satisfaction = Satisfaction()
    buying: Buying = Buying()
    spot: SpotBuying = SpotBuying()

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
        return replace(self, hazard=hazard)
