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
    here = Tables.from_frames(company.tables, window=company.window, items=calls.ITEMS)
    settings = EngineSettings(name="spark", master=chosen.master, threads=2, options=LOOPBACK)
    spark = Spark(settings)
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        there = calls.on_engine(spark, here, Path(folder))
        print(f"{'feature':<34}{'DuckDB s':>10}{'Spark s':>10}   same")
        for name, feature in calls.every_feature().items():
            start = time.perf_counter()
            ours = calls.outcome(feature, here)
            middle = time.perf_counter()
            theirs = calls.outcome(feature, there)
            end = time.perf_counter()
            try:
                calls.assert_same(ours, theirs, rtol=1e-12)
                same = "yes" if "refused" not in ours else f"both refuse ({ours['refused']})"
            except AssertionError as error:
                differ += 1
                same = "NO: " + " ".join(str(error).split())[:200]
            print(f"{name:<34}{middle - start:>10.2f}{end - middle:>10.2f}   {same}", flush=True)
    spark.close()
    print("wall seconds; all features agree" if not differ else f"{differ} features differ")
    return min(differ, 1)


if __name__ == "__main__":
    sys.exit(main())
