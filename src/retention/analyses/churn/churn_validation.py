"""Would the model have foretold leaving? Refitted at earlier cutoffs, and held to what came."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import AnalysisError, NotEnoughDataError, ParameterError
from retention.features import Driver, build_active, build_leavers
from retention.metrics import (
    brier_score,
    calibration,
    campaign_profit,
    d_calibration,
    expected_maximum_profit,
    lift,
    score_errors,
    time_dependent_auc,
)
from retention.models import DiscreteHazard, predict_leaving
from retention.window import Period

from .churn_model import fit_churn_model, group_choice
from .inactivity_choice import churn_tables

__all__ = ["ChurnValidation", "dated_renewals", "validate_churn"]

_BANDS = ((0, 6), (6, 12), (12, 24), (24, 48), (48, 10_000))


@dataclass(frozen=True, eq=False, kw_only=True)
class ChurnValidation:
    """What predictions at earlier cutoffs were worth.

    Parameters
    ----------
    scored : pandas.DataFrame
        One row a customer and cutoff: ``cutoff``, ``tenure``, ``p_leave``, ``p_null`` (tenure
        only), ``p_last`` (rate of the span before), ``left``, ``worth``.
    scores : pandas.DataFrame
        One row a cutoff and one for ``all``: ``n``, ``expected``, ``observed``, ``ratio``,
        ``brier``, ``brier_null``, ``brier_last``, ``auc``, ``lift_10``.
    errors : pandas.DataFrame
        ``auc``, ``lift`` of the riskiest tenth and ``brier_skill`` over all cutoffs, with ``se``.
    by_risk, by_tenure : pandas.DataFrame
        Expected and observed leavers by tenth of risk, and by band of tenure.
    gain : pandas.DataFrame
        Lift by share of customers contacted.
    profit : pandas.DataFrame
        What campaigns by simple rules would have earned, with their regret.
    maximum_profit : float
        Expected maximum profit a customer, in the company's currency.
    d_p_value : float
        Test that predicted chances are spread as they should be.
    skipped : tuple of str
        Cutoffs at which no model could be fitted, and why.
    """

    scored: pd.DataFrame
    scores: pd.DataFrame
    errors: pd.DataFrame
    by_risk: pd.DataFrame
    by_tenure: pd.DataFrame
    gain: pd.DataFrame
    profit: pd.DataFrame
    maximum_profit: float
    d_p_value: float
    skipped: tuple[str, ...]

    @property
    def doubts(self) -> tuple[str, ...]:
        """Reasons not to believe the model; empty if it stood every check."""
        row = self.scores.loc["all"]
        found = []
        if row["low"] > 1 or row["high"] < 1:
            far = "fewer" if row["ratio"] < 1 else "more"
            found.append(
                f"The level is off: {row['observed']:,.0f} left where {row['expected']:,.0f} were "
                f"foretold; {far} will leave than the model says if that goes on."
            )
        if row["brier"] >= row["brier_null"]:
            found.append(
                "The ranking adds nothing: tenure alone foretold as well. Do not choose customers "
                "by it."
            )
        if row["brier"] >= row["brier_last"]:
            found.append("The rate of the span before, the same for all, foretold as well.")
        return tuple(found)


def validate_churn(
    tables: Tables,
    *,
    horizon: int,
    origins: int = 4,
    by: str | Sequence[str] | None = "auto",
    drivers: Sequence[Driver] | None = None,
    acceptance: float = 0.3,
    offer_share: float = 0.05,
    contact_share: float = 0.005,
) -> ChurnValidation:
    """Refit the model at earlier cutoffs and compare its predictions with what happened.

    Parameters
    ----------
    tables : Tables
        As for `churn_risk`.
    horizon : int
        Units ahead; each origin lies that far from the next, the last one from the cutoff.
    origins : int
        How many earlier cutoffs; those before the middle of the window are not used.
    by, drivers
        As for `churn_risk`.
    acceptance, offer_share, contact_share : float
        Of the campaigns that are compared: chance that a leaver accepts and stays; cost of the
        offer and of the contact, as shares of a customer's annual price.

    Raises
    ------
    NotEnoughDataError
        If no earlier cutoff has enough leavers before and after it.
    """
    if origins < 1:
        raise ParameterError(f"origins must be 1 or more, got {origins}")
    tables = churn_tables(tables, dated="detected")
    parts, skipped = [], []
    for cutoff, end in _origins(tables, horizon, origins):
        try:
            parts.append(_score(tables, cutoff, end, horizon, by, drivers))
        except (NotEnoughDataError, AnalysisError) as error:
            skipped.append(f"{cutoff}: {error}")
    if not parts:
        raise NotEnoughDataError(
            "no earlier cutoff has a history long enough to fit and to check a model: "
            + ("; ".join(skipped) or "widen the window")
        )
    scored = pd.concat(parts)
    if scored["left"].sum() < tables.minimum_n:
        raise NotEnoughDataError(
            f"only {scored['left'].sum():,.0f} customers left after the earlier cutoffs; "
            f"{tables.minimum_n} are the least to judge a model by"
        )
    worth = scored["worth"].to_numpy(float)
    mean = float(worth.mean())
    costs = {"offer_cost": offer_share * mean, "contact_cost": contact_share * mean}
    best = expected_maximum_profit(
        scored["left"], scored["p_leave"], customer_value=mean, **costs
    )  # fmt: skip
    profit = campaign_profit(
        scored["left"], scored["p_leave"], worth=worth, acceptance=acceptance, **costs
    )
    uniform = d_calibration(1 - scored["p_leave"], scored["left"])
    return ChurnValidation(
        scored=scored, scores=_scores(scored), by_tenure=_by_tenure(scored), profit=profit,
        by_risk=calibration(scored["left"], scored["p_leave"]),
        gain=lift(scored["left"], scored["p_leave"], shares=(0.01, 0.05, 0.1, 0.2, 0.3, 0.5)),
        errors=score_errors(
            scored["left"], scored["p_leave"], scored["p_null"], clusters=scored.index
        ),
        maximum_profit=best.profit, d_p_value=uniform.p_value, skipped=tuple(skipped),
    )  # fmt: skip


def _origins(tables: Tables, horizon: int, count: int) -> list[tuple[date, date]]:
    """Return earlier cutoffs and the ends of their horizons, latest last."""
    window = tables.window
    last = window.last_period
    found: list[tuple[date, date]] = []
    middle = window.start + timedelta(days=window.days // 2)
    while len(found) < count:
        start = last.shift(1 - horizon)
        if start.start < middle:
            break
        found.insert(0, (start.start, last.end))
        last = Period.containing(start.start, window.unit).previous()
    return found


def _score(
    tables: Tables,
    cutoff: date,
    end: date,
    horizon: int,
    by: str | Sequence[str] | None,
    drivers: Sequence[Driver] | None,
) -> pd.DataFrame:
    then = tables.as_of(cutoff)
    model = fit_churn_model(then, by=by, drivers=drivers)
    active = build_active(then, by=group_choice(then, by), drivers=drivers)
    known = dated_renewals(model.prepared(active), horizon)
    null = DiscreteHazard(tenure=4).fit(model.cells)
    gone = build_leavers(tables, cutoff, end)
    keys = gone.set_index("started_on", append=True).index
    left = active.set_index("started_on", append=True).index.isin(keys)
    span = Period.containing(cutoff, tables.window.unit).shift(-horizon).start
    before = build_leavers(then, span, cutoff)
    here = len(before) + len(active)
    price = active.get("monthly_price", pd.Series(1.0, index=active.index)).fillna(0)
    return pd.DataFrame(
        {
            "cutoff": cutoff,
            "tenure": active["tenure"],
            "p_leave": predict_leaving(model.fit, known, horizon)["p_leave"],
            "p_null": predict_leaving(null, active[["tenure"]], horizon)["p_leave"],
            "p_last": len(before) / max(here, 1),
            "left": left,
            "worth": 12 * price,
        },
        index=active.index,
    )


def dated_renewals(customers: pd.DataFrame, horizon: int) -> pd.DataFrame:
    """Return customers with ``renewal_due@1`` ...: whether a renewal falls on each unit ahead."""
    if "renewal_due" not in customers or "renewal_term" not in customers:
        return customers
    term = customers["renewal_term"].fillna(0).to_numpy(float)
    age = customers["contract_age"].fillna(0).to_numpy(float)
    dated = {
        f"renewal_due@{k}": ((term > 0) & ((age + k) % np.maximum(term, 1) == 0)).astype(int)
        for k in range(1, horizon + 1)
    }
    return customers.assign(**dated)


def _scores(scored: pd.DataFrame) -> pd.DataFrame:
    groups: dict[str, pd.DataFrame] = {str(k): part for k, part in scored.groupby("cutoff")}
    rows = {name: _one(part) for name, part in {**groups, "all": scored}.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("cutoff")


def _one(part: pd.DataFrame) -> dict[str, Any]:
    left: NDArray[np.bool_] = part["left"].to_numpy(bool)
    table = pd.DataFrame({"duration": np.where(left, 1.0, 2.0), "event": left})
    total = calibration(left, part["p_leave"].to_numpy(float), groups=1).iloc[0]
    row: dict[str, Any] = {name: total[name] for name in total.index}
    for name, column in (("brier", "p_leave"), ("brier_null", "p_null"), ("brier_last", "p_last")):
        row[name] = brier_score(table, part[column].to_numpy(float), 1)
    some = 0 < left.sum() < len(left)
    row["auc"] = time_dependent_auc(table, part["p_leave"], 1) if some else np.nan
    row["lift_10"] = lift(left, part["p_leave"])["lift"][0.1] if some else np.nan
    return row


def _by_tenure(scored: pd.DataFrame) -> pd.DataFrame:
    rows = {}
    for low, high in _BANDS:
        part = scored[scored["tenure"].between(low, high, inclusive="left")]
        if len(part) and part["p_leave"].sum() > 0:
            label = f"{low} to {high - 1}" if high < 10_000 else f"{low} and more"
            rows[label] = calibration(part["left"], part["p_leave"], groups=1).iloc[0]
    return pd.DataFrame(rows).T.rename_axis("tenure")
