"""SQL that stands in analyses and features themselves: it must mean the same on every engine.

The templates are linted as they run, in ``tests/features/test_engines.py``.
"""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

import pytest
from jinja2 import Environment, meta

import retention
from retention.analyses import data_quality
from retention.datasets import simulate_company
from retention.engine import Tables, lint, render

pytest.importorskip("sqlglot", reason="needs the extra spark")

ROOT = Path(retention.__file__).parent
BEGINS = re.compile(r"select\s|with \w+ as \(")
# composed of parts in Python: these are linted as they run
COMPOSED = {"data_quality.py", "history.py", "rfm.py"}
GIVEN = {"since": date(2025, 1, 1), "on": date(2025, 1, 1), "tenure": "1"}
TEMPLATES = Environment(autoescape=True)
TEMPLATES.filters |= {"ident": str, "literal": str}


@pytest.fixture(scope="module")
def queries() -> dict[str, tuple[list[str], bool]]:
    """Return by module its whole queries, and whether it composes others."""
    files = [path for folder in ("analyses", "features") for path in (ROOT / folder).rglob("*.py")]
    read = {path.name: path.read_text(encoding="utf-8") for path in sorted(files)}
    return {
        name: texts(source)
        for name, source in read.items()
        if re.search("[\"'](select|with) ", source)
    }


def texts(source: str) -> tuple[list[str], bool]:
    """Return every whole query of a module, and whether it composes others."""
    nodes = list(ast.walk(ast.parse(source)))
    joined = [node for node in nodes if isinstance(node, ast.JoinedStr)]
    parts = {id(part) for node in joined for part in node.values}
    whole = [
        node.value
        for node in nodes
        if isinstance(node, ast.Constant) and id(node) not in parts and _is_query(node.value)
    ]
    composed = ["".join(getattr(part, "value", "x") if isinstance(part, ast.Constant) else "x"
                        for part in node.values) for node in joined]  # fmt: skip
    return whole, any(map(_is_query, composed))


def _is_query(text: object) -> bool:
    return isinstance(text, str) and bool(BEGINS.match(text)) and " from " in text


def filled(text: str) -> str:
    """Return a query with values in the places of its names."""
    names = meta.find_undeclared_variables(TEMPLATES.parse(text))
    return render(text, **{name: GIVEN.get(name, "margin") for name in names})


def test_every_query_in_the_code_passes_the_lint(queries):
    whole = [(name, text) for name, (found, _) in queries.items() for text in found]
    assert len(whole) > 50
    faults = {
        f"{name}: {text}": lint(filled(text))
        for name, text in whole
        if "from spells" not in text  # the tail of a template, linted as it runs
    }
    assert not {text: fault for text, fault in faults.items() if fault}


def test_queries_composed_in_python_are_known(queries):
    assert {name for name, (_, composed) in queries.items() if composed} == COMPOSED


def test_what_data_quality_asks_passes_the_lint(monkeypatch):
    company = simulate_company(40, seed=2)
    tables = Tables.from_frames(company.tables, window=company.window)
    seen = []
    query = Tables.query

    def spy(self, sql, **names):
        seen.append(self.sql(sql, **names))
        return query(self, sql, **names)

    monkeypatch.setattr(Tables, "query", spy)
    data_quality(tables)
    assert len(seen) > 5
    assert {fault for sql in set(seen) for fault in lint(sql)} == set()
