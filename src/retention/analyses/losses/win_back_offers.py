"""What an offer to lost customers adds, against those whom a lot left unasked."""

from __future__ import annotations

import numpy as np
import pandas as pd

from retention.errors import ConvergenceError, NotEnoughDataError, NotIdentifiedError
from retention.estimates import Estimate, Grade, normal_interval
from retention.models import Cox, KaplanMeier
from retention.schemas import HELD_OUT

from .leaving_hazard import varying_columns

__all__ = ["offer_effects"]

_FEWEST_RETURNS = 5
_COLUMNS = (
    "decided", "returned", "within_horizon", "added", "rate_ratio", "mean_cost", "worth_added",
    "net",
)  # fmt: skip


def offer_effects(
    exits: pd.DataFrame,
    worth: pd.Series,
    *,
    horizon: int,
    unit: str,
    currency: str,
    minimum_n: int,
    level: float,
) -> pd.DataFrame:
    """Set those who were asked back against those whom a lot left unasked.

    Everybody is followed from the day of the offer, or of the lot, so that nobody who came back
    before an offer could reach him counts against those unasked. Offers made by choice are set
    against the same held-out customers, given reason, past value and time away: an association.

    Parameters
    ----------
    exits : DataFrame
        `build_lost_customers`.
    worth : Series
        Worth of a second life of each row of `exits`, in its order.
    horizon : int
        Units of the window after the offer within which a return counts.

    Returns
    -------
    DataFrame
        Index ``offer`` (``held out`` first; offers by choice end in ``(chosen)``); ``decided``
        (customers), ``returned``, and `Estimate` of ``within_horizon`` (share back), ``added``
        (share back less that of the held-out), ``rate_ratio`` (rate of return over theirs),
        ``worth_added`` and ``net`` (of its cost) per customer asked; ``mean_cost``.
    """
    known = exits[exits["offer"].notna()].assign(worth=worth[exits["offer"].notna().to_numpy()])
    known = known.assign(label=_labels(known))
    followed = known[known["answer"] > 0]
    followed = followed.assign(
        entry=0, duration=np.minimum(followed["answer"], horizon),
        event=followed["answer_event"] & (followed["answer"] <= horizon),
    )  # fmt: skip
    unasked = followed[followed["label"] == HELD_OUT]
    labels = sorted(known["label"].unique(), key=lambda name: (name != HELD_OUT, name))
    money = f"{currency} per customer asked"
    rows = {}
    for label in labels:
        mine, all_mine = followed[followed["label"] == label], known[known["label"] == label]
        row: dict[str, object] = {
            "decided": len(all_mine), "returned": int(all_mine["answer_event"].sum()),
            "within_horizon": _share(mine, horizon, unit, minimum_n, level),
            "mean_cost": float(all_mine["offer_cost"].mean()),
        }  # fmt: skip
        if label != HELD_OUT:
            row |= _compared(mine, unasked, horizon, minimum_n, level)
            row |= _worth(row["added"], all_mine, money, level)
        rows[label] = row
    return pd.DataFrame.from_dict(rows, orient="index", columns=list(_COLUMNS)).rename_axis("offer")


def _labels(known: pd.DataFrame) -> pd.Series:
    chosen = (known["offer"] != HELD_OUT) & (known["offer_assignment"] != "random")
    return known["offer"].where(~chosen, known["offer"] + " (chosen)")


def _share(rows: pd.DataFrame, horizon: int, unit: str, minimum_n: int, level: float) -> Estimate:
    method = "1 less Kaplan-Meier of the time from the offer, or the lot, to the return"
    if len(rows) < max(2, minimum_n):
        why = f"{len(rows)} customers, fewer than the {minimum_n} a number needs"
        return Estimate.withheld(why, unit="share", n=len(rows), method=method)
    fit = KaplanMeier(level=level).fit(rows)
    stay, (low, high) = float(fit.survival([horizon])[0]), fit.interval([horizon])
    if not np.isfinite(stay):
        why = f"nobody was followed for {horizon} {unit}s after the offer"
        return Estimate.withheld(why, unit="share", n=len(rows), method=method)
    known = np.isfinite(low[0])
    most = max(1 - (1 - level) ** (1 / len(rows)), 1 - stay)  # nobody came back: its exact end
    return Estimate(
        value=1 - stay, low=1 - float(high[0]) if known else 0.0,
        high=1 - float(low[0]) if known else most, level=level, unit="share", n=len(rows),
        events=int(rows["event"].sum()), method=method, grade="D",
    )  # fmt: skip


