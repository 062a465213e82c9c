"""An experiment planned: how many customers, how long, what could be seen, and the draw itself."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, wilson_interval
from retention.features import build_running
from retention.models import (
    clustered_size,
    detectable_hazard_ratio,
    events_for_hazard_ratio,
    size_for_shares,
)

__all__ = ["ExperimentPlan", "plan_experiment"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ExperimentPlan:
    """Answer of `plan_experiment`.

    Parameters
    ----------
    sizes : DataFrame
        One row a gain in the share retained: ``customers`` needed by a draw of customers,
        ``by_cluster`` by a draw of whole groups (missing without any), ``enough``.
    draw : DataFrame
        One row a customer that could take part: ``stratum``, ``arm``; reproducible by the seed.
    baseline : Estimate
        Share retained over the horizon among those who could have taken part a horizon ago.
    detectable : Estimate
        Least gain in the share retained that all customers together could show.
    correlation : float
        Intraclass correlation of leaving within the groups; NaN without groups.
    """

    sizes: pd.DataFrame
    draw: pd.DataFrame
    baseline: Estimate
    detectable: Estimate
    hazard_ratio: Estimate
    correlation: float
    horizon: int
    unit: str
    power: float
    cluster: str

    def summary(self) -> pd.DataFrame:
        """Return the customers needed, by gain."""
        return self.sizes

    def estimates(self) -> dict[str, Estimate]:
        """Return the baseline and what could be seen."""
        return {
            "baseline": self.baseline,
            "detectable_gain": self.detectable,
            "detectable_hazard_ratio": self.hazard_ratio,
        }

    def headline(self) -> str:
        """Return what an experiment on all customers of today could show."""
        if self.detectable.value is None:
            return f"No experiment can be planned: {self.detectable.why}."
        return (
            f"With all {len(self.draw):,} customers drawn by lot and followed for {self.horizon} "
            f"{self.unit}s, a gain of {100 * self.detectable.value:.1f} points in the share "
            f"retained would be seen with a chance of {100 * self.power:.0f} %; today "
            f"{self.baseline} stay."
        )

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before the draw is used."""
        found = ["Keep the draw as it is: whoever is moved by hand makes it worthless."]
        if self.cluster:
            found.append(
                f"If whole groups of {self.cluster} are drawn instead of customers, the larger "
                f"number holds (intraclass correlation {self.correlation:.3f})."
            )
        return tuple(found)


def plan_experiment(
    tables: Tables,
    *,
    horizon: int = 12,
    gains: tuple[float, ...] = (0.01, 0.02, 0.03, 0.05),
    power: float = 0.8,
    alpha: float = 0.05,
    strata: tuple[str, ...] = ("segment",),
    cluster: str = "",
    seed: int = 1,
) -> ExperimentPlan:
    """Plan a randomised experiment on the customers of today, with retention as its outcome.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` and ``customers``.
    horizon : int
        Units of follow-up.
    gains : tuple of float
        Gains in the share retained worth finding.
    power, alpha : float
        Chance to find a gain that is there; two-sided error level.
    strata : tuple of str
        Columns of customers within whose combinations arms are balanced.
    cluster : str
        Column of customers whose values might be drawn as a whole, such as ``branch``.
    seed : int
        Of the draw; keep it with the result.

    Returns
    -------
    ExperimentPlan

    Raises
    ------
    MissingTableError, NotEnoughDataError, ParameterError
        If a table or column is missing, the window is shorter than the horizon, or fewer than
        `minimum_n` customers could have been followed.
    """
    tables.require("contracts", "customers", needed_for="an experiment")
    past = _followed(tables, horizon, tuple(filter(None, [cluster])))
    stayed = float(past["retained"].mean())
    low, high = wilson_interval(float(past["retained"].sum()), len(past))
    left = int((~past["retained"]).sum())
    baseline = Estimate(
        value=stayed, low=low, high=high, unit="share", n=len(past), events=left, grade="D",
        method=f"share retained over {horizon} {tables.window.unit}s, Wilson",
    )  # fmt: skip
    draw = _draw(tables, strata, seed)
    correlation, size = _within(past, cluster)
    rows = {}
    for gain in gains:
        needed = size_for_shares(stayed, _capped(stayed + gain), alpha=alpha, power=power)
        whole = clustered_size(needed, size, correlation) if cluster else np.nan
        rows[gain] = {"customers": needed, "by_cluster": whole, "enough": needed <= len(draw)}
    settings = {"alpha": alpha, "power": power}
    return ExperimentPlan(
        sizes=pd.DataFrame.from_dict(rows, orient="index").rename_axis("gain"),
        draw=draw, baseline=baseline, detectable=_detectable(len(draw), stayed, settings),
        hazard_ratio=_detectable_ratio(len(draw), stayed, settings),
        correlation=correlation, horizon=horizon, unit=tables.window.unit, power=power,
        cluster=cluster,
    )  # fmt: skip


