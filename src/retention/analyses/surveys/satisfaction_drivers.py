"""What moves satisfaction: shares of what is explained, asymmetry, and where to begin."""

from __future__ import annotations

from collections.abc import Sequence
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
from retention.features import Scale, build_scales, scale_map
from retention.models import (
    OrderedLogit,
    OrderedLogitFit,
    PenaltyReward,
    RelativeImportance,
    RelativeImportanceFit,
    clustered_mean,
    kano_summary,
)

from .service_gaps import nearest_scores

__all__ = ["SatisfactionDrivers", "satisfaction_drivers"]

_OUTCOMES = ("csat", "satisfaction")
_SINGLE = ("quality", "value", "image", "price", "delivery", "contact")
_FEWEST = 100


@dataclass(frozen=True, eq=False, kw_only=True)
class SatisfactionDrivers:
    """Answer of `satisfaction_drivers`.

    Parameters
    ----------
    drivers : DataFrame
        One row a driver: ``label``, ``importance`` (share of what all explain, 0 to 1) with
        ``low``, ``high``, ``standardised`` coefficient, ``p_first``, ``performance`` (0 to 100)
        with ends, ``quadrant``.
    ranks : DataFrame
        How often each driver (row) takes each rank (column) over the bootstrap.
    asymmetry : DataFrame or None
        Penalty, reward and kind by driver; None where a side had too few answers.
    ordered : OrderedLogitFit or None
        The rating as ordered categories on the standardised drivers.
    kano : DataFrame or None
        Kano's table by feature, where it was asked.
    importance : RelativeImportanceFit
        With its bootstrap.
    outcome : str
        The scale explained.
    """

    drivers: pd.DataFrame
    ranks: pd.DataFrame
    asymmetry: pd.DataFrame | None
    ordered: OrderedLogitFit | None
    kano: pd.DataFrame | None
    importance: RelativeImportanceFit
    outcome: str
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a driver, the most important first."""
        return self.drivers

    def estimates(self) -> dict[str, Estimate]:
        """Return the shares of the drivers and what all explain together."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what the shares do not say."""
        return self.warnings

    def headline(self) -> str:
        """Return the first driver, its share and how sure its rank is."""
        first = self.drivers.iloc[0]
        name = str(self.drivers.index[0])
        return (
            f"Of what the drivers explain of {self.outcome}, {first['label']} carries most: "
            f"{self.numbers[f'importance: {name}']}; it comes first in "
            f"{100 * first['p_first']:.0f} % of bootstrap samples."
        )


def satisfaction_drivers(
    tables: Tables,
    *,
    outcome: str = "",
    drivers: Sequence[str] = (),
    instrument: str = "",
    replicates: int = 500,
    level: float = 0.95,
    rng: np.random.Generator | None = None,
) -> SatisfactionDrivers:
    """Share out what is explained of satisfaction among its drivers.

    Parameters
    ----------
    tables : Tables
        With ``surveys``, mapped to scales.
    outcome : str
        The scale to explain; ``csat``, else ``satisfaction``, whichever more answers reach.
    drivers : sequence of str
        Scales; by default the dimensions of ``service_perception``, else quality, value and image.
        Where outcome and drivers were asked apart, a customer's answers nearest in time, within 120
        days, are joined.
    instrument : str
        Questionnaire of the drivers.
    replicates : int
        Bootstrap samples, of customers.
    level : float
        Level of intervals.
    rng : numpy.random.Generator, optional
        Of the bootstrap; a fixed seed if not given.

    Returns
    -------
    SatisfactionDrivers

    Raises
    ------
    ParameterError
        If outcome or drivers were not asked.
    NotEnoughDataError
        If fewer than 100 answers, or than the minimum n of customers, hold all of them.
    NotIdentifiedError
        If all answers to a scale are equal.
    """
    known = scale_map(tables)
    chosen = _drivers(known, drivers)
    table = build_scales(tables, constructs=chosen, instrument=instrument, attributes=[])
    outcome = _outcome(tables, table, known, outcome)
    table = nearest_scores(tables, table, [outcome]).dropna(subset=[*chosen, outcome])
    people = table["customer_id"].nunique()
    if people < tables.minimum_n or len(table) < _FEWEST:
        raise NotEnoughDataError(
            f"{len(table)} answers of {people} customers hold {outcome} and all drivers; it takes "
            f"{_FEWEST} answers of {tables.minimum_n} customers"
        )
    rng = np.random.default_rng(0) if rng is None else rng
    data = table.set_index("customer_id")[[*chosen, outcome]]
    fit = RelativeImportance(replicates=replicates).fit(data, outcome, rng=rng)
    frame = _table(fit, table, {n: known[n] for n in chosen}, level)
    asymmetry, why_not = _asymmetry(table, chosen, known, outcome, level)
    ordered, why_not_ordered = _ordered(table, chosen, outcome)
    return SatisfactionDrivers(
        drivers=frame, ranks=fit.rank_probability().loc[frame.index], asymmetry=asymmetry,
        ordered=ordered, kano=_kano(tables, known, level), importance=fit, outcome=outcome,
        level=level, numbers=_numbers(frame, fit, outcome, level),
        warnings=_cautions(fit, frame, ordered, (why_not, why_not_ordered)),
    )  # fmt: skip


