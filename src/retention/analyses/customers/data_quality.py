"""How far the data may be trusted: coverage, freshness, doubles, conflicts, what was set aside."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from retention.engine import CheckReport, Tables
from retention.estimates import Estimate, wilson_interval
from retention.features import build_coverage, build_namesakes

from .duplicates import find_duplicates

__all__ = ["DataQuality", "data_quality"]

_STALE_DAYS = 730
#: What two tables say against each other: the tables needed, and SQL that names the customers.
CONFLICTS: Mapping[str, tuple[tuple[str, ...], str]] = {
    "ordered before being won as a customer": (
        ("orders",),
        "select o.customer_id from orders o join customers c on c.customer_id = o.customer_id "
        "where o.ordered_on < c.acquired_on",
    ),
    "contract began before being won as a customer": (
        ("contracts",),
        "select o.customer_id from contracts o join customers c on c.customer_id = o.customer_id "
        "where o.started_on < c.acquired_on",
    ),
    "ordered after leaving and before coming back": (
        ("orders", "exits"),
        "select e.customer_id from exits e join orders o on o.customer_id = e.customer_id "
        "where o.ordered_on > e.exited_on "
        "and (e.returned_on is null or o.ordered_on < e.returned_on)",
    ),
    "left, but a contract has run on since": (
        ("contracts", "exits"),
        "select e.customer_id from exits e join contracts k on k.customer_id = e.customer_id "
        "where e.returned_on is null and k.started_on < e.exited_on and k.ended_on is null",
    ),
    "paid before ordering": (
        ("orders",),
        "select customer_id from orders where paid_on < ordered_on and amount > 0",
    ),
    "complained before being won as a customer": (
        ("complaints",),
        "select o.customer_id from complaints o join customers c on c.customer_id = o.customer_id "
        "where o.opened_on < c.acquired_on",
    ),
}


@dataclass(frozen=True, eq=False, kw_only=True)
class DataQuality:
    """Answer of `data_quality`.

    Parameters
    ----------
    tables : DataFrame, one row a table
        ``rows`` read, ``set_aside``, ``customers_set_aside``, ``money_set_aside``, ``customers``
        with a row, ``customer_share``, ``last_on``, ``days_old`` at the cutoff.
    coverage : DataFrame
        As `retention.features.build_coverage` returns it, with ``share`` known.
    faults : DataFrame, one row a fault
        ``table``, ``what``, ``severity``, ``rows``, ``of``, ``remedy``.
    duplicates : DataFrame
        Pairs of customers who may be the same, see `find_duplicates`.
    conflicts : DataFrame, one row a conflict
        ``customers`` and ``rows``, and the first three keys in ``examples``.
    """

    tables: pd.DataFrame
    coverage: pd.DataFrame
    faults: pd.DataFrame
    duplicates: pd.DataFrame
    conflicts: pd.DataFrame
    currency: str
    cutoff: date
    numbers: Mapping[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return one row a table."""
        return self.tables

    def estimates(self) -> dict[str, Estimate]:
        """Return what was set aside, how many customers may be twice there, how many are silent."""
        return dict(self.numbers)

    def cautions(self) -> tuple[str, ...]:
        """Return what to mend first."""
        return self.warnings

    def headline(self) -> str:
        """Return how many rows were used and what was set aside."""
        rows, aside = int(self.tables["rows"].sum()), int(self.tables["set_aside"].sum())
        money = float(self.tables["money_set_aside"].sum())
        text = f"{rows - aside:,} of {rows:,} rows in {len(self.tables)} tables are used"
        if aside:
            text += f"; {aside:,} were set aside, worth {money:,.2f} {self.currency}"
        pairs = len(self.duplicates)
        if pairs:
            text += f"; {pairs:,} pairs of customers may be one and the same"
        return f"{text}."


def data_quality(tables: Tables, *, similarity: float = 0.8, stale_days: int = 45) -> DataQuality:
    """Say how far the tables may be trusted.

    Parameters
    ----------
    tables : Tables
        As known at the cutoff.
    similarity : float
        Least similarity of names for a fuzzy pair of customers.
    stale_days : int
        A table whose last row is older than this at the cutoff is called out.

    Returns
    -------
    DataQuality
    """
    coverage = build_coverage(tables)
    coverage["share"] = coverage["known"] / coverage["rows"].where(coverage["rows"] > 0)
    table = _table(coverage, tables)
    pairs = _pairs(tables, similarity)
    conflicts = _conflicts(tables)
    return DataQuality(
        tables=table,
        coverage=coverage,
        faults=_faults(tables.check),
        duplicates=pairs,
        conflicts=conflicts,
        currency=tables.currency,
        cutoff=tables.window.cutoff,
        numbers=_numbers(tables, table, pairs),
        warnings=_cautions(table, conflicts, tables, stale_days),
    )


def _table(coverage: pd.DataFrame, tables: Tables) -> pd.DataFrame:
    parts = coverage.groupby("table", sort=False).first()
    checks = tables.check.tables
    table = pd.DataFrame(
        {
            "rows": [checks[n].rows if n in checks else parts["rows"][n] for n in parts.index],
            "set_aside": [checks[n].set_aside if n in checks else 0 for n in parts.index],
            "customers_set_aside": [checks[n].customers if n in checks else 0 for n in parts.index],
            "money_set_aside": [checks[n].money if n in checks else 0.0 for n in parts.index],
            "known_rows": parts["rows"],
            "customers": parts["customers"],
            "last_on": parts["last_on"],
        },
        index=parts.index,
    )
    known = _customers(tables)
    table["customer_share"] = table["customers"] / known if known else float("nan")
    last_day = pd.Timestamp(tables.window.last_day)
    table["days_old"] = (last_day - table["last_on"]).dt.days
    return table


