"""Drivers of leaving: forest of hazard ratios, risks by value, hazard by tenure, and tables."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from retention.analyses import ChurnDrivers
from retention.exhibits.theme import ACCENT, GRID, INK, MUTED, PercentTicks, describe, new_axes

__all__ = [
    "plot_churn_drivers",
    "plot_churn_drivers_hazard",
    "plot_churn_drivers_risks",
    "table_churn_drivers",
    "table_churn_drivers_shares",
]

_MOST = 14


def plot_churn_drivers(answer: ChurnDrivers, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard ratios with their intervals, strongest first, on a log scale."""
    table = _strongest(answer.ratios)
    ax = new_axes(ax, height=1.3 + 0.32 * len(table))
    y = np.arange(len(table))[::-1]
    ax.axvline(1, color=MUTED, linewidth=1)
    ax.hlines(y, table["low"], table["high"], color=ACCENT, linewidth=2)
    ax.plot(table["hazard_ratio"], y, "o", color=ACCENT, markersize=6)
    ax.set_xscale("log")
    ax.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    ax.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
    ax.set_yticks(y, [_covariate(name, row["against"]) for name, row in table.iterrows()])
    ax.grid(visible=False, axis="y")
    ax.set_xlabel("hazard ratio: right of 1 leaves sooner")
    first = table.iloc[0]
    alt = (
        f"Hazard ratios of {len(table)} covariates; the strongest is {table.index[0]}, "
        f"{first['hazard_ratio']:.2f} ({first['low']:.2f} to {first['high']:.2f})."
    )
    caption = "Hazard ratios with intervals, all covariates in one model; associations."
    return describe(ax, alt=alt, caption=caption)


def plot_churn_drivers_risks(answer: ChurnDrivers, *, ax: Axes | None = None) -> Axes:
    """Draw the risk of today's customers were all of them at each value of each driver."""
    table = answer.risks
    spread = table.groupby("driver")["difference"].agg(lambda d: d.max() - d.min())
    chosen = list(spread.sort_values(ascending=False).index[:6])
    table = table[table["driver"].isin(chosen)]
    order = pd.Categorical(table["driver"], categories=chosen, ordered=True)
    table = table.iloc[np.argsort(order.codes, kind="stable")]
    ax = new_axes(ax, height=1.3 + 0.28 * len(table))
    y = np.arange(len(table))[::-1]
    ax.hlines(y, table["risk_low"], table["risk_high"], color=GRID, linewidth=6)
    colours = [INK if d == 0 else ACCENT for d in table["difference"]]
    ax.scatter(table["risk"], y, c=colours, s=36, zorder=3)
    ax.set_yticks(y, [f"{row.driver} {row.value}" for row in table.itertuples()])
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.grid(visible=False, axis="y")
    ax.set_xlabel(f"mean risk of leaving within {answer.horizon} {answer.unit}s")
    top = table.iloc[int(np.argmax(table["risk"]))]
    alt = (
        f"Mean risk within {answer.horizon} {answer.unit}s of today's customers at each value of "
        f"{len(chosen)} drivers; highest for {top['driver']} {top['value']}, "
        f"{100 * top['risk']:.1f} %."
    )
    caption = "Dark: the value compared with. Bars: intervals. All else as it is."
    return describe(ax, alt=alt, caption=caption)


def plot_churn_drivers_hazard(answer: ChurnDrivers, *, ax: Axes | None = None) -> Axes:
    """Draw the hazard of the mean customer by tenure, with its band."""
    ax = new_axes(ax)
    table = answer.hazard
    ax.plot(table["tenure"], table["hazard"], color=ACCENT)
    ax.fill_between(table["tenure"], table["low"], table["high"], color=ACCENT, alpha=0.18,
                    linewidth=0)  # fmt: skip
    ax.yaxis.set_major_formatter(PercentTicks())
    ax.set(xlabel=f"tenure ({answer.unit}s)", ylabel=f"leave in the {answer.unit}", ylim=(0, None))
    early, late = table.iloc[0], table.iloc[-1]
    alt = (
        f"Chance of the mean customer to leave in a {answer.unit}: {100 * early['hazard']:.1f} % "
        f"in the first, {100 * late['hazard']:.1f} % at tenure {late['tenure']:g}."
    )
    return describe(ax, alt=alt, caption="Hazard by tenure at mean covariates, with interval.")


def table_churn_drivers(answer: ChurnDrivers) -> pd.DataFrame:
    """Return the hazard ratios as estimates, one row a covariate."""
    found = answer.estimates()
    return pd.DataFrame(
        {
            "against": answer.ratios["against"],
            "hazard ratio": [found[f"hazard_ratio: {name}"] for name in answer.ratios.index],
        },
        index=answer.ratios.index,
    )


def table_churn_drivers_shares(answer: ChurnDrivers) -> pd.DataFrame:
    """Return the share of the leavers that goes with each driver."""
    found = answer.estimates()
    shares = answer.shares.sort_values("share", ascending=False)
    return pd.DataFrame(
        {"share of leavers": [found[f"share_of_loss: {name}"] for name in shares.index]},
        index=shares.index,
    )


def _strongest(ratios: pd.DataFrame) -> pd.DataFrame:
    order = np.argsort(-np.abs(ratios["coefficient"].to_numpy()), kind="stable")
    return ratios.iloc[order[:_MOST]]


def _covariate(name: object, against: object) -> str:
    return f"{name} (against {against})" if against != "one less" else str(name)
