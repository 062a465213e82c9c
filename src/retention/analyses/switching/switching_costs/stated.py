"""Switching cost as customers state it: scales of what leaving would cost, and the ladder."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, normal_interval
from retention.features import build_ladder, build_switching_scales
from retention.models import StatedLadder, cronbach_alpha

from .measure import AnnualSpend, SwitchingMeasure, in_money

__all__ = ["FACETS", "stated_ladder", "switching_scales"]

SCALES = "survey scales"
LADDER = "stated saving at which customers leave"

_RELIABLE = 0.6

FACETS = {
    "economic risk": "procedural",
    "evaluation": "procedural",
    "learning": "procedural",
    "set-up": "procedural",
    "benefit loss": "financial",
    "monetary loss": "financial",
    "personal relationship loss": "relational",
    "brand relationship loss": "relational",
}
"""The eight facets of Burnham, Frels and Mahajan (2003) and their three types."""


def switching_scales(
    tables: Tables, spend: AnnualSpend, *, level: float = 0.95
) -> SwitchingMeasure:
    """Average what customers say leaving would cost them, by facet and type, 0 to 100.

    A mean of answers is not money and none is made of it; it says which kind of cost is felt.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without surveys, or without items of the construct ``switching_cost``.

    References
    ----------
    .. [1] Burnham, T. A., Frels, J. K. and Mahajan, V. (2003). Consumer switching costs. Journal
       of the Academy of Marketing Science 31(2), 109-126.
    """
    scores = build_switching_scales(tables)
    scores["kind"] = scores["dimension"].map(lambda name: FACETS.get(name, name))
    facets = [_mean_row(name, part, tables, level) for name, part in scores.groupby("dimension")]
    types = [_mean_row(name, part, tables, level) for name, part in scores.groupby("kind")]
    n = int(scores["customer_id"].nunique())
    why = "answers on a scale are not money"
    unit = f"{tables.currency} per customer and year"
    method = "mean of survey answers"
    return SwitchingMeasure(
        method=SCALES,
        share=Estimate.withheld(why, unit="share", n=n, method=method),
        money=Estimate.withheld(why, unit=unit, n=n, method=method),
        tables=("surveys",),
        assumptions=("Customers who answer feel about switching as those who do not.",),
        sensitivity="",
        table=pd.DataFrame(types).set_index("dimension"),
        extras={"facets": pd.DataFrame(facets).set_index("dimension")},
        findings=_findings(scores, level),
    )


def _mean_row(name: object, part: pd.DataFrame, tables: Tables, level: float) -> dict[str, object]:
    """Return the mean over customers, each counted once."""
    own = part.groupby("customer_id")["score"].mean()
    n, method = len(own), "mean of survey answers, each customer once"
    if n < max(2, tables.minimum_n):
        why = f"{n} customers answered, fewer than {tables.minimum_n}"
        score = Estimate.withheld(why, unit="points of 100", n=n, method=method)
    else:
        value, se = float(own.mean()), float(own.std(ddof=1) / np.sqrt(n))
        low, high = normal_interval(value, se, level)
        score = Estimate(
            value=value, low=max(0.0, low), high=min(100.0, high), level=level,
            unit="points of 100", n=n, method=method, grade="D",
        )  # fmt: skip
    return {"dimension": str(name), "kind": FACETS.get(str(name), str(name)), "score": score}


def _findings(scores: pd.DataFrame, level: float) -> tuple[str, ...]:
    """Return one sentence a type whose items do not measure one thing."""
    found = []
    for kind, part in scores.groupby("kind"):
        wide = part.pivot_table(index="customer_id", columns="item", values="score").dropna()
        try:
            alpha, low, high = cronbach_alpha(wide.to_numpy(), level)
        except NotEnoughDataError:
            continue
        if alpha < _RELIABLE:
            found.append(
                f"The items of {kind} switching cost hang together loosely (alpha {alpha:.2f}, "
                f"{100 * level:g} % interval {low:.2f} to {high:.2f}): read them one by one."
            )
    return tuple(found)


def stated_ladder(tables: Tables, spend: AnnualSpend, *, level: float = 0.95) -> SwitchingMeasure:
    """Estimate the saving at which half of the customers say they would leave.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError, ConvergenceError
        Without surveys or items of the construct ``leave_at_saving``, or if the answers do not
        tell where customers would leave.
    """
    answers = build_ladder(tables)
    usable = answers[answers["consistent"]]
    if len(usable) < max(2, tables.minimum_n):
        raise NotEnoughDataError(
            f"{len(usable)} usable answers to the ladder, fewer than the {tables.minimum_n} needed"
        )
    fit = StatedLadder(level=level).fit(usable)
    value, low, high = fit.quantile(0.5)
    method = "median of an interval-censored Weibull"
    share = Estimate(
        value=value, low=low, high=high, level=level, unit="share", n=fit.n, method=method,
        grade="D",
    )  # fmt: skip
    quarter = fit.quantile(0.25)
    left = len(answers) - len(usable)
    return SwitchingMeasure(
        method=LADDER, share=share, money=in_money(share, spend.total, tables, spend.why),
        tables=("surveys",),
        assumptions=(
            "Customers would do what they say; people say they leave more easily than they do.",
        ),
        sensitivity=f"a quarter would leave at a saving of {100 * quarter[0]:.1f} %",
        table=fit.steps.assign(fitted=fit.stay(fit.steps["saving"])),
        findings=(f"{left:,} answers that leave at less and stay at more are left out.",)
        if left else (),
    )  # fmt: skip
