"""Fair scores of groups: what a department, branch or employee would score with endless answers.

The raw mean of a few answers is mostly chance. The models here estimate how much groups truly
differ (by REML) and pull every raw mean towards the average by as much as chance deserves. The
crossed model also knows who rates: a severe customer is severe to everybody.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy import linalg, sparse, stats
from scipy.optimize import minimize, minimize_scalar

from retention.errors import ConvergenceError, NotEnoughDataError, ParameterError
from retention.estimates import normal_quantile

__all__ = ["CrossedEffects", "CrossedEffectsFit", "OneWayEffects", "OneWayEffectsFit"]

Numbers = NDArray[np.float64]

_LARGEST_RATIO = 18.0  # log of residual over group variance: beyond it the groups do not differ


@dataclass(frozen=True)
class OneWayEffectsFit:
    """Variance between and within groups, and each group's shrunken deviation."""

    mean: float
    mean_se: float
    sd_group: float
    sd_residual: float
    reml: float
    groups: pd.DataFrame

    def summary(self, benchmark: float | None = None, level: float = 0.95) -> pd.DataFrame:
        """One row a group; see `_verdicts` for the columns."""
        return _verdicts(self.groups, self.mean, self.sd_group, benchmark, level)


@dataclass(frozen=True)
class CrossedEffectsFit:
    """Variances of groups, raters and the rest, and each group's deviation free of its raters."""

    mean: float
    mean_se: float
    sd_group: float
    sd_rater: float
    sd_residual: float
    reml: float
    groups: pd.DataFrame
    raters: pd.Series = field(repr=False)

    def summary(self, benchmark: float | None = None, level: float = 0.95) -> pd.DataFrame:
        """One row a group; see `_verdicts` for the columns."""
        return _verdicts(self.groups, self.mean, self.sd_group, benchmark, level)


def _verdicts(
    groups: pd.DataFrame, mean: float, sd_group: float, benchmark: float | None, level: float
) -> pd.DataFrame:
    """Score, its interval, probability of lying below the benchmark, and reliability."""
    mark = mean if benchmark is None else benchmark
    frame = groups.assign(score=mean + groups["deviation"])
    half = normal_quantile(level) * frame["se"]
    frame["low"], frame["high"] = frame["score"] - half, frame["score"] + half
    distance = mark - frame["score"]
    safe = np.where(frame["se"] > 0, frame["se"], 1.0)
    frame["p_below"] = np.where(frame["se"] > 0, stats.norm.cdf(distance / safe), 0.5)
    if sd_group == 0:  # nothing is seen that tells the groups apart
        frame["reliability"] = 0.0
    return frame.sort_values("score")


@dataclass(frozen=True, kw_only=True)
class OneWayEffects:
    """Scores in groups: score = mean + group + rest, both normal, by REML.

    References
    ----------
    .. [1] Robinson, G. K. (1991). That BLUP is a good thing: the estimation of random effects.
       Statistical Science 6(1), 15-32.
    """

    def fit(self, ratings: pd.DataFrame, *, score: str, group: str) -> OneWayEffectsFit:
        """Fit to one row a rating.

        Raises
        ------
        NotEnoughDataError
            If there are fewer than two groups, or no group has two ratings.
        """
        y, code, names = _groups(ratings, score, group)
        counts = np.bincount(code)
        means = np.bincount(code, weights=y) / counts
        within = float(((y - means[code]) ** 2).sum())
        n, q = len(y), len(names)
        if n == q:
            raise NotEnoughDataError(f"each {group} has one rating; nothing tells them from chance")

        def parts(log_ratio: float) -> tuple[float, float, float]:
            shrink = counts / (counts + np.exp(log_ratio))
            weight = shrink.sum()
            centre = float(shrink @ means / weight)
            # counts * (1 - shrink) is the weight of a squared deviation left between the groups
            between = float((counts * (1 - shrink)) @ (means - centre) ** 2)
            sigma2 = (within + between) / (n - 1)
            return centre, sigma2, weight

        def loss(log_ratio: float) -> float:
            _, sigma2, weight = parts(log_ratio)
            ratio = np.exp(log_ratio)
            logdet = float(np.log1p(counts / ratio).sum())
            # X'V^-1 X = ratio * sum(shrink), in units of the residual variance
            return (n - 1) * (np.log(2 * np.pi * sigma2) + 1) + logdet + np.log(ratio * weight)

        found = minimize_scalar(
            loss, bounds=(-15.0, _LARGEST_RATIO), method="bounded", options={"xatol": 1e-9}
        )
        log_ratio = float(found.x)
        centre, sigma2, weight = parts(log_ratio)
        none = log_ratio > _LARGEST_RATIO - 0.01 or loss(_LARGEST_RATIO) <= found.fun
        variance = 0.0 if none else sigma2 / np.exp(log_ratio)
        shrink = np.zeros(q) if none else counts / (counts + np.exp(log_ratio))
        mean_var = sigma2 / n if none else variance / weight
        # error of the score: what chance leaves, plus that the mean itself is estimated
        error = variance * (1 - shrink) + (1 - shrink) ** 2 * mean_var
        table = pd.DataFrame(
            {
                "n": counts,
                "raw_mean": means,
                "deviation": shrink * (means - centre),
                "se": np.sqrt(np.where(none, mean_var, error)),
                "reliability": shrink,
            },
            index=pd.Index(names, name=group),
        )
        return OneWayEffectsFit(
            centre,
            float(np.sqrt(mean_var)),
            float(np.sqrt(variance)),
            float(np.sqrt(sigma2)),
            float(loss(log_ratio)),
            table,
        )


