"""Nothing after the cutoff changes a feature at the cutoff: deleted, moved, invented, rewritten."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from retention.engine import Tables
from retention.schemas import INPUT_TABLES
from retention.window import Period

from .conftest import (
    assert_engines_agree,
    assert_same,
    every_feature,
    heard,
    hostile,
    on_engine,
    outcome,
    without_example,
)

CUTOFF = date(2025, 3, 15)


def _days(frame: pd.DataFrame, schema) -> pd.Series:
    """The day on which each row became known."""
    values = frame[schema.dated]
    if schema[schema.dated].kind == "period":
        return pd.to_datetime([Period.parse(p).last_day for p in values]).to_series(frame.index)
    return pd.to_datetime(values)


def _later(frame, schema, at):
    return (_days(frame, schema) >= pd.Timestamp(at)).to_numpy()


def _delete(frame, schema, rng, at, end):
    kept = frame[~_later(frame, schema, at)].copy()
    # a table without rows is no table; that a company keeps one is not known from a date on
    return kept if len(kept) else frame.head(1).copy()


def _random_days(rng, count, at, end):
    return [at + timedelta(days=int(d)) for d in rng.integers(0, (end - at).days, count)]


def _move(frame, schema, rng, at, end):
    frame, late = frame.copy(), _later(frame, schema, at)
    if schema[schema.dated].kind == "date":
        frame[schema.dated] = pd.to_datetime(frame[schema.dated])
        frame.loc[late, schema.dated] = pd.to_datetime(_random_days(rng, late.sum(), at, end))
        for day in {c.known_from for c in schema.columns if c.known_from} & set(frame.columns):
            frame[day] = pd.to_datetime(frame[day])
            frame.loc[late, day] = pd.NaT
    return frame.drop_duplicates(list(schema.key)) if schema.key else frame


def _invent(frame, schema, rng, at, end):
    """Rows that never were, for customers who are there, all dated after the cutoff."""
    if schema[schema.dated].kind != "date" or frame.empty:
        return frame
    new = frame.iloc[rng.integers(0, len(frame), 40)].copy()
    new[schema.dated] = pd.to_datetime(_random_days(rng, len(new), at, end))
    for column in schema.columns:
        if column.kind == "date" and column.name != schema.dated and column.name in new:
            new[column.name] = pd.NaT
        if column.kind in ("money", "number") and column.name in new:
            new[column.name] = np.abs(pd.to_numeric(new[column.name])) / 7
    own = schema.key[0] if len(schema.key) == 1 else ""
    if own:
        new[own] = [f"invented-{n}" for n in range(len(new))]
    frame = frame.copy()
    frame[schema.dated] = pd.to_datetime(frame[schema.dated])
    frame = pd.concat([frame, new], ignore_index=True)
    return frame.drop_duplicates(list(schema.key)) if schema.key else frame


def _rewrite(frame, schema, rng, at, end):
    """Change what became known after the cutoff about rows from before it."""
    frame = frame.copy()
    days = {c.known_from for c in schema.columns if c.known_from} & set(frame.columns)
    for day in sorted(days):
        frame[day] = pd.to_datetime(frame[day])
        known_late = (frame[day] >= pd.Timestamp(at)).to_numpy().copy()
        known_late &= ~_later(frame, schema, at)
        for column in schema.columns:
            if column.known_from == day and column.name != day and column.name in frame:
                values = frame.loc[known_late, column.name].to_numpy()
                frame.loc[known_late, column.name] = rng.permutation(np.array(values))
        drop = known_late & (rng.random(len(frame)) < 0.5)
        frame.loc[known_late, day] = pd.to_datetime(_random_days(rng, known_late.sum(), at, end))
        frame.loc[drop, day] = pd.NaT
    return frame


def _forget(frame, schema, rng, at, end):
    """Delete half of what came later."""
    if schema.name in ("employees", "customers"):
        return frame  # others refer to them
    kept = frame[~_later(frame, schema, at) | (rng.random(len(frame)) < 0.5)].copy()
    return kept if len(kept) else frame.head(1).copy()


CHANGES = {
    "delete": _delete,
    "forget": _forget,
    "invent": _invent,
    "move": _move,
    "rewrite": _rewrite,
}

ALL_AT_ONCE = ("forget", "rewrite", "move", "invent")


def changed(company, change, rng, at):
    """The company with its future changed in every table that has dates."""
    end = company.window.cutoff
    frames = {}
    for name, frame in company.tables.items():
        schema = INPUT_TABLES[name]
        dated = schema.dated in frame
        kept = frame if not dated else CHANGES[change](frame, schema, rng, at, end)
        if change == "delete" and name == "employees":
            kept = frame  # others refer to them
        frames[name] = kept
    return _references_hold(frames)


def _references_hold(frames):
    """Drop rows of customers who are gone, as a source that never knew them would."""
    known = set(frames["customers"]["customer_id"])
    return {
        name: _of_those(frame, known) if "customer_id" in frame else frame
        for name, frame in frames.items()
        if len(frame)
    }


def _of_those(frame, known):
    kept = frame[frame["customer_id"].isin(known)]
    return kept if len(kept) else frame.head(1).assign(customer_id=min(known))


@pytest.fixture(scope="module")
def truth(small_company, survey_items):
    tables = Tables.from_frames(
        small_company.tables, window=small_company.window, items=survey_items
    ).as_of(CUTOFF)
    said = {name: outcome(feature, tables) for name, feature in every_feature().items()}
    assert not {name for name, answer in said.items() if "refused" in answer}
    return said


def test_every_feature_is_held_to_it():
    """A new feature that needs more than tables wants an example in tests/features/conftest.py."""
    assert without_example() == {}


def changed_in_turn(company, changes, rng, at):
    """The company after several changes of its future."""
    for change in changes:
        company = replace(company, tables=changed(company, change, rng, at))
    return company.tables


def test_no_feature_sees_the_future(small_company, survey_items, truth, rng):
    """Half the future is deleted, the rest rewritten and moved, and more invented; all at once."""
    frames = changed_in_turn(small_company, ALL_AT_ONCE, rng, CUTOFF)
    tables = Tables.from_frames(frames, window=small_company.window, items=survey_items)
    for name, feature in every_feature().items():
        try:
            assert_same(truth[name], outcome(feature, tables.as_of(CUTOFF)), rtol=1e-12)
        except AssertionError as error:
            raise AssertionError(f"{name} sees what is after the cutoff") from error


@pytest.mark.slow
@settings(max_examples=20)
@given(
    change=st.sampled_from(sorted(CHANGES)),
    seed=st.integers(0, 2**32 - 1),
    day=st.dates(date(2022, 2, 1), date(2026, 9, 30)),
)
def test_no_feature_sees_the_future_at_any_cutoff(small_company, survey_items, change, seed, day):
    window = small_company.window
    before = Tables.from_frames(small_company.tables, window=window, items=survey_items)
    frames = changed(small_company, change, np.random.default_rng(seed), day)
    after = Tables.from_frames(frames, window=window, items=survey_items)
    for feature in every_feature().values():
        assert_same(
            outcome(feature, before.as_of(day)), outcome(feature, after.as_of(day)), rtol=1e-12
        )
    before.close()
    after.close()


@pytest.mark.spark
@pytest.mark.filterwarnings("ignore::FutureWarning")
def test_no_feature_sees_the_future_on_spark(small_company, survey_items, spark, tmp_path, rng):
    """All changes at once, to a company of ties, nulls and dates at the edges, at a leap day.

    The truth is what DuckDB says of the unchanged company: the engines agree at an earlier cutoff.
    """
    at, window = date(2024, 2, 29), small_company.window
    company = replace(small_company, tables=hostile(small_company))
    before = Tables.from_frames(company.tables, window=window, items=survey_items).as_of(at)
    frames = changed_in_turn(company, ALL_AT_ONCE, rng, at)
    after = Tables.from_frames(frames, window=window, items=survey_items)
    there = on_engine(spark, after, tmp_path).as_of(at)
    leaks, refused = {}, set()
    for name, feature in every_feature().items():
        truth = heard(feature, before)
        refused |= {name} if "refused" in truth[0] else set()
        try:
            assert_engines_agree(truth, heard(feature, there))
        except AssertionError as error:
            leaks[name] = str(error).splitlines()[:6]
    assert not leaks
    assert not refused


def test_the_test_can_fail(small_company, survey_items, truth, rng):
    """Changing the past does change features."""
    frames = changed(small_company, "delete", rng, CUTOFF - timedelta(days=60))
    tables = Tables.from_frames(frames, window=small_company.window, items=survey_items)
    for name in ("build_rfm", "build_value", "build_activity", "build_cube", "build_durations"):
        after = outcome(every_feature()[name], tables.as_of(CUTOFF))
        with pytest.raises(AssertionError):
            assert_same(truth[name], after, rtol=1e-12)
