"""Effects of a staggered roll-out: each cohort against those not treated, period by period."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.stats import chi2
from scipy.stats import t as student

from retention.errors import NotEnoughDataError, NotIdentifiedError, SchemaError
from retention.estimates import normal_interval

__all__ = ["GroupTimeEffects", "GroupTimeEffectsFit", "RolloutEffect"]

_Floats = NDArray[np.float64]


@dataclass(frozen=True)
class RolloutEffect:
    """One average of group-time effects, in the unit of the outcome."""

    value: float
    standard_error: float

    def interval(self, level: float = 0.95) -> tuple[float, float]:
        """Return the normal interval."""
        return normal_interval(self.value, self.standard_error, level)


@dataclass(frozen=True, eq=False, kw_only=True)
class GroupTimeEffectsFit:
    """What was learned.

    Parameters
    ----------
    group_time : DataFrame
        One row a cohort and period: ``adopted``, ``period``, ``event_time``, ``effect``, ``se``,
        ``n_treated``, ``n_control``. Event times below -1 are tests of parallel trends.
    event_study : DataFrame
        Index event time: ``effect``, ``se``, ``n_treated``; cohorts weighted by size, or by the
        weights of their units.
    event_covariance : DataFrame
        Covariance of the effects of the event study.
    overall : RolloutEffect
        Mean over all treated customer-periods.
    pre_trend_p : float
        Of the test that there is no effect before adoption: jointly by Wald where there are ten
        clusters for each period to test, else by the slope alone, because a joint test of many
        periods by few clusters rejects too often. NaN without periods to test.
    durability : RolloutEffect
        Slope of the effect per period since adoption: below 0 it fades. NaN with one event time.
    n_units, n_treated : int
        Customers; those ever treated. With a cohort of one customer no standard error exists.
    """

    group_time: pd.DataFrame
    event_study: pd.DataFrame
    event_covariance: pd.DataFrame
    overall: RolloutEffect
    pre_trend_p: float
    durability: RolloutEffect
    n_units: int
    n_treated: int


@dataclass(frozen=True, kw_only=True)
class GroupTimeEffects:
    """Difference in differences by cohort of adoption [1]_.

    For a cohort that adopted in period g, the effect in period t is the change since before
    adoption, less the same change of customers who never adopted, or have not adopted by t. A
    regression on customer and period effects would also compare late with early adopters, whose own
    effects are still moving, and is not offered. Errors come from each customer's influence, so a
    customer counts once however many periods are seen; where whole places adopt, from each place's.

    Parameters
    ----------
    control : str
        ``never``: only who never adopted; ``not_yet``: also who adopts later than t.
    base : str
        ``last``: the last period before adoption; ``mean``: the mean of all before it, which is
        more precise when outcomes are noisy and trends are parallel throughout.
    cluster : str
        Column that says which units adopt together, such as their branch; empty if each adopts
        by itself.
    present : str
        Column that is 1 while a unit is there and 0 once it has gone; a cohort is then compared
        with others among those still there in the last period before it adopts, so that the
        effect is that on a unit reached. Empty if all units stay.
    within : str
        Column that names separate comparisons, such as the wave of a roll-out: a unit is compared
        only with units of the same, and a place that serves in several stands in each as a unit of
        its own. Give `cluster` then. Empty if all units are compared with each other.
    weight : str
        Column of each unit's weight, such as its customers. Empty if all count alike.

    References
    ----------
    .. [1] Callaway, B. and Sant'Anna, P. H. C. (2021). Difference-in-differences with multiple
       time periods. Journal of Econometrics 225, 200-230.
    """

    control: Literal["never", "not_yet"] = "not_yet"
    base: Literal["last", "mean"] = "last"
    cluster: str = ""
    present: str = ""
    within: str = ""
    weight: str = ""

    def fit(self, panel: pd.DataFrame) -> GroupTimeEffectsFit:
        """Fit to one row a customer and period.

        Parameters
        ----------
        panel : DataFrame
            ``unit``, ``period`` (whole numbers), ``outcome`` and ``adopted`` (the period of
            adoption, missing if never). Every unit in every period: a balanced panel.

        Raises
        ------
        SchemaError
            If a column is missing, a unit lacks a period, or adopts twice.
        NotEnoughDataError
            If nobody adopts, or nobody is left to compare with.
        """
        whole = self._panel(panel)
        # no period before: no change to measure
        known = whole.of(~(whole.adopted <= whole.periods[0]))
        if not np.isfinite(known.adopted).any():
            raise NotEnoughDataError("nobody adopted after the first period: nothing to compare")
        rows, influence = [], []
        for name in np.unique(known.within):
            for g in np.unique(known.adopted[known.within == name]):
                for j, t in enumerate(known.periods):
                    found = self._one(known, int(name), g, j) if np.isfinite(g) else None
                    if found is not None:
                        rows.append((int(g), int(t), int(t - g), *found[:4]))
                        influence.append(found[4])
        if not any(row[2] >= 0 for row in rows):
            raise NotIdentifiedError(
                "in no period is anybody left who has not adopted; the effect cannot be told from "
                "the calendar"
            )
        names = ["adopted", "period", "event_time", "effect", "n_treated", "n_control", "weight"]
        clouds = np.zeros((int(known.cluster.max()) + 1, len(rows)))
        np.add.at(clouds, known.cluster, np.column_stack(influence))
        return _aggregate(pd.DataFrame(rows, columns=names), clouds, known.adopted)

    def _panel(self, panel: pd.DataFrame) -> _Panel:
        wide, own = _wide(panel, [c for c in (self.cluster, self.within, self.weight) if c])
        count = len(own)
        one_by_one = np.arange(count, dtype=np.intp)
        together = np.zeros(count, dtype=np.intp)
        return _Panel(
            y=wide.to_numpy(dtype=float),
            periods=wide.columns.to_numpy(dtype=float),
            adopted=own["adopted"].to_numpy(dtype=float, na_value=np.nan),
            there=_there(panel, self.present, wide.shape),
            cluster=_codes(own[self.cluster]) if self.cluster else one_by_one,
            within=_codes(own[self.within]) if self.within else together,
            weight=own[self.weight].to_numpy(dtype=float) if self.weight else np.ones(count),
        )

    def _one(
        self, panel: _Panel, name: int, g: float, j: int
    ) -> tuple[float, int, int, float, _Floats] | None:
        """Return effect, sizes, weight and influence of a cohort in period j; None without one."""
        y, periods, weight = panel.y, panel.periods, panel.weight
        before = np.flatnonzero(periods < g)
        t = periods[j]
        if t == periods[before[-1]] and self.base == "last":
            return None  # the base itself
        reached = panel.there[:, before[-1]] & (panel.within == name)
        own = (panel.adopted == g) & reached
        other = ~np.isfinite(panel.adopted)
        if self.control == "not_yet":
            other |= panel.adopted > max(t, g)
        other &= reached
        if own.sum() < 1 or other.sum() < 2:
            return None
        others_before = before[before != j] if t < g else before
        if not len(others_before):
            return None
        base = y[:, before[-1]] if self.base == "last" else y[:, others_before].mean(axis=1)
        change = y[:, j] - base
        effect, influence = 0.0, np.zeros(len(y))
        for arm, sign in ((own, 1.0), (other, -1.0)):
            share = weight[arm] / weight[arm].sum()
            mean = float(share @ change[arm])
            effect += sign * mean
            influence[arm] += sign * _spread(panel.cluster[arm]) * share * (change[arm] - mean)
        return effect, int(own.sum()), int(other.sum()), float(weight[own].sum()), influence


@dataclass(frozen=True, eq=False, kw_only=True)
class _Panel:
    """Outcomes, one row a unit and one column a period, and what is known of each unit."""

    y: _Floats
    periods: _Floats
    adopted: _Floats
    there: NDArray[np.bool_]
    cluster: NDArray[np.intp]
    within: NDArray[np.intp]
    weight: _Floats

    def of(self, rows: NDArray[np.bool_]) -> _Panel:
        """Return some of the units."""
        return _Panel(
            y=self.y[rows], periods=self.periods, adopted=self.adopted[rows],
            there=self.there[rows], cluster=self.cluster[rows], within=self.within[rows],
            weight=self.weight[rows],
        )  # fmt: skip


def _codes(names: pd.Series) -> NDArray[np.intp]:
    return pd.factorize(names)[0].astype(np.intp)


def _spread(cluster: NDArray[np.intp]) -> float:
    """Return what a deviation from the mean of so few clusters is short by.

    One cluster shows an effect, but not how much it varies.
    """
    count = len(np.unique(cluster))
    return float(np.sqrt(count / (count - 1))) if count > 1 else float("nan")


def _wide(panel: pd.DataFrame, more: list[str]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return outcomes by unit and period, and the columns that do not change within a unit."""
    wanted = ("unit", "period", "outcome", "adopted", *more)
    faults = [f"column {c} is missing" for c in wanted if c not in panel]
    if faults:
        raise SchemaError("panel", faults)
    if panel.duplicated(["unit", "period"]).any():
        raise SchemaError("panel", ["a unit stands twice in a period; add its rows up first"])
    wide = panel.pivot_table(index="unit", columns="period", values="outcome", aggfunc="sum",
                             dropna=False)  # fmt: skip
    counted = panel.groupby("unit", sort=True)["adopted"].nunique(dropna=False)
    gaps = wide.isna().any(axis=1)
    missing = panel.groupby("unit", sort=True)["outcome"].count() < wide.shape[1]
    for bad, what in ((gaps | missing, "lacks an outcome in some period"),
                      (counted > 1, "has more than one period of adoption")):  # fmt: skip
        if bad.any():
            ids = ", ".join(map(str, bad.index[bad][:3]))
            faults.append(f"{bad.sum():,} of {len(wide):,} units: {what} ({ids})")
    if faults:
        raise SchemaError("panel", faults)
    return wide, panel.groupby("unit", sort=True).first()


