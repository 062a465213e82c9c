"""Every feature on DuckDB and on Spark, compared: ``make spark``.

``python benchmarks/spark_compare.py [--customers 500] [--orders 2] [--master ...]``. The default
starts two workers of one core and 1 GB each, processes of their own, on the loopback. Keys, counts
and money must be equal to the bit, other numbers to 1e-12; ends with 1 if any differ.

First every feature of a small company, in wall seconds: what Spark costs before it counts anything.
Then so many million orders, read, checked and summarised by both, in seconds of processor time of
all processes: what it costs to count there.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import shutil
import sys
import tempfile
import time
import warnings
from itertools import pairwise
from pathlib import Path
from types import ModuleType
from typing import Any

warnings.filterwarnings("ignore", category=FutureWarning)  # PySpark on pandas 3
LOOPBACK = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}


def examples() -> ModuleType:
    """Return the calls of every feature, as the tests make them."""
    path = Path(__file__).parents[1] / "tests/features/conftest.py"
    spec = importlib.util.spec_from_file_location("feature_examples", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def main() -> int:
    from retention.datasets import simulate_company
    from retention.engine import Spark, Tables
    from retention.project import EngineSettings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--orders", type=float, default=2.0, help="millions; 0 leaves them out")
    parser.add_argument("--master", default="local-cluster[2,1,1024]")
    chosen = parser.parse_args()
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    calls = examples()
    company = simulate_company(chosen.customers, seed=11)
    here = Tables.from_frames(calls.hostile(company), window=company.window, items=calls.ITEMS)
    settings = EngineSettings(name="spark", master=chosen.master, threads=2, options=LOOPBACK)
    spark = Spark(settings)
    try:
        with tempfile.TemporaryDirectory() as folder:
            differ = compare(calls, here, calls.on_engine(spark, here, Path(folder)))
        if chosen.orders:
            with tempfile.TemporaryDirectory() as folder:
                differ += at_scale(calls, chosen.master, Path(folder), chosen.orders)
    finally:
        spark.close()
    print("all features agree" if not differ else f"{differ} features differ")
    return min(differ, 1)


def at_scale(calls: ModuleType, master: str, folder: Path, millions: float) -> int:
    """Print processor seconds of three steps on either engine, and return how many differ."""
    import bench_data

    from retention.datasets import read_tables
    from retention.features import build_cube, build_rfm
    from retention.project import Project

    bench_data.make(folder, millions)
    (folder / "retention.toml").unlink()
    spark = f'name = "spark"\nmaster = "{master}"\nthreads = 4'
    said: dict[str, dict[str, Any]] = {}
    for name, engine in {"DuckDB": "threads = 2", "Spark": spark}.items():
        (folder / "retention.toml").write_text(bench_data.PROJECT.format(engine=engine))
        shutil.rmtree(folder / "data", ignore_errors=True)  # what the other remembered
        spent = [processor_seconds()]
        tables = read_tables(Project.load(folder))
        spent.append(processor_seconds())
        said[name] = {"check": {table: c.used for table, c in tables.check.tables.items()}}
        for feature in (build_rfm, build_cube):
            said[name][feature.__name__] = feature(tables)
            spent.append(processor_seconds())
        check, summary, cube = (f"{after - before:.1f}" for before, after in pairwise(spent))
        print(f"{name}, {millions:g}M orders, processor seconds:", end=" ")
        print(f"check {check}, summary {summary}, cube {cube}", flush=True)
    try:
        calls.assert_same(*said.values(), rtol=1e-12)
    except AssertionError as error:
        print("NO:", error)
        return 1
    return 0


def processor_seconds() -> float:
    """Return the processor time of this process and all it started, such as Spark's workers."""
    import psutil

    me = psutil.Process()
    times = [process.cpu_times() for process in (me, *me.children(recursive=True))]
    return sum(one.user + one.system for one in times)


def compare(calls: ModuleType, here: Any, there: Any) -> int:
    """Print a line a feature, and return how many differ."""
    differ, seconds = 0, [0.0, 0.0]
    print(f"wall seconds, {'feature':<20}{'DuckDB':>10}{'Spark':>10}   same")
    for name, feature in calls.every_feature().items():
        start = time.perf_counter()
        ours = calls.heard(feature, here)
        middle = time.perf_counter()
        theirs = calls.heard(feature, there)
        took = middle - start, time.perf_counter() - middle
        seconds = [total + one for total, one in zip(seconds, took, strict=True)]
        try:
            calls.assert_engines_agree(ours, theirs)
            refused = ours[0].get("refused")
            same = f"both refuse ({refused})" if refused else "yes"
        except AssertionError as error:
            differ += 1
            same = "NO: " + " ".join(str(error).split())[:200]
        print(f"{name:<34}{took[0]:>10.2f}{took[1]:>10.2f}   {same}", flush=True)
    print(f"{'all':<34}{seconds[0]:>10.2f}{seconds[1]:>10.2f}")
    return differ


if __name__ == "__main__":
    sys.exit(main())
