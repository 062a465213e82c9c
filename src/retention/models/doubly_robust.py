"""Who was treated differs from who was not: weights, doubly robust effects, and how sure to be."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError, SchemaError
from retention.estimates import normal_interval

from .binary_regression import BinaryRegression

__all__ = [
    "AdjustedEffect",
    "DoublyRobust",
    "DoublyRobustFit",
    "balance",
    "balancing_weights",
    "e_value",
    "omitted_variable_bias",
    "propensity",
]

_Floats = NDArray[np.float64]
_Bools = NDArray[np.bool_]


@dataclass(frozen=True)
class AdjustedEffect:
    """One adjusted difference, treated minus untreated.

    Parameters
    ----------
    value, standard_error : float
        In the unit of the outcome.
    means : tuple of float
        Mean outcome had nobody, and had everybody, been treated.
    """

    value: float
    standard_error: float
    means: tuple[float, float]

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the normal interval."""
        return normal_interval(self.value, self.standard_error, level)


@dataclass(frozen=True, eq=False, kw_only=True)
class DoublyRobustFit:
    """What was learned, with what a reader needs to doubt it.

    Parameters
    ----------
    crude, weighted, doubly_robust : AdjustedEffect
        The plain difference; inverse-probability weighting; augmented weighting.
    balance : DataFrame
        One row a covariate: standardised mean difference ``before`` and ``after`` weighting.
    propensity : Series
        Chance of treatment of each customer kept.
    outside : int
        Customers set aside because nobody like them was in the other arm.
    n_treated, n_untreated : int
        Customers kept.
    effective_n : tuple of float
        Effective sizes of the weighted arms, untreated first.
    residual_ratio : float
        Residual spread of the outcome over that of the treatment, both given the covariates:
        turns partial R-squared of a hidden confounder into bias, see `omitted_variable_bias`.
    strongest : DataFrame
        One row a covariate: its partial R-squared with ``treatment`` and with ``outcome``; what a
        hidden confounder can be compared with.
    """

    crude: AdjustedEffect
    weighted: AdjustedEffect
    doubly_robust: AdjustedEffect
    balance: pd.DataFrame
    propensity: pd.Series
    outside: int
    n_treated: int
    n_untreated: int
    effective_n: tuple[float, float]
    residual_ratio: float
    strongest: pd.DataFrame

    def bias_bound(self, times: float = 1.0) -> float:
        """Return the most bias a hidden confounder could make, `times` as strong as a covariate.

        The largest over all covariates, each compared with a confounder that explains `times` as
        much of treatment and of outcome as it does (Cinelli and Hazlett 2020, section 4.4).
        """
        if self.strongest.empty:
            raise ParameterError("without covariates there is nothing to compare a confounder with")
        pairs = self.strongest[["treatment", "outcome"]].to_numpy(dtype=float)
        return max(
            omitted_variable_bias(self.residual_ratio, *_as_strong(float(d), float(y), times))
            for d, y in pairs
        )

    def bounds(self, times: float = 1.0, level: float = 0.95) -> tuple[float, float]:
        """Return the interval widened by `bias_bound` on either side."""
        low, high = self.doubly_robust.interval(level)
        bias = self.bias_bound(times)
        return low - bias, high + bias


