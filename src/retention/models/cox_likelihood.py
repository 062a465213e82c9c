"""Cox's partial likelihood, its derivatives, residuals and baseline.

Ties are Efron's or Breslow's. Letters follow Therneau and Grambsch (2000): at an event tenure,
``S0, S1`` are the sums of ``r = exp(x beta)`` and ``r x`` over those at risk, ``D0, D1`` over the d
who leave. With ``a_l = 1 / (S0 - f_l D0)`` and ``f_l = l / d`` (Efron; 0 for Breslow), all that is
needed of the sums over l = 0 ... d-1 are five numbers a tenure. The sums of x x' over risk sets are
never made: ``sum_t A0(t) S2(t) = X' diag(r_j (sum of A0 while j is at risk)) X``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from .risk_sets import CubeRiskSet, Floats, RowRiskSet

__all__ = ["Moments", "Stratum", "Ties", "baseline", "derivatives", "score_residuals"]


@dataclass(frozen=True, eq=False)
class Stratum:
    """One stratum: its risk set and the centred covariates of its rows or patterns, (m, p)."""

    risk: RowRiskSet | CubeRiskSet
    x: Floats

    @cached_property
    def ties(self) -> Ties:
        """How those who leave together are numbered."""
        return Ties.of(self.risk.deaths)


@dataclass(frozen=True, eq=False)
class Ties:
    """The leavers of all event tenures in a row: tenure, share ``f = l / d``, first of each."""

    tenure: NDArray[np.int64]
    f: Floats
    starts: NDArray[np.int64]

    @classmethod
    def of(cls, deaths: Floats) -> Ties:
        """Give the d leavers of each tenure their numbers l = 0 ... d - 1."""
        count = np.rint(deaths).astype(np.int64)
        starts = np.cumsum(count) - count
        tenure = np.repeat(np.arange(len(count)), count)
        f = (np.arange(len(tenure)) - starts[tenure]) / deaths[tenure]
        return cls(tenure, f, starts)

    def total(self, values: Floats) -> Floats:
        """Sum one value a leaver by tenure."""
        return np.add.reduceat(values, self.starts) if len(self.starts) else np.zeros(0)


@dataclass(frozen=True, eq=False)
class Moments:
    """What a stratum's event tenures need at one beta; all of shape (K,) or (K, p)."""

    r: Floats
    S1: Floats
    D1: Floats
    log_sum: Floats
    A0: Floats
    A1: Floats
    Q0: Floats
    Q1: Floats
    Q2: Floats

    @classmethod
    def of(cls, stratum: Stratum, beta: Floats, ties: str) -> Moments:
        """Compute the moments at `beta`."""
        risk = stratum.risk
        r = np.exp(stratum.x @ beta)
        rx = np.column_stack([r, r[:, None] * stratum.x])
        S, D = risk.at_risk(rx), risk.leaving(rx)
        sums = _efron(S[:, 0], D[:, 0], stratum.ties) if ties == "efron" else _breslow(S, risk)
        return cls(r, S[:, 1:], D[:, 1:], *sums)

    def pull(self) -> Floats:
        """Return ``A0 S1 - A1 D1``: the sum over l of the means of x; shape (K, p)."""
        return self.A0[:, None] * self.S1 - self.A1[:, None] * self.D1

    def slope(self) -> Floats:
        """Return ``Q0 S1 - Q1 D1``: minus the derivative of A0 by beta; shape (K, p)."""
        return self.Q0[:, None] * self.S1 - self.Q1[:, None] * self.D1


def _breslow(S: Floats, risk: RowRiskSet | CubeRiskSet) -> tuple[Floats, ...]:
    d, a = risk.deaths, 1 / S[:, 0]
    zero = np.zeros_like(d)
    return -d * np.log(a), d * a, zero, d * a**2, zero, zero


def _efron(S0: Floats, D0: Floats, ties: Ties) -> tuple[Floats, ...]:
    rest = S0[ties.tenure] - ties.f * D0[ties.tenure]
    log_sum = ties.total(np.log(rest))
    a = 1 / rest
    af = a * ties.f
    products = (a, af, a * a, a * af, af * af)
    return log_sum, *(ties.total(values) for values in products)


def derivatives(
    strata: Sequence[Stratum],
    beta: Floats,
    ties: str,
    weights: Sequence[Floats] | None = None,
    moments: Sequence[Moments] | None = None,
) -> tuple[float, Floats, Floats]:
    """Return the log likelihood, its gradient and minus its second derivative.

    Parameters
    ----------
    strata : sequence of Stratum
        The data.
    beta : ndarray of float, shape (p,)
        Coefficients of the centred covariates.
    ties : str
        ``efron`` or ``breslow``.
    weights : sequence of ndarray, each of shape (K,), optional
        Weight of each event tenure of each stratum, in gradient and second derivative.
    moments : sequence of Moments, optional
        Those of each stratum at `beta`, where they are known.
    """
    log_likelihood, gradient = 0.0, np.zeros_like(beta)
    information = np.zeros((len(beta), len(beta)))
    for number, stratum in enumerate(strata):
        m = Moments.of(stratum, beta, ties) if moments is None else moments[number]
        risk, x = stratum.risk, stratum.x
        w = np.ones_like(m.A0) if weights is None else weights[number]
        left = risk.leaving(x)
        log_likelihood += float(np.sum(left @ beta) - m.log_sum.sum())
        gradient += w @ (left - m.pull())
        held = m.r * (risk.exposure(w * m.A0) - risk.at_end(w * m.A1))
        information += x.T @ (held[:, None] * x)
        cross = (w * m.Q1)[:, None] * m.S1
        information -= m.S1.T @ ((w * m.Q0)[:, None] * m.S1) - (cross.T @ m.D1 + m.D1.T @ cross)
        information -= m.D1.T @ ((w * m.Q2)[:, None] * m.D1)
    return log_likelihood, gradient, information


def score_residuals(stratum: Stratum, beta: Floats, ties: str) -> Floats:
    """Return the score residual of one spell of each row; shape (n, p). They sum to the gradient.

    References
    ----------
    .. [1] Therneau, T. M. and Grambsch, P. M. (2000). Modeling Survival Data, section 4.6.
    """
    if not isinstance(stratum.risk, RowRiskSet):
        raise TypeError("score residuals need one row a spell")
    m, risk, x = Moments.of(stratum, beta, ties), stratum.risk, stratum.x
    left = (risk.at >= 0).astype(float)[:, None]
    residual = left * x - risk.at_end_each(m.pull() / risk.deaths[:, None])
    residual -= m.r[:, None] * (
        risk.exposure_each(m.A0)[:, None] * x - risk.exposure_each(m.slope())
    )
    if ties == "efron":
        # of those who leave together, each is at risk for a part of the others only
        part = m.Q1[:, None] * m.S1 - m.Q2[:, None] * m.D1
        residual += m.r[:, None] * (risk.at_end_each(m.A1)[:, None] * x - risk.at_end_each(part))
    return residual


def baseline(stratum: Stratum, m: Moments) -> tuple[Floats, Floats, Floats, Floats]:
    """Return event tenures, hazard increments at x = 0, their variances, and slopes by beta.

    The increments are ``A0``: with Efron's ties they agree with the coefficients, which Breslow's
    do not. The slopes, shape (K, p), are minus ``Q0 S1 - Q1 D1``.
    """
    return stratum.risk.times, m.A0, m.Q0, -m.slope()
