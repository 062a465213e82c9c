"""Survey items to scales: what measures what, on which scale, by the project's mapping."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ParameterError, SchemaError

__all__ = [
    "Item",
    "Scale",
    "build_answers",
    "build_scales",
    "chosen_scales",
    "customer_attributes",
    "scale_map",
]

CUSTOMER_ATTRIBUTES = ("segment", "region", "industry", "size", "channel", "manager_id")
_OFF_SCALE_LIMIT = 0.5


@dataclass(frozen=True)
class Item:
    """One question: its column, the ends of its scale, and whether a high answer is bad."""

    name: str
    low: float
    high: float
    reverse: bool = False


@dataclass(frozen=True)
class Scale:
    """A construct, or one dimension of it, and the items that measure it.

    Attributes
    ----------
    name : str
        The construct; with a dimension, ``construct: dimension``.
    low, high : float
        Ends of its scores: those of the items, or 0 and 100 where items differ.
    """

    name: str
    construct: str
    dimension: str
    label: str
    items: tuple[Item, ...]
    low: float
    high: float

    @property
    def columns(self) -> list[str]:
        """Names of the items."""
        return [item.name for item in self.items]


def scale_map(tables: Tables, *, instrument: str = "") -> dict[str, Scale]:
    """Return the scales that were asked, by name, in the order of the project.

    A key of ``[items]`` may be a pattern, such as ``"perceived_tangibles_*"``: it stands for all
    items of the surveys that fit it and have no section of their own.

    Parameters
    ----------
    tables : Tables
        With ``surveys`` and the project's items.
    instrument : str
        Only what this questionnaire asked; empty for all.

    Raises
    ------
    ParameterError
        If the project maps no item, or an item has no ends of its scale.
    """
    tables.require("surveys", needed_for="scales")
    seen = _items_seen(tables, instrument)["item"]
    if not tables.items:
        raise ParameterError(
            "the project does not say what survey items measure; add a section [items.NAME] with "
            f"construct, low and high for each of: {', '.join(seen.head(8))} ..."
        )
    groups: dict[str, list[tuple[Item, Mapping[str, Any]]]] = {}
    for name in seen:
        said = _section(tables.items, name)
        if said is not None:
            item = _item(name, said)
            groups.setdefault(_scale_name(said), []).append((item, said))
    order = list(dict.fromkeys(_scale_name(said) for said in tables.items.values()))
    return {name: _scale(name, groups[name]) for name in order if name in groups}


def customer_attributes(tables: Tables) -> list[str]:
    """Return the columns of ``customers`` by which answers can be grouped and weighted."""
    known = tables.columns("customers") if "customers" in tables else ()
    return [name for name in CUSTOMER_ATTRIBUTES if name in known]


def build_answers(
    tables: Tables,
    scales: Sequence[Scale],
    *,
    instrument: str = "",
    attributes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return one row a filled-in questionnaire and one column an item.

    Parameters
    ----------
    tables : Tables
        With ``surveys``; ``customers`` for attributes.
    scales : sequence of Scale
        Whose items are wanted.
    instrument : str
        Only this questionnaire; empty for all.
    attributes : sequence of str, optional
        Columns of ``customers``; by default all usual ones.

    Returns
    -------
    DataFrame
        Index ``response_id``; ``customer_id``, ``answered_on``, ``instrument``, ``wave``,
        ``branch``, ``employee_id``, the attributes, and the items: reversed ones are turned,
        unanswered ones NaN. Where the company has no waves, ``wave`` is the calendar quarter of
        the answer. ``attrs["off_scale"]`` counts answers left out because they lie off the scale.

    Raises
    ------
    SchemaError
        If more than half of the answers to an item lie off its scale: then the scale is wrong.
    NotEnoughDataError
        If nobody answered.
    """
    items = list(dict.fromkeys(item for scale in scales for item in scale.items))
    if not items:
        raise ParameterError("no scale was asked for")
    seen = _items_seen(tables, instrument, items).set_index("item")
    off = _off_scale(seen, items)
    wanted = customer_attributes(tables) if attributes is None else list(attributes)
    frame = tables.query(
        template("retention.features", "answers.sql"),
        items=items,
        names=[item.name for item in items],
        instrument=instrument,
        attributes=wanted,
    )
    if frame.empty:
        raise NotEnoughDataError(
            f"nobody answered {instrument or 'the items asked for'} before {tables.window.cutoff}"
        )
    frame = frame.set_index("response_id")
    names = [item.name for item in items]
    frame[names] = frame[names].astype(float)
    quarter = pd.to_datetime(frame["answered_on"]).dt.to_period("Q")
    frame["wave"] = frame["wave"].fillna(quarter.astype(str).str.replace("Q", "-Q"))
    frame.attrs["window"] = tables.window
    frame.attrs["off_scale"] = off
    return frame


