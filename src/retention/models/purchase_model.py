"""What every model of purchases can say, in one vocabulary.

A model gives five things about customers in a known state: the probability that they are still
alive, and, given that they are, the expected purchases ahead, the same discounted, their
distribution, and draws from it. Everything else is said here, once.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike

from retention.errors import ParameterError
from retention.models.maximum_likelihood import (
    Bound,
    Optimum,
    RowLikelihood,
    maximise,
    secant,
)
from retention.models.purchase_rows import (
    Array,
    Codes,
    PurchaseRows,
    continuous_rate,
    read_rows,
    unit_of,
)
from retention.window import Unit


@dataclass(frozen=True, kw_only=True)
class PurchaseFit(ABC):
    """What was learned of how customers buy and stop; predicts, cannot be refitted.

    Parameters
    ----------
    unit : str or None
        Unit of time of all rates and tenures; needed wherever an annual rate comes in.
    purchase_effects, dropout_effects : mapping of str to float
        Coefficients of the covariates: associations, not effects of an intervention.
    log_likelihood : float
        At the optimum, in the units of time of the table.
    n_customers : int
        Customers fitted to.
    optimum : Optimum or None
        Transformed parameters with covariance and certificate; None for a fit made by hand.
    future_dropout : float
        Factor on dropout from T on; 1 but for a what-if, see `with_less_dropout`.
    """

    unit: Unit | None = None
    purchase_effects: Mapping[str, float] = field(default_factory=dict)
    dropout_effects: Mapping[str, float] = field(default_factory=dict)
    log_likelihood: float = float("nan")
    n_customers: int = 0
    optimum: Optimum | None = None
    future_dropout: float = 1.0

    # ------------------------------------------------------------- what a model has to give

    @property
    @abstractmethod
    def parameters(self) -> dict[str, float]:
        """The parameters by the letters of the paper, covariates last."""

    @abstractmethod
    def _log_jacobian(self) -> Array:
        """Return derivatives of the log parameters (covariates: the coefficients) by theta."""

    @abstractmethod
    def _alive(self, rows: PurchaseRows) -> Array: ...

    @abstractmethod
    def _ahead(self, rows: PurchaseRows, t: float) -> Array: ...

    @abstractmethod
    def _discounted_ahead(self, rows: PurchaseRows, rate: float, horizon: float) -> Array: ...

    @abstractmethod
    def _count_ahead(self, rows: PurchaseRows, n: int, t: float) -> Array: ...

    @abstractmethod
    def _draw_ahead(self, rows: PurchaseRows, t: float, rng: np.random.Generator) -> Array: ...

    # ------------------------------------------------------------------------- vocabulary

    def probability_alive(self, rfm: pd.DataFrame) -> pd.Series:
        """Return the probability that each customer will still buy, as of T."""
        return self._predict(rfm, self._alive, "probability_alive")

    def expected_purchases(self, rfm: pd.DataFrame, t: float) -> pd.Series:
        """Return the expected purchases of each customer in the next `t` units."""
        _check_time(t)
        return self._predict(
            rfm, lambda rows: self._alive(rows) * self._ahead(rows, t), "expected_purchases"
        )

    def purchase_pmf(self, rfm: pd.DataFrame, n: ArrayLike, t: float) -> pd.DataFrame:
        """Return the probability of each number `n` of purchases in the next `t` units.

        Parameters
        ----------
        rfm : DataFrame
            Customers, as in `fit`.
        n : array_like of int
            Numbers of purchases; one column each.
        t : float
            Length of the period, 0 or more.
        """
        _check_time(t)
        rows, codes = self._read(rfm)
        alive = self._alive(rows)
        columns = {}
        for count in np.atleast_1d(np.asarray(n, dtype=np.int64)):
            if count < 0:
                raise ParameterError(f"no number of purchases is {count}")
            chance = alive * self._count_ahead(rows, int(count), t)
            columns[int(count)] = (chance + (1 - alive) * (count == 0))[codes]
        return pd.DataFrame(columns, index=rfm.index)

    def expected_residual(
        self, rfm: pd.DataFrame, annual_rate: float, horizon: float | None = None
    ) -> pd.Series:
        """Return the discounted expected purchases ahead of each customer (DERT, or finite).

        Parameters
        ----------
        rfm : DataFrame
            Customers, as in `fit`.
        annual_rate : float
            Discount rate a year, such as 0.10; turned into one of the table's unit here.
        horizon : float or None
            Units of time ahead; None for no end, which needs a rate above 0.

        Raises
        ------
        ParameterError
            If there is neither a horizon nor a rate, or the unit of time is not known.
        """
        rate = continuous_rate(annual_rate, unit_of(rfm, self.unit))
        return self.discounted_purchases(rfm, rate, horizon)

    def discounted_purchases(
        self, rfm: pd.DataFrame, rate: float, horizon: float | None = None
    ) -> pd.Series:
        """Return `expected_residual` at a continuous rate per unit of time."""
        end = _checked_horizon(rate, horizon)
        return self._predict(
            rfm,
            lambda rows: self._alive(rows) * self._discounted_ahead(rows, rate, end),
            "expected_residual",
        )

    def score(
        self,
        rfm: pd.DataFrame,
        t: float | Sequence[float],
        annual_rate: float,
        horizon: float | None = None,
    ) -> pd.DataFrame:
        """Return what is to be said of each customer at once, in one reading of the table.

        Parameters
        ----------
        rfm : DataFrame
            Customers, as in `fit`.
        t : float or sequence of float
            Lengths of the periods ahead for which purchases are expected.
        annual_rate, horizon : float, float or None
            As in `expected_residual`.

        Returns
        -------
        DataFrame
            ``probability_alive``, ``expected_purchases`` (of several periods each its own, such as
            ``expected_purchases_52``) and ``expected_residual``.
        """
        rate, end = self._discount(rfm, annual_rate, horizon)
        rows, codes = self._read(rfm)
        alive = finite(self._alive(rows), "probability_alive")
        columns = {"probability_alive": alive[codes]}
        for period in np.atleast_1d(np.asarray(t, dtype=float)):
            _check_time(float(period))
            name = "expected_purchases" + ("" if np.ndim(t) == 0 else f"_{period:g}")
            columns[name] = finite(alive * self._ahead(rows, float(period)), name)[codes]
        ahead = alive * self._discounted_ahead(rows, rate, end)
        columns["expected_residual"] = finite(ahead, "expected_residual")[codes]
        return pd.DataFrame(columns, index=rfm.index)

    def _discount(
        self, rfm: pd.DataFrame, annual_rate: float, horizon: float | None
    ) -> tuple[float, float]:
        """Return the rate a unit of time, and the horizon (infinite where there is none)."""
        rate = continuous_rate(annual_rate, unit_of(rfm, self.unit))
        return rate, _checked_horizon(rate, horizon)

    def new_customer_curve(self, times: ArrayLike) -> Array:
        """Return `expected_new_customer` at each of some times, without covariates."""
        rows, _ = self._read(self.newcomer())
        alive = self._alive(rows)[0]
        return np.array([alive * self._ahead(rows, float(t))[0] for t in np.atleast_1d(times)])

    def expected_new_customer(
        self, t: float, covariates: Mapping[str, float] | None = None
    ) -> float:
        """Return the expected repeat purchases of a new customer within `t` units.

        The first purchase, which made the customer, is not among them.
        """
        return float(self.expected_purchases(self.newcomer(covariates), t).iloc[0])

    def new_customer_residual(
        self,
        annual_rate: float,
        horizon: float | None = None,
        covariates: Mapping[str, float] | None = None,
    ) -> float:
        """Return the discounted expected repeat purchases of a new customer."""
        new = self.newcomer(covariates)
        return float(self.expected_residual(new, annual_rate, horizon).iloc[0])

    def newcomer(self, covariates: Mapping[str, float] | None = None) -> pd.DataFrame:
        """Return a table of one customer who has just bought for the first time."""
        values = {"frequency": 0, "recency": 0.0, "T": 0.0, **dict(covariates or {})}
        return pd.DataFrame(values, index=pd.Index(["new"], name="customer_id"))

    def with_less_dropout(self, share: float) -> Self:
        """Return the fit with everybody's dropout lower by a share from now on.

        A what-if: who is alive now stays as learned. No estimate of what any programme would do.
        """
        if not 0 <= share < 1:
            raise ParameterError(f"share must lie between 0 and 1, got {share}")
        return replace(self, future_dropout=1 - share)

    def simulate(self, rfm: pd.DataFrame, t: float, rng: np.random.Generator) -> pd.Series:
        """Return one possible number of purchases of each customer in the next `t` units."""
        rows, codes = self._read(rfm)
        rows = rows.take(codes)
        alive = rng.random(rows.size) < self._alive(rows)
        return pd.Series(np.where(alive, self._draw_ahead(rows, t, rng), 0.0), index=rfm.index)

    def _read(self, rfm: pd.DataFrame) -> tuple[PurchaseRows, Codes]:
        return read_rows(rfm, tuple(self.purchase_effects), tuple(self.dropout_effects))

    def _predict(
        self, rfm: pd.DataFrame, quantity: Callable[[PurchaseRows], Array], name: str
    ) -> pd.Series:
        rows, codes = self._read(rfm)
        return pd.Series(finite(quantity(rows), name)[codes], index=rfm.index, name=name)

    # --------------------------------------------------------------------------- the fit

    def _with_effects(self, plain: dict[str, float]) -> dict[str, float]:
        purchase = {f"purchase: {name}": v for name, v in self.purchase_effects.items()}
        dropout = {f"dropout: {name}": v for name, v in self.dropout_effects.items()}
        return plain | purchase | dropout

    @property
    def aic(self) -> float:
        """Akaike's criterion."""
        return 2 * len(self.parameters) - 2 * self.log_likelihood

    def standard_errors(self) -> dict[str, float]:
        """Return the standard error of each parameter; NaN where it is not identified."""
        names = list(self.parameters)
        if self.optimum is None:
            return dict.fromkeys(names, float("nan"))
        jacobian = self._log_jacobian()
        held = ~self.optimum.free
        variance = np.einsum("ij,jk,ik->i", jacobian, self.optimum.covariance, jacobian)
        touched = (np.abs(jacobian[:, held]) > 1e-12).any(axis=1)
        se = np.where(touched, np.nan, np.sqrt(np.maximum(variance, 0)))
        plain = len(names) - len(self.purchase_effects) - len(self.dropout_effects)
        size = [v if i < plain else 1.0 for i, v in enumerate(self.parameters.values())]
        return dict(zip(names, (se * np.array(size)).tolist(), strict=True))

    def summary(self) -> pd.DataFrame:
        """One row a parameter: estimate and standard error."""
        return pd.DataFrame({"estimate": self.parameters, "se": self.standard_errors()})