@dataclass(frozen=True, kw_only=True)
class DoublyRobust:
    """Augmented inverse-probability weighting with a logit and linear outcome models [1]_.

    Right if either the chance of treatment or the outcome is modelled rightly, and if nothing that
    moves both was left out. That last condition cannot be tested: the result is an association,
    with a bound on what a hidden confounder could do [2]_.

    Parameters
    ----------
    covariates : tuple of str
        Numeric columns known before treatment; squares and products are columns of their own.
    groups : tuple of str
        Text columns known before treatment.
    overlap : float
        Customers whose chance of treatment lies below this, or above 1 minus it, are set aside and
        counted: nobody like them is in the other arm. 0 keeps all.
    cluster : str
        Column of whose rows belong together, such as a customer in several trials; empty if every
        row is a customer of its own. ``index`` takes the index.
    effect_on : str
        ``all``: had everybody been treated, against nobody; ``treated``: what the treatment did to
        those who had it, which is what its cost is set against. The latter does not depend on how
        many untreated are kept.

    References
    ----------
    .. [1] Robins, J. M., Rotnitzky, A. and Zhao, L. P. (1994). Estimation of regression
       coefficients when some regressors are not always observed. Journal of the American
       Statistical Association 89, 846-866.
    .. [2] Cinelli, C. and Hazlett, C. (2020). Making sense of sensitivity: extending omitted
       variable bias. Journal of the Royal Statistical Society B 82, 39-67.
    """

    covariates: tuple[str, ...]
    groups: tuple[str, ...] = ()
    overlap: float = 0.0
    cluster: str = ""
    effect_on: Literal["all", "treated"] = "all"

    def fit(self, table: pd.DataFrame) -> DoublyRobustFit:
        """Fit to one row a customer with ``outcome`` and ``treated``.

        Raises
        ------
        SchemaError
            If a column is missing or not finite.
        NotEnoughDataError
            If nobody, or everybody, was treated.
        NotIdentifiedError
            If no customers of the two arms overlap.
        """
        if not 0 <= self.overlap < 0.5:
            raise ParameterError(f"overlap must be from 0 to below 0.5, got {self.overlap}")
        if self.effect_on not in ("all", "treated"):
            raise ParameterError(f"effect_on must be all or treated, got {self.effect_on!r}")
        chance = propensity(table, self.covariates, self.groups)
        whole = self.effect_on == "all"
        inside = chance.between(self.overlap if whole else 0.0, 1 - self.overlap).to_numpy()
        kept = table[inside]
        treated = kept["treated"].to_numpy(dtype=bool)
        if treated.sum() < 2 or (~treated).sum() < 2:
            raise NotIdentifiedError(
                f"no overlap: of {len(table):,} customers {inside.sum():,} have like customers in "
                "the other arm, too few to compare; drop a covariate that decides the treatment"
            )
        if not inside.all():
            chance = propensity(kept, self.covariates, self.groups)
        x = _design(kept, self.covariates, self.groups)
        y, e = kept["outcome"].to_numpy(dtype=float), chance.to_numpy()
        weights = balancing_weights(treated, e, self.effect_on)
        ratio, strongest = _strength(x, treated.astype(float), y)
        rows = self._together(kept)
        return DoublyRobustFit(
            crude=_crude(y, treated, rows),
            weighted=_weighted(y, treated, e, x, rows, weights),
            doubly_robust=(_augmented if whole else _augmented_treated)(y, treated, e, x, rows),
            balance=balance(x, treated, weights),
            propensity=chance,
            outside=int((~inside).sum()),
            n_treated=int(treated.sum()),
            n_untreated=int((~treated).sum()),
            effective_n=(_kish(weights[~treated]), _kish(weights[treated])),
            residual_ratio=ratio,
            strongest=strongest,
        )

    def _together(self, table: pd.DataFrame) -> NDArray[np.intp]:
        """Return the number of the cluster of each row."""
        if not self.cluster:
            return np.arange(len(table), dtype=np.intp)
        labels = table.index if self.cluster == "index" else table[self.cluster]
        return pd.factorize(labels)[0].astype(np.intp)


def propensity(
    table: pd.DataFrame, covariates: tuple[str, ...], groups: tuple[str, ...] = ()
) -> pd.Series:
    """Return the chance of treatment of each customer by a logit of the covariates.

    Raises
    ------
    SchemaError
        If ``treated``, ``outcome`` or a covariate is missing or not finite.
    NotEnoughDataError
        If nobody, or everybody, was treated.
    NotIdentifiedError
        If a covariate decides the treatment, so that no one overlaps.
    """
    wanted = ("treated", *covariates, *groups)
    faults = [f"column {c} is missing" for c in wanted if c not in table]
    if faults:
        raise SchemaError("treated and untreated", faults)
    treated = table["treated"].to_numpy(dtype=bool)
    if not treated.any() or treated.all():
        who = "everybody" if treated.all() and len(treated) else "nobody"
        raise NotEnoughDataError(f"{who} of {len(table):,} customers was treated: no comparison")
    spec = BinaryRegression(columns=covariates, groups=groups, event="treated")
    fit = spec.fit(table.assign(treated=treated.astype(float)))
    x = _design(table, covariates, groups)[list(fit.coefficients.index[1:])]
    return pd.Series(fit.probabilities(x), index=table.index, name="propensity")


