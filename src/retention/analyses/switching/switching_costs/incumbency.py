"""Switching cost from quotes and tenders: how much dearer the incumbent may be."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import NotIdentifiedError
from retention.features import build_quotes
from retention.models import BinaryRegression

from .measure import AnnualSpend, SwitchingMeasure, in_money, worth_estimate

__all__ = ["incumbency_premium"]

METHOD = "incumbency premium in quotes"


def incumbency_premium(
    tables: Tables, spend: AnnualSpend, *, level: float = 0.95
) -> SwitchingMeasure:
    """Estimate the price gap at which holding the business already is worth nothing.

    ``logit P(win) = a + s * incumbent - b * gap``, the gap being our price over the best rival's,
    minus 1; the premium is s / b. Errors are clustered by customer.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError
        Without quotes, without rivals' prices, or if incumbency or price never differs.
    """
    quotes = build_quotes(tables).reset_index()
    if quotes["incumbent"].nunique() < 2:
        raise NotIdentifiedError(
            "all quotes are as incumbent or all as newcomer; a premium needs both"
        )
    spec = BinaryRegression(columns=("incumbent", "gap"), event="won", cluster="customer_id")
    fit = spec.fit(quotes)
    n = int(quotes["customer_id"].nunique())
    share = worth_estimate(
        fit.worth("incumbent", price="gap", level=level), n=n, events=fit.events,
        method="logit of winning, errors clustered by customer", grade="C", tables=tables,
    )  # fmt: skip
    findings = []
    if fit.coefficients["gap"] >= 0:
        findings.append("Dearer quotes are won no less often here: price is not what decides.")
    if left := quotes.attrs.get("left_out", 0):
        findings.append(f"{left:,} quotes without a rival's price are left out.")
    return SwitchingMeasure(
        method=METHOD, share=share, money=in_money(share, spend.total, tables, spend.why),
        tables=("quotes",),
        assumptions=(
            "Given the price gap, incumbents would win as often as newcomers but for the cost of "
            "switching: that they are better, or know the customer, counts as such a cost.",
            "The best rival's price is that of the customer's real alternative.",
            "Prices are not lowered because we expect to lose; if they are, price seems to matter "
            "less than it does and the premium is overstated.",
        ),
        sensitivity=_sensitivity(quotes, spec),
        table=fit.summary(), extras={"quotes by gap": _by_gap(quotes)}, findings=tuple(findings),
    )  # fmt: skip


def _sensitivity(quotes: pd.DataFrame, spec: BinaryRegression) -> str:
    """Return the premium from quotes whose gap is not extreme."""
    low, high = np.quantile(quotes["gap"], [0.05, 0.95])
    middle = quotes[quotes["gap"].between(low, high)]
    try:
        value = spec.fit(middle).worth("incumbent", price="gap").value
    except NotIdentifiedError as error:
        return f"without the extreme tenth of gaps: {error}"
    return f"{100 * value:.1f} % without the extreme tenth of price gaps"


def _by_gap(quotes: pd.DataFrame) -> pd.DataFrame:
    """Return shares won by fifths of the gap and incumbency."""
    fifth = pd.qcut(quotes["gap"], 5, duplicates="drop")
    table = quotes.groupby([fifth, "incumbent"], observed=True)["won"].agg(["size", "mean"])
    table = table.rename(columns={"size": "quotes", "mean": "won"}).reset_index()
    middle = [float(part.mid) for part in table["gap"]]
    return table.assign(gap=middle, incumbent=table["incumbent"] > 0)
