"""Who answered of those asked, and weights that make the first look like the second."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from retention.engine import Tables
from retention.errors import ConvergenceError, NotEnoughDataError
from retention.features import build_response_panel
from retention.models import Raking, RakingFit

__all__ = ["SurveyWeights", "survey_weights"]

_FEWEST = 5  # respondents below which a category of a margin is joined with another
_MARGINS = ("segment", "region")


@dataclass(frozen=True, eq=False)
class SurveyWeights:
    """Weights by response, and what they rest on.

    Attributes
    ----------
    weights : Series
        Index ``response_id``, mean 1.
    invited, answered : int
        Invitations and those answered.
    margins : tuple of str
        What was weighted on; empty if nothing could be.
    fit : RakingFit or None
        Kish's effect, trimmed weights; None where nothing was weighted.
    rates : DataFrame
        One row a margin and category: invited, answered, response rate.
    why : str
        Why there are no weights; empty where there are.
    """

    weights: pd.Series
    invited: int
    answered: int
    margins: tuple[str, ...]
    fit: RakingFit | None
    rates: pd.DataFrame
    why: str = ""

    @property
    def response_rate(self) -> float:
        """Share of the invitations that were answered."""
        return self.answered / self.invited if self.invited else float("nan")


def survey_weights(
    tables: Tables,
    responses: pd.DataFrame,
    *,
    instrument: str = "",
    earlier: Sequence[str] = (),
    waves: Sequence[str] = (),
) -> SurveyWeights:
    """Rake the respondents of some waves to everybody invited in them.

    Margins are segment, region, a complaint in the half year before, and the band of the last
    answer before the invitation: who was dissatisfied last time answers less often now, and that
    is known of the silent too.

    Parameters
    ----------
    tables : Tables
        With ``invitations``, else nothing is weighted.
    responses : DataFrame
        As `build_scales` returns: index ``response_id``, column ``wave``.
    instrument : str
        The questionnaire.
    earlier : sequence of str
        Items of the last answer.
    waves : sequence of str
        Waves to weight together; empty for all.
    """
    chosen = responses[responses["wave"].isin(list(waves))] if len(waves) else responses
    if "invitations" not in tables:
        return _unweighted(chosen, "the project has no table invitations")
    try:
        panel = build_response_panel(tables, instrument=instrument, earlier=earlier)
    except NotEnoughDataError as error:
        return _unweighted(chosen, str(error))
    panel = _in_waves(panel, responses, waves)
    answered = panel["response_id"].isin(chosen.index)
    if answered.sum() < 2 * _FEWEST:
        why = f"{int(answered.sum())} answers belong to an invitation"
        return _unweighted(chosen, why, len(panel), int(answered.sum()))
    margins = _margins(panel, answered)
    rates = _rates(margins, answered)
    shares = {
        str(name): {str(k): float(v) for k, v in values.value_counts(normalize=True).items()}
        for name, values in margins.items()
    }
    if not shares:
        return _unweighted(
            chosen,
            "nothing known of the silent tells them from the others",
            len(panel),
            int(answered.sum()),
        )
    try:
        fit = Raking(margins=shares).fit(margins[answered])
    except ConvergenceError as error:
        return _unweighted(chosen, str(error), len(panel), int(answered.sum()))
    weights = pd.Series(1.0, index=chosen.index)
    found = pd.Series(fit.weights.to_numpy(), index=panel.loc[answered, "response_id"].to_numpy())
    weights.loc[found.index] = found
    return SurveyWeights(
        weights, len(panel), int(answered.sum()), tuple(margins.columns), fit, rates
    )


def _unweighted(
    chosen: pd.DataFrame, why: str, invited: int = 0, answered: int = 0
) -> SurveyWeights:
    ones = pd.Series(1.0, index=chosen.index)
    rates = pd.DataFrame(columns=["margin", "category", "invited", "answered", "rate"])
    return SurveyWeights(ones, invited, answered, (), None, rates, why)


def _in_waves(panel: pd.DataFrame, responses: pd.DataFrame, waves: Sequence[str]) -> pd.DataFrame:
    """Keep the invitations of some waves; a wave begins with its first answered invitation."""
    if not len(waves):
        return panel
    wave = panel["response_id"].map(responses["wave"])
    begins = pd.to_datetime(panel["invited_on"]).groupby(wave).min().sort_values()
    at = np.searchsorted(
        begins.to_numpy(), pd.to_datetime(panel["invited_on"]).to_numpy(), side="right"
    )
    of = begins.index.to_numpy(dtype=object)[np.maximum(at - 1, 0)]
    return panel[np.isin(of, np.asarray(list(waves), dtype=object)) & (at > 0)]


def _margins(panel: pd.DataFrame, answered: pd.Series) -> pd.DataFrame:
    columns = {name: panel[name].fillna("unknown") for name in _MARGINS if name in panel}
    if "complaints" in panel:
        columns["complaint"] = panel["complaints"].gt(0).map({True: "yes", False: "no"})
    if "earlier_score" in panel:
        columns["earlier answer"] = _bands(panel["earlier_score"])
    joined = {name: _join_small(values, answered) for name, values in columns.items()}
    kept = {name: values for name, values in joined.items() if len(values.unique()) > 1}
    return pd.DataFrame(kept, index=panel.index)


def _bands(score: pd.Series) -> pd.Series:
    known = score.dropna()
    if known.empty:
        return pd.Series("none", index=score.index)
    low, high = known.quantile([1 / 3, 2 / 3])
    names = np.where(score <= low, "low", np.where(score <= high, "middle", "high"))
    return pd.Series(np.where(score.isna(), "none", names), index=score.index)


def _join_small(values: pd.Series, answered: pd.Series) -> pd.Series:
    """Join the categories with the fewest respondents until each has enough."""
    values = values.astype(object)
    while len(values.unique()) > 1:
        counts = values[answered].value_counts().reindex(values.unique(), fill_value=0)
        counts = counts.sort_values()
        if counts.iloc[0] >= _FEWEST:
            return values
        pair = list(counts.index[:2])
        values = values.where(~values.isin(pair), " or ".join(sorted(map(str, pair))))
    return values


def _rates(margins: pd.DataFrame, answered: pd.Series) -> pd.DataFrame:
    rows = []
    for name in margins:
        by = answered.groupby(margins[name])
        for category, invited, hits in zip(by.size().index, by.size(), by.sum(), strict=True):
            rows.append((name, category, int(invited), int(hits), hits / invited))
    return pd.DataFrame(rows, columns=["margin", "category", "invited", "answered", "rate"])
