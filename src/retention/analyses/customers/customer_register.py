"""The customer register: one row a customer with all that is known, and what to do next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import DataError, ParameterError
from retention.features import build_monthly_revenue, build_profile, build_recent_events
from retention.window import Window

from .core_customers import dismissal_candidates
from .core_traits import core_index, core_traits
from .customer_value import customer_value
from .ready_questions import Question, available
from .register_fields import FIELDS, Field

__all__ = ["CustomerRegister", "customer_register", "recommended_actions"]


@dataclass(frozen=True, eq=False, kw_only=True)
class CustomerRegister:
    """One row a customer.

    Parameters
    ----------
    customers : DataFrame
        Index ``customer_id``; a column for each of `fields` but the first.
    fields : tuple of Field
        The columns with their words; those the tables do not tell are not there.
    questions : tuple of Question
        The ready questions that can be asked.
    months : DataFrame
        Order value a month, one row a customer who ordered; may have no columns.
    events : DataFrame
        The last events, see `retention.features.build_recent_events`.
    window, currency
        As known at which cutoff, in which money.
    measure : str
        By what customers are classed: what ``value`` is.
    warnings : tuple of str
        What to know before acting on it.
    """

    customers: pd.DataFrame
    fields: tuple[Field, ...]
    questions: tuple[Question, ...]
    months: pd.DataFrame
    events: pd.DataFrame
    window: Window
    currency: str
    measure: str
    warnings: tuple[str, ...]

    @property
    def unit(self) -> str:
        """Unit of tenure, in the plural."""
        return f"{self.window.unit}s"

    def masked(self) -> CustomerRegister:
        """Return the register without what names a person or a firm."""
        kept = tuple(field for field in self.fields if not field.personal)
        names = [field.name for field in kept if field.name != "customer_id"]
        return replace(self, customers=self.customers[names], fields=kept)


def customer_register(
    tables: Tables,
    *,
    measure: str = "profit",
    margin_share: float = 1.0,
    complaint_cost: float = 0.0,
    core_share: float = 0.2,
    joined: Sequence[pd.DataFrame] = (),
    history_months: int = 24,
) -> CustomerRegister:
    """Put everything that is known of each customer side by side.

    Parameters
    ----------
    tables : Tables
        With ``customers``; every other table adds its columns.
    measure : str
        By what customers are classed, see `retention.features.MEASURES`.
    margin_share, complaint_cost : float
        As in `retention.features.build_value`.
    core_share : float
        Share of customers who are core.
    joined : sequence of DataFrame
        Further columns of `FIELDS`, indexed by ``customer_id``: risk, residual value, ...
    history_months : int
        Months of order value on a customer's sheet.

    Returns
    -------
    CustomerRegister

    Raises
    ------
    MissingTableError
        If there are no customers.
    ParameterError
        If a joined column is not a field of the register.
    """
    table = build_profile(tables, margin_share=margin_share, complaint_cost=complaint_cost)
    settings: dict[str, Any] = {"margin_share": margin_share, "complaint_cost": complaint_cost}
    warnings: list[str] = []
    for part in (
        _value_columns(tables, measure, settings, warnings),
        _core_columns(tables, core_share, settings, warnings),
        _loss_columns(tables, settings),
        *map(_checked, joined),
    ):
        table = table.drop(columns=[c for c in part if c in table]).join(part)
    table = table.join(recommended_actions(table))
    fields = tuple(f for f in FIELDS if f.name in table or f.name == "customer_id")
    table = table[[f.name for f in fields if f.name != "customer_id"]]
    ordered = "orders" in tables
    return CustomerRegister(
        customers=table,
        fields=fields,
        questions=available([str(name) for name in table]),
        months=build_monthly_revenue(tables, months=history_months) if ordered else pd.DataFrame(),
        events=build_recent_events(tables),
        window=tables.window,
        currency=tables.currency,
        measure=measure,
        warnings=tuple(warnings),
    )


def _checked(part: pd.DataFrame) -> pd.DataFrame:
    known = {field.name for field in FIELDS}
    if strange := [str(name) for name in part if name not in known]:
        raise ParameterError(f"{strange[0]} is no field of the register")
    return part


def _value_columns(
    tables: Tables, measure: str, settings: dict[str, Any], warnings: list[str]
) -> pd.DataFrame:
    try:
        answer = customer_value(tables, measure=measure, **settings)
    except DataError as error:
        warnings.append(f"No classes: {error}.")
        return pd.DataFrame()
    warnings += [text for text in answer.cautions() if not text.endswith("Herfindahl index.")]
    table = answer.customers.copy()
    if "value_before" in table:
        table["value_change"] = (table["value"] - table["value_before"]).round(2)
    return table


def _core_columns(
    tables: Tables, share: float, settings: dict[str, Any], warnings: list[str]
) -> pd.DataFrame:
    try:
        index = core_index(core_traits(tables, **settings))
    except DataError as error:
        warnings.append(f"No core customers: {error}.")
        return pd.DataFrame()
    if not index.notna().any():
        return pd.DataFrame()
    border = index.quantile(1 - share)
    core = pd.Series(np.where(index >= border, "yes", "no"), index=index.index, dtype="str")
    return pd.DataFrame({"core_index": index.round(1), "core": core.where(index.notna())})


def _loss_columns(tables: Tables, settings: dict[str, Any]) -> pd.DataFrame:
    try:
        listed = dismissal_candidates(tables, **settings)
    except DataError:
        return pd.DataFrame()
    if listed.empty:
        return pd.DataFrame()
    sure = pd.Series("yes", index=listed.index, name="sure_loss", dtype="str")
    return pd.concat([sure, listed["mend"]], axis=1)


def recommended_actions(table: pd.DataFrame) -> pd.DataFrame:
    """Return what to do first for each customer and why, by fixed rules in a fixed order.

    The rules look at what is known; nothing says that the action would work. The first rule that
    fits a customer counts: a sure loss, an open or unresolved complaint of a class A or B customer,
    a core customer who falls silent or is at risk, an overdue payment, a good customer who trades
    less and of whose satisfaction nobody knows, one nobody has spoken to, one with room to grow.

    Parameters
    ----------
    table : DataFrame
        The register so far.

    Returns
    -------
    DataFrame
        ``action`` and ``action_why``; missing where nothing is called for.
    """

    def column(name: str) -> pd.Series:
        return table[name] if name in table else pd.Series(np.nan, index=table.index)

    good = column("value_class").isin(["A", "B"])
    is_core = column("core").eq("yes")
    silence, change = column("silence"), column("order_change")
    rules = [
        (column("sure_loss").eq("yes"), "Change price or service", column("mend")),
        (
            good & (column("complaints_open") > 0),
            "Close the open complaint",
            _say("{} open", column("complaints_open")),
        ),
        (
            good & (column("complaints_unresolved") > 0),
            "Win back trust after an unresolved complaint",
            _say("{} closed unresolved in the last twelve months", column("complaints_unresolved")),
        ),
        (
            is_core & (column("risk") >= 0.1),
            "See the customer in person",
            _say("a core customer, risk of leaving {} %", 100 * column("risk")),
        ),
        (
            is_core & (silence >= 2),
            "See the customer in person",
            _say("a core customer, silent for {} times the usual gap", silence, 1),
        ),
        (
            (column("overdue") > 0) & (column("late_share") >= 0.5),
            "Settle what is overdue before any offer",
            _say("{} overdue", column("overdue")),
        ),
        (
            good & (change <= -0.3) & column("satisfaction").isna(),
            "Call and ask",
            _say("orders {} % on the year before, satisfaction not known", 100 * change),
        ),
        (
            good & (column("days_since_contact") >= 90),
            "Get in touch",
            _say("no contact for {} days", column("days_since_contact")),
        ),
        (
            good & (column("share_of_wallet") <= 0.5) & (column("headroom") > 0),
            "Offer more of the range",
            _say("{} a period are spent with others", column("headroom")),
        ),
    ]
    action = pd.Series(pd.NA, index=table.index, dtype="str")
    why = pd.Series(pd.NA, index=table.index, dtype="str")
    for fits, words, reason in rules:
        chosen = fits.fillna(False).astype(bool) & action.isna()
        action[chosen], why[chosen] = words, reason[chosen].astype("str")
    return pd.DataFrame({"action": action, "action_why": why})


def _say(words: str, values: pd.Series, digits: int = 0) -> pd.Series:
    texts = [words.format(f"{v:,.{digits}f}".replace("-", "−")) if v == v else "" for v in values]
    return pd.Series(texts, index=values.index, dtype="str")
