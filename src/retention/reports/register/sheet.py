"""One customer's sheet as text, for the terminal at the moment of contact."""

from __future__ import annotations

import unicodedata
from typing import Any

import pandas as pd

from retention.analyses import CustomerRegister, Field
from retention.errors import ParameterError

__all__ = ["cell_text", "customer_sheet", "visible"]

_EVENT = ("day", "kind", "words", "amount")


def visible(text: str) -> str:
    r"""Return a text without what a terminal obeys: controls and marks that turn the writing.

    Examples
    --------
    >>> visible("A\x1b[31mdler")
    'A⟨001B⟩[31mdler'
    """
    hidden = ("Cc", "Cf", "Zl", "Zp")
    return "".join(
        f"⟨{ord(letter):04X}⟩" if unicodedata.category(letter) in hidden else letter
        for letter in text
    )


def cell_text(register: CustomerRegister, field: Field, customer: str) -> str:
    """Return what the register says of one customer in one column; a dash if it is not known."""
    if field.name == "customer_id":
        return visible(customer)
    value: Any = register.customers.loc[customer, field.name]
    if pd.isna(value):
        return "–"
    if field.kind == "text":
        return visible(str(value))
    if field.kind == "date":
        return f"{pd.Timestamp(str(value)):%Y-%m-%d}"
    number = float(str(value))
    if field.kind == "share":
        return f"{100 * number:.1f} %"
    if field.kind == "money":
        return f"{number:,.2f} {register.currency}"
    unit = register.unit if field.unit == "units" else field.unit
    digits = 0 if number == round(number) else 2
    return f"{number:,.{digits}f} {unit}".strip()


def customer_sheet(register: CustomerRegister, customer: str) -> list[str]:
    """Return one customer's sheet, line by line.

    Parameters
    ----------
    register : CustomerRegister
        Where the customer stands.
    customer : str
        The customer's key.

    Raises
    ------
    ParameterError
        If there is no such customer.
    """
    if customer not in register.customers.index:
        raise ParameterError(
            f"no customer {visible(customer)[:60]!r} among {len(register.customers):,}; "
            "retention customers lists them"
        )
    lines = []
    width = max(len(field.label) for field in register.fields) + 2
    for group in dict.fromkeys(field.group for field in register.fields):
        lines += ["", group, "-" * len(group)]
        for field in register.fields:
            if field.group == group:
                lines.append(f"{field.label:<{width}}{cell_text(register, field, customer)}")
    mine = register.events[register.events["customer_id"] == customer]
    if len(mine):
        lines += ["", "Latest events", "-------------"]
        for day, kind, words, amount in zip(*(mine[name] for name in _EVENT), strict=True):
            money = "" if pd.isna(amount) else f"{amount:,.2f} {register.currency}"
            told = f"{day:%Y-%m-%d}  {kind:<10}{words}  {money}"
            lines.append(visible(told).rstrip())
    return lines[1:]
