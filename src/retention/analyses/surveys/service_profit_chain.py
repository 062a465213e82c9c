"""The service-profit chain: staff, quality, satisfaction, retention; branch by branch."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy import stats

from retention.engine import Tables
from retention.errors import NotEnoughDataError, NotIdentifiedError, ParameterError
from retention.estimates import Estimate, benjamini_hochberg
from retention.features import (
    build_branch_staff,
    build_customer_branch,
    build_durations,
    build_scales,
    scale_map,
)
from retention.models import LeastSquares, LeastSquaresFit

__all__ = ["ServiceProfitChain", "service_profit_chain"]

_QUALITY = ("service_rating", "quality", "service_perception")
_POWER = 0.80
_FEWEST_BRANCHES = 5

# cause, result, half years between them
LINKS = (
    ("staff_satisfaction", "turnover", 1),
    ("staff_satisfaction", "quality", 0),
    ("turnover", "quality", 0),
    ("quality", "satisfaction", 0),
    ("satisfaction", "churn", 1),
)


@dataclass(frozen=True, eq=False, kw_only=True)
class ServiceProfitChain:
    """Answer of `service_profit_chain`.

    Parameters
    ----------
    links : DataFrame
        One row a link and view: ``cause``, ``result``, ``lag``, ``view`` (within: the same branch
        over time; between: branches with one another), ``slope`` in standard deviations of both
        with ``low``, ``high``, ``p_value``, ``p_adjusted`` (false discovery rate),
        ``n``, ``branches``, and ``detectable``: the slope that so many branches find four times in
        five.
    panel : DataFrame
        One row a branch and half year: ``staff_satisfaction``, ``turnover``, ``quality``,
        ``satisfaction``, ``churn`` (share of customers who left), and their counts.
    branches : int
        Branches in the panel.
    """

    links: pd.DataFrame
    panel: pd.DataFrame
    branches: int
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]
    level: float

    def summary(self) -> pd.DataFrame:
        """Return one row a link and view."""
        return self.links

    def estimates(self) -> dict[str, Estimate]:
        """Return the slope of each link, within and between branches."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what so many branches can and cannot tell."""
        return self.warnings

    def headline(self) -> str:
        """Return which links are visible."""
        best = self.links.sort_values("p_adjusted").drop_duplicates(["cause", "result"])
        seen = best[best["p_adjusted"] < 1 - self.level]
        shown = [f"{_words(c)} to {_words(r)}" for c, r in zip(seen["cause"], seen["result"],
                                                               strict=True)]  # fmt: skip
        if not shown:
            return (
                f"With {self.branches} branches no link of the chain can be told from chance; "
                f"{len(best)} were tested."
            )
        first = seen.iloc[0]
        key = f"{first['view']}: {first['cause']} to {first['result']}"
        visible = "1 is" if len(shown) == 1 else f"{len(shown)} are"
        return (
            f"Of {len(best)} links of the chain, {visible} visible in {self.branches} "
            f"branches ({', '.join(shown)}); the clearest is {_words(first['cause'])} to "
            f"{_words(first['result'])}, {first['view']} branches: {self.numbers[key]}."
        )


