"""Two knots in a hazard: found where they are, with intervals that know they were searched for."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from retention.errors import NotEnoughDataError
from retention.models import BinaryRegression, ToleranceZone, restricted_cubic_spline
from retention.models.tolerance_zone import _bend, _best_pair, _cells, _counted, _log_likelihoods

KNOTS = (4.0, 7.0)


def periods(seed: int, n: int = 6000) -> pd.DataFrame:
    """Hazard that falls up to 4, rests until 7, and falls again."""
    rng = np.random.default_rng(seed)
    score = rng.integers(1, 11, n).astype(float)
    zone = 0.9 * np.minimum(score - 4, 0) + 0.9 * np.maximum(score - 7, 0)
    eta = -2.0 - zone
    event = rng.random(n) < -np.expm1(-np.exp(eta))
    band = rng.integers(0, 2, n).astype(float)
    who = [f"c{k // 4}" for k in range(n)]
    return pd.DataFrame({"customer_id": who, "score": score, "event": event * 1.0, "band 1": band})


def test_knots_are_found_where_they_are():
    fit = ToleranceZone(controls=["band 1"], replicates=40).fit(periods(1))
    (low, high), (below, above) = fit.intervals
    assert low <= KNOTS[0] <= high
    assert below <= KNOTS[1] <= above
    assert abs(fit.knots[0] - 4) <= 1
    assert abs(fit.knots[1] - 7) <= 1
    slopes = fit.regression.coefficients
    assert slopes["score"] < -0.5
    assert slopes["score"] + slopes["above first knot"] == pytest.approx(0, abs=0.25)


def test_the_search_maximises_the_same_likelihood_as_the_regression():
    rows = periods(2, 1500)
    cells, code = _cells(rows, ["band 1"])
    counts = _counted(cells, code, rows["event"].to_numpy(), np.ones(len(rows)))
    pairs = [(3.0, 6.0), (4.0, 7.0), (5.0, 8.0)]
    fitted = []
    designs = []
    for pair in pairs:
        bend = _bend(counts["score"], pair)
        model = BinaryRegression(columns=(*bend, "band 1"), link="cloglog", trials="trials")
        fitted.append(model.fit(counts.assign(**bend)).log_likelihood)
        columns = [np.ones(len(counts)), counts["band 1"].to_numpy(), *bend.values()]
        designs.append(np.column_stack(columns))
    found = _log_likelihoods(
        np.stack(designs), counts["event"].to_numpy(), counts["trials"].to_numpy()
    )
    np.testing.assert_allclose(found, fitted, atol=1e-6)
    assert _best_pair(counts, ["band 1"], pairs) == pairs[int(np.argmax(fitted))]


def test_counts_hold_every_row():
    rows = periods(3, 500)
    cells, code = _cells(rows, ["band 1"])
    counts = _counted(cells, code, rows["event"].to_numpy(), np.ones(500))
    assert counts["trials"].sum() == 500
    assert counts["event"].sum() == rows["event"].sum()


def test_scores_without_room_are_refused():
    rows = periods(4, 300).assign(score=5.0)
    with pytest.raises(NotEnoughDataError, match="no room"):
        ToleranceZone(replicates=0).fit(rows)


def test_spline_is_straight_beyond_its_knots_and_smooth_at_them():
    knots = np.array([2.0, 4.0, 6.0, 9.0])
    for side in (np.linspace(-3, 2, 6), np.linspace(9, 14, 6)):
        for column in restricted_cubic_spline(side, knots):
            np.testing.assert_allclose(np.diff(column, 2), 0, atol=1e-9)
    fine = np.linspace(0, 11, 20_001)
    for column in restricted_cubic_spline(fine, knots):
        assert np.abs(np.diff(column, 2)).max() < 1e-5  # no kink
    assert len(restricted_cubic_spline(fine, knots)) == 3
    assert len(restricted_cubic_spline(fine, [1.0, 2.0])) == 1
