"""The list of actions that the last report kept."""

from __future__ import annotations

import pandas as pd

from retention.errors import DataError
from retention.project import Project
from retention.window import Period

from .read import period_of

__all__ = ["read_last_actions"]

_FILE = "tables/actions_kept.csv"
_NEEDED = ("known_before", "key", "what", "source", "worth", "done_by", "customer_id")


def read_last_actions(project: Project, period: str | Period | None = None) -> pd.DataFrame:
    """Read what the report of the period before advised, as it was published.

    Parameters
    ----------
    project : Project
    period : str or Period, optional
        Of the report that asks, as in `read_tables`.

    Returns
    -------
    DataFrame
        One row an action and customer, see `retention.analyses.Actions`; empty if the archive has
        no such report, or one without a list.

    Raises
    ------
    DataError
        If the file is there and is not a list of actions.
    """
    before = period_of(project, period).previous()
    path = project.root / "reports" / str(before) / _FILE
    if not path.is_file():
        return pd.DataFrame(columns=list(_NEEDED))
    texts = dict.fromkeys(("known_before", "key", "what", "source", "done_by", "customer_id"), str)
    table = pd.read_csv(path, dtype=texts)
    if missing := [name for name in _NEEDED if name not in table]:
        raise DataError(f"{path.name} of the report {before} lacks {', '.join(missing)}")
    words = ["done_by", "customer_id"]
    return table.assign(**{name: table[name].fillna("") for name in words})