def _compared(
    mine: pd.DataFrame, unasked: pd.DataFrame, horizon: int, minimum_n: int, level: float
) -> dict[str, Estimate]:
    """Return the share added and the ratio of the rates of return, both against the held-out."""
    n, back = len(mine) + len(unasked), [int(x["event"].sum()) for x in (mine, unasked)]
    chosen = not (mine["offer_assignment"] == "random").all()
    grade: Grade = "C" if chosen else "A"
    methods = {
        "added": "share back less that of the held-out, Kaplan-Meier, Greenwood errors",
        "rate_ratio": "Cox on the time from offer or lot, errors robust within customers",
    }
    if chosen:
        methods["rate_ratio"] += "; reason, past value and time away held"
    why = ""
    if min(len(mine), len(unasked)) < max(2, minimum_n):
        why = f"{len(mine)} asked and {len(unasked)} held out; it takes {minimum_n} each"
    elif min(back) < _FEWEST_RETURNS:
        why = f"{back[0]} asked and {back[1]} held out came back; it takes {_FEWEST_RETURNS} each"
    found = {
        name: Estimate.withheld(why or "the offer was not drawn by lot",
                                unit="share" if name == "added" else "", n=n, method=method,
                                grade=grade)
        for name, method in methods.items()
    }  # fmt: skip
    if why:
        return found
    if not chosen:
        found["added"] = _difference(mine, unasked, horizon, found["added"], level)
    both = pd.concat([mine.assign(asked=1.0), unasked.assign(asked=0.0)])
    both["log_value"] = np.log1p(both["value_before"].clip(lower=0))
    held = varying_columns(both, ["reason", "log_value", "away"]) if chosen else []
    try:
        fit = Cox(covariates=["asked", *held], cluster="customer_id", level=level).fit(both)
    except (NotIdentifiedError, NotEnoughDataError, ConvergenceError):
        return found
    row = dict(fit.summary().loc["asked"])
    found["rate_ratio"] = Estimate(
        value=float(np.exp(row["coefficient"])), low=float(row["low"]), high=float(row["high"]),
        level=level, unit="", n=n, events=sum(back), method=methods["rate_ratio"], grade=grade,
    )  # fmt: skip
    return found


def _difference(
    mine: pd.DataFrame, unasked: pd.DataFrame, horizon: int, blank: Estimate, level: float
) -> Estimate:
    fits = [KaplanMeier(level=level).fit(part) for part in (mine, unasked)]
    stays = [float(fit.survival([horizon])[0]) for fit in fits]
    if not np.isfinite(stays).all():
        why = f"not both were followed for {horizon} units after the offer"
        return Estimate.withheld(why, unit="share", n=blank.n, method=blank.method, grade="A")
    se = float(np.linalg.norm([float(fit.standard_error([horizon])[0]) for fit in fits]))
    low, high = normal_interval(stays[1] - stays[0], se, level)
    return Estimate(
        value=stays[1] - stays[0], low=low, high=high, level=level, unit="share", n=blank.n,
        events=int(mine["event"].sum() + unasked["event"].sum()), method=blank.method, grade="A",
    )  # fmt: skip


def _worth(added: object, mine: pd.DataFrame, unit: str, level: float) -> dict[str, Estimate]:
    """Return what the added returns are worth, and what is left of it after the cost."""
    assert isinstance(added, Estimate)
    cost, worth = float(mine["offer_cost"].mean()), float(mine["worth"].mean())
    method = (
        "share added times the mean worth of a second life of those asked; interval of the share"
    )
    blank = {
        name: Estimate.withheld(added.why or "no offer has a cost", unit=unit, n=added.n,
                                method=method, grade=added.grade)
        for name in ("worth_added", "net")
    }  # fmt: skip
    if added.value is None or added.low is None or added.high is None:
        return blank
    for name, less in (("worth_added", 0.0), ("net", cost)):
        if np.isfinite(less):
            ends = [worth * x - less for x in (added.value, added.low, added.high)]
            blank[name] = Estimate(
                value=ends[0], low=ends[1], high=ends[2], level=level, unit=unit, n=added.n,
                events=added.events, method=method if less == 0 else f"{method}; less mean cost",
                grade=added.grade,
            )  # fmt: skip
    return blank
