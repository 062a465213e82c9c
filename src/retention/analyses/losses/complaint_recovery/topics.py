"""What complaints are about lately: shares under control limits, and words that come up."""

from __future__ import annotations

import re
from collections import Counter

import numpy as np
import pandas as pd

from retention.errors import NotEnoughDataError
from retention.models import p_chart
from retention.window import Window, add_months

__all__ = ["emerging_topics", "rising_words"]

_WORD = re.compile(r"[^\W\d_]{3,}|[\u4e00-\u9fff]{2,4}")
_LATE = 3.0  # z beyond which a word is called rising


def emerging_topics(
    cases: pd.DataFrame, window: Window, *, recent_months: int = 3, width: float = 3.0
) -> pd.DataFrame:
    """Return one row a category and month: its share of cases, limits, and whether it signals.

    The limits come from the months before the recent ones, so that a new topic does not raise
    the limit it is to be held against.

    Returns
    -------
    DataFrame
        ``category``, ``month`` (first day), ``cases``, ``of``, ``share``, ``lower``, ``upper``,
        ``signal`` (1 above, -1 below, 0 within), ``recent``.

    Raises
    ------
    NotEnoughDataError
        If there is no month before the recent ones.
    """
    opened = pd.to_datetime(cases["opened_on"])
    whole = opened < pd.Timestamp(window.cutoff.replace(day=1))
    month = opened[whole].dt.to_period("M").dt.to_timestamp()
    since = pd.Timestamp(add_months(window.cutoff.replace(day=1), -recent_months))
    counts = pd.crosstab(month.to_numpy(), cases.loc[whole.to_numpy(), "category"].to_numpy())
    total = counts.sum(axis=1)
    recent = np.asarray(counts.index >= since)
    if recent.all() or not len(counts):
        raise NotEnoughDataError(f"no month of complaints before the last {recent_months}")
    parts = []
    for category in counts.columns:
        centre = float(counts.loc[~recent, category].sum() / total[~recent].sum())
        chart = p_chart(counts[category], total, centre=centre, width=width)
        # a topic never seen before has no spread of its own: three cases of it are news
        new = recent & (centre == 0) & (counts[category].to_numpy() >= 3)
        parts.append(
            pd.DataFrame(
                {
                    "category": category, "month": counts.index, "cases": counts[category],
                    "of": total, "share": chart.statistic, "lower": chart.lower,
                    "upper": chart.upper, "recent": recent,
                    "signal": np.where(new, 1, np.where(centre == 0, 0, chart.signal)),
                }
            )
        )  # fmt: skip
    return pd.concat(parts, ignore_index=True)


def rising_words(
    texts: pd.Series, recent: pd.Series, *, most: int = 10, prior: float = 0.01
) -> pd.DataFrame:
    """Return the words that are told more often lately: log odds with an informative prior [1]_.

    Parameters
    ----------
    texts : Series of str
        What customers wrote; missing texts are skipped.
    recent : Series of bool
        Which of them are recent.
    most : int
        Words returned.
    prior : float
        Weight of the words of all texts, in words a word.

    Returns
    -------
    DataFrame
        Index ``word``; ``recent`` and ``before`` (texts with it), ``log_odds``, ``z``,
        ``rising`` (z above 3); the highest z first.

    References
    ----------
    .. [1] Monroe, B. L., Colaresi, M. P. and Quinn, K. M. (2008). Fightin' words: lexical feature
       selection and evaluation for identifying the content of political conflict. Political
       Analysis 16, 372-403.
    """
    late, before = Counter[str](), Counter[str]()
    for text, is_late in zip(texts, recent, strict=True):
        if isinstance(text, str):
            (late if is_late else before).update(set(_WORD.findall(text.lower())))
    columns = ["recent", "before", "log_odds", "z", "rising"]
    words = sorted(set(late) | set(before))
    if not words or not late or not before:
        return pd.DataFrame(columns=columns).rename_axis("word")
    a, b = (np.array([c[w] for w in words], dtype=float) for c in (late, before))
    alpha = np.maximum(prior * (a + b), 0.01)
    ya, yb, total = a + alpha, b + alpha, alpha.sum()
    odds = np.log(ya / (a.sum() + total - ya)) - np.log(yb / (b.sum() + total - yb))
    z = odds / np.sqrt(1 / ya + 1 / yb)
    frame = pd.DataFrame(
        {"recent": a.astype(int), "before": b.astype(int), "log_odds": odds, "z": z,
         "rising": z > _LATE},
        index=pd.Index(words, name="word"),
    )  # fmt: skip
    return frame.sort_values(["z", "recent"], ascending=False).head(most)
