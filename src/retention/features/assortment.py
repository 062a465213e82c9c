"""What is bought by how many, together, and one after the other: counts made in the engine."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ParameterError
from retention.window import add_months

__all__ = ["Assortment", "build_assortment"]

_PACKAGE = "retention.features"


@dataclass(frozen=True, eq=False)
class Assortment:
    """Counts of purchases by product.

    Parameters
    ----------
    popularity : DataFrame
        ``product``, ``customers`` who bought it; the most bought first.
    together : DataFrame
        ``product``, ``other``, ``customers`` who bought both.
    moves : DataFrame
        ``product``, ``next_product``, ``times``: the second in the purchase after the first.
    owned : DataFrame
        ``customer_id``, ``product``, ``in_last``: whether it was in the last purchase.
    """

    popularity: pd.DataFrame
    together: pd.DataFrame
    moves: pd.DataFrame
    owned: pd.DataFrame


def build_assortment(
    tables: Tables, *, start: date | None = None, months: int = 24, top: int = 300
) -> Assortment:
    """Count what customers buy, together and one after the other.

    Parameters
    ----------
    tables : Tables
        With ``orders`` and their ``product``; returns do not count.
    start : date, optional
        First day that counts; by default `months` before the cutoff.
    months : int
        Length of the stretch where no `start` is given.
    top : int
        Products looked at: those that most customers bought. Pairs grow with its square.

    Returns
    -------
    Assortment

    Raises
    ------
    MissingTableError
        If there are no orders.
    NotEnoughDataError
        If the orders name no product.
    ParameterError
        If `top` is below 2.
    """
    tables.require("orders", needed_for="products bought together")
    if top < 2:
        raise ParameterError(f"at least 2 products are compared, got {top}")
    first = start or add_months(tables.window.cutoff, -months)
    popularity = tables.query(template(_PACKAGE, "product_buyers.sql"), start=first, top=int(top))
    if popularity.empty:
        raise NotEnoughDataError("the orders name no product")
    given = {"start": first, "products": popularity["product"].tolist()}
    return Assortment(
        popularity,
        *(
            tables.query(template(_PACKAGE, f"{name}.sql"), **given)
            for name in ("product_pairs", "product_moves", "products_owned")
        ),
    )
