"""What the questions about loss share: whether enough is known, and which columns can be told."""

from __future__ import annotations

from collections.abc import Iterable

import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError

__all__ = ["groups_of", "require_minimum", "told_columns", "varying_columns"]

_FEWEST_EVENTS = 5


def require_minimum(n: int, tables: Tables, what: str) -> None:
    """Raise `NotEnoughDataError` if `n` is below the least that the project shows a number for."""
    if n < max(2, tables.minimum_n):
        raise NotEnoughDataError(
            f"{n:,} {what}, fewer than the {tables.minimum_n} a number needs "
            f"(known on {tables.window.last_day})"
        )


def groups_of(tables: Tables) -> list[str]:
    """Return the fixed column that is held in every hazard of leaving, if the company has it."""
    return ["segment"] if "segment" in tables.columns("customers") else []


def told_columns(cells: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the 0/1 or count columns above 0 for five leavers or more: others are chance."""
    exposed = {n: cells.loc[cells[n] > 0, "events"].sum() for n in names if n in cells}
    return [name for name, events in exposed.items() if events >= _FEWEST_EVENTS]


def varying_columns(cells: pd.DataFrame, names: Iterable[str]) -> list[str]:
    """Return the columns that are there and not the same in all cells, each once."""
    there = [name for name in dict.fromkeys(names) if name in cells]
    return [name for name in there if (cells[name] != cells[name].iloc[0]).any()]
