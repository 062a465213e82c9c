"""Whom a programme should reach: rules for choosing, what each is worth, and the list."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, Grade, normal_interval
from retention.features import (
    build_programme_candidates,
    build_programme_trials,
    build_programmes,
    money_column,
)
from retention.metrics import policy_value, qini_coefficient, qini_curve
from retention.models import BinaryRegression, Uplift, UpliftFit

__all__ = ["Targeting", "targeting"]

_RULES = (
    "everybody",
    "riskiest half",
    "most valuable half",
    "gain above cost",
    "CLV x uplift above cost",
)
_WHOLE = ", whole stay"
_DAYS_A_YEAR, _DAYS_BEFORE = 365.25, 180.0
_NUMBERS = ("tenure_log", "money_before", "orders_before", "complaints_before", "contacts_before")


@dataclass(frozen=True, eq=False, kw_only=True)
class Targeting:
    """Answer of `targeting`.

    Parameters
    ----------
    programme, bond : str
        Which programme, and its level of bond.
    rules : DataFrame
        One row a rule: ``value`` with ``low`` and ``high``, money a customer of the base within the
        horizon less cost, compared with reaching nobody; ``stay_value`` with ``stay_low`` and
        ``stay_high``, what the customers kept are worth over their whole stay, less cost; ``share``
        reached.
    curve : DataFrame
        Gain by share reached, best predicted first, see `qini_curve`.
    chosen : DataFrame
        The list: customers of today in the order of ``expected_net``, as far as the budget goes.
        ``expected_gain`` within the horizon, ``cost``, ``spent`` so far.
    horizon : int
        Units of follow-up.
    cost : float
        Of reaching one customer.
    """

    programme: str
    bond: str
    rules: pd.DataFrame
    curve: pd.DataFrame
    chosen: pd.DataFrame
    horizon: int
    unit: str
    currency: str
    cost: float
    budget: float | None
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return what each rule is worth."""
        return self.rules

    def estimates(self) -> dict[str, Estimate]:
        """Return the worth of each rule, and the Qini coefficient."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before the list is used."""
        return self.warnings

    def headline(self) -> str:
        """Return the best rule with its worth, and what chasing the riskiest brings."""
        best = max(_RULES, key=lambda rule: self.numbers[rule].value or 0.0)
        riskiest = self.numbers["riskiest half"]
        if (self.numbers[best].value or 0.0) <= 0:
            first = f"No rule for {self.programme} is worth its cost"
        elif (self.numbers[best].low or 0.0) <= 0:
            first = (
                f"No rule for {self.programme} surely pays; the best guess is {best}, "
                f"{self.numbers[best]}"
            )
        else:
            first = f"{self.programme} pays best by the rule {best}: {self.numbers[best]}"
        end = "is not told from nothing by these data"
        if riskiest.high is not None and riskiest.high < 0:
            end = "loses money"
        elif riskiest.low is not None and riskiest.low > 0:
            end = "earns money"
        return f"{first}; reaching the riskiest half {end}: {riskiest}."


