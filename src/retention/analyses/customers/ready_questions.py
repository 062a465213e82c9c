"""Questions that are asked of the customer register again and again: named and parametrised."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pandas as pd

from retention.errors import ParameterError

__all__ = ["QUESTIONS", "Condition", "Question", "ask", "available"]

OPERATORS = ("is", "in", "contains", "ge", "le", "known", "unknown")


@dataclass(frozen=True)
class Condition:
    """What one column of the register must satisfy.

    Parameters
    ----------
    column : str
        Column of the register.
    op : str
        ``is``, ``in`` (one of several, with commas), ``contains``, ``ge``, ``le``, ``known`` or
        ``unknown``. What is not known satisfies ``unknown`` only.
    value : str or float
        What to compare with; empty for ``known`` and ``unknown``.
    """

    column: str
    op: str
    value: str | float = ""

    def __post_init__(self) -> None:
        if self.op not in OPERATORS:
            raise ParameterError(f"op must be one of {', '.join(OPERATORS)}; got {self.op!r}")

    def holds(self, column: pd.Series) -> pd.Series:
        """Return for every customer whether it holds."""
        known = column.notna()
        if self.op in ("known", "unknown"):
            return known if self.op == "known" else ~known
        if self.op in ("ge", "le"):
            border = self._border(column)
            passed = column >= border if self.op == "ge" else column <= border
            return passed & known
        text = column.astype("str").str.casefold().str.strip()
        wanted = str(self.value).casefold().strip()
        if self.op == "contains":
            return text.str.contains(wanted, regex=False) & known
        listed = [part.strip() for part in wanted.split(",")] if self.op == "in" else [wanted]
        return text.isin(listed) & known

    def _border(self, column: pd.Series) -> pd.Timestamp | float:
        if pd.api.types.is_datetime64_any_dtype(column):
            return pd.Timestamp(str(self.value))
        try:
            return float(self.value)
        except ValueError as error:
            raise ParameterError(
                f"{self.column} is compared with a number, not {self.value!r}"
            ) from (error)


@dataclass(frozen=True)
class Question:
    """A question with a name: which customers, in which order, and why it is asked.

    Parameters
    ----------
    name, title, why : str
        The name on the command line, what is asked, and what the answer is for.
    variants : tuple of tuple of Condition
        The conditions; the first variant whose columns are all in the register is used.
    sort, down : str, bool
        Order of the answer.
    columns : tuple of str
        What is shown beside the usual columns.
    """

    name: str
    title: str
    why: str
    variants: tuple[tuple[Condition, ...], ...]
    sort: str
    down: bool = True
    columns: tuple[str, ...] = ()

    def conditions(self, columns: Sequence[str]) -> tuple[Condition, ...] | None:
        """Return the conditions that can be asked of a register with these columns, or None."""
        if self.sort not in columns:
            return None
        for variant in self.variants:
            if all(condition.column in columns for condition in variant):
                return variant
        return None


_C = Condition
QUESTIONS: tuple[Question, ...] = (
    Question(
        "large_with_complaints",
        "Large customers with repeated complaints",
        "Customers of class A who complained twice or more in the last twelve months: a complaint "
        "that comes again is the plainest forerunner of a loss.",
        ((_C("value_class", "is", "A"), _C("complaints", "ge", 2)),),
        "value",
        columns=("complaints", "complaints_open", "complaints_unresolved", "last_complaint_on"),
    ),
    Question(
        "last_years_best",
        "Last year’s best and this year’s trade",
        "Customers who were of class A in the twelve months before, with what they bring now.",
        ((_C("class_before", "is", "A"),),),
        "value_before",
        columns=("class_before", "value_before", "value", "value_change", "way"),
    ),
    Question(
        "most_wanted",
        "Whom we most want",
        "Customers who spend most of their money on this with others: the largest sums first.",
        ((_C("share_of_wallet", "le", 0.5), _C("headroom", "ge", 1)),),
        "headroom",
        columns=("share_of_wallet", "headroom", "category_spend", "main_rival", "wallet_rank"),
    ),
    Question(
        "core_at_risk",
        "Core customers at risk",
        "Customers by whom the business stands, with signs that they are leaving.",
        (
            (_C("core", "is", "yes"), _C("risk", "ge", 0.1)),
            (_C("core", "is", "yes"), _C("silence", "ge", 2)),
        ),
        "value",
        columns=("core_index", "risk", "risk_drivers", "silence", "order_change"),
    ),
    Question(
        "captive_dissatisfied",
        "Captive and dissatisfied",
        "Customers who are not satisfied and stay because leaving would cost them: they go when a "
        "rival offers to bear that cost.",
        (
            (_C("loyalty_type", "is", "captive"),),
            (_C("satisfaction", "le", 50), _C("bond_worth", "ge", 1)),
            (_C("satisfaction", "le", 50), _C("bonds", "ge", 1)),
        ),
        "value",
        columns=("satisfaction", "bonds", "bond_worth", "loyalty_type"),
    ),
    Question(
        "unprofitable",
        "Unprofitable customers",
        "Customers who cost more than they brought in the last twelve months. It may be chance: "
        "only where “sure loss” says yes does the whole interval lie below zero.",
        ((_C("profit", "le", -0.01),),),
        "profit",
        down=False,
        columns=("profit", "margin", "service_cost", "sure_loss", "mend"),
    ),
    Question(
        "silent",
        "Silent customers",
        "Nobody knows whether they are satisfied, and they order less than the year before.",
        (
            (_C("satisfaction", "unknown"), _C("order_change", "le", -0.3)),
            (_C("order_change", "le", -0.3),),
        ),
        "value_before",
        columns=("order_change", "silence", "last_order_on", "satisfaction"),
    ),
    Question(
        "due_for_contact",
        "Due for contact",
        "Customers of class A or B to whom nobody has spoken for a quarter.",
        (
            (_C("value_class", "in", "A, B"), _C("days_since_contact", "ge", 90)),
            (_C("value_class", "in", "A, B"), _C("days_since_order", "ge", 90)),
        ),
        "value",
        columns=("last_contact_on", "days_since_contact", "contacts", "last_order_on"),
    ),
)


def available(columns: Sequence[str]) -> tuple[Question, ...]:
    """Return the questions that a register with these columns can answer."""
    return tuple(q for q in QUESTIONS if q.conditions(columns) is not None)


def ask(
    customers: pd.DataFrame, name: str, values: Mapping[str, str | float] | None = None
) -> pd.DataFrame:
    """Answer a question from the register.

    Parameters
    ----------
    customers : DataFrame
        The register's table.
    name : str
        Name of a question.
    values : mapping of str to value, optional
        Other values to compare with, by column.

    Returns
    -------
    DataFrame
        The rows that fit, in the question's order.

    Raises
    ------
    ParameterError
        If there is no such question, the register cannot answer it, or a value is for a column
        that it does not ask of.
    """
    found = next((question for question in QUESTIONS if question.name == name), None)
    if found is None:
        raise ParameterError(f"no question {name!r}; known: {', '.join(q.name for q in QUESTIONS)}")
    conditions = found.conditions([str(name) for name in customers])
    if conditions is None:
        wanted = {c.column for c in found.variants[-1]} | {found.sort}
        missing = sorted(wanted - set(customers))
        raise ParameterError(f"{found.title}: the tables do not tell {', '.join(missing)}")
    given = dict(values or {})
    if strange := sorted(set(given) - {c.column for c in conditions}):
        raise ParameterError(f"{found.title} does not ask of {strange[0]}")
    rows = customers
    for condition in conditions:
        chosen = replace(condition, value=given.get(condition.column, condition.value))
        rows = rows[chosen.holds(rows[chosen.column])]
    return rows.sort_values(found.sort, ascending=not found.down, kind="stable")
