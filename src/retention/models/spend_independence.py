"""Whether spending depends on frequency: what Gamma-Gamma takes for granted, tested."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from retention.errors import ConvergenceError, NotEnoughDataError
from retention.models.gamma_gamma import GammaGamma, GammaGammaFit

BANDS = ((1, 1), (2, 2), (3, 4), (5, 9), (10, 10**9))
CLEAR_SHARE = 0.25
CLEAR_BIAS = 0.05


@dataclass(frozen=True, kw_only=True)
class SpendIndependence:
    """Whether spending a purchase goes with frequency, and what that costs the model.

    Parameters
    ----------
    spearman, p_value : float
        Rank correlation of frequency and mean repeat purchase.
    eta_squared : float
        Share of the variance of mean purchases that lies between bands of frequency.
    bias : float
        By how much the money of all repeat purchases moves when each band of frequency has its own
        Gamma-Gamma, relative to one for all: a bound on what the assumption costs.
    bands : DataFrame
        One row a band: customers, observed mean, mean expected by one model, and by its own.
    n_customers : int
        Repeat customers.
    """

    spearman: float
    p_value: float
    eta_squared: float
    bias: float
    bands: pd.DataFrame
    n_customers: int

    @property
    def holds(self) -> bool:
        """Whether the assumption is harmless here."""
        return self.eta_squared < CLEAR_SHARE and abs(self.bias) < CLEAR_BIAS

    def __str__(self) -> str:
        verdict = "harmless here" if self.holds else "not harmless: use spending by frequency band"
        return (
            f"rank correlation of frequency and spending {self.spearman:.2f} "
            f"(p {self.p_value:.2g}), {self.eta_squared:.0%} of variance between bands, "
            f"bias at most {self.bias:+.1%}: {verdict}"
        )


def spend_independence(rfm: pd.DataFrame, fit: GammaGammaFit | None = None) -> SpendIndependence:
    """Test whether spending depends on frequency, and bound the bias if it does.

    Parameters
    ----------
    rfm : DataFrame
        Schema ``rfm`` with ``monetary_value``.
    fit : GammaGammaFit or None
        Fit of all customers; made here if None.

    Raises
    ------
    NotEnoughDataError
        If fewer than 10 customers have a repeat purchase of some value.
    """
    fit = fit or GammaGamma().fit(rfm)
    used = rfm[(rfm["frequency"] > 0) & (rfm["monetary_value"] > 0)]
    if len(used) < 10:
        raise NotEnoughDataError(f"{len(used)} repeat customers; the test needs at least 10")
    x, z = used["frequency"].to_numpy(dtype=float), used["monetary_value"].to_numpy(dtype=float)
    if np.ptp(x) > 0 and np.ptp(z) > 0:
        correlation, p_value = (float(v) for v in spearmanr(x, z))
    else:
        correlation, p_value = 0.0, 1.0
    rows, between = [], 0.0
    for low, high in BANDS:
        band = used[(x >= low) & (x <= high)]
        if band.empty:
            continue
        observed = float(band["monetary_value"].mean())
        between += len(band) * (observed - z.mean()) ** 2
        count = band["frequency"].to_numpy(dtype=float)
        rows.append(
            {
                "frequency": f"{low}" if low == high else f"{low}-{high}" if high < 1e9 else "10+",
                "customers": len(band),
                "observed": observed,
                "expected": float(np.average(fit.expected_spend(band), weights=count)),
                "expected_by_band": _own(band, count),
                "purchases": float(count.sum()),
            }
        )
    bands = pd.DataFrame(rows)
    pooled = float((bands["expected"] * bands["purchases"]).sum())
    own = float((bands["expected_by_band"] * bands["purchases"]).sum())
    total = float(((z - z.mean()) ** 2).sum())
    return SpendIndependence(
        spearman=correlation,
        p_value=p_value,
        eta_squared=between / total if total > 0 else 0.0,
        bias=own / pooled - 1,
        bands=bands,
        n_customers=len(used),
    )


def _own(band: pd.DataFrame, count: np.ndarray) -> float:
    """Mean money a purchase by a model of this band alone; the observed mean if it is too small."""
    if len(band) >= 30:
        try:
            return float(np.average(GammaGamma().fit(band).expected_spend(band), weights=count))
        except (ConvergenceError, NotEnoughDataError):
            pass
    return float(np.average(band["monetary_value"], weights=count))
