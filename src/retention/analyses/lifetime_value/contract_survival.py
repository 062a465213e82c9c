"""How long contracts last: every model of it as one curve a pattern of customers.

A curve is S(t) at whole tenures. Models of renewal and Kaplan-Meier give one for all; hazards and
accelerated failure times may give each pattern of covariates its own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import ArrayLike, NDArray

from retention.errors import AnalysisError, NotEnoughDataError, ParameterError
from retention.models import (
    AcceleratedFailureTime,
    BetaDiscreteWeibull,
    CureModel,
    DiscreteHazard,
    DiscreteHazardFit,
    KaplanMeier,
    RenewalModel,
    ShiftedBetaGeometric,
    count_renewals,
)

__all__ = ["CONTRACT_MODELS", "ContractChoice", "ContractSurvival", "choose_contract_model"]

Array = NDArray[np.floating[Any]]
#: S(t) at whole tenures t of customers of one pattern.
Curve = Callable[[ArrayLike, int], Array]

#: Fitted in any case and compared; the others are fitted when they are asked for.
COMPARED = ("shifted_beta_geometric", "beta_discrete_weibull", "discrete_hazard")


@dataclass(frozen=True, eq=False, kw_only=True)
class ContractSurvival:
    """One model of how long contracts last.

    Parameters
    ----------
    curve : callable
        S(t) by tenures and pattern.
    replicates : callable
        From a number and a source of chance to as many curves, of replicates of the parameters.
    patterns : DataFrame, one row a pattern
        Covariates; one row without columns where all are alike.
    log_likelihood, parameters
        For AIC; NaN and 0 where the model has none (Kaplan-Meier).
    boundaries : str
        What the data could not tell.
    by : str
        How the replicates are made.
    """

    curve: Curve
    replicates: Callable[[int, np.random.Generator], list[Curve]]
    patterns: pd.DataFrame
    log_likelihood: float = float("nan")
    parameters: int = 0
    boundaries: str = ""
    by: str = "Poisson-weight bootstrap"

    @property
    def aic(self) -> float:
        """Akaike's criterion; NaN without parameters."""
        return 2 * self.parameters - 2 * self.log_likelihood

    def pattern_of(self, customers: pd.DataFrame) -> NDArray[np.intp]:
        """Return the pattern of each customer; 0 where all are alike."""
        names = list(self.patterns)
        if not names:
            return np.zeros(len(customers), dtype=np.intp)
        known = pd.MultiIndex.from_frame(self.patterns)
        return np.asarray(known.get_indexer(pd.MultiIndex.from_frame(customers[names])))


@dataclass(frozen=True, eq=False, kw_only=True)
class ContractChoice:
    """Models of how long contracts last, and the one in use."""

    name: str
    fits: dict[str, ContractSurvival]
    table: pd.DataFrame
    durations: pd.DataFrame

    @property
    def fit(self) -> ContractSurvival:
        """The model in use."""
        return self.fits[self.name]


def choose_contract_model(
    durations: pd.DataFrame, model: str = "auto", covariates: Sequence[str] = ()
) -> ContractChoice:
    """Fit the models of how long contracts last; take the one asked for or that of least AIC.

    Parameters
    ----------
    durations : DataFrame
        From `build_durations`, with the covariates as columns.
    model : str
        ``auto`` or one of `CONTRACT_MODELS`. ``kaplan_meier`` takes the curve as it was seen:
        nobody is expected to stay longer than the longest tenure on record.
    covariates : sequence of str
        Columns that tell customers apart, for hazards, accelerated failure times and the cure
        model; models of renewal and Kaplan-Meier know none.

    Raises
    ------
    ParameterError
        If the model is not known.
    NotEnoughDataError
        If no model, or not the one asked for, could be fitted.
    """
    if model not in ("auto", *CONTRACT_MODELS):
        raise ParameterError(f"model must be auto, {', '.join(CONTRACT_MODELS)}; got {model!r}")
    if covariates and model in ("shifted_beta_geometric", "beta_discrete_weibull", "kaplan_meier"):
        raise ParameterError(f"{model} knows no covariates; discrete_hazard does")
    fits: dict[str, ContractSurvival] = {}
    rows: dict[str, dict[str, object]] = {}
    for name in dict.fromkeys([*COMPARED, *([] if model == "auto" else [model])]):
        try:
            fit = CONTRACT_MODELS[name](durations, tuple(covariates))
        except AnalysisError as error:
            rows[name] = {"failed": str(error)}
            continue
        fits[name] = fit
        rows[name] = {
            "log_likelihood": fit.log_likelihood,
            "aic": fit.aic,
            "boundaries": fit.boundaries,
            "failed": "",
        }
    columns = ["log_likelihood", "aic", "boundaries", "failed"]
    table = pd.DataFrame(rows, index=columns).T.rename_axis("model")
    table = table.astype({"log_likelihood": float, "aic": float})
    if not fits or (model != "auto" and model not in fits):
        failed = rows[next(iter(rows)) if model == "auto" else model]["failed"]
        raise NotEnoughDataError(f"no model of contracts could be fitted: {failed}")
    name = model if model != "auto" else str(table["aic"].idxmin())
    return ContractChoice(name=name, fits=fits, table=table, durations=durations)


# -------------------------------------------------------------------------- one model each


def _renewals(
    spec: RenewalModel,
) -> Callable[[pd.DataFrame, tuple[str, ...]], ContractSurvival]:
    def fitted(durations: pd.DataFrame, covariates: tuple[str, ...]) -> ContractSurvival:
        fit = spec.fit(durations)

        def replicates(size: int, rng: np.random.Generator) -> list[Curve]:
            found = spec.bootstrap(fit, durations, replicates=size, rng=rng)
            return [_alike(one.survival) for one in found]

        return ContractSurvival(
            curve=_alike(fit.survival),
            replicates=replicates,
            patterns=pd.DataFrame(index=[0]),
            log_likelihood=fit.log_likelihood,
            parameters=len(fit.parameters),
            boundaries="; ".join(fit.optimum.certificate.boundaries) if fit.optimum else "",
        )

    return fitted


