"""Realistic dirt on request, with a list of every row that was dirtied."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pandas as pd

from retention.errors import ParameterError

from .columns import money
from .timeline import Calendar

__all__ = ["DIRT", "Dirt", "check_dirt", "soil"]

Tables = dict[str, pd.DataFrame]


@dataclass(frozen=True)
class Dirt:
    """One kind of dirt.

    Parameters
    ----------
    table, key : str
        The table, and the column by which the row is named in the list.
    fate : str
        What validation does with the row: ``set aside``, or ``used`` (right, but awkward).
    what : str
        One line for people.
    make : callable
        Takes the chosen rows, the calendar and chance; returns them dirtied.
    adds : bool
        Whether the dirtied rows are added to the table, or stand in the place of the chosen.
    """

    table: str
    key: str
    fate: str
    what: str
    make: Callable[[pd.DataFrame, Calendar, np.random.Generator], pd.DataFrame]
    adds: bool = False


def _copied(rows: pd.DataFrame, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    return rows


def _late(rows: pd.DataFrame, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    later = pd.to_timedelta(rng.integers(0, 30, size=len(rows)), unit="D")
    on = (pd.Timestamp(calendar.cutoff) + later).astype("datetime64[s]")
    unknown = pd.Series(pd.NaT, index=rows.index, dtype="datetime64[s]")
    rest = dict.fromkeys(("paid_on", "delivered_on", "promised_on", "due_on"), unknown)
    return rows.assign(order_id="L" + rows["order_id"], ordered_on=on, **rest)


def _returned(rows: pd.DataFrame, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    part = rng.choice([0.5, 1.0], size=len(rows))
    back = {name: money(-part * rows[name].to_numpy()) for name in ("amount", "margin")}
    return rows.assign(order_id="R" + rows["order_id"], discount=0.0, **back)


def _orphaned(rows: pd.DataFrame, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    return rows.assign(customer_id="X" + rows["customer_id"].str[1:])


def _backwards(rows: pd.DataFrame, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
    before = rows["opened_on"] - pd.to_timedelta(rng.integers(1, 60, size=len(rows)), unit="D")
    return rows.assign(closed_on=before.astype("datetime64[s]"))


def _with(column: str, value: str | float) -> Callable[..., pd.DataFrame]:
    def changed(rows: pd.DataFrame, calendar: Calendar, rng: np.random.Generator) -> pd.DataFrame:
        return rows.assign(**{column: value})

    return changed


DIRT: Mapping[str, Dirt] = MappingProxyType(
    {
        "duplicates": Dirt("orders", "order_id", "set aside", "order twice", _copied, adds=True),
        "late rows": Dirt(
            "orders", "order_id", "set aside", "order of after the cutoff", _late, adds=True
        ),
        "returns": Dirt(
            "orders", "order_id", "used", "goods sent back: negative amount", _returned, adds=True
        ),
        "unknown customers": Dirt(
            "quotes", "customer_id", "set aside", "quote to nobody we know", _orphaned
        ),
        "missing surveys": Dirt(
            "surveys", "response_id", "used", "question left empty", _with("score", np.nan)
        ),
        "wrong codes": Dirt(
            "contacts", "contact_id", "set aside", "channel fax", _with("channel", "fax")
        ),
        "dates backwards": Dirt(
            "complaints", "complaint_id", "set aside", "closed before opened", _backwards
        ),
    }
)


def check_dirt(dirt: Mapping[str, float]) -> None:
    """Raise `ParameterError` if a kind is unknown or a share is no share."""
    if unknown := sorted(set(dirt) - set(DIRT)):
        raise ParameterError(f"no dirt named {', '.join(unknown)}; there are {', '.join(DIRT)}")
    if wrong := [name for name, share in dirt.items() if not 0 <= share <= 0.5]:
        raise ParameterError(f"share of {', '.join(wrong)} must be 0 to 0.5")


def soil(
    tables: Tables,
    dirt: Mapping[str, float],
    calendar: Calendar,
    rng: Callable[[str], np.random.Generator],
) -> tuple[Tables, pd.DataFrame]:
    """Dirty some rows; no row is dirtied twice.

    Parameters
    ----------
    tables : dict of str to DataFrame
        Clean tables; they are not changed.
    dirt : mapping of str to float
        Kinds of `DIRT` and the share of the rows of their table, 0 to 0.5.
    calendar : Calendar
        For the cutoff.
    rng : callable
        Chance, by purpose.

    Returns
    -------
    tables : dict of str to DataFrame
    soiled : DataFrame
        One row a dirtied row: ``kind``, ``table``, ``key`` (column), ``id``, ``fate``.
    """
    soiled, touched = [], {name: np.zeros(len(table), dtype=bool) for name, table in tables.items()}
    dirty = dict(tables)
    for kind in (name for name in DIRT if dirt.get(name, 0) > 0):
        how, chance = DIRT[kind], rng(f"dirt {kind}")
        table, used = tables[how.table], touched[how.table]
        chosen = np.flatnonzero((chance.random(len(table)) < dirt[kind]) & ~used)
        used[chosen] = True
        rows = how.make(table.iloc[chosen], calendar, chance)
        soiled.append(_listed(kind, how, rows))
        now = dirty[how.table]
        if not how.adds:
            now = now.drop(index=rows.index)
        dirty[how.table] = pd.concat([now, rows.astype(table.dtypes.to_dict())])
    listed = pd.concat(soiled, ignore_index=True) if soiled else _listed("", None, None)
    # a copy stands right after its original, a changed row where it was
    return {
        name: t.sort_index(kind="stable").reset_index(drop=True) for name, t in dirty.items()
    }, listed


def _listed(kind: str, how: Dirt | None, rows: pd.DataFrame | None) -> pd.DataFrame:
    columns = ("kind", "table", "key", "id", "fate")
    if how is None or rows is None:
        return pd.DataFrame({name: pd.Series(dtype="str") for name in columns})
    said = {"kind": kind, "table": how.table, "key": how.key, "id": rows[how.key].to_numpy()}
    return pd.DataFrame({**said, "fate": how.fate}, columns=list(columns))
