"""Who will leave next, by the forerunners seen, with the reasons in words; tested out of time."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import rankdata

from retention.analyses.switching.kept_margin import customer_margins, margin_rate
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_quantile
from retention.features import build_active, build_hazard_cells
from retention.metrics import calibration, lift
from retention.models import (
    DiscreteHazard,
    DiscreteHazardFit,
    expected_leavers,
    predict_leaving,
    reasons_to_leave,
)
from retention.window import add_months

from .forerunners import FORERUNNERS, forerunner_drivers, forerunners_of
from .leaving_hazard import groups_of, require_minimum, told_columns, varying_columns

__all__ = ["EarlyWarning", "early_warning"]

_REASONS = 3
_LEVELS = ("price_gap", "renewal_due", "bonds")


@dataclass(frozen=True, eq=False, kw_only=True)
class EarlyWarning:
    """Answer of `early_warning`.

    Parameters
    ----------
    customers : DataFrame
        Index ``customer_id``, highest risk first; ``tenure``, ``p_leave`` with ``low`` and
        ``high``, ``annual_margin``, ``at_risk`` (chance times margin), ``reason_1`` to
        ``reason_3`` in words, empty where fewer push the risk up.
    forerunners : DataFrame
        Hazard ratio of every covariate.
    test : DataFrame
        One row a date at which the model was fitted and scored as known then: ``customers``,
        ``left``, ``expected`` with ``low`` and ``high``, ``auc``, ``top_tenth`` (lift).
    groups : DataFrame
        Expected against observed leavers of all dates by tenth of risk.
    fit : DiscreteHazardFit
    horizon : int
        Units ahead.
    """

    customers: pd.DataFrame
    forerunners: pd.DataFrame
    test: pd.DataFrame
    groups: pd.DataFrame
    fit: DiscreteHazardFit
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    horizon: int
    unit: str
    currency: str

    def summary(self) -> pd.DataFrame:
        """Return the customers, highest risk first."""
        return self.customers

    def estimates(self) -> dict[str, Estimate]:
        """Return expected leavers in customers and money, and how well it did out of time."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return how far the scores may be trusted."""
        return self.warnings

    def headline(self) -> str:
        """Return how many are expected to leave and what they take along."""
        return (
            f"Within {self.horizon} {self.unit}{'s' if self.horizon > 1 else ''} "
            f"{self.numbers['expected_leavers']} are expected to leave, and with them "
            f"{self.numbers['margin_at_risk']}."
        )


def early_warning(
    tables: Tables,
    *,
    horizon: int = 1,
    days: int = 90,
    tests: int = 3,
    test_units: int = 3,
    margin_share: float | None = None,
    level: float = 0.95,
) -> EarlyWarning:
    """Score every customer at the cutoff by the forerunners of leaving, and test the scores.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` and ``customers``; complaints, contacts, orders and surveys as far as
        they are there.
    horizon : int
        Units of the window ahead.
    days : int
        How far back forerunners count.
    tests : int
        Earlier dates at which the model is fitted and scored as known then, `test_units` apart; 0
        for none.
    test_units : int
        Units of the window followed after each of them.
    margin_share : float, optional
        Margin as a share of spend.
    level : float
        Level of intervals.

    Returns
    -------
    EarlyWarning

    Raises
    ------
    MissingTableError
        If a table is missing.
    NotEnoughDataError
        If fewer than the minimum n left, or nobody is here at the cutoff.
    """
    if horizon < 1 or tests < 0 or test_units < 1:
        raise ParameterError("horizon and test_units must be 1 or more, tests 0 or more")
    tables.require("contracts", "customers", needed_for="early warning")
    fit, active = _fitted(tables, days, level)
    margins = customer_margins(tables, margin_rate(tables, margin_share))
    worth = margins.reindex(active.index).fillna(0.0).to_numpy(dtype=float)
    scored = predict_leaving(fit, active, horizon)
    scored["annual_margin"] = worth
    scored["at_risk"] = scored["p_leave"] * worth
    scored = scored.join(_in_words(fit, active, horizon))
    rows, pooled = _tested(tables, days, tests, test_units, level)
    groups = pd.DataFrame()
    if len(pooled):
        groups = calibration(pooled["left"].to_numpy(dtype=bool), pooled["p_leave"], groups=10)
    numbers = _numbers(fit, active, worth, rows, pooled, horizon, tables, level)
    return EarlyWarning(
        customers=scored.sort_values("p_leave", ascending=False, kind="stable"),
        forerunners=fit.summary(), test=rows, groups=groups, fit=fit, numbers=numbers,
        warnings=_cautions(rows, scored), horizon=horizon, unit=tables.window.unit,
        currency=tables.currency,
    )  # fmt: skip


