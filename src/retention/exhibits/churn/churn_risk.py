"""Risk of leaving: who, how sure, how well it was foretold before, and reasons."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ChurnRisk
from retention.exhibits.theme import ACCENT, MUTED, PALETTE, PercentTicks, describe, new_axes

__all__ = [
    "plot_churn_risk",
    "plot_churn_risk_calibration",
    "plot_churn_risk_lift",
    "table_churn_risk",
    "table_churn_risk_scenarios",
    "table_churn_risk_validation",
]

_UNTRIED = "The model was not tried at earlier cutoffs: the cautions say why."


def plot_churn_risk(answer: ChurnRisk, *, ax: Axes | None = None) -> Axes:
    """Draw expected leavers by tenth of risk, riskiest first."""
    table = answer.summary()
    ax = new_axes(ax)
    ax.bar(table.index, table["expected_leavers"], color=ACCENT, width=0.8)
    ax.set_xticks(table.index)
    ax.set(xlabel="tenth of the customers, riskiest first", ylabel="expected leavers")
    share = table["expected_leavers"].iloc[:2].sum() / table["expected_leavers"].sum()
    alt = (
        f"Expected leavers within {answer.horizon} {answer.unit}s by tenth of risk: "
        f"{table['expected_leavers'].iloc[0]:.1f} in the first, "
        f"{table['expected_leavers'].iloc[-1]:.1f} in the last; the first two hold "
        f"{100 * share:.0f} % of all."
    )
    caption = f"{answer.leavers.n:,} customers still here; sums of their chances."
    return describe(ax, alt=alt, caption=caption)


def plot_churn_risk_calibration(answer: ChurnRisk, *, ax: Axes | None = None) -> Axes:
    """Draw leavers seen against leavers foretold at earlier cutoffs, by tenth of risk."""
    if answer.validation is None:
        return _untried(ax)
    table = answer.validation.by_risk
    ax = new_axes(ax, height=4.2)
    x = (table["expected"] / table["n"]).to_numpy()
    y, low, high = ((table["expected"] * table[name] / table["n"]).to_numpy()
                    for name in ("ratio", "low", "high"))  # fmt: skip
    top = float(max(high.max(), x.max())) * 1.05
    ax.plot([0, top], [0, top], color=MUTED, linewidth=1, linestyle="--")
    ax.vlines(x, low, high, color=ACCENT, linewidth=2)
    ax.plot(x, y, "o", color=ACCENT)
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentTicks())
    ax.set(xlabel="foretold", ylabel="seen", xlim=(0, top), ylim=(0, top))
    row = answer.validation.scores.loc["all"]
    alt = (
        f"Share that left against share foretold in ten groups of risk; over all "
        f"{row['observed']:.0f} left where {row['expected']:.0f} were foretold."
    )
    cutoffs = len(answer.validation.scores) - 1
    caption = f"{cutoffs} earlier cutoffs; on the dashed line the model is right. Bars: 95 %."
    return describe(ax, alt=alt, caption=caption)


def plot_churn_risk_lift(answer: ChurnRisk, *, ax: Axes | None = None) -> Axes:
    """Draw the share of leavers reached by contacting the riskiest first."""
    if answer.validation is None:
        return _untried(ax)
    scored = answer.validation.scored
    ax = new_axes(ax)
    left = scored["left"].to_numpy(float)
    share = np.arange(1, len(left) + 1) / len(left)
    for column, colour, label in (
        ("p_leave", PALETTE[0], "model"), ("p_null", PALETTE[1], "tenure alone")
    ):  # fmt: skip
        order = np.argsort(-scored[column].to_numpy(), kind="stable")
        reached = np.cumsum(left[order]) / left.sum()
        ax.plot(np.r_[0, share], np.r_[0, reached], color=colour, label=label)
    ax.plot([0, 1], [0, 1], color=MUTED, linewidth=1, linestyle="--", label="at random")
    for axis in (ax.xaxis, ax.yaxis):
        axis.set_major_formatter(PercentTicks())
    ax.set(xlabel="customers contacted", ylabel="leavers reached", xlim=(0, 1), ylim=(0, 1))
    ax.legend(loc="lower right")
    captured = answer.validation.gain["captured"]
    alt = (
        f"Contacting the riskiest 10 % reached {100 * captured[0.1]:.0f} % of those who left, the "
        f"riskiest 20 % {100 * captured[0.2]:.0f} %."
    )
    return describe(ax, alt=alt, caption="At earlier cutoffs, with what was known then.")


def table_churn_risk(answer: ChurnRisk, *, most: int = 25) -> pd.DataFrame:
    """Return the customers at highest risk with their reasons."""
    table = answer.customers.head(most)
    shown = pd.DataFrame(
        {
            "tenure": table["tenure"],
            "risk %": 100 * table["p_leave"],
            "low %": 100 * table["low"],
            "high %": 100 * table["high"],
            "annual price": table["annual_price"],
            "expected loss": table["expected_loss"],
            "what raises it (points)": table["reasons"],
        }
    )
    return shown.drop(columns=["annual price", "expected loss"]) if answer.loss is None else shown


def table_churn_risk_scenarios(answer: ChurnRisk) -> pd.DataFrame:
    """Return expected leavers under each scenario, and the difference from today's values."""
    table = answer.scenarios
    shown = pd.DataFrame(
        {
            "mean risk %": 100 * table["risk"],
            "expected leavers": table["leavers"],
            "against today": table["difference"],
            "low": table["low"],
            "high": table["high"],
        }
    )
    return shown.rename_axis(f"if within {answer.horizon} {answer.unit}s")


def table_churn_risk_validation(answer: ChurnRisk) -> pd.DataFrame:
    """Return what was foretold at earlier cutoffs and what came."""
    if answer.validation is None:
        return pd.DataFrame({"earlier cutoffs": ["none"], "why": [_UNTRIED]})
    names = {
        "n": "customers", "expected": "foretold", "observed": "left", "ratio": "left / foretold",
        "brier": "Brier", "brier_null": "Brier, tenure alone", "brier_last": "Brier, last rate",
        "auc": "AUC", "lift_10": "lift of the riskiest tenth",
    }  # fmt: skip
    return answer.validation.scores[list(names)].rename(columns=names).astype({"customers": int})


def _untried(ax: Axes | None) -> Axes:
    """Say in the place of a figure that there is nothing to draw."""
    ax = new_axes(ax, height=1.0)
    ax.set_axis_off()
    ax.text(0.5, 0.5, _UNTRIED, ha="center", va="center", color=MUTED, transform=ax.transAxes)
    return describe(ax, alt=_UNTRIED)