def _capped(share: float) -> float:
    return min(share, 0.999)


def _followed(tables: Tables, horizon: int, columns: tuple[str, ...]) -> pd.DataFrame:
    """Return those who were customers a horizon ago, and whether they still are."""
    window = tables.window
    start = window.last_period
    for _ in range(horizon - 1):
        start = start.previous()
    if start.start <= window.start:
        raise NotEnoughDataError(
            f"the window is shorter than {horizon} {window.unit}s; nobody was followed so long"
        )
    past = build_running(tables.as_of(start.start), by=columns)
    past["retained"] = past.index.isin(build_running(tables).index)
    if len(past) < tables.minimum_n:
        raise NotEnoughDataError(
            f"{len(past)} customers could be followed, fewer than {tables.minimum_n}"
        )
    if past["retained"].all() or not past["retained"].any():
        raise NotEnoughDataError("nobody, or everybody, left within the horizon: no size follows")
    return past


def _draw(tables: Tables, strata: tuple[str, ...], seed: int) -> pd.DataFrame:
    """Return half of each stratum by lot; the odd one of a stratum by lot too."""
    now = build_running(tables, by=strata)
    label = pd.Series("all", index=now.index)
    if strata:
        label = now.astype("string").fillna("unknown").agg(" · ".join, axis=1)
    rng = np.random.default_rng(seed)
    arm = pd.Series("control", index=now.index)
    for _, members in label.groupby(label).groups.items():
        order = rng.permutation(np.asarray(members))
        half = (len(order) + int(rng.integers(0, 2))) // 2
        arm[order[:half]] = "treated"
    return pd.DataFrame({"stratum": label, "arm": arm})


def _within(past: pd.DataFrame, cluster: str) -> tuple[float, float]:
    """Return the intraclass correlation of leaving (analysis of variance), and the mean size."""
    if not cluster:
        return float("nan"), float("nan")
    y = past["retained"].astype(float)
    groups = y.groupby(past[cluster])
    sizes = groups.size().to_numpy(dtype=float)
    k, n = len(sizes), sizes.sum()
    if k < 2:
        raise NotEnoughDataError(f"{cluster} has one value: nothing to draw among")
    between = float((sizes * (groups.mean().to_numpy() - y.mean()) ** 2).sum() / (k - 1))
    within = float(((y - groups.transform("mean")) ** 2).sum() / (n - k))
    usual = (n - (sizes**2).sum() / n) / (k - 1)
    value = (between - within) / (between + (usual - 1) * within)
    return float(np.clip(value, 0.0, 1.0)), float(n / k)


def _detectable(n: int, stayed: float, settings: dict[str, float]) -> Estimate:
    """Return the least gain that n customers show, by bisection of `size_for_shares`."""
    method = "two shares, normal approximation"
    low, high = 0.0, 0.999 - stayed
    if high <= 0 or size_for_shares(stayed, stayed + high, **settings) > n:
        return Estimate.withheld(
            f"{n:,} customers are too few for any gain", unit="share", n=n, method=method
        )
    for _ in range(60):
        middle = (low + high) / 2
        enough = size_for_shares(stayed, stayed + middle, **settings) <= n
        low, high = (low, middle) if enough else (middle, high)
    return Estimate(value=high, unit="share", n=n, grade="D", method=f"{method}; a bound by design")


def _detectable_ratio(n: int, stayed: float, settings: dict[str, float]) -> Estimate:
    method = "Schoenfeld, expected leavers within the horizon; a bound by design"
    events = int(n * (1 - stayed))
    if events < events_for_hazard_ratio(0.05, **settings):
        return Estimate.withheld(
            f"{events} expected leavers are too few", unit="ratio", n=n, method=method
        )
    ratio = detectable_hazard_ratio(events, **settings)
    return Estimate(value=ratio, unit="ratio", n=n, events=events, grade="D", method=method)
