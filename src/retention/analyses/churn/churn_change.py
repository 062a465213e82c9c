"""Why churn changed: another mix of customers, or the same customers leaving more."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_interval, wilson_interval
from retention.features import build_churn_periods

from .inactivity_choice import churn_tables, spell_cautions
from .retention_curve import group_columns

__all__ = ["ChurnChange", "churn_change"]

_BAND = {"day": 90, "week": 26, "month": 12, "quarter": 4, "year": 1}
_BACK = {"day": 60, "week": 52, "month": 25, "quarter": 13, "year": 8}
_SIGMA = 3.0


@dataclass(frozen=True, eq=False, kw_only=True)
class ChurnChange:
    """Answer of `churn_change`.

    Parameters
    ----------
    chart : pandas.DataFrame
        One row a period: ``day``, ``n``, ``events``, ``rate``, ``expected`` (rate of the same mix
        at the mean hazards of the periods before), control limits ``low`` and ``high``, ``signal``.
    parts : pandas.DataFrame
        One row a group: ``share_before``, ``share_now``, ``rate_before``, ``rate_now``, and what it
        adds to the change: ``mix`` and ``hazard``.
    change, mix, hazard : float
        Change of the churn rate; ``change = mix + hazard`` exactly.
    before, now : datetime.date
        First days of the two periods.
    by : tuple of str
        Columns of the groups, beside the tenure band.
    """

    chart: pd.DataFrame
    parts: pd.DataFrame
    change: float
    mix: float
    hazard: float
    before: date
    now: date
    by: tuple[str, ...]
    unit: str
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a group: shares, rates, and what each adds to the change."""
        return self.parts

    def estimates(self) -> dict[str, Estimate]:
        """Return the rates, the change and its two parts."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before reading the change."""
        return self.warnings

    def headline(self) -> str:
        """Return the rate, its change and whether that is more than chance."""
        now, change = self.numbers["churn_rate"], self.numbers["change"]
        if now.value is None or change.value is None:
            return f"The change of churn is not shown: {now.why or change.why}."
        inside = not bool(self.chart["signal"].iloc[-1])
        verdict = "within the control limits" if inside else "outside the control limits"
        return (
            f"In the {self.unit} from {self.now}, {now} left; {_points(change.value)} points "
            f"against the {self.unit} from {self.before}, {_points(self.mix)} by mix and "
            f"{_points(self.hazard)} by hazard; {verdict}."
        )


def churn_change(
    tables: Tables,
    *,
    by: str | Sequence[str] | None = "auto",
    against: str = "previous",
    level: float = 0.95,
) -> ChurnChange:
    """Split the change of the churn rate between two periods into mix and hazard, exactly.

    Customers here when a period began are grouped by tenure and the columns of `by`. The change of
    the rate is the sum over groups of (change of share) x (mean rate), the mix, and (mean share) x
    (change of rate), the hazard.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, or else ``orders``.
    by : str, sequence of str, optional
        Columns; ``"auto"`` takes the first of product, segment and so on that there is.
    against : str
        ``previous`` period, or the one a ``year`` before.
    level : float
        Level of intervals.

    Raises
    ------
    NotEnoughDataError
        If the window holds no two such periods.

    References
    ----------
    .. [1] Kitagawa, E. M. (1955). Components of a difference between two rates. Journal of the
       American Statistical Association 50, 1168-1194.
    """
    if against not in ("previous", "year"):
        raise ParameterError(f"against must be previous or year, got {against!r}")
    tables = churn_tables(tables, dated="detected")
    keys, unit = group_columns(tables, by), tables.window.unit
    counts = build_churn_periods(tables, by=keys, periods=_BACK[unit], band=_BAND[unit])
    days = sorted(counts["day"].unique())
    back = 1 if against == "previous" else round(tables.window.units_per_year)
    if len(days) <= back:
        raise NotEnoughDataError(
            f"the window holds {len(days)} whole {unit}s; {back + 1} are needed to compare"
        )
    now, before = days[-1], days[-1 - back]
    parts = _parts(counts, keys, before, now, unit)
    chart = _chart(counts, keys)
    return ChurnChange(
        chart=chart, parts=parts, mix=float(parts["mix"].sum()),
        hazard=float(parts["hazard"].sum()),
        change=float(parts["mix"].sum() + parts["hazard"].sum()),
        before=pd.Timestamp(before).date(), now=pd.Timestamp(now).date(), by=keys, unit=unit,
        numbers=_numbers(parts, chart, tables.minimum_n, level, back, unit),
        warnings=(*spell_cautions(tables), *_cautions(chart, unit)),
    )  # fmt: skip


def _points(share: float) -> str:
    return f"{round(100 * share, 1) + 0.0:+.1f}"


def _label(band: int, key: Sequence[object], width: int, unit: str) -> str:
    low = band * width
    tenure = f"{low} to {low + width - 1} {unit}s" if band < 3 else f"{low} {unit}s and more"
    names = ["unknown" if pd.isna(part) else str(part) for part in key]  # type: ignore[call-overload]
    return " · ".join([*names, tenure])