def _customers(tables: Tables) -> int:
    if "customers" not in tables:
        return 0
    return int(tables.query("select count(*) as n from customers order by n")["n"].iloc[0])


def _faults(check: CheckReport) -> pd.DataFrame:
    rows = [
        (f.table, f.sentence, f.severity, f.rows, f.of, f.remedy)
        for f in sorted(check.faults, key=lambda f: (f.severity != "error", -f.rows, f.table))
    ]
    return pd.DataFrame(rows, columns=["table", "what", "severity", "rows", "of", "remedy"])


def _pairs(tables: Tables, similarity: float) -> pd.DataFrame:
    if "name" not in tables.columns("customers"):
        return pd.DataFrame(columns=["first", "second", "kind", "similarity"])
    return find_duplicates(build_namesakes(tables), similarity)


def _conflicts(tables: Tables) -> pd.DataFrame:
    rows = {}
    for what, (needed, sql) in CONFLICTS.items():
        if "customers" not in tables or not all(name in tables for name in needed):
            continue
        ids = tables.query(f"select customer_id from ({sql}) as found order by customer_id")
        if len(ids):
            unique = ids["customer_id"].unique()
            examples = ", ".join(map(str, unique[:3]))
            rows[what] = {"customers": len(unique), "rows": len(ids), "examples": examples}
    columns = ["customers", "rows", "examples"]
    found = pd.DataFrame.from_dict(rows, orient="index", columns=columns)
    return found.rename_axis("what the tables say against each other")


def _silent(tables: Tables) -> int:
    """Count customers of whom no table tells anything in two years, nor a running contract."""
    days = {"orders": "ordered_on", "contacts": '"at"', "complaints": "opened_on"}
    parts = [
        f"select customer_id from {name} where {day} >= {{{{ since | literal }}}}"
        for name, day in days.items()
        if name in tables
    ]
    if "contracts" in tables:
        parts.append(
            "select customer_id from contracts "
            "where ended_on is null or ended_on >= {{ since | literal }}"
        )
    if not parts:
        return 0
    since = pd.Timestamp(tables.window.cutoff) - pd.Timedelta(days=_STALE_DAYS)
    seen = " union ".join(parts)
    sql = (
        f"select count(*) as n from customers where acquired_on < {{{{ since | literal }}}} "
        f"and customer_id not in (select customer_id from ({seen}) as seen) order by n"
    )
    return int(tables.query(sql, since=since.date())["n"].iloc[0])


def _numbers(tables: Tables, table: pd.DataFrame, pairs: pd.DataFrame) -> dict[str, Estimate]:
    numbers: dict[str, Estimate] = {}
    rows, aside = int(table["rows"].sum()), int(table["set_aside"].sum())
    if rows >= tables.minimum_n:
        low, high = wilson_interval(aside, rows)
        numbers["rows_set_aside"] = Estimate(
            value=aside / rows, low=low, high=high, unit="share", n=rows, events=aside,
            method="rows that break a rule of the contract, Wilson", grade="D",
        )  # fmt: skip
        numbers["money_set_aside"] = Estimate(
            value=float(table["money_set_aside"].sum()), unit=tables.currency, n=rows,
            method="money of the rows set aside; counted", grade="D",
        )  # fmt: skip
    customers = _customers(tables)
    if customers < tables.minimum_n:
        return numbers
    twice = len(set(pairs["first"]) | set(pairs["second"]))
    for name, count, method in (
        ("customers_maybe_twice", twice, "customers with a namesake, exact or fuzzy, Wilson"),
        ("customers_silent", _silent(tables), "nothing known of them in two years, Wilson"),
    ):
        low, high = wilson_interval(count, customers)
        numbers[name] = Estimate(
            value=count / customers, low=low, high=high, unit="share", n=customers, events=count,
            method=method, grade="D",
        )  # fmt: skip
    return numbers


def _cautions(
    table: pd.DataFrame, conflicts: pd.DataFrame, tables: Tables, stale_days: int
) -> tuple[str, ...]:
    found = []
    old = table["days_old"][table["days_old"] > stale_days]
    kept = [name for name in old.index if name not in ("customers", "employees")]
    if kept:
        listed = ", ".join(f"{name} ({old[name]:.0f} days)" for name in kept)
        found.append(f"No new rows for long: {listed}. Check whether they still arrive.")
    empty = [name for name in table.index if table["known_rows"][name] == 0]
    if empty:
        found.append(f"Nothing is known at this cutoff from {', '.join(empty)}.")
    aside = table[table["set_aside"] > 0.01 * table["rows"]]
    if len(aside):
        found.append(f"More than one row in a hundred was set aside of {', '.join(aside.index)}.")
    if len(conflicts):
        worst = conflicts["customers"].idxmax()
        found.append(
            f"The tables contradict each other: {int(conflicts['customers'].sum()):,} cases, most "
            f"often “{worst}”."
        )
    if "name" not in tables.columns("customers"):
        found.append("Without names nobody can tell whether a customer is there twice.")
    return tuple(found)
