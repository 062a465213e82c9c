"""The register of a project's period, and the files of it that a report holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from retention.analyses import CustomerRegister, customer_register, register_joins
from retention.datasets import read_tables
from retention.errors import MissingTableError, NotEnoughDataError, ParameterError
from retention.project import ROLES, Project
from retention.reports.gates import REGISTER_LIMIT, size_limit
from retention.reports.translating import named_for
from retention.reports.wording import Words, words_in
from retention.window import Period

from .page import render_register
from .spreadsheet import register_csv

__all__ = ["for_role", "has_register", "read_register", "register_of", "write_register"]

PAGE = "customers.html"
TABLE = "customers.csv"
_OF_CONTRACTS = (
    "annual_rate", "horizon_years", "margin_share", "cost_per_period", "model", "covariates",
)  # fmt: skip


def for_role(register: CustomerRegister, role: str) -> CustomerRegister:
    """Return the register as a role may see it.

    Raises
    ------
    ParameterError
        If the role is unknown.
    """
    if role not in ROLES:
        raise ParameterError(f"role must be one of {', '.join(ROLES)}; got {role!r}")
    return register if role == "manager" else register.masked()


def read_register(project: Project, period: str | Period | None = None) -> CustomerRegister:
    """Return the register of a project at the end of a period.

    The settings are those of the notebooks in the project file, so that the register and the report
    say the same of a customer. Risk, residual value, loyalty, segment by behaviour and next
    products join where the tables allow them; what cannot be told is named in the warnings.

    Parameters
    ----------
    project : Project
        The company.
    period : str, Period or None
        As in `retention.datasets.read_tables`.

    Raises
    ------
    DataError
        If the tables cannot be read.
    """
    settings = _settings(project, "customer_value", "measure", "margin_share", "complaint_cost")
    asked = {
        "churn_risk": _settings(project, "churn_risk", "horizon", "by"),
        "customer_lifetime_value": {
            **_settings(
                project, "customer_lifetime_value", "annual_rate", "horizon_years", "margin_share"
            ),
            "contracts": _settings(project, "contract_lifetime_value", *_OF_CONTRACTS),
        },
        "next_products": _settings(project, "customer_needs", "top"),
    }
    tables = read_tables(project, period)
    try:
        joined, left_out = register_joins(tables, asked)
        register = customer_register(tables, joined=joined, **settings)
    finally:
        tables.close()
    notes = (f"Not in this register: {' '.join(left_out)}",) if left_out else ()
    return replace(register, warnings=(*register.warnings, *notes))


def _settings(project: Project, notebook: str, *names: str) -> dict[str, Any]:
    """Return what the project file says for a notebook, so that report and register agree."""
    given = project.parameters.get(notebook, {})
    return {name: given[name] for name in names if name in given}


def has_register(project: Project) -> bool:
    """Whether a project's reports have a register: without a table of customers there is none."""
    return "customers" in project.tables


def _named(words: Words, period: Period) -> str:
    return str(period) if words.lang == "en" else words.period(period)


def write_register(
    project: Project, period: Period, folder: Path, *, made_with: Mapping[str, str] | None = None
) -> bool:
    """Write the page and the table of the register into a report that is being made.

    Parameters
    ----------
    project : Project
        The company; ``[privacy] role`` says whether names are in it.
    period : Period
        Of the report.
    folder : Path
        The report in hand.
    made_with : mapping of str to str, optional
        Last line of the page, by language, the first one first: there is a page in each. English
        alone if left out.

    Returns
    -------
    bool
        Whether there is a register: without a table of customers there is none.
    """
    if not has_register(project):
        return False
    register = read_register(project, period)
    company, role = project.report.get("title") or project.name, project.privacy.role
    languages = made_with or {"en": ""}
    for lang, last_line in languages.items():
        words = words_in(lang, project.root)
        page = render_register(
            register,
            title=words(
                "register_title", company=words.phrases(company), period=_named(words, period)
            ),
            made_with=last_line,
            role=role,
            phrases=words.phrases,
            max_bytes=size_limit(project.report, REGISTER_LIMIT),
        )
        name = named_for(PAGE, lang, next(iter(languages)))
        (folder / name).write_text(page, encoding="utf-8")
    table = register_csv(for_role(register, role))
    (folder / TABLE).write_text(table, encoding="utf-8", newline="")
    return True


def register_of(
    root: str, label: str, first_month: int, report: str, made_with: Mapping[str, str]
) -> bool:
    """Write the register of a project's period into a report, unless the data are too few.

    As `write_register`, in types that go from one process to another.
    """
    project, period = Project.load(Path(root)), Period.parse(label, first_month)
    try:
        return write_register(project, period, Path(report), made_with=made_with)
    except (MissingTableError, NotEnoughDataError):
        return False
