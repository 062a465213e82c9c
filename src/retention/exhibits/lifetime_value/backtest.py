"""Forecasts of earlier dates against what came: tracking, frequency, expectation, scores."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from retention.analyses import Backtest
from retention.exhibits.theme import ACCENT, INK, MUTED, describe, new_axes

__all__ = [
    "plot_backtest",
    "plot_backtest_expectation",
    "plot_backtest_frequency",
    "plot_backtest_incremental",
    "table_backtest",
    "table_backtest_origins",
]

_COUNT = FuncFormatter(lambda x, _: f"{x:,.0f}")


def _used(answer: Backtest) -> pd.DataFrame:
    """Rows of the model in use at the latest origin."""
    table = answer.tracking
    last = table["origin"] == pd.Timestamp(answer.origins[-1])
    return table[last & (table["forecaster"] == answer.chosen[-1])]


def plot_backtest(answer: Backtest, *, ax: Axes | None = None) -> Axes:
    """Draw cumulative purchases after the latest origin, forecast and counted. Returns Axes."""
    axes = new_axes(ax)
    used = _used(answer)
    month = np.arange(len(used) + 1)
    counted = np.concatenate([[0], used["actual"].cumsum()])
    forecast = np.concatenate([[0], used["predicted"].cumsum()])
    axes.plot(month, counted, color=INK, label="counted")
    axes.plot(month, forecast, color=ACCENT, linestyle="--", label="forecast")
    axes.set(xlabel=f"months after {answer.origins[-1]}", ylabel="purchases so far", xlim=(0, None))
    axes.yaxis.set_major_formatter(_COUNT)
    axes.legend()
    off = forecast[-1] / counted[-1] - 1 if counted[-1] else 0.0
    return describe(
        axes,
        alt=f"Purchases after {answer.origins[-1]} of the customers known then: {counted[-1]:,.0f} "
        f"were counted in {len(used)} months, {forecast[-1]:,.0f} forecast, {off:+.1%}.",
        caption=f"Forecast by {answer.chosen[-1]} from what was known on {answer.origins[-1]}.",
    )


def plot_backtest_incremental(answer: Backtest, *, ax: Axes | None = None) -> Axes:
    """Draw purchases month by month after each origin. Returns the Axes."""
    axes = new_axes(ax)
    table = answer.tracking
    worst, where = 0.0, ""
    for origin, name in zip(answer.origins, answer.chosen, strict=True):
        used = table[(table["origin"] == pd.Timestamp(origin)) & (table["forecaster"] == name)]
        label = origin == answer.origins[0]
        axes.plot(used["month"], used["actual"], color=INK, label="counted" if label else None)
        axes.plot(
            used["month"], used["predicted"], color=ACCENT, linestyle="--",
            label="forecast" if label else None,
        )  # fmt: skip
        off = (used["predicted"] / used["actual"].replace(0, np.nan) - 1).abs()
        if off.notna().any() and off.max() > worst:
            worst = float(off.max())
            where = f"{used['month'].iloc[int(np.nanargmax(off.to_numpy()))]:%Y-%m}"
    axes.set(ylabel="purchases in the month", ylim=(0, None))
    for label_text in axes.get_xticklabels():
        label_text.set_rotation(30)
    axes.legend()
    return describe(
        axes,
        alt=f"Purchases month by month after {len(answer.origins)} dates, counted and forecast; "
        f"the largest distance is {worst:.0%}, in {where}.",
        caption="Each stretch is forecast from its own date, for the customers known then.",
    )


def plot_backtest_frequency(answer: Backtest, *, ax: Axes | None = None) -> Axes:
    """Draw how many customers bought how often, counted and forecast. Returns the Axes."""
    axes = new_axes(ax)
    table = answer.frequency
    place = np.arange(len(table))
    axes.bar(place - 0.2, table["counted"], 0.4, color=MUTED, label="counted")
    axes.bar(place + 0.2, table["expected"], 0.4, color=ACCENT, label="expected")
    axes.set_xticks(place, table.index)
    axes.set(xlabel=f"purchases in {answer.months} months", ylabel="customers")
    axes.yaxis.set_major_formatter(_COUNT)
    axes.legend()
    first = table.iloc[0]
    return describe(
        axes,
        alt=f"Customers by purchases in {answer.months} months after {answer.origins[-1]}: "
        f"{first['counted']:,.0f} bought nothing, {first['expected']:,.0f} were expected to.",
        caption="Two bars that differ much show a model with the wrong kind of customer.",
    )


def plot_backtest_expectation(answer: Backtest, *, ax: Axes | None = None) -> Axes:
    """Draw mean purchases after the origin by frequency before it. Returns the Axes."""
    axes = new_axes(ax)
    table = answer.expectation
    axes.plot(table.index, table["counted"], "o-", color=INK, label="counted")
    axes.plot(table.index, table["expected"], "s--", color=ACCENT, label="expected")
    axes.set(
        xlabel="repeat purchases before (10: ten or more)",
        ylabel=f"purchases in {answer.months} months",
    )
    axes.legend()
    off = (table["expected"] - table["counted"]).abs()
    return describe(
        axes,
        alt=f"Mean purchases after {answer.origins[-1]} by repeat purchases before: from "
        f"{table['counted'].iloc[0]:.2f} to {table['counted'].iloc[-1]:.2f}; the forecast is "
        f"off by {off.max():.2f} at most, at {off.idxmax()} repeat purchases.",
        caption="What customers of the same past did, and were expected to do.",
    )


def table_backtest(answer: Backtest) -> pd.DataFrame:
    """Return one row a forecaster: mean scores over the origins, best first."""
    return answer.summary().rename(index=lambda name: str(name).replace("_", " ")).round(3)


def table_backtest_origins(answer: Backtest) -> pd.DataFrame:
    """Return one row an origin: the model in use, its total with interval, and what came."""
    used = answer.scores[answer.scores["low"].notna()]
    columns = ["forecaster", "actual", "predicted", "low", "high", "coverage"]
    return used.set_index(used["origin"].dt.strftime("%Y-%m-%d"))[columns].round(3)
