"""The SQL of spells: contracts to one row a customer and uninterrupted stay."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date, timedelta
from typing import Any

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ParameterError
from retention.schemas import INPUT_TABLES

__all__ = ["nobody_seen", "pattern_sources", "spell_sql"]

_REASON_DAYS = 31


def pattern_sources(tables: Tables) -> dict[str, str]:
    """Return the columns spells can be grouped by, as {column: table}."""
    found: dict[str, str] = {}
    for table in ("contracts", "customers"):
        if table not in tables:
            continue
        schema = INPUT_TABLES[table]
        barred = {"customer_id", *(c.name for c in schema.columns if c.personal)}
        kinds = {c.name: c.kind for c in schema.columns}
        for name in tables.columns(table):
            if name not in barred and kinds.get(name) not in ("date", "timestamp", "money"):
                found[name] = table
    return found


def spell_sql(
    tables: Tables,
    by: Sequence[str],
    reasons: bool,
    grace_days: int,
    observed_from: date | None = None,
) -> tuple[str, dict[str, Any]]:
    """Return the SQL up to the common table ``spells``, and the names to render it with."""
    if grace_days < 0:
        raise ParameterError(f"grace_days must be 0 or more, got {grace_days}")
    tables.require("contracts", needed_for="spells of customers")
    if reasons:
        tables.require("exits", needed_for="reasons of leaving")
    sources = pattern_sources(tables)
    if unknown := [name for name in by if name not in sources]:
        raise ParameterError(
            f"cannot group by {', '.join(unknown)}; known are {', '.join(sorted(sources))}"
        )
    window = tables.window
    names = {
        "pattern": list(by),
        "from_contracts": [name for name in by if sources[name] == "contracts"],
        "from_customers": [name for name in by if sources[name] == "customers"],
        "with_reason": reasons,
        "reason_days": _REASON_DAYS,
        "cohort_months": 0,
        "grace_days": grace_days,
        "one_contract_each": tables.differ("contracts", "customer_id"),
        "observed_from": _date_sql(max(window.start, observed_from or window.start)),
        "last_day": _date_sql(window.last_day - timedelta(days=grace_days)),
        "unknown_from": _date_sql(window.cutoff),
    }
    sql = template("retention.features", "contract_islands.sql")
    return sql + template("retention.features", "spells.sql"), names


def _date_sql(day: date) -> str:
    return f"date '{day.isoformat()}'"


def nobody_seen(tables: Tables) -> NotEnoughDataError:
    """Return the error of a window in which no contract was running."""
    return NotEnoughDataError(
        f"no contract was running between {tables.window.start} and {tables.window.last_day}"
    )
