"""The data layer against bare limits and pandas, in seconds of processor time of one run.

``python benchmarks/bench_data.py [--rows 1 10] [--customers 40] [--contracts 9] [--steps ...]
[--keep FOLDER]``: orders in millions, simulated customers in thousands, contracts in millions.
Each step runs in a process of its own, so that its processor time and its peak memory are its own;
one of less than 40 s runs three times, and the middle one counts. The full set of the project is
``--rows 1 10 50 100``; it takes about an hour and 5 GB of disk, and pandas at 100 million more
memory than 24 GB: leave it out there with ``--steps``. It may be measured in pieces: what was
measured stands in ``results/data.json``, and the growth is drawn from all of it.

What is compared:

scan
    three columns of the orders summed, of the ids their lengths: none is left unread.
customer_days
    money by customer and day, really computed: the floor of any purchase summary; by DuckDB as it
    comes, and (customer_days_set) as our engine sets it.
summary, summary_1gb
    `build_rfm`, a frame of one row a customer; `write_rfm` into a file, at a memory limit of 1 GB.
pandas
    frequency, first, last and money by pandas alone.
read, read_sim
    every table copied into a table of the engine: what it takes to have its values; of the orders
    with their customers and contracts, and of the sixteen tables of the simulated company.
hash, hash_sim
    every value of every column of the same tables hashed and forgotten: a bare look at the bytes,
    which asks the few values of a dictionary instead of the rows.
check, check_sim, and again
    the first check of the same tables, with nothing remembered; the second, which remembers it.
cube
    `build_cube` of the contracts, with nothing remembered of the query.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ORDERS = (
    "scan",
    "customer_days",
    "customer_days_set",
    "summary",
    "summary_1gb",
    "pandas",
    "hash",
    "read",
    "check",
    "check_again",
)
SIMULATED = ("hash_sim", "read_sim", "check_sim", "check_sim_again")
CONTRACTS = ("cube",)
STEPS = (*ORDERS, *SIMULATED, *CONTRACTS)
RESULTS = Path(__file__).parent / "results"
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


ORDERS_SECTION = """[tables.orders]
path = "orders.parquet"
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
        f" date '2020-01-01' + cast(floor(random() * 1460) as integer) as started_on"
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


def make_contracts(folder: Path, millions: float) -> None:
    """Write contracts, one a customer, half of them ended."""
    import duckdb

    rows = int(millions * 1e6)
    con = duckdb.connect(config={"memory_limit": "4GB"})
    con.execute("select setseed(0.5)")
    con.execute(
        f"copy (select cast(i as varchar) as customer_id, date '2018-01-01' as acquired_on,"
        f" cast(i % 5 as varchar) as segment from range({rows}) t(i))"
        f" to '{folder}/customers.parquet'"
    )
    con.execute(
        "copy (select *, case when random() < 0.5 then"
        " started_on + 1 + cast(floor(random() * 900) as integer) end as ended_on"
        " from (select cast(i as varchar) as customer_id,"
        " date '2018-01-01' + cast(floor(random() * 2100) as integer) as started_on"
        f" from range({rows}) t(i))) to '{folder}/contracts.parquet'"
    )
    head = PROJECT.format(engine="")
    (folder / "retention.toml").write_text(head.replace(ORDERS_SECTION, ""))


def make_company(folder: Path, thousands: float) -> None:
    """Write the sixteen tables of a simulated company."""
    from retention.datasets import write_company

    written = write_company(folder / "company", n_customers=int(thousands * 1e3))
    lines = ["[project]", 'name = "Bench"', 'currency = "EUR"']
    lines += ["observed_from = 2021-11-01", "data_cutoff = 2026-11-01"]
    for name in written.paths:
        lines += [f"[tables.{name}]", f'path = "company/{name}/*.parquet"']
    (folder / "retention.toml").write_text("\n".join(lines))


def plain():
    """Return DuckDB as it comes, without its bar in the log."""
    import duckdb

    con = duckdb.connect(config={"preserve_insertion_order": False})
    con.execute("set enable_progress_bar = false")
    return con


def bare(folder: Path, sql: str, *, ours: bool = False) -> float:
    sql = sql.replace("ORDERS", f"'{folder}/orders.parquet'")
    if ours:
        from retention.engine.embedded import Embedded

        return float(Embedded().rows(sql)[0][0])
    return float(plain().execute(sql).fetchone()[0])


def read_all(folder: Path, *, keep: bool) -> float:
    """Copy every table of a project into the engine, or hash every value; return the rows."""
    from retention.project import Project

    con = plain()
    rows = 0
    for source in Project.load(folder).tables.values():
        files = f"read_parquet('{folder / source.path}')"
        if keep:
            con.execute(f'create table "{source.table}" as select * from {files}')
            rows += con.execute(f'select count(*) from "{source.table}"').fetchone()[0]
            continue
        names = [row[0] for row in con.execute(f"describe select * from {files}").fetchall()]
        hashes = ", ".join(f'bit_xor(hash("{name}"))' for name in names)
        rows += con.execute(f"select count(*), {hashes} from {files}").fetchone()[0]
    return float(rows)