def _drivers(known: dict[str, Scale], asked: Sequence[str]) -> list[str]:
    if asked:
        names = [n for n, s in known.items() if n in asked or s.construct in asked]
        unknown = [a for a in asked if a not in known and
                   all(s.construct != a for s in known.values())]  # fmt: skip
        if unknown:
            raise ParameterError(
                f"no item measures {', '.join(unknown)}; the surveys measure {', '.join(known)}"
            )
    else:
        names = [n for n, s in known.items() if s.construct == "service_perception" and s.dimension]
        names = names or [n for n in known if n in _SINGLE]
    if len(names) < 2:
        raise ParameterError(
            f"two drivers are needed to compare; the surveys measure {', '.join(known)}; name "
            "them in `drivers`"
        )
    return names


def _outcome(tables: Tables, table: pd.DataFrame, known: dict[str, Scale], asked: str) -> str:
    if asked:
        if asked not in known:
            raise ParameterError(f"no item measures {asked}; known: {', '.join(known)}")
        return asked
    names = [name for name in _OUTCOMES if name in known]
    if not names:
        raise ParameterError("no item measures csat or satisfaction; name the outcome")
    return str(nearest_scores(tables, table, names)[names].notna().sum().idxmax())


def _table(
    fit: RelativeImportanceFit, table: pd.DataFrame, scales: dict[str, Scale], level: float
) -> pd.DataFrame:
    frame = fit.summary(level)
    total = max(fit.r_squared, 1e-300)
    ends = [0.5 - level / 2, 0.5 + level / 2]
    shares = fit.draws / fit.draws.sum(axis=1, keepdims=True) if len(fit.draws) else fit.draws
    frame["importance"] = frame["r2_share"] / total
    for name, end in zip(("low", "high"), ends, strict=True):
        frame[name] = (
            pd.Series(np.quantile(shares, end, axis=0), index=list(fit.names))[frame.index]
            if len(shares) else np.nan
        )  # fmt: skip
    frame["low"] = frame[["low", "importance"]].min(axis=1)
    frame["high"] = frame[["high", "importance"]].max(axis=1)
    for name, scale in scales.items():
        index = (table[name] - scale.low) / (scale.high - scale.low) * 100
        mean = clustered_mean(index, table["customer_id"])
        frame.loc[name, ["performance", "performance_low", "performance_high"]] = [
            mean.value, *mean.interval(level)
        ]  # fmt: skip
    frame.insert(0, "label", [scales[str(n)].label for n in frame.index])
    important = frame["importance"] >= frame["importance"].mean()
    good = frame["performance"] >= frame["performance"].mean()
    names = {(True, False): "improve", (True, True): "keep up", (False, False): "low priority",
             (False, True): "possible overkill"}  # fmt: skip
    frame["quadrant"] = [names[key] for key in zip(important, good, strict=True)]
    return frame


def _asymmetry(
    table: pd.DataFrame, chosen: list[str], known: dict[str, Scale], outcome: str, level: float
) -> tuple[pd.DataFrame | None, str]:
    """Penalty and reward on ranks of each driver's own scale: its lowest and its highest quarter.

    Scales of several items have no boxes; quarters of the answers take their place.
    """
    ranked = pd.DataFrame(index=table.index)
    for name in chosen:
        low, high = table[name].quantile([0.25, 0.75])
        ranked[known[name].name] = np.select(
            [table[name] <= low, table[name] >= high], [-1.0, 1.0], 0.0
        )
    try:
        fit = PenaltyReward(bottom=-1, top=1, level=level).fit(
            ranked, table[outcome], customers=table["customer_id"]
        )
    except (NotEnoughDataError, NotIdentifiedError) as error:
        return None, f"asymmetry could not be estimated: {error}"
    return fit.summary(), ""


