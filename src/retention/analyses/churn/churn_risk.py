"""Who of those still here will leave, how many, what they are worth, and why the model says so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate, normal_interval
from retention.features import Driver, build_active, build_activity
from retention.models import (
    ExpectedLeavers,
    expected_leavers,
    predict_leaving,
    reasons_to_leave,
    standardised_risk,
)

from .churn_model import ChurnModel, fit_churn_model, group_choice
from .churn_validation import ChurnValidation, dated_renewals, validate_churn
from .inactivity_choice import churn_tables, spell_cautions
from .snapshot import snapshot_cautions

__all__ = ["ChurnRisk", "churn_risk"]

_HORIZON = {"day": 30, "week": 13, "month": 3, "quarter": 1, "year": 1}
_STAY = {"day": 365, "week": 52, "month": 12, "quarter": 4, "year": 3}
_MOST_REASONS = 20_000
Floats = NDArray[np.float64]


@dataclass(frozen=True, eq=False, kw_only=True)
class ChurnRisk:
    """Answer of `churn_risk`.

    Parameters
    ----------
    customers : pandas.DataFrame
        One row a customer still here, highest risk first: ``tenure``, ``p_leave`` with ``low`` and
        ``high``, ``expected_stay`` (units within `stay_horizon`), ``extrapolated``,
        ``annual_price``, ``expected_loss``, ``reasons`` (in words) and the groups.
    reasons : pandas.DataFrame
        Contributions to the risk in percentage points: ``average``, ``tenure``, one column a
        driver, ``total``; they add up exactly. Of the riskiest 20,000 at most.
    leavers, loss : ExpectedLeavers
        Expected leavers within the horizon, and the annual price they take along.
    scenarios : pandas.DataFrame
        By name: ``risk`` (mean within the horizon) with ``risk_low`` and ``risk_high``,
        ``leavers`` and ``difference`` from today's values in customers, with ``low`` and ``high``;
        the first row is today's values.
    validation : ChurnValidation or None
        How earlier predictions fared; None if the history is too short to tell.
    horizon, stay_horizon, unit : int, int, str
        Units ahead.
    currency : str
        Of money.
    model : ChurnModel
        The model.
    """

    customers: pd.DataFrame
    reasons: pd.DataFrame
    leavers: ExpectedLeavers
    loss: ExpectedLeavers | None
    scenarios: pd.DataFrame
    validation: ChurnValidation | None
    horizon: int
    stay_horizon: int
    unit: str
    currency: str
    model: ChurnModel
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return expected leavers by tenth of risk, riskiest first."""
        table = self.customers
        tenth = np.minimum(np.arange(len(table)) * 10 // max(len(table), 1), 9) + 1
        grouped = table.groupby(tenth)
        return pd.DataFrame(
            {
                "customers": grouped.size(),
                "mean_risk": grouped["p_leave"].mean(),
                "expected_leavers": grouped["p_leave"].sum(),
                "expected_loss": grouped["expected_loss"].sum(),
            }
        ).rename_axis("tenth")

    def estimates(self) -> dict[str, Estimate]:
        """Return expected leavers, their worth, and how earlier predictions fared."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return when not to believe the model, and what else to know."""
        return self.warnings

    def headline(self) -> str:
        """Return the expected leavers and what they take along, in one sentence."""
        found, span = self.leavers, _span(self.horizon, self.unit)
        text = (
            f"Of {found.n:,} customers {found.value:,.0f} are expected to leave within {span} "
            f"({100 * self.model.fit.level:g} % interval {found.low:,.0f} to {found.high:,.0f})"
        )
        if self.loss is None:
            return f"{text}."
        return (
            f"{text}, with an annual price of {self.loss.value:,.0f} {self.currency} "
            f"({self.loss.low:,.0f} to {self.loss.high:,.0f})."
        )


def churn_risk(
    tables: Tables,
    *,
    horizon: int | None = None,
    by: str | Sequence[str] | None = "auto",
    drivers: Sequence[Driver] | None = None,
    scenarios: Mapping[str, Mapping[str, object]] | None = None,
    origins: int = 4,
    level: float = 0.95,
) -> ChurnRisk:
    """Predict, for each customer still here, the chance to leave within the horizon.

    Everything is conditional on the tenure reached. The model is the one of `churn_drivers`; it is
    refitted at earlier cutoffs, and what it foretold then is compared with what came.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, or else ``orders`` (a customer then leaves on the day the rule of
        inactivity is broken); complaints, contacts, surveys, bonds and enrolments are used if
        there.
    horizon : int, optional
        Units ahead; 3 months by default.
    by, drivers
        As for `churn_drivers`.
    scenarios : mapping of name to mapping of column to value, optional
        Covariates that will not keep their present values: one value, or a list of one a unit
        ahead. By default each driver that changes is set in turn to none, or to its best level.
    origins : int
        Earlier cutoffs at which the model is tried.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        As for `churn_drivers`; also if nobody is here.
    ParameterError
        If a scenario names a column that the model does not use, or has not one value a unit.
    """
    tables = churn_tables(tables, dated="detected")
    unit = tables.window.unit
    horizon = _HORIZON[unit] if horizon is None else horizon
    model = fit_churn_model(tables, by=by, drivers=drivers, level=level)
    groups = group_choice(tables, by)
    active = build_active(tables, by=groups, drivers=drivers)
    if active.empty:
        raise NotEnoughDataError("no contract is running at the cutoff: nobody is left to leave")
    known = dated_renewals(model.prepared(active), max(horizon, _STAY[unit]))
    customers = _customers(model, known, active, horizon, _STAY[unit], list(groups))
    leavers = expected_leavers(model.fit, known, horizon)
    worth = _annual_worth(tables, active)
    loss = None
    if worth is not None:
        loss = expected_leavers(model.fit, known, horizon, worth=worth)
        customers["annual_price"] = worth
        customers["expected_loss"] = customers["p_leave"] * worth
    customers = customers.sort_values("p_leave", ascending=False, kind="stable")
    chosen = known.loc[~known.index.duplicated()]
    chosen = chosen.loc[customers.index.unique()[:_MOST_REASONS]]
    reasons = 100 * reasons_to_leave(model.fit, chosen, horizon)["risk"]
    customers["reasons"] = _in_words(reasons, model, chosen).reindex(customers.index)
    validation, why = _validation(tables, horizon, origins, by, drivers)
    return ChurnRisk(
        customers=customers, reasons=reasons, leavers=leavers, loss=loss,
        scenarios=_scenarios(model, known, horizon, scenarios), validation=validation,
        horizon=horizon, stay_horizon=_STAY[unit], unit=unit, currency=tables.currency,
        model=model, numbers=_numbers(model, leavers, loss, validation, horizon, tables),
        warnings=(
            *spell_cautions(tables),
            *snapshot_cautions(tables),
            *_cautions(model, customers, validation, why, horizon, unit),
        ),
    )  # fmt: skip


def _annual_worth(tables: Tables, active: pd.DataFrame) -> Floats | None:
    """Return what each pays a year: by contract, or else what was bought in the last 365 days."""
    if "monthly_price" in active:
        return 12 * active["monthly_price"].fillna(0).to_numpy(float)
    if "contracts" not in tables.derived:
        return None
    bought = build_activity(tables, days=(365,))["amount_365"]
    return bought.reindex(active.index).fillna(0).clip(lower=0).to_numpy(float)


def _scenarios(
    model: ChurnModel,
    known: pd.DataFrame,
    horizon: int,
    asked: Mapping[str, Mapping[str, object]] | None,
) -> pd.DataFrame:
    """Return the risk of the same customers, were covariates as each scenario says."""
    chosen = _usual_scenarios(model) if asked is None else asked
    for name, setting in chosen.items():
        if unknown := sorted(set(setting) - set(model.covariates)):
            raise ParameterError(
                f"scenario {name}: the model does not use {', '.join(unknown)}; it uses "
                f"{', '.join(model.covariates)}"
            )
    table = standardised_risk(model.fit, known, horizon, [{}, *chosen.values()])
    table.index = pd.Index(["as today", *chosen], name="scenario")
    table.insert(3, "leavers", len(known) * table["risk"])
    table[["difference", "low", "high"]] *= len(known)
    return table


def _usual_scenarios(model: ChurnModel) -> dict[str, dict[str, object]]:
    """Return, for each driver that changes, none of it, or the level with the least risk."""
    found: dict[str, dict[str, object]] = {}
    coefficients = model.fit.coefficients
    for name in model.changing:
        if model.references[name] != 0 and name not in model.fit.design.levels:
            continue  # nobody was ever seen without it
        columns = model.fit.design.term_columns[name]
        if name in model.fit.design.levels:
            effects = [0.0, *(float(coefficients[column]) for column in columns)]
            best = model.fit.design.levels[name][int(np.argmin(effects))]
            found[f"{name} {best}"] = {name: best}
        else:
            found[f"no {name}"] = {name: 0}
    return found


def _customers(
    model: ChurnModel,
    known: pd.DataFrame,
    active: pd.DataFrame,
    horizon: int,
    stay: int,
    groups: list[str],
) -> pd.DataFrame:
    table = predict_leaving(model.fit, known, horizon)
    table["expected_stay"] = predict_leaving(model.fit, known, stay)["expected_stay"]
    table["annual_price"], table["expected_loss"] = np.nan, np.nan
    table[groups] = active[groups]
    return table


def _in_words(reasons: pd.DataFrame, model: ChurnModel, known: pd.DataFrame) -> pd.Series:
    """Return the three largest contributions above half a point, in words."""
    terms = ["tenure", *model.covariates]
    parts = reasons[terms].to_numpy()
    order = np.argsort(-parts, axis=1)[:, :3]
    values = {name: known[name].astype(str).to_numpy() for name in model.covariates}
    values["tenure"] = known["tenure"].astype(str).to_numpy()
    texts = []
    for i, row in enumerate(order):
        told = [
            f"{terms[j]} {values[terms[j]][i]} ({parts[i, j]:+.1f})" for j in row
            if parts[i, j] > 0.5
        ]  # fmt: skip
        texts.append("; ".join(told))
    return pd.Series(texts, index=reasons.index)


def _validation(
    tables: Tables,
    horizon: int,
    origins: int,
    by: str | Sequence[str] | None,
    drivers: Sequence[Driver] | None,
) -> tuple[ChurnValidation | None, str]:
    try:
        found = validate_churn(tables, horizon=horizon, origins=origins, by=by, drivers=drivers)
    except NotEnoughDataError as error:
        return None, str(error)
    return found, ""


def _numbers(
    model: ChurnModel,
    leavers: ExpectedLeavers,
    loss: ExpectedLeavers | None,
    validation: ChurnValidation | None,
    horizon: int,
    tables: Tables,
) -> dict[str, Estimate]:
    common: dict[str, Any] = {"n": leavers.n, "level": model.fit.level, "grade": "C"}
    method = "discrete-time hazard given tenure; interval of what will be seen: parameters "
    found = {
        f"expected_leavers_{horizon}": Estimate(
            value=leavers.value, low=leavers.low, high=leavers.high, unit="customers",
            method=f"{method}(sd {leavers.sd_parameters:.1f}) and chance "
            f"(sd {leavers.sd_chance:.1f})", **common,
        )
    }  # fmt: skip
    if loss is not None:
        found[f"expected_loss_{horizon}"] = Estimate(
            value=loss.value, low=loss.low, high=loss.high,
            unit=f"{tables.currency} annual price",
            method=f"{method}(sd {loss.sd_parameters:,.0f}) and chance (sd {loss.sd_chance:,.0f})",
            **common,
        )  # fmt: skip
    return found | _validation_numbers(validation, horizon, tables.currency, model.fit.level)


def _validation_numbers(
    validation: ChurnValidation | None, horizon: int, currency: str, level: float
) -> dict[str, Estimate]:
    if validation is None:
        return {}
    row: dict[str, Any] = dict(validation.scores.loc["all"])
    common: dict[str, Any] = {"n": int(row["n"]), "events": int(row["observed"]), "grade": "D"}
    origins = f"{len(validation.scores) - 1} earlier cutoffs, {horizon} units ahead"
    found = {
        "observed_over_expected": Estimate(
            value=row["ratio"], low=row["low"], high=row["high"], unit="ratio",
            method=f"leavers seen over foretold, exact Poisson; {origins}", **common,
        )
    }  # fmt: skip
    errors: dict[Any, Any] = validation.errors.to_dict("index")
    plain = {
        "brier_skill": (errors["brier_skill"], "share of the squared error of a model of tenure "
                        "alone that the drivers remove", "share"),
        "auc": (errors["auc"], "chance that a leaver was ranked above a stayer", "probability"),
        "lift_10": (errors["lift"], "leavers among the riskiest tenth, over a tenth at random",
                    "times"),
    }  # fmt: skip
    for name, (score, what, unit) in plain.items():
        low, high = normal_interval(score["value"], score["se"], level)
        found[name] = Estimate(
            value=score["value"], low=low, high=high, level=level, unit=unit,
            method=f"{what}; {origins}; error by customer", **common,
        )  # fmt: skip
    found["maximum_profit"] = Estimate(
        value=validation.maximum_profit,
        unit=f"{currency} per customer",
        method=f"expected maximum profit of a campaign; {origins}; no interval",
        **common,
    )
    return found


def _cautions(
    model: ChurnModel,
    customers: pd.DataFrame,
    validation: ChurnValidation | None,
    why: str,
    horizon: int,
    unit: str,
) -> tuple[str, ...]:
    found = []
    if validation is None:
        found.append(f"Not tried at earlier cutoffs, so not to be relied on: {why}.")
    else:
        found += validation.doubts
        found += [f"Not tried at {reason}." for reason in validation.skipped]
    far = int(customers["extrapolated"].sum())
    if far:
        found.append(
            f"{far:,} customers are, or will within {_span(horizon, unit)} be, beyond the longest "
            "tenure at which anybody was watched; their hazard is held at its last value."
        )
    found.append(
        "Scenarios move what the model saw go with leaving; what a change would do is not known."
    )
    found.append("Reasons are what the model used, not what would happen if they were changed.")
    found += [f"{name} is not used: {text}." for name, text in model.left_out.items()]
    return tuple(found)


def _span(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"