def _fitted(tables: Tables, days: int, level: float) -> tuple[DiscreteHazardFit, pd.DataFrame]:
    by = groups_of(tables)
    drivers = forerunner_drivers(tables, days=days)
    cells = forerunners_of(build_hazard_cells(tables, by=by, drivers=drivers))
    require_minimum(int(cells["events"].sum()), tables, "customers left")
    # the level of the price says more than that it is high
    names = told_columns(cells, [n for n in FORERUNNERS if n != "high_price"])
    names = varying_columns(cells, [*names, *by, *_LEVELS])
    fit = DiscreteHazard(covariates=names, level=level).fit(cells)
    active = forerunners_of(build_active(tables, by=by, drivers=drivers))
    active = active[~active.index.duplicated()]
    if active.empty:
        raise NotEnoughDataError(f"nobody is a customer on {tables.window.last_day}")
    for name, levels in fit.design.levels.items():
        active[name] = active[name].where(active[name].isin(levels), levels[0])
    return fit, active


def _in_words(fit: DiscreteHazardFit, active: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return the three terms that push each customer's risk up most, as sentences."""
    parts = reasons_to_leave(fit, active, horizon)["risk"]
    names = [c for c in parts.columns if c not in ("average", "total")]
    points = parts[names].to_numpy(dtype=float)
    words = np.column_stack([_words(name, active) for name in names])
    points = np.where((points > 0) & (words != ""), points, 0.0)
    order = np.argsort(-points, axis=1, kind="stable")[:, :_REASONS]
    rows = np.arange(len(active))[:, None]
    told = np.array(
        [
            [f"{w} (+{100 * p:.1f} points)" if p > 0 else "" for w, p in zip(ws, ps, strict=True)]
            for ws, ps in zip(words[rows, order], points[rows, order], strict=True)
        ],
        dtype=object,
    ).reshape(len(active), -1)
    columns = [f"reason_{k + 1}" for k in range(told.shape[1])]
    return pd.DataFrame(told, index=active.index, columns=columns)


def _words(name: str, active: pd.DataFrame) -> NDArray[np.object_]:
    """Return the sentence of a term for each customer; empty where it is no reason."""
    if name in FORERUNNERS:
        return np.where(active[name].to_numpy(dtype=float) > 0, FORERUNNERS[name], "")
    if name == "tenure":
        return np.full(len(active), "at this tenure many leave", dtype=object)
    if name == "renewal_due":
        return np.where(active[name].to_numpy(dtype=float) > 0, "the renewal is due", "")
    if name == "bonds":
        return np.where(
            active[name].to_numpy(dtype=float) > 0, "few bonds tie it", "no bond ties it"
        )
    if name == "price_gap":
        return np.where(active[name].to_numpy(dtype=float) > 0, FORERUNNERS["high_price"], "")
    return np.array([f"{name} {value}" for value in active[name]], dtype=object)


def _tested(
    tables: Tables, days: int, tests: int, units: int, level: float
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Fit and score as known at earlier dates, and look up who left after them."""
    rows, pooled = {}, []
    for k in range(tests, 0, -1):
        at = _earlier(tables, k * units)
        until = _earlier(tables, (k - 1) * units)
        if at <= tables.window.start:
            continue
        before = tables.as_of(at)
        try:
            fit, active = _fitted(before, days, level)
        except NotEnoughDataError:
            continue
        scored = predict_leaving(fit, active, units)["p_leave"]
        left = ~active.index.isin(_still_here(tables, until))
        expected = expected_leavers(fit, active, units)
        gain = lift(left, scored, (0.1,)) if left.any() else None
        rows[at] = {
            "until": until, "customers": len(active), "left": int(left.sum()),
            "expected": expected.value, "low": expected.low, "high": expected.high,
            "auc": _auc(scored.to_numpy(), left)[0],
            "top_tenth": float(gain["lift"].iloc[0]) if gain is not None else np.nan,
        }  # fmt: skip
        pooled.append(pd.DataFrame({"at": at, "p_leave": scored.to_numpy(), "left": left}))
    columns = ["until", "customers", "left", "expected", "low", "high", "auc", "top_tenth"]
    frame = pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("at")
    return frame, pd.concat(pooled, ignore_index=True) if pooled else pd.DataFrame()


def _earlier(tables: Tables, units: int) -> date:
    months = {"month": 1, "quarter": 3, "year": 12}.get(tables.window.unit)
    if months is not None:
        return add_months(tables.window.cutoff, -units * months)
    return tables.window.cutoff - timedelta(days=units * (7 if tables.window.unit == "week" else 1))


def _still_here(tables: Tables, until: date) -> pd.Index:
    """Return who has a contract that runs on a day."""
    found = tables.query(
        "select distinct customer_id from contracts where started_on < {{ until | literal }}"
        " and (ended_on is null or ended_on >= {{ until | literal }}) order by customer_id",
        until=until,
    )
    return pd.Index(found["customer_id"])


def _auc(score: NDArray[np.float64], left: NDArray[np.bool_]) -> tuple[float, float]:
    """Return the chance that a leaver was scored above a stayer, with Hanley and McNeil's error."""
    n1, n0 = int(left.sum()), int((~left).sum())
    if min(n1, n0) == 0:
        return float("nan"), float("nan")
    auc = float((rankdata(score)[left].sum() - n1 * (n1 + 1) / 2) / (n1 * n0))
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    variance = auc * (1 - auc) + (n1 - 1) * (q1 - auc**2) + (n0 - 1) * (q2 - auc**2)
    return auc, float(np.sqrt(variance / (n1 * n0)))


def _numbers(
    fit: DiscreteHazardFit, active: pd.DataFrame, worth: NDArray[np.float64],
    rows: pd.DataFrame, pooled: pd.DataFrame, horizon: int, tables: Tables, level: float,
) -> dict[str, Estimate]:  # fmt: skip
    method = (
        "discrete hazard (complementary log-log) on forerunners, interval of what will be seen: "
        "coefficients and chance"
    )
    found = {}
    for name, value, unit in (
        ("expected_leavers", None, "customers"),
        ("margin_at_risk", worth, f"{tables.currency} of annual margin"),
    ):
        sums = expected_leavers(fit, active, horizon, worth=value)
        found[name] = Estimate(
            value=sums.value, low=sums.low, high=sums.high, level=level, unit=unit,
            n=len(active), events=round(fit.n_events), method=method, grade="C",
        )  # fmt: skip
    if not len(pooled):
        return found
    scores, errors = [], []
    for _, part in pooled.groupby("at"):
        auc, se = _auc(part["p_leave"].to_numpy(), part["left"].to_numpy(dtype=bool))
        if np.isfinite(auc):
            scores.append(auc)
            errors.append(se)
    if scores:
        mean, half = float(np.mean(scores)), float(np.sqrt(np.sum(np.square(errors))))
        half *= normal_quantile(level) / len(scores)
        found["auc_out_of_time"] = Estimate(
            value=mean, low=max(0.0, mean - half), high=min(1.0, mean + half), level=level,
            unit="", n=int(rows["customers"].sum()), events=int(rows["left"].sum()), grade="D",
            method="mean of the dates of the test; Hanley-McNeil errors",
        )  # fmt: skip
    return found


def _cautions(rows: pd.DataFrame, scored: pd.DataFrame) -> tuple[str, ...]:
    found = [
        "A reason is what pushes the score up, not what will make the customer leave; removing it "
        "need not keep him.",
        "A high risk is no reason to spend: what an action changes is another question (see the "
        "contact and programme pages).",
    ]
    if rows.empty:
        found.append("The scores were not tested out of time: the records are too short.")
    elif missed := ((rows["left"] < rows["low"]) | (rows["left"] > rows["high"])).sum():
        found.append(
            f"In {missed} of {len(rows)} tests the leavers lay outside the interval expected: "
            "trust the order of the scores more than their level."
        )
    if far := int(scored["extrapolated"].sum()):
        found.append(f"{far:,} customers are here longer than anybody seen before: extrapolated.")
    return tuple(found)
