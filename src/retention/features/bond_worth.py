"""What each customer would lose by leaving, by kind of bond."""

from __future__ import annotations

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError

__all__ = ["build_bond_worth"]


def build_bond_worth(tables: Tables) -> pd.DataFrame:
    """Build one row a customer and one column a kind of bond, in the project's currency.

    Raises
    ------
    MissingTableError
        Without bonds.
    NotEnoughDataError
        If no bond has a worth above 0.
    """
    tables.require("bonds", needed_for="what bonds are worth to customers")
    kind = "kind" if "kind" in tables.columns("bonds") else "bond"
    rows = tables.query(template("retention.features", "bond_worth.sql"), kind=kind)
    if rows.empty:
        raise NotEnoughDataError("no bond has a worth above 0")
    table = rows.pivot_table(index="customer_id", columns="kind", values="worth", aggfunc="sum")
    table = table.fillna(0.0)
    table.columns.name = None
    table.attrs["window"] = tables.window
    return table
