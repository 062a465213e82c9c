"""How each customer stands with us: complaints, contacts, answers, wallet, bonds, contracts."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from retention.engine import Tables, template
from retention.window import add_months

__all__ = [
    "build_bond_history",
    "build_contact_history",
    "build_contract_state",
    "build_last_answers",
    "build_service_history",
    "build_wallet_share",
]

_PACKAGE = "retention.features"


def _read(tables: Tables, table: str, name: str, months: int = 12) -> pd.DataFrame:
    tables.require(table, needed_for=f"the {table} of each customer")
    start = add_months(tables.window.cutoff, -months)
    frame = tables.query(template(_PACKAGE, name), start=start).set_index("customer_id")
    frame.attrs = {"window": tables.window}
    return frame


def build_service_history(tables: Tables, *, months: int = 12) -> pd.DataFrame:
    """Complaints of each customer who ever had one.

    Returns
    -------
    DataFrame
        ``complaints`` (opened in the last `months`), ``complaints_ever``, ``complaints_open``,
        ``complaints_unresolved``, ``last_complaint_on``, ``days_to_close`` (mean), and the last
        ``follow_up_score``.
    """
    frame = _read(tables, "complaints", "service_history.sql", months)
    closed = frame["complaints_closed"].where(frame["complaints_closed"] > 0)
    frame["days_to_close"] = frame["days_to_close_sum"] / closed
    return frame.drop(columns=["days_to_close_sum", "complaints_closed"])


def build_contact_history(tables: Tables, *, months: int = 12) -> pd.DataFrame:
    """Contacts with each customer there ever was one with.

    Returns
    -------
    DataFrame
        ``contacts`` and ``personal_contacts`` in the last `months`, ``last_contact_on``,
        ``days_since_contact``.
    """
    return _read(tables, "contacts", "contact_history.sql", months)


def build_last_answers(tables: Tables, constructs: Collection[str], name: str) -> pd.DataFrame:
    """Last answers of each customer on a construct, on a scale from 0 to 100.

    Parameters
    ----------
    tables : Tables
        `surveys` are needed, and items mapped to the construct with their scale.
    constructs : collection of str
        Such as ``("csat", "satisfaction")``.
    name : str
        Column of the result; its date is in ``<name>_on``.

    Returns
    -------
    DataFrame
        One row a customer who answered; no rows where no item is mapped.
    """
    tables.require("surveys", needed_for=name)
    items = [
        (item, float(scale["low"]), float(scale["high"]), bool(scale.get("reverse", False)))
        for item, scale in _scales(tables)
        if scale.get("construct") in constructs and "low" in scale and "high" in scale
    ]
    if not items:
        none = pd.DataFrame({f"{name}_on": pd.Series(dtype="datetime64[us]"), name: []}, dtype=None)
        return none.set_axis(pd.Index([], name="customer_id", dtype="str"))
    frame = tables.query(
        template(_PACKAGE, "last_answers.sql"), items=items, names=[item[0] for item in items]
    )
    frame = frame.set_index("customer_id")
    return frame.rename(columns={"answered_on": f"{name}_on", "points": name})


def _scales(tables: Tables) -> list[tuple[str, Mapping[str, Any]]]:
    """Return every item that was answered with its scale; a name with * stands for many."""
    asked = tables.query("select distinct item from surveys order by item")["item"]
    found = []
    for item in asked:
        fits = [name for name in tables.items if fnmatchcase(item, name)]
        if item in tables.items or fits:
            found.append((item, tables.items[item if item in tables.items else fits[0]]))
    return found


def build_wallet_share(tables: Tables) -> pd.DataFrame:
    """Our place in each customer's wallet, in the last period that is known.

    Returns
    -------
    DataFrame
        ``share_of_wallet``, ``wallet_rank``, ``suppliers``, ``category_spend``, ``headroom`` (money
        that goes elsewhere), ``relative_spend`` (our part over the mean part of a rival).
    """
    frame = _read(tables, "wallet", "wallet_share.sql")
    frame["headroom"] = (frame["category_spend"] - frame["own_spend"]).clip(lower=0)
    rivals = (frame["suppliers"] - 1).where(frame["suppliers"] > 1)
    each = frame["headroom"].where(frame["headroom"] > 0) / rivals
    frame["relative_spend"] = frame["own_spend"] / each
    return frame


def build_bond_history(tables: Tables) -> pd.DataFrame:
    """Bonds of each customer who has one.

    Returns
    -------
    DataFrame
        ``bonds`` (count) and ``bond_worth`` (money the customer would lose by leaving).
    """
    return _read(tables, "bonds", "bond_history.sql")


def build_contract_state(tables: Tables) -> pd.DataFrame:
    """Contracts of each customer who ever had one.

    Returns
    -------
    DataFrame
        ``contracts_running``, ``monthly_price`` (of those), ``contract_product``,
        ``contracts_ever``, ``last_ended_on``.
    """
    return _read(tables, "contracts", "contract_state.sql")
