"""What stands in the customer register: every column with its words, unit and group."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

__all__ = ["FIELDS", "Field", "FieldKind"]

FieldKind = Literal["text", "money", "number", "share", "date"]


@dataclass(frozen=True)
class Field:
    """One column of the register.

    Parameters
    ----------
    name, label : str
        The column, and its words.
    kind : str
        ``text``, ``money``, ``number``, ``share`` or ``date``.
    group : str
        Under which heading it stands on a customer's sheet.
    about : str
        What it is, in one sentence.
    unit : str
        Of a number: ``days``, ``orders``; empty for money, which has the project's.
    shown : bool
        Whether the list shows it unasked.
    personal : bool
        Whether it names a person or a firm; masked for roles that need no names.
    wide : bool
        Whether it is a long text.
    """

    name: str
    label: str
    kind: FieldKind
    group: str
    about: str
    unit: str = ""
    shown: bool = False
    personal: bool = False
    wide: bool = False


_WHO, _VALUE, _TRADE, _TASTE = "Customer", "Value", "Trade", "Preferences"
_PAY, _CARE, _TALK, _VOICE = "Payment", "Complaints", "Contacts", "Satisfaction"
_WALLET, _BOND, _CORE, _RISK = "Wallet and rivals", "Bonds and contracts", "Core", "Risk and future"
_ACT = "Recommended"
_YEAR = "in the last twelve months"

FIELDS: tuple[Field, ...] = (
    Field("customer_id", "Customer", "text", _WHO, "key of the customer", shown=True),
    Field("name", "Name", "text", _WHO, "name of the customer", shown=True, personal=True),
    Field("segment", "Segment", "text", _WHO, "market segment", shown=True),
    Field("region", "Region", "text", _WHO, "sales region"),
    Field("industry", "Industry", "text", _WHO, "line of business"),
    Field("size", "Size", "text", _WHO, "size class"),
    Field("channel", "Won through", "text", _WHO, "channel through which the customer was won"),
    Field("branch", "Branch", "text", _WHO, "branch that serves the customer"),
    Field("manager_id", "Account manager", "text", _WHO, "who is in charge", personal=True),
    Field("acquired_on", "Customer since", "date", _WHO, "first day as a customer"),
    Field("tenure", "Tenure", "number", _WHO, "whole units since then", unit="units"),
    Field("behaviour", "Segment by behaviour", "text", _WHO, "found by what customers do"),
    Field("value_class", "Class", "text", _VALUE, f"A, B or C by value {_YEAR}", shown=True),
    Field("value", "Value", "money", _VALUE, f"the measure of the classes {_YEAR}", shown=True),
    Field("class_before", "Class before", "text", _VALUE, "class in the twelve months before"),
    Field("value_before", "Value before", "money", _VALUE, "value in the twelve months before"),
    Field(
        "value_change", "Change of value", "money", _VALUE, "against the year before", shown=True
    ),
    Field("way", "Became", "text", _VALUE, "kept, grown, shrunk, new, lost or returned"),
    Field("revenue", "Revenue", "money", _VALUE, f"orders and contract prices {_YEAR}"),
    Field("margin", "Margin", "money", _VALUE, f"before the cost to serve, {_YEAR}"),
    Field("profit", "Profit", "money", _VALUE, f"margin less the cost to serve, {_YEAR}"),
    Field("service_cost", "Service cost", "money", _VALUE, f"cost of serving orders {_YEAR}"),
    Field("contact_cost", "Contact cost", "money", _VALUE, f"cost of contacts {_YEAR}"),
    Field("programme_cost", "Programme cost", "money", _VALUE, f"cost of programmes {_YEAR}"),
    Field("complaint_cost", "Complaint cost", "money", _VALUE, f"cost of complaints {_YEAR}"),
    Field("acquisition_cost", "Acquisition cost", "money", _VALUE, "what it cost to win him"),
    Field("sure_loss", "Sure loss", "text", _VALUE, "whole interval of profit is below zero"),
    Field("mend", "What would mend it", "text", _VALUE, "price or service", wide=True),
    Field("orders", "Orders", "number", _TRADE, f"orders {_YEAR}", shown=True),
    Field("orders_before", "Orders before", "number", _TRADE, "in the twelve months before"),
    Field("order_change", "Change of orders", "share", _TRADE, "against the year before"),
    Field("last_order_on", "Last order", "date", _TRADE, "day of the last order", shown=True),
    Field("days_since_order", "Days since order", "number", _TRADE, "to the cutoff", unit="days"),
    Field("silence", "Silence", "number", _TRADE, "days since the last order over the usual gap"),
    Field("gap_days", "Usual gap", "number", _TRADE, "mean days between orders", unit="days"),
    Field(
        "gap_variation",
        "Irregularity",
        "number",
        _TRADE,
        "variation of the gaps: 0 like a clock, 1 by chance",
    ),
    Field("order_value", "Order value", "money", _TRADE, f"mean value of an order {_YEAR}"),
    Field("discount_rate", "Discount rate", "share", _TRADE, f"discount over gross value {_YEAR}"),
    Field("returns", "Returns", "number", _TRADE, f"returned orders {_YEAR}"),
    Field("returned", "Returned", "money", _TRADE, f"value of returns {_YEAR}"),
    Field("late_delivery_share", "Late deliveries", "share", _TRADE, f"share {_YEAR}"),
    Field("favourites", "Buys most", "text", _TASTE, "products with their orders", wide=True),
    Field("next_products", "May buy next", "text", _TASTE, "not bought yet, likely", wide=True),
    Field("products", "Products", "number", _TASTE, f"different products {_YEAR}"),
    Field("basket_entropy", "Spread of the basket", "number", _TASTE, "entropy, nats; 0: one only"),
    Field(
        "preference_overlap",
        "Stability",
        "share",
        _TASTE,
        "purchases by product in common with the year before",
    ),
    Field("price_response", "Response to price", "number", _TASTE, "slope of log order value"),
    Field("days_to_pay", "Days to pay", "number", _PAY, f"mean {_YEAR}", unit="days"),
    Field("late_share", "Paid late", "share", _PAY, f"of what fell due {_YEAR}"),
    Field("overdue", "Overdue", "money", _PAY, "unpaid after its due date"),
    Field("complaints", "Complaints", "number", _CARE, f"opened {_YEAR}", shown=True),
    Field("complaints_open", "Open complaints", "number", _CARE, "not closed yet"),
    Field("complaints_unresolved", "Unresolved", "number", _CARE, f"closed unresolved {_YEAR}"),
    Field("last_complaint_on", "Last complaint", "date", _CARE, "day it was opened"),
    Field("days_to_close", "Days to close", "number", _CARE, "mean of all cases", unit="days"),
    Field("follow_up_score", "Follow-up score", "number", _CARE, "satisfaction with the handling"),
    Field("contacts", "Contacts", "number", _TALK, f"contacts {_YEAR}"),
    Field("personal_contacts", "Personal contacts", "number", _TALK, f"deep contacts {_YEAR}"),
    Field("last_contact_on", "Last contact", "date", _TALK, "day of the last contact"),
    Field("days_since_contact", "Days since contact", "number", _TALK, "to cutoff", unit="days"),
    Field("satisfaction", "Satisfaction", "number", _VOICE, "last answers, 0 to 100", shown=True),
    Field("satisfaction_on", "Asked on", "date", _VOICE, "day of the last answer"),
    Field("recommendation", "Would recommend", "number", _VOICE, "last answer, 0 to 100"),
    Field("loyalty_type", "Loyalty", "text", _VOICE, "loyal, captive, free or at the door"),
    Field("share_of_wallet", "Share of wallet", "share", _WALLET, "our part of his spending"),
    Field("headroom", "Spent with others", "money", _WALLET, "in the last period known"),
    Field("category_spend", "Spent in all", "money", _WALLET, "in the last period known"),
    Field("wallet_rank", "Our rank", "number", _WALLET, "among his suppliers"),
    Field("suppliers", "Suppliers", "number", _WALLET, "how many he uses"),
    Field("main_rival", "Main rival", "text", _WALLET, "largest other supplier"),
    Field("contracts_running", "Contracts", "number", _BOND, "running at the cutoff"),
    Field("monthly_price", "Contract price", "money", _BOND, "a month, of running contracts"),
    Field("contract_product", "Contract", "text", _BOND, "product of the contract"),
    Field("last_ended_on", "Contract ended", "date", _BOND, "last day a contract ended"),
    Field("bonds", "Bonds", "number", _BOND, "what ties the customer to us"),
    Field("bond_worth", "Worth of bonds", "money", _BOND, "what he would lose by leaving"),
    Field("core", "Core customer", "text", _CORE, "among the top of the index", shown=True),
    Field("core_index", "Core index", "number", _CORE, "0 to 100, weighted ranks of the traits"),
    Field("risk", "Risk of leaving", "share", _RISK, "chance to leave in the horizon", shown=True),
    Field("risk_low", "Risk, low", "share", _RISK, "low end of the interval"),
    Field("risk_high", "Risk, high", "share", _RISK, "high end of the interval"),
    Field("risk_drivers", "What drives it", "text", _RISK, "strongest reasons", wide=True),
    Field(
        "residual_clv",
        "Residual value",
        "money",
        _RISK,
        "present value of orders and contract prices to come",
    ),
    Field(
        "residual_clv_low",
        "Residual value, low",
        "money",
        _RISK,
        "nine in ten customers bring what lies between both ends, chance included",
    ),
    Field("residual_clv_high", "Residual value, high", "money", _RISK, "high end of the same"),
    Field("p_alive", "Chance still active", "share", _RISK, "that the customer will buy again"),
    Field("action", "Recommended", "text", _ACT, "what to do first", shown=True, wide=True),
    Field("action_why", "Why", "text", _ACT, "what speaks for it", wide=True),
)