@dataclass(frozen=True, kw_only=True)
class PurchaseModel(ABC):
    """Settings shared by the models of purchases.

    Parameters
    ----------
    purchase_covariates, dropout_covariates : tuple of str
        Numeric columns of the table, fixed in time, that go with the rate of purchase and with
        dropout.
    unit : str or None
        Unit of time of the table; None takes it from the table's window.
    max_iterations : int
        Limit of the search.
    """

    purchase_covariates: tuple[str, ...] = ()
    dropout_covariates: tuple[str, ...] = ()
    unit: Unit | None = None
    max_iterations: int = 500

    @property
    @abstractmethod
    def name(self) -> str:
        """The model in the field's words."""

    @abstractmethod
    def _likelihood(self, rows: PurchaseRows) -> RowLikelihood: ...

    @abstractmethod
    def _bounds(self) -> list[Bound]: ...

    @abstractmethod
    def _starts(self) -> list[list[float]]: ...

    @abstractmethod
    def _learned(self, theta: Array, scale: float, **facts: Any) -> PurchaseFit: ...

    def _scale(self, rows: PurchaseRows) -> float:
        """Return the unit of time inside; refitting in days or years gives the same fit."""
        return rows.time_scale()

    def _constant(self, rows: PurchaseRows, scale: float) -> float:
        """Return what the scaled likelihood leaves out: the unit of densities."""
        return -float(rows.weights @ rows.x) * float(np.log(scale))

    def fit(self, rfm: pd.DataFrame) -> Any:
        """Fit by maximum likelihood.

        Parameters
        ----------
        rfm : DataFrame
            One row a customer (schema ``rfm``), or counts of distinct ``frequency``, ``recency``
            and ``T`` in a column ``customers``; both give the same fit.

        Raises
        ------
        SchemaError
            If the table breaks its schema.
        NotEnoughDataError
            If it is empty, or nobody was observed for any time.
        ConvergenceError
            If no optimum is found.
        """
        rows, _ = read_rows(rfm, self.purchase_covariates, self.dropout_covariates)
        return self._fit_rows(rows, unit_of(rfm, self.unit))

    def _fit_rows(self, rows: PurchaseRows, unit: Unit | None) -> PurchaseFit:
        scale = self._scale(rows)
        width = len(self.purchase_covariates) + len(self.dropout_covariates)
        optimum = maximise(
            self._likelihood(_unit_covariates(rows)[0].scaled(scale)),
            [np.array([*start, *([0.0] * width)]) for start in self._starts()],
            [*self._bounds(), *([Bound(-20.0, 20.0)] * width)],
            model=self.name,
            max_iterations=self.max_iterations,
        )
        optimum = _in_own_units(optimum, _unit_covariates(rows)[1])
        return self._learned(
            optimum.theta,
            scale,
            unit=unit,
            log_likelihood=optimum.log_likelihood + self._constant(rows, scale),
            n_customers=round(rows.customers),
            optimum=optimum,
        )

    def bootstrap(
        self,
        fit: PurchaseFit,
        rfm: pd.DataFrame,
        *,
        replicates: int = 200,
        rng: np.random.Generator,
    ) -> tuple[PurchaseFit, ...]:
        """Return fits to the same customers, each counted a Poisson number of times.

        Each replicate goes from the optimum by Newton steps with the Hessian of the fit. Parameters
        at a bound stay there: what the data could not tell, a replicate does not pretend to know.

        Parameters
        ----------
        fit : PurchaseFit
            This model's fit to `rfm`.
        rfm : DataFrame
            The table it was fitted to.
        replicates : int
            How many; 200 give a 90 % interval to about a twentieth of its width.
        rng : numpy.random.Generator
            Source of chance.
        """
        if fit.optimum is None:
            raise ParameterError("this fit was made by hand; only a fit to data has replicates")
        rows, _ = read_rows(rfm, self.purchase_covariates, self.dropout_covariates)
        scale = self._scale(rows)
        thetas = replicate_thetas(
            self._likelihood(rows.scaled(scale)), fit.optimum, replicates, rng
        )
        return tuple(
            self._learned(theta, scale, unit=fit.unit, n_customers=fit.n_customers)
            for theta in thetas
        )

    def _effects(self, theta: Array, start: int) -> dict[str, Any]:
        middle = start + len(self.purchase_covariates)
        return {
            "purchase_effects": dict(
                zip(self.purchase_covariates, theta[start:middle].tolist(), strict=True)
            ),
            "dropout_effects": dict(
                zip(self.dropout_covariates, theta[middle:].tolist(), strict=True)
            ),
        }

    def with_settings(self, **settings: Any) -> Self:
        """Return the model with other settings."""
        return replace(self, **settings)