def _there(panel: pd.DataFrame, present: str, shape: tuple[int, ...]) -> NDArray[np.bool_]:
    if not present:
        return np.ones(shape, dtype=bool)
    if present not in panel or panel[present].isna().any():
        raise SchemaError("panel", [f"column {present} is missing, or empty in some rows"])
    wide = panel.pivot_table(index="unit", columns="period", values=present)
    return wide.to_numpy(dtype=float) > 0


def _aggregate(table: pd.DataFrame, influence: _Floats, adopted: _Floats) -> GroupTimeEffectsFit:
    table["se"] = np.sqrt((influence**2).sum(axis=0))
    size = table.pop("weight").to_numpy()
    treated = table["n_treated"].to_numpy()
    effect = table["effect"].to_numpy()
    times = table["event_time"].to_numpy()
    rows, curves = {}, {}
    for e in np.unique(times):
        weight = np.where(times == e, size, 0.0)
        curves[e] = influence @ (weight / weight.sum())
        rows[int(e)] = {
            "effect": float(effect @ weight / weight.sum()),
            "se": float(np.sqrt(curves[e] @ curves[e])),
            "n_treated": int(treated[times == e].sum()),
        }
    study = pd.DataFrame.from_dict(rows, orient="index").rename_axis("event_time")
    after = np.where(times >= 0, size, 0.0) / size[times >= 0].sum()
    overall = influence @ after
    return GroupTimeEffectsFit(
        group_time=table,
        event_study=study,
        event_covariance=_covariance(curves),
        overall=RolloutEffect(float(effect @ after), float(np.sqrt(overall @ overall))),
        pre_trend_p=_pre_trend(study, curves),
        durability=_durability(study, curves),
        n_units=len(adopted),
        n_treated=int(np.isfinite(adopted).sum()),
    )


