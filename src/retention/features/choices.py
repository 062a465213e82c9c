"""Purchase occasions with their alternatives, and how often customers went from brand to brand."""

from __future__ import annotations

from collections.abc import Sequence

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ParameterError

__all__ = ["build_choices", "build_switches"]

_CONTRACT = ("customer_id", "occasion", "alternative", "chosen", "price", "decided_on")


def build_choices(tables: Tables, *, attributes: Sequence[str] | None = None) -> pd.DataFrame:
    """Build the long table that choice models are fitted to.

    Parameters
    ----------
    tables : Tables
        With ``choices``.
    attributes : sequence of str, optional
        Numeric columns beyond the price; by default all that the table has.

    Returns
    -------
    DataFrame
        One row a customer, occasion and alternative: customer_id, occasion (1, 2, ... in time),
        alternative, chosen, price and the attributes. ``attrs["attributes"]`` names them.

    Raises
    ------
    MissingTableError
        If there are no choices.
    ParameterError
        If an attribute is not in the table.
    """
    tables.require("choices", needed_for="choices between alternatives")
    known = [c for c in tables.columns("choices") if c not in _CONTRACT]
    if attributes is None:
        attributes = [c for c in known if _is_number(tables, c)]
    if absent := [c for c in attributes if c not in known]:
        raise ParameterError(f"choices has no attribute {', '.join(absent)}; it has {known}")
    frame = tables.query(
        template("retention.features", "choices.sql"),
        attributes=list(attributes),
        dated="decided_on" in tables.columns("choices"),
    )
    frame.attrs["window"] = tables.window
    frame.attrs["attributes"] = tuple(attributes)
    return frame


def _is_number(tables: Tables, column: str) -> bool:
    frame = tables.query(
        "select {{ c | ident }} as value from choices order by value limit 100", c=column
    )
    values = frame["value"]
    return bool(pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values))


def build_switches(tables: Tables) -> pd.DataFrame:
    """Count, in the engine, which brand followed which, and for how many customers.

    Returns
    -------
    DataFrame
        Index `before`, columns the brands, both sorted: how often the column's brand was bought
        right after the row's. ``attrs["customers"]`` says by how many customers.

    Raises
    ------
    MissingTableError
        If there are no choices.
    NotEnoughDataError
        If nobody bought twice.
    """
    tables.require("choices", needed_for="switching between brands")
    counts = tables.query(
        template("retention.features", "switches.sql"),
        dated="decided_on" in tables.columns("choices"),
    )
    if counts.empty:
        raise NotEnoughDataError("no customer bought twice, so nobody can have switched")
    brands = sorted(set(counts["before"]) | set(counts["after"]))
    square = counts.pivot_table(index="before", columns="after", values="n", aggfunc="sum")
    square = square.reindex(index=brands, columns=brands).fillna(0).astype("int64")
    square.attrs["window"] = tables.window
    square.attrs["customers"] = int(counts["customers"].iloc[0])
    return square
