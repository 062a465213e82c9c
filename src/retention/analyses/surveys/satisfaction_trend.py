"""Is the last figure chance or change: control charts on scores and on what is complained about."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, benjamini_hochberg, wilson_interval
from retention.features import build_scales
from retention.models import cusum_chart, ewma_chart, p_chart

from .satisfaction import satisfied_from

__all__ = ["SatisfactionTrend", "satisfaction_trend"]

_FEWEST_WAVES = 6


@dataclass(frozen=True, eq=False, kw_only=True)
class SatisfactionTrend:
    """Answer of `satisfaction_trend`.

    Parameters
    ----------
    points : DataFrame
        One row a group and wave: ``by``, ``group``, ``wave``, ``n``, ``mean``, ``satisfied``; and
        for each chart (``p``, ``ewma``, ``cusum``) statistic, limits and signal.
    signals : DataFrame
        One row a signal: ``what`` (score or complaint topic), ``chart``, ``by``, ``group``,
        ``when``, ``direction``, ``began``, ``value``, ``centre``.
    topics : DataFrame
        One row a complaint topic: share of cases in the last months and before, ``p_adjusted``.
    baseline : tuple of str
        The waves whose level counts as without change.
    """

    points: pd.DataFrame
    signals: pd.DataFrame
    topics: pd.DataFrame
    baseline: tuple[str, ...]
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a signal."""
        return self.signals

    def estimates(self) -> dict[str, Estimate]:
        """Return the level without change, the last wave, and how many signals there are."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return how often charts cry wolf."""
        return self.warnings

    def headline(self) -> str:
        """Name the latest signal, with when and where, or say that there is none."""
        if self.signals.empty:
            return "No score and no complaint topic has moved beyond chance."
        last = self.signals.iloc[-1]
        where = "all customers" if last["by"] == "all" else f"{last['by']} {last['group']}"
        began = "" if last["began"] in ("", last["when"]) else f", probably since {last['began']}"
        what = "satisfaction" if last["what"] == "score" else f"complaints about {last['what']}"
        count = "1 signal" if len(self.signals) == 1 else f"{len(self.signals)} signals"
        return (
            f"{count}; the latest: {what} of {where} went {last['direction']} "
            f"in {last['when']}{began} (chart {last['chart']})."
        )


def satisfaction_trend(
    tables: Tables,
    *,
    by: str = "region",
    baseline: int | None = None,
    recent_months: int = 3,
    level: float = 0.95,
) -> SatisfactionTrend:
    """Chart scores by wave and group, and complaint topics, against their level without change.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` (an item mapped to ``csat``); ``complaints`` for topics.
    by : str
        Column by which groups are charted too: region, branch, segment.
    baseline : int, optional
        Waves from the first that count as without change; half of them if not given.
    recent_months : int
        Last months whose complaint topics are compared with those before.
    level : float
        Level of intervals; topics signal at a false discovery rate of one minus it.

    Returns
    -------
    SatisfactionTrend

    Raises
    ------
    NotEnoughDataError
        If there are fewer than 6 waves with enough answers.
    """
    answers = build_scales(tables, constructs=["csat"]).dropna(subset=["csat"])
    scale = answers.attrs["scales"]["csat"]
    answers["satisfied"] = answers["csat"] >= satisfied_from(scale)
    order = list(answers.groupby("wave")["answered_on"].min().sort_values().index)
    size = len(order) // 2 if baseline is None else baseline
    if len(order) < _FEWEST_WAVES or not 2 <= size < len(order):
        raise NotEnoughDataError(
            f"{len(order)} waves with {size} as baseline; a chart needs {_FEWEST_WAVES} waves, at "
            "least 2 of them as baseline"
        )
    if by not in answers:
        raise ParameterError(f"answers are not known by {by}")
    parts = [_chart(answers, "all", "all", order, size, tables.minimum_n)]
    for group, part in answers.groupby(by):
        parts.append(_chart(part, by, str(group), order, size, tables.minimum_n))
    drawn = [part for part in parts if part is not None]
    if not drawn or drawn[0]["by"].iloc[0] != "all":
        raise NotEnoughDataError(
            f"too few waves hold {tables.minimum_n} customers who answered; take longer waves"
        )
    points = pd.concat(drawn, ignore_index=True)
    topics = _topics(tables, recent_months)
    signals = pd.concat([_signals(points, order), _topic_signals(topics, tables, level)],
                        ignore_index=True)  # fmt: skip
    hidden = answers[by].nunique() - (points["group"].nunique() - 1)
    return SatisfactionTrend(
        points=points, signals=signals, topics=topics, baseline=tuple(order[:size]),
        numbers=_numbers(points, signals, level), warnings=_cautions(size, hidden, by),
    )  # fmt: skip


