"""How far the forecast may be believed: what it would have said before, against what happened."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate
from retention.features import build_purchases_between
from retention.metrics import (
    decile_lift,
    forecast_bias,
    interval_coverage,
    mean_absolute_error,
    tracking_error,
)
from retention.models import PurchaseFit, predictive_interval
from retention.window import add_months

from .purchase_baselines import BASELINES, baseline_forecasts
from .purchase_models import ModelChoice, choose_model, purchases, whole_histories

__all__ = ["Backtest", "backtest"]

CLEAR_BIAS = 0.15
CLEAR_TRACKING = 0.15


@dataclass(frozen=True, eq=False, kw_only=True)
class Backtest:
    """Answer of `backtest`.

    Parameters
    ----------
    scores : DataFrame, one row an origin and forecaster
        ``actual``, ``predicted``, ``bias``, ``mae``, ``tracking``, ``top_tenth_lift``; for the
        model in use also ``low``, ``high`` of the total, and ``coverage`` over customers.
    tracking : DataFrame, one row an origin, month and forecaster
        ``actual`` and ``predicted`` purchases of the month.
    lift : DataFrame, one row a tenth
        Of the latest origin, by the model in use.
    expectation : DataFrame, one row a frequency
        Mean purchases after the latest origin by frequency before it: counted and expected.
    frequency : DataFrame, one row a number of purchases
        Customers counted and expected with each number of purchases after the latest origin.
    chosen : tuple of str
        Model in use at each origin.
    doubts : tuple of str
        Why the model should not be believed; empty if nothing speaks against it.
    """

    scores: pd.DataFrame
    tracking: pd.DataFrame
    lift: pd.DataFrame
    expectation: pd.DataFrame
    frequency: pd.DataFrame
    chosen: tuple[str, ...]
    origins: tuple[date, ...]
    months: int
    level: float
    cutoff: date
    numbers: Mapping[str, Estimate]
    doubts: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def believed(self) -> bool:
        """Whether nothing speaks against the model."""
        return not self.doubts

    def summary(self) -> pd.DataFrame:
        """Return one row a forecaster: mean scores over the origins."""
        columns = ["predicted", "bias", "mae", "tracking", "top_tenth_lift"]
        return self.scores.groupby("forecaster")[columns].mean().sort_values("mae")

    def estimates(self) -> dict[str, Estimate]:
        """Return the numbers of record."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return why the model should not be believed, if anything speaks against it."""
        return tuple(f"do not believe the model: {doubt}" for doubt in self.doubts) + self.warnings

    def headline(self) -> str:
        """Return how far off the forecasts were, and whether they may be believed."""
        bias = self.numbers["bias"]
        if bias.value is None:
            return f"How good the forecast is cannot be said: {bias.why}."
        text = (
            f"At {len(self.origins)} earlier dates the forecast of the next {self.months} months "
            f"was off by {bias.value:+.1%} in total"
        )
        error, rival = self.numbers["mae"], self.numbers.get("mae_of_best_baseline")
        if error.value is not None and rival is not None and rival.value is not None:
            text += (
                f" and by {error.value:.2f} purchases a customer, against {rival.value:.2f} of the "
                "best rule without a model"
            )
        verdict = "nothing speaks against it" if self.believed else "it should not be believed"
        return f"{text}; {verdict} (n {bias.n:,} customers)."


def backtest(
    tables: Tables,
    *,
    origins: int = 3,
    months: int = 6,
    model: str = "auto",
    replicates: int = 60,
    level: float = 0.9,
    rng: np.random.Generator | None = None,
) -> Backtest:
    """Go back to earlier dates, forecast from what was known then, and compare with what came.

    Parameters
    ----------
    tables : Tables
        With ``orders``.
    origins : int
        How many dates; the last lies `months` before the cutoff, each other `months` earlier.
    months : int
        Length of each forecast.
    model : str
        As in `customer_lifetime_value`; ``auto`` chooses by AIC at each origin anew.
    replicates : int
        Bootstrap replicates behind the intervals.
    level : float
        Level of the intervals.
    rng : numpy.random.Generator, optional
        Source of chance; the same in every run if not given.

    Returns
    -------
    Backtest

    Raises
    ------
    NotEnoughDataError
        If the records are too short for one origin.
    ParameterError
        If a setting is out of range.
    """
    if origins < 1 or months < 1 or replicates < 20:
        raise ParameterError("origins and months are 1 or more, replicates 20 or more")
    chance = np.random.default_rng(20240602) if rng is None else rng
    cutoff = tables.window.cutoff
    dates = [add_months(cutoff, -months * i) for i in range(origins, 0, -1)]
    usable = [day for day in dates if day >= add_months(tables.window.start, months)]
    if not usable:
        raise NotEnoughDataError(
            f"the records begin on {tables.window.start}: too short to forecast {months} months "
            f"from {months} months or more of history; ask for fewer months"
        )
    runs = []
    for origin in usable:
        runs.append(_run(tables, origin, months, model, replicates, level, chance))
    warnings = []
    if len(usable) < origins:
        warnings.append(f"the records are long enough for {len(usable)} of {origins} origins only")
    return _answer(tables, runs, months, level, warnings)


