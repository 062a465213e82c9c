"""A programme that customers join: those who joined against like customers who had not."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.estimates import Estimate
from retention.features import build_programme_trials
from retention.models import DoublyRobust, DoublyRobustFit, WeightedSurvival, e_value

from .effect import (
    ProgrammeEffect,
    check_arms,
    mean_stay,
    money_word,
    put_together,
    satisfaction_gain,
)
from .hazard import hazard_of_trials

__all__ = ["observed"]

_CONTROLS = 5  # untreated customers kept for each treated one in a trial of the observed


def observed(
    tables: Tables, name: str, programme: pd.Series, *, horizon: int, level: float,
    replicates: int, rng: np.random.Generator,
) -> ProgrammeEffect:  # fmt: skip
    """Compare those who joined with like customers who had not, month by month."""
    trials = build_programme_trials(tables, name, horizon=horizon, drawn=False)
    check_arms(trials, tables.minimum_n)
    all_months = trials
    trials = _thinned(trials, rng)
    covariates, groups = _covariates(trials)
    full = trials[trials["complete"]]
    check_arms(full, tables.minimum_n)
    spec = DoublyRobust(
        covariates=covariates, groups=groups, overlap=0.005, cluster="index", effect_on="treated"
    )
    share = spec.fit(full.assign(outcome=full["retained"].astype(float)))
    curve = WeightedSurvival(
        horizon=horizon, covariates=covariates, groups=groups, replicates=max(2, replicates // 4),
        level=level, effect_on="treated",
    ).fit(trials[["entry", "duration", "event", "treated", *covariates, *groups]], rng)  # fmt: skip
    n, events = share.n_treated + share.n_untreated, int((~full["retained"]).sum())
    low, high = share.doubly_robust.interval(level)
    retained = Estimate(
        value=share.doubly_robust.value, low=low, high=high, level=level, unit="share", n=n,
        events=events, grade="C",
        method=(
            f"augmented weighting, effect on those who joined, against like customers {horizon} "
            f"{tables.window.unit}s on"
        ),
    )  # fmt: skip
    return put_together(
        tables, programme, "like customers", retained,
        _money_observed(full, tables, horizon, level, spec, n),
        stay=mean_stay(curve, tables, level, "C", "curves weighted to be alike"),
        hazard=hazard_of_trials(all_months, tables, horizon, level, "C", groups),
        satisfaction=satisfaction_gain(trials, level, "C", "like customers", n),
        checks=share.balance, curves=curve.table, horizon=horizon,
        cautions=_cautions(name, share), doubt=_doubt(share, retained),
    )  # fmt: skip


def _thinned(trials: pd.DataFrame, rng: np.random.Generator) -> pd.DataFrame:
    """Keep all treated and, by lot, at most a few untreated for each treated of a trial."""
    treated = trials["treated"].to_numpy()
    code = pd.factorize(trials["trial_on"])[0]
    wanted = _CONTROLS * np.bincount(code, treated)
    chance = rng.permutation(len(trials))
    order = np.lexsort((chance, treated, code))
    rank = np.empty(len(trials), dtype=int)
    starts = np.r_[0, np.cumsum(np.bincount(code))[:-1]]
    rank[order] = np.arange(len(trials)) - starts[code[order]]
    return trials[treated | (rank < wanted[code])]


def _covariates(trials: pd.DataFrame) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the covariates there are and that vary: numbers, and text columns."""
    trials["tenure_log"] = np.log1p(trials["tenure"].to_numpy(dtype=float))
    names = ("tenure_log", "money_before", "orders_before", "complaints_before", "contacts_before")
    numbers = [c for c in names if c in trials and trials[c].std() > 0]
    groups = [c for c in ("segment", "region") if c in trials and trials[c].nunique() >= 2]
    return tuple(numbers), tuple(groups)


def _money_observed(
    full: pd.DataFrame, tables: Tables, horizon: int, level: float, spec: DoublyRobust, n: int
) -> Estimate:
    unit = f"{tables.currency} per customer"
    method = f"{money_word(tables)} within {horizon} {tables.window.unit}s, augmented weighting"
    if "money_after" not in full:
        return Estimate.withheld("there is no table of orders", unit=unit, n=n, method=method,
                                 grade="C")  # fmt: skip
    fit = spec.fit(full.assign(outcome=full["money_after"])).doubly_robust
    low, high = fit.interval(level)
    return Estimate(value=fit.value, low=low, high=high, level=level, unit=unit, n=n,
                    method=method, grade="C")  # fmt: skip


def _doubt(fit: DoublyRobustFit, retained: Estimate) -> dict[str, Estimate]:
    """Return what a hidden confounder could do to the gain in the share retained."""
    low, high = fit.bounds(1.0, retained.level)
    found = {
        "retained_if_confounded": Estimate(
            value=retained.value, low=low, high=high, level=retained.level, unit="share",
            n=retained.n, events=retained.events, grade="C", method=(
                "the interval, widened by the bias of a hidden confounder as strong as the "
                "strongest covariate seen (Cinelli and Hazlett 2020)"
            ),
        ),
    }  # fmt: skip
    method = "least risk ratio of a hidden trait with joining and with leaving (E-value)"
    left, joined = (1 - mean for mean in fit.doubly_robust.means)
    if min(left, joined) <= 0:
        why = "nobody left in one of the arms"
        return found | {
            "e_value": Estimate.withheld(why, unit="ratio", n=retained.n, method=method)
        }
    return found | {
        "e_value": Estimate(value=e_value(joined / left), unit="ratio", n=retained.n, grade="C",
                            events=retained.events, method=f"{method}; no interval of its own"),
    }  # fmt: skip


def _cautions(name: str, fit: DoublyRobustFit) -> tuple[str, ...]:
    """Return the cautions of an observational comparison."""
    left, joined = (1 - m for m in fit.doubly_robust.means)
    found = [
        f"{name}: customers joined by their own choice. What made them join may also make them "
        "stay; the difference is an association."
    ]
    if min(left, joined) > 0:
        found[0] += (
            f" A hidden trait would have to be tied to joining and to staying by a risk ratio of "
            f"{e_value(joined / left):.1f} each to explain it away."
        )
    worst = fit.balance["after"].abs().max()
    if worst > 0.1:
        found.append(f"{name}: arms still differ by {worst:.2f} standard deviations; do not use.")
    if fit.outside:
        found.append(f"{name}: {fit.outside:,} had no like customer in the other arm.")
    return tuple(found)
