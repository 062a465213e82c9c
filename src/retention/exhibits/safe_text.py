"""Text that a spreadsheet shows and never computes."""

from __future__ import annotations

import re

__all__ = ["safe_text"]

#: A spreadsheet takes a text for a formula if it begins with one of these, after blanks and marks
#: that cannot be seen; also in their full-width form.
_FORMULA = re.compile(
    "^[\\s\u00a0\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]*[=+\\-@|%＝＋－＠]"
)
_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_NUMBERS = re.compile(r"[-+]?[\d.,]+ ?%?( (to|and) [-+]?[\d.,]+ ?%?)?")


def safe_text(text: str) -> str:
    r"""Return a text that a spreadsheet shows and never computes; numbers stay as they are.

    Examples
    --------
    >>> safe_text("=1+1"), safe_text("Adler & Co"), safe_text("\t@SUM(A1)"), safe_text("-3 to 4")
    ("'=1+1", 'Adler & Co', "'\t@SUM(A1)", '-3 to 4')
    """
    plain = _CONTROL.sub(" ", text)
    if _NUMBERS.fullmatch(plain):
        return plain
    return f"'{plain}" if _FORMULA.match(plain) or (plain[:1] in "\t\r\n" and plain) else plain