def _parts(
    counts: pd.DataFrame, by: tuple[str, ...], before: object, now: object, unit: str
) -> pd.DataFrame:
    groups = ["tenure_band", *by]
    tables = [
        counts[counts["day"] == day].set_index(groups)[["n", "events"]] for day in (before, now)
    ]
    both = tables[0].add_suffix("_before").join(tables[1].add_suffix("_now"), how="outer").fillna(0)
    n0, n1 = both["n_before"], both["n_now"]
    w0, w1 = n0 / n0.sum(), n1 / n1.sum()
    # a group that was empty has no rate of its own: it has that of the other period
    rate0 = both["events_before"] / n0.where(n0 > 0)
    rate1 = both["events_now"] / n1.where(n1 > 0)
    h0, h1 = rate0.fillna(rate1), rate1.fillna(rate0)
    table = pd.DataFrame(
        {
            "n_before": n0.astype(int), "n_now": n1.astype(int),
            "share_before": w0, "share_now": w1, "rate_before": h0, "rate_now": h1,
            "mix": (w1 - w0) * (h0 + h1) / 2, "hazard": (w0 + w1) / 2 * (h1 - h0),
        }
    )  # fmt: skip
    keys = [key if isinstance(key, tuple) else (key,) for key in table.index]
    names = [_label(int(key[0]), key[1:], _BAND[unit], unit) for key in keys]
    return table.set_axis(pd.Index(names, name="group"))


def _chart(counts: pd.DataFrame, by: tuple[str, ...]) -> pd.DataFrame:
    """Return rates by period with limits at the mean hazards of all periods before each."""
    groups = ["tenure_band", *by]
    rows = []
    for day in sorted(counts["day"].unique()):
        own, past = counts[counts["day"] == day], counts[counts["day"] < day]
        n, events = int(own["n"].sum()), int(own["events"].sum())
        expected = np.nan
        if len(past):
            overall = past["events"].sum() / past["n"].sum()
            sums = past.groupby(groups, dropna=False)[["n", "events"]].sum()
            # small groups lean on the rate of all
            rate = (sums["events"] + 20 * overall) / (sums["n"] + 20)
            own_rate = rate.reindex(pd.MultiIndex.from_frame(own[groups]) if by else
                                    own["tenure_band"]).fillna(overall)  # fmt: skip
            expected = float(own["n"].to_numpy() @ own_rate.to_numpy()) / n
        rows.append((day, n, events, events / n if n else np.nan, expected))
    chart = pd.DataFrame(rows, columns=["day", "n", "events", "rate", "expected"])
    half = _SIGMA * np.sqrt(chart["expected"] * (1 - chart["expected"]) / chart["n"])
    chart["low"], chart["high"] = (chart["expected"] - half).clip(lower=0), chart["expected"] + half
    chart["signal"] = (chart["rate"] < chart["low"]) | (chart["rate"] > chart["high"])
    return chart


def _numbers(
    parts: pd.DataFrame, chart: pd.DataFrame, minimum_n: int, level: float, back: int, unit: str
) -> dict[str, Estimate]:
    now, before = chart.iloc[-1], chart.iloc[-1 - back]
    n, events = int(now["n"]), int(now["events"])
    names = ("churn_rate", "churn_rate_before", "change", "change_by_mix", "change_by_hazard")
    if min(n, int(before["n"])) < minimum_n:
        why = f"fewer than {minimum_n} customers when the {unit} began"
        return {
            name: Estimate.withheld(why, unit="share", n=n, method="share of those here who left")
            for name in names
        }
    found = {}
    for name, row in (("churn_rate", now), ("churn_rate_before", before)):
        low, high = wilson_interval(float(row["events"]), float(row["n"]), level)
        found[name] = Estimate(
            value=float(row["rate"]), low=low, high=high, level=level, unit="share",
            n=int(row["n"]), events=int(row["events"]), grade="D",
            method=f"share of those here when the {unit} began who left in it, Wilson",
        )  # fmt: skip
    variance = sum(float(r["rate"]) * (1 - float(r["rate"])) / float(r["n"]) for r in (now, before))
    w = (parts["share_before"] + parts["share_now"]) / 2
    terms = sum(
        parts[f"rate_{p}"] * (1 - parts[f"rate_{p}"]) / parts[f"n_{p}"].clip(lower=1)
        for p in ("before", "now")
    )
    pieces = {
        "change": (float(now["rate"] - before["rate"]), variance, "difference of two rates"),
        "change_by_hazard": (float(parts["hazard"].sum()), float((w**2 * terms).sum()),
                             "Kitagawa: shares held at their mean, binomial"),
    }  # fmt: skip
    for name, (value, spread, method) in pieces.items():
        low, high = normal_interval(value, float(np.sqrt(spread)), level)
        found[name] = Estimate(
            value=value, low=low, high=high, level=level, unit="share", n=n, events=events,
            method=method, grade="D",
        )  # fmt: skip
    found["change_by_mix"] = Estimate(
        value=float(parts["mix"].sum()), unit="share", n=n, events=events, grade="D",
        method="Kitagawa: rates held at their mean; the shares are counted, so no interval",
    )  # fmt: skip
    return found


def _cautions(chart: pd.DataFrame, unit: str) -> tuple[str, ...]:
    found = []
    signals = chart.loc[chart["signal"], "day"]
    if len(signals):
        days = ", ".join(str(pd.Timestamp(day).date()) for day in signals)
        found.append(f"Outside the control limits: the {unit}s from {days}.")
    else:
        share = 100 * (2 * (1 - 0.99865))
        found.append(
            f"No {unit} lies outside the control limits; by chance alone {share:.1f} % would. A "
            "change within them needs no explanation."
        )
    return tuple(found)
