"""Segments of customers by what they do: as many as come out again, named by their difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate
from retention.features import build_profile
from retention.metrics import adjusted_rand_index, segment_recovery
from retention.models import KMeans, KMeansFit

__all__ = ["BehaviourSegments", "behaviour_segments"]

#: Measures of behaviour, with the words for much and for little of each.
MEASURES: Mapping[str, tuple[str, str]] = {
    "orders": ("frequent", "rare"),
    "order_value": ("large orders", "small orders"),
    "gap_variation": ("irregular", "regular"),
    "products": ("wide range", "narrow range"),
    "preference_overlap": ("same products", "changing products"),
    "discount_rate": ("discounted", "full price"),
    "days_to_pay": ("slow payer", "quick payer"),
    "complaints": ("complaining", "no complaints"),
    "contacts": ("much contact", "little contact"),
    "order_change": ("growing", "shrinking"),
}
_STABLE = 0.75
_KNOWN = 0.6
_SAMPLE = 3_000


@dataclass(frozen=True, eq=False, kw_only=True)
class BehaviourSegments:
    """Answer of `behaviour_segments`.

    Parameters
    ----------
    customers : DataFrame, one row a customer who ordered
        ``behaviour``: the name of the segment; missing if no number of segments is stable.
    segments : DataFrame, one row a segment
        ``customers``, ``recovery`` (how well it comes out again) and the median of each measure.
    stability : DataFrame, one row a number of segments
        ``recovery`` of the least stable segment and ``agreement`` (adjusted Rand index), means
        over bootstrap samples.
    fit : KMeansFit or None
        Assigns new customers; None if no number of segments is stable.
    names : tuple of str
        Of the segments, by their number in the fit.
    """

    customers: pd.DataFrame
    segments: pd.DataFrame
    stability: pd.DataFrame
    fit: KMeansFit | None
    names: tuple[str, ...]
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a segment."""
        return self.segments

    def estimates(self) -> dict[str, Estimate]:
        """Return how many segments there are and how stable the weakest is."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before using the segments."""
        return self.warnings

    def headline(self) -> str:
        """Return how many segments come out again."""
        if self.fit is None:
            return "No number of segments by behaviour comes out again: customers differ by degree."
        recovery = self.numbers["recovery"].value
        listed = ", ".join(f"{name} ({n:,})" for name, n in self.segments["customers"].items())
        return (
            f"{len(self.names)} segments by behaviour come out again in resampled customers (the "
            f"weakest by {recovery:.0%}): {listed}."
        )


def behaviour_segments(
    tables: Tables,
    *,
    measures: Sequence[str] | None = None,
    largest: int = 6,
    replicates: int = 20,
    rng: np.random.Generator | None = None,
) -> BehaviourSegments:
    """Find segments of customers by behaviour, as many as are stable.

    For each number of segments the customers are drawn anew, with replacement, and the segments
    found again; a segment's recovery is its largest Jaccard similarity with a segment found then.
    The largest number is taken at which every segment is recovered by 0.75 in the mean.

    Parameters
    ----------
    tables : Tables
        With ``customers`` and ``orders``; customers who ordered in the last twelve months count.
    measures : sequence of str, optional
        Columns of `retention.features.build_profile`; by default those of this module that are
        known of most customers.
    largest : int
        Most segments that are tried.
    replicates : int
        Bootstrap samples a number of segments.
    rng : numpy.random.Generator, optional
        Draws samples and starts; by default the same in every run.

    Returns
    -------
    BehaviourSegments

    Raises
    ------
    MissingTableError
        If there are no orders.
    NotEnoughDataError
        If there are too few customers or measures.
    ParameterError
        If a measure is unknown.

    References
    ----------
    .. [1] Hennig, C. (2007). Cluster-wise assessment of cluster stability. Computational
       Statistics and Data Analysis 52, 258-271.
    """
    tables.require("orders", needed_for="segments by behaviour")
    chance = rng or np.random.default_rng(6)
    table, filled = _measured(tables, measures)
    stability, fits = _tried(table, largest, replicates, chance)
    stable = stability.index[stability["recovery"] >= _STABLE]
    cautions = [
        f"{name}: unknown of {share:.0%} of the customers, taken as the median there."
        for name, share in filled.items()
    ]
    if not len(stable):
        return _none(table, stability, cautions)
    k = int(stable.max())
    fit = fits[k]
    member = fit.assign(table)
    names = _names(fit)
    labels = pd.Series(np.array(names, dtype=object)[member], index=table.index, dtype="str")
    medians = table.groupby(labels).median()
    sizes = labels.value_counts().rename("customers")
    segments = pd.concat([sizes, medians], axis=1).loc[list(names)].rename_axis("segment")
    weakest = float(stability["recovery"].to_numpy()[stability.index == k][0])
    method = f"k-means on ranks; {replicates} bootstrap samples"
    numbers = {
        "segments": Estimate(value=k, unit="segments", n=len(table), method=method, grade="D"),
        "recovery": Estimate(
            value=weakest, unit="share", n=len(table), grade="D",
            method=f"Jaccard similarity of the weakest segment; {method}",
        ),
    }  # fmt: skip
    return BehaviourSegments(
        customers=labels.to_frame("behaviour"),
        segments=segments,
        stability=stability,
        fit=fit,
        names=names,
        numbers=numbers,
        warnings=tuple(cautions),
    )


