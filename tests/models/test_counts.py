"""Spells are counted once, and what cannot be counted is refused with all its faults."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from retention.errors import NotEnoughDataError, SchemaError
from retention.models import RiskTable, count_spells
from retention.schemas import check_cube

spell = st.tuples(
    st.integers(0, 5), st.integers(0, 6), st.booleans(), st.sampled_from(["a", "b", None])
).filter(lambda s: s[1] > s[0] or s[0] == s[1] == 0)


def table_of(spells: list[tuple[int, int, bool, str | None]]) -> pd.DataFrame:
    return pd.DataFrame(spells, columns=["entry", "duration", "event", "segment"])


@given(st.lists(spell, min_size=1, max_size=40))
def test_cube_counts_what_a_loop_over_spells_counts(spells):
    cube = count_spells(table_of(spells), ["segment"])
    check_cube(cube)
    for row in cube.itertuples():
        mine = [s for s in spells if s[3] == row.segment or (s[3] is None and pd.isna(row.segment))]
        if row.tenure > 0:
            assert row.at_risk == sum(s[0] < row.tenure <= s[1] for s in mine)
        assert row.entered == sum(s[0] == row.tenure for s in mine)
        assert row.events == sum(s[1] == row.tenure and s[2] for s in mine)
        assert row.censored == sum(s[1] == row.tenure and not s[2] for s in mine)


@given(st.lists(spell, min_size=1, max_size=40))
def test_risk_table_is_the_same_from_spells_and_from_their_cube(spells):
    table = table_of(spells)
    if all(s[1] == 0 for s in spells):
        with pytest.raises(NotEnoughDataError, match="zero tenure"):
            RiskTable.of(table)
        return
    ours = RiskTable.of(count_spells(table, ["segment"]), ["segment"])
    total = RiskTable.of(table)
    np.testing.assert_array_equal(ours.at_risk.sum(axis=0), total.at_risk[0])
    np.testing.assert_array_equal(ours.events.sum(axis=0), total.events[0])
    ended = ours.events + ours.censored
    np.testing.assert_array_equal(
        ours.at_risk[:, 1:], ours.at_risk[:, :-1] - ended[:, :-1] + ours.entered[:, 1:]
    )
    zero = sum(s[1] == 0 for s in spells)
    assert (ours.zero.sum(), ours.n.sum()) == (zero, len(spells) - zero)


def test_causes_split_the_events():
    spells = pd.DataFrame(
        {"duration": [1, 2, 2], "event": [True, True, False], "reason": ["price", "service", None]}
    )
    cube = count_spells(spells)
    assert cube["events_price"].tolist() == [0, 1, 0]
    assert cube["events_service"].tolist() == [0, 0, 1]
    assert set(RiskTable.of(cube).causes) == {"price", "service"}


def test_every_fault_of_the_spells_is_listed_with_ids():
    spells = pd.DataFrame(
        {"duration": [2.0, -1, np.nan, 4, 3], "entry": [2, 0, 0, 5, 0], "event": [1, 0, 1, 1, 2]},
        index=pd.Index(list("abcde"), name="customer_id"),
    )
    with pytest.raises(SchemaError) as caught:
        count_spells(spells)
    text = str(caught.value)
    assert "duration is not a number of 0 or more in 2 of 5 rows (customer_id b, c)" in text
    assert "entry is not before duration in 3 of 5 rows (customer_id a, b, d)" in text
    assert "event is neither 0 nor 1 in 1 of 5 rows (customer_id e)" in text


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"at_risk": [0, 9, 2]}, "at_risk is not what entered less what ended"),
        ({"events": [0, -1, 1]}, "events must be a number of 0 or more"),
        ({"tenure": [0, 2, 2]}, "repeat a pattern and tenure"),
        ({"events_price": [0, 0, 1]}, "causes do not add up"),
    ],
)
def test_a_cube_that_does_not_add_up_is_refused(change, message):
    spells = pd.DataFrame({"duration": [2, 3, 3], "event": [True, True, False]})
    with pytest.raises(SchemaError, match=message):
        check_cube(count_spells(spells).assign(**change))