def build_scales(
    tables: Tables,
    *,
    constructs: Sequence[str] = (),
    instrument: str = "",
    answered: float = 0.5,
    attributes: Sequence[str] | None = None,
) -> pd.DataFrame:
    """Return one row a filled-in questionnaire and one column a scale.

    A score is the mean of the items answered; it is missing where fewer than the share `answered`
    of them were. Items on different scales are brought to 0 to 100 first.

    Parameters
    ----------
    tables : Tables
        With ``surveys``; ``customers`` for attributes.
    constructs : sequence of str
        Which constructs (all their dimensions), or single scales; empty for all.
    instrument : str
        Only this questionnaire; empty for all.
    answered : float
        Share of its items without which a scale has no score.
    attributes : sequence of str, optional
        Columns of ``customers``; by default all usual ones.

    Returns
    -------
    DataFrame
        As `build_answers`, with scales in the place of items. ``attrs["scales"]`` holds the
        `Scale` of each.

    Raises
    ------
    ParameterError, SchemaError, NotEnoughDataError
        As `scale_map` and `build_answers`; also if a construct was never asked.
    """
    if not 0 < answered <= 1:
        raise ParameterError(f"answered must be above 0 and up to 1, got {answered}")
    known = scale_map(tables, instrument=instrument)
    chosen = chosen_scales(known, constructs)
    frame = build_answers(
        tables, list(chosen.values()), instrument=instrument, attributes=attributes
    )
    scores = {name: _score(frame, scale, answered) for name, scale in chosen.items()}
    items = list(dict.fromkeys(c for scale in chosen.values() for c in scale.columns))
    rest = frame.drop(columns=items)
    table = pd.concat([rest, pd.DataFrame(scores, index=frame.index)], axis=1)
    table.attrs |= {**frame.attrs, "scales": chosen}
    return table


def chosen_scales(known: Mapping[str, Scale], constructs: Sequence[str]) -> dict[str, Scale]:
    """Return the scales of some constructs; all if none is named."""
    unknown = [
        c for c in constructs if c not in known and all(s.construct != c for s in known.values())
    ]
    if unknown:
        raise ParameterError(
            f"no item measures {', '.join(unknown)}; the surveys measure {', '.join(known)}"
        )
    if not constructs:
        return dict(known)
    return {n: s for n, s in known.items() if n in constructs or s.construct in constructs}


def _items_seen(tables: Tables, instrument: str, bounds: Sequence[Item] = ()) -> pd.DataFrame:
    sql = template("retention.features", "items_seen.sql")
    return tables.query(sql, instrument=instrument, bounds=list(bounds))


def _section(items: Mapping[str, Mapping[str, Any]], name: str) -> Mapping[str, Any] | None:
    if name in items:
        return items[name]
    fits = [pattern for pattern in items if fnmatchcase(name, pattern)]
    # the longest pattern says most
    return items[max(fits, key=len)] if fits else None


def _item(name: str, said: Mapping[str, Any]) -> Item:
    low, high = said.get("low"), said.get("high")
    if low is None or high is None or not float(low) < float(high):
        raise ParameterError(
            f"[items.{name}] needs low and high, the ends of its scale, with low below high; got "
            f"low {low}, high {high}"
        )
    return Item(name, float(low), float(high), bool(said.get("reverse", False)))


def _scale_name(said: Mapping[str, Any]) -> str:
    dimension = str(said.get("dimension", ""))
    return f"{said['construct']}: {dimension}" if dimension else str(said["construct"])


def _scale(name: str, members: list[tuple[Item, Mapping[str, Any]]]) -> Scale:
    items = tuple(item for item, _ in members)
    said = members[0][1]
    ends = {(item.low, item.high) for item in items}
    low, high = ends.pop() if len(ends) == 1 else (0.0, 100.0)
    dimension = str(said.get("dimension", ""))
    label = str(said.get("label", "")) or (dimension or str(said["construct"])).replace("_", " ")
    return Scale(name, str(said["construct"]), dimension, label, items, low, high)


def _off_scale(seen: pd.DataFrame, items: Sequence[Item]) -> dict[str, int]:
    faults, found = [], {}
    counts = seen.reindex([item.name for item in items]).fillna(0).to_dict("index")
    for item in items:
        row = counts[item.name]
        off, answers = int(row["off_scale"]), int(row["answers"])
        if off > _OFF_SCALE_LIMIT * answers:
            faults.append(
                f"{off:,} of {answers:,} answers to {item.name} lie off its scale {item.low:g} to "
                f"{item.high:g} (they run from {row['lowest']:g} to {row['highest']:g}); correct "
                f"low and high in [items.{item.name}]"
            )
        elif off:
            found[item.name] = off
    if faults:
        raise SchemaError("surveys", faults)
    return found


def _score(frame: pd.DataFrame, scale: Scale, answered: float) -> pd.Series:
    part = frame[scale.columns]
    if (scale.low, scale.high) == (0.0, 100.0):
        low = pd.Series({i.name: i.low for i in scale.items})
        width = pd.Series({i.name: i.high - i.low for i in scale.items})
        part = (part - low) / width * 100
    enough = part.notna().sum(axis=1) >= answered * len(scale.items)
    return part.mean(axis=1).where(enough)
