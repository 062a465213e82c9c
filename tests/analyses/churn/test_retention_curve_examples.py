"""The curve of the shipped examples: Telco as printed, the simulated company against its truth."""

from __future__ import annotations

import pytest

from retention.analyses import retention_curve
from retention.datasets import lay_out_example, read_tables
from retention.project import Project


def test_telco_example_gives_the_printed_curve_and_the_warning(tmp_path):
    lay_out_example("telco", tmp_path)
    tables = read_tables(Project.load(tmp_path))
    curve = retention_curve(tables, by="contract", horizons=[12, 24, 72])
    found = curve.estimates()
    printed = {12: 0.843199554, 24: 0.788736398, 72: 0.592790152}
    for t, value in printed.items():
        assert found[f"survival_{t}"].value == pytest.approx(value, abs=5e-10)
    assert curve.test.statistic == pytest.approx(2352.87254, abs=5e-6)
    assert curve.groups.loc["all", "rmst_se"] == pytest.approx(0.347750016, abs=5e-10)
    assert curve.snapshot is not None
