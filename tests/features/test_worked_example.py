"""The ten customers of docs/methods/worked_example.md: what stands there is what comes out.

The tables are read from the page itself, and given in as pandas frames, as files and in Spark.
"""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retention.datasets import read_tables
from retention.engine import Tables
from retention.features import audit_rfm, build_cube, build_durations, build_rfm
from retention.project import Project
from retention.window import Window

PAGE = Path(__file__).parents[2] / "docs/methods/worked_example.md"
DAYS_A_MONTH = 30.4375
PROJECT = """
[project]
name = "Ten"
currency = "EUR"
zone = "Europe/Berlin"
unit = "month"
observed_from = 2024-01-01
data_cutoff = 2024-07-15
"""


def on_page(heading: str) -> pd.DataFrame:
    """Return the table under a heading of the page, as text; an empty cell is None."""
    part = PAGE.read_text(encoding="utf-8").split(f"\n### {heading}\n")[1].split("\n#")[0]
    lines = [line for line in part.splitlines() if line.startswith("|")]
    header, _, *rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]
    return pd.DataFrame(rows, columns=header).replace("", None)


def from_frames(folder: Path) -> Tables:
    window = Window(start=date(2024, 1, 1), cutoff=date(2024, 7, 1), zone="Europe/Berlin")
    frames = {name: on_page(name) for name in ("customers", "contracts", "orders")}
    return Tables.from_frames(frames, window=window)


def from_files(folder: Path) -> Tables:
    """A CSV in Chinese bytes, a Parquet file and a table of a DuckDB file."""
    on_page("customers").to_csv(folder / "customers.csv", index=False, encoding="gb18030")
    on_page("contracts").to_parquet(folder / "contracts.parquet")
    with duckdb.connect(str(folder / "shop.duckdb")) as shop:
        shop.register("page", pa.Table.from_pandas(on_page("orders")))
        shop.execute("create table sales as select * from page")
    sources = (
        '[tables.customers]\npath = "customers.csv"\nencoding = "gb18030"\n'
        '[tables.contracts]\npath = "contracts.parquet"\n'
        '[tables.orders]\npath = "shop.duckdb"\nrelation = "sales"\n'
    )
    (folder / "retention.toml").write_text(PROJECT + sources, encoding="utf-8")
    return read_tables(Project.load(folder), "2024-06")


def from_spark(folder: Path) -> Tables:
    sources = ""
    for name in ("customers", "contracts", "orders"):
        on_page(name).to_parquet(folder / f"{name}.parquet")
        sources += f'[tables.{name}]\npath = "{name}.parquet"\n'
    engine = '[engine]\nname = "spark"\nmaster = "local[2]"\n'
    (folder / "retention.toml").write_text(PROJECT + engine + sources, encoding="utf-8")
    return read_tables(Project.load(folder), "2024-06")


in_spark = pytest.param(
    from_spark, marks=[pytest.mark.spark, pytest.mark.filterwarnings("ignore::FutureWarning")]
)


@pytest.fixture(params=[from_frames, from_files, in_spark])
def tables(request, tmp_path):
    if request.param is from_spark:
        request.getfixturevalue("spark")
    return request.param(tmp_path)


def test_what_was_worked_out_by_hand_comes_out(tables):
    stays, by_hand = build_durations(tables), on_page("durations")
    assert stays.index.tolist() == by_hand["customer_id"].tolist()
    assert stays["entry"].tolist() == by_hand["entry"].astype(int).tolist()
    assert stays["duration"].tolist() == by_hand["duration"].astype(int).tolist()
    assert stays["event"].tolist() == (by_hand["event"] == "yes").tolist()

    cube, by_hand = build_cube(tables).set_index("tenure"), on_page("at risk")
    left = cube["events"].reindex(by_hand["tenure"].astype(int), fill_value=0).to_numpy()
    assert left.tolist() == by_hand["events"].astype(int).tolist()
    at_risk = [((stays["entry"] < t) & (stays["duration"] >= t)).sum() for t in range(1, 9)]
    assert at_risk == by_hand["at_risk"].astype(int).tolist()
    retained = np.cumprod(
        [Fraction(int(n - d), int(n)) for n, d in zip(at_risk, left, strict=True)]
    )
    assert retained.tolist() == [Fraction(text) for text in by_hand["retained"]]

    bought, by_hand = build_rfm(tables), on_page("purchases").set_index("customer_id")
    assert bought.index.tolist() == by_hand.index.tolist()
    by_hand = by_hand.astype(float)
    assert bought["frequency"].tolist() == by_hand["frequency"].tolist()
    for name in ("recency", "T"):
        days = bought[name] * DAYS_A_MONTH
        np.testing.assert_allclose(days, by_hand[name], rtol=1e-12, atol=0)
    for name in ("monetary_value", "revenue"):
        assert bought[name].tolist() == by_hand[name].tolist()


def test_the_page_adds_up(tmp_path):
    orders, revenue = on_page("orders"), on_page("purchases")["revenue"].astype(float)
    said = re.search(r"All revenue, ([\d,.]+), less the 5 .* known:\s+([\d,.]+)\.", _text())
    assert said is not None
    total, known = (float(number.replace(",", "")) for number in said.groups())
    assert round(revenue.sum(), 2) == total
    before = orders["ordered_on"] < "2024-07-01"
    assert before.sum() == 19
    assert round(orders.loc[before, "amount"].astype(float).sum(), 2) == known
    audit = audit_rfm(from_frames(tmp_path))
    assert -5.0 in audit.select_dtypes("number").to_numpy()


def _text() -> str:
    return " ".join(PAGE.read_text(encoding="utf-8").split())
