"""The service-profit chain: its links with intervals and the power there was."""

from __future__ import annotations

import pandas as pd
from matplotlib.axes import Axes

from retention.analyses import ServiceProfitChain
from retention.exhibits.forest import draw_forest, forest_height
from retention.exhibits.theme import ACCENT, PALETTE, describe, new_axes

__all__ = ["plot_service_profit_chain", "table_service_profit_chain"]


def plot_service_profit_chain(answer: ServiceProfitChain, *, ax: Axes | None = None) -> Axes:
    """Draw the slope of every link, within and between branches."""
    table = answer.links
    ax = new_axes(ax, height=forest_height(len(table)))
    labels = [_label(row) for row in table.to_dict("records")]
    colours = [ACCENT if view == "within" else PALETTE[1] for view in table["view"]]
    draw_forest(ax, labels, table["slope"], table["low"], table["high"], reference=0,
                colours=colours)  # fmt: skip
    ax.set_xlabel("slope (SD per SD)")
    seen = table[table["p_adjusted"] < 1 - answer.level]
    said = ", ".join(_label(row) for row in seen.to_dict("records")) or "none"
    alt = f"{len(table)} slopes of the chain in {answer.branches} branches; beyond chance: {said}."
    caption = (
        f"{100 * answer.level:g} % intervals. Blue: the same branch over time; orange: branches "
        "compared."
    )
    return describe(ax, alt=alt, caption=caption)


def table_service_profit_chain(answer: ServiceProfitChain) -> pd.DataFrame:
    """Return one row a link and view: slope, adjusted p, branches, slope that could be found."""
    found = answer.estimates()
    table = answer.links
    keys = [f"{row['view']}: {row['cause']} to {row['result']}" for row in table.to_dict("records")]
    return pd.DataFrame(
        {
            "slope": [found[key] for key in keys],
            "half years later": table["lag"].to_numpy(),
            "p adjusted": table["p_adjusted"].round(3).to_numpy(),
            "branches": table["branches"].to_numpy(),
            "detectable slope": table["detectable"].round(2).to_numpy(),
        },
        index=pd.Index([_label(row) for row in table.to_dict("records")], name="link"),
    )


def _label(row: object) -> str:
    assert isinstance(row, dict)
    cause, result = (str(row[k]).replace("_", " ") for k in ("cause", "result"))
    return f"{cause} → {result}, {row['view']}"
