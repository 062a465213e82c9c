"""The data layer against bare limits and pandas, in seconds of processor time of one run.

``python benchmarks/bench_data.py [--rows 10] [--steps ...] [--keep FOLDER]``: rows in millions.
Each step runs in a process of its own, so that its processor time and its peak memory are its own.
The full set of the project is ``--rows 10 50 100``; by default one size is run.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

STEPS = (
    "scan",
    "customer_days",
    "counts",
    "summary",
    "summary_1gb",
    "pandas",
    "read",
    "check",
    "check_again",
    "cube",
)
PROJECT = """
[project]
name = "Bench"
currency = "EUR"
observed_from = 2020-01-01
data_cutoff = 2024-01-01
[engine]
{engine}
[tables.customers]
path = "customers.parquet"
[tables.orders]
path = "orders.parquet"
[tables.contracts]
path = "contracts.parquet"
"""


def make(folder: Path, millions: float) -> None:
    """Write orders in time order, a tenth as many customers, and nine contracts of ten."""
    import duckdb

    rows = int(millions * 1e6)
    people = rows // 10
    con = duckdb.connect(config={"preserve_insertion_order": True, "memory_limit": "4GB"})
    con.execute("select setseed(0.5)")
    con.execute(
        f"copy (select cast(i as varchar) as order_id,"
        f" cast(cast(floor(power(random(), 1.5) * {people}) as bigint) as varchar) as customer_id,"
        f" date '2020-01-01' + cast(i * 1460 // {rows} as integer) as ordered_on,"
        f" cast(1 + floor(random() * 100000) as decimal(18, 2)) / 100 as amount"
        f" from range({rows}) t(i)) to '{folder}/half.parquet'"
    )
    con.execute(
        f"copy (select order_id, customer_id, ordered_on, cast(amount as decimal(18, 2)) as amount"
        f" from '{folder}/half.parquet') to '{folder}/orders.parquet'"
    )
    (folder / "half.parquet").unlink()
    con.execute(
        f"copy (select cast(i as varchar) as customer_id, date '2020-01-01' as acquired_on,"
        f" cast(i % 5 as varchar) as segment from range({people}) t(i))"
        f" to '{folder}/customers.parquet'"
    )
    con.execute(
        f"copy (select cast(i as varchar) as customer_id,"
        f" date '2018-01-01' + cast(floor(random() * 2100) as integer) as started_on"
        f" from range({people * 9 // 10}) t(i)) to '{folder}/half.parquet'"
    )
    con.execute(
        f"copy (select *, case when random() < 0.5 then"
        f" started_on + 1 + cast(floor(random() * 900) as integer) end as ended_on"
        f" from '{folder}/half.parquet') to '{folder}/contracts.parquet'"
    )
    (folder / "half.parquet").unlink()
    (folder / "retention.toml").write_text(PROJECT.format(engine=""))
    small = folder / "small"
    small.mkdir()
    for name in ("orders", "customers", "contracts"):
        (small / f"{name}.parquet").symlink_to(folder / f"{name}.parquet")
    (small / "retention.toml").write_text(PROJECT.format(engine='memory_limit = "1GB"'))


def bare(folder: Path, sql: str) -> float:
    import duckdb

    con = duckdb.connect(config={"preserve_insertion_order": False})
    return float(con.execute(sql.replace("ORDERS", f"'{folder}/orders.parquet'")).fetchone()[0])


def tables_of(folder: Path):
    from retention.datasets import read_tables
    from retention.project import Project

    return read_tables(Project.load(folder), "2023-12")


def step(name: str, folder: Path) -> float:
    """Run one step and return a number that must agree between those that compute the same."""
    days = "select customer_id, ordered_on, sum(amount) as amount from ORDERS group by 1, 2"
    if name == "scan":
        return bare(
            folder,
            "select sum(amount) + count(customer_id) + max(year(ordered_on)) from ORDERS",
        )
    if name == "customer_days":
        return bare(folder, f"select count(*) from ({days})")
    if name == "read":
        return bare(
            folder,
            "select count(order_id) + sum(length(order_id)) + sum(length(customer_id))"
            " + max(year(ordered_on)) + sum(amount) from ORDERS",
        )
    if name in ("summary", "summary_1gb"):
        from retention.features import build_rfm

        tables = tables_of(folder / "small" if name.endswith("1gb") else folder)
        return float(build_rfm(tables)["frequency"].sum())
    if name == "counts":
        # the same aggregates without their frame: what the engine itself does
        return bare(
            folder,
            "select sum(n - 1) from (select customer_id, count(*) as n, min(ordered_on),"
            " max(ordered_on), sum(amount), arg_min(amount, ordered_on)"
            f" from ({days}) group by customer_id)",
        )
    if name == "pandas":
        import pandas as pd

        orders = pd.read_parquet(folder / "orders.parquet", columns=COLUMNS)
        orders["amount"] = orders["amount"].astype(float)
        day = orders.groupby(["customer_id", "ordered_on"], sort=False)["amount"].sum()
        day = day.reset_index()
        whole = day.groupby("customer_id").agg(
            frequency=("ordered_on", "size"),
            first=("ordered_on", "min"),
            last=("ordered_on", "max"),
            amount=("amount", "sum"),
        )
        return float((whole["frequency"] - 1).sum())
    if name == "cube":
        from retention.features import build_cube

        return float(len(build_cube(tables_of(folder))))
    tables = tables_of(folder)
    return float(sum(check.rows for check in tables.check.tables.values()))


COLUMNS = ["customer_id", "ordered_on", "amount"]


def measured(name: str, folder: Path) -> dict[str, float]:
    """Run one step in a fresh process; return processor seconds, peak memory and its answer."""
    if name == "check":
        for cache in (folder / "data", folder / "small/data"):
            subprocess.run(["rm", "-rf", str(cache)], check=True)
    for kept in folder.rglob("data/cache/query-*"):
        subprocess.run(["rm", "-rf", str(kept)], check=True)
    done = subprocess.run(
        [sys.executable, __file__, "--one", name, "--keep", str(folder)],
        capture_output=True,
        text=True,
        check=False,
        env=os.environ | {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"},
    )
    if done.returncode:
        raise SystemExit(f"{name} failed: {done.stderr[-800:]}")
    return json.loads(done.stdout.splitlines()[-1])


def one(name: str, folder: Path) -> None:
    import resource
    import time

    # what a program loads once is not counted
    import duckdb  # noqa: F401
    import pandas as pd  # noqa: F401

    if name not in ("scan", "customer_days", "read", "pandas"):
        from retention import datasets, features, schemas

        _ = datasets.read_tables, features.build_rfm, features.build_cube, schemas.INPUT_TABLES
    start, wall = time.process_time(), time.perf_counter()
    answer = step(name, folder)
    use = resource.getrusage(resource.RUSAGE_SELF)
    found = {
        "cpu": time.process_time() - start,
        "wall": time.perf_counter() - wall,
        "peak_gb": use.ru_maxrss / 1e6,
        "answer": answer,
    }
    print(json.dumps(found))


def table(millions: float, found: dict[str, dict[str, float]]) -> None:
    print(f"\n{millions:g} million orders, {os.cpu_count()} cores")
    print(f"{'step':<16}{'CPU s':>9}{'wall s':>9}{'peak GB':>9}")
    for name, use in found.items():
        print(f"{name:<16}{use['cpu']:>9.2f}{use['wall']:>9.2f}{use['peak_gb']:>9.2f}")

    def ratio(text: str, above: str, below: str, limit: str) -> None:
        if above in found and below in found:
            value = found[above]["cpu"] / found[below]["cpu"]
            print(f"{text:<58}{value:>7.2f}   wanted {limit}")

    ratio(
        "summary in the engine / customer-day aggregate", "counts", "customer_days", "<= 1.8 at 50M"
    )
    ratio("purchase summary / customer-day aggregate", "summary", "customer_days", "")
    ratio("purchase summary / bare scan", "summary", "scan", "<= 15")
    ratio("purchase summary at 1 GB / bare scan", "summary_1gb", "scan", "<= 25")
    ratio("pandas / purchase summary", "pandas", "summary", ">= 3")
    ratio("first check of all tables / reading the orders", "check", "read", "< 2")
    ratio("second check, from the store / first check", "check_again", "check", "")
    if "summary" in found and "pandas" in found:
        assert found["summary"]["answer"] == found["pandas"]["answer"], "not the same counts"
    if "summary" in found and "summary_1gb" in found:
        assert found["summary"]["answer"] == found["summary_1gb"]["answer"], "not the same counts"
        print(f"{'peak memory at 1 GB':<58}{found['summary_1gb']['peak_gb']:>7.2f}   wanted < 1.3")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=float, nargs="+", default=[10.0], help="millions")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--keep", type=Path, help="folder of the data, made if it is not there")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        one(chosen.one, chosen.keep)
        return
    for millions in chosen.rows:
        with tempfile.TemporaryDirectory() as scratch:
            folder = (chosen.keep or Path(scratch)) / f"{millions:g}m"
            if not (folder / "retention.toml").exists():
                folder.mkdir(parents=True)
                make(folder, millions)
            order = [name for name in ("check", *chosen.steps) if name in chosen.steps]
            if "summary" in chosen.steps or "cube" in chosen.steps:
                order = ["check", *[name for name in order if name != "check"]]
            found = {name: measured(name, folder) for name in dict.fromkeys(order)}
            if "summary_1gb" in found:
                # the first run also checks; the second is the summary alone
                found["summary_1gb"] = measured("summary_1gb", folder)
            table(millions, found)


if __name__ == "__main__":
    main()
