"""Notebooks are articles: thin, without outputs, and readable by the runner."""

from __future__ import annotations

import ast
import json
import tomllib
from pathlib import Path

import pytest

from retention.reports import Article, find_articles
from retention.schemas import INPUT_TABLES

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))
MOST_LINES = 10
BANNED = (
    ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.Try,
    ast.With, ast.Lambda,
)  # fmt: skip

each = pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)


def cells_of(path: Path, kind: str = "code") -> list[dict]:
    notebook = json.loads(path.read_text(encoding="utf-8"))
    return [cell for cell in notebook["cells"] if cell["cell_type"] == kind]


def source_of(cell: dict) -> str:
    return cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])


def _is_import(node: ast.stmt) -> bool:
    return isinstance(node, ast.Import | ast.ImportFrom)


@pytest.fixture(scope="module")
def articles() -> dict[str, Article]:
    return {article.name: article for article in find_articles(ROOT)}


@each
def test_a_notebook_has_no_outputs(path):
    for cell in cells_of(path):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None


@each
def test_a_notebook_says_what_it_is_about(path, articles):
    notebook = json.loads(path.read_text(encoding="utf-8"))
    assert notebook["metadata"]["kernelspec"]["name"] == "python3"
    article = articles[path.stem]
    assert article.title
    assert article.question.endswith("?")
    needed = {name for need in article.needs for name in need.split("|")}
    assert needed <= set(INPUT_TABLES)
    assert len({cell.get("id") for cell in notebook["cells"]}) == len(notebook["cells"])


@each
def test_the_parameters_have_working_defaults(path, articles):
    defaults = {p.name: p.default for p in articles[path.stem].parameters}
    assert defaults["project_dir"] == ".."
    assert defaults["period"] == ""


@each
def test_cells_are_short_and_hold_no_logic(path):
    for cell in cells_of(path):
        source = source_of(cell)
        tree = ast.parse(source)
        lines = sum(bool(line.strip()) for line in source.splitlines())
        # an import that the formatter spread over lines is one
        lines -= sum((n.end_lineno or n.lineno) - n.lineno for n in tree.body if _is_import(n))
        assert lines <= MOST_LINES, source
        for node in ast.walk(tree):
            assert not isinstance(node, BANNED), ast.unparse(node)


@each
def test_a_cell_shows_one_exhibit(path):
    for cell in cells_of(path):
        tree = ast.parse(source_of(cell))
        shown = [
            node
            for node in ast.walk(tree)
            if isinstance(node, ast.Call)
            and "show" in (getattr(node.func, "id", ""), getattr(node.func, "attr", ""))
        ]
        assert len(shown) <= 1, source_of(cell)
        last = tree.body[-1] if tree.body else None
        if isinstance(last, ast.Expr):  # a bare value would print itself into the report
            assert shown or isinstance(last.value, ast.Constant), source_of(cell)


@each
def test_a_notebook_explains_itself(path):
    texts = [source_of(cell) for cell in cells_of(path, "markdown")]
    assert texts[0].startswith("# "), "begins with its question"
    method = [c for c in cells_of(path, "markdown") if "method" in c["metadata"].get("tags", ())]
    assert method, "has a folded method"


def test_orders_and_titles_are_told_apart(articles):
    titles = [article.title for article in articles.values()]
    assert len(set(titles)) == len(titles)


def test_notebooks_ask_only_for_what_the_demo_project_measures(articles):
    items = tomllib.loads((ROOT / "retention.toml").read_text(encoding="utf-8"))["items"]
    known = {said["construct"] for said in items.values()}
    assert {name for article in articles.values() for name in article.measures} <= known
