"""The list of actions, and what became of the last one."""

from __future__ import annotations

import pandas as pd

from retention.analyses import Actions

__all__ = ["table_actions", "table_actions_since"]

_FIRST = 5


def table_actions(answer: Actions) -> pd.DataFrame:
    """Return one row an action: what, for whom, worth, why, and where it comes from."""
    rows = [
        {
            "what to do": action.what,
            "worth within a year": action.worth,
            "why": action.why,
            "first customers": ", ".join(action.customers[:_FIRST]),
            "see": action.source.replace("_", " "),
        }
        for action in answer.ranked
    ]
    return pd.DataFrame(rows, index=pd.RangeIndex(1, len(rows) + 1, name="rank"))


def table_actions_since(answer: Actions) -> pd.DataFrame:
    """Return what became of the customers whom the last period's list named first."""
    return answer.since_last.rename(columns=lambda name: str(name).replace("_", " "))
