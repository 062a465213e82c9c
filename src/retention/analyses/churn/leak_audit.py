"""Which columns know the future: what each gains by it, before anybody believes a model."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from retention.errors import AnalysisError
from retention.metrics import concordance
from retention.models import Cox

__all__ = ["audit_columns"]

_GAIN = 0.05
_GROWS = 0.6


def audit_columns(
    durations: pd.DataFrame, columns: Sequence[str], *, base: Sequence[str] = ()
) -> pd.DataFrame:
    """Tell columns that separate leavers, or that add up over the stay they are to explain.

    A sum over the stay (total charges, number of visits) is large *because* the customer stayed.
    Such a column gains much while it is in the model as it is, and little per unit of tenure.

    Parameters
    ----------
    durations : pandas.DataFrame
        One row a spell: ``duration``, ``event`` and the columns.
    columns : sequence of str
        Columns to audit, one at a time.
    base : sequence of str
        Columns that are beyond doubt; every model has them.

    Returns
    -------
    pandas.DataFrame
        By column: ``concordance_without`` and ``concordance_with`` it, ``concordance_by_tenure``
        (numbers divided by tenure), ``with_tenure`` (rank correlation with the duration), and
        ``suspicion``: empty, or what to look into.
    """
    table = durations[durations["duration"] > 0]
    without = _concordance(table, base)
    rows = {}
    for name in columns:
        number = pd.api.types.is_numeric_dtype(table[name])
        try:
            found = _concordance(table, [*base, name])
        except AnalysisError as error:
            rows[name] = (without, np.nan, np.nan, np.nan, f"knows who left: {error}")
            continue
        grows, by_tenure = np.nan, np.nan
        if number:
            grows = float(spearmanr(table[name], table["duration"]).statistic)
            scaled = table.assign(**{name: table[name] / table["duration"]})
            by_tenure = _concordance(scaled, [*base, name])
        suspicion = ""
        if found - without > _GAIN and abs(grows) > _GROWS:
            suspicion = "adds up over the stay: use its rate, or its value a period before"
        rows[name] = (without, found, by_tenure, grows, suspicion)
    names = ["concordance_without", "concordance_with", "concordance_by_tenure", "with_tenure",
             "suspicion"]  # fmt: skip
    return pd.DataFrame.from_dict(rows, orient="index", columns=names).rename_axis("column")


def _concordance(table: pd.DataFrame, covariates: Sequence[str]) -> float:
    if not covariates:
        return 0.5
    fit = Cox(covariates=covariates).fit(table)
    return concordance(table, fit.linear_predictor(table))