def _alike(survival: Callable[[ArrayLike], Array]) -> Curve:
    return lambda t, pattern: np.asarray(survival(t), dtype=float)


def _kaplan_meier(durations: pd.DataFrame, covariates: tuple[str, ...]) -> ContractSurvival:
    fit = KaplanMeier().fit(durations)
    longest = float(durations["duration"].max())

    def seen(t: ArrayLike) -> Array:
        when = np.asarray(t, dtype=float)
        return np.where(when <= longest, fit.survival(np.minimum(when, longest)), 0.0)

    def replicates(size: int, rng: np.random.Generator) -> list[Curve]:
        # whoever faced a tenure counts a Poisson number of times, as in the models of renewal
        _, faced, left = count_renewals(durations)
        return [_alike(_stepped(rng.poisson(left), rng.poisson(faced - left))) for _ in range(size)]

    return ContractSurvival(
        curve=_alike(seen), replicates=replicates, patterns=pd.DataFrame(index=[0])
    )


def _stepped(left: NDArray[np.int64], stayed: NDArray[np.int64]) -> Callable[[ArrayLike], Array]:
    share = stayed / np.maximum(left + stayed, 1)
    steps = np.concatenate([[1.0], np.cumprod(np.where(left + stayed > 0, share, 1.0))])

    def survival(t: ArrayLike) -> Array:
        when = np.asarray(t, dtype=np.int64)
        return np.where(when < steps.size, steps[np.minimum(when, steps.size - 1)], 0.0)

    return survival


def _patterns(durations: pd.DataFrame, covariates: tuple[str, ...]) -> pd.DataFrame:
    if not covariates:
        return pd.DataFrame(index=[0])
    return durations[list(covariates)].drop_duplicates().reset_index(drop=True)


def _hazard(durations: pd.DataFrame, covariates: tuple[str, ...]) -> ContractSurvival:
    fit = DiscreteHazard(covariates=covariates, link="logit").fit(durations)
    patterns = _patterns(durations, covariates)
    rows: dict[tuple[int, int], Array] = {}

    def curve_of(one: DiscreteHazardFit) -> Curve:
        def curve(t: ArrayLike, pattern: int) -> Array:
            when = np.asarray(t, dtype=np.int64)
            steps = np.arange(1.0, max(int(when.max(initial=0)), 1) + 1)
            key = (pattern, steps.size)
            if key not in rows:
                rows[key] = one.rows(patterns.iloc[[pattern] * steps.size], steps)
            rate = one.rate(rows[key] @ one.theta, steps)[0]
            return np.exp(-np.concatenate([[0.0], np.cumsum(rate)]))[when]

        return curve

    return _of_theta(fit, curve_of, patterns)


def _stretched(
    distribution: Any,
) -> Callable[[pd.DataFrame, tuple[str, ...]], ContractSurvival]:
    def fitted(durations: pd.DataFrame, covariates: tuple[str, ...]) -> ContractSurvival:
        fit = AcceleratedFailureTime(covariates=covariates, distribution=distribution).fit(
            durations
        )
        patterns = _patterns(durations, covariates)
        return _of_theta(fit, lambda one: _of_profile(one, patterns), patterns)

    return fitted


def _cure(durations: pd.DataFrame, covariates: tuple[str, ...]) -> ContractSurvival:
    fit = CureModel(covariates=covariates).fit(durations)
    patterns = _patterns(durations, covariates)
    return _of_theta(fit, lambda one: _of_profile(one, patterns), patterns)


def _of_profile(fit: Any, patterns: pd.DataFrame) -> Curve:
    """Return curves of a fit with ``survival(t, profile)``, continuous in time."""
    profiles = [{str(k): v for k, v in row.items()} for row in patterns.to_dict("records")]

    def curve(t: ArrayLike, pattern: int) -> Array:
        when = np.maximum(np.asarray(t, dtype=float), 1e-9)
        return np.asarray(fit.survival(when, profiles[pattern] or None), dtype=float)

    return curve


def _of_theta(
    fit: Any, curve_of: Callable[[Any], Curve], patterns: pd.DataFrame
) -> ContractSurvival:
    """Return curves whose replicates are draws from the normal distribution of the estimates."""

    def replicates(size: int, rng: np.random.Generator) -> list[Curve]:
        drawn = rng.multivariate_normal(fit.theta, fit.covariance, size, method="eigh")
        return [curve_of(replace(fit, theta=theta)) for theta in drawn]

    return ContractSurvival(
        curve=curve_of(fit),
        replicates=replicates,
        patterns=patterns,
        log_likelihood=float(fit.log_likelihood),
        parameters=len(fit.theta),
        by="draws from the normal distribution of the estimates",
    )


#: Models of how long contracts last, by the name under which settings call them.
CONTRACT_MODELS: dict[str, Callable[[pd.DataFrame, tuple[str, ...]], ContractSurvival]] = {
    "shifted_beta_geometric": _renewals(ShiftedBetaGeometric()),
    "beta_discrete_weibull": _renewals(BetaDiscreteWeibull()),
    "discrete_hazard": _hazard,
    "weibull": _stretched("weibull"),
    "log_normal": _stretched("log_normal"),
    "log_logistic": _stretched("log_logistic"),
    "cure": _cure,
    "kaplan_meier": _kaplan_meier,
}
