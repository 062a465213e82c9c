"""Covariates are known before the period they explain: never from it, never from later."""

from __future__ import annotations

from collections import Counter
from datetime import date

import duckdb
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import LookAheadError, MissingTableError, ParameterError
from retention.features import (
    Driver,
    build_active,
    build_cube,
    build_durations,
    build_hazard_cells,
    build_person_periods,
    default_drivers,
)
from retention.models import DiscreteHazard

ITEMS = {"csat": {"construct": "csat", "low": 1, "high": 10}}


@pytest.fixture(scope="module")
def tables() -> Tables:
    company = simulate_company(400, seed=3, history=False)
    return Tables.from_frames(company.tables, window=company.window, items=ITEMS)


@pytest.fixture(scope="module")
def periods(tables) -> pd.DataFrame:
    return build_person_periods(tables, by=["segment"])


def test_periods_are_the_spells_cut_into_units(tables, periods):
    spells = build_durations(tables)
    spells = spells[spells["duration"] > 0]
    rows = periods.reset_index().groupby(["customer_id", "spell"])
    found = rows.agg(entry=("start", "min"), duration=("stop", "max"), event=("event", "any"))
    expected = spells.set_index("spell", append=True)[["entry", "duration", "event"]]
    pd.testing.assert_frame_equal(found, expected.sort_index(), check_dtype=False)
    assert rows.size().sum() == (spells["duration"] - spells["entry"]).sum()


def test_covariates_equal_a_loop_over_the_tables(tables, periods):
    complaints = tables.query("select customer_id, opened_on, closed_on from complaints")
    bonds = tables.query("select customer_id, since from bonds")
    answers = tables.query("select customer_id, answered_on, score from surveys where item='csat'")
    rng = np.random.default_rng(1)
    busy = periods[(periods["complaints"] > 0) | (periods["satisfaction"] != "unknown")]
    chosen = pd.concat([busy.iloc[rng.choice(len(busy), 60)], periods.iloc[::400]])
    for customer, row in chosen.iterrows():
        day = row["begins"]
        own = complaints[complaints["customer_id"] == customer]
        recent = own["opened_on"].between(day - pd.Timedelta(days=90), day, inclusive="left")
        assert row["complaints"] == min(recent.sum(), 2)
        begun = own["opened_on"] < day
        running = begun & (own["closed_on"].isna() | (own["closed_on"] >= day))
        assert row["open_complaints"] == min(running.sum(), 1)
        held = bonds[(bonds["customer_id"] == customer) & (bonds["since"] < day)]
        assert row["bonds"] == min(len(held), 4)
        said = answers[answers["customer_id"] == customer]
        said = said[said["answered_on"].between(day - pd.Timedelta(days=365), day, "left")]
        if said.empty:
            assert row["satisfaction"] == "unknown"
        else:
            last = said[said["answered_on"] == said["answered_on"].max()]["score"].mean()
            points = (last - 1) / 9 * 100
            band = "low" if points < 50 else "middle" if points < 80 else "high"
            assert row["satisfaction"] == band


def test_an_earlier_cutoff_gives_the_same_past(tables, periods):
    earlier = date(2025, 3, 1)
    then = build_person_periods(tables.as_of(earlier), by=["segment"])
    now = periods[periods["begins"] < pd.Timestamp(earlier)]
    keys = ["spell", "stop"]
    # the price against the mean of its product moves with the contracts that are known
    columns = [c for c in then.columns if c not in (*keys, "event", "price_gap")]
    now = now.set_index(keys, append=True)
    then = then.set_index(keys, append=True)
    both = then.index.intersection(now.index)
    assert len(both) == len(then)
    pd.testing.assert_frame_equal(then.loc[both, columns], now.loc[both, columns])


def test_counted_cells_give_the_same_fit(tables, periods):
    cells = build_hazard_cells(tables, by=["segment"])
    assert cells["n"].sum() == len(periods)
    spec = DiscreteHazard(covariates=["segment", "bonds", "satisfaction"], tenure=2)
    np.testing.assert_allclose(spec.fit(cells).theta, spec.fit(periods).theta, atol=1e-9)