def replicate_thetas(
    likelihood: RowLikelihood, optimum: Optimum, replicates: int, rng: np.random.Generator
) -> Array:
    """Return the optimum under Poisson weights, shape (replicates, p).

    The first step uses the scores at the optimum; each replicate then takes Newton steps with
    secant corrections until less than 1e-4 log units are left, and stays inside the bounds.
    """
    free = optimum.free
    inverse = optimum.covariance[np.ix_(free, free)]
    _, score0 = likelihood.rows(optimum.theta)
    thetas = np.tile(optimum.theta, (replicates, 1))
    for b in range(replicates):
        weights = rng.poisson(likelihood.weights).astype(float)
        thetas[b] = _replicate(likelihood, weights, optimum, score0, inverse)
    return thetas


def _replicate(
    likelihood: RowLikelihood,
    weights: Array,
    optimum: Optimum,
    score0: Array,
    inverse: Array,
    max_steps: int = 8,
) -> Array:
    free, low, high = optimum.free, optimum.low, optimum.high
    theta, gradient = optimum.theta.copy(), (weights @ score0)[free]
    step = _limited(inverse @ gradient)
    for _ in range(max_steps):
        theta[free] += step
        theta = np.clip(theta, low, high)
        after = (weights @ likelihood.rows(theta)[1])[free]
        inverse = secant(inverse, step, gradient - after)
        gradient = after
        step = _limited(inverse @ gradient)
        if float(gradient @ step) < 2e-4:
            theta[free] += step
            break
    return np.clip(theta, low, high)


