"""The register: every customer once, questions that can be asked, actions by stated rules."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.analyses import (
    FIELDS,
    JOINS,
    QUESTIONS,
    Condition,
    add_values,
    ask,
    customer_lifetime_value,
    customer_register,
    recommended_actions,
    register_joins,
)
from retention.datasets import simulate_company
from retention.engine import Tables
from retention.errors import ParameterError


@pytest.fixture(scope="module")
def made():
    return simulate_company(500, seed=3, history=False)


@pytest.fixture(scope="module")
def tables(made):
    items = {"csat": {"construct": "csat", "low": 1, "high": 10}}
    return Tables.from_frames(made.tables, window=made.window, items=items)


@pytest.fixture(scope="module")
def register(tables):
    return customer_register(tables, margin_share=0.45)


def test_every_customer_stands_in_it_once(made, register):
    assert register.customers.index.is_unique
    assert set(register.customers.index) == set(made.tables["customers"]["customer_id"])
    names = [field.name for field in register.fields]
    assert names == ["customer_id", *register.customers.columns]


def test_fields_are_told_apart():
    names = [field.name for field in FIELDS]
    assert len(names) == len(set(names))
    assert all(field.about and field.label for field in FIELDS)


@pytest.mark.parametrize("question", QUESTIONS, ids=lambda q: q.name)
def test_question_is_answered_by_the_customers_who_fit(register, question):
    found = ask(register.customers, question.name)
    conditions = question.conditions(list(register.customers))
    fits = np.logical_and.reduce([c.holds(register.customers[c.column]) for c in conditions])
    assert set(found.index) == set(register.customers.index[fits])
    keys = found[question.sort].dropna()
    assert keys.is_monotonic_decreasing if question.down else keys.is_monotonic_increasing


def test_question_takes_other_values(register):
    few = ask(register.customers, "large_with_complaints", {"complaints": "3"})
    many = ask(register.customers, "large_with_complaints", {"complaints": 1})
    assert set(few.index) <= set(many.index)
    assert (many["value_class"] == "A").all()
    with pytest.raises(ParameterError, match="does not ask"):
        ask(register.customers, "large_with_complaints", {"region": "north"})
    with pytest.raises(ParameterError, match="number"):
        ask(register.customers, "large_with_complaints", {"complaints": "many"})
    with pytest.raises(ParameterError, match="no question"):
        ask(register.customers, "who_knows")


def test_question_without_its_table_says_what_is_missing(made):
    alone = {"customers": made.tables["customers"], "orders": made.tables["orders"]}
    register = customer_register(Tables.from_frames(alone, window=made.window))
    assert {q.name for q in register.questions} == {
        "last_years_best", "core_at_risk", "unprofitable", "silent", "due_for_contact",
    }  # fmt: skip
    with pytest.raises(ParameterError, match="complaints"):
        ask(register.customers, "large_with_complaints")


def test_customers_alone_make_a_register(made):
    tables = Tables.from_frames({"customers": made.tables["customers"]}, window=made.window)
    register = customer_register(tables)
    assert len(register.customers) == 500
    assert any("No classes" in text for text in register.warnings)
    assert register.customers["action"].isna().all()


@pytest.mark.parametrize(
    ("condition", "expected"),
    [
        (Condition("x", "ge", 2), [False, True, False]),
        (Condition("x", "le", 1), [True, False, False]),
        (Condition("x", "unknown"), [False, False, True]),
        (Condition("x", "known"), [True, True, False]),
        (Condition("w", "is", "a"), [True, False, False]),
        (Condition("w", "in", "b, A"), [True, True, False]),
        (Condition("w", "contains", "B"), [False, True, False]),
        (Condition("d", "ge", "2026-01-02"), [False, True, False]),
    ],
)
def test_what_is_not_known_fits_unknown_only(condition, expected):
    table = pd.DataFrame(
        {
            "x": [1.0, 2.0, np.nan],
            "w": ["A", "b", None],
            "d": pd.to_datetime(["2026-01-01", "2026-01-02", None]),
        }
    )
    assert condition.holds(table[condition.column]).tolist() == expected


def test_joined_columns_take_part(tables):
    ids = tables.query("select customer_id from customers order by customer_id")["customer_id"]
    risk = pd.DataFrame({"risk": 0.5, "risk_drivers": "late deliveries"}, index=ids.to_numpy())
    register = customer_register(tables, joined=[risk])
    core = register.customers[register.customers["core"] == "yes"]
    assert set(ask(register.customers, "core_at_risk").index) == set(core.index)
    with pytest.raises(ParameterError, match="no field"):
        customer_register(tables, joined=[risk.rename(columns={"risk": "doom"})])


def test_first_rule_that_fits_is_the_action():
    table = pd.DataFrame(
        {
            "value_class": ["A", "A", "C", "B", "A"],
            "sure_loss": ["yes", None, None, None, None],
            "mend": ["serve for 10 % less", None, None, None, None],
            "complaints_open": [1, 2, 3, 0, 0],
            "days_since_contact": [10, 200, 200, 120, 5],
        },
        index=list("abcde"),
    )
    found = recommended_actions(table)
    assert found.loc["a"].tolist() == ["Change price or service", "serve for 10 % less"]
    assert found.loc["b"].tolist() == ["Close the open complaint", "2 open"]
    assert found.loc["c"].isna().all()
    assert found.loc["d", "action_why"] == "no contact for 120 days"
    assert found.loc["e"].isna().all()


def test_mask_leaves_no_name(register):
    masked = register.masked()
    assert "name" not in masked.customers
    assert "manager_id" not in masked.customers
    assert not any(field.personal for field in masked.fields)
    assert len(masked.customers) == len(register.customers)


def test_value_from_orders_and_from_contracts_add_up(tables):
    """In the same measure they are added, in different ones they are not, and that is said."""
    year = {"horizon_years": 1.0, "annual_rate": 0.1, "model": "pareto_nbd", "replicates": 20}
    orders, contracts = (
        customer_lifetime_value(
            tables, basis=basis, replicates=20, horizon_years=1.0, margin_share=0.45, model=model
        ).customers["residual_clv"]
        for basis, model in (("orders", "pareto_nbd"), ("contracts", "auto"))
    )
    both = JOINS["customer_lifetime_value"](
        tables, {**year, "margin_share": 0.45, "contracts": {"margin_share": 0.45}}
    )
    assert both["residual_clv"].sum() == pytest.approx(orders.sum() + contracts.sum())
    assert (both["residual_clv_low"] <= both["residual_clv"]).all()
    assert (both["p_alive"].reindex(contracts.index) == 1).all()
    mixed = JOINS["customer_lifetime_value"](tables, {**year, "margin_share": 0.45})
    assert mixed["residual_clv"].sum() == pytest.approx(orders.sum())
    assert "contracts are valued in revenue" in mixed.attrs["note"]


def test_intervals_of_a_sum_are_those_of_independent_parts():
    ids = pd.Index(["a", "b"], name="customer_id")
    names = ["residual_clv", "residual_clv_low", "residual_clv_high", "p_alive"]
    one = pd.DataFrame([[10.0, 7.0, 13.0, 0.5], [1.0, 1.0, 1.0, 0.2]], ids, names)
    other = pd.DataFrame([[20.0, 16.0, 24.0, 1.0]], ids[:1], names)
    found = add_values(one, other)
    assert found.loc["a"].tolist() == [30.0, 25.0, 35.0, 1.0]
    assert found.loc["b"].tolist() == [1.0, 1.0, 1.0, 0.2]


def test_models_join_where_the_tables_allow_them(tables, made):
    frames, left_out = register_joins(
        tables,
        {"behaviour_segments": {"replicates": 3}, "customer_lifetime_value": {"replicates": 20}},
    )
    register = customer_register(tables, joined=frames, margin_share=0.45)
    told = {str(column) for frame in frames for column in frame}
    assert {"risk", "risk_drivers", "residual_clv", "next_products"} <= told | {
        word for text in left_out for word in text.split()
    }
    value = register.customers.dropna(subset="residual_clv")
    assert len(value) > 50
    assert (value["residual_clv_low"] <= value["residual_clv"]).all()
    assert (value["residual_clv"] <= value["residual_clv_high"]).all()
    here = register.customers["risk"].dropna()
    assert here.between(0, 1).all()
    assert (register.customers.loc[here.index, "contracts_running"] > 0).all()
    alone = Tables.from_frames({"customers": made.tables["customers"]}, window=made.window)
    nothing, reasons = register_joins(alone)
    assert nothing == []
    assert len(reasons) == 5
    with pytest.raises(ParameterError, match="does not join"):
        register_joins(alone, {"weather": {}})
