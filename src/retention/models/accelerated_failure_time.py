"""Accelerated failure time: covariates stretch or shrink the stay. Fitted by lifelines."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike
from scipy.stats import norm

from retention.errors import ConvergenceError, NotEnoughDataError, ParameterError
from retention.estimates import normal_quantile

from .counts import Floats, check_spells
from .design import Design, check_rank

__all__ = ["AcceleratedFailureTime", "AcceleratedFailureTimeFit"]

Distribution = Literal["weibull", "log_normal", "log_logistic"]


@dataclass(frozen=True, kw_only=True)
class AcceleratedFailureTime:
    """Log of the stay is linear in the covariates, with an error of a stated distribution.

    Parameters
    ----------
    covariates : sequence of str
        As in `Cox`; may be empty.
    distribution : str
        ``weibull``, ``log_normal`` or ``log_logistic``.
    grouped : bool
        Whether a tenure of t units means that the customer left between t - 1 and t, which is what
        whole months mean; otherwise tenures are taken as exact, which draws coefficients to 0.
    references : mapping of str to str
        Reference level of text columns.
    level : float
        Level of intervals.

    References
    ----------
    .. [1] Kalbfleisch, J. D. and Prentice, R. L. (2002). The Statistical Analysis of Failure Time
       Data, 2nd ed., chapter 3. Fitted by lifelines (Davidson-Pilon 2019, JOSS 4, 1317).
    """

    covariates: Sequence[str] = ()
    distribution: Distribution = "weibull"
    grouped: bool = True
    references: Mapping[str, str] = field(default_factory=dict)
    level: float = 0.95

    def __post_init__(self) -> None:
        if self.distribution not in ("weibull", "log_normal", "log_logistic"):
            raise ParameterError(f"no distribution {self.distribution!r}")

    def fit(self, table: pd.DataFrame) -> AcceleratedFailureTimeFit:
        """Fit to one row a spell; zero tenures are left out.

        Raises
        ------
        SchemaError, NotEnoughDataError, NotIdentifiedError
            As `Cox`.
        ConvergenceError
            If lifelines finds no optimum.
        """
        check_spells(table, [])
        table = table[table["duration"] > 0]
        event = table["event"].to_numpy(bool)
        if not event.any():
            raise NotEnoughDataError(f"none of {len(table):,} spells at risk ended in leaving")
        if len(table) < 2:
            raise NotEnoughDataError("one spell is too few for a distribution of the stay")
        design = Design.learn(table, self.covariates, self.references)
        x = design.matrix(table)
        centred = x - x.mean(axis=0)
        check_rank(centred.T @ centred, design.columns)
        duration = table["duration"].to_numpy(float)
        names = [f"x{j}" for j in range(x.shape[1])]
        frame = pd.DataFrame(x, columns=names)
        lower = np.where(event & self.grouped, duration - 1, duration)
        frame["lower"] = np.maximum(lower, 1e-6)  # log 0 has no derivative
        frame["upper"] = np.where(event, duration, np.inf)
        frame["exact"] = event & (frame["lower"] == frame["upper"])
        frame["entry"] = table["entry"].to_numpy(float) if "entry" in table else 0.0
        fitter = _fit(self.distribution, frame)
        return self._read(fitter, design, names, len(table), int(event.sum()), duration.max())

    def _read(
        self, fitter: Any, design: Design, names: list[str], n: int, n_events: int, longest: float
    ) -> AcceleratedFailureTimeFit:
        location, shape = _PARAMETERS[self.distribution]
        order = [(location, "Intercept"), *((location, name) for name in names)]
        order.append((shape, "Intercept"))
        theta = np.array([float(fitter.params_[key]) for key in order])
        covariance = np.array(fitter.variance_matrix_.loc[order, order], dtype=float)
        # sigma is the scale of the error of log stay: 1 / rho, except where it is sigma itself
        sign = 1.0 if self.distribution == "log_normal" else -1.0
        theta[-1] *= sign
        covariance[-1, :] *= sign
        covariance[:, -1] *= sign
        return AcceleratedFailureTimeFit(
            design, self.distribution, theta, covariance, float(fitter.log_likelihood_), n,
            n_events, self.level, float(longest),
        )  # fmt: skip


_PARAMETERS = {
    "weibull": ("lambda_", "rho_"),
    "log_normal": ("mu_", "sigma_"),
    "log_logistic": ("alpha_", "beta_"),
}


def _fit(distribution: str, frame: pd.DataFrame) -> Any:
    from lifelines import LogLogisticAFTFitter, LogNormalAFTFitter, WeibullAFTFitter
    from lifelines.exceptions import ConvergenceError as TheirError

    fitter = {
        "weibull": WeibullAFTFitter, "log_normal": LogNormalAFTFitter,
        "log_logistic": LogLogisticAFTFitter,
    }[distribution]()  # fmt: skip
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            fitter.fit_interval_censoring(
                frame, "lower", "upper", event_col="exact", entry_col="entry"
            )
        except TheirError as error:
            raise ConvergenceError(
                f"{distribution}: no optimum on {len(frame):,} spells; rescale covariates, or use "
                "a discrete hazard"
            ) from error
    return fitter


@dataclass(frozen=True, eq=False)
class AcceleratedFailureTimeFit:
    """What was learned.

    Parameters
    ----------
    design : Design
        How columns become covariates.
    distribution : str
        Of the stay.
    theta, covariance : ndarray of float, shapes (p + 2,) and (p + 2, p + 2)
        Intercept, coefficients of log stay, log of the scale.
    log_likelihood : float
        At the estimate.
    n, n_events : int
        Spells, and those that left.
    level, longest : float
        Level of intervals; longest tenure seen. `predict_leaving` and `expected_leavers` take the
        fit.
    """

    design: Design
    distribution: Distribution
    theta: Floats
    covariance: Floats
    log_likelihood: float
    n: int
    n_events: int
    level: float
    longest: float

    @property
    def coefficients(self) -> pd.Series:
        """Intercept and coefficients of log stay."""
        return pd.Series(self.theta[:-1], index=["Intercept", *self.design.columns])

    @property
    def scale(self) -> float:
        """Scale of the error of log stay; 1 makes the Weibull an exponential."""
        return float(np.exp(self.theta[-1]))

    def summary(self) -> pd.DataFrame:
        """Return one row a coefficient: estimate, error, factor of the stay with interval."""
        b, se = self.coefficients, np.sqrt(np.diag(self.covariance))[:-1]
        half = normal_quantile(self.level) * se
        return pd.DataFrame(
            {"coefficient": b, "se": se, "time_ratio": np.exp(b), "low": np.exp(b - half),
             "high": np.exp(b + half)}
        )  # fmt: skip

    def survival(
        self, t: ArrayLike, profile: Mapping[str, object] | None = None, *, given: float = 0.0
    ) -> Floats:
        """Return S(t) of one profile, of those with us at tenure `given`."""
        x = np.zeros(len(self.design.columns))
        if profile is not None:
            x = self.design.matrix(pd.DataFrame([dict(profile)]))[0]
        middle = np.asarray(self.theta[0] + x @ self.theta[1:-1])
        ends = [self._log_survival(np.asarray(when, dtype=float), middle, self.scale)
                for when in (t, given)]  # fmt: skip
        return np.asarray(np.exp(ends[0] - ends[1]), dtype=float)

    def log_survival(self, table: pd.DataFrame, t: Floats, theta: Floats) -> Floats:
        """Return log S of each row of a table at its tenure, under the parameters `theta`."""
        middle = theta[0] + self.design.matrix(table) @ theta[1:-1]
        return self._log_survival(t, middle, float(np.exp(theta[-1])))

    def _log_survival(self, t: Floats, middle: Floats, scale: float) -> Floats:
        with np.errstate(divide="ignore"):
            z = (np.log(t) - middle) / scale
        if self.distribution == "weibull":
            return np.asarray(-np.exp(z), dtype=float)
        if self.distribution == "log_normal":
            return np.asarray(norm.logsf(z), dtype=float)
        return np.asarray(-np.logaddexp(0.0, z), dtype=float)
