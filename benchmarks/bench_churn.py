"""Churn models against lifelines and statsmodels, in processor seconds of one run.

Each row prints our seconds, the peer's and the ratio; the last ones the scenario of nine million
left-truncated customers in a process of its own, whose peak memory is its own. A limit holds if the
row says ``True``.
``python benchmarks/bench_churn.py [--quick]``: quick takes a tenth of the customers.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
import tempfile
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from retention.engine import Embedded, render, template
from retention.models import (
    Cox,
    DiscreteHazard,
    KaplanMeier,
    count_spells,
    expected_leavers,
    predict_leaving,
)
from retention.project import EngineSettings

COVARIATES = [f"x{j}" for j in range(10)]
LIMITS = {
    "Cox, Efron, cube to fit": 20.0,
    "Cox, Breslow, risk sets to fit": 100.0,
    "Kaplan-Meier, rows in memory": 15.0,
    "cloglog, 60 month effects": 100.0,
}


def peak() -> float:
    """Return the most memory this process has held since `forget_peak`, in MiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def forget_peak() -> None:
    """Begin to watch the memory anew."""
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")


def cpu(work: Callable[[], Any], repeats: int = 1) -> tuple[float, Any]:
    """Return the least processor seconds of some runs, and the last result."""
    found = []
    result = None
    for _ in range(repeats):
        start = time.process_time()
        result = work()
        found.append(time.process_time() - start)
    return min(found), result


def spells(n: int, seed: int = 1) -> pd.DataFrame:
    """Monthly spells of 60 months with ten binary covariates, about 40 % events."""
    rng = np.random.default_rng(seed)
    x = rng.integers(0, 2, (n, 10))
    beta = np.array([0.5, -0.4, 0.3, -0.2, 0.1, 0, 0, 0.2, -0.1, 0.05])
    left = np.ceil(60 * np.exp(-x @ beta) * rng.exponential(size=n))
    end = rng.integers(1, 61, n)
    table = pd.DataFrame(x, columns=COVARIATES)
    return table.assign(duration=np.minimum(left, end).astype(int), event=left <= end)


def row(name: str, ours: float, theirs: float | None, note: str = "") -> None:
    """Print one comparison, and whether it holds its limit."""
    ratio = "" if theirs is None else f"{theirs / ours:9.1f}"
    peer = "" if theirs is None else f"{theirs:10.3f}"
    limit = LIMITS.get(name)
    held = "" if limit is None or theirs is None else f"  >= {limit:g}: {theirs / ours >= limit}"
    print(f"{name:48s}{ours:10.3f}{peer:>10s}{ratio:>9s}  {note}{held}", flush=True)


def cube_sql(source: str, pattern: list[str]) -> str:
    """Return the package's own SQL that counts spells."""
    sql = f"with spells as ({source})" + template("retention.features", "cube.sql")
    return render(sql, pattern=pattern, causes=[])


def compare_cox(n: int) -> None:
    """Cox from the cube and from rows against lifelines; scoring."""
    from lifelines import CoxPHFitter

    table = spells(n)
    frame = table.astype({"event": int})
    peer, theirs = cpu(lambda: CoxPHFitter().fit(frame, "duration", "event"))
    build, cube = cpu(lambda: count_spells(table, COVARIATES))
    print(f"{n:,} customers; the cube: {len(cube):,} rows, counted in pandas in {build:.2f} s")
    for ties, name in (("efron", "Efron"), ("breslow", "Breslow")):
        spec = Cox(covariates=COVARIATES, ties=ties)  # type: ignore[arg-type]
        whole, fit = cpu(lambda spec=spec: spec.fit(cube), 5)
        gap = np.abs(fit.coefficients - theirs.params_[COVARIATES]).max()
        row(f"Cox, {name}, cube to fit", whole, peer, f"largest gap {gap:.1e}")
        data = spec.prepare(cube)
        core, _ = cpu(lambda spec=spec, data=data: spec.fit_data(data), 5)
        row(f"Cox, {name}, risk sets to fit", core, peer)
    raw, _ = cpu(lambda: Cox(covariates=COVARIATES).fit(table))
    row("Cox, Efron, from rows", raw, peer)
    score(cube, table)


