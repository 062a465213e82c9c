"""Every sentence that analyses and exhibits write for readers, read from their source.

A sentence is a text with a blank in it, or a label that an exhibit draws; what stands in braces
becomes a numbered hole, as the catalogue has it. Queries, patterns, and errors that only an analyst
sees are none.
"""

from __future__ import annotations

import ast
import json
import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
SOURCE = ROOT / "src/retention"
NOTEBOOKS = ROOT / "notebooks"
TOLD = ("NotEnoughDataError", "NotIdentifiedError", "MissingTableError")
"""Errors whose text a reader finds: why a question has no answer."""
NOT_FOR_READERS = re.compile(
    r"\b(select|from|where|order by|group by|outcome|direction|depth) ?[(=']"
    r"|\bselect\b.*\bfrom\b|^\w+ [<>=]+ \w+$|<\w+|\[A-Z|^> |^\| "
    r"|^(lower|upper|center|offset) (left|right|center|points)$|^(Noto|Source|DejaVu|PingFang|"
    r"Microsoft|WenQuanYi|SimHei)\b"
)


def sentences() -> Iterator[tuple[str, int, str]]:
    """Return file, line and text of every sentence of analyses and exhibits."""
    for folder in ("analyses", "exhibits"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for line, text in _texts(ast.parse(path.read_text(encoding="utf-8"))):
                yield path.relative_to(SOURCE).as_posix(), line, text


def reasons() -> Iterator[tuple[str, int, str]]:
    """Return file, line and text of every reason why features and models have no answer."""
    for folder in ("features", "models", "metrics"):
        for path in sorted((SOURCE / folder).rglob("*.py")):
            for line, text in _reasons(ast.parse(path.read_text(encoding="utf-8"))):
                yield path.relative_to(SOURCE).as_posix(), line, text


def _reasons(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        told: list[ast.expr] = []
        if isinstance(node, ast.keyword) and node.arg == "needed_for":
            told = [node.value]
        elif isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call):
            told = node.exc.args if ast.unparse(node.exc.func) in TOLD else []
        for part in told:
            text = _with_holes(part) if isinstance(part, ast.Constant | ast.JoinedStr) else ""
            if " " in text.strip() and re.search("[A-Za-z]{2}", text):
                yield part.lineno, text


def _texts(tree: ast.Module) -> Iterator[tuple[int, str]]:
    hidden = {id(node) for part in _not_for_readers(tree) for node in ast.walk(part)}
    for node in ast.walk(tree):
        if id(node) in hidden or not isinstance(node, ast.Constant | ast.JoinedStr):
            continue
        text = _with_holes(node)
        plain = re.sub(r"\{\d*\}", "", text)
        is_words = " " in text.strip() and re.search("[A-Za-z]{2}", plain)
        if is_words and not NOT_FOR_READERS.search(text):
            yield node.lineno, text


def _with_holes(node: ast.Constant | ast.JoinedStr) -> str:
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else ""
    text, holes = "", 0
    for part in node.values:
        if isinstance(part, ast.Constant):
            text += str(part.value)
        else:
            holes += 1
            text += f"{{{holes}}}"
    return text


def _not_for_readers(tree: ast.Module) -> Iterator[ast.AST]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant):
            yield node.value  # a docstring
        elif isinstance(node, ast.JoinedStr):
            yield from (part for part in node.values if isinstance(part, ast.Constant))
            yield from (
                part.format_spec
                for part in node.values
                if isinstance(part, ast.FormattedValue) and part.format_spec is not None
            )
        elif isinstance(node, ast.Raise):
            if not any(name in ast.unparse(node)[:80] for name in TOLD):
                yield node
        elif isinstance(node, ast.Compare):
            yield node
        elif isinstance(node, ast.Subscript):
            yield node.slice
        elif isinstance(node, ast.Call) and ast.unparse(node.func).endswith(
            ("cast", "query", "re.sub", "re.compile", "re.findall")
        ):
            yield node


def notebook_texts() -> Iterator[tuple[str, str, str]]:
    """Return notebook, kind (``paragraph`` or ``text``) and text of all that notebooks say."""
    for path in sorted(NOTEBOOKS.glob("*.ipynb")):
        notebook = json.loads(path.read_text(encoding="utf-8"))
        about = notebook["metadata"]["retention"]
        for text in (about["title"], about["question"], *about.get("labels", {}).values()):
            yield path.stem, "text", text
        for cell in notebook["cells"]:
            source = cell["source"] if isinstance(cell["source"], str) else "".join(cell["source"])
            if cell["cell_type"] == "markdown":
                for block in re.split(r"\n\s*\n", source.strip("\n")):
                    yield path.stem, "paragraph", block
            elif "parameters" not in cell["metadata"].get("tags", ()):
                for node in ast.walk(ast.parse(source)):
                    is_caption = isinstance(node, ast.keyword) and node.arg == "caption"
                    if is_caption and isinstance(node.value, ast.Constant):
                        yield path.stem, "text", node.value.value
