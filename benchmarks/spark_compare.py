"""Every feature on DuckDB and on Spark, compared: ``make spark``.

``python benchmarks/spark_compare.py [--customers 500] [--master local[2]]``. A master such as
``local-cluster[2,1,1024]`` starts executors of their own. Keys, counts and money must be equal to
the bit, other numbers to 1e-12; prints processor seconds of both and ends with 1 if any differ.
"""

from __future__ import annotations

import argparse
import importlib.util
import sys
import tempfile
import time
import warnings
from pathlib import Path
from types import ModuleType

warnings.filterwarnings("ignore", category=FutureWarning)  # PySpark on pandas 3


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
    from retention.engine import Base, Spark, Tables
    from retention.project import EngineSettings

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--customers", type=int, default=500)
    parser.add_argument("--master", default="local[2]")
    chosen = parser.parse_args()
    calls = examples()
    company = simulate_company(chosen.customers, seed=11)
    scale = {"low": 0, "high": 10}
    items = {name: {"construct": name, **scale} for name in ("csat", "nps")}
    here = Tables.from_frames(company.tables, window=company.window, items=items)
    spark = Spark(EngineSettings(name="spark", master=chosen.master, threads=2))
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        base = here._base
        for name in base.admitted:
            path = Path(folder) / f"{name}.parquet"
            base.engine.execute(f"copy base.{name} to '{path}' (format parquet)")
            spark.name_relation(f"base.{name}", spark.read_parquet(str(path)))
        there = Tables(Base(spark, base.data_cutoff, base.admitted), here.window, items=items)
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
