"""The model behind drivers and risk: which covariates the data allow, and the fitted hazard."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from retention.engine import Tables
from retention.errors import NotEnoughDataError
from retention.features import Driver, build_hazard_cells, default_drivers, pattern_sources
from retention.models import DiscreteHazard, DiscreteHazardFit

from .inactivity_choice import churn_tables

__all__ = ["ChurnModel", "fit_churn_model", "group_choice"]

_TERMS = ("price_gap", "renewal_due")
_GROUPS = ("segment", "product")
_RARE = 5
_MOST_LEVELS = 12
OTHER = "other"


@dataclass(frozen=True, eq=False)
class ChurnModel:
    """A fitted hazard and what went into it.

    Parameters
    ----------
    fit : DiscreteHazardFit
        The hazard.
    cells : pandas.DataFrame
        The person-periods, counted, with rare levels merged.
    covariates : tuple of str
        Columns used.
    merged : dict of str to dict of str to str
        Levels with too few leavers, and what they were merged into, by column.
    left_out : dict of str to str
        Columns not used, and why.
    changing : tuple of str
        Covariates that change in a stay: the drivers.
    references : dict of str to object
        The value each covariate is compared with: the most frequent level of text, 0 for numbers.
    """

    fit: DiscreteHazardFit
    cells: pd.DataFrame
    covariates: tuple[str, ...]
    merged: dict[str, dict[str, str]]
    left_out: dict[str, str]
    changing: tuple[str, ...]
    references: dict[str, object]

    def prepared(self, customers: pd.DataFrame) -> pd.DataFrame:
        """Return customers with the merged levels, and unseen ones, as the model knows them."""
        table = customers.copy()
        for name in self.covariates:
            if name not in self.references or not isinstance(self.references[name], str):
                continue
            levels = self.fit.design.levels[name]
            texts = _texts(table[name]).replace(self.merged.get(name, {}))
            rest = OTHER if OTHER in levels else levels[0]
            table[name] = texts.where(texts.isin(levels), rest)
        return table


def group_choice(tables: Tables, by: str | Sequence[str] | None) -> tuple[str, ...]:
    """Return the fixed columns of the model: those asked for, or segment and product."""
    if by == "auto":
        known = pattern_sources(tables)
        return tuple(name for name in _GROUPS if name in known)
    return (by,) if isinstance(by, str) else tuple(by or ())


def fit_churn_model(
    tables: Tables,
    *,
    by: str | Sequence[str] | None = "auto",
    drivers: Sequence[Driver] | None = None,
    covariates: Sequence[str] | None = None,
    pieces: int = 4,
    level: float = 0.95,
) -> ChurnModel:
    """Fit the discrete hazard to the person-periods of a company.

    Columns that are the same for nearly everybody, and levels with fewer than five leavers, cannot
    be told from chance: the first are left out, the second merged; both are reported.

    Raises
    ------
    NotEnoughDataError
        If fewer than `minimum_n` customers left.
    """
    tables = churn_tables(tables)
    groups = group_choice(tables, by)
    chosen = default_drivers(tables) if drivers is None else tuple(drivers)
    cells = build_hazard_cells(tables, by=groups, drivers=chosen)
    events = float(cells["events"].sum())
    if events < tables.minimum_n:
        raise NotEnoughDataError(
            f"{events:,.0f} customers left in the window; {tables.minimum_n} are the least from "
            "which drivers can be told"
        )
    names = [*groups, *(driver.name for driver in chosen), *_TERMS]
    names = [name for name in names if name in cells.columns]
    if covariates is not None:
        names = [name for name in names if name in covariates]
    used, left_out, merged, references = _select(cells, names, tables.minimum_n)
    cells = cells.assign(
        **{name: _texts(cells[name]).replace(into) for name, into in merged.items()}
    )
    spec = DiscreteHazard(
        covariates=used, tenure=pieces, level=level,
        references={k: v for k, v in references.items() if isinstance(v, str)},
    )  # fmt: skip
    changing = tuple(driver.name for driver in chosen if driver.name in used)
    return ChurnModel(spec.fit(cells), cells, tuple(used), merged, left_out, changing, references)


def _texts(column: pd.Series) -> pd.Series:
    return column.astype(object).where(column.notna(), "unknown").astype(str)


def _select(
    cells: pd.DataFrame, names: Sequence[str], minimum_n: int
) -> tuple[list[str], dict[str, str], dict[str, dict[str, str]], dict[str, object]]:
    used: list[str] = []
    left_out: dict[str, str] = {}
    merged: dict[str, dict[str, str]] = {}
    references: dict[str, object] = {}
    for name in names:
        if pd.api.types.is_numeric_dtype(cells[name]):
            zero = cells[name] == 0
            base = 0 if zero.any() else cells.groupby(name)["n"].sum().idxmax()
            away = cells[name] != base
            if cells.loc[away, "n"].sum() < minimum_n or not away.any():
                left_out[name] = f"hardly ever different from {base:g}"
            elif min(cells.loc[side, "events"].sum() for side in (away, ~away)) < _RARE:
                left_out[name] = "too few who left had it, or had it not"
            else:
                used.append(name)
                references[name] = base
            continue
        texts = _texts(cells[name])
        events = cells.groupby(texts)["events"].sum()
        rare = events.index[events < _RARE]
        kept = events.drop(rare)
        if len(kept) < 2 or len(events) > 10 * _MOST_LEVELS:
            left_out[name] = "one level only with enough leavers"
            continue
        used.append(name)
        references[name] = str(cells.groupby(texts)["n"].sum()[kept.index].idxmax())
        # too few even together: they join the largest level
        target = OTHER if events[rare].sum() >= _RARE else str(references[name])
        if len(rare):
            merged[name] = {str(level): target for level in rare}
    return used, left_out, merged, references