def service_profit_chain(
    tables: Tables, *, fewest: int = 5, level: float = 0.95
) -> ServiceProfitChain:
    """Follow the chain from staff to retention, by branch and half year.

    Parameters
    ----------
    tables : Tables
        With ``employees``, ``staff_surveys`` and ``surveys``; ``contracts`` for churn; a branch in
        ``orders`` or ``surveys``.
    fewest : int
        A mean of fewer answers (or customers) than this in a branch and half year is left out.
    level : float
        Level of intervals.

    Returns
    -------
    ServiceProfitChain

    Raises
    ------
    MissingTableError
        If a table is missing.
    NotEnoughDataError
        If there are fewer than 5 branches.

    References
    ----------
    .. [1] Heskett, J. L., Jones, T. O., Loveman, G. W., Sasser, W. E. and Schlesinger, L. A.
       (1994). Putting the service-profit chain to work. Harvard Business Review 72(2), 164-174.
    """
    tables.require("surveys", needed_for="the service-profit chain")
    if fewest < 1:
        raise ParameterError(f"fewest must be 1 or more, got {fewest}")
    panel = _panel(tables, fewest)
    branches = panel["branch"].nunique()
    if branches < _FEWEST_BRANCHES:
        raise NotEnoughDataError(
            f"{branches} branches; a chain between them needs {_FEWEST_BRANCHES} at least"
        )
    rows, why = [], []
    for cause, result, lag in LINKS:
        if cause not in panel or result not in panel:
            continue
        for view in ("within", "between"):
            found = _link(panel, cause, result, lag, view, level)
            if isinstance(found, str):
                why.append(f"{_words(cause)} to {_words(result)}, {view} branches: {found}")
            else:
                rows.append(found)
    if not rows:
        raise NotEnoughDataError("no link of the chain can be estimated: " + "; ".join(why))
    links = pd.DataFrame(rows)
    links["p_adjusted"] = benjamini_hochberg(links["p_value"])
    return ServiceProfitChain(
        links=links, panel=panel, branches=branches, level=level,
        numbers=_numbers(links, level), warnings=_cautions(links, branches, why),
    )  # fmt: skip


def _words(name: object) -> str:
    return str(name).replace("_", " ")


def _panel(tables: Tables, fewest: int) -> pd.DataFrame:
    staff = build_branch_staff(tables)
    staff.loc[staff["staff_answers"] < min(fewest, 3), "staff_satisfaction"] = np.nan
    panel = staff[["branch", "half", "staff_satisfaction", "turnover", "staff_answers"]]
    known = scale_map(tables)
    measured = set(known) | {scale.construct for scale in known.values()}
    quality = next((c for c in _QUALITY if c in measured), "")
    outcome = next((n for n in ("csat", "satisfaction") if n in known), "")
    for name, construct in (("quality", quality), ("satisfaction", outcome)):
        if construct:
            panel = panel.merge(
                _means(tables, construct, name, fewest), on=["branch", "half"], how="outer"
            )
    if "contracts" in tables:
        panel = panel.merge(_churn(tables, fewest), on=["branch", "half"], how="outer")
    return panel.sort_values(["branch", "half"], ignore_index=True)


def _half(days: pd.Series) -> pd.Series:
    day = pd.to_datetime(days)
    return 2 * day.dt.year + (day.dt.month > 6).astype(int)


def _means(tables: Tables, construct: str, name: str, fewest: int) -> pd.DataFrame:
    scores = build_scales(tables, constructs=[construct], attributes=[])
    scales = scores.attrs["scales"]
    scores["score"] = scores[list(scales)].mean(axis=1)
    scores = scores.dropna(subset=["score", "branch"])
    cell = scores.groupby(["branch", _half(scores["answered_on"]).rename("half")])["score"]
    table = cell.agg(["mean", "size"]).reset_index()
    table = table.rename(columns={"mean": name, "size": f"{name}_answers"})
    return table[table[f"{name}_answers"] >= fewest]


