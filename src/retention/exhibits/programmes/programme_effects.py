"""Programmes: what each does to retention and money, how it was told, and its checks."""

from __future__ import annotations

from collections.abc import Hashable
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ProgrammeEffects
from retention.errors import ParameterError
from retention.exhibits.theme import MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_programme_checks",
    "plot_programme_effects",
    "plot_rival_prices",
    "table_programme_effects",
    "table_programme_goals",
    "table_programme_levels",
    "table_programme_register",
    "table_rival_answers",
]

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
                transform=ax.get_yaxis_transform(), zorder=4,
                bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.set(yticks=[], ylim=(-0.5, max(1, len(shown)) - 0.2))
    ax.set_xlabel(f"gain in the share still here after {answer.horizon} {answer.unit}s")
    ax.xaxis.set_major_formatter(PercentTicks())
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
    """Return one row a programme: bond, design, gain, cost, what is left after it, and the rest."""
    rows = {
        name: {
            "bond": effect.bond,
            "told by": effect.design,
            "enrolled": effect.enrolled,
            "gain in share retained": effect.retained,
            answer.money: effect.money,
            "cost": effect.cost,
            "net of cost": effect.net,
            "payback": effect.payback,
            "gain in stay": effect.stay,
            "hazard ratio": effect.hazard_ratio,
            "fading": effect.fading,
            "satisfaction": effect.satisfaction,
            "if confounded": effect.doubt.get("retained_if_confounded", ""),
            "E-value": effect.doubt.get("e_value", ""),
        }
        for name, effect in answer.effects.items()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("programme")


def table_programme_register(answer: ProgrammeEffects) -> pd.DataFrame:
    """Return the register: level of bond, for whom, since when, how assigned, at what cost."""
    register = answer.register
    table = pd.DataFrame({
        "bond": register["bond"],
        "assigned": register["assignment"].fillna("not said"),
        "open to": register["eligible"].replace("", "all"),
        "first enrolment": pd.to_datetime(register["first_enrolled_on"]).dt.date,
        "customers": register["customers"],
        f"cost each ({answer.currency})": register["cost_each"].map("{:,.2f}".format),
    })  # fmt: skip
    return table.replace("nan", "not said").rename_axis("programme")


def table_programme_levels(answer: ProgrammeEffects) -> pd.DataFrame:
    """Return one row a level of bond, and the difference in fading between levels."""
    names = {
        "retained": "gain in share retained", "money": answer.money, "net": "net of cost",
        "hazard_ratio": "hazard ratio", "fading": "fading", "satisfaction": "satisfaction",
    }  # fmt: skip
    rows: dict[str, dict[str, object]] = {}
    for key, estimate in answer.levels.items():
        bond, number = key.split(": ", 1)
        if bond == "fading":
            rows.setdefault(number, {})["fading"] = estimate
        elif number in names:
            rows.setdefault(bond, {})[names[number]] = estimate
    table = pd.DataFrame.from_dict(rows, orient="index", columns=list(names.values()))
    return table.astype(object).where(table.notna(), "").rename_axis("level of bond")


def table_programme_goals(answer: ProgrammeEffects) -> pd.DataFrame:
    """Return one row a stated goal: planned, achieved with its interval, and the verdict."""
    rows = [_goal_in_words(row, answer.currency) for row in answer.goals.to_dict("records")]
    if not rows:
        return pd.DataFrame({"goal": ["none is stated under [programmes] in retention.toml"]})
    return pd.DataFrame(rows).set_index("programme")


def _goal_in_words(row: dict[Hashable, Any], currency: str) -> dict[str, str]:
    share = row["what"] == "share retained"
    written = {
        name: "" if pd.isna(row[name]) else
        f"{100 * row[name]:.1f} %" if share else f"{row[name]:,.2f} {currency}"
        for name in ("planned", "achieved", "low", "high")
    }  # fmt: skip
    low, high = written.pop("low"), written.pop("high")
    return {
        "programme": row["programme"], "goal": row["what"], **written,
        "95 % interval": f"{low} to {high}" if low else "", "verdict": row["verdict"],
    }  # fmt: skip


def table_rival_answers(answer: ProgrammeEffects) -> pd.DataFrame:
    """Return one row a programme: what rivals' prices and our lead did after it began."""
    rivals = answer.rivals
    rows = {
        name: {
            "bond": told.bond,
            "rivals' prices within a year": told.price,
            "half of that after": told.price_half_time,
            "lead in monthly growth": told.lead,
            "half of the lead gone after": told.lead_half_time,
        }
        for name, told in rivals.answers.items()
    }
    if not rows:
        return pd.DataFrame({"not shown": [rivals.why]})
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("programme")


def plot_rival_prices(answer: ProgrammeEffects, *, ax: Axes | None = None) -> Axes:
    """Draw the mean price of rivals by period, with the first day of each programme."""
    rivals = answer.rivals
    ax = new_axes(ax, height=3.2)
    if rivals.series.empty:
        ax.text(0.5, 0.5, "prices of rivals are not known", ha="center", transform=ax.transAxes)
        ax.set_axis_off()
        return describe(ax, alt=f"No prices of rivals: {rivals.why}.", caption="Nothing to draw.")
    index = 100 * np.exp(rivals.series["price"])
    ax.plot(index.index, index, color=PALETTE[0])
    for name, day in rivals.started.items():
        if index.index[0] <= day <= index.index[-1]:
            ax.axvline(day, color=MUTED, linestyle=":")
            ax.text(day, 1.01, f"{name} ", rotation=30, va="bottom",
                    transform=ax.get_xaxis_transform())  # fmt: skip
    ax.set(ylabel="rivals' prices (first period = 100)")
    ax.tick_params(axis="x", rotation=30)
    parts = [f"{name}: {told.price}" for name, told in rivals.answers.items()]
    alt = (
        f"Mean price of rivals by period, from {index.iloc[0]:.0f} to {index.iloc[-1]:.0f}, lowest "
        f"{index.min():.0f}. Change within a year of the start: " + "; ".join(parts) + "."
    )
    caption = "Dotted: first enrolment. One market before and after: a description, grade D."
    return describe(ax, alt=alt, caption=caption)


def _event_study(checks: pd.DataFrame, programme: str, ax: Axes | None) -> Axes:
    ax = new_axes(ax, height=3.4)
    low, high = checks["effect"] - 1.96 * checks["se"], checks["effect"] + 1.96 * checks["se"]
    for before, colour in ((checks.index < 0, MUTED), (checks.index >= 0, PALETTE[0])):
        ax.vlines(checks.index[before], low[before], high[before], color=colour)
        ax.plot(checks.index[before], checks["effect"][before], "o", color=colour)
    ax.axhline(0, color=MUTED, linewidth=1)
    ax.axvline(-0.5, color=MUTED, linewidth=1, linestyle=":")
    ax.set(xlabel="quarters since the turn", ylabel="gain in quarterly retention")
    ax.yaxis.set_major_formatter(PercentTicks())
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