@dataclass(frozen=True, eq=False, kw_only=True)
class _Run:
    origin: date
    choice: ModelChoice
    rfm: pd.DataFrame
    scores: pd.DataFrame
    tracking: pd.DataFrame
    predicted: pd.Series
    actual: pd.Series
    pmf: pd.DataFrame
    caution: str


def _run(
    tables: Tables,
    origin: date,
    months: int,
    model: str,
    replicates: int,
    level: float,
    rng: np.random.Generator,
) -> _Run:
    known = tables.as_of(origin)
    rfm = purchases(known, regularity=True)
    learned_from, caution = whole_histories(rfm, tables.minimum_n)
    learned_from.attrs = rfm.attrs
    choice = choose_model(known, learned_from, model)
    ends = [add_months(origin, i + 1) for i in range(months)]
    counted = _counts(tables, rfm, origin, ends)
    actual = counted.sum(axis=1)
    year = rfm.attrs["window"].units_per_year
    spans = [(end - origin).days * year / 365.25 for end in ends]
    forecasts = {name: _by_month(fit, rfm, spans) for name, fit in choice.fits.items()}
    for name, total in baseline_forecasts(known, rfm, months).items():
        weight = np.diff([0, *spans]) / spans[-1]
        forecasts[str(name)] = pd.DataFrame(np.outer(total, weight), index=rfm.index)
    scores = {name: _scores(actual, counted, f) for name, f in forecasts.items()}
    spec = choice.models[choice.name]
    fits = spec.bootstrap(choice.fit, learned_from, replicates=replicates, rng=rng)
    whole = predictive_interval(
        choice.fit, fits, rfm, spans[-1], by="total", level=level, rng=rng
    ).iloc[0]
    each = predictive_interval(choice.fit, fits, rfm, spans[-1], level=level, rng=rng)
    scores[choice.name] |= {
        "low": whole["predictive_low"],
        "high": whole["predictive_high"],
        "coverage": interval_coverage(actual, each["predictive_low"], each["predictive_high"]),
    }
    table = pd.DataFrame(scores).T.rename_axis("forecaster").reset_index()
    table.insert(0, "origin", pd.Timestamp(origin))
    return _Run(
        origin=origin,
        choice=choice,
        rfm=rfm,
        scores=table,
        tracking=_tracking(origin, counted, forecasts),
        predicted=forecasts[choice.name].sum(axis=1),
        actual=actual,
        pmf=choice.fit.purchase_pmf(rfm, range(7), spans[-1]),
        caution=caution,
    )


def _counts(tables: Tables, rfm: pd.DataFrame, origin: date, ends: list[date]) -> pd.DataFrame:
    columns, start = {}, origin
    for i, end in enumerate(ends):
        found = build_purchases_between(tables, start, end)
        columns[i] = found.reindex(rfm.index).fillna(0).astype(float)
        start = end
    return pd.DataFrame(columns, index=rfm.index)


def _by_month(fit: PurchaseFit, rfm: pd.DataFrame, spans: list[float]) -> pd.DataFrame:
    whole = [fit.expected_purchases(rfm, t).to_numpy() for t in spans]
    return pd.DataFrame(np.diff(np.stack([np.zeros(len(rfm)), *whole]), axis=0).T, rfm.index)


def _scores(actual: pd.Series, counted: pd.DataFrame, forecast: pd.DataFrame) -> dict[str, Any]:
    predicted = forecast.sum(axis=1)
    groups = min(10, len(actual))
    return {
        "actual": actual.sum(),
        "predicted": predicted.sum(),
        "bias": forecast_bias(actual, predicted),
        "mae": mean_absolute_error(actual, predicted),
        "tracking": tracking_error(counted.sum(), forecast.sum()),
        "top_tenth_lift": decile_lift(actual, predicted, groups)["lift"].iloc[0],
        "low": np.nan,
        "high": np.nan,
        "coverage": np.nan,
    }


def _tracking(
    origin: date, counted: pd.DataFrame, forecasts: Mapping[str, pd.DataFrame]
) -> pd.DataFrame:
    rows = [
        pd.DataFrame(
            {
                "origin": pd.Timestamp(origin),
                "forecaster": name,
                "month": [pd.Timestamp(add_months(origin, i)) for i in range(len(f.columns))],
                "actual": counted.sum().to_numpy(),
                "predicted": f.sum().to_numpy(),
            }
        )
        for name, f in forecasts.items()
    ]
    return pd.concat(rows, ignore_index=True)


