"""Do customers won later stay longer or shorter? Retention by cohort and stretch of tenure."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from retention.engine import Tables
from retention.errors import NotEnoughDataError, ParameterError
from retention.estimates import Estimate
from retention.features import build_cube
from retention.models import KaplanMeier, KaplanMeierFit, LogRank, LogRankFit, RiskTable
from retention.window import Period, Unit

from .inactivity_choice import churn_tables, spell_cautions
from .snapshot import snapshot_cautions

__all__ = ["RetentionCohorts", "retention_cohorts"]

_STRETCH = {"day": 90, "week": 26, "month": 6, "quarter": 2, "year": 1}
_MOST_STRETCHES = 12


@dataclass(frozen=True, eq=False, kw_only=True)
class RetentionCohorts:
    """Answer of `retention_cohorts`.

    Parameters
    ----------
    cells : pandas.DataFrame
        One row a cohort and stretch of tenure: ``cohort`` (its label), ``start``, ``stop`` (units),
        ``retained`` (share of those who reached `start` and were here at `stop`) with ``low`` and
        ``high``, and ``at_risk`` (when the stretch began). Missing where fewer than `minimum_n`
        were watched at any time of it.
    test : LogRankFit or None
        Whether cohorts differ more than by chance.
    cohort, unit : str
        Width of the cohorts; unit of tenure.
    stretch : int
        Units of a stretch.
    """

    cells: pd.DataFrame
    test: LogRankFit | None
    cohort: Unit
    unit: str
    stretch: int
    numbers: dict[str, Estimate]
    warnings: tuple[str, ...]

    def summary(self) -> pd.DataFrame:
        """Return the shares retained, one row a cohort and one column a stretch."""
        return self.cells.set_index(["cohort", "start"])["retained"].unstack()  # noqa: PD010

    def estimates(self) -> dict[str, Estimate]:
        """Return the first stretch of each cohort, and the log-rank p."""
        return self.numbers

    def cautions(self) -> tuple[str, ...]:
        """Return what to know before comparing cohorts."""
        return self.warnings

    def headline(self) -> str:
        """Return the first stretch of the newest cohort and of one before, in one sentence."""
        first = {k: v for k, v in self.numbers.items() if k != "log_rank_p" and v.shown}
        if not first:
            return "No cohort was watched from its first day by customers enough to show."
        names = list(first)
        label = names[-1].partition(": ")[2]
        text = f"Of customers won in {label}, {first[names[-1]]} were here after {self.stretch} "
        text += f"{self.unit}s"
        if len(names) == 1:
            return f"{text}."
        before = names[0].partition(": ")[2]
        return f"{text}; of those won in {before}, {first[names[0]]}."


def retention_cohorts(
    tables: Tables, *, cohort: Unit = "year", stretch: int = 0, level: float = 0.95
) -> RetentionCohorts:
    """Estimate how many of each cohort are kept through each stretch of tenure.

    A cell is the share of those with us when the stretch began who were still here at its end
    (Kaplan-Meier within the stretch). It needs nobody from before: a cohort won before the window
    is compared at the tenures at which it was watched, and only there.

    Parameters
    ----------
    tables : Tables
        With ``contracts``, or else ``orders``.
    cohort : str
        ``month``, ``quarter`` or ``year`` in which the stay began.
    stretch : int
        Units of tenure a cell; 0 for six months.
    level : float
        Level of intervals.

    Raises
    ------
    MissingTableError, NotEnoughDataError
        As `build_cube`; also if no cell has customers enough.
    ParameterError
        If the stretch is negative, or the cohorts are by another unit.
    """
    if stretch < 0:
        raise ParameterError(f"stretch must be 1 unit or more, got {stretch}")
    tables = churn_tables(tables)
    width = stretch or _STRETCH[tables.window.unit]
    cube = build_cube(tables, cohort=cohort)
    model = KaplanMeier(level=level)
    parts = {
        Period.containing(pd.Timestamp(str(day)).date(), cohort).label: part
        for day, part in cube.groupby("cohort", sort=True)
        if float(part["at_risk"].sum()) > 0
    }
    fits = {label: model.fit(part) for label, part in parts.items()}
    watched = {label: _at_risk(part) for label, part in parts.items()}
    cells = _cells(fits, watched, width, tables.minimum_n)
    if cells["retained"].notna().sum() == 0:
        raise NotEnoughDataError(
            f"no cohort by {cohort} has {tables.minimum_n} customers watched through {width} "
            f"{tables.window.unit}s; take wider cohorts"
        )
    test = _test(cube)
    return RetentionCohorts(
        cells=cells, test=test, cohort=cohort, unit=tables.window.unit, stretch=width,
        numbers=_numbers(cells, fits, test, width, tables, level),
        warnings=(
            *spell_cautions(tables),
            *snapshot_cautions(tables),
            *_cautions(cells, width, tables),
        ),
    )  # fmt: skip


def _cells(
    fits: dict[str, KaplanMeierFit],
    at_risk: dict[str, NDArray[np.float64]],
    width: int,
    minimum_n: int,
) -> pd.DataFrame:
    longest = max(fit.longest for fit in fits.values())
    starts = range(0, min(int(longest), _MOST_STRETCHES * width), width)
    rows = []
    for label, fit in fits.items():
        for start in starts:
            watched = at_risk[label][start + 1 : start + width + 1]
            n = float(watched[0]) if len(watched) else 0.0
            row = {"cohort": label, "start": start, "stop": start + width, "at_risk": n}
            row |= {"retained": np.nan, "low": np.nan, "high": np.nan}
            if len(watched) == width and watched.min() >= minimum_n:
                row["retained"] = float(fit.survival([start + width], start)[0])
                ends = fit.interval([start + width], start)
                row["low"], row["high"] = float(ends[0][0]), float(ends[1][0])
            rows.append(row)
    cells = pd.DataFrame(rows)
    shown = cells.groupby("start")["retained"].transform(lambda column: column.notna().any())
    return cells[shown].reset_index(drop=True)


def _at_risk(cube: pd.DataFrame) -> NDArray[np.float64]:
    """Return how many were at risk at each tenure from 0 to the last at which anybody was."""
    risk = RiskTable.of(cube, every_tenure=True)
    found = np.zeros(int(risk.tenure[-1]) + 1)
    found[risk.tenure.astype(np.int64)] = risk.at_risk[0]
    return found


def _test(cube: pd.DataFrame) -> LogRankFit | None:
    try:
        return LogRank(by=("cohort",)).fit(cube)
    except NotEnoughDataError:
        return None


def _numbers(
    cells: pd.DataFrame,
    fits: dict[str, KaplanMeierFit],
    test: LogRankFit | None,
    width: int,
    tables: Tables,
    level: float,
) -> dict[str, Estimate]:
    found = {}
    first = cells[(cells["start"] == 0) & cells["retained"].notna()]
    for row in first.to_dict("records"):
        fit = fits[row["cohort"]]
        ends = (row["low"], row["high"]) if np.isfinite(row["low"]) else (None, None)
        found[f"retained_{width}: {row['cohort']}"] = Estimate(
            value=row["retained"], low=ends[0], high=ends[1], level=level, unit="share",
            n=int(fit.n), events=int(fit.n_events), grade="D",
            method="Kaplan-Meier of the cohort, log-log interval"
            + ("" if ends[0] is not None else "; nobody, or everybody, left: no interval"),
        )  # fmt: skip
    if test is not None:
        n = int(sum(fit.n for fit in fits.values()))
        found["log_rank_p"] = Estimate(
            value=test.p_value, unit="p-value", n=n, grade="D",
            events=int(sum(fit.n_events for fit in fits.values())),
            method=f"log-rank between cohorts, chi-square {test.statistic:.9g} on {test.df} df; no "
            "interval of a p",
        )  # fmt: skip
    return found


def _cautions(cells: pd.DataFrame, width: int, tables: Tables) -> tuple[str, ...]:
    empty = int((cells["retained"].isna() & (cells["at_risk"] > 0)).sum())
    found = [
        "Cohort, tenure and calendar time are tied together: a bad year shows as a diagonal, not "
        "as a row."
    ]
    if empty:
        found.append(
            f"{empty} cells are blank: fewer than {tables.minimum_n} customers were watched "
            f"through all {width} {tables.window.unit}s of them."
        )
    return tuple(found)
