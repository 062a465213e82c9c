"""What the checks found: faults of rows and of tables, and what was used and set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from retention.errors import SchemaError
from retention.schemas import Severity

__all__ = ["CheckReport", "Fault", "TableCheck"]


@dataclass(frozen=True, kw_only=True)
class Fault:
    """One rule that a table breaks.

    Parameters
    ----------
    table, column, rule : str
        Where, and the rule's short name; `column` is empty where the rule is about the row.
    severity : str
        ``error``: the rows are set aside; ``warning``: they are used.
    sentence, remedy : str
        What is wrong; what to do.
    rows : int
        Rows concerned; 0 where the whole table is.
    of : int
        Rows of the table.
    ids : tuple of str
        The first three rows, by key.
    id_column : str
        The column of the ids.
    """

    table: str
    column: str
    rule: str
    severity: Severity
    sentence: str
    remedy: str
    rows: int = 0
    of: int = 0
    ids: tuple[str, ...] = ()
    id_column: str = ""

    def __str__(self) -> str:
        where = ""
        if self.rows:
            ids = f" ({self.id_column} {', '.join(self.ids)})" if self.ids else ""
            where = f" in {self.rows:,} of {self.of:,} rows{ids}"
        remedy = f"; {self.remedy}" if self.remedy else ""
        return f"{self.sentence}{where}{remedy}"


@dataclass(frozen=True, kw_only=True)
class TableCheck:
    """What the check of one table found: rows read = rows used + rows set aside.

    Parameters
    ----------
    table : str
        The table.
    rows, used, set_aside : int
        Rows read, used and set aside.
    customers : int
        Customers with a row set aside; 0 where the table has none.
    money : float
        Sum of `money_column` over the rows set aside.
    money_column : str
        Empty where the table holds no money.
    faults : tuple of Fault
        Errors and warnings.
    """

    table: str
    rows: int = 0
    used: int = 0
    set_aside: int = 0
    customers: int = 0
    money: float = 0.0
    money_column: str = ""
    faults: tuple[Fault, ...] = ()

    def __post_init__(self) -> None:
        assert self.rows == self.used + self.set_aside, f"{self.table}: rows were lost"

    @property
    def errors(self) -> tuple[Fault, ...]:
        """Faults for which rows, or the table, cannot be used."""
        return tuple(fault for fault in self.faults if fault.severity == "error")

    @property
    def fatal(self) -> tuple[Fault, ...]:
        """Errors of the table as a whole: it cannot be used at all."""
        return tuple(fault for fault in self.errors if fault.rows == 0)

    def raise_for_errors(self) -> None:
        """Raise `SchemaError` with every error."""
        if self.errors:
            raise SchemaError(self.table, [str(fault) for fault in self.errors])


@dataclass(frozen=True)
class CheckReport:
    """What the check of all tables found."""

    tables: Mapping[str, TableCheck]

    @property
    def faults(self) -> tuple[Fault, ...]:
        """Every fault of every table."""
        return tuple(fault for check in self.tables.values() for fault in check.faults)

    @property
    def fatal(self) -> tuple[Fault, ...]:
        """Every fault for which a whole table cannot be used."""
        return tuple(fault for check in self.tables.values() for fault in check.fatal)

    def raise_for_fatal(self) -> None:
        """Raise `SchemaError` if a table as a whole cannot be used."""
        if self.fatal:
            names = dict.fromkeys(fault.table for fault in self.fatal)
            raise SchemaError(", ".join(names), [f"{fault.table}: {fault}" for fault in self.fatal])
