"""Small published tables that documentation and tests use; each with its source."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

import pandas as pd

from retention.errors import ParameterError

__all__ = ["PUBLISHED", "Published", "load_published"]


@dataclass(frozen=True)
class Published:
    """A published table.

    Parameters
    ----------
    table : DataFrame
        The figures as printed.
    source : str
        Where they were printed.
    note : str
        What they are, with units.
    """

    table: pd.DataFrame
    source: str
    note: str


def load_published(name: str) -> Published:
    """Return a small published table.

    Parameters
    ----------
    name : str
        ``renewals`` (survivors of two cohorts over twelve years), ``donations`` (11,104 donors by
        frequency and recency), ``recovery`` (who buys again after a problem) or ``orange_juice``
        (defective cans in 30 samples of 50).

    Returns
    -------
    Published

    Raises
    ------
    ParameterError
        If there is no such table.

    Examples
    --------
    >>> load_published("renewals").table.loc[7, "regular"]
    np.float64(24.1)
    """
    if name not in PUBLISHED:
        raise ParameterError(f"nothing published as {name!r}; there are {', '.join(PUBLISHED)}")
    return PUBLISHED[name]()


def _renewals() -> Published:
    high_end = (100, 86.9, 74.3, 65.3, 59.3, 55.1, 51.7, 49.1, 46.8, 44.5, 42.7, 40.9, 39.4)
    regular = (100, 63.1, 46.8, 38.2, 32.6, 28.9, 26.2, 24.1, 22.3, 20.7, 19.4, 18.3, 17.3)
    table = pd.DataFrame({"high_end": high_end, "regular": regular}, dtype=float)
    return Published(
        table.rename_axis("year"),
        "Fader, P. S. and Hardie, B. G. S. (2007). How to project customer retention. Journal of "
        "Interactive Marketing 21(1), 76-90.",
        "percent of a cohort that is still there after so many annual renewals",
    )


def _donations() -> Published:
    counts = {
        (0, 0): 3464,
        **{(1, t): n for t, n in enumerate((1091, 277, 129, 78, 119, 129), start=1)},
        **{(2, t): n for t, n in enumerate((613, 255, 155, 173, 234), start=2)},
        **{(3, t): n for t, n in enumerate((322, 181, 225, 357), start=3)},
        **{(4, t): n for t, n in enumerate((240, 284, 512), start=4)},
        **{(5, t): n for t, n in enumerate((335, 728), start=5)},
        (6, 6): 1203,
    }
    rows = [(x, t_x, 6, n) for (x, t_x), n in counts.items()]
    return Published(
        pd.DataFrame(rows, columns=["frequency", "recency", "opportunities", "donors"]),
        "Fader, P. S., Hardie, B. G. S. and Shang, J. (2010). Customer-base analysis in a "
        "discrete-time noncontractual setting. Marketing Science 29(6), 1086-1108.",
        "donors of the 1995 cohort by number of further years with a gift, 1996-2001, and the last "
        "such year",
    )


def _recovery() -> Published:
    rows = {
        "did not complain": (9, 37),
        "complained, not resolved": (19, 46),
        "complained, resolved": (54, 70),
        "complained, resolved quickly": (82, 95),
    }
    table = pd.DataFrame.from_dict(rows, orient="index", columns=["major", "minor"])
    return Published(
        table.rename_axis("state"),
        "Technical Assistance Research Programs (1979 and later), studies for the United States "
        "Office of Consumer Affairs, as quoted in secondary literature.",
        "percent of those with a problem who SAY that they will buy again; major: loss above 100 "
        "dollars, minor: below 5 dollars; stated intentions, not behaviour",
    )


def _orange_juice() -> Published:
    defective = (
        *(12, 15, 8, 10, 4, 7, 16, 9, 14, 10, 5, 6, 17, 12, 22),
        *(8, 10, 5, 13, 11, 20, 18, 24, 15, 9, 12, 7, 13, 9, 6),
    )
    table = pd.DataFrame({"inspected": 50, "defective": defective}, index=range(1, 31))
    return Published(
        table.rename_axis("sample"),
        "Montgomery, D. C., Introduction to Statistical Quality Control, chapter on control charts "
        "for attributes (frozen orange juice concentrate).",
        "defective cans among 50 inspected",
    )


PUBLISHED: Mapping[str, Callable[[], Published]] = MappingProxyType(
    {
        "renewals": _renewals,
        "donations": _donations,
        "recovery": _recovery,
        "orange_juice": _orange_juice,
    }
)
