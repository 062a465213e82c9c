"""Do the scales measure what they say, and how do image, quality and value lead to loyalty."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import (
    ConvergenceError,
    NotEnoughDataError,
    NotIdentifiedError,
    ParameterError,
)
from retention.estimates import Estimate
from retention.features import Scale, build_answers, scale_map
from retention.models import (
    FactorModel,
    FactorModelFit,
    PathModel,
    PathModelFit,
    clustered_mean,
    cronbach_alpha,
    heterotrait_monotrait,
)

__all__ = ["ECSI_PATHS", "SatisfactionModel", "satisfaction_model"]

ECSI_PATHS = (
    ("image", "expectation"),
    ("image", "satisfaction"),
    ("image", "loyalty"),
    ("expectation", "quality"),
    ("expectation", "value"),
    ("expectation", "satisfaction"),
    ("quality", "value"),
    ("quality", "satisfaction"),
    ("value", "satisfaction"),
    ("satisfaction", "complaints"),
    ("satisfaction", "trust"),
    ("satisfaction", "loyalty"),
    ("trust", "loyalty"),
    ("complaints", "loyalty"),
)
"""The European customer satisfaction index, with trust between satisfaction and loyalty."""


@dataclass(frozen=True, eq=False, kw_only=True)
class SatisfactionModel:
    """Answer of `satisfaction_model`.

    Parameters
    ----------
    scales : DataFrame
        One row a construct: ``items``, ``alpha`` and its interval, ``omega``,
        ``composite_reliability``, ``average_variance_extracted``, ``lowest_loading``, ``index``
        (0 to 100) and its interval.
    htmt : DataFrame
        Heterotrait-monotrait ratios of the constructs.
    paths : DataFrame
        One row a path: ``from``, ``to``, ``coefficient``, ``low``, ``high``.
    effects : DataFrame
        Total effects on the last construct: ``effect``, ``low``, ``high``, in standard deviations.
    factors : FactorModelFit or None
        The confirmatory factor analysis, where it could be fitted.
    structure : PathModelFit
        The partial least squares fit.
    outcome : str
        The last construct, most often loyalty.
    """

    scales: pd.DataFrame
    htmt: pd.DataFrame
    paths: pd.DataFrame
    effects: pd.DataFrame
    factors: FactorModelFit | None
    structure: PathModelFit
    outcome: str
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a construct."""
        return self.scales

    def estimates(self) -> dict[str, Estimate]:
        """Return indices, total effects and explained shares."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return where measurement is weak."""
        return self.warnings

    def headline(self) -> str:
        """Return the satisfaction index and what moves the outcome most."""
        first = "satisfaction" if "satisfaction" in self.scales.index else self.scales.index[0]
        strongest = str(self.effects["effect"].abs().idxmax())
        return (
            f"The index of {first} is {self.numbers[f'index: {first}']}; {self.outcome} goes most "
            f"with {strongest}: {self.numbers[f'effect: {strongest}']}."
        )


