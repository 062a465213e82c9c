"""Numbers as they are printed: digits, thousands, shares as percentages, counts behind them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any

import numpy as np

from retention.estimates import Estimate

__all__ = ["MISSING", "NumberTexts", "format_cell", "format_number", "number_texts"]

MISSING = "–"


@dataclass(frozen=True)
class NumberTexts:
    """An estimate in printed pieces; empty where there is nothing to print."""

    value: str
    low: str
    high: str
    interval: str
    unit: str
    basis: str
    why: str


def _digits(width: float) -> int:
    return 0 if width >= 1000 else 1 if width >= 10 else 2 if width >= 1 else 3


def format_number(value: float, unit: str = "", *, width: float | None = None) -> str:
    """Return a number without its unit; shares are multiplied by 100.

    Parameters
    ----------
    value : float
        The number.
    unit : str
        ``share`` gives a percentage with one digit.
    width : float, optional
        The largest of the numbers printed beside it, so that all get the same digits.

    Examples
    --------
    >>> format_number(0.8432, "share"), format_number(1234.5), format_number(-0.5)
    ('84.3', '1,234', '−0.500')
    """
    if unit == "share":
        text = f"{100 * value:,.1f}"
    else:
        text = f"{value:,.{_digits(abs(value) if width is None else width)}f}"
    return text.replace("-", "−")


def number_texts(estimate: Estimate) -> NumberTexts:
    """Return an estimate in the pieces a table or a key figure needs.

    Examples
    --------
    >>> number_texts(Estimate(value=0.5, low=0.4, high=0.6, unit="share", n=1200,
    ...                       method="Wilson", grade="D")).interval
    '40.0 to 60.0'
    """
    unit = "%" if estimate.unit == "share" else estimate.unit
    basis = f"n {estimate.n:,}"
    if estimate.events is not None:
        basis += f", {estimate.events:,} events"
    if estimate.value is None:
        return NumberTexts(MISSING, "", "", "", unit, basis, estimate.why)
    numbers = [x for x in (estimate.value, estimate.low, estimate.high) if x is not None]
    width = max(map(abs, numbers))
    texts = [format_number(x, estimate.unit, width=width) for x in numbers]
    if len(texts) == 1:
        return NumberTexts(texts[0], "", "", "", unit, basis, "")
    low, high = texts[1:]
    return NumberTexts(texts[0], low, high, f"{low} to {high}", unit, basis, "")


def format_cell(value: Any) -> str:
    """Return one cell of a display table as text; a missing value is a dash.

    Examples
    --------
    >>> format_cell(1234567), format_cell(0.12345), format_cell(None), format_cell(True)
    ('1,234,567', '0.123', '–', 'yes')
    """
    if value is None or type(value).__name__ in ("NAType", "NaTType"):  # without importing pandas
        return MISSING
    if isinstance(value, Estimate):
        texts = number_texts(value)
        if not value.shown:
            return MISSING
        interval = f" ({texts.interval})" if texts.interval else ""
        return f"{texts.value}{'' if texts.unit == '%' else ' '}{texts.unit}{interval}".strip()
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{int(value):,}".replace("-", "−")
    if isinstance(value, float | np.floating):
        if math.isnan(value):
            return MISSING
        return (
            "∞"
            if value == math.inf
            else "−∞"
            if value == -math.inf
            else format_number(float(value))
        )
    if isinstance(value, Decimal):
        return f"{value:,}".replace("-", "−")
    if isinstance(value, datetime):
        return value.strftime("%Y-%m-%d" if value.time() == time() else "%Y-%m-%d %H:%M")
    return value.isoformat() if isinstance(value, date) else str(value)
