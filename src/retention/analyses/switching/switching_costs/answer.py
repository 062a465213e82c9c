"""What does it cost customers to leave? Every method the tables allow, side by side, in money."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial

import pandas as pd

from retention.engine import Tables
from retention.errors import AnalysisError, DataError, NotEnoughDataError
from retention.estimates import Estimate

from . import incumbency, lock_in, state_dependence, stated, undercut, worksheet
from .measure import AnnualSpend, SwitchingMeasure, annual_spend

__all__ = ["SwitchingCosts", "switching_costs"]

_DISAGREE = 2.0
_KEYS = {
    lock_in.METHOD: "lock_in",
    incumbency.METHOD: "incumbency",
    state_dependence.METHOD: "state_dependence",
    undercut.METHOD: "undercut_proof",
    stated.LADDER: "stated_ladder",
    stated.SCALES: "survey_scales",
    worksheet.METHOD: "worksheet",
}


@dataclass(frozen=True, eq=False, kw_only=True)
class SwitchingCosts:
    """Answer of `switching_costs`.

    Parameters
    ----------
    measures : dict of str to SwitchingMeasure
        What each method says, by its name; behaviour first, statements and guesses last.
    absent : dict of str to str
        Methods that fell away, and for want of what.
    currency : str
        Of all money.
    spend : AnnualSpend
        What turns shares into money.
    """

    measures: Mapping[str, SwitchingMeasure]
    absent: Mapping[str, str]
    currency: str
    spend: AnnualSpend

    def summary(self) -> pd.DataFrame:
        """Return one row a method: share of the price, money, grade, sensitivity, assumptions."""
        rows = {
            name: {
                "share": m.share,
                "money": m.money,
                "grade": m.share.grade,
                "rests_on": ", ".join(m.tables),
                "sensitivity": m.sensitivity,
                "assumptions": " ".join(m.assumptions),
            }
            for name, m in self.measures.items()
        }
        return pd.DataFrame.from_dict(rows, orient="index").rename_axis("method")

    def reconcile(self) -> pd.DataFrame:
        """Return the methods that gave a number, with ratios to the one most to be trusted.

        Methods are not averaged: they measure different things under different assumptions. A
        ratio above 2 or below 1/2 is a finding.
        """
        shown = [m for m in self.measures.values() if m.share.shown]
        columns = ["share", "low", "high", "money", "grade", "ratio", "disagrees"]
        if not shown:
            return pd.DataFrame(columns=columns).rename_axis("method")
        lead = self.lead
        assert lead is not None  # the lead is among those shown
        rows = {m.method: self._row(m, lead) for m in shown}
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("method")

    def _row(self, measure: SwitchingMeasure, lead: SwitchingMeasure) -> dict[str, object]:
        value, base = measure.share.value or 0.0, lead.share.value or 0.0
        ratio = value / base if base else float("nan")
        apart = not 1 / _DISAGREE <= ratio <= _DISAGREE
        return {
            "share": value, "low": measure.share.low, "high": measure.share.high,
            "money": measure.money.value, "grade": measure.share.grade, "ratio": ratio,
            "disagrees": bool(measure is not lead and apart),
        }  # fmt: skip

    @property
    def lead(self) -> SwitchingMeasure | None:
        """The first method that gave a number, in the order of trust."""
        return next((m for m in self.measures.values() if m.share.shown), None)

    def estimates(self) -> dict[str, Estimate]:
        """Return share and money of every method, and each bond of the hazard."""
        found: dict[str, Estimate] = {}
        for name, measure in self.measures.items():
            found[f"{_KEYS[name]}_share"] = measure.share
            found[f"{_KEYS[name]}_money"] = measure.money
        if lock_in.METHOD in self.measures:
            measure = self.measures[lock_in.METHOD]
            for bond, row in measure.table.iterrows():
                found[f"bond_share: {bond}"] = row["share"]
            for kind, row in measure.extras["levels"].iterrows():
                found[f"bond_level_share: {kind}"] = row["share"]
        if stated.SCALES in self.measures:
            for kind, row in self.measures[stated.SCALES].table.iterrows():
                found[f"scale: {kind}"] = row["score"]
        return found

    def headline(self) -> str:
        """Return the cost by the method most to be trusted, and whether others agree."""
        lead = self.lead
        if lead is None:
            why = "; ".join(f"{n}: {m.share.why}" for n, m in self.measures.items())
            return f"No method gives a switching cost ({why or 'no table allows one'})."
        text = f"Leaving costs the average customer {lead.share} of the price"
        if lead.money.value is not None:
            text += f", {lead.money.value:,.0f} {lead.money.unit}"
        text += f" ({lead.method})"
        others = self.reconcile().drop(index=lead.method)
        if others.empty:
            return f"{text}; no other method gives a number to set against it."
        apart = others.index[others["disagrees"].astype(bool)]
        if len(apart):
            return f"{text}; {len(apart)} of {len(others)} other methods differ more than twofold."
        return f"{text}; the {len(others)} other methods agree within a factor of two."

    def cautions(self) -> tuple[str, ...]:
        """Return disagreements, findings of each method, and what fell away."""
        found, table = [], self.reconcile()
        for name, row in table[table["disagrees"].astype(bool)].iterrows():
            found.append(
                f"{name} says {100 * row['share']:.1f} % of the price, {row['ratio']:.1f} times "
                "the method above: they measure different things, and neither is the average."
            )
        for measure in self.measures.values():
            if not measure.share.shown and measure.method != stated.SCALES:
                found.append(f"{measure.method}: {measure.share.why}.")
            found += measure.findings
        found += [f"{name} fell away: {why}" for name, why in self.absent.items()]
        return tuple(found)


def switching_costs(
    tables: Tables,
    *,
    own_firm: str = "",
    draws: int = 200,
    placebos: int = 5,
    max_customers: int = 1000,
    hours: Mapping[str, tuple[float, float, float]] | None = None,
    wage: tuple[float, float, float] = worksheet.WAGE,
    seed: int = 1,
    level: float = 0.95,
) -> SwitchingCosts:
    """Measure what leaving costs customers, by every method that the tables allow.

    Parameters
    ----------
    tables : Tables
        ``contracts`` with ``bonds`` or ``enrolments`` (and ``market``) for the hazard; ``quotes``;
        ``choices``; ``market``; ``surveys`` with items of the constructs ``switching_cost`` and
        ``leave_at_saving``; ``orders`` or ``contracts`` for the worksheet and for money.
    own_firm : str
        Our name in the market table; ``us``, ``we`` or ``own`` are found by themselves.
    draws, placebos, max_customers
        As `state_dependence`.
    hours, wage
        Guesses of the worksheet.
    seed : int
        Of all draws.
    level : float
        Level of intervals.

    Raises
    ------
    NotEnoughDataError
        If no method can be used; says what each one wants.
    """
    own = own_firm or _own_firm(tables)
    spend = annual_spend(tables)
    methods: dict[str, Callable[[], SwitchingMeasure]] = {
        lock_in.METHOD: partial(
            lock_in.hazard_lock_in, tables, spend, own_firm=own, level=level
        ),
        incumbency.METHOD: partial(incumbency.incumbency_premium, tables, spend, level=level),
        state_dependence.METHOD: partial(
            state_dependence.state_dependence, tables, spend, draws=draws, placebos=placebos,
            max_customers=max_customers, seed=seed, level=level,
        ),
        stated.LADDER: partial(stated.stated_ladder, tables, spend, level=level),
        undercut.METHOD: partial(undercut.undercut_proof, tables, spend, own_firm=own),
        worksheet.METHOD: partial(
            worksheet.switching_worksheet, tables, spend, hours=hours, wage=wage, seed=seed,
            level=level,
        ),
        stated.SCALES: partial(stated.switching_scales, tables, spend, level=level),
    }  # fmt: skip
    measures, absent = {}, {}
    for name, method in methods.items():
        try:
            measures[name] = method()
        except (DataError, AnalysisError) as error:
            absent[name] = str(error)
    if not measures:
        raise NotEnoughDataError(
            "no way to measure switching costs: "
            + "; ".join(f"{name} ({why})" for name, why in absent.items())
        )
    return SwitchingCosts(measures=measures, absent=absent, currency=tables.currency, spend=spend)


def _own_firm(tables: Tables) -> str:
    if "market" not in tables:
        return ""
    firms = tables.query("select distinct firm from market order by firm")["firm"]
    return next((str(f) for f in firms if str(f).lower() in ("us", "we", "own", "ours")), "")
