"""What is asked of a run, what is known of it while it lasts, and how it ended."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from retention.project import Project
from retention.reports.articles import Article
from retention.reports.comparing import History
from retention.reports.execution import Execution
from retention.reports.kernels import Kernels
from retention.reports.limits import Limits
from retention.reports.publishing import Archive
from retention.reports.wording import Words
from retention.window import Period

__all__ = ["Order", "Outcome", "Run"]


@dataclass(frozen=True, kw_only=True)
class Order:
    """What is asked of a run.

    Parameters
    ----------
    only : tuple of str
        Notebooks; empty for all.
    lang : str
        Language of the pages.
    also : tuple of str
        Further languages of the same run; their pages stand beside the others, ``index.zh.html``.
    force : bool
        Run even if nothing changed.
    limits : Limits
        Time limits and notebooks at once.
    parameters : tuple of str
        Values for notebooks as they were written on the command line: ``name=value`` for every
        notebook that has the name, ``notebook.name=value`` for one.
    """

    only: tuple[str, ...] = ()
    lang: str = "en"
    also: tuple[str, ...] = ()
    force: bool = False
    limits: Limits = field(default_factory=Limits)
    parameters: tuple[str, ...] = ()

    @property
    def languages(self) -> tuple[str, ...]:
        """Every language asked for, the one of ``index.html`` first."""
        return tuple(dict.fromkeys((self.lang, *self.also)))

    @classmethod
    def language_of(cls, text: str) -> dict[str, Any]:
        """Return `lang` and `also` as a user writes them, ``en,zh``.

        Examples
        --------
        >>> Order.language_of("zh, en")
        {'lang': 'zh', 'also': ('en',)}
        """
        first, *rest = [name.strip() for name in text.split(",") if name.strip()] or ["en"]
        return {"lang": first, "also": tuple(name for name in rest if name != first)}


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """How a run ended.

    Parameters
    ----------
    period : Period
        Of the report.
    status : str
        ``published``, ``up to date``, ``unchanged`` (run again, same result) or ``failed``.
    exit_code : int
        For the command line.
    page : Path or None
        Management's page, or the failure page.
    reason : str
        Why it failed.
    executions : tuple of Execution
        How each notebook ended, with its seconds and its memory; empty if none was run.
    """

    period: Period
    status: str
    exit_code: int = 0
    page: Path | None = None
    reason: str = ""
    executions: tuple[Execution, ...] = ()


@dataclass
class Run:
    """One run in hand: what it was asked, and what it has found so far."""

    project: Project
    period: Period
    order: Order
    archive: Archive
    words: Words
    started: datetime
    answerable: tuple[Article, ...]
    lacking: dict[str, str]
    values: dict[str, dict[str, Any]]
    manifest: dict[str, Any]
    history: History
    executions: tuple[Execution, ...] = ()
    titles: dict[str, str] = field(default_factory=dict)
    kernels: Kernels | None = None
    check: Callable[[], None] = lambda: None  # raises if the run has to end
