"""Every error of the package, in one tree.

Each error carries the exit code with which the command line ends when nobody caught it, so that a
scheduler can tell a fault in the data from a fault in the code (see ``docs/user_guide.md``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import ClassVar

__all__ = [
    "AnalysisError",
    "ConvergenceError",
    "DataError",
    "GateError",
    "InterruptedRunError",
    "KernelDiedError",
    "LookAheadError",
    "MissingTableError",
    "NotEnoughDataError",
    "NotIdentifiedError",
    "NotebookError",
    "ParameterError",
    "ProjectError",
    "RetentionError",
    "SchemaError",
    "TemporaryError",
    "TimeLimitError",
]


class RetentionError(Exception):
    """Any error raised on purpose by this package; its message says what to do."""

    exit_code: ClassVar[int] = 1


class ProjectError(RetentionError):
    """``retention.toml`` says something that cannot be: a key, a column, a file, a value."""

    exit_code = 2


class ParameterError(RetentionError, ValueError):
    """A parameter of a function, notebook or command is of the wrong kind or out of range."""

    exit_code = 2


class DataError(RetentionError):
    """The data cannot be read, or cannot be used for what was asked."""

    exit_code = 3


class SchemaError(DataError):
    """A table breaks its schema; `faults` lists every fault that was found, not the first only.

    Parameters
    ----------
    table : str
        The table that was checked.
    faults : sequence of str
        One sentence a fault: what is wrong, in which column, how many rows, first ids, remedy.
    """

    def __init__(self, table: str, faults: Sequence[str]) -> None:
        self.table = table
        self.faults = tuple(faults)
        count = "1 fault" if len(self.faults) == 1 else f"{len(self.faults)} faults"
        lines = "\n".join(f"  - {fault}" for fault in self.faults)
        super().__init__(f"table {table}: {count}\n{lines}")


class MissingTableError(DataError):
    """An analysis needs a table that the project does not have."""

    def __init__(self, table: str, needed_for: str) -> None:
        self.table = table
        self.needed_for = needed_for
        super().__init__(
            f"{needed_for} needs the table {table}, which this project does not have; "
            f"name its source under [tables.{table}] in retention.toml"
        )


class LookAheadError(DataError):
    """A fact from after the cutoff, or from the period to be predicted, would have been used."""


class NotEnoughDataError(DataError):
    """There are too few customers or events to say anything; the message says how few."""


class AnalysisError(RetentionError):
    """A model could not be fitted or an answer could not be computed."""


class ConvergenceError(AnalysisError):
    """An optimiser stopped before it found an optimum."""


class NotIdentifiedError(AnalysisError):
    """The data cannot tell the asked quantity apart from another: aliased columns, separation."""


class NotebookError(RetentionError):
    """A cell of a notebook failed."""


class GateError(RetentionError):
    """A finished report broke a rule for publishing: alt text, remote reference, personal data."""

    exit_code = 4


class TemporaryError(RetentionError):
    """Something that may go through later: a lock, a kernel that did not start."""

    exit_code = 75


class TimeLimitError(RetentionError):
    """A cell or a run took longer than its limit."""

    exit_code = 124


class KernelDiedError(RetentionError):
    """The kernel of a notebook ended by itself, often for want of memory."""

    exit_code = 138


class InterruptedRunError(RetentionError):
    """A signal ended the run: exit code 130 for an interrupt, 143 for a termination."""

    def __init__(self, signal_number: int) -> None:
        self.signal_number = signal_number
        super().__init__(f"the run was ended by signal {signal_number}; nothing was published")
