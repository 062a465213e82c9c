"""What the tables hold: rows, customers, days, and how much of each column is known."""

from __future__ import annotations

import pandas as pd

from retention.engine import Tables, template
from retention.schemas import INPUT_TABLES

__all__ = ["build_coverage", "build_namesakes"]


def build_coverage(tables: Tables) -> pd.DataFrame:
    """Count what each column of each table holds.

    Parameters
    ----------
    tables : Tables
        As known at the cutoff.

    Returns
    -------
    DataFrame, one row a table and column
        ``table``, ``column``, ``rows``, ``known`` (rows in which the column is known),
        ``customers`` (with a row in the table; missing where it holds none), ``first_on``,
        ``last_on``.
    """
    parts = [_of_table(tables, name) for name in INPUT_TABLES if name in tables]
    columns = ["table", "column", "rows", "known", "customers", "first_on", "last_on"]
    return pd.concat(parts, ignore_index=True)[columns] if parts else pd.DataFrame(columns=columns)


def _of_table(tables: Tables, name: str) -> pd.DataFrame:
    known = list(tables.columns(name))
    dated = INPUT_TABLES[name].dated
    dated = dated if dated in known and INPUT_TABLES[name][dated].kind == "date" else ""
    row = tables.query(
        template("retention.features", "coverage.sql"),
        table=name, has_customer="customer_id" in known, dated=dated, known=known,
    ).iloc[0]  # fmt: skip
    return pd.DataFrame(
        {
            "table": name,
            "column": known,
            "rows": int(row["total"]),
            "known": [int(row[f"known_{i}"]) for i in range(len(known))],
            "customers": float(row["customers"]) if "customers" in row else float("nan"),
            "first_on": pd.to_datetime(row.get("first_on", pd.NaT)),
            "last_on": pd.to_datetime(row.get("last_on", pd.NaT)),
        }
    )


def build_namesakes(tables: Tables) -> pd.DataFrame:
    """Return what customers are called and where they are, for finding the same customer twice.

    Returns
    -------
    DataFrame, one row a customer with a name
        Index ``customer_id``; ``name``, and ``region`` (missing where it is not known).
    """
    tables.require("customers", needed_for="the same customer under two keys")
    rows = tables.query(
        "select customer_id, name, region from customers where name is not null "
        "order by customer_id"
    )
    return rows.set_index("customer_id")
