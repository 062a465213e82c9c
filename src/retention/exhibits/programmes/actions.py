"""The list of actions, and what became of the last one."""

from __future__ import annotations

import pandas as pd

from retention.analyses import Actions

__all__ = ["table_actions", "table_actions_since"]

_FIRST = 5


def table_actions(answer: Actions) -> pd.DataFrame:
    """Return one row an action: what, for whom, worth, cost, why, and where it comes from."""
    rows = [
        {
            "what to do": action.what,
            "worth": action.worth,
            "cost": action.cost,
            "why": action.why,
            "first customers": ", ".join(action.customers[:_FIRST]),
            "see": action.source.replace("_", " "),
        }
        for action in answer.ranked
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="rank"))


def table_actions_since(answer: Actions) -> pd.DataFrame:
    """Return what became of the last list: reached, left, and whether it is still advised."""
    table = answer.since_last.copy()
    for name in ("named", "reached", "left", "left_reached", "left_not_reached"):
        table[name] = [_count(x) for x in table[name]]
    table["expected_to_leave"] = [_count(x, 1) for x in table["expected_to_leave"]]
    for name in ("worth_then", "worth_now"):
        table[name] = ["" if pd.isna(x) else f"{x:,.0f} {answer.currency}" for x in table[name]]
    table = table.loc[:, [bool((table[name] != "").any()) for name in table]]
    table.index = pd.RangeIndex(1, len(table) + 1, name="rank then")
    names = {"left_reached": "left, reached", "left_not_reached": "left, not reached"}
    return table.rename(columns=names).rename(columns=lambda name: str(name).replace("_", " "))


def _count(value: float, digits: int = 0) -> str:
    return "" if pd.isna(value) else f"{value:,.{digits}f}"
