"""Intervals of handling and of contact cover the truth of the whole company as often as they say.

Satisfaction and warmth, which no table holds, are at work: the hazard they leave unexplained, and
the fall of satisfaction after a problem, are in every world.
"""

from __future__ import annotations

import logging
from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention.analyses.losses.complaint_recovery import handling_hazard
from retention.analyses.losses.contact_hazard import DEPTHS, column_of, contact_cells, fit_contacts
from retention.datasets import CompanyParameters
from retention.datasets.company.simulate import CUSTOMER_TABLES, Company
from retention.engine import Tables
from retention.window import Window

WORLDS = 200
WINDOW = Window(start=date(2021, 11, 1), cutoff=date(2026, 11, 1))
NAMES = ("customers", "contracts", "complaints", "contacts", "bonds", "enrolments")
Z = 1.959964


def world(seed, n=1500):
    """One company, only with the tables that are asked; no surveys."""
    company = Company(n, seed, WINDOW, CompanyParameters())
    (made,) = company.worlds()
    return Tables.from_frames({name: CUSTOMER_TABLES[name](made) for name in NAMES}, window=WINDOW)


def of_handling(tables, true):
    pairs = {
        "resolved quickly against slowly": true.log_hazard_quick - true.log_hazard_slow,
        "unresolved against resolved slowly": true.log_hazard_unresolved - true.log_hazard_slow,
        "open against resolved slowly": true.log_hazard_open - true.log_hazard_slow,
    }
    found = handling_hazard(tables).contrasts
    for name, effect in pairs.items():
        if name in found:
            shown = found[name]
            width = np.log(shown.high / shown.low) / (2 * Z)
            yield name, np.log(shown.value), width, effect


def of_depth(tables, true):
    cells, held = contact_cells(tables, [(depth, "") for depth in DEPTHS], 90)
    fit = fit_contacts(cells, [column_of(depth) for depth in DEPTHS], held, 0.95)
    for depth in DEPTHS:
        name = column_of(depth)
        yield depth, fit.coefficients[name], fit.standard_errors[name], true.log_hazard[depth]


@pytest.fixture(scope="module")
def estimates():
    """One row a world and effect: estimate, standard error, truth."""
    true, rows = CompanyParameters(), []
    for seed in range(7000, 7000 + WORLDS):
        tables = world(seed)
        for what, found in (
            ("handling", of_handling(tables, true.complaints)),
            ("depth", of_depth(tables, true.contacts)),
        ):
            rows += [(what, *row) for row in found]
        tables.close()
    frame = pd.DataFrame(rows, columns=["what", "name", "value", "se", "true"])
    frame["inside"] = (frame["value"] - frame["true"]).abs() <= Z * frame["se"]
    frame["bias"] = frame["value"] - frame["true"]
    by = frame.groupby(["what", "name"])
    told = by.agg(n=("value", "size"), bias=("bias", "mean"), sd=("value", "std"),
                  se=("se", "mean"), inside=("inside", "mean"))  # fmt: skip
    logging.getLogger(__name__).info("coverage\n%s", told.round(3).to_string())
    return frame


@pytest.mark.slow
@pytest.mark.parametrize("what", ["handling", "depth"])
def test_intervals_cover_the_truth(estimates, what):
    """93 to 97 %, but for the chance of so many worlds."""
    inside = estimates.loc[estimates["what"] == what, "inside"]
    chance = 2 * np.sqrt(0.05 * 0.95 / len(inside))
    assert len(inside) > 2 * WORLDS
    assert 0.93 - chance <= inside.mean() <= 0.97 + chance
