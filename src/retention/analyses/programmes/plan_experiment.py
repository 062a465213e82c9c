"""An experiment planned: how many customers, how long, what could be seen, and the draw itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_interval, wilson_interval
from retention.features import (
    build_earned,
    build_programme_trials,
    build_programmes,
    build_running,
    money_column,
)
from retention.models import (
    clustered_size,
    detectable_difference,
    detectable_hazard_ratio,
    events_for_hazard_ratio,
    size_for_means,
    size_for_shares,
)

__all__ = ["ExperimentPlan", "plan_experiment"]

_DURATIONS = (3, 6, 12, 18, 24)


@dataclass(frozen=True, eq=False, kw_only=True)
class ExperimentPlan:
    """Answer of `plan_experiment`.

    Parameters
    ----------
    sizes : DataFrame
        One row a gain in the outcome: ``customers`` needed by a draw of customers, ``by_cluster``
        by a draw of whole groups (missing without any), ``enough``.
    durations : DataFrame
        One row a length of the experiment, in units: ``baseline`` of the outcome, and the least
        gain (``detectable``) that all customers together could show after it.
    running : DataFrame
        One row a programme that runs today: ``enrolled`` and ``others`` who can be compared, and
        the least gain in the share retained (``detectable``) that they can show.
    draw : DataFrame
        One row a customer that could take part: ``stratum``, ``arm``; reproducible by the seed.
        With a cluster whole groups are drawn, and ``cluster`` names the customer's.
    baseline : Estimate
        Outcome over the horizon among those who could have taken part a horizon ago.
    detectable : Estimate
        Least gain in the outcome that all customers together could show.
    correlation : float
        Intraclass correlation of leaving within the groups; NaN without groups.
    """

    sizes: pd.DataFrame
    durations: pd.DataFrame
    running: pd.DataFrame
    draw: pd.DataFrame
    baseline: Estimate
    detectable: Estimate
    hazard_ratio: Estimate
    correlation: float
    horizon: int
    unit: str
    power: float
    cluster: str
    outcome: str

    def enrolments(
        self, programme: str, *, bond: str, on: date, cost: float | None = None
    ) -> pd.DataFrame:
        """Return the treated of the draw as rows of the table enrolments, ready to be kept.

        Once the file lies where ``[tables.enrolments]`` finds it, `programme_effects` knows the
        programme as randomised and compares with everybody else who was a customer that day.

        Parameters
        ----------
        programme, bond : str
            Its name, and its level: financial, social or structural.
        on : datetime.date
            First day in the programme.
        cost : float, optional
            Of one customer.
        """
        treated = self.draw.index[self.draw["arm"] == "treated"]
        table = pd.DataFrame({"customer_id": treated, "programme": programme, "bond": bond})
        table["enrolled_on"], table["assignment"] = pd.Timestamp(on), "random"
        return table if cost is None else table.assign(cost=cost)

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
        share = self.outcome == "retained"
        gain = (
            f"{100 * self.detectable.value:.1f} points in the share retained" if share
            else f"{self.detectable.value:,.1f} {self.detectable.unit} in margin"
        )  # fmt: skip
        today = "stay" if share else "is the margin"
        return (
            f"With all {len(self.draw):,} customers drawn by lot and followed for {self.horizon} "
            f"{self.unit}s, a gain of {gain} would be seen with a chance of "
            f"{100 * self.power:.0f} %; today {self.baseline} {today}."
        )

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before the draw is used."""
        found = ["Keep the draw as it is: whoever is moved by hand makes it worthless."]
        if self.cluster:
            found.append(
                f"Whole groups of {self.cluster} are drawn, not customers: the larger number holds "
                f"(intraclass correlation {self.correlation:.3f})."
            )
        return tuple(found)