def tables_of(folder: Path, period: str = "2023-12"):
    from retention.datasets import read_tables
    from retention.project import Project

    return read_tables(Project.load(folder), period)


def step(name: str, folder: Path) -> float:
    """Run one step and return a number that must agree between those that compute the same."""
    if name == "scan":
        return bare(
            folder,
            "select sum(amount) + sum(strlen(customer_id)) + sum(ordered_on - date '2020-01-01')"
            " from ORDERS",
        )
    if name.startswith("customer_days"):
        days = "select customer_id, ordered_on, sum(amount) as amount from ORDERS group by 1, 2"
        return bare(folder, f"select sum(amount) from ({days})", ours=name.endswith("set"))
    if name in ("hash", "hash_sim", "read", "read_sim"):
        return read_all(folder, keep=name.startswith("read"))
    if name == "summary":
        from retention.features import build_rfm

        return float(build_rfm(tables_of(folder))["frequency"].sum())
    if name == "summary_1gb":
        import pyarrow.parquet as pq

        from retention.features import write_rfm

        path = folder / "small" / "rfm.parquet"
        write_rfm(tables_of(folder / "small"), path)
        file = pq.ParquetFile(path)
        return float(sum(b["frequency"].to_numpy().sum() for b in file.iter_batches()))
    if name == "pandas":
        return by_pandas(folder)
    if name == "cube":
        from retention.features import build_cube

        return float(build_cube(tables_of(folder))["entered"].sum())
    tables = tables_of(folder, "2026-10" if "sim" in name else "2023-12")
    return float(sum(check.rows for check in tables.check.tables.values()))


def by_pandas(folder: Path) -> float:
    import pandas as pd

    orders = pd.read_parquet(folder / "orders.parquet", columns=COLUMNS)
    orders["amount"] = orders["amount"].astype(float)
    day = orders.groupby(["customer_id", "ordered_on"], sort=False)["amount"].sum()
    whole = (
        day.reset_index()
        .groupby("customer_id")
        .agg(
            frequency=("ordered_on", "size"),
            first=("ordered_on", "min"),
            last=("ordered_on", "max"),
            amount=("amount", "sum"),
        )
    )
    return float((whole["frequency"] - 1).sum())


COLUMNS = ["customer_id", "ordered_on", "amount"]


SHORT = 40.0  # seconds


