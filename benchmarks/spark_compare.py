"""Every feature on DuckDB and on Spark, compared: ``make spark``.

``python benchmarks/spark_compare.py [--customers 500] [--master local-cluster[2,1,1024]]``. The
default starts two workers of one core and 1 GB each, processes of their own, on the loopback. Keys,
counts and money must be equal to the bit, other numbers to 1e-12; prints wall seconds of both and
ends with 1 if any differ.
"""

from __future__ import annotations

import argparse
import importlib.util
import os
import sys
import tempfile
import time
import warnings
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
    finally:
        spark.close()
    print("all features agree" if not differ else f"{differ} features differ")
    return min(differ, 1)


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
