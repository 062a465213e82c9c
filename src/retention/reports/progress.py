"""How far a run is, and how long it will still take: from how long its notebooks took before."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from threading import Lock
from typing import Any

__all__ = ["Meter", "Seen", "Told", "seconds_before"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What is seen of a run when a cell is done.

    Parameters
    ----------
    notebook : str
        Whose cell it was.
    cell, cells : int
        How many of its code cells are done, and how many it has.
    seconds : float
        What it has taken so far.
    finished, notebooks : int
        How many notebooks are done, and how many there are.
    left : float or None
        Seconds until all are done; None while there is nothing to judge by.
    """

    notebook: str
    cell: int
    cells: int
    seconds: float
    finished: int
    notebooks: int
    left: float | None


Told = Callable[[Seen], None]


def seconds_before(manifests: Iterable[Mapping[str, Any] | None]) -> dict[str, float]:
    """Return what each notebook took in the last of these manifests that ran it."""
    found: dict[str, float] = {}
    for manifest in manifests:
        for execution in (manifest or {}).get("executions", ()):
            if execution["status"] == "answered":
                found[execution["notebook"]] = float(execution["seconds"])
    return found


class Meter:
    """Turns what is seen of single notebooks into how far the run is.

    Parameters
    ----------
    names : iterable of str
        The notebooks of the run.
    before : mapping of str to float
        Seconds they took in an earlier run, as far as known. One that is not known is expected to
        take as long as the others do on average.
    jobs : int
        How many run at once.
    told : callable
        Who is told.
    """

    def __init__(
        self, names: Iterable[str], before: Mapping[str, float], jobs: int, told: Told
    ) -> None:
        self.parts = dict.fromkeys(names, 0.0)
        self.spent = dict.fromkeys(self.parts, 0.0)
        self.before = before
        self.jobs = max(1, min(jobs, len(self.parts)))
        self.told = told
        self.lock = Lock()

    def __call__(self, name: str, done: int, total: int, seconds: float) -> None:
        """Take note that a cell is done; called from the threads that run the notebooks."""
        with self.lock:
            self.parts[name] = done / max(total, 1)
            self.spent[name] = seconds
            seen = Seen(
                notebook=name,
                cell=done,
                cells=total,
                seconds=seconds,
                finished=sum(part >= 1.0 for part in self.parts.values()),
                notebooks=len(self.parts),
                left=self.left(),
            )
            self.told(seen)

    def left(self) -> float | None:
        """Return the seconds until all notebooks are done, at the pace of this run so far."""
        known = {name: self.before[name] for name in self.parts if name in self.before}
        if not known:  # the first run of all: by what the finished ones took
            known = {name: self.spent[name] for name, part in self.parts.items() if part >= 1.0}
        if not known:
            return None
        usual = sum(known.values()) / len(known)
        expected = {name: known.get(name, usual) for name in self.parts}
        due = sum(expected[name] * part for name, part in self.parts.items())
        pace = sum(self.spent.values()) / due if due > 0 else 1.0
        rest = sum(expected[name] * (1.0 - part) for name, part in self.parts.items())
        return pace * rest / self.jobs