def measured(name: str, folder: Path) -> dict[str, float]:
    """Run one step; of a short one the middle of three runs."""
    runs = [measured_once(name, folder)]
    while runs[0]["cpu"] < SHORT and len(runs) < 3:
        runs.append(measured_once(name, folder))
    return sorted(runs, key=lambda use: use["cpu"])[len(runs) // 2]


def measured_once(name: str, folder: Path) -> dict[str, float]:
    """Run one step in a fresh process; return processor seconds, peak memory and its answer."""
    if name in ("check", "check_sim"):
        for cache in folder.rglob("data/cache"):
            shutil.rmtree(cache)
    for kept in folder.rglob("data/cache/query-*"):
        shutil.rmtree(kept)
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

    if name not in ("scan", "customer_days", "pandas"):
        from retention import datasets, features, schemas

        _ = datasets.read_tables, features.write_rfm, features.build_cube, schemas.INPUT_TABLES
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


WANTED = (
    ("summary", "customer_days", "<= 1.8 at 50"),
    ("summary", "customer_days_set", ""),
    ("summary", "scan", "<= 15"),
    ("summary_1gb", "scan", "<= 25"),
    ("pandas", "summary", ">= 3"),
    ("check", "read", "< 2"),
    ("check", "hash", ""),
    ("check_again", "check", ""),
    ("check_sim", "read_sim", "< 2"),
    ("check_sim", "hash_sim", ""),
    ("check_sim_again", "check_sim", ""),
)


def table(title: str, found: dict[str, dict[str, float]]) -> None:
    """Print what was measured, with the ratios that are wanted."""
    print(f"\n{title}, {os.cpu_count()} cores")
    print(f"{'step':<18}{'CPU s':>9}{'wall s':>9}{'peak GB':>9}")
    for name, use in found.items():
        print(f"{name:<18}{use['cpu']:>9.2f}{use['wall']:>9.2f}{use['peak_gb']:>9.2f}")
    for above, below, wanted in WANTED:
        if above in found and below in found:
            ratio = found[above]["cpu"] / found[below]["cpu"]
            print(f"{above + ' / ' + below:<36}{ratio:>7.2f}   {wanted}".rstrip(), flush=True)
    if "cube" in found:
        print(f"{'cube, CPU s':<36}{found['cube']['cpu']:>7.2f}   < 2 at 9 million")
    if "summary_1gb" in found:
        print(f"{'peak GB at a limit of 1 GB':<36}{found['summary_1gb']['peak_gb']:>7.2f}   < 1.3")
    same = {use["answer"] for name, use in found.items() if name in ("summary", "pandas")}
    same |= {use["answer"] for name, use in found.items() if name == "summary_1gb"}
    assert len(same) <= 1, f"not the same counts: {same}"


def kept(growth: dict[float, dict[str, dict[str, float]]]) -> dict[float, dict[str, float]]:
    """Add what was measured to what was measured before; return processor seconds by size."""
    RESULTS.mkdir(exist_ok=True)
    path = RESULTS / "data.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
    for millions, found in growth.items():
        known.setdefault(f"{millions:g}", {}).update({n: use["cpu"] for n, use in found.items()})
    path.write_text(json.dumps(known, indent=1), encoding="utf-8")
    return {float(millions): use for millions, use in known.items()}


def draw(found: dict[float, dict[str, float]]) -> None:
    """Draw the growth with the number of orders, both axes logarithmic."""
    import matplotlib

    matplotlib.use("agg")
    from matplotlib import pyplot as plt

    axes = plt.figure(figsize=(6.4, 4.6), layout="constrained").subplots()
    for name, label in LABELS.items():
        points = sorted((rows, use[name]) for rows, use in found.items() if name in use)
        if len(points) > 1:
            axes.loglog(*zip(*points, strict=True), marker="o", label=label)
    sizes = sorted(found)
    axes.set(xlabel="orders (millions)", ylabel="processor time (s)")
    axes.set_xticks(sizes, [f"{size:g}" for size in sizes], minor=False)
    axes.minorticks_off()
    axes.figure.legend(loc="outside lower center", ncols=2)
    axes.figure.savefig(RESULTS / "data_growth.png", dpi=100)
    print(f"\ngrowth: {RESULTS / 'data_growth.png'}")


LABELS = {
    "pandas": "pandas",
    "summary_1gb": "purchase summary into a file, limit 1 GB",
    "summary": "purchase summary, a frame",
    "customer_days": "customer-day aggregate alone",
    "check": "first check",
    "scan": "three columns summed",
}


def run(folder: Path, steps: tuple[str, ...], chosen: list[str]) -> dict[str, dict[str, float]]:
    """Measure the chosen ones of these steps; what is remembered between them is in order."""
    found = {}
    if "check" in steps and not {"summary", "check_again"}.isdisjoint(chosen):
        chosen = [*chosen, "check"]
    for name in sorted(set(steps) & set(chosen), key=lambda n: (not n.startswith("check"), n)):
        if name == "summary_1gb":
            # the first run also checks; the second is the summary alone
            measured(name, folder)
        found[name] = measured(name, folder)
    if "check_again" in chosen and "check" in found:
        found["check_again"] = measured("check_again", folder)
    return {name: found[name] for name in steps if name in found}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=float, nargs="*", default=[1.0, 10.0], help="millions")
    parser.add_argument("--customers", type=float, default=40.0, help="thousands, simulated")
    parser.add_argument("--contracts", type=float, default=9.0, help="millions")
    parser.add_argument("--steps", nargs="+", choices=STEPS, default=list(STEPS))
    parser.add_argument("--keep", type=Path, help="folder of the data, made if it is not there")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.one:
        one(chosen.one, chosen.keep)
        return
    with tempfile.TemporaryDirectory() as scratch:
        root = chosen.keep or Path(scratch)
        growth = {}
        for millions in chosen.rows if set(ORDERS) & set(chosen.steps) else []:
            folder = made(root / f"{millions:g}m", make, millions)
            growth[millions] = run(folder, ORDERS, chosen.steps)
            table(f"{millions:g} million orders", growth[millions])
        if growth and len(known := kept(growth)) > 1:
            draw(known)
        if set(SIMULATED) & set(chosen.steps):
            folder = made(root / f"company{chosen.customers:g}", make_company, chosen.customers)
            found = run(folder, SIMULATED, chosen.steps)
            table(f"company of {chosen.customers:g} thousand customers", found)
        if set(CONTRACTS) & set(chosen.steps):
            folder = made(root / f"contracts{chosen.contracts:g}", make_contracts, chosen.contracts)
            tables_of(folder).close()
            table(f"{chosen.contracts:g} million contracts", run(folder, CONTRACTS, chosen.steps))


def made(folder: Path, maker, size: float) -> Path:
    """Return a folder of data, made if it is not there."""
    if not (folder / "retention.toml").exists():
        folder.mkdir(parents=True)
        maker(folder, size)
    return folder


if __name__ == "__main__":
    main()