def _chart(
    answers: pd.DataFrame, by: str, group: str, order: list[str], size: int, minimum_n: int
) -> pd.DataFrame | None:
    cell = answers.groupby("wave")
    table = pd.DataFrame(
        {
            "n": cell["customer_id"].nunique(),
            "mean": cell["csat"].mean(),
            "satisfied": cell["satisfied"].sum(),
            "answers": cell.size(),
        }
    ).reindex(order)
    table = table[table["n"] >= max(2, minimum_n)]
    before = table.index.isin(order[:size])
    if before.sum() < 2 or (~before).sum() < 1:
        return None
    inside = answers[answers["wave"].isin(table.index[before])]
    centre = float(inside["csat"].mean())
    spread = float(inside["csat"].std())
    if spread == 0:
        return None
    # waves differ by more than chance within them: customers come and go, months differ
    within = spread**2 / table["answers"]
    between = max(0.0, float(table["mean"][before].var() - within[before].mean()))
    sd = np.sqrt(within + between)
    table["p_centre"] = float(inside["satisfied"].mean())
    charts = {
        "p": p_chart(table["satisfied"], table["answers"], centre=float(table["p_centre"].iloc[0])),
        "ewma": ewma_chart(table["mean"], centre=centre, sd=sd),
        "cusum": cusum_chart(table["mean"], centre=centre, sd=sd),
    }
    for name, chart in charts.items():
        table[f"{name}_statistic"] = chart.statistic
        table[f"{name}_low"], table[f"{name}_high"] = chart.lower, chart.upper
        table[f"{name}_signal"] = chart.signal
        began = [str(table.index[k]) if k >= 0 else "" for k in chart.began]
        table[f"{name}_began"] = began
    table["satisfied"] = table["satisfied"] / table["answers"]
    table["centre"], table["baseline"] = centre, before
    return table.rename_axis("wave").reset_index().assign(by=by, group=group)


def _signals(points: pd.DataFrame, order: list[str]) -> pd.DataFrame:
    rows = []
    for chart in ("p", "ewma", "cusum"):
        hits = points[(points[f"{chart}_signal"] != 0) & ~points["baseline"]]
        for row in hits.to_dict("records"):
            down = row[f"{chart}_signal"] < 0
            centre = row["p_centre"] if chart == "p" else row["centre"]
            value = row["satisfied"] if chart == "p" else row["mean"]
            rows.append(
                {
                    "what": "score", "chart": chart, "by": row["by"], "group": row["group"],
                    "when": row["wave"], "direction": "down" if down else "up",
                    "began": row[f"{chart}_began"], "value": value, "centre": centre,
                    "order": order.index(row["wave"]),
                }
            )  # fmt: skip
    columns = ["what", "chart", "by", "group", "when", "direction", "began", "value", "centre"]
    table = pd.DataFrame(rows, columns=[*columns, "order"])
    # of the same place and wave, the chart over all customers is the last word
    table["rank"] = (table["by"] == "all").astype(int)
    table = table.sort_values(["order", "rank"], kind="stable")
    return table.drop(columns=["order", "rank"]).reset_index(drop=True)


def _topics(tables: Tables, months: int) -> pd.DataFrame:
    columns = ["topic", "cases", "share", "low", "high", "before", "p", "p_adjusted"]
    if "complaints" not in tables or "category" not in tables.columns("complaints"):
        return pd.DataFrame(columns=columns)
    cases = tables.query(
        "select category, opened_on from complaints where category is not null "
        "order by opened_on, complaint_id"
    )
    begins = pd.Timestamp(tables.window.cutoff) - pd.DateOffset(months=months)
    recent = pd.to_datetime(cases["opened_on"]) >= begins
    n, before = int(recent.sum()), int((~recent).sum())
    if n < tables.minimum_n or before < tables.minimum_n:
        return pd.DataFrame(columns=columns)
    rows = []
    for topic in sorted(cases["category"].unique()):
        of = cases["category"] == topic
        k, old = int((of & recent).sum()), int((of & ~recent).sum())
        low, high = wilson_interval(k, n)
        _, p = stats.fisher_exact([[k, n - k], [old, before - old]])
        rows.append((topic, k, k / n, low, high, old / before, p))
    table = pd.DataFrame(rows, columns=columns[:-1])
    return table.assign(p_adjusted=benjamini_hochberg(table["p"]))


def _topic_signals(topics: pd.DataFrame, tables: Tables, level: float) -> pd.DataFrame:
    hits = topics[topics["p_adjusted"].astype(float) < 1 - level]
    return pd.DataFrame(
        {
            "what": hits["topic"], "chart": "topic share", "by": "all", "group": "all",
            "when": f"the months to {tables.window.last_day}",
            "direction": np.where(hits["share"] > hits["before"], "up", "down"), "began": "",
            "value": hits["share"], "centre": hits["before"],
        }
    )  # fmt: skip


def _numbers(points: pd.DataFrame, signals: pd.DataFrame, level: float) -> dict[str, Estimate]:
    of_all = points[points["by"] == "all"]
    last, first = of_all.iloc[-1], of_all[of_all["baseline"]]
    n = int(last["answers"])
    low, high = wilson_interval(round(float(last["satisfied"]) * n), n, level)
    return {
        "satisfied_last_wave": Estimate(
            value=float(last["satisfied"]), low=low, high=high, level=level, unit="share", n=n,
            method=f"share satisfied in {last['wave']}, Wilson", grade="D",
        ),
        "satisfied_baseline": Estimate(
            value=float(last["p_centre"]), unit="share", n=int(first["answers"].sum()), grade="D",
            method="share satisfied in the baseline waves, centre of the chart; no interval",
        ),
        "signals": Estimate(
            value=float(len(signals)), unit="signals", n=int(of_all["answers"].sum()), grade="D",
            method="points beyond the limits of p-chart, EWMA or CUSUM after the baseline, and "
            "complaint topics at the false discovery rate; no interval",
        ),
    }  # fmt: skip


def _cautions(size: int, hidden: int, by: str) -> tuple[str, ...]:
    found = [
        "Without any change each chart of one group still signals about once in 370 waves; with "
        "many groups some signals are chance.",
        f"The level without change is that of the first {size} waves; if they were unusual, so is "
        "every verdict.",
    ]
    if hidden > 0:
        found.append(f"{hidden} groups of {by} have too few answers in a wave to be charted.")
    return tuple(found)
