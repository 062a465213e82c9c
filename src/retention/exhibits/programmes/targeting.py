"""Targeting: what each rule is worth, the gain by share reached, and the list."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ExperimentPlan, Targeting
from retention.exhibits.theme import MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_targeting",
    "plot_targeting_gain",
    "table_experiment_draw",
    "table_experiment_durations",
    "table_experiment_plan",
    "table_experiment_running",
    "table_targeting",
    "table_targeting_list",
]


_OUTCOMES = {"retained": "share retained", "margin": "margin"}


def plot_targeting(answer: Targeting, *, ax: Axes | None = None) -> Axes:
    """Draw what each rule is worth a customer of the base, with its interval."""
    rules = answer.rules.iloc[::-1]
    ax = new_axes(ax, height=1.0 + 0.5 * len(rules))
    places = list(range(len(rules)))
    ax.hlines(places, rules["low"], rules["high"], color=PALETTE[0], linewidth=2)
    ax.plot(rules["value"], places, "o", color=PALETTE[0], markersize=8)
    ax.axvline(0, color=MUTED, linewidth=1)
    ax.set_yticks(places, list(rules.index))
    ax.set_xlabel(f"{answer.currency} a customer of the base, less cost")
    parts = [f"{rule} {answer.numbers[rule]}" for rule in answer.rules.index]
    alt = f"Worth of rules for {answer.programme}: " + "; ".join(parts) + "."
    return describe(ax, alt=alt, caption="Compared with reaching nobody; 95 % interval.")


def plot_targeting_gain(answer: Targeting, *, ax: Axes | None = None) -> Axes:
    """Draw the gain by share reached, best predicted first, against reaching by lot."""
    curve = answer.curve
    ax = new_axes(ax, height=3.4)
    ax.plot(curve["share"], curve["gain"], color=PALETTE[0], label="best predicted first")
    low, high = curve["gain"] - 1.96 * curve["se"], curve["gain"] + 1.96 * curve["se"]
    ax.fill_between(curve["share"], low, high, color=PALETTE[0], alpha=0.18, linewidth=0)
    ax.plot(curve["share"], curve["at_random"], color=MUTED, linestyle="--", label="by lot")
    ax.set(xlabel="share reached", ylabel=f"gain ({answer.currency} a customer)")
    ax.xaxis.set_major_formatter(PercentTicks())
    ax.legend(loc="best")
    half = curve.iloc[len(curve) // 2]
    alt = (
        f"Gain by share of customers reached with {answer.programme}: at half of them "
        f"{half['gain']:.1f} {answer.currency} a customer of the base, by lot "
        f"{half['at_random']:.1f}."
    )
    return describe(ax, alt=alt, caption="Before cost. Band: 95 %.")


def table_targeting(answer: Targeting) -> pd.DataFrame:
    """Return what each rule reaches and is worth."""
    rows = {
        rule: {
            "share reached": f"{100 * row['share']:.0f} %",
            f"worth within {answer.horizon} {answer.unit}s": answer.numbers[str(rule)],
            "worth over the whole stay": answer.numbers[f"{rule}, whole stay"],
        }
        for rule, row in answer.rules.iterrows()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule")


def table_targeting_list(answer: Targeting, *, rows: int = 50) -> pd.DataFrame:
    """Return the first customers of the list."""
    names = {
        "expected_gain": "expected gain",
        "expected_net": "net of cost",
        "spent": "spent so far",
    }
    return answer.chosen.head(rows).rename(columns=names).rename_axis("customer")


def table_experiment_plan(plan: ExperimentPlan) -> pd.DataFrame:
    """Return the customers needed, by the gain to be found."""
    table = plan.sizes.rename(columns={"by_cluster": f"if {plan.cluster} is drawn",
                                       "enough": "are there enough"})  # fmt: skip
    table.index = pd.Index([_gain(plan, float(str(gain))) for gain in plan.sizes.index],
                           name=f"gain in {_OUTCOMES[plan.outcome]}")  # fmt: skip
    table["are there enough"] = table["are there enough"].map({True: "yes", False: "no"})
    return table if plan.cluster else table.drop(columns=f"if {plan.cluster} is drawn")


def table_experiment_durations(plan: ExperimentPlan) -> pd.DataFrame:
    """Return how long it would have to run: the least gain seen, by its length."""
    rows = {
        f"{length} {plan.unit}s": {
            f"{_OUTCOMES[plan.outcome]} today": _gain(plan, row["baseline"], "%"),
            "least gain that all customers can show": _gain(plan, row["detectable"]),
        }
        for length, row in plan.durations.iterrows()
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("length")


def table_experiment_running(plan: ExperimentPlan) -> pd.DataFrame:
    """Return the least gain that each programme of today can show."""
    running = plan.running
    told = ["" if pd.isna(x) else f"{100 * x:.1f} points" for x in running["detectable"]]
    shown = running.assign(detectable=told, assignment=running["assignment"].fillna("not said"))
    return shown.rename(columns={
        "assignment": "assigned", "others": "others to compare",
        "detectable": "least gain in share retained",
    })  # fmt: skip


def _gain(plan: ExperimentPlan, value: float, points: str = "points") -> str:
    if pd.isna(value):
        return "none"
    if plan.outcome == "retained":
        return f"{100 * value:.{0 if round(100 * value, 6) % 1 == 0 else 1}f} {points}"
    return f"{value:,.0f} {plan.baseline.unit}"


def table_experiment_draw(plan: ExperimentPlan) -> pd.DataFrame:
    """Return how many of each stratum were drawn into which arm."""
    return pd.crosstab(plan.draw["stratum"], plan.draw["arm"]).rename_axis(columns=None)
