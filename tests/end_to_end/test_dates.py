"""Reports of data that end on days that are not easy."""

from __future__ import annotations

import json
from datetime import date

import pytest

from retention.datasets import lay_out_example
from retention.project import Project
from retention.reports import Kernels, Order, copy_notebooks, latest_period, run_report
from retention.window import Period

NOTEBOOKS = ("data_quality", "retention_curve", "customer_value")
CUTOFF = "data_cutoff = 2026-11-01"


@pytest.fixture(scope="module")
def company(tmp_path_factory):
    root = tmp_path_factory.mktemp("company")
    lay_out_example("demo", root, n_customers=400, seed=2, data_only=False)
    copy_notebooks(root)
    with Kernels() as kernels:
        yield root, kernels


@pytest.mark.slow  # three notebooks and the register, eight times
@pytest.mark.parametrize(
    ("cutoff", "unit", "label", "last_day"),
    [
        (date(2026, 1, 31), "month", "2025-12", "2025-12-31"),
        (date(2026, 2, 1), "month", "2026-01", "2026-01-31"),
        (date(2024, 2, 29), "month", "2024-01", "2024-01-31"),
        (date(2024, 3, 1), "month", "2024-02", "2024-02-29"),
        (date(2025, 12, 31), "month", "2025-11", "2025-11-30"),
        (date(2026, 1, 1), "year", "2025", "2025-12-31"),
        (date(2026, 3, 30), "week", "2026-W13", "2026-03-29"),  # clocks go forward that Sunday
        (date(2026, 10, 26), "week", "2026-W43", "2026-10-25"),  # and back
    ],
)
def test_data_that_end_on_such_a_day(company, cutoff, unit, label, last_day):
    root, kernels = company
    toml = root / "retention.toml"
    text = toml.read_text(encoding="utf-8")
    assert CUTOFF in text
    changed = text.replace(CUTOFF, f"data_cutoff = {cutoff}")
    toml.write_text(changed.replace("[report]", f'[report]\nperiod = "{unit}"'), encoding="utf-8")
    try:
        project = Project.load(root)
        period = latest_period(project)
        assert period == Period.parse(label)
        outcome = run_report(project, period, Order(only=NOTEBOOKS), None, kernels)
    finally:
        toml.write_text(text, encoding="utf-8")
    assert outcome.exit_code == 0, outcome.reason
    assert all(execution.status == "answered" for execution in outcome.executions)
    page = (outcome.page.parent / "customers.html").read_text(encoding="utf-8")
    assert f"as known at the end of {last_day}" in page
    metrics = json.loads((outcome.page.parent / "metrics.json").read_text(encoding="utf-8"))
    shown = [
        e for a in metrics["answers"] for e in a["estimates"].values() if e["value"] is not None
    ]
    assert len(shown) > 10
