"""From satisfaction to retention: what a point is worth in margin that stays."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, delta_interval, normal_quantile
from retention.features import build_satisfaction_periods, build_scales, scale_map
from retention.models import (
    BinaryRegression,
    BinaryRegressionFit,
    ToleranceZone,
    ToleranceZoneFit,
    restricted_cubic_spline,
)

from .satisfaction_worth import (
    HORIZON,
    TENURE_BANDS,
    order_value_after_a_point,
    worth_of_a_point,
)

__all__ = ["SatisfactionRetention", "satisfaction_retention"]

Numbers = NDArray[np.float64]

_SPLINE_KNOTS = (0.05, 0.35, 0.65, 0.95)  # quantiles of the scores
_FEWEST_EVENTS = 30


@dataclass(frozen=True, eq=False, kw_only=True)
class SatisfactionRetention:
    """Answer of `satisfaction_retention`.

    Parameters
    ----------
    models : DataFrame
        One row a shape of the relation: ``parameters``, ``log_likelihood``, ``aic``, ``weight``
        (Akaike's).
    curve : DataFrame
        One row a score: ``retention`` over the horizon by the linear, the spline and the two-knot
        model, for a customer otherwise average; ends for the linear one, and what was observed:
        ``n``, ``events``, ``observed_hazard``.
    coefficients : DataFrame
        Of the linear model: log hazard ratios and clustered errors.
    knots : tuple of float
        Ends of the zone of tolerance in the two-knot model.
    knot_intervals : tuple of pairs
        Bootstrap intervals of both.
    horizon : int
        In units of tenure; a year.
    """

    models: pd.DataFrame
    curve: pd.DataFrame
    coefficients: pd.DataFrame
    knots: tuple[float, float]
    knot_intervals: tuple[tuple[float, float], ...]
    horizon: int
    unit: str
    construct: str
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a shape of the relation, with its fit."""
        return self.models

    def estimates(self) -> dict[str, Estimate]:
        """Return hazard ratio, worth of a point, knots, and the revenue that follows."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what keeps this from being an effect."""
        return self.warnings

    def headline(self) -> str:
        """Return what a point goes with, in hazard and in money."""
        text = (
            f"One point more of {self.construct} goes with a hazard of leaving "
            f"{self.numbers['hazard_ratio']} times as high"
        )
        worth = self.numbers.get("worth_of_a_point")
        if worth is None:
            return f"{text}."
        return f"{text}; in margin that stays within a year it is worth {worth}."


def satisfaction_retention(
    tables: Tables,
    *,
    construct: str = "",
    max_age_days: int = 365,
    margin_share: float | None = None,
    replicates: int = 200,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> SatisfactionRetention:
    """Relate the last score a customer gave to leaving in the next period, and price a point.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` and ``contracts``; ``customers`` for segments; ``orders`` for revenue and
        margin.
    construct : str
        The scale; ``csat`` by default, else ``satisfaction``.
    max_age_days : int
        Older answers count as none.
    margin_share : float, optional
        Share of contract prices, and of orders without a margin, that is margin. Not given: no
        worth in money is computed unless orders hold margins and there are no contract prices.
    replicates : int
        Bootstrap samples of customers for the knots; 0 for none.
    level : float
        Level of intervals.
    rng : numpy.random.Generator, optional
        Of the bootstrap; a fixed seed if not given.

    Returns
    -------
    SatisfactionRetention

    Raises
    ------
    NotEnoughDataError
        If fewer than 30 customers with a known score left, or fewer than the minimum n gave one.
    NotIdentifiedError
        If all scores are equal.

    References
    ----------
    .. [1] Anderson, E. W. and Mittal, V. (2000). Strengthening the satisfaction-profit chain.
       Journal of Service Research 3(2), 107-120.
    .. [2] Prentice, R. L. and Gloeckler, L. A. (1978). Regression analysis of grouped survival
       data. Biometrics 34, 57-67.
    """
    known = scale_map(tables)
    construct = construct or next((n for n in ("csat", "satisfaction") if n in known), "")
    if construct not in known:
        raise ParameterError(f"no item measures {construct or 'csat'}; known: {', '.join(known)}")
    scores = build_scales(tables, constructs=[construct])
    panel = build_satisfaction_periods(tables, scores, column=construct, max_age_days=max_age_days)
    rows = _prepared(tables, panel)
    _enough(rows, tables.minimum_n)
    controls = [c for c in rows.columns if c.startswith(("band ", "segment "))]
    linear = _fit(rows, ["score", *controls])
    at = np.unique(np.quantile(rows["score"].to_numpy(), _SPLINE_KNOTS))
    curved = _named(restricted_cubic_spline(rows["score"], at))
    spline = _fit(rows.assign(**curved), [*curved, *controls])
    zone, why_not = _zone(rows, controls, replicates, level, rng)
    models = _models(linear, spline, zone)
    horizon = HORIZON[tables.window.unit]
    worth, why = worth_of_a_point(
        tables, _prepared(tables, panel), linear, construct, known[construct].high, margin_share,
        horizon, level,
    )  # fmt: skip
    revenue, why_revenue = order_value_after_a_point(tables, known[construct], level)
    knots = zone.knots if zone is not None else (float("nan"), float("nan"))
    ends = zone.intervals if zone is not None else ()
    return SatisfactionRetention(
        models=models, curve=_curve(rows, linear, spline, at, zone, horizon, level),
        coefficients=linear.summary(), knots=knots, knot_intervals=ends, horizon=horizon,
        unit=tables.window.unit, construct=construct, level=level,
        numbers=_numbers(linear, rows, construct, knots, ends, level) | worth | revenue,
        warnings=_cautions(panel, rows, models, ends, (why_not, why, why_revenue)),
    )  # fmt: skip


def _prepared(tables: Tables, panel: pd.DataFrame) -> pd.DataFrame:
    """Keep periods with a score; add indicators of tenure bands and segments."""
    rows = panel.dropna(subset=["score"]).reset_index(drop=True)
    band = np.searchsorted(TENURE_BANDS, rows["tenure"].to_numpy() - 1, side="right")
    for k in np.unique(band)[1:]:
        rows[f"band {k}"] = (band == k).astype(float)
    if "customers" in tables and "segment" in tables.columns("customers"):
        named = tables.query("select customer_id, segment from customers order by customer_id")
        segment = rows["customer_id"].map(named.set_index("customer_id")["segment"])
        segment = segment.fillna("unknown")
        for name in segment.value_counts().index[1:]:
            rows[f"segment {name}"] = (segment == name).astype(float)
    return rows.astype({"event": float})


def _enough(rows: pd.DataFrame, minimum_n: int) -> None:
    people, events = rows["customer_id"].nunique(), int(rows["event"].sum())
    if people < minimum_n or events < _FEWEST_EVENTS:
        raise NotEnoughDataError(
            f"{people} customers with a known score, {events} of whom left; it takes {minimum_n} "
            f"customers and {_FEWEST_EVENTS} who left"
        )
    if rows["score"].nunique() < 2:
        raise NotIdentifiedError("all known scores are equal; nothing can be learned from them")


def _fit(rows: pd.DataFrame, columns: list[str]) -> BinaryRegressionFit:
    """Fit the discrete hazard; a level without leavers is left in the reference."""
    used = [
        c for c in columns
        if not c.startswith(("band ", "segment ")) or rows.loc[rows[c] > 0, "event"].sum() > 0
    ]  # fmt: skip
    model = BinaryRegression(columns=tuple(used), link="cloglog", cluster="customer_id")
    return model.fit(rows)


def _named(columns: list[Numbers]) -> dict[str, Numbers]:
    return {f"spline {k}": column for k, column in enumerate(columns)}


def _zone(
    rows: pd.DataFrame,
    controls: list[str],
    replicates: int,
    level: float,
    rng: np.random.Generator | None,
) -> tuple[ToleranceZoneFit | None, str]:
    model = ToleranceZone(controls=controls, replicates=replicates, level=level)
    try:
        return model.fit(rows, rng=rng), ""
    except (NotEnoughDataError, NotIdentifiedError) as error:
        return None, f"a zone of tolerance could not be searched for: {error}"


def _models(
    linear: BinaryRegressionFit, spline: BinaryRegressionFit, zone: ToleranceZoneFit | None
) -> pd.DataFrame:
    fits = {"linear": (linear, 0), "spline": (spline, 0)}
    if zone is not None:
        fits["two knots"] = (zone.regression, 2)  # the knots were searched for: two parameters more
    rows = {}
    for name, (fit, more) in fits.items():
        count = len(fit.coefficients) + more
        rows[name] = {
            "parameters": count,
            "log_likelihood": fit.log_likelihood,
            "aic": 2 * count - 2 * fit.log_likelihood,
        }
    table = pd.DataFrame.from_dict(rows, orient="index").rename_axis("shape")
    relative = np.exp(-(table["aic"] - table["aic"].min()) / 2)
    return table.assign(weight=relative / relative.sum())


def _curve(
    rows: pd.DataFrame,
    linear: BinaryRegressionFit,
    spline: BinaryRegressionFit,
    at: Numbers,
    zone: ToleranceZoneFit | None,
    horizon: int,
    level: float,
) -> pd.DataFrame:
    """Retention over the horizon by score, other things at their mean."""
    near = np.round(rows["score"])
    seen = rows.groupby(near)["event"].agg(["size", "sum"])
    score = seen.index.to_numpy(dtype=float)
    mean = rows.mean(numeric_only=True)

    def retained(fit: BinaryRegressionFit, terms: dict[str, Numbers]) -> Numbers:
        table = pd.DataFrame(terms)
        for name in fit.coefficients.index:
            if name not in table and name != "intercept":
                table[name] = mean[name]
        return np.asarray((1 - fit.probabilities(table)) ** horizon)

    curve = pd.DataFrame({"score": score, "n": seen["size"], "events": seen["sum"].astype(int)})
    curve = curve.reset_index(drop=True)
    curve["observed_hazard"] = curve["events"] / curve["n"]
    curve["linear"] = retained(linear, {"score": score})
    curve["spline"] = retained(spline, _named(restricted_cubic_spline(score, at)))
    if zone is not None:
        curve["two_knots"] = retained(zone.regression, zone.columns(score))
    names = list(linear.coefficients.index)
    line = np.array([1.0 if name == "intercept" else float(mean[name]) for name in names])
    design = np.tile(line, (len(score), 1))
    design[:, names.index("score")] = score
    spread = np.sqrt(np.einsum("sk,kl,sl->s", design, linear.clustered.to_numpy(), design))
    for name, end in zip(("low", "high"), (1, -1), strict=True):
        bound = design @ linear.coefficients.to_numpy() + end * normal_quantile(level) * spread
        curve[name] = np.exp(-np.exp(bound) * horizon)
    return curve


def _numbers(
    fit: BinaryRegressionFit,
    rows: pd.DataFrame,
    construct: str,
    knots: tuple[float, float],
    ends: tuple[tuple[float, float], ...],
    level: float,
) -> dict[str, Estimate]:
    at = list(fit.coefficients.index).index("score")
    value, low, high = delta_interval(
        lambda b: float(b[at]), fit.coefficients, fit.clustered, level
    )
    numbers = {
        "hazard_ratio": Estimate(
            value=float(np.exp(value)), low=float(np.exp(low)), high=float(np.exp(high)),
            level=level, unit="", n=rows["customer_id"].nunique(), events=fit.events, grade="C",
            method=f"hazard of leaving per point of {construct} known before the period; discrete "
            "hazard (complementary log-log), tenure and segment held, clustered by customer",
        )
    }  # fmt: skip
    for k, name in enumerate(("lower", "upper")):
        if ends and np.isfinite(knots[k]):
            inside = (min(ends[k][0], knots[k]), max(ends[k][1], knots[k]))
            numbers[f"tolerance_{name}"] = Estimate(
                value=knots[k], low=inside[0], high=inside[1], level=level, unit="points",
                n=rows["customer_id"].nunique(), events=fit.events, grade="C",
                method="knot of the two-knot hazard, bootstrap by customer with the search",
            )  # fmt: skip
    return numbers


def _cautions(
    panel: pd.DataFrame,
    rows: pd.DataFrame,
    models: pd.DataFrame,
    ends: tuple[tuple[float, float], ...],
    failures: tuple[str, ...],
) -> tuple[str, ...]:
    share = len(rows) / max(1, len(panel))
    found = [
        "An association: customers who are satisfied differ in more than that. A score is measured "
        "with error and ages, which draws the relation towards none.",
        f"A score no older than the limit was known in {100 * share:.0f} % of the customers' "
        "periods; customers who never answer are not in it.",
    ]
    best = str(models["weight"].idxmax())
    if best != "linear":
        found.append(
            f"The {best} shape fits better than the straight one (Akaike weight "
            f"{models['weight'].max():.2f}): a point is not worth the same everywhere."
        )
    if ends and any(high - low > 3 for low, high in ends):
        found.append("The ends of the zone of tolerance are not sure; see their intervals.")
    found += [f"{text[0].upper()}{text[1:]}." for text in failures if text]
    return tuple(found)
