"""A question whose tables or survey items are not there is unanswered, not failed."""

from __future__ import annotations

from pathlib import Path

from retention.reports.articles import Article


def test_missing_tables_and_unmeasured_constructs_are_named():
    article = Article(
        name="gaps", path=Path("gaps.ipynb"), title="Gaps", question="Where?",
        needs=("surveys", "complaints"), measures=("csat", "trust"),
    )  # fmt: skip
    assert article.lacks({"surveys", "complaints"}, {"csat", "trust"}) == ()
    assert article.lacks({"surveys"}, {"csat"}) == ("complaints", "items.trust")


def test_one_of_two_tables_will_do():
    article = Article(
        name="curve", path=Path("curve.ipynb"), title="Curve", question="How long?",
        needs=("contracts|orders",),
    )  # fmt: skip
    assert article.lacks({"orders"}) == ()
    assert article.lacks({"customers"}) == ("contracts or orders",)
