"""Switching cost from choices: the pull of the last purchase, once tastes may differ."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import t as student

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.estimates import Estimate, normal_quantile
from retention.features import build_choices
from retention.models import (
    ConditionalLogit,
    ConditionalLogitFit,
    MixedLogit,
    MixedLogitFit,
    permute_histories,
    purchase_history,
)

from .measure import AnnualSpend, SwitchingMeasure, in_money, worth_estimate

__all__ = ["state_dependence"]

METHOD = "pull of the last purchase"
_ASSUMPTIONS = (
    "Tastes differ between customers as a normal distribution for each alternative and the price, "
    "and stay the same over the occasions.",
    "The first purchase stands for what came before the records.",
    "Prices are not set in answer to a customer's own last purchase.",
)


@dataclass(frozen=True)
class _Data:
    choices: pd.DataFrame
    history: pd.DataFrame
    attributes: tuple[str, ...]
    base: str


def state_dependence(
    tables: Tables,
    spend: AnnualSpend,
    *,
    draws: int = 200,
    placebos: int = 5,
    max_customers: int = 1000,
    seed: int = 1,
    level: float = 0.95,
) -> SwitchingMeasure:
    """Estimate the price premium that keeps a customer with the alternative bought last [1]_ [2]_.

    Three models side by side: all customers alike (pooled), tastes that differ (mixed), and with
    the first purchase as a control besides, which is the number of record. Each is fitted again to
    histories shuffled within customers: what is left of the pull then is taste. Where the placebo
    reaches half of the estimate, the cost is not identified and no number is shown.

    Parameters
    ----------
    tables : Tables
        With ``choices``.
    spend : AnnualSpend
        What turns a share into money.
    draws, placebos : int
        Halton draws a customer, and shuffled histories (fitted with half the draws).
    max_customers : int
        With more customers the mixed models are fitted to so many, drawn at random.
    seed : int
        Of draws, shuffles and that sample.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError, NotEnoughDataError, NotIdentifiedError, ConvergenceError
        As the choice models.

    References
    ----------
    .. [1] Dubé, J.-P., Hitsch, G. J. and Rossi, P. E. (2010). State dependence and alternative
       explanations for consumer inertia. RAND Journal of Economics 41(3), 417-445.
    .. [2] Guadagni, P. M. and Little, J. D. C. (1983). A logit model of brand choice calibrated
       on scanner data. Marketing Science 2(3), 203-238.
    """
    rng = np.random.default_rng(seed)
    everyone = _data(build_choices(tables))
    some = _sample(everyone, max_customers, rng)
    shuffled = [purchase_history(permute_histories(some.choices, rng)) for _ in range(placebos)]
    price = float(everyone.choices["price"].mean())
    rows, fits = [], {}
    for name, more, mixed in (
        ("all customers alike", (), False),
        ("tastes differ", (), True),
        ("tastes differ, first purchase as control", ("first",), True),
    ):
        data = some if mixed else everyone
        columns = (*data.attributes, "last", *more)
        fit = _fit(data.history, columns, data.base, mixed, draws, seed)
        near = tuple(map(float, fit.coefficients)) if mixed else ()
        found = [
            _fit(t, columns, data.base, mixed, max(2, draws // 2), seed, near) for t in shuffled
        ]
        rows.append(_row(name, fit, [float(f.coefficients["last"]) for f in found], price, level))
        fits[name] = fit
    table = pd.DataFrame(rows).set_index("model")
    share = _record(table.iloc[-1], fit, price, level, tables)
    return SwitchingMeasure(
        method=METHOD, share=share, money=in_money(share, spend.total, tables, spend.why),
        tables=("choices",), assumptions=_ASSUMPTIONS, sensitivity=_sensitivity(table),
        table=table, findings=_findings(table, everyone, some),
        extras={name: each.summary() for name, each in fits.items()},
    )  # fmt: skip


def _data(choices: pd.DataFrame) -> _Data:
    within = choices.groupby(["customer_id", "occasion"])
    attributes = [
        name
        for name in ("price", *choices.attrs["attributes"])
        if (within[name].max() > within[name].min()).any()
    ]
    if "price" not in attributes:
        raise NotEnoughDataError(
            "price does not vary between the alternatives of any occasion; without differences in "
            "price nothing can be put in money"
        )
    bought = choices.loc[choices["chosen"], "alternative"]
    base = str(bought.value_counts().sort_index().idxmax())
    return _Data(choices, purchase_history(choices), tuple(attributes), base)


def _sample(data: _Data, limit: int, rng: np.random.Generator) -> _Data:
    customers = np.sort(data.history["customer_id"].unique())
    if len(customers) <= limit:
        return data
    kept = rng.choice(customers, limit, replace=False)
    rows, later = (t["customer_id"].isin(kept) for t in (data.choices, data.history))
    return _Data(data.choices[rows], data.history[later], data.attributes, data.base)


def _fit(
    history: pd.DataFrame,
    attributes: tuple[str, ...],
    base: str,
    mixed: bool,
    draws: int,
    seed: int,
    start: tuple[float, ...] = (),
) -> ConditionalLogitFit | MixedLogitFit:
    if not mixed:
        return ConditionalLogit(attributes=attributes, base=base).fit(history)
    return MixedLogit(attributes=attributes, base=base, draws=draws, seed=seed, start=start).fit(
        history
    )


def _row(
    name: str,
    fit: ConditionalLogitFit | MixedLogitFit,
    placebos: list[float],
    price: float,
    level: float,
) -> dict[str, object]:
    worth = fit.worth("last", level=level)
    mean, half = _mean_and_half(placebos, level)
    last, se = float(fit.coefficients["last"]), float(fit.standard_errors["last"])
    z = normal_quantile(level)
    return {
        "model": name, "last": last, "last_low": last - z * se, "last_high": last + z * se,
        "price": float(fit.coefficients["price"]),
        "switching_cost": worth.value, "share_of_price": worth.value / price,
        "placebo": mean, "placebo_low": mean - half, "placebo_high": mean + half,
        "placebo_share": mean / last if last else np.nan,
        "identified": bool(last - z * se > 0 and mean + half < 0.5 * last),
        "log_likelihood": fit.log_likelihood, "customers": fit.n_customers,
        "occasions": fit.n_occasions,
    }  # fmt: skip


def _mean_and_half(values: list[float], level: float) -> tuple[float, float]:
    if len(values) < 2:
        return (values[0], 0.0) if values else (0.0, 0.0)
    spread = float(np.std(values, ddof=1)) / np.sqrt(len(values))
    return float(np.mean(values)), float(student.ppf(0.5 + level / 2, len(values) - 1)) * spread


def _record(
    row: pd.Series,
    fit: ConditionalLogitFit | MixedLogitFit,
    price: float,
    level: float,
    tables: Tables,
) -> Estimate:
    """Return the number of record, withheld where it is not told from taste or from nothing."""
    method = "panel mixed logit, first purchase as control"
    n, worth = fit.n_customers, fit.worth("last", level=level)
    found = worth_estimate(
        worth, scale=1 / price, n=n, events=fit.n_occasions, method=method, grade="C",
        tables=tables,
    )  # fmt: skip
    if not found.shown or row["identified"]:
        return found
    why = (
        f"not identified: with shuffled histories the pull is {row['placebo']:.2f} "
        f"(up to {row['placebo_high']:.2f}) against {row['last']:.2f}, so half of it or more may "
        "be taste"
        if row["placebo_high"] >= 0.5 * row["last"]
        else "the pull of the last purchase cannot be told from none"
    )
    return Estimate.withheld(why, unit="share", n=n, method=method, grade="C")


def _sensitivity(table: pd.DataFrame) -> str:
    shares = [f"{100 * v:.1f} %" for v in table["share_of_price"]]
    return (
        f"{shares[0]} of the price if all customers are taken to be alike, {shares[1]} if tastes "
        f"differ, {shares[2]} with the first purchase as a control besides"
    )


def _findings(table: pd.DataFrame, everyone: _Data, some: _Data) -> tuple[str, ...]:
    pooled = table.iloc[0]
    found = [
        f"Of the pull that the simple model sees, {100 * pooled['placebo_share']:.0f} % is still "
        "there when each customer's history is shuffled: that part is taste, not a cost."
    ]
    if len(some.history) < len(everyone.history):
        found.append(
            f"The mixed models rest on {some.history['customer_id'].nunique():,} customers drawn "
            f"at random from {everyone.history['customer_id'].nunique():,}."
        )
    return tuple(found)