def test_active_customers_are_those_whose_contract_runs(tables):
    active = build_active(tables, by=["segment"])
    running = tables.query("select distinct customer_id from contracts where ended_on is null")
    assert set(active.index) == set(running["customer_id"])
    assert active.index.is_unique
    for customer, row in active.head(20).iterrows():
        start = row["started_on"].date()
        assert row["tenure"] == tables.window.whole_units(start, tables.window.last_day), customer
    assert (active["monthly_price"] > 0).all()


def test_look_ahead_is_refused():
    with pytest.raises(LookAheadError, match="lag_days -1"):
        Driver(name="d", table="complaints", kind="count", lag_days=-1)
    with pytest.raises(LookAheadError, match="known from closed_on"):
        Driver(name="d", table="complaints", kind="last", column="outcome", value_sql="1")
    Driver(name="d", table="complaints", kind="last", column="outcome", value_sql="1",
           day="closed_on")  # fmt: skip


def test_a_lag_moves_the_knowledge_back(tables):
    lagged = Driver(name="late", table="complaints", kind="count", days=90, lag_days=30)
    plain = Driver(name="late", table="complaints", kind="count", days=90)
    a, b = (build_person_periods(tables, drivers=[d])["late"] for d in (lagged, plain))
    assert not a.equals(b)


def test_names_and_tables_are_checked(tables):
    assert {driver.name for driver in default_drivers(tables)} >= {"complaints", "satisfaction"}
    twice = Driver(name="segment", table="complaints", kind="count")
    with pytest.raises(ParameterError, match="two columns are called segment"):
        build_person_periods(tables, by=["segment"], drivers=[twice])
    frames = {"contracts": tables.query("select * from contracts"),
              "customers": tables.query("select * from customers")}  # fmt: skip
    bare = Tables.from_frames(frames, window=tables.window)
    with pytest.raises(MissingTableError, match="complaints"):
        build_person_periods(bare, drivers=[Driver(name="c", table="complaints", kind="count")])
    assert default_drivers(bare) == ()


def test_the_last_answer_is_the_one_a_native_asof_join_finds(tables, periods):
    answers = tables.query(
        "select customer_id, answered_on, avg(score) as score from surveys where item = 'csat'"
        " group by customer_id, answered_on"
    )
    rows = periods.reset_index()[["customer_id", "begins", "satisfaction"]]
    rows.attrs = {}
    with duckdb.connect() as connection:
        connection.register("rows_", pa.Table.from_pandas(rows))
        connection.register("answers", pa.Table.from_pandas(answers))
        found = connection.sql(
            "select r.satisfaction, case"
            " when a.score is null or datediff('day', a.answered_on, r.begins) > 365 then 'unknown'"
            " when (a.score - 1) / 9 * 100 < 50 then 'low'"
            " when (a.score - 1) / 9 * 100 < 80 then 'middle' else 'high' end as expected"
            " from rows_ r asof left join answers a"
            " on r.customer_id = a.customer_id and r.begins > a.answered_on"
        ).df()
    assert len(found) == len(periods)
    assert found["satisfaction"].nunique() == 4
    assert (found["satisfaction"] == found["expected"]).all()


def test_the_cube_counts_the_periods_spelled_out_also_of_those_of_no_group():
    company = simulate_company(200, seed=3, history=True)
    customers = company.tables["customers"].copy()
    customers.loc[customers.index[::17], "segment"] = None
    frames = {"customers": customers, "contracts": company.tables["contracts"]}
    tables = Tables.from_frames(frames, window=company.window)
    cube = build_cube(tables, by=["segment"])
    spells = build_durations(tables, by=["segment"])
    assert (spells["entry"] > 0).any()
    spelled = Counter(
        (None if pd.isna(segment) else segment, tenure)
        for segment, entry, duration in spells[["segment", "entry", "duration"]].itertuples(
            index=False
        )
        for tenure in range(entry + 1, duration + 1)
    )
    assert any(segment is None for segment, _ in spelled)
    for segment, tenure, at_risk in cube[["segment", "tenure", "at_risk"]].itertuples(index=False):
        assert at_risk == spelled[None if pd.isna(segment) else segment, tenure]
