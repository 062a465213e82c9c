"""Small notebooks that do what a test wants, and a project to run them in."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import nbformat
import pytest

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