def _none(table: pd.DataFrame, stability: pd.DataFrame, cautions: list[str]) -> BehaviourSegments:
    nothing = pd.Series(np.nan, index=table.index, dtype="str")
    best = float(stability["recovery"].max())
    why = f"no number of segments is recovered by {_STABLE:.0%}; the best by {best:.0%}"
    number = Estimate.withheld(why, unit="segments", n=len(table), method="k-means on ranks")
    return BehaviourSegments(
        customers=nothing.to_frame("behaviour"),
        segments=pd.DataFrame(columns=["customers"]),
        stability=stability,
        fit=None,
        names=(),
        numbers={"segments": number},
        warnings=tuple(cautions),
    )


def _measured(tables: Tables, asked: Sequence[str] | None) -> tuple[pd.DataFrame, dict[str, float]]:
    profile = build_profile(tables)
    profile = profile[profile["orders"] > 0]
    names = list(asked) if asked is not None else [n for n in MEASURES if n in profile]
    if strange := [name for name in names if name not in profile]:
        raise ParameterError(f"{strange[0]} is no column of the profile of these tables")
    table = profile[names].astype(float)
    if asked is None:
        table = table.loc[:, (table.notna().mean() >= _KNOWN) & (table.nunique() > 2)]
    if len(table) < max(60, tables.minimum_n) or table.shape[1] < 2:
        raise NotEnoughDataError(
            f"{len(table)} customers with {table.shape[1]} measures of behaviour are too few for "
            "segments; at least 60 with 2"
        )
    missing = table.isna().mean()
    return table.fillna(table.median()), {str(k): v for k, v in missing.items() if v > 0}


def _tried(
    table: pd.DataFrame, largest: int, replicates: int, rng: np.random.Generator
) -> tuple[pd.DataFrame, dict[int, KMeansFit]]:
    sample = table
    if len(table) > _SAMPLE:
        sample = table.iloc[np.sort(rng.choice(len(table), _SAMPLE, replace=False))]
    rows, fits = {}, {}
    for k in range(2, min(largest, len(sample) // 20) + 1):
        fits[k] = KMeans(k=k).fit(sample, rng=rng)
        whole = fits[k].assign(sample).to_numpy()
        recovery, agreement = [], []
        for _ in range(replicates):
            drawn = sample.iloc[rng.integers(0, len(sample), len(sample))]
            again = KMeans(k=k, n_starts=3).fit(drawn, rng=rng).assign(sample).to_numpy()
            recovery.append(segment_recovery(whole, again))
            agreement.append(adjusted_rand_index(whole, again))
        rows[k] = {
            "recovery": float(np.mean(recovery, axis=0).min()),
            "agreement": float(np.mean(agreement)),
        }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("segments"), fits


def _names(fit: KMeansFit) -> tuple[str, ...]:
    """Name each segment by the two measures in which it is farthest from the others."""
    names: list[str] = []
    for centre in fit.centres:
        order = np.argsort(-np.abs(centre))[:2]
        words = []
        for j in order:
            measure = fit.columns[j]
            much, little = MEASURES.get(measure, (f"high {measure}", f"low {measure}"))
            words.append(much if centre[j] > 0 else little)
        name = ", ".join(words)
        names.append(name if name not in names else f"{name} ({len(names) + 1})")
    return tuple(names)