@dataclass(frozen=True, kw_only=True)
class CrossedEffects:
    """Ratings of groups by raters: score = mean + group + rater + rest, by REML.

    Raters are many and each rates few, so their block of the mixed model equations is diagonal and
    is eliminated; what remains is as large as the number of groups. The likelihood is maximised
    with its exact gradient.

    Parameters
    ----------
    max_iterations : int
        Steps of the optimiser.

    References
    ----------
    .. [1] Henderson, C. R. (1975). Best linear unbiased estimation and prediction under a selection
       model. Biometrics 31, 423-447.
    .. [2] Bates, D., Maechler, M., Bolker, B. and Walker, S. (2015). Fitting linear mixed-effects
       models using lme4. Journal of Statistical Software 67(1).
    """

    max_iterations: int = 100

    def fit(
        self, ratings: pd.DataFrame, *, score: str, group: str, rater: str
    ) -> CrossedEffectsFit:
        """Fit to one row a rating.

        Raises
        ------
        NotEnoughDataError
            If there are fewer than two groups or raters, or raters and groups are the same pairs
            (every rater rates one group, and every group has one rater).
        ConvergenceError
            If no optimum is found.
        """
        y, staff, staff_names = _groups(ratings, score, group)
        _, rated, rater_names = _groups(ratings, score, rater)
        if len(staff_names) + len(rater_names) - 1 >= len(y):
            raise NotEnoughDataError(
                f"{len(y)} ratings of {len(staff_names)} by {len(rater_names)} raters: too few to "
                "tell the one from the other"
            )
        equations = _Equations(y, staff, rated, len(staff_names), len(rater_names))
        found = minimize(
            equations.loss,
            np.array([1.0, 1.0]),
            jac=True,
            method="L-BFGS-B",
            bounds=[(-12.0, _LARGEST_RATIO)] * 2,
            options={"maxiter": self.max_iterations, "ftol": 1e-13, "gtol": 1e-6},
        )
        if not found.success and np.abs(found.jac).max() > 1e-2:
            raise ConvergenceError(
                f"crossed effects: no optimum in {self.max_iterations} steps on {len(y):,} ratings"
            )
        return equations.fit(found.x, float(found.fun), group, staff_names, rater, rater_names)


def _groups(
    ratings: pd.DataFrame, score: str, group: str
) -> tuple[Numbers, NDArray[np.intp], pd.Index]:
    missing = [c for c in (score, group) if c not in ratings]
    if missing:
        raise ParameterError(f"the ratings have no column {', '.join(missing)}")
    y = ratings[score].to_numpy(dtype=float)
    code, names = pd.factorize(ratings[group], sort=True)
    if not np.isfinite(y).all() or (code < 0).any():
        raise ParameterError(f"{score} and {group} may not be missing; drop such ratings first")
    if len(names) < 2:
        raise NotEnoughDataError(f"only {len(names)} {group}; a comparison needs 2")
    return y, code, pd.Index(names)


