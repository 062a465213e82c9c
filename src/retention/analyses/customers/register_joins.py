"""What the models say of each customer, in the columns of the register."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pandas as pd

from retention.analyses.churn.churn_risk import churn_risk
from retention.analyses.lifetime_value.customer_lifetime_value import (
    CustomerLifetimeValue,
    customer_lifetime_value,
)
from retention.analyses.switching.loyalty_types import loyalty_types
from retention.engine import Tables
from retention.errors import AnalysisError, DataError, MissingTableError, ParameterError

from .behaviour_segments import behaviour_segments
from .next_products import next_products

__all__ = ["JOINS", "add_values", "register_joins"]


def _risk(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    table = churn_risk(tables, **{"origins": 1, **settings}).customers
    names = {"p_leave": "risk", "low": "risk_low", "high": "risk_high", "reasons": "risk_drivers"}
    return _named(table, names)


def _value(tables: Tables, settings: Mapping[str, Any]) -> pd.DataFrame:
    """Return residual value from orders, from contracts, or from both where both are there."""
    own = {name: value for name, value in settings.items() if name != "contracts"}
    same = {
        name: own[name] for name in ("annual_rate", "horizon_years", "replicates") if name in own
    }
    asked = {"orders": own, "contracts": {**same, **settings.get("contracts", {})}}
    found, refused = {}, []
    for basis, how in asked.items():
        if basis not in tables:
            continue
        try:
            found[basis] = customer_lifetime_value(
                tables, **{"replicates": 60, **how, "basis": basis}
            )
        except (DataError, AnalysisError) as error:
            refused.append(error)
    if not found:
        raise refused[0] if refused else MissingTableError("orders", "residual value")
    if len(found) == 1:
        return _valued(next(iter(found.values())))
    orders, contracts = found["orders"], found["contracts"]
    if ("margin" in orders.measure) != ("margin" in contracts.measure):
        table = _valued(orders)
        table.attrs["note"] = (
            f"Residual value is that of orders alone, in {orders.measure}: contracts are valued in "
            f"{contracts.measure}, which cannot be added; give contract_lifetime_value a "
            "margin_share."
        )
        return table
    return add_values(_valued(orders), _valued(contracts))


def _valued(answer: CustomerLifetimeValue) -> pd.DataFrame:
    names = {
        "residual_clv": "residual_clv",
        # of one customer chance is the larger part: the interval holds it
        "counted_low": "residual_clv_low",
        "counted_high": "residual_clv_high",
        "probability_alive": "p_alive",
    }
    return _named(answer.customers, names)


def add_values(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Return residual value from two sources together, each with its interval.

    The interval of the sum is that of independent parts (Zou and Donner 2008, the method of
    variance estimates recovery); whoever is alive for one source is alive.

    Parameters
    ----------
    one, other : DataFrame, one row a customer
        ``residual_clv``, ``residual_clv_low``, ``residual_clv_high`` and ``p_alive``; who is
        missing in one has nothing from it.

    References
    ----------
    .. [1] Zou, G. Y. and Donner, A. (2008). Construction of confidence limits about effect
       measures: a general approach. Statistics in Medicine 27, 1693-1702.
    """
    ids = one.index.union(other.index)
    parts = [part.reindex(ids).fillna(0.0) for part in (one, other)]
    value = parts[0]["residual_clv"] + parts[1]["residual_clv"]
    below, above = (
        np.hypot(parts[0][end] - parts[0]["residual_clv"], parts[1][end] - parts[1]["residual_clv"])
        for end in ("residual_clv_low", "residual_clv_high")
    )
    return pd.DataFrame(
        {
            "residual_clv": value,
            "residual_clv_low": value - below,
            "residual_clv_high": value + above,
            "p_alive": np.maximum(parts[0]["p_alive"], parts[1]["p_alive"]),
        }
    ).rename_axis("customer_id")


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
        Settings of each answer, by its name in `JOINS`; those of lifetime value may hold
        ``contracts``, the settings of value from contracts.

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
            frame = join(tables, given.get(name, {}))
            left_out += [frame.attrs.pop("note")] if "note" in frame.attrs else []
            frames.append(frame)
        except (DataError, AnalysisError) as error:
            reason = str(error).splitlines()[0].rstrip(".")
            left_out.append(f"Without {name.replace('_', ' ')}: {reason}.")
    return frames, left_out
