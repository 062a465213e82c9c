"""Counts by tenure, price gap and bonds: the same in SQL as in plain Python; and other features."""

from __future__ import annotations

from collections import Counter
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest

from retention.engine import Tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError, ProjectError
from retention.features import (
    build_annual_spend,
    build_bond_worth,
    build_choices,
    build_durations,
    build_investment,
    build_ladder,
    build_lock_in,
    build_market,
    build_quotes,
    build_switches,
    build_switching_scales,
    build_ties,
)
from retention.window import Window, add_months

WINDOW = Window(start=date(2024, 1, 1), cutoff=date(2025, 7, 1))


def random_frames(n: int = 200) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(4)
    ids = [f"k{i}" for i in range(n)]
    began = [date(2023, 6, 1) + timedelta(days=int(d)) for d in rng.integers(0, 600, n)]
    ends = [
        b + timedelta(days=int(d)) for b, d in zip(began, rng.integers(20, 900, n), strict=True)
    ]
    bond_days = [
        b + timedelta(days=int(d)) for b, d in zip(began, rng.integers(0, 300, n), strict=True)
    ]
    return {
        "customers": pd.DataFrame(
            {"customer_id": ids, "acquired_on": began, "segment": rng.choice(["x", "y"], n)}
        ),
        "contracts": pd.DataFrame(
            {
                "customer_id": ids,
                "started_on": began,
                "ended_on": [e if e < WINDOW.cutoff else None for e in ends],
                "price": rng.uniform(80, 120, n).round(2),
                "product": rng.choice(["a", "b"], n),
            }
        ),
        "bonds": pd.DataFrame(
            {
                "customer_id": ids[::2], "bond": "b", "since": bond_days[::2],
                "kind": rng.choice(["training", "personal"], len(ids[::2])), "worth": 10.0,
            }
        ),
        "market": pd.DataFrame(
            [
                (f"2024-{m:02d}", firm, price * (1 + m / 100), count)
                for m in range(1, 13)
                for firm, price, count in (("us", 100, 10), ("rival", 90, 30), ("other", 110, 10))
            ],
            columns=["period", "firm", "price", "customers"],
        ),
    }  # fmt: skip


def test_lock_in_equals_a_loop_over_customers() -> None:
    frames = random_frames()
    tables = Tables.from_frames(frames, window=WINDOW)
    found = build_lock_in(tables, groups=["segment"], own_firm="us", step=0.01)
    contracts = frames["contracts"].set_index("customer_id")
    usual = np.exp(np.log(contracts["price"]).groupby(contracts["product"]).mean())
    segment = frames["customers"].set_index("customer_id")["segment"]
    bonds = frames["bonds"].set_index("customer_id")
    market = build_market(tables, own_firm="us")
    expected: Counter[tuple[object, ...]] = Counter()
    left: Counter[tuple[object, ...]] = Counter()
    for who, row in build_durations(tables).iterrows():
        contract = contracts.loc[who]
        for tenure in range(int(row["entry"]) + 1, int(row["duration"]) + 1):
            begins = add_months(contract["started_on"], tenure - 1)
            known = market[market["since"] <= begins]
            index = known["log_index"].iloc[-1] if len(known) else 0.0
            gap = np.log(contract["price"] / usual[contract["product"]]) - index
            held = [
                int(who in bonds.index and bonds.loc[who, "kind"] == kind
                    and bonds.loc[who, "since"] <= begins)
                for kind in ("personal", "training")
            ]  # fmt: skip
            key = (tenure, segment[who], *held, round(np.floor(gap / 0.01 + 0.5) * 0.01, 6))
            expected[key] += 1
            left[key] += int(row["event"] and tenure == row["duration"])
    rows = {
        (r[0], r[1], r[2], r[3], round(r[4], 6)): (r[5], r[6])
        for r in found.itertuples(index=False)
    }
    assert list(found.columns) == [
        "tenure", "segment", "bond: personal", "bond: training", "gap", "n", "events",
    ]  # fmt: skip
    assert rows == {key: (n, left[key]) for key, n in expected.items()}
    assert found["events"].sum() > 20
    assert found.attrs["bonds"] == {"bond: personal": "social", "bond: training": "structural"}


def test_rivals_index_is_weighted_and_known_only_after_its_period() -> None:
    market = build_market(Tables.from_frames(random_frames(), window=WINDOW), own_firm="us")
    assert market["since"].iloc[0] == date(2024, 2, 1)
    assert market["log_index"].iloc[0] == 0
    assert market["log_index"].iloc[1] == pytest.approx(np.log(1.02 / 1.01))
    with_us = build_market(Tables.from_frames(random_frames(), window=WINDOW))
    assert len(with_us) == 12


