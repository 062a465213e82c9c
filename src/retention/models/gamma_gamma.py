"""Gamma-Gamma: what a customer spends a purchase, given what was seen of it.

Each purchase of a customer is gamma (p, nu); nu differs between customers as gamma (q, gamma). A
customer's mean is pulled towards the mean of all, the more so the fewer purchases were seen.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from scipy.special import gammaln, psi

from retention.errors import NotEnoughDataError, ParameterError, SchemaError
from retention.models.maximum_likelihood import Bound, Optimum, maximise
from retention.models.purchase_model import finite, replicate_thetas
from retention.models.purchase_rows import Array, Codes
from retention.schemas import check_rfm

LEAST_Q = 1.01
_HIGH = float(np.log(1e4))
BOUNDS = [
    Bound(
        float(np.log(1e-2)),
        float(np.log(1e6)),
        "p at its lower bound",
        "p at its upper bound: a customer's purchases are all worth the same",
    ),
    Bound(
        float(np.log(LEAST_Q - 1)),
        _HIGH,
        "q at its lower bound: the tail of spending is so heavy that its mean is not identified; "
        "the mean of the sample stands in for customers without a repeat purchase",
        "q at its upper bound: differences in spending between customers not identified: "
        "homogeneous limit used",
    ),
    Bound(-12.0, 12.0, "mean spending at its lower bound", "mean spending at its upper bound"),
]


@dataclass(frozen=True)
class SpendLikelihood:
    """Log-likelihood and score of each customer; theta is log p, log (q - 1), log mean."""

    x: Array
    z: Array
    weights: Array

    def some(self, which: Codes, weights: Array) -> SpendLikelihood:
        """Return some of the rows, with other weights."""
        return SpendLikelihood(self.x[which], self.z[which], weights)

    def rows(self, theta: Array) -> tuple[Array, Array]:
        """Return the log-likelihood (n,) and the score (n, 3) of each customer."""
        p, over, mean = (float(v) for v in np.exp(theta))
        q = 1 + over
        gamma = mean * over / p
        px, xz = p * self.x, self.x * self.z
        ratio = xz / gamma
        grown, share = np.log1p(ratio), ratio / (1 + ratio)
        value = gammaln(px + q) - gammaln(px) - gammaln(q) - q * grown
        value += px * (np.log(ratio) - grown) - np.log(self.z)
        log_share = np.log(ratio) - grown
        by_p = self.x * (psi(px + q) - psi(px) + log_share)
        by_q = psi(px + q) - psi(q) - grown
        by_log_gamma = (px + q) * share - px
        score = np.stack(
            [p * by_p - by_log_gamma, over * by_q + by_log_gamma, by_log_gamma], axis=1
        )
        return value, score


@dataclass(frozen=True, kw_only=True)
class GammaGammaFit:
    """What was learned of spending.

    Parameters
    ----------
    p, q, gamma : float
        Letters of the paper; gamma in money.
    sample_mean : float
        Mean over customers of their mean repeat purchase; stands in where q is at its bound.
    n_customers, n_without_value : int
        Customers fitted to; repeat customers left out because their purchases were worth nothing.
    """

    p: float
    q: float
    gamma: float
    sample_mean: float = float("nan")
    log_likelihood: float = float("nan")
    n_customers: int = 0
    n_without_value: int = 0
    optimum: Optimum | None = None

    @property
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper."""
        return {"p": self.p, "q": self.q, "gamma": self.gamma}

    @property
    def mean_is_identified(self) -> bool:
        """Whether the mean of all customers can be told: q above its bound."""
        return self.q > LEAST_Q + 1e-9

    @property
    def population_mean(self) -> float:
        """Mean spending a purchase over all customers."""
        if not self.mean_is_identified:
            return self.sample_mean
        return self.p * self.gamma / (self.q - 1)

    def expected_spend(self, rfm: pd.DataFrame) -> pd.Series:
        """Return the expected money a purchase of each customer.

        Parameters
        ----------
        rfm : DataFrame
            ``frequency`` and ``monetary_value`` (mean of the repeat purchases; anything where
            frequency is 0).
        """
        x = rfm["frequency"].to_numpy(dtype=float)
        z = np.where(x > 0, rfm["monetary_value"].to_numpy(dtype=float), 0.0)
        if not (np.isfinite(z) & (z >= 0)).all():
            raise SchemaError(
                "rfm", ["monetary_value is missing or below 0 for customers with repeat purchases"]
            )
        given = self.p * (self.gamma + x * z) / (self.p * x + self.q - 1)
        value = finite(np.where(x > 0, given, self.population_mean), "expected_spend")
        return pd.Series(value, index=rfm.index, name="expected_spend")

    def simulate_spend(
        self, rfm: pd.DataFrame, purchases: pd.Series, rng: np.random.Generator
    ) -> pd.Series:
        """Return one possible money of given numbers of future purchases of each customer."""
        x = rfm["frequency"].to_numpy(dtype=float)
        z = np.where(x > 0, rfm["monetary_value"].to_numpy(dtype=float), 0.0)
        nu = rng.gamma(self.q + self.p * x) / (self.gamma + x * z)
        count = purchases.to_numpy(dtype=float)
        money = np.where(count > 0, rng.gamma(self.p * np.maximum(count, 1)) / nu, 0.0)
        return pd.Series(money, index=rfm.index, name="money")

    def standard_errors(self) -> dict[str, float]:
        """Return the standard error of each parameter; NaN where it is not identified."""
        if self.optimum is None:
            return dict.fromkeys(self.parameters, float("nan"))
        over = self.q - 1
        jacobian = np.array([[self.p, 0, 0], [0, over, 0], [-self.gamma, self.gamma, self.gamma]])
        variance = np.einsum("ij,jk,ik->i", jacobian, self.optimum.covariance, jacobian)
        touched = (np.abs(jacobian[:, ~self.optimum.free]) > 1e-12).any(axis=1)
        se = np.where(touched, np.nan, np.sqrt(np.maximum(variance, 0)))
        return dict(zip(self.parameters, se.tolist(), strict=True))

    def summary(self) -> pd.DataFrame:
        """One row a parameter: estimate and standard error."""
        return pd.DataFrame({"estimate": self.parameters, "se": self.standard_errors()})


