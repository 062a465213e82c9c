"""Who brings what: identities, and real data against an independent count."""

from __future__ import annotations

from datetime import date

import numpy as np
import pandas as pd
import pytest

from retention import Window
from retention.analyses import customer_value
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Answer


@pytest.fixture(scope="module")
def company():
    made = simulate_company(600, seed=3, history=False)
    return Tables.from_frames(made.tables, window=made.window)


@pytest.fixture(scope="module")
def retailer(online_retail):
    first = online_retail.groupby("customer_id")["ordered_on"].min().rename("acquired_on")
    window = Window(start=date(2009, 12, 1), cutoff=date(2010, 12, 1))
    return Tables.from_frames(
        {"customers": first.reset_index(), "orders": online_retail}, window=window, currency="GBP"
    )


def test_online_retail_equals_ten_lines_of_pandas(online_retail, retailer):
    answer = customer_value(retailer, months=6)

    rows = online_retail[online_retail["ordered_on"] < "2010-12-01"]
    half = np.where(rows["ordered_on"] >= "2010-06-01", "now", "before")
    table = rows.pivot_table("amount", "customer_id", half, "sum")  # missing: did not trade
    x = np.sort(table["now"].dropna().to_numpy())
    n, cumulative = len(x), np.cumsum(x)
    top = x[::-1][: n // 5].sum() + (n / 5 - n // 5) * x[::-1][n // 5]
    pairwise = np.abs(x[:, None] - x[None, :]).mean() / (2 * x.mean())
    positive = np.clip(x[::-1], 0, None)
    share_before = (np.cumsum(positive) - positive) / positive.sum()
    classes = np.where(
        positive <= 0, "C", np.select([share_before < 0.8, share_before < 0.95], "AB", "C")
    )
    new = (table["before"].isna(), table["now"].isna())

    numbers = answer.estimates()
    assert numbers["customers_trading"].value == n
    assert numbers["total"].value == pytest.approx(cumulative[-1], abs=0.005)
    assert numbers["gini"].value == pytest.approx(pairwise, abs=1e-9)
    assert numbers["top_share"].value == pytest.approx(top / x.sum(), abs=1e-9)
    assert answer.classes["customers"].tolist() == [(classes == c).sum() for c in "ABC"]
    for letter in "ABC":
        money = x[::-1][classes == letter].sum()
        assert answer.classes.loc[letter, "value"] == pytest.approx(money, abs=0.005)
    bridge = answer.bridge
    assert bridge.loc["new", "customers"] == new[0].sum()
    assert bridge.loc["new", "after"] == pytest.approx(table.loc[new[0], "now"].sum(), abs=0.005)
    assert bridge.loc["lost", "customers"] == new[1].sum()
    assert bridge.loc["lost", "before"] == pytest.approx(
        table.loc[new[1], "before"].sum(), abs=0.005
    )
    both = table.dropna()
    grown = both["now"] - both["before"] > 0.05 * both["before"].abs()
    assert bridge.loc["grown", "customers"] == grown.sum()
    assert bridge.loc["returned", "customers"] == 0


def cents(values) -> int:
    return int((pd.Series(values) * 100).round().astype("int64").sum())


@pytest.mark.parametrize("measure", ["revenue", "margin", "profit"])
def test_parts_add_up_to_the_cent(company, measure):
    answer = customer_value(company, measure=measure, margin_share=0.45)
    assert isinstance(answer, Answer)
    traded = answer.customers[answer.customers["value_class"].notna()]
    assert cents(answer.classes["value"]) == cents(traded["value"])
    assert answer.classes["share"].sum() == pytest.approx(1)
    bridge = answer.bridge
    assert cents(bridge["before"]) + cents(bridge["change"]) == cents(bridge["after"])
    assert cents(bridge["after"]) == cents(
        answer.customers.loc[answer.customers["way"].notna(), "value"]
    )
    before = answer.customers["class_before"].value_counts()
    for letter in "ABC":
        assert answer.migration.loc[letter].sum() == before[letter]
        assert answer.migration[letter].sum() == answer.classes.loc[letter, "customers"]
    assert bridge["customers"].sum() == answer.migration.to_numpy().sum()


def test_currency_unit_changes_money_and_nothing_else():
    made = simulate_company(300, seed=5, history=False)
    tables = Tables.from_frames(made.tables, window=made.window)
    scaled = {name: frame.copy() for name, frame in made.tables.items()}
    for column in ("amount", "discount", "margin", "service_cost"):
        scaled["orders"][column] = scaled["orders"][column] * 100
    scaled["contracts"]["price"] = scaled["contracts"]["price"] * 100
    scaled["orders"] = scaled["orders"].sample(frac=1, random_state=1)
    other = Tables.from_frames(scaled, window=made.window)
    one, hundred = customer_value(tables), customer_value(other)
    pd.testing.assert_series_equal(one.customers["value_class"], hundred.customers["value_class"])
    pd.testing.assert_frame_equal(one.migration, hundred.migration)
    assert one.estimates()["gini"].value == pytest.approx(hundred.estimates()["gini"].value)
    assert hundred.estimates()["total"].value == pytest.approx(100 * one.estimates()["total"].value)


def test_a_few_customers_are_not_shown(company):
    few = simulate_company(12, seed=2, history=False)
    answer = customer_value(Tables.from_frames(few.tables, window=few.window))
    assert not answer.estimates()["gini"].shown
    assert "not shown" in answer.headline()


def test_records_too_short_to_compare_say_so(company):
    answer = customer_value(company, months=36)
    assert answer.bridge is None
    assert answer.migration is None
    assert any("No comparison" in caution for caution in answer.cautions())
    with pytest.raises(NotEnoughDataError):
        customer_value(company, months=72)
    with pytest.raises(ParameterError, match="measure"):
        customer_value(company, measure="turnover")


def test_the_future_is_not_known(company):
    cutoff = date(2026, 2, 1)
    made = simulate_company(600, seed=3, history=False)
    orders = made.tables["orders"]
    later = orders[orders["ordered_on"] >= "2026-02-01"].assign(amount=1e6)
    tables = made.tables | {
        "orders": pd.concat([orders[orders["ordered_on"] < "2026-02-01"], later])
    }
    changed = Tables.from_frames(tables, window=made.window)
    first = customer_value(company.as_of(cutoff))
    second = customer_value(changed.as_of(cutoff))
    pd.testing.assert_frame_equal(first.customers, second.customers)


def test_returned_customers_traded_before_both_stretches():
    days = {"old": ["2023-05-01", "2025-06-01"], "new": ["2025-06-01"], "lost": ["2024-06-01"]}
    days |= {"same": ["2024-06-01", "2025-06-01"]}
    orders = pd.DataFrame(
        [(name, day) for name, listed in days.items() for day in listed],
        columns=["customer_id", "ordered_on"],
    )
    orders = orders.assign(
        order_id=[f"o{i}" for i in range(len(orders))],
        amount=10.0,
        ordered_on=pd.to_datetime(orders["ordered_on"]),
    )
    customers = pd.DataFrame({"customer_id": list(days), "acquired_on": pd.Timestamp("2023-02-01")})
    window = Window(start=date(2023, 1, 1), cutoff=date(2026, 1, 1))
    tables = Tables.from_frames({"customers": customers, "orders": orders}, window=window)
    way = customer_value(tables).customers["way"].to_dict()
    assert way == {"old": "returned", "new": "new", "lost": "lost", "same": "kept"}