def test_satisfaction_is_the_latest_answer_before_the_unit() -> None:
    frames = random_frames(3)
    frames["contracts"] = pd.DataFrame(
        {"customer_id": ["k0"], "started_on": [date(2024, 1, 1)], "ended_on": [None],
         "price": [10.0]}
    )  # fmt: skip
    frames["surveys"] = pd.DataFrame(
        [
            ("a", "k0", date(2024, 2, 15), "q", "s", 8.0),
            ("b", "k0", date(2024, 4, 1), "q", "s", 2.0),
        ],
        columns=["response_id", "customer_id", "answered_on", "instrument", "item", "score"],
    )
    del frames["bonds"], frames["market"]
    window = WINDOW.until(date(2024, 6, 1))
    items = {"s": {"construct": "csat", "low": 0, "high": 10}}
    tables = Tables.from_frames(frames, window=window, items=items)
    found = build_lock_in(tables, satisfaction="csat").set_index("tenure")["satisfaction"]
    assert found.loc[[1, 2]].isna().all()
    assert found.loc[[3, 4]].tolist() == [80, 20]  # the answer of the day itself is known
    with pytest.raises(ParameterError, match="construct 'trust'"):
        build_lock_in(tables, satisfaction="trust")


def test_lock_in_needs_prices() -> None:
    frames = random_frames(10)
    frames["contracts"] = frames["contracts"].drop(columns="price")
    with pytest.raises(MissingTableError, match="price"):
        build_lock_in(Tables.from_frames(frames, window=WINDOW))


def test_choices_are_numbered_in_time() -> None:
    rows = [
        (who, occasion, brand, brand == bought, 1.0 + i, day)
        for who, occasion, bought, day in [
            ("k0", "10", "a", date(2024, 1, 1)), ("k0", "9", "b", date(2024, 3, 1)),
            ("k1", "1", "a", date(2024, 1, 1)),
        ]
        for i, brand in enumerate("ab")
    ]  # fmt: skip
    names = ["customer_id", "occasion", "alternative", "chosen", "price", "decided_on"]
    choices = pd.DataFrame(rows, columns=names)
    customers = random_frames(2)["customers"]
    dated = Tables.from_frames({"customers": customers, "choices": choices}, window=WINDOW)
    found = build_choices(dated)
    bought = found[found["chosen"] & (found["customer_id"] == "k0")]
    assert bought.set_index("occasion")["alternative"].to_dict() == {1: "a", 2: "b"}
    assert build_switches(dated).loc["a", "b"] == 1
    undated = choices.drop(columns="decided_on").assign(colour=1.5, note="x")
    tables = Tables.from_frames({"customers": customers, "choices": undated}, window=WINDOW)
    found = build_choices(tables)
    bought = found[found["chosen"] & (found["customer_id"] == "k0")]
    assert bought.set_index("occasion")["alternative"].to_dict() == {1: "b", 2: "a"}
    assert found.attrs["attributes"] == ("colour",)
    assert build_switches(tables).attrs["customers"] == 1
    with pytest.raises(ParameterError, match="no attribute size"):
        build_choices(tables, attributes=["size"])


def test_incumbent_is_worked_out_where_it_is_not_told() -> None:
    frames = random_frames(4)
    frames["contracts"] = (
        frames["contracts"].iloc[:1].assign(started_on=date(2024, 1, 1), ended_on=date(2024, 6, 1))
    )
    frames["quotes"] = pd.DataFrame(
        [
            ("k0", date(2024, 3, 1), 11.0, 10.0, True),  # contract runs
            ("k1", date(2024, 3, 1), 11.0, 10.0, True),  # new, and wins
            ("k1", date(2024, 5, 1), 9.0, 10.0, False),  # won before
            ("k2", date(2024, 5, 1), 9.0, None, False),  # no rival's price
        ],
        columns=["customer_id", "quoted_on", "our_price", "best_rival_price", "won"],
    )
    found = build_quotes(Tables.from_frames(frames, window=WINDOW))
    assert found["incumbent"].tolist() == [1.0, 0.0, 1.0]
    assert found["gap"].tolist() == pytest.approx([0.1, 0.1, -0.1])
    assert found.attrs["left_out"] == 1
    frames["quotes"]["best_rival_price"] = None
    with pytest.raises(NotEnoughDataError, match="none of 4 quotes"):
        build_quotes(Tables.from_frames(frames, window=WINDOW))