@dataclass(frozen=True, kw_only=True)
class GammaGamma:
    """Gamma-Gamma model of spending, of Colombo and Jiang (1999) and Fader et al. (2005).

    It holds that how much a customer spends a purchase does not depend on how often she buys; see
    `spend_independence` for the test. q is kept above 1, where the mean exists, and the certificate
    says so if the data lean the other way.

    References
    ----------
    .. [1] Fader, P. S., Hardie, B. G. S. and Lee, K. L. (2005). RFM and CLV: using iso-value curves
       for customer base analysis. Journal of Marketing Research 42(4), 415-430.

    Examples
    --------
    >>> fit = GammaGammaFit(p=6.25, q=3.74, gamma=15.44)
    >>> rfm = pd.DataFrame({"frequency": [3], "monetary_value": [35.0]})
    >>> float(fit.expected_spend(rfm).iloc[0].round(5))
    35.02792
    """

    max_iterations: int = 500

    @staticmethod
    def _read(rfm: pd.DataFrame) -> tuple[SpendLikelihood, float, int]:
        check_rfm(rfm)
        if "monetary_value" not in rfm:
            raise SchemaError("rfm", ["no column monetary_value"])
        x = rfm["frequency"].to_numpy(dtype=float)
        z = rfm["monetary_value"].to_numpy(dtype=float)
        used = (x > 0) & (z > 0)
        if used.sum() < 3:
            raise NotEnoughDataError(
                f"{used.sum():,} of {len(rfm):,} customers have a repeat purchase of some value; "
                "spending cannot be fitted to fewer than 3"
            )
        scale = float(z[used].mean())
        likelihood = SpendLikelihood(x[used], z[used] / scale, np.ones(int(used.sum())))
        return likelihood, scale, int(((x > 0) & ~(z > 0)).sum())

    def fit(self, rfm: pd.DataFrame) -> GammaGammaFit:
        """Fit by maximum likelihood to customers with repeat purchases of some value.

        Raises
        ------
        NotEnoughDataError
            If fewer than 3 customers have one.
        """
        likelihood, scale, without = self._read(rfm)
        optimum = maximise(
            likelihood,
            [np.array([0.7, 1.0, 0.0]), np.array([2.0, 0.0, 0.0]), np.array([0.0, 3.0, 0.0])],
            BOUNDS,
            model="Gamma-Gamma",
            max_iterations=self.max_iterations,
        )
        return self._learned(
            optimum.theta,
            scale,
            log_likelihood=optimum.log_likelihood - likelihood.weights.sum() * np.log(scale),
            n_customers=likelihood.x.size,
            n_without_value=without,
            optimum=optimum,
        )

    @staticmethod
    def _learned(theta: Array, scale: float, **facts: Any) -> GammaGammaFit:
        p, over, mean = (float(v) for v in np.exp(theta))
        return GammaGammaFit(
            p=p, q=1 + over, gamma=mean * scale * over / p, sample_mean=scale, **facts
        )

    def bootstrap(
        self,
        fit: GammaGammaFit,
        rfm: pd.DataFrame,
        *,
        replicates: int = 200,
        rng: np.random.Generator,
    ) -> tuple[GammaGammaFit, ...]:
        """Return fits in which each customer counts a Poisson number of times."""
        if fit.optimum is None:
            raise ParameterError("this fit was made by hand; only a fit to data has replicates")
        likelihood, scale, _ = self._read(rfm)
        thetas = replicate_thetas(likelihood, fit.optimum, replicates, rng)
        return tuple(self._learned(theta, scale, n_customers=fit.n_customers) for theta in thetas)
