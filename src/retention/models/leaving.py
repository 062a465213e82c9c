"""Who of those still here will leave: chances, months of stay, sums, and what drives each.

Everything is conditional on the tenure already reached. Covariates keep their present values, or
follow a scenario that the caller names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from retention.errors import ParameterError
from retention.estimates import normal_quantile

from .discrete_hazard import DiscreteHazardFit
from .forward import LeavingFit, Scenario, ahead, chunks, forward
from .hazard_cells import Floats

__all__ = [
    "ExpectedLeavers",
    "attributable_shares",
    "expected_leavers",
    "predict_leaving",
    "reasons_to_leave",
    "standardised_risk",
]

_CHUNK = 50_000


def predict_leaving(
    fit: LeavingFit,
    customers: pd.DataFrame,
    horizon: int,
    *,
    scenario: Scenario | None = None,
    beyond: str = "hold",
) -> pd.DataFrame:
    """Return each customer's chance to leave within the horizon, given the tenure reached.

    Parameters
    ----------
    fit : DiscreteHazardFit, AcceleratedFailureTimeFit or CureModelFit
        The model.
    customers : pandas.DataFrame
        One row a customer still here: ``tenure`` (whole units completed) and the covariates. A
        column ``name@2`` holds what `name` will be in the second unit ahead, where that is known
        (a renewal that is due then).
    horizon : int
        Units ahead, 1 or more.
    scenario : mapping of column to value, or to one value a unit ahead, optional
        Covariates that will not keep their present values.
    beyond : str
        ``hold``: beyond the longest tenure seen the hazard keeps its last value, and the row says
        ``extrapolated``. ``refuse``: nothing (NaN) is said there.

    Returns
    -------
    pandas.DataFrame
        By customer: ``tenure``, ``p_leave``, ``low``, ``high``, ``expected_stay`` (mean units of
        stay within the horizon) and ``extrapolated``. The interval is that of the parameters, on
        the scale of log(-log).

    Raises
    ------
    SchemaError
        If a column is missing, or tenures are not whole numbers of 0 or more.
    ParameterError
        If the horizon or `beyond` cannot be.
    """
    if beyond not in ("hold", "refuse"):
        raise ParameterError(f"beyond must be hold or refuse, got {beyond!r}")
    parts = []
    z = normal_quantile(fit.level)
    for part, tenure in chunks(customers, horizon):
        H, stay, slope = forward(fit, part, tenure, horizon, scenario)
        variance = np.einsum("ij,jk,ik->i", slope, fit.covariance, slope)
        with np.errstate(divide="ignore", invalid="ignore"):
            factor = np.where(H > 0, np.exp(z * np.sqrt(variance) / H), 1.0)
        frame = pd.DataFrame(
            {
                "tenure": tenure.astype(int),
                "p_leave": -np.expm1(-H),
                "low": -np.expm1(-H / factor),
                "high": -np.expm1(-H * factor),
                "expected_stay": stay,
                "extrapolated": tenure + horizon > fit.longest,
            },
            index=part.index,
        )
        if beyond == "refuse":
            frame.loc[frame["extrapolated"], ["p_leave", "low", "high", "expected_stay"]] = np.nan
        parts.append(frame)
    return pd.concat(parts)


@dataclass(frozen=True, kw_only=True)
class ExpectedLeavers:
    """Expected leavers, or what they are worth, with the two kinds of chance.

    Parameters
    ----------
    value : float
        Expected sum.
    sd_parameters : float
        From not knowing the coefficients.
    sd_chance : float
        From each customer's leaving being a chance: what a perfect model would still miss.
    low, high : float
        Interval of the sum that will be seen, from both.
    n : int
        Customers.
    """

    value: float
    sd_parameters: float
    sd_chance: float
    low: float
    high: float
    n: int


def expected_leavers(
    fit: LeavingFit,
    customers: pd.DataFrame,
    horizon: int,
    *,
    worth: Sequence[float] | Floats | None = None,
    scenario: Scenario | None = None,
) -> ExpectedLeavers:
    """Return how many will leave within the horizon, or the sum of `worth` they take along.

    Parameters
    ----------
    fit, customers, horizon, scenario
        As for `predict_leaving`.
    worth : array_like of float, optional
        Each customer's worth; 1 if left out.

    Returns
    -------
    ExpectedLeavers
        Sum of p, with variance ``g' V g`` (parameters) plus ``sum of worth^2 p (1 - p)`` (chance).
    """
    weight = np.ones(len(customers)) if worth is None else np.asarray(worth, dtype=float)
    if len(weight) != len(customers) or not np.all(np.isfinite(weight)):
        raise ParameterError("worth must hold one finite number a customer")
    total, chance, gradient = 0.0, 0.0, np.zeros(len(fit.theta))
    start = 0
    for part, tenure in chunks(customers, horizon):
        w = weight[start : start + len(part)]
        start += len(part)
        H, _, slope = forward(fit, part, tenure, horizon, scenario)
        p = -np.expm1(-H)
        total += float(w @ p)
        chance += float(w**2 @ (p * (1 - p)))
        gradient += (w * (1 - p)) @ slope
    spread = float(gradient @ fit.covariance @ gradient)
    half = normal_quantile(fit.level) * np.sqrt(spread + chance)
    bounds = (float(np.minimum(weight, 0).sum()), float(np.maximum(weight, 0).sum()))
    return ExpectedLeavers(
        value=total, sd_parameters=float(np.sqrt(spread)), sd_chance=float(np.sqrt(chance)),
        low=max(bounds[0], total - half), high=min(bounds[1], total + half), n=len(customers),
    )  # fmt: skip


def reasons_to_leave(
    fit: DiscreteHazardFit,
    customers: pd.DataFrame,
    horizon: int,
    *,
    nodes: int = 12,
) -> dict[str, pd.DataFrame]:
    """Split each customer's risk and stay into what tenure and every covariate add, exactly.

    The contribution of a term is its share of the way from the mean customer to this one: the
    integral of the risk's derivative along the straight line between their covariates (Aumann and
    Shapley). Contributions add up: risk = average + tenure + all terms, where the average is
    that of these customers' tenures with mean covariates.

    Parameters
    ----------
    fit, customers, horizon
        As for `predict_leaving`.
    nodes : int
        Gauss-Legendre nodes of the integral; 12 give 1e-9.

    Returns
    -------
    dict of str to pandas.DataFrame
        ``risk`` (probability) and ``stay`` (units within the horizon), by customer: ``average``,
        ``tenure``, one column a term, and ``total``.

    References
    ----------
    .. [1] Aumann, R. J. and Shapley, L. S. (1974). Values of Non-Atomic Games.
    """
    terms = _term_columns(fit)
    s, weight = np.polynomial.legendre.leggauss(nodes)
    s, weight = (s + 1) / 2, weight / 2
    found: dict[str, list[pd.DataFrame]] = {"risk": [], "stay": []}
    for part, tenure in chunks(customers, horizon):
        steps = list(ahead(fit, part, tenure, horizon, None))
        width = fit.basis.width
        own = [(rows[:, :width] @ fit.theta[:width], t) for rows, t in steps]
        moves = [
            np.column_stack([rows[:, at] @ fit.theta[at] for at in terms.values()])
            if terms else np.zeros((len(part), 0))
            for rows, _ in steps
        ]  # fmt: skip
        zero = _path(fit, own, moves, 0.0)
        risk, stay = np.zeros((2, len(part), len(terms)))
        for node, share in zip(s, weight, strict=True):
            point = _path(fit, own, moves, float(node))
            risk += share * point[2]
            stay += share * point[3]
        for name, start, parts in (("risk", zero[0], risk), ("stay", zero[1], stay)):
            frame = pd.DataFrame(parts, index=part.index, columns=list(terms))
            frame.insert(0, "tenure", start)
            found[name].append(frame)
    frames = {name: pd.concat(parts) for name, parts in found.items()}
    for frame in frames.values():
        total = frame.sum(axis=1)
        average = frame["tenure"].mean()
        frame.insert(0, "average", average)
        frame["tenure"] -= average
        frame["total"] = total
    return frames


def _path(
    fit: DiscreteHazardFit, own: list[tuple[Floats, Floats]], moves: list[Floats], s: float
) -> tuple[Floats, Floats, Floats, Floats]:
    """Risk, stay and their derivatives by each term, a share `s` of the way from the mean."""
    size = len(own[0][0])
    H, stay = np.zeros(size), np.zeros(size)
    slope, lost = np.zeros_like(moves[0]), np.zeros_like(moves[0])
    for (eta, t), move in zip(own, moves, strict=True):
        stay += np.exp(-H)
        lost -= np.exp(-H)[:, None] * slope
        rate, change = fit.rate(eta + s * move.sum(axis=1), t)
        H = H + rate
        slope = slope + change[:, None] * move
    return -np.expm1(-H), stay, np.exp(-H)[:, None] * slope, lost


def _term_columns(fit: DiscreteHazardFit) -> dict[str, list[int]]:
    """Return where each term's coefficients stand, its change with tenure included."""
    names = list(fit.names)
    found: dict[str, list[int]] = {}
    for term, columns in fit.design.term_columns.items():
        found[term] = [names.index(column) for column in columns]
        if term in fit.varying:
            found[term] += [names.index(f"{column} x log tenure") for column in columns]
    for name, levels in fit.pooled.items():
        found[name] = [names.index(f"{name}[{level}]") for level in levels]
    if fit.periods:
        found["calendar"] = [names.index(f"period {period}") for period in fit.periods]
    return found


