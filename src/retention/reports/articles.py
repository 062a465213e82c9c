"""The notebooks of a project: one article a research question."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from retention.errors import NotebookError, ProjectError
from retention.reports.parameters import Parameter, read_parameters

__all__ = ["Article", "choose_articles", "find_articles", "packaged_notebooks", "read_article"]

_NAME = re.compile(r"[a-z][a-z0-9_]*")
_DIRECTIONS = ("higher", "lower", "")


@dataclass(frozen=True, kw_only=True)
class Article:
    """One notebook: what it asks, which tables it needs, which parameters it takes.

    Parameters
    ----------
    name : str
        The file's name without its ending, and that of its page.
    path : Path
        The notebook.
    title, question : str
        For people.
    needs : tuple of str
        Input tables without which the question cannot be answered; ``contracts|orders`` where one
        of them will do.
    measures : tuple of str
        Constructs that the project's ``[items]`` must measure.
    order : int
        Place in the report; the smallest comes first.
    key_figures : mapping of str to str
        Numbers of record that belong on management's page, each with which way is good:
        ``higher``, ``lower`` or empty. One that may be absent ends with a question mark. Where no
        notebook of a report names any, it is the first number of each.
    money_at_stake : mapping of str to str
        Sums of money for management's page, in the same form.
    labels : mapping of str to str
        What numbers are called on management's page, by their names.
    leads : bool
        Whether its first headline is the sentence at the top of management's page.
    not_customers : frozenset of str
        Numbers of record whose n counts firms, branches or periods, not persons: the rule on small
        cells is not about them.
    parameters : tuple of Parameter
        What the parameters cell holds.
    """

    name: str
    path: Path
    title: str
    question: str
    needs: tuple[str, ...] = ()
    measures: tuple[str, ...] = ()
    order: int = 100
    key_figures: dict[str, str] = field(default_factory=dict)
    money_at_stake: dict[str, str] = field(default_factory=dict)
    labels: dict[str, str] = field(default_factory=dict)
    leads: bool = False
    not_customers: frozenset[str] = frozenset()
    parameters: tuple[Parameter, ...] = ()

    def lacks(self, tables: Collection[str], constructs: Collection[str] = ()) -> tuple[str, ...]:
        """Return the needed tables that are not there, and ``items.`` with each unmeasured one."""
        absent = [
            name.replace("|", " or ")
            for name in self.needs
            if not any(one in tables for one in name.split("|"))
        ]
        return (*absent, *(f"items.{name}" for name in self.measures if name not in constructs))


def packaged_notebooks() -> Path:
    """Return the folder of the notebooks that came with the package.

    They lie in the package of an installed wheel, and at the top of the source tree.

    Raises
    ------
    ProjectError
        If there are none, which means a broken installation.
    """
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "notebooks", package.parents[1] / "notebooks"):
        if any(folder.glob("*.ipynb")):
            return folder
    raise ProjectError("the notebooks of the package are missing; install retention-research again")


def read_article(path: Path) -> Article:
    """Read what a notebook says about itself.

    Raises
    ------
    NotebookError
        If it is no notebook, lacks ``metadata.retention`` or its parameters cell.
    """
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
        cells = notebook["cells"]
        about = notebook["metadata"]["retention"]
        title, question = str(about["title"]), str(about["question"])
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise NotebookError(
            f"{path.name} is no notebook of a report: it needs metadata.retention with title and "
            f"question ({type(error).__name__}: {error})"
        ) from error
    return Article(
        name=path.stem,
        path=path,
        title=title,
        question=question,
        needs=tuple(map(str, about.get("needs", ()))),
        measures=tuple(map(str, about.get("measures", ()))),
        order=int(about.get("order", 100)),
        not_customers=frozenset(map(str, about.get("not_customers", ()))),
        key_figures=_key_figures(about.get("key_figures", {}), path.name),
        money_at_stake=_key_figures(about.get("money_at_stake", {}), path.name),
        labels={str(k): str(v) for k, v in about.get("labels", {}).items()},
        leads=bool(about.get("leads", False)),
        parameters=read_parameters(_parameters_cell(cells, path.name), path.name),
    )


def _key_figures(value: Any, where: str) -> dict[str, str]:
    figures = dict.fromkeys(value, "") if isinstance(value, list) else dict(value)
    wrong = [way for way in figures.values() if way not in _DIRECTIONS]
    if wrong:
        raise NotebookError(f"{where}: key figures get better by higher, lower or '', not {wrong}")
    return figures


def _parameters_cell(cells: list[dict[str, Any]], where: str) -> str:
    code = [cell for cell in cells if cell.get("cell_type") == "code"]
    tagged = [c for c in code if "parameters" in c.get("metadata", {}).get("tags", ())]
    if len(tagged) != 1 or tagged[0] is not code[0]:
        raise NotebookError(
            f"{where}: exactly one cell is tagged `parameters`, and it is the first code cell; "
            f"found {len(tagged)}"
        )
    source = tagged[0]["source"]
    return source if isinstance(source, str) else "".join(source)


def find_articles(root: Path) -> tuple[Article, ...]:
    """Return the articles of a project in the order of the report.

    They are the notebooks in its folder ``notebooks``, or the packaged ones if it has none.

    Raises
    ------
    NotebookError
        If a notebook is broken, badly named, or a link that leads out of the project.
    """
    folder = root / "notebooks"
    paths = sorted(folder.glob("*.ipynb"))
    if not paths:
        folder = packaged_notebooks()
        paths = sorted(folder.glob("*.ipynb"))
    for path in paths:
        if not path.resolve().is_relative_to(folder.resolve()):
            raise NotebookError(f"notebooks/{path.name} leads out of the project; copy it instead")
        if not _NAME.fullmatch(path.stem):
            raise NotebookError(
                f"notebooks/{path.name}: name a notebook with lower case letters, digits and "
                "underscores; its page gets the same name"
            )
    return tuple(sorted(map(read_article, paths), key=lambda a: (a.order, a.name)))


def choose_articles(articles: Collection[Article], only: Collection[str]) -> tuple[Article, ...]:
    """Return those named in `only`, or all if it is empty.

    Raises
    ------
    ProjectError
        If a name is unknown.
    """
    unknown = sorted(set(only) - {article.name for article in articles})
    if unknown:
        raise ProjectError(
            f"no notebook is named {', '.join(unknown)}; there are "
            + ", ".join(article.name for article in articles)
        )
    return tuple(article for article in articles if not only or article.name in only)
