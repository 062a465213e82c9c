"""What the models say of each customer, in the columns of the register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pandas as pd

from retention.analyses.churn.churn_risk import churn_risk
from retention.analyses.lifetime_value.customer_lifetime_value import customer_lifetime_value
from retention.analyses.switching.loyalty_types import loyalty_types
from retention.engine import Tables
from retention.errors import AnalysisError, DataError, ParameterError

from .behaviour_segments import behaviour_segments
from .next_products import next_products

__all__ = ["JOINS", "register_joins"]


def _risk(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    table = churn_risk(tables, **{"origins": 1, **settings}).customers
    names = {"p_leave": "risk", "low": "risk_low", "high": "risk_high", "reasons": "risk_drivers"}
    return _named(table, names)


def _value(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    table = customer_lifetime_value(tables, **{**settings, "replicates": 60}).customers
    names = {
        "residual_clv": "residual_clv",
        # of one customer chance is the larger part: the interval holds it
        "counted_low": "residual_clv_low",
        "counted_high": "residual_clv_high",
        "probability_alive": "p_alive",
    }
    return _named(table, names)


def _loyalty(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    return _named(loyalty_types(tables, **settings).customers, {"type": "loyalty_type"})


def _behaviour(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    return behaviour_segments(tables, **{"replicates": 10, **settings}).customers


def _next(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    return next_products(tables, **settings).customers


#: Answers that join the register: the name of their notebook, or of the function, and how.
JOINS: Mapping[str, Callable[[Tables, Mapping[str, Any]], pd.DataFrame]] = {
    "churn_risk": _risk,
    "customer_lifetime_value": _value,
    "loyalty_types": _loyalty,
    "behaviour_segments": _behaviour,
    "next_products": _next,
}


def _named(table: pd.DataFrame, names: Mapping[str, str]) -> pd.DataFrame:
    kept = [name for name in names if name in table]
    frame = table[kept].rename(columns=dict(names))
    return frame[~frame.index.duplicated()].rename_axis("customer_id")


def register_joins(
    tables: Tables, settings: Mapping[str, Mapping[str, Any]] | None = None
) -> tuple[list[pd.DataFrame], list[str]]:
    """Ask every model that the tables allow, and return what it says of each customer.

    Parameters
    ----------
    tables : Tables
        As known at the cutoff.
    settings : mapping of str to mapping, optional
        Settings of each answer, by its name in `JOINS`.

    Returns
    -------
    frames : list of DataFrame
        For `customer_register(joined=...)`.
    left_out : list of str
        One sentence for each answer that cannot be given, with the reason.

    Raises
    ------
    ParameterError
        If settings are for an answer that does not join the register.
    """
    given = settings or {}
    if strange := sorted(set(given) - set(JOINS)):
        raise ParameterError(f"{strange[0]} does not join the register; {', '.join(JOINS)} do")
    frames, left_out = [], []
    for name, join in JOINS.items():
        try:
            frames.append(join(tables, given.get(name, {})))
        except (DataError, AnalysisError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            left_out.append(f"Without {name.replace('_', ' ')}: {reason}.")
    return frames, left_out
