"""What the embedded engine may use of the machine, by its settings."""

from __future__ import annotations

import duckdb
import pytest

from retention.engine.embedded import Embedded
from retention.errors import DataError
from retention.project import EngineSettings

UNITS = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30, "TiB": 2**40}


def used(settings: EngineSettings | None) -> tuple[int, float]:
    """Return threads and bytes."""
    engine = Embedded(settings)
    threads, limit = engine.rows(
        "select current_setting('threads'), current_setting('memory_limit')"
    )[0]
    engine.close()
    size, unit = limit.split()
    return threads, float(size) * UNITS[unit]


def test_it_counts_on_four_fifths_of_the_memory_it_is_given():
    threads, limit = used(EngineSettings(threads=3, memory_limit="1GB"))
    assert threads == 3
    assert limit == pytest.approx(0.8e9, rel=1e-3)
    assert used(EngineSettings(memory_limit="12.5 GiB"))[1] == pytest.approx(10 * 2**30, rel=1e-2)


def test_by_default_it_takes_two_threads_a_core_and_half_of_the_memory():
    bare = duckdb.connect()
    cores, limit = bare.execute(
        "select current_setting('threads'), current_setting('memory_limit')"
    ).fetchone()
    bare.close()
    size, unit = limit.split()
    threads, mine = used(None)
    assert threads == 2 * cores
    # DuckDB itself takes four fifths
    assert mine == pytest.approx(float(size) * UNITS[unit] * 5 / 8, rel=0.02)


@pytest.mark.parametrize("limit", ["plenty", "-1", "1.2.3GB", "5 elephants"])
def test_a_limit_that_is_no_size_is_refused(limit):
    with pytest.raises(DataError, match=r"\[engine\]"):
        Embedded(EngineSettings(memory_limit=limit))
