"""Fixtures that every test may use."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import settings

settings.register_profile("house", deadline=None, derandomize=True, print_blob=True)
settings.load_profile("house")


@pytest.fixture
def rng() -> np.random.Generator:
    """Chance, the same in every run."""
    return np.random.default_rng(20261031)


@pytest.fixture(scope="session")
def real_data() -> Path:
    """The folder of real data sets, named by RETENTION_REAL_DATA; skips where there is none."""
    named = os.environ.get("RETENTION_REAL_DATA", "")
    if not named:
        pytest.skip("RETENTION_REAL_DATA names no folder of real data sets")
    folder = Path(named)
    if not folder.is_dir():
        pytest.skip(f"RETENTION_REAL_DATA names {folder.name}, which is no folder")
    return folder


@pytest.fixture(scope="session")
def online_retail(real_data: Path) -> pd.DataFrame:
    """One row an invoice of Online Retail 2009-2010, of the customers who are named."""
    lines = pd.read_parquet(real_data / "online_retail_2009_2010.parquet")
    lines = lines.dropna(subset=["CustomerID"])
    lines["amount"] = lines["Quantity"] * lines["UnitPrice"]
    lines["customer_id"] = lines["CustomerID"].astype(float).astype(int).astype(str)
    lines["ordered_on"] = pd.to_datetime(lines["InvoiceDate"]).dt.normalize()
    keys = ["InvoiceNo", "customer_id", "ordered_on"]
    invoices = lines.groupby(keys, as_index=False)["amount"].sum().round({"amount": 2})
    invoices["order_id"] = invoices["InvoiceNo"].astype(str)
    return invoices.drop(columns="InvoiceNo")


@pytest.fixture(autouse=True)
def _no_figure_is_left_open() -> Iterator[None]:
    """Close what a test drew, so that the next one finds no figure open."""
    yield
    if "matplotlib.pyplot" in sys.modules:
        sys.modules["matplotlib.pyplot"].close("all")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every query asked of any company's tables from here on, as finished SQL."""
    from retention.engine import Tables

    seen: list[str] = []
    query = Tables.query

    def recorded(self: Tables, sql: str, **names: object) -> object:
        seen.append(self.sql(sql, **names))
        return query(self, sql, **names)

    monkeypatch.setattr(Tables, "query", recorded)
    return seen
