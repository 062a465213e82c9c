"""How long a run will still take."""

from __future__ import annotations

import pytest

from retention.reports.batch import readable_seconds
from retention.reports.progress import Meter, seconds_before


def test_time_left_follows_what_notebooks_took_before():
    seen = []
    meter = Meter(["a", "b"], {"a": 10.0, "b": 30.0}, 1, seen.append)
    meter("a", 1, 2, 5.0)
    assert seen[-1].left == pytest.approx(35.0)
    meter("a", 2, 2, 20.0)  # half as fast as it was
    assert (seen[-1].finished, seen[-1].notebooks) == (1, 2)
    assert seen[-1].left == pytest.approx(60.0)
    meter("b", 4, 4, 60.0)
    assert seen[-1].left == 0.0


def test_a_first_run_judges_by_its_finished_notebooks():
    seen = []
    meter = Meter(["a", "b", "c"], {}, 2, seen.append)
    meter("a", 1, 2, 4.0)
    assert seen[-1].left is None
    meter("a", 2, 2, 8.0)
    assert seen[-1].left == pytest.approx(8.0)  # two more of eight seconds, two at once


def test_the_last_run_of_each_notebook_counts():
    old = {"executions": [{"notebook": "a", "status": "answered", "seconds": 1.0}]}
    new = {
        "executions": [
            {"notebook": "a", "status": "failed", "seconds": 9.0},
            {"notebook": "b", "status": "answered", "seconds": 2.0},
        ]
    }
    assert seconds_before([old, None, new]) == {"a": 1.0, "b": 2.0}


def test_times_are_said_as_a_person_would():
    assert [readable_seconds(x) for x in (0.4, 89, 91, 5400)] == [
        "0 s",
        "89 s",
        "2 min",
        "1 h 30 min",
    ]