def score(cube: pd.DataFrame, table: pd.DataFrame) -> None:
    """Score every customer without a matrix of customers by months."""
    fit = DiscreteHazard(covariates=COVARIATES).fit(cube)
    active = table[COVARIATES].assign(tenure=table["duration"])
    forget_peak()
    before = peak()
    seconds, scored = cpu(lambda: predict_leaving(fit, active, 6))
    held = scored.memory_usage().sum() / 2**20
    note = f"+{peak() - before:.0f} MiB, of which {held:.0f} are the answer"
    row(f"score {len(active):,}, 6 months, with intervals", seconds, None, note)
    seconds, _ = cpu(lambda: expected_leavers(fit, active, 6))
    row("expected leavers with both variances", seconds, None)


def compare_robust(n: int) -> None:
    """Robust errors; lifelines needs minutes at this size, so it gets a twentieth."""
    from lifelines import CoxPHFitter

    table = spells(n)
    ours, _ = cpu(lambda: Cox(covariates=COVARIATES, robust=True).fit(table))
    small = table.head(n // 20)
    frame = small.astype({"event": int})
    peer, _ = cpu(lambda: CoxPHFitter().fit(frame, "duration", "event", robust=True))
    same, _ = cpu(lambda: Cox(covariates=COVARIATES, robust=True).fit(small))
    row(f"robust errors, {n:,} rows", ours, None, f"under 5 s: {ours < 5}")
    row(f"robust errors, {n // 20:,} rows", same, peer)


def compare_kaplan_meier(n: int) -> None:
    """Kaplan-Meier of many rows, counted in the engine where they lie."""
    from lifelines import KaplanMeierFitter

    table = spells(n)[["duration", "event"]]
    peer, theirs = cpu(lambda: KaplanMeierFitter().fit(table["duration"], table["event"]), 3)
    engine = Embedded(EngineSettings(threads=1))
    engine.connection.register("rows", table)
    engine.execute(
        "create table base.spells as select 0 as entry, duration, "
        "cast(event as integer) as event from rows"
    )
    sql = cube_sql("select * from base.spells", [])
    ours, fit = cpu(lambda: KaplanMeier().fit(engine.frame(sql)), 5)
    gap = abs(float(fit.survival(24)) - float(theirs.predict(24)))
    row("Kaplan-Meier, counted in the engine", ours, peer, f"{n:,} rows; gap at 24: {gap:.0e}")
    rows, _ = cpu(lambda: KaplanMeier().fit(table), 5)
    row("Kaplan-Meier, rows in memory", rows, peer, f"{n:,} rows")


def compare_cloglog(n: int) -> None:
    """Discrete hazard with an effect of each of 60 months against statsmodels on the same cells."""
    import statsmodels.api as sm

    table = spells(n)
    cube = count_spells(table, COVARIATES)
    spec = DiscreteHazard(covariates=COVARIATES, tenure="free")
    ours, fit = cpu(lambda: spec.fit(cube), 5)
    at_risk, left = by_pattern_and_month(table)
    pattern, month = np.nonzero((at_risk > 0) & (left.sum(axis=0) > 0))
    covariates = (pattern[:, None] >> np.arange(10)) & 1
    dummies = month[:, None] == np.unique(month)
    x = np.column_stack([dummies, covariates]).astype(float)
    y = np.column_stack([left[pattern, month], (at_risk - left)[pattern, month]])
    family = sm.families.Binomial(sm.families.links.CLogLog())
    peer, theirs = cpu(lambda: sm.GLM(y, x, family=family).fit())
    gap = np.abs(fit.coefficients[COVARIATES] - theirs.params[-10:]).max()
    row("cloglog, 60 month effects", ours, peer, f"largest gap {gap:.0e}; {len(y):,} cells")


def by_pattern_and_month(table: pd.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Count at risk and leavers by pattern of covariates and month, both of shape (1024, 60)."""
    pattern = table[COVARIATES].to_numpy() @ (1 << np.arange(10))
    cell = pattern * 60 + table["duration"].to_numpy() - 1
    ended = np.bincount(cell, minlength=1024 * 60).reshape(1024, 60)
    left = np.bincount(cell[table["event"]], minlength=1024 * 60).reshape(1024, 60)
    return np.cumsum(ended[:, ::-1], axis=1)[:, ::-1], left


def nine_million(folder: str, n: int) -> None:
    """Left-truncated spells in Parquet: cube in the engine, Efron Cox with baseline."""
    engine = Embedded(EngineSettings(threads=1, memory_limit="600MB"), root=Path(folder))
    pattern = [f"x{j}" for j in range(8)]
    sql = cube_sql(f"select * from read_parquet('{folder}/spells.parquet')", pattern)
    start = time.process_time()
    cube = engine.frame(sql)
    counted = time.process_time() - start
    fit = Cox(covariates=pattern).fit(cube)
    total = time.process_time() - start
    held = peak() / 1024
    print(
        f"{n:,} left-truncated customers: cube {counted:.1f} s, Cox with baseline "
        f"{total - counted:.1f} s, peak {held:.2f} GiB (under 1: {held < 1}); x0 "
        f"{fit.coefficients['x0']:.4f} (truth 0.5), S(12) "
        f"{float(fit.survival([12])['survival'].iloc[0]):.4f} (truth 0.5488)"
    )


def write_spells(folder: str, n: int) -> None:
    """Write left-truncated spells of known truth: S(12 | x = 0) = exp(-0.6)."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    rng = np.random.default_rng(7)
    writer, seen = None, 0
    while seen < n:
        size = 2_000_000
        x = rng.integers(0, 2, (size, 8)).astype(np.int8)
        left = np.ceil(20 * np.exp(-x @ np.array([0.5, -0.3, 0.2, 0, 0, 0.1, -0.1, 0]))
                       * rng.exponential(size=size))  # fmt: skip
        entry = rng.integers(0, 48, size)
        end = entry + rng.integers(1, 25, size)
        keep = left > entry
        columns = {f"x{j}": x[keep, j] for j in range(8)}
        columns["entry"] = entry[keep].astype(np.int32)
        columns["duration"] = np.minimum(left, end)[keep].astype(np.int32)
        columns["event"] = (left <= end)[keep].astype(np.int32)
        table = pa.table(columns).slice(0, n - seen)
        writer = writer or pq.ParquetWriter(f"{folder}/spells.parquet", table.schema)
        writer.write_table(table)
        seen += len(table)
    assert writer is not None
    writer.close()


def main() -> None:
    """Print one row a comparison."""
    warnings.simplefilter("ignore")
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="a tenth of the customers")
    parser.add_argument("--scenario", default="", help=argparse.SUPPRESS)
    parser.add_argument("--n", type=int, default=0, help=argparse.SUPPRESS)
    chosen = parser.parse_args()
    if chosen.scenario:
        nine_million(chosen.scenario, chosen.n)
        return
    scale = 10 if chosen.quick else 1
    print(f"{'':48s}{'ours, s':>10s}{'peer, s':>10s}{'ratio':>9s}")
    compare_cox(1_000_000 // scale)
    compare_robust(200_000 // scale)
    compare_kaplan_meier(10_000_000 // scale)
    compare_cloglog(1_000_000 // scale)
    n = 9_000_000 // scale
    with tempfile.TemporaryDirectory() as folder:
        write_spells(folder, n)
        command = [sys.executable, __file__, "--scenario", folder, "--n", str(n)]
        subprocess.run(command, check=True)


if __name__ == "__main__":
    main()
