"""The sixteen input tables of a company. No table but `customers` is needed by everything.

Keys are text; dates are days in the project's zone; money is in the project's currency, net of
tax; null means unknown, never NaN and never the year 9999.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType

from .tables import Apart, Column, Reference, Rule, TableSchema

__all__ = ["BONDS", "CHANNELS", "DEPTHS", "HELD_OUT", "INPUT_TABLES"]

BONDS = ("financial", "social", "structural")
CHANNELS = ("visit", "telephone", "e-mail", "web", "chat")
DEPTHS = ("courtesy", "promotional", "personal")
HELD_OUT = "held out"

_text = partial(Column, kind="text")
_date = partial(Column, kind="date")
_money = partial(Column, kind="money", unit="currency")
_number = partial(Column, kind="number")
_integer = partial(Column, kind="integer")
_boolean = partial(Column, kind="boolean")
_CUSTOMER = _text(name="customer_id", required=True, description="whose row it is")
_TO_CUSTOMER = Reference("customer_id", "customers", "customer_id")
_TO_EMPLOYEE = Reference("employee_id", "employees", "employee_id", "warning")
_EMPLOYEE = _text(name="employee_id", description="who served the customer")
_BRANCH = _text(name="branch", description="place of business")


def _known_with_itself(name: str, description: str) -> Column:
    return _date(name=name, known_from=name, description=description)


def _order(first: str, then: str, severity: str = "error") -> Rule:
    return Rule(
        f"{then}_after_{first}",
        f"{then} >= {first}",
        f"{then} before {first}",
        "warning" if severity == "warning" else "error",
        "correct the dates at the source, or map the columns the other way round",
    )


_CUSTOMERS = TableSchema(
    name="customers",
    row="customer",
    columns=(
        _text(name="customer_id", required=True, description="key of the customer"),
        _date(name="acquired_on", required=True, description="first day as a customer"),
        _text(name="name", personal=True, description="for the register only"),
        _text(name="segment", description="market segment"),
        _text(name="region", description="sales region"),
        _text(name="industry", description="line of business of the customer"),
        _text(name="size", description="size class of the customer"),
        _text(name="channel", description="channel through which the customer was won"),
        _text(name="manager_id", description="account manager"),
        _money(name="acquisition_cost", low=0, description="what it cost to win the customer"),
    ),
    key=("customer_id",),
    references=(Reference("manager_id", "employees", "employee_id", "warning"),),
    dated="acquired_on",
)

_CONTRACTS = TableSchema(
    name="contracts",
    row="contract",
    columns=(
        _CUSTOMER,
        _date(name="started_on", required=True, description="first day of the contract"),
        _known_with_itself("ended_on", "first day without the contract; empty while it runs"),
        _integer(name="renewal_term", unit="months", low=0, description="0: no fixed term"),
        _money(name="price", unit="currency a month", description="agreed price"),
        _text(name="product", description="product or product line"),
    ),
    key=("customer_id", "started_on", "product"),
    references=(_TO_CUSTOMER,),
    rules=(_order("started_on", "ended_on"),),
    dated="started_on",
    apart=Apart(
        per=("customer_id", "product"),
        start="started_on",
        end="ended_on",
        sentence="contract begins before an earlier one of the customer for the product had ended",
        remedy="end the old contract where a new one replaces it, or name products that run "
        "beside each other; they are one stay either way, but both are billed",
    ),
)

_ORDERS = TableSchema(
    name="orders",
    row="order",
    columns=(
        _text(name="order_id", required=True, description="key of the order"),
        _CUSTOMER,
        _date(name="ordered_on", required=True, description="day of the order"),
        _money(name="amount", required=True, description="net value; negative for a return"),
        _text(name="product", description="product or product line"),
        _money(name="discount", low=0, description="discount given, in money"),
        _money(name="margin", description="contribution of the order before service cost"),
        _money(name="service_cost", low=0, description="cost of serving the order"),
        _date(name="due_on", description="day on which payment was due"),
        _known_with_itself("paid_on", "day of payment"),
        _known_with_itself("delivered_on", "day of delivery"),
        _date(name="promised_on", description="day promised for delivery"),
        _BRANCH,
    ),
    key=("order_id",),
    references=(_TO_CUSTOMER,),
    rules=(
        _order("ordered_on", "delivered_on", "warning"),
        _order("ordered_on", "promised_on", "warning"),
        _order("ordered_on", "due_on", "warning"),
    ),
    dated="ordered_on",
)

_COMPLAINTS = TableSchema(
    name="complaints",
    row="case",
    columns=(
        _text(name="complaint_id", required=True, description="key of the case"),
        _CUSTOMER,
        _date(name="opened_on", required=True, description="day the case was registered"),
        _known_with_itself("closed_on", "day the case was closed; empty while it is open"),
        _text(name="category", description="what the complaint is about"),
        _integer(name="severity", low=1, high=5, description="1 slight to 5 grave"),
        _money(name="loss", low=0, description="what the problem cost the customer"),
        _text(name="department", description="department that caused or handled the case"),
        _EMPLOYEE,
        _text(
            name="outcome",
            allowed=("resolved", "unresolved", "open"),
            known_from="closed_on",
            description="how the case ended",
        ),
        _number(
            name="follow_up_score",
            low=0,
            high=100,
            known_from="follow_up_on",
            description="satisfaction with the handling, asked afterwards",
        ),
        _known_with_itself("follow_up_on", "day of the follow-up"),
    ),
    key=("complaint_id",),
    references=(_TO_CUSTOMER, _TO_EMPLOYEE),
    rules=(
        _order("opened_on", "closed_on"),
        _order("opened_on", "follow_up_on"),
        Rule(
            "resolved_is_closed",
            "outcome <> 'resolved' or closed_on is not null",
            "outcome resolved without closed_on",
            "warning",
            "fill closed_on, or the case counts as open",
        ),
    ),
    dated="opened_on",
)

_CONTACTS = TableSchema(
    name="contacts",
    row="contact",
    columns=(
        _text(name="contact_id", required=True, description="key of the contact"),
        _CUSTOMER,
        _date(name="at", required=True, description="day of the contact"),
        _text(name="channel", allowed=CHANNELS, description="how"),
        _text(name="direction", allowed=("inbound", "outbound"), description="who began"),
        _text(name="depth", allowed=DEPTHS, description="how deep it went"),
        _money(name="cost", low=0, description="cost of the contact"),
        _EMPLOYEE,
    ),
    key=("contact_id",),
    references=(_TO_CUSTOMER, _TO_EMPLOYEE),
    dated="at",
)

_SURVEYS = TableSchema(
    name="surveys",
    row="answer to one item",
    columns=(
        _text(name="response_id", required=True, description="one filled-in questionnaire"),
        _CUSTOMER,
        _date(name="answered_on", required=True, description="day of the answer"),
        _text(name="instrument", required=True, description="which questionnaire"),
        _text(name="item", required=True, description="which question"),
        _number(name="score", required=True, nullable=True, description="empty: not answered"),
        _BRANCH,
        _EMPLOYEE,
        _text(name="wave", description="survey wave"),
    ),
    key=("response_id", "item"),
    references=(_TO_CUSTOMER, _TO_EMPLOYEE),
    dated="answered_on",
)

_INVITATIONS = TableSchema(
    name="invitations",
    row="invitation to a survey",
    columns=(
        _CUSTOMER,
        _date(name="invited_on", required=True, description="day of the invitation"),
        _text(name="instrument", required=True, description="which questionnaire"),
    ),
    key=("customer_id", "invited_on", "instrument"),
    references=(_TO_CUSTOMER,),
    dated="invited_on",
)

_EXITS = TableSchema(
    name="exits",
    row="exit",
    columns=(
        _CUSTOMER,
        _date(name="exited_on", required=True, description="first day no longer a customer"),
        _text(name="reason", description="why"),
        _text(name="stated_by", description="who gave the reason: customer, employee, inferred"),
        _text(name="competitor", description="where to"),
        _known_with_itself("returned_on", "day the customer came back"),
        _known_with_itself(
            "offered_on", "day the customer was asked back, or held out of asking by lot"
        ),
        _text(
            name="offer",
            known_from="offered_on",
            description=f"what was offered; '{HELD_OUT}': a lot decided not to ask",
        ),
        _money(name="offer_cost", low=0, known_from="offered_on", description="cost of asking"),
        _text(
            name="offer_assignment",
            allowed=("random", "chosen"),
            known_from="offered_on",
            description="whether a lot or somebody's choice decided on the offer",
        ),
    ),
    key=("customer_id", "exited_on"),
    references=(_TO_CUSTOMER,),
    rules=(
        _order("exited_on", "returned_on"),
        _order("exited_on", "offered_on"),
        _order("offered_on", "returned_on", "warning"),
    ),
    dated="exited_on",
)

_ENROLMENTS = TableSchema(
    name="enrolments",
    row="programme enrolment",
    columns=(
        _CUSTOMER,
        _text(name="programme", required=True, description="name of the programme"),
        _text(name="bond", required=True, allowed=BONDS, description="level of the bond"),
        _date(name="enrolled_on", required=True, description="first day in the programme"),
        _known_with_itself("ended_on", "first day no longer in the programme"),
        _money(name="cost", low=0, description="cost of the programme for this customer"),
        _text(
            name="assignment",
            allowed=("random", "rollout", "self"),
            description="how the customer came into the programme",
        ),
    ),
    key=("customer_id", "programme", "enrolled_on"),
    references=(_TO_CUSTOMER,),
    rules=(_order("enrolled_on", "ended_on"),),
    dated="enrolled_on",
)

_QUOTES = TableSchema(
    name="quotes",
    row="quote or tender",
    columns=(
        _CUSTOMER,
        _date(name="quoted_on", required=True, description="day of the quote"),
        _money(name="our_price", required=True, low=0, description="price we asked"),
        _boolean(name="won", required=True, description="whether we got the business"),
        _money(name="best_rival_price", low=0, description="lowest rival price, as learned"),
        _text(name="rival", description="who asked it"),
        _boolean(name="incumbent", description="whether we served the customer already"),
    ),
    references=(_TO_CUSTOMER,),
    dated="quoted_on",
)

_WALLET = TableSchema(
    name="wallet",
    row="customer and period",
    columns=(
        _CUSTOMER,
        Column(name="period", kind="period", required=True, description="such as 2026-Q3"),
        _money(name="own_spend", required=True, low=0, description="spent with us"),
        _money(name="category_spend", required=True, low=0, description="spent in all"),
        _text(name="main_rival", description="largest other supplier"),
        _integer(name="suppliers", low=0, description="suppliers used in the period"),
        _integer(name="rank", low=1, description="our rank among them"),
    ),
    key=("customer_id", "period"),
    references=(_TO_CUSTOMER,),
    rules=(
        Rule(
            "own_within_category",
            "own_spend <= category_spend",
            "own_spend above category_spend",
            "warning",
            "check whether both are of the same period and tax treatment",
        ),
    ),
    dated="period",
)

_MARKET = TableSchema(
    name="market",
    row="firm and period",
    columns=(
        Column(name="period", kind="period", required=True, description="such as 2026-Q3"),
        _text(name="firm", required=True, description="we are one of them"),
        _money(name="price", required=True, low=0, description="typical price"),
        _number(name="customers", required=True, low=0, description="customers of the firm"),
    ),
    key=("period", "firm"),
    dated="period",
)

_CHOICES = TableSchema(
    name="choices",
    row="purchase occasion and alternative",
    columns=(
        _CUSTOMER,
        _text(name="occasion", required=True, description="which decision, in order as text"),
        _text(name="alternative", required=True, description="what could be chosen"),
        _boolean(name="chosen", required=True, description="whether it was"),
        _money(name="price", required=True, description="price of the alternative"),
        _date(name="decided_on", description="day of the decision"),
    ),
    key=("customer_id", "occasion", "alternative"),
    references=(_TO_CUSTOMER,),
    dated="decided_on",
)

_BONDS = TableSchema(
    name="bonds",
    row="customer and bond",
    columns=(
        _CUSTOMER,
        _text(name="bond", required=True, description="name of the bond"),
        _date(name="since", required=True, description="first day of the bond"),
        _text(
            name="kind",
            allowed=("integration", "training", "discount", "data", "personal"),
            description="what binds",
        ),
        _money(name="worth", low=0, description="what the customer would lose by leaving"),
    ),
    key=("customer_id", "bond", "since"),
    references=(_TO_CUSTOMER,),
    dated="since",
)

_EMPLOYEES = TableSchema(
    name="employees",
    row="employee",
    columns=(
        _text(name="employee_id", required=True, description="key of the employee"),
        _date(name="joined_on", required=True, description="first day of work"),
        _known_with_itself("left_on", "first day no longer with us"),
        _BRANCH,
        _text(name="department", description="department"),
    ),
    key=("employee_id",),
    rules=(_order("joined_on", "left_on"),),
    dated="joined_on",
)

_STAFF_SURVEYS = TableSchema(
    name="staff_surveys",
    row="answer of an employee",
    columns=(
        _text(name="employee_id", required=True, description="who answered"),
        _date(name="answered_on", required=True, description="day of the answer"),
        _text(name="item", required=True, description="which question"),
        _number(name="score", required=True, nullable=True, description="empty: not answered"),
    ),
    key=("employee_id", "answered_on", "item"),
    references=(Reference("employee_id", "employees", "employee_id"),),
    dated="answered_on",
)

# employees and customers first: the others refer to them
INPUT_TABLES: Mapping[str, TableSchema] = MappingProxyType(
    {
        schema.name: schema
        for schema in (
            _EMPLOYEES,
            _CUSTOMERS,
            _CONTRACTS,
            _ORDERS,
            _COMPLAINTS,
            _CONTACTS,
            _SURVEYS,
            _INVITATIONS,
            _EXITS,
            _ENROLMENTS,
            _QUOTES,
            _WALLET,
            _MARKET,
            _CHOICES,
            _BONDS,
            _STAFF_SURVEYS,
        )
    }
)