def _churn(tables: Tables, fewest: int) -> pd.DataFrame:
    """Share of the customers with a running contract at the start of a half year who left in it."""
    spells = build_durations(tables)
    of = build_customer_branch(tables)
    spells = spells.assign(branch=of.reindex(spells.index).to_numpy()).dropna(subset=["branch"])
    started = pd.to_datetime(spells["started_on"])
    ended = pd.to_datetime(spells["ended_on"])
    first, last = tables.window.start, tables.window.cutoff
    rows = []
    for half in range(2 * first.year + (first.month > 6), 2 * last.year + (last.month > 6) + 1):
        begins = pd.Timestamp(half // 2, 7 if half % 2 else 1, 1)
        ends = pd.Timestamp((half + 1) // 2, 1 if half % 2 else 7, 1)
        if begins < pd.Timestamp(first) or ends > pd.Timestamp(last):
            continue  # only half years that are wholly known
        here = (started < begins) & (ended.isna() | (ended >= begins))
        left = here & (ended < ends)
        table = pd.DataFrame({"branch": spells["branch"], "here": here, "left": left})
        sums = table.groupby("branch")[["here", "left"]].sum().reset_index()
        rows.append(sums.assign(half=half))
    if not rows:
        return pd.DataFrame(columns=["branch", "half", "churn", "customers"])
    found = pd.concat(rows, ignore_index=True)
    found = found[found["here"] >= fewest]
    found["churn"] = found["left"] / found["here"]
    return found.rename(columns={"here": "customers"}).drop(columns="left")


def _link(
    panel: pd.DataFrame, cause: str, result: str, lag: int, view: str, level: float
) -> dict[str, object] | str:
    later = panel[["branch", "half", result]].assign(half=panel["half"] - lag)
    pairs = panel[["branch", "half", cause]].merge(later, on=["branch", "half"]).dropna()
    if pairs["branch"].nunique() < _FEWEST_BRANCHES:
        return f"only {pairs['branch'].nunique()} branches hold both"
    if view == "between":
        # times differ between branches with gaps: compare within periods before averaging
        for name in (cause, result):
            pairs[name] = pairs[name] - pairs.groupby("half")[name].transform("mean")
        pairs = pairs.groupby("branch")[[cause, result]].mean().reset_index()
        model = LeastSquares()
    else:
        model = LeastSquares(effects=("branch", "half"), cluster="branch")
    spread = pairs[[cause, result]].std()
    if (spread < 1e-12).any():
        return "one of them never varies"
    pairs[[cause, result]] = pairs[[cause, result]] / spread
    try:
        fit = model.fit(pairs, outcome=result, regressors=[cause])
    except (NotEnoughDataError, NotIdentifiedError) as error:
        return str(error)
    return _row(fit, pairs, cause, result, lag, view, level)


def _row(
    fit: LeastSquaresFit,
    pairs: pd.DataFrame,
    cause: str,
    result: str,
    lag: int,
    view: str,
    level: float,
) -> dict[str, object]:
    slope, se, low, high = fit.combination({cause: 1.0}, level)
    degrees = fit.degrees_of_freedom
    needed = stats.t.ppf(0.5 + level / 2, degrees) + stats.t.ppf(_POWER, degrees)
    return {
        "cause": cause, "result": result, "lag": lag, "view": view, "slope": slope, "low": low,
        "high": high, "p_value": float(fit.summary(level)["p_value"][cause]), "n": fit.n,
        "branches": int(pairs["branch"].nunique()), "detectable": float(needed * se),
    }  # fmt: skip


def _numbers(links: pd.DataFrame, level: float) -> dict[str, Estimate]:
    how = {
        "within": "branch and half-year effects held, clustered by branch",
        "between": "means of branches, heteroscedasticity-consistent",
    }
    return {
        f"{row['view']}: {row['cause']} to {row['result']}": Estimate(
            value=row["slope"], low=row["low"], high=row["high"], level=level,
            unit="SD per SD", n=int(row["n"]), grade="C",
            method=f"{row['branches']} branches, {row['lag']} half years later; "
            f"{how[str(row['view'])]}",
        )
        for row in links.to_dict("records")
    }  # fmt: skip


def _cautions(links: pd.DataFrame, branches: int, why: list[str]) -> tuple[str, ...]:
    weakest = links.groupby("view")["detectable"].median()
    power = ", ".join(f"{value:.2f} {view} branches" for view, value in weakest.items())
    found = [
        f"{branches} branches find, four times in five, a slope of {power} (median over the "
        "links): a link that is not seen may still be there.",
        "Means of few answers move by chance, which draws slopes within branches towards none; "
        "those between branches rest on steadier numbers but on whatever else branches differ in.",
    ]
    if why:
        found.append("Not estimated: " + "; ".join(why) + ".")
    return tuple(found)