class _Equations:
    """Mixed model equations with the rater block eliminated; in units of the residual variance."""

    def __init__(
        self, y: Numbers, staff: NDArray[np.intp], rated: NDArray[np.intp], q: int, m: int
    ) -> None:
        self.n, self.q, self.m = len(y), q, m
        self.centre = float(y.mean())
        z = y - self.centre  # numbers near zero lose fewer digits
        self.square = float(z @ z)
        self.staff_n = np.bincount(staff, minlength=q).astype(float)
        self.rater_n = np.bincount(rated, minlength=m).astype(float)
        cross = sparse.csr_matrix((np.ones(len(y)), (staff, rated)), shape=(q, m))
        # first row is the intercept: it meets every rating
        self.cross = sparse.vstack([sparse.csr_matrix(self.rater_n[None, :]), cross]).tocsr()
        self.rhs = np.concatenate([[z.sum()], np.bincount(staff, weights=z, minlength=q)])
        self.rater_rhs = np.bincount(rated, weights=z, minlength=m)
        self.raw = np.bincount(staff, weights=y, minlength=q) / self.staff_n

    def _solve(self, ratio: Numbers) -> tuple[Numbers, Numbers, Numbers, Numbers, Numbers]:
        """Inverse of the reduced system, effects of mean and groups, of raters, pivots, logdet."""
        staff_ratio, rater_ratio = ratio
        d = self.rater_n + rater_ratio
        reduced = -(self.cross.multiply(1 / d) @ self.cross.T).toarray()
        reduced[0, 0] += self.n
        reduced[0, 1:] += self.staff_n
        reduced[1:, 0] += self.staff_n
        reduced[np.arange(1, self.q + 1), np.arange(1, self.q + 1)] += self.staff_n + staff_ratio
        factor = linalg.cholesky(reduced, lower=True, check_finite=False)
        logdet = 2 * np.log(np.diag(factor)).sum() + np.log(d).sum()
        half, _ = linalg.lapack.dpotri(factor, lower=1)
        inverse = np.tril(half) + np.tril(half, -1).T
        effects = inverse @ (self.rhs - self.cross @ (self.rater_rhs / d))
        raters = (self.rater_rhs - self.cross.T @ effects) / d
        return inverse, effects, raters, d, np.asarray(logdet)

    def loss(self, log_ratio: Numbers) -> tuple[float, Numbers]:
        """REML deviance with the residual variance profiled out, and its gradient."""
        ratio = np.exp(log_ratio)
        inverse, effects, raters, d, logdet = self._solve(ratio)
        rest = self.square - float(self.rhs @ effects) - float(self.rater_rhs @ raters)
        sigma2 = rest / (self.n - 1)
        value = (
            (self.n - 1) * (np.log(2 * np.pi * sigma2) + 1)
            + float(logdet)
            - self.q * log_ratio[0]
            - self.m * log_ratio[1]
        )
        staff_trace = float(np.trace(inverse)) - inverse[0, 0]
        spread = (self.cross.multiply(1 / d**2) @ self.cross.T).multiply(inverse)
        rater_trace = float((1 / d).sum()) + float(spread.sum())
        by_ratio = np.array(
            [
                float(effects[1:] @ effects[1:]) / sigma2 + staff_trace - self.q / ratio[0],
                float(raters @ raters) / sigma2 + rater_trace - self.m / ratio[1],
            ]
        )
        return value, by_ratio * ratio

    def fit(
        self,
        log_ratio: Numbers,
        reml: float,
        group: str,
        staff_names: pd.Index,
        rater: str,
        rater_names: pd.Index,
    ) -> CrossedEffectsFit:
        ratio = np.exp(log_ratio)
        inverse, effects, raters, _, _ = self._solve(ratio)
        rest = self.square - float(self.rhs @ effects) - float(self.rater_rhs @ raters)
        sigma2 = rest / (self.n - 1)
        none = log_ratio >= _LARGEST_RATIO - 0.01
        own = np.diag(inverse)[1:]
        sd_group, sd_rater = np.where(none, 0.0, np.sqrt(sigma2 / ratio))
        table = pd.DataFrame(
            {
                "n": self.staff_n.astype(int),
                "raw_mean": self.raw,
                "deviation": effects[1:],
                "se": np.sqrt(sigma2 * (own + 2 * inverse[0, 1:] + inverse[0, 0])),
                "reliability": np.clip(1 - ratio[0] * own, 0.0, 1.0),
            },
            index=pd.Index(staff_names, name=group),
        )
        return CrossedEffectsFit(
            self.centre + float(effects[0]),
            float(np.sqrt(sigma2 * inverse[0, 0])),
            float(sd_group),
            float(sd_rater),
            float(np.sqrt(sigma2)),
            reml,
            table,
            pd.Series(raters, index=pd.Index(rater_names, name=rater)),
        )