def standardised_risk(
    fit: LeavingFit,
    customers: pd.DataFrame,
    horizon: int,
    settings: Sequence[Scenario],
) -> pd.DataFrame:
    """Return the mean risk of the same customers, were each of them as a setting says.

    Parameters
    ----------
    fit, customers, horizon
        As for `predict_leaving`.
    settings : sequence of mapping of column to value, or to one value a unit ahead
        The first is the one the others are compared with; empty for the values of today.

    Returns
    -------
    pandas.DataFrame
        By setting: ``risk`` with ``risk_low`` and ``risk_high``, and ``difference`` from the first
        with ``low`` and ``high`` (delta method; covariates of the customers taken as given).
    """
    means, gradients = [], []
    for setting in settings:
        mean, gradient = _mean_risk(fit, customers, horizon, setting)
        means.append(mean)
        gradients.append(gradient)
    z = normal_quantile(fit.level)
    rows = []
    for mean, gradient in zip(means, gradients, strict=True):
        half = z * float(np.sqrt(gradient @ fit.covariance @ gradient))
        gap, slope = mean - means[0], gradient - gradients[0]
        wide = z * float(np.sqrt(max(0.0, float(slope @ fit.covariance @ slope))))
        rows.append((mean, max(0.0, mean - half), min(1.0, mean + half), gap, gap - wide,
                     gap + wide))  # fmt: skip
    names = ["risk", "risk_low", "risk_high", "difference", "low", "high"]
    return pd.DataFrame(rows, columns=names)