def test_annual_spend_counts_orders_of_a_year_and_running_contracts() -> None:
    frames = random_frames(3)
    frames["contracts"] = pd.DataFrame(
        {"customer_id": ["k0", "k1"], "started_on": [date(2024, 1, 1)] * 2,
         "ended_on": [None, date(2024, 5, 1)], "price": [10.0, 20.0]}
    )  # fmt: skip
    frames["orders"] = pd.DataFrame(
        {"order_id": list("abc"), "customer_id": ["k0", "k0", "k2"],
         "ordered_on": [date(2025, 1, 1), date(2024, 1, 1), date(2025, 1, 1)],
         "amount": [5.0, 7.0, 9.0]}
    )  # fmt: skip
    found = build_annual_spend(Tables.from_frames(frames, window=WINDOW))
    assert found["annual_spend"].to_dict() == {"k0": 125.0}
    del frames["contracts"]
    found = build_annual_spend(Tables.from_frames(frames, window=WINDOW))
    assert found["annual_spend"].to_dict() == {"k0": 5.0, "k2": 9.0}
    with pytest.raises(MissingTableError):
        build_annual_spend(Tables.from_frames({"customers": frames["customers"]}, window=WINDOW))


def test_bond_worth_is_summed_by_kind() -> None:
    frames = random_frames(10)
    found = build_bond_worth(Tables.from_frames(frames, window=WINDOW))
    known = (frames["bonds"]["since"] < WINDOW.cutoff).sum()
    assert found.to_numpy().sum() == 10.0 * known
    assert set(found.columns) == {"personal", "training"}


def test_ladder_and_scales_take_the_latest_answers() -> None:
    rows = [
        ("a", "k0", date(2024, 2, 1), "five", 0.0), ("a", "k0", date(2024, 2, 1), "ten", 1.0),
        ("b", "k1", date(2024, 2, 1), "five", 1.0), ("b", "k1", date(2024, 2, 1), "ten", 0.0),
        ("c", "k2", date(2024, 2, 1), "five", 1.0), ("d", "k2", date(2024, 3, 1), "five", 0.0),
        ("e", "k2", date(2024, 3, 1), "felt", 1.0),
    ]  # fmt: skip
    surveys = pd.DataFrame(
        rows, columns=["response_id", "customer_id", "answered_on", "item", "score"]
    )
    items = {
        "five": {"construct": "leave_at_saving", "dimension": "0.05", "low": 0, "high": 1},
        "ten": {"construct": "leave_at_saving", "dimension": 0.1, "low": 0, "high": 1},
        "felt": {"construct": "switching_cost", "dimension": "learning", "low": 1, "high": 7,
                 "reverse": True},
    }  # fmt: skip
    frames = {"customers": random_frames(3)["customers"], "surveys": surveys.assign(instrument="q")}
    tables = Tables.from_frames(frames, window=WINDOW, items=items)
    found = build_ladder(tables)
    assert found.loc["k0", ["low", "high"]].tolist() == [0.05, 0.1]
    assert found.loc["k2", ["low", "high"]].tolist() == [0.05, np.inf]
    assert found["consistent"].tolist() == [True, False, True]
    assert build_switching_scales(tables)["score"].tolist() == [100.0]
    items["five"]["dimension"] = "a lot"
    with pytest.raises(ProjectError, match="a saving such as"):
        build_ladder(Tables.from_frames(frames, window=WINDOW, items=items))
    with pytest.raises(NotEnoughDataError, match="no survey item"):
        build_ladder(Tables.from_frames(frames, window=WINDOW))


def test_queries_mean_the_same_on_other_engines(monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("sqlglot")
    from retention.engine import dialect

    frames = random_frames(40)
    frames["enrolments"] = pd.DataFrame(
        {"customer_id": ["k0"], "programme": "p", "bond": "social", "enrolled_on": [WINDOW.start]}
    )
    frames["surveys"] = pd.DataFrame(
        {"response_id": ["r"], "customer_id": ["k0"], "answered_on": [WINDOW.start],
         "instrument": ["q"], "item": ["s"], "score": [5.0]}
    )  # fmt: skip
    items = {"s": {"construct": "csat", "low": 0, "high": 10}}
    tables = Tables.from_frames(frames, window=WINDOW, items=items)
    asked = Tables.query

    def query(self: Tables, sql: str, **names: object) -> pd.DataFrame:
        text = self.sql(sql, **names)
        assert dialect.lint(text) == ()
        assert dialect.translate(text, "spark")
        return asked(self, sql, **names)

    monkeypatch.setattr(Tables, "query", query)
    build_lock_in(tables, groups=["segment"], satisfaction="csat")
    build_ties(tables, groups=["segment"], satisfaction="csat")
    build_investment(tables, groups=["segment"])
    build_annual_spend(tables)
    build_bond_worth(tables)


def test_ties_are_of_those_who_are_here_only() -> None:
    frames = random_frames()
    found = build_ties(Tables.from_frames(frames, window=WINDOW))
    here = frames["contracts"].set_index("customer_id")["ended_on"].isna()
    assert set(found.index) <= set(here.index[here])
    assert len(found) == (here & (frames["contracts"]["started_on"] < WINDOW.last_day).values).sum()