def _limited(step: Array) -> Array:
    return step * min(1.0, 1.0 / max(float(np.abs(step).max(initial=0.0)), 1e-300))


def _unit_covariates(rows: PurchaseRows) -> tuple[PurchaseRows, Array]:
    """Return rows whose covariates have a largest size of one, and the sizes."""
    z = np.hstack([rows.purchase_z, rows.dropout_z])
    size = np.abs(z).max(axis=0, initial=0.0)
    size = np.where(size > 0, size, 1.0)
    cut = rows.purchase_z.shape[1]
    return replace(
        rows, purchase_z=rows.purchase_z / size[:cut], dropout_z=rows.dropout_z / size[cut:]
    ), size


def _in_own_units(optimum: Optimum, size: Array) -> Optimum:
    scale = np.concatenate([np.ones(optimum.theta.size - size.size), 1 / size])
    return replace(
        optimum,
        theta=optimum.theta * scale,
        covariance=optimum.covariance * np.outer(scale, scale),
        low=optimum.low * scale,
        high=optimum.high * scale,
    )


def _check_time(t: float) -> None:
    if not (np.isfinite(t) and t >= 0):
        raise ParameterError(f"a period must be a finite length of 0 or more, got {t}")


def _checked_horizon(rate: float, horizon: float | None) -> float:
    if horizon is None and not rate > 0:
        raise ParameterError(
            "value without end and without discount is infinite for a customer who may stay "
            "for ever; give a horizon, or an annual_rate above 0"
        )
    _check_time(0.0 if horizon is None else float(horizon))
    return np.inf if horizon is None else float(horizon)


def finite(values: Array, what: str) -> Array:
    """Return values that are all finite.

    Raises
    ------
    ParameterError
        If one is not: a prediction is never silently missing.
    """
    bad = ~np.isfinite(values)
    if bad.any():
        raise ParameterError(f"{what}: {bad.sum():,} of {bad.size:,} predictions are not finite")
    return values
