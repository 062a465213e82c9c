"""Programmes: what each does to retention and money, how it was told, and its checks."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.ticker import PercentFormatter

from retention.analyses import ProgrammeEffects
from retention.errors import ParameterError
from retention.exhibits.theme import MUTED, PALETTE, describe, new_axes

__all__ = ["plot_programme_checks", "plot_programme_effects", "table_programme_effects"]

_COLOURS = {"financial": PALETTE[0], "social": PALETTE[1], "structural": PALETTE[2]}


def plot_programme_effects(answer: ProgrammeEffects, *, ax: Axes | None = None) -> Axes:
    """Draw the gain in the share retained by programme, with interval and grade."""
    shown = {n: e for n, e in answer.effects.items() if e.retained.value is not None}
    ax = new_axes(ax, height=1.2 + 0.55 * max(1, len(shown)))
    for place, (name, effect) in enumerate(reversed(list(shown.items()))):
        gain, colour = effect.retained, _COLOURS.get(effect.bond, MUTED)
        if gain.low is not None and gain.high is not None:
            ax.hlines(place, gain.low, gain.high, color=colour, linewidth=2)
        ax.scatter(gain.value or 0.0, place, color=colour, s=60, zorder=3)
        ax.text(0, place + 0.16, f"{name} ({effect.bond}, grade {gain.grade})", va="bottom",
                transform=ax.get_yaxis_transform())  # fmt: skip
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.set(yticks=[], ylim=(-0.5, max(1, len(shown)) - 0.2))
    ax.set_xlabel(f"gain in the share still here after {answer.horizon} {answer.unit}s")
    ax.xaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    ax.grid(visible=False, axis="y")
    parts = [f"{name} {effect.retained}" for name, effect in shown.items()]
    alt = "Gain in the share retained by programme: " + ("; ".join(parts) or "none shown") + "."
    caption = (
        "Point and 95 % interval. Grade A: by lot; B: by turn, checks passed; C: an association."
    )
    return describe(ax, alt=alt, caption=caption)


def plot_programme_checks(
    answer: ProgrammeEffects, programme: str, *, ax: Axes | None = None
) -> Axes:
    """Draw what must hold for a programme's effect to be believed.

    The event study of a roll-out, where points left of 0 should lie on 0; else the balance of what
    was known before, where points should lie within 0.1.
    """
    if programme not in answer.effects:
        raise ParameterError(
            f"no effect of {programme!r} was told; there are {', '.join(answer.effects)}"
        )
    checks = answer.effects[programme].checks
    if "effect" in checks:
        return _event_study(checks, programme, ax)
    return _balance(checks, programme, ax)


def table_programme_effects(answer: ProgrammeEffects) -> pd.DataFrame:
    """Return one row a programme: bond, design, effects, cost and what is left after it."""
    rows = {
        name: {
            "bond": effect.bond,
            "told by": effect.design,
            "enrolled": effect.enrolled,
            "gain in share retained": effect.retained,
            "hazard ratio": effect.hazard_ratio,
            "fading": effect.fading,
            answer.money: effect.money,
            "satisfaction": effect.satisfaction,
            "cost": effect.cost,
            "net of cost": effect.net,
            "payback": effect.payback,
        }
        for name, effect in answer.effects.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("programme")


def _event_study(checks: pd.DataFrame, programme: str, ax: Axes | None) -> Axes:
    ax = new_axes(ax, height=3.4)
    low, high = checks["effect"] - 1.96 * checks["se"], checks["effect"] + 1.96 * checks["se"]
    for before, colour in ((checks.index < 0, MUTED), (checks.index >= 0, PALETTE[0])):
        ax.vlines(checks.index[before], low[before], high[before], color=colour)
        ax.plot(checks.index[before], checks["effect"][before], "o", color=colour)
    ax.axhline(0, color=MUTED, linewidth=1)
    ax.axvline(-0.5, color=MUTED, linewidth=1, linestyle=":")
    ax.set(xlabel="quarters since the turn", ylabel="gain in share retained")
    ax.yaxis.set_major_formatter(PercentFormatter(1, decimals=0))
    last = checks.iloc[-1]
    alt = (
        f"Event study of {programme}: before its turn the gaps lie between "
        f"{100 * checks.loc[checks.index < 0, 'effect'].min():.1f} and "
        f"{100 * checks.loc[checks.index < 0, 'effect'].max():.1f} points; "
        f"{checks.index[-1] + 1} quarters after it {100 * last['effect']:.1f} points."
        if (checks.index < 0).any()
        else f"Event study of {programme}: no quarter before its turn was seen."
    )
    return describe(ax, alt=alt, caption="Grey: before the turn, where 0 is expected. Bars: 95 %.")


def _balance(checks: pd.DataFrame, programme: str, ax: Axes | None) -> Axes:
    ax = new_axes(ax, height=1.2 + 0.34 * len(checks))
    markers = (("before", "o", MUTED), ("after", "D", PALETTE[0]))
    shown = [(c, m, k) for c, m, k in markers if c in checks]
    if not shown:
        shown = [(checks.columns[0], "D", PALETTE[0])]
    for column, marker, colour in shown:
        ax.plot(checks[column], range(len(checks)), marker, color=colour, label=column)
    for edge in (-0.1, 0.1):
        ax.axvline(edge, color=MUTED, linewidth=1, linestyle=":")
    ax.set_yticks(range(len(checks)), [str(name).replace("_", " ") for name in checks.index])
    ax.set_xlabel("difference, in standard deviations")
    if len(shown) > 1:
        ax.legend(loc="best")
    worst = checks[shown[-1][0]].abs()
    alt = (
        f"Balance of {programme}: the largest difference between the arms is {worst.max():.2f} "
        f"standard deviations, in {worst.idxmax()}."
        if len(worst)
        else f"Balance of {programme}: nothing was known before."
    )
    caption = "Treated less untreated, before and after weighting; dotted: 0.1."
    return describe(ax, alt=alt, caption=caption)
