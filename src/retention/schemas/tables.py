"""What a table must look like, as data: columns, keys, references, rules.

From a `TableSchema` the engine writes the SQL that checks a table where it lies, and the views in
which a table is seen as it was known at a cutoff.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Literal, get_args

from retention.errors import ParameterError

__all__ = ["KINDS", "Apart", "Column", "Kind", "Reference", "Rule", "Severity", "TableSchema"]

Kind = Literal["text", "date", "money", "number", "integer", "boolean", "period"]
Severity = Literal["error", "warning"]

KINDS: Mapping[Kind, str] = MappingProxyType(
    {
        "text": "VARCHAR",
        "date": "DATE",
        "money": "DECIMAL(18, 2)",
        "number": "DOUBLE",
        "integer": "BIGINT",
        "boolean": "BOOLEAN",
        "period": "VARCHAR",
    }
)


@dataclass(frozen=True, kw_only=True)
class Column:
    """One column of a table.

    Parameters
    ----------
    name : str
        The name in every query; a project maps its own names onto it.
    kind : str
        ``text``, ``date``, ``money`` (two decimals, the project's currency), ``number``,
        ``integer``, ``boolean`` or ``period`` (a label that `retention.window.Period` reads).
    required : bool
        The table is of no use without this column.
    nullable : bool or None
        Whether a value may be missing; by default where the column is not required.
    unit : str
        What is counted: ``currency``, ``currency a month``, ``months``, ...
    allowed : tuple of str
        The only values there may be; empty for any.
    low, high : float or None
        The range of a number, both ends allowed.
    personal : bool
        Names a person or a firm: never in a log, an error or a manifest.
    known_from : str
        The column whose date says when the value became known; empty: with the row.
    description : str
        One line for people.
    """

    name: str
    kind: Kind
    required: bool = False
    nullable: bool | None = None
    unit: str = ""
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None
    personal: bool = False
    known_from: str = ""
    description: str = ""

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ParameterError(f"column {self.name}: unknown kind {self.kind!r}")

    @property
    def sql_type(self) -> str:
        """The DuckDB type in which the column is held."""
        return KINDS[self.kind]

    @property
    def may_be_null(self) -> bool:
        """Whether a value may be missing."""
        return not self.required if self.nullable is None else self.nullable


@dataclass(frozen=True)
class Rule:
    """What each row must satisfy: a SQL predicate over the row; null counts as satisfied.

    Parameters
    ----------
    name : str
        Short name, shown beside a row that was set aside.
    sql : str
        True where the row is right.
    sentence : str
        What is wrong where it is not: ``ended_on before started_on``.
    severity : str
        ``error`` sets the row aside, ``warning`` only counts it.
    remedy : str
        What the analyst can do.
    """

    name: str
    sql: str
    sentence: str
    severity: Severity = "error"
    remedy: str = ""


@dataclass(frozen=True)
class Reference:
    """A column whose every value must be found in another table, where that table is there.

    Parameters
    ----------
    column : str
        The column of this table.
    table, key : str
        Where it must be found.
    severity : str
        ``error`` sets the row aside, ``warning`` only counts it.
    """

    column: str
    table: str
    key: str
    severity: Severity = "error"


@dataclass(frozen=True, kw_only=True)
class Apart:
    """Rows that run from a day to a day should not overlap; where they do, a warning says so.

    Parameters
    ----------
    per : tuple of str
        Rows that agree in these columns are compared.
    start, end : str
        First day of the row, and first day after it; empty while it runs.
    sentence, remedy : str
        What is wrong where they overlap; what the analyst can do.
    """

    per: tuple[str, ...]
    start: str
    end: str
    sentence: str
    remedy: str


@dataclass(frozen=True, kw_only=True)
class TableSchema:
    """One input table.

    Parameters
    ----------
    name : str
        The name in every query.
    row : str
        What one row is.
    columns : tuple of Column
        All columns of the contract; others a project keeps are carried along as attributes.
    key : tuple of str
        The columns that tell rows apart; empty where rows may repeat.
    references : tuple of Reference
        Columns that must be found elsewhere.
    rules : tuple of Rule
        What each row must satisfy beyond the types and ranges of its columns.
    dated : str
        The column whose date says when the row became known.
    apart : Apart or None
        Which rows should not overlap in time.
    """

    name: str
    row: str
    columns: tuple[Column, ...]
    key: tuple[str, ...] = ()
    references: tuple[Reference, ...] = ()
    rules: tuple[Rule, ...] = ()
    dated: str = ""
    apart: Apart | None = None
    _by_name: Mapping[str, Column] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_name = {column.name: column for column in self.columns}
        named = {self.dated, *self.key, *(c.known_from for c in self.columns)} - {""}
        if unknown := named - by_name.keys():
            raise ParameterError(f"table {self.name}: no such column: {', '.join(sorted(unknown))}")
        object.__setattr__(self, "_by_name", MappingProxyType(by_name))

    def __contains__(self, column: object) -> bool:
        return column in self._by_name

    def __getitem__(self, column: str) -> Column:
        return self._by_name[column]

    @property
    def names(self) -> tuple[str, ...]:
        """Names of all columns, in order."""
        return tuple(self._by_name)

    @property
    def required(self) -> tuple[str, ...]:
        """Names of the columns that must be there."""
        return tuple(c.name for c in self.columns if c.required)

    @property
    def personal(self) -> tuple[str, ...]:
        """Names of the columns that name a person or a firm."""
        return tuple(c.name for c in self.columns if c.personal)

    @property
    def identifiers(self) -> tuple[str, ...]:
        """The columns by which a faulty row is named in a message."""
        own = self.key[:1] or tuple(n for n in ("customer_id", "employee_id") if n in self)[:1]
        return own or self.names[:1]

    @property
    def money(self) -> str:
        """The column in which set-aside rows are counted in money; empty where there is none."""
        preferred = ("amount", "price", "our_price", "own_spend", "cost", "worth")
        return next((n for n in preferred if n in self and self[n].kind == "money"), "")