def satisfaction_model(
    tables: Tables,
    *,
    paths: Sequence[tuple[str, str]] = ECSI_PATHS,
    instrument: str = "",
    replicates: int = 500,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> SatisfactionModel:
    """Check the scales, and estimate the paths from image and quality to loyalty.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` whose items are mapped to constructs of the paths (without dimension), all
        asked in one questionnaire.
    paths : sequence of (str, str)
        From, to; paths whose constructs were not asked are left out.
    instrument : str
        The questionnaire; by default the one that asked most of the constructs.
    replicates : int
        Bootstrap samples, of customers.
    level : float
        Level of intervals.
    rng : numpy.random.Generator, optional
        Of the bootstrap; a fixed seed if not given.

    Returns
    -------
    SatisfactionModel

    Raises
    ------
    ParameterError
        If fewer than two constructs of the paths were asked together.
    NotEnoughDataError, NotIdentifiedError, ConvergenceError
        As `PathModel`.
    """
    scales, used, instrument = _asked(tables, paths, instrument)
    answers = build_answers(tables, list(scales.values()), instrument=instrument, attributes=[])
    items = {name: scale.columns for name, scale in scales.items()}
    data = answers.set_index("customer_id")[[i for names in items.values() for i in names]]
    people = data.dropna().index.nunique()
    if people < tables.minimum_n:
        raise NotEnoughDataError(
            f"{people} customers answered every item, fewer than the {tables.minimum_n} it takes"
        )
    rng = np.random.default_rng(0) if rng is None else rng
    fit = PathModel(constructs=items, paths=used).fit(data, replicates=replicates, rng=rng)
    factors, why = _factors(items, data)
    outcome = _last(used)
    table = _scales(data, scales, factors, fit, level)
    effects = _effects(fit, outcome, level)
    several = {c: i for c, i in items.items() if len(i) > 1}
    htmt = heterotrait_monotrait(data.dropna().corr(), several)
    return SatisfactionModel(
        scales=table, htmt=htmt, paths=fit.summary(level), effects=effects, factors=factors,
        structure=fit, outcome=outcome, level=level,
        numbers=_numbers(table, effects, fit, outcome, level),
        warnings=_cautions(table, htmt, factors, why, fit),
    )  # fmt: skip


def _asked(
    tables: Tables, paths: Sequence[tuple[str, str]], instrument: str
) -> tuple[dict[str, Scale], list[tuple[str, str]], str]:
    wanted = list(dict.fromkeys(name for path in paths for name in path))
    if not instrument:
        names = tables.query("select distinct instrument from surveys order by instrument")
        asked = {n: _constructs(tables, n, wanted) for n in names["instrument"]}
        instrument = max(asked, key=lambda n: len(asked[n]), default="")
    scales = _constructs(tables, instrument, wanted)
    used = [(a, b) for a, b in paths if a in scales and b in scales]
    if not used:
        raise ParameterError(
            f"no questionnaire asked two constructs of a path together; {instrument} asked "
            f"{', '.join(scales) or 'none'} of {', '.join(wanted)}"
        )
    linked = {name for path in used for name in path}
    return {n: s for n, s in scales.items() if n in linked}, used, instrument


def _constructs(tables: Tables, instrument: str, wanted: list[str]) -> dict[str, Scale]:
    known = scale_map(tables, instrument=instrument)
    return {n: known[n] for n in wanted if n in known}


def _factors(
    items: Mapping[str, Sequence[str]], data: pd.DataFrame
) -> tuple[FactorModelFit | None, str]:
    several = {c: names for c, names in items.items() if len(names) > 1}
    try:
        return FactorModel(constructs=several).fit(data), ""
    except (ConvergenceError, NotEnoughDataError, NotIdentifiedError) as error:
        return None, str(error)


def _last(paths: list[tuple[str, str]]) -> str:
    ends = [b for _, b in paths if all(a != b for a, _ in paths)]
    return "loyalty" if "loyalty" in ends else ends[-1]


def _scales(
    data: pd.DataFrame,
    scales: Mapping[str, Scale],
    factors: FactorModelFit | None,
    fit: PathModelFit,
    level: float,
) -> pd.DataFrame:
    measured = factors.summary() if factors is not None else pd.DataFrame()
    complete = data.dropna()
    rows = {}
    for name, scale in scales.items():
        row: dict[str, float] = {"items": len(scale.columns), "n": len(complete)}
        row |= dict.fromkeys(("alpha", "alpha_low", "alpha_high"), np.nan)
        if len(scale.columns) > 1:
            ends = cronbach_alpha(complete[scale.columns], level)
            row["alpha"], row["alpha_low"], row["alpha_high"] = ends
        for column in ("omega", "composite_reliability", "average_variance_extracted",
                       "lowest_loading"):  # fmt: skip
            known = name in measured.index
            row[column] = float(measured[column][name]) if known else np.nan
        low = {i.name: i.low for i in scale.items}
        width = {i.name: i.high - i.low for i in scale.items}
        share = fit.index_weights()[scale.columns]
        points = (complete[scale.columns] - pd.Series(low)) / pd.Series(width) * 100
        index = clustered_mean(points @ share, complete.index)
        row["index"], (row["index_low"], row["index_high"]) = index.value, index.interval(level)
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("construct")


def _effects(fit: PathModelFit, outcome: str, level: float) -> pd.DataFrame:
    low, high = fit.total_effect_interval(level)
    table = pd.DataFrame(
        {"effect": fit.total_effects[outcome], "low": low[outcome], "high": high[outcome]}
    ).drop(index=outcome)
    return table[table["effect"] != 0].sort_values("effect", ascending=False)


def _numbers(
    table: pd.DataFrame, effects: pd.DataFrame, fit: PathModelFit, outcome: str, level: float
) -> dict[str, Estimate]:
    numbers = {}
    for name, row in table.iterrows():
        numbers[f"index: {name}"] = Estimate(
            value=row["index"], low=row["index_low"], high=row["index_high"], level=level,
            unit="points of 100", n=fit.n, grade="D",
            method="mean of the items with the weights of partial least squares",
        )  # fmt: skip
    for name, row in effects.iterrows():
        numbers[f"effect: {name}"] = Estimate(
            value=row["effect"], low=row["low"], high=row["high"], level=level,
            unit="standard deviations", n=fit.n, grade="C",
            method=f"total effect on {outcome}, path model by partial least squares, bootstrap",
        )  # fmt: skip
    for name, r2 in fit.r_squared.items():
        numbers[f"r_squared: {name}"] = Estimate(
            value=float(r2), unit="share", n=fit.n, grade="D",
            method="explained variance in the path model; no interval",
        )  # fmt: skip
    return numbers


def _cautions(
    table: pd.DataFrame,
    htmt: pd.DataFrame,
    factors: FactorModelFit | None,
    why: str,
    fit: PathModelFit,
) -> tuple[str, ...]:
    found = [
        "The word effect belongs to the path model here: these are associations in answers given "
        "at one time, and a customer in a good mood answers every question better."
    ]
    weak = table.index[(table["alpha"] < 0.7)]
    if len(weak):
        found.append(
            f"Alpha is below 0.7 for {', '.join(map(str, weak))}: read their paths with care."
        )
    spread = table.index[table["average_variance_extracted"] < 0.5]
    if len(spread):
        found.append(
            f"Less than half of the variance of the items is that of the construct (AVE) for "
            f"{', '.join(map(str, spread))}."
        )
    close = [
        f"{a} and {b} ({htmt.loc[a, b]:.2f})"
        for k, a in enumerate(htmt.index) for b in htmt.index[k + 1 :] if htmt.loc[a, b] > 0.9
    ]  # fmt: skip
    if close:
        found.append(f"Hardly two things (HTMT above 0.9): {', '.join(close)}.")
    if factors is None:
        found.append(f"The factor model could not be fitted: {why}")
    elif factors.cfi < 0.9 or factors.rmsea > 0.08:
        found.append(
            f"The factor model fits poorly (CFI {factors.cfi:.3f}, RMSEA {factors.rmsea:.3f}): "
            "some items belong elsewhere."
        )
    if fit.dropped:
        found.append(f"{fit.dropped:,} answers with a missing item were left out.")
    return tuple(found)
