"""From satisfaction to retention: what a point is worth in margin that stays."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import (
    DataError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
)
from retention.estimates import Estimate, bootstrap_interval, delta_interval, normal_quantile
from retention.features import (
    Scale,
    build_revenue_after,
    build_satisfaction_periods,
    build_scales,
    build_value,
    scale_map,
)
from retention.models import BinaryRegression, BinaryRegressionFit, LeastSquares

__all__ = ["SatisfactionRetention", "satisfaction_retention"]

Numbers = NDArray[np.float64]

_BANDS = (3, 6, 12, 24, 36)  # tenure, in units: one level of the hazard between these
_FEWEST_EVENTS = 30
_HORIZON = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 1}


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
    spline_columns = _spline(rows["score"].to_numpy())
    spline = _fit(rows.assign(**spline_columns), [*spline_columns, *controls])
    rng = np.random.default_rng(0) if rng is None else rng
    knots, bent, ends = _two_knots(rows, controls, replicates, level, rng)
    models = _models(linear, spline, bent)
    horizon = _HORIZON[tables.window.unit]
    worth, why = _worth(tables, panel, linear, controls, construct, known[construct].high,
                        margin_share, horizon, level)  # fmt: skip
    numbers = _numbers(linear, rows, construct, knots, ends, level) | worth
    revenue, why_revenue = _revenue(tables, known[construct], level)
    return SatisfactionRetention(
        models=models, curve=_curve(rows, linear, spline, bent, knots, horizon, level),
        coefficients=linear.summary(), knots=knots, knot_intervals=ends, horizon=horizon,
        unit=tables.window.unit, construct=construct, numbers=numbers | revenue, level=level,
        warnings=_cautions(panel, rows, models, ends, (why, why_revenue)),
    )  # fmt: skip


def _prepared(tables: Tables, panel: pd.DataFrame) -> pd.DataFrame:
    """Keep periods with a score; add indicators of tenure bands and segments."""
    rows = panel.dropna(subset=["score"]).reset_index(drop=True)
    band = np.searchsorted(_BANDS, rows["tenure"].to_numpy() - 1, side="right")
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


def _spline(score: Numbers) -> dict[str, Numbers]:
    """Restricted cubic spline with up to four knots at quantiles."""
    knots = np.unique(np.quantile(score, [0.05, 0.35, 0.65, 0.95]))
    return {f"spline {k}": column for k, column in enumerate(_basis(score, knots))}


def _basis(score: Numbers, knots: Numbers) -> list[Numbers]:
    columns = [score.astype(float)]
    if len(knots) < 3:
        return columns
    last, before = knots[-1], knots[-2]
    scale = (last - knots[0]) ** 2
    for knot in knots[:-2]:
        cubic = np.maximum(score - knot, 0) ** 3
        cubic = cubic - np.maximum(score - before, 0) ** 3 * (last - knot) / (last - before)
        cubic = cubic + np.maximum(score - last, 0) ** 3 * (before - knot) / (last - before)
        columns.append(cubic / scale)
    return columns


def _bend(score: Numbers | pd.Series, knots: tuple[float, float]) -> dict[str, Numbers]:
    values = np.asarray(score, dtype=float)
    return {
        "score": values,
        "above first knot": np.maximum(values - knots[0], 0),
        "above second knot": np.maximum(values - knots[1], 0),
    }


def _two_knots(
    rows: pd.DataFrame,
    controls: list[str],
    replicates: int,
    level: float,
    rng: np.random.Generator,
) -> tuple[tuple[float, float], BinaryRegressionFit | None, tuple[tuple[float, float], ...]]:
    """Search both knots over the scores given; the bootstrap repeats the search by customer."""
    grid = np.unique(np.round(rows["score"].to_numpy() * 2) / 2)
    grid = grid[(grid > rows["score"].quantile(0.05)) & (grid < rows["score"].quantile(0.95))]
    pairs = [(float(a), float(b)) for a, b in combinations(grid, 2)]
    if not pairs:
        return (float("nan"), float("nan")), None, ()
    cells, code = _cells(rows, controls)
    counts = _counted(cells, code, rows["event"].to_numpy(), np.ones(len(rows)))
    best = _best_pair(counts, controls, pairs)
    if best is None:
        return (float("nan"), float("nan")), None, ()
    fit = _fit(rows.assign(**_bend(rows["score"], best)), [*_bend(np.zeros(1), best), *controls])
    who, names = pd.factorize(rows["customer_id"])
    draws = []
    for _ in range(replicates):
        times = rng.multinomial(len(names), np.full(len(names), 1 / len(names)))[who]
        sample = _counted(cells, code, rows["event"].to_numpy(), times.astype(float))
        found = _best_pair(sample, controls, pairs)
        if found is not None:
            draws.append(found)
    if len(draws) < 0.9 * replicates or not draws:
        return best, fit, ()
    ends = tuple(bootstrap_interval([d[k] for d in draws], level) for k in (0, 1))
    return best, fit, ends


def _cells(rows: pd.DataFrame, controls: list[str]) -> tuple[pd.DataFrame, NDArray[np.intp]]:
    """Distinct patterns of score and controls: the likelihood needs only their counts."""
    key = rows[["score", *controls]].assign(score=np.round(rows["score"] * 2) / 2)
    code = key.groupby(list(key.columns), sort=True).ngroup().to_numpy()
    cells = key.assign(code=code).drop_duplicates("code").sort_values("code")
    return cells.drop(columns="code").reset_index(drop=True), np.asarray(code, dtype=np.intp)


def _counted(
    cells: pd.DataFrame, code: NDArray[np.intp], event: Numbers, times: Numbers
) -> pd.DataFrame:
    trials = np.bincount(code, weights=times, minlength=len(cells))
    events = np.bincount(code, weights=times * event, minlength=len(cells))
    table = cells.assign(event=events, trials=trials)
    return table[table["trials"] > 0]


def _best_pair(
    counts: pd.DataFrame, controls: list[str], pairs: list[tuple[float, float]]
) -> tuple[float, float] | None:
    """Return the pair with the highest likelihood; all pairs are fitted at once."""
    used = [c for c in controls if counts.loc[counts[c] > 0, "event"].sum() > 0]
    fixed = [np.ones(len(counts)), *(counts[c].to_numpy() for c in used)]
    score = counts["score"].to_numpy()
    x = np.stack([np.column_stack([*fixed, *_bend(score, pair).values()]) for pair in pairs])
    found = _log_likelihoods(x, counts["event"].to_numpy(), counts["trials"].to_numpy())
    return pairs[int(np.argmax(found))] if np.isfinite(found).any() else None


def _log_likelihoods(x: Numbers, events: Numbers, trials: Numbers) -> Numbers:
    """Maximise the likelihood of the hazard for every design; minus infinity if it has no top.

    Fisher scoring, all designs of shape (designs, cells, k) together.
    """
    rate = events.sum() / trials.sum()
    b = np.zeros((len(x), x.shape[2]))
    b[:, 0] = np.log(-np.log1p(-rate))
    ridge = 1e-9 * np.eye(x.shape[2])
    value = largest = np.full(len(b), np.inf)
    for _ in range(25):
        h = np.exp(np.clip(np.einsum("dck,dk->dc", x, b), -30, 3))
        p = np.clip(-np.expm1(-h), 1e-12, 1 - 1e-12)
        slope = h * (1 - p)  # derivative of p by the linear predictor
        gradient = np.einsum("dck,dc->dk", x, (events - trials * p) * slope / (p * (1 - p)))
        weighted = x * (trials * slope**2 / (p * (1 - p)))[..., None]
        information = np.swapaxes(weighted, 1, 2) @ x
        information = information * (1 + ridge) + ridge
        step = np.linalg.solve(information, gradient[..., None])[..., 0]
        largest = np.abs(step).max(axis=1)
        value = (events * np.log(p) - (trials - events) * h).sum(axis=1)
        b = b + step * np.minimum(1.0, 2.0 / np.maximum(largest, 1e-300))[:, None]
        if largest.max() < 1e-5:
            break
    return np.where(largest < 1e-3, value, -np.inf)


def _models(
    linear: BinaryRegressionFit, spline: BinaryRegressionFit, bent: BinaryRegressionFit | None
) -> pd.DataFrame:
    fits = {"linear": (linear, 0), "spline": (spline, 0)}
    if bent is not None:
        fits["two knots"] = (bent, 2)  # the knots were searched for: two parameters more
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
    bent: BinaryRegressionFit | None,
    knots: tuple[float, float],
    horizon: int,
    level: float,
) -> pd.DataFrame:
    """Retention over the horizon by score, other things at their mean."""
    near = np.round(rows["score"])
    seen = rows.groupby(near)["event"].agg(["size", "sum"])
    score = seen.index.to_numpy(dtype=float)
    mean = rows.mean(numeric_only=True)
    at = np.unique(np.quantile(rows["score"].to_numpy(), [0.05, 0.35, 0.65, 0.95]))

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
    columns = _basis(score, at)
    curve["spline"] = retained(spline, {f"spline {k}": c for k, c in enumerate(columns)})
    if bent is not None:
        curve["two_knots"] = retained(bent, _bend(score, knots))
    names = list(linear.coefficients.index)
    line = np.array([1.0 if name == "intercept" else float(mean[name]) for name in names])
    design = np.tile(line, (len(score), 1))
    design[:, names.index("score")] = score
    spread = np.sqrt(np.einsum("sk,kl,sl->s", design, linear.clustered.to_numpy(), design))
    for name, end in zip(("low", "high"), (1, -1), strict=True):
        bound = design @ linear.coefficients.to_numpy() + end * normal_quantile(level) * spread
        curve[name] = np.exp(-np.exp(bound) * horizon)
    return curve


def _worth(
    tables: Tables,
    panel: pd.DataFrame,
    fit: BinaryRegressionFit,
    controls: list[str],
    construct: str,
    top: float,
    margin_share: float | None,
    horizon: int,
    level: float,
) -> tuple[dict[str, Estimate], str]:
    """Margin of a year that one point more would go with, mean over present customers."""
    margin, why = _monthly_margin(tables, margin_share)
    if margin is None:
        return {}, why
    ready = _prepared(tables, panel)
    latest = ready.groupby("customer_id").tail(1)
    # an event in the last period is a customer who is no longer there
    latest = latest[latest["event"] == 0]
    money = latest["customer_id"].map(margin).fillna(0.0).to_numpy()
    if len(latest) < tables.minimum_n:
        return {}, f"{len(latest)} present customers have a known score"
    names = [str(n) for n in fit.coefficients.index]
    base = _design(latest, names, horizon)
    room = np.clip(top - latest["score"].to_numpy(), 0, 1)  # no one rises above the scale
    at = names.index("score")
    raised = base.copy()
    raised[:, :, at] += room[:, None]
    per_unit = money * (12 / _HORIZON[tables.window.unit])

    def worth(b: Numbers) -> float:
        stay = [np.exp(-np.cumsum(np.exp(x @ b), axis=1)).sum(axis=1) for x in (base, raised)]
        return float(np.mean(per_unit * (stay[1] - stay[0])))

    b = fit.coefficients.to_numpy()
    value, low, high = delta_interval(worth, b, fit.clustered, level)
    events = fit.events
    return {
        "worth_of_a_point": Estimate(
            value=value, low=low, high=high, level=level, n=len(latest), events=events, grade="C",
            unit=f"{tables.currency} per customer and year",
            method=f"one point more of {construct}, margin retained within a year, discrete hazard "
            "adjusted for tenure and segment; delta method, margins taken as known",
        ),
        "worth_of_a_point_all": Estimate(
            value=value * len(latest), low=low * len(latest), high=high * len(latest), level=level,
            n=len(latest), events=events, grade="C", unit=f"{tables.currency} per year",
            method="as above, summed over present customers with a known score",
        ),
    }, ""  # fmt: skip


def _design(latest: pd.DataFrame, names: list[str], horizon: int) -> Numbers:
    """Covariates of the coming periods; shape (customers, horizon, coefficients)."""
    tenure = latest["tenure"].to_numpy()[:, None] + np.arange(1, horizon + 1)[None, :]
    band = np.searchsorted(_BANDS, tenure - 1, side="right")
    columns = []
    for name in names:
        if name == "intercept":
            columns.append(np.ones_like(tenure, dtype=float))
        elif name.startswith("band "):
            columns.append((band == int(name.split()[1])).astype(float))
        else:
            own = latest[name].to_numpy(dtype=float) if name in latest else np.zeros(len(latest))
            columns.append(np.broadcast_to(own[:, None], tenure.shape))
    return np.stack(columns, axis=2)


def _monthly_margin(tables: Tables, margin_share: float | None) -> tuple[pd.Series | None, str]:
    priced = "contracts" in tables and "price" in tables.columns("contracts")
    held = "orders" in tables and "margin" in tables.columns("orders")
    if margin_share is None and (priced or not held):
        return None, (
            "a point has no worth in money here until margin_share says what part of contract "
            "prices, or of orders without a margin, is margin"
        )
    months = min(12, max(1, (tables.window.cutoff - tables.window.start).days // 31))
    try:
        value = build_value(
            tables, months=months, margin_share=1.0 if margin_share is None else margin_share
        )
    except DataError as error:
        return None, f"margins are not known: {error}"
    first = tables.query("select customer_id, acquired_on from customers order by customer_id")
    age = (pd.Timestamp(tables.window.cutoff) - pd.to_datetime(first["acquired_on"])).dt.days
    with_us = pd.Series((age / 30.4375).clip(1, months).to_numpy(), index=first["customer_id"])
    return value["margin"].astype(float) / with_us.reindex(value.index).fillna(months), ""


def _revenue(tables: Tables, scale: Scale, level: float) -> tuple[dict[str, Estimate], str]:
    """Order value of the 90 days after an answer, within customers and waves."""
    if "orders" not in tables:
        return {}, "orders are not known, so what follows in revenue is not either"
    table = build_revenue_after(tables, scale)
    table["several"] = table.groupby("customer_id")["score"].transform("nunique")
    table = table[table["several"] > 1]
    table = table.assign(log_revenue=np.log1p(table["revenue"].clip(lower=0)))
    if table["customer_id"].nunique() < tables.minimum_n:
        n = table["customer_id"].nunique()
        return {}, f"only {n} customers gave different scores at different times"
    try:
        fit = LeastSquares(effects=["customer_id", "wave"], cluster="customer_id").fit(
            table, outcome="log_revenue", regressors=["score"]
        )
    except (NotIdentifiedError, NotEnoughDataError) as error:
        return {}, str(error)
    value, _, low, high = fit.combination({"score": 1.0}, level)
    return {
        "revenue_after_a_point": Estimate(
            value=100 * np.expm1(value), low=100 * np.expm1(low), high=100 * np.expm1(high),
            level=level, unit="% of order value", n=fit.n, grade="C",
            method="log of 1 + order value of the 90 days after an answer, per point, within "
            "customers and waves; clustered by customer",
        )
    }, ""  # fmt: skip


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
