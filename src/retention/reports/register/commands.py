"""What `retention customers` and `retention customer` do."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from retention.analyses import CustomerRegister
from retention.errors import ParameterError
from retention.project import Project

from .published import for_role, read_register
from .sheet import customer_sheet
from .terminal import choose_customers, list_customers

__all__ = ["answer_customer", "answer_customers", "question_lines"]


def _register(folder: Path, period: str | None, role: str | None) -> CustomerRegister:
    project = Project.load(folder)
    return for_role(read_register(project, period), role or project.privacy.role)


def answer_customers(
    folder: Path,
    period: str | None,
    role: str | None,
    *,
    question: str,
    values: Sequence[str],
    value_class: str,
    at_risk: bool,
    search: str,
    sort: str,
    form: str,
    output: Path | None,
    limit: int,
) -> str:
    """Return what ``retention customers`` prints.

    Raises
    ------
    ParameterError
        If what is asked contradicts itself, or cannot be asked of this company.
    """
    if at_risk and question not in ("", "core_at_risk"):
        raise ParameterError("--at-risk is the question core_at_risk; give one question")
    chosen = choose_customers(
        _register(folder, period, role),
        question="core_at_risk" if at_risk else question,
        values=_pairs(values),
        value_class=value_class,
        search=search,
        sort=sort,
    )
    return list_customers(chosen, form, output, limit=limit)


def _pairs(values: Sequence[str]) -> dict[str, str]:
    pairs = [value.partition("=") for value in values]
    wrong = [name for name, sign, _ in pairs if not sign or not name]
    if wrong:
        raise ParameterError(f"--set takes COLUMN=VALUE, such as complaints=3; got {wrong[0]!r}")
    return {name.strip(): value.strip() for name, _, value in pairs}


def answer_customer(folder: Path, period: str | None, role: str | None, customer: str) -> list[str]:
    """Return the lines of ``retention customer``."""
    return customer_sheet(_register(folder, period, role), customer)


def question_lines(folder: Path, period: str | None) -> list[str]:
    """Return the ready questions that this company's tables can answer."""
    register = _register(folder, period, "analyst")
    columns = [str(name) for name in register.customers]
    lines = []
    for question in register.questions:
        asked = question.conditions(columns) or ()
        words = ", ".join(f"{c.column} {c.op} {c.value}".strip() for c in asked)
        lines += [question.name, f"    {question.title}: {question.why}", f"    {words}"]
    return lines