def balancing_weights(treated: _Bools, chance: _Floats, effect_on: str) -> _Floats:
    """Return weights under which the arms are alike: like all customers, or like the treated."""
    if effect_on == "treated":
        return np.where(treated, 1.0, chance / (1 - chance))
    return np.where(treated, 1 / chance, 1 / (1 - chance))


def balance(x: pd.DataFrame, treated: _Bools, weights: _Floats) -> pd.DataFrame:
    """Return standardised mean differences before and after weighting, one row a covariate.

    The spread is that of the unweighted arms in both columns, so that weighting cannot hide a
    difference by inflating it.
    """
    values = x.to_numpy(dtype=float)
    spread = np.sqrt((values[treated].var(axis=0) + values[~treated].var(axis=0)) / 2)
    columns = {}
    for name, w in (("before", np.ones(len(values))), ("after", weights)):
        means = [np.average(values[arm], axis=0, weights=w[arm]) for arm in (treated, ~treated)]
        gap = means[0] - means[1]
        columns[name] = np.divide(gap, spread, out=np.zeros_like(gap), where=spread > 0)
    return pd.DataFrame(columns, index=x.columns)


def e_value(ratio: float) -> float:
    """Return how strong a hidden confounder must be to explain a risk ratio away.

    Parameters
    ----------
    ratio : float
        A risk ratio above 0; a hazard ratio of a rare event may stand for it.

    Returns
    -------
    float
        The least risk ratio with which the confounder must be tied to both treatment and outcome.

    References
    ----------
    .. [1] VanderWeele, T. J. and Ding, P. (2017). Sensitivity analysis in observational research:
       introducing the E-value. Annals of Internal Medicine 167, 268-274.

    Examples
    --------
    >>> round(e_value(3.9), 2)
    7.26
    """
    if not ratio > 0:
        raise ParameterError(f"a risk ratio is above 0, got {ratio}")
    above = max(ratio, 1 / ratio)
    return above + float(np.sqrt(above * (above - 1)))


def omitted_variable_bias(
    residual_ratio: float, with_treatment: float, with_outcome: float
) -> float:
    """Return the bias a hidden confounder makes in a linear effect.

    Parameters
    ----------
    residual_ratio : float
        Residual spread of outcome over residual spread of treatment, given the covariates.
    with_treatment, with_outcome : float
        Partial R-squared of the confounder with treatment, and with outcome given treatment.

    References
    ----------
    .. [1] Cinelli and Hazlett (2020), equation 10.
    """
    if not (0 <= with_treatment < 1 and 0 <= with_outcome <= 1):
        raise ParameterError(
            f"partial R-squared must lie in 0 to 1, got {with_treatment} and {with_outcome}"
        )
    return residual_ratio * float(np.sqrt(with_outcome * with_treatment / (1 - with_treatment)))


def _as_strong(with_treatment: float, with_outcome: float, times: float) -> tuple[float, float]:
    """Return the partial R-squared of a confounder `times` as strong as a covariate with these."""
    treatment = times * with_treatment / (1 - with_treatment)
    leftover = 1 - times * with_treatment
    shared = times * with_treatment**2 / (leftover * (1 - with_treatment)) if leftover > 0 else 1.0
    if treatment >= 1 or shared >= 1:
        return 0.99, 1.0
    grown = (np.sqrt(times) + np.sqrt(shared)) ** 2 / (1 - shared)
    return min(0.99, treatment), min(1.0, float(grown) * with_outcome / (1 - with_outcome))


def _design(
    table: pd.DataFrame, covariates: tuple[str, ...], groups: tuple[str, ...]
) -> pd.DataFrame:
    """Return covariates and an indicator for every value of a group but the most frequent."""
    parts = {name: table[name].to_numpy(dtype=float) for name in covariates}
    for group in groups:
        labels = table[group].astype("string").fillna("unknown")
        order = labels.groupby(labels).size().sort_values(ascending=False, kind="stable").index
        for label in order[1:]:
            parts[f"{group}: {label}"] = (labels == label).to_numpy(dtype=float)
    return pd.DataFrame(parts, index=table.index)