def _covariance(curves: dict[int, _Floats]) -> pd.DataFrame:
    cloud = np.column_stack(list(curves.values()))
    times = [int(e) for e in curves]
    return pd.DataFrame(cloud.T @ cloud, index=times, columns=times)


def _pre_trend(study: pd.DataFrame, curves: dict[int, _Floats]) -> float:
    early = [e for e in study.index if e < 0]
    if not early:
        return float("nan")
    effects = study.loc[early, "effect"].to_numpy()
    cloud = np.column_stack([curves[e] for e in early])
    if not np.isfinite(cloud).all():
        return float("nan")
    if np.count_nonzero(cloud.any(axis=1)) < 10 * len(early):
        # through the base at -1, where the effect is 0 by construction
        away = np.array(early, dtype=float) + 1
        weight = study.loc[early, "n_treated"].to_numpy(dtype=float) * away
        return _slope_p(float(effects @ weight), cloud @ weight)
    values, vectors = np.linalg.eigh(cloud.T @ cloud)
    keep = values > 1e-12 * values.max()
    wald = float((((vectors.T @ effects)[keep]) ** 2 / values[keep]).sum())
    return float(chi2.sf(wald, int(keep.sum()))) if keep.any() else float("nan")


def _slope_p(slope: float, cloud: _Floats) -> float:
    freedom = np.count_nonzero(cloud) - 1
    se = float(np.sqrt(cloud @ cloud))
    return float(2 * student.sf(abs(slope) / se, freedom)) if se > 0 and freedom > 0 else np.nan


def _durability(study: pd.DataFrame, curves: dict[int, _Floats]) -> RolloutEffect:
    late = np.array([e for e in study.index if e >= 0], dtype=float)
    if len(late) < 2:
        return RolloutEffect(float("nan"), float("nan"))
    weight = study.loc[late.astype(int), "n_treated"].to_numpy(dtype=float)
    centred = late - np.average(late, weights=weight)
    slope = weight * centred / (weight @ centred**2)
    cloud = np.column_stack([curves[int(e)] for e in late]) @ slope
    value = float(study.loc[late.astype(int), "effect"].to_numpy() @ slope)
    return RolloutEffect(value, float(np.sqrt(cloud @ cloud)))
