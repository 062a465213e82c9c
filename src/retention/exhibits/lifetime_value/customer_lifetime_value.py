"""What customers are worth: distribution, segments, payback, equity, and who is still alive."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from retention.analyses import AliveHistory, CustomerLifetimeValue, alive_surface
from retention.errors import NotEnoughDataError
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_alive_history",
    "plot_customer_lifetime_value",
    "plot_customer_lifetime_value_alive",
    "plot_customer_lifetime_value_payback",
    "table_customer_lifetime_value",
    "table_customer_lifetime_value_at_risk",
    "table_customer_lifetime_value_equity",
    "table_customer_lifetime_value_models",
    "table_customer_lifetime_value_winning_or_keeping",
]

_MONEY = FuncFormatter(lambda x, _: f"{x:,.0f}")


def plot_customer_lifetime_value(answer: CustomerLifetimeValue, *, ax: Axes | None = None) -> Axes:
    """Draw how residual value is spread over customers, highest first. Returns the Axes."""
    axes = new_axes(ax)
    value = answer.customers["residual_clv"].sort_values(ascending=False).to_numpy()
    total = value.sum()
    if total <= 0:
        raise NotEnoughDataError("the residual value of all customers together is not above zero")
    share = np.concatenate([[0.0], np.cumsum(value) / total])
    axes.plot(np.arange(len(share)) / len(value), share, color=ACCENT)
    axes.plot([0, 1], [0, 1], color=MUTED, linewidth=1.2, linestyle="--")
    axes.set(
        xlabel="share of customers, from the most valuable",
        ylabel="share of residual value",
        xlim=(0, 1),
    )
    axes.xaxis.set_major_formatter(PercentTicks())
    axes.yaxis.set_major_formatter(PercentTicks())
    fifth = share[max(1, round(0.2 * len(value)))]
    axes.plot([0.2], [fifth], "o", color=ACCENT, markersize=8)
    axes.annotate(
        f"20% hold {fifth:.0%}", (0.2, fifth), xytext=(12, -16), textcoords="offset points"
    )
    loss = int((value < 0).sum())
    return describe(
        axes,
        alt=f"Share of residual value by share of customers, most valuable first: 20 % of "
        f"{len(value):,} customers hold {fifth:.0%} of {total:,.0f} {answer.currency}; the median "
        f"customer is worth {np.median(value):,.0f}, and {loss:,} are worth less than nothing.",
        caption=f"Residual value in {answer.measure} {answer.span}, {answer.annual_rate:.1%} a "
        f"year, as of {answer.cutoff}. Dashed: all customers worth the same.",
    )


def plot_customer_lifetime_value_payback(
    answer: CustomerLifetimeValue, *, ax: Axes | None = None
) -> Axes:
    """Draw the discounted value of a new customer less the cost of winning him. Returns Axes."""
    axes = new_axes(ax)
    curve = answer.payback
    axes.plot(curve["years"], curve["value"], color=ACCENT)
    axes.fill_between(curve["years"], curve["low"], curve["high"], color=ACCENT, alpha=0.2)
    axes.axhline(0, color=MUTED, linewidth=1.2, linestyle="--")
    axes.set(xlabel="years since the first purchase", ylabel=answer.currency, xlim=(0, 10))
    axes.yaxis.set_major_formatter(_MONEY)
    paid = answer.numbers.get("payback")
    said = "The cost of winning a customer is not known."
    if paid is not None:
        said = f"It is paid back after {paid}." if paid.shown else f"{paid}."
    end = float(curve["value"].iloc[-1])
    return describe(
        axes,
        alt=f"Value of a new customer less the cost of winning him, by years since the first "
        f"purchase: from {curve['value'].iloc[0]:,.0f} to {end:,.0f} {answer.currency} after ten "
        f"years ({curve['low'].iloc[-1]:,.0f} to {curve['high'].iloc[-1]:,.0f} at "
        f"{answer.level:.0%}). {said}",
        caption=f"In {answer.measure}, discounted at {answer.annual_rate:.1%} a year; where the "
        "line crosses zero, the customer has paid back what it cost to win him. The band is the "
        f"{answer.level:.0%} interval of the expectation.",
    )


def plot_customer_lifetime_value_alive(
    answer: CustomerLifetimeValue, *, ax: Axes | None = None
) -> Axes:
    """Draw the probability to be alive by frequency and silence. Returns the Axes."""
    axes = new_axes(ax, height=4.2)
    surface = alive_surface(answer)
    filled = axes.contourf(
        surface.columns.to_numpy(dtype=float),
        surface.index.to_numpy(dtype=float),
        surface.to_numpy(),
        levels=np.linspace(0, 1, 11),
        cmap="cividis",
    )
    bar = axes.figure.colorbar(filled, ax=axes, format=PercentTicks())
    bar.set_label("probability alive")
    axes.set(xlabel=f"{answer.unit}s since the last purchase", ylabel="repeat purchases so far")
    half = surface.columns[int(len(surface.columns) / 2)]
    few, many = surface.index[0], surface.index[-1]
    return describe(
        axes,
        alt=f"Probability that a customer is alive, by repeat purchases so far and {answer.unit}s "
        f"since the last one: after {half:.0f} {answer.unit}s of silence "
        f"{surface.loc[few, half]:.0%} with {few} repeat purchase and "
        f"{surface.loc[many, half]:.0%} with {many}. Silence says the more, the more often "
        "somebody bought.",
        caption=f"{answer.model}, for a customer known as long as the median one.",
    )


def plot_alive_history(history: AliveHistory, *, ax: Axes | None = None) -> Axes:
    """Draw one customer's probability to be alive over time. Returns the Axes."""
    axes = new_axes(ax)
    curve = history.curve
    axes.plot(curve["day"], curve["probability_alive"], color=ACCENT)
    axes.vlines(history.purchases, 0, 0.05, color=PALETTE[1], linewidth=1.2)
    axes.set(ylabel="probability alive", ylim=(0, 1.02))
    axes.yaxis.set_major_formatter(PercentTicks())
    for label in axes.get_xticklabels():
        label.set_rotation(30)
    low = curve.iloc[int(curve["probability_alive"].to_numpy().argmin())]
    return describe(
        axes,
        alt=f"{history.headline()} The probability was lowest on {low['day']:%Y-%m-%d}, at "
        f"{low['probability_alive']:.0%}.",
        caption="Ticks at the foot are purchases: each lifts the curve, silence lowers it.",
    )


