"""Hazard of leaving of treated against untreated customer-units, and how the ratio fades."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotIdentifiedError
from retention.estimates import Estimate, Grade, normal_interval
from retention.models import BinaryRegression

__all__ = ["hazard_of_trials", "ratio_and_fading"]


def hazard_of_trials(
    trials: pd.DataFrame, tables: Tables, horizon: int, level: float, grade: Grade,
    groups: tuple[str, ...],
) -> tuple[Estimate, Estimate]:  # fmt: skip
    """Return the mean hazard ratio in the horizon, and how its logarithm moves per unit since."""
    cells = _person_units(trials, groups, horizon)
    return ratio_and_fading(cells, ("band", *groups), tables, level, grade, len(trials))


def _person_units(trials: pd.DataFrame, groups: tuple[str, ...], horizon: int) -> pd.DataFrame:
    """Return counts of customer-units: every unit of a customer once, treated from enrolment on.

    The untreated of a drawn programme are followed like the treated. Where trials come every month,
    an untreated customer's unit after each trial stands for itself, so nobody is counted twice.
    """
    monthly = bool(trials.index.has_duplicates)
    treated = trials["treated"].to_numpy()
    length = trials["duration"].to_numpy(dtype=int)
    event = trials["event"].to_numpy()
    reach = np.where(treated | (not monthly), horizon, 1)
    event = event & (length <= reach)
    length = np.minimum(length, reach)
    rows = np.repeat(np.arange(len(trials)), length)
    since = np.arange(len(rows)) - np.repeat(np.cumsum(length) - length, length)
    last = since == length[rows] - 1
    tenure = trials["tenure"].to_numpy(dtype=int)[rows] + since
    cells = pd.DataFrame({
        "treated": treated[rows].astype(float),
        "treated_since": treated[rows] * since.astype(float),
        "band": pd.cut(tenure, [-1, 2, 5, 8, 11, 17, 23, 35, 47, 1_000_000]).codes.astype(str),
        "event": (last & event[rows]).astype(float),
        **{g: trials[g].astype("string").fillna("unknown").to_numpy()[rows] for g in groups},
    })  # fmt: skip
    keys = ["treated", "treated_since", "band", *groups]
    counted = cells.groupby(keys)["event"]
    return pd.DataFrame({"event": counted.sum(), "trials": counted.count()}).reset_index()


def ratio_and_fading(
    cells: pd.DataFrame, groups: tuple[str, ...], tables: Tables, level: float, grade: Grade,
    n: int, cluster: str = "",
) -> tuple[Estimate, Estimate]:  # fmt: skip
    """Return the hazard ratio at the mean unit of the treated, and its logarithm's slope."""
    cells = _telling(cells, groups)
    unit = tables.window.unit
    method = "complementary log-log hazard of customer-units"
    treated = cells["treated"] > 0
    if not (cells.loc[treated, "event"].sum() > 0 and cells.loc[~treated, "event"].sum() > 0):
        nothing = Estimate.withheld("nobody left in one of the arms", unit="ratio", n=n,
                                    method=method, grade=grade)  # fmt: skip
        return nothing, nothing
    middle = np.average(cells.loc[treated, "treated_since"], weights=cells.loc[treated, "trials"])
    centred = cells["treated_since"] - middle * cells["treated"]
    try:
        fit = BinaryRegression(
            columns=("treated", "treated_since"), groups=groups, link="cloglog", trials="trials",
            cluster=cluster,
        ).fit(cells.assign(treated_since=centred))  # fmt: skip
    except NotIdentifiedError as error:
        nothing = Estimate.withheld(str(error), unit="ratio", n=n, method=method, grade=grade)
        return nothing, nothing
    beta, se = fit.coefficients, fit.standard_errors
    low, high = normal_interval(float(beta["treated"]), float(se["treated"]), level)
    ratio = Estimate(
        value=float(np.exp(beta["treated"])), low=float(np.exp(low)), high=float(np.exp(high)),
        level=level, unit="ratio", n=n, events=fit.events, method=method, grade=grade,
    )  # fmt: skip
    low, high = normal_interval(float(beta["treated_since"]), float(se["treated_since"]), level)
    fading = Estimate(
        value=float(beta["treated_since"]), low=low, high=high, level=level,
        unit=f"log ratio per {unit}", n=n, events=fit.events, method=method, grade=grade,
    )  # fmt: skip
    return ratio, fading


def _telling(cells: pd.DataFrame, groups: tuple[str, ...]) -> pd.DataFrame:
    """Return the cells of values in which somebody left.

    Where nobody left, the value's own coefficient explains that wholly and nothing is said of the
    treatment; kept, it would have no finite estimate.
    """
    size = len(cells) + 1
    while len(cells) < size:
        size = len(cells)
        for group in groups:
            cells = cells[cells.groupby(group)["event"].transform("sum") > 0]
    return cells
