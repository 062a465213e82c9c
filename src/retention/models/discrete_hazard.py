"""Discrete-time hazard: the chance to leave in the next unit, by tenure and covariates."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from retention.errors import (
    ConvergenceError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
    SchemaError,
)
from retention.estimates import normal_quantile

from .design import Design, check_rank
from .hazard_cells import Cells, Floats, StructuredDesign, make_cells
from .tenure_basis import TenureBasis

__all__ = ["DiscreteHazard", "DiscreteHazardFit", "Link"]

Link = Literal["cloglog", "logit"]
Mask = NDArray[np.bool_]
_SEPARATED = 12.0


@dataclass(frozen=True, kw_only=True)
class DiscreteHazard:
    """The chance to leave in each unit of tenure, given that one stayed so far.

    Parameters
    ----------
    covariates : sequence of str
        Columns, and products ``"a:b"`` of columns; text is coded against its first level.
    link : str
        ``cloglog``: coefficients are log hazard ratios of the continuous time behind the months.
        ``logit``: log odds ratios of leaving in a unit.
    tenure : str or int
        ``"free"``: each tenure its own effect. A number: a smooth curve of that many pieces.
    varying : sequence of str
        Terms whose effect also changes with log tenure.
    pooled : sequence of str
        Text columns with many small groups (branch, account manager): their effects are drawn
        together, the more the fewer customers they rest on.
    calendar : str
        Column with the cohort as a whole number, in the units of tenure: calendar period is cohort
        plus tenure, and each period gets an effect. Not together with free tenure *and* cohort.
    cause : str
        Count only this reason as leaving, those who left for another as censored.
    references : mapping of str to str
        Reference level of text columns.
    level : float
        Level of intervals.
    max_iterations : int
        Scoring steps.

    References
    ----------
    .. [1] Prentice, R. L. and Gloeckler, L. A. (1978). Regression analysis of grouped survival data
       with application to breast cancer data. Biometrics 34, 57-67.
    .. [2] Singer, J. D. and Willett, J. B. (1993). It's about time: using discrete-time survival
       analysis. Journal of Educational Statistics 18, 155-195.
    """

    covariates: Sequence[str] = ()
    link: Link = "cloglog"
    tenure: Literal["free"] | int = 4
    varying: Sequence[str] = ()
    pooled: Sequence[str] = ()
    calendar: str = ""
    cause: str = ""
    references: Mapping[str, str] = field(default_factory=dict)
    level: float = 0.95
    max_iterations: int = 60

    def __post_init__(self) -> None:
        if self.link not in ("cloglog", "logit"):
            raise ParameterError(f"link must be cloglog or logit, got {self.link!r}")
        if self.tenure != "free" and not (isinstance(self.tenure, int) and self.tenure >= 1):
            raise ParameterError(f"tenure must be 'free' or a number of pieces, got {self.tenure}")
        if unknown := set(self.varying) - set(self.covariates):
            raise ParameterError(f"varying terms {sorted(unknown)} are not among the covariates")
        if both := set(self.pooled) & set(self.covariates):
            raise ParameterError(f"{sorted(both)} are pooled and covariates: choose one")

    def fit(self, table: pd.DataFrame) -> DiscreteHazardFit:
        """Fit to a cube, to one row a spell, or to one row a spell and unit of tenure.

        Raises
        ------
        SchemaError
            With every fault of the table, or if tenures are not whole.
        NotEnoughDataError
            If nobody left.
        NotIdentifiedError
            If covariates repeat each other (they are named), or one separates those who left.
        ConvergenceError
            If scoring finds no optimum.
        """
        cells, left = self._cells(table)
        basis = self._basis(cells, left)
        keep = basis.possible(cells.tenure.astype(float))
        design = Design.learn(cells.patterns, self.covariates, self.references)
        groups = Design.learn(cells.patterns, self.pooled)
        x = design.matrix(cells.patterns)
        z, levels = _indicators(groups, cells.patterns)
        n, d = cells.n[keep], left[keep]
        means = _means(x, cells, keep)
        x = x - means
        _check_columns(x, cells, keep, design)
        structured, periods = self._structure(cells, keep, basis, design, np.hstack([x, z]))
        found = _Scoring(structured, n, d, self.link, self.max_iterations, design.columns)
        theta, covariance, spread = found.run(len(design.columns), _sizes(levels))
        if any(np.abs(_covariate_part(theta, structured, len(design.columns))) * x.std(axis=0)
               > _SEPARATED):  # fmt: skip
            raise _separated(theta, structured, design, x)
        return DiscreteHazardFit(
            basis=basis, design=design, varying=tuple(self.varying), pooled=levels,
            pooled_deviation=spread, periods=periods, calendar=self.calendar, link=self.link,
            level=self.level, theta=theta, covariance=covariance, means=means,
            log_likelihood=found.log_likelihood(theta), n=cells.spells,
            n_events=float(left.sum()), mean_hazard=float(d.sum() / cells.n.sum()),
        )  # fmt: skip

    def _cells(self, table: pd.DataFrame) -> tuple[Cells, Floats]:
        names = [name for term in self.covariates for name in term.split(":")]
        names += [*self.pooled, *([self.calendar] if self.calendar else [])]
        cells = make_cells(table, list(dict.fromkeys(names)))
        if self.cause not in cells.left:
            known = ", ".join(cause for cause in cells.left if cause)
            raise ParameterError(f"no cause {self.cause!r}; known: {known or 'none'}")
        left = cells.left[self.cause]
        if left.sum() == 0:
            raise NotEnoughDataError(f"none of {cells.spells:,.0f} spells at risk ended in leaving")
        return cells, left

    def _basis(self, cells: Cells, left: Floats) -> TenureBasis:
        size = int(cells.tenure.max()) + 1
        events = np.bincount(cells.tenure, left, size)[1:].astype(float)
        tenure = np.arange(1.0, size)
        if self.tenure == "free":
            at_risk = np.bincount(cells.tenure, cells.n, size)[1:].astype(float)
            return TenureBasis.each(tenure, events, at_risk)
        return TenureBasis.smooth(tenure, events, self.tenure)

    def _structure(
        self, cells: Cells, keep: Mask, basis: TenureBasis, design: Design, x: Floats
    ) -> tuple[StructuredDesign, tuple[int, ...]]:
        steps = np.arange(1.0, cells.tenure.max() + 1)
        at = _varying_columns(design, self.varying)
        period: NDArray[np.int64] | None = None
        periods: tuple[int, ...] = ()
        if self.calendar:
            cohort = pd.to_numeric(cells.patterns[self.calendar]).to_numpy(np.int64)
            when = cohort[cells.pattern] + cells.tenure
            known, code = np.unique(when[keep], return_inverse=True)
            period = np.asarray(code, dtype=np.int64) - 1
            periods = tuple(int(p) for p in known[1:])
        return (
            StructuredDesign(
                cells.pattern[keep], cells.tenure[keep] - 1, basis.columns(steps), x, x[:, at],
                np.log(steps), period, len(periods),
            ),
            periods,
        )  # fmt: skip


def _varying_columns(design: Design, varying: Sequence[str]) -> list[int]:
    names = [name for term in varying for name in design.term_columns[term]]
    return [design.columns.index(name) for name in names]


def _indicators(groups: Design, patterns: pd.DataFrame) -> tuple[Floats, dict[str, list[str]]]:
    """Return an indicator of every level of the pooled columns, the reference too."""
    blocks, levels = [np.zeros((len(patterns), 0))], {}
    for name in groups.terms:
        if name not in groups.levels:
            raise SchemaError("covariates", [f"{name} must be text to be pooled"])
        rest = Design((name,), {name: groups.levels[name]}).matrix(patterns)
        blocks += [1 - rest.sum(axis=1, keepdims=True), rest]
        levels[name] = list(groups.levels[name])
    return np.hstack(blocks), levels


def _sizes(levels: Mapping[str, Sequence[str]]) -> list[int]:
    return [len(names) for names in levels.values()]


def _means(x: Floats, cells: Cells, keep: Mask) -> Floats:
    weight = np.bincount(cells.pattern[keep], cells.n[keep], len(x))
    return np.asarray(weight @ x / weight.sum(), dtype=float)


def _check_columns(x: Floats, cells: Cells, keep: Mask, design: Design) -> None:
    weight = np.bincount(cells.pattern[keep], cells.n[keep], len(x))
    check_rank(x.T @ (weight[:, None] * x), design.columns)


def _covariate_part(theta: Floats, structured: StructuredDesign, p: int) -> Floats:
    start = structured.basis.shape[1]
    return theta[start : start + p]


def _separated(
    theta: Floats, structured: StructuredDesign, design: Design, x: Floats
) -> NotIdentifiedError:
    part = np.abs(_covariate_part(theta, structured, len(design.columns))) * x.std(axis=0)
    return NotIdentifiedError(
        f"{design.columns[int(np.argmax(part))]} separates those who left from those who stayed: "
        "its coefficient has no finite estimate. Drop it (it may know the future) or merge its "
        "levels"
    )


@dataclass(frozen=True, eq=False)
class _Scoring:
    """Fisher scoring of grouped binomial cells, with variances of pooled effects."""

    design: StructuredDesign
    n: Floats
    d: Floats
    link: Link
    max_iterations: int
    names: Sequence[str]

    def log_likelihood(self, theta: Floats) -> float:
        eta = self.design.times(theta)
        if self.link == "cloglog":
            rate = np.exp(np.minimum(eta, 50.0))
            left = np.where(self.d > 0, self.d * np.log(-np.expm1(-np.maximum(rate, 1e-300))), 0.0)
            return float(np.sum(left - (self.n - self.d) * rate))
        return float(np.sum(self.d * eta - self.n * np.logaddexp(0.0, eta)))

    def _slope(self, theta: Floats) -> tuple[Floats, Floats]:
        eta = self.design.times(theta)
        if self.link == "cloglog":
            rate = np.exp(np.minimum(eta, 50.0))
            hazard = np.maximum(-np.expm1(-rate), 1e-300)
            return rate * (self.d / hazard - self.n), self.n * rate**2 * (1 - hazard) / hazard
        hazard = expit(eta)
        return self.d - self.n * hazard, self.n * hazard * (1 - hazard)

    def run(self, p: int, groups: list[int]) -> tuple[Floats, Floats, list[float]]:
        """Return coefficients, covariance and the standard deviation of each pooled column."""
        theta = self._start()
        variances = [0.1] * len(groups)
        for _ in range(self.max_iterations):
            penalty = self._penalty(p, groups, variances, len(theta))
            theta, covariance = self._maximise(theta, penalty)
            new = self._variances(theta, covariance, p, groups)
            moved = max(
                (abs(a - b) / (b + 1e-6) for a, b in zip(new, variances, strict=True)), default=0.0
            )
            variances = new
            if moved < 1e-3:
                break
        return theta, covariance, [float(np.sqrt(v)) for v in variances]

    def _start(self) -> Floats:
        theta = np.zeros(sum(self.design.widths))
        overall = self.d.sum() / self.n.sum()
        start = np.log(-np.log1p(-min(overall, 0.99)))
        level = self.design.basis @ np.ones(self.design.basis.shape[1])
        if np.allclose(level, 1):  # one effect a tenure
            theta[: self.design.basis.shape[1]] = start
        else:
            theta[0] = start
        return theta

    def _penalty(self, p: int, groups: list[int], variances: list[float], size: int) -> Floats:
        penalty, at = np.zeros(size), self.design.basis.shape[1] + p
        for count, variance in zip(groups, variances, strict=True):
            penalty[at : at + count] = 1 / max(variance, 1e-8)
            at += count
        return penalty

    def _variances(
        self, theta: Floats, covariance: Floats, p: int, groups: list[int]
    ) -> list[float]:
        found, at = [], self.design.basis.shape[1] + p
        for count in groups:
            b = theta[at : at + count]
            v = np.diag(covariance)[at : at + count]
            found.append(float((b @ b + v.sum()) / count))
            at += count
        return found

    def _maximise(self, theta: Floats, penalty: Floats) -> tuple[Floats, Floats]:
        value = self.log_likelihood(theta) - 0.5 * float(penalty @ theta**2)
        for _ in range(self.max_iterations):
            s, w = self._slope(theta)
            gradient = self.design.transposed_times(s) - penalty * theta
            information = self.design.gram(w) + np.diag(penalty)
            try:
                step = np.linalg.solve(information, gradient)
            except np.linalg.LinAlgError as error:
                raise NotIdentifiedError(
                    "tenure, calendar and covariates cannot be told apart in these data; use fewer "
                    "pieces of tenure or drop the calendar"
                ) from error
            # a first step can be far too long where a tenure has few leavers
            size, found = min(1.0, 4.0 / max(float(np.abs(step).max()), 1e-12)), -np.inf
            while size > 1e-6:
                new = theta + size * step
                found = self.log_likelihood(new) - 0.5 * float(penalty @ new**2)
                if found >= value - 1e-10 * abs(value):
                    break
                size /= 2
            gain, value, theta = found - value, found, theta + size * step
            if abs(gain) <= 1e-11 * abs(value) + 1e-11 or np.all(np.abs(step) < 1e-9):
                s, w = self._slope(theta)
                information = self.design.gram(w) + np.diag(penalty)
                return theta, np.asarray(np.linalg.inv(information), dtype=float)
        raise ConvergenceError(
            f"discrete hazard: no optimum in {self.max_iterations} steps with "
            f"{self.d.sum():,.0f} leavers; use fewer pieces of tenure, or merge small levels"
        )


@dataclass(frozen=True, eq=False, kw_only=True)
class DiscreteHazardFit:
    """What was learned; holds no data and cannot be refitted.

    Parameters
    ----------
    basis : TenureBasis
        Functions of tenure.
    design : Design
        How columns become covariates.
    varying : tuple of str
        Terms whose effect changes with log tenure.
    pooled : dict of str to list of str
        Levels of the pooled columns.
    pooled_deviation : list of float
        Standard deviation of the effects of each.
    periods : tuple of int
        Calendar periods with an effect; the first one seen has none.
    calendar : str
        Column of the cohort.
    link, level : str, float
        As in the spec.
    theta, covariance : ndarray of float, shapes (k,) and (k, k)
        All coefficients: tenure, covariates, pooled, varying, periods.
    means : ndarray of float, shape (p,)
        Covariates are centred on these.
    log_likelihood, n, n_events, mean_hazard : float
        At the estimate; spells at risk; those that left; leavers by unit at risk.
    """

    basis: TenureBasis
    design: Design
    varying: tuple[str, ...]
    pooled: dict[str, list[str]]
    pooled_deviation: list[float]
    periods: tuple[int, ...]
    calendar: str
    link: Link
    level: float
    theta: Floats
    covariance: Floats
    means: Floats
    log_likelihood: float
    n: float
    n_events: float
    mean_hazard: float

    @property
    def longest(self) -> float:
        """Longest tenure seen."""
        return float(self.basis.longest)

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all coefficients."""
        slopes = [f"{name} x log tenure" for t in self.varying for name in
                  self.design.term_columns[t]]  # fmt: skip
        groups = [f"{name}[{level}]" for name, levels in self.pooled.items() for level in levels]
        periods = [f"period {p}" for p in self.periods]
        return (*self.basis.names, *self.design.columns, *groups, *slopes, *periods)

    @property
    def coefficients(self) -> pd.Series:
        """All coefficients by name."""
        return pd.Series(self.theta, index=list(self.names), name="coefficient")

    @property
    def standard_errors(self) -> pd.Series:
        """Their standard errors."""
        return pd.Series(np.sqrt(np.diag(self.covariance)), index=list(self.names), name="se")

    def summary(self) -> pd.DataFrame:
        """Return one row a covariate: coefficient, hazard (or odds) ratio with interval."""
        start = self.basis.width
        rows = slice(start, start + len(self.design.columns))
        b, se = self.coefficients[rows], self.standard_errors[rows]
        half = normal_quantile(self.level) * se
        ratio = "hazard_ratio" if self.link == "cloglog" else "odds_ratio"
        frame = {"coefficient": b, "se": se, ratio: np.exp(b)}
        return pd.DataFrame({**frame, "low": np.exp(b - half), "high": np.exp(b + half)})

    def rows(self, table: pd.DataFrame, tenure: Floats) -> Floats:
        """Return the full design of rows of a table, each at a tenure; shape (n, k)."""
        x = self.design.matrix(table) - self.means
        groups = self._groups(table)
        at = _varying_columns(self.design, self.varying)
        parts = [self.basis.columns(tenure), x, groups, x[:, at] * self.log_tenure(tenure)[:, None]]
        if self.calendar:
            when = pd.to_numeric(table[self.calendar]).to_numpy(np.int64) + tenure.astype(np.int64)
            # beyond the last period its effect is held
            when = np.minimum(when, max(self.periods, default=0))
            parts.append((when[:, None] == np.array(self.periods)).astype(float))
        return np.hstack(parts)

    def log_tenure(self, tenure: Floats) -> Floats:
        """Return log tenure, held beyond the longest seen: what varying effects vary with."""
        return np.log(np.clip(tenure, 1, self.basis.longest))

    def _groups(self, table: pd.DataFrame) -> Floats:
        """Return indicators of pooled levels; a level never seen has the effect 0."""
        blocks = [np.zeros((len(table), 0))]
        for name, levels in self.pooled.items():
            texts = table[name].astype(object).where(table[name].notna(), "unknown").astype(str)
            blocks.append((texts.to_numpy()[:, None] == np.array(levels)).astype(float))
        return np.hstack(blocks)

    def rate(self, eta: Floats, tenure: Floats) -> tuple[Floats, Floats]:
        """Return ``-log(1 - hazard)`` and its derivative by the linear predictor."""
        possible = self.basis.possible(tenure)
        if self.link == "cloglog":
            rate = np.where(possible, np.exp(np.minimum(eta, 50.0)), 0.0)
            return rate, rate
        return np.where(possible, np.logaddexp(0.0, eta), 0.0), np.where(possible, expit(eta), 0.0)

    def hazard_by_tenure(
        self, tenure: Sequence[float] | Floats, profile: Mapping[str, object] | None = None
    ) -> pd.DataFrame:
        """Return the hazard of one profile (the mean customer if none is given) with interval."""
        t = np.asarray(tenure, dtype=float)
        if profile is None:
            design = np.zeros((len(t), len(self.theta)))
            design[:, : self.basis.width] = self.basis.columns(t)
        else:
            design = self.rows(pd.DataFrame([dict(profile)] * len(t)), t)
        eta = design @ self.theta
        se = np.sqrt(np.einsum("ij,jk,ik->i", design, self.covariance, design))
        half = normal_quantile(self.level) * se
        ends = [-np.expm1(-self.rate(e, t)[0]) for e in (eta, eta - half, eta + half)]
        return pd.DataFrame(
            {"tenure": t, "hazard": ends[0], "low": ends[1], "high": ends[2],
             "extrapolated": t > self.basis.longest}
        )  # fmt: skip
