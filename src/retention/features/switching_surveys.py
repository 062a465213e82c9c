"""What customers say leaving would cost: facets of switching cost, and the ladder of savings."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables, template
from retention.errors import NotEnoughDataError, ProjectError

from .lock_in import construct_items, item_settings

__all__ = ["build_ladder", "build_switching_scales"]


def _latest(tables: Tables, construct: str) -> pd.DataFrame:
    tables.require("surveys", needed_for=f"answers about {construct}")
    items = [item for item, *_ in construct_items(tables, construct)]
    if not items:
        raise NotEnoughDataError(
            f"no survey item has the construct {construct}; name the items under [items] in "
            "retention.toml"
        )
    frame = tables.query(template("retention.features", "ladder.sql"), items=items)
    if frame.empty:
        raise NotEnoughDataError(f"nobody answered an item of the construct {construct}")
    return frame


def build_switching_scales(tables: Tables) -> pd.DataFrame:
    """Build each customer's latest answer to each item of the construct ``switching_cost``.

    Returns
    -------
    DataFrame
        customer_id, item, dimension (facet or type, from the project file), score (0 to 100).

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without surveys, items or answers.
    """
    frame = _latest(tables, "switching_cost")
    scale = {item: rest for item, *rest in construct_items(tables, "switching_cost")}
    low, high, reverse = (frame["item"].map({k: v[i] for k, v in scale.items()}) for i in range(3))
    share = (frame["score"] - low.astype(float)) / (high.astype(float) - low.astype(float))
    frame["score"] = 100 * np.where(reverse, 1 - share, share)
    names = {item: str(how.get("dimension", "all")) for item, how in item_settings(tables).items()}
    frame["dimension"] = frame["item"].map(names)
    frame.attrs["window"] = tables.window
    return frame


def build_ladder(tables: Tables) -> pd.DataFrame:
    """Build, for each customer, between which savings of a rival it says it would leave.

    Each rung is an item of the construct ``leave_at_saving`` whose dimension is the saving as a
    share of the price, such as ``0.10``; a score above the middle of its scale means leaving.

    Returns
    -------
    DataFrame
        Index customer_id; low (largest saving at which it stays), high (smallest at which it
        leaves; infinite if at none), consistent (low is below high).

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without surveys, items or answers.
    ProjectError
        If a dimension is not a number above 0.
    """
    frame = _latest(tables, "leave_at_saving")
    rungs, middle = {}, {}
    settings = item_settings(tables)
    for item, low, high, reverse in construct_items(tables, "leave_at_saving"):
        text = str(settings[item].get("dimension", ""))
        try:
            rungs[item] = float(text)
        except ValueError as error:
            raise ProjectError(
                f"item {item}: the dimension of a rung is a saving such as 0.10, got {text!r}"
            ) from error
        middle[item] = (low + high) / 2, reverse
    saving = frame["item"].map(rungs).astype(float)
    above = frame["score"] > frame["item"].map({k: m for k, (m, _) in middle.items()})
    leaves = above != frame["item"].map({k: r for k, (_, r) in middle.items()}).astype(bool)
    by = frame["customer_id"]
    table = pd.DataFrame(
        {
            "low": saving.where(~leaves).groupby(by).max(),
            "high": saving.where(leaves).groupby(by).min(),
        }
    )
    table["low"], table["high"] = table["low"].fillna(0.0), table["high"].fillna(np.inf)
    table["consistent"] = table["low"] < table["high"]
    table.attrs["window"] = tables.window
    return table