def _crude(y: _Floats, treated: _Bools, rows: NDArray[np.intp]) -> AdjustedEffect:
    means = (float(y[~treated].mean()), float(y[treated].mean()))
    influence = np.where(treated, (y - means[1]) / treated.mean(), 0.0)
    influence -= np.where(treated, 0.0, (y - means[0]) / (~treated).mean())
    return AdjustedEffect(means[1] - means[0], _error(influence, rows), means)


def _weighted(
    y: _Floats, treated: _Bools, e: _Floats, x: pd.DataFrame, rows: NDArray[np.intp],
    weights: _Floats,
) -> AdjustedEffect:  # fmt: skip
    """Return the difference of weighted means; its error knows that the weights were estimated."""
    t = treated.astype(float)
    w1, w0 = t * weights, (1 - t) * weights
    m1, m0 = float(w1 @ y / w1.sum()), float(w0 @ y / w0.sum())
    influence = w1 * (y - m1) / w1.mean() - w0 * (y - m0) / w0.mean()
    # estimating the weights removes from the influence what the score of the logit explains
    z = np.column_stack([np.ones(len(y)), x.to_numpy(dtype=float)])
    score = z * (t - e)[:, None]
    slope = np.linalg.lstsq(score, influence, rcond=None)[0]
    return AdjustedEffect(m1 - m0, _error(influence - score @ slope, rows), (m0, m1))


def _augmented(
    y: _Floats, treated: _Bools, e: _Floats, x: pd.DataFrame, rows: NDArray[np.intp]
) -> AdjustedEffect:
    t = treated.astype(float)
    z = np.column_stack([np.ones(len(y)), x.to_numpy(dtype=float)])
    fitted = [z @ np.linalg.lstsq(z[arm], y[arm], rcond=None)[0] for arm in (~treated, treated)]
    psi0 = fitted[0] + (1 - t) * (y - fitted[0]) / (1 - e)
    psi1 = fitted[1] + t * (y - fitted[1]) / e
    effect = psi1 - psi0
    means = (float(psi0.mean()), float(psi1.mean()))
    return AdjustedEffect(float(effect.mean()), _error(effect - effect.mean(), rows), means)


def _augmented_treated(
    y: _Floats, treated: _Bools, e: _Floats, x: pd.DataFrame, rows: NDArray[np.intp]
) -> AdjustedEffect:
    """Return the effect on the treated: what they did, less what like untreated customers did."""
    z = np.column_stack([np.ones(len(y)), x.to_numpy(dtype=float)])
    left = y - z @ np.linalg.lstsq(z[~treated], y[~treated], rcond=None)[0]
    share = float(treated.mean())
    parts = np.where(treated, left, -left * e / (1 - e)) / share
    value = float(parts.mean())
    influence = parts - treated * value / share
    mean = float(y[treated].mean())
    return AdjustedEffect(value, _error(influence, rows), (mean - value, mean))


def _error(influence: _Floats, rows: NDArray[np.intp]) -> float:
    together = np.bincount(rows, influence)
    return float(np.sqrt(together @ together) / influence.size)


def _kish(weights: _Floats) -> float:
    return float(weights.sum() ** 2 / (weights @ weights))


def _strength(x: pd.DataFrame, t: _Floats, y: _Floats) -> tuple[float, pd.DataFrame]:
    """Return residual spread of outcome over treatment, and each covariate's partial R-squared."""
    z = np.column_stack([np.ones(len(y)), x.to_numpy(dtype=float)])
    with_t = np.column_stack([z, t])
    left_t, left_y = _left(z, t), _left(with_t, y)
    ratio = float(np.sqrt((left_y @ left_y) / (left_t @ left_t)))
    rows = {}
    for i, name in enumerate(x.columns, start=1):
        without_t = _left(np.delete(z, i, axis=1), t)
        without_y = _left(np.delete(with_t, i, axis=1), y)
        rows[name] = {
            "treatment": 1 - float(left_t @ left_t) / float(without_t @ without_t),
            "outcome": 1 - float(left_y @ left_y) / float(without_y @ without_y),
        }
    return ratio, pd.DataFrame.from_dict(rows, orient="index", columns=["treatment", "outcome"])


def _left(z: _Floats, y: _Floats) -> _Floats:
    left: _Floats = y - z @ np.linalg.lstsq(z, y, rcond=None)[0]
    return left
