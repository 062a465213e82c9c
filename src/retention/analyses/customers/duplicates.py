"""The same customer under two keys: candidates for people to look at, never merged."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator

import pandas as pd

__all__ = ["find_duplicates", "name_key"]

#: Legal forms and words that say nothing of who it is.
_FORMS = frozenset(
    {
        *("ag", "co", "company", "corp", "corporation", "gmbh", "group", "holding", "inc", "kg"),
        *("limited", "llc", "llp", "ltd", "mbh", "oy", "plc", "pte", "pvt", "sa", "sarl", "se"),
        *("spa", "srl", "the", "und", "and", "bv", "nv", "ab", "as", "oü"),
    }
)
_NEIGHBOURS = 6


def name_key(name: str) -> str:
    """Return a name without case, accents, punctuation, legal form and order of words.

    Examples
    --------
    >>> name_key("Müller & Söhne GmbH") == name_key("SOHNE, Muller")
    True
    """
    plain = unicodedata.normalize("NFKD", name.casefold())
    letters = "".join(c if c.isalnum() else " " for c in plain if not unicodedata.combining(c))
    words = [word for word in letters.split() if word not in _FORMS]
    return " ".join(sorted(words))


def find_duplicates(customers: pd.DataFrame, threshold: float = 0.8) -> pd.DataFrame:
    """Pair customers who may be the same.

    Exact candidates have the same key of the name. Fuzzy ones are neighbours in the order of the
    keys, forwards or backwards, share most of their groups of three letters, hold the same numbers,
    and are not known to be in different regions.

    Parameters
    ----------
    customers : DataFrame
        Index ``customer_id``; ``name``, ``region``.
    threshold : float
        Least similarity (Jaccard, of groups of three letters) of a fuzzy pair.

    Returns
    -------
    DataFrame, one row a pair
        ``first``, ``second`` (keys of customers), ``kind`` (exact or fuzzy), ``similarity``.
    """
    keys = customers["name"].astype("str").map(name_key)
    keys = keys[keys != ""]
    regions = customers["region"] if "region" in customers else pd.Series(dtype="str")
    rows: dict[tuple[str, str], tuple[str, float]] = {}
    for _, group in keys.groupby(keys, sort=True):
        ids = sorted(map(str, group.index))
        rows |= {(ids[0], other): ("exact", 1.0) for other in ids[1:]}
    for one, other in _neighbours(keys):
        pair = (min(one, other), max(one, other))
        if pair in rows or keys[one] == keys[other] or _apart(regions, one, other):
            continue
        alike = _similarity(keys[one], keys[other])
        if alike >= threshold:
            rows[pair] = ("fuzzy", round(alike, 3))
    table = [(first, second, kind, alike) for (first, second), (kind, alike) in rows.items()]
    found = pd.DataFrame(table, columns=["first", "second", "kind", "similarity"])
    return found.sort_values(["kind", "similarity", "first", "second"],
                             ascending=[True, False, True, True], ignore_index=True)  # fmt: skip


def _neighbours(keys: pd.Series) -> Iterator[tuple[str, str]]:
    for order in (keys.sort_values(), keys.map(lambda key: key[::-1]).sort_values()):
        ids = [str(customer) for customer in order.index]
        for i, one in enumerate(ids):
            for other in ids[i + 1 : i + _NEIGHBOURS]:
                yield one, other


def _apart(regions: pd.Series, one: str, other: str) -> bool:
    a, b = regions.get(one), regions.get(other)
    return isinstance(a, str) and isinstance(b, str) and a != b


def _similarity(one: str, other: str) -> float:
    if abs(len(one) - len(other)) > 4 or re.findall(r"\d+", one) != re.findall(r"\d+", other):
        return 0.0
    a, b = _threes(one), _threes(other)
    return len(a & b) / len(a | b)


def _threes(key: str) -> set[str]:
    padded = f"  {key} "
    return {padded[i : i + 3] for i in range(len(padded) - 2)}