def _mean_risk(
    fit: LeavingFit, customers: pd.DataFrame, horizon: int, scenario: Scenario
) -> tuple[float, Floats]:
    total, gradient = 0.0, np.zeros(len(fit.theta))
    for part, tenure in chunks(customers, horizon):
        H, _, slope = forward(fit, part, tenure, horizon, scenario)
        total += float(-np.expm1(-H).sum())
        gradient += np.exp(-H) @ slope
    return total / len(customers), gradient / len(customers)


def attributable_shares(
    fit: DiscreteHazardFit,
    cells: pd.DataFrame,
    references: Mapping[str, Mapping[str, object]],
) -> pd.DataFrame:
    """Return what share of those who left would, by the model, not have left at reference values.

    Parameters
    ----------
    fit : DiscreteHazardFit
        The model.
    cells : pandas.DataFrame
        Person-periods, or these counted (``n``): ``stop`` and the covariates.
    references : mapping of name to mapping of column to value
        What is set to what under each name; several columns make a joint share, in which their
        interactions count once.

    Returns
    -------
    pandas.DataFrame
        By name: ``share`` with ``low`` and ``high`` (delta method); negative where the covariate
        goes with fewer leavers. Shares of single covariates do not add up to the joint one.

    References
    ----------
    .. [1] Bruzzi, P. et al. (1985). Estimating the population attributable risk for multiple risk
       factors. American Journal of Epidemiology 122, 904-914.
    """
    n = cells["n"].to_numpy(float) if "n" in cells else np.ones(len(cells))
    tenure = cells["stop"].to_numpy(float)
    whole, slope = _leavers(fit, cells, tenure, n)
    rows = {}
    z = normal_quantile(fit.level)
    for name, setting in references.items():
        values: dict[str, Any] = dict(setting)
        rest, rest_slope = _leavers(fit, cells.assign(**values), tenure, n)
        ratio = rest / whole
        gradient = (rest_slope - ratio * slope) / whole
        half = z * float(np.sqrt(max(0.0, float(gradient @ fit.covariance @ gradient))))
        rows[name] = (1 - ratio, 1 - ratio - half, 1 - ratio + half)
    return pd.DataFrame.from_dict(rows, orient="index", columns=["share", "low", "high"])


def _leavers(
    fit: DiscreteHazardFit, cells: pd.DataFrame, tenure: Floats, n: Floats
) -> tuple[float, Floats]:
    total, gradient = 0.0, np.zeros(len(fit.theta))
    for start in range(0, len(cells), _CHUNK):
        part = slice(start, start + _CHUNK)
        rows = fit.rows(cells.iloc[part], tenure[part])
        rate, change = fit.rate(rows @ fit.theta, tenure[part])
        total += float(n[part] @ -np.expm1(-rate))
        gradient += (n[part] * np.exp(-rate) * change) @ rows
    return total, gradient