def plan_experiment(
    tables: Tables,
    *,
    outcome: str = "retained",
    horizon: int = 12,
    gains: tuple[float, ...] = (),
    power: float = 0.8,
    alpha: float = 0.05,
    strata: tuple[str, ...] = ("segment",),
    cluster: str = "",
    seed: int = 1,
) -> ExperimentPlan:
    """Plan a randomised experiment on the customers of today: retention or margin as its outcome.

    Parameters
    ----------
    tables : Tables
        With ``contracts`` and ``customers``; with ``orders`` and their margin for that outcome.
    outcome : str
        ``retained`` or ``margin``.
    horizon : int
        Units of follow-up.
    gains : tuple of float
        Gains in the outcome worth finding: shares retained, or money a customer; by default 1, 2, 3
        and 5 points, or per cent of the mean margin.
    power, alpha : float
        Chance to find a gain that is there; two-sided error level.
    strata : tuple of str
        Columns of customers within whose combinations arms are balanced.
    cluster : str
        Column of customers whose values are drawn as a whole, such as ``branch``.
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
    if outcome not in ("retained", "margin"):
        raise ParameterError(f"outcome must be retained or margin, got {outcome!r}")
    tables.require("contracts", "customers", needed_for="an experiment")
    power_of = _Power(alpha=alpha, power=power)
    columns = tuple(filter(None, [cluster]))
    past = _followed(tables, horizon, columns, outcome)
    draw = _draw_groups(tables, cluster, seed) if cluster else _draw(tables, strata, seed)
    correlation, size = _within(past, cluster)
    scale = 1.0 if outcome == "retained" else float(past["outcome"].mean())
    gains = gains or tuple(scale * part for part in (0.01, 0.02, 0.03, 0.05))
    rows = {}
    for gain in gains:
        needed = power_of.size(past, outcome, gain)
        whole = clustered_size(needed, size, correlation) if cluster else np.nan
        enough = (whole if cluster else needed) <= len(draw)
        rows[gain] = {"customers": needed, "by_cluster": whole, "enough": enough}
    inflation = 1 + (size - 1) * correlation if cluster else 1.0
    reach = int(len(draw) / inflation)
    return ExperimentPlan(
        sizes=pd.DataFrame.from_dict(rows, orient="index").rename_axis("gain"),
        durations=_durations(tables, columns, outcome, reach, power_of),
        running=_running(tables, horizon, power_of),
        draw=draw, baseline=_baseline(past, outcome, horizon, tables),
        detectable=power_of.detectable(past, outcome, reach, tables),
        hazard_ratio=_detectable_ratio(reach, past, power_of),
        correlation=correlation, horizon=horizon, unit=tables.window.unit, power=power,
        cluster=cluster, outcome=outcome,
    )  # fmt: skip


@dataclass(frozen=True, kw_only=True)
class _Power:
    """Error level and power of one experiment, and the sizes and gains they lead to."""

    alpha: float
    power: float

    @property
    def settings(self) -> dict[str, float]:
        return {"alpha": self.alpha, "power": self.power}

    def size(self, past: pd.DataFrame, outcome: str, gain: float) -> int:
        """Return the customers, both arms together, that a gain needs."""
        if outcome == "margin":
            return size_for_means(gain, _spread(past), **self.settings)
        stayed = float(past["outcome"].mean())
        return size_for_shares(stayed, _capped(stayed + gain), **self.settings)

    def detectable(
        self, past: pd.DataFrame, outcome: str, n: int, tables: Tables, share: float = 0.5
    ) -> Estimate:
        """Return the least gain that n customers show, `share` of them treated."""
        if outcome == "margin":
            unit = f"{tables.currency} per customer"
            gain = detectable_difference(max(n, 2), _spread(past), share=share, **self.settings)
            return Estimate(value=gain, unit=unit, n=n, grade="D",
                            method="two means after CUPED; a bound by design")  # fmt: skip
        return _detectable(n, float(past["outcome"].mean()), self.settings | {"share": share})


def _spread(past: pd.DataFrame) -> float:
    """Return the standard deviation of the margin that the margin before does not explain."""
    y = past["outcome"].to_numpy(dtype=float)
    z = np.column_stack([np.ones(y.size), past["before"].to_numpy(dtype=float)])
    left = y - z @ np.linalg.lstsq(z, y, rcond=None)[0]
    return float(np.sqrt(left @ left / max(y.size - 2, 1)))


def _baseline(past: pd.DataFrame, outcome: str, horizon: int, tables: Tables) -> Estimate:
    y = past["outcome"].to_numpy(dtype=float)
    units = f"{horizon} {tables.window.unit}s"
    if outcome == "margin":
        low, high = normal_interval(float(y.mean()), float(y.std(ddof=1) / np.sqrt(y.size)))
        return Estimate(
            value=float(y.mean()), low=low, high=high, unit=f"{tables.currency} per customer",
            n=y.size, grade="D", method=f"mean margin within {units}, leavers counted too",
        )  # fmt: skip
    low, high = wilson_interval(float(y.sum()), y.size)
    return Estimate(
        value=float(y.mean()), low=low, high=high, unit="share", n=y.size, grade="D",
        events=int((y == 0).sum()), method=f"share retained over {units}, Wilson",
    )  # fmt: skip


def _durations(
    tables: Tables, columns: tuple[str, ...], outcome: str, n: int, power_of: _Power
) -> pd.DataFrame:
    """Return what could be seen after so many units; lengths that nobody was followed are out."""
    rows = {}
    for length in _DURATIONS:
        try:
            past = _followed(tables, length, columns, outcome)
        except NotEnoughDataError:
            continue
        gain = power_of.detectable(past, outcome, n, tables)
        rows[length] = {"baseline": float(past["outcome"].mean()), "detectable": gain.value}
    return pd.DataFrame.from_dict(
        rows, orient="index", columns=["baseline", "detectable"]
    ).rename_axis("duration")


def _running(tables: Tables, horizon: int, power_of: _Power) -> pd.DataFrame:
    """Return the least gain in the share retained that each programme of today can show."""
    names = ["bond", "assignment", "enrolled", "others", "detectable"]
    if "enrolments" not in tables:
        return pd.DataFrame(columns=names).rename_axis("programme")
    rows = {}
    for name, programme in build_programmes(tables).iterrows():
        drawn = programme["assignment"] == "random"
        try:
            trials = build_programme_trials(tables, str(name), horizon=horizon, drawn=drawn)
        except NotEnoughDataError:
            continue
        trials = trials[trials["complete"]]
        arms = trials[trials["treated"]], trials[~trials["treated"]]
        others = arms[1].index.nunique()
        n, stayed = len(arms[0]) + others, float(arms[1]["retained"].mean())
        told = None
        if len(arms[0]) and others and 0 < stayed < 1:
            share = len(arms[0]) / n
            told = _detectable(n, stayed, power_of.settings | {"share": share}).value
        rows[name] = (programme["bond"], programme["assignment"], len(arms[0]), others, told)
    table = pd.DataFrame.from_dict(rows, orient="index", columns=names)
    return table.rename_axis("programme")


def _capped(share: float) -> float:
    return min(share, 0.999)


def _followed(
    tables: Tables, horizon: int, columns: tuple[str, ...], outcome: str = "retained"
) -> pd.DataFrame:
    """Return those who were customers a horizon ago, with what became of them: ``outcome``."""
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
    past["outcome"] = past["retained"].astype(float)
    if outcome == "margin":
        tables.require("orders", needed_for="margin as the outcome")
        if money_column(tables) == "amount":
            raise NotEnoughDataError("orders state no margin; take retained as the outcome")
        earned = build_earned(tables, on=start.start).reindex(past.index).fillna(0.0)
        past["outcome"], past["before"] = earned["after"], earned["before"]
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


def _draw_groups(tables: Tables, cluster: str, seed: int) -> pd.DataFrame:
    """Return half of the groups by lot, drawn in pairs of like size; the odd one by lot too."""
    now = build_running(tables, by=(cluster,))
    groups = now[cluster].astype("string").fillna("unknown")
    sizes = groups.groupby(groups).size().sort_values(ascending=False, kind="stable")
    rng = np.random.default_rng(seed)
    arms: dict[str, str] = {}
    for first in range(0, len(sizes), 2):
        pair = list(sizes.index[first : first + 2])
        coin = int(rng.integers(0, 2))
        arms |= {str(g): ("treated", "control")[(k + coin) % 2] for k, g in enumerate(pair)}
    return pd.DataFrame({"stratum": "all", "arm": groups.map(arms), "cluster": groups})


def _within(past: pd.DataFrame, cluster: str) -> tuple[float, float]:
    """Return the intraclass correlation of leaving (analysis of variance), and the mean size."""
    if not cluster:
        return float("nan"), float("nan")
    y = past["outcome"].astype(float)
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


def _detectable_ratio(n: int, past: pd.DataFrame, power_of: _Power) -> Estimate:
    method = "Schoenfeld, expected leavers within the horizon; a bound by design"
    events = int(n * (1 - float(past["retained"].mean())))
    if events < events_for_hazard_ratio(0.05, **power_of.settings):
        return Estimate.withheld(
            f"{events} expected leavers are too few", unit="ratio", n=n, method=method
        )
    ratio = detectable_hazard_ratio(events, **power_of.settings)
    return Estimate(value=ratio, unit="ratio", n=n, events=events, grade="D", method=method)
