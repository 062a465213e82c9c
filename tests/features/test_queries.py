"""SQL that stands in analyses and features themselves: it must mean the same on every engine.

The templates are linted as they run, in ``test_engines.py``.
"""

from __future__ import annotations

import ast
import re
from datetime import date
from pathlib import Path

import pandas as pd
import pytest
from jinja2 import Environment, meta

import retention
from retention.analyses import data_quality
from retention.analyses.customers.data_quality import CONFLICTS
from retention.engine import Tables, lint, render
from retention.errors import DataError

from .conftest import hostile, on_engine

pytest.importorskip("sqlglot", reason="needs the extra spark")

ROOT = Path(retention.__file__).parent
BEGINS = re.compile(r"select\s|with \w+ as \(")
# composed of parts in Python: these are linted as they run
COMPOSED = {"analyses/customers/data_quality.py", "features/history.py", "features/rfm.py"}
DAY = date(2025, 1, 1)
GIVEN = {
    **dict.fromkeys(("since", "on", "then", "until", "before"), DAY),
    "tenure": "1",
    "by": "region",
    "name": "rebate",
    "p": "rebate",
    "customer_id": "C00000007",
}
TEMPLATES = Environment(autoescape=True)
TEMPLATES.filters |= {"ident": str, "literal": str}


@pytest.fixture(scope="module")
def queries() -> dict[str, tuple[list[str], bool]]:
    """Return by module its whole queries, and whether it composes others."""
    files = [path for folder in ("analyses", "features") for path in (ROOT / folder).rglob("*.py")]
    read = {_name(path): path.read_text(encoding="utf-8") for path in sorted(files)}
    worth = re.compile("[\"'](select|with) ")
    return {name: texts(source) for name, source in read.items() if worth.search(source)}


def _name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


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


def test_what_data_quality_asks_passes_the_lint(small_company, asked):
    tables = Tables.from_frames(small_company.tables, window=small_company.window)
    data_quality(tables)
    assert len(asked) > 5
    assert {fault for sql in set(asked) for fault in lint(sql)} == set()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_every_query_of_analyses_says_the_same_on_spark(queries, small_company, spark, tmp_path):
    frames, window = hostile(small_company), small_company.window
    here = Tables.from_frames(frames, window=window)
    there = on_engine(spark, here, tmp_path)
    asked = {
        text: filled(text)
        for name, (found, _) in queries.items()
        for text in found
        if name.startswith("analyses")
    }
    asked |= {f"conflict: {what}": f"select customer_id from ({sql}) as found order by customer_id"
              for what, (_, sql) in CONFLICTS.items()}  # fmt: skip
    different, rows = {}, 0
    for text, sql in asked.items():
        ours = here.query(sql)
        rows += len(ours)
        try:
            # the conflicts have no order of their own
            pd.testing.assert_frame_equal(*map(_in_order, (ours, there.query(sql))), rtol=1e-12)
        except (AssertionError, DataError) as error:
            different[text] = str(error).splitlines()[:4]
    assert not different
    assert rows > 1000


def _in_order(frame: pd.DataFrame) -> pd.DataFrame:
    return frame.sort_values(list(frame.columns), ignore_index=True)
