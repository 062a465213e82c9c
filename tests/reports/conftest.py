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


@pytest.fixture
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