def _ordered(
    table: pd.DataFrame, chosen: list[str], outcome: str
) -> tuple[OrderedLogitFit | None, str]:
    """Rating on standardised drivers; a mean of items is cut at its quintiles."""
    rating = table[outcome]
    if rating.nunique() > 11:
        rating = pd.qcut(rating, 5, labels=False, duplicates="drop")
    x = table[chosen]
    try:
        fit = OrderedLogit().fit((x - x.mean()) / x.std(), rating.reset_index(drop=True))
    except (ConvergenceError, NotEnoughDataError, NotIdentifiedError) as error:
        return None, f"the ordered logit could not be fitted: {error}"
    return fit, ""


def _kano(tables: Tables, known: dict[str, Scale], level: float) -> pd.DataFrame | None:
    features = [s.dimension for s in known.values() if s.construct == "kano_functional"]
    features = [f for f in features if f"kano_dysfunctional: {f}" in known]
    if not features:
        return None
    pairs = []
    scales = build_scales(
        tables, constructs=["kano_functional", "kano_dysfunctional"], attributes=[]
    )
    for feature in features:
        columns = [f"kano_functional: {feature}", f"kano_dysfunctional: {feature}"]
        part = scales[columns].dropna().set_axis(["functional", "dysfunctional"], axis=1)
        pairs.append(part.assign(feature=feature))
    return kano_summary(pd.concat(pairs), level)


def _numbers(
    frame: pd.DataFrame, fit: RelativeImportanceFit, outcome: str, level: float
) -> dict[str, Estimate]:
    how = {"lmg": "LMG (Shapley) share of R squared", "johnson": "Johnson's relative weight"}
    numbers = {
        f"importance: {name}": Estimate(
            value=row["importance"], low=row["low"], high=row["high"], level=level, unit="share",
            n=fit.n, grade="C", method=f"{how[fit.method]} of {outcome}, bootstrap by customer",
        )
        for name, row in frame.iterrows()
    }  # fmt: skip
    ends = np.quantile(fit.draws.sum(axis=1), [0.5 - level / 2, 0.5 + level / 2]) if len(
        fit.draws
    ) else (None, None)  # fmt: skip
    low, high = ends
    numbers["r_squared"] = Estimate(
        value=fit.r_squared, level=level, unit="share", n=fit.n, grade="D",
        low=None if low is None else min(float(low), fit.r_squared),
        high=None if high is None else max(float(high), fit.r_squared),
        method=f"explained variance of {outcome} by all drivers",
    )  # fmt: skip
    return numbers


def _cautions(
    fit: RelativeImportanceFit,
    frame: pd.DataFrame,
    ordered: OrderedLogitFit | None,
    failures: tuple[str, ...],
) -> tuple[str, ...]:
    found = [
        "Shares describe answers given by the same people: a driver that goes with satisfaction "
        "need not move it. Try a change in some branches before paying for it in all."
    ]
    if fit.aliased:
        found.append(
            f"{', '.join(fit.aliased)} repeats what other drivers say exactly; the share is split "
            "between them by rule, not by data."
        )
    second = frame["p_first"].nlargest(2).iloc[-1] if len(frame) > 1 else 0.0
    if second > 0.1:
        found.append("The first place is not sure: another driver comes first in over 10 % of "
                     "bootstrap samples.")  # fmt: skip
    negative = frame.index[frame["standardised"] < 0]
    if len(negative):
        found.append(
            f"With all drivers together, {', '.join(map(str, negative))} goes the other way: it "
            "says the same as the others, or stands for something else."
        )
    if ordered is not None and ordered.proportional_odds_p < 0.01:
        found.append(
            "The odds are not proportional (Brant's test): drivers work differently at the bottom "
            "and at the top of the scale; read the asymmetry."
        )
    found += [f"{failure[0].upper()}{failure[1:]}." for failure in failures if failure]
    return tuple(found)