def targeting(
    tables: Tables,
    *,
    programme: str | None = None,
    horizon: int = 12,
    cost: float | None = None,
    budget: float | None = None,
    annual_discount_rate: float = 0.10,
    level: float = 0.95,
    seed: int = 1,
) -> Targeting:
    """Find whom a programme helps by more than it costs.

    Learned from those who were drawn and those who were not; the gain in money of each customer is
    scored by models that did not see the customer, so a rule's worth is not flattered by its own
    data. Rules look at what was known before. A rule is valued twice: by the money within the
    horizon, and by what the customers it keeps are worth over their whole stay, ``CLV x uplift``:
    annual margin before, over the sum of the discount rate and the hazard of leaving.

    Parameters
    ----------
    tables : Tables
        With ``enrolments``, ``contracts``, ``customers`` and ``orders`` with margin.
    programme : str, optional
        By default the randomised one with most enrolments.
    horizon : int
        Units over which the gain is counted.
    cost : float, optional
        Of reaching one customer; by default the mean of the enrolments.
    budget : float, optional
        Most that may be spent on the list; None for no limit.
    annual_discount_rate : float
        Of margins over the whole stay.
    level, seed : float, int
        Level of intervals; seed of the folds.

    Returns
    -------
    Targeting

    Raises
    ------
    MissingTableError, NotEnoughDataError
        If a table is missing, or no programme was drawn, or too few were followed.
    ParameterError
        If the programme is unknown, or no cost is stated.
    """
    needed = "whom a programme should reach"
    tables.require("enrolments", "contracts", "customers", "orders", needed_for=needed)
    if money_column(tables) == "amount":
        raise NotEnoughDataError("orders state no margin; whom to reach is a question of margin")
    register = build_programmes(tables)
    name = programme or _drawn(register)
    if name not in register.index:
        raise ParameterError(f"no programme {name!r}; there are {', '.join(register.index)}")
    known = register.loc[[name]].iloc[0]
    each = float(known["cost_each"]) if cost is None else cost
    if not (np.isfinite(each) and each >= 0):
        raise ParameterError(f"the enrolments of {name!r} state no cost; give cost=")
    drawn = bool(known["assignment"] == "random")
    trials = build_programme_trials(tables, name, horizon=horizon, drawn=drawn)
    trials = trials[trials["complete"]]
    _enough(trials, tables.minimum_n)
    numbers, table = _covariates(trials)
    chance = float(trials["treated"].mean()) if drawn else None
    spec, table = Uplift(covariates=numbers, chance=chance), table.assign(treated=trials["treated"])
    fit, kept = (
        spec.fit(table.assign(outcome=outcome), np.random.default_rng(seed))
        for outcome in (trials["money_after"], trials["retained"].astype(float))
    )
    clv = _stay_worth(trials, horizon / tables.window.units_per_year, annual_discount_rate)
    grade: Grade = "A" if drawn else "C"
    choices = _choices(trials, table, fit, kept, clv, each)
    rules, found = _rules(choices, fit, kept, clv, each, level, grade, tables)
    found["qini"] = _qini(fit, level, grade, tables)
    return Targeting(
        programme=name, bond=str(known["bond"]), rules=rules,
        curve=qini_curve(fit.scores, fit.predicted), horizon=horizon, unit=tables.window.unit,
        chosen=_chosen(tables, name, fit, each, budget), currency=tables.currency, cost=each,
        budget=budget, numbers=found, warnings=_warnings(name, fit, found, drawn, trials),
    )  # fmt: skip


def _drawn(register: pd.DataFrame) -> str:
    drawn = register[register["assignment"] == "random"]
    if drawn.empty:
        raise NotEnoughDataError(
            "no programme was drawn by lot, so nobody can tell whom one helps; name a programme to "
            "see associations, or plan an experiment"
        )
    return str(drawn["customers"].idxmax())


def _enough(trials: pd.DataFrame, minimum: int) -> None:
    least = max(minimum, 50)
    for word, arm in (("enrolled", trials["treated"]), ("other", ~trials["treated"])):
        if arm.sum() < least:
            raise NotEnoughDataError(
                f"{int(arm.sum())} {word} customers were followed to the horizon; whom a programme "
                f"helps needs {least}"
            )


def _covariates(trials: pd.DataFrame) -> tuple[tuple[str, ...], pd.DataFrame]:
    """Return the names and the numbers of what was known before."""
    table = pd.DataFrame({"tenure_log": np.log1p(trials["tenure"].to_numpy(dtype=float))},
                         index=trials.index)  # fmt: skip
    for name in _NUMBERS[1:]:
        if name in trials:
            table[name] = trials[name].to_numpy(dtype=float)
    if "segment" in trials:
        for label in sorted(trials["segment"].dropna().unique())[1:]:
            table[f"segment: {label}"] = (trials["segment"] == label).to_numpy(dtype=float)
    return tuple(table.columns), table


def _stay_worth(trials: pd.DataFrame, years: float, annual_discount_rate: float) -> np.ndarray:
    """Return what keeping a customer is worth: annual margin over discount rate plus hazard."""
    untreated = trials.loc[~trials["treated"], "retained"]
    hazard = -np.log(min(max(float(untreated.mean()), 1e-3), 1 - 1e-6)) / years
    annual = trials["money_before"].to_numpy(dtype=float) * _DAYS_A_YEAR / _DAYS_BEFORE
    return np.maximum(annual, 0.0) / (annual_discount_rate + hazard)