def table_customer_lifetime_value(answer: CustomerLifetimeValue) -> pd.DataFrame:
    """Return one row a segment, and all together."""
    columns = [
        "customers", "residual_clv", "low", "high", "counted_low", "counted_high",
        "mean_residual_clv", "value_at_risk", "whole_life_value", "costs_more_than_he_brings",
    ]  # fmt: skip
    table = answer.segments[columns].copy()
    whole = table.sum(numeric_only=True)
    whole["mean_residual_clv"] = whole["residual_clv"] / whole["customers"]
    for name, columns in (
        ("residual_value", ["low", "high"]),
        ("residual_value_as_counted", ["counted_low", "counted_high"]),
    ):
        total = answer.numbers[name]
        whole[columns] = [total.low, total.high] if total.shown else [np.nan, np.nan]
    table = pd.concat([table, whole.rename("all").to_frame().T]).rename_axis("segment")
    counts = ["customers", "costs_more_than_he_brings"]
    return table.astype(dict.fromkeys(counts, int)).round(0)


def table_customer_lifetime_value_models(answer: CustomerLifetimeValue) -> pd.DataFrame:
    """Return one row a model: how well it fits, and the total it gives."""
    table = answer.models[["log_likelihood", "aic", "residual_value", "in_band", "boundaries"]]
    return table.rename(columns={"in_band": "not ruled out", "boundaries": "could not be told"})


def table_customer_lifetime_value_equity(answer: CustomerLifetimeValue) -> pd.DataFrame:
    """Return the parts of customer equity."""
    return answer.equity.round(0)


def table_customer_lifetime_value_winning_or_keeping(answer: CustomerLifetimeValue) -> pd.DataFrame:
    """Return winning a customer beside keeping one: worth, cost, and what money brings."""
    words = {
        "worth_less_cost": "net",
        "worth_of_money": "return",
        "as_good_as_winning_at": "break even",
    }
    return answer.winning_or_keeping.rename(columns=words).round(2)


def table_customer_lifetime_value_at_risk(
    answer: CustomerLifetimeValue, *, rows: int = 20
) -> pd.DataFrame:
    """Return the customers through whom most value is at risk in the next period."""
    columns = [
        "segment", "probability_alive", "purchases_next_year", "residual_clv", "counted_low",
        "counted_high", "value_at_risk",
    ]  # fmt: skip
    return answer.customers.nlargest(rows, "value_at_risk")[columns]
