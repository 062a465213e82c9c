"""Small notebooks that do what a test wants, and a project to run them in."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
import pytest

from retention.reports.articles import find_articles
from retention.reports.execution import Execution, Job, execute_all
from retention.reports.limits import Limits, Stop

PARAMETERS = 'project_dir = ".."\nperiod = ""'

ANSWER = """
from dataclasses import dataclass
from retention.estimates import Estimate
@dataclass(frozen=True)
class Toy:
    value: float
    def summary(self): return None
    def headline(self): return f"{self.value:.0%} of the customers stayed."
    def cautions(self): return ("A toy.",)
    def estimates(self):
        return {"stayed": Estimate(value=self.value, low=self.value - 0.05,
            high=self.value + 0.05, unit="share", n=100, events=10, method="count", grade="D")}
"""

Writer = Callable[..., Path]


@pytest.fixture(scope="session")
def write_notebook() -> Writer:
    """Write a notebook of code cells; a tuple is (type, tags, source)."""

    def write(
        path: Path,
        cells: Sequence[str | tuple[str, list[str], str]] = (),
        *,
        parameters: str = PARAMETERS,
        **about: object,
    ) -> Path:
        notebook = nbformat.v4.new_notebook()
        tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
        notebook.cells = [tagged]
        for cell in cells:
            kind, tags, source = cell if isinstance(cell, tuple) else ("code", [], cell)
            new = {"code": nbformat.v4.new_code_cell, "markdown": nbformat.v4.new_markdown_cell}
            notebook.cells.append(new[kind](source, metadata={"tags": tags}))
        for place, cell in enumerate(notebook.cells):
            cell["id"] = f"cell-{place}"
        title = path.stem.replace("_", " ").capitalize()
        notebook.metadata = {
            "kernelspec": {"name": "python3", "display_name": "Python 3"},
            "retention": {"title": title, "question": f"What of {title}?", **about},
        }
        path.parent.mkdir(parents=True, exist_ok=True)
        nbformat.write(notebook, path)
        return path

    return write


TOML = """
[project]
name = "Toy & Sons"
currency = "EUR"
observed_from = 2025-01-01
data_cutoff = 2026-11-01
minimum_n = 20

[tables.customers]
path = "data/customers.csv"
"""


def write_toy(root: Path, write_notebook: Writer) -> None:
    """Write a project with one question that has an answer, and one that lacks its table."""
    (root / "data").mkdir(parents=True)
    (root / "retention.toml").write_text(TOML, encoding="utf-8")
    (root / "data/customers.csv").write_text("customer_id,acquired_on\nc1,2025-02-01\n")
    write_notebook(
        root / "notebooks/stayed.ipynb",
        [
            ("markdown", [], "# Who stayed\nA question."),
            ANSWER + "from retention.exhibits import *\nimport pandas as pd",
            ("markdown", [], "## The curve\nSee https://example.org/paper and $S(t)$."),
            "show(Toy(0.8))",
            "ax = new_axes(); _ = ax.plot([1, 0]); show(describe(ax, alt='Falls.', caption='C'))",
            "show(pd.DataFrame({'n': [100]}, index=['<b>a</b>']), caption='Counts', name='counts')",
            ("markdown", ["method"], "## How it is counted\n$$\\hat S(t) = \\prod_i (1-h_i)$$"),
        ],
        needs=["customers"],
        order=1,
        key_figures={"stayed": "higher"},
    )
    write_notebook(root / "notebooks/reasons.ipynb", ["1/0"], needs=["exits"], order=2)


@pytest.fixture
def project_dir(tmp_path, write_notebook) -> Path:
    """The toy project, in a folder whose name is not easy."""
    root = tmp_path / "toy firm 你好"
    write_toy(root, write_notebook)
    return root


@pytest.fixture(scope="session")
def toy_root(tmp_path_factory, write_notebook) -> Path:
    """The toy project, for tests that leave it as it is."""
    root = tmp_path_factory.mktemp("toy")
    write_toy(root, write_notebook)
    return root


@pytest.fixture(scope="session")
def executed(toy_root):
    """The notebook of the toy firm, executed once for all tests."""
    root = toy_root
    article = next(a for a in find_articles(root) if a.name == "stayed")
    values = {"project_dir": ".", "period": "2026-10"}
    job = Job(article=article, values=values, cwd=root, output=root / "executed.ipynb")
    limits = Limits(cell_seconds=60, run_seconds=120)
    stop = Stop(time.monotonic() + 120)
    (result,) = execute_all([job], limits=limits, stop=stop, progress=lambda *seen: None)
    assert result.status == "answered", result.reason
    return job.output.read_text(encoding="utf-8")


@pytest.fixture
def canned(monkeypatch, executed):
    """Runs take the notebook that was executed once, with the value the toy notebook now has."""

    def execute(jobs, *, limits, stop, progress, kernels):
        for job in jobs:
            text = executed
            if "Toy(0.7)" in job.article.path.read_text(encoding="utf-8"):
                text = text.replace("80%", "70%").replace('"value": 0.8', '"value": 0.7')
                text = text.replace('"low": 0.75', '"low": 0.65').replace(
                    "0.8500000000000001", "0.75"
                )
            job.output.write_text(text, encoding="utf-8")
        return tuple(Execution(article=job.article.name, status="answered") for job in jobs)

    monkeypatch.setattr("retention.reports.running.execute_all", execute)
    monkeypatch.setattr("retention.reports.building._write_register", lambda run, report: False)
