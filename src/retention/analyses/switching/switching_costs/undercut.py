"""Switching cost from prices and numbers of customers alone: Shy's quick-and-easy estimate."""

from __future__ import annotations

import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate
from retention.models import undercut_proof_costs
from retention.window import Period

from .measure import AnnualSpend, SwitchingMeasure, in_money

__all__ = ["undercut_proof"]

METHOD = "undercut-proof prices"


def undercut_proof(
    tables: Tables, spend: AnnualSpend, *, own_firm: str = "", change: float = 0.1
) -> SwitchingMeasure:
    """Estimate what prices and shares of the latest market period imply, after Shy (2002).

    The number of record is that of our own firm where it is named, else the mean over firms
    weighted by customers.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without a market table, or with fewer than two firms that have a price and customers.
    """
    tables.require("market", needed_for="undercut-proof prices")
    rows = tables.query(
        "select period, firm, cast(price as double) as price, customers from market"
        " order by period, firm"
    )
    ends = {label: Period.parse(str(label)).end for label in rows["period"].unique()}
    latest = rows[rows["period"] == max(ends, key=ends.__getitem__)] if ends else rows
    usable = (latest["price"] > 0) & (latest["customers"] > 0)
    now, none = latest[usable], tuple(map(str, latest.loc[~usable, "firm"]))
    if len(now) < 2:
        raise NotEnoughDataError(
            "market names fewer than two firms with a price and customers in its last period"
        )
    table = undercut_proof_costs(
        now["price"], now["customers"], names=now["firm"], change=change
    ).set_index("firm")
    share = _share(table, own_firm, tables)
    ours = own_firm in table.index
    return SwitchingMeasure(
        method=METHOD, share=share,
        money=in_money(share, spend.total, tables, spend.why),
        tables=("market",),
        assumptions=(
            "Prices are in balance: nobody could gain by undercutting another; serving a customer "
            "costs nothing; all customers of a firm share one cost.",
            "The ranking of firms by customers decides whom each one fears.",
        ),
        sensitivity=_sensitivity(table, own_firm if ours else "", change),
        table=table,
        findings=_findings(table, own_firm, none),
    )  # fmt: skip


def _share(table: pd.DataFrame, own_firm: str, tables: Tables) -> Estimate:
    method = f"undercut-proof prices of {len(table)} firms"
    n = int(table["customers"].sum())
    if n < tables.minimum_n:
        why = f"{n} customers in the market, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=n, method=method)
    if own_firm in table.index:
        value, of = float(table["share_of_price"][own_firm]), f"of {own_firm}"
    else:
        weight = table["customers"] / table["customers"].sum()
        value, of = float((table["share_of_price"] * weight).sum()), "mean over customers"
    return Estimate(
        value=value, unit="share", n=n, grade="D",
        method=f"{method}, {of}; no sampling, so no interval",
    )  # fmt: skip


def _sensitivity(table: pd.DataFrame, own_firm: str, change: float) -> str:
    part = table.loc[[own_firm]] if own_firm else table
    low, high = ((part[end] / part["price"]) for end in ("low", "high"))
    return (
        f"{100 * low.min():.0f} to {100 * high.max():.0f} % of the price when one price or number "
        f"of customers is {100 * change:.0f} % lower or higher"
    )


def _findings(table: pd.DataFrame, own_firm: str, none: tuple[str, ...]) -> tuple[str, ...]:
    found = []
    if none:
        found.append(f"Without customers or without a price, and left out: {', '.join(none)}.")
    if table["tied"].any():
        tied = ", ".join(map(str, table.index[table["tied"]]))
        found.append(f"{tied} have equally many customers: their order is a convention.")
    if own_firm and own_firm not in table.index:
        found.append(f"{own_firm} is not among the firms of the last market period.")
    odd = table.index[(table["switching_cost"] < 0) | (table["share_of_price"] > 1)]
    if len(odd):
        found.append(
            f"For {', '.join(map(str, odd))} the cost is below zero or above the price: the "
            "assumptions do not hold there."
        )
    return tuple(found)
