"""Which part of customers' spend is ours, how it moves, and whether our rank tells it."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.estimates import Estimate, normal_interval, normal_quantile
from retention.features import build_wallets
from retention.models import rank_based_wallet_share

__all__ = ["ShareOfWallet", "share_of_wallet"]


@dataclass(frozen=True, eq=False, kw_only=True)
class ShareOfWallet:
    """Answer of `share_of_wallet`.

    Parameters
    ----------
    periods : DataFrame, one row a period
        customers, own_spend, category_spend, share (of all spend).
    customers : DataFrame, index customer_id
        share_before, share_now, change, moved (money a period that the change stands for).
    rivals : DataFrame, one row a rival
        customers of whom it is the main rival now, and their spend that is not ours.
    numbers : dict of str to Estimate
        Numbers of record.
    ranked : DataFrame
        Real share and rank-based share, where rank and number of suppliers are known.
    """

    periods: pd.DataFrame
    customers: pd.DataFrame
    rivals: pd.DataFrame
    ranked: pd.DataFrame
    numbers: dict[str, Estimate]

    def summary(self) -> pd.DataFrame:
        """Return one row a period."""
        return self.periods

    def estimates(self) -> dict[str, Estimate]:
        """Return the share now, its mean change, and how well ranks tell it."""
        return self.numbers

    def headline(self) -> str:
        """Return the share and how it moved."""
        share = self.numbers["share_of_wallet"]
        if share.value is None:
            return f"The share of wallet is not shown: {share.why}."
        text = f"Of what customers spend, {share} is spent with us"
        change = self.numbers["share_change"]
        if change.value is None or change.low is None or change.high is None:
            return f"{text}."
        if change.low <= 0 <= change.high:
            return f"{text}; that it moved since the period before cannot be shown."
        word = "more" if change.value > 0 else "less"
        return f"{text}, {100 * abs(change.value):.1f} points {word} than the period before."

    def cautions(self) -> tuple[str, ...]:
        """Return how far ranks can stand in for wallets."""
        found = ["Spend elsewhere is what customers or staff say; it is seldom counted."]
        error = self.numbers.get("rank_error")
        if error is not None and error.value is not None:
            found.append(
                f"Shares worked out from our rank miss the real ones by {100 * error.value:.0f} "
                "points on average: use them only where nothing better is known."
            )
        return tuple(found)


def share_of_wallet(tables: Tables, *, level: float = 0.95) -> ShareOfWallet:
    """Describe the share of wallet in the last period and its change since the one before.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        Without a wallet table, or without spend in it.
    """
    wallets = build_wallets(tables)
    periods = wallets.groupby(["ends", "period"]).agg(
        customers=("share", "size"), own_spend=("own_spend", "sum"),
        category_spend=("category_spend", "sum"),
    )  # fmt: skip
    periods["share"] = periods["own_spend"] / periods["category_spend"]
    periods = periods.reset_index("ends", drop=True)
    days = sorted(wallets["ends"].unique())
    now = wallets[wallets["ends"] == days[-1]]
    before = wallets[wallets["ends"] == days[-2]] if len(days) > 1 else now.iloc[:0]
    customers = _changes(before, now)
    ranked = _ranked(now)
    numbers = {
        "share_of_wallet": _ratio(now, tables, level),
        "share_change": _mean(customers["change"].dropna(), "share", "mean change", tables, level),
    }
    if len(ranked):
        error = (ranked["rank_based"] - ranked["share"]).abs()
        numbers["rank_error"] = _mean(error, "share", "mean absolute error", tables, level)
    return ShareOfWallet(
        periods=periods, customers=customers, rivals=_rivals(now), ranked=ranked, numbers=numbers
    )


def _changes(before: pd.DataFrame, now: pd.DataFrame) -> pd.DataFrame:
    table = pd.DataFrame({"share_before": before["share"], "share_now": now["share"]})
    table["change"] = table["share_now"] - table["share_before"]
    table["moved"] = table["change"] * now["category_spend"].reindex(table.index)
    return table.sort_values("moved", na_position="last")


def _ranked(now: pd.DataFrame) -> pd.DataFrame:
    known = now[(now["rank"] >= 1) & (now["rank"] <= now["suppliers"])]
    based = rank_based_wallet_share(
        known["rank"].to_numpy(dtype=float), known["suppliers"].to_numpy(dtype=float)
    )
    return known[["share", "rank", "suppliers"]].assign(rank_based=based)


def _rivals(now: pd.DataFrame) -> pd.DataFrame:
    elsewhere = (now["category_spend"] - now["own_spend"]).clip(lower=0)
    table = elsewhere.groupby(now["main_rival"].fillna("unknown")).agg(["size", "sum"])
    table.columns = pd.Index(["customers", "spend_elsewhere"])
    return table.sort_values("spend_elsewhere", ascending=False).rename_axis("rival")


def _ratio(now: pd.DataFrame, tables: Tables, level: float) -> Estimate:
    """Return our spend over all spend, with the interval of a ratio of means."""
    n, method = len(now), "ratio of sums, linearised"
    if n < max(2, tables.minimum_n):
        why = f"{n} customers, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=n, method=method)
    total = float(now["category_spend"].sum())
    value = float(now["own_spend"].sum()) / total
    rest = (now["own_spend"] - value * now["category_spend"]).to_numpy()
    se = float(np.sqrt(n / (n - 1) * (rest**2).sum())) / total
    low, high = normal_interval(value, se, level)
    return Estimate(
        value=value, low=max(0.0, low), high=min(1.0, high), level=level, unit="share", n=n,
        method=method, grade="D",
    )  # fmt: skip


def _mean(values: pd.Series, unit: str, method: str, tables: Tables, level: float) -> Estimate:
    n = len(values)
    if n < max(2, tables.minimum_n):
        why = f"{n} customers in both periods, fewer than the {tables.minimum_n} a number needs"
        return Estimate.withheld(why, unit=unit, n=n, method=method)
    value, half = float(values.mean()), normal_quantile(level) * float(values.std()) / np.sqrt(n)
    return Estimate(
        value=value, low=value - half, high=value + half, level=level, unit=unit, n=n,
        method=f"{method} over customers", grade="D",
    )  # fmt: skip