def _choices(
    trials: pd.DataFrame, table: pd.DataFrame, fit: UpliftFit, kept: UpliftFit, clv: np.ndarray,
    cost: float,
) -> dict[str, np.ndarray]:  # fmt: skip
    """Return whom each rule reaches."""
    risk = _risk(trials, table.drop(columns="treated"))
    value = trials["money_before"].to_numpy(dtype=float)
    return {
        "everybody": np.ones(len(trials), dtype=bool),
        "riskiest half": risk > np.median(risk),
        "most valuable half": value > np.median(value),
        "gain above cost": (fit.predicted > cost).to_numpy(),
        "CLV x uplift above cost": clv * kept.predicted.to_numpy() > cost,
    }


def _rules(
    choices: dict[str, np.ndarray], fit: UpliftFit, kept: UpliftFit, clv: np.ndarray, cost: float,
    level: float, grade: Grade, tables: Tables,
) -> tuple[pd.DataFrame, dict[str, Estimate]]:  # fmt: skip
    rows, found = {}, {}
    how = "cross-fitted doubly robust value of the rule"
    for rule in _RULES:
        within = policy_value(fit.scores, choices[rule], cost=cost)
        whole = policy_value(kept.scores, choices[rule], worth=clv, cost=cost)
        rows[rule] = {"share": within.share}
        for suffix, prefix, told, method in (
            ("", "", within, f"{how}, less cost, against nobody"),
            (_WHOLE, "stay_", whole, f"{how}: retention times CLV, less cost, against nobody"),
        ):
            low, high = told.interval(level)
            found[f"{rule}{suffix}"] = Estimate(
                value=told.value, low=low, high=high, level=level, n=told.n, grade=grade,
                unit=f"{tables.currency} per customer of the base", method=method,
            )  # fmt: skip
            ends = {"value": told.value, "low": low, "high": high}
            rows[rule] |= {f"{prefix}{name}": number for name, number in ends.items()}
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("rule"), found


def _risk(trials: pd.DataFrame, table: pd.DataFrame) -> np.ndarray:
    """Return the chance of leaving within the horizon without the programme."""
    untreated = ~trials["treated"].to_numpy()
    left = (~trials["retained"]).astype(float)
    columns = tuple(str(c) for c in table if table[c][untreated].std() > 0)
    try:
        fit = BinaryRegression(columns=columns).fit(table[untreated].assign(event=left[untreated]))
    except NotIdentifiedError as error:
        raise NotEnoughDataError(f"who is at risk cannot be told: {error}") from error
    return fit.probabilities(table)


def _qini(fit: UpliftFit, level: float, grade: Grade, tables: Tables) -> Estimate:
    value, se = qini_coefficient(fit.scores, fit.predicted)
    low, high = normal_interval(value, se, level)
    return Estimate(
        value=value, low=low, high=high, level=level, unit=f"{tables.currency} per customer",
        n=len(fit.scores), grade=grade, method="area between best-first and by lot (Qini)",
    )  # fmt: skip


def _chosen(
    tables: Tables, name: str, fit: UpliftFit, cost: float, budget: float | None
) -> pd.DataFrame:
    """Return customers of today whose predicted gain is above the cost, within the budget."""
    candidates = build_programme_candidates(tables, name)
    _, table = _covariates(candidates)
    gain = fit.predict(table.reindex(columns=list(fit.centre.index), fill_value=0.0))
    found = pd.DataFrame({"expected_gain": gain, "cost": cost})
    found["expected_net"] = found["expected_gain"] - cost
    found = found[found["expected_net"] > 0]
    found = found.sort_values(["expected_net"], ascending=False, kind="stable")
    found["spent"] = found["cost"].cumsum()
    return found if budget is None else found[found["spent"] <= budget]


def _warnings(
    name: str, fit: UpliftFit, found: dict[str, Estimate], drawn: bool, trials: pd.DataFrame
) -> tuple[str, ...]:
    told = []
    if not drawn:
        told.append(f"{name} was not drawn by lot: every gain here is an association.")
    qini = found["qini"]
    if qini.low is not None and qini.low <= 0:
        told.append(
            "These data do not show that some customers gain more than others: the order of the "
            "list is not better than chance beyond noise. Treat all, none, or draw by lot."
        )
    if (found["riskiest half"].value or 0.0) < (found["gain above cost"].value or 0.0):
        told.append(
            "Reaching the riskiest first is worth less than reaching those whose predicted gain "
            "exceeds the cost: risk is not response."
        )
    return tuple(told)