def _answer(
    tables: Tables, runs: list[_Run], months: int, level: float, warnings: list[str]
) -> Backtest:
    scores = pd.concat([run.scores for run in runs], ignore_index=True)
    numeric = [c for c in scores.columns if c not in ("origin", "forecaster")]
    scores = scores.astype(dict.fromkeys(numeric, float))
    last = runs[-1]
    chosen = tuple(run.choice.name for run in runs)
    used = pd.concat(
        [run.scores[run.scores["forecaster"] == run.choice.name] for run in runs]
    ).astype(dict.fromkeys(numeric, float))
    means = scores.groupby("forecaster")["mae"].mean()
    rivals = means[means.index.isin(BASELINES)]
    doubts = _doubts(used, rivals, level, len(last.rfm))
    numbers = _numbers(tables, runs, used, rivals, level, months)
    band = last.scores[last.scores["forecaster"].isin(last.choice.credible)]["predicted"]
    if len(band) > 1 and float(band.max()) > 1.1 * float(band.min()):
        warnings.append(
            f"models that fit about as well forecast from {float(band.min()):,.0f} to "
            f"{float(band.max()):,.0f} purchases at {last.origin}"
        )
    if len(set(chosen)) > 1:
        warnings.append(f"the model in use changed between the dates: {', '.join(chosen)}")
    if last.caution:
        warnings.append(last.caution)
    groups = min(10, len(last.actual))
    return Backtest(
        scores=scores,
        tracking=pd.concat([run.tracking for run in runs], ignore_index=True),
        lift=decile_lift(last.actual, last.predicted, groups),
        expectation=_expectation(last),
        frequency=_frequency(last),
        chosen=chosen,
        origins=tuple(run.origin for run in runs),
        months=months,
        level=level,
        cutoff=tables.window.cutoff,
        numbers=numbers,
        doubts=doubts,
        warnings=tuple(warnings),
    )


def _doubts(used: pd.DataFrame, rivals: pd.Series, level: float, n: int) -> tuple[str, ...]:
    doubts = []
    bias = float(used["predicted"].sum() / max(used["actual"].sum(), 1e-12) - 1)
    if abs(bias) > CLEAR_BIAS:
        doubts.append(f"its totals were off by {bias:+.0%} on average")
    if float(used["tracking"].mean()) > CLEAR_TRACKING:
        doubts.append(f"month by month it was off by {used['tracking'].mean():.0%} on average")
    mae = float(used["mae"].mean())
    if len(rivals) and mae > rivals.min():
        doubts.append(
            f"the rule {str(rivals.idxmin()).replace('_', ' ')} was closer customer by customer "
            f"({rivals.min():.2f} against {mae:.2f} purchases)"
        )
    inside = (used["low"] <= used["actual"]) & (used["actual"] <= used["high"])
    if len(used) > 1 and not inside.any():
        doubts.append(f"no total lay within its {level:.0%} interval")
    coverage = float(used["coverage"].mean())
    slack = 3 * np.sqrt(level * (1 - level) / n)
    if coverage < level - 0.05 - slack:
        doubts.append(f"its {level:.0%} intervals held {coverage:.0%} of customers only")
    return tuple(doubts)


def _numbers(
    tables: Tables,
    runs: list[_Run],
    used: pd.DataFrame,
    rivals: pd.Series,
    level: float,
    months: int,
) -> dict[str, Estimate]:
    n = len(runs[-1].rfm)
    method = f"{len(runs)} rolling origins, {months} months each"
    if n < tables.minimum_n:
        why = f"{n:,} customers are fewer than {tables.minimum_n}"
        return {"bias": Estimate.withheld(why, unit="share", n=n, method=method)}
    bias = float(used["predicted"].sum() / max(used["actual"].sum(), 1e-12) - 1)
    values = {
        "bias": (bias, "share", "forecast total over counted total, less one"),
        "mae": (float(used["mae"].mean()), "purchases per customer", "mean absolute error"),
        "tracking_error": (float(used["tracking"].mean()), "share", "cumulative by month"),
        "top_tenth_lift": (float(used["top_tenth_lift"].mean()), "", "of the highest forecasts"),
        "interval_coverage": (
            float(used["coverage"].mean()), "share", f"customers within their {level:.0%} interval",
        ),
    }  # fmt: skip
    if len(rivals):
        values["mae_of_best_baseline"] = (
            float(rivals.min()), "purchases per customer", str(rivals.idxmin()).replace("_", " "),
        )  # fmt: skip
    return {
        name: Estimate(value=value, unit=unit, n=n, method=f"{method}: {what}", grade="D")
        for name, (value, unit, what) in values.items()
        if np.isfinite(value)
    }


def _expectation(run: _Run) -> pd.DataFrame:
    bins = run.rfm["frequency"].clip(upper=10)
    table = pd.DataFrame({"counted": run.actual, "expected": run.predicted})
    found = table.groupby(bins).mean()
    found["customers"] = bins.value_counts().reindex(found.index)
    return found.rename_axis("frequency")


def _frequency(run: _Run) -> pd.DataFrame:
    top = 7
    counted = [(run.actual == i).sum() for i in range(top)] + [(run.actual >= top).sum()]
    expected = run.pmf.sum().to_numpy()
    expected = np.append(expected, len(run.rfm) - expected.sum())
    index = pd.Index([*map(str, range(top)), f"{top}+"], name="purchases")
    return pd.DataFrame({"counted": counted, "expected": expected}, index=index)
