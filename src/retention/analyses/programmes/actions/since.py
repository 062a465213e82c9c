"""What became of the last list: who was reached, who left, and whether it is still advised."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import RetentionError
from retention.estimates import Estimate, wilson_interval
from retention.features import build_running

from .action import Action
from .sources import first_at_risk

__all__ = ["LIST_COLUMNS", "kept_list", "since_last"]

LIST_COLUMNS = (
    "known_before", "rank", "key", "what", "source", "worth", "low", "high", "grade", "cost",
    "done_by", "customer_id",
)  # fmt: skip
_TOLD = (
    "what", "from", "named", "reached", "left", "left_reached", "left_not_reached",
    "expected_to_leave", "worth_then", "worth_now",
)  # fmt: skip


def kept_list(ranked: Sequence[Action], cutoff: date) -> pd.DataFrame:
    """Return the list as it is kept for the next report: one row an action and customer.

    An action for no one in particular has one row without a customer.
    """
    rows = [
        (
            cutoff.isoformat(), place, a.key, a.what, a.source, a.worth.value, a.worth.low,
            a.worth.high, a.worth.grade, a.cost.value, a.done_by, customer,
        )
        for place, a in enumerate(ranked, start=1)
        for customer in (a.customers or ("",))
    ]  # fmt: skip
    return pd.DataFrame(rows, columns=list(LIST_COLUMNS))


def since_last(
    tables: Tables, ranked: Sequence[Action], last: pd.DataFrame, *, named: int
) -> tuple[pd.DataFrame, dict[str, Estimate]]:
    """Return what became of the last list, and the numbers of record of it.

    Without a list that was kept, that of the riskiest is made anew from what was known a period
    ago, so that it cannot be flattered by what came later.
    """
    made = pd.Series(dtype=float)
    if last.empty:
        then = tables.window.last_period.start
        try:
            first, _ = first_at_risk(tables.as_of(then), named, horizon=1)
        except RetentionError:
            return pd.DataFrame(columns=list(_TOLD)), {}
        made = first["p_leave"]
        last = _made_anew(first, then)
    then = date.fromisoformat(str(last["known_before"].iloc[0]))
    now = {a.key: a.worth for a in ranked}
    here = set(build_running(tables).index)
    rows: list[dict[str, object]] = []
    found: dict[str, Estimate] = {}
    for key, part in last.groupby("key", sort=False):
        who = pd.Index([str(c) for c in part["customer_id"] if isinstance(c, str) and c])
        told = part.iloc[0]
        reached = _reached(tables, str(told["done_by"]), then)
        row = _row(told, who, here, reached, now.get(str(key)), made)
        rows.append(row)
        if len(who) >= tables.minimum_n and told["done_by"] != "return":
            found |= _shares(str(key), who, here, reached)
    return pd.DataFrame(rows, columns=list(_TOLD)), found


def _made_anew(first: pd.DataFrame, then: date) -> pd.DataFrame:
    frame = pd.DataFrame({"customer_id": first.index})
    frame["known_before"], frame["key"] = then.isoformat(), "speak with those at risk"
    frame["what"] = f"speak with the {len(first):,} customers with most to lose"
    frame["done_by"], frame["source"] = "contact", "made anew from what was known then"
    return frame.assign(worth=np.nan)


def _row(
    told: pd.Series, who: pd.Index, here: set[str], reached: set[str] | None,
    worth_now: Estimate | None, made: pd.Series,
) -> dict[str, object]:  # fmt: skip
    back = told["done_by"] == "return"
    gone = pd.Series([not back and c not in here for c in who], dtype=bool)
    done = pd.Series([reached is not None and c in reached for c in who], dtype=bool)
    seen = reached is not None and len(who) > 0
    return {
        "what": told["what"],
        "from": told["source"],
        "named": len(who),
        "reached": int(done.sum()) if seen else np.nan,
        "left": int(gone.sum()) if len(who) and not back else np.nan,
        "left_reached": int(gone[done].sum()) if seen and not back else np.nan,
        "left_not_reached": int(gone[~done].sum()) if seen and not back else np.nan,
        "expected_to_leave": float(made.sum()) if len(made) else np.nan,
        "worth_then": float(told["worth"]) if pd.notna(told["worth"]) else np.nan,
        "worth_now": np.nan if worth_now is None or worth_now.value is None else worth_now.value,
    }


def _reached(tables: Tables, done_by: str, then: date) -> set[str] | None:
    """Return the customers whom an action has reached since; None where no table tells."""
    queries = {
        "contact": (
            "contacts",
            'select distinct customer_id from contacts where "at" >= {{ then | literal }}',
        ),
        "complaint": (
            "complaints",
            "select distinct customer_id from complaints where closed_on >= {{ then | literal }}",
        ),
        "return": (
            "contracts",
            "select distinct customer_id from contracts where started_on >= {{ then | literal }}",
        ),
        "enrolment": (
            "enrolments",
            "select distinct customer_id from enrolments where programme = {{ name | literal }}"
            " and enrolled_on >= {{ then | literal }}",
        ),
    }
    kind, _, name = done_by.partition(":")
    if kind not in queries or queries[kind][0] not in tables:
        return None
    return set(tables.query(queries[kind][1], then=then, name=name)["customer_id"].astype(str))


def _shares(
    key: str, who: pd.Index, here: set[str], reached: set[str] | None
) -> dict[str, Estimate]:
    """Return the shares of those named who left, and who were reached."""
    found = {f"left of last list: {key}": _share(sum(c not in here for c in who), len(who))}
    if reached is not None:
        done = sum(c in reached for c in who)
        found[f"reached of last list: {key}"] = _share(done, len(who))
    return found


def _share(count: int, n: int) -> Estimate:
    low, high = wilson_interval(count, n)
    return Estimate(
        value=count / n, low=low, high=high, unit="share", n=n, events=count, grade="D",
        method="of those the last list named; Wilson",
    )  # fmt: skip
