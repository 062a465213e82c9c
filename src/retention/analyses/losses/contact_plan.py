"""Whom to contact how under a budget, and the most that any such plan could keep."""

from __future__ import annotations

import numpy as np
import pandas as pd

__all__ = ["contact_plan"]


def contact_plan(
    gains: pd.DataFrame, costs: pd.Series, budget: float
) -> tuple[pd.DataFrame, float]:
    """Choose at most one contact a customer so that the budget keeps the most margin.

    Greedy by margin per money over what is not dominated: for each customer the depths on the
    upper hull of gain over cost, as steps from one to the next [1]_. The last step that fits only
    in part gives the bound of the continuous knapsack, which no plan can exceed.

    Parameters
    ----------
    gains : DataFrame, one row a customer
        Expected margin kept by a contact of each depth (columns).
    costs : Series
        Cost of a contact of each depth.
    budget : float
        Money to spend; 0 or more.

    Returns
    -------
    plan : DataFrame
        Index ``customer_id``; ``depth``, ``cost``, ``gain``; best return first.
    bound : float
        The most that any plan could keep whose steps each pay for themselves.

    References
    ----------
    .. [1] Sinha, P. and Zoltners, A. A. (1979). The multiple-choice knapsack problem. Operations
       Research 27, 503-515.
    """
    steps = _steps(gains, costs)
    steps = steps[steps["gain"] > steps["cost"]]  # a contact must keep more than it costs
    steps = steps.sort_values(["rate", "row"], ascending=[False, True], kind="stable")
    spent, bound, full = 0.0, 0.0, False
    chosen: dict[float, tuple[float, float, str]] = {}
    stopped: set[float] = set()
    for row, depth, cost, gain, rate in steps[["row", "depth", "cost", "gain", "rate"]].to_numpy():
        if not full:
            # until one does not fit, all before it were taken: the rest is the continuous part
            full = spent + cost > budget + 1e-9
            bound += rate * (budget - spent) if full else gain
        if row in stopped or spent + cost > budget + 1e-9:
            stopped.add(row)  # a later step of this customer needs this one
            continue
        spent += cost
        before = chosen.get(row, (0.0, 0.0, ""))
        chosen[row] = (before[0] + cost, before[1] + gain, depth)
    plan = pd.DataFrame(
        [(gains.index[int(r)], d, c, g) for r, (c, g, d) in chosen.items()],
        columns=["customer_id", "depth", "cost", "gain"],
    ).set_index("customer_id")
    order = (plan["gain"] / plan["cost"].clip(lower=1e-9)).sort_values(
        ascending=False, kind="stable"
    )
    return plan.loc[order.index] if plan.index.is_unique else plan, float(bound)


def _steps(gains: pd.DataFrame, costs: pd.Series) -> pd.DataFrame:
    """Return the steps of each customer's hull: from nothing to a depth, from it to a deeper."""
    depths = list(costs.sort_values(kind="stable").index)
    price = costs[depths].to_numpy(dtype=float)
    value = np.maximum(gains[depths].to_numpy(dtype=float), 0.0)
    parts = []
    at = np.full(len(value), -1)
    own_gain, own_cost = np.zeros(len(value)), np.zeros(len(value))
    for _ in depths:
        with np.errstate(divide="ignore", invalid="ignore"):
            rate = (value - own_gain[:, None]) / (price[None, :] - own_cost[:, None])
        later = np.arange(len(depths))[None, :] > at[:, None]
        rate = np.where(later & (value > own_gain[:, None]), rate, -np.inf)
        best = rate.argmax(axis=1)
        rows = np.flatnonzero(np.isfinite(rate[np.arange(len(rate)), best]))
        k = best[rows]
        parts.append(
            pd.DataFrame(
                {
                    "row": rows, "depth": np.array(depths, dtype=object)[k],
                    "cost": price[k] - own_cost[rows], "gain": value[rows, k] - own_gain[rows],
                }
            )
        )  # fmt: skip
        at[rows], own_gain[rows], own_cost[rows] = k, value[rows, k], price[k]
    steps = pd.concat(parts, ignore_index=True)
    return steps.assign(rate=steps["gain"] / steps["cost"].clip(lower=1e-9))
